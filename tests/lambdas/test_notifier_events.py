"""Builds by hand, findings in released images, subscriptions and waivers: each is told to whom it concerns, and once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.strict import MalformedError
from lambda_fakes import COMMIT, EXECUTION, OTHER_EXECUTION, model_errors, policy_document
from notifier_world import DIGEST, NOTIFY, NOW, ZOE, World

Recorded = Callable[[str], Any]
PENDING = "PendingConfirmation"
CONFIRMED = "arn:aws:sns:eu-central-1:123456789012:t:6b0e71bd-7e97-4d97-80ce-4a0994e55286"


# --- builds by hand -----------------------------------------------------------------------------------------------


def build(recorded: Recorded, initiator: str, project: str = "acme-payments-image", status: str = "SUCCEEDED") -> Any:
    event = recorded("codebuild_build_state")
    arn = f"arn:aws:codebuild:eu-central-1:123456789012:build/{project}:8745a7a9-c340-456a-9166-edf953571bEX"
    event["detail"] |= {"project-name": project, "build-status": status, "build-id": arn}
    event["detail"]["additional-information"]["initiator"] = initiator
    return event


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_a_build_by_hand_is_told_whatever_its_end(recorded: Recorded, status: str) -> None:
    world = World()
    for _ in range(2):
        world.sends(build(recorded, "zoe", status=status))
    [mail] = world.mails
    assert mail["TopicArn"].endswith(":acme-payments-notifications")
    assert mail["Subject"] == "acme: build acme-payments-image was started outside its pipeline by zoe"
    first = f"The build project acme-payments-image of payments was run outside its pipeline, and ended as {status}."
    assert mail["Message"].splitlines()[0] == first
    page = (
        "https://eu-central-1.console.aws.amazon.com/codesuite/codebuild/123456789012/projects/acme-payments-image/build/"
        "acme-payments-image%3A8745a7a9-c340-456a-9166-edf953571bEX?region=eu-central-1"
    )
    assert f"Build:     {page}\n" in mail["Message"]
    assert model_errors("sns", "Publish", mail) == []


@pytest.mark.parametrize(
    ("initiator", "project", "told"),
    [
        ("codepipeline/acme-payments", "acme-payments-image", False),
        ("codepipeline/acme-payments-scan", "acme-payments-scan-snyk", False),
        ("codepipeline/acme-payments-scan", "acme-payments-image", True),  # another pipeline than its own
        ("codepipeline/acme-payments2", "acme-payments-image", True),
        ("zoe", "acme-payments-tool", False),  # somebody else's project, whose name begins like ours
    ],
)
def test_only_its_own_pipeline_may_start_a_build(recorded: Recorded, initiator: str, project: str, told: bool) -> None:
    world = World()
    world.sends(build(recorded, initiator, project))
    assert bool(world.mails) is told


def test_two_builds_by_hand_are_two_mails(recorded: Recorded) -> None:
    world = World()
    world.sends(build(recorded, "zoe"))
    other = build(recorded, "zoe")
    other["detail"]["build-id"] = other["detail"]["build-id"].replace("8745a7a9", "00000000")
    world.sends(other)
    assert len(world.mails) == 2


def test_a_build_without_an_initiator_is_an_error(recorded: Recorded) -> None:
    event = build(recorded, "zoe")
    del event["detail"]["additional-information"]["initiator"]
    with pytest.raises(MalformedError, match="initiator"):
        World().sends(event)


# --- released images ----------------------------------------------------------------------------------------------


def scan(recorded: Recorded, digest: str = DIGEST, **counts: int) -> Any:
    event = recorded("ecr_image_scan")
    event["detail"] |= {
        "repository-name": "acme/payments", "image-digest": digest, "finding-severity-counts": counts
    }  # fmt: skip
    return event


def inspector(recorded: Recorded, severity: str = "HIGH", digest: str = DIGEST, **detail: Any) -> Any:
    event = recorded("inspector2_finding")
    image = event["detail"]["resources"][0]["details"]["awsEcrContainerImage"]
    image |= {"repositoryName": "acme/payments", "imageHash": digest}
    event["detail"] |= {"severity": severity, **detail}
    return event


def test_findings_of_the_released_image_are_told_by_their_counts(recorded: Recorded) -> None:
    world = World()
    world.stands(DIGEST)
    for _ in range(2):
        world.sends(scan(recorded, CRITICAL=10, HIGH=2, MEDIUM=9))
    [mail] = world.mails
    assert mail["TopicArn"].endswith(":acme-payments-notifications")
    assert mail["Subject"] == "acme: the released image of payments has findings: 10 critical, 2 high"
    assert f"Image:     acme/payments@{DIGEST}\n" in mail["Message"]
    assert f"/executions/{EXECUTION}/visualization" in mail["Message"]
    page = "https://eu-central-1.console.aws.amazon.com/ecr/repositories/private/123456789012/acme/payments/_/image/"
    assert f"Scan:      {page}{DIGEST.replace(':', '%3A')}/details?region=eu-central-1\n" in mail["Message"]


def test_other_counts_are_news(recorded: Recorded) -> None:
    world = World()
    world.stands(DIGEST)
    for counts in ({"HIGH": 1}, {"HIGH": 1, "LOW": 3}, {"HIGH": 2}):
        world.sends(scan(recorded, **counts))
    assert len(world.mails) == 2


@pytest.mark.parametrize("counts", [{}, {"MEDIUM": 9}, {"HIGH": 0}, {"UNDEFINED": 0, "INFORMATIONAL": 1}])
def test_what_is_less_severe_is_not_told(recorded: Recorded, counts: dict[str, int]) -> None:
    world = World()
    world.stands(DIGEST)
    world.sends(scan(recorded, **counts))
    assert world.mails == []


OTHER_DIGEST = f"sha256:{'e' * 64}"


def test_an_image_that_nobody_uses_is_its_gates_business(recorded: Recorded) -> None:
    """It has not come so far, it was refused, or a newer one has taken its place."""
    nothing, replaced = World(), World()
    replaced.stands(OTHER_DIGEST)
    for world in (nothing, replaced):
        assert "is neither released nor asked to be" in world.sends(scan(recorded, CRITICAL=1))
        assert world.mails == []
    replaced.sends(scan(recorded, OTHER_DIGEST, CRITICAL=1))
    assert len(replaced.mails) == 1


def test_who_is_asked_to_approve_hears_what_was_found_since(recorded: Recorded) -> None:
    world = World()
    world.stands(OTHER_DIGEST, DIGEST)
    for _ in range(2):
        world.sends(inspector(recorded))
    [mail] = world.mails
    assert mail["TopicArn"].endswith(":acme-payments-notifications")
    assert mail["Subject"] == (
        "acme: the image that payments asks to release has findings: high: CVE-2019-17498 - libssh2"
    )
    assert "What now:  who approves it should know; production takes it if they approve\n" in mail["Message"]
    assert f"/executions/{OTHER_EXECUTION}/visualization" in mail["Message"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "current.json: not readable as JSON (JSONDecodeError)"),
        (b'{"schema": 1, "pipeline": "shop", "released": null, "asked": []}', "current.json: it is of shop, not of payments"),
        (b'{"schema": 2, "pipeline": "payments", "released": null, "asked": []}', "current.json: schema: a whole number"),
        (b" " * 65_537, "releases/payments/current.json has 65537 bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_rather_told_than_forgotten(recorded: Recorded, data: bytes, why: str) -> None:
    world = World()
    world.stands(data=data)
    for digest in (DIGEST, DIGEST, OTHER_DIGEST):
        world.sends(scan(recorded, digest, CRITICAL=1))
    mail, other = world.mails
    assert mail["Subject"] == "acme: an image of payments has findings: 1 critical"
    assert f"Not sure:  which image is released cannot be read: {why}" in mail["Message"]
    assert f"Image:     acme/payments@{DIGEST}\n" in mail["Message"]
    assert f"Image:     acme/payments@{OTHER_DIGEST}\n" in other["Message"]
    assert "/executions/" not in mail["Message"]
    assert world.sends(scan(recorded, LOW=1)).endswith("nothing of the severity that is told")


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_what_s3_does_not_hand_out_comes_again(recorded: Recorded, code: str) -> None:
    """Lambda tries the event again, and keeps it in the dead letters, which ring."""
    world = World()
    world.stands(DIGEST)
    world.bucket.faults["GetObject"] = [code]
    with pytest.raises(ClientError, match=code):
        world.sends(scan(recorded, CRITICAL=1))
    world.sends(scan(recorded, CRITICAL=1))
    assert len(world.mails) == 1


def test_an_inspector_finding_is_told_once_a_day_and_severity(recorded: Recorded) -> None:
    world = World()
    world.stands(DIGEST)
    one, two = inspector(recorded), inspector(recorded, title="CVE-2020-0001 - zlib")
    critical = inspector(recorded, "CRITICAL", title="CVE-2020-0002 https://evil.example")
    tomorrow = inspector(recorded) | {"time": "2021-12-04T18:02:30Z"}
    for event in (one, one, two, critical, tomorrow):
        world.sends(event)
    assert [mail["Subject"] for mail in world.mails] == [
        "acme: the released image of payments has findings: high: CVE-2019-17498 - libssh2",
        "acme: the released image of payments has findings: critical: CVE-2020-0002 https[:]//evil.example",
        "acme: the released image of payments has findings: high: CVE-2019-17498 - libssh2",
    ]


@pytest.mark.parametrize("severity", ["MEDIUM", "LOW", "INFORMATIONAL"])
def test_a_lesser_inspector_finding_is_not_told(recorded: Recorded, severity: str) -> None:
    world = World()
    world.stands(DIGEST)
    world.sends(inspector(recorded, severity))
    assert world.mails == []


LEVELS = ["critical", "high", "medium", "low", "informational"]


def hearing(least: str) -> World:
    notify = copy.deepcopy(NOTIFY)
    notify["pipelines"]["payments"]["severity"] = least
    world = World(notify)
    world.stands(DIGEST)
    return world


@pytest.mark.parametrize("least", LEVELS)
def test_what_has_no_grade_may_be_the_worst_and_is_told_whatever_is_asked_for(recorded: Recorded, least: str) -> None:
    """UNDEFINED, UNTRIAGED, and a word that nobody knows yet: the gates block such findings by default."""
    basic = hearing(least)
    for _ in range(2):
        basic.sends(scan(recorded, UNDEFINED=4, UNTRIAGED=1, HIGH=0))
    assert [mail["Subject"] for mail in basic.mails] == [
        "acme: the released image of payments has findings: 5 ungraded"
    ]
    inspected = hearing(least)
    for severity in ("UNTRIAGED", "UNTRIAGED", "new / grade"):
        inspected.sends(inspector(recorded, severity))
    [mail] = inspected.mails
    assert mail["Subject"] == ("acme: the released image of payments has findings: ungraded: CVE-2019-17498 - libssh2")
    assert "Finding:   UNGRADED (Inspector says UNTRIAGED) CVE-2019-17498 - libssh2\n" in mail["Message"]


def test_graded_and_ungraded_findings_are_counted_in_one_mail(recorded: Recorded) -> None:
    world = hearing("high")
    world.sends(scan(recorded, HIGH=2, MEDIUM=3, UNDEFINED=4))
    world.sends(scan(recorded, HIGH=2, MEDIUM=3, UNDEFINED=5))
    assert [mail["Subject"].rpartition(": ")[2] for mail in world.mails] == ["2 high, 4 ungraded", "2 high, 5 ungraded"]


@pytest.mark.parametrize("least", LEVELS)
def test_told_is_from_the_pipelines_severity_on(recorded: Recorded, least: str) -> None:
    world = hearing(least)
    for severity in LEVELS:
        world.sends(inspector(recorded, severity.upper()))
    assert len(world.mails) == LEVELS.index(least) + 1


def test_an_event_about_another_registry_is_an_error(recorded: Recorded) -> None:
    event = scan(recorded, CRITICAL=1)
    event["detail"]["repository-name"] = "acme/other"
    with pytest.raises(MalformedError, match="no pipeline"):
        World().sends(event)


def test_a_finding_that_is_closed_or_of_a_machine_is_not_told(recorded: Recorded) -> None:
    world = World()
    world.stands(DIGEST)
    with pytest.raises(MalformedError, match="status"):
        world.sends(inspector(recorded, status="CLOSED"))
    assert world.sends(inspector(recorded, resources=[{"type": "AWS_EC2_INSTANCE"}])) == "no image of ours"
    assert world.mails == []


@pytest.mark.parametrize("code", ["PipelineExecutionNotFoundException", "PipelineNotFoundException"])
def test_a_release_that_codepipeline_has_forgotten_is_told_of_all_the_same(recorded: Recorded, code: str) -> None:
    """It keeps a year of history, and none of a pipeline that was made anew; an image may be in production for longer."""
    world = World()
    world.stands(DIGEST)
    world.pushed()
    world.codepipeline.forgotten = code
    world.sends(scan(recorded, CRITICAL=1))
    [mail] = world.mails
    assert f"Commit:    {COMMIT} on main of payments\n" in mail["Message"]
    assert f"Pushed by: {ZOE} (recorded from CodeCommit's event)\n" in mail["Message"]


def test_what_codepipeline_does_not_answer_comes_again(recorded: Recorded) -> None:
    world = World()
    world.stands(DIGEST)
    world.codepipeline.forgotten = "ThrottlingException"
    with pytest.raises(ClientError, match="ThrottlingException"):
        world.sends(scan(recorded, CRITICAL=1))
    world.codepipeline.forgotten = ""
    world.clock.now += timedelta(minutes=1)
    world.sends(scan(recorded, CRITICAL=1))
    assert len(world.mails) == 1


# --- every hour ---------------------------------------------------------------------------------------------------


def test_who_has_not_confirmed_is_named_once_a_day(recorded: Recorded) -> None:
    world = World()
    world.sns.subscriptions = {
        "acme-notifications": [(CONFIRMED, "platform@example.com"), (PENDING, "zoe@example.com")],
        "acme-payments-notifications": [(CONFIRMED, "payments@example.com")],
        "acme-payments-approval": [(PENDING, "release@example.com")],
    }
    for _ in range(3):
        world.sends(recorded("scheduled_event"))
        world.clock.now += timedelta(hours=1)
    [mail] = world.mails
    assert mail["TopicArn"] == "arn:aws:sns:eu-central-1:123456789012:acme-notifications"
    head = "2 e-mail addresses have not confirmed their subscription, and 1 topic reaches nobody"
    assert mail["Subject"] == f"acme: {head}"
    assert mail["Message"] == (
        f"{head}.\n\n"
        "Topic:     acme-notifications: 1 confirmed, 1 not\n"
        "           zoe@example.com\n"
        "           https://eu-central-1.console.aws.amazon.com/sns/v3/home?region=eu-central-1"
        "#/topic/arn:aws:sns:eu-central-1:123456789012:acme-notifications\n"
        "Topic:     acme-payments-approval: 0 confirmed, 1 not - NOBODY hears this topic\n"
        "           release@example.com\n"
        "           https://eu-central-1.console.aws.amazon.com/sns/v3/home?region=eu-central-1"
        "#/topic/arn:aws:sns:eu-central-1:123456789012:acme-payments-approval\n"
        "What now:  who is named here opens the link in the mail from AWS Notifications; if it no longer works, choose\n"
        "           Request confirmation on the topic's page\n"
    )
    assert "payments@example.com" not in mail["Message"]
    assert world.counted("Topic") == {
        "acme-notifications": {"SubscriptionsConfirmed": 3, "SubscriptionsPending": 3},
        "acme-payments-notifications": {"SubscriptionsConfirmed": 3, "SubscriptionsPending": 0},
        "acme-payments-approval": {"SubscriptionsConfirmed": 0, "SubscriptionsPending": 3},
    }
    world.clock.now += timedelta(days=1)
    world.sends(recorded("scheduled_event"))
    assert len(world.mails) == 2


HEARD = (CONFIRMED, "a@example.com")
WAITING = (PENDING, "b@example.com")
OPEN_IT = [
    "What now:  who is named here opens the link in the mail from AWS Notifications; if it no longer works, choose",
    "           Request confirmation on the topic's page",
]
DEPLOY = [
    "What now:  where there is no subscription, see that pipelines.yaml names somebody, and deploy: AWS deletes one that",
    "           is not confirmed within 48 hours, and Terraform makes it anew",
]


@pytest.mark.parametrize(
    ("own", "approval", "head", "what_now"),
    [
        ([HEARD, WAITING], [HEARD], "1 e-mail address has not confirmed its subscription", OPEN_IT),
        (
            [HEARD, WAITING, WAITING],
            [HEARD, WAITING],
            "3 e-mail addresses have not confirmed their subscription",
            OPEN_IT,
        ),
        ([HEARD], [], "1 topic reaches nobody", DEPLOY),
        ([], [], "2 topics reach nobody", DEPLOY),
        (
            [WAITING],
            [],
            "1 e-mail address has not confirmed its subscription, and 2 topics reach nobody",
            [*OPEN_IT, *DEPLOY],
        ),
    ],
)
def test_none_one_and_many_have_their_own_words(
    recorded: Recorded, own: list[Any], approval: list[Any], head: str, what_now: list[str]
) -> None:
    world = World()
    world.sns.subscriptions = {
        "acme-notifications": [HEARD],
        "acme-payments-notifications": own,
        "acme-payments-approval": approval,
    }
    world.sends(recorded("scheduled_event"))
    [mail] = world.mails
    lines = mail["Message"].splitlines()
    assert (mail["Subject"], lines[0]) == (f"acme: {head}", f"{head}.")
    assert lines[-len(what_now) :] == what_now
    assert sum(line.startswith("What now:") for line in lines) == len(what_now) // 2
    nobody = "Topic:     acme-payments-approval: no subscription - NOBODY hears this topic"
    assert (nobody in lines) is (not approval)


def test_addresses_that_are_not_shown_are_counted(recorded: Recorded) -> None:
    world = World()
    heard(world)
    world.sns.subscriptions["acme-notifications"] += [(PENDING, f"{number:02}@example.com") for number in range(52)]
    world.sends(recorded("scheduled_event"))
    lines = world.mails[0]["Message"].splitlines()
    assert lines[0] == "52 e-mail addresses have not confirmed their subscription."
    assert lines[lines.index("           49@example.com") + 1] == "           and 2 more"


def test_who_is_not_subscribed_any_more_is_named_too(recorded: Recorded) -> None:
    """SNS forgets an address after two days without an answer, and when somebody opens a mail's unsubscribe link."""
    notify = copy.deepcopy(NOTIFY)
    notify["addresses"] = {
        "acme-notifications": ["platform@example.com", "Zoe@example.com", "ann@example.com"],
        "acme-payments-approval": ["release@example.com"],
    }
    world = World(notify)
    world.sns.subscriptions = {
        "acme-notifications": [(CONFIRMED, "platform@example.com"), (PENDING, "zoe@example.com"), ("Deleted", "ann@example.com")],
        "acme-payments-notifications": [(CONFIRMED, "payments@example.com")],
        "acme-payments-approval": [(CONFIRMED, "release@example.com")],
    }  # fmt: skip
    world.sends(recorded("scheduled_event"))
    [mail] = world.mails
    assert (
        mail["Subject"] == "acme: 1 e-mail address has not confirmed its subscription, and 1 address is not subscribed"
    )
    assert (
        "Topic:     acme-notifications: 1 confirmed, 2 not\n"
        "           zoe@example.com\n"
        "           ann@example.com - not subscribed\n"
    ) in mail["Message"]
    assert "release@example.com" not in mail["Message"]
    assert world.counted("Topic")["acme-notifications"] == {"SubscriptionsConfirmed": 1, "SubscriptionsPending": 2}


def test_a_topic_that_somebody_has_deleted_reaches_nobody_and_the_others_are_looked_at(recorded: Recorded) -> None:
    notify = copy.deepcopy(NOTIFY)
    notify["addresses"] = {"acme-payments-notifications": ["payments@example.com"]}
    world = World(notify, policy=waiving(TODAY + timedelta(days=3)))
    heard(world)
    world.sns.gone = {"acme-payments-notifications"}
    world.sends(recorded("scheduled_event"))
    first, second = world.mails
    assert first["Subject"] == "acme: 1 address is not subscribed, and 1 topic reaches nobody"
    assert "payments@example.com - not subscribed\n" in first["Message"]
    assert second["Subject"] == "acme: 1 waiver ends on 2026-03-04"
    assert world.counted("Topic")["acme-payments-notifications"] == {
        "SubscriptionsConfirmed": 0, "SubscriptionsPending": 1,
    }  # fmt: skip
    assert world.counted("Topic")["acme-notifications"] == {"SubscriptionsConfirmed": 1, "SubscriptionsPending": 0}


def test_if_nobody_hears_the_project_a_pipelines_people_are_told_and_never_the_approvers(recorded: Recorded) -> None:
    world = World()
    world.sns.subscriptions = {
        "acme-payments-notifications": [(CONFIRMED, "payments@example.com")],
        "acme-payments-approval": [(CONFIRMED, "release@example.com")],
    }
    world.sends(recorded("scheduled_event"))
    assert [mail["TopicArn"].rpartition(":")[2] for mail in world.mails] == ["acme-payments-notifications"]
    del world.sns.subscriptions["acme-payments-notifications"]
    world.clock.now += timedelta(days=1)
    assert "no topic has a confirmed one" in world.sends(recorded("scheduled_event"))
    assert len(world.mails) == 1


def test_all_pages_of_subscribers_count_and_a_deleted_one_does_not(recorded: Recorded) -> None:
    world = World()
    world.sns.page = 2
    everybody = [(CONFIRMED, f"{number}@example.com") for number in range(5)]
    world.sns.subscriptions = dict.fromkeys(world.notifier.audience.topics, everybody)
    world.sns.subscriptions["acme-notifications"] = [("Deleted", "gone@example.com"), *everybody]
    world.sends(recorded("scheduled_event"))
    assert world.counted("Topic")["acme-notifications"] == {"SubscriptionsConfirmed": 5, "SubscriptionsPending": 0}
    assert world.mails == []


def waiving(*ends: date, rule: str = "CVE-2019-17498") -> dict[str, Any]:
    policy = policy_document()
    waiver = policy["waivers"][0] | {"rule": rule}
    policy["waivers"] = [
        {**waiver, "expires": day.isoformat(), "rule": f"{rule}-{number}"} for number, day in enumerate(ends)
    ]
    return policy


TODAY = NOW.date()


def heard(world: World) -> None:
    world.sns.subscriptions = {topic: [(CONFIRMED, "a@example.com")] for topic in world.notifier.audience.topics}


@pytest.mark.parametrize(
    ("days", "soon", "ended", "mails"),
    [(-1, 0, 1, 0), (0, 1, 0, 1), (7, 1, 0, 1), (8, 1, 0, 0), (14, 1, 0, 0), (15, 0, 0, 0)],
)
def test_a_waiver_is_counted_two_weeks_and_told_a_week_before(
    recorded: Recorded, days: int, soon: int, ended: int, mails: int
) -> None:
    world = World(policy=waiving(TODAY + timedelta(days=days)))
    heard(world)
    world.sends(recorded("scheduled_event"))
    assert world.counted("Project") == {"acme": {"WaiversEndingSoon": soon, "WaiversEnded": ended}}
    assert len(world.mails) == mails


def test_each_waiver_is_told_once_and_those_of_one_day_together(recorded: Recorded) -> None:
    world = World(policy=waiving(TODAY + timedelta(days=7), TODAY + timedelta(days=7), TODAY + timedelta(days=9)))
    heard(world)
    for _ in range(4):
        world.sends(recorded("scheduled_event"))
        world.clock.now += timedelta(days=1)
    assert [mail["Subject"] for mail in world.mails] == [
        "acme: 2 waivers end on 2026-03-08",
        "acme: 1 waiver ends on 2026-03-10",
    ]
    assert world.mails[0]["Message"] == (
        "2 waivers end on 2026-03-08, the last day they hold: from the next day on their findings block again.\n"
        "\n"
        "Waiver:    grype CVE-2019-17498-0, owner ann@example.com: the affected code path is not built\n"
        "Waiver:    grype CVE-2019-17498-1, owner ann@example.com: the affected code path is not built\n"
        "What now:  mend what they are of and delete them from pipelines.yaml, or set later days there\n"
    )
    assert world.mails[1]["Message"].startswith(
        "1 waiver ends on 2026-03-10, the last day it holds: from the next day on its findings block again.\n"
    )
    now = "What now:  mend it and delete the waiver from pipelines.yaml, or set a later day there\n"
    assert world.mails[1]["Message"].endswith(now)


def test_waivers_that_are_not_shown_are_counted(recorded: Recorded) -> None:
    world = World(policy=waiving(*[TODAY + timedelta(days=3)] * 53))
    heard(world)
    world.sends(recorded("scheduled_event"))
    *_, more, _ = world.mails[0]["Message"].splitlines()
    assert more == "           and 3 more"


def test_a_mail_that_is_too_long_says_what_is_left_out_and_what_to_do(recorded: Recorded) -> None:
    policy = waiving(*[TODAY + timedelta(days=3)] * 50)
    policy["waivers"] = [one | {"reason": "because of this " * 9} for one in policy["waivers"]]
    world = World(policy=policy)
    heard(world)
    world.sends(recorded("scheduled_event"))
    lines = world.mails[0]["Message"].splitlines()
    assert lines[0].startswith("50 waivers end on 2026-03-04")
    told = sum(line.startswith("Waiver:") for line in lines)
    assert 20 < told < 50
    assert f"           ({50 - told} lines are left out here)" in lines
    assert lines[-1] == "What now:  mend what they are of and delete them from pipelines.yaml, or set later days there"


def test_a_waiver_with_a_later_day_is_told_again(recorded: Recorded) -> None:
    world = World(policy=waiving(TODAY + timedelta(days=3)))
    heard(world)
    world.sends(recorded("scheduled_event"))
    later = World(policy=waiving(TODAY + timedelta(days=5)))
    heard(later)
    later.bucket.objects = world.bucket.objects
    later.sends(recorded("scheduled_event"))
    assert len(world.mails) == len(later.mails) == 1
