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


def pipeline(name: str, repository: str, provider: str = "CodeCommit") -> dict[str, Any]:
    """Its attributes."""
    source = {
        "name": "Source",
        "category": "Source",
        "provider": provider,
        "configuration": {"RepositoryName": repository},
    }
    return {"name": name, "stage": [{"name": "Source", "action": [source]}]}


REPOSITORY = "arn:aws:codecommit:eu-central-1:123456789012:"
GONE = change("aws_codepipeline", pipeline("acme-shop", "shop"), None, name="shop")
STAYS = change("aws_codepipeline", pipeline("acme-pay", "pay"), pipeline("acme-pay", "pay"), name="pay", action="no-op")
AGAIN = change("aws_codepipeline", None, pipeline("acme-shop", "shop"), name="again")
ALSO = change("aws_codepipeline", pipeline("acme-s", "shop"), pipeline("acme-s", "shop"), name="also", action="no-op")
OF_IT = change("aws_codebuild_project", {"name": "acme-shop-build"}, {"name": "acme-shop-build"}, action="no-op")


def of_a_rule(before: Any, after: Any, *others: dict[str, Any]) -> list[str]:
    """What is said of a rule with these whole patterns."""
    rule = change(
        "aws_cloudwatch_event_rule", *({"name": "r", "event_pattern": json.dumps(one)} for one in (before, after))
    )
    found = reviewed(rule, *others).findings
    return [finding.address for finding in found if finding.address == rule["address"]]


def detail(*values: Any) -> dict[str, Any]:
    return {"detail": {"project-name": list(values)}}


HEARD = [
    ({"resources": [REPOSITORY + "shop", REPOSITORY + "pay"]}, {"resources": [REPOSITORY + "pay"]}),
    ({"detail": {"repositoryName": ["shop", "pay"]}}, {"detail": {"repositoryName": ["pay"]}}),
    (detail({"prefix": "acme-shop-"}, "x"), detail("x")),
]


@pytest.mark.parametrize(("before", "after"), HEARD)
def test_of_a_pipeline_that_is_removed_nothing_need_be_heard(before: Any, after: Any) -> None:
    assert of_a_rule(before, after, GONE, STAYS) == []
    alarm = change("aws_cloudwatch_metric_alarm", {"alarm_name": "acme-shop-errors", "name": "acme-shop-errors"}, None)
    assert of_a_rule(before, after, GONE, STAYS, alarm) == [], "an alarm that goes with it is not what stays"


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        *((*pair, [STAYS]) for pair in HEARD),  # nothing goes
        *((*pair, [GONE, AGAIN]) for pair in HEARD),  # at another address
        (detail("acme-shop", "x"), detail("x"), [GONE, AGAIN]),
        *((*pair, [GONE, ALSO]) for pair in HEARD[:2]),  # another pipeline is built from it
        (*HEARD[2], [GONE, OF_IT]),
        (detail({"prefix": "acme-"}, "x"), detail("x"), [GONE, STAYS]),
        (detail({"prefix": "acme-shop"}, "x"), detail("x"), [GONE, STAYS]),  # acme-shop2 begins with it, too
        (detail({"prefix": "acme-shop-", "suffix": "x"}, "x"), detail("x"), [GONE, STAYS]),
        (detail({"suffix": "acme-shop-"}, "x"), detail("x"), [GONE, STAYS]),
        (detail("shop", "x"), detail("x"), [GONE, STAYS]),  # it is not said that this is a repository
        *((*pair, [change("aws_codepipeline", pipeline("acme-i", "shop", "ECR"), None, name="i")]) for pair in HEARD[:2]),
    ],
)  # fmt: skip
def test_what_else_is_no_longer_heard_of_is_told(before: Any, after: Any, others: Any) -> None:
    assert of_a_rule(before, after, *others) != []


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
