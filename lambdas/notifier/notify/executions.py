"""What CodePipeline says of an execution, as far as a message needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from common.contract import COMMIT, LINE
from common.executions import Attempt, PipelineExecutions, unproven

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORGOTTEN: Final = frozenset({"PipelineExecutionNotFoundException", "PipelineNotFoundException"})
_SOURCE: Final = "Source"  # the source action's output artifact in every pipeline


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
class Executions:
    """Executions of this account's pipelines, by their names in AWS."""

    codepipeline: CodePipeline

    def describe(self, pipeline: str, execution: str) -> Execution:
        """What it is of; nothing is said of one that CodePipeline does not know any more: it keeps a year of them, and none of a
        pipeline that was made anew. https://docs.aws.amazon.com/codepipeline/latest/userguide/executions-view-history.html"""
        try:
            answer = self.codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _FORGOTTEN:
                return Execution()
            raise
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

    def unproven(self, pipeline: str, execution: str) -> list[str]:
        """What has not succeeded of that without which nothing is a release."""
        return unproven(PipelineExecutions(self.codepipeline).attempts(pipeline, execution))

    def failed(self, pipeline: str, execution: str) -> tuple[Attempt, ...]:
        """Actions whose latest run has failed, the earliest first."""
        latest: dict[tuple[str, str], Attempt] = {}
        for one in PipelineExecutions(self.codepipeline).attempts(pipeline, execution):
            place = (one.stage, one.action)
            if began(one) >= began(latest.get(place, one)):
                latest[place] = one
        return tuple(sorted((one for one in latest.values() if one.status == "Failed"), key=began))


def began(attempt: Attempt) -> datetime:
    """When it began; long ago if CodePipeline does not say."""
    return attempt.started or _EARLIEST
