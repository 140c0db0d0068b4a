"""Who pushed a commit: what the importer takes from CodeCommit's event, and what the release guard reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.pushes import Push, folder
from common.strict import MalformedError
from lambda_fakes import COMMIT

Recorded = Callable[[str], Any]
ID = "01234567-89ab-4cde-8f01-23456789abcd"
PUSH = Push(
    repository="payments",
    branch="main",
    commit=COMMIT,
    pusher="arn:aws:iam::123456789012:user/developers/ann",
    event="updated",
    time="2019-06-12T10:23:43Z",
    id=ID,
)


def test_a_push_is_what_the_event_says(recorded: Recorded) -> None:
    assert Push.of_event(recorded("codecommit_push")) == PUSH


def test_a_new_branch_is_a_push_too(recorded: Recorded) -> None:
    event = recorded("codecommit_reference_created")
    event["detail"]["callerUserArn"] = PUSH.pusher
    assert Push.of_event(event) == replace(PUSH, branch="feature/refunds", event="created")


def test_the_file_is_the_contract() -> None:
    assert PUSH.key == f"pushes/payments/{COMMIT}/{ID}.json"
    assert PUSH.key.startswith(folder("payments", COMMIT))
    assert folder("payments", COMMIT).endswith("/")  # else it would begin other folders' names, too
    assert json.loads(PUSH.as_bytes()) == {
        "schema": 1,
        "repository": "payments",
        "branch": "main",
        "commit": COMMIT,
        "pusher": "arn:aws:iam::123456789012:user/developers/ann",
        "event": "updated",
        "time": "2019-06-12T10:23:43Z",
        "id": ID,
    }
    assert PUSH.as_bytes().startswith(b'{\n  "branch": "main",\n  "commit": ')  # always the same bytes
    assert PUSH.as_bytes().endswith(b'"2019-06-12T10:23:43Z"\n}\n')


@given(st.text(alphabet=st.characters(min_codepoint=0x20, blacklist_characters="\x7f"), min_size=1, max_size=100))
@settings(deadline=None, database=None, max_examples=100)
def test_what_is_written_is_read_back(branch: str) -> None:
    push = replace(PUSH, branch=branch)
    assert Push.parse(push.as_bytes()) == push


@pytest.mark.parametrize("name", ["reference_created", "reference_updated", "reference_deleted"])
def test_an_event_without_a_caller_is_no_push(recorded: Recorded, name: str) -> None:
    """As AWS's page shows them: nobody could be told apart by such a record."""
    with pytest.raises(MalformedError):
        Push.of_event(recorded(f"codecommit_{name}"))


def test_it_says_what_the_event_lacks(recorded: Recorded) -> None:
    with pytest.raises(MalformedError, match=r"^pusher: the ARN of who pushed \(callerUserArn\) is right, not None$"):
        Push.of_event(recorded("codecommit_reference_updated"))


AN_OBJECT = "an object is right, not"
KINDS = "CodeCommit Repository State Change"


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        ("source", "acme.codecommit", "source: one of aws.codecommit is right"),
        ("detail-type", "CodeCommit Pull Request State Change", f"detail-type: one of {KINDS} is right"),
        ("id", "../../payments/x", "id: an event's id is right"),
        ("id", ID.upper(), "id: an event's id is right"),
        ("time", "2019-06-12", "time: YYYY-MM-DDThh:mm:ssZ is right"),
        ("time", "2019-06-12T10:23:43+02:00", "time: YYYY-MM-DDThh:mm:ssZ is right"),
        ("detail.event", "referenceDeleted", "detail.event: one of referenceCreated, referenceUpdated is right"),
        ("detail.event", ["referenceUpdated"], "detail.event: one of referenceCreated, referenceUpdated is right"),
        ("detail.referenceType", "tag", "detail.referenceType: one of branch is right"),
        ("detail.referenceName", "", "branch: a branch's name is right"),
        ("detail.referenceName", "main\nfeature", "branch: a branch's name is right"),
        ("detail.repositoryName", "pay/ments", "repository: a repository's name is right"),
        ("detail.repositoryName", "", "repository: a repository's name is right"),
        ("detail.commitId", COMMIT[:39], "commit: a commit of 40 hexadecimal digits is right"),
        ("detail.commitId", COMMIT.upper(), "commit: a commit of 40 hexadecimal digits is right"),
        ("detail.callerUserArn", "", "pusher: the ARN of who pushed (callerUserArn) is right"),
        ("detail.callerUserArn", "ann", "pusher: the ARN of who pushed (callerUserArn) is right"),
        ("detail.callerUserArn", "arn:\n", "pusher: the ARN of who pushed (callerUserArn) is right"),
        ("detail.callerUserArn", "arn:" + "x" * 997, "pusher: the ARN of who pushed (callerUserArn) is right"),
        ("detail", None, f"detail: {AN_OBJECT}"),
    ],
)
def test_anything_else_is_no_push(recorded: Recorded, where: str, value: object, words: str) -> None:
    event = recorded("codecommit_push")
    *above, last = where.split(".")
    inner = event[above[0]] if above else event
    inner[last] = value
    with pytest.raises(MalformedError) as error:
        Push.of_event(event)
    assert str(error.value).startswith(words)
    del inner[last]
    with pytest.raises(MalformedError) as error:
        Push.of_event(event)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("event", [None, [], "push", {1: 2}])
def test_an_event_is_an_object(event: object) -> None:
    with pytest.raises(MalformedError, match=f"^event: {AN_OBJECT}"):
        Push.of_event(event)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right"),
        ({"schema": True}, "schema: a whole number from 1 to 1 is right"),
        ({"event": "deleted"}, "event: one of created, updated is right"),
        ({"event": "referenceUpdated"}, "event: one of created, updated is right"),
        ({"repository": "pay/ments"}, "repository: a repository's name is right"),
        ({"branch": None}, "branch: a branch's name is right"),
        ({"commit": "main"}, "commit: a commit of 40 hexadecimal digits is right"),
        ({"pusher": None}, "pusher: the ARN of who pushed (callerUserArn) is right"),
        ({"time": ""}, "time: YYYY-MM-DDThh:mm:ssZ is right"),
        ({"id": "1"}, "id: an event's id is right"),
        ({"approved": True}, "push: unknown key 'approved'"),
    ],
)
def test_a_file_that_is_not_exactly_so_is_malformed(change: dict[str, object], words: str) -> None:
    document = json.loads(PUSH.as_bytes())
    assert Push.parse(json.dumps(document).encode()) == PUSH
    with pytest.raises(MalformedError) as error:
        Push.parse(json.dumps(document | change).encode())
    assert str(error.value).startswith(words)
    (name,) = change
    if name in document:
        del document[name]
        with pytest.raises(MalformedError, match=f"^push: the key {name} is missing$"):
            Push.parse(json.dumps(document).encode())


def test_a_file_that_is_no_json_is_malformed() -> None:
    with pytest.raises(MalformedError, match=r"^push: not readable as JSON"):
        Push.parse(PUSH.as_bytes()[:-3])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(event=JSON, data=st.binary())
@settings(deadline=None, database=None, max_examples=100)
def test_nothing_else_is_ever_a_push(event: object, data: bytes) -> None:
    with pytest.raises(MalformedError):
        Push.of_event(event)
    with pytest.raises(MalformedError):
        Push.parse(data)


def test_a_push_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PUSH.pusher = "arn:aws:iam::123456789012:user/zoe"  # type: ignore[misc]
