"""The build that plans a pull request's branch, and the event that starts it.

**A branch's code runs in this build**: the project is Python, and its synthesis is a program of the branch. So the role is
the fence: it reads the repository, the builds' scripts, the state of the stacks and what a plan looks up, and writes below
one prefix. docs/threat-model.md says what a hostile branch can read. The plan is made without refresh: to compare the
state with AWS Terraform would have to read every resource, a function's code and environment among them, and a reviewer
asks what the branch changes, not what drifted. https://developer.hashicorp.com/terraform/cli/commands/plan#refresh-false
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_event_target import CloudwatchEventTargetInputTransformer

from modules.account import Account
from modules.build_project import BuildProject
from modules.encryption import Key
from modules.events import DeadLetters, Rule
from modules.iam import Role, Statement, allow, when
from modules.source import BranchPattern, Repository
from modules.storage import Bucket

DESTINATION = "destination"
# Where in the reports bucket a build leaves its plans, and how long they are kept: they hold the state's values.
PLANS = "plans"
PLAN_DAYS = 30

# Data sources that a stack may have, and what reading each asks AWS for: Terraform reads them also without refresh. A type
# that is not here could not be read by the role; a test compares with what is emitted. "key": the project's own key.
LOOKUPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "aws_caller_identity": (),  # sts:GetCallerIdentity takes no permission
    "aws_partition": (),
    "aws_iam_policy_document": (),
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_ListAliases.html takes no resource; the provider then
    # describes the key behind the alias: its id, state and rotation, nothing that it encrypts.
    "aws_kms_alias": (("kms:ListAliases", "*"), ("kms:DescribeKey", "key")),
}


@dataclass(frozen=True)
class State:
    """Where the stacks' state stands: an S3 backend's bucket, its region, the beginning of the keys, and its own key."""

    bucket: str
    region: str
    prefix: str
    kms_key: str | None

    def allow_read(self, account: Account) -> list[Statement]:
        """Every stack's state, also that of one that is not there yet; no lock, no write.

        Without s3:ListBucket a state that does not exist would answer 403.
        https://developer.hashicorp.com/terraform/language/backend/s3#permissions-required
        """
        arn = account.bucket_arn(self.bucket)
        statements = [
            allow("FindState", ["s3:ListBucket"], [arn]),
            allow("ReadState", ["s3:GetObject"], [f"{arn}/{self.prefix}/*.tfstate"]),
        ]
        if self.kms_key:
            through = when("StringEquals", "kms:ViaService", f"s3.{self.region}.{account.dns_suffix}")
            statements.append(allow("StateKey", ["kms:Decrypt"], [self.kms_key], through))
        return statements


def allow_lookups(key: Key) -> list[Statement]:
    """What reading the stacks' data sources asks AWS for."""
    asked = dict.fromkeys(one for actions in LOOKUPS.values() for one in actions)
    by_resource = {where: [action for action, at in asked if at == where] for _, where in asked}
    return [
        allow("LookUp" if where == "*" else "LookUpKey", actions, ["*"] if where == "*" else [key.arn])
        for where, actions in by_resource.items()
    ]


@dataclass(frozen=True)
class ReviewBuild:
    """What the plan build of one review needs to be made; ``environment`` adds to the builds' usual variables."""

    account: Account
    key: Key
    review: str
    repository: Repository
    artifacts: Bucket
    reports: Bucket
    scripts_sha256: str
    state: State
    buildspec: str
    image: str
    environment: Mapping[str, str]
    compute_type: str
    timeout_minutes: int

    def make(
        self, scope: TerraformStack, *, destinations: Sequence[BranchPattern] | None, dead_letters: DeadLetters
    ) -> BuildProject:
        """The project, and the rule that starts it for each commit of an open pull request."""
        account, scripts = self.account, f"scripts/{self.scripts_sha256}.zip"
        project = BuildProject(
            scope,
            "Review_plan",
            account=account,
            key=self.key,
            name=account.names.build(self.review, "plan"),
            description=f"{self.review}: what a pull request of {self.repository.name} would change; runs the branch's code",
            buildspec=self.buildspec,
            image=self.image,
            environment={
                "SCRIPTS_URI": f"s3://{self.artifacts.name}/{scripts}",
                "SCRIPTS_SHA256": self.scripts_sha256,
                "REPORTS_BUCKET": self.reports.name,
                "PLANS_PREFIX": f"{PLANS}/{self.review}",
                **self.environment,
            },
            statements=[
                allow("ReadScripts", ["s3:GetObject"], self.artifacts.objects(scripts)),
                # What a build wrote it cannot read again, nor find: its folder's name is the build's id, a random one.
                allow("WritePlans", ["s3:PutObject"], self.reports.objects(f"{PLANS}/{self.review}/*")),
                self.key.allow_use("s3", write=True),
                *self.state.allow_read(account),
                *allow_lookups(self.key),
            ],
            compute_type=self.compute_type,
            timeout_minutes=self.timeout_minutes,
            source=self.repository,
            secondary=DESTINATION,
        )
        self._start(scope, project, destinations, dead_letters)
        return project

    def rule_purpose(self) -> str:
        """Of the rule that starts the build, and of its role."""
        return f"{self.review}-pull-requests"

    def _start(
        self,
        scope: TerraformStack,
        project: BuildProject,
        destinations: Sequence[BranchPattern] | None,
        dead_letters: DeadLetters,
    ) -> None:
        account, purpose = self.account, self.rule_purpose()
        role = Role(
            scope,
            "pull_request",
            account=account,
            name=account.names.role(purpose),
            service="events",
            source_arn=account.arn("events", f"rule/{account.names.rule(purpose)}"),
            description=f"Lets a pull request's event start {project.name}, nothing else",
            statements=[allow("Start", ["codebuild:StartBuild"], [project.arn])],
        )
        # The payload of StartBuild, written as text: the transformer puts the bare value where <...> stands. CodeCommit made
        # these three (two commit ids and a number); names of branches, titles and people are foreign text and stay out.
        # https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_events_targets.CodeBuildProjectProps.html
        # https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
        variables = ",".join(
            f'{{"name":"{name}","value":"<{value}>","type":"PLAINTEXT"}}'
            for name, value in (("COMMIT", "source"), ("DESTINATION_COMMIT", "destination"), ("PULL_REQUEST", "id"))
        )
        template = (
            '{"sourceVersion":"<source>",'
            f'"secondarySourcesVersionOverride":[{{"sourceIdentifier":"{DESTINATION}","sourceVersion":"<destination>"}}],'
            f'"environmentVariablesOverride":[{variables}]}}'
        )
        Rule(
            scope,
            "pull_request",
            account=account,
            purpose=purpose,
            description=f"A pull request of {self.repository.name} is made or gets a commit",
            pattern=self.repository.pull_request_pattern(destinations),
            target_arn=project.arn,
            role_arn=role.arn,
            dead_letters=dead_letters,
            input_transformer=CloudwatchEventTargetInputTransformer(
                input_paths={
                    "source": "$.detail.sourceCommit",
                    "destination": "$.detail.destinationCommit",
                    "id": "$.detail.pullRequestId",
                },
                input_template=template,
            ),
        )
