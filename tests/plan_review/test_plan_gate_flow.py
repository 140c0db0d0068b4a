"""What gates judge and what is delivered, swapped in this project's own plan; and the same with everything called otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from plan_builder import change, reviewed
from standing_plans import told, updated

from plan_review.findings import Kind

Action = dict[str, Any]
PIPELINE = "aws_codepipeline.pipeline"


def action(pipeline: dict[str, Any], stage: str, name: str) -> Action:
    return next(
        one for its in pipeline["stage"] if its["name"] == stage for one in its["action"] if one["name"] == name
    )


def edited(stage: str, name: str, change: Callable[[Action], Any]) -> list[tuple[str, str, str]]:
    return told(updated("payments", PIPELINE, lambda pipeline: change(action(pipeline, stage, name))))


def says(name: str, old: str, new: str) -> Callable[[Action], None]:
    """Another text in a configuration."""

    def edit(one: Action) -> None:
        assert old in one["configuration"][name]
        one["configuration"][name] = one["configuration"][name].replace(old, new)

    return edit


SWAPPED: dict[str, tuple[str, str, Callable[[Action], Any], str]] = {
    "another digest is deployed": ("Production", "deploy", says("EnvironmentVariables", "#{Image.DIGEST}", "#{Build.IMAGE_DIGEST}"), "IMAGE_DIGEST"),
    "a digest that stands there": ("Production", "deploy", says("EnvironmentVariables", "#{Image.DIGEST}", "sha256:0"), "IMAGE_DIGEST"),
    "a variable of a deployment is looked up": ("Staging", "deploy", says("EnvironmentVariables", '"#{Image.DIGEST}","type":"PLAINTEXT"', '"/x","type":"PARAMETER_STORE"'), "IMAGE_DIGEST"),
    "another build deploys": ("Production", "deploy", lambda one: one["configuration"].update(ProjectName="acme-other"), "ProjectName"),
    "another digest is published": ("Publish", "push", says("EnvironmentVariables", "#{Image.DIGEST}", "#{Build.IMAGE_DIGEST}"), "IMAGE_DIGEST"),
    "other files are published": ("Publish", "push", lambda one: one.update(input_artifacts=["Resolved"]), "artifacts"),
    "more files are deployed": ("Production", "deploy", lambda one: one.update(input_artifacts=["Source", "Resolved"]), "artifacts"),
    "a deployment in another region": ("Production", "deploy", lambda one: one.update(region="us-east-1"), "region"),
    "other files are scanned": ("Verify", "grype", lambda one: one.update(input_artifacts=["Source"]), "artifacts"),
    "other commands scan": ("Verify", "grype", lambda one: one["configuration"].update(PrimarySource="Resolved"), "PrimarySource"),
    "another image is scanned": ("Verify", "grype", says("EnvironmentVariables", "#{Image.SHA256}", "#{Build.IMAGE_SHA256}"), "EnvironmentVariables"),
    "another digest is guarded": ("Production", "guard", says("UserParameters", "#{Image.DIGEST}", "#{Build.IMAGE_DIGEST}"), "UserParameters"),
    "a gate of somebody else": ("Verify", "grype", lambda one: one.update(owner="Custom"), "owner"),
    "a gate in another region": ("Production", "guard", lambda one: one.update(region="us-east-1"), "region"),
}  # fmt: skip


@pytest.mark.parametrize("swap", SWAPPED)
def test_what_is_swapped_is_told(swap: str) -> None:
    stage, name, edit, word = SWAPPED[swap]
    found = edited(stage, name, edit)
    assert {one[:2] for one in found} == {("GATE", PIPELINE)}
    assert all(f"{stage}/{name}" in one[2] for one in found)
    assert any(word in one[2] for one in found)


def test_variables_that_come_from_another_action_under_the_same_name() -> None:
    """``Image`` is what the sealer says; given to the build's namespace, nothing that uses it changes its text."""

    def edit(pipeline: dict[str, Any]) -> None:
        action(pipeline, "Build", "seal")["namespace"] = "Build"
        action(pipeline, "Build", "image")["namespace"] = "Image"

    found = [one[2] for one in told(updated("payments", PIPELINE, edit))]
    for where in ("Production/deploy", "Staging/deploy", "Publish/push", "Verify/grype", "Publish/guard"):
        assert any(where in one for one in found), where


def test_an_artifact_that_another_action_puts_out_under_the_same_name() -> None:
    def edit(pipeline: dict[str, Any]) -> None:
        action(pipeline, "Build", "resolve")["output_artifacts"] = ["Source"]
        action(pipeline, "Source", "Source")["output_artifacts"] = ["Resolved"]

    found = [one[2] for one in told(updated("payments", PIPELINE, edit))]
    assert any("Publish/push delivers something else" in one for one in found)


def test_a_second_source_goes_into_what_is_built() -> None:
    def edit(pipeline: dict[str, Any]) -> None:
        source = action(pipeline, "Source", "Source")
        pipeline["stage"][0]["action"].append(
            {**source, "name": "Other", "output_artifacts": ["Other"], "namespace": ""}
        )
        action(pipeline, "Build", "image")["input_artifacts"] = ["Source", "Other"]

    assert [one[2] for one in told(updated("payments", PIPELINE, edit))] == [
        "Build/image is made of something else: of another source"
    ]


def renamed_words(pipeline: dict[str, Any]) -> None:
    """Every artifact and namespace is called otherwise."""
    text = json.dumps(pipeline["stage"])
    for space in ("Commit", "Build", "Image"):
        text = text.replace(f"#{{{space}.", f"#{{{space}Of.").replace(
            f'"namespace": "{space}"', f'"namespace": "{space}Of"'
        )
    for artifact in ("Source", "Resolved"):
        for before, after in (("[", "]"), ("[", ","), (" ", "]")):
            text = text.replace(f'{before}"{artifact}"{after}', f'{before}"{artifact}Of"{after}')
    text = text.replace('"PrimarySource": "Source"', '"PrimarySource": "SourceOf"')
    pipeline["stage"] = json.loads(text)


def reordered(pipeline: dict[str, Any]) -> None:
    for stage in pipeline["stage"]:
        for one in stage["action"]:
            variables = one["configuration"].get("EnvironmentVariables")
            if variables:
                one["configuration"]["EnvironmentVariables"] = json.dumps(json.loads(variables)[::-1], indent=1)


def renamed_gate(pipeline: dict[str, Any]) -> None:
    action(pipeline, "Verify", "grype")["name"] = "grype-scan"


def another_output(pipeline: dict[str, Any]) -> None:
    action(pipeline, "Build", "resolve")["output_artifacts"] = ["Bill", "Resolved"]


def one_more_to_judge(pipeline: dict[str, Any]) -> None:
    action(pipeline, "Build", "git-secrets")["input_artifacts"] = ["Source", "Resolved"]


NEAR = {
    "other names": renamed_words,
    "another order": reordered,
    "a gate under another name": renamed_gate,
    "another output": another_output,
    "more is judged": one_more_to_judge,
}


@pytest.mark.parametrize("near", NEAR)
def test_what_is_only_called_otherwise_is_not_told(near: str) -> None:
    assert told(updated("payments", PIPELINE, NEAR[near])) == []


def test_a_gate_that_is_renamed_and_moved_behind_what_it_held() -> None:
    def edit(pipeline: dict[str, Any]) -> None:
        grype = action(pipeline, "Verify", "grype")
        pipeline["stage"][2]["action"].remove(grype)
        pipeline["stage"][5]["action"].append({**grype, "name": "grype-scan", "run_order": 3})

    found = [one[2] for one in told(updated("payments", PIPELINE, edit))]
    assert any("Production/deploy" in one and "wait" in one for one in found)


def test_an_approval_under_another_name() -> None:
    """Policies that let people approve, or deny it, name the action."""
    assert edited("Staging", "approve", lambda one: one.update(name="approval")) == [
        ("GATE", PIPELINE, "approve is removed from the stage Staging")
    ]


def test_one_of_two_gates_that_are_alike_is_removed() -> None:
    """What is left is not the other one under another name."""

    def edit(pipeline: dict[str, Any]) -> None:
        stage = pipeline["stage"][4]
        stage["action"] = [one for one in stage["action"] if one["name"] != "approve"]

    def two(pipeline: dict[str, Any]) -> None:
        action(pipeline, "Publish", "guard").update(
            name="second", category="Approval", provider="Manual", configuration={}
        )

    assert any("approve" in one[2] for one in told(updated("payments", PIPELINE, edit)))
    assert any("guard" in one[2] for one in told(updated("payments", PIPELINE, two)))


def pipeline(project: str, name: str = "deploy") -> dict[str, Any]:
    one = {"name": name, "category": "Build", "provider": "CodeBuild", "configuration": {"ProjectName": project}}
    return {"name": "p", "stage": [{"name": "Production", "action": [one]}]}


def kinds(*changes: dict[str, Any]) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes).findings]


def test_a_project_that_is_itself_renamed() -> None:
    renamed = change("aws_codebuild_project", {"name": "a-deploy"}, {"name": "b-deploy"}, action="replace")
    changed = change("aws_codepipeline", pipeline("a-deploy"), pipeline("b-deploy"))
    assert kinds(changed) == [Kind.GATE]
    assert kinds(changed, renamed) == []
    assert kinds(renamed, change("aws_codepipeline", pipeline("a-deploy"), pipeline("a-deploy"), action="no-op")) == []


def test_a_deployment_that_is_renamed_and_does_something_else() -> None:
    assert kinds(change("aws_codepipeline", pipeline("a"), pipeline("b", "rollout"))) == [Kind.GATE]
    assert kinds(change("aws_codepipeline", pipeline("a"), pipeline("a", "rollout"))) == []


@pytest.mark.parametrize("name", ["ApplicationName", "BucketName", "ImageUri"])
def test_a_deployment_to_another_place(name: str) -> None:
    def deploys(value: str, **more: str) -> dict[str, Any]:
        one = {"name": "d", "category": "Deploy", "provider": "CodeDeploy", "configuration": {name: value, **more}}
        return {"name": "p", "stage": [{"name": "Production", "action": [one]}]}

    assert kinds(change("aws_codepipeline", deploys("a"), deploys("b"))) == [Kind.GATE]
    assert kinds(change("aws_codepipeline", deploys("a"), deploys("a", DeploymentTimeout="30"))) == []


def test_a_configuration_that_is_hidden_and_another_one() -> None:
    def side(token: str) -> dict[str, Any]:
        return {"name": "p", "stage": [{"name": "P", "action": [{"name": "deploy", "category": "Deploy", "provider": "S3", "configuration": {"BucketName": token}}]}]}  # fmt: skip

    mark = {"stage": [{"action": [{"configuration": True}]}]}
    marks: dict[str, Any] = {"before_sensitive": mark, "after_sensitive": mark}
    assert kinds(change("aws_codepipeline", side("a"), side("b"), **marks)) == [Kind.GATE]
    assert kinds(change("aws_codepipeline", side("a"), {**side("a"), "tags": {}}, **marks)) == []
