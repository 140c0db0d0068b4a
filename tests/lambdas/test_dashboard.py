"""Each widget of the dashboard shows what a service or our own code really emits, and there is room for many pipelines.

Our functions' code is run, and what it prints is what it emits. For AWS's services a person has read their pages.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

import importer_world
import notifier_world
import recorder_world
from lambda_fakes import Context, policy_bytes
from modules.dashboard import Shown, body
from modules.names import Names

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/codepipeline/latest/userguide/metrics-dimensions.html (metrics); the dimension's name is in no text
# of that page, but in AWS's own CDK: aws-codepipeline/lib/codepipeline-canned-metrics.generated
SERVICES = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    ("AWS/CodePipeline", "PipelineDuration", "PipelineName"),
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html (widgets, views)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (metrics)
WIDGETS, METRICS_OF_WIDGET, METRICS_OF_ALL = 500, 500, 2500
VIEWS = {"timeSeries", "singleValue", "bar", "table"}


def dashboard(emitted: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    resource = emitted.stacks["governance"]["resource"]["aws_cloudwatch_dashboard"]["dashboard"]
    return resource, json.loads(resource["dashboard_body"])


def metrics(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, str, str, str]]:
    """(properties of its widget, namespace, name, dimension, value) of every metric."""
    for widget in document["widgets"]:
        for row in widget["properties"].get("metrics", ()):
            if isinstance(row[0], str):
                namespace, name, dimension, value, _ = row
                yield widget["properties"], namespace, name, dimension, value


def emitted_by(lines: str) -> set[tuple[str, str, str, str]]:
    """(namespace, name, dimension, value) of every metric by one dimension in embedded metric format."""
    found = set()
    for text in lines.splitlines():
        line = json.loads(text or "{}")
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            for dimensions in directive["Dimensions"]:
                if len(dimensions) == 1:
                    [dimension] = dimensions
                    found |= {
                        (directive["Namespace"], one["Name"], dimension, line[dimension])
                        for one in directive["Metrics"]
                        if isinstance(line[one["Name"]], (int, float))
                    }
    return found


@pytest.fixture
def printed(
    load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    recorded: Callable[[str], Any], tmp_path: Any,
) -> set[tuple[str, str, str, str]]:  # fmt: skip
    """What our functions emit when they do what they are for, for the project ``acme``."""
    from findings.events import Events
    from findings.root import Root

    importer, world = load_handler("findings_importer"), importer_world.World()
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    monkeypatch.setattr(importer, "POLICY", tmp_path / "policy.json")
    monkeypatch.setattr(importer, "root", lambda _: Root(world.importer(), Events(world.importer(), world.images)))
    call = recorded("gate_report")
    world.s3.objects[call["key"]] = importer_world.real("grype/none.json")
    importer.handler(call, Context(function_name="acme-findings-importer"))

    recorder, release = load_handler("release_recorder"), recorder_world.World()
    monkeypatch.setattr(recorder, "recorder", release.recorder)
    recorder.handler(recorder_world.event(), Context(function_name="acme-release-recorder"))

    told = notifier_world.World()
    told.sends(recorded("codepipeline_pipeline_succeeded"))
    told.sends(recorded("scheduled_event"))
    lines = [capsys.readouterr().out, *(json.dumps(line) for line in told.lines)]
    return emitted_by("\n".join(lines))


def test_each_metric_has_an_emitter(full: Any, printed: set[tuple[str, str, str, str]]) -> None:
    """By namespace, name and dimension; and its value is one of the things that there are."""
    _, document = dashboard(full)
    settings = full.settings
    ours = {(namespace, name, dimension) for namespace, name, dimension, _ in printed}
    scanners = {"git-secrets", "snyk", "snyk-code", "snyk-container", "grype", "ecr", "zap"}
    deliveries = {name for name, one in settings.pipelines.items() if one.kind == "delivery"}
    values = {
        "Pipeline": set(settings.pipelines),
        "Scanner": scanners,
        "Repository": {one.repository.name for one in settings.pipelines.values()},
        "Project": {settings.project},
        "QueueName": {queue["name"] for _, _, queue in full.resources("aws_sqs_queue")},
        "PipelineName": {pipeline["name"] for _, _, pipeline in full.resources("aws_codepipeline")},
    }
    shown: dict[str, set[str]] = {}
    for _, namespace, name, dimension, value in metrics(document):
        assert (namespace, name, dimension) in ours | SERVICES, f"nobody emits {namespace} {name} by {dimension}"
        assert value in values[dimension], f"{name} by {dimension}: there is no {value}"
        shown.setdefault("CommitToProduction" if name == "CommitToProduction" else dimension, set()).add(value)
    # And nothing is left out: every queue with dead letters, every pipeline, every release.
    assert shown == {**values, "Scanner": scanners, "CommitToProduction": deliveries}


def test_what_a_function_calls_itself_is_its_namespace(full: Any) -> None:
    functions = {function["function_name"] for _, _, function in full.resources("aws_lambda_function")}
    _, document = dashboard(full)
    assert {one[1] for one in metrics(document)} <= functions | {"AWS/SQS", "AWS/CodePipeline"}


def test_values_that_the_code_prints_are_the_names_of_the_settings(printed: set[tuple[str, str, str, str]]) -> None:
    """A pipeline by its name in pipelines.yaml, not by that in AWS; and so on."""
    found = {(dimension, value) for _, _, dimension, value in printed if dimension != "Topic"}
    assert found == {
        ("Pipeline", "payments"), ("Scanner", "grype"), ("Repository", "payments"), ("Project", "acme"),
    }  # fmt: skip


def test_a_graph_of_what_nobody_emits_is_noticed(full: Any, printed: set[tuple[str, str, str, str]]) -> None:
    for change in (("RunsSucceeded", "RunsPassed"), ('"Pipeline"', '"Pipe"'), ("acme-notifier", "acme-notify")):
        spoiled = copy.deepcopy(full.stacks)
        resource = spoiled["governance"]["resource"]["aws_cloudwatch_dashboard"]["dashboard"]
        resource["dashboard_body"] = resource["dashboard_body"].replace(*change)
        other = type(full)(full.settings, full.folder, spoiled)
        with pytest.raises((AssertionError, KeyError)):
            test_each_metric_has_an_emitter(other, printed)


def test_every_graph_is_whole(emitted: Any) -> None:
    """Its region, its view, no overlap, and formulas of what stands beside them."""
    resource, document = dashboard(emitted)
    region = emitted.settings.region
    assert resource["dashboard_name"] == f"{emitted.settings.project}-pipelines-{region}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", resource["dashboard_name"])
    assert "${" not in resource["dashboard_body"]
    taken: set[tuple[int, int]] = set()
    for widget in document["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        properties = widget["properties"]
        if widget["type"] == "text":
            continue
        assert (properties["region"], properties["view"] in VIEWS) == (region, True)
        assert properties["period"] % 60 == 0
        options = [row[-1] for row in properties["metrics"]]
        ids = [one["id"] for one in options if "id" in one]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", one, re.IGNORECASE) for one in ids)
        used = {name for one in options for name in re.findall(r"\b[a-z]+\d+\b", one.get("expression", ""))}
        assert used <= set(ids)
        hidden = {one["id"] for one in options if one.get("visible") is False}
        assert hidden <= used, "what is not shown is there for a formula"


@pytest.mark.parametrize("count", [1, 30, 170])
def test_there_is_room_for_as_many_pipelines(count: int) -> None:
    names = [f"{'a' * 30}-{number:03}" for number in range(count)]
    scanners = ["git-secrets", "snyk", "snyk-code", "snyk-container", "grype", "ecr", "zap"]
    document = body(Names("acme"), "eu-central-1", Shown(names, names, names, scanners, names))
    sizes = [len(widget["properties"].get("metrics", ())) for widget in document["widgets"]]
    assert len(document["widgets"]) <= WIDGETS
    assert max(sizes) <= METRICS_OF_WIDGET
    assert sum(sizes) <= METRICS_OF_ALL
    for dimension in ("Pipeline", "QueueName", "Repository"):
        shown = {value for _, _, _, one, value in metrics(document) if one == dimension}
        assert shown == set(names) or (count, dimension) == (170, "Repository")
    # The sums over all repositories take the most: beyond about 120 pipelines not all fit, and the dashboard says so.
    said = document["widgets"][0]["properties"]["markdown"]
    assert ("not here: Findings opened (2 of 3)" in said) == (count == 170)


def test_the_same_settings_give_the_same_bytes(full: Any) -> None:
    resource, document = dashboard(full)
    assert json.dumps(document, sort_keys=True, separators=(",", ":")) == resource["dashboard_body"]
