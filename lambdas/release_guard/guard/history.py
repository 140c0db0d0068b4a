"""Is it CodePipeline's own account that this commit was built into this image, and that this image was approved?

A stage that is retried runs its actions again: only the latest run of an action counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from common.executions import Attempt
from common.strict import clean, shown
from guard.call import GuardCall

SUCCEEDED = "Succeeded"
SHOWN = 80  # characters: a digest has 71


class UnprovenError(Exception):
    """What CodePipeline's account does not show; the message says what, and what to do."""


def built(call: GuardCall, attempts: Sequence[Attempt]) -> Iterator[str]:
    """What is missing of: Source fetched the commit, Build/seal let the digest through."""
    for stage, action, variable, wanted, what in (
        ("Source", "Source", "CommitId", call.commit, "commit"),
        ("Build", "seal", "DIGEST", call.digest, "image"),
    ):
        try:
            attempt = _succeeded(attempts, stage, action)
        except UnprovenError as error:
            yield str(error)
            continue
        found = attempt.variables.get(variable)
        if found != wanted:
            other = "none" if found is None else clean(found, SHOWN)
            yield f"{stage}/{action} names another {what} ({other}) than {wanted}: start a new run"


def approval(call: GuardCall, attempts: Sequence[Attempt]) -> Attempt:
    """The approval of exactly this image of exactly this commit; ``UnprovenError`` if there is none.

    Which image was approved is read from the question that was asked, ``CustomData`` of modules/approval.py. Documented is
    that ``resolvedConfiguration`` holds an action's configuration with all variables replaced; that this includes a manual
    approval's ``CustomData`` no page says of it in particular. Where it is not there, nothing is approved.
    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionInput.html

    The question ends in the scanners' summaries, whose words a report can choose. So it is compared from its beginning,
    and no commit or digest is looked for in it.
    """
    attempt = _succeeded(attempts, "Staging", "approve")
    if attempt.category != "Approval":
        raise UnprovenError(f"Staging/approve is no approval but {shown(attempt.category)}: deploy the pipeline again")
    asked = attempt.configuration.get("CustomData")
    if asked is None:
        raise UnprovenError("CodePipeline does not say what was approved: start a new run")
    if not asked.startswith(f"{call.pipeline}: release commit {call.commit} as {call.digest} to production? Scans: "):
        raise UnprovenError(
            f"what was approved is not commit {call.commit} as {call.digest}: start a new run and approve that"
        )
    return attempt


def _succeeded(attempts: Sequence[Attempt], stage: str, action: str) -> Attempt:
    """The latest run of an action, if that one has succeeded."""
    runs = [attempt for attempt in attempts if (attempt.stage, attempt.action) == (stage, action)]
    if not runs:
        raise UnprovenError(f"{stage}/{action} has not run in this execution: start a new run")
    starts: list[datetime] = [run.started for run in runs if run.started is not None]
    if len(starts) < len(runs):  # which one is the latest cannot be told
        raise UnprovenError(f"CodePipeline does not say when {stage}/{action} ran: start a new run")
    last = [run for run in runs if run.started == max(starts)]
    if any(run != last[0] for run in last):
        raise UnprovenError(f"CodePipeline names two latest runs of {stage}/{action}: start a new run")
    if last[0].status != SUCCEEDED:
        raise UnprovenError(f"{stage}/{action} has ended as {shown(last[0].status)}, not {SUCCEEDED}: start a new run")
    return last[0]
