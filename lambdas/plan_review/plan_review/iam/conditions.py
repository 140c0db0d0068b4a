"""Whether a condition is at least as narrow as another.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re

from plan_review.iam.patterns import covers
from plan_review.iam.statements import NOT_KNOWN, Condition

# Operators whose values are alternatives, and texts.
_EQUAL = ("StringEquals", "StringEqualsIgnoreCase", "NumericEquals", "DateEquals", "BinaryEquals", "Bool", "Null")
_LIKE = ("StringLike", "ArnLike", "ArnEquals")
# Operators whose values are all excluded: more of them let fewer requests through.
_NOT = ("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotLike", "ArnNotEquals", "NumericNotEquals",
        "DateNotEquals", "NotIpAddress")  # fmt: skip
_ARN = ("ArnLike", "ArnEquals")
_TIME = re.compile(r"[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]+)?Z)?")


def _parts(operator: str) -> tuple[str, str, bool]:
    """``ForAllValues:StringLikeIfExists`` -> its set operator, its name, whether it lets a missing key through."""
    quantifier, _, name = operator.rpartition(":")
    return quantifier, name.removesuffix("IfExists"), name.endswith("IfExists")


def _alternatives(name: str) -> str:
    if name in _LIKE or name in ("StringEquals", "StringEqualsIgnoreCase"):
        return "text"
    return name


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether every request that meets ``narrow`` meets ``wide``; where it cannot be told, no."""
    if narrow.key != wide.key or NOT_KNOWN in narrow.values | wide.values:
        return False
    if narrow == wide:
        return True
    (quantifier, name, missing), (wide_quantifier, wide_name, wide_missing) = (
        _parts(narrow.operator),
        _parts(wide.operator),
    )
    if quantifier != wide_quantifier or (missing and not wide_missing):
        return False
    if wide_name in _LIKE and _alternatives(name) == "text" and name != "StringEqualsIgnoreCase":
        return all(any(_like(n, name, w, wide_name) for w in wide.values) for n in narrow.values)
    if name != wide_name:
        # A pattern without a wildcard is a text.
        plain = {name, wide_name} == {"StringLike", "StringEquals"} and not any(
            c in v for v in narrow.values for c in "*?"
        )
        return plain and narrow.values <= wide.values
    if name in _EQUAL:
        return narrow.values <= wide.values
    if name == "IpAddress":
        return all(any(_within(n, w) for w in wide.values) for n in narrow.values)
    if name in _NOT:
        return wide.values <= narrow.values
    return _ordered(name, narrow, wide)


def _like(narrow: str, name: str, wide: str, wide_name: str) -> bool:
    if narrow == wide and (name == wide_name or {name, wide_name} <= set(_ARN)):
        return True
    if name == "StringEquals":
        narrow = _literal(narrow)
    if wide_name not in _ARN:
        return covers(wide, narrow)
    # Each part of an ARN is compared for itself: a wildcard reaches no further than the next colon.
    parts, wide_parts = narrow.split(":", 5), wide.split(":", 5)
    if not len(parts) == len(wide_parts) == 6 or (
        name not in _ARN and any(c in part for part in parts[:5] for c in "*?$")
    ):
        return False
    return all(map(covers, wide_parts, parts))


def _literal(text: str) -> str:
    # In StringEquals the wildcards are characters; a pattern covers them as it covers any other.
    return text.replace("*", "\1").replace("?", "\1")


def _within(narrow: str, wide: str) -> bool:
    try:
        one, other = ipaddress.ip_network(narrow, strict=False), ipaddress.ip_network(wide, strict=False)
    except ValueError:
        return False
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # of the same version


def _ordered(name: str, narrow: Condition, wide: Condition) -> bool:
    """Limits of numbers and dates, which have one value."""
    if len(narrow.values) != 1 or len(wide.values) != 1:
        return False
    (one,), (other,) = narrow.values, wide.values
    if name.startswith("Numeric"):
        try:
            below = float(one) <= float(other)
            above = float(one) >= float(other)
        except ValueError:
            return False
    else:
        if len(one) != len(other) or not (_TIME.fullmatch(one) and _TIME.fullmatch(other)):
            return False  # of one form only can texts be compared as dates
        below, above = one <= other, one >= other
    if "LessThan" in name:
        return below
    return above if "GreaterThan" in name else False
