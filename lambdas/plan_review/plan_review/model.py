"""A plan as the review needs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """One plan file; ``name`` is its stack."""

    name: str
