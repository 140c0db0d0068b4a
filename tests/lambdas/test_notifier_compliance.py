"""AWS Config's changes of compliance, as people get them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from common.strict import MalformedError
from lambda_fakes import policy_document
from notifier_world import World

EVENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "events" / "config_compliance_change.json").read_text(encoding="utf-8")
)
RULE = "acme-s3-bucket-ssl-requests-only"


def event(new: str = "NON_COMPLIANT", old: str | None = "COMPLIANT", **detail: Any) -> dict[str, Any]:
    found = copy.deepcopy(EVENT)
    found["detail"] |= detail
    found["detail"]["newEvaluationResult"]["complianceType"] = new
    if old is None:
        del found["detail"]["oldEvaluationResult"]
    else:
        found["detail"]["oldEvaluationResult"]["complianceType"] = old
    return found


@pytest.fixture
def world() -> World:
    return World()


def test_the_recorded_event_becomes_this_mail(world: World) -> None:
    world.sends(EVENT)
    [mail] = world.mails
    assert mail["TopicArn"].endswith(":acme-notifications")
    assert mail["Subject"] == "acme: AWS::S3::Bucket acme-reports-123456789012-eu-central-1 is NON_COMPLIANT"
    assert mail["Message"].splitlines() == [
        "AWS Config: AWS::S3::Bucket acme-reports-123456789012-eu-central-1 is NON_COMPLIANT by the rule"
        " acme-s3-bucket-ssl-requests-only.",
        "",
        "Rule:      acme-s3-bucket-ssl-requests-only",
        "Resource:  AWS::S3::Bucket acme-reports-123456789012-eu-central-1",
        "Since:     2026-09-27T15:45:43.234Z",
        "Before:    COMPLIANT",
        "What now:  the rule's page says what it found and, of AWS's own rules, how to put it right",
        "By whom:   the resource's timeline in AWS Config names the calls in CloudTrail that changed it",
        "Look at:   https://eu-central-1.console.aws.amazon.com/config/home?region=eu-central-1"
        "#/rules/details?configRuleName=acme-s3-bucket-ssl-requests-only",
    ]


def test_a_rule_that_holds_production_says_so() -> None:
    world = World(policy=policy_document() | {"hold_production": [RULE]})
    world.sends(EVENT)
    assert "Holds:     production, until every resource of this rule is COMPLIANT" in world.mails[0]["Message"]


def test_the_same_change_is_told_once_and_the_next_again(world: World) -> None:
    world.sends(EVENT)
    world.sends(EVENT | {"id": "00000000-da3f-bce5-1123-1be1e3c3bd80"})
    assert len(world.mails) == 1
    later = event()
    later["detail"]["newEvaluationResult"]["resultRecordedTime"] = "2026-09-28T15:45:43.234Z"
    world.sends(later)
    world.sends(event(resourceId="acme-artifacts-123456789012-eu-central-1"))
    assert len(world.mails) == 3


def test_the_end_of_it_is_told_and_what_was_never_wrong_is_not(world: World) -> None:
    world.sends(event("COMPLIANT", "NON_COMPLIANT"))
    [mail] = world.mails
    assert mail["Subject"].endswith("is no longer NON_COMPLIANT")
    assert "What now" not in mail["Message"]
    for new, old in (("COMPLIANT", None), ("COMPLIANT", "INSUFFICIENT_DATA"), ("NOT_APPLICABLE", "COMPLIANT")):
        assert "no news" in world.sends(event(new, old))
    assert len(world.mails) == 1


def test_a_first_look_that_finds_something_is_told(world: World) -> None:
    world.sends(event(old=None))
    assert "Before:    never evaluated" in world.mails[0]["Message"]


def test_what_a_new_rule_finds_is_one_mail_a_day(world: World) -> None:
    world.sends(event(old=None))
    world.sends(event(old=None, resourceId="acme-artifacts-123456789012-eu-central-1"))
    [mail] = world.mails
    assert "in no further mail" in mail["Message"]
    world.sends(event(old=None, configRuleName="acme-another"))
    world.sends(event(old=None, resourceId="later") | {"time": "2026-09-28T23:00:00Z"})
    assert len(world.mails) == 3


def test_a_resource_cannot_write_into_the_mail(world: World) -> None:
    world.sends(event(resourceId="x https://evil.example/ " + "y" * 100))
    message = world.mails[0]["Message"]
    assert "https://evil" not in message
    assert max(len(line) for line in message.splitlines()) <= 1000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"configRuleName": "a b"}, "detail.configRuleName"),
        ({"resourceId": "two\nlines"}, "detail.resourceId"),
        ({"resourceType": None}, "detail.resourceType"),
        ({"newEvaluationResult": None}, "detail.newEvaluationResult"),
        ({"newEvaluationResult": {"complianceType": "BAD", "resultRecordedTime": "x"}}, "complianceType"),
    ],
)
def test_what_is_no_such_event_is_refused(world: World, change: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        world.sends(EVENT | {"detail": EVENT["detail"] | change})
    assert world.mails == []
