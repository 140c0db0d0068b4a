"""The matrix of faults and scanners: in no cell does anything pass that should not, and each says what happened."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

import fault_chain
import faults
from fault_kinds import FAULTS
from fault_scanners import SCANNERS
from fault_tools import Said

HEALTHY, CRASH = "healthy and clean", "scanner crashes"


@pytest.fixture(scope="module")
def shop() -> Iterator[Any]:
    with faults.prepared() as made:
        yield made


# What becomes of a commit in a cell of the faults' table. `pass` is no such word.
STOPPED = {"findings", "tool-error", "no-evidence", "no verdict"}


def judged(shop: Any, rows: tuple[str, ...], scanner: str) -> dict[str, str]:
    """What the table shows of a scanner, in cells that are as they must be."""
    cells = [faults.run(shop, name, scanner) for name in rows]
    wrong = [f"{one.fault}: {'; '.join(one.complaints)}\n{one.log}\n{one.guard}" for one in cells if one.complaints]
    assert not wrong, "\n\n".join(wrong)
    assert all(one.dash for one in cells if one.shown == faults.DASH)
    return {one.fault: one.shown for one in cells}


@pytest.mark.parametrize("scanner", faults.COLUMNS)
def test_no_cell_of_the_faults_is_a_pass(
    shop: Any, scanner: str, record_property: Callable[[str, object], None]
) -> None:
    shown = judged(shop, faults.ROWS, scanner)
    record_property("fault matrix", {"scanner": scanner, "cells": shown})
    assert {name: word for name, word in shown.items() if word not in STOPPED | {faults.DASH}} == {}
    if scanner in SCANNERS:
        assert (shown["the same call twice"], shown["two at once"]) == ("findings", "findings")


@pytest.mark.parametrize("scanner", faults.COLUMNS)
def test_without_a_fault_it_passes(shop: Any, scanner: str, record_property: Callable[[str, object], None]) -> None:
    shown = judged(shop, faults.CONTROL_ROWS, scanner)
    record_property("fault controls", {"scanner": scanner, "cells": shown})
    assert shown[HEALTHY] == "pass"
    assert set(shown.values()) == {"pass"} if scanner in SCANNERS else {"pass", faults.DASH}


@pytest.mark.parametrize("scanner", ["git-secrets", "snyk", "snyk-container", "snyk-code", "grype"])
def test_a_gate_that_lets_everything_through_is_noticed(shop: Any, tmp_path: Path, scanner: str) -> None:
    """ecr_scan.py and zap.py fail on their own, whatever the gate says."""
    scripts = fault_chain.copy_scripts(tmp_path / "scripts")
    gate = scripts / "gate.py"
    text = gate.read_text(encoding="utf-8")
    assert text.count('answer["verdict"] != "pass"') == 1
    gate.write_text(text.replace('answer["verdict"] != "pass"', "False"), encoding="utf-8")

    def spoil(chain: Any) -> None:
        chain.scripts = scripts

    assert "the build ended with exit code 0" in faults.run(shop, CRASH, scanner, spoil).complaints
    assert not faults.run(shop, HEALTHY, scanner, spoil).complaints


@pytest.mark.parametrize("scanner", ["grype", "zap"])
def test_an_importer_that_passes_everything_is_noticed(
    shop: Any, monkeypatch: pytest.MonkeyPatch, scanner: str
) -> None:
    passed = shop.modules.contract.Verdict.PASS
    monkeypatch.setattr(shop.modules.judging, "_verdict", lambda *_: (passed, "as planned"))
    complaints = faults.run(shop, "prints an old report", scanner).complaints
    assert "the guard lets the release go" in complaints
    assert "a pass is on record for all that the guard looks at" in complaints


def test_a_guard_that_believes_everything_is_noticed(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["guard.verdicts"], "objection", lambda *_: None)
    assert "the guard lets the release go" in faults.run(shop, CRASH, "grype").complaints


@pytest.mark.parametrize("scanner", list(SCANNERS))
def test_a_healthy_chain_that_breaks_is_noticed(shop: Any, scanner: str) -> None:
    assert faults.run(shop, HEALTHY, scanner, lambda chain: chain.say(Said(code=134))).complaints


def test_a_log_that_does_not_say_what_happened_is_noticed(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, CRASH, replace(FAULTS[CRASH], says="the moon"))
    (complaint,) = faults.run(shop, CRASH, "grype").complaints
    assert "does not say what happened" in complaint


@pytest.mark.parametrize(
    ("scanner", "spoil"),
    [
        ("snyk", lambda chain: chain.variables.update(SNYK_TOKEN_PARAMETER="/acme/snyk/organization")),
        ("snyk", lambda chain: chain.variables.update(SNYK_ORG_PARAMETER="/acme/another")),
        ("ecr", lambda chain: chain.variables.update(REGISTRY_NAME="acme/another")),
        ("zap", lambda chain: chain.variables.update(ZAP_MINUTES="2")),
        ("grype", lambda chain: chain.variables.update(ARTIFACTS_BUCKET="acme-another")),
    ],
)
def test_stand_ins_are_strict(shop: Any, scanner: str, spoil: Any) -> None:
    complaints = faults.run(shop, HEALTHY, scanner, spoil).complaints
    assert any(one.startswith("a stand-in was called wrongly") for one in complaints)


def test_callers_with_different_answers_are_noticed(shop: Any) -> None:
    def spoil(chain: Any) -> None:
        real = chain.functions.invoke

        def invoke(function: str, payload: str) -> tuple[Said, str]:
            said, text = real(function, payload)
            chain.answered.append(text.replace("at or above high", "at or above low"))
            return said, text

        chain.invoking = invoke

    complaints = faults.run(shop, "the same call twice", "zap", spoil).complaints
    assert complaints == ("staging: the callers have different answers",)


@pytest.mark.parametrize("row", ["the same call twice", "two at once"])
def test_a_finding_with_another_name_each_time_is_noticed(shop: Any, monkeypatch: pytest.MonkeyPatch, row: str) -> None:
    """A second call then archives what the first one has brought, and brings it again."""
    real, calls = shop.modules.judging.identify, itertools.count()

    def renamed(subject: Any, findings: Any) -> Any:
        call = next(calls)
        return [(f"{name}-{call}", one) for name, one in real(subject, findings)]

    monkeypatch.setattr(shop.modules.judging, "identify", renamed)
    complaints = faults.run(shop, row, "ecr").complaints
    assert "Security Hub has 12 findings under 12 names; the reports list 6" in complaints
    assert "the inventory has 12 findings under 12 names; the reports list 6" in complaints


@pytest.mark.parametrize("row", ["the same call twice", "two at once"])
@pytest.mark.parametrize("scanner", list(SCANNERS))
def test_findings_that_pass_are_noticed(shop: Any, monkeypatch: pytest.MonkeyPatch, scanner: str, row: str) -> None:
    passed = shop.modules.contract.Verdict.PASS
    monkeypatch.setattr(shop.modules.judging, "_verdict", lambda *_: (passed, "as planned"))
    cell = faults.run(shop, row, scanner)
    assert cell.shown == "pass"
    assert "the guard lets the release go" in cell.complaints


def test_a_wrong_cell_stands_out_in_the_table() -> None:
    cells = [
        faults.Cell(CRASH, "grype", "pass", ("the build ended with exit code 0",)),
        faults.Cell(CRASH, "ecr", faults.DASH, dash="not here"),
    ]
    head, row = faults.rows(cells)
    assert head == ["fault", *faults.COLUMNS]
    assert dict(zip(head, row, strict=True)) | {"grype": "pass WRONG", "ecr": "-"} == dict(zip(head, row, strict=True))
    assert faults.dashes(cells) == ["ecr: not here: scanner crashes"]
    more = [faults.Cell(row, one, faults.DASH, dash="not here") for row in ("a", "b") for one in ("ecr", "zap")]
    assert faults.dashes([*cells, *more]) == ["ecr: not here: scanner crashes", "ecr, zap: not here: a; b"]
    assert faults.text([head, row]).splitlines()[1].startswith(CRASH)
