"""What a change of a stack's JSON (``cdk.tf.json``) is, how it is applied, and what it is called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]
Stack: TypeAlias = Mapping[str, Any]


class _Removed:
    def __repr__(self) -> str:
        return "removed"


REMOVED = _Removed()
# Formatted with a service.
OTHERS_ACCOUNT = "arn:aws:{}:eu-central-1:999999999999:somebody-elses"


@dataclass(frozen=True)
class Change:
    """``inside``: the place within a text; ``shown``: what is written for ``value``."""

    kind: str
    path: Path
    value: Any
    inside: str = ""
    shown: str = ""


def apply(content: Json, path: Path, value: Json) -> Json:
    """A copy of ``content`` with ``value`` at ``path`` (REMOVED: without it); what is not on the path is shared."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(content, list):
        assert isinstance(first, int)  # noqa: S101 - for the type checker
        changed = [apply(content[first], rest, value)] if rest or value is not REMOVED else []
        return [*content[:first], *changed, *content[first + 1 :]]
    if not rest and value is REMOVED:
        return {key: one for key, one in content.items() if key != first}
    return {**content, first: apply(content.get(first) if rest else None, rest, value)}


def at(content: Json, path: Path) -> Json:
    """What stands at ``path``."""
    for step in path:
        content = content[step]
    return content


def at_or_none(content: Json, path: Path) -> Json:
    """What stands at ``path``, or None."""
    try:
        return at(content, path)
    except (KeyError, IndexError):
        return None


def named(content: Json, path: Path) -> str:
    """The path with the names of list elements in place of their numbers."""
    steps = []
    for step in path:
        content = content[step] if isinstance(step, int) else content.get(step)
        steps.append(_label(content, step) if isinstance(step, int) else step)
    head = ".".join(steps)
    return re.sub(r"^(resource|data\.aws_iam_policy_document)\.", "", head)


def _label(element: Json, number: int) -> str:
    if isinstance(element, Mapping):
        for key in ("sid", "name", "variable", "id"):
            if key in element:
                return f"[{element[key]}{' ' + element['test'] if key == 'variable' and 'test' in element else ''}]"
    if isinstance(element, str):
        return f"[{_without_tokens(element)}]"
    return str(number)


def _without_tokens(text: str) -> str:
    """Shorter, and without hashes, which change with every script."""
    return re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", re.sub(r"\$\{(?:[^}]*\.)?([\w-]+\.\w+)\}", r"<\1>", text))


def short(value: Json) -> str:
    """A value in a mutant's name."""
    text = _without_tokens(value if isinstance(value, str) else repr(value) if value is REMOVED else json.dumps(value))
    return text if len(text) <= 90 else text[:87] + "..."
