"""Executions of the pipelines that Terraform has made: order, locks, overtaking.

https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html: a stage is locked by one execution at a time; others
wait in front of it; a failure releases the lock. In SUPERSEDED mode a more recent execution takes the place of one that waits,
and only of one that waits; in QUEUED mode none overtakes.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count, groupby
from pathlib import Path

from tools.emulator.process import Emulator
from tools.rehearse import actions, state_changes, watch
from tools.rehearse.actions import World
from tools.rehearse.answers import RefusedError
from tools.rehearse.builds import BuildRunner
from tools.rehearse.described import Action, Described, NotRehearsedError, Pipeline, Stage
from tools.rehearse.history import (
    ABANDONED,
    FAILED,
    IN_PROGRESS,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    SUPERSEDED,
    ActionRun,
    Execution,
    Outcome,
    failed,
)
from tools.rehearse.variables import mistakes
from tools.rehearse.watch import Clock, Seen, Watcher

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html names the error; 50 executions in progress
# is what others report, read on no page of AWS's.
IN_QUEUE = 50
OPEN = (IN_PROGRESS, STOPPING)


class CodePipeline:
    """The service, for the pipelines of one account. Its executions are threads that end with this process.

    ``emulator``: as the account's root. ``repositories``: CodeCommit's name -> a git repository here. ``folder``: for files.
    Raises NotRehearsedError.
    """

    def __init__(
        self,
        described: Described,
        emulator: Emulator,
        builds: BuildRunner,
        *,
        repositories: Mapping[str, Path],
        folder: Path,
        clock: Clock | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        found = [f"{name}: {one}" for name, pipeline in described.pipelines.items() for one in mistakes(pipeline)]
        if found:
            raise NotRehearsedError("; ".join(found))
        self._watcher = watcher or watch.Nobody()
        self._telling = threading.Lock()
        self.world = World(described, emulator, builds, repositories, folder, self._tell, clock or Clock())
        self._changed = threading.Condition()
        self._numbers = count(1)
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._holders: dict[tuple[str, str], Execution] = {}
        self._waiting: dict[tuple[str, str], list[Execution]] = {}

    def start(
        self,
        name: str,
        *,
        variables: Mapping[str, str] | None = None,
        revisions: Mapping[str, str] | None = None,
        token: str = "",
        trigger: Mapping[str, str] | None = None,
    ) -> str:
        """StartPipelineExecution: the execution's id. ``revisions``: source action -> commit. Raises RefusedError.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html
        """
        pipeline = self.pipeline(name)
        given = dict(variables or {})
        for variable, value in given.items():
            if variable not in pipeline.variables or not value:
                raise RefusedError("ValidationException", f"{variable}: no variable of {name}, or an empty value")
        resolved = {**pipeline.variables, **given}
        empty = [variable for variable, value in resolved.items() if not value]
        if empty:
            raise RefusedError("ValidationException", f"the variable {empty[0]} has neither a value nor a default")
        sources = {action.name for stage in pipeline.stages for action in stage.actions if action.category == "Source"}
        for source in revisions or {}:
            if source not in sources:
                raise RefusedError("ValidationException", f"{source}: no source action of {name}")
        with self._changed:
            # "The system-generated unique ID used to identify a unique execution request."
            if token and (name, token) in self._tokens:
                return self._tokens[name, token]
            open_ones = [one for one in self._of(name) if one.status in OPEN]
            if pipeline.mode == "QUEUED" and len(open_ones) >= IN_QUEUE:
                raise RefusedError("ConcurrentPipelineExecutionsLimitExceededException", f"{name} has {IN_QUEUE}")
            execution = Execution(
                id=str(uuid.uuid4()),
                number=next(self._numbers),
                pipeline=pipeline,
                variables=resolved,
                revisions=dict(revisions or {}),
                trigger=dict(trigger or {"triggerType": "StartPipelineExecution", "triggerDetail": ""}),
                started=self.world.clock.now(),
            )
            self._executions[execution.id] = execution
            if token:
                self._tokens[name, token] = execution.id
            self._arrive(execution, pipeline.stages[0])
        self._begin(execution, 0, False)
        return execution.id

    def retry(self, name: str, stage: str, execution: str, all_actions: bool) -> None:
        """RetryStageExecution. ``all_actions``: also those of the stage that succeeded. Raises RefusedError.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html,
        https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-actions-retry.html
        """
        names = [one.name for one in self.pipeline(name).stages]
        if stage not in names:
            raise RefusedError("StageNotFoundException", f"{name} has no stage {stage}")
        found = self.execution(name, execution)
        with self._changed:
            if found.status != FAILED or found.failed != stage:
                raise RefusedError("StageNotRetryableException", f"{stage} has not failed in {execution}")
            if self._latest(name, stage) is not found:
                raise RefusedError("NotLatestPipelineExecutionException", f"a later execution has been in {stage}")
            found.status, found.why, found.failed, found.ended = IN_PROGRESS, "", "", None
            found.attempt += 1
            self._arrive(found, found.pipeline.stages[names.index(stage)])
        self._begin(found, names.index(stage), not all_actions)

    def stop(self, name: str, execution: str, abandon: bool, reason: str) -> None:
        """StopPipelineExecution: after the actions that run, or without them. Raises RefusedError.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StopPipelineExecution.html,
        https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html ("How pipeline executions are stopped")
        """
        found = self.execution(name, execution)
        with self._changed:
            if found.status not in OPEN:
                raise RefusedError("PipelineExecutionNotStoppableException", f"{execution} is {found.status}")
            if found.stop is not None and not (abandon and not found.abandon):
                raise RefusedError("DuplicatedStopRequestException", f"{execution} is already to stop")
            found.status, found.stop, found.abandon = STOPPING, reason, abandon
            self._changed.notify_all()

    def _begin(self, execution: Execution, first: int, again: bool) -> None:
        name = f"{execution.pipeline.name} {execution.id}"
        threading.Thread(target=self._run, args=(execution, first, again), name=name, daemon=True).start()

    def _latest(self, name: str, stage: str) -> Execution | None:
        """The latest execution that a stage has seen."""
        seen = [one for one in self._of(name) if one.stage == stage or any(run.stage == stage for run in one.runs)]
        return max(seen, key=lambda one: one.number, default=None)

    def pipeline(self, name: str) -> Pipeline:
        """By its name in AWS. Raises RefusedError."""
        if name not in self.world.described.pipelines:
            raise RefusedError("PipelineNotFoundException", f"no pipeline {name}")
        return self.world.described.pipelines[name]

    def execution(self, name: str, execution: str) -> Execution:
        """One execution of one pipeline. Raises RefusedError."""
        self.pipeline(name)
        found = self._executions.get(execution)
        if found is None or found.pipeline.name != name:
            raise RefusedError("PipelineExecutionNotFoundException", f"{name} has no execution {execution}")
        return found

    def executions(self, name: str) -> list[Execution]:
        """All of one pipeline, in the order of their starts."""
        with self._changed:
            return self._of(name)

    def wait(self, execution: str, seconds: float) -> Execution:
        """Until it has ended, however it did. Raises TimeoutError; then it still runs."""
        found = self._executions[execution]
        with self._changed:
            if not self._changed.wait_for(lambda: found.status not in OPEN, seconds):
                raise TimeoutError(
                    f"{found.pipeline.name} {execution} is in {found.stage or 'no stage'} after {seconds} s"
                )
        return found

    def _of(self, name: str) -> list[Execution]:
        return [one for one in self._executions.values() if one.pipeline.name == name]

    def _run(self, execution: Execution, first: int, again: bool) -> None:
        status, why = FAILED, "an error of the rehearsal itself"
        begun = self.world.clock.now()
        try:
            self._see(watch.EXECUTION_BEGUN, execution, IN_PROGRESS)
            self._send(execution, IN_PROGRESS)
            status, why = self._stages(execution, first, again)
        except Exception as error:  # an execution that neither runs nor ends would be waited for
            why = f"{type(error).__name__}: {error}"
        try:
            seconds = (self.world.clock.now() - begun).total_seconds()
            self._see(watch.EXECUTION_ENDED, execution, status, execution.stage, seconds, message=why)
            self._send(execution, status)
        finally:
            with self._changed:
                execution.failed = execution.stage if status == FAILED else ""
                self._forget(execution)
                execution.ended = self.world.clock.now()
                execution.why, execution.status = why, status
                self._changed.notify_all()

    def _send(self, execution: Execution, status: str, stage: str = "") -> None:
        if self.world.described.rules and stage:
            state_changes.send_stage(self.world.emulator, execution, stage, status)
        elif self.world.described.rules:
            state_changes.send(self.world.emulator, execution, status)

    def _stages(self, execution: Execution, first: int, again: bool) -> tuple[str, str]:
        before: Stage | None = None
        for stage in execution.pipeline.stages[first:]:
            why = self._enter(execution, stage, before)
            if why:
                return (STOPPED if execution.stop is not None else SUPERSEDED), why
            began = self.world.clock.now()
            self._see(watch.STAGE_BEGUN, execution, IN_PROGRESS, stage.name)
            self._send(execution, IN_PROGRESS, stage.name)
            wrong = self._stage(execution, stage, again)
            seconds = (self.world.clock.now() - began).total_seconds()
            stopped = execution.stop is not None
            status = STOPPED if stopped else FAILED if wrong else SUCCEEDED
            self._see(watch.STAGE_ENDED, execution, status, stage.name, seconds, message=wrong)
            self._send(execution, status, stage.name)
            if stopped:
                return STOPPED, f"{stage.name}: stopped: {execution.stop or 'no reason given'}"
            if wrong:
                return FAILED, f"{stage.name}: {wrong}"
            before, again = stage, False
        return SUCCEEDED, ""

    def _arrive(self, execution: Execution, stage: Stage) -> None:
        """Stand in front of a stage; what is older and waits there in SUPERSEDED mode goes."""
        place = (execution.pipeline.name, stage.name)
        queue = self._waiting.setdefault(place, [])
        queue.append(execution)
        if execution.pipeline.mode == "SUPERSEDED" and place in self._holders:
            queue[:] = [max(queue, key=lambda one: one.number)]
        self._changed.notify_all()

    def _enter(self, execution: Execution, stage: Stage, before: Stage | None) -> str:
        """Leave the stage before, wait for this one and lock it; returns why not, if another has taken the place."""
        place = (execution.pipeline.name, stage.name)
        queue = self._waiting.setdefault(place, [])

        def settled() -> bool:
            return (
                execution.stop is not None
                or execution not in queue
                or (place not in self._holders and queue[0] is execution)
            )

        with self._changed:
            if before is not None:
                self._arrive(execution, stage)
                del self._holders[execution.pipeline.name, before.name]
                self._changed.notify_all()
            waits = not settled()
        if waits:
            self._see(watch.EXECUTION_WAITS, execution, IN_PROGRESS, stage.name)
        with self._changed:
            self._changed.wait_for(settled)
            if execution.stop is not None:
                return f"stopped in front of {stage.name}: {execution.stop or 'no reason given'}"
            if execution not in queue:
                return f"superseded by a more recent execution in front of {stage.name}"
            queue.pop(0)
            self._holders[place] = execution
            execution.stage = stage.name
            return ""

    def _forget(self, execution: Execution) -> None:
        for place in [place for place, holder in self._holders.items() if holder is execution]:
            del self._holders[place]
        for queue in self._waiting.values():
            if execution in queue:
                queue.remove(execution)
        execution.stage = ""

    def _stage(self, execution: Execution, stage: Stage, again: bool) -> str:
        """All its actions by run order, those of one order at once; returns why it has failed, or "". ``again``: without those that
        have succeeded before.

        https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html (runOrder)
        """
        for group in _in_order(stage.actions):
            if execution.stop is not None:
                return "stopped"
            good = {name for name, outcome in _ends(execution, stage).items() if outcome and outcome.succeeded}
            todo = [one for one in group if not (again and one.name in good)]
            runs = [ActionRun(str(uuid.uuid4()), stage.name, one, self.world.clock.now()) for one in todo]
            with self._changed:
                execution.runs += runs
            for run in runs:  # no pool: its threads would be waited for when this process ends
                threading.Thread(target=self._action, args=(execution, run), daemon=True).start()
            with self._changed:
                self._changed.wait_for(partial(_over, execution, runs))
                for run in runs:
                    if run.outcome is None:
                        run.outcome, run.ended = Outcome(ABANDONED), self.world.clock.now()
            done = _ends(execution, stage)
            for action in group:
                outcome = done.get(action.name)
                if not outcome or not outcome.succeeded:
                    return f"{action.name}: {outcome.message if outcome else 'it has come to no end'}"
        return ""

    def _action(self, execution: Execution, run: ActionRun) -> None:
        stage, action = run.stage, run.action
        try:
            self._see(watch.ACTION_BEGUN, execution, IN_PROGRESS, stage, action=action)
            outcome = actions.run(self.world, execution, run)
            if run.outcome:  # abandoned: nobody waits for it, and nothing of it counts
                return
            seconds = (self.world.clock.now() - run.started).total_seconds()
            shown = {**outcome.seen, **outcome.variables}
            self._see(watch.ACTION_ENDED, execution, outcome.status, stage, seconds, action, outcome.message, shown)
        except Exception as error:  # of who watches
            outcome = failed(f"{type(error).__name__}: {error}")
        with self._changed:
            if run.outcome is None:
                run.outcome, run.ended = outcome, self.world.clock.now()
                if outcome.succeeded:
                    execution.artifacts.update({one.name: one for one in outcome.artifacts})
            self._changed.notify_all()

    def _see(
        self,
        kind: str,
        execution: Execution,
        status: str,
        stage: str = "",
        seconds: float = 0.0,
        action: Action | None = None,
        message: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        found = dict(variables or {})
        name, provider, order = (action.name, action.provider, action.run_order) if action else ("", "", 0)
        self._tell(
            Seen(
                kind, self.world.clock.now(), execution.pipeline.name, execution.id, status, stage, name, provider,
                order, seconds, found.get("SUMMARY", ""), message, found,
            )
        )  # fmt: skip

    def _tell(self, seen: Seen) -> None:
        with self._telling:
            self._watcher.saw(seen)


def _over(execution: Execution, runs: Sequence[ActionRun]) -> bool:
    return execution.abandon or all(run.outcome for run in runs)


def _ends(execution: Execution, stage: Stage) -> dict[str, Outcome | None]:
    """The last end of each action of a stage."""
    return {run.action.name: run.outcome for run in execution.runs if run.stage == stage.name}


def _in_order(found: Sequence[Action]) -> Iterator[list[Action]]:
    for _, group in groupby(sorted(found, key=lambda one: one.run_order), key=lambda one: one.run_order):
        yield list(group)
