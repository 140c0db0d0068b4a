"""What CodePipeline says of an execution: its state, and what its actions did. Nobody else's word about it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.contract import COMMIT
from common.executions import Attempt, PipelineExecutions
from common.strict import MalformedError

_SOURCE = "Source"  # the source action's output artifact in every pipeline


class CodePipeline(Protocol):
    """The methods of boto3's client that are used here."""

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html"""

    def list_action_executions(self, **request: object) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html"""


@dataclass(frozen=True)
class State:
    """An execution (``PipelineExecution``). ``message``: of the commit. ``trigger``: what started it."""

    status: str
    summary: str
    commit: str
    message: str
    trigger: str


@dataclass(frozen=True)
class Executions:
    """Executions of this account's pipelines. ``pipeline`` is a name in AWS everywhere."""

    codepipeline: CodePipeline

    def state(self, pipeline: str, execution: str) -> State:
        """``MalformedError`` if CodePipeline does not say which commit it is of."""
        answer = self.codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
        found = answer["pipelineExecution"]
        if found.get("pipelineExecutionId") != execution:
            raise MalformedError(
                f"CodePipeline was asked about {execution} and answers {found.get('pipelineExecutionId')}"
            )
        sources = [one for one in found.get("artifactRevisions", []) if one.get("name") == _SOURCE]
        commit = str(sources[0].get("revisionId")) if len(sources) == 1 else ""
        if not COMMIT.fullmatch(commit):
            raise MalformedError(f"execution {execution} of {pipeline} has no source revision that is a commit")
        trigger = found.get("trigger", {})
        return State(
            status=str(found.get("status", "")),
            summary=str(found.get("statusSummary", "")),
            commit=commit,
            message=str(sources[0].get("revisionSummary", "")),
            trigger=" ".join(str(trigger[name]) for name in ("triggerType", "triggerDetail") if trigger.get(name)),
        )

    def attempts(self, pipeline: str, execution: str) -> tuple[Attempt, ...]:
        """All runs of all actions of one execution, in no order."""
        return PipelineExecutions(self.codepipeline).attempts(pipeline, execution)
