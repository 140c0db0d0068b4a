"""Who pushed a commit: one object for each push, written by the importer and read by the release guard.

A push is what CodeCommit says of it in an event. AWS's page of those events shows no ``callerUserArn`` in those of a
branch; its event schema has it, and recorded events do, too. An event without it is no push here: nobody can be told
apart by it. CodeCommit delivers on a best-effort basis, so a push that nobody recorded is possible.
https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
https://docs.aws.amazon.com/cdk/api/v2/python/aws_cdk.mixins_preview.aws_codecommit.events/CodeCommitRepositoryStateChange.html
https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-codecommit.html (best effort)
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from dataclasses import fields as members
from typing import Final

from common import strict
from common.contract import A_COMMIT, COMMIT, LINE, SCHEMA
from common.policy import REPOSITORY

EVENTS: Final = {"referenceCreated": "created", "referenceUpdated": "updated"}  # of a branch; others are no push
EVENT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PUSHER: Final = re.compile(r"arn:[^\x00-\x1f\x7f]{1,996}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def folder(repository: str, commit: str) -> str:
    """Where in the reports bucket the pushes of one commit stand; only the importer's role may write there."""
    return f"pushes/{repository}/{commit}/"


@dataclass(frozen=True)
class Push:
    """One move of a branch to a commit. ``pusher``: the caller's ARN; ``event``: created or updated; ``time``: UTC, as in
    the event (YYYY-MM-DDThh:mm:ssZ); ``id``: the event's, so an event that comes twice is one push."""

    repository: str
    branch: str
    commit: str
    pusher: str
    event: str
    time: str
    id: str

    @property
    def key(self) -> str:
        """Where this push stands."""
        return f"{folder(self.repository, self.commit)}{self.id}.json"

    @classmethod
    def of_event(cls, event: object) -> Push:
        """The push in EventBridge's event (``CodeCommit Repository State Change``, a branch created or updated);
        ``MalformedError`` for any other, and where something is missing."""
        given = strict.entries(event, "event")
        strict.choice(given.get("source"), "source", ("aws.codecommit",))
        strict.choice(given.get("detail-type"), "detail-type", ("CodeCommit Repository State Change",))
        detail = strict.entries(given.get("detail"), "detail")
        strict.choice(detail.get("referenceType"), "detail.referenceType", ("branch",))
        return cls._of(
            {
                "repository": detail.get("repositoryName"),
                "branch": detail.get("referenceName"),
                "commit": detail.get("commitId"),
                "pusher": detail.get("callerUserArn"),
                "event": EVENTS[strict.choice(detail.get("event"), "detail.event", EVENTS)],
                "time": given.get("time"),
                "id": given.get("id"),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Push:
        """The push in ``data``; ``MalformedError`` for anything that ``as_bytes`` would not have written."""
        names = ("schema", *(member.name for member in members(cls)))
        given = strict.fields(strict.loads(data, "push"), "push", names)
        strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
        return cls._of({name: given[name] for name in names[1:]})

    @classmethod
    def _of(cls, given: dict[str, object]) -> Push:
        return cls(
            repository=strict.text(given["repository"], "repository", REPOSITORY, "a repository's name"),
            branch=strict.text(given["branch"], "branch", LINE, "a branch's name"),
            commit=strict.text(given["commit"], "commit", COMMIT, A_COMMIT),
            pusher=strict.text(given["pusher"], "pusher", PUSHER, "the ARN of who pushed (callerUserArn)"),
            event=strict.choice(given["event"], "event", tuple(EVENTS.values())),
            time=strict.text(given["time"], "time", TIME, "YYYY-MM-DDThh:mm:ssZ"),
            id=strict.text(given["id"], "id", EVENT_ID, "an event's id"),
        )

    def as_bytes(self) -> bytes:
        """The file's content: the same push is always the same bytes."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, sort_keys=True) + "\n").encode()
