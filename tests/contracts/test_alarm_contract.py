"""Nothing fails or is lost without a word: logs, dead letters, alarms, and the people who are told."""

from __future__ import annotations

import json
import re
from typing import Any

from emitted_reading import ACCOUNT, deliveries, notifications, of_kind

DAY = 86_400


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
