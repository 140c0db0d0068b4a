"""Event rules that hear less; and this project's own output with one more pipeline, of which nothing is to be said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from plan_builder import change, document, reviewed

from plan_review.reading import read
from plan_review.review import review

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = r"\$\{aws_\w+\.[\w-]+\.\w+\}"
OWN = ["codepipeline/acme-payments", "codepipeline/acme-libs"]


def said(before: Any, after: Any, *others: dict[str, Any]) -> list[str]:
    """``before`` and ``after``: what stands in the pattern's detail."""
    rule = [{"name": "r", "event_pattern": json.dumps({"source": ["aws.x"], "detail": one})} for one in (before, after)]
    found = reviewed(change("aws_cloudwatch_event_rule", *rule), *others)
    return [finding.address for finding in found.findings]


PIPELINE = change("aws_codepipeline", None, {"name": "acme-refunds", "stage": []}, name="pipeline")


def but(*names: str) -> dict[str, Any]:
    return {"initiator": [{"anything-but": list(names)}]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": ["FAILED", "STOPPED"]}, {"state": ["FAILED"]}),
        ({"state": ["FAILED"]}, {"state": ["FAILED"], "pipeline": ["acme-payments"]}),
        (but(*OWN), but(*OWN, "codepipeline/somebody")),
        (but(*OWN), but(*OWN, "codepipeline/acme-refunds", "codepipeline/somebody")),
        (but(*OWN), {"initiator": ["ann"]}),
    ],
)
def test_a_rule_that_hears_less_is_told(before: Any, after: Any) -> None:
    assert "aws_cloudwatch_event_rule.x" in said(before, after, PIPELINE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": ["FAILED"]}, {"state": ["STOPPED", "FAILED"]}),
        ({"state": ["FAILED"], "pipeline": ["acme-payments"]}, {"state": ["FAILED"]}),
        (but(*OWN), but(*reversed(OWN))),
        (but(*OWN), but(OWN[0])),
        (but(*OWN), but(*OWN, "codepipeline/acme-refunds")),
    ],
)
def test_a_rule_that_hears_as_much_or_more_is_not(before: Any, after: Any) -> None:
    assert said(before, after, PIPELINE) == []


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is synthesized as if it were planned. A reference of something new to a resource is not known; others stay texts."""
    entries = []
    for kind, group in new["resource"].items():
        for name, resource in group.items():
            after = {key: value for key, value in resource.items() if key not in ("//", "depends_on", "lifecycle")}
            was = old.get("resource", {}).get(kind, {}).get(name)
            before = was and {key: was[key] for key in was if key not in ("//", "depends_on", "lifecycle")}
            new_ones = [] if before else [key for key, value in after.items() if re.fullmatch(REFERENCE, str(value))]
            known = {key: value for key, value in after.items() if key not in new_ones}
            unknown = {"after_unknown": dict.fromkeys(new_ones, True)}
            entries.append(change(kind, before, known, name=name, action="no-op" if before == after else "", **unknown))
    assert all(name in new["resource"][kind] for kind, group in old.get("resource", {}).items() for name in group)
    return entries


def outputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"actions": ["update"], "before": old["output"][name]["value"], "after": one["value"],
               "after_unknown": False, "before_sensitive": False, "after_sensitive": False}
        for name, one in new.get("output", {}).items()
    }  # fmt: skip


def test_of_a_pipeline_that_is_added_nothing_is_said(emit_once: Any, tmp_path: Path) -> None:
    text = (ROOT / "pipelines.yaml").read_text(encoding="utf-8")
    block = text[text.index("\n  payments:") :]
    (tmp_path / "more.yaml").write_text(text.rstrip() + block.replace("payments", "refunds"), encoding="utf-8")
    before, after = emit_once(ROOT / "pipelines.yaml").stacks, emit_once(tmp_path / "more.yaml").stacks
    assert set(after) == {*before, "refunds"}
    plans = [
        read(name, json.dumps(document(*changes(before.get(name, {}), stack), output_changes=outputs(before.get(name, {}), stack))).encode())
        for name, stack in after.items()
    ]  # fmt: skip
    found = review(plans)
    assert [(one.address, one.text) for one in found.findings] == []
    assert sum(stack.unchanged for stack in found.stacks) == 2
