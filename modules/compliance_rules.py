"""Which of AWS Config's managed rules look at what this system uses: plain data.

The identifiers are AWS's: https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html (InputParameters)
_PARAMETERS = 1024


@dataclass(frozen=True)
class ManagedRule:
    """``name``: as AWS writes it, in this rule's own name. ``own``: only what carries this project's tag is looked at, which AWS
    allows for rules that are triggered by a change; the others, run once a day, look at the whole account and region."""

    name: str
    identifier: str
    own: bool
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def input(self) -> str | None:
        """Its parameters as Config takes them."""
        return json.dumps(dict(self.parameters), sort_keys=True) if self.parameters else None


def rules(privileged: Sequence[str]) -> list[ManagedRule]:
    """All of them. ``privileged``: names of the build projects that may be (the builds that make images).

    If they are more than a rule's parameters hold, the rule about them is left out: without all its exemptions it would say
    NON_COMPLIANT for ever. modules/guardrails.py refuses any other privileged build at synth.
    """
    check = ManagedRule(
        "codebuild-project-environment-privileged-check",
        "CODEBUILD_PROJECT_ENVIRONMENT_PRIVILEGED_CHECK",
        own=True,
        parameters={"exemptedProjects": ",".join(privileged)} if privileged else {},
    )
    return [
        *([check] if len(check.input or "") <= _PARAMETERS else []),
        ManagedRule("codebuild-project-envvar-awscred-check", "CODEBUILD_PROJECT_ENVVAR_AWSCRED_CHECK", own=True),
        ManagedRule("codebuild-project-artifact-encryption", "CODEBUILD_PROJECT_ARTIFACT_ENCRYPTION", own=True),
        ManagedRule("codebuild-project-logging-enabled", "CODEBUILD_PROJECT_LOGGING_ENABLED", own=True),
        ManagedRule("ecr-private-tag-immutability-enabled", "ECR_PRIVATE_TAG_IMMUTABILITY_ENABLED", own=True),
        ManagedRule("ecr-private-lifecycle-policy-configured", "ECR_PRIVATE_LIFECYCLE_POLICY_CONFIGURED", own=True),
        ManagedRule("ecr-private-image-scanning-enabled", "ECR_PRIVATE_IMAGE_SCANNING_ENABLED", own=False),
        ManagedRule("eks-endpoint-no-public-access", "EKS_ENDPOINT_NO_PUBLIC_ACCESS", own=False),
        ManagedRule("eks-secrets-encrypted", "EKS_SECRETS_ENCRYPTED", own=False),
        ManagedRule("s3-bucket-level-public-access-prohibited", "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED", own=True),
        ManagedRule("s3-bucket-ssl-requests-only", "S3_BUCKET_SSL_REQUESTS_ONLY", own=True),
        ManagedRule("s3-bucket-versioning-enabled", "S3_BUCKET_VERSIONING_ENABLED", own=True),
        ManagedRule("cmk-backing-key-rotation-enabled", "CMK_BACKING_KEY_ROTATION_ENABLED", own=False),
        ManagedRule("kms-cmk-not-scheduled-for-deletion", "KMS_CMK_NOT_SCHEDULED_FOR_DELETION", own=False),
        ManagedRule("iam-root-access-key-check", "IAM_ROOT_ACCESS_KEY_CHECK", own=False),
        ManagedRule("root-account-mfa-enabled", "ROOT_ACCOUNT_MFA_ENABLED", own=False),
        ManagedRule("mfa-enabled-for-iam-console-access", "MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS", own=False),
        ManagedRule("multi-region-cloudtrail-enabled", "MULTI_REGION_CLOUD_TRAIL_ENABLED", own=False),
        ManagedRule("cloud-trail-log-file-validation-enabled", "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED", own=False),
        ManagedRule("lambda-function-public-access-prohibited", "LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED", own=True),
    ]
