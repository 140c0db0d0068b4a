"""``terraform show -json`` -> Plan."""

from __future__ import annotations

from plan_review.model import Plan


class UnreadableError(Exception):
    """Not a plan that this program can judge; the message is a sentence for the person who gave it."""


def read(name: str, data: bytes) -> Plan:
    """The plan in ``data``, called ``name`` (its stack). Raises UnreadableError."""
    raise NotImplementedError("to come")
