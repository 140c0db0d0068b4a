"""Whether a statement for everybody is one for everybody."""

from __future__ import annotations

from collections.abc import Iterable

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
_EVERYTHING = {"*", "0.0.0.0/0", "::/0", "arn:*", "arn:aws:*", NOT_KNOWN}


def is_public(conditions: Iterable[Condition]) -> bool:
    """No condition holds it to somebody."""
    return not any(_narrows(condition) for condition in conditions)


def _narrows(condition: Condition) -> bool:
    name = condition.operator.rpartition(":")[2]
    return (
        condition.key in _NARROWING
        and name in _POSITIVE  # ...IfExists lets everybody through who does not say
        and not condition.values & _EVERYTHING
        and not (condition.key == "lambda:functionurlauthtype" and "NONE" in condition.values)
    )
