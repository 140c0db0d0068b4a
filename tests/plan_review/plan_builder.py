"""Plans as the documentation describes them, for what no provider is needed for.

https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import json
from typing import Any

from plan_review.reading import read
from plan_review.review import Review, review

ACTIONS = {
    "create": ["create"],
    "update": ["update"],
    "replace": ["delete", "create"],
    "delete": ["delete"],
    "no-op": ["no-op"],
    "read": ["read"],
    "forget": ["forget"],
}


def change(kind: str, before: Any, after: Any, *, name: str = "x", action: str = "", **more: Any) -> dict[str, Any]:
    """One entry of resource_changes. What stands in ``more`` belongs to the entry or, if the documentation says so, to its
    change."""
    if not action:
        action = "create" if before is None else "delete" if after is None else "update"
    inner = {
        key: more.pop(key)
        for key in ("after_unknown", "before_sensitive", "after_sensitive", "replace_paths", "importing")
        if key in more
    }
    return {
        "address": f"{kind}.{name}",
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": ACTIONS[action], "before": before, "after": after, "after_unknown": {}, **inner},
        **more,
    }


def document(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole plan."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {},
        "resource_changes": list(changes),
        **more,
    }


def reviewed(*changes: dict[str, Any], **more: Any) -> Review:
    """The review of one plan."""
    return review([read("stack", json.dumps(document(*changes, **more)).encode())])


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = "s3:GetObject", resource: Any = "arn:aws:s3:::b/*", **more: Any) -> dict[str, Any]:
    """A statement; ``resource=None`` leaves it out."""
    return {"Effect": "Allow", "Action": action, **({"Resource": resource} if resource is not None else {}), **more}
