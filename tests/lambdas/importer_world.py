"""The whole importer with S3, CodePipeline and Security Hub in memory: only boto3's clients are replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.contract import Record, raw_key, verdict_key
from common.policy import Policy
from findings.asff import Account
from findings.events import Events
from findings.executions import PipelineExecutions
from findings.projection import Projection
from findings.report_store import ReportStore
from findings.security_hub import SecurityHub
from findings.service import Importer, Outcome
from lambda_fakes import EXECUTION, policy_document
from s3_fake import MemoryCodePipeline, MemoryS3
from security_hub_fake import Clock, FakeSecurityHub

REPORTS = Path(__file__).parents[1] / "reports"
ACCOUNT = Account("aws", "eu-central-1", "123456789012")


def real(name: str) -> bytes:
    """A report of tests/reports."""
    return (REPORTS / name).read_bytes()


@dataclass
class NoImages:
    """ECR, with what it says of an image."""

    reports: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def report(self, registry: str, digest: str) -> bytes:
        return self.reports[registry, digest]


@dataclass
class World:
    """Builds upload and call; ``document`` is policy.json."""

    document: dict[str, Any] = field(default_factory=policy_document)
    s3: MemoryS3 = field(default_factory=MemoryS3)
    codepipeline: MemoryCodePipeline = field(default_factory=MemoryCodePipeline)
    clock: Clock = field(default_factory=Clock)
    images: NoImages = field(default_factory=NoImages)

    def __post_init__(self) -> None:
        self.hub = FakeSecurityHub(self.clock)

    def importer(self, seconds: float = 900) -> Importer:
        """As it is for one call that may take so long."""
        policy = Policy.parse(json.dumps(self.document).encode())
        store = ReportStore(self.s3, "reports")
        clock = self.clock
        hub = SecurityHub(self.hub, ACCOUNT, clock.monotonic, clock.sleep, clock.remaining(seconds), jitter=lambda: 1.0)
        return Importer(
            policy=policy,
            reports=store,
            executions=PipelineExecutions(self.codepipeline),
            projection=Projection(store, hub if policy.security_hub else None, clock.sleep, lambda: 0.5),
            account=ACCOUNT,
            clock=clock.now,
        )

    def scan(
        self,
        report: bytes | None,
        *,
        scanner: str = "grype",
        scope: str = "image",
        pipeline: str = "payments",
        execution: str = EXECUTION,
        exit_code: int = 0,
        seconds: float = 900,
    ) -> Outcome:
        """A build uploads a report and asks for the verdict."""
        key = raw_key(pipeline, execution, scanner, scope)
        if report is None:
            self.s3.objects.pop(key, None)
        else:
            self.s3.objects[key] = report
        call = {
            "schema": 1,
            "kind": "report",
            "pipeline": pipeline,
            "execution": execution,
            "action": f"Verify/{scanner}",
            "scanner": scanner,
            "scope": scope,
            "key": key,
            "exit_code": exit_code,
        }
        return self.importer(seconds).judge(call, f"{pipeline}_{scanner}")

    def event(self, event: Mapping[str, Any]) -> str:
        """AWS sends an event; what was done."""
        return Events(self.importer(), self.images).handle(event).said

    def record(self, scanner: str = "grype", scope: str = "image", execution: str = EXECUTION) -> Record:
        """What the guard would read."""
        return Record.parse(self.s3.objects[verdict_key("payments", execution, scanner, scope)])

    def states(self) -> dict[str, str]:
        """RecordState by id, in Security Hub."""
        return {name: finding["RecordState"] for name, finding in self.hub.findings.items()}

    def active(self) -> set[str]:
        """Ids that Security Hub shows as active."""
        return {name for name, state in self.states().items() if state == "ACTIVE"}
