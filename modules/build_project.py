"""CodeBuild projects: an inline buildspec, one role and one log group each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.codebuild_project import (
    CodebuildProject,
    CodebuildProjectArtifacts,
    CodebuildProjectEnvironment,
    CodebuildProjectEnvironmentEnvironmentVariable,
    CodebuildProjectLogsConfig,
    CodebuildProjectLogsConfigCloudwatchLogs,
    CodebuildProjectSecondarySources,
    CodebuildProjectSource,
    CodebuildProjectVpcConfig,
)
from cdktf_cdktf_provider_aws.codebuild_report_group import CodebuildReportGroup, CodebuildReportGroupExportConfig

from modules.account import Account
from modules.encryption import Key
from modules.function import LOG_DAYS
from modules.iam import Role, Statement, allow, when
from modules.source import Repository

# The service takes 25,600 characters of an inline buildspec (undocumented); half-read scripts are no place to find out.
BUILDSPEC_LIMIT = 20_000


class BuildspecError(ValueError):
    """A buildspec file that cannot be used; the message names the file and what would be right."""


@dataclass(frozen=True)
class Vpc:
    """Where a build runs that must reach private addresses. Its subnets need a route to AWS's APIs and the tools' hosts."""

    id: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


def read_buildspec(path: Path) -> str:
    """The file's text, to be put inline so that a commit cannot edit it.

    Raises BuildspecError if it is not there or too long.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BuildspecError(f"{path.name}: cannot be read: {error.strerror}") from error
    if len(text) > BUILDSPEC_LIMIT:
        raise BuildspecError(
            f"{path.name}: {len(text)} characters, at most {BUILDSPEC_LIMIT} are allowed: move shell into buildspecs/scripts/"
        )
    return text


def literal(text: str) -> str:
    """Keep Terraform from reading ``${...}`` and ``%{...}`` of a shell line as its own templates.

    https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences-1
    """
    return text.replace("${", "$${").replace("%{", "%%{")


class BuildProject:
    """A CodeBuild project that runs as an action of a pipeline or, with ``source``, of its own on commits of a repository.

    ``secondary``: a second checkout of the same repository, as CODEBUILD_SRC_DIR_<secondary>; whoever starts the build says
    which commit (StartBuild's ``secondarySourcesVersionOverride``).
    https://docs.aws.amazon.com/codebuild/latest/userguide/sample-multi-in-out.html
    """

    def __init__(
        self,
        scope: TerraformStack,
        id_: str,
        *,
        account: Account,
        key: Key,
        name: str,
        description: str,
        buildspec: str,
        image: str,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        privileged: bool = False,
        compute_type: str = "BUILD_GENERAL1_SMALL",
        timeout_minutes: int = 30,
        vpc: Vpc | None = None,
        test_reports: bool = False,
        source: Repository | None = None,
        secondary: str | None = None,
    ) -> None:
        self.name = name
        log_group = f"/aws/codebuild/{name}"
        logs = CloudwatchLogGroup(scope, f"{id_}_logs", name=log_group, retention_in_days=LOG_DAYS, kms_key_id=key.arn)
        if test_reports:
            # CodeBuild would make a group of exactly this name for the buildspec's `reports: tests:`, unencrypted in Terraform's
            # eyes and never deleted. https://docs.aws.amazon.com/codebuild/latest/userguide/report-group-naming.html
            CodebuildReportGroup(
                scope,
                f"{id_}_tests",
                name=f"{name}-tests",
                type="TEST",
                delete_reports=True,
                export_config=CodebuildReportGroupExportConfig(type="NO_EXPORT"),
            )
        role = Role(
            scope,
            id_,
            account=account,
            name=name,
            service="codebuild",
            source_arn=account.arn("codebuild", f"project/{name}"),
            description=description,
            statements=[
                allow(
                    "OwnLog",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [f"{account.arn('logs', f'log-group:{log_group}')}:*"],
                ),
                *(_allow_test_reports(account, name) if test_reports else ()),
                *([source.allow_clone()] if source else ()),
                *statements,
                *(_allow_vpc(account, vpc) if vpc else ()),
            ],
        )
        CodebuildProject(
            scope,
            id_,
            name=name,
            description=description,
            service_role=role.arn,
            build_timeout=timeout_minutes,
            # The service keeps a queued build for 8 hours by default; nobody waits that long for an answer.
            queued_timeout=60,
            encryption_key=key.arn,
            source=CodebuildProjectSource(
                type="CODECOMMIT" if source else "CODEPIPELINE",
                location=source.clone_url if source else None,
                buildspec=literal(buildspec),
            ),
            secondary_sources=[
                CodebuildProjectSecondarySources(
                    type="CODECOMMIT", location=source.clone_url, source_identifier=secondary
                )
            ]
            if source and secondary
            else None,
            artifacts=CodebuildProjectArtifacts(type="NO_ARTIFACTS" if source else "CODEPIPELINE"),
            environment=CodebuildProjectEnvironment(
                type="LINUX_CONTAINER",
                compute_type=compute_type,
                image=image,
                # CodeBuild's own images are pulled with its credentials, all others with the project's role.
                image_pull_credentials_type="CODEBUILD" if image.startswith("aws/codebuild/") else "SERVICE_ROLE",
                privileged_mode=privileged,
                environment_variable=[
                    CodebuildProjectEnvironmentEnvironmentVariable(name=name_, value=value, type="PLAINTEXT")
                    for name_, value in sorted(environment.items())
                ],
            ),
            logs_config=CodebuildProjectLogsConfig(
                cloudwatch_logs=CodebuildProjectLogsConfigCloudwatchLogs(status="ENABLED", group_name=log_group)
            ),
            vpc_config=CodebuildProjectVpcConfig(
                vpc_id=vpc.id, subnets=list(vpc.subnets), security_group_ids=list(vpc.security_groups)
            )
            if vpc
            else None,
            depends_on=[role.policy, logs],
        )
        self.arn = f"${{aws_codebuild_project.{id_}.arn}}"
        self.role_arn = role.arn


def _allow_test_reports(account: Account, name: str) -> list[Statement]:
    """CreateReportGroup also where the group is there: AWS lists it for every project whose buildspec names a group.

    https://docs.aws.amazon.com/codebuild/latest/userguide/test-permissions.html#test-permissions-required
    """
    return [
        allow(
            "TestReports",
            [
                "codebuild:BatchPutTestCases",
                "codebuild:CreateReport",
                "codebuild:CreateReportGroup",
                "codebuild:UpdateReport",
            ],
            [account.arn("codebuild", f"report-group/{name}-tests")],
        )
    ]


def _allow_vpc(account: Account, vpc: Vpc) -> list[Statement]:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html#customer-managed-policies-example-create-vpc-network-interface"""
    return [
        allow(
            "NetworkInterfaces",
            [
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        ),
        allow(
            "NetworkInterfacePermission",
            ["ec2:CreateNetworkInterfacePermission"],
            [account.arn("ec2", "network-interface/*")],
            when("StringEquals", "ec2:AuthorizedService", "codebuild.amazonaws.com"),
            when("StringEquals", "ec2:Subnet", *(account.arn("ec2", f"subnet/{subnet}") for subnet in vpc.subnets)),
        ),
    ]
