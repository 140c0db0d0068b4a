"""Terraform's version constraints: https://developer.hashicorp.com/terraform/language/expressions/version-constraints"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, WithJsonSchema

from stacks.setting_text import show

_CLAUSE = r" *(=|!=|>=|<=|>|<|~>)? *([0-9]{1,9}(?:\.[0-9]{1,9}){0,2})(-[0-9A-Za-z.-]+)? *"


class Bound(NamedTuple):
    """One clause of a version constraint."""

    operator: str
    version: tuple[int, ...]
    prerelease: str


def clauses(constraint: str) -> list[Bound]:
    """The clauses of a constraint; ValueError if one is none."""
    found: list[Bound] = []
    for part in constraint.split(","):
        match = re.fullmatch(_CLAUSE, part)
        if not match:
            raise ValueError(f"{show(part.strip())} is not a version constraint such as >= 1.11.0 or ~> 1.11")
        found.append(Bound(match[1] or "=", tuple(int(n) for n in match[2].split(".")), match[3] or ""))
    return found


def excludes_below(constraint: str, version: tuple[int, int, int]) -> bool:
    """Whether no version below ``version`` satisfies ``constraint``. A pre-release counts as below its release."""
    for bound in clauses(constraint):
        least = (*bound.version, 0, 0)[:3]
        if bound.operator in ("=", ">=", "~>", ">") and (least, not bound.prerelease) >= (version, True):
            return True
    return False


def _constraint(text: str) -> str:
    found = clauses(text)
    if len(found) > 1 and any(bound.operator == "=" for bound in found):
        raise ValueError("an exact version cannot be combined with other conditions; use >= and <")
    return text


Constraint = Annotated[str, AfterValidator(_constraint), WithJsonSchema({"type": "string", "minLength": 1})]
