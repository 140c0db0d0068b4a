"""What an execution scans, by CodePipeline's own account: a caller's word for branch, commit or image is never taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError

from common.contract import COMMIT, DIGEST, LINE, Origin
from common.policy import PipelinePolicy

SOURCE = "Source"  # the source action's output artifact in every pipeline
_SOURCE_ACTION = ("Source", "Source")
_SEAL_ACTION = ("Build", "seal")  # lets the image's digest through: modules/stages.py


class UnattributableError(Exception):
    """CodePipeline's account of the execution does not say what was scanned, or does not know the execution."""


class CodePipeline(Protocol):
    """The methods of boto3's client that are used here."""

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html"""

    def list_action_executions(
        self, *, pipelineName: str, filter: Mapping[str, str], nextToken: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html"""


@dataclass(frozen=True)
class Execution:
    """One execution: what it is of, when its source action began, and the digest of its image (empty before there is one)."""

    origin: Origin
    started: datetime
    digest: str


@dataclass(frozen=True)
class PipelineExecutions:
    """Executions of this account's pipelines."""

    codepipeline: CodePipeline

    def describe(self, pipeline: PipelinePolicy, execution: str) -> Execution:
        """The execution; ``UnattributableError`` if CodePipeline does not say what it is of."""
        origin = self._origin(pipeline, execution)
        started: list[datetime] = []
        seals: list[Mapping[str, Any]] = []
        for action in self._actions(pipeline.name, execution):
            place = (action.get("stageName"), action.get("actionName"))
            if place == _SOURCE_ACTION and action.get("startTime"):
                started.append(action["startTime"])
            if place == _SEAL_ACTION and action.get("startTime"):
                seals.append(action)
        if not started:
            raise UnattributableError(f"execution {execution} of {pipeline.name} has no source action that began")
        return Execution(origin, min(started).astimezone(UTC), _digest(seals))

    def _origin(self, pipeline: PipelinePolicy, execution: str) -> Origin:
        """Commit: the source artifact's revision. Branch: the pipeline's, or (scan) the execution's variable."""
        found = self._execution(pipeline.name, execution)
        revisions = [one for one in found.get("artifactRevisions", []) if one.get("name") == SOURCE]
        commit = str(revisions[0].get("revisionId")) if len(revisions) == 1 else ""
        if not COMMIT.fullmatch(commit):
            raise UnattributableError(
                f"execution {execution} of {pipeline.name} has no source revision that is a commit"
            )
        if pipeline.branch is not None:
            return Origin(pipeline.repository, pipeline.branch, commit)
        variables = {one.get("name"): one.get("resolvedValue") for one in found.get("variables", [])}
        branch, started_for = variables.get("BRANCH"), variables.get("COMMIT")
        if started_for == "none":
            raise UnattributableError(
                f"execution {execution} was started by no commit (CodePipeline does so at creation)"
            )
        if started_for != commit:  # the branch is known of the event's commit only
            raise UnattributableError(
                f"execution {execution} was started for another commit than the {commit} it fetched"
            )
        if not isinstance(branch, str) or not LINE.fullmatch(branch):
            raise UnattributableError(f"execution {execution} does not say which branch it scans")
        return Origin(pipeline.repository, branch, commit)

    def _execution(self, name: str, execution: str) -> Mapping[str, Any]:
        try:
            answer = self.codepipeline.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "PipelineExecutionNotFoundException":
                raise UnattributableError(f"{name} has no execution {execution}") from error
            raise
        found: Mapping[str, Any] = answer["pipelineExecution"]
        return found

    def _actions(self, name: str, execution: str) -> list[Mapping[str, Any]]:
        actions: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.codepipeline.list_action_executions(
                pipelineName=name, filter={"pipelineExecutionId": execution}, **more
            )
            actions += page["actionExecutionDetails"]
            if not page.get("nextToken"):
                return actions
            more = {"nextToken": page["nextToken"]}


def _digest(seals: list[Mapping[str, Any]]) -> str:
    """What the latest attempt of the seal let through; empty if that did not succeed."""
    latest = max(seals, key=lambda action: action["startTime"], default=None)
    if latest is None or latest.get("status") != "Succeeded":
        return ""
    digest = latest.get("output", {}).get("outputVariables", {}).get("DIGEST")
    return digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else ""
