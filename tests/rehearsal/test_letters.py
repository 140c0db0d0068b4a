"""What people get of a run: one letter is waited for, and then one that is too many."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tools.rehearse import letters

RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Queue:
    """SQS with letters that are sent at some times from now on."""

    def __init__(self, *due: tuple[float, str]) -> None:
        self.due = [(time.time() + after, text) for after, text in due]

    def receive_message(self, **asked: Any) -> Any:
        assert asked["AttributeNames"] == ["SentTimestamp"]
        time.sleep(0.02)
        here = [one for one in self.due if one[0] <= time.time()]
        self.due = [one for one in self.due if one not in here]
        return {
            "Messages": [
                {
                    "Body": json.dumps({"Subject": "s", "Message": text}),
                    "ReceiptHandle": "r",
                    "Attributes": {"SentTimestamp": str(int(sent * 1000))},
                }
                for sent, text in here
            ]
        }

    def delete_message(self, **_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "COMES", 1.0)
    monkeypatch.setattr(letters, "ANOTHER", 0.4)


def got(wanted: int, *due: tuple[float, str]) -> int:
    return len(letters.Letters(Queue(*due), "url").of(RUN, wanted))


def test_the_letter_that_is_wanted_is_waited_for() -> None:
    assert got(1, (0.5, f"run {RUN} failed")) == 1


def test_one_too_many_is_seen_also_where_it_comes_later() -> None:
    assert got(1, (0.0, f"run {RUN} failed"), (0.3, f"run {RUN} failed")) == 2
    assert got(0, (0.0, f"run {RUN} succeeded")) == 1


def test_letters_of_other_runs_are_none_of_this_one() -> None:
    assert got(1, (0.0, "run of somebody else"), (0.5, f"run {RUN} failed")) == 1


def test_time_since_the_letter_was_sent_counts() -> None:
    began = time.monotonic()
    assert got(1, (-5.0, f"run {RUN} failed")) == 1
    assert time.monotonic() - began < 0.3


def test_nobody_waits_for_ever() -> None:
    assert got(1) == 0
