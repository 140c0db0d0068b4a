"""A push to a local repository, as CodeCommit tells of it.

https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html (referenceCreated, referenceUpdated); with ``callerUserArn``,
which the schema has and the page's examples leave out: tests/events/SOURCES.md.
"""

from __future__ import annotations

import json
import uuid

from tools.emulator.process import ACCOUNT, Emulator
from tools.rehearse import roles

_IDS = uuid.UUID("12345678-1234-5678-abcd-12345678abcd")


def pushed(emulator: Emulator, repository: str, branch: str, commit: str, before: str, pusher: str) -> None:
    """Send the event of a branch that is now at ``commit``. ``emulator``: as the account's root; ``before``: the commit that the
    branch was at, "" for a new branch; ``pusher``: the caller's ARN. Raises RuntimeError if the bus does not take it."""
    detail = {
        "event": "referenceUpdated" if before else "referenceCreated",
        "repositoryName": repository,
        "repositoryId": str(uuid.uuid5(_IDS, repository)),
        "referenceType": "branch",
        "referenceName": branch,
        "referenceFullName": f"refs/heads/{branch}",
        "commitId": commit,
        "callerUserArn": pusher,
        **({"oldCommitId": before} if before else {}),
    }
    entry = {
        "Source": "aws.codecommit",
        "DetailType": "CodeCommit Repository State Change",
        "Detail": json.dumps(detail),
        "Resources": [f"arn:aws:codecommit:{emulator.region}:{ACCOUNT}:{repository}"],
    }
    answer = roles.client(emulator, "events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the event of the push was not taken: {answer['Entries']}")
