"""Each filter finds the published record that it is for, not the near miss, and no other filter's record."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modules.audit_filters import Delivered, filters
from modules.audit_pattern import PATTERN, FilterTooLongError, caller
from tools.prove_on_aws.audit import changed

sys.path.append(str(Path(__file__).parent))

from filter_pattern import NotAPatternError, matches

RECORDS = Path(__file__).parents[1] / "events" / "cloudtrail"
CASES: list[dict[str, Any]] = yaml.safe_load((RECORDS / "cases.yaml").read_text(encoding="utf-8"))
IDS = [f"{number}-{case['filter']}-{case['record']}" for number, case in enumerate(CASES)]
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# The agent of a recorded call of the provider's, and the older form with brackets that some services write.
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.3.7 (+https://www.terraform.io) terraform-provider-aws/5.57.0"
    " (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.4"
)
DEPLOYERS = ["arn:aws:iam::123456789012:role/ci/deployer", "arn:aws:iam::123456789012:user/ana"]
MAY = ["arn:aws:sts::123456789012:assumed-role/deployer/build-7", "arn:aws:iam::123456789012:user/ana"]
MAY_NOT = [
    "arn:aws:sts::123456789012:assumed-role/deployer-of-others/build-7",
    "arn:aws:sts::999999999999:assumed-role/deployer/build-7",
    "arn:aws:iam::123456789012:user/anastasia",
]


def patterns(deployers: list[str] | None = None, **change: Any) -> dict[str, str]:
    given: dict[str, Any] = {
        "keys": ["arn:aws:kms:us-west-2:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab", KEY],
        "log_group": "/aws/cloudtrail/acme-trail",
        "delivered": [Delivered("payments", "payments", "main")],
        "deployers": [caller(arn) for arn in deployers or ()],
    }
    return {one.purpose: one.pattern for one in filters("acme", **given | change)}


def event(case: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    record = json.loads((RECORDS / f"{case['record']}.json").read_text(encoding="utf-8"))
    return changed(changed(record, case["set"]), more or {})


def found(record: dict[str, Any], every: dict[str, str]) -> set[str]:
    """The filters that find a record, the same whatever ``!=`` says of a field that is not there."""
    readings = [
        {name for name, pattern in every.items() if matches(pattern, record, absent_is_unequal=absent)}
        for absent in (False, True)
    ]
    assert readings[0] == readings[1], f"{readings}: a pattern rests on what no page says"
    return readings[0]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_record_is_found_by_its_filter_and_no_other(case: dict[str, Any]) -> None:
    assert found(event(case), patterns()) == {case["filter"]}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_near_miss_is_not_found(case: dict[str, Any]) -> None:
    for miss in case["misses"]:
        assert found(event(case, miss), patterns()) == set(), miss


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_who_did_it_counts_for_what_terraform_changes_and_for_nothing_else(case: dict[str, Any]) -> None:
    hit = {case["filter"]}
    quiet = set() if case.get("outside") else hit
    assert found(event(case, {"userAgent": TERRAFORM}), patterns()) == quiet
    assert found(event(case, {"userAgent": f"[{TERRAFORM}]"}), patterns()) == quiet
    assert found(event(case, {"userAgent": None}), patterns()) == hit
    assert found(event(case, {"userAgent": "terraform"}), patterns()) == hit


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.get("outside")], ids=[i for i, c in zip(IDS, CASES, strict=True) if c.get("outside")]
)
def test_with_deployers_the_agent_says_nothing(case: dict[str, Any]) -> None:
    hit, with_deployers = {case["filter"]}, patterns(DEPLOYERS)
    for arn in MAY:
        assert found(event(case, {"userIdentity.arn": arn}), with_deployers) == set(), arn
    for arn in MAY_NOT:
        assert found(event(case, {"userIdentity.arn": arn, "userAgent": TERRAFORM}), with_deployers) == hit, arn
    assert found(event(case, {"userIdentity.arn": None}), with_deployers) == hit


def test_a_role_of_which_the_beginning_is_named() -> None:
    arn = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_*"
    assert caller(arn) == "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_*"
    [case] = [case for case in CASES if case["record"] == "put_key_policy"]
    session = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ana"
    assert found(event(case, {"userIdentity.arn": session}), patterns([arn])) == set()


@pytest.mark.parametrize("record", ["git_push_first_half", "merge_pull_request"])
def test_what_is_no_push_past_a_pull_request(record: str) -> None:
    """The first of a push's two records names no reference yet; a merged pull request is the way that is meant."""
    about_us = (
        {"additionalEventData.repositoryName": "payments"}
        if record.startswith("git")
        else {"requestParameters.repositoryName": "payments"}
    )
    assert found(event({"record": record, "set": about_us}), patterns()) == set()


def test_every_filter_has_a_case_with_a_near_miss() -> None:
    assert {case["filter"] for case in CASES} == set(patterns())
    assert all(case["misses"] for case in CASES)
    assert {f"{case['record']}.json" for case in CASES} | {"git_push_first_half.json", "merge_pull_request.json"} == {
        path.name for path in RECORDS.glob("*.json")
    }
    sources = (RECORDS / "SOURCES.md").read_text(encoding="utf-8")
    assert all(f"{case['record']}.json" in sources for case in CASES)


def test_the_deployed_patterns_are_these_and_their_descriptions_fit(full: Any) -> None:
    resources = full.stacks["governance"]["resource"]
    deployed = resources["aws_cloudwatch_log_metric_filter"]
    expected = patterns(
        ["arn:aws:iam::012345678901:role/ci/deployer", "arn:aws:iam::012345678901:user/ana"],
        keys=["${data.aws_kms_alias.key.target_key_arn}", "${aws_kms_key.trail_key.arn}"],
        delivered=[Delivered("payments", "payments", "production")],
    )
    assert {name.removeprefix("audit_"): one["pattern"] for name, one in deployed.items()} == expected
    for name, one in deployed.items():
        alarm = resources["aws_cloudwatch_metric_alarm"][f"{name}_alarm"]
        [metric] = [one["metric_transformation"]]
        assert (alarm["namespace"], alarm["metric_name"]) == (metric["namespace"], metric["name"])
        assert (alarm["statistic"], alarm["comparison_operator"], alarm["threshold"]) == (
            "Sum",
            "GreaterThanOrEqualToThreshold",
            1,
        )
        assert alarm["treat_missing_data"] == "notBreaching"
        assert alarm["alarm_actions"][0].endswith(":acme-notifications")
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        assert len(alarm["alarm_description"]) <= 1024
        assert re.fullmatch(r"[ -~]+", alarm["alarm_description"])
        assert one["log_group_name"] == "/aws/cloudtrail/acme-trail"


def test_direct_pushes_can_be_allowed(emit_once: Any) -> None:
    existing = emit_once(Path(__file__).parents[1] / "settings" / "existing.yaml")
    names = existing.stacks["governance"]["resource"]["aws_cloudwatch_log_metric_filter"]
    assert "audit_pushed-shop" in names
    assert {one["log_group_name"] for one in names.values()} == {"aws-cloudtrail-logs-123456789012-0a1b2c3d"}
    assert "aws_cloudtrail" not in existing.stacks["governance"]["resource"]


def test_a_pattern_that_is_too_long_is_refused_with_what_to_shorten() -> None:
    with pytest.raises(
        FilterTooLongError, match=r"pushed-payments has \d+ characters, at most 1024 .*direct_pushes: allow"
    ):
        patterns(delivered=[Delivered("payments", "payments", "b" * 120)])
    with pytest.raises(FilterTooLongError, match="name fewer or shorter ones under audit: deployers"):
        patterns([f"arn:aws:iam::123456789012:role/{'d' * 60}{number}" for number in range(6)])
    assert all(len(pattern) <= PATTERN for pattern in patterns(DEPLOYERS).values())


# The page's own examples, so that the evaluator is not ours alone.
SMALL = {
    "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": None, "ThisFlag": True,
}  # fmt: skip
LARGE = {
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "record", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', SMALL, True),
        ("{ $.sourceIPAddress != 123.123.* }", SMALL, True),
        ('{ $.arrayKey[0] = "value" }', SMALL, True),
        ("{ $.objectList[1].id = 2 }", SMALL, True),
        ("{ $.SomeObject IS NULL }", SMALL, True),
        ("{ $.SomeOtherObject NOT EXISTS }", SMALL, True),
        ("{ $.SomeObject NOT EXISTS }", SMALL, False),
        ("{ $.ThisFlag IS TRUE }", SMALL, True),
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', LARGE, True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', LARGE, False),
        ('{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }', LARGE, True),
        ('{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }', LARGE, False),
        ("{ $.users = 1 }", {"users": [1, 2, 3]}, False),
        ("{ $.users != 1 }", {"users": [1, 2, 3]}, False),
        ('{ $.a = "*Event" }', {"a": "PutEvent"}, True),
        ('{ $.a = "Event*" }', {"a": "EventId"}, True),
        ('{ $.a = "Ev*ent" }', {"a": "Event"}, False),
        ('{ $.a = "Ev*ent" }', {"a": "Ev*ent"}, True),
        ('{ $.a = "*html*" }', {"a": "GET /index.html HTTP/1.0"}, True),
    ],
)  # fmt: skip
def test_the_evaluator_agrees_with_the_pages_examples(pattern: str, record: dict[str, Any], expected: bool) -> None:
    assert matches(pattern, record, absent_is_unequal=False) is expected


@pytest.mark.parametrize(
    "pattern", ['{ $.a = "x" ', "$.a = x", "{ a = x }", "{ $.a = x y }", "{ $.a = @x }", "{ $.a EXISTS x }"]
)
def test_the_evaluator_refuses_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises((NotAPatternError, IndexError)):
        matches(pattern, {"a": "x"}, absent_is_unequal=False)
