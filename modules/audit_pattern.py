"""Metric filter patterns on CloudTrail's records: their grammar, as far as it is used here, and their limit.

``*`` is only known at a value's beginning and end. What a comparison says of a field that is not there is documented nowhere,
so the patterns ask for that by itself (NOT EXISTS).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
PATTERN = 1024
# As long as a key's ARN gets (a region of the longest name, a multi-region key): what stands for it in a pattern is shorter.
_KEY_ARN = 110
_REFERENCE = "${"

# How Terraform's provider names itself in every call. Whoever wants to can call himself so: ``deployers`` closes that.
_TERRAFORM = "*terraform-provider-aws/*"
# What is done, not what was refused.
DONE = "$.errorCode NOT EXISTS"


class FilterTooLongError(Exception):
    """A pattern that CloudWatch Logs would refuse; the message says what to shorten."""


@dataclass(frozen=True)
class Filter:
    """``purpose``: in names (``pipeline-changed``). ``happened``: for the alarm's mail, a sentence without its subject's name."""

    purpose: str
    pattern: str
    happened: str
    meaning: str

    @property
    def metric(self) -> str:
        """``PipelineChanged``. A hyphen before anything but a letter stays: the pipelines pay1 and pay-1 have a metric each."""
        return re.sub("(?:^|-)([a-z])", lambda found: found[1].upper(), self.purpose)

    def length(self) -> int:
        """Characters that the pattern has at most, once references are known."""
        references = self.pattern.count(_REFERENCE)
        shown = sum(len(part.partition("}")[0]) + len(_REFERENCE) + 1 for part in self.pattern.split(_REFERENCE)[1:])
        return len(self.pattern) - shown + references * _KEY_ARN


def either(*conditions: str) -> str:
    """One of them."""
    return f"({' || '.join(conditions)})" if len(conditions) > 1 else conditions[0]


def equals(selector: str, *values: str) -> str:
    """A field has one of these values."""
    return either(*(f'$.{selector} = "{value}"' for value in values))


def named(*names: str) -> str:
    """The event is one of these."""
    return equals("eventName", *names)


def service(name: str) -> str:
    """The API of one service was called."""
    return f'$.eventSource = "{name}.amazonaws.com"'


def pattern(*conditions: str) -> str:
    """All of them, as a whole pattern."""
    return f"{{ {' && '.join(conditions)} }}"


def outside(deployers: Sequence[str]) -> str:
    """By somebody who may not change what this project deploys. ``deployers``: patterns of ``userIdentity.arn``.

    Without deployers the user agent decides, which its sender chooses. A record without that field counts as somebody else's.
    """
    if not deployers:
        return f'($.userAgent NOT EXISTS || $.userAgent != "{_TERRAFORM}")'
    others = " && ".join(f'$.userIdentity.arn != "{arn}"' for arn in deployers)
    return f"($.userIdentity.arn NOT EXISTS || ({others}))"


_ROLE = re.compile(r"arn:(?P<partition>[^:]+):iam::(?P<account>\d{12}):role/(?:.*/)?(?P<name>[^/]+)")


def caller(arn: str) -> str:
    """The pattern of ``userIdentity.arn`` in the records of an IAM user or role.

    A role's sessions have ARNs of their own, without the role's path.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    role = _ROLE.fullmatch(arn)
    if role is None:
        return arn
    name = role["name"] if role["name"].endswith("*") else f"{role['name']}/*"
    return f"arn:{role['partition']}:sts::{role['account']}:assumed-role/{name}"
