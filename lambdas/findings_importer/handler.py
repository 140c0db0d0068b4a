"""Findings importer: a build's call or an ECR/Inspector event in, an answer out."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import boto3
from botocore.config import Config

from common.log import one_line
from common.policy import Policy
from findings.executions import PipelineExecutions
from findings.report_store import ReportStore
from findings.service import Importer

POLICY = Path(__file__).with_name("policy.json")


@cache
def importer() -> Importer:
    """The composition root, once per execution environment."""
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
    return Importer(
        policy=Policy.parse(POLICY.read_bytes()),
        reports=ReportStore(boto3.client("s3", config=config), os.environ["REPORTS_BUCKET"]),
        executions=PipelineExecutions(boto3.client("codepipeline", config=config)),
    )


def handler(event: object, context: object) -> dict[str, object]:
    """Lambda's entry point."""
    with one_line("findings-importer", context) as line:
        alias = str(getattr(context, "invoked_function_arn", "")).partition(":function:")[2].partition(":")[2]
        outcome = importer().judge(event, alias)
        line.update(alias=alias, verdict=outcome.answer.verdict, reason=outcome.answer.reason)
        if outcome.record:
            line.update(execution=outcome.record.execution, scope=outcome.record.scope)
        return outcome.answer.as_json()
