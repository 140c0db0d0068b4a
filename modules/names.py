"""Physical names: the only place that makes one.

Every name is ``<project>-<purpose>``, without randomness, and trimmed with a hash where the service's limit is shorter.
Stacks share names, not state: a stack composes the name (and so the ARN) of what another stack made. A name is therefore
an external contract; changing how one is made replaces resources at every user.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# Longest name each service takes.
ROLE = 64  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
FUNCTION = 64  # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
RULE = 64  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
QUEUE = 80  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
PIPELINE = 100  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html
BUILD_PROJECT = 150  # https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html (console limit)
TRAIL = 128  # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
CONFIG_RULE = (
    64  # https://docs.aws.amazon.com/config/latest/APIReference/API_ComplianceByConfigRule.html (128 elsewhere)
)
TOPIC = 256  # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
BUCKET = 63  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html

# CodePipeline keys its artifacts by the first 20 characters of the pipeline's name: a policy on "<name>/*" that uses more
# of it matches nothing. https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
ARTIFACT_PREFIX = 20

_HASH = 8


def fit(name: str, limit: int) -> str:
    """``name`` itself if it has at most ``limit`` characters, else its beginning with a hash of the whole."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{name[: limit - _HASH - 1].rstrip('-')}-{digest}"


def identifier(text: str) -> str:
    """``text`` as part of a Terraform address, with a hash wherever that had to change it: two texts stay two."""
    plain = "".join(character if character.isascii() and character.isalnum() else "_" for character in text.lower())
    return plain if plain == text else f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:_HASH]}"


@dataclass(frozen=True)
class Names:
    """Names of everything that belongs to one project."""

    project: str

    @property
    def key_alias(self) -> str:
        """Alias of the project's KMS key."""
        return f"alias/{self.project}"

    def bucket(self, purpose: str, account: str, region: str) -> str:
        """Bucket names are unique in the whole partition, so account and region (which may be tokens) are in them."""
        return f"{self.project}-{purpose}-{account}-{region}"

    def pipeline(self, name: str) -> str:
        """Name of the CodePipeline pipeline that ``pipelines.yaml`` calls ``name``."""
        return fit(f"{self.project}-{name}", PIPELINE)

    def artifact_prefix(self, name: str) -> str:
        """What CodePipeline puts before its artifacts of this pipeline; must differ between the pipelines of a project."""
        return self.pipeline(name)[:ARTIFACT_PREFIX]

    def build(self, pipeline: str, action: str) -> str:
        """CodeBuild project, its role and its log group. The role's limit is the shortest, so all three carry one name."""
        return fit(f"{self.project}-{pipeline}-{action}", ROLE)

    def role(self, purpose: str) -> str:
        """Any other IAM role."""
        return fit(f"{self.project}-{purpose}", ROLE)

    def function(self, purpose: str) -> str:
        """Lambda function, its role and its log group."""
        return fit(f"{self.project}-{purpose}", FUNCTION)

    def topic(self, purpose: str) -> str:
        """SNS topic."""
        return fit(f"{self.project}-{purpose}", TOPIC)

    def queue(self, purpose: str) -> str:
        """SQS queue."""
        return fit(f"{self.project}-{purpose}", QUEUE)

    def rule(self, purpose: str) -> str:
        """EventBridge rule."""
        return fit(f"{self.project}-{purpose}", RULE)

    def alarm(self, purpose: str) -> str:
        """CloudWatch alarm."""
        return fit(f"{self.project}-{purpose}", 255)

    def trail(self, purpose: str) -> str:
        """CloudTrail trail, and the role with which it writes to its log group."""
        return fit(f"{self.project}-{purpose}", TRAIL)

    def config_rule(self, purpose: str) -> str:
        """Rule of AWS Config; what ``compliance: hold_production`` names."""
        return fit(f"{self.project}-{purpose}", CONFIG_RULE)

    def dashboard(self, region: str) -> str:
        """CloudWatch dashboard. Dashboards are the account's, whatever the region."""
        return fit(f"{self.project}-pipelines-{region}", 255)

    def registry(self, pipeline: str) -> str:
        """ECR repository of one pipeline's image."""
        return f"{self.project}/{pipeline}"

    def deployers(self, pipeline: str, environment: str) -> str:
        """Kubernetes group of the role that deploys to one environment: on a shared cluster staging's must not be bound
        in production's namespace."""
        return f"{self.project}-{pipeline}-{environment}-deployers"
