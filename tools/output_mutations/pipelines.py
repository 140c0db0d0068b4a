"""Pipelines with another order, without an action, or with another configuration of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from tools.output_mutations.change import OTHERS_ACCOUNT, REMOVED, Change, Path, Stack, apply

_OTHER: Mapping[str, Sequence[str]] = {
    "PollForSourceChanges": ["true"],
    "OutputArtifactFormat": ["CODEBUILD_CLONE_REF"],
    "RepositoryName": ["another"],
    "BranchName": ["another"],
    "FunctionName": ["somebody-elses"],
    "UserParameters": ["#{Build.IMAGE_SHA256}", "0"],
    "NotificationArn": [OTHERS_ACCOUNT.format("sns")],
    "CustomData": ["release?"],
    "ExternalEntityLink": ["https://example.org/"],
}


def of_pipelines(stack: Stack) -> Iterator[Change]:
    """Stages and actions of pipelines."""
    for name, pipeline in stack.get("resource", {}).get("aws_codepipeline", {}).items():
        here: Path = ("resource", "aws_codepipeline", name, "stage")
        stages = pipeline["stage"]
        for number, stage in enumerate(stages):
            yield Change("pipeline: stage", (*here, number), REMOVED)
            if number + 1 < len(stages):
                swapped = [*stages[:number], stages[number + 1], stage, *stages[number + 2 :]]
                yield Change("pipeline: order", here, swapped, f"[{stage['name']}]", "after the next stage")
            yield from _order((*here, number, "action"), stage["action"])
            for action_number, action in enumerate(stage["action"]):
                path = (*here, number, "action", action_number)
                if len(stage["action"]) > 1:
                    yield Change(f"pipeline: {_role_of(action)} removed", path, REMOVED)
                yield from _action(path, action, stack)


def _role_of(action: Stack) -> str:
    by_provider = {"Lambda": str(action["name"]), "Manual": "approval", "CodeCommit": "source"}
    return by_provider.get(
        action["provider"], "scan" if "namespace" in action and action["name"] != "image" else "build"
    )


def _order(path: Path, actions: Sequence[Stack]) -> Iterator[Change]:
    orders = [action.get("run_order", 1) for action in actions]
    for first, second in combinations(range(len(actions)), 2):
        if orders[first] != orders[second]:
            swapped = [dict(action) for action in actions]
            swapped[first]["run_order"], swapped[second]["run_order"] = orders[second], orders[first]
            inside = f"[{actions[first]['name']}].run_order"
            yield Change("pipeline: order", path, swapped, inside, f"swapped with {actions[second]['name']}")
    for number, action in enumerate(actions):
        if any(order > orders[number] for order in orders):
            yield Change(f"pipeline: {_role_of(action)} moved", (*path, number, "run_order"), max(orders) + 1)
        if orders[number] > 1:
            yield Change(f"pipeline: {_role_of(action)} moved", (*path, number, "run_order"), 1)


def _action(path: Path, action: Stack, stack: Stack) -> Iterator[Change]:
    kind = f"pipeline: {_role_of(action)}"
    configuration = action.get("configuration", {})
    for key, value in configuration.items():
        place = (*path, "configuration", key)
        if key != "OutputArtifactFormat":  # CODE_ZIP is the default
            yield Change(kind, place, REMOVED)
        if key == "EnvironmentVariables":
            variables = json.loads(value)
            for number, variable in enumerate(variables):
                for shown, changed in (
                    ("removed", REMOVED),
                    ("HEAD", {**variable, "value": "HEAD"}),
                    ("SECRETS_MANAGER", {**variable, "type": "SECRETS_MANAGER"}),
                ):
                    text = json.dumps(apply(variables, (number,), changed), separators=(",", ":"))
                    yield Change(kind, place, text, f"[{variable['name']}]", shown)
        elif key == "UserParameters" and value.startswith("{"):
            members = json.loads(value)
            for member in members:
                for shown, other in (("removed", REMOVED), ("other", "other")):
                    text = json.dumps(apply(members, (member,), other), separators=(",", ":"))
                    yield Change(kind, place, text, f".{member}", shown)
        else:
            yield from (Change(kind, place, other) for other in _OTHER.get(key, ()))
    if action["provider"] == "CodeBuild":
        for project in stack["resource"]["aws_codebuild_project"].values():
            if project["name"] != configuration["ProjectName"]:
                yield Change(kind, (*path, "configuration", "ProjectName"), project["name"])
                break
        if len(action["input_artifacts"]) > 1:
            for number in range(len(action["input_artifacts"])):
                yield Change(kind, (*path, "input_artifacts", number), REMOVED)
            yield Change(kind, (*path, "configuration", "PrimarySource"), "Resolved")
    if "namespace" in action:
        yield Change(kind, (*path, "namespace"), REMOVED)
