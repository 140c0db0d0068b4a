"""One CloudWatch dashboard for all pipelines of the project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard

from modules.account import Account
from modules.dashboard_widgets import DAY, Metric, Sum, Widget, fitting, laid_out, pages, shown, sums
from modules.findings_importer import IMPORTER
from modules.names import Names
from modules.notifier import NOTIFIER
from modules.release_record import RECORDER

# Severity -> colour, that of the pages for people (lambdas/common/page_style.py) where a graph can show it.
_SEVERITIES: Final = {
    "Critical": "#8e0b3c",
    "High": "#d13212",
    "Medium": "#e07b00",
    "Low": "#0a5fa8",
    "Informational": "#8a95a0",
    "Ungraded": "#8a5cd0",
}
_VERDICTS: Final = {
    "Passed": "#2e8b57",
    "StoppedByFindings": "#d13212",
    "ToolErrors": "#8a5cd0",
    "WithoutEvidence": "#8a95a0",
}
_TEXT: Final = (
    "# {project}: delivery pipelines\n"
    "Made by Terraform from pipelines.yaml: what is changed here by hand is gone with the next apply."
    " Numbers are of the time that is chosen above, graphs have one point a day."
    " `docs/records.md` says what each of them means."
)


@dataclass(frozen=True)
class Shown:
    """What the dashboard is about: names in pipelines.yaml, and ``queues`` by their names in AWS."""

    pipelines: Sequence[str]
    deliveries: Sequence[str]
    repositories: Sequence[str]
    scanners: Sequence[str]
    queues: Sequence[str]


class Dashboard:
    """``aws_cloudwatch_dashboard`` has neither tags nor a region of its own: "All dashboards in your account are global", so
    its name holds the region, as two projects of one name in two regions would else overwrite each other's.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    """

    def __init__(self, scope: TerraformStack, *, account: Account, shows: Shown) -> None:
        CloudwatchDashboard(
            scope,
            "dashboard",
            dashboard_name=account.names.dashboard(account.region),
            dashboard_body=json.dumps(
                body(account.names, account.region, shows), sort_keys=True, separators=(",", ":")
            ),
        )


def body(names: Names, region: str, shows: Shown) -> dict[str, Any]:
    """The dashboard as CloudWatch's API has it. The same for the same settings."""
    text: dict[str, Any] = {
        "type": "text", "x": 0, "y": 0, "width": 24, "height": 2,
        "properties": {"markdown": _text(names)},
    }  # fmt: skip
    rows, left = fitting(
        [
            list(_runs(names, shows)),
            list(_waiting(names, shows)),
            list(_verdicts(names, shows)),
            list(_times(names, shows)),
            list(_findings(names, shows)),
        ]
    )
    if left:
        text["properties"] = {
            "markdown": f"{_text(names)}\n\nToo many for one dashboard, so not here: {', '.join(left)}."
        }
    placed = laid_out(rows, region)
    for widget in placed:
        widget["y"] += text["height"]
    return {"start": "-P28D", "periodOverride": "inherit", "widgets": [text, *placed]}


def _text(names: Names) -> str:
    return _TEXT.format(project=names.project)


def _runs(names: Names, shows: Shown) -> Iterator[Widget]:
    """By the notifier's own counts: of AWS/CodePipeline's, none is of runs or of successes, and FailedPipelineExecutions counts
    each retry. https://docs.aws.amazon.com/codepipeline/latest/userguide/metrics-dimensions.html"""

    def of(metric: str, pipelines: Sequence[str]) -> list[Metric]:
        return [Metric(names.function(NOTIFIER), metric, "Pipeline", name, name) for name in pipelines]

    for part, pipelines in pages(shows.pipelines):
        counted = sums(
            [
                Sum(of("Runs", pipelines), "Runs"),
                Sum(of("RunsSucceeded", pipelines), "Succeeded", _VERDICTS["Passed"]),
                Sum(of("RunsFailed", pipelines), "Failed", _VERDICTS["StoppedByFindings"]),
            ]
        )
        rate = [{"expression": "100 * sum1 / sum0", "label": "Succeeded, per cent", "id": "rate"}]
        yield Widget(f"Runs of all pipelines{part}", 24, 4, [*counted, rate], view="singleValue")
    for part, pipelines in pages(shows.pipelines):
        for metric, title in (("RunsSucceeded", "Runs that succeeded"), ("RunsFailed", "Runs that failed")):
            yield Widget(f"{title}{part}", 12, 7, shown(of(metric, pipelines)), stacked=True)


def _times(names: Names, shows: Shown) -> Iterator[Widget]:
    for part, pipelines in pages(shows.deliveries):
        metrics = [Metric(names.function(RECORDER), "CommitToProduction", "Pipeline", name, name) for name in pipelines]
        yield Widget(f"From commit to production, seconds{part}", 12, 7, shown(metrics), stat="Average")
    for part, pipelines in pages(shows.pipelines):
        # CodePipeline's own, of each run with everything that it waits for.
        metrics = [
            Metric("AWS/CodePipeline", "PipelineDuration", "PipelineName", names.pipeline(name), name)
            for name in pipelines
        ]
        yield Widget(f"Length of runs, seconds{part}", 12, 7, shown(metrics), stat="Average")


def _findings(names: Names, shows: Shown) -> Iterator[Widget]:
    for part, repositories in pages(shows.repositories):
        for what in ("Opened", "Closed"):
            lines = [
                Sum(
                    [
                        Metric(names.function(IMPORTER), f"{what}{severity}", "Repository", name)
                        for name in repositories
                    ],
                    severity,
                    color,
                )
                for severity, color in _SEVERITIES.items()
            ]
            yield Widget(f"Findings {what.lower()}{part}", 12, 7, sums(lines), stacked=True)


def _verdicts(names: Names, shows: Shown) -> Iterator[Widget]:
    for scanner in shows.scanners:
        metrics = [
            Metric(names.function(IMPORTER), verdict, "Scanner", scanner, verdict, color)
            for verdict, color in _VERDICTS.items()
        ]
        yield Widget(f"Verdicts: {scanner}", 6, 6, shown(metrics), stacked=True)


def _waiting(names: Names, shows: Shown) -> Iterator[Widget]:
    for part, queues in pages(shows.queues):
        metrics = [Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, name) for name in queues]
        yield Widget(f"Dead letters{part}", 12, 6, shown(metrics), stat="Maximum", period=300)
    soon = [
        Metric(
            names.function(NOTIFIER), "WaiversEndingSoon", "Project", names.project, "end within two weeks", "#e07b00"
        ),
        Metric(names.function(NOTIFIER), "WaiversEnded", "Project", names.project, "have ended", "#d13212"),
    ]
    yield Widget("Waivers", 12, 6, shown(soon), stat="Maximum", period=DAY)
