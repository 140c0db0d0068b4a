"""CloudTrail: a trail for the whole account, kept where nobody deletes it in passing, and readable for alarms.

``manage``: trail, key, bucket, log group and role, whose ids all begin with ``trail``: whoever wants to keep them when this
project goes lets Terraform forget exactly those (docs/watching.md).
"""

from __future__ import annotations

from cdktf import ITerraformDependable, TerraformResourceLifecycle, TerraformStack
from cdktf_cdktf_provider_aws.cloudtrail import Cloudtrail
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey

from modules.account import Account
from modules.encryption import Key
from modules.iam import Role, allow, document, grant, when
from modules.storage import Bucket, Expiry, make_bucket

LOG_DAYS = 365  # for searching; the files in S3 stay longer
FILE_DAYS = 7 * 365
_SERVICE = "cloudtrail.amazonaws.com"


class AuditTrail:
    """A multi-region trail of all management events, with validated log files.

    ``log_group``: its name, where filters and alarms listen (they depend on ``logs``). ``key``: its own key, so that reading or administering the
    project's key opens no audit log.
    """

    def __init__(self, scope: TerraformStack, *, account: Account, access_logs: Bucket) -> None:
        name = account.names.trail("trail")
        arn = account.arn("cloudtrail", f"trail/{name}")
        self.log_group = f"/aws/cloudtrail/{name}"
        self.key = _make_key(scope, account, arn, self.log_group)
        self.logs = CloudwatchLogGroup(
            scope, "trail_logs", name=self.log_group, retention_in_days=LOG_DAYS, kms_key_id=self.key.arn
        )
        bucket = Bucket.named(account, "trail", self.key)
        ready = _make_bucket(scope, account, bucket, access_logs, arn)
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html, which
        # also says that the role "doesn't support the use of aws:SourceArn and aws:SourceAccount".
        streams = f"log-group:{self.log_group}:log-stream:{account.id}_CloudTrail_{account.region}*"
        role = Role(
            scope,
            "trail_writer",
            account=account,
            name=account.names.role("trail"),
            service="cloudtrail",
            description="CloudTrail writes its events to the log group that alarms listen to",
            statements=[allow("OwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [account.arn("logs", streams)])],
            says_account=False,
        )
        Cloudtrail(
            scope,
            "trail",
            name=name,
            s3_bucket_name="${aws_s3_bucket.trail_files.id}",
            kms_key_id=self.key.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            cloud_watch_logs_group_arn="${aws_cloudwatch_log_group.trail_logs.arn}:*",
            cloud_watch_logs_role_arn=role.arn,
            # The account's record of what was done, maybe its only one: Terraform refuses to end it.
            lifecycle=TerraformResourceLifecycle(prevent_destroy=True),
            depends_on=[*ready, self.logs, role.policy],
        )


def _make_key(scope: TerraformStack, account: Account, trail_arn: str, log_group: str) -> Key:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"""
    of_this_trail = when("StringEquals", "aws:SourceArn", trail_arn)
    policy = document(
        scope,
        "trail_key_policy",
        [
            grant("AccountIam", "AWS", [account.root_arn], ["kms:*"], ["*"]),
            grant(
                "TrailEncrypts",
                "Service",
                [_SERVICE],
                ["kms:GenerateDataKey*"],
                ["*"],
                of_this_trail,
                # One that delivers from every region names each of them here.
                when(
                    "StringLike",
                    "kms:EncryptionContext:aws:cloudtrail:arn",
                    f"arn:{account.partition}:cloudtrail:*:{account.id}:trail/*",
                ),
            ),
            grant("TrailDescribesKey", "Service", [_SERVICE], ["kms:DescribeKey"], ["*"], of_this_trail),
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            grant(
                "LogGroups",
                "Service",
                [f"logs.{account.region}.{account.dns_suffix}"],
                ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                ["*"],
                when("ArnEquals", "kms:EncryptionContext:aws:logs:arn", account.arn("logs", f"log-group:{log_group}")),
            ),
        ],
    )
    KmsKey(
        scope,
        "trail_key",
        description=f"{account.names.project}: CloudTrail's files and log group",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=policy,
    )
    KmsAlias(
        scope,
        "trail_key_alias",
        name=f"{account.names.key_alias}-trail",
        target_key_id="${aws_kms_key.trail_key.key_id}",
    )
    return Key("${aws_kms_key.trail_key.arn}", account)


def _make_bucket(
    scope: TerraformStack, account: Account, bucket: Bucket, access_logs: Bucket, trail_arn: str
) -> list[ITerraformDependable]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html

    Nobody deletes a file, a version or the rules of how long they stay: an administrator takes the policy away first, which
    is an event of its own (``bucket-changed``). S3's lifecycle goes on: it is not stopped by a bucket's policy.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-and-other-bucket-config.html
    """
    of_this_trail = when("StringEquals", "aws:SourceArn", trail_arn)
    return make_bucket(
        scope,
        "trail_files",
        bucket,
        access_logs=access_logs,
        expiries=[Expiry("", FILE_DAYS)],
        noncurrent_days=90,
        # The digests by which the files are validated are encrypted with S3's own key, whatever the trail's key is.
        only_key=False,
        statements=[
            grant("TrailLooks", "Service", [_SERVICE], ["s3:GetBucketAcl"], [bucket.arn], of_this_trail),
            grant(
                "TrailWrites",
                "Service",
                [_SERVICE],
                ["s3:PutObject"],
                bucket.objects(f"AWSLogs/{account.id}/*"),
                when("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control"),
                of_this_trail,
            ),
            grant(
                "NobodyDeletes",
                "AWS",
                ["*"],
                ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"],
                [bucket.arn, f"{bucket.arn}/*"],
                effect="Deny",
            ),
        ],
    )
