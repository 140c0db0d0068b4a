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
from findings.model import Judgement
from findings.projection import Delivered
from findings.service import Outcome

DIMENSIONS: Final = ("Pipeline", "Scanner")
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
    if delivered:
        values |= {f"Findings{name.capitalize()}": number for name, number in asdict(delivered).items()}
    return {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [list(DIMENSIONS)],
                    "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
                }
            ],
        },
        "Pipeline": judgement.subject.pipeline,
        "Scanner": judgement.subject.scanner,
        **values,
        # No dimensions: each would be a metric of its own, and paid for. For whoever searches the log.
        "repository": judgement.subject.repository,
        "execution": judgement.subject.execution,
        "scope": judgement.subject.scope,
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
