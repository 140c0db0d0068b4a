"""The project's one customer managed KMS key, and the statements that using it takes."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.data_aws_kms_alias import DataAwsKmsAlias
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey

from modules.account import Account
from modules.iam import Statement, allow, document, grant, when


@dataclass(frozen=True)
class Key:
    """The key as seen by whoever uses it. ``arn`` is a reference or a composed ARN of the key itself, never of an alias:
    IAM compares key ARNs."""

    arn: str
    account: Account

    def allow_use(self, service: str, *, write: bool, sid: str | None = None) -> Statement:
        """Encrypt (``write``) or only decrypt, through one AWS service (``s3``, ``sns``, ``sqs``)."""
        actions = ["kms:Decrypt", "kms:GenerateDataKey"] if write else ["kms:Decrypt"]
        return allow(
            sid or f"Key{service.capitalize()}",
            actions,
            [self.arn],
            when("StringEquals", "kms:ViaService", self.account.via(service)),
        )

    @classmethod
    def lookup(cls, scope: TerraformStack, account: Account) -> Key:
        """The key that the foundation stack made, found by its alias."""
        DataAwsKmsAlias(scope, "key", name=account.names.key_alias)
        return cls("${data.aws_kms_alias.key.target_key_arn}", account)

    @classmethod
    def create(cls, scope: TerraformStack, account: Account) -> Key:
        """Make the key: rotated yearly, 30 days between a deletion's order and the deletion.

        Its policy delegates to the account's IAM and lets the services that work without a role of ours (log groups,
        event rules, alarms) use it for this account only.
        """
        logs = account.arn("logs", "log-group:*")
        policy = document(
            scope,
            "key_policy",
            [
                grant("AccountIam", "AWS", [account.root_arn], ["kms:*"], ["*"]),
                # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
                grant(
                    "LogGroups",
                    "Service",
                    [f"logs.{account.region}.{account.dns_suffix}"],
                    ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                    ["*"],
                    when("ArnLike", "kms:EncryptionContext:aws:logs:arn", logs),
                ),
                # A rule's dead letters in an encrypted queue. EventBridge's requests to KMS carry no aws:SourceAccount: with that
                # condition every one of them would be lost without a word. Who may send is the queue's policy.
                # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
                grant(
                    "EventPublisher",
                    "Service",
                    ["events.amazonaws.com"],
                    ["kms:Decrypt", "kms:GenerateDataKey*"],
                    ["*"],
                ),
                grant(
                    "AlarmPublisher",
                    "Service",
                    ["cloudwatch.amazonaws.com"],
                    ["kms:Decrypt", "kms:GenerateDataKey*"],
                    ["*"],
                    when("StringEquals", "aws:SourceAccount", account.id),
                ),
            ],
        )
        KmsKey(
            scope,
            "key",
            description=f"{account.names.project}: artifacts, reports, logs, topics and queues of the delivery pipelines",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy,
        )
        KmsAlias(scope, "key_alias", name=account.names.key_alias, target_key_id="${aws_kms_key.key.key_id}")
        return cls("${aws_kms_key.key.arn}", account)
