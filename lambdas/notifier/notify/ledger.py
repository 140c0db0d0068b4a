"""What was told, so that it is told once: ``notified/<pipeline>/<execution>/<cause>.json``.

A failed run reaches this function at least twice (its stage's event and its pipeline's), either may come more than once
(EventBridge delivers at least once), and Lambda tries an event again that has failed. Whoever comes first writes the record
as *begun* (S3 takes an ``If-None-Match: *`` of one only), does what is to be done, and writes it as *done*.

Why nothing is lost: only *done* keeps another event silent, and *done* is written after SNS has accepted the message. Who
finds *begun* waits. If it stays *begun* the holder has died: after ``HELD`` seconds, more than Lambda lets a call live,
the next one takes its place (``If-Match``: again one only). Until then the call ends in an error, and Lambda tries again a minute later
and two minutes after that (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html), so also the holder's own event
comes back. What fails three times waits in the dead letters, which ring.

Why it may come twice: a holder that dies between SNS's answer and *done* has sent, and nobody knows. Twice is better than never.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common import strict
from common.contract import SCHEMA
from common.strict import MalformedError
from notify.store import Store

HELD: Final = 50  # seconds; the function's timeout is 45 (modules/notifier.py), Lambda's first pause is 60
PATIENCE: Final = 15  # seconds to wait for another holder: a message takes some three
RECORD_LIMIT: Final = 10_000  # bytes
_KEY: Final = re.compile(r"notified/[a-z0-9_-]{1,40}/[A-Za-z0-9-]{1,64}/[A-Za-z0-9_-]{1,100}\.json")
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class HeldError(Exception):
    """Another call has begun to tell the same and has not ended: to be tried again."""


def key(pipeline: str, execution: str, cause: str) -> str:
    """Where it stands that ``cause`` was told."""
    found = f"notified/{pipeline}/{execution}/{cause}.json"
    if not _KEY.fullmatch(found):
        raise MalformedError(f"{strict.shown(found)} is no key of what was told")
    return found


@dataclass(frozen=True)
class Ledger:
    """``clock``: now, in UTC. ``wait``: sleeps for so many seconds."""

    store: Store
    clock: Callable[[], datetime]
    wait: Callable[[float], None]

    def once(self, where: str, event: str, do: Callable[[], object]) -> bool:
        """Does it, unless it was done before; whether it did. ``where``: a ``key``; ``event``: id of the event that asks."""
        claim = self._claim(where, event)
        if claim is None:
            return False
        do()
        self.store.replace(where, self._record(event, done=True), claim)
        return True

    def _claim(self, where: str, event: str) -> str | None:
        """The ETag of our own record of having begun; None if it was done."""
        mine = self._record(event, done=False)
        for _ in range(PATIENCE):
            etag = self.store.create(where, mine)
            if etag:
                return etag
            found = self.store.read(where, RECORD_LIMIT)
            if found:
                state = _State.parse(found.data)
                if state.done:
                    return None
                if (self.clock() - found.modified).total_seconds() > HELD:
                    etag = self.store.replace(where, mine, found.etag)
                    if etag:
                        return etag
            self.wait(1.0)
        raise HeldError(f"{where}: another call has begun to tell this and has not ended")

    def _record(self, event: str, *, done: bool) -> bytes:
        at = self.clock().isoformat(timespec="seconds")
        return (json.dumps({"schema": SCHEMA, "event": event, "done": done, "at": at}, indent=2) + "\n").encode()


@dataclass(frozen=True)
class _State:
    done: bool

    @classmethod
    def parse(cls, data: bytes) -> _State:
        """What cannot be read was not written by this function: it counts as begun, so that the message goes out."""
        try:
            given = strict.fields(strict.loads(data, "record"), "record", ("schema", "event", "done", "at"))
            strict.text(given["event"], "event", _ID, "an event's id")
            return cls(strict.boolean(given["done"], "done"))
        except MalformedError:
            return cls(done=False)
