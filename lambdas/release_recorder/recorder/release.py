"""CodePipeline's account and the importer's records, put together. No AWS here.

A stage that is retried runs its actions again: all runs are kept, and the latest of an action is the one that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from common.clip import one_line
from common.contract import DIGEST, SHA256
from common.executions import APPROVE, DEPLOY, Attempt, latest, unproven
from common.policy import GATES, PipelinePolicy
from common.strict import MalformedError, clean
from recorder import model
from recorder.executions import State
from recorder.model import Approval, Evidence, Gate, Pushed, Ran, Release, Sbom, Stage, Waived

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html (status)
_ENDS: Final = {
    "Succeeded": model.RELEASED,
    "Failed": model.FAILED,
    "Stopped": model.STOPPED,
    "Superseded": model.SUPERSEDED,
    "Cancelled": model.CANCELLED,
}
_RUNNING: Final = frozenset({"InProgress", "Stopping"})
_SUCCEEDED: Final = "Succeeded"
_SOURCE, _SEAL = ("Source", "Source"), ("Build", "seal")
RECORD: Final = ("Staging", "record")
_GUARD: Final = "guard"
TEXT: Final = 2000


@dataclass(frozen=True)
class Found:
    """What was looked up for one release."""

    evidence: tuple[Evidence, ...]
    waived: tuple[Waived, ...]
    pushes: tuple[Pushed, ...]
    sbom: Sbom | None


def running(state: State) -> bool:
    """Whether the execution has not ended; ``MalformedError`` for a status that nobody knows."""
    if state.status not in _ENDS and state.status not in _RUNNING:
        raise MalformedError(f"the status {clean(state.status, 40)} of an execution is not known")
    return state.status in _RUNNING


def concerns(attempts: Sequence[Attempt]) -> bool:
    """Whether it is a release: one was asked for, or something of it has reached production."""
    return any((one.stage, one.action) == RECORD or one.stage == DEPLOY[0] for one in attempts)


def build(
    name: str, pipeline: PipelinePolicy, execution: str, state: State, attempts: Sequence[Attempt], found: Found
) -> Release:
    """The record as of now. ``name``: the pipeline's in pipelines.yaml. ``MalformedError`` if there is no commit or image."""
    sealed = latest(attempts, _SEAL)
    digest = sealed.variables.get("DIGEST", "") if sealed and sealed.status == _SUCCEEDED else ""
    archive = sealed.variables.get("SHA256", "") if sealed and sealed.status == _SUCCEEDED else ""
    if not DIGEST.fullmatch(digest) or not SHA256.fullmatch(archive):
        raise MalformedError(f"execution {execution} of {pipeline.name} has no sealed image")
    source = latest(attempts, _SOURCE)
    if source is None or source.variables.get("CommitId") != state.commit:
        raise MalformedError(f"Source/Source and the execution {execution} of {pipeline.name} name different commits")
    outcome, reason = _outcome(state, attempts)
    ended = max((one.updated for one in attempts if one.updated), default=None) if not running(state) else None
    return Release(
        pipeline=name,
        name=pipeline.name,
        execution=execution,
        outcome=outcome,
        reason=one_line(reason, TEXT),
        repository=pipeline.repository,
        branch=pipeline.branch or "",
        commit=state.commit,
        message=one_line(state.message, TEXT),
        trigger=clean(state.trigger, TEXT),
        pushes=found.pushes,
        registry=pipeline.registry or "",
        digest=digest,
        archive_sha256=archive,
        sbom=found.sbom,
        evidence=found.evidence,
        waived=found.waived,
        gates=tuple(_gate(gate, attempts) for gate in GATES),
        approval=_approval(attempts),
        stages=_stages(attempts),
        started=model.stamp(min((one.started for one in attempts if one.started), default=None)),
        ended=model.stamp(ended),
        seconds=_seconds(outcome, pipeline, attempts, found.pushes),
    )


def _outcome(state: State, attempts: Sequence[Attempt]) -> tuple[str, str]:
    approve = latest(attempts, APPROVE)
    if running(state):
        approved = approve is not None and approve.status == _SUCCEEDED
        return (model.APPROVED if approved else model.ASKED), ""
    outcome = _ENDS[state.status]
    if outcome == model.RELEASED:
        missing = unproven(attempts)
        if missing:
            return model.UNPROVEN, f"CodePipeline calls it a success, and {', '.join(missing)} has not succeeded in it"
        return outcome, ""
    failed = sorted(
        (one for one in attempts if one.status == "Failed" and one.started), key=lambda one: (one.started, one.action)
    )
    if outcome == model.FAILED and approve is not None and approve.status == "Failed":
        if approve.updated_by:
            return model.REJECTED, f"Staging/approve: {approve.updated_by} said no"
        return outcome, "Staging/approve: nobody has answered in time"
    if outcome == model.FAILED and failed:
        last = failed[-1]
        return outcome, f"{last.stage}/{last.action}: {last.error or 'failed'}"
    return outcome, state.summary


def _gate(gate: str, attempts: Sequence[Attempt]) -> Gate:
    run = latest(attempts, (gate, _GUARD))
    if run is None:
        return Gate(gate, "", "", "")
    return Gate(gate, run.status or "", one_line(run.error or "", TEXT), _ended(run))


def _approval(attempts: Sequence[Attempt]) -> Approval:
    run = latest(attempts, APPROVE)
    if run is None:
        return Approval("", "", "", "", "", "")
    decided = run.status in ("Succeeded", "Failed")
    return Approval(
        status={
            "Succeeded": "approved",
            "Failed": "rejected" if run.updated_by else "unanswered",
            "Abandoned": "unanswered",  # by who stopped the execution
        }.get(run.status or "", "waiting"),
        by=clean(run.updated_by or "", TEXT) if decided else "",
        question=one_line(run.configuration.get("CustomData", ""), TEXT),
        answer=one_line(run.summary or "", TEXT),
        asked=model.stamp(run.started),
        answered=_ended(run),
    )


def _stages(attempts: Sequence[Attempt]) -> tuple[Stage, ...]:
    """In the order in which they began."""
    began = sorted((one for one in attempts if one.started), key=lambda one: (one.started, one.stage, one.action))
    stages = []
    for name in dict.fromkeys(one.stage for one in began):
        runs = [one for one in began if one.stage == name]
        open_ = any(not _ended(one) for one in runs)
        last = None if open_ else max((one.updated for one in runs if one.updated), default=None)
        stages.append(Stage(name, model.stamp(runs[0].started), model.stamp(last), tuple(_ran(one) for one in runs)))
    return tuple(stages)


def _ran(one: Attempt) -> Ran:
    return Ran(
        action=one.action,
        provider=clean(one.provider or "", TEXT),
        status=one.status or "",
        started=model.stamp(one.started),
        ended=_ended(one),
        message=one_line(one.error or "", TEXT),
        external=clean(one.external or "", TEXT) if one.provider in ("CodeBuild", "CodeCommit") else "",
    )


def _ended(one: Attempt) -> str:
    return "" if one.status == "InProgress" else model.stamp(one.updated)


def _seconds(
    outcome: str, pipeline: PipelinePolicy, attempts: Sequence[Attempt], pushes: Sequence[Pushed]
) -> int | None:
    """From the first push of the commit to the delivered branch until production runs it; where no push is recorded, from the
    beginning of the execution, which follows the push by seconds."""
    deploy = latest(attempts, DEPLOY)
    if outcome != model.RELEASED or deploy is None or deploy.updated is None:
        return None
    times = [datetime.fromisoformat(one.time).astimezone(UTC) for one in pushes if one.branch == pipeline.branch]
    began = min(times, default=None) or min(one.started for one in attempts if one.started)
    seconds = round((deploy.updated - began).total_seconds())
    return seconds if seconds >= 0 else None
