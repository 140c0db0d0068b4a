"""GetPipelineState: where a pipeline's stages and actions are now.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineState.html, API_StageState.html, API_ActionExecution.html.
Transitions cannot be disabled here, and stage conditions are not told. Times are seconds since 1970, as on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.rehearse.answers import Approval
from tools.rehearse.described import Pipeline, Stage
from tools.rehearse.history import IN_PROGRESS, STOPPED, STOPPING, SUCCEEDED, ActionRun, Execution


def of(pipeline: Pipeline, executions: Sequence[Execution], approvals: Sequence[Approval]) -> dict[str, Any]:
    """``executions``: of this pipeline, in the order of their starts. ``approvals``: all that were asked; an open one's token is told,
    as who answers needs it."""
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": 1,
        "stageStates": [_stage(stage, executions, approvals) for stage in pipeline.stages],
    }


def _stage(stage: Stage, executions: Sequence[Execution], approvals: Sequence[Approval]) -> dict[str, Any]:
    seen = [one for one in executions if one.stage == stage.name or any(run.stage == stage.name for run in one.runs)]
    latest = seen[-1] if seen else None
    states = []
    for action in stage.actions:
        found = [
            (one, run) for one in seen for run in one.runs if (run.stage, run.action.name) == (stage.name, action.name)
        ]
        state: dict[str, Any] = {"actionName": action.name}
        if found:
            state["latestExecution"] = _action(*found[-1], approvals)
        states.append(state)
    answer: dict[str, Any] = {
        "stageName": stage.name, "inboundTransitionState": {"enabled": True}, "actionStates": states,
    }  # fmt: skip
    if latest:
        answer["latestExecution"] = {
            "pipelineExecutionId": latest.id,
            "status": _status(latest, stage),
            "type": "STANDARD",
        }
    return answer


def _status(execution: Execution, stage: Stage) -> str:
    if execution.stage == stage.name:
        return execution.status if execution.status == STOPPING else IN_PROGRESS
    if execution.failed == stage.name:
        return execution.status
    runs = {run.action.name: run.outcome for run in execution.runs if run.stage == stage.name}
    done = len(runs) == len(stage.actions) and all(one and one.succeeded for one in runs.values())
    return SUCCEEDED if done else STOPPED


def _action(execution: Execution, run: ActionRun, approvals: Sequence[Approval]) -> dict[str, Any]:
    done = run.outcome
    told = {
        "actionExecutionId": run.id,
        "status": done.status if done else IN_PROGRESS,
        "lastStatusChange": (run.ended or run.started).timestamp(),
        "summary": done.summary if done else "",
        "externalExecutionId": done.external_id if done else "",
        "lastUpdatedBy": done.by if done else "",
        "errorDetails": {"code": "JobFailed", "message": done.message} if done and done.message else None,
        "token": next(
            (
                one.token
                for one in approvals
                if not done and (one.execution, one.stage, one.action) == (execution.id, run.stage, run.action.name)
                and not one.closed
            ),
            "",
        ),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}
