"""Records a release: when its approval is about to be asked for, and again when its execution has ended. Knows no boto3."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from common import strict
from common.contract import AN_EXECUTION, EXECUTION, PIPELINE, SCHEMA
from common.executions import Attempt
from common.policy import AWS_NAME, PipelinePolicy, Policy
from common.releases import Current, current_key, folder
from common.strict import MalformedError, shown
from recorder import evidence, release
from recorder.current import follow
from recorder.evidence import Records
from recorder.executions import State
from recorder.model import RELEASED, Release
from recorder.page import render
from recorder.release import Found
from recorder.store import ConflictError

_TRIES: Final = 5  # to save, while another call saves the same record
# CodePipeline's API may still call an execution running whose end its event tells: seconds before each look.
PAUSES: Final = (0, 1, 2, 4, 8)
EVENT: Final = ("aws.codepipeline", "CodePipeline Pipeline Execution State Change")


class NotRecordedError(Exception):
    """There is no record of this release as it is now; the message says why."""


class Executions(Protocol):
    """CodePipeline's account of its executions."""

    def state(self, pipeline: str, execution: str) -> State:
        """The execution; ``MalformedError`` if it is of no commit."""

    def attempts(self, pipeline: str, execution: str) -> Sequence[Attempt]:
        """All runs of all its actions."""


class Store(Records, Protocol):
    """The reports bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def load(self, key: str) -> tuple[bytes | None, str | None]:
        """A record and its ETag; two times None if there is none yet."""

    def save(self, key: str, body: bytes, etag: str | None) -> str:
        """Writes a record if it is still as it was read; its new ETag. ``ConflictError`` if it is not."""

    def write_page(self, key: str, body: bytes) -> None:
        """Puts the page in place of an earlier one."""


@dataclass(frozen=True)
class Recorded:
    """What became of a call: one sentence; and, of a release that has now reached production, how long that took in seconds."""

    said: str
    pipeline: str = ""
    seconds: int | None = None


@dataclass(frozen=True)
class Recorder:
    """UserParameters or an event in, record out. ``region``: for links to the console."""

    policy: Policy
    executions: Executions
    store: Store
    region: str
    sleep: Callable[[float], None]

    def ask(self, parameters: object) -> str:
        """The action before the approval: the record that its link names. ``NotRecordedError`` if there is none."""
        given = strict.fields(
            strict.loads(parameters if isinstance(parameters, str) else "", "UserParameters"),
            "UserParameters",
            ("schema", "pipeline", "execution"),
        )
        strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
        name = strict.text(given["pipeline"], "pipeline", PIPELINE, "a pipeline's name in pipelines.yaml")
        execution = strict.text(given["execution"], "execution", EXECUTION, AN_EXECUTION)
        pipeline = self.policy.pipelines.get(name)
        if pipeline is None or pipeline.kind != "delivery":
            raise MalformedError(f"policy.json has no delivery pipeline {name}")
        recorded, _ = self._record(name, pipeline, execution)
        return f"recorded as {recorded.outcome}: {folder(name, execution)}/release.json"

    def complete(self, event: Mapping[str, object]) -> Recorded:
        """The end of an execution (EventBridge). ``NotRecordedError`` and ``MalformedError`` if it could not be recorded: then
        Lambda tries again, and keeps the event in the end.

        https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
        """
        name, pipeline, execution, at = self._ended(event)
        if not self._settled(pipeline.name, execution, at):
            raise NotRecordedError(f"{pipeline.name} {execution} has ended, and CodePipeline still calls it running")
        if not release.concerns(self.executions.attempts(pipeline.name, execution)):
            return Recorded(f"{pipeline.name} {execution}: no release was asked for")
        recorded, before = self._record(name, pipeline, execution)
        said = f"{pipeline.name} {execution}: {recorded.outcome}"
        # The same event may come twice, and a metric must count each release once.
        new = recorded.outcome == RELEASED and before != RELEASED
        return Recorded(said, name, recorded.seconds if new else None)

    def _ended(self, event: Mapping[str, object]) -> tuple[str, PipelinePolicy, str, datetime]:
        kind = (event.get("source"), event.get("detail-type"))
        if kind != EVENT:
            raise MalformedError(f"{shown(kind[1])} from {shown(kind[0])} is no event that this function knows")
        detail = strict.entries(event.get("detail"), "detail")
        called = strict.text(detail.get("pipeline"), "detail.pipeline", AWS_NAME, "a pipeline's name in AWS")
        execution = strict.text(detail.get("execution-id"), "detail.execution-id", EXECUTION, AN_EXECUTION)
        named = [
            (name, one) for name, one in self.policy.pipelines.items() if one.name == called and one.kind == "delivery"
        ]
        if not named:
            raise MalformedError(f"policy.json has no delivery pipeline that is {called} in AWS")
        return (*named[0], execution, strict.moment(event.get("time"), "time"))

    def _settled(self, pipeline: str, execution: str, at: datetime) -> bool:
        """Whether CodePipeline says what the event says; or that a stage has been retried since, whose end will be told again."""
        for pause in PAUSES:
            if pause:
                self.sleep(pause)
            if not release.running(self.executions.state(pipeline, execution)):
                return True
            if any(one.started and one.started > at for one in self.executions.attempts(pipeline, execution)):
                return True
        return False

    def _record(self, name: str, pipeline: PipelinePolicy, execution: str) -> tuple[Release, str]:
        """Looks up everything anew and writes it, unless it stands there already; also how the release stood before.

        Two calls may run at once. The record is read before CodePipeline is asked, and only written in its place: so what is
        newer is never replaced by what is older. The page follows the record, and is made again if that was replaced meanwhile.
        """
        where = folder(name, execution)
        key, page = f"{where}/release.json", f"{where}/index.html"
        for _ in range(_TRIES):
            before, etag = self.store.load(key)
            made = self._look(name, pipeline, execution)
            body = made.as_bytes()
            # First: if the record cannot be written then, all of it is done again, and nothing is left out.
            self._follow(made)
            try:
                if body != before:
                    etag = self.store.save(key, body, etag)
            except ConflictError:
                continue
            self.store.write_page(page, render(made, self.region, self.store.bucket))
            if self.store.load(key)[1] == etag:
                return made, _outcome_of(before)
        raise NotRecordedError(f"{key} is written by others all the time")

    def _follow(self, made: Release) -> None:
        """Keeps what the pipeline has released and asks to release. One that cannot be read is an error, not a new one: it would
        say of an image in production that nobody uses it."""
        key = current_key(made.pipeline)
        for _ in range(_TRIES):
            data, etag = self.store.load(key)
            before = Current(made.pipeline) if data is None else Current.parse(data, made.pipeline)
            after = follow(before, made)
            if after == before:
                return
            try:
                self.store.save(key, after.as_bytes(), etag)
            except ConflictError:
                continue
            return
        raise NotRecordedError(f"{key} is written by others all the time")

    def _look(self, name: str, pipeline: PipelinePolicy, execution: str) -> Release:
        state = self.executions.state(pipeline.name, execution)
        attempts = self.executions.attempts(pipeline.name, execution)
        scans = evidence.collect(self.store, name, pipeline, execution)
        found = Found(
            evidence=scans,
            waived=evidence.waived(self.store, name, execution, scans),
            pushes=evidence.pushed(self.store, pipeline, state.commit),
            sbom=evidence.sbom(self.store, name, pipeline, execution),
        )
        return release.build(name, pipeline, execution, state, attempts, found)


def _outcome_of(data: bytes | None) -> str:
    if data is None:
        return ""
    return str(strict.entries(strict.loads(data, "release.json"), "release.json").get("outcome", ""))
