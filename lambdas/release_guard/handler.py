"""Release guard: a CodePipeline job in, its success or its failure out.

The event holds credentials for the pipeline's artifacts: it is never logged, and nothing of it but id and
UserParameters is read. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from common.executions import PipelineExecutions
from common.log import one_line
from common.policy import Policy
from common.report_store import ReportStore
from common.strict import clean
from guard.compliance import ConfigRules
from guard.service import Guard, RefusedError

POLICY = Path(__file__).with_name("policy.json")
MESSAGE_LIMIT = 5000  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
# A read that hangs must end well before the function's own timeout: only then can the failure still be reported.
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class Jobs(Protocol):
    """The two methods of boto3's CodePipeline client that answer a job."""

    def put_job_success_result(self, *, jobId: str) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobSuccessResult.html"""

    def put_job_failure_result(self, *, jobId: str, failureDetails: Mapping[str, str]) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html"""


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
        job = event["CodePipeline.job"]
        line["job"] = job["id"]
        try:
            clearance = guard().clear(job["data"]["actionConfiguration"]["configuration"].get("UserParameters"))
        except RefusedError as refusal:
            _fail(job["id"], str(refusal), line)
        except Exception as error:  # an action whose job is never answered hangs until it times out
            _fail(job["id"], f"The release guard could not look: {type(error).__name__}: {error}", line)
        else:
            # Outside the try: an answer that was lost on its way may have been heard, so that a failure is no second answer.
            line["message"] = str(clearance)
            jobs().put_job_success_result(jobId=job["id"])
            line["result"] = "JobSucceeded"


def _fail(job: str, text: str, line: dict[str, object]) -> None:
    message = clean(text, MESSAGE_LIMIT)
    line["message"] = message
    jobs().put_job_failure_result(jobId=job, failureDetails={"type": "JobFailed", "message": message})
    line["result"] = "JobFailed"
