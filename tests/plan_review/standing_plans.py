"""Plans of this project's own stacks (tools/plan_stacks.py) in which nothing changes, to change one thing in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from plan_review.reading import read
from plan_review.render import render_table
from plan_review.review import review

PLANS = Path(__file__).parents[1] / "plans" / "delivery_added"
STANDING = ("findings", "foundation", "governance", "libraries", "payments")
Plans = dict[str, Any]


@cache
def _unchanged() -> str:
    plans: Plans = {name: json.loads((PLANS / f"{name}.json").read_bytes()) for name in STANDING}
    for plan in plans.values():
        plan["output_changes"] = {}
        plan["resource_changes"] = [one for one in plan["resource_changes"] if one["change"]["before"] is not None]
        for one in plan["resource_changes"]:
            one["change"].update(actions=["no-op"], after=one["change"]["before"], after_unknown={})
    return json.dumps(plans)


def told(*edits: Callable[[Plans], None], only: tuple[str, ...] = STANDING) -> list[tuple[str, str, str]]:
    """Kind, address and sentence of every finding after ``edits``."""
    plans = json.loads(_unchanged())
    for edit in edits:
        edit(plans)
    found = review([read(name, json.dumps(plans[name]).encode()) for name in only])
    return [(one.kind.name, one.address, render_table.line(one.text)) for one in found.findings]


def destroyed(*ends: str) -> Callable[[Plans], None]:
    """What has one of these addresses, or a type that is one of them, is destroyed."""

    def edit(plans: Plans) -> None:
        found = [
            one
            for plan in plans.values()
            for one in plan["resource_changes"]
            if one["address"] in ends or one["type"] in ends
        ]
        assert found
        for one in found:
            one["change"].update(actions=["delete"], after=None)

    return edit


def updated(stack: str, address: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Plans], None]:
    """``change`` is done to what an object is to be."""

    def edit(plans: Plans) -> None:
        [one] = [one for one in plans[stack]["resource_changes"] if one["address"] == address]
        after = copy.deepcopy(one["change"]["after"])
        change(after)
        assert after != one["change"]["after"], "it changes something"
        one["change"].update(actions=["update"], after=after)

    return edit
