"""A CodePipeline job: what is read of its event, and the one answer to it.

The event holds credentials for the pipeline's artifacts: it is never logged, and nothing of it but id and
UserParameters is read. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from common.strict import clean

MESSAGE_LIMIT: Final = 5000  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
JOB: Final = "CodePipeline.job"


class Jobs(Protocol):
    """The two methods of boto3's CodePipeline client that answer a job."""

    def put_job_success_result(self, *, jobId: str) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobSuccessResult.html"""

    def put_job_failure_result(self, *, jobId: str, failureDetails: Mapping[str, str]) -> object:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html"""


def answer(
    event: Mapping[str, Any],
    jobs: Callable[[], Jobs],
    line: dict[str, object],
    work: Callable[[object], str],
    refusals: type[Exception],
    could_not: str,
) -> None:
    """Does the job's ``work`` and answers it; if the answer cannot be given, raises.

    ``jobs``: the client. ``line``: of the log. ``work``: takes UserParameters and returns what was done, in one sentence.
    ``refusals``: what it raises with a sentence of its own; any other error's begins with ``could_not``.
    """
    job = event[JOB]
    line["job"] = job["id"]
    try:
        done = work(job["data"]["actionConfiguration"]["configuration"].get("UserParameters"))
    except refusals as refusal:
        _fail(jobs(), job["id"], str(refusal), line)
    except Exception as error:  # an action whose job is never answered hangs until it times out
        _fail(jobs(), job["id"], f"{could_not}: {type(error).__name__}: {error}", line)
    else:
        # Outside the try: an answer that was lost on its way may have been heard, so that a failure is no second answer.
        line["message"] = done
        jobs().put_job_success_result(jobId=job["id"])
        line["result"] = "JobSucceeded"


def _fail(jobs: Jobs, job: str, text: str, line: dict[str, object]) -> None:
    message = clean(text, MESSAGE_LIMIT)
    line["message"] = message
    jobs.put_job_failure_result(jobId=job, failureDetails={"type": "JobFailed", "message": message})
    line["result"] = "JobFailed"
