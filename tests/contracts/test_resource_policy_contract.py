"""What keys, buckets, topics and queues let whom do, and that each role has its own policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emitted_reading import ACCOUNT, document, key_of, of_kind

ROOT_USER = f"arn:${{data.aws_partition.current.partition}}:iam::{ACCOUNT}:root"
TRAIL_ARN = f"arn:${{data.aws_partition.current.partition}}:cloudtrail:REGION:{ACCOUNT}:trail/PROJECT-trail"


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
