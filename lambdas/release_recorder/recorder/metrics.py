"""What a call adds to its log line so that CloudWatch makes a metric of it (embedded metric format).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from datetime import datetime

from recorder.service import Recorded


def fields(namespace: str, recorded: Recorded, now: datetime) -> dict[str, object]:
    """``CommitToProduction`` of a release that has now reached production, in seconds, by Pipeline; else nothing."""
    if recorded.seconds is None:
        return {}
    return {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [["Pipeline"]],
                    "Metrics": [{"Name": "CommitToProduction", "Unit": "Seconds"}],
                }
            ],
        },
        "Pipeline": recorded.pipeline,
        "CommitToProduction": recorded.seconds,
    }
