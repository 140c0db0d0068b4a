"""What watches and what is kept: each way in which it becomes less, beside the change that is nearly the same and is not told.

Attributes: https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from plan_builder import change, reviewed

from plan_review.findings import Kind

ALARM = {
    "alarm_name": "key-lost", "namespace": "acme/audit", "metric_name": "key-lost", "statistic": "Sum", "period": 60,
    "comparison_operator": "GreaterThanOrEqualToThreshold", "threshold": 1, "evaluation_periods": 1, "datapoints_to_alarm": None,
    "treat_missing_data": "notBreaching", "alarm_actions": ["t"], "actions_enabled": True, "dimensions": {},
}  # fmt: skip
BELOW = ALARM | {"comparison_operator": "LessThanThreshold", "threshold": 5, "treat_missing_data": "breaching"}
SLOW = ALARM | {"evaluation_periods": 3, "datapoints_to_alarm": 2}
PROCESSOR = ALARM | {"alarm_name": "busy", "namespace": "AWS/EC2", "metric_name": "CPUUtilization", "threshold": 80}
DEAD = PROCESSOR | {
    "namespace": "AWS/SQS",
    "metric_name": "ApproximateNumberOfMessagesVisible",
    "dimensions": {"QueueName": "acme-dlq"},
}
WORK = DEAD | {"dimensions": {"QueueName": "jobs"}}
DURATION = ALARM | {"alarm_name": "slow", "namespace": "acme/shop", "metric_name": "CheckoutDuration"}


def alarm(base: dict[str, Any], **more: Any) -> dict[str, Any]:
    return base | more


ALARMS = {
    "threshold": (ALARM, {"threshold": 100}, {"threshold": 0.5}),
    "threshold below": (BELOW, {"threshold": 1}, {"threshold": 9}),
    "more periods": (ALARM, {"evaluation_periods": 5}, {"evaluation_periods": 1, "alarm_description": "x"}),
    "more bad periods": (SLOW, {"datapoints_to_alarm": 3}, {"datapoints_to_alarm": 1}),
    "fewer of which as many must be bad": (SLOW, {"evaluation_periods": 2}, {"evaluation_periods": 4}),
    "no longer counts silence": (BELOW, {"treat_missing_data": "ignore"}, {"alarm_description": "x"}),
    "another metric": (ALARM, {"metric_name": "nothing"}, {"ok_actions": ["t"]}),
    "another dimension": (DEAD, {"dimensions": {"QueueName": "other-dlq"}}, {"tags": {"a": "b"}}),
    "another comparison": (ALARM, {"comparison_operator": "LessThanThreshold"}, {"period": 60}),
    "switched off": (ALARM, {"actions_enabled": False}, {"actions_enabled": True, "insufficient_data_actions": ["t"]}),
    "tells nobody": (ALARM, {"alarm_actions": []}, {"alarm_actions": ["t", "u"]}),
    "dead letters": (DEAD, {"threshold": 1000}, {"threshold": 10}),
}  # fmt: skip


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


@pytest.mark.parametrize("case", ALARMS)
def test_an_alarm_that_is_raised_later_or_not_at_all(case: str) -> None:
    before, told, near = ALARMS[case]
    assert kinds(change("aws_cloudwatch_metric_alarm", before, before | told)) == [Kind.PROTECTION]
    assert kinds(change("aws_cloudwatch_metric_alarm", before, before | near)) == []


@pytest.mark.parametrize("work", [PROCESSOR, WORK, DURATION], ids=["processor", "jobs", "duration"])
def test_the_threshold_of_how_much_work_there_is(work: dict[str, Any]) -> None:
    after = work | {"threshold": 10**400, "evaluation_periods": 5}
    assert kinds(change("aws_cloudwatch_metric_alarm", work, after)) == []
    assert kinds(change("aws_cloudwatch_metric_alarm", work, after | {"actions_enabled": False})) == [Kind.PROTECTION]


def test_a_threshold_that_no_float_holds() -> None:
    after = ALARM | {"threshold": 10**400}
    assert kinds(change("aws_cloudwatch_metric_alarm", ALARM, after)) == [Kind.PROTECTION]


def transformed(**more: Any) -> dict[str, Any]:
    values = {"name": "key-lost", "namespace": "acme/audit", "value": "1", "default_value": "0", "dimensions": None}
    return {"name": "key-lost", "log_group_name": "trail", "pattern": PATTERN, "metric_transformation": [values | more]}


PATTERN = '{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }'
FILTERS = {
    "another metric": (transformed(name="other"), transformed(default_value="0", unit="Count")),
    "another namespace": (transformed(namespace="other"), transformed(default_value=None)),
    "counts nothing": (transformed(value="0"), transformed(unit="None")),
    "dimensions": (transformed(dimensions={"who": "$.userIdentity.arn"}), transformed(dimensions={})),
    "another log group": (transformed() | {"log_group_name": "other"}, transformed() | {"apply_on_transformed_logs": False}),
    "an alternative less": (
        transformed() | {"pattern": PATTERN.replace(' || ($.eventName = "ScheduleKeyDeletion")', "")},
        transformed() | {"pattern": PATTERN.replace("))", ') || ($.eventName = "DeleteAlias"))', 1)},
    ),
    "a condition more": (
        transformed() | {"pattern": PATTERN.replace(" }", ' && ($.userIdentity.arn != "eve") }')},
        transformed() | {"pattern": PATTERN.replace('($.eventSource = "kms.amazonaws.com") && ', "")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILTERS)
def test_a_filter_of_logs_that_counts_less(case: str) -> None:
    told, near = FILTERS[case]
    assert kinds(change("aws_cloudwatch_log_metric_filter", transformed(), told)) == [Kind.PROTECTION]
    assert kinds(change("aws_cloudwatch_log_metric_filter", transformed(), near)) == []


def rule(**more: Any) -> dict[str, Any]:
    return {"name": "r", "source": [{"owner": "AWS", "source_identifier": "IAM_PASSWORD_POLICY"}], "input_parameters": None, "scope": [],
            "maximum_execution_frequency": "One_Hour"} | more  # fmt: skip


def parameters(**given: str) -> dict[str, Any]:
    return rule(input_parameters=json.dumps(given))


def scope(**given: Any) -> dict[str, Any]:
    return rule(scope=[given])


BUCKETS, BOTH = ["AWS::S3::Bucket"], ["AWS::S3::Bucket", "AWS::KMS::Key"]
RULES = {
    "a parameter": (parameters(MinimumPasswordLength="14"), parameters(MinimumPasswordLength="8"), parameters(MinimumPasswordLength="14") | {"description": "x"}),
    "a parameter less": (parameters(a="1", b="2"), parameters(a="1"), rule(input_parameters='{"b":"2","a":"1"}')),
    "parameters where there were none": (rule(), parameters(exemptedProjects="build"), rule(input_parameters="")),
    "parameters gone": (parameters(a="1"), rule(), rule(input_parameters='{ "a": "1" }')),
    "a scope where there was none": (rule(), scope(compliance_resource_types=BUCKETS), rule(scope=None)),
    "fewer types": (scope(compliance_resource_types=BOTH), scope(compliance_resource_types=BUCKETS), scope(compliance_resource_types=BOTH[::-1])),
    "one thing": (scope(compliance_resource_types=BUCKETS), scope(compliance_resource_types=BUCKETS, compliance_resource_id="b"), scope(compliance_resource_types=BOTH)),
    "another tag": (scope(tag_key="project", tag_value="acme"), scope(tag_key="project", tag_value="other"), rule()),
    "another rule": (rule(), rule(source=[{"owner": "AWS", "source_identifier": "REQUIRED_TAGS"}]), rule(tags={"a": "b"})),
    "less often": (rule(), rule(maximum_execution_frequency="TwentyFour_Hours"), rule(maximum_execution_frequency="One_Hour", x=1)),
}  # fmt: skip


@pytest.mark.parametrize("case", RULES)
def test_a_rule_of_config_that_judges_less(case: str) -> None:
    before, told, near = RULES[case]
    assert kinds(change("aws_config_config_rule", before, told)) == [Kind.PROTECTION]
    assert kinds(change("aws_config_config_rule", before, near)) == []


def test_an_exemption_of_what_is_only_being_made() -> None:
    before, after = parameters(exemptedProjects="a"), parameters(exemptedProjects="a,acme-shop-image")
    exempted = change("aws_config_config_rule", before, after)
    new = change("aws_codebuild_project", None, {"name": "acme-shop-image"})
    stays = change("aws_codebuild_project", {"name": "acme-shop-image"}, {"name": "acme-shop-image"}, action="no-op")
    assert kinds(exempted, new) == []
    assert kinds(exempted) == kinds(exempted, stays) == [Kind.PROTECTION]


RECORDER = {
    "types": ({"resource_types": BOTH}, {"resource_types": BUCKETS}, {"resource_types": BOTH[::-1]}),
    "global types": ({"include_global_resource_types": True}, {"include_global_resource_types": False}, {"include_global_resource_types": True, "x": 1}),
    "an exclusion": ({"exclusion_by_resource_types": [{"resource_types": []}]}, {"exclusion_by_resource_types": [{"resource_types": BUCKETS}]}, {"exclusion_by_resource_types": []}),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDER)
def test_a_recorder_that_records_less(case: str) -> None:
    before, told, near = ({"recording_group": [one]} for one in RECORDER[case])
    assert kinds(change("aws_config_configuration_recorder", before, told)) == [Kind.PROTECTION]
    assert kinds(change("aws_config_configuration_recorder", before, near)) == []


def lifecycle(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"bucket": "b", "rule": [{"id": str(n), "status": "Enabled"} | one for n, one in enumerate(rules)]}


def ends(days: int, prefix: str = "", **more: Any) -> dict[str, Any]:
    return {"filter": [{"prefix": prefix}], "expiration": [{"days": days, "date": None}]} | more


def old(days: int, kept: int | None = None, prefix: str = "") -> dict[str, Any]:
    block = {"noncurrent_days": days, "newer_noncurrent_versions": kept}
    return {"filter": [{"prefix": prefix}], "noncurrent_version_expiration": [block]}


TAG = {"filter": [{"tag": [{"key": "keep", "value": "no"}]}]}
BOTH_TAG = {"filter": [{"and": [{"prefix": "a/", "tags": {"keep": "no"}}]}]}
LIFECYCLES = {
    "where there was none": (lifecycle(), lifecycle(ends(30)), lifecycle({"abort_incomplete_multipart_upload": [{"days_after_initiation": 7}]})),
    "beside a transition": (lifecycle({"transition": [{"days": 30}]}), lifecycle({"transition": [{"days": 30}]} | ends(90)), lifecycle({"transition": [{"days": 1}]})),
    "of another prefix": (lifecycle(ends(30, "a/")), lifecycle(ends(30, "a/"), ends(30, "b/")), lifecycle(ends(30, "a/"), ends(30, "a/b/"))),
    "of the whole bucket": (lifecycle(ends(30, "a/")), lifecycle(ends(30)), lifecycle(ends(60, "a/"))),
    "sooner": (lifecycle(ends(365)), lifecycle(ends(7)), lifecycle(ends(400))),
    "sooner in a part": (lifecycle(ends(365)), lifecycle(ends(365), ends(1, "logs/")), lifecycle(ends(365), ends(999, "logs/"))),
    "by a tag": (lifecycle(), lifecycle(ends(1) | TAG), lifecycle(ends(1) | TAG | {"status": "Disabled"})),
    "by a tag less": (lifecycle(ends(1) | BOTH_TAG), lifecycle(ends(1, "a/")), lifecycle(ends(2) | BOTH_TAG)),
    "switched on": (lifecycle(ends(1, status="Disabled")), lifecycle(ends(1)), lifecycle(ends(2, status="Disabled"))),
    "on a day": (lifecycle(), lifecycle({"expiration": [{"date": "2027-01-01T00:00:00Z"}]}), lifecycle({"expiration": [{"days": 0, "expired_object_delete_marker": True}]})),
    "old versions": (lifecycle(), lifecycle(old(30)), lifecycle(old(30) | {"status": "Disabled"})),
    "old versions sooner": (lifecycle(old(90)), lifecycle(old(1)), lifecycle(old(180))),
    "fewer old versions": (lifecycle(old(90, 5)), lifecycle(old(90, 1)), lifecycle(old(90, 9))),
    "under another name": (lifecycle(ends(30), old(30)), lifecycle(ends(30), old(29)), lifecycle(old(30), ends(30))),
}  # fmt: skip


@pytest.mark.parametrize("case", LIFECYCLES)
def test_objects_that_are_deleted_by_themselves(case: str) -> None:
    before, told, near = LIFECYCLES[case]
    kind = "aws_s3_bucket_lifecycle_configuration"
    assert kinds(change(kind, before, told)) == [Kind.PROTECTION]
    assert kinds(change(kind, before, near)) == []


def test_a_first_lifecycle_of_a_bucket_that_is_there() -> None:
    kind, unknown = "aws_s3_bucket_lifecycle_configuration", {"after_unknown": {"bucket": True}}
    first = change(kind, None, lifecycle(ends(30)))
    assert kinds(first) == [Kind.PROTECTION]
    assert kinds(first, change("aws_s3_bucket", None, {"bucket": "b"})) == []
    assert kinds(change(kind, None, {"rule": lifecycle(ends(30))["rule"]}, **unknown)) == []


def test_what_a_new_pipeline_writes_ends_from_its_first_day() -> None:
    grown = change("aws_s3_bucket_lifecycle_configuration", lifecycle(ends(90, "acme-payments/")), lifecycle(ends(90, "acme-payments/"), ends(90, "acme-shop/")))  # fmt: skip
    assert kinds(grown, change("aws_codepipeline", None, {"name": "acme-shop"})) == []
    assert kinds(grown) == [Kind.PROTECTION]
    stays = change("aws_codepipeline", {"name": "acme-shop"}, {"name": "acme-shop"}, action="no-op")
    assert kinds(grown, change("aws_sns_topic", None, {"name": "acme-shop"}), stays) == [Kind.PROTECTION]


def test_a_lifecycle_that_is_not_known_before_apply() -> None:
    unknown = {"rule": [{"expiration": [{"days": True}]}]}
    found = change(
        "aws_s3_bucket_lifecycle_configuration",
        lifecycle(ends(365)),
        lifecycle({"expiration": [{}]}),
        after_unknown=unknown,
    )
    assert kinds(found) == [Kind.UNSEEN]


def test_the_block_in_the_bucket_itself() -> None:
    def bucket(*rules: dict[str, Any]) -> dict[str, Any]:
        return {"bucket": "b", "lifecycle_rule": list(rules)}

    ending = {"enabled": True, "prefix": "", "expiration": [{"days": 3}], "noncurrent_version_expiration": []}
    assert kinds(change("aws_s3_bucket", bucket(), bucket(ending))) == [Kind.PROTECTION]
    assert kinds(change("aws_s3_bucket", bucket(), bucket(ending | {"enabled": False}))) == []
    assert kinds(change("aws_s3_bucket", None, bucket(ending))) == []


def locked(**retention: Any) -> dict[str, Any]:
    return {
        "bucket": "b",
        "rule": [{"default_retention": [{"mode": "GOVERNANCE", "days": None, "years": None} | retention]}],
    }


def test_a_lock_of_objects_in_days_or_years() -> None:
    kind = "aws_s3_bucket_object_lock_configuration"
    assert (
        kinds(change(kind, locked(days=365), locked(years=1)))
        == kinds(change(kind, locked(years=1), locked(years=2)))
        == []
    )
    assert kinds(change(kind, locked(years=1), locked(days=30))) == [Kind.PROTECTION]
    assert kinds(change(kind, locked(years=1), {"bucket": "b", "rule": []})) == [Kind.PROTECTION]
    held = {"object_lock_legal_hold_status": "ON", "object_lock_mode": "COMPLIANCE"}
    for less in ({"object_lock_legal_hold_status": "OFF"}, {"object_lock_mode": "GOVERNANCE"}):
        assert kinds(change("aws_s3_object", held, held | less)) == [Kind.PROTECTION]
    assert kinds(change("aws_s3_object", {"object_lock_mode": "GOVERNANCE"}, held)) == []


def entry(number: int, cidr: str = "0.0.0.0/0", **more: Any) -> dict[str, Any]:
    return {
        "rule_no": number,
        "action": "allow",
        "protocol": "tcp",
        "from_port": 22,
        "to_port": 22,
        "cidr_block": cidr,
        "ipv6_cidr_block": "",
    } | more


def ingress(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"vpc_id": "v", "subnet_ids": ["s", "t"], "ingress": list(entries)} | more


NO = {"action": "deny"}
ALL = {"protocol": "-1", "from_port": 0, "to_port": 0}
LISTS = {
    "everybody": (ingress(), ingress(entry(100)), ingress(entry(100, "10.0.0.0/8"))),
    "everybody by IPv6": (ingress(), ingress(entry(100, "", ipv6_cidr_block="::/0")), ingress(entry(100, "", ipv6_cidr_block="fd00::/8"))),
    "another port": (ingress(entry(100)), ingress(entry(100), entry(110, from_port=3389, to_port=3389)), ingress(entry(120))),
    "another protocol": (ingress(entry(100)), ingress(entry(100, **ALL)), ingress(entry(100, protocol="6"))),
    "before what refuses": (ingress(entry(90, **ALL, **NO)), ingress(entry(80), entry(90, **ALL, **NO)), ingress(entry(90, **ALL, **NO), entry(100))),
    "what refused is gone": (ingress(entry(90, "203.0.113.0/24", **NO), entry(100)), ingress(entry(100)), ingress(entry(80, "203.0.113.0/24", **NO), entry(100))),
    "refused too late anyway": (ingress(entry(90, **ALL), entry(100, **NO)), ingress(entry(90, **ALL), subnet_ids=["s"]), ingress(entry(90, **ALL))),
    "fewer subnets": (ingress(), ingress(subnet_ids=["s"]), ingress(subnet_ids=["t", "s", "u"])),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("kind", ["aws_network_acl", "aws_default_network_acl"])
def test_a_network_list_that_lets_more_in(case: str, kind: str) -> None:
    before, told, near = LISTS[case]
    subnets = before["subnet_ids"] != told["subnet_ids"]
    assert kinds(change(kind, before, told)) == [Kind.PROTECTION if subnets else Kind.PUBLIC]
    assert kinds(change(kind, before, near)) == []


def test_a_new_network_list_opens_nothing_that_its_vpc_did_not() -> None:
    assert kinds(change("aws_network_acl", None, ingress(entry(100, **ALL)))) == []
    gone = change("aws_network_acl", ingress(entry(100)), None)
    assert kinds(gone) == [Kind.PROTECTION]
    assert kinds(gone, change("aws_vpc", {"id": "v"}, None)) == [Kind.DESTROY]


def acl_rule(cidr: str = "0.0.0.0/0", **more: Any) -> dict[str, Any]:
    return {"network_acl_id": "acl-1", "rule_number": 100, "egress": False, "rule_action": "allow", "protocol": "tcp", "from_port": 22,
            "to_port": 22, "cidr_block": cidr} | more  # fmt: skip


@pytest.mark.parametrize("near", [{"cidr": "10.0.0.0/8"}, {"egress": True}, {"rule_action": "deny"}])
def test_a_rule_of_a_network_list(near: dict[str, Any]) -> None:
    kind = "aws_network_acl_rule"
    assert kinds(change(kind, None, acl_rule())) == kinds(change(kind, acl_rule(**near), acl_rule())) == [Kind.PUBLIC]
    assert kinds(change(kind, None, acl_rule(**near))) == []
    assert kinds(change(kind, acl_rule(), None)) == []


def test_a_rule_of_a_new_network_list_and_one_that_refused() -> None:
    kind = "aws_network_acl_rule"
    unknown = {key: value for key, value in acl_rule().items() if key != "network_acl_id"}
    assert kinds(change(kind, None, unknown, after_unknown={"network_acl_id": True})) == []
    refused = change(kind, acl_rule(rule_action="deny"), None)
    assert kinds(refused) == [Kind.PUBLIC]
    assert kinds(refused, change("aws_network_acl", {"id": "acl-1"}, None)) == []
