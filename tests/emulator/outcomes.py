"""What became of a call: done, refused by a policy, or something else."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from botocore.exceptions import ClientError

# Each service's word for "a policy refuses". 403: a HEAD request's answer has no body.
REFUSALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"})
DONE, REFUSED = "done", "refused"


def outcome(client: Any, operation: str, **given: Any) -> str:
    """DONE, REFUSED, or the error's code."""
    try:
        getattr(client, operation)(**given)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return REFUSED if code in REFUSALS else code
    return DONE


def over_plain_http(client: Any) -> Any:
    """The client as if it had come without TLS: the emulator believes what a proxy before it would say."""

    def say_so(request: Any, **_: Any) -> None:
        request.headers["X-Forwarded-Proto"] = "http"

    client.meta.events.register("before-sign", say_so)
    return client


def anonymously(url: str, trust: Any) -> int:
    """Status of a GET by nobody."""
    try:
        with urllib.request.urlopen(url, context=trust, timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
