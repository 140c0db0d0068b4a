"""Conditions of stages that are emptied, and the same ones written otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from plan_builder import change, reviewed

from plan_review.findings import Kind

Stage = dict[str, Any]


def rule(name: str = "window", provider: str = "DeploymentWindow", **configuration: str) -> dict[str, Any]:
    return {
        "name": name,
        "rule_type_id": [{"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}],
        "configuration": configuration or {"Cron": "* * 9-17 ? * MON-THU *"},
        "commands": [],
        "input_artifacts": ["files"],
        "region": "",
        "role_arn": "",
        "timeout_in_minutes": 0,
    }


def action(name: str, category: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "category": category, "provider": "CodeBuild", "configuration": {"ProjectName": name}, **more}


def stage(name: str, *actions: dict[str, Any], **blocks: Any) -> Stage:
    return {"name": name, "action": list(actions), "before_entry": [], "on_success": [], "on_failure": [], **blocks}


def engages(result: str | None, *rules: dict[str, Any]) -> list[Any]:
    return [{"condition": [{"result": result, "rule": list(rules)}]}]


PIPELINE = {
    "name": "p",
    "stage": [
        stage("Source", action("files", "Source", output_artifacts=["files"], namespace="Commit")),
        stage("Scan", action("scan", "Test")),
        stage(
            "Production",
            action("deploy", "Build"),
            before_entry=engages("FAIL", rule(), rule("author", "VariableCheck", Variable="#{Commit.AuthorDate}", Value="2026", Operator="CONTAINS")),
            on_success=engages("ROLLBACK", rule("alarm", "CloudWatchAlarm", AlarmName="errors")),
            on_failure=[{"result": "ROLLBACK", "retry_configuration": [], "condition": []}],
        ),
    ],
}  # fmt: skip


def told(edit: Callable[[list[Stage]], Any]) -> list[Kind]:
    after = copy.deepcopy(PIPELINE)
    edit(after["stage"])  # type: ignore[arg-type]
    assert after != PIPELINE
    return [one.kind for one in reviewed(change("aws_codepipeline", PIPELINE, after)).findings]


def first(stages: list[Stage], block: str = "before_entry") -> dict[str, Any]:
    found: dict[str, Any] = stages[2][block][0]["condition"][0]
    return found


WEAKER: dict[str, Callable[[list[Stage]], Any]] = {
    "no block": lambda s: s[2].update(before_entry=[]),
    "skips": lambda s: first(s).update(result="SKIP"),
    "no rules": lambda s: first(s).update(rule=[]),
    "no condition": lambda s: s[2]["before_entry"][0].update(condition=[]),
    "a rule less": lambda s: first(s)["rule"].pop(),
    "another time": lambda s: first(s)["rule"][0]["configuration"].update(Cron="* * * ? * * *"),
    "another provider": lambda s: first(s)["rule"][0]["rule_type_id"][0].update(provider="LambdaInvoke"),
    "other commands": lambda s: first(s)["rule"][0].update(commands=["true"]),
    "other files": lambda s: first(s)["rule"][0].update(input_artifacts=["others"]),
    "another region": lambda s: first(s)["rule"][0].update(region="us-east-1"),
    "a variable of another action": lambda s: (s[0]["action"][0].update(namespace="Other"), s[1]["action"][0].update(namespace="Commit")),
    "a success is not rolled back": lambda s: first(s, "on_success").update(result="FAIL"),
    "a failure is tried again": lambda s: s[2]["on_failure"][0].update(result="RETRY"),
    "a failure is not rolled back": lambda s: s[2]["on_failure"][0].update(result=""),
    "a failure is skipped": lambda s: s[1].update(on_failure=[{"result": "SKIP", "condition": []}]),
    "what judges is skipped": lambda s: s[1].update(before_entry=engages("SKIP", rule())),
    "under another name of the stage": lambda s: s[2].update(name="Live", before_entry=[]),
}  # fmt: skip


@pytest.mark.parametrize("edit", WEAKER)
def test_conditions_that_hold_less_are_told(edit: str) -> None:
    assert set(told(WEAKER[edit])) == {Kind.GATE}


def renamed(s: list[Stage]) -> None:
    s[0]["action"][0].update(namespace="Of", output_artifacts=["its"])
    for one in [*first(s)["rule"], *first(s, "on_success")["rule"]]:
        one["input_artifacts"] = ["its"]
    first(s)["rule"][1]["configuration"]["Variable"] = "#{Of.AuthorDate}"


NEAR: dict[str, Callable[[list[Stage]], Any]] = {
    "a rule more": lambda s: first(s)["rule"].append(rule("more", "LambdaInvoke", FunctionName="f")),
    "another order": lambda s: first(s)["rule"].reverse(),
    "a rule under another name": lambda s: first(s)["rule"][0].update(name="hours"),
    "more time": lambda s: first(s)["rule"][0].update(timeout_in_minutes=20),
    "rolled back instead of failed": lambda s: first(s).update(result="ROLLBACK"),
    "a condition more": lambda s: s[1].update(before_entry=engages("FAIL", rule())),
    "a failed scan is tried again": lambda s: s[1].update(on_failure=[{"result": "RETRY", "condition": []}]),
    "another name of the stage": lambda s: s[2].update(name="Live"),
    "no list": lambda s: s[1].update(before_entry=None),
    "artifacts and variables called otherwise": renamed,
}  # fmt: skip


@pytest.mark.parametrize("edit", NEAR)
def test_conditions_that_hold_as_much_are_not_told(edit: str) -> None:
    assert told(NEAR[edit]) == []


def test_what_judges_is_no_longer_skipped() -> None:
    def side(*blocks: Any) -> dict[str, Any]:
        return {"name": "p", "stage": [stage("Scan", action("scan", "Test"), before_entry=list(blocks))]}

    before, after = side(*engages("SKIP", rule())), side()
    assert [one.kind for one in reviewed(change("aws_codepipeline", before, after)).findings] == []
    delivers = copy.deepcopy(before)
    delivers["stage"][0]["action"].append(action("deploy", "Build"))
    less = {**delivers, "stage": [{**delivers["stage"][0], "before_entry": []}]}
    assert [one.kind for one in reviewed(change("aws_codepipeline", delivers, less)).findings] == [Kind.GATE]


def test_a_condition_that_is_not_known_before_apply() -> None:
    unknown = {"stage": [{}, {}, {"before_entry": [{"condition": True}]}]}
    after = copy.deepcopy(PIPELINE)
    after["stage"][2]["before_entry"] = [{}]  # type: ignore[index,call-overload]
    found = reviewed(change("aws_codepipeline", PIPELINE, after, after_unknown=unknown)).findings
    assert [one.kind for one in found] == [Kind.GATE]
