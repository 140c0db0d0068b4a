"""What a gate's function is told and runs, under whatever name it is called; what a build that judges takes."""

from __future__ import annotations

from typing import Any

import pytest
from plan_builder import change, reviewed
from standing_plans import told, updated

from plan_review.findings import Kind


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


def function(name: str = "acme-guard", **more: Any) -> dict[str, Any]:
    return {"function_name": name, "source_code_hash": "1", "layers": [], "environment": []} | more


def variables(**values: str) -> dict[str, Any]:
    return {"environment": [{"variables": values}]}


OBEYED = ("SKIP", "REPORT_ONLY", "BYPASS", "DRY_RUN", "DRYRUN", "BREAK_GLASS", "AWS_ENDPOINT_URL_CODEPIPELINE", "HTTPS_PROXY", "PYTHONPATH", "AWS_LAMBDA_EXEC_WRAPPER")  # fmt: skip


@pytest.mark.parametrize("name", OBEYED)
def test_a_guard_is_told_what_it_was_not_told(name: str) -> None:
    before = function(**variables(A="1"))
    assert kinds(change("aws_lambda_function", before, function(**variables(A="1", **{name: "1"})))) == [Kind.GATE]
    assert kinds(change("aws_lambda_function", function(), function(**variables(**{name: "1"})))) == [Kind.GATE]
    other = function("acme-orders", **variables(A="1"))
    assert kinds(change("aws_lambda_function", other, other | variables(A="1", **{name: "1"}))) == []


@pytest.mark.parametrize("name", ["LOG_LEVEL", "LANGUAGE", "AWS_XRAY_DAEMON_ADDRESS", "TIMEZONE"])
def test_a_guard_is_told_what_it_does_not_judge_by(name: str) -> None:
    before = function(**variables(A="1"))
    assert kinds(change("aws_lambda_function", before, function(**variables(A="1", **{name: "1"})))) == []


def test_the_guard_of_this_project_is_told_to_skip() -> None:
    def skip(guard: dict[str, Any]) -> None:
        guard["environment"][0]["variables"]["REPORT_ONLY"] = "1"

    assert [one[:2] for one in told(updated("findings", "aws_lambda_function.guard", skip))] == [
        ("GATE", "aws_lambda_function.guard")
    ]


def test_a_guards_variables_that_are_hidden() -> None:
    mark = {"environment": [{"variables": True}]}
    marks: dict[str, Any] = {"before_sensitive": mark, "after_sensitive": mark}
    before = function(**variables(A="1"))
    assert kinds(change("aws_lambda_function", before, function(**variables(A="2")), **marks)) == [Kind.GATE]
    assert kinds(change("aws_lambda_function", before, {**before, "timeout": 9}, **marks)) == []


@pytest.mark.parametrize(("name", "value"), [("layers", ["arn:layer:1"]), ("image_config", [{"command": ["x"]}])])
def test_a_guard_runs_code_that_it_did_not_have(name: str, value: Any) -> None:
    assert kinds(change("aws_lambda_function", function(**{name: None}), function(**{name: value}))) == [Kind.GATE]
    assert kinds(change("aws_lambda_function", function(**{name: None}), function(**{name: []}))) == []


def test_a_build_that_judges_is_sent_elsewhere() -> None:
    def build(**more: str) -> dict[str, Any]:
        listed = [{"name": name, "value": value} for name, value in more.items()]
        return {"name": "acme-scan", "environment": [{"environment_variable": listed}]}

    assert kinds(change("aws_codebuild_project", build(A="1"), build(A="1", HTTPS_PROXY="x"))) == [Kind.GATE]
    assert kinds(change("aws_codebuild_project", build(A="1"), build(A="1", CACHE="x"))) == []
