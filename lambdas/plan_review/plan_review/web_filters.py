"""Rules of a web ACL that count or let through what they stopped.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-action.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from plan_review.findings import Finding, Kind
from plan_review.model import Change
from plan_review.text import say
from plan_review.values import Value, at, plain

_TYPES: Final = ("aws_wafv2_web_acl", "aws_wafv2_rule_group")
_STOP: Final = ("block", "captcha", "challenge")
_LET: Final = ("count", "allow")
_MANAGED: Final = "statement.*.managed_rule_group_statement.*"


def loosened(change: Change) -> Iterator[Finding]:
    """Findings about one change. A rule that goes is told by protection_rules."""
    if change.type not in _TYPES or not change.managed or not change.stays:
        return
    before, after = (_rules(side) for side in (change.before, change.after))
    names = [name for name in before if name in after and _stops(before[name]) and _lets(after[name])]
    if names:
        text = say("no longer stops what these rules find: {}", names)
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    parts = [
        f"{name}: {part}"
        for name in before
        for part in sorted(_parts_let(after.get(name)) - _parts_let(before[name]))
        if not _lets(before[name])  # it stopped nothing
    ]
    if parts:
        text = say("no longer stops what these parts of managed rules find: {}", parts)
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)


def _rules(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """By their names: they are a set."""
    return {
        str(rule["name"]): rule
        for rule in at(attributes, "rule.*")
        if isinstance(rule, dict) and plain(rule.get("name"))
    }


def _does(rule: Value, path: str, actions: tuple[str, ...]) -> bool:
    """Blocks are lists: of one where it is so, else of none."""
    return any(block for action in actions for block in at(rule, f"{path}.{action}"))


def _stops(rule: Value) -> bool:
    return _does(rule, "action.*", _STOP) or _does(rule, "override_action.*", ("none",))


def _lets(rule: Value) -> bool:
    known = plain([rule.get(name) for name in ("action", "override_action")])
    return known and (_does(rule, "action.*", _LET) or _does(rule, "override_action.*", ("count",)))


def _parts_let(rule: Value) -> set[str]:
    """Rules of a managed group of which another action is taken than its own, and it stops nothing."""
    overridden = at(rule, f"{_MANAGED}.rule_action_override.*")
    found = {str(one.get("name")) for one in overridden if plain(one) and _does(one, "action_to_use.*", _LET)}
    return found | {str(name) for name in at(rule, f"{_MANAGED}.excluded_rule.*.name") if plain(name)}
