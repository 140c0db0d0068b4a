"""``result.json``: what a plan build says of itself. It is the word of a build that ran the branch's code, so it is read as
foreign text: bounded, of known form, shown as a quotation. buildspecs/scripts/plan_stacks.py writes it.

    {"schema": 1, "commit": "<40 hex>", "compared": true, "error": "",
     "stacks": [{"name": "payments", "status": "planned", "reason": ""}...],
     "checks": [{"name": "check", "status": "passed", "reason": ""}...]}

``compared``: the destination was synthesized too; without it every stack counts as changed. ``error``: why no stack could
be planned at all. A stack is ``planned`` (its plan stands beside this file), ``unchanged``, ``removed`` or ``failed``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from common import strict
from common.contract import A_COMMIT, COMMIT
from common.strict import MalformedError

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")  # of a stack or a Makefile's target
TEXT: Final = re.compile(r"[\s\S]{0,4000}")
MOST: Final = 100
LARGEST: Final = 1_000_000  # bytes
SCHEMA: Final = 1


@dataclass(frozen=True)
class Part:
    """A stack or a check: how it ended, and why in the build's own words."""

    name: str
    status: str
    reason: str


@dataclass(frozen=True)
class Result:
    """What the build says it did."""

    commit: str
    compared: bool
    error: str
    stacks: tuple[Part, ...]
    checks: tuple[Part, ...]

    def named(self, status: str) -> list[str]:
        """Names of the stacks that ended so."""
        return [one.name for one in self.stacks if one.status == status]


def parse(data: bytes) -> Result:
    """Raises MalformedError for anything that plan_stacks.py would not have written."""
    given = strict.fields(
        strict.loads(data, "result.json"), "result.json", ("schema", "commit", "compared", "error", "stacks", "checks")
    )
    strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
    return Result(
        commit=strict.text(given["commit"], "commit", COMMIT, A_COMMIT),
        compared=strict.boolean(given["compared"], "compared"),
        error=strict.text(given["error"], "error", TEXT, "a text"),
        stacks=_parts(given["stacks"], "stacks", ("planned", "unchanged", "removed", "failed")),
        checks=_parts(given["checks"], "checks", ("passed", "failed")),
    )


def _parts(value: object, where: str, statuses: tuple[str, ...]) -> tuple[Part, ...]:
    listed = strict.items(value, where)
    if len(listed) > MOST:
        raise MalformedError(f"{where}: {len(listed)} of them, at most {MOST} are read")
    parts = []
    for one in listed:
        given = strict.fields(one, where, ("name", "status", "reason"))
        parts.append(
            Part(
                name=strict.text(given["name"], where, NAME, "a name of lower-case letters, digits and hyphens"),
                status=strict.choice(given["status"], where, statuses),
                reason=strict.text(given["reason"], where, TEXT, "a text"),
            )
        )
    if len({part.name for part in parts}) != len(parts):
        raise MalformedError(f"{where}: a name stands there twice")
    return tuple(parts)
