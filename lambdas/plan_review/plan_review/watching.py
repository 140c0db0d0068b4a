"""What watches: alarms, filters of logs, rules of AWS Config, and how they are made deaf."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.log_patterns import still_counted
from plan_review.model import Change
from plan_review.text import Text, say
from plan_review.values import UNKNOWN, Hidden, Value, at, plain
from plan_review.world import World

# Of AWS's own metrics those that say that something fails, is refused or is lost: the thresholds of the others are tuned every day.
_TELLING: Final = re.compile(
    r"error|fail|throttl|fault|dead.?letter|dlq|denied|reject|block|unauthori|finding|root|login|security|audit|unheard",
    re.IGNORECASE,
)
# Metrics of one's own, which filters of logs and functions make, but for those that measure how much work there is.
_MEASURES: Final = re.compile(r"AWS/|CWAgent$|ContainerInsights|System/|LambdaInsights|ECS/|Prometheus")
_WORK: Final = re.compile(
    r"laten|duration|utili[sz]ation|memory|cpu|disk|\bage\b|time|depth|throughput|requests|orders|queue", re.IGNORECASE
)
_WATCHED: Final = ("namespace", "metric_name", "dimensions", "statistic", "extended_statistic", "metric_query",
                   "comparison_operator", "evaluate_low_sample_count_percentiles")  # fmt: skip


def deafened(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one change."""
    if not change.managed or not change.stays:
        return
    if change.type == "aws_cloudwatch_metric_alarm":
        for text in _alarm(change):
            yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    elif change.type == "aws_cloudwatch_log_metric_filter":
        for text in _filter(change):
            yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    elif change.type in ("aws_config_config_rule", "aws_config_organization_managed_rule"):
        for text in _rule(change, world):
            yield Finding(Kind.PROTECTION, change.stack, change.address, text)


def _changed(change: Change, name: str) -> bool:
    """Known before and after, and not the same; nothing, however it is written, is nothing."""
    old, new = change.before.get(name), change.after.get(name)
    return plain(new) and (old or None) != (new or None)


def _alarm(change: Change) -> Iterator[Text]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    before, after = change.before, change.after
    if not _about_security(before):
        return
    others = [name for name in _WATCHED if before.get(name) not in (None, "", [], {}) and _changed(change, name)]
    if others:
        yield say("the alarm looks at something else: {} changes", others)
    if _less_sensitive(before, after):
        yield say(
            "the alarm is raised later: its threshold changes from {} to {}",
            *(str(one["threshold"]) for one in (before, after)),
        )
    old, new = _periods(before), _periods(after)
    if old and new and (new[0] > old[0] or (new[0] == old[0] and old[0] < old[1] and new[1] < old[1])):
        yield say(
            "the alarm is raised later: {} periods of {} must be bad instead of {} of {}", *map(str, (*new, *old))
        )
    if before.get("treat_missing_data") == "breaching" and _changed(change, "treat_missing_data"):
        yield say("the alarm is no longer raised when nothing is measured")


def _about_security(alarm: Mapping[str, Any]) -> bool:
    def found(*paths: str) -> list[str]:
        return [one for path in paths for one in at(alarm, path) if isinstance(one, str)]

    metrics = found("metric_name", "metric_query.*.metric.*.metric_name")
    if any(map(_TELLING.search, [*metrics, *found("alarm_name", "namespace", "dimensions.*")])):
        return True
    own = any(not _MEASURES.match(one) for one in found("namespace", "metric_query.*.metric.*.namespace"))
    return own and not any(map(_WORK.search, metrics))


def _less_sensitive(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    old, new = before.get("threshold"), after.get("threshold")
    if not isinstance(old, (int, float)) or not isinstance(new, (int, float)):
        return False
    operator = str(before.get("comparison_operator"))
    return (new > old and operator.startswith("Greater")) or (new < old and operator.startswith("Less"))


def _periods(attributes: Mapping[str, Any]) -> tuple[int, int] | None:
    """How many must be bad, and of how many. None or 0 is all of them."""
    whole, bad = attributes.get("evaluation_periods"), attributes.get("datapoints_to_alarm")
    if not isinstance(whole, int) or bad is UNKNOWN or isinstance(bad, Hidden):
        return None
    return (bad if isinstance(bad, int) and bad > 0 else whole), whole


def _filter(change: Change) -> Iterator[Text]:
    """A filter that counts elsewhere, into another metric, or nothing: alarms look at the metric by its name."""
    old, new = change.before.get("pattern"), change.after.get("pattern")
    if isinstance(old, str) and isinstance(new, str) and not still_counted(old, new):
        yield say("counts other log lines")
    if change.before.get("log_group_name") and _changed(change, "log_group_name"):
        yield say("counts lines of another log group")
    for name, sentence in (
        ("name", "what it counts becomes another metric, at which no alarm may look"),
        ("namespace", "what it counts becomes another metric, at which no alarm may look"),
        ("value", "counts each line as something else"),
        ("dimensions", "what it counts gets dimensions: an alarm that names none no longer sees it"),
    ):
        path = f"metric_transformation.*.{name}"
        was, now = ([one for one in at(side, path) if one not in ("", {})] for side in (change.before, change.after))
        if plain(now) and was != now:
            yield say(sentence)


def _rule(change: Change, world: World) -> Iterator[Text]:
    """https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules.html"""
    if _changed(change, "input_parameters"):
        parameters = list(
            _parameters(change.before.get("input_parameters"), change.after.get("input_parameters"), world)
        )
        if parameters:
            yield say("the rule judges by other parameters: {}", parameters)
    for path in ("source.*.source_identifier", "source.*.owner", "rule_identifier"):
        old, new = at(change.before, path), at(change.after, path)
        if old and plain(new) and old != new:
            yield say("the rule judges something else")
            break
    narrowed = list(_narrowed(change))
    if narrowed:
        yield say("the rule judges fewer things: {} changes", narrowed)
    order = ("One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours")
    times = [change.before.get("maximum_execution_frequency"), change.after.get("maximum_execution_frequency")]
    if all(one in order for one in times) and order.index(str(times[0])) < order.index(str(times[1])):
        yield say("the rule is asked less often")


def _parameters(before: Value, after: Value, world: World) -> Iterator[str]:
    """Names of those that are not as they were. A list to which only things were added that are being made is."""
    old, new = _mapping(before), _mapping(after)
    if old is None or new is None:
        yield "input_parameters"
        return
    for name in sorted({*old, *new}):
        was, now = (_items(side.get(name)) for side in (old, new))
        added = [one for one in now if one not in was]
        if was != now and not (all(one in now for one in was) and all(map(world.comes, added))):
            yield name


def _mapping(value: Value) -> Mapping[str, Value] | None:
    if value in (None, ""):
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _items(value: Value) -> list[str]:
    """A parameter's text is often a list with commas."""
    return [] if value is None else [one.strip() for one in str(value).split(",")]


def _narrowed(change: Change) -> Iterator[str]:
    """No scope is everything; one that names more types is wider, one that names a tag or a thing is narrower."""
    before, after = _scope(change.before), _scope(change.after)
    if before is None or after is None:
        return
    for name in ("compliance_resource_types", "resource_types_scope"):
        if after.get(name) and (not before.get(name) or any(one not in after[name] for one in before[name])):
            yield name
    for name in (
        "compliance_resource_id",
        "tag_key",
        "tag_value",
        "tag_key_scope",
        "tag_value_scope",
        "resource_id_scope",
    ):
        if after.get(name) and after[name] != before.get(name):
            yield name
    excluded = [
        one for one in after.get("excluded_accounts") or () if one not in (before.get("excluded_accounts") or ())
    ]
    if excluded:
        yield "excluded_accounts"


def _scope(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """None where it is not known."""
    scopes = attributes.get("scope")
    if not plain(scopes):
        return None
    inner = scopes[0] if isinstance(scopes, list) and scopes and isinstance(scopes[0], dict) else {}
    flat = ("resource_types_scope", "tag_key_scope", "tag_value_scope", "resource_id_scope", "excluded_accounts")
    return {
        **inner,
        **{name: attributes[name] for name in flat if plain(attributes.get(name)) and attributes.get(name)},
    }
