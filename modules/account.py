"""The AWS account, region and partition that a stack is applied to, and ARNs composed from them."""

from __future__ import annotations

from dataclasses import dataclass

from modules.names import Names


@dataclass(frozen=True)
class Account:
    """Where a stack lives.

    ``partition``, ``dns_suffix`` and ``id`` are tokens (data sources, known in the plan), so that the same Terraform works
    in aws, aws-cn and aws-us-gov. ``region`` is the setting itself.
    """

    id: str
    partition: str
    dns_suffix: str
    region: str
    names: Names

    def arn(self, service: str, resource: str) -> str:
        """ARN of a regional resource of this account, e.g. ``arn("codepipeline", "acme-payments")``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def role_arn(self, name: str) -> str:
        """IAM is global: no region in its ARNs."""
        return f"arn:{self.partition}:iam::{self.id}:role/{name}"

    def bucket_arn(self, name: str) -> str:
        """S3 buckets carry neither region nor account in their ARNs."""
        return f"arn:{self.partition}:s3:::{name}"

    @property
    def root_arn(self) -> str:
        """The account itself as principal: delegates to its IAM."""
        return f"arn:{self.partition}:iam::{self.id}:root"

    def via(self, service: str) -> str:
        """Value of ``kms:ViaService`` for ``service``.

        https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
        """
        return f"{service}.{self.region}.{self.dns_suffix}"
