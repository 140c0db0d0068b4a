"""What ``pipelines.yaml`` may say, as a model. ``stacks/settings.py`` reads it; use the names from there."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from stacks import setting_aws as aws
from stacks import setting_values as values
from stacks.setting_base import Alone, Model
from stacks.setting_gate import Gate, Waiver
from stacks.setting_pipelines import Pipeline, Released, ReviewPipeline
from stacks.setting_project import Audit, Backend, Compliance, LocalBackend, Notify, Singletons, Snyk
from stacks.setting_tags import Tags
from stacks.setting_versions import Constraint


class SettingsFile(Model):
    """What pipelines.yaml may say."""

    project: values.ProjectName = Field(description="short name that every resource's name begins with")
    region: aws.Region = Field(description="AWS region, such as eu-central-1")
    account: aws.AccountId | None = Field(None, description="the AWS account's id: 12 digits, in quotes")
    tags: Tags = Field(default_factory=dict, description="tags of every resource")
    terraform: Constraint | None = Field(None, description='Terraform\'s version, such as ">= 1.11.0"')
    aws_provider: Constraint = Field(">= 5.100.0, < 7.0.0", description="version of the AWS provider")
    backend: Backend = Field(
        default_factory=lambda: LocalBackend.model_construct(type="local"),
        description="where Terraform keeps its state",
    )
    notify: Annotated[Notify, Alone("emails")] = Field(
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
