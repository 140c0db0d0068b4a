"""What CodePipeline says of an execution, as far as a message needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from common.contract import COMMIT, DIGEST, LINE

PAGE_LIMIT: Final = 20  # of 100 actions each: an execution has about 20, and each retry of a stage adds a few
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SOURCE: Final = "Source"  # the source action's output artifact in every pipeline
# The last action of a delivery: who has come so far is released. modules/stages.py
_RELEASED: Final = ("Production", "deploy")
_SEALED: Final = ("Build", "seal")


class CodePipeline(Protocol):
    """The methods of boto3's client that are used here."""

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html"""

    def list_action_executions(self, **request: object) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html"""


@dataclass(frozen=True)
class Execution:
    """What an execution is of. Empty where CodePipeline does not say. ``words``: the commit's message, which its author
    chose. ``trigger``: what or who started it: an ARN, mostly."""

    commit: str = ""
    words: str = ""
    branch: str = ""
    trigger: str = ""


@dataclass(frozen=True)
class Attempt:
    """One run of one action. ``reason``: why it failed, in the service's or the guard's words. ``summary``: of an approval,
    what the approver wrote. ``updated_by``: who answered it."""

    execution: str
    stage: str
    action: str
    status: str
    category: str
    started: datetime
    reason: str = ""
    summary: str = ""
    updated_by: str = ""
    digest: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Stage and action."""
        return self.stage, self.action


@dataclass(frozen=True)
class Executions:
    """Executions of this account's pipelines, by their names in AWS."""

    codepipeline: CodePipeline

    def describe(self, pipeline: str, execution: str) -> Execution:
        """What it is of."""
        answer = self.codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
        found: Mapping[str, Any] = answer["pipelineExecution"]
        revisions: list[Mapping[str, Any]] = found.get("artifactRevisions", [])
        source = next((one for one in revisions if one.get("name") == _SOURCE), {})
        variables = {one.get("name"): str(one.get("resolvedValue")) for one in found.get("variables", [])}
        commit, branch, trigger = (
            str(source.get("revisionId", "")),
            variables.get("BRANCH", ""),
            found.get("trigger", {}),
        )
        return Execution(
            commit=commit if COMMIT.fullmatch(commit) else "",
            words=str(source.get("revisionSummary", "")),
            branch=branch if LINE.fullmatch(branch) and branch != "none" else "",
            trigger=" ".join(str(trigger.get(name, "")) for name in ("triggerType", "triggerDetail")).strip(),
        )

    def failed(self, pipeline: str, execution: str) -> tuple[Attempt, ...]:
        """Actions whose latest run has failed, the earliest first."""
        latest: dict[tuple[str, str], Attempt] = {}
        for one in self._attempts(pipeline, {"filter": {"pipelineExecutionId": execution}}):
            if one.execution == execution and one.started >= latest.get(one.place, one).started:
                latest[one.place] = one
        return tuple(sorted((one for one in latest.values() if one.status == "Failed"), key=lambda one: one.started))

    def released(self, pipeline: str) -> tuple[str, str] | None:
        """Execution and image digest of what was deployed to production last; None if nothing was in the history that is
        looked at, or the image is not known."""
        found = [one for one in self._attempts(pipeline, {}) if one.place == _RELEASED and one.status == "Succeeded"]
        if not found:
            return None
        execution = max(found, key=lambda one: one.started).execution
        seals = [
            one
            for one in self._attempts(pipeline, {"filter": {"pipelineExecutionId": execution}})
            if one.place == _SEALED and one.execution == execution and one.digest
        ]
        return (execution, max(seals, key=lambda one: one.started).digest) if seals else None

    def _attempts(self, pipeline: str, chosen: Mapping[str, object]) -> Iterator[Attempt]:
        more: dict[str, object] = {}
        for _ in range(PAGE_LIMIT):
            page = self.codepipeline.list_action_executions(pipelineName=pipeline, **chosen, **more)
            yield from map(_attempt, page["actionExecutionDetails"])
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}


def _attempt(detail: Mapping[str, Any]) -> Attempt:
    given, output = detail.get("input", {}), detail.get("output", {})
    result = output.get("executionResult", {})
    digest = output.get("outputVariables", {}).get("DIGEST", "")
    return Attempt(
        execution=str(detail["pipelineExecutionId"]),
        stage=str(detail["stageName"]),
        action=str(detail["actionName"]),
        status=str(detail.get("status", "")),
        category=str(given.get("actionTypeId", {}).get("category", "")),
        started=detail.get("startTime") or _EARLIEST,
        reason=str(result.get("errorDetails", {}).get("message", "")),
        summary=str(result.get("externalExecutionSummary", "")),
        updated_by=str(detail.get("updatedBy", "")),
        digest=digest if DIGEST.fullmatch(digest) else "",
    )
