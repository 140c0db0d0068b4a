"""A policy's statements, in one form whatever way they are written.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from plan_review.values import UNKNOWN, Hidden, Value

NOT_KNOWN = "\0"  # in place of an action, a resource or a principal that is not known before apply
# Operators whose values are alternatives: fewer of them let fewer requests through.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
ALTERNATIVES = frozenset(
    {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "NumericEquals", "DateEquals",
     "BinaryEquals", "Bool", "IpAddress"}
)  # fmt: skip
_ACCOUNT = re.compile(r"(?:arn:[\w-]+:iam::)?([0-9]{12})(?::root)?")
_IN_ACCOUNT = re.compile(r"AWS:(?:arn:[\w-]+:(?:iam|sts)::)?([0-9]{12})(?::|$)")


@dataclass(frozen=True)
class Condition:
    """One operator and key with its values; the key in lower case."""

    operator: str
    key: str
    values: frozenset[str]

    def alternatives(self) -> Sequence[Condition]:
        """Conditions of one value each, of which a request that meets this one meets one; itself where it is no such list."""
        quantifier, _, name = self.operator.rpartition(":")
        if (
            len(self.values) < 2
            or quantifier not in ("", "ForAnyValue")
            or name.removesuffix("IfExists") not in ALTERNATIVES
        ):
            return [self]
        return [replace(self, values=frozenset({value})) for value in sorted(self.values)]


@dataclass(frozen=True)
class Several:
    """Actions, resources or principals: all that match ``patterns``, or with ``others`` all that do not."""

    patterns: frozenset[str]
    others: bool = False


@dataclass(frozen=True)
class Statement:
    """``principals`` is None in a policy of an identity, ``resources`` in a role's trust."""

    allows: bool
    actions: Several
    resources: Several | None
    principals: Several | None
    conditions: frozenset[Condition]
    sid: str = field(compare=False)
    spelling: Mapping[str, str] = field(
        default_factory=dict, compare=False, repr=False
    )  # of actions, as they were written


class NotAPolicyError(ValueError):
    """The text is no policy document."""


@lru_cache(maxsize=1024)
def _document(text: str) -> tuple[Mapping[str, Any], ...] | None:
    """The statements of a JSON text as they are written; None if it is no policy."""
    try:
        statements = _list(json.loads(text)["Statement"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return tuple(statements) if all(isinstance(one, dict) and "Effect" in one for one in statements) else None


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[Statement, ...]:
    """Statements of a JSON policy. Raises NotAPolicyError."""
    document = _document(text)
    if document is None:
        raise NotAPolicyError
    try:
        return tuple(_statement(statement) for statement in document)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotAPolicyError from None


def only_fewer(before: Value, after: Value) -> bool:
    """Whether all statements of ``after`` stand in ``before`` as they are, and no denial is gone: most changes are no more."""
    old, new = (_document(side) if is_policy(side) else None for side in (before, after))
    if old is None or new is None:
        return False
    return all(one in old for one in new) and all(one in new for one in old if one["Effect"] != "Allow")


def is_policy(value: Value) -> bool:
    """Whether it is the JSON of a policy."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return False
    if '"Statement"' not in value and "\\u" not in value:  # a name can be written in escapes
        return False
    return _document(value) is not None


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _texts(value: Value) -> list[str]:
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in _list(value)]


def _statement(given: Mapping[str, Any]) -> Statement:
    if given["Effect"] not in ("Allow", "Deny"):
        raise NotAPolicyError
    return Statement(
        allows=given["Effect"] == "Allow",
        actions=_several(given, "Action", lower=True) or Several(frozenset()),
        resources=_several(given, "Resource"),
        principals=_principals(given),
        conditions=frozenset(_conditions(given.get("Condition") or {})),
        sid=str(given.get("Sid", "")),
        spelling={text.lower(): text for key in ("Action", "NotAction") for text in _texts(given.get(key, []))},
    )


def _several(given: Mapping[str, Any], name: str, lower: bool = False) -> Several | None:
    for key, others in ((name, False), (f"Not{name}", True)):
        if key in given:
            patterns = _texts(given[key])
            return Several(frozenset(p.lower() if lower else p for p in patterns), others)
    return None


def _principals(given: Mapping[str, Any]) -> Several | None:
    for key, others in (("Principal", False), ("NotPrincipal", True)):
        if key in given:
            named = given[key] if isinstance(given[key], dict) else {"AWS": given[key]}
            return Several(frozenset(principal(kind, one) for kind in named for one in _texts(named[kind])), others)
    return None


def principal(kind: str, identifier: str) -> str:
    """``AWS:111122223333``, ``Service:events.amazonaws.com``; ``*`` is anybody, however it is written."""
    if identifier == "*" and kind in ("AWS", "*"):
        return "*"
    account = _ACCOUNT.fullmatch(identifier)
    return f"{kind}:{account[1]}" if kind == "AWS" and account else f"{kind}:{identifier}"


def account_of(principal: str) -> str | None:
    """The account that a principal of IAM is, or is in."""
    found = _IN_ACCOUNT.match(principal)
    return found[1] if found else None


def _conditions(given: Mapping[str, Any]) -> Iterator[Condition]:
    for operator, keys in given.items():
        for key, values in keys.items():
            yield Condition(operator, str(key).lower(), frozenset(_texts(values)))


def from_blocks(blocks: Sequence[Value]) -> tuple[Statement, ...]:
    """Statements of an ``aws_iam_policy_document`` that is read only when the plan is applied; what is not known in it is
    ``NOT_KNOWN``. https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document"""
    return tuple(_from_block(block) for block in blocks)


def _known(values: Value) -> frozenset[str]:
    if values is UNKNOWN or isinstance(values, Hidden):
        return frozenset({NOT_KNOWN})
    return frozenset(item if isinstance(item, str) else NOT_KNOWN for item in values or ())


def _from_block(block: Value) -> Statement:
    if not isinstance(block, dict):
        unknown = Several(frozenset({NOT_KNOWN}))
        return Statement(True, unknown, unknown, None, frozenset(), "")

    def several(name: str, lower: bool = False) -> Several | None:
        for key, others in ((name, False), (f"not_{name}", True)):
            if block.get(key):
                patterns = _known(block[key])
                return Several(frozenset(p.lower() if lower else p for p in patterns), others)
        return None

    def principals() -> Several | None:
        for key, others in (("principals", False), ("not_principals", True)):
            if block.get(key):
                if not isinstance(block[key], list) or not all(isinstance(one, dict) for one in block[key]):
                    return Several(frozenset({NOT_KNOWN}), others)
                named = [(str(one.get("type")), _known(one.get("identifiers"))) for one in block[key]]
                return Several(frozenset(principal(kind, one) for kind, ones in named for one in ones), others)
        return None

    conditions = block.get("condition") or ()
    return Statement(
        allows=block.get("effect") in (None, "Allow"),
        actions=several("actions", lower=True) or Several(frozenset()),
        resources=several("resources"),
        principals=principals(),
        conditions=frozenset(
            Condition(str(one.get("test")), str(one.get("variable")).lower(), _known(one.get("values")))
            for one in conditions
            if isinstance(one, dict)
        )
        if isinstance(conditions, (list, tuple))
        else frozenset(),
        sid=str(block.get("sid") or ""),
    )
