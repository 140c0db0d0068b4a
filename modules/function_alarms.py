"""Alarms that reach people without any code of ours: a function that fails, and a topic that nobody hears."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm

from modules.account import Account
from modules.names import identifier
from modules.notifications import Topic


def watch_function(
    scope: TerraformStack, id_: str, *, account: Account, function_name: str, purpose: str, consequence: str, alarms: Topic
) -> None:  # fmt: skip
    """Two alarms for a function, which may be another stack's: it fails; it is not let run.

    ``consequence``: what that means for whoever is woken by it, one sentence or two.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    for metric, what, look in (
        ("Errors", "ends in errors", f"Its log group /aws/lambda/{function_name} says why: look for the key error."),
        (
            "Throttles",
            "is not let run, because the account's Lambda concurrency is used up",
            "Look in Lambda's console who uses it, or ask AWS for more (Service Quotas, Concurrent executions).",
        ),
    ):
        CloudwatchMetricAlarm(
            scope,
            f"{id_}_{metric.lower()}_alarm",
            alarm_name=account.names.alarm(f"{purpose}-{metric.lower()}"),
            alarm_description=f"{function_name} {what}. {consequence} {look}",
            namespace="AWS/Lambda",
            metric_name=metric,
            dimensions={"FunctionName": function_name},
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
            alarm_actions=[alarms.arn],
            ok_actions=[alarms.arn],
        )


def watch_subscriptions(
    scope: TerraformStack, *, account: Account, function_name: str, topics: Sequence[Topic], alarms: Topic
) -> None:
    """An alarm for each topic that has no confirmed subscriber, or of which that is not known for three hours.

    What is not known counts as nobody, also before the first look: somebody who has just deployed is still there to read it, and
    an alarm that waited for a first look would never speak if there is none.

    The metric is the notifier's own, in the namespace of its name, by topic: lambdas/notifier/notify/metrics.py.
    """
    for topic in topics:
        CloudwatchMetricAlarm(
            scope,
            f"{identifier(topic.name)}_unheard_alarm",
            alarm_name=f"{topic.name}-unheard",
            alarm_description=f"Nobody has confirmed a subscription to {topic.name}, so what is published there reaches nobody."
            " Or nobody has looked yet: right after the first deployment this alarm always rings, and it ends by itself with"
            " the next hourly look, an hour later at most, if somebody has confirmed by then."
            " Each address gets a mail from AWS Notifications; its link must be opened within two days, after which"
            " only deploying foundation again sends another. If people have confirmed and it does not end, the"
            f" hourly look itself fails: see the log group /aws/lambda/{function_name}.",
            namespace=function_name,
            metric_name="SubscriptionsConfirmed",
            dimensions={"Topic": topic.name},
            statistic="Maximum",
            # The look comes every hour, not on the hour: one hour without a value is none without a look.
            period=3600,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="breaching",
            alarm_actions=[alarms.arn],
            ok_actions=[alarms.arn],
        )
