"""Every decision about a role's call as one line of JSON: what the tests compare with what is declared."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gaps
from ministack.core import iam_evaluator

_LOCK = threading.Lock()


def install(path: Path) -> None:
    """Append to ``path`` {principal, action, resource, context, allowed}. Calls of users and of the account's root (Terraform,
    the tests) are left out."""
    seen: dict[int, str] = {}

    def resolving(*arguments: Any, **keywords: Any) -> Any:
        principal = resolve(*arguments, **keywords)
        seen[threading.get_ident()] = getattr(principal, "arn", "") or ""
        return principal

    def recording(
        access_key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> Any:
        seen.pop(threading.get_ident(), None)
        denied = enforce(access_key, action, service, region, resource_arn, service_context)
        principal = seen.get(threading.get_ident(), "")
        if ":assumed-role/" in principal:
            line = {
                "principal": principal,
                "action": action,
                "resource": resource_arn,
                "context": service_context or {},
                "allowed": denied is None,
            }
            with _LOCK, path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line, default=str) + "\n")
        return denied

    resolve: Callable[..., Any] = gaps.replace(iam_evaluator, "resolve_principal", resolving)
    enforce: Callable[..., Any] = gaps.replace(iam_evaluator, "enforce", recording)
