"""Each message once, and none lost: what two calls at once, a call that dies and a call that fails leave behind."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from notify import ledger
from notify.ledger import HELD, PATIENCE, HeldError

from common.strict import MalformedError
from notifier_world import NOW, World

KEY = "notified/payments/3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c/failed-1.json"


def tell(world: World, event: str = "one") -> bool:
    return world.notifier.ledger.once(KEY, event, lambda: world.lines.append({"told": event}))


def test_the_first_tells_and_all_others_are_silent() -> None:
    world = World()
    assert [tell(world, event) for event in ("one", "one", "another")] == [True, False, False]
    assert world.lines == [{"told": "one"}]
    assert json.loads(world.bucket.objects[KEY][0])["done"] is True


def test_who_comes_second_waits_until_the_first_is_done() -> None:
    world = World()
    world.bucket.put(KEY, world.notifier.ledger._record("one", done=False))
    world.clock.meanwhile = lambda: world.bucket.put(KEY, world.notifier.ledger._record("one", done=True))
    assert not tell(world, "another")
    assert world.clock.waited == 1
    assert not world.lines


def test_who_waits_too_long_is_tried_again_by_lambda() -> None:
    world = World()
    world.bucket.put(KEY, world.notifier.ledger._record("one", done=False))
    with pytest.raises(HeldError):
        tell(world, "another")
    assert world.clock.waited == PATIENCE
    assert not world.lines


@pytest.mark.parametrize("event", ["one", "another"])
def test_the_place_of_who_died_is_taken(event: str) -> None:
    """Lambda tries again after a minute: by then nobody who has begun before still lives."""
    world = World()
    world.bucket.put(KEY, world.notifier.ledger._record("one", done=False), NOW - timedelta(seconds=60))
    assert tell(world, event)
    assert world.lines == [{"told": event}]


def test_a_call_ends_before_its_claim_does_and_lambda_waits_longer() -> None:
    timeout = 45  # seconds; held to the output by tests/stacks/inventory/full.yaml
    pause = 60  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    assert timeout < HELD < pause
    assert timeout / 2 > PATIENCE


def test_of_two_that_take_a_dead_one_s_place_one_does() -> None:
    world, late = World(), NOW - timedelta(seconds=60)
    world.bucket.put(KEY, world.notifier.ledger._record("one", done=False), late)
    read = world.bucket.get_object

    def taken(**request: str) -> object:
        answer = read(**request)
        world.bucket.get_object = read  # type: ignore[method-assign]
        world.bucket.put(KEY, world.notifier.ledger._record("two", done=True))
        return answer

    world.bucket.get_object = taken  # type: ignore[method-assign, assignment]
    assert not tell(world, "three")
    assert not world.lines


def test_a_publication_that_fails_leaves_the_claim_and_the_next_attempt_tells() -> None:
    world = World()

    def fails() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        world.notifier.ledger.once(KEY, "one", fails)
    world.clock.now += timedelta(seconds=60)
    assert tell(world)


def test_a_message_whose_done_is_lost_counts_as_told_by_this_call() -> None:
    """Somebody has taken the place: that one tells again, this one does not fail."""
    world = World()
    assert world.notifier.ledger.once(KEY, "one", lambda: world.bucket.put(KEY, b"{}"))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"schema":1,"event":"x","done":"yes","at":""}'])
def test_a_record_that_cannot_be_read_silences_nobody(data: bytes) -> None:
    world = World()
    world.bucket.put(KEY, data, NOW - timedelta(seconds=60))
    assert tell(world)


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_a_conflict_is_no_failure(code: str) -> None:
    world = World()
    world.bucket.faults["PutObject"] = [code]
    assert tell(world)


def test_other_errors_of_s3_are_failures() -> None:
    world = World()
    world.bucket.faults["PutObject"] = ["AccessDenied"]
    with pytest.raises(Exception, match="AccessDenied"):
        tell(world)


@pytest.mark.parametrize("cause", ["../verdict", "a/b", "", "x" * 101, "ü"])
def test_nothing_from_outside_leads_elsewhere(cause: str) -> None:
    with pytest.raises(MalformedError):
        ledger.key("payments", "3f2b8c1e", cause)
