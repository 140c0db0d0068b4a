"""What a security reviewer asks of the output, as rules over every settings file and the user's own.

No rule here repeats the output: each says what must hold of every resource of a kind, or of what the settings ask for.
`make mutate-output` shows what the rules, all together, would not notice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

ACCOUNT = "${data.aws_caller_identity.caller.account_id}"
ROOT_USER = f"arn:${{data.aws_partition.current.partition}}:iam::{ACCOUNT}:root"
DAY = 86_400
# Patched until the middle of 2029 at least: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIMES = {"python3.13", "python3.14"}


def key_of(stack: str) -> str:
    """The project's key, as the stack that makes it and as all others refer to it."""
    return "${aws_kms_key.key.arn}" if stack == "foundation" else "${data.aws_kms_alias.key.target_key_arn}"


# The trail has a key of its own: who administers the project's key opens no audit log.
TRAIL_KEY = "${aws_kms_key.trail_key.arn}"
TRAIL_ARN = f"arn:${{data.aws_partition.current.partition}}:cloudtrail:REGION:{ACCOUNT}:trail/PROJECT-trail"


def of_kind(emitted: Any, kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = list(emitted.resources(kind))
    assert found, f"no {kind} at all: nothing would be tested"
    return found


def document(emitted: Any, stack: str, reference: str) -> list[Mapping[str, Any]]:
    """The statements behind ``${data.aws_iam_policy_document.X.json}``."""
    name = re.fullmatch(r"\$\{data\.aws_iam_policy_document\.([\w-]+)\.json\}", reference)
    assert name, reference
    return list(emitted.stacks[stack]["data"]["aws_iam_policy_document"][name[1]]["statement"])


def deliveries(emitted: Any) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in emitted.settings.pipelines.items() if one.kind == "delivery"]


def stages(emitted: Any, stack: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Actions by stage and name."""
    pipeline = emitted.stacks[stack]["resource"]["aws_codepipeline"]["pipeline"]
    return {stage["name"]: {action["name"]: action for action in stage["action"]} for stage in pipeline["stage"]}


def variables(action: Mapping[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in json.loads(action["configuration"]["EnvironmentVariables"])}


def environment(project: Mapping[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in project["environment"]["environment_variable"]}


# Encryption


def test_everything_that_can_be_is_encrypted_with_the_projects_key(emitted: Any) -> None:
    for kind, attribute in {
        "aws_sns_topic": "kms_master_key_id",
        "aws_sqs_queue": "kms_master_key_id",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_codebuild_project": "encryption_key",
    }.items():
        for stack, name, resource in of_kind(emitted, kind):
            key = TRAIL_KEY if name == "trail_logs" else key_of(stack)
            assert resource.get(attribute) == key, f"{stack} {name}"
    for stack, name, pipeline in of_kind(emitted, "aws_codepipeline"):
        [store] = pipeline["artifact_store"]
        assert store.get("encryption_key") == {"type": "KMS", "id": key_of(stack)}, name
        assert store["location"] == buckets(emitted)["artifacts"]["bucket"]
    for stack, name, repository in emitted.resources("aws_ecr_repository"):
        assert repository.get("encryption_configuration") == [{"encryption_type": "KMS", "kms_key": key_of(stack)}], (
            name
        )


def test_the_key_is_rotated_and_not_deleted_in_a_hurry(emitted: Any) -> None:
    managed = emitted.settings.singletons.cloudtrail == "manage"
    names = {"key", "trail_key"} if managed else {"key"}
    assert {name for _, name, _ in of_kind(emitted, "aws_kms_key")} == names
    for stack, _, key in of_kind(emitted, "aws_kms_key"):
        assert key.get("enable_key_rotation") is True
        assert key["deletion_window_in_days"] == 30
        assert document(emitted, stack, key["policy"])
    aliases = {alias["target_key_id"] for _, _, alias in of_kind(emitted, "aws_kms_alias")}
    assert aliases == {f"${{aws_kms_key.{name}.key_id}}" for name in names}


# Buckets


def buckets(emitted: Any) -> Mapping[str, Mapping[str, Any]]:
    return {name: bucket for _, name, bucket in of_kind(emitted, "aws_s3_bucket")}


def companion(emitted: Any, kind: str, bucket: str) -> Mapping[str, Any]:
    """The one resource of a kind that belongs to a bucket."""
    group = [resource for _, _, resource in of_kind(emitted, kind)]
    [found] = [one for one in group if one["bucket"] == f"${{aws_s3_bucket.{bucket}.id}}"]
    assert isinstance(found, Mapping)
    return found


def test_buckets_are_private_versioned_logged_and_encrypted(emitted: Any) -> None:
    singletons = emitted.settings.singletons
    assert set(buckets(emitted)) == {
        *("access_logs", "artifacts", "reports"),
        *(["trail_files"] if singletons.cloudtrail == "manage" else []),
        *(["config_history"] if singletons.config == "manage" else []),
    }
    for name, bucket in buckets(emitted).items():
        assert not bucket["force_destroy"]
        ownership = companion(emitted, "aws_s3_bucket_ownership_controls", name)
        assert ownership["rule"] == {"object_ownership": "BucketOwnerEnforced"}
        versioning = companion(emitted, "aws_s3_bucket_versioning", name)
        assert versioning["versioning_configuration"]["status"] == "Enabled"
        [rule] = companion(emitted, "aws_s3_bucket_server_side_encryption_configuration", name)["rule"]
        default = rule["apply_server_side_encryption_by_default"]
        if name == "access_logs":  # S3's log delivery takes SSE-S3 alone, and a bucket does not log itself
            assert default == {"sse_algorithm": "AES256"}
            continue
        keys = {"trail_files": TRAIL_KEY, "config_history": key_of("governance")}
        assert default == {"sse_algorithm": "aws:kms", "kms_master_key_id": keys.get(name, key_of("foundation"))}
        logging = companion(emitted, "aws_s3_bucket_logging", name)
        assert logging["target_bucket"] == buckets(emitted)["access_logs"]["bucket"]


def test_evidence_is_kept(emitted: Any) -> None:
    """Reports, releases, pushes and scripts do not expire; what is overwritten stays 30 days; access is logged for a year.
    Plans and what was said of them are no evidence: they end."""
    for name in buckets(emitted):
        rules = companion(emitted, "aws_s3_bucket_lifecycle_configuration", name)["rule"]
        assert all(rule["status"] == "Enabled" for rule in rules)
        [leftovers] = [rule for rule in rules if rule["id"] == "leftovers"]
        assert leftovers["filter"] == [{"prefix": ""}]
        assert leftovers["noncurrent_version_expiration"][0]["noncurrent_days"] >= 30
        expiring = {
            rule["filter"][0]["prefix"]: rule["expiration"][0]["days"] for rule in rules if "expiration" in rule
        }
        artifacts = {f"{emitted.settings.project}-{pipeline}"[:20] + "/" for pipeline in emitted.settings.pipelines}
        planned = {"plans/", "reviews/"} if emitted.settings.reviews else set()
        assert (
            set(expiring)
            == {
                "access_logs": {""}, "artifacts": {"images/", *artifacts}, "reports": planned,
                "trail_files": {""}, "config_history": {""},
            }[name]
        )  # fmt: skip
        least = {
            "access_logs": 365,
            "artifacts": 30,
            "reports": 30,
            "trail_files": 2555,
            "config_history": 2555,
        }  # 2,555 days: 7 years
        assert all(days >= least[name] for days in expiring.values())


# Resource policies


def attached(emitted: Any) -> Iterator[tuple[str, str, list[Mapping[str, Any]], set[str], str]]:
    """(stack, address, statements, ARNs of the thing, its service's wildcard action) of each bucket, topic and queue."""
    prefix = "arn:${data.aws_partition.current.partition}:"
    region = emitted.settings.region
    for kind, key, named, service, own in (
        ("aws_s3_bucket", "bucket", "bucket", "s3", "id"),
        ("aws_sns_topic", "arn", "name", "sns", "arn"),
        ("aws_sqs_queue", "queue_url", "name", "sqs", "url"),
    ):
        for stack, name, resource in of_kind(emitted, kind):
            policies = emitted.stacks[stack]["resource"][f"{kind}_policy"].values()
            [policy] = [one for one in policies if one[key] == f"${{{kind}.{name}.{own}}}"]
            where = "::" if service == "s3" else f"{region}:{ACCOUNT}:"
            arn = f"{prefix}{service}:{where}{resource[named]}"
            arns = {arn, f"{arn}/*"} if service == "s3" else {arn}
            yield stack, f"{kind}.{name}", document(emitted, stack, policy["policy"]), arns, service


def test_nothing_is_reached_without_tls(emitted: Any) -> None:
    for stack, address, statements, arns, service in attached(emitted):
        [deny] = [statement for statement in statements if statement["sid"] == "TlsOnly"]
        assert deny["effect"] == "Deny", f"{stack} {address}"
        assert set(deny["resources"]) == arns, f"{stack} {address}"
        # SNS takes no wildcard over all its actions in a topic's policy.
        assert deny["actions"] == ["sns:Publish" if service == "sns" else f"{service}:*"]
        assert deny["condition"] == [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}]


def test_a_policy_speaks_of_its_own_thing(emitted: Any) -> None:
    for stack, address, statements, arns, _ in attached(emitted):
        for statement in statements:
            for resource in statement["resources"]:
                where = f"{stack} {address} {statement['sid']}"
                assert resource in arns or resource.startswith(tuple(f"{arn}/" for arn in arns)), where


def test_no_condition_is_met_by_a_key_that_is_not_sent(emitted: Any) -> None:
    """``...IfExists`` is: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    for stack, name, one in emitted.documents():
        for statement in one["statement"]:
            for condition in statement.get("condition", ()):
                assert not condition["test"].endswith("IfExists"), f"{stack} {name} {statement['sid']}"


def test_a_refusal_is_for_everybody(emitted: Any) -> None:
    for stack, name, one in emitted.documents():
        for statement in one["statement"]:
            if statement.get("effect") == "Deny":
                where = f"{stack} {name} {statement['sid']}"
                assert statement["principals"] == [{"type": "AWS", "identifiers": ["*"]}], where
                # Only of the trail's files nobody may do it on any condition.
                assert ("condition" in statement) == (statement["sid"] != "NobodyDeletes"), where


def test_nobody_deletes_the_trails_files_or_shortens_their_time(full: Any) -> None:
    [(_, _, statements, arns, _)] = [one for one in attached(full) if one[1] == "aws_s3_bucket.trail_files"]
    [deny] = [statement for statement in statements if statement["sid"] == "NobodyDeletes"]
    assert (deny["effect"], set(deny["resources"])) == ("Deny", arns)
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"} <= set(deny["actions"])
    # The policy comes after what it refuses to have changed, so that it goes before it.
    [policy] = [p for _, n, p in of_kind(full, "aws_s3_bucket_policy") if n == "trail_files_policy"]
    assert {
        "aws_s3_bucket_lifecycle_configuration.trail_files_lifecycle",
        "aws_s3_bucket_versioning.trail_files_versioning",
    } <= set(policy["depends_on"])


def test_a_bucket_refuses_what_is_encrypted_with_another_key(emitted: Any) -> None:
    header = "s3:x-amz-server-side-encryption"
    for stack, address, statements, arns, service in attached(emitted):
        # The digests of the trail's files come with S3's own encryption.
        if service != "s3" or address.endswith((".access_logs", ".trail_files")):
            continue
        given = {"OnlyTheKey": (f"{header}-aws-kms-key-id", key_of(stack)), "OnlyKmsEncryption": (header, "aws:kms")}
        by_sid = {statement["sid"]: statement for statement in statements}
        for sid, (variable, value) in given.items():
            deny = by_sid[sid]
            assert (deny["effect"], deny["actions"]) == ("Deny", ["s3:PutObject"]), address
            assert set(deny["resources"]) == {arn for arn in arns if arn.endswith("/*")}, address
            # Both: a header that is not there takes the bucket's default, which is the key.
            assert {
                condition["test"]: (condition["variable"], condition["values"]) for condition in deny["condition"]
            } == {
                "StringNotEquals": (variable, [value]),
                "Null": (variable, ["false"]),
            }, address


def test_nobody_but_the_importer_writes_or_removes_what_is_believed(emitted: Any) -> None:
    [deny] = [
        statement
        for _, address, statements, _, _ in attached(emitted)
        for statement in statements
        if statement["sid"] == "OnlyTheImporterJudges" and address == "aws_s3_bucket.reports"
    ]
    [condition] = deny["condition"]
    assert (condition["test"], condition["variable"]) == ("ArnNotEquals", "aws:PrincipalArn")
    assert len(condition["values"]) == 1
    kept = {resource.split("/", 1)[1] for resource in deny["resources"]}
    believed = {f"reports/*/{file}" for file in ("verdict.json", "findings.json", "index.html")}
    assert kept == believed | {"rescans/*", "inventory/*", "pushes/*"}


# Who works here without a role of ours: log groups, events, alarms, and the delivery of access logs.
SERVICES = {
    "key": {"logs", "events", "cloudwatch"},
    "trail_key": {"logs", "cloudtrail"},
    "aws_sns_topic": {"events", "cloudwatch"},
    "aws_sqs_queue": {"events"},
    "aws_s3_bucket": {"logging", "cloudtrail"},
}


def test_what_a_service_may_do_here_it_does_for_this_account(emitted: Any) -> None:
    """Principals of Allow statements are this account or a service; a service's are bound to this account."""
    owners = [
        (stack, name, document(emitted, stack, key["policy"])) for stack, name, key in of_kind(emitted, "aws_kms_key")
    ]
    owners += [(stack, address, statements) for stack, address, statements, _, _ in attached(emitted)]
    for stack, address, statements in owners:
        for statement in statements:
            if statement.get("effect") == "Deny":
                continue
            [principal] = statement["principals"]
            if principal["type"] == "AWS":
                assert (statement["sid"], principal["identifiers"]) == ("AccountIam", [ROOT_USER])
                continue
            assert principal["type"] == "Service"
            [service] = principal["identifiers"]
            assert service.split(".")[0] in SERVICES[address.split(".")[0]], f"{stack} {address} {statement['sid']}"
            if service == "cloudtrail.amazonaws.com":
                # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
                said = {c["variable"]: (c["test"], c["values"]) for c in statement["condition"]}
                trail = TRAIL_ARN.replace("REGION", emitted.settings.region).replace(
                    "PROJECT", emitted.settings.project
                )
                assert said["aws:SourceArn"] == ("StringEquals", [trail]), f"{stack} {statement['sid']}"
                continue
            if "condition" not in statement:
                # EventBridge sends neither KMS nor SNS a key that could bind it; approvals hear of no event.
                assert principal["identifiers"] == ["events.amazonaws.com"], f"{address} {statement['sid']}"
                assert address in ("key", "aws_sns_topic.notifications"), f"{address} {statement['sid']}"
                continue
            [condition] = statement["condition"]
            test, variable, values = condition["test"], condition["variable"], condition["values"]
            if variable == "aws:SourceAccount":
                assert (test, values) == ("StringEquals", [ACCOUNT]), f"{stack} {statement['sid']}"
            elif variable == "aws:SourceArn":
                [queue] = statement["resources"]
                resources = emitted.stacks[stack]["resource"]
                made = {
                    rule["name"]
                    for name, rule in resources["aws_cloudwatch_event_rule"].items()
                    if resources["aws_cloudwatch_event_target"][f"{name}_target"]["dead_letter_config"]["arn"] == queue
                }
                arn = f"arn:${{data.aws_partition.current.partition}}:events:{emitted.settings.region}:{ACCOUNT}:rule/"
                assert test == "ArnEquals"
                assert set(values) == {arn + name for name in made}, f"{stack}: rules whose lost events the queue takes"
            else:
                exact = stack == "governance"  # the trail's key serves one log group
                assert (test, variable) == ("ArnEquals" if exact else "ArnLike", "kms:EncryptionContext:aws:logs:arn")
                assert all(f":{emitted.settings.region}:{ACCOUNT}:log-group:" in value for value in values)


def test_roles_and_their_policies_are_their_own(emitted: Any) -> None:
    for stack, name, policy in of_kind(emitted, "aws_iam_role_policy"):
        owner = name.removesuffix("_policy")
        assert policy["role"] == f"${{aws_iam_role.{owner}_role.id}}", f"{stack} {name}"
        assert policy["policy"] == f"${{data.aws_iam_policy_document.{owner}_permissions.json}}", f"{stack} {name}"
    for _, name, role in of_kind(emitted, "aws_iam_role"):
        assert role.get("max_session_duration", 3600) == 3600, f"{name}: longer sessions serve nobody"
    owners = {"aws_codebuild_project": "service_role", "aws_lambda_function": "role", "aws_codepipeline": "role_arn"}
    for kind, attribute in owners.items():
        for stack, name, resource in of_kind(emitted, kind):
            assert resource[attribute] == f"${{aws_iam_role.{name}_role.arn}}", f"{stack} {name}"


# Logs, dead letters, alarms


def test_logs_are_kept_for_a_year_and_everything_that_runs_has_its_own(emitted: Any) -> None:
    for _, name, group in of_kind(emitted, "aws_cloudwatch_log_group"):
        assert group.get("retention_in_days", 0) >= 365, name
    for stack, name, project in of_kind(emitted, "aws_codebuild_project"):
        group = emitted.stacks[stack]["resource"]["aws_cloudwatch_log_group"][f"{name}_logs"]["name"]
        assert project.get("logs_config") == {"cloudwatch_logs": {"status": "ENABLED", "group_name": group}}, name
    for stack, name, function in of_kind(emitted, "aws_lambda_function"):
        group = emitted.stacks[stack]["resource"]["aws_cloudwatch_log_group"][f"{name}_logs"]["name"]
        assert function.get("logging_config") == {"log_format": "JSON", "log_group": group}, name


def queue_arns(emitted: Any, stack: str) -> list[str]:
    queues = emitted.stacks[stack].get("resource", {}).get("aws_sqs_queue", {}).values()
    region = emitted.settings.region
    return [f"arn:${{data.aws_partition.current.partition}}:sqs:{region}:{ACCOUNT}:{queue['name']}" for queue in queues]


def notifications(emitted: Any) -> str:
    name = emitted.stacks["foundation"]["resource"]["aws_sns_topic"]["notifications"]["name"]
    return f"arn:${{data.aws_partition.current.partition}}:sns:{emitted.settings.region}:{ACCOUNT}:{name}"


def test_no_event_is_lost_without_a_word(emitted: Any) -> None:
    for stack, name, target in of_kind(emitted, "aws_cloudwatch_event_target"):
        retry = target["retry_policy"]
        assert retry == {"maximum_event_age_in_seconds": DAY, "maximum_retry_attempts": 185}, name
        assert target.get("dead_letter_config", {}).get("arn") in queue_arns(emitted, stack), f"{stack} {name}"
    for stack, name, function in of_kind(emitted, "aws_lambda_function"):
        resources = emitted.stacks[stack]["resource"]
        arn = f"${{aws_lambda_function.{name}.arn}}"
        targets = [one for one in resources["aws_cloudwatch_event_target"].values() if one["arn"] == arn]
        if targets:
            [retries] = [
                one
                for one in resources["aws_lambda_function_event_invoke_config"].values()
                if one["function_name"] == f"${{aws_lambda_function.{name}.function_name}}"
            ]
            queue = retries.get("destination_config", {}).get("on_failure", {}).get("destination")
            assert queue in queue_arns(emitted, stack)
            assert {target["dead_letter_config"]["arn"] for target in targets} == {queue}, "one queue for one function"
            assert retries["maximum_retry_attempts"] == 2, function["function_name"]
            assert retries["maximum_event_age_in_seconds"] >= 3600


def test_each_queue_keeps_for_two_weeks_and_rings_at_its_first_message(emitted: Any) -> None:
    for stack, name, queue in of_kind(emitted, "aws_sqs_queue"):
        assert queue.get("message_retention_seconds") == 14 * DAY
        alarms = emitted.stacks[stack]["resource"]["aws_cloudwatch_metric_alarm"].values()
        [alarm] = [one for one in alarms if one.get("dimensions") == {"QueueName": queue["name"]}]
        assert alarm.get("alarm_actions") == [notifications(emitted)], name
        assert alarm.get("actions_enabled", True)
        measured = ("namespace", "metric_name", "statistic", "comparison_operator", "threshold", "evaluation_periods")
        assert [alarm[one] for one in measured] == [
            "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", "GreaterThanThreshold", 0, 1,
        ]  # fmt: skip
        assert alarm["period"] <= 300


def test_people_are_told(emitted: Any) -> None:
    wanted = {("notifications", email) for email in emitted.settings.notify.emails}
    for name, pipeline in emitted.settings.pipelines.items():
        wanted |= {(f"notifications_{name}", email) for email in pipeline.notify.emails}
    for name, pipeline in deliveries(emitted):
        wanted |= {(f"approval_{name}", email) for email in pipeline.approval.emails}
    found = set()
    for _, _, subscription in of_kind(emitted, "aws_sns_topic_subscription"):
        assert subscription["protocol"] == "email"
        found.add(
            (re.sub(r"\$\{aws_sns_topic\.(.*)\.arn\}", r"\1", subscription["topic_arn"]), subscription["endpoint"])
        )
    assert found == wanted
    governance = emitted.stacks["governance"]["resource"]
    rules = {
        name: json.loads(one.get("event_pattern", "{}"))
        for name, one in governance["aws_cloudwatch_event_rule"].items()
    }
    pipelines = {one["name"] for _, _, one in of_kind(emitted, "aws_codepipeline")}
    assert set(rules["pipeline_ended"]["detail"]["state"]) == {"FAILED", "STOPPED", "CANCELED", "SUCCEEDED"}
    for name in ("pipeline_ended", "stage_failed"):
        assert set(rules[name]["detail"]["pipeline"]) == pipelines
        target = governance["aws_cloudwatch_event_target"][f"{name}_target"]
        assert target["arn"] == "${aws_lambda_function.notifier.arn}"
    # Whoever starts a build outside of its pipeline is heard: every project begins as one of the prefixes.
    beginnings = tuple(one["prefix"] for one in rules["build_by_hand"]["detail"]["project-name"])
    projects = [(stack, one["name"]) for stack, _, one in of_kind(emitted, "aws_codebuild_project")]
    assert all(name.startswith(beginnings) for stack, name in projects if stack in emitted.settings.pipelines)


def test_every_function_wakes_people_if_it_fails(emitted: Any) -> None:
    """Straight to the topic: not through the notifier, which may be what fails."""
    wanted = {
        (one["function_name"], metric)
        for _, _, one in of_kind(emitted, "aws_lambda_function")
        for metric in ("Errors", "Throttles")
    }
    found = set()
    for _, name, alarm in of_kind(emitted, "aws_cloudwatch_metric_alarm"):
        if alarm["namespace"] == "AWS/Lambda":
            found.add((alarm["dimensions"]["FunctionName"], alarm["metric_name"]))
            assert alarm["alarm_actions"] == [notifications(emitted)], name
            assert alarm["dimensions"]["FunctionName"] in alarm["alarm_description"]
            measured = ("statistic", "comparison_operator", "threshold", "evaluation_periods", "treat_missing_data")
            assert [alarm[one] for one in measured] == ["Sum", "GreaterThanThreshold", 0, 1, "notBreaching"]
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        assert len(alarm["alarm_description"]) <= 1024, name
    assert found == wanted


def test_a_topic_that_nobody_hears_rings(emitted: Any) -> None:
    topics = {one["name"] for _, _, one in of_kind(emitted, "aws_sns_topic")}
    [function] = [
        one["function_name"] for _, name, one in of_kind(emitted, "aws_lambda_function") if name == "notifier"
    ]
    found = {}
    for _, _, alarm in of_kind(emitted, "aws_cloudwatch_metric_alarm"):
        if alarm["metric_name"] == "SubscriptionsConfirmed":
            found[alarm["dimensions"]["Topic"]] = alarm
    assert set(found) == topics
    for alarm in found.values():
        assert alarm["namespace"] == function
        assert alarm["alarm_actions"] == [notifications(emitted)]
        measured = ("comparison_operator", "threshold", "treat_missing_data", "period", "evaluation_periods")
        assert [alarm[one] for one in measured] == ["LessThanThreshold", 1, "breaching", 3600, 3]


# Events and callers


def test_rules_are_on_and_each_has_its_target(emitted: Any) -> None:
    for stack, name, rule in of_kind(emitted, "aws_cloudwatch_event_rule"):
        assert rule.get("state", "ENABLED") == "ENABLED"
        if "schedule_expression" in rule:
            assert "event_pattern" not in rule, f"{stack} {name}"
        else:
            pattern = json.loads(rule["event_pattern"])
            assert set(pattern) >= {"source", "detail-type", "detail"}, f"{stack} {name}"
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
            assert len(rule["event_pattern"]) <= 2048, f"{stack} {name}"
        targets = emitted.stacks[stack]["resource"]["aws_cloudwatch_event_target"].values()
        assert [t["rule"] for t in targets].count(f"${{aws_cloudwatch_event_rule.{name}.name}}") == 1, f"{stack} {name}"


def test_a_run_starts_by_the_branches_of_the_settings_and_no_other(emitted: Any) -> None:
    for stack, pipeline in emitted.settings.pipelines.items():
        resources = emitted.stacks[stack]["resource"]
        detail = json.loads(resources["aws_cloudwatch_event_rule"]["commit_event"]["event_pattern"])["detail"]
        if pipeline.kind == "delivery":
            wanted: list[Any] | None = [pipeline.branch]
            target = resources["aws_cloudwatch_event_target"]["commit_event_target"]
            assert target["arn"] == "${aws_codepipeline.pipeline.arn}"
            assert target["role_arn"] == "${aws_iam_role.commit_event_role.arn}"
        else:
            # A name that ends with / or * is a beginning; "*" alone is every branch.
            written = pipeline.branches
            wanted = (
                [{"prefix": b.rstrip("*")} if b[-1] in "/*" else b for b in written] if "*" not in written else None
            )
            function = resources["aws_lambda_function"]["starter"]["environment"]["variables"]
            assert json.loads(function["BRANCH_PATTERNS"]) == wanted
            assert function["REPOSITORY_NAME"] == pipeline.repository.name
            assert function["PIPELINE_NAME"] == resources["aws_codepipeline"]["pipeline"]["name"]
        assert detail.get("referenceName") == wanted


def test_the_importer_hears_of_the_delivered_images_and_branches(emitted: Any) -> None:
    found = emitted.stacks["findings"]["resource"].get("aws_cloudwatch_event_rule", {})
    patterns = {name: json.loads(rule["event_pattern"]) for name, rule in found.items()}
    registries = [pipeline.registry for _, pipeline in deliveries(emitted)]
    wanted = {"branch_deleted"} | ({"ecr_scan_event", "inspector_event"} if registries else set())
    wanted |= {"release_ended"} if registries else set()
    wanted |= {"branch_pushed"} if any(p.approval.separation_of_duties for _, p in deliveries(emitted)) else set()
    assert set(patterns) == wanted
    for name, source, kind in (
        ("ecr_scan_event", "aws.ecr", "ECR Image Scan"),
        ("inspector_event", "aws.inspector2", "Inspector2 Finding"),
        ("branch_deleted", "aws.codecommit", "CodeCommit Repository State Change"),
        ("branch_pushed", "aws.codecommit", "CodeCommit Repository State Change"),
    ):
        if name in patterns:
            assert (patterns[name]["source"], patterns[name]["detail-type"]) == ([source], [kind])
    if registries:
        assert patterns["ecr_scan_event"]["detail"] == {"repository-name": registries}
        image = patterns["inspector_event"]["detail"]["resources"]["details"]["awsEcrContainerImage"]
        assert image == {"repositoryName": registries}
    deleted = patterns["branch_deleted"]
    assert deleted["detail"] == {"event": ["referenceDeleted"], "referenceType": ["branch"]}
    repositories = {pipeline.repository.name for pipeline in emitted.settings.pipelines.values()}
    assert {arn.rsplit(":", 1)[1] for arn in deleted["resources"]} == repositories


def test_a_function_is_called_by_the_rules_of_its_stack_alone(emitted: Any) -> None:
    for stack, content in emitted.stacks.items():
        resources = content.get("resource", {})
        wanted = set()
        for target in resources.get("aws_cloudwatch_event_target", {}).values():
            if "aws_lambda_function" in target["arn"]:
                rule = target["rule"].replace(".name}", ".arn}")
                wanted.add((target["arn"].replace(".arn}", ".function_name}"), rule))
        given = set()
        for name, permission in resources.get("aws_lambda_permission", {}).items():
            assert permission["principal"] == "events.amazonaws.com", f"{stack} {name}"
            assert permission["action"] == "lambda:InvokeFunction", f"{stack} {name}"
            assert "source_account" not in permission, f"{stack} {name}: EventBridge is not documented to send it"
            given.add((permission["function_name"], permission.get("source_arn")))
        assert given == wanted, stack


def test_aliases_are_of_the_code_that_is_deployed(emitted: Any) -> None:
    """No version is published: an alias of one would be of code that no plan shows."""
    for _, name, alias in of_kind(emitted, "aws_lambda_alias"):
        assert alias["function_version"] == "$LATEST", name


# Code


def test_functions_run_the_packaged_code(emitted: Any) -> None:
    for stack, name, function in of_kind(emitted, "aws_lambda_function"):
        package = (emitted.folder / "stacks" / stack / function["filename"]).read_bytes()
        assert function.get("source_code_hash") == base64.b64encode(hashlib.sha256(package).digest()).decode(), name
        assert (function["handler"], function["runtime"] in RUNTIMES) == ("handler.handler", True), name
    functions = emitted.stacks["findings"]["resource"]["aws_lambda_function"]
    for name in {"importer", "guard", "recorder"} & set(functions):
        variables_ = functions[name]["environment"]["variables"]
        assert variables_ == {"REPORTS_BUCKET": buckets(emitted)["reports"]["bucket"]}


def test_scripts_are_the_ones_that_are_packaged(emitted: Any) -> None:
    scripts = emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]
    content = (emitted.folder / "stacks" / "foundation" / scripts["source"]).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert (scripts["key"], scripts["source_hash"]) == (f"scripts/{digest}.zip", digest)
    assert scripts["bucket"] == "${aws_s3_bucket.artifacts.id}"


def test_images_cannot_be_replaced_and_are_scanned(emitted: Any) -> None:
    for stack, name, repository in emitted.resources("aws_ecr_repository"):
        assert repository.get("image_tag_mutability") == "IMMUTABLE", f"{stack} {name}"
        assert repository.get("image_scanning_configuration") == {"scan_on_push": True}
        assert not repository["force_delete"]
    for _, name, lifecycle in emitted.resources("aws_ecr_lifecycle_policy"):
        for rule in json.loads(lifecycle["policy"])["rules"]:
            assert rule["selection"]["tagStatus"] == "untagged", f"{name}: production may run a tagged one"


# Pipelines


def test_each_stage_runs_what_the_settings_ask_for_in_that_order(emitted: Any) -> None:
    """By stage: what runs together, one set after the other."""
    for stack, pipeline in emitted.settings.pipelines.items():
        wanted: dict[str, list[set[str]]] = {"Source": [{"Source"}], "Scan": [{"resolve"}, {"snyk"}]}
        if pipeline.kind == "delivery":
            resolves = {"resolve"} & set(stages(emitted, stack)["Build"])
            assert resolves or not {"grype", "snyk"} & set(pipeline.scanners), "those read resolved dependencies"
            wanted = {
                "Source": [{"Source"}],
                "Build": [{"image", "git-secrets"} | resolves, {"seal"}],
                "Verify": [set(pipeline.scanners)],
                "Publish": [{"guard"}, {"push"}, {"ecr"}],
                "Staging": [{"deploy"}, {"zap"}, {"record"}, {"approve"}],
                "Production": [{"guard"}, {"deploy"}],
            }
        found = {}
        for stage, actions in stages(emitted, stack).items():
            orders = sorted({action.get("run_order", 1) for action in actions.values()})
            found[stage] = [{n for n, action in actions.items() if action.get("run_order", 1) == o} for o in orders]
        assert found == wanted, stack


def test_each_action_runs_its_own_project_or_function(emitted: Any) -> None:
    functions = emitted.stacks["findings"]["resource"]["aws_lambda_function"]
    called = {"seal": "sealer", "guard": "guard", "record": "recorder"}
    for stack in emitted.settings.pipelines:
        for stage, actions in stages(emitted, stack).items():
            for name, action in actions.items():
                configuration = action["configuration"]
                if action["provider"] == "CodeBuild":
                    project = emitted.stacks[stack]["resource"]["aws_codebuild_project"][f"{stage}_{name}"]
                    assert configuration["ProjectName"] == project["name"], f"{stack} {stage}/{name}"
                elif action["provider"] == "Lambda":
                    assert configuration["FunctionName"] == functions[called[name]]["function_name"], f"{stack} {name}"


def test_the_source_is_the_settings_repository_and_branch(emitted: Any) -> None:
    for stack, pipeline in emitted.settings.pipelines.items():
        source = stages(emitted, stack)["Source"]["Source"]
        assert source.get("namespace") == "Commit", "what #{Commit.CommitId} names"
        configuration = source["configuration"]
        assert configuration["RepositoryName"] == pipeline.repository.name
        assert configuration["BranchName"] == (
            pipeline.branch if pipeline.kind == "delivery" else pipeline.default_branch
        )
        # A clone would give builds the repository's credentials.
        assert configuration["OutputArtifactFormat"] == "CODE_ZIP"
        [pipeline_] = emitted.stacks[stack]["resource"]["aws_codepipeline"].values()
        defaults = {variable["name"]: variable["default_value"] for variable in pipeline_.get("variable", [])}
        # What starts without an event carries no commit, and its builds stop.
        assert defaults == ({} if pipeline.kind == "delivery" else {"BRANCH": "none", "COMMIT": "none"})


def test_the_guard_is_asked_about_this_run_commit_and_image(emitted: Any) -> None:
    for stack, _ in deliveries(emitted):
        for stage in ("Publish", "Production"):
            parameters = json.loads(stages(emitted, stack)[stage]["guard"]["configuration"]["UserParameters"])
            assert parameters == {
                "schema": 1,
                "pipeline": stack,
                "gate": stage,
                "execution": "#{codepipeline.PipelineExecutionId}",
                "commit": "#{Commit.CommitId}",
                "digest": "#{Image.DIGEST}",
            }


def test_builds_are_told_which_run_and_which_image(emitted: Any) -> None:
    reads_digest = {"push", "ecr", "deploy", "grype", "snyk-container"}
    for stack in emitted.settings.pipelines:
        for stage, actions in stages(emitted, stack).items():
            for name, action in actions.items():
                if action["provider"] != "CodeBuild":
                    continue
                given = variables(action)
                assert given.get("EXECUTION") == "#{codepipeline.PipelineExecutionId}", f"{stack} {stage}/{name}"
                if name in reads_digest:
                    assert given.get("IMAGE_DIGEST") == "#{Image.DIGEST}", f"{stack} {stage}/{name}"
                if name in reads_digest - {"ecr", "deploy"}:
                    assert given.get("IMAGE_SHA256") == "#{Image.SHA256}", f"{stack} {stage}/{name}"
                by_event = emitted.settings.pipelines[stack].kind == "scan"
                assert given.get("COMMIT") == ("#{variables.COMMIT}" if by_event else "#{Commit.CommitId}")
                assert not by_event or given.get("BRANCH") == "#{variables.BRANCH}"
                inputs = ["Source", "Resolved"] if name in ("grype", "snyk") else ["Source"]
                assert action["input_artifacts"] == inputs, f"{stack} {stage}/{name}"
                if len(inputs) > 1:
                    assert action["configuration"]["PrimarySource"] == "Source"


def test_the_approver_is_asked_and_told_everything(emitted: Any) -> None:
    for stack, pipeline in deliveries(emitted):
        topic = emitted.stacks["foundation"]["resource"]["aws_sns_topic"][f"approval_{stack}"]["name"]
        configuration = stages(emitted, stack)["Staging"]["approve"]["configuration"]
        assert configuration.get("NotificationArn", "").endswith(f":{ACCOUNT}:{topic}")
        scanners = ["git-secrets", *pipeline.scanners, "ecr", "zap"]
        for told in ("Commit.CommitId", "Image.DIGEST", *(f"{scanner}.SUMMARY" for scanner in scanners)):
            assert f"#{{{told}}}" in configuration.get("CustomData", ""), f"{stack} {told}"
        link = configuration.get("ExternalEntityLink", "")
        assert re.match(
            r"https://[a-z0-9.-]+\.(aws\.amazon|amazonaws-us-gov)\.com/|https://console\.amazonaws\.cn/", link
        )
        reports = buckets(emitted)["reports"]["bucket"]
        assert f"/s3/object/{reports}?region={emitted.settings.region}&" in link
        assert link.endswith(f"&prefix=releases/{stack}/#{{codepipeline.PipelineExecutionId}}/index.html")


def test_what_the_approvers_link_shows_is_recorded_first(emitted: Any) -> None:
    for stack, _ in deliveries(emitted):
        staging = stages(emitted, stack)["Staging"]
        assert staging["record"]["run_order"] < staging["approve"]["run_order"]
        parameters = json.loads(staging["record"]["configuration"]["UserParameters"])
        assert parameters == {
            "schema": 1, "pipeline": stack, "execution": "#{codepipeline.PipelineExecutionId}",
        }  # fmt: skip


def test_the_recorder_hears_of_every_end_of_a_delivery(emitted: Any) -> None:
    rules = emitted.stacks["findings"]["resource"].get("aws_cloudwatch_event_rule", {})
    names = [
        emitted.stacks[stack]["resource"]["aws_codepipeline"]["pipeline"]["name"] for stack, _ in deliveries(emitted)
    ]
    assert ("release_ended" in rules) == bool(names)
    if names:
        assert json.loads(rules["release_ended"]["event_pattern"]) == {
            "source": ["aws.codepipeline"],
            "detail-type": ["CodePipeline Pipeline Execution State Change"],
            "detail": {"state": ["SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED"], "pipeline": names},
        }


def test_builds_work_on_what_the_settings_name(emitted: Any) -> None:
    for stack, name, project in of_kind(emitted, "aws_codebuild_project"):
        stage, _, action = name.partition("_")
        scripts = emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]
        if stack in emitted.settings.reviews:
            review = emitted.settings.reviews[stack]
            assert environment(project) == {
                "SCRIPTS_SHA256": scripts["source_hash"],
                "SCRIPTS_URI": f"s3://{buckets(emitted)['artifacts']['bucket']}/{scripts['key']}",
                "REPORTS_BUCKET": buckets(emitted)["reports"]["bucket"],
                "PLANS_PREFIX": f"plans/{stack}",
                "SETTINGS": review.settings,
                "CHECKS": " ".join(review.checks) or "-",
            }
            continue
        pipeline, given = emitted.settings.pipelines[stack], environment(project)
        wanted = {"ACTION": f"{stage}/{action}", "PIPELINE": stack, "SCRIPTS_SHA256": scripts["source_hash"]}
        wanted["SCRIPTS_URI"] = f"s3://{buckets(emitted)['artifacts']['bucket']}/{scripts['key']}"
        if "FINDINGS_IMPORTER" in given:
            wanted["REPORTS_BUCKET"] = buckets(emitted)["reports"]["bucket"]
        if action in ("image", "push", "deploy", "grype", "snyk-container"):
            wanted["ARTIFACTS_BUCKET"] = buckets(emitted)["artifacts"]["bucket"]
        if action in ("push", "deploy"):
            assert given.get("REGISTRY", "").startswith(f"{ACCOUNT}.dkr.ecr.{emitted.settings.region}.")
            assert given.get("REGISTRY", "").endswith(f"/{pipeline.registry}")
        if action == "deploy":
            target = {"Staging": pipeline.staging, "Production": pipeline.production}[stage]
            wanted |= {"CLUSTER": target.cluster, "NAMESPACE": target.namespace, "MANIFESTS": target.manifests}
            wanted |= {"ENVIRONMENT": stage.lower(), "IMAGE_NAME": pipeline.image}
            inside = [{"vpc_id": target.vpc.id, "subnets": list(target.vpc.subnets),
                       "security_group_ids": list(target.vpc.security_groups)}] if target.vpc else []  # fmt: skip
            assert [project["vpc_config"] for _ in (1,) if "vpc_config" in project] == inside, f"{stack} {name}"
        if action == "git-secrets":
            wanted["SCAN_HISTORY"] = str(pipeline.secrets.history).lower()
        if action == "zap":  # its scripts would call docker otherwise
            wanted |= {
                "IS_CONTAINERIZED": "true",
                "ZAP_TARGET": str(pipeline.zap.target),
                "ZAP_SCAN": pipeline.zap.scan,
            }
        if action == "ecr":
            wanted["REGISTRY_NAME"] = pipeline.registry
        if action.startswith("snyk"):
            wanted["SNYK_TOKEN_PARAMETER"] = pipeline.snyk.token_parameter
            wanted["SNYK_ORG_PARAMETER"] = pipeline.snyk.organization_parameter
        assert {key: given.get(key) for key in wanted} == wanted, f"{stack} {name}"


def test_a_deploy_role_reaches_its_namespace_alone(emitted: Any) -> None:
    for stack, pipeline in deliveries(emitted):
        resources = emitted.stacks[stack]["resource"]
        associations = {
            one["principal_arn"]: one for one in resources.get("aws_eks_access_policy_association", {}).values()
        }
        entries = {one["principal_arn"]: one for one in resources["aws_eks_access_entry"].values()}
        targets = {"Staging": pipeline.staging, "Production": pipeline.production}
        assert set(entries) == {f"${{aws_iam_role.{stage}_deploy_role.arn}}" for stage in targets}
        for stage, target in targets.items():
            role = f"${{aws_iam_role.{stage}_deploy_role.arn}}"
            entry = entries[role]
            assert (entry["cluster_name"], entry["type"]) == (target.cluster, "STANDARD")
            if target.access == "group":
                assert entry.get("kubernetes_groups") == [
                    f"{emitted.settings.project}-{stack}-{stage.lower()}-deployers"
                ]
                assert role not in associations
                continue
            assert "kubernetes_groups" not in entry
            association = associations[role]
            assert association["cluster_name"] == target.cluster
            assert association["access_scope"] == {"type": "namespace", "namespaces": [target.namespace]}
            assert association["policy_arn"].endswith(":cluster-access-policy/AmazonEKSEditPolicy")


# State, account, singletons


def test_the_state_is_held_as_the_settings_say(emitted: Any) -> None:
    settings = emitted.settings
    for stack, content in emitted.stacks.items():
        terraform = content["terraform"]
        assert set(terraform["backend"]) == {settings.backend.type}, stack
        if settings.backend.type == "s3":
            held = terraform["backend"]["s3"]
            assert held.get("encrypt") is True, stack
            assert held.get("kms_key_id") == settings.backend.kms_key, stack
            assert held.get("use_lockfile", False) is settings.backend.lockfile, stack
        assert terraform.get("required_version") == settings.terraform
        aws = terraform["required_providers"]["aws"]
        assert aws == {"source": "aws", "version": settings.aws_provider}
        [provider] = content["provider"]["aws"]
        assert provider.get("allowed_account_ids") == ([settings.account] if settings.account else None), stack
        [tags] = provider.get("default_tags", [{"tags": {}}])
        assert tags["tags"] == {"project": settings.project, "stack": stack, **settings.tags}


def test_what_is_not_only_ours_is_not_destroyed(emitted: Any) -> None:
    for kind in ("aws_codecommit_repository", "aws_securityhub_account", "aws_ecr_registry_scanning_configuration"):
        for stack, name, resource in emitted.resources(kind):
            assert resource["lifecycle"].get("prevent_destroy") is True, f"{stack} {name}"


@pytest.mark.parametrize("singleton", ["security_hub", "ecr_scanning"])
def test_a_managed_singleton_is_there_and_does_its_work(emitted: Any, singleton: str) -> None:
    kinds = {"security_hub": "aws_securityhub_account", "ecr_scanning": "aws_ecr_registry_scanning_configuration"}
    found = list(emitted.resources(kinds[singleton]))
    assert len(found) == (getattr(emitted.settings.singletons, singleton) == "manage")
    if singleton == "ecr_scanning":
        for _, _, resource in found:
            [rule] = resource["rule"]
            assert rule["scan_frequency"] == "SCAN_ON_PUSH"
            assert rule["repository_filter"] == [{"filter": "*", "filter_type": "WILDCARD"}]
