"""Event rules: there, as emitted, and EventBridge itself says which events they take.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html (an event has to have id, account,
source, time, region, resources and detail-type)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stacks.audience import builds_of
from stacks.settings import DeliveryPipeline, ScanPipeline
from tools.prove_on_aws import review_events
from tools.prove_on_aws.aws import Aws
from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.recorded import Event, Named, changed, home, recorded
from tools.prove_on_aws.report import Check, WrongError


def checks(aws: Aws, deployed: Deployed) -> Iterator[Check]:
    """For each emitted rule: it is deployed as emitted; it takes its events; it refuses each near miss."""
    for stack, name, rule in deployed.resources("aws_cloudwatch_event_rule"):
        target = deployed.stacks[stack]["aws_cloudwatch_event_target"][f"{name}_target"]
        yield Check("events", f"rule {rule['name']} is deployed as emitted", _as_emitted(aws, rule, target))
        if "event_pattern" in rule:
            yield Check(
                "events",
                f"rule {rule['name']} takes its events and no near miss",
                _takes(aws, rule, *examples(deployed, stack, name)),
            )


def _as_emitted(aws: Aws, rule: Mapping[str, Any], target: Mapping[str, Any]) -> Callable[[], str]:
    def run() -> str:
        found = aws.call("events", "describe_rule", Name=rule["name"])
        if found.get("State") != "ENABLED":
            raise WrongError(f"its state is {found.get('State')}")
        if found.get("ScheduleExpression") != rule.get("schedule_expression"):
            raise WrongError(f"its schedule is {found.get('ScheduleExpression')}: deploy again")
        if json.loads(found.get("EventPattern", "{}")) != json.loads(rule.get("event_pattern", "{}")):
            raise WrongError(
                f"its pattern is {found.get('EventPattern')}, emitted is {rule.get('event_pattern')}: deploy again"
            )
        targets = list(aws.pages("events", "list_targets_by_rule", "Targets", Rule=rule["name"]))
        if len(targets) != 1:
            raise WrongError(f"{len(targets)} targets, emitted is one")
        transformer = targets[0].get("InputTransformer", {})
        wanted = target.get("input_transformer") or {}
        pairs = [
            ("target", targets[0]["Arn"], target["arn"]),
            ("role", targets[0].get("RoleArn"), target.get("role_arn")),
            (
                "dead letters",
                targets[0].get("DeadLetterConfig", {}).get("Arn"),
                target.get("dead_letter_config", {}).get("arn"),
            ),
            ("input", transformer.get("InputTemplate"), wanted.get("input_template")),
            ("input paths", transformer.get("InputPathsMap"), wanted.get("input_paths")),
        ]
        for what, is_, should in pairs:
            if is_ != should:
                raise WrongError(f"its {what} is {is_}, emitted is {should}: deploy again")
        return f"ENABLED, to {targets[0]['Arn'].rsplit(':', 1)[-1]}"

    return run


def _takes(aws: Aws, rule: Mapping[str, Any], taken: list[Named], refused: list[Named]) -> Callable[[], str]:
    def run() -> str:
        for events, should in ((taken, True), (refused, False)):
            for what, event in events:
                answer = aws.call(
                    "events", "test_event_pattern", EventPattern=rule["event_pattern"], Event=json.dumps(event)
                )
                if answer["Result"] is not should:
                    raise WrongError(f"{what}: {'refused' if should else 'taken'}")
        return f"takes {', '.join(what for what, _ in taken)}; refuses {', '.join(what for what, _ in refused)}"

    return run


def examples(deployed: Deployed, stack: str, name: str) -> tuple[list[Named], list[Named]]:
    """(events that the rule has to take, near misses), made from the recorded ones and from the settings."""
    if name == "commit_event":
        pipeline = deployed.settings.pipelines[stack]
        return _commits(deployed, pipeline)
    repositories = {p.repository.name for p in deployed.settings.pipelines.values()}
    if name in ("branch_deleted", "branch_pushed"):
        if name == "branch_pushed":
            repositories = {
                p.repository.name
                for p in deployed.settings.pipelines.values()
                if isinstance(p, DeliveryPipeline) and p.approval.separation_of_duties
            }
        pushed = [
            (f"{word} in {repository}", _branch(deployed, repository, "any/branch", file))
            for repository in sorted(repositories)
            for word, file in (("a new branch", "created"), ("a push", "updated"))
        ]
        gone = [(f"a deletion in {r}", _branch(deployed, r, "any/branch", "deleted")) for r in sorted(repositories)]
        first = min(repositories)
        foreign = _branch(deployed, f"{first}-2", "main", "deleted" if name == "branch_deleted" else "updated")
        tagged = _branch(deployed, first, "v1", "deleted" if name == "branch_deleted" else "created", tag=True)
        misses = [("another repository", foreign), ("a tag", tagged)]
        return (gone, [*pushed[:2], *misses]) if name == "branch_deleted" else (pushed, [gone[0], *misses])
    if name in ("pipeline_ended", "stage_failed"):
        return _runs(deployed, "pipeline" if name == "pipeline_ended" else "stage")
    if name == "release_ended":
        return _releases(deployed)
    if name == "build_by_hand":
        return _builds(deployed)
    if name == "pull_request":
        return review_events.pull_requests(deployed, stack)
    if name == "plan_ended":
        return review_events.builds(deployed, stack)
    if name == "compliance_changed":
        return _compliance(deployed)
    registries = [p.registry for p in deployed.settings.pipelines.values() if isinstance(p, DeliveryPipeline)]
    basic = name in ("ecr_scan_event", "released_image_scanned")
    make, other = (_ecr, _inspector) if basic else (_inspector, _ecr)
    return (
        [(f"an image of {registry}", make(deployed, registry)) for registry in registries],
        [
            ("another repository's", make(deployed, f"{registries[0]}-2")),
            ("the other kind of scan", other(deployed, registries[0])),
        ],
    )


def _runs(deployed: Deployed, level: str) -> tuple[list[Named], list[Named]]:
    project = [deployed.names.pipeline(p) for p in deployed.settings.pipelines]
    failed = home(deployed, recorded(f"codepipeline_{level}_failed.json"))
    taken = [(f"{one} failed", changed(failed, pipeline=one)) for one in project]
    if level == "pipeline":
        taken.append(("a success", changed(taken[0][1], state="SUCCEEDED")))
    return taken, [
        ("a run that was overtaken", changed(taken[0][1], state="SUPERSEDED")),
        ("an action's", changed(home(deployed, recorded("codepipeline_action_failed.json")), pipeline=project[0])),
        ("another pipeline", changed(taken[0][1], pipeline=f"{project[0]}-2")),
    ]


def _releases(deployed: Deployed) -> tuple[list[Named], list[Named]]:
    kinds = deployed.settings.pipelines.items()
    own = [deployed.names.pipeline(name) for name, one in kinds if isinstance(one, DeliveryPipeline)]
    failed = home(deployed, recorded("codepipeline_pipeline_failed.json"))
    taken = [
        (f"{one} {state.lower()}", changed(failed, pipeline=one, state=state))
        for one in own
        for state in ("SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED")
    ]
    misses = [
        ("a run that begins", changed(failed, pipeline=own[0], state="STARTED")),
        ("another pipeline", changed(failed, pipeline=f"{own[0]}-2", state="SUCCEEDED")),
    ]
    scans = [deployed.names.pipeline(name) for name, one in kinds if isinstance(one, ScanPipeline)]
    return taken, [*misses, *((f"{one}, a scan", changed(failed, pipeline=one)) for one in scans)]


def _builds(deployed: Deployed) -> tuple[list[Named], list[Named]]:
    example = home(deployed, recorded("codebuild_build_state.json"))

    def build(project: str, initiator: str) -> Event:
        more = {**example["detail"]["additional-information"], "initiator": initiator}
        return changed(example, **{"project-name": project, "additional-information": more})

    taken, misses = [], []
    for name, pipeline in deployed.settings.pipelines.items():
        for ending in builds_of(pipeline):
            project, owner = deployed.names.build(name, ending), f"codepipeline/{deployed.names.pipeline(name)}"
            taken.append((f"{project} by a person", build(project, "ann")))
            misses.append((f"{project} by its pipeline", build(project, owner)))
    return taken, [*misses, ("another project", build("another-project", "ann"))]


def _compliance(deployed: Deployed) -> tuple[list[Named], list[Named]]:
    example = home(deployed, recorded("config_compliance_change.json"))
    own = [deployed.names.config_rule("any-rule")] if deployed.settings.compliance.rules == "make" else []
    names = [*own, *deployed.settings.compliance.hold_production]
    return [(f"a change by {name}", changed(example, configRuleName=name)) for name in names], [
        ("another's rule", changed(example, configRuleName=f"x{names[0]}")),
        (
            "a change of configuration",
            changed(example, configRuleName=names[0], messageType="ConfigurationItemChange"),
        ),
    ]


def _commits(deployed: Deployed, pipeline: ScanPipeline | DeliveryPipeline) -> tuple[list[Named], list[Named]]:
    repository = pipeline.repository.name
    patterns = [pipeline.branch] if isinstance(pipeline, DeliveryPipeline) else pipeline.branches
    branches = [
        f"{pattern.removesuffix('*')}refunds" if pattern.endswith(("/", "*")) else pattern for pattern in patterns
    ]
    taken = [
        (f"{word} {branch}", _branch(deployed, repository, branch, file))
        for branch in branches
        for word, file in (("a push to", "updated"), ("the new branch", "created"))
    ]
    misses = [
        ("a deletion", _branch(deployed, repository, branches[0], "deleted")),
        ("a tag of that name", _branch(deployed, repository, branches[0], "created", tag=True)),
        ("another repository", _branch(deployed, f"{repository}-2", branches[0], "updated")),
    ]
    if "*" not in patterns:
        # No pattern begins with a hyphen: Git refuses such a branch, so this one is never among them.
        misses.append(("another branch", _branch(deployed, repository, f"-{branches[0]}", "updated")))
    return taken, misses


def _branch(deployed: Deployed, repository: str, branch: str, file: str, *, tag: bool = False) -> Event:
    event = home(deployed, recorded(f"codecommit_reference_{file}.json"))
    event["resources"] = [deployed.arn("codecommit", repository)]
    kind = "tag" if tag else "branch"
    full = f"refs/{'tags' if tag else 'heads'}/{branch}"
    return changed(event, repositoryName=repository, referenceName=branch, referenceFullName=full, referenceType=kind)


def _ecr(deployed: Deployed, registry: str) -> Event:
    event = home(deployed, recorded("ecr_image_scan.json"))
    return changed(event, **{"repository-name": registry})


def _inspector(deployed: Deployed, registry: str) -> Event:
    event = home(deployed, recorded("inspector2_finding.json"))
    for resource in event["detail"]["resources"]:
        resource["details"]["awsEcrContainerImage"]["repositoryName"] = registry
    return event
