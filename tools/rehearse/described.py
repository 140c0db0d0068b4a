"""What Terraform has made, as its state says it: the only thing that the rehearsal knows of the pipelines.

Read from ``terraform show -json`` of each stack (https://developer.hashicorp.com/terraform/internals/json-format#state-representation);
never from this project's Python. What the rehearsal does not know how to do (a provider, a condition of a stage, a role of an
action) is refused here, not left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.apply_local.checkout import Checkout

# category, provider -> which the rehearsal runs
KNOWN = {("Source", "CodeCommit"), ("Build", "CodeBuild"), ("Test", "CodeBuild"), ("Approval", "Manual"), ("Invoke", "Lambda")}  # fmt: skip
MODES = ("SUPERSEDED", "QUEUED")


class NotRehearsedError(ValueError):
    """Terraform has made something that the rehearsal cannot run; the message names it."""


@dataclass(frozen=True)
class Variable:
    """An environment variable of a build. ``type``: PLAINTEXT, PARAMETER_STORE, SECRETS_MANAGER."""

    value: str
    type: str = "PLAINTEXT"


@dataclass(frozen=True)
class Action:
    """One action as declared; ``configuration`` with its ``#{...}`` as written. ``minutes``: its own timeout, 0 for AWS's."""

    name: str
    category: str
    provider: str
    run_order: int
    namespace: str
    configuration: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    minutes: int = 0


@dataclass(frozen=True)
class Stage:
    """Actions in the order of their declaration; ``run_order`` says when they run."""

    name: str
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Pipeline:
    """``role``: its name. ``variables``: name -> default, "" for none. ``bucket``, ``key`` (ARN, "" for S3's own): of artifacts."""

    name: str
    arn: str
    role: str
    mode: str
    variables: Mapping[str, str]
    stages: tuple[Stage, ...]
    bucket: str
    key: str


@dataclass(frozen=True)
class Project:
    """A CodeBuild project. ``role``: its name; ``encryption_key``: ARN or ""; ``vpc``: its network as Terraform has it, or None."""

    name: str
    arn: str
    role: str
    buildspec: str
    environment: Mapping[str, Variable]
    image: str
    compute_type: str
    privileged: bool
    timeout_minutes: int
    queued_minutes: int
    encryption_key: str
    vpc: Mapping[str, Any] | None
    log_group: str


@dataclass(frozen=True)
class Target:
    """Where a rule sends what it matches. ``role``: its name, "" for none."""

    arn: str
    role: str


@dataclass(frozen=True)
class Rule:
    """A rule of EventBridge; ``pattern`` parsed."""

    name: str
    arn: str
    pattern: Mapping[str, Any]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Described:
    """All stacks. Each by its name in AWS; ``functions``: name -> ARN."""

    region: str
    account: str
    pipelines: Mapping[str, Pipeline]
    projects: Mapping[str, Project]
    rules: Mapping[str, Rule]
    functions: Mapping[str, str]


def read(checkout: Checkout) -> Described:
    """What stands in the state of every stack of a deployed checkout. Raises FailedError, NotRehearsedError."""
    return describe(
        json.loads(checkout.run(["terraform", "show", "-json"], cwd=checkout.stack(stack))) for stack in checkout.order
    )


def describe(states: Iterable[Mapping[str, Any]]) -> Described:
    """``states``: one document of ``terraform show -json`` for each stack. Raises NotRehearsedError."""
    resources: dict[str, list[Mapping[str, Any]]] = {}
    for state in states:
        for one in state.get("values", {}).get("root_module", {}).get("resources", ()):
            if one["mode"] == "managed":
                resources.setdefault(one["type"], []).append(one["values"])
    pipelines = [_pipeline(one) for one in resources.get("aws_codepipeline", ())]
    projects = [_project(one) for one in resources.get("aws_codebuild_project", ())]
    if not pipelines:
        raise NotRehearsedError("no stack holds a pipeline: nothing is deployed")
    _, _, _, region, account, _ = pipelines[0].arn.split(":", 5)
    targets = resources.get("aws_cloudwatch_event_target", ())
    rules = [_rule(one, targets) for one in resources.get("aws_cloudwatch_event_rule", ())]
    described = Described(
        region,
        account,
        {one.name: one for one in pipelines},
        {one.name: one for one in projects},
        {one.name: one for one in rules},
        {one["function_name"]: one["arn"] for one in resources.get("aws_lambda_function", ())},
    )
    for pipeline in pipelines:
        _check(pipeline, described)
    return described


def _pipeline(values: Mapping[str, Any]) -> Pipeline:
    name = values["name"]
    if values["execution_mode"] not in MODES:
        raise NotRehearsedError(f"pipeline {name}: execution mode {values['execution_mode']}, known are {MODES}")
    if values.get("trigger"):
        raise NotRehearsedError(f"pipeline {name}: triggers of connections")
    stores = values["artifact_store"]
    if len(stores) != 1:
        raise NotRehearsedError(f"pipeline {name}: {len(stores)} artifact stores, known is one")
    key = next((one["id"] for one in stores[0].get("encryption_key") or ()), "")
    return Pipeline(
        name=name,
        arn=values["arn"],
        role=_last(values["role_arn"]),
        mode=values["execution_mode"],
        variables={one["name"]: one.get("default_value") or "" for one in values.get("variable") or ()},
        stages=tuple(_stage(name, stage) for stage in values["stage"]),
        bucket=stores[0]["location"],
        key=key,
    )


def _stage(pipeline: str, values: Mapping[str, Any]) -> Stage:
    for condition in ("before_entry", "on_failure", "on_success"):
        if values.get(condition):
            raise NotRehearsedError(f"pipeline {pipeline}, stage {values['name']}: {condition}")
    return Stage(values["name"], tuple(_action(f"{pipeline}, stage {values['name']}", one) for one in values["action"]))


def _action(where: str, values: Mapping[str, Any]) -> Action:
    name, kind = values["name"], (values["category"], values["provider"])
    if kind not in KNOWN or values["owner"] != "AWS":
        raise NotRehearsedError(f"{where}, action {name}: {values['owner']} {kind[0]} by {kind[1]}")
    for foreign in ("role_arn", "region"):
        if values.get(foreign):
            raise NotRehearsedError(f"{where}, action {name}: a {foreign} of its own")
    return Action(
        name=name,
        category=values["category"],
        provider=values["provider"],
        run_order=values.get("run_order") or 1,
        namespace=values.get("namespace") or "",
        configuration=dict(values.get("configuration") or {}),
        inputs=tuple(values.get("input_artifacts") or ()),
        outputs=tuple(values.get("output_artifacts") or ()),
        minutes=values.get("timeout_in_minutes") or 0,
    )


def _project(values: Mapping[str, Any]) -> Project:
    environment, source = values["environment"][0], values["source"][0]
    logs: Mapping[str, Any] = next((one for one in values.get("logs_config") or ()), {})
    group: Mapping[str, Any] = next((one for one in logs.get("cloudwatch_logs") or ()), {})
    return Project(
        name=values["name"],
        arn=values["arn"],
        role=_last(values["service_role"]),
        buildspec=source.get("buildspec") or "",
        environment={
            one["name"]: Variable(one["value"], one.get("type") or "PLAINTEXT")
            for one in environment.get("environment_variable") or ()
        },
        image=environment["image"],
        compute_type=environment["compute_type"],
        privileged=bool(environment.get("privileged_mode")),
        timeout_minutes=values.get("build_timeout") or 60,
        queued_minutes=values.get("queued_timeout") or 480,
        encryption_key=values.get("encryption_key") or "",
        vpc=next(iter(values.get("vpc_config") or ()), None),
        log_group=group.get("group_name") or f"/aws/codebuild/{values['name']}",
    )


def _rule(values: Mapping[str, Any], targets: Iterable[Mapping[str, Any]]) -> Rule:
    return Rule(
        name=values["name"],
        arn=values["arn"],
        pattern=json.loads(values.get("event_pattern") or "{}"),
        targets=tuple(
            Target(one["arn"], _last(one.get("role_arn") or "")) for one in targets if one["rule"] == values["name"]
        ),
    )


def _check(pipeline: Pipeline, described: Described) -> None:
    for stage in pipeline.stages:
        for action in stage.actions:
            named = {"CodeBuild": ("ProjectName", described.projects), "Lambda": ("FunctionName", described.functions)}
            key, known = named.get(action.provider, ("", {}))
            if key and action.configuration.get(key) not in known:
                missing = f"{key} {action.configuration.get(key)!r} is in no stack"
                raise NotRehearsedError(f"{pipeline.name}, {stage.name}/{action.name}: {missing}")


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
