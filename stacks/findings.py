"""Findings importer, release guard and release recorder, with the policy in their packages."""

from __future__ import annotations

from cdktf import TerraformOutput
from constructs import Construct

from modules.build_project import literal
from modules.encryption import Key
from modules.findings_importer import GUARD, IMPORTER, SEALER, FindingsImporter, ImageSealer, ReleaseGuard
from modules.notifications import Topic
from modules.packaging import code_sha256
from modules.release_record import RECORDER, ReleaseRecorder
from modules.source import Repository
from modules.storage import Bucket
from stacks.base import BaseStack, Sources
from stacks.policy import POLICY_FILE, policy_json, scanners_of
from stacks.settings import DeliveryPipeline, Settings


class Findings(BaseStack):
    """The second stack to deploy: pipelines call what it makes."""

    def __init__(self, scope: Construct, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, "findings", settings)
        key = Key.lookup(self, self.account)
        reports = Bucket.named(self.account, "reports", key)
        delivery = {name: p for name, p in settings.pipelines.items() if isinstance(p, DeliveryPipeline)}
        pushed = [
            Repository(pipeline.repository.name, self.account)
            for pipeline in delivery.values()
            if pipeline.approval.separation_of_duties
        ]
        FindingsImporter(
            self,
            account=self.account,
            key=key,
            reports=reports,
            alarms=Topic.named(self.account, "notifications", key),
            scanners={name: scanners_of(pipeline) for name, pipeline in settings.pipelines.items()},
            registries=[pipeline.registry for pipeline in delivery.values()],
            repositories=[Repository(p.repository.name, self.account) for p in settings.pipelines.values()],
            pushed=pushed,
            security_hub=settings.singletons.security_hub != "none",
            package=sources.packages["findings_importer"],
            scratch=sources.scratch,
        )
        if delivery:
            ImageSealer(
                self,
                account=self.account,
                key=key,
                package=sources.packages["image_sealer"],
                scratch=sources.scratch,
            )
            ReleaseGuard(
                self,
                account=self.account,
                key=key,
                reports=reports,
                pipelines=list(delivery),
                pushed=bool(pushed),
                asks_config=bool(settings.compliance.hold_production),
                package=sources.packages["release_guard"],
                scratch=sources.scratch,
            )
            ReleaseRecorder(
                self,
                account=self.account,
                key=key,
                reports=reports,
                alarms=Topic.named(self.account, "notifications", key),
                pipelines=list(delivery),
                pushed=bool(pushed),
                sbom=any("grype" in pipeline.scanners for pipeline in delivery.values()),
                package=sources.packages["release_recorder"],
                scratch=sources.scratch,
            )
        self._visible(settings, sources, bool(delivery))

    def _visible(self, settings: Settings, sources: Sources, delivery: bool) -> None:
        """A plan shows a package's hash alone, in which policy and code are one. As outputs it shows the policy's text and
        what the code is without it, before and after. Nothing reads them but people and the plan review."""
        TerraformOutput(
            self,
            "policy",
            value=literal(policy_json(settings).decode()),
            description="Thresholds and waivers, as they are in the packages of importer and guard",
        )
        code = {IMPORTER: "findings_importer"}
        if delivery:
            code |= {SEALER: "image_sealer", GUARD: "release_guard", RECORDER: "release_recorder"}
        # A map, which an output may be: no struct of the provider's.
        hashes = {
            self.names.function(purpose): code_sha256(sources.packages[package], POLICY_FILE)
            for purpose, package in code.items()
        }
        TerraformOutput(
            self,
            "gate_code",
            value=hashes,
            description="SHA-256 of each gate's package without the policy",
        )
