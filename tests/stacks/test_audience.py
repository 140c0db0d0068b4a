"""notify.json and the topics: who hears of which pipeline, by its settings; the function reads what is written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.approval import console_host
from stacks.audience import builds_of, notify_json

ROOT = Path(__file__).parents[2]


def packaged(emitted: Any) -> dict[str, Any]:
    """notify.json as it is in the function's package."""
    resource = emitted.stacks["governance"]["resource"]["aws_lambda_function"]["notifier"]
    with zipfile.ZipFile(emitted.folder / "stacks" / "governance" / resource["filename"]) as archive:
        content: dict[str, Any] = json.loads(archive.read("notify.json"))
    return content


def test_its_builds_are_all_that_are_emitted(emitted: Any) -> None:
    told = packaged(emitted)["pipelines"]
    for name, pipeline in emitted.settings.pipelines.items():
        projects = emitted.stacks[name]["resource"]["aws_codebuild_project"].values()
        assert set(told[name]["builds"]) == {one["name"] for one in projects}
        assert len(builds_of(pipeline)) == len(projects)


def test_its_topics_are_all_that_are_emitted(emitted: Any) -> None:
    told = packaged(emitted)
    topics = {one["name"] for one in emitted.stacks["foundation"]["resource"]["aws_sns_topic"].values()}
    assert topics == {told["topic"], *told["approvals"], *(one["topic"] for one in told["pipelines"].values())}


def test_each_pipeline_has_its_own_people_severity_and_successes(emit_once: Callable[[Path], Any]) -> None:
    """By eye from tests/settings/full.yaml: each key of a pipeline's own is its own, all others are the project's."""
    told = packaged(emit_once(ROOT / "tests" / "settings" / "full.yaml"))
    assert told["topic"] == "acme-notifications"
    shown = {name: (one["topic"], one["severity"], one["successes"]) for name, one in told["pipelines"].items()}
    assert shown == {
        "python-libraries": ("acme-notifications", "high", False),
        "everything": ("acme-notifications", "medium", False),
        "payments": ("acme-payments-notifications", "critical", True),
    }


def test_the_function_reads_what_is_written(emitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("lambdas", "lambdas/notifier"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    from notify.audience import Audience

    read = Audience.parse(notify_json(emitted.settings))
    assert set(read.pipelines) == set(emitted.settings.pipelines)


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_links_go_to_the_partitions_own_console(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("lambdas", "lambdas/notifier"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    from notify.audience import Place
    from notify.links import Console

    from common import console

    assert console.host(region) == console_host(region)
    links = Console(Place("aws", region, "123456789012"))
    for link in (links.build("acme-image", "acme-image:1"), links.object("reports", "x"), links.execution("acme", "1")):
        assert link.startswith(f"https://{console_host(region)}/")
