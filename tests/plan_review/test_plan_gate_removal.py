"""A gate that is destroyed, in this project's own plans and in small ones."""

from __future__ import annotations

from typing import Any

import pytest
from plan_builder import change, reviewed
from standing_plans import Plans, destroyed, told

from plan_review.findings import Kind


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


@pytest.mark.parametrize(
    "address",
    [
        "aws_lambda_function.guard",
        "aws_lambda_function.importer",
        "aws_lambda_function.sealer",
        "aws_codebuild_project.Verify_grype",
        "aws_codebuild_project.Build_git-secrets",
    ],
)
def test_what_judges_is_destroyed(address: str) -> None:
    assert [one[:2] for one in told(destroyed(address))] == [("GATE", address)]


@pytest.mark.parametrize("address", ["aws_lambda_function.notifier", "aws_codebuild_project.Build_image"])
def test_what_judges_nothing_is_destroyed(address: str) -> None:
    assert told(destroyed(address)) == []


def test_a_whole_pipeline_that_goes_with_its_builds_is_one_sentence() -> None:
    def only_payments(plans: Plans) -> None:
        for name in ("aws_codepipeline", "aws_codebuild_project"):
            destroyed(name)({"payments": plans["payments"]})

    assert told(only_payments) == [
        (
            "GATE",
            "aws_codepipeline.pipeline",
            "the pipeline acme-payments goes, with 9 gates: Build/git-secrets, Build/seal, Verify/grype, "
            "Publish/guard, Publish/ecr, Staging/zap, Staging/record, Staging/approve and 1 more",
        )
    ]


def test_a_function_that_another_pipeline_still_runs_goes_with_no_pipeline() -> None:
    pipelines = [change("aws_codepipeline", calling("judge:live"), None), change("aws_codepipeline", calling("judge"), calling("judge"), name="y", action="no-op")]  # fmt: skip
    function = change("aws_lambda_function", {"function_name": "judge"}, None)
    assert [one.address for one in reviewed(*pipelines, function).findings] == ["aws_codepipeline.x", "aws_lambda_function.x"]  # fmt: skip
    assert [one.address for one in reviewed(pipelines[0], function).findings] == ["aws_codepipeline.x"]


def calling(function: str, *more: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "p",
        "stage": [
            {
                "name": "Gate",
                "action": [
                    {
                        "name": "g",
                        "category": "Invoke",
                        "provider": "Lambda",
                        "configuration": {"FunctionName": function},
                    },
                    *more,
                ],
            }
        ],
    }


def test_a_pipeline_without_a_gate_goes() -> None:
    build = {"name": "image", "category": "Build", "provider": "CodeBuild", "configuration": {}}
    plain = {"name": "p", "stage": [{"name": "Build", "action": [build]}]}
    assert kinds(change("aws_codepipeline", plain, None)) == []
    assert kinds(change("aws_codepipeline", calling("f", build), None)) == [Kind.GATE]
    assert kinds(change("aws_codepipeline", calling("f"), None, action="forget")) == []


def test_what_goes_out_of_a_pipeline_is_told_there_alone() -> None:
    scan = {"name": "scan", "category": "Build", "provider": "CodeBuild", "configuration": {"ProjectName": "acme-scan"}}
    pipeline = change("aws_codepipeline", calling("f", scan), calling("f"))
    [finding] = reviewed(pipeline, change("aws_codebuild_project", {"name": "acme-scan"}, None)).findings
    assert finding.address == "aws_codepipeline.x"


GUARD = {"function_name": "acme-guard", "source_code_hash": "1"}


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("aws_lambda_function", GUARD),
        ("aws_codebuild_project", {"name": "acme-scan"}),
        ("aws_codepipeline", calling("acme-guard")),
    ],
)
def test_what_is_made_again_at_another_address_is_not_destroyed(kind: str, before: dict[str, Any]) -> None:
    gone = change(kind, before, None)
    assert kinds(gone) == [Kind.GATE]
    assert kinds(gone, change(kind, None, before, name="y")) == []
    assert kinds(change(kind, None, before, name="y"), gone) == []


def test_a_guard_left_over_from_an_earlier_replacement() -> None:
    assert kinds(change("aws_lambda_function", GUARD, None, deposed="byebye01")) == []
