"""Image sealer: what Build says of its image, checked, becomes what the rest of the pipeline may rest on.

The event holds credentials for the pipeline's artifacts: it is never logged, and nothing of it but id and
UserParameters is read. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.config import Config

from common.log import one_line
from common.strict import MalformedError, clean
from sealer.service import seal

MESSAGE_LIMIT = 5000  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html


class Jobs(Protocol):
    """What is used of boto3's CodePipeline client."""

    def put_job_success_result(self, *, jobId: str, outputVariables: Mapping[str, str]) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobSuccessResult.html"""

    def put_job_failure_result(self, *, jobId: str, failureDetails: Mapping[str, str]) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html"""


@cache
def jobs() -> Jobs:
    """Built once per execution environment."""
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    client: Jobs = boto3.client("codepipeline", config=config)
    return client


def handler(event: Mapping[str, Any], context: object) -> None:
    """Lambda's entry point. A failure that cannot be reported raises; CodePipeline then times the action out."""
    with one_line("image-sealer", context) as line:
        job = event["CodePipeline.job"]
        line["job"] = job["id"]
        try:
            variables = seal(job["data"]["actionConfiguration"]["configuration"].get("UserParameters"))
        except (MalformedError, KeyError, AttributeError, TypeError) as error:
            message = clean(f"The image is not sealed: {error}", MESSAGE_LIMIT)
            line.update(result="JobFailed", message=message)
            jobs().put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": message})
            return
        line.update(result="sealed", **variables)
        jobs().put_job_success_result(jobId=job["id"], outputVariables=variables)
