"""EventBridge rules, and the queue that keeps what could not be delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTarget,
    CloudwatchEventTargetDeadLetterConfig,
    CloudwatchEventTargetInputTransformer,
    CloudwatchEventTargetRetryPolicy,
)
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy

from modules.account import Account
from modules.encryption import Key
from modules.iam import Statement, allow, document, grant, when

_FOURTEEN_DAYS = 1_209_600  # the longest an SQS queue keeps a message


class DeadLetters:
    """A queue for events that were not delivered or whose function failed, and an alarm as soon as one is in it."""

    def __init__(
        self, scope: TerraformStack, id_: str, *, account: Account, key: Key, purpose: str, rules: Sequence[str],
        alarm_topic_arn: str,
    ) -> None:  # fmt: skip
        self.name = account.names.queue(purpose)
        self.arn = account.arn("sqs", self.name)
        self.key = key
        SqsQueue(
            scope,
            id_,
            name=self.name,
            kms_master_key_id=key.arn,
            message_retention_seconds=_FOURTEEN_DAYS,
        )
        statements = [
            grant(
                "TlsOnly",
                "AWS",
                ["*"],
                ["sqs:*"],
                [self.arn],
                when("Bool", "aws:SecureTransport", "false"),
                effect="Deny",
            )
        ]
        if rules:
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
            statements.append(
                grant(
                    "EventRules",
                    "Service",
                    ["events.amazonaws.com"],
                    ["sqs:SendMessage"],
                    [self.arn],
                    when("ArnEquals", "aws:SourceArn", *(account.arn("events", f"rule/{rule}") for rule in rules)),
                )
            )
        self.policy = SqsQueuePolicy(
            scope,
            f"{id_}_policy",
            queue_url=f"${{aws_sqs_queue.{id_}.url}}",
            policy=document(scope, f"{id_}_policy_document", statements),
        )
        CloudwatchMetricAlarm(
            scope,
            f"{id_}_alarm",
            alarm_name=account.names.alarm(purpose),
            alarm_description=f"An event could not be handled and waits in {self.name}. Read it, mend the cause, send it again.",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.name},
            statistic="Maximum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
            alarm_actions=[alarm_topic_arn],
            ok_actions=[alarm_topic_arn],
        )

    def allow_send(self) -> list[Statement]:
        """For a function whose failed asynchronous calls Lambda puts here with the function's own role."""
        return [
            allow("DeadLetters", ["sqs:SendMessage"], [self.arn]),
            self.key.allow_use("sqs", write=True),
        ]


class Rule:
    """A rule of events (``pattern``) or of the clock (``schedule``), with one target.

    A pipeline or a build project as target needs ``role_arn``; a Lambda function, SNS topic or SQS queue must have none: they take a
    resource policy. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """

    def __init__(
        self, scope: TerraformStack, id_: str, *, account: Account, purpose: str, description: str, target_arn: str,
        pattern: Mapping[str, Any] | None = None, schedule: str | None = None, role_arn: str | None = None,
        dead_letters: DeadLetters | None = None, input_transformer: CloudwatchEventTargetInputTransformer | None = None,
    ) -> None:  # fmt: skip
        self.name = account.names.rule(purpose)
        self.arn = account.arn("events", f"rule/{self.name}")
        CloudwatchEventRule(
            scope,
            id_,
            name=self.name,
            description=description,
            event_pattern=None if pattern is None else json.dumps(pattern, sort_keys=True),
            schedule_expression=schedule,
        )
        CloudwatchEventTarget(
            scope,
            f"{id_}_target",
            rule=f"${{aws_cloudwatch_event_rule.{id_}.name}}",
            target_id=id_,
            arn=target_arn,
            role_arn=role_arn,
            input_transformer=input_transformer,
            dead_letter_config=CloudwatchEventTargetDeadLetterConfig(arn=dead_letters.arn) if dead_letters else None,
            # Its ARN is composed: without this the first events could be lost while the queue is still being made.
            depends_on=[dead_letters.policy] if dead_letters else None,
            # A day of retries is the service's default; said here because a reviewer wants to know.
            retry_policy=CloudwatchEventTargetRetryPolicy(
                maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185
            ),
        )
