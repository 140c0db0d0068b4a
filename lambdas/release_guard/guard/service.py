"""May this release go on? Only with everything in its place; whatever is missing or foreign is a no, and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from common import pushes
from common.contract import verdict_key
from common.executions import Attempt
from common.policy import PipelinePolicy, Policy
from common.strict import MalformedError, clean
from guard import compliance, duties, verdicts
from guard.call import GuardCall
from guard.history import UnprovenError, approval, built

REASON_LIMIT = 340  # characters of each reason: what is missing is named in full within CodePipeline's 5,000


class Records(Protocol):
    """What the importer has recorded."""

    def read(self, key: str) -> bytes | None:
        """Content of one record; None if there is none."""

    def keys(self, folder: str) -> list[str]:
        """Keys of all records that begin with ``folder``."""


class Executions(Protocol):
    """What CodePipeline says that an execution's actions did."""

    def attempts(self, pipeline: str, execution: str) -> Sequence[Attempt]:
        """All runs of all actions of one execution. ``pipeline``: its name in AWS."""


class Rules(Protocol):
    """What AWS Config says of its rules."""

    def states(self, names: Sequence[str]) -> Mapping[str, str]:
        """Name -> state, as far as it knows them. ``MalformedError`` if it does not say."""


class RefusedError(Exception):
    """The release may not go on; the message is the sentence to fail the action with."""


@dataclass(frozen=True)
class Clearance:
    """The release may go on: made by ``Guard.clear`` alone, and only after every rule."""

    call: GuardCall
    verdicts: int

    def __str__(self) -> str:
        return f"{self.call.gate} cleared: {self.verdicts} verdicts for {self.call.digest} of {self.call.commit}"


@dataclass(frozen=True)
class Guard:
    """UserParameters in, clearance out; knows neither Lambda nor boto3. ``today``: in UTC."""

    policy: Policy
    records: Records
    executions: Executions
    rules: Rules
    today: Callable[[], date]

    def clear(self, parameters: object) -> Clearance:
        """The permission to go on; ``RefusedError`` with all that is missing, ``MalformedError`` if that cannot be told."""
        call = GuardCall.parse(parameters)
        pipeline = self.policy.pipelines.get(call.pipeline)
        if pipeline is None or call.gate not in pipeline.required:
            raise MalformedError(f"policy.json has no gate {call.gate} for the pipeline {call.pipeline}")
        attempts = self.executions.attempts(pipeline.name, call.execution)
        missing = [*self._verdicts(call, pipeline), *built(call, attempts)]
        if call.gate != "Publish":  # a gate that is added is behind the approval unless this line says otherwise
            missing += [*self._decision(call, pipeline, attempts), *self._compliance()]
        if missing:
            raise RefusedError(f"{call.gate} refused: {'; '.join(clean(one, REASON_LIMIT) for one in missing)}.")
        return Clearance(call, len(pipeline.required[call.gate]))

    def _verdicts(self, call: GuardCall, pipeline: PipelinePolicy) -> Iterator[str]:
        today = self.today()
        for scan in pipeline.required[call.gate]:
            data = self.records.read(verdict_key(call.pipeline, call.execution, scan.scanner, scan.scope))
            why = verdicts.objection(call, pipeline, scan, data, today)
            if why is not None:
                yield f"{scan}: {why}"

    def _decision(self, call: GuardCall, pipeline: PipelinePolicy, attempts: Sequence[Attempt]) -> Iterator[str]:
        approved: Attempt | None = None
        try:
            approved = approval(call, attempts)
        except UnprovenError as error:
            yield str(error)
        if pipeline.separation_of_duties:
            yield from duties.objections(call, pipeline, approved, self._pushes(call, pipeline))

    def _compliance(self) -> Iterator[str]:
        names = self.policy.hold_production
        if not names:
            return
        try:
            yield from compliance.objections(names, self.rules.states(names))
        except MalformedError as error:
            yield str(error)

    def _pushes(self, call: GuardCall, pipeline: PipelinePolicy) -> Mapping[str, bytes | None]:
        keys = self.records.keys(pushes.folder(pipeline.repository, call.commit))
        return {key: self.records.read(key) for key in keys}
