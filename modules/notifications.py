"""SNS topics with e-mail subscribers. Whoever is subscribed must confirm by the link that AWS sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription

from modules.account import Account
from modules.encryption import Key
from modules.iam import Statement, allow, document, grant, when
from modules.names import identifier


@dataclass(frozen=True)
class Topic:
    """A topic as its publishers see it."""

    name: str
    arn: str
    key: Key

    @classmethod
    def named(cls, account: Account, purpose: str, key: Key) -> Topic:
        """The project's topic for ``purpose``."""
        name = account.names.topic(purpose)
        return cls(name, account.arn("sns", name), key)

    @classmethod
    def of_pipeline(cls, account: Account, pipeline: str, key: Key, *, own: bool) -> Topic:
        """Where people hear of a pipeline: its ``own`` topic if its settings name addresses, else the project's."""
        return cls.named(account, f"{pipeline}-notifications" if own else "notifications", key)

    def allow_publish(self) -> list[Statement]:
        """Publish, and encrypt what is published."""
        return [
            allow("Publish", ["sns:Publish"], [self.arn]),
            self.key.allow_use("sns", write=True),
        ]


def make_topic(
    scope: TerraformStack, id_: str, topic: Topic, *, account: Account, emails: Sequence[str], services: Sequence[str]
) -> None:
    """Create ``topic``. ``services`` are the AWS services that may publish for this account without a role of ours;
    roles of this account need a policy of their own (``Topic.allow_publish``). EventBridge is none of them: a topic's policy
    cannot say which rules, so events reach people through the notifier (modules/notifier.py)."""
    SnsTopic(scope, id_, name=topic.name, kms_master_key_id=topic.key.arn)
    statements = [
        grant(
            "TlsOnly",
            "AWS",
            ["*"],
            ["sns:Publish"],
            [topic.arn],
            when("Bool", "aws:SecureTransport", "false"),
            effect="Deny",
        ),
        grant(
            "AccountIam",
            "AWS",
            [account.root_arn],
            ["sns:Publish"],
            [topic.arn],
        ),
    ]
    if services:
        statements.append(
            grant(
                "Publishers",
                "Service",
                services,
                ["sns:Publish"],
                [topic.arn],
                when("StringEquals", "aws:SourceAccount", account.id),
            )
        )
    SnsTopicPolicy(
        scope,
        f"{id_}_policy",
        arn=f"${{aws_sns_topic.{id_}.arn}}",
        policy=document(scope, f"{id_}_policy_document", statements),
    )
    for email in emails:
        # The e-mail is part of the address: reordering the list changes nothing, removing one removes one.
        SnsTopicSubscription(
            scope,
            f"{id_}_{identifier(email)}",
            topic_arn=f"${{aws_sns_topic.{id_}.arn}}",
            protocol="email",
            endpoint=email,
        )
