"""Says why a release may not go on. This first version never says that it may: it returns refusals, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as members
from typing import Protocol

from common import strict
from common.contract import (
    A_COMMIT,
    AN_EXECUTION,
    COMMIT,
    DIGEST,
    EXECUTION,
    PIPELINE,
    SCHEMA,
    Record,
    Verdict,
    verdict_key,
)
from common.policy import GATES, Policy, Scan
from common.strict import MalformedError

NOT_YET = "this version of the release guard does not judge yet and refuses every release"


class Records(Protocol):
    """What the importer has recorded."""

    def read(self, key: str) -> bytes | None:
        """Content of a verdict.json; None if there is none."""


@dataclass(frozen=True)
class GuardCall:
    """UserParameters of the pipeline's guard action."""

    pipeline: str
    gate: str
    execution: str
    commit: str
    digest: str

    @classmethod
    def parse(cls, text: object) -> GuardCall:
        """The call in the action's configuration."""
        if not isinstance(text, str):
            raise MalformedError("UserParameters: missing from the action's configuration")
        names = ("schema", *(member.name for member in members(cls)))
        given = strict.fields(strict.loads(text, "UserParameters"), "UserParameters", names)
        strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
        return cls(
            pipeline=strict.text(given["pipeline"], "pipeline", PIPELINE, "a pipeline's name in pipelines.yaml"),
            gate=strict.choice(given["gate"], "gate", GATES),
            execution=strict.text(given["execution"], "execution", EXECUTION, AN_EXECUTION),
            commit=strict.text(given["commit"], "commit", COMMIT, A_COMMIT),
            digest=strict.text(given["digest"], "digest", DIGEST, "an image digest (sha256:...)"),
        )


@dataclass(frozen=True)
class Guard:
    """UserParameters in, refusal out; knows neither Lambda nor boto3."""

    policy: Policy
    records: Records

    def refuse(self, parameters: object) -> str:
        """The sentence to fail the action with: what is missing, scan by scan."""
        call = GuardCall.parse(parameters)
        pipeline = self.policy.pipelines.get(call.pipeline)
        if pipeline is None or call.gate not in pipeline.required:
            raise MalformedError(f"policy.json has no gate {call.gate} for the pipeline {call.pipeline}")
        required = pipeline.required[call.gate]
        missing = [f"{scan}: {why}" for scan in required if (why := self._missing(call, scan)) is not None]
        if missing:
            return f"{call.gate} refused, not recorded as pass: {'; '.join(missing)}. Besides, {NOT_YET}."
        return f"{call.gate} refused: all {len(required)} required verdicts are recorded as pass, but {NOT_YET}."

    def _missing(self, call: GuardCall, scan: Scan) -> str | None:
        """Why this scan is not recorded as passed for this execution and commit; None if it is."""
        data = self.records.read(verdict_key(call.pipeline, call.execution, scan.scanner, scan.scope))
        if data is None:
            return "no verdict"
        try:
            record = Record.parse(data)
        except MalformedError as error:
            return f"unreadable record ({error})"
        # The record must say of itself what its key says: a copy of another's record is none.
        if (record.pipeline, record.execution) != (call.pipeline, call.execution):
            return "record of another execution"
        if (record.scanner, record.scope) != (scan.scanner, scan.scope):
            return "record of another scan"
        if record.origin.commit != call.commit:
            return f"record of another commit ({record.origin.commit})"
        if record.answer.verdict is not Verdict.PASS:
            return f"{record.answer.verdict} ({record.answer.reason})"
        return None
