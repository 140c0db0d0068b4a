"""Release guard: a CodePipeline job in, its failure out. This version reports no other result.

The event holds credentials for the pipeline's artifacts: it is never logged, and nothing of it but id and
UserParameters is read. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from common.log import one_line
from common.policy import Policy
from common.strict import clean
from guard.service import Guard
from guard.verdict_store import VerdictStore

POLICY = Path(__file__).with_name("policy.json")
MESSAGE_LIMIT = 5000  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
# A read that hangs must end well before the function's own timeout: only then can the failure still be reported.
CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class Jobs(Protocol):
    """The one method of boto3's CodePipeline client that is used here."""

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
    store = VerdictStore(boto3.client("s3", config=CONFIG), os.environ["REPORTS_BUCKET"])
    return Guard(Policy.parse(POLICY.read_bytes()), store)


def handler(event: Mapping[str, Any], context: object) -> None:
    """Lambda's entry point. Whatever happens, the job fails; if even that cannot be said, the call raises."""
    with one_line("release-guard", context) as line:
        job = event["CodePipeline.job"]
        try:
            message = guard().refuse(job["data"]["actionConfiguration"]["configuration"].get("UserParameters"))
        except Exception as error:  # an action whose job is never answered hangs until it times out
            message = f"The release guard could not look: {type(error).__name__}: {error}"
        message = clean(message, MESSAGE_LIMIT)
        line.update(job=job["id"], result="JobFailed", message=message)
        jobs().put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": message})
