"""Whether a plan has the shape that the review relies on: what has another one would be read as nothing, and nothing is not risky.

Members that are absent or null are those that Terraform leaves out. https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plan_review.values import Value

_NOTHING: Final = type(None)
_WORDS: Final[Mapping[type, str]] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
_MARK: Final = (bool, dict, list, _NOTHING)
_TOP: Final[Mapping[str, type]] = {
    "resource_changes": list, "resource_drift": list, "deferred_changes": list, "relevant_attributes": list, "checks": list,
    "action_invocations": list, "output_changes": dict, "planned_values": dict, "configuration": dict,
    "errored": bool, "complete": bool, "terraform_version": str,
}  # fmt: skip
_ENTRY: Final[Mapping[str, type]] = {"mode": str, "deposed": str, "previous_address": str, "action_reason": str}
_CHANGE: Final[Mapping[str, type]] = {"replace_paths": list, "importing": dict}
# Actions with an object before them, and after them. Of no-op there may be neither: what is gone from both state and configuration.
_BEFORE: Final = frozenset({"update", "delete", "forget"})
_AFTER: Final = frozenset({"create", "update", "read"})


def wrong(document: Mapping[str, Any]) -> str | None:
    """What has not its shape, as the end of a sentence."""
    return next(_wrong(document), None)


def _wrong(document: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in _TOP.items():
        yield from _is(document.get(name), "", name, kind, _NOTHING)
        if kind is list:
            for number, one in enumerate(document.get(name) or ()):
                yield from _is(one, f"{name}[{number}]", "", dict)
    for name in ("resource_changes", "resource_drift"):
        for number, entry in enumerate(document.get(name) or ()):
            yield from _entry(entry, f"{name}[{number}]", whole=True)
    for number, one in enumerate(document.get("deferred_changes") or ()):
        if one.get("resource_change") is not None:  # what is put off is known in part only
            yield from _entry(one["resource_change"], f"deferred_changes[{number}].resource_change", whole=False)
    for change in (document.get("output_changes") or {}).values():
        yield from _is(change, "an output of output_changes", "", dict)
        yield from _change(change, "an output of output_changes")


def _entry(entry: Value, where: str, whole: bool) -> Iterator[str]:
    yield from _is(entry, where, "", dict)
    below = f"{where}."
    for name in ("address", "type", "name"):
        yield from _is(entry.get(name), below, name, str)
    for name, kind in _ENTRY.items():
        yield from _is(entry.get(name), below, name, kind, _NOTHING)
    change, inner = entry.get("change"), f"{where}.change"
    yield from _is(change, inner, "", dict)
    yield from _change(change, inner)
    for name, kind in _CHANGE.items():
        yield from _is(change.get(name), f"{inner}.", name, kind, _NOTHING)
    for path in change.get("replace_paths") or ():
        yield from _is(path, f"a path of {inner}.replace_paths", "", list)
    for name, needed in (("before", _BEFORE), ("after", _AFTER)):
        kinds = (dict,) if whole and needed & set(change["actions"]) else (dict, _NOTHING)
        if name == "before" or change.get("after_unknown") is not True:
            yield from _is(change.get(name), f"{inner}.", name, *kinds)


def _change(change: Mapping[str, Any], where: str) -> Iterator[str]:
    actions = change.get("actions")
    yield from _is(actions, where, ".actions", list)
    for action in actions or ():
        yield from _is(action, "an action of ", where, str)
    for name in ("before_sensitive", "after_sensitive", "after_unknown"):
        yield from _is(change.get(name), f"{where}.", name, *_MARK)


def _is(value: Value, where: str, name: str, *kinds: type) -> tuple[str, ...]:
    """No generator, and no words unless they are needed: it is asked for a dozen times of each of thousands of objects."""
    if isinstance(value, kinds):
        return ()
    words = " or ".join(_WORDS[kind] for kind in kinds if kind is not _NOTHING)
    return (f"{where}{name} is not {words}",)
