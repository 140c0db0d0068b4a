"""Who watches the account: what is emitted of the trail, of what listens to its log, and of AWS Config."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.prove_on_aws import audit
from tools.prove_on_aws.deployed import resolve

ROOT = Path(__file__).resolve().parents[2]
KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-1111-2222-3333-444444444444"
# AWS's identifier of a managed rule is its name in capitals, but of this one.
# https://docs.aws.amazon.com/config/latest/developerguide/multi-region-cloudtrail-enabled.html
IDENTIFIERS = {"multi-region-cloudtrail-enabled": "MULTI_REGION_CLOUD_TRAIL_ENABLED"}
# Those that AWS triggers once a day take no scope by tag; and the registry's scanning is the account's.
# https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-trigger-type.html
OF_THE_ACCOUNT = {
    "ecr-private-image-scanning-enabled", "eks-endpoint-no-public-access", "eks-secrets-encrypted",
    "cmk-backing-key-rotation-enabled", "kms-cmk-not-scheduled-for-deletion", "iam-root-access-key-check",
    "root-account-mfa-enabled", "mfa-enabled-for-iam-console-access", "multi-region-cloudtrail-enabled",
    "cloud-trail-log-file-validation-enabled",
}  # fmt: skip


def grammar() -> ModuleType:
    """tests/modules/filter_pattern.py: the other tests' folders are no packages."""
    path = ROOT / "tests" / "modules" / "filter_pattern.py"
    if "watch_filter_pattern" not in sys.modules:
        spec = importlib.util.spec_from_file_location("watch_filter_pattern", path)
        assert spec
        assert spec.loader
        sys.modules["watch_filter_pattern"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["watch_filter_pattern"])
    return sys.modules["watch_filter_pattern"]


def governance(emitted: Any, kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = emitted.stacks["governance"]["resource"].get(kind, {})
    return found


def log_group(emitted: Any) -> str | None:
    if emitted.settings.singletons.cloudtrail == "manage":
        return f"/aws/cloudtrail/{emitted.settings.project}-trail"
    group: str | None = emitted.settings.audit.log_group
    return group


def purposes(emitted: Any) -> set[str]:
    """What docs/watching.md promises an alarm for."""
    text = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    table = text.partition("| alarm `acme-audit-...` |")[2].partition("\n\n")[0]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])}
    assert len(named) >= 15
    deliveries = [name for name, one in emitted.settings.pipelines.items() if one.kind == "delivery"]
    pushed = deliveries if emitted.settings.audit.direct_pushes == "alarm" else []
    return named | {f"pushed-{name}" for name in pushed}


def test_each_promised_alarm_counts_what_its_filter_finds(emitted: Any) -> None:
    filters = governance(emitted, "aws_cloudwatch_log_metric_filter")
    group = log_group(emitted)
    if group is None:
        assert not filters
        return
    project = emitted.settings.project
    assert {one["name"] for one in filters.values()} == {f"{project}-audit-{purpose}" for purpose in purposes(emitted)}
    alarms = {one["alarm_name"]: one for one in governance(emitted, "aws_cloudwatch_metric_alarm").values()}
    for one in filters.values():
        assert one["log_group_name"] == group
        metric, alarm = one["metric_transformation"], alarms[one["name"]]
        assert (metric["namespace"], metric["name"]) == (alarm["namespace"], alarm["metric_name"])
        assert metric["namespace"] == f"{project}/audit"
        assert metric["value"] == "1"
        assert (alarm["statistic"], alarm["threshold"]) == ("Sum", 1)
    names = [(one["metric_transformation"]["name"]) for one in filters.values()]
    assert len(names) == len(set(names))


def test_each_filter_finds_the_published_records_and_nothing_else(emitted: Any) -> None:
    """With this project's names in place of the records'; ``!=`` of a field that is not there is read both ways."""
    resources = {name: stack["resource"] for name, stack in emitted.stacks.items()}
    deployed = resolve(emitted.settings, resources, emitted.settings.account or "123456789012", "aws", KEY)
    known = dict(audit._purposes(deployed))
    for _, name, one in deployed.resources("aws_cloudwatch_log_metric_filter"):
        found, missed = audit.examples(deployed, known, name.removeprefix("audit_"))
        assert found
        for expected, records in ((True, found), (False, missed)):
            for what, record in records:
                for absent in (True, False):
                    said = grammar().matches(one["pattern"], record, absent_is_unequal=absent)
                    assert said is expected, f"{one['name']}: {what}"


def test_a_managed_trail_sees_everything_and_is_listened_to(emitted: Any) -> None:
    trails = governance(emitted, "aws_cloudtrail")
    if emitted.settings.singletons.cloudtrail != "manage":
        assert not trails
        return
    [trail] = trails.values()
    assert trail["cloud_watch_logs_group_arn"] == "${aws_cloudwatch_log_group.trail_logs.arn}:*"
    assert trail["cloud_watch_logs_role_arn"] == "${aws_iam_role.trail_writer_role.arn}"
    assert trail["s3_bucket_name"] == "${aws_s3_bucket.trail_files.id}"
    assert trail["kms_key_id"] == "${aws_kms_key.trail_key.arn}"
    assert governance(emitted, "aws_cloudwatch_log_group")["trail_logs"]["name"] == log_group(emitted)
    for switch in (
        "enable_logging", "enable_log_file_validation", "include_global_service_events", "is_multi_region_trail"
    ):  # fmt: skip
        assert trail[switch] is True, switch
    assert trail["lifecycle"]["prevent_destroy"] is True
    assert not {"event_selector", "advanced_event_selector"} & set(trail)  # without any: all management events


def test_a_managed_recorder_records_everything_and_delivers_it(emitted: Any) -> None:
    kinds = ("configuration_recorder", "configuration_recorder_status", "delivery_channel")
    found = {kind: governance(emitted, f"aws_config_{kind}") for kind in kinds}
    if emitted.settings.singletons.config != "manage":
        assert not any(found.values())
        return
    [recorder], [status], [channel] = (list(found[kind].values()) for kind in kinds)
    assert recorder["role_arn"] == "${aws_iam_role.config_recorder_role.arn}"
    assert recorder["recording_group"] == {"all_supported": True, "include_global_resource_types": True}
    assert status["is_enabled"] is True
    assert status["name"] == "${aws_config_configuration_recorder.config.name}"
    assert channel["s3_bucket_name"] == "${aws_s3_bucket.config_history.id}"
    assert channel["s3_kms_key_arn"] == "${data.aws_kms_alias.key.target_key_arn}"
    assert all(one["lifecycle"]["prevent_destroy"] is True for one in (recorder, status, channel))


def test_each_rule_is_the_one_that_it_is_called_and_looks_where_it_may(emitted: Any) -> None:
    rules = governance(emitted, "aws_config_config_rule")
    if emitted.settings.compliance.rules != "make":
        assert not rules
        return
    project = emitted.settings.project
    names = {one["name"].removeprefix(f"{project}-"): one for one in rules.values()}
    assert len(names) == len(rules) == 20
    for name, rule in names.items():
        expected = IDENTIFIERS.get(name, name.upper().replace("-", "_"))
        assert rule["source"] == {"owner": "AWS", "source_identifier": expected}
        own = None if name in OF_THE_ACCOUNT else {"tag_key": "project", "tag_value": project}
        assert rule.get("scope") == own, name
    # Only the builds that make images may be privileged.
    images = [
        f"{project}-{name}-image" for name, one in emitted.settings.pipelines.items() if one.kind == "delivery"
    ]  # fmt: skip
    given = {name: json.loads(rule["input_parameters"]) for name, rule in names.items() if "input_parameters" in rule}
    exempted = {"codebuild-project-environment-privileged-check": {"exemptedProjects": ",".join(images)}}
    assert given == (exempted if images else {})


def test_each_pipeline_has_its_insight(emitted: Any) -> None:
    found = governance(emitted, "aws_securityhub_insight")
    wanted = emitted.settings.singletons.security_hub != "none"
    assert len(found) == (len(emitted.settings.pipelines) if wanted else 0)
