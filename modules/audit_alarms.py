"""Metric filters on a trail's log group, each with an alarm that goes straight to people: it speaks also when our own code
is what was changed."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import ITerraformDependable, TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_log_metric_filter import (
    CloudwatchLogMetricFilter,
    CloudwatchLogMetricFilterMetricTransformation,
)
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm

from modules.account import Account
from modules.audit_pattern import Filter


def namespace(account: Account) -> str:
    """Of the metrics that count a project's filters' hits."""
    return f"{account.names.project}/audit"


def make_alarms(
    scope: TerraformStack,
    *,
    account: Account,
    log_group: str,
    filters: Sequence[Filter],
    topic_arn: str,
    after: Sequence[ITerraformDependable] = (),
) -> None:
    """One filter, one metric, one alarm each. CloudTrail delivers to a log group some five minutes late on average.

    Period and threshold are those of AWS's own controls:
    https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html
    """
    for one in filters:
        id_ = f"audit_{one.purpose}"
        CloudwatchLogMetricFilter(
            scope,
            id_,
            name=account.names.alarm(f"audit-{one.purpose}"),
            log_group_name=log_group,
            pattern=one.pattern,
            # Without a default value nothing is reported, and nothing billed, until something is found.
            metric_transformation=CloudwatchLogMetricFilterMetricTransformation(
                name=one.metric, namespace=namespace(account), value="1"
            ),
            depends_on=list(after) or None,
        )
        CloudwatchMetricAlarm(
            scope,
            f"{id_}_alarm",
            alarm_name=account.names.alarm(f"audit-{one.purpose}"),
            alarm_description=_mail(account, log_group, one),
            namespace=namespace(account),
            metric_name=one.metric,
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            treat_missing_data="notBreaching",
            # No word when it is over: that nobody has done it for five minutes undoes nothing.
            alarm_actions=[topic_arn],
        )


def _mail(account: Account, log_group: str, one: Filter) -> str:
    """What somebody reads at night: what happened, what it means, where it says who did it. At most 1,024 characters.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    return (
        f"{account.names.project}: {one.happened}. {one.meaning} Who, from where and what exactly: CloudTrail's event history of"
        f" the last half hour, or the log group {log_group}, in which the metric filter audit-{one.purpose} finds it."
        " If none of you did it, take that user's or role's rights away first, then compare with a terraform plan"
        " (docs/watching.md, Audit alarms)."
    )
