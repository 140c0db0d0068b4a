"""The ECR repository of one pipeline's image."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.ecr_lifecycle_policy import EcrLifecyclePolicy
from cdktf_cdktf_provider_aws.ecr_repository import (
    EcrRepository,
    EcrRepositoryEncryptionConfiguration,
    EcrRepositoryImageScanningConfiguration,
)

from modules.account import Account
from modules.encryption import Key
from modules.iam import Statement, allow

# Tagged images stay: a count or an age cannot tell which of them production runs.
_UNTAGGED_DAYS = 7


@dataclass(frozen=True)
class ImageRegistry:
    """An ECR repository, by name."""

    name: str
    account: Account

    @property
    def arn(self) -> str:
        """``arn:<partition>:ecr:<region>:<account>:repository/<name>``"""
        return self.account.arn("ecr", f"repository/{self.name}")

    @property
    def url(self) -> str:
        """``<account>.dkr.ecr.<region>.<suffix>/<name>``, without a tag."""
        return f"{self.account.id}.dkr.ecr.{self.account.region}.{self.account.dns_suffix}/{self.name}"

    def allow_push(self) -> list[Statement]:
        """Push an image and read back what was pushed.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
        """
        return [
            allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
            allow(
                "Push",
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:DescribeImages",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                [self.arn],
            ),
        ]

    def allow_read_scan(self) -> list[Statement]:
        """Read the findings of ECR's own scan, basic or enhanced; ECR asks Inspector for the latter with our role.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced-iam.html
        """
        return [
            allow("ImageScan", ["ecr:DescribeImageScanFindings"], [self.arn]),
            allow("EnhancedScan", ["inspector2:ListFindings"], ["*"]),
        ]


def make_image_registry(scope: TerraformStack, id_: str, registry: ImageRegistry, key: Key) -> None:
    """Create it: immutable tags, the project's key, a scan at each push (where the account's registry scans basically)."""
    EcrRepository(
        scope,
        id_,
        name=registry.name,
        image_tag_mutability="IMMUTABLE",
        # Images in use would go with it; the README says how to empty it first.
        force_delete=False,
        encryption_configuration=[EcrRepositoryEncryptionConfiguration(encryption_type="KMS", kms_key=key.arn)],
        image_scanning_configuration=EcrRepositoryImageScanningConfiguration(scan_on_push=True),
    )
    EcrLifecyclePolicy(
        scope,
        f"{id_}_lifecycle",
        repository=f"${{aws_ecr_repository.{id_}.name}}",
        policy=json.dumps(
            {
                "rules": [
                    {
                        "rulePriority": 1,
                        "description": "leftovers of interrupted pushes",
                        "selection": {
                            "tagStatus": "untagged",
                            "countType": "sinceImagePushed",
                            "countUnit": "days",
                            "countNumber": _UNTAGGED_DAYS,
                        },
                        "action": {"type": "expire"},
                    }
                ]
            },
            sort_keys=True,
        ),
    )
