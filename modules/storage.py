"""S3 buckets: encrypted, versioned, private, TLS only; and permissions on parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import ITerraformDependable, TerraformStack
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)
from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA
from cdktf_cdktf_provider_aws.s3_bucket_ownership_controls import (
    S3BucketOwnershipControls,
    S3BucketOwnershipControlsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import S3BucketVersioningA, S3BucketVersioningVersioningConfiguration

from modules.account import Account
from modules.encryption import Key
from modules.iam import Statement, allow, document, grant, when

_KEY_HEADER = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_SSE_HEADER = "s3:x-amz-server-side-encryption"


@dataclass(frozen=True)
class Bucket:
    """A bucket as its users see it: its name, and permissions that include the key."""

    name: str
    arn: str
    key: Key

    @classmethod
    def named(cls, account: Account, purpose: str, key: Key) -> Bucket:
        """The project's bucket for ``purpose``; both its own stack and every other compose the same name."""
        name = account.names.bucket(purpose, account.id, account.region)
        return cls(name, account.bucket_arn(name), key)

    def objects(self, *patterns: str) -> list[str]:
        """ARNs of the objects whose key matches one of ``patterns``."""
        return [f"{self.arn}/{pattern}" for pattern in patterns]

    def allow_list(self, prefix: str) -> Statement:
        """List keys that begin with ``prefix`` (ListObjectsV2, which names the prefix)."""
        return allow("List", ["s3:ListBucket"], [self.arn], when("StringLike", "s3:prefix", f"{prefix}*"))

    def allow_find(self) -> Statement:
        """Tell "not there" from "not allowed": without s3:ListBucket S3 answers 403 for an object that does not exist.

        No condition on ``s3:prefix``: a HeadObject or GetObject request carries none.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        return allow("Find", ["s3:ListBucket"], [self.arn])


def allow_objects(
    key: Key, *, read: Sequence[str] = (), read_versions: Sequence[str] = (), write: Sequence[str] = ()
) -> list[Statement]:
    """Read and write S3 objects (their ARNs, from ``Bucket.objects``), and use the key for that.

    ``read_versions``: objects that are read by their version, as CodePipeline and CodeBuild do with artifacts; nobody else may
    look at what an object once was. A multipart upload needs Decrypt too, so writing includes it:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html
    """
    statements = []
    if read:
        statements.append(allow("ReadObjects", ["s3:GetObject"], read))
    if read_versions:
        statements.append(allow("ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], read_versions))
    if write:
        statements.append(allow("WriteObjects", ["s3:PutObject"], write))
    return [*statements, key.allow_use("s3", write=bool(write))]


@dataclass(frozen=True)
class Expiry:
    """Delete what stands below ``prefix`` after ``days`` (versioned: the old version goes ``noncurrent_days`` later)."""

    prefix: str
    days: int


def make_bucket(
    scope: TerraformStack,
    id_: str,
    bucket: Bucket,
    *,
    access_logs: Bucket,
    access_logs_policy: S3BucketPolicy | None = None,
    expiries: Sequence[Expiry] = (),
    noncurrent_days: int = 90,
    statements: Sequence[Statement] = (),
    only_key: bool = True,
) -> list[ITerraformDependable]:
    """Create ``bucket``, encrypted with ``bucket.key``. ``statements`` extend its policy. What is put into it by the
    same stack depends on what is returned.

    ``access_logs_policy``: of the bucket that the access logs go to, if this stack makes it. ``only_key``: refuse objects that
    name another encryption; not where an AWS service writes some of its objects with S3's own key, and calls KMS itself for
    the others (then without S3's bucket key: its encryption context is the bucket, not the service's).
    """
    public_access, versioning = _private_bucket(scope, id_, bucket)
    encryption = S3BucketServerSideEncryptionConfigurationA(
        scope,
        f"{id_}_encryption",
        bucket=f"${{aws_s3_bucket.{id_}.id}}",
        rule=[
            S3BucketServerSideEncryptionConfigurationRuleA(
                bucket_key_enabled=only_key,
                apply_server_side_encryption_by_default=(
                    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                        sse_algorithm="aws:kms", kms_master_key_id=bucket.key.arn
                    )
                ),
            )
        ],
    )
    S3BucketLoggingA(
        scope,
        f"{id_}_logging",
        bucket=f"${{aws_s3_bucket.{id_}.id}}",
        target_bucket=access_logs.name,
        target_prefix=f"{id_}/",
        depends_on=[access_logs_policy] if access_logs_policy else None,
    )
    lifecycle = _lifecycle(scope, id_, expiries, noncurrent_days, versioning)
    # An absent header means the bucket's default, which is the key: refuse only what names something else.
    refused = [
        grant(
            "OnlyTheKey",
            "AWS",
            ["*"],
            ["s3:PutObject"],
            [f"{bucket.arn}/*"],
            when("StringNotEquals", _KEY_HEADER, bucket.key.arn),
            when("Null", _KEY_HEADER, "false"),
            effect="Deny",
        ),
        grant(
            "OnlyKmsEncryption",
            "AWS",
            ["*"],
            ["s3:PutObject"],
            [f"{bucket.arn}/*"],
            when("StringNotEquals", _SSE_HEADER, "aws:kms"),
            when("Null", _SSE_HEADER, "false"),
            effect="Deny",
        ),
    ]
    # A policy may refuse changes of what is made here: it comes last, and goes first.
    after = [public_access, versioning, lifecycle] if statements else [public_access]
    policy = _policy(scope, id_, bucket, [*(refused if only_key else ()), *statements], after)
    return [policy, versioning, encryption]


def make_access_log_bucket(
    scope: TerraformStack, id_: str, bucket: Bucket, account: Account, days: int = 365
) -> S3BucketPolicy:
    """Create the bucket that S3 writes access logs of the others to; returns the policy that lets it.

    S3's log delivery takes SSE-S3 only in the target bucket:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    public_access, versioning = _private_bucket(scope, id_, bucket)
    S3BucketServerSideEncryptionConfigurationA(
        scope,
        f"{id_}_encryption",
        bucket=f"${{aws_s3_bucket.{id_}.id}}",
        rule=[
            S3BucketServerSideEncryptionConfigurationRuleA(
                apply_server_side_encryption_by_default=(
                    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                        sse_algorithm="AES256"
                    )
                ),
            )
        ],
    )
    _lifecycle(scope, id_, [Expiry("", days)], 30, versioning)
    return _policy(
        scope,
        id_,
        bucket,
        [
            grant(
                "LogDelivery",
                "Service",
                ["logging.s3.amazonaws.com"],
                ["s3:PutObject"],
                [f"{bucket.arn}/*"],
                when("StringEquals", "aws:SourceAccount", account.id),
            )
        ],
        [public_access],
    )


def _private_bucket(
    scope: TerraformStack, id_: str, bucket: Bucket
) -> tuple[S3BucketPublicAccessBlock, S3BucketVersioningA]:
    # force_destroy stays off: destroying a full bucket is a decision that the README describes, not a side effect.
    S3Bucket(scope, id_, bucket=bucket.name, force_destroy=False)
    reference = f"${{aws_s3_bucket.{id_}.id}}"
    public_access = S3BucketPublicAccessBlock(
        scope,
        f"{id_}_public_access",
        bucket=reference,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    S3BucketOwnershipControls(
        scope,
        f"{id_}_ownership",
        bucket=reference,
        rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
    )
    versioning = S3BucketVersioningA(
        scope,
        f"{id_}_versioning",
        bucket=reference,
        versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
    )
    return public_access, versioning


def _lifecycle(
    scope: TerraformStack, id_: str, expiries: Sequence[Expiry], noncurrent_days: int, versioning: S3BucketVersioningA
) -> S3BucketLifecycleConfiguration:
    every = S3BucketLifecycleConfigurationRuleFilter(prefix="")
    return S3BucketLifecycleConfiguration(
        scope,
        f"{id_}_lifecycle",
        bucket=f"${{aws_s3_bucket.{id_}.id}}",
        rule=[
            S3BucketLifecycleConfigurationRule(
                id="leftovers",
                status="Enabled",
                filter=[every],
                abort_incomplete_multipart_upload=[
                    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(days_after_initiation=7)
                ],
                noncurrent_version_expiration=[
                    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=noncurrent_days)
                ],
            ),
            *(
                S3BucketLifecycleConfigurationRule(
                    id=f"expire-{expiry.prefix.strip('/') or 'all'}",
                    status="Enabled",
                    filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=expiry.prefix)],
                    expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=expiry.days)],
                )
                for expiry in expiries
            ),
        ],
        # Rules on noncurrent versions need versioning to be on already.
        depends_on=[versioning],
    )


def _policy(
    scope: TerraformStack,
    id_: str,
    bucket: Bucket,
    statements: Sequence[Statement],
    after: Sequence[ITerraformDependable],
) -> S3BucketPolicy:
    tls_only = grant(
        "TlsOnly",
        "AWS",
        ["*"],
        ["s3:*"],
        [bucket.arn, f"{bucket.arn}/*"],
        when("Bool", "aws:SecureTransport", "false"),
        effect="Deny",
    )
    return S3BucketPolicy(
        scope,
        f"{id_}_policy",
        bucket=f"${{aws_s3_bucket.{id_}.id}}",
        policy=document(scope, f"{id_}_policy_document", [tls_only, *statements]),
        # S3 refuses concurrent changes of one bucket's access settings.
        depends_on=list(after),
    )
