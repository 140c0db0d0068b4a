"""What a call adds to its log line so that CloudWatch makes metrics of it (embedded metric format).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Counts only: no text of a report is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final

from common.contract import Verdict
from findings.model import Judgement, Severity
from findings.projection import Delivered
from findings.service import Outcome

DIMENSIONS: Final = ("Pipeline", "Scanner")
DELIVERED: Final = ("new", "updated", "archived", "suppressed", "reopened", "unarchived")
VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Passed",
    Verdict.FINDINGS: "StoppedByFindings",
    Verdict.TOOL_ERROR: "ToolErrors",
    Verdict.NO_EVIDENCE: "WithoutEvidence",
}


def embedded(namespace: str, judgement: Judgement, delivered: Delivered | None, now: datetime) -> dict[str, object]:
    """The keys to add: ``_aws``, one for each dimension, one for each metric (all of them counts)."""
    values: dict[str, int] = {name: int(judgement.verdict is verdict) for verdict, name in VERDICTS.items()}
    values |= {f"{name.capitalize()}Findings": number for name, number in asdict(judgement.counts).items()}
    values["BlockingFindings"] = judgement.blocking
    changes: dict[str, int] = {}
    if delivered:
        values |= {f"Findings{name.capitalize()}": getattr(delivered, name) for name in DELIVERED}
        changes = _changes(delivered)
    directives = [
        _directive(namespace, DIMENSIONS, values),
        # All pipelines together, for the dashboard: without it a graph would need each pipeline with each scanner.
        _directive(namespace, ("Scanner",), VERDICTS.values()),
        *([_directive(namespace, ("Repository",), changes)] if changes else ()),
    ]
    return {
        "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": directives},
        "Pipeline": judgement.subject.pipeline,
        "Scanner": judgement.subject.scanner,
        "Repository": judgement.subject.repository,
        **values,
        **changes,
        # No dimensions: each would be a metric of its own, and paid for. For whoever searches the log.
        "execution": judgement.subject.execution,
        "scope": judgement.subject.scope,
    }


def _directive(namespace: str, dimensions: Iterable[str], names: Iterable[str]) -> dict[str, object]:
    return {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in names],
    }


def _changes(delivered: Delivered) -> dict[str, int]:
    """Findings opened and closed, by severity. By repository: a call may close findings of other scanners of its branch."""
    return {
        f"{what}{severity.value.capitalize()}": found[severity]
        for what, found in (("Opened", delivered.opened), ("Closed", delivered.closed))
        for severity in Severity
    }


def fields(namespace: str, outcome: Outcome, now: datetime) -> dict[str, object]:
    """What the log line of a build's call says. The reason of a judgement may quote the report: it stands in S3 alone."""
    answer = outcome.answer
    if outcome.judgement is None:
        return {"verdict": answer.verdict, "reason": answer.reason}
    metrics = embedded(namespace, outcome.judgement, outcome.delivered, now)
    return {"verdict": answer.verdict, "page": answer.page} | metrics


def emit(namespace: str, results: Iterable[tuple[Judgement, Delivered]], now: datetime) -> None:
    """One line for each judgement that no build waits for."""
    for judgement, delivered in results:
        print(json.dumps(embedded(namespace, judgement, delivered, now)), flush=True)


def emit_gone(namespace: str, repository: str, delivered: Delivered, now: datetime) -> None:
    """One line for a branch that is gone, and its findings with it."""
    changes = _changes(delivered)
    directives = [_directive(namespace, ("Repository",), changes)]
    stamp = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": directives}
    print(json.dumps({"_aws": stamp, "Repository": repository, **changes}), flush=True)
