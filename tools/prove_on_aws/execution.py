"""Start one execution and watch it to the approval or the end; never past the limit."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from stacks.settings import ScanPipeline
from tools.prove_on_aws.aws import AbsentError, Aws, Json, UntriedError
from tools.prove_on_aws.cost import Meter
from tools.prove_on_aws.deployed import Deployed

POLL_SECONDS = 20
APPROVAL = "waits for its approval"
INTERRUPTED = "is no longer watched"
OVER = "has reached the limit and was told to stop"
_ENDED = {"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"}


@dataclass(frozen=True)
class Watched:
    """``ended``: CodePipeline's word, or one of the three above. ``attempts``: ListActionExecutions."""

    pipeline: str
    id: str
    commit: str | None
    ended: str
    spent: Decimal | None
    execution: Json
    attempts: Sequence[Json]


@dataclass
class Watcher:
    """``say``: where progress goes; ``sleep`` and ``now`` are the clock's."""

    aws: Aws
    deployed: Deployed
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def start(self, pipeline: str, branch: str | None) -> tuple[str, str]:
        """(execution, commit): a run at the head of the branch, as a push to it would make one."""
        settings = self.deployed.settings.pipelines[pipeline]
        is_scan = isinstance(settings, ScanPipeline)
        tracked = settings.default_branch if isinstance(settings, ScanPipeline) else settings.branch
        chosen = (branch or tracked) if is_scan else tracked
        head = self.aws.call("codecommit", "get_branch", repositoryName=settings.repository.name, branchName=chosen)[
            "branch"
        ]["commitId"]
        carried = [{"name": "BRANCH", "value": chosen}, {"name": "COMMIT", "value": head}]
        answer = self.aws.call(
            "codepipeline",
            "start_pipeline_execution",
            name=self.deployed.names.pipeline(pipeline),
            sourceRevisions=[{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": head}],
            clientRequestToken=str(uuid4()),
            **({"variables": carried} if is_scan else {}),
        )
        return answer["pipelineExecutionId"], head

    def read(self, pipeline: str, execution: str) -> tuple[Json, list[Json]]:
        """What CodePipeline says of an execution, and every attempt of its actions."""
        name = self.deployed.names.pipeline(pipeline)
        found = self.aws.call(
            "codepipeline", "get_pipeline_execution", pipelineName=name, pipelineExecutionId=execution
        )["pipelineExecution"]
        attempts = self.aws.pages(
            "codepipeline", "list_action_executions", "actionExecutionDetails",
            pipelineName=name, filter={"pipelineExecutionId": execution},
        )  # fmt: skip
        return found, list(attempts)

    def watch(
        self,
        pipeline: str,
        execution: str,
        commit: str | None,
        meter: Meter | None = None,
        limit: Decimal | None = None,
    ) -> Watched:
        """Polls until it ends or waits for a person. With ``meter`` it is stopped before ``limit`` can be passed: no further action
        begins, those that run end by themselves (a rollout that is cut off would be worse than its last minutes)."""
        found: Json = {}
        attempts: list[Json] = []
        spent: Decimal | None = None
        told = ""

        def result(ended: str) -> Watched:
            return Watched(pipeline, execution, commit, ended, spent, found, attempts)

        try:
            while True:
                try:
                    found, attempts = self.read(pipeline, execution)
                except AbsentError:
                    # Reads may lag behind the start; one that never was there ends by Ctrl-C or at its first answer.
                    if commit is None:
                        raise
                if found.get("status") in _ENDED:
                    return result(found["status"])
                running = [f"{a['stageName']}/{a['actionName']}" for a in attempts if a.get("status") == "InProgress"]
                if meter and limit is not None:
                    spent, possible = meter.read(attempts, self.now())
                    if possible > limit:
                        self._stop(pipeline, execution)
                        self.say(
                            f"spent {spent:.4f} USD, may come to {possible:.4f}, limit {limit}: no further action is started"
                        )
                        return result(OVER)
                if running and all(self._is_approval(attempts, one) for one in running):
                    return result(APPROVAL)
                told = self._progress(running, spent, told)
                self.sleep(POLL_SECONDS)
        except (KeyboardInterrupt, UntriedError) as error:
            why = f"{error}. " if str(error) else ""
            self.say(
                f"{why}The execution goes on. It stops with:\n  {stop_command(self.deployed, pipeline, execution)}"
            )
            return result(INTERRUPTED)

    def _progress(self, running: list[str], spent: Decimal | None, told: str) -> str:
        line = ", ".join(running) or "waits for its next action"
        if line != told:
            self.say(f"{line}{'' if spent is None else f' (spent about {spent:.4f} USD)'}")
        return line

    def _is_approval(self, attempts: Sequence[Json], name: str) -> bool:
        return any(
            f"{a['stageName']}/{a['actionName']}" == name
            and a.get("input", {}).get("actionTypeId", {}).get("category") == "Approval"
            for a in attempts
        )

    def _stop(self, pipeline: str, execution: str) -> None:
        self.aws.call(
            "codepipeline",
            "stop_pipeline_execution",
            pipelineName=self.deployed.names.pipeline(pipeline),
            pipelineExecutionId=execution,
            abandon=False,
            reason="prove_on_aws: the cost limit",
        )


def stop_command(deployed: Deployed, pipeline: str, execution: str) -> str:
    """The command with which a person stops an execution."""
    name = shlex.quote(deployed.names.pipeline(pipeline))
    return (
        f"aws codepipeline stop-pipeline-execution --region {deployed.region} --pipeline-name {name}"
        f" --pipeline-execution-id {execution}"
    )


def again_command(deployed: Deployed, pipeline: str, execution: str) -> str:
    """The command that reads an execution's history later; it starts nothing."""
    source = shlex.quote(str(deployed.settings.source))
    return f"python -m tools.prove_on_aws --pipelines {source} --run {pipeline} --execution {execution}"
