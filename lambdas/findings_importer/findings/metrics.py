"""What a call adds to its log line so that CloudWatch makes metrics of it (embedded metric format).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Counts only: no text of a report is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final

from common.contract import Verdict
from findings.model import Judgement
from findings.projection import Delivered

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
