"""What `cdktf deploy` of pipelines.yaml made, as a person counts it, and that a second plan changes nothing."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import jmespath
import pytest

from tools.apply_local import existing

sys.path.append(str(Path(__file__).parents[1] / "permissions"))

from policies import resolve

STACKS = ("foundation", "findings", "governance", "python-libraries", "payments")
# Counted by hand: one delivery with Grype alone, one scan pipeline, one address each to notify and to approve.
COUNTS = {
    "S3 bucket": 3,  # artifacts, reports, access logs of both
    "SNS topic": 2,  # failures, approval
    "SNS subscription": 2,
    "SQS queue": 5,  # dead letters: of the importer, of the recorder, of the notifier, and of each pipeline's event
    "IAM role": 20,  # 11 builds, 2 pipelines, 6 functions, the event that starts the delivery
    "Lambda function": 6,
    "EventBridge rule": 13,  # 2 commits, 4 of the importer's, the recorder's, 5 of the notifier's and its schedule
    "CloudWatch log group": 17,  # 11 builds, 6 functions
    "CloudWatch alarm": 19,  # 5 queues, 2 topics, 6 functions twice
    "CloudWatch dashboard": 1,
    "CodeBuild project": 11,  # image, git-secrets, resolve, grype, push, ecr, 2 deploy, zap; resolve, snyk
    "CodePipeline pipeline": 2,
    "ECR repository": 1,
    "KMS alias": 1,
    "SSM parameter": 0,  # Snyk's two are the user's
    "EKS access entry": 2,
}


@pytest.fixture(scope="module")
def found(applied: Any) -> dict[str, list[str]]:
    """What exists now beside what the account held before."""
    return existing.beside(existing.what_exists(applied.emulator), applied.life.before)


def test_as_many_of_each_kind_as_the_settings_ask_for(found: dict[str, list[str]]) -> None:
    assert {kind: len(names) for kind, names in found.items()} == {kind: n for kind, n in COUNTS.items() if n}


def test_every_name_begins_with_the_project(found: dict[str, list[str]]) -> None:
    people = found.pop("SNS subscription")
    assert sorted(people) == ["platform@example.com", "release@example.com"]
    entries = [entry.partition(": ")[2] for entry in found.pop("EKS access entry")]
    named = [name for names in found.values() for name in names] + entries
    beginnings = ("acme-", "acme/", "alias/acme", "/aws/codebuild/acme-", "/aws/lambda/acme-")
    assert [name for name in named if not name.startswith(beginnings)] == []


def test_a_second_plan_changes_nothing(applied: Any) -> None:
    assert tuple(applied.life.checkout.order) == STACKS
    assert applied.life.changes() == []


# (service, operation of the list, path of what is asked about, operation of the tags, its parameter, path of the tags)
TAGS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("sqs", "list_queues", "QueueUrls[]", "list_queue_tags", "QueueUrl", "Tags"),
    ("sns", "list_topics", "Topics[].TopicArn", "list_tags_for_resource", "ResourceArn", "Tags"),
    ("iam", "list_roles", "Roles[?starts_with(RoleName, 'acme')].RoleName", "list_role_tags", "RoleName", "Tags"),
    ("lambda", "list_functions", "Functions[].FunctionArn", "list_tags", "Resource", "Tags"),
    ("events", "list_rules", "Rules[].Arn", "list_tags_for_resource", "ResourceARN", "Tags"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName", "list_tags_log_group", "logGroupName", "tags"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmArn", "list_tags_for_resource", "ResourceARN", "Tags"),
    ("codepipeline", "list_pipelines", "pipelines[].name", "list_tags_for_resource", "resourceArn", "tags"),
    ("ecr", "describe_repositories", "repositories[].repositoryArn", "list_tags_for_resource", "resourceArn", "tags"),
    ("kms", "list_aliases", "Aliases[?AliasName=='alias/acme'].TargetKeyId", "list_resource_tags", "KeyId", "Tags"),
)


@pytest.mark.parametrize("row", TAGS, ids=[row[0] for row in TAGS])
def test_everything_says_whose_it_is(applied: Any, row: tuple[str, ...]) -> None:
    service, listing, path, tags_of, parameter, tags_at = row
    client = applied.client(service)
    names = jmespath.search(path, getattr(client, listing)())
    assert names
    for name in names:
        asked = f"arn:aws:codepipeline:eu-central-1:123456789012:{name}" if service == "codepipeline" else name
        _check(name, jmespath.search(tags_at, getattr(client, tags_of)(**{parameter: asked})))


def test_buckets_and_projects_say_whose_they_are(applied: Any) -> None:
    s3, codebuild = applied.client("s3"), applied.client("codebuild")
    for bucket in s3.list_buckets()["Buckets"]:
        _check(bucket["Name"], s3.get_bucket_tagging(Bucket=bucket["Name"])["TagSet"])
    for project in codebuild.batch_get_projects(names=codebuild.list_projects()["projects"])["projects"]:
        _check(project["name"], project["tags"])


def _check(name: str, tags: Any) -> None:
    """The tags of pipelines.yaml and the two of stacks/base.py, in any of the shapes that AWS gives tags."""
    plain = tags
    if isinstance(tags, list):
        low = [{key.lower().removeprefix("tag"): value for key, value in tag.items()} for tag in tags]
        plain = {tag["key"]: tag["value"] for tag in low}
    stack = plain.get("stack")
    assert plain == {"project": "acme", "stack": stack, "team": "platform"}, name
    assert stack in STACKS, name


def test_every_policy_is_what_the_permissions_were_proved_of(applied: Any, emit_once: Any) -> None:
    """tests/permissions judges documents that it renders itself: they must be those that Terraform has really applied."""
    expected = resolve(emit_once(Path(__file__).parents[2] / "pipelines.yaml"))
    iam, lambdas = applied.client("iam"), applied.client("lambda")
    key = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    [stands_for_key] = expected.keys

    def own(document: Any) -> Any:
        text = document if isinstance(document, str) else json.dumps(document)
        return _order_of_lists_says_nothing(json.loads(text.replace(key, stands_for_key)))

    for role in expected.roles.values():
        name = role.name
        assert own(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]) == own(role.trust), name
        assert iam.list_role_policies(RoleName=name)["PolicyNames"] == list(role.permissions), name
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == [], name
        for policy, document in role.permissions.items():
            applied_document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            assert own(applied_document) == own(document), name
    s3, sns, sqs = applied.client("s3"), applied.client("sns"), applied.client("sqs")
    for bucket, document in expected.buckets.items():
        assert own(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == own(document), bucket
    for topic, document in expected.topics.items():
        assert own(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]) == own(document), topic
    for queue, document in expected.queues.items():
        url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        assert own(attributes["Policy"]) == own(document), queue
    for document in expected.keys.values():
        assert own(applied.client("kms").get_key_policy(KeyId=key)["Policy"]) == own(document)
    for function, document in expected.functions.items():
        if document is not None:
            assert _without_version(own(lambdas.get_policy(FunctionName=function)["Policy"])) == _without_version(
                own(document)
            )


def _without_version(document: Any) -> Any:
    """Lambda writes the document around the statements."""
    return document["Statement"]


def _order_of_lists_says_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _order_of_lists_says_nothing(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted((_order_of_lists_says_nothing(inner) for inner in value), key=partial(json.dumps, sort_keys=True))
    return value
