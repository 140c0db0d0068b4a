"""What CodePipeline says that an execution's actions did.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from common.strict import MalformedError

# What each release has to have behind it; modules/stages.py makes the actions.
APPROVE: Final = ("Staging", "approve")
GUARD: Final = ("Production", "guard")
DEPLOY: Final = ("Production", "deploy")
PAGE_LIMIT = 20  # of 100 actions each: an execution has about 20, and each retry of a stage adds a few


class CodePipeline(Protocol):
    """The one method of boto3's client that is used here."""

    def list_action_executions(self, **request: object) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html"""


@dataclass(frozen=True)
class Attempt:
    """One run of one action (``ActionExecutionDetail``). All but the names may be missing from CodePipeline's answer.

    ``configuration``: with its variables resolved. ``summary``: of an approval, what the approver wrote. ``updated``: of a
    run that has ended, when it did. ``error``: why it failed. ``external``: its id elsewhere, as of a build.
    """

    stage: str
    action: str
    started: datetime | None
    status: str | None
    category: str | None
    configuration: Mapping[str, str]
    variables: Mapping[str, str]
    updated_by: str | None
    summary: str | None
    updated: datetime | None = None
    provider: str | None = None
    error: str | None = None
    external: str | None = None


@dataclass(frozen=True)
class PipelineExecutions:
    """Executions of this account's pipelines."""

    codepipeline: CodePipeline

    def attempts(self, pipeline: str, execution: str) -> tuple[Attempt, ...]:
        """All runs of all actions of one execution, in no order. ``pipeline``: its name in AWS."""
        request: dict[str, object] = {"pipelineName": pipeline, "filter": {"pipelineExecutionId": execution}}
        found: list[Attempt] = []
        for _ in range(PAGE_LIMIT):
            page = self.codepipeline.list_action_executions(**request)
            found += [_attempt(detail, execution) for detail in page["actionExecutionDetails"]]
            if not page.get("nextToken"):
                return tuple(found)
            request["nextToken"] = page["nextToken"]
        raise MalformedError(f"{pipeline}: execution {execution} has more than {PAGE_LIMIT} pages of actions")


def latest(attempts: Sequence[Attempt], place: tuple[str, str]) -> Attempt | None:
    """The latest run of an action; None if it has not run. ``MalformedError`` if that cannot be told."""
    runs = [one for one in attempts if (one.stage, one.action) == place]
    starts = [one.started for one in runs if one.started]
    if len(starts) < len(runs):
        raise MalformedError(f"CodePipeline does not say when {'/'.join(place)} ran")
    return next((one for one in runs if one.started == max(starts)), None)


def unproven(attempts: Sequence[Attempt]) -> list[str]:
    """What has not succeeded of that without which nothing is a release, whatever CodePipeline calls the execution: somebody may
    have changed the pipeline. ``MalformedError`` if it cannot be told."""
    runs = {place: latest(attempts, place) for place in (APPROVE, GUARD, DEPLOY)}
    return ["/".join(place) for place, run in runs.items() if run is None or run.status != "Succeeded"]


def _attempt(detail: Mapping[str, Any], execution: str) -> Attempt:
    if detail["pipelineExecutionId"] != execution:  # a filter that is not heeded would mix up releases
        raise MalformedError(f"CodePipeline was asked about {execution} and answers {detail['pipelineExecutionId']}")
    given, output = detail.get("input", {}), detail.get("output", {})
    kind, result = given.get("actionTypeId", {}), output.get("executionResult", {})
    return Attempt(
        stage=detail["stageName"],
        action=detail["actionName"],
        started=detail.get("startTime"),
        status=detail.get("status"),
        category=kind.get("category"),
        configuration=given.get("resolvedConfiguration", {}),
        variables=output.get("outputVariables", {}),
        updated_by=detail.get("updatedBy"),
        summary=result.get("externalExecutionSummary"),
        updated=detail.get("lastUpdateTime"),
        provider=kind.get("provider"),
        error=result.get("errorDetails", {}).get("message"),
        external=result.get("externalExecutionId"),
    )
