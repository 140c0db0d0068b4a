"""The composition root: clients are built here, once, and nowhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import boto3
from botocore.config import Config

from common.policy import Policy
from findings.asff import Account
from findings.collector import collect_rarely
from findings.events import Events
from findings.executions import PipelineExecutions
from findings.image_scans import ImageScans
from findings.projection import Projection
from findings.report_store import ReportStore
from findings.security_hub import SecurityHub
from findings.service import Importer


class Context(Protocol):
    """Of Lambda's context, what is used. https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    function_name: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the call."""


@dataclass
class Deadline:
    """How long the call that is running may still take. Lambda runs one call at a time in an execution environment."""

    context: Context | None = None

    def __call__(self) -> float:
        """Seconds left; none outside of a call."""
        return self.context.get_remaining_time_in_millis() / 1000 if self.context else 0.0


DEADLINE = Deadline()


class Root(NamedTuple):
    """What the handler calls."""

    importer: Importer
    events: Events


def build(policy: bytes, bucket: str, account: Account) -> Root:
    """``policy``: policy.json; ``bucket``: name of the reports bucket."""
    collect_rarely()
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
    # Security Hub's own retries: it alone is known to throttle, and only what is left of the call's time bounds them.
    once = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1})
    rules = Policy.parse(policy)
    reports = ReportStore(boto3.client("s3", config=config), bucket)
    hub = None
    if rules.security_hub:
        hub = SecurityHub(boto3.client("securityhub", config=once), account, time.monotonic, time.sleep, DEADLINE)
    importer = Importer(
        policy=rules,
        reports=reports,
        executions=PipelineExecutions(boto3.client("codepipeline", config=config)),
        projection=Projection(reports, hub),
        account=account,
        clock=lambda: datetime.now(UTC),
    )
    return Root(importer, Events(importer, ImageScans(boto3.client("ecr", config=config))))
