"""Terraform's state -> what the rehearsal knows; what it cannot run is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tools.rehearse.described import NotRehearsedError, Target, Variable, describe

ROLE = "arn:aws:iam::123456789012:role"


def resource(kind: str, **values: Any) -> dict[str, Any]:
    return {"mode": "managed", "type": kind, "values": values}


# As ``terraform show -json`` has them with the provider's defaults filled in.
PIPELINE = resource(
    "aws_codepipeline",
    name="acme-shop",
    arn="arn:aws:codepipeline:eu-central-1:123456789012:acme-shop",
    role_arn=f"{ROLE}/acme-shop",
    execution_mode="QUEUED",
    variable=[{"name": "BRANCH", "default_value": "none", "description": ""}],
    trigger=[],
    artifact_store=[
        {"location": "acme-artifacts", "type": "S3", "region": "", "encryption_key": [{"id": "key-arn", "type": "KMS"}]}
    ],
    stage=[
        {
            "name": "Source",
            "before_entry": [],
            "on_failure": [],
            "on_success": [],
            "action": [
                {
                    "name": "Source", "category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1",
                    "run_order": 1, "namespace": "Source", "configuration": {"RepositoryName": "shop"},
                    "input_artifacts": None, "output_artifacts": ["Source"], "region": "", "role_arn": "",
                    "timeout_in_minutes": 0,
                }
            ],
        },
        {
            "name": "Build",
            "action": [
                {
                    "name": "image", "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1",
                    "run_order": 2, "namespace": "", "configuration": {"ProjectName": "acme-shop-image"},
                    "input_artifacts": ["Source"], "output_artifacts": [], "region": "", "role_arn": "",
                    "timeout_in_minutes": 0,
                }
            ],
        },
    ],
)  # fmt: skip
PROJECT = resource(
    "aws_codebuild_project",
    name="acme-shop-image",
    arn="arn:aws:codebuild:eu-central-1:123456789012:project/acme-shop-image",
    service_role=f"{ROLE}/acme-shop-image",
    build_timeout=30,
    queued_timeout=60,
    encryption_key="key-arn",
    source=[{"type": "CODEPIPELINE", "buildspec": "version: 0.2\n"}],
    environment=[
        {
            "image": "aws/codebuild/standard:8.0",
            "compute_type": "BUILD_GENERAL1_SMALL",
            "privileged_mode": True,
            "environment_variable": [
                {"name": "PIPELINE", "type": "PLAINTEXT", "value": "shop"},
                {"name": "TOKEN", "type": "SECRETS_MANAGER", "value": "acme/token"},
            ],
        }
    ],
    vpc_config=[],
    logs_config=[{"cloudwatch_logs": [{"group_name": "/aws/codebuild/acme-shop-image", "status": "ENABLED"}]}],
)
RULE = resource(
    "aws_cloudwatch_event_rule",
    name="acme-shop-events",
    arn="arn:aws:events:eu-central-1:123456789012:rule/acme-shop-events",
    event_pattern='{"source": ["aws.codecommit"]}',
)
TARGET = resource(
    "aws_cloudwatch_event_target",
    rule="acme-shop-events",
    arn=PIPELINE["values"]["arn"],
    role_arn=f"{ROLE}/acme-shop-events",
)
OTHER = resource("aws_cloudwatch_event_target", rule="another", arn="arn", role_arn="")


def states(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    """One state for each resource, as if each stood in a stack of its own, and one without anything."""
    return [{"format_version": "1.0"}, *({"values": {"root_module": {"resources": [one]}}} for one in resources)]


def changed(where: Any, **values: Any) -> list[dict[str, Any]]:
    """The states with something else in the pipeline."""
    pipeline = copy.deepcopy(PIPELINE)
    where(pipeline["values"]).update(values)
    return states(pipeline, PROJECT)


def test_a_pipeline_with_its_project_and_its_rule() -> None:
    found = describe(states(PIPELINE, PROJECT, RULE, TARGET, OTHER))
    assert (found.region, found.account) == ("eu-central-1", "123456789012")
    pipeline = found.pipelines["acme-shop"]
    assert (pipeline.role, pipeline.mode, pipeline.bucket, pipeline.key) == (
        "acme-shop",
        "QUEUED",
        "acme-artifacts",
        "key-arn",
    )
    assert pipeline.variables == {"BRANCH": "none"}
    source, image = (stage.actions[0] for stage in pipeline.stages)
    assert (source.provider, source.namespace, source.inputs, source.outputs) == (
        "CodeCommit",
        "Source",
        (),
        ("Source",),
    )
    assert (image.name, image.run_order, image.namespace, image.inputs) == ("image", 2, "", ("Source",))
    project = found.projects["acme-shop-image"]
    assert (project.role, project.buildspec, project.privileged) == ("acme-shop-image", "version: 0.2\n", True)
    assert (project.timeout_minutes, project.queued_minutes, project.vpc) == (30, 60, None)
    assert project.environment == {"PIPELINE": Variable("shop"), "TOKEN": Variable("acme/token", "SECRETS_MANAGER")}
    rule = found.rules["acme-shop-events"]
    assert rule.pattern == {"source": ["aws.codecommit"]}
    assert rule.targets == (Target(pipeline.arn, "acme-shop-events"),)


def test_data_sources_are_not_what_terraform_has_made() -> None:
    read = {**copy.deepcopy(PIPELINE), "mode": "data"}
    with pytest.raises(NotRehearsedError, match="nothing is deployed"):
        describe(states(read))


@pytest.mark.parametrize(
    ("where", "values", "said"),
    [
        (lambda one: one, {"execution_mode": "PARALLEL"}, "PARALLEL"),
        (lambda one: one, {"trigger": [{"provider_type": "CodeStarSourceConnection"}]}, "trigger"),
        (lambda one: one, {"artifact_store": [{"location": "a"}, {"location": "b"}]}, "2 artifact"),
        (lambda one: one["stage"][1], {"on_failure": [{"result": "ROLLBACK"}]}, "on_failure"),
        (lambda one: one["stage"][1], {"before_entry": [{"condition": []}]}, "before_entry"),
        (lambda one: one["stage"][1]["action"][0], {"provider": "Jenkins"}, "Jenkins"),
        (lambda one: one["stage"][1]["action"][0], {"owner": "Custom"}, "Custom"),
        (lambda one: one["stage"][1]["action"][0], {"role_arn": f"{ROLE}/other"}, "role_arn"),
        (lambda one: one["stage"][1]["action"][0], {"region": "us-east-1"}, "region"),
        (
            lambda one: one["stage"][1]["action"][0],
            {"configuration": {"ProjectName": "other"}},
            "'other' is in no stack",
        ),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(where: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(NotRehearsedError, match=said):
        describe(changed(where, **values))
