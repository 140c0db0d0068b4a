"""What holds for a whole project: state, the account's own services, who hears of what, where credentials stand."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stacks import setting_aws as aws
from stacks import setting_values as values
from stacks.setting_base import Model
from stacks.setting_gate import Severity
from stacks.setting_text import unique


class LocalBackend(Model):
    """State in a file. https://developer.hashicorp.com/terraform/language/backend/local"""

    type: Literal["local"] = Field(description="local, s3 or http")
    path: values.RelativePath | None = Field(None, description="folder of the state files, relative")


class S3Backend(Model):
    """State in a bucket. https://developer.hashicorp.com/terraform/language/backend/s3"""

    type: Literal["s3"] = Field(description="local, s3 or http")
    bucket: aws.BucketName = Field(description="name of the bucket that holds the state; it must exist")
    region: aws.Region = Field("", description="the bucket's region; the project's by default")
    prefix: values.RelativePath = Field("", description="beginning of the state's keys; the project's name by default")
    lockfile: bool | None = Field(None, description="lock with a file in the bucket (Terraform 1.10 and later)")
    kms_key: aws.KeyArn | None = Field(None, description="ARN of the key that encrypts the state")


class HttpBackend(Model):
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


class Singletons(Model):
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


class Audit(Model):
    """What people hear of from CloudTrail."""

    log_group: aws.LogGroupName | None = Field(
        None,
        description="with cloudtrail: existing, the log group of an existing multi-region trail, in this region: alarms listen there",
    )
    deployers: Annotated[list[aws.DeployerArn], AfterValidator(unique)] = Field(
        default_factory=list,
        max_length=6,
        description="ARNs of the roles and users that may change what is deployed; without them whoever calls himself Terraform",
    )
    direct_pushes: Literal["alarm", "allow"] = Field(
        "alarm",
        description="what a commit does that reaches a delivered branch without a pull request: alarm, or allow",
    )


class Compliance(Model):
    """What AWS Config's rules are for."""

    hold_production: Annotated[list[aws.ConfigRuleName], AfterValidator(unique)] = Field(
        default_factory=list,
        max_length=10,
        description="names of Config rules: the guard holds production while one of them is not COMPLIANT, or cannot be read",
    )
    rules: Literal["make", "none"] | None = Field(
        None, description="this project's own rules: make or none; with config: manage they are made, with existing not"
    )


class Snyk(Model):
    """Where Snyk's credentials stand: names of SecureString parameters, never the values."""

    token_parameter: aws.ParameterName = Field("", description="parameter with the token; /<project>/snyk/token")
    organization_parameter: aws.ParameterName = Field(
        "", description="parameter with the organization's id; /<project>/snyk/organization"
    )
    kms_key: aws.KeyArn | None = Field(None, description="ARN of the key of both, if it is not aws/ssm")


class OwnNotify(Model):
    """Who hears of one pipeline, and of what. Keys that are not there are the project's."""

    emails: Annotated[list[values.Email], AfterValidator(unique)] = Field(
        default_factory=list, min_length=1, description="e-mail addresses that hear of it; the project's by default"
    )
    severity: Severity = Field(
        "high",
        description="least severity of a finding in a released image that is told; one without a grade always is",
    )
    successes: bool = Field(False, description="true: also runs that went through are told")

    def over(self, base: "Notify") -> "OwnNotify":
        """This with what it does not say taken from ``base``, but for the addresses: who has none has no topic of its own."""
        update = {key: getattr(base, key) for key in ("severity", "successes") if key not in self.model_fields_set}
        return self.model_copy(update=update)


class Notify(OwnNotify):
    """Who hears of the project's pipelines, and of what."""

    emails: Annotated[list[values.Email], AfterValidator(unique)] = Field(
        min_length=1, description="e-mail addresses that hear of failures, of findings in released images and of alarms"
    )
