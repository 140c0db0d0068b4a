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


FORMS = [
    "acme-judge",
    "acme-judge:live",
    "arn:aws:lambda:eu-central-1:123456789012:function:acme-judge",
    "arn:aws-cn:lambda:cn-north-1:123456789012:function:acme-judge:live",
    "123456789012:function:acme-judge:7",
]


def calls(function: str) -> dict[str, Any]:
    step = {"name": "ask", "category": "Invoke", "provider": "Lambda", "configuration": {"FunctionName": function}}
    pipeline = {"name": "p", "stage": [{"name": "Gate", "action": [step]}]}
    return change("aws_codepipeline", pipeline, pipeline, action="no-op")


@pytest.mark.parametrize("form", FORMS)
def test_a_gate_is_known_by_whatever_a_pipeline_calls_it(form: str) -> None:
    judge, other = function("acme-judge"), function("acme-judg")
    assert kinds(calls(form), change("aws_lambda_function", judge, judge | {"source_code_hash": "2"})) == [Kind.GATE]
    assert kinds(calls(form), change("aws_lambda_function", other, other | {"source_code_hash": "2"})) == []
    assert kinds(calls(form), change("aws_lambda_function", judge, None)) == [Kind.GATE]


def alias(version: str | None, function: str = "acme-judge", **more: Any) -> dict[str, Any]:
    return {"name": "live", "function_name": function, "function_version": version, "routing_config": []} | more


WEIGHTS = {"routing_config": [{"additional_version_weights": {"3": 0.9}}]}


def moved(before: Any, after: Any, **more: Any) -> dict[str, Any]:
    return change("aws_lambda_alias", before, after, **more)


@pytest.mark.parametrize("form", ["acme-judge", "arn:aws:lambda:eu-central-1:123456789012:function:acme-judge"])
def test_an_alias_of_a_gate_is_moved(form: str) -> None:
    live = calls("acme-judge:live")
    assert kinds(live, moved(alias("7", form), alias("3", form))) == [Kind.GATE]
    assert kinds(live, moved(alias("7", form), alias("7", form, **WEIGHTS))) == [Kind.GATE]
    assert kinds(live, moved(alias("7", form), alias("7", form, description="x"))) == []
    assert kinds(calls("acme-judge:other"), moved(alias("7", form), alias("3", form))) == []
    assert kinds(calls("acme-other:live"), moved(alias("7", form), alias("3", form))) == []


def test_an_alias_of_a_guard_that_no_pipeline_of_these_plans_calls() -> None:
    assert kinds(moved(alias("7", "acme-guard"), alias("3", "acme-guard"))) == [Kind.GATE]
    assert kinds(moved(alias("7", "acme-orders"), alias("3", "acme-orders"))) == []


def test_an_alias_that_is_made_again_at_another_address() -> None:
    live = calls("acme-judge:live")
    gone = moved(alias("7"), None)
    assert kinds(live, gone, moved(None, alias("3"), name="y")) == [Kind.GATE]
    assert kinds(live, gone, moved(None, alias("7"), name="y")) == []
    assert kinds(live, moved(None, alias("3"))) == []


def test_an_alias_of_a_version_that_is_only_being_made() -> None:
    """The function's change is told for itself, or explained."""
    live = calls("acme-judge:live")
    late = moved(alias("7"), alias(None), after_unknown={"function_version": True})
    judge = change("aws_lambda_function", function("acme-judge"), function("acme-judge", memory_size=256))
    assert kinds(live, late) == [Kind.GATE]
    assert kinds(live, late, judge) == []


GITHUB = {"type": "GITHUB", "location": "https://example.com/a.git", "buildspec": "a"}


def scan(name: str = "acme-scan", **more: Any) -> dict[str, Any]:
    return {"name": name, "source": [GITHUB], "source_version": "main", "secondary_sources": []} | more


ELSEWHERE: dict[str, dict[str, Any]] = {
    "another version of a further source": {
        "secondary_source_version": [{"source_identifier": "b", "source_version": "x"}]
    },
    "a further source": {"secondary_sources": [{**GITHUB, "source_identifier": "b"}]},
    "commands of the project instead of the source": {"source": [{**GITHUB, "buildspec": "b"}]},
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_build_that_judges_takes_something_else(name: str) -> None:
    assert kinds(change("aws_codebuild_project", scan(), scan(**ELSEWHERE[name]))) == [Kind.GATE]
    assert kinds(change("aws_codebuild_project", scan("acme-image"), scan("acme-image", **ELSEWHERE[name]))) == []


def test_commands_come_to_stand_in_the_project() -> None:
    source = [{"type": "CODEPIPELINE", "buildspec": ""}]
    told = scan(source=[{"type": "CODEPIPELINE", "buildspec": "exit 0"}])
    assert kinds(change("aws_codebuild_project", scan(source=source), told)) == [Kind.GATE]
    assert kinds(change("aws_codebuild_project", scan(source=source), scan(source=[{"type": "CODEPIPELINE"}]))) == []


def test_a_secondary_source_is_fetched_otherwise() -> None:
    before, after = (scan(secondary_sources=[{**GITHUB, "git_clone_depth": depth}]) for depth in (1, 0))
    assert kinds(change("aws_codebuild_project", before, after)) == []
