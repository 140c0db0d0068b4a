"""Rules about pipelines that no public checker has. ``terraform apply`` accepts every one of these mistakes, or AWS answers
them only at run time."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.check_emitted import Output
from tools.check_result import Finding, Report

_GUIDE = "docs.aws.amazon.com/codepipeline/latest/userguide"
_BUILD_GUIDE = "docs.aws.amazon.com/codebuild/latest/userguide"


@dataclass(frozen=True)
class _Provider:
    """What the page named says: the keys of an action's configuration, and the values of those that have a list."""

    page: str
    required: frozenset[str]
    optional: frozenset[str]
    values: Mapping[str, frozenset[str]]


def _provider(page: str, required: str, optional: str = "", **values: str) -> _Provider:
    allowed = {key: frozenset(listed.split()) for key, listed in values.items()}
    return _Provider(f"{_GUIDE}/{page}.html", frozenset(required.split()), frozenset(optional.split()), allowed)


_BUILD = _provider(
    "action-reference-CodeBuild",
    "ProjectName",
    "PrimarySource BatchEnabled BuildspecOverride CombineArtifacts EnvironmentVariables",
    BatchEnabled="true false",
    CombineArtifacts="true false",
)
# (category, owner, provider). The pages say more providers; one that is used for the first time is added with its page.
PROVIDERS: Mapping[tuple[str, str, str], _Provider] = {
    ("Source", "AWS", "CodeCommit"): _provider(
        "action-reference-CodeCommit",
        "RepositoryName BranchName",
        "PollForSourceChanges OutputArtifactFormat",
        PollForSourceChanges="true false",
        OutputArtifactFormat="CODE_ZIP CODEBUILD_CLONE_REF",
    ),
    ("Build", "AWS", "CodeBuild"): _BUILD,
    ("Test", "AWS", "CodeBuild"): _BUILD,
    ("Invoke", "AWS", "Lambda"): _provider("action-reference-Lambda", "FunctionName", "UserParameters"),
    ("Approval", "AWS", "Manual"): _provider(
        "approvals-action-add", "", "NotificationArn CustomData ExternalEntityLink"
    ),
}
# Images that AWS says it no longer updates: {_BUILD_GUIDE}/deprecated-images.html, read on 2026-11-22.
DEPRECATED_IMAGES = {
    "aws/codebuild/amazonlinux2-x86_64-standard:2.0",
    "aws/codebuild/amazonlinux2-x86_64-standard:3.0",
    "aws/codebuild/amazonlinux2-aarch64-standard:1.0",
    "aws/codebuild/standard:3.0",
    "aws/codebuild/standard:4.0",
}
# That page is late (its last entry is of 2023): of CodeBuild's own images only each family's newest is taken, by the constants
# of docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_codebuild.LinuxBuildImage.html.
CURRENT_IMAGES = {"aws/codebuild/standard:8.0", "aws/codebuild/amazonlinux-x86_64-standard:6.0"}

Problem = tuple[str, str, str]


def _action(stage: str, action: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"{stage}/{action['name']}"
    kind = (action["category"], action["owner"], action["provider"])
    provider = PROVIDERS.get(kind)
    if provider is None:
        yield "UNKNOWN_PROVIDER", where, f"{'/'.join(kind)} is none of {_GUIDE}/reference-pipeline-structure.html"
        return
    if action["version"] != "1":
        yield "UNKNOWN_PROVIDER", where, f"version {action['version']}: AWS's own providers have version 1"
    configuration = action.get("configuration", {})
    for key in sorted(configuration.keys() - provider.required - provider.optional):
        yield "UNKNOWN_CONFIGURATION", where, f"{key} is no key of {provider.page}"
    for key in sorted(provider.required - configuration.keys()):
        yield "UNKNOWN_CONFIGURATION", where, f"{key} is missing: {provider.page}"
    for key, allowed in provider.values.items():
        if key in configuration and configuration[key] not in allowed:
            yield (
                "UNKNOWN_CONFIGURATION",
                where,
                f"{key} is {configuration[key]!r}, not one of {sorted(allowed)}: {provider.page}",
            )


def _targets(stack: Mapping[str, Any]) -> Iterator[Problem]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    for name, target in stack.get("resource", {}).get("aws_cloudwatch_event_target", {}).items():
        arn = target.get("arn", "")
        by_role = bool(re.search(r"aws_codepipeline\.|:codepipeline:|aws_codebuild_project\.|:codebuild:", arn))
        if by_role and not target.get("role_arn"):
            yield (
                "TARGET_ROLE",
                f"aws_cloudwatch_event_target.{name}",
                "a pipeline or build as target is started with a role",
            )
        if not by_role and target.get("role_arn"):
            yield (
                "TARGET_ROLE",
                f"aws_cloudwatch_event_target.{name}",
                "a function, topic or queue takes a policy of its own, no role",
            )


def _polling(stack: Mapping[str, Any]) -> Iterator[Problem]:
    """Left out it is true. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html"""
    rules = stack.get("resource", {}).get("aws_cloudwatch_event_rule", {}).values()
    heard = [rule for rule in rules if "aws.codecommit" in rule.get("event_pattern", "")]
    for stage, action in _actions(stack):
        if heard and action["provider"] == "CodeCommit":
            polls = action.get("configuration", {}).get("PollForSourceChanges", "true")
            if polls != "false":
                yield (
                    "POLLING",
                    f"{stage}/{action['name']}",
                    "it polls beside an event rule: every push would start two runs",
                )


def _images(stack: Mapping[str, Any]) -> Iterator[Problem]:
    for name, project in stack.get("resource", {}).get("aws_codebuild_project", {}).items():
        image, where = project["environment"]["image"], f"aws_codebuild_project.{name}"
        if image in DEPRECATED_IMAGES:
            yield "OBSOLETE_IMAGE", where, f"{image} is deprecated: {_BUILD_GUIDE}/deprecated-images.html"
        elif image.startswith("aws/codebuild/") and image not in CURRENT_IMAGES:
            yield "OBSOLETE_IMAGE", where, f"{image} is not the newest of its family: {sorted(CURRENT_IMAGES)}"
        elif re.search(r":(latest|stable|nightly|weekly)$|^[^:@]+$", image):
            yield "OBSOLETE_IMAGE", where, f"{image} names no version: tomorrow it is another image"


def _actions(stack: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for pipeline in stack.get("resource", {}).get("aws_codepipeline", {}).values():
        for stage in pipeline["stage"]:
            for action in stage["action"]:
                yield stage["name"], action


def problems_of(stack: Mapping[str, Any]) -> list[Problem]:
    """(rule, place, what is wrong) of one stack."""
    actions = [problem for stage, action in _actions(stack) for problem in _action(stage, action)]
    return [*actions, *_targets(stack), *_polling(stack), *_images(stack)]


def _action_of(stack: dict[str, Any], provider: str) -> dict[str, Any]:
    return next(action for _, action in _actions(stack) if action["provider"] == provider)


def _wrong_provider(stack: dict[str, Any]) -> None:
    _action_of(stack, "CodeBuild")["provider"] = "CodeBuilt"


def _wrong_category(stack: dict[str, Any]) -> None:
    _action_of(stack, "CodeBuild")["category"] = "Deploy"


def _misspelt_key(stack: dict[str, Any]) -> None:
    configuration = _action_of(stack, "Manual")["configuration"]
    configuration["NotificationARN"] = configuration.pop("NotificationArn")


def _missing_key(stack: dict[str, Any]) -> None:
    del _action_of(stack, "CodeBuild")["configuration"]["ProjectName"]


def _polls_by_default(stack: dict[str, Any]) -> None:
    del _action_of(stack, "CodeCommit")["configuration"]["PollForSourceChanges"]


def _target_without_role(stack: dict[str, Any]) -> None:
    for target in stack["resource"]["aws_cloudwatch_event_target"].values():
        target.pop("role_arn", None)


def _topic_with_role(stack: dict[str, Any]) -> None:
    role = "arn:aws:iam::123456789012:role/any"
    target = {"arn": "arn:aws:sns:eu-central-1:123456789012:topic", "role_arn": role}
    stack["resource"]["aws_cloudwatch_event_target"] = {"probe": target}


def _deprecated_image(stack: dict[str, Any]) -> None:
    _project(stack)["environment"]["image"] = "aws/codebuild/standard:4.0"


def _older_image(stack: dict[str, Any]) -> None:
    _project(stack)["environment"]["image"] = "aws/codebuild/standard:5.0"


def _floating_image(stack: dict[str, Any]) -> None:
    _project(stack)["environment"]["image"] = "ghcr.io/zaproxy/zaproxy:stable"


def _project(stack: dict[str, Any]) -> dict[str, Any]:
    return next(iter(stack["resource"]["aws_codebuild_project"].values()))


_PROBES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_wrong_provider, "UNKNOWN_PROVIDER"),
    (_wrong_category, "UNKNOWN_PROVIDER"),
    (_misspelt_key, "UNKNOWN_CONFIGURATION"),
    (_missing_key, "UNKNOWN_CONFIGURATION"),
    (_polls_by_default, "POLLING"),
    (_target_without_role, "TARGET_ROLE"),
    (_topic_with_role, "TARGET_ROLE"),
    (_deprecated_image, "OBSOLETE_IMAGE"),
    (_older_image, "OBSOLETE_IMAGE"),
    (_floating_image, "OBSOLETE_IMAGE"),
]


def check(outputs: Sequence[Output]) -> Report:
    """All stacks, and a delivery pipeline's broken in each of the ways that the rules are for."""
    findings = [
        Finding(rule, f"{name}/{where}", text)
        for output in outputs
        for name, stack in output.stacks.items()
        for rule, where, text in problems_of(stack)
    ]
    example = next(stack for output in outputs for stack in output.stacks.values() if '"Manual"' in json.dumps(stack))
    problems = []
    for breaking, rule in _PROBES:
        broken = copy.deepcopy(dict(example))
        breaking(broken)
        if rule not in {found for found, _, _ in problems_of(broken)}:
            problems.append(f"the known-bad {breaking.__name__.strip('_').replace('_', ' ')} was not noticed: {rule}")
    actions = sum(1 for output in outputs for stack in output.stacks.values() for _ in _actions(stack))
    rules = len({rule for _, rule in _PROBES})
    return Report(
        f"{sum(len(o.stacks) for o in outputs)} stacks with {actions} actions, {rules} rules", findings, problems
    )
