"""What a reviewer must know, one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from plan_review.text import Text


class Kind(IntEnum):
    """Classes of risk, the most important first."""

    PLAN = 0
    DESTROY = 1
    IAM = 2
    PUBLIC = 3
    PROTECTION = 4
    GATE = 5
    WAIVER = 6
    UNSEEN = 7


TITLES = {
    Kind.PLAN: "The plan is not whole",
    Kind.DESTROY: "Destroys what holds data or cannot be had again",
    Kind.IAM: "Permissions widen",
    Kind.PUBLIC: "Becomes public",
    Kind.PROTECTION: "Encryption, logs, versions or another protection is weakened",
    Kind.GATE: "A gate is weakened",
    Kind.WAIVER: "Findings are waived",
    Kind.UNSEEN: "Cannot be seen before apply",
}
# Of those left out: ``permissions widen: 3``.
SHORT = {
    Kind.PLAN: "not whole",
    Kind.DESTROY: "destroyed",
    Kind.IAM: "permissions widen",
    Kind.PUBLIC: "becomes public",
    Kind.PROTECTION: "protection weakened",
    Kind.GATE: "gate weakened",
    Kind.WAIVER: "findings waived",
    Kind.UNSEEN: "cannot be seen",
}


@dataclass(frozen=True)
class Finding:
    """One risk. ``text`` is a sentence without its address, ``details`` are more of it."""

    kind: Kind
    stack: str
    address: str
    text: Text
    details: tuple[Text, ...] = ()
