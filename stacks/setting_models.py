"""What ``pipelines.yaml`` may say, as models. ``stacks/settings.py`` reads it; use the names from there."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from stacks import setting_values as values

Severity = Literal["critical", "high", "medium", "low", "informational"]
ScannerId = Literal["git-secrets", "snyk", "snyk-code", "snyk-container", "grype", "ecr", "zap"]
Verifier = Literal["snyk", "snyk-code", "snyk-container", "grype"]
ComputeType = Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"]
_READS_IMAGE = {"snyk-container", "grype"}

_M = TypeVar("_M", bound=BaseModel)


def over(own: _M, base: _M) -> _M:
    """``base`` with every key that ``own`` sets."""
    return base.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


class _Model(BaseModel):
    # Strict: YAML knows numbers, texts and truth values apart, and so do we. Deferred: only the whole is ever built.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, validate_by_alias=True)


class GateRule(_Model):
    """What blocks, for one scanner."""

    fail_on: Severity = Field("high", description="least severity that blocks")
    report_only: bool = Field(False, description="true: findings never block; a tool error still does")
    only_fixable: bool = Field(
        False, description="true: vulnerabilities without a fix do not block; secrets and code do"
    )
    ungraded: Literal["block", "report"] = Field("block", description="what a finding without severity does")


class Gate(GateRule):
    """What blocks. A pipeline's own keys override the project's, one by one; a scanner's override both."""

    scanners: dict[ScannerId, GateRule] = Field(
        default_factory=dict, description="other rules for single scanners, by scanner id"
    )

    def for_scanner(self, scanner: str) -> GateRule:
        """The rule that holds for one scanner."""
        chosen = {key: getattr(self, key) for key in GateRule.model_fields}
        own = next((rule for name, rule in self.scanners.items() if name == scanner), None)
        if own:
            chosen |= {key: getattr(own, key) for key in own.model_fields_set}
        return GateRule.model_construct(**chosen)

    def over(self, base: "Gate") -> "Gate":
        """This gate with every key that it does not set taken from ``base``."""
        merged = dict(base.scanners)
        for name, rule in self.scanners.items():
            merged[name] = over(rule, merged[name]) if name in merged else rule
        return over(self, base).model_copy(update={"scanners": merged})


class LocalBackend(_Model):
    """State in a file. https://developer.hashicorp.com/terraform/language/backend/local"""

    type: Literal["local"] = Field(description="local, s3 or http")
    path: values.RelativePath | None = Field(None, description="folder of the state files, relative")


class S3Backend(_Model):
    """State in a bucket. https://developer.hashicorp.com/terraform/language/backend/s3"""

    type: Literal["s3"] = Field(description="local, s3 or http")
    bucket: values.BucketName = Field(description="name of the bucket that holds the state; it must exist")
    region: values.Region = Field("", description="the bucket's region; the project's by default")
    prefix: values.RelativePath = Field("", description="beginning of the state's keys; the project's name by default")
    lockfile: bool | None = Field(None, description="lock with a file in the bucket (Terraform 1.10 and later)")
    kms_key: values.KeyArn | None = Field(None, description="ARN of the key that encrypts the state")


class HttpBackend(_Model):
    """State behind an address. https://developer.hashicorp.com/terraform/language/backend/http"""

    type: Literal["http"] = Field(description="local, s3 or http")
    address: values.HttpsUrl = Field(description="https URL; the stack's name is added to it")
    lock: bool = Field(True, description="whether that server can lock")


Backend = Annotated[LocalBackend | S3Backend | HttpBackend, Field(discriminator="type")]


def _existing(value: object) -> object:
    if value == "manage":
        raise ValueError("'manage' is not available yet; write existing")
    return value


Singleton = Literal["existing", "manage"]
OnlyExisting = Annotated[Literal["existing"], BeforeValidator(_existing)]


class Singletons(_Model):
    """What an account has once. ``existing``: left alone. ``manage``: this project switches it on, and off."""

    security_hub: Literal["existing", "manage", "none"] = Field(
        "existing",
        description="Security Hub: existing, manage, or none (not used: findings stand in S3 alone). Switched off without"
        " none, every gate stops",
    )
    ecr_scanning: Singleton = Field("existing", description="the registry's scanning: existing or manage")
    inspector: OnlyExisting = Field("existing", description="Inspector: existing")
    cloudtrail: Singleton = Field(
        "existing", description="CloudTrail: existing, or manage (a trail of this project's for the whole account)"
    )
    config: Singleton = Field(
        "existing", description="AWS Config: existing, or manage (recorder, delivery and rules of this project's)"
    )


class Audit(_Model):
    """What people hear of from CloudTrail."""

    log_group: values.LogGroupName | None = Field(
        None,
        description="with cloudtrail: existing, the log group of an existing multi-region trail, in this region: alarms listen there",
    )
    deployers: Annotated[list[values.DeployerArn], AfterValidator(values.unique)] = Field(
        default_factory=list,
        max_length=6,
        description="ARNs of the roles and users that may change what is deployed; without them whoever calls himself Terraform",
    )
    direct_pushes: Literal["alarm", "allow"] = Field(
        "alarm",
        description="what a commit does that reaches a delivered branch without a pull request: alarm, or allow",
    )


class Compliance(_Model):
    """What AWS Config's rules are for."""

    hold_production: Annotated[list[values.ConfigRuleName], AfterValidator(values.unique)] = Field(
        default_factory=list,
        max_length=10,
        description="names of Config rules: the guard holds production while one of them is not COMPLIANT, or cannot be read",
    )
    rules: Literal["make", "none"] | None = Field(
        None, description="this project's own rules: make or none; with config: manage they are made, with existing not"
    )


class Snyk(_Model):
    """Where Snyk's credentials stand: names of SecureString parameters, never the values."""

    token_parameter: values.ParameterName = Field("", description="parameter with the token; /<project>/snyk/token")
    organization_parameter: values.ParameterName = Field(
        "", description="parameter with the organization's id; /<project>/snyk/organization"
    )
    kms_key: values.KeyArn | None = Field(None, description="ARN of the key of both, if it is not aws/ssm")


class Waiver(_Model):
    """A finding that does not block until a day, somebody answering for it."""

    scanner: ScannerId = Field(description="which scanner reports it")
    rule: values.Line = Field(description="the scanner's id of the problem, such as CVE-2026-1234")
    location: values.Glob | None = Field(
        None, description="only where the path or package matches; everywhere if absent"
    )
    owner: values.Email = Field(description="e-mail address of who answers for it")
    reason: values.Reason = Field(description="why it may pass")
    expires: values.Day = Field(description="last day that it holds, such as 2027-01-31")

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires < today


class Repository(_Model):
    """A CodeCommit repository; ``name``, ``arn`` (if it was given as one) and ``create``."""

    given: values.RepositoryName = Field(alias="name", description="name or ARN of the CodeCommit repository")
    create: bool = Field(False, description="true: make the repository")

    @property
    def name(self) -> str:
        """Its name, whichever way it was given."""
        return values.arn(self.given).resource if self.arn else self.given

    @property
    def arn(self) -> str | None:
        """Its ARN, if it was given as one."""
        return self.given if self.given.startswith("arn:") else None

    @model_validator(mode="after")
    def _made_by_name(self) -> "Repository":
        if self.create and self.arn:
            raise ValueError("create: true makes a repository in this account and region; give its name, not an ARN")
        return self


@dataclass(frozen=True)
class _Alone:
    """One key's value where a mapping with that key could stand."""

    key: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The value becomes the mapping with that key."""
        return core_schema.no_info_before_validator_function(
            lambda given: given if isinstance(given, dict) else {self.key: given}, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form."""
        mapping = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(mapping)["properties"][self.key], mapping]}


class OwnNotify(_Model):
    """Who hears of one pipeline, and of what. Keys that are not there are the project's."""

    emails: Annotated[list[values.Email], AfterValidator(values.unique)] = Field(
        default_factory=list, min_length=1, description="e-mail addresses that hear of it; the project's by default"
    )
    severity: Severity = Field("high", description="least severity of a finding in a released image that is told")
    successes: bool = Field(False, description="true: also runs that went through are told")

    def over(self, base: "Notify") -> "OwnNotify":
        """This with what it does not say taken from ``base``, but for the addresses: who has none has no topic of its own."""
        update = {key: getattr(base, key) for key in ("severity", "successes") if key not in self.model_fields_set}
        return self.model_copy(update=update)


class Notify(OwnNotify):
    """Who hears of the project's pipelines, and of what."""

    emails: Annotated[list[values.Email], AfterValidator(values.unique)] = Field(
        min_length=1, description="e-mail addresses that hear of failures, of findings in released images and of alarms"
    )


class _Pipeline(_Model):
    repository: Annotated[Repository, _Alone("name")] = Field(
        description="name or ARN of a CodeCommit repository, or {name: ..., create: true}"
    )
    notify: Annotated[OwnNotify, _Alone("emails")] = Field(
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
    branches: Annotated[list[values.BranchPattern], AfterValidator(values.unique)] = Field(
        min_length=1, description='branches to scan: main, feature/ (a beginning), release-*, or "*" for all'
    )
    default_branch: values.BranchName = Field("", description="branch that the source action names")
    buildspec: values.RelativePath | None = Field(None, description="your own file that resolves dependencies")

    def branch_patterns(self) -> list[str | dict[str, str]] | None:
        """What ``referenceName`` of an EventBridge pattern takes; None for every branch."""
        return _patterns(self.branches)


class Build(_Model):
    """How the repository is built and tested. Limits: CodeBuild's CreateProject."""

    script: values.RelativePath | None = Field(None, description="script in the repository that builds and tests")
    dockerfile: values.RelativePath = Field("Dockerfile", description="path of the Dockerfile")
    context: values.RelativePath = Field(".", description="folder that the image is built from")
    test_reports: values.Glob | None = Field(
        None, description="where the script leaves JUnit XML, such as reports/*.xml"
    )
    compute: ComputeType = Field("BUILD_GENERAL1_MEDIUM", description="size of the build's machine")
    timeout: values.BuildMinutes = Field(30, description="minutes, 5 to 2160")


class Secrets(_Model):
    """What git-secrets looks at beside the commit's files."""

    history: bool = Field(False, description="true: also every earlier commit")


class Zap(_Model):
    """OWASP ZAP's look at staging. https://www.zaproxy.org/docs/docker/"""

    scan: Literal["baseline", "full", "api"] = Field("baseline", description="baseline, full or api")
    target: values.HttpsUrl = Field(description="https URL of staging; for an api scan that of its definition")
    api_format: Literal["openapi", "soap", "graphql"] | None = Field(None, description="form of the api's definition")
    minutes: values.WaitMinutes = Field(10, description="minutes, 1 to 1000")

    @model_validator(mode="after")
    def _api_has_a_format(self) -> "Zap":
        if (self.scan == "api") != (self.api_format is not None):
            raise ValueError("scan: api and api_format (openapi, soap or graphql) go together; give both or neither")
        return self


class Vpc(_Model):
    """Where the deploying build runs. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html"""

    id: values.VpcId = Field(description="the VPC's id")
    subnets: Annotated[list[values.SubnetId], AfterValidator(values.unique)] = Field(
        min_length=1, max_length=16, description="private subnets that reach the cluster and, by NAT or endpoints, AWS"
    )
    security_groups: Annotated[list[values.SecurityGroupId], AfterValidator(values.unique)] = Field(
        min_length=1, max_length=5, description="security groups of the build"
    )


class Environment(_Model):
    """One namespace of an EKS cluster."""

    cluster: values.ClusterName = Field(description="name of the EKS cluster")
    namespace: values.Namespace = Field(description="namespace to deploy to")
    manifests: values.RelativePath = Field(description="kustomization, folder or file in the repository")
    access: Literal["group", "edit-policy"] = Field(
        "group", description="group: a Kubernetes group that you bind; edit-policy: AmazonEKSEditPolicy"
    )
    rollout_timeout: values.WaitMinutes = Field(10, description="minutes, 1 to 1000")
    vpc: Vpc | None = Field(None, description="for a cluster with a private endpoint")


class Approval(_Model):
    """Who says yes to production."""

    emails: Annotated[list[values.Email], AfterValidator(values.unique)] = Field(
        min_length=1, description="e-mail addresses that are asked"
    )
    separation_of_duties: bool = Field(
        True,
        description="true: who pushed the commit may not approve it; the release guard holds production then",
    )


def _one_reads_the_image(scanners: list[Verifier]) -> list[Verifier]:
    if not _READS_IMAGE & set(scanners):
        raise ValueError("none of these reads the image; add grype or snyk-container")
    return values.unique(scanners)


class DeliveryPipeline(_Pipeline):
    """commit -> production."""

    kind: Literal["delivery"] = Field(description="scan, delivery or review")
    branch: values.BranchName = Field("main", description="the branch that is delivered")
    image: values.ImageName = Field(description="the image's exact name in the manifests, without tag")
    other_images: Annotated[list[values.PinnedImage], AfterValidator(values.unique)] = Field(
        default_factory=list,
        description="images that the manifests may hold beside it, each as name@sha256:..., exactly as there",
    )
    registry: values.RegistryName = Field("", description="ECR repository; <project>/<pipeline> by default")
    build: Build = Field(default_factory=Build.model_construct, description="how the repository is built")
    secrets: Secrets = Field(default_factory=Secrets.model_construct, description="what git-secrets looks at")
    scanners: Annotated[list[Verifier], AfterValidator(_one_reads_the_image)] = Field(
        min_length=1, description="snyk, snyk-code, snyk-container, grype; one of the last two at least"
    )
    ecr_scan_timeout: values.WaitMinutes = Field(15, description="minutes to wait for ECR's own scan, 1 to 1000")
    zap: Zap = Field(description="OWASP ZAP's scan of staging")
    staging: Environment = Field(description="where each commit is deployed first")
    production: Environment = Field(description="where it goes after the approval")
    approval: Approval = Field(description="who approves")


class ReviewPipeline(_Model):
    """pull request of the repository that holds this project -> a comment on what its plan would do. No CodePipeline."""

    kind: Literal["review"] = Field(description="scan, delivery or review")
    repository: Annotated[Repository, _Alone("name")] = Field(
        description="name or ARN of the CodeCommit repository that holds this project, or {name: ..., create: true}"
    )
    branches: Annotated[list[values.BranchPattern], AfterValidator(values.unique)] = Field(
        default_factory=lambda: ["main"],
        min_length=1,
        description='branches whose pull requests are reviewed: main, release-* (a beginning), or "*" for all',
    )
    settings: values.RelativePath = Field("pipelines.yaml", description="this file's path in that repository")
    checks: Annotated[list[values.MakeTarget], AfterValidator(values.unique)] = Field(
        default_factory=lambda: ["check"], description="targets of the Makefile that must succeed; [] for none"
    )
    compute: ComputeType = Field("BUILD_GENERAL1_MEDIUM", description="size of the build's machine")
    timeout: values.BuildMinutes = Field(60, description="minutes, 5 to 2160")

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


class SettingsFile(_Model):
    """What pipelines.yaml may say."""

    project: values.ProjectName = Field(description="short name that every resource's name begins with")
    region: values.Region = Field(description="AWS region, such as eu-central-1")
    account: values.AccountId | None = Field(None, description="the AWS account's id: 12 digits, in quotes")
    tags: values.Tags = Field(default_factory=dict, description="tags of every resource")
    terraform: values.Constraint | None = Field(None, description='Terraform\'s version, such as ">= 1.11.0"')
    aws_provider: values.Constraint = Field(">= 5.100.0, < 7.0.0", description="version of the AWS provider")
    backend: Backend = Field(
        default_factory=lambda: LocalBackend.model_construct(type="local"),
        description="where Terraform keeps its state",
    )
    notify: Annotated[Notify, _Alone("emails")] = Field(
        description="e-mail addresses that hear of failures, or {emails, severity, successes}"
    )
    singletons: Singletons = Field(default_factory=Singletons.model_construct, description="what an account has once")
    audit: Audit = Field(default_factory=Audit.model_construct, description="what people hear of from CloudTrail")
    compliance: Compliance = Field(
        default_factory=Compliance.model_construct, description="what Config's rules are for"
    )
    snyk: Snyk = Field(default_factory=Snyk.model_construct, description="where Snyk's credentials stand")
    gate: Gate = Field(default_factory=Gate.model_construct, description="what blocks, in every pipeline")
    waivers: list[Waiver] = Field(default_factory=list, description="findings that do not block for a while")
    pipelines: dict[values.PipelineName, Pipeline] = Field(min_length=1, description="the pipelines, by name")


class Settings(SettingsFile):
    """Checked and complete: what depends on other settings is filled in, pipelines hold their merged gate and snyk.

    ``pipelines`` are those that CodePipeline runs; a review is none of them and stands in ``reviews``.
    """

    pipelines: dict[str, Released]  # type: ignore[assignment]  # load() has taken the reviews out
    reviews: dict[str, ReviewPipeline]
    source: Path  # the file that was read
    pipelines_variable: str | None  # PIPELINES as it was given, for printed commands
    outdir: Path
    buildspecs: dict[str, str]  # pipeline -> text of its own buildspec
    warnings: list[str]

    def stack_names(self) -> list[str]:
        """Every stack, in the order of deployment."""
        return list(dict.fromkeys([*values.OTHER_STACKS, *self.pipelines, *self.reviews]))
