"""What every stack has: backend, provider, default tags, and the account it is applied to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdktf import HttpBackend, LocalBackend, S3Backend, TerraformStack
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags
from constructs import Construct

from modules.account import Account
from modules.actions import Context
from modules.encryption import Key
from modules.findings_importer import GUARD, IMPORTER, SEALER
from modules.function import FunctionReference
from modules.names import Names
from modules.release_record import RECORDER
from modules.source import Repository
from modules.storage import Bucket
from stacks import settings as declared
from stacks.settings import Settings


@dataclass(frozen=True)
class Sources:
    """Files of the repository that end up in the output, read once: ``buildspecs`` by name, ``images`` of tools.json,
    function ``packages`` by name, the zip of the builds' ``scripts``; ``scratch`` lives until the synthesis ends."""

    buildspecs: dict[str, str]
    images: dict[str, str]
    packages: dict[str, bytes]
    scripts: bytes
    scripts_sha256: str
    scratch: Path


class BaseStack(TerraformStack):
    """One Terraform state."""

    def __init__(self, scope: Construct, name: str, settings: Settings) -> None:
        super().__init__(scope, name)
        self.names = Names(settings.project)
        AwsProvider(
            self,
            "aws",
            region=settings.region,
            # Applying to another account than the one that was reviewed fails before anything is read.
            allowed_account_ids=[settings.account] if settings.account else None,
            default_tags=[AwsProviderDefaultTags(tags={"project": settings.project, "stack": name, **settings.tags})],
        )
        # The bindings are generated from one provider version and would pin exactly that one.
        self.add_override("terraform.required_providers.aws.version", settings.aws_provider)
        if settings.terraform:
            self.add_override("terraform.required_version", settings.terraform)
        self._backend(name, settings)
        DataAwsPartition(self, "current")
        DataAwsCallerIdentity(self, "caller")
        self.account = Account(
            id="${data.aws_caller_identity.caller.account_id}",
            partition="${data.aws_partition.current.partition}",
            dns_suffix="${data.aws_partition.current.dns_suffix}",
            region=settings.region,
            names=self.names,
        )

    def _backend(self, name: str, settings: Settings) -> None:
        backend = settings.backend
        match backend:
            case declared.LocalBackend():
                # Terraform resolves it in cdktf.out/stacks/<name>, whoever calls it there: one file either way.
                folder = f"{backend.path.rstrip('/')}/" if backend.path else ""
                LocalBackend(self, path=f"../../../{folder}terraform.{name}.tfstate")
            case declared.S3Backend():
                S3Backend(
                    self,
                    bucket=backend.bucket,
                    key=f"{backend.prefix}/{name}.tfstate",
                    region=backend.region,
                    encrypt=True,
                    kms_key_id=backend.kms_key,
                )
                if backend.lockfile:
                    # cdktf 0.21 does not know the option, Terraform does since 1.10.
                    self.add_override("terraform.backend.s3.use_lockfile", True)
            case declared.HttpBackend():
                # GitLab takes no slash in a state's name. https://docs.gitlab.com/user/infrastructure/iac/terraform_state/
                address = f"{backend.address.rstrip('/')}/{settings.project}-{name}"
                HttpBackend(
                    self,
                    address=address,
                    lock_address=f"{address}/lock" if backend.lock else None,
                    unlock_address=f"{address}/lock" if backend.lock else None,
                    lock_method="POST" if backend.lock else None,
                    unlock_method="DELETE" if backend.lock else None,
                )

    def context(
        self,
        name: str,
        pipeline: declared.Released,
        key: Key,
        sources: Sources,
        *,
        branch: str,
        commit: str,
    ) -> Context:
        """What the actions of one pipeline share; ``branch`` and ``commit`` are literal or ``#{...}``."""
        account = self.account
        return Context(
            account=account,
            pipeline=name,
            key=key,
            artifacts=Bucket.named(account, "artifacts", key),
            reports=Bucket.named(account, "reports", key),
            importer=FunctionReference.named(account, IMPORTER),
            guard=FunctionReference.named(account, GUARD),
            sealer=FunctionReference.named(account, SEALER),
            recorder=FunctionReference.named(account, RECORDER),
            repository=Repository(pipeline.repository.name, account),
            branch=branch,
            commit=commit,
            scripts_sha256=sources.scripts_sha256,
            buildspecs=sources.buildspecs,
            images=sources.images,
        )
