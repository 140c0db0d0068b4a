"""The output of tests/settings/full.yaml against an inventory that a person can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

INVENTORY = Path(__file__).with_name("inventory") / "full.yaml"
EXPECTED: dict[str, Any] = yaml.safe_load(INVENTORY.read_text(encoding="utf-8"))
MISSING = "__missing__"


def counts(stack: Any) -> dict[str, int]:
    return {kind: len(group) for kind, group in sorted(stack.get("resource", {}).items())}


def value(stack: Any, path: str) -> object:
    found: Any = stack["resource"]
    for step in path.split("."):
        found = dict(enumerate(found)).get(int(step)) if isinstance(found, list) else found.get(step)
        if found is None:
            return MISSING
    return found


def test_the_stacks_are_these(full: Any) -> None:
    assert set(full.stacks) == set(EXPECTED)


@pytest.mark.parametrize("stack", EXPECTED)
def test_counts(full: Any, stack: str) -> None:
    assert counts(full.stacks[stack]) == EXPECTED[stack]["counts"], (
        f"if it should be so, put into {INVENTORY.name}:\n{yaml.safe_dump({stack: {'counts': counts(full.stacks[stack])}})}"
    )


@pytest.mark.parametrize(("stack", "path"), [(stack, path) for stack in EXPECTED for path in EXPECTED[stack]["values"]])
def test_values(full: Any, stack: str, path: str) -> None:
    assert value(full.stacks[stack], path) == EXPECTED[stack]["values"][path]
