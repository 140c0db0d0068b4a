"""Release guard: a CodePipeline job in, its success or its failure out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from common.executions import PipelineExecutions
from common.jobs import Jobs, answer
from common.log import one_line
from common.policy import Policy
from common.report_store import ReportStore
from guard.compliance import ConfigRules
from guard.service import Guard, RefusedError

POLICY = Path(__file__).with_name("policy.json")
# A read that hangs must end well before the function's own timeout: only then can the failure still be reported.
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@cache
def jobs() -> Jobs:
    """Built apart from the guard: the failure to build that one must be reported too."""
    client: Jobs = boto3.client("codepipeline", config=CONFIG)
    return client


@cache
def guard() -> Guard:
    """The composition root: everything is built once per execution environment."""
    return Guard(
        policy=Policy.parse(POLICY.read_bytes()),
        records=ReportStore(boto3.client("s3", config=CONFIG), os.environ["REPORTS_BUCKET"]),
        executions=PipelineExecutions(boto3.client("codepipeline", config=CONFIG)),
        rules=ConfigRules(boto3.client("config", config=CONFIG)),
        today=lambda: datetime.now(UTC).date(),
    )


def handler(event: Mapping[str, Any], context: object) -> None:
    """Lambda's entry point. One answer to the job, and if that cannot be given, the call raises."""
    with one_line("release-guard", context) as line:
        answer(
            event,
            jobs,
            line,
            lambda parameters: str(guard().clear(parameters)),
            RefusedError,
            "The release guard could not look",
        )
