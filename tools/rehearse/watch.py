"""What happens in the pipelines while it happens: for whoever prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

EXECUTION_BEGUN, EXECUTION_WAITS, EXECUTION_ENDED = "execution begun", "execution waits", "execution ended"
STAGE_BEGUN, STAGE_ENDED = "stage begun", "stage ended"
ACTION_BEGUN, ACTION_ENDED = "action begun", "action ended"
APPROVAL_ASKED = "approval asked"


@dataclass(frozen=True)
class Seen:
    """``kind``: above; ``status``: InProgress, Succeeded, Failed or Superseded; ``seconds``: since it began. ``action`` and
    ``stage`` are "" where it is of the whole. ``summary``: what a build exported as SUMMARY, also if it failed. ``message``: why it
    failed; of an approval, the mail as it would arrive. ``variables``: what the action exported. ``order``: its run order."""

    kind: str
    at: datetime
    pipeline: str
    execution: str
    status: str
    stage: str = ""
    action: str = ""
    provider: str = ""
    order: int = 0
    seconds: float = 0.0
    summary: str = ""
    message: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


class Watcher(Protocol):
    """Is told of one thing at a time, from any thread; must be quick. What it raises is swallowed nowhere: it stops the action."""

    def saw(self, seen: Seen) -> None:
        """Something has happened."""
        ...


class Nobody:
    """Watches nothing."""

    def saw(self, seen: Seen) -> None:
        pass


@dataclass(frozen=True)
class Clock:
    """The time as it is. ``faster``: by how much AWS's own time limits (20 minutes for a function's answer, seven days for an
    approval) are shortened here; nothing else is."""

    faster: float = 1.0

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def limit(self, seconds: float) -> float:
        """How long a limit of AWS's is here."""
        return seconds / self.faster
