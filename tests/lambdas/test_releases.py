"""What is released and what is asked to be: the recorder keeps it, the notifier asks it, and both mean the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

import notifier_world
from common.releases import ASKED_LIMIT, Current, Image, current_key
from common.strict import MalformedError
from lambda_fakes import COMMIT, EXECUTION, OTHER_EXECUTION
from notifier_world import action
from recorder.service import NotRecordedError
from recorder_world import (
    APPROVED,
    ASKING,
    BEFORE,
    CURRENT,
    DEPLOYED,
    DIGEST,
    GUARDED,
    RECORD,
    RECORDED,
    REJECTED,
    World,
    event,
    run,
)
from s3_fake import s3_error

Recorded = Callable[[str], Any]
NEWER = f"sha256:{'e' * 64}"
THIRD = "11111111-7a4d-4e0b-9c55-0d1e2f3a4b5c"
MINE = {"execution": EXECUTION, "digest": DIGEST, "commit": COMMIT}


class Executions(World):
    """Several executions, each with its own history: ``histories`` by id."""

    def __init__(self) -> None:
        super().__init__()
        self.histories: dict[str, tuple[str, list[dict[str, Any]]]] = {}

    def goes(self, execution: str, status: str, digest: str, after: list[dict[str, Any]], minutes: int = 0) -> None:
        """``minutes``: how much later than in recorder_world."""
        history = copy.deepcopy([*BEFORE, *after])
        for one in history:
            one["pipelineExecutionId"] = execution
            for time in ("startTime", "lastUpdateTime"):
                one[time] = one[time].replace(hour=12 + minutes // 60)
            if one["actionName"] == "seal":
                one["output"]["outputVariables"]["DIGEST"] = digest
        self.histories[execution] = (status, history)

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Any:
        self.status = [self.histories[pipelineExecutionId][0]]
        return super().get_pipeline_execution(pipelineName=pipelineName, pipelineExecutionId=pipelineExecutionId)

    def list_action_executions(self, **request: Any) -> Any:
        return {"actionExecutionDetails": copy.deepcopy(self.histories[request["filter"]["pipelineExecutionId"]][1])}

    def asks(self, execution: str) -> None:
        self.ask(execution=execution)

    def ends(self, execution: str) -> None:
        ended = event()
        ended["detail"]["execution-id"] = execution
        self.recorder().complete(ended)


def tells(recorded: Recorded, world: World, digest: str) -> list[str]:
    """Subjects of the mails about a scan of ``digest``, by the notifier, from what the recorder has stored."""
    hearing = notifier_world.World()
    for key, body in world.s3.objects.items():
        hearing.bucket.put(key, body)
    scan = recorded("ecr_image_scan")
    scan["detail"] |= {
        "repository-name": "acme/payments", "image-digest": digest, "finding-severity-counts": {"CRITICAL": 1},
    }  # fmt: skip
    hearing.sends(scan)
    return [mail["Subject"] for mail in hearing.mails]


RELEASED_MAIL = "acme: the released image of payments has findings: 1 critical"
ASKED_MAIL = "acme: the image that payments asks to release has findings: 1 critical"


def test_from_the_question_to_the_next_release_its_people_are_told(recorded: Recorded) -> None:
    world = Executions()
    world.goes(EXECUTION, "InProgress", DIGEST, [ASKING])
    assert tells(recorded, world, DIGEST) == []  # nobody was asked: its gates speak
    world.asks(EXECUTION)
    assert tells(recorded, world, DIGEST) == [ASKED_MAIL]
    world.goes(EXECUTION, "Succeeded", DIGEST, [RECORDED, APPROVED, GUARDED, DEPLOYED])
    world.ends(EXECUTION)
    assert tells(recorded, world, DIGEST) == [RELEASED_MAIL]
    assert tells(recorded, world, NEWER) == []
    world.goes(OTHER_EXECUTION, "InProgress", NEWER, [ASKING], minutes=60)
    world.asks(OTHER_EXECUTION)
    assert (tells(recorded, world, DIGEST), tells(recorded, world, NEWER)) == ([RELEASED_MAIL], [ASKED_MAIL])
    world.goes(OTHER_EXECUTION, "Succeeded", NEWER, [RECORDED, APPROVED, GUARDED, DEPLOYED], minutes=60)
    world.ends(OTHER_EXECUTION)
    assert (tells(recorded, world, DIGEST), tells(recorded, world, NEWER)) == ([], [RELEASED_MAIL])


def test_however_many_runs_have_come_since_a_release_is_remembered(recorded: Recorded) -> None:
    """CodePipeline's history is not asked: its last 2,000 actions may hold none of the release."""
    world = World()
    world.recorder().complete(event())
    hearing = notifier_world.World()
    hearing.codepipeline.actions = [action("Build", "image", "Failed", execution=OTHER_EXECUTION)] * 3000
    hearing.bucket.put(CURRENT, world.s3.objects[CURRENT])
    scan = recorded("ecr_image_scan")
    scan["detail"] |= {
        "repository-name": "acme/payments", "image-digest": DIGEST, "finding-severity-counts": {"HIGH": 1},
    }  # fmt: skip
    hearing.sends(scan)
    assert len(hearing.mails) == 1


def test_what_is_kept_is_this() -> None:
    world = World()
    world.recorder().complete(event())
    assert world.current == {
        "schema": 1,
        "pipeline": "payments",
        "released": {**MINE, "since": "2026-11-22T12:45:00Z"},
        "asked": [],
    }
    assert current_key("payments") == CURRENT
    assert Current.parse(world.s3.objects[CURRENT], "payments").as_bytes() == world.s3.objects[CURRENT]


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("Failed", [RECORDED, REJECTED]),
        ("Failed", [RECORDED, APPROVED, GUARDED, {**DEPLOYED, "status": "Failed"}]),  # put back
        ("Stopped", [RECORDED, APPROVED]),
        ("Superseded", [RECORDED, APPROVED]),
        ("Cancelled", [RECORDED]),
    ],
)
def test_what_has_not_reached_production_is_forgotten_at_its_end(status: str, after: list[Any]) -> None:
    world = Executions()
    world.goes(EXECUTION, "Succeeded", DIGEST, [RECORDED, APPROVED, GUARDED, DEPLOYED])
    world.ends(EXECUTION)
    world.goes(OTHER_EXECUTION, "InProgress", NEWER, [ASKING], minutes=60)
    world.asks(OTHER_EXECUTION)
    assert [one["digest"] for one in world.current["asked"]] == [NEWER]
    world.goes(OTHER_EXECUTION, status, NEWER, after, minutes=60)
    world.ends(OTHER_EXECUTION)
    assert world.current["asked"] == []
    assert world.current["released"]["digest"] == DIGEST


def test_what_reached_production_by_a_changed_pipeline_is_told_too(recorded: Recorded) -> None:
    world = World()
    world.history = [*BEFORE, DEPLOYED]
    world.recorder().complete(event())
    assert world.record["outcome"] == "unproven"
    assert tells(recorded, world, DIGEST) == [RELEASED_MAIL]


def test_an_end_that_nobody_has_heard_of_does_not_silence(recorded: Recorded) -> None:
    """EventBridge has lost the event of the first one's end, and the second is asked about, and refused."""
    world = Executions()
    world.goes(EXECUTION, "InProgress", DIGEST, [ASKING])
    world.asks(EXECUTION)
    world.goes(OTHER_EXECUTION, "InProgress", NEWER, [ASKING], minutes=60)
    world.asks(OTHER_EXECUTION)
    world.goes(OTHER_EXECUTION, "Failed", NEWER, [RECORDED, REJECTED], minutes=60)
    world.ends(OTHER_EXECUTION)
    assert tells(recorded, world, DIGEST) == [ASKED_MAIL]
    world.goes(THIRD, "Succeeded", NEWER, [RECORDED, APPROVED, GUARDED, DEPLOYED], minutes=120)
    world.ends(THIRD)  # whose release shows that the first can come no more
    assert tells(recorded, world, DIGEST) == []


def test_an_end_that_is_heard_late_does_not_bring_an_older_release_back() -> None:
    world = Executions()
    world.goes(EXECUTION, "Succeeded", DIGEST, [RECORDED, APPROVED, GUARDED, DEPLOYED])
    world.goes(OTHER_EXECUTION, "Succeeded", NEWER, [RECORDED, APPROVED, GUARDED, DEPLOYED], minutes=60)
    world.ends(OTHER_EXECUTION)
    before = world.s3.objects[CURRENT]
    world.ends(EXECUTION)
    world.asks(EXECUTION)
    assert world.s3.objects[CURRENT] == before
    assert world.s3.log.count(CURRENT) == 1


def test_a_release_that_is_deployed_again_is_the_last_again() -> None:
    """Somebody has retried the older one's Production."""
    world = Executions()
    world.goes(OTHER_EXECUTION, "Succeeded", NEWER, [RECORDED, APPROVED, GUARDED, DEPLOYED], minutes=60)
    world.ends(OTHER_EXECUTION)
    world.goes(EXECUTION, "Succeeded", DIGEST, [RECORDED, APPROVED, GUARDED, DEPLOYED])
    status, history = world.histories[EXECUTION]
    again = {**run("Production", "deploy", 41, 45), "pipelineExecutionId": EXECUTION}
    for time in ("startTime", "lastUpdateTime"):
        again[time] = again[time].replace(hour=14)
    world.histories[EXECUTION] = (status, [*history, again])
    world.ends(EXECUTION)
    assert world.current["released"] == {**MINE, "since": "2026-11-22T14:45:00Z"}


def test_two_calls_at_once_lose_nothing() -> None:
    world = Executions()
    world.goes(EXECUTION, "InProgress", DIGEST, [ASKING])
    world.goes(OTHER_EXECUTION, "InProgress", NEWER, [ASKING], minutes=60)
    put, other = world.s3.put_object, [OTHER_EXECUTION]

    def slow(**given: Any) -> Any:
        if given["Key"] == CURRENT and other:
            world.asks(other.pop())
        return put(**given)

    world.s3.put_object = slow  # type: ignore[method-assign, assignment]
    world.asks(EXECUTION)
    assert [one["execution"] for one in world.current["asked"]] == [EXECUTION, OTHER_EXECUTION]


def test_one_that_others_always_write_stops_the_run() -> None:
    world = World()
    put = world.s3.put_object

    def busy(**given: Any) -> Any:
        if given["Key"] == CURRENT:
            raise s3_error("PreconditionFailed", "PutObject")
        return put(**given)

    world.s3.put_object = busy  # type: ignore[method-assign, assignment]
    with pytest.raises(NotRecordedError, match=r"releases/payments/current\.json is written by others all the time"):
        world.recorder().complete(event())


def test_what_cannot_be_read_is_not_begun_anew() -> None:
    """An empty one would say of what production runs that nobody uses it."""
    world = World()
    world.s3.objects[CURRENT] = b"{}"
    with pytest.raises(MalformedError, match=r"current\.json"):
        world.recorder().complete(event())
    assert world.s3.objects[CURRENT] == b"{}"
    assert RECORD not in world.s3.objects  # so that the event is tried again, and kept


def test_a_release_is_measured_though_its_first_record_failed() -> None:
    world = World()
    world.s3.faults[RECORD] = ["InternalError"]
    with pytest.raises(Exception, match="InternalError"):
        world.recorder().complete(event())
    assert world.recorder().complete(event()).seconds == 2730
    assert world.s3.log.count(CURRENT) == 1


def test_the_list_of_the_asked_has_an_end() -> None:
    current = Current("payments")
    for number in range(ASKED_LIMIT + 5):
        since = f"2026-11-22T12:00:{number:02}Z"
        current = current.asking(Image(f"{number:08}{EXECUTION[8:]}", DIGEST, COMMIT, since))
    assert [one.since[-3:] for one in current.asked] == [f"{number:02}Z" for number in range(5, ASKED_LIMIT + 5)]
    assert len(current.as_bytes()) < 64 * 1024


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2}, {"pipeline": "shop"}, {"released": {}}, {"released": {**MINE, "since": "yesterday"}},
        {"released": {**MINE, "commit": "main", "since": "2026-11-22T12:45:00Z"}},
        {"released": {**MINE, "digest": "latest", "since": "2026-11-22T12:45:00Z"}}, {"asked": None}, {"asked": [None]},
        {"released": {**MINE, "execution": "../x", "since": "2026-11-22T12:45:00Z"}}, {"more": 1},
    ],
)  # fmt: skip
def test_anything_else_is_not_read(change: dict[str, Any]) -> None:
    given = {"schema": 1, "pipeline": "payments", "released": None, "asked": []} | change
    with pytest.raises(MalformedError):
        Current.parse(json.dumps(given).encode(), "payments")
