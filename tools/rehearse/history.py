"""What CodePipeline remembers of its executions, and how its API says it.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionDetail.html
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
Times are seconds since 1970, as on the wire. Fields that are not known are left out, as CodePipeline does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tools.rehearse.described import Action, Pipeline

IN_PROGRESS, SUCCEEDED, FAILED, SUPERSEDED = "InProgress", "Succeeded", "Failed", "Superseded"
STOPPING, STOPPED, ABANDONED = "Stopping", "Stopped", "Abandoned"  # the last one is of an action


@dataclass(frozen=True)
class Artifact:
    """One object in the artifact bucket, by its version."""

    name: str
    bucket: str
    key: str
    version: str


@dataclass(frozen=True)
class Outcome:
    """How an action has ended. ``message``: of a failure. ``seen``: variables that a failed build exported nevertheless: for who
    watches, not for CodePipeline. ``by``: ARN of who answered an approval."""

    status: str
    variables: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    external_id: str = ""
    summary: str = ""
    url: str = ""
    message: str = ""
    by: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return self.status == SUCCEEDED


def failed(message: str, **more: Any) -> Outcome:
    """An action that did not succeed, and why."""
    return Outcome(FAILED, message=message, **more)


@dataclass
class ActionRun:
    """One run of one action. ``resolved``: its configuration, None before it is resolved."""

    id: str
    stage: str
    action: Action
    started: datetime
    inputs: tuple[Artifact, ...] = ()
    resolved: Mapping[str, str] | None = None
    ended: datetime | None = None
    outcome: Outcome | None = None

    def detail(self, execution: str, region: str) -> dict[str, Any]:
        """ActionExecutionDetail."""
        done = self.outcome or Outcome(IN_PROGRESS)
        result = {
            "externalExecutionId": done.external_id,
            "externalExecutionSummary": done.summary,
            "externalExecutionUrl": done.url,
            "errorDetails": {"code": "JobFailed", "message": done.message} if done.message else None,
        }
        given = {
            "actionTypeId": {
                "category": self.action.category,
                "owner": "AWS",
                "provider": self.action.provider,
                "version": "1",
            },
            "configuration": dict(self.action.configuration),
            "resolvedConfiguration": dict(self.resolved or {}),
            "region": region,
            "inputArtifacts": [_artifact(one) for one in self.inputs],
        }
        detail = {
            "pipelineExecutionId": execution,
            "actionExecutionId": self.id,
            "pipelineVersion": 1,
            "stageName": self.stage,
            "actionName": self.action.name,
            "startTime": self.started.timestamp(),
            "lastUpdateTime": (self.ended or self.started).timestamp(),
            "status": done.status,
            "input": {**given, **({"namespace": self.action.namespace} if self.action.namespace else {})},
            "output": {
                "outputArtifacts": [_artifact(one) for one in done.artifacts],
                "executionResult": {name: value for name, value in result.items() if value},
                "outputVariables": dict(done.variables),
            },
        }
        return {**detail, **({"updatedBy": done.by} if done.by else {})}


@dataclass
class Execution:
    """One execution of a pipeline. ``revisions``: source action -> commit that the start named. ``number``: in the order of the
        starts. ``stage``: where it is, "" when it has ended; ``failed``: the stage that failed. ``attempt``: from 1, one more with every retry.
    ``stop``: why it is to end (StopPipelineExecution), None if it is not; ``abandon``: without waiting for its actions."""

    id: str
    number: int
    pipeline: Pipeline
    variables: Mapping[str, str]
    revisions: Mapping[str, str]
    trigger: Mapping[str, str]
    started: datetime
    status: str = IN_PROGRESS
    why: str = ""
    stage: str = ""
    ended: datetime | None = None
    failed: str = ""
    attempt: int = 1
    stop: str | None = None
    abandon: bool = False
    runs: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)  # artifact -> commit, its message

    def namespaces(self) -> dict[str, Mapping[str, str]]:
        """Every variable that an action can refer to now."""
        found: dict[str, Mapping[str, str]] = {
            "codepipeline": {"PipelineExecutionId": self.id},
            "variables": dict(self.variables),
        }
        for run in self.runs:
            if run.action.namespace and run.outcome and run.outcome.succeeded:
                found[run.action.namespace] = run.outcome.variables
        return found

    def detail(self) -> dict[str, Any]:
        """PipelineExecution."""
        answer = {
            "pipelineName": self.pipeline.name,
            "pipelineVersion": 1,
            "pipelineExecutionId": self.id,
            "status": self.status,
            "artifactRevisions": [
                {"name": name, "revisionId": commit, **({"revisionSummary": message[:2048]} if message else {})}
                for name, (commit, message) in self.sources.items()
            ],
            "variables": [{"name": name, "resolvedValue": value} for name, value in self.variables.items()],
            "trigger": dict(self.trigger),
            "executionMode": self.pipeline.mode,
            "executionType": "STANDARD",
        }
        return {**answer, **({"statusSummary": self.why} if self.why else {})}

    def actions(self, region: str) -> list[dict[str, Any]]:
        """ActionExecutionDetails, the latest first (as AWS's example has them)."""
        return [run.detail(self.id, region) for run in sorted(self.runs, key=lambda run: run.started, reverse=True)]


def _artifact(one: Artifact) -> dict[str, Any]:
    return {"name": one.name, "s3location": {"bucket": one.bucket, "key": one.key}}
