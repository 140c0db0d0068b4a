"""What belongs to the whole account: failed runs told to people, and the singletons that the settings say we manage."""

from __future__ import annotations

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.ecr_registry_scanning_configuration import (
    EcrRegistryScanningConfiguration,
    EcrRegistryScanningConfigurationRule,
    EcrRegistryScanningConfigurationRuleRepositoryFilter,
)
from cdktf_cdktf_provider_aws.securityhub_account import SecurityhubAccount
from constructs import Construct

from modules.encryption import Key
from modules.events import Rule
from modules.notifications import Topic
from stacks.base import BaseStack
from stacks.settings import Settings


class Governance(BaseStack):
    """The third stack to deploy. CloudTrail, AWS Config and Inspector are not managed yet: the settings refuse it."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "governance", settings)
        account, names = self.account, self.names
        topic = Topic.named(account, "notifications", Key.lookup(self, account))
        Rule(
            self,
            "pipeline_failed",
            account=account,
            purpose="pipeline-failed",
            description="An execution of one of this project's pipelines has failed",
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
            pattern={
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Pipeline Execution State Change"],
                "detail": {
                    "state": ["FAILED"],
                    "pipeline": [names.pipeline(name) for name in settings.pipelines],
                },
            },
            target_arn=topic.arn,
        )
        # Destroying one of these would switch it off for everybody in the account: Terraform refuses to.
        keep = TerraformResourceLifecycle(prevent_destroy=True)
        if settings.singletons.security_hub == "manage":
            SecurityhubAccount(self, "security_hub", enable_default_standards=False, lifecycle=keep)
        if settings.singletons.ecr_scanning == "manage":
            EcrRegistryScanningConfiguration(
                self,
                "ecr_scanning",
                scan_type="BASIC",
                rule=[
                    EcrRegistryScanningConfigurationRule(
                        scan_frequency="SCAN_ON_PUSH",
                        repository_filter=[
                            EcrRegistryScanningConfigurationRuleRepositoryFilter(filter="*", filter_type="WILDCARD")
                        ],
                    )
                ],
                lifecycle=keep,
            )
