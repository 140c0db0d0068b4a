"""Executions of the pipelines that Terraform has made: order, locks, overtaking.

https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html: a stage is locked by one execution at a time; others
wait in front of it; a failure releases the lock. In SUPERSEDED mode a more recent execution takes the place of one that waits,
and only of one that waits; in QUEUED mode none overtakes.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from pathlib import Path

from tools.emulator.process import Emulator
from tools.rehearse import actions, state_changes, watch
from tools.rehearse.actions import World
from tools.rehearse.answers import RefusedError
from tools.rehearse.builds import BuildRunner
from tools.rehearse.described import Action, Described, NotRehearsedError, Pipeline, Stage
from tools.rehearse.history import FAILED, IN_PROGRESS, SUCCEEDED, SUPERSEDED, ActionRun, Execution, failed
from tools.rehearse.variables import mistakes
from tools.rehearse.watch import Clock, Seen, Watcher

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html names the error; 50 executions in progress
# is what others report, read on no page of AWS's.
IN_QUEUE = 50


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
            open_ones = [one for one in self._of(name) if one.status == IN_PROGRESS]
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
        thread = threading.Thread(target=self._run, args=(execution,), name=f"{name} {execution.id}", daemon=True)
        thread.start()
        return execution.id

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
            if not self._changed.wait_for(lambda: found.status != IN_PROGRESS, seconds):
                raise TimeoutError(
                    f"{found.pipeline.name} {execution} is in {found.stage or 'no stage'} after {seconds} s"
                )
        return found

    def _of(self, name: str) -> list[Execution]:
        return [one for one in self._executions.values() if one.pipeline.name == name]

    def _run(self, execution: Execution) -> None:
        status, why = FAILED, "an error of the rehearsal itself"
        try:
            self._see(watch.EXECUTION_BEGUN, execution, IN_PROGRESS)
            self._send(execution, IN_PROGRESS)
            status, why = self._stages(execution)
        except Exception as error:  # an execution that neither runs nor ends would be waited for
            why = f"{type(error).__name__}: {error}"
        try:
            seconds = (self.world.clock.now() - execution.started).total_seconds()
            self._see(watch.EXECUTION_ENDED, execution, status, execution.stage, seconds, message=why)
            self._send(execution, status)
        finally:
            with self._changed:
                self._forget(execution)
                execution.ended = self.world.clock.now()
                execution.why, execution.status = why, status
                self._changed.notify_all()

    def _send(self, execution: Execution, status: str) -> None:
        if self.world.described.rules:
            state_changes.send(self.world.emulator, execution, status)

    def _stages(self, execution: Execution) -> tuple[str, str]:
        before: Stage | None = None
        for stage in execution.pipeline.stages:
            superseded = self._enter(execution, stage, before)
            if superseded:
                return SUPERSEDED, superseded
            began = self.world.clock.now()
            self._see(watch.STAGE_BEGUN, execution, IN_PROGRESS, stage.name)
            stopped = self._stage(execution, stage)
            seconds = (self.world.clock.now() - began).total_seconds()
            self._see(
                watch.STAGE_ENDED, execution, FAILED if stopped else SUCCEEDED, stage.name, seconds, message=stopped
            )
            if stopped:
                return FAILED, f"{stage.name}: {stopped}"
            before = stage
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
            return execution not in queue or (place not in self._holders and queue[0] is execution)

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

    def _stage(self, execution: Execution, stage: Stage) -> str:
        """All its actions by run order, those of one order at once; returns why it has failed, or "".

        https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html (runOrder)
        """
        for group in _in_order(stage.actions):
            began = [threading.Thread(target=self._action, args=(execution, stage, one), daemon=True) for one in group]
            for thread in began:  # no pool: its threads would be waited for when this process ends
                thread.start()
            for thread in began:
                thread.join()
            done = {run.action.name: run.outcome for run in execution.runs if run.stage == stage.name}
            for action in group:
                outcome = done.get(action.name)
                if not outcome or not outcome.succeeded:
                    return f"{action.name}: {outcome.message if outcome else 'it has come to no end'}"
        return ""

    def _action(self, execution: Execution, stage: Stage, action: Action) -> None:
        began = self.world.clock.now()
        run = ActionRun(str(uuid.uuid4()), stage.name, action, began)
        try:
            with self._changed:
                execution.runs.append(run)
            self._see(watch.ACTION_BEGUN, execution, IN_PROGRESS, stage.name, action=action)
            outcome = actions.run(self.world, execution, run)
            seconds = (self.world.clock.now() - began).total_seconds()
            shown = {**outcome.seen, **outcome.variables}
            self._see(
                watch.ACTION_ENDED, execution, outcome.status, stage.name, seconds, action, outcome.message, shown
            )
        except Exception as error:  # of who watches
            outcome = failed(f"{type(error).__name__}: {error}")
        with self._changed:
            run.outcome, run.ended = outcome, self.world.clock.now()
            if outcome.succeeded:
                execution.artifacts.update({one.name: one for one in outcome.artifacts})

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


def _in_order(found: Sequence[Action]) -> Iterator[list[Action]]:
    for _, group in groupby(sorted(found, key=lambda one: one.run_order), key=lambda one: one.run_order):
        yield list(group)
