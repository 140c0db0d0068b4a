"""Which events start a run or call a function, and that nothing else does."""

from __future__ import annotations

import json
from typing import Any

from emitted_reading import deliveries, of_kind


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
