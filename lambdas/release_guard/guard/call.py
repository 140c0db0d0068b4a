"""What CodePipeline asks the guard."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as members

from common import strict
from common.contract import A_COMMIT, AN_EXECUTION, COMMIT, DIGEST, EXECUTION, PIPELINE, SCHEMA
from common.policy import GATES
from common.strict import MalformedError


@dataclass(frozen=True)
class GuardCall:
    """UserParameters of the pipeline's guard action (modules/pipeline.py), its variables resolved by CodePipeline."""

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
