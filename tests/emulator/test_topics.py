"""Who may write to people and to the queues of what was not handled."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from outcomes import DONE, REFUSED, outcome, over_plain_http

ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
FAILURES, APPROVAL = (ARN.format("sns", f"acme-{name}") for name in ("notifications", "payments-approval"))
QUEUES = [
    f"acme-{name}-dead-letters"
    for name in ("findings-importer", "release-recorder", "notifier", "payments", "python-libraries")
]
FUNCTIONS = (
    "findings-importer", "python-libraries-starter", "release-guard", "release-recorder", "image-sealer", "notifier",
)  # fmt: skip


@pytest.fixture(scope="module")
def key(applied: Any) -> str:
    """ARN of the project's key."""
    arn: str = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    return arn


def publish(session: Any, topic: str) -> str:
    return outcome(session.client("sns"), "publish", TopicArn=topic, Message="probe")


def url(applied: Any, queue: str) -> str:
    address: str = applied.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    return address


def send(session: Any, address: str) -> str:
    return outcome(session.client("sqs"), "send_message", QueueUrl=address, MessageBody="probe")


def test_topics_and_queues_are_under_our_key(applied: Any, key: str) -> None:
    sns, sqs = applied.client("sns"), applied.client("sqs")
    for topic in (FAILURES, APPROVAL):
        assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["KmsMasterKeyId"] == key
    for queue in QUEUES:
        attributes = sqs.get_queue_attributes(QueueUrl=url(applied, queue), AttributeNames=["All"])["Attributes"]
        assert attributes["KmsMasterKeyId"] == key
        assert attributes["MessageRetentionPeriod"] == str(14 * 24 * 3600)


def test_the_pipeline_asks_its_own_approvers_and_nobody_else(applied: Any) -> None:
    delivery, scan = applied.pipeline("payments"), applied.pipeline("python-libraries")
    assert publish(delivery, APPROVAL) == DONE
    assert publish(delivery, FAILURES) == REFUSED
    assert publish(scan, APPROVAL) == REFUSED
    assert publish(scan, FAILURES) == REFUSED


@pytest.mark.parametrize("topic", [FAILURES, APPROVAL])
def test_no_build_function_or_other_account_writes_to_people(applied: Any, topic: str) -> None:
    foreign = applied.emulator.known_as("999999999999", "nothing")
    sessions = (applied.build("payments-image"), applied.build("payments-grype"), applied.function("findings-importer"))
    for session in (*sessions, foreign):
        assert publish(session, topic) == REFUSED


def test_the_notifier_writes_to_people_and_to_no_approver(applied: Any) -> None:
    notifier = applied.function("notifier")
    assert publish(notifier, FAILURES) == DONE
    assert publish(notifier, APPROVAL) == REFUSED
    for topic in (FAILURES, APPROVAL):
        assert outcome(notifier.client("sns"), "list_subscriptions_by_topic", TopicArn=topic) == DONE
        assert outcome(notifier.client("sns"), "get_topic_attributes", TopicArn=topic) == REFUSED


@pytest.mark.parametrize("topic", [FAILURES, APPROVAL])
def test_plain_http_is_refused(applied: Any, topic: str) -> None:
    assert publish(applied.administrator, topic) == DONE
    plain = over_plain_http(applied.administrator.client("sns"))
    assert outcome(plain, "publish", TopicArn=topic, Message="probe") == REFUSED


def test_each_address_waits_for_its_owner(applied: Any) -> None:
    sns = applied.client("sns")
    found = {}
    for one in sns.list_subscriptions()["Subscriptions"]:
        attributes = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        found[one["TopicArn"], one["Protocol"], one["Endpoint"]] = attributes["PendingConfirmation"]
    assert found == {
        (FAILURES, "email", "platform@example.com"): "true",
        (APPROVAL, "email", "release@example.com"): "true",
    }


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_takes_what_its_own_function_failed_to_handle(applied: Any, queue: str) -> None:
    address = url(applied, queue)
    owners = {
        "acme-findings-importer-dead-letters": "findings-importer",
        "acme-release-recorder-dead-letters": "release-recorder",
        "acme-notifier-dead-letters": "notifier",
        "acme-python-libraries-dead-letters": "python-libraries-starter",
    }
    for function in FUNCTIONS:
        expected = DONE if owners.get(queue) == function else REFUSED
        assert send(applied.function(function), address) == expected, function
    for session in (applied.build("payments-grype"), applied.pipeline("payments")):
        assert send(session, address) == REFUSED
        assert outcome(session.client("sqs"), "receive_message", QueueUrl=address) == REFUSED
    plain = over_plain_http(applied.administrator.client("sqs"))
    assert outcome(plain, "receive_message", QueueUrl=address) == REFUSED


@pytest.fixture
def rule(applied: Any) -> Iterator[str]:
    """A rule of somebody else in this account; its targets are the test's."""
    events = applied.client("events")
    name = f"somebody-{uuid.uuid4().hex[:8]}"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    yield name
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)


def happens(applied: Any, rule: str, target: str) -> None:
    """The rule sends one event to the target."""
    events = applied.client("events")
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target}])
    entry = {"Source": rule, "DetailType": "probe", "Detail": json.dumps({"rule": rule})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    time.sleep(0.3)


@pytest.mark.parametrize("queue", QUEUES)
def test_somebody_elses_rule_reaches_no_queue(applied: Any, rule: str, queue: str) -> None:
    """Only the project's own rules, by their ARN: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    happens(applied, rule, ARN.format("sqs", queue))
    answer = applied.client("sqs").receive_message(
        QueueUrl=url(applied, queue), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    assert [one for one in answer.get("Messages", []) if rule in one["Body"]] == []


@pytest.mark.parametrize("topic", [FAILURES, APPROVAL])
def test_no_rule_reaches_people_past_the_notifier(applied: Any, rule: str, topic: str) -> None:
    """A topic's policy cannot name rules: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    sns, sqs = applied.client("sns"), applied.client("sqs")
    name = f"listening-{uuid.uuid4().hex[:8]}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": ARN.format("sqs", name),
            }
        ],
    }
    address = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=ARN.format("sqs", name), ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    try:
        happens(applied, rule, topic)
        messages = sqs.receive_message(QueueUrl=address).get("Messages", [])
        assert [one for one in messages if rule in one["Body"]] == []
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=address)


def test_each_alarm_watches_what_it_says_and_tells_people(applied: Any) -> None:
    alarms = {one["AlarmName"]: one for one in applied.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    topics = [topic.rpartition(":")[2] for topic in (FAILURES, APPROVAL)]
    errors = [f"acme-{name}-{metric}" for name in FUNCTIONS for metric in ("errors", "throttles")]
    assert set(alarms) == {*QUEUES, *(f"{topic}-unheard" for topic in topics), *errors}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [FAILURES]
    for name in QUEUES:
        alarm = alarms[name]
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    for name in errors:
        function, _, metric = name.rpartition("-")
        assert alarms[name]["Dimensions"] == [{"Name": "FunctionName", "Value": function}]
        assert (alarms[name]["Namespace"], alarms[name]["MetricName"]) == ("AWS/Lambda", metric.capitalize())
        assert (alarms[name]["ComparisonOperator"], alarms[name]["Threshold"]) == ("GreaterThanThreshold", 0)
    for topic in topics:
        alarm = alarms[f"{topic}-unheard"]
        assert alarm["Dimensions"] == [{"Name": "Topic", "Value": topic}]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("acme-notifier", "SubscriptionsConfirmed")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert (alarm["DatapointsToAlarm"], alarm["TreatMissingData"]) == (3, "breaching")
