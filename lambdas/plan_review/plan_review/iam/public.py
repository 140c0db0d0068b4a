"""Whether a statement for everybody is one for everybody."""

from __future__ import annotations

from collections.abc import Iterable

from plan_review.exposure_rules import everywhere
from plan_review.iam.statements import NOT_KNOWN, Condition

# Keys that hold a statement to one's own, as S3 and Lambda judge "public".
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
_NARROWING = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
        "aws:sourcearn", "aws:sourceip", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc",
        "aws:sourcevpce", "aws:userid", "aws:vpcsourceip", "aws:principalserviceslist", "kms:calleraccount",
        "lambda:functionurlauthtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
        "sts:externalid", "elasticfilesystem:accesspointarn", "elasticfilesystem:accessedviamounttarget",
    }
)  # fmt: skip
_POSITIVE = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress", "Bool")
_PREFIX = 8  # characters before a wildcard from which a text names somebody: "o-", "vpce-" or the beginning of an account does not


def is_public(conditions: Iterable[Condition]) -> bool:
    """No condition holds it to somebody."""
    return not any(_narrows(condition) for condition in conditions)


def _narrows(condition: Condition) -> bool:
    quantifier, _, name = condition.operator.rpartition(":")
    return (
        condition.key in _NARROWING
        and quantifier != "ForAllValues"  # true also of a request that has no such key
        and name in _POSITIVE  # ...IfExists lets everybody through who does not say
        and not any(value == NOT_KNOWN or _anybody(value, name) for value in condition.values)
        and not (condition.key == "lambda:functionurlauthtype" and "NONE" in condition.values)
    )


def _anybody(value: str, operator: str) -> bool:
    """Whether a value leaves open who it is. S3 asks for fixed values; what AWS itself suggests with a wildcard (paths of an
    organization, sessions of a role, resources of an account) names somebody before it."""
    if operator == "IpAddress":
        return everywhere(value)
    if operator in ("StringEquals", "StringEqualsIgnoreCase", "Bool"):
        return value == "*"
    if not {"*", "?"} & set(value):
        return False
    parts = value.split(":", 5)
    if parts[0] == "arn" and len(parts) == 6:
        owner = parts[4] or parts[5]  # an ARN of S3 has no account, but one owner for each bucket's name
        return bool({"*", "?"} & set(owner)) if parts[4] else owner[:1] in "*?"
    return min(value.find(c) for c in "*?" if c in value) < _PREFIX
