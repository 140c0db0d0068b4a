"""Counts that CloudWatch takes from the log (embedded metric format), in the namespace of the function's name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime


def embedded(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, int], now: datetime) -> str:
    """One line of the log: ``values`` (all of them counts) under one set of ``dimensions``."""
    names = [{"Name": name, "Unit": "Count"} for name in values]
    metrics = [{"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": names}]
    return json.dumps(
        {"_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": metrics}, **dimensions, **values}
    )
