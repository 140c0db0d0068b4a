"""Widgets of a CloudWatch dashboard, as data. Every metric in them is emitted by a service or by our own code: a test joins them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

WIDTH: Final = 24  # columns of a dashboard, says the page above
DAY: Final = 86_400
# "Up to 500 metrics per dashboard widget", those that a formula uses among them:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (also: 500 widgets, 2,500 metrics of all)
PAGE: Final = 80  # names in one widget: at most 6 metrics of each
MOST: Final = 2_500


@dataclass(frozen=True)
class Metric:
    """One metric, by one dimension or none. ``label``: in the legend."""

    namespace: str
    name: str
    dimension: str
    value: str
    label: str = ""
    color: str = ""

    def row(self, **more: object) -> list[Any]:
        """As a widget has it."""
        options = {"label": self.label, "color": self.color, **more}
        return [self.namespace, self.name, self.dimension, self.value, _given(options)]


@dataclass(frozen=True)
class Sum:
    """One line that adds up many metrics, which are not shown themselves."""

    metrics: Sequence[Metric]
    label: str
    color: str = ""


@dataclass(frozen=True)
class Widget:
    """A graph or a number. ``view``: timeSeries, singleValue, bar or table."""

    title: str
    width: int
    height: int
    rows: Sequence[Sequence[Any]]
    stat: str = "Sum"
    view: str = "timeSeries"
    stacked: bool = False
    period: int = DAY
    options: Mapping[str, Any] = field(default_factory=dict)


def shown(metrics: Sequence[Metric]) -> list[list[Any]]:
    """Each metric as a line of its own."""
    return [one.row() for one in metrics]


def sums(lines: Sequence[Sum]) -> list[list[Any]]:
    """Each line as a formula over metrics that are not shown. Ids are letters and numbers: a0, a1, ... b0, ...

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html (SUM of an array of time series)
    """
    rows: list[list[Any]] = []
    for number, line in enumerate(lines):
        letter = chr(ord("a") + number)
        ids = [f"{letter}{index}" for index in range(len(line.metrics))]
        options = {
            "expression": f"SUM([{', '.join(ids)}])",
            "label": line.label,
            "color": line.color,
            "id": f"sum{number}",
        }
        rows.append([_given(options)])
        rows += [one.row(id=id_, visible=False) for one, id_ in zip(line.metrics, ids, strict=True)]
    return rows


def pages(names: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Names in portions that one widget takes, each with what to add to its title."""
    portions = [names[first : first + PAGE] for first in range(0, len(names), PAGE)]
    for number, portion in enumerate(portions, start=1):
        yield (f" ({number} of {len(portions)})" if len(portions) > 1 else ""), portion


def fitting(rows: Sequence[Sequence[Widget]]) -> tuple[list[list[Widget]], list[str]]:
    """The widgets, from the first, that one dashboard takes; and the titles of the others."""
    kept: list[list[Widget]] = []
    left: list[str] = []
    taken = 0
    for row in rows:
        kept.append([])
        for widget in row:
            if taken + len(widget.rows) > MOST:
                left.append(widget.title)
            else:
                taken += len(widget.rows)
                kept[-1].append(widget)
    return kept, left


def laid_out(rows: Sequence[Sequence[Widget]], region: str) -> list[dict[str, Any]]:
    """The widgets from left to right and from top to bottom; a row that is full goes on below."""
    placed: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        x = height = 0
        for widget in row:
            if x + widget.width > WIDTH:
                x, y, height = 0, y + height, 0
            placed.append(_placed(widget, x, y, region))
            x, height = x + widget.width, max(height, widget.height)
        y += height
    return placed


def _placed(widget: Widget, x: int, y: int, region: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": widget.title,
        "region": region,
        "metrics": [list(row) for row in widget.rows],
        "stat": widget.stat,
        "period": widget.period,
        "view": widget.view,
        **widget.options,
    }
    if widget.stacked:
        properties["stacked"] = True
    if widget.view != "timeSeries":
        # The number is of the whole time that is looked at, not of its last period.
        properties["setPeriodToTimeRange"] = True
    return {
        "type": "metric", "x": x, "y": y, "width": widget.width, "height": widget.height, "properties": properties,
    }  # fmt: skip


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value != ""}
