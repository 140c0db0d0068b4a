"""Release recorder: a CodePipeline job in, its answer out; or an execution's end in, the finished record out.

A job's event holds credentials for the pipeline's artifacts: common/jobs.py reads what it needs of it, and nothing is logged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from common.jobs import JOB, Jobs, answer
from common.log import one_line
from common.policy import Policy
from recorder.executions import Executions
from recorder.metrics import fields
from recorder.service import NotRecordedError, Recorder
from recorder.store import Store

POLICY = Path(__file__).with_name("policy.json")
# A read that hangs must end well before the function's own timeout: only then can the failure still be reported.
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class Context(Protocol):
    """Of Lambda's context, what is used. https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    function_name: str


@cache
def jobs() -> Jobs:
    """Built apart from the recorder: the failure to build that one must be reported too."""
    client: Jobs = boto3.client("codepipeline", config=CONFIG)
    return client


@cache
def recorder() -> Recorder:
    """The composition root: everything is built once per execution environment."""
    return Recorder(
        policy=Policy.parse(POLICY.read_bytes()),
        executions=Executions(boto3.client("codepipeline", config=CONFIG)),
        store=Store(boto3.client("s3", config=CONFIG), os.environ["REPORTS_BUCKET"]),
        region=os.environ["AWS_REGION"],
        sleep=time.sleep,
    )


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Lambda's entry point. An event that could not be recorded raises: Lambda tries again, and keeps it in the end."""
    with one_line("release-recorder", context) as line:
        if JOB in event:
            answer(
                event, jobs, line, lambda given: recorder().ask(given), NotRecordedError, "The release is not recorded"
            )
            return
        recorded = recorder().complete(event)
        line.update(event=event.get("id"), said=recorded.said)
        line.update(fields(context.function_name, recorded, datetime.now(UTC)))
