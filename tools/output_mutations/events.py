"""Event rules that match more, less or other events, and functions that are told otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tools.output_mutations.change import REMOVED, Change, Json, Path, Stack, apply, at, named, short


def of_events(stack: Stack) -> Iterator[Change]:
    """Event rules and functions' variables."""
    for name, rule in stack.get("resource", {}).get("aws_cloudwatch_event_rule", {}).items():
        here: Path = ("resource", "aws_cloudwatch_event_rule", name)
        if "schedule_expression" in rule:
            yield Change("events", (*here, "schedule_expression"), "rate(7 days)")
            continue
        pattern = json.loads(rule["event_pattern"])
        path: Path = (*here, "event_pattern")
        for inner in _members(pattern):
            values: list[Any] = [REMOVED]
            if isinstance(at(pattern, inner), list):
                values += [[{"prefix": ""}], ["other"]]
            for value in values:
                changed = json.dumps(apply(pattern, inner, value), sort_keys=True)
                yield Change("events", path, changed, "." + named(pattern, inner), short(value))
    for name, function in stack.get("resource", {}).get("aws_lambda_function", {}).items():
        variables = function.get("environment", {}).get("variables", {})
        for variable, value in variables.items():
            place: Path = ("resource", "aws_lambda_function", name, "environment", "variables", variable)
            yield Change("events" if variable == "BRANCH_PATTERNS" else "code", place, REMOVED)
            yield Change("events" if variable == "BRANCH_PATTERNS" else "code", place, "other")
            if variable == "BRANCH_PATTERNS" and value != "null":
                yield Change("events", place, "null")


def _members(content: Json, path: Path = ()) -> Iterator[Path]:
    """Every key, at any depth, and every element of a list that has several."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield (*path, key)
            yield from _members(value, (*path, key))
    elif isinstance(content, list) and len(content) > 1:
        yield from ((*path, number) for number in range(len(content)))
