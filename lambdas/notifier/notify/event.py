"""The envelope that every event of EventBridge has.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common import strict

_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORDS: Final = re.compile(r"[ -~]{1,256}")


@dataclass(frozen=True)
class Event:
    """``kind``: its detail-type. ``time``: when it happened, with its zone. ``detail``: what its service says."""

    id: str
    source: str
    kind: str
    time: datetime
    detail: Mapping[str, object]

    @classmethod
    def parse(cls, document: object) -> Event:
        """The event in ``document``; ``MalformedError`` for anything else."""
        given = strict.entries(document, "event")
        return cls(
            id=strict.text(given.get("id"), "id", _ID, "an event's id"),
            source=strict.text(given.get("source"), "source", _WORDS, "an event's source"),
            kind=strict.text(given.get("detail-type"), "detail-type", _WORDS, "an event's type"),
            time=strict.moment(given.get("time"), "time"),
            detail=strict.entries(given.get("detail"), "detail"),
        )
