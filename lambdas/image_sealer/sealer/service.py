"""CodePipeline puts a variable's value into a JSON text as it is, without escaping it (aws/aws-cdk#8458). Build runs the
repository's code, so what it exports is hostile text: put into another build's EnvironmentVariables it could add a
variable of its own, BASH_ENV for one. So its two values go nowhere but here, outside any JSON, and leave as plain hex.
"""

from __future__ import annotations

import re
from typing import Final

from common.strict import MalformedError, shown

CLAIM: Final = re.compile(r"(?P<SHA256>[0-9a-f]{64}) (?P<DIGEST>sha256:[0-9a-f]{64})", re.ASCII)


def seal(claim: object) -> dict[str, str]:
    """``SHA256`` (of the archive) and ``DIGEST`` (of the manifest) from ``"<64 hex> sha256:<64 hex>"``; else MalformedError.

    Whether they are true is checked by every build that reads the archive; here only that they are nothing else.
    """
    found = CLAIM.fullmatch(claim) if isinstance(claim, str) else None
    if found is None:
        raise MalformedError(
            "Build/image exported something else than the SHA-256 of its archive and the digest of its manifest: "
            f"{shown(claim)}"
        )
    return found.groupdict()
