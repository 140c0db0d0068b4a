"""What an execution scans, by CodePipeline's own account: a caller's word for branch and commit is never taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from common.contract import COMMIT, LINE, Origin
from common.policy import PipelinePolicy
from findings.service import UnattributableError

SOURCE = "Source"  # the source action's output artifact in every pipeline


class CodePipeline(Protocol):
    """The one method of boto3's client that is used here."""

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html"""


@dataclass(frozen=True)
class PipelineExecutions:
    """Executions of this account's pipelines."""

    codepipeline: CodePipeline

    def origin(self, pipeline: PipelinePolicy, execution: str) -> Origin:
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
