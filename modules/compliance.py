"""AWS Config: what has changed, and whether it is as it should be.

``Recorder`` is the account's one recorder of this region; its ids begin with ``config``, like those of what it needs, so that
Terraform can be made to forget exactly them (docs/watching.md). ``make_rules`` needs a recorder, this one or another.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import ITerraformDependable, TerraformResourceLifecycle, TerraformStack
from cdktf_cdktf_provider_aws.config_config_rule import ConfigConfigRule, ConfigConfigRuleScope, ConfigConfigRuleSource
from cdktf_cdktf_provider_aws.config_configuration_recorder import (
    ConfigConfigurationRecorder,
    ConfigConfigurationRecorderRecordingGroup,
)
from cdktf_cdktf_provider_aws.config_configuration_recorder_status import ConfigConfigurationRecorderStatus
from cdktf_cdktf_provider_aws.config_delivery_channel import (
    ConfigDeliveryChannel,
    ConfigDeliveryChannelSnapshotDeliveryProperties,
)
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment

from modules.account import Account
from modules.compliance_rules import rules
from modules.encryption import Key
from modules.iam import Role, allow, when
from modules.storage import Bucket, Expiry, make_bucket

HISTORY_DAYS = 7 * 365
_NAME = "default"  # an account has one per region, and Config calls it so


class Recorder:
    """Records every kind of resource, and delivers what it records to a bucket of its own."""

    def __init__(self, scope: TerraformStack, *, account: Account, key: Key, access_logs: Bucket) -> None:
        bucket = Bucket.named(account, "config", key)
        ready = make_bucket(
            scope, "config_history", bucket, access_logs=access_logs, expiries=[Expiry("", HISTORY_DAYS)]
        )
        # https://docs.aws.amazon.com/config/latest/developerguide/iamrole-permissions.html
        role = Role(
            scope,
            "config_recorder",
            account=account,
            name=account.names.role("config"),
            service="config",
            description="AWS Config reads the account's configuration and delivers it to its bucket",
            statements=[
                allow(
                    "WriteObjects",
                    ["s3:PutObject"],
                    bucket.objects(f"AWSLogs/{account.id}/*"),
                    when("StringLike", "s3:x-amz-acl", "bucket-owner-full-control"),
                ),
                allow("LookAtBucket", ["s3:GetBucketAcl"], [bucket.arn]),
                key.allow_use("s3", write=True),
            ],
        )
        # What recording every type takes changes with each type: AWS keeps it in this policy, all of it reading.
        reads = IamRolePolicyAttachment(
            scope,
            "config_reads",
            role="${aws_iam_role.config_recorder_role.name}",
            policy_arn=f"arn:{account.partition}:iam::aws:policy/service-role/AWS_ConfigRole",
        )
        # Ending it would end the recording for everybody in the account: Terraform refuses to.
        keep = TerraformResourceLifecycle(prevent_destroy=True)
        recorder = ConfigConfigurationRecorder(
            scope,
            "config",
            name=_NAME,
            role_arn=role.arn,
            recording_group=ConfigConfigurationRecorderRecordingGroup(
                all_supported=True, include_global_resource_types=True
            ),
            lifecycle=keep,
            depends_on=[role.policy, reads],
        )
        channel = ConfigDeliveryChannel(
            scope,
            "config_channel",
            name=_NAME,
            s3_bucket_name="${aws_s3_bucket.config_history.id}",
            s3_kms_key_arn=key.arn,
            snapshot_delivery_properties=ConfigDeliveryChannelSnapshotDeliveryProperties(
                delivery_frequency="TwentyFour_Hours"
            ),
            lifecycle=keep,
            depends_on=[recorder, *ready],
        )
        # Without a channel a recorder cannot start.
        self.started = ConfigConfigurationRecorderStatus(
            scope,
            "config_status",
            name="${aws_config_configuration_recorder.config.name}",
            is_enabled=True,
            lifecycle=keep,
            depends_on=[channel],
        )


def make_rules(
    scope: TerraformStack, *, account: Account, privileged: Sequence[str], after: Sequence[ITerraformDependable] = ()
) -> None:
    """This project's rules. ``privileged``: build projects that may be; ``after``: the recorder, if it is made here."""
    for rule in rules(privileged):
        ConfigConfigRule(
            scope,
            f"rule_{rule.name}",
            name=account.names.config_rule(rule.name),
            source=ConfigConfigRuleSource(owner="AWS", source_identifier=rule.identifier),
            input_parameters=rule.input,
            scope=ConfigConfigRuleScope(tag_key="project", tag_value=account.names.project) if rule.own else None,
            depends_on=list(after) or None,
        )
