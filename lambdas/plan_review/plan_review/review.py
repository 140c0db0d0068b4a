"""Plans -> Review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plan_review.model import Plan


@dataclass(frozen=True)
class Review:
    """What is to be said of some plans; no value in it is a sensitive one."""

    risky: bool


def review(plans: Sequence[Plan]) -> Review:
    """Judge the plans together: what one creates another may point to."""
    raise NotImplementedError("to come")
