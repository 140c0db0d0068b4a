"""Events: what each one does, and that nothing that cannot be handled is taken for done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.pushes import Push
from findings.events import Events, Handled, UnjudgedEventError
from findings.service import Importer, Outcome
from importer_world import World
from lambda_fakes import COMMIT, EXECUTION, OTHER_EXECUTION
from s3_fake import DIGEST, STARTED
from security_hub_fake import Clock

Recorded = Callable[[str], Any]
REGISTRY = "acme/payments"


def image_scan(recorded: Recorded, **detail: str) -> Any:
    event = recorded("ecr_image_scan")
    event["detail"] |= {"repository-name": REGISTRY, "image-digest": DIGEST} | {
        name.replace("_", "-"): value for name, value in detail.items()
    }
    return event


def report(*findings: tuple[str, str], status: str = "COMPLETE", digest: str = DIGEST) -> bytes:
    """Basic scanning's answer. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html"""
    return json.dumps(
        {
            "imageId": {"imageDigest": digest},
            "imageScanStatus": {"status": status},
            "imageScanFindings": {
                "imageScanCompletedAt": "2026-03-01T12:00:00+00:00",
                "findings": [
                    {
                        "name": name,
                        "severity": severity,
                        "attributes": [
                            {"key": "package_name", "value": "zlib"},
                            {"key": "package_version", "value": "1"},
                        ],
                    }
                    for name, severity in findings
                ],
            },
        }
    ).encode()


HIGH, LOW = ("CVE-2024-1", "HIGH"), ("CVE-2024-2", "LOW")


@pytest.fixture
def world() -> World:
    """A release whose image ECR has scanned once, in its build."""
    made = World(clock=Clock())
    assert made.scan(report(LOW), scanner="ecr").answer.verdict == "pass"
    made.clock.sleep(86_400)
    return made


def test_a_later_scan_of_the_released_image_reaches_security_hub(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    verdict = world.s3.objects[f"reports/payments/{EXECUTION}/ecr-image/verdict.json"]
    event = image_scan(recorded)
    assert world.event(event) == f"{REGISTRY}@{DIGEST}: scanned again"
    assert {name.split("/")[3]: state for name, state in world.states().items()} == {
        "CVE-2024-1": "ACTIVE",
        "CVE-2024-2": "ARCHIVED",
    }
    where = f"rescans/payments/{event['id']}/ecr-image"
    assert {key for key in world.s3.objects if key.startswith("rescans/")} == {
        f"{where}/raw.json",
        f"{where}/findings.json",
        f"{where}/index.html",
    }
    # What a build was told stays as it was told.
    assert world.s3.objects[f"reports/payments/{EXECUTION}/ecr-image/verdict.json"] == verdict


def test_a_rescan_twice_is_a_rescan_once(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    world.event(image_scan(recorded))
    states = world.states()
    world.clock.sleep(60)
    world.event(image_scan(recorded))
    assert world.states() == states


def test_the_next_release_is_newer_than_any_rescan_of_this_one(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    world.event(image_scan(recorded))
    world.codepipeline.started[OTHER_EXECUTION] = STARTED + timedelta(minutes=1)
    other = f"sha256:{'9' * 64}"
    world.codepipeline.digests[OTHER_EXECUTION] = other
    world.scan(report(LOW, digest=other), scanner="ecr", execution=OTHER_EXECUTION)
    assert [name.split("/")[3] for name in world.active()] == ["CVE-2024-2"]
    # And a scan of the image before is none of the released one.
    assert "nothing to do" in world.event(image_scan(recorded))
    assert [name.split("/")[3] for name in world.active()] == ["CVE-2024-2"]


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"scan_status": "FAILED"}, "ended as 'FAILED', not COMPLETE"),
        ({"repository_name": "other"}, "no pipeline of policy.json delivers to other"),
        ({"repository_name": "UPPER"}, "repository-name"),
        ({"image_digest": "sha256:abc"}, "image-digest"),
    ],
)
def test_a_scan_that_cannot_be_judged_is_not_lost(
    world: World, recorded: Recorded, detail: dict[str, str], words: str
) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    with pytest.raises(UnjudgedEventError, match=words):
        world.event(image_scan(recorded, **detail))
    assert len(world.active()) == 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (report(HIGH)[:-1], "cannot be read"),
        (report(HIGH, digest=f"sha256:{'0' * 64}"), "about image"),
        (report(status="IN_PROGRESS"), "IN_PROGRESS"),
        (report(("CVE-2024-3", "AWFUL")), "not known"),
    ],
)
def test_a_rescan_that_is_no_evidence_archives_nothing_and_is_not_lost(
    world: World, recorded: Recorded, raw: bytes, words: str
) -> None:
    world.images.reports[REGISTRY, DIGEST] = raw
    with pytest.raises(UnjudgedEventError, match=words):
        world.event(image_scan(recorded))
    assert "CVE-2024-2" in {name.split("/")[3] for name in world.active()}


def test_a_rescan_that_security_hub_does_not_take_is_not_lost(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    world.hub.enabled = False
    with pytest.raises(Exception, match="Security Hub"):
        world.event(image_scan(recorded))
    world.hub.enabled = True
    world.clock.sleep(60)
    world.event(image_scan(recorded))
    assert [name.split("/")[3] for name in world.active()] == ["CVE-2024-1"]


def test_an_inspector_finding_is_read_and_left_to_inspector(world: World, recorded: Recorded) -> None:
    known = dict(world.states())
    said = world.event(recorded("inspector2_finding"))
    assert said == "Inspector: CVE-2019-17498; it reaches Security Hub without this function"
    assert world.states() == known


def test_an_inspector_finding_that_cannot_be_read_is_not_lost(world: World, recorded: Recorded) -> None:
    event = recorded("inspector2_finding")
    event["detail"]["severity"] = "AWFUL"
    with pytest.raises(UnjudgedEventError, match=r"^Inspector2 Finding: severity 'AWFUL' of .* is not known$"):
        world.event(event)
    event["detail"] = []
    with pytest.raises(UnjudgedEventError):
        world.event(event)


def test_a_push_is_recorded_for_the_guard(world: World, recorded: Recorded) -> None:
    event = recorded("codecommit_push")
    push = Push.of_event(event)
    assert push.commit in world.event(event)
    assert Push.parse(world.s3.objects[push.key]) == push
    assert push.key.startswith("pushes/payments/")


def test_a_push_of_nobody_is_not_lost(world: World, recorded: Recorded) -> None:
    """AWS's published example names no caller: without one nobody could be kept from approving."""
    with pytest.raises(UnjudgedEventError, match="callerUserArn"):
        world.event(recorded("codecommit_reference_updated"))


@pytest.mark.parametrize("change", [{"referenceType": "tag"}, {"referenceName": ""}, {"repositoryName": "a/b"}])
def test_only_a_branch_can_be_deleted(world: World, recorded: Recorded, change: dict[str, str]) -> None:
    event = recorded("codecommit_reference_deleted")
    event["detail"] |= change
    with pytest.raises(UnjudgedEventError):
        world.event(event)


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-03-01T12:00:00"])
def test_a_deletion_at_no_known_time_is_not_lost(world: World, recorded: Recorded, time: object) -> None:
    event = recorded("codecommit_reference_deleted") | {"time": time}
    with pytest.raises(UnjudgedEventError, match="time"):
        world.event(event)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "aws.ecr", "detail-type": "Inspector2 Finding", "detail": {}},
        {"source": "my.app", "detail-type": "ECR Image Scan", "detail": {}},
        {"source": ["aws.ecr"], "detail-type": "ECR Image Scan"},
        {"schema": 1, "kind": "report"},
    ],
)
def test_an_unknown_event_is_not_lost(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(UnjudgedEventError, match="no event that this function knows"):
        world.event(event)


# --- what is said, to the log or to whoever looks into the dead-letter queue ---------------------------------------------

CODECOMMIT = "CodeCommit Repository State Change"


@pytest.mark.parametrize(
    ("name", "change", "detail", "message"),
    [
        (
            "ecr_image_scan",
            {"source": "my.app"},
            {},
            "'ECR Image Scan' from 'my.app' is no event that this function knows",
        ),
        (
            "ecr_image_scan",
            {},
            {"repository-name": "UPPER"},
            "ECR Image Scan: repository-name: an ECR repository is right, not 'UPPER'",
        ),
        (
            "ecr_image_scan",
            {},
            {"repository-name": REGISTRY, "image-digest": "sha256:abc"},
            "ECR Image Scan: image-digest: an image digest (sha256:...) is right, not 'sha256:abc'",
        ),
        (
            "ecr_image_scan",
            {},
            {"repository-name": "other", "image-digest": DIGEST},
            "no pipeline of policy.json delivers to other",
        ),
        (
            "ecr_image_scan",
            {},
            {"repository-name": REGISTRY, "image-digest": DIGEST, "scan-status": "FAILED"},
            f"the scan of {REGISTRY}@{DIGEST} ended as 'FAILED', not COMPLETE",
        ),
        (
            "ecr_image_scan",
            {"id": "a/b"},
            {"repository-name": REGISTRY, "image-digest": DIGEST},
            "ECR Image Scan: id: an event's id is right, not 'a/b'",
        ),
        ("codecommit_reference_deleted", {}, {"referenceType": "tag"}, f"{CODECOMMIT}: referenceType: branch is right"),
        (
            "codecommit_reference_deleted",
            {},
            {"referenceName": ""},
            f"{CODECOMMIT}: referenceName: a branch's name is right, not ''",
        ),
        (
            "codecommit_reference_deleted",
            {},
            {"repositoryName": "a/b"},
            f"{CODECOMMIT}: repositoryName: a repository is right, not 'a/b'",
        ),
        (
            "codecommit_reference_deleted",
            {"time": "2026-03-01T12:00:00"},
            {},
            f"{CODECOMMIT}: time: a time with its zone is right, not '2026-03-01T12:00:00'",
        ),
    ],
)
def test_an_error_says_what_would_be_right(
    world: World, recorded: Recorded, name: str, change: dict[str, Any], detail: dict[str, Any], message: str
) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    event = recorded(name) | change
    event["detail"] |= detail
    with pytest.raises(UnjudgedEventError) as raised:
        world.event(event)
    assert str(raised.value) == message


def test_a_rescan_without_verdict_says_of_what(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH, digest=f"sha256:{'0' * 64}")
    with pytest.raises(UnjudgedEventError) as raised:
        world.event(image_scan(recorded))
    reason = f"the report is about image sha256:{'0' * 64}, not {DIGEST}"
    assert str(raised.value) == f"ecr image of payments: {reason}"


def test_what_was_done_is_said_and_counted(world: World, recorded: Recorded) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    events = Events(world.importer(), world.images)
    handled = events.handle(image_scan(recorded))
    ((judgement, delivered),) = handled.results
    assert (judgement.verdict, judgement.subject.execution, judgement.subject.commit) == ("findings", EXECUTION, COMMIT)
    assert (delivered.new, delivered.archived) == (1, 1)
    push = events.handle(recorded("codecommit_push"))
    assert push == Handled(f"payments: push of {Push.of_event(recorded('codecommit_push')).commit} recorded")
    gone = recorded("codecommit_reference_deleted")
    gone["detail"]["referenceName"] = "main"
    gone["time"] = "2030-01-01T00:00:00Z"
    assert events.handle(gone).said == "payments: branch main is gone, 1 findings are archived"
    assert world.active() == set()


def test_a_scan_of_an_image_that_was_not_released_last_is_none_of_ours(world: World, recorded: Recorded) -> None:
    other = f"sha256:{'9' * 64}"
    said = world.event(image_scan(recorded, image_digest=other, scan_status="FAILED"))
    assert said == f"{REGISTRY}@{other} is not the image scanned last by a build: nothing to do"


def test_an_inspector_finding_that_is_closed_is_no_open_one(world: World, recorded: Recorded) -> None:
    event = recorded("inspector2_finding")
    event["detail"]["status"] = "CLOSED"
    assert world.event(event) == "Inspector: none that is open; it reaches Security Hub without this function"


@pytest.mark.parametrize(("name", "right"), [("a" * 64, True), ("Az-09", True), ("a" * 65, False), ("", False)])
def test_an_events_id_becomes_a_folder(world: World, recorded: Recorded, name: str, right: bool) -> None:
    world.images.reports[REGISTRY, DIGEST] = report(HIGH)
    event = image_scan(recorded) | {"id": name}
    if right:
        world.event(event)
        assert f"rescans/payments/{name}/ecr-image/raw.json" in world.s3.objects
    else:
        with pytest.raises(UnjudgedEventError):
            world.event(event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, database=None, max_examples=100)
@given(data=st.data())
def test_a_damaged_event_is_one_error_and_changes_nothing(data: st.DataObject) -> None:
    from pathlib import Path

    events = Path(__file__).parents[1] / "events"
    name = data.draw(
        st.sampled_from(["ecr_image_scan", "inspector2_finding", "codecommit_reference_deleted", "codecommit_push"])
    )
    event = json.loads((events / f"{name}.json").read_bytes())
    place = data.draw(st.sampled_from([("detail",), *(("detail", key) for key in event["detail"]), ("id",), ("time",)]))
    target = event
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = data.draw(JSON)
    world = World(clock=Clock())
    try:
        world.event(event)
    except UnjudgedEventError:
        assert world.s3.log == []


@pytest.mark.parametrize("value", [Handled, Events, Importer, Outcome])
def test_nothing_is_changed_in_place(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
