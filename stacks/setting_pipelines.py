"""The kinds of pipeline: scan, delivery, review."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stacks import setting_aws as aws
from stacks import setting_values as values
from stacks.setting_base import Alone, Model
from stacks.setting_gate import READS_IMAGE, Gate, Verifier
from stacks.setting_project import OwnNotify, Snyk
from stacks.setting_text import unique

ComputeType = Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"]


class Repository(Model):
    """A CodeCommit repository; ``name``, ``arn`` (if it was given as one) and ``create``."""

    given: aws.RepositoryName = Field(alias="name", description="name or ARN of the CodeCommit repository")
    create: bool = Field(False, description="true: make the repository")

    @property
    def name(self) -> str:
        """Its name, whichever way it was given."""
        return aws.arn(self.given).resource if self.arn else self.given

    @property
    def arn(self) -> str | None:
        """Its ARN, if it was given as one."""
        return self.given if self.given.startswith("arn:") else None

    @model_validator(mode="after")
    def _made_by_name(self) -> "Repository":
        if self.create and self.arn:
            raise ValueError("create: true makes a repository in this account and region; give its name, not an ARN")
        return self


class _Pipeline(Model):
    repository: Annotated[Repository, Alone("name")] = Field(
        description="name or ARN of a CodeCommit repository, or {name: ..., create: true}"
    )
    notify: Annotated[OwnNotify, Alone("emails")] = Field(
        default_factory=OwnNotify.model_construct,
        description="e-mail addresses that hear of this pipeline, or {emails, severity, successes}; the project's by default",
    )
    gate: Gate = Field(
        default_factory=Gate.model_construct, description="what blocks here, where it differs from the project's gate"
    )
    snyk: Snyk = Field(default_factory=Snyk.model_construct, description="other credentials than the project's")


def _patterns(branches: list[str]) -> list[str | dict[str, str]] | None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html ; None for every branch."""
    if "*" in branches:
        return None
    return [{"prefix": branch.removesuffix("*")} if branch.endswith(("/", "*")) else branch for branch in branches]


class ScanPipeline(_Pipeline):
    """commit -> Snyk."""

    kind: Literal["scan"] = Field(description="scan, delivery or review")
    branches: Annotated[list[values.BranchPattern], AfterValidator(unique)] = Field(
        min_length=1, description='branches to scan: main, feature/ (a beginning), release-*, or "*" for all'
    )
    default_branch: values.BranchName = Field("", description="branch that the source action names")
    buildspec: values.RelativePath | None = Field(None, description="your own file that resolves dependencies")

    def branch_patterns(self) -> list[str | dict[str, str]] | None:
        """What ``referenceName`` of an EventBridge pattern takes; None for every branch."""
        return _patterns(self.branches)


class Build(Model):
    """How the repository is built and tested. Limits: CodeBuild's CreateProject."""

    script: values.RelativePath | None = Field(None, description="script in the repository that builds and tests")
    dockerfile: values.RelativePath = Field("Dockerfile", description="path of the Dockerfile")
    context: values.RelativePath = Field(".", description="folder that the image is built from")
    test_reports: values.Glob | None = Field(
        None, description="where the script leaves JUnit XML, such as reports/*.xml"
    )
    compute: ComputeType = Field("BUILD_GENERAL1_MEDIUM", description="size of the build's machine")
    timeout: aws.BuildMinutes = Field(30, description="minutes, 5 to 2160")


class Secrets(Model):
    """What git-secrets looks at beside the commit's files."""

    history: bool = Field(False, description="true: also every earlier commit")


class Zap(Model):
    """OWASP ZAP's look at staging. https://www.zaproxy.org/docs/docker/"""

    scan: Literal["baseline", "full", "api"] = Field("baseline", description="baseline, full or api")
    target: values.HttpsUrl = Field(description="https URL of staging; for an api scan that of its definition")
    api_format: Literal["openapi", "soap", "graphql"] | None = Field(None, description="form of the api's definition")
    minutes: aws.WaitMinutes = Field(10, description="minutes, 1 to 1000")

    @model_validator(mode="after")
    def _api_has_a_format(self) -> "Zap":
        if (self.scan == "api") != (self.api_format is not None):
            raise ValueError("scan: api and api_format (openapi, soap or graphql) go together; give both or neither")
        return self


class Vpc(Model):
    """Where the deploying build runs. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html"""

    id: aws.VpcId = Field(description="the VPC's id")
    subnets: Annotated[list[aws.SubnetId], AfterValidator(unique)] = Field(
        min_length=1, max_length=16, description="private subnets that reach the cluster and, by NAT or endpoints, AWS"
    )
    security_groups: Annotated[list[aws.SecurityGroupId], AfterValidator(unique)] = Field(
        min_length=1, max_length=5, description="security groups of the build"
    )


class Environment(Model):
    """One namespace of an EKS cluster."""

    cluster: aws.ClusterName = Field(description="name of the EKS cluster")
    namespace: values.Namespace = Field(description="namespace to deploy to")
    manifests: values.RelativePath = Field(description="kustomization, folder or file in the repository")
    access: Literal["group", "edit-policy"] = Field(
        "group", description="group: a Kubernetes group that you bind; edit-policy: AmazonEKSEditPolicy"
    )
    rollout_timeout: aws.WaitMinutes = Field(10, description="minutes, 1 to 1000")
    vpc: Vpc | None = Field(None, description="for a cluster with a private endpoint")


class Approval(Model):
    """Who says yes to production."""

    emails: Annotated[list[values.Email], AfterValidator(unique)] = Field(
        min_length=1, description="e-mail addresses that are asked"
    )
    separation_of_duties: bool = Field(
        True,
        description="true: who pushed the commit may not approve it; the release guard holds production then",
    )


def _one_reads_the_image(scanners: list[Verifier]) -> list[Verifier]:
    if not READS_IMAGE & set(scanners):
        raise ValueError("none of these reads the image; add grype or snyk-container")
    return unique(scanners)


class DeliveryPipeline(_Pipeline):
    """commit -> production."""

    kind: Literal["delivery"] = Field(description="scan, delivery or review")
    branch: values.BranchName = Field("main", description="the branch that is delivered")
    image: values.ImageName = Field(description="the image's exact name in the manifests, without tag")
    other_images: Annotated[list[values.PinnedImage], AfterValidator(unique)] = Field(
        default_factory=list,
        description="images that the manifests may hold beside it, each as name@sha256:..., exactly as there",
    )
    registry: aws.RegistryName = Field("", description="ECR repository; <project>/<pipeline> by default")
    build: Build = Field(default_factory=Build.model_construct, description="how the repository is built")
    secrets: Secrets = Field(default_factory=Secrets.model_construct, description="what git-secrets looks at")
    scanners: Annotated[list[Verifier], AfterValidator(_one_reads_the_image)] = Field(
        min_length=1, description="snyk, snyk-code, snyk-container, grype; one of the last two at least"
    )
    ecr_scan_timeout: aws.WaitMinutes = Field(15, description="minutes to wait for ECR's own scan, 1 to 1000")
    zap: Zap = Field(description="OWASP ZAP's scan of staging")
    staging: Environment = Field(description="where each commit is deployed first")
    production: Environment = Field(description="where it goes after the approval")
    approval: Approval = Field(description="who approves")


class ReviewPipeline(Model):
    """pull request of the repository that holds this project -> a comment on what its plan would do. No CodePipeline."""

    kind: Literal["review"] = Field(description="scan, delivery or review")
    repository: Annotated[Repository, Alone("name")] = Field(
        description="name or ARN of the CodeCommit repository that holds this project, or {name: ..., create: true}"
    )
    branches: Annotated[list[values.BranchPattern], AfterValidator(unique)] = Field(
        default_factory=lambda: ["main"],
        min_length=1,
        description='branches whose pull requests are reviewed: main, release-* (a beginning), or "*" for all',
    )
    settings: values.RelativePath = Field("pipelines.yaml", description="this file's path in that repository")
    checks: Annotated[list[values.MakeTarget], AfterValidator(unique)] = Field(
        default_factory=lambda: ["check"], description="targets of the Makefile that must succeed; [] for none"
    )
    compute: ComputeType = Field("BUILD_GENERAL1_MEDIUM", description="size of the build's machine")
    timeout: aws.BuildMinutes = Field(60, description="minutes, 5 to 2160")

    def destinations(self) -> list[str | dict[str, str]] | None:
        """What ``destinationReference`` of an EventBridge pattern takes; None for every branch."""
        patterns = _patterns(self.branches)
        return patterns and [
            {"prefix": f"refs/heads/{one['prefix']}"} if isinstance(one, dict) else f"refs/heads/{one}"
            for one in patterns
        ]


# What has a pipeline in CodePipeline, and what stands beside it under ``pipelines:``.
Released = ScanPipeline | DeliveryPipeline
Pipeline = Annotated[ScanPipeline | DeliveryPipeline | ReviewPipeline, Field(discriminator="kind")]
