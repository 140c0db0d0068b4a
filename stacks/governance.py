"""What belongs to the whole account: people told what they need, and the singletons that the settings say we manage."""

from __future__ import annotations

from cdktf import ITerraformDependable, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.ecr_registry_scanning_configuration import (
    EcrRegistryScanningConfiguration,
    EcrRegistryScanningConfigurationRule,
    EcrRegistryScanningConfigurationRuleRepositoryFilter,
)
from cdktf_cdktf_provider_aws.securityhub_account import SecurityhubAccount
from constructs import Construct

from modules.dashboard import Dashboard
from modules.encryption import Key
from modules.insights import make_insights
from modules.notifier import Notifier
from modules.storage import Bucket
from stacks.audience import audience
from stacks.base import BaseStack, Sources
from stacks.oversight import compliance_events, make_audit, make_compliance
from stacks.settings import DeliveryPipeline, Settings
from stacks.shown import shown
from stacks.watched import watch_functions


class Governance(BaseStack):
    """The third stack to deploy. Inspector is not managed yet: the settings refuse it."""

    def __init__(self, scope: Construct, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, "governance", settings)
        account = self.account
        key = Key.lookup(self, account)
        heard = audience(settings, account, key)
        deliveries = [one for one in settings.pipelines.values() if isinstance(one, DeliveryPipeline)]
        Notifier(
            self,
            account=account,
            key=key,
            reports=Bucket.named(account, "reports", key),
            audience=heard,
            pushed=any(one.approval.separation_of_duties for one in deliveries),
            package=sources.packages["notifier"],
            scratch=sources.scratch,
            more=compliance_events(settings),
        )
        watch_functions(self, settings, heard.project)
        Dashboard(self, account=account, shows=shown(settings))
        # Destroying one of these would switch it off for everybody in the account: Terraform refuses to.
        keep = TerraformResourceLifecycle(prevent_destroy=True)
        hub: list[ITerraformDependable] = []
        if settings.singletons.security_hub == "manage":
            hub = [SecurityhubAccount(self, "security_hub", enable_default_standards=False, lifecycle=keep)]
        if settings.singletons.security_hub != "none":
            make_insights(self, account=account, pipelines=list(settings.pipelines), after=hub)
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
        make_audit(self, settings, key, heard.project)
        make_compliance(self, settings, key)
