"""A scanner is complete or it is not there: every list that names scanners names the same ones."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import yaml

from modules.scanners import IMAGE_SCANNERS, READ_ONLY_SCANNERS, SCANNERS, VERIFY_SCANNERS

ROOT = Path(__file__).resolve().parents[2]


def contract() -> ModuleType:
    """lambdas/common/contract.py, without leaving its neighbours behind for other tests."""
    sys.path.insert(0, str(ROOT / "lambdas"))
    try:
        spec = importlib.util.spec_from_file_location("_contract", ROOT / "lambdas" / "common" / "contract.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT / "lambdas"))
        for name in [name for name in sys.modules if name == "common" or name.startswith("common.")]:
            del sys.modules[name]


def sample(scanner: str) -> bool:
    """Whether a real report of it is there; Snyk's are together, told apart by their beginnings."""
    reports = ROOT / "tests" / "reports"
    beginning = {"snyk": "project", "snyk-code": "code_sarif", "snyk-container": "container"}.get(scanner)
    return any(reports.glob(f"snyk/{beginning}*" if beginning else f"{scanner}/*"))


@pytest.mark.parametrize("scanner", sorted(SCANNERS))
def test_scanner_has_every_part(scanner: str) -> None:
    entry = SCANNERS[scanner]
    assert entry.id == scanner
    parser = f"{scanner.replace('-', '_')}.py"
    wanted = [ROOT / "buildspecs" / entry.buildspec, ROOT / "lambdas/findings_importer/findings/parsers" / parser]
    wanted += [] if sample(scanner) else [ROOT / "tests" / "reports" / scanner / "a report"]
    missing = [path.relative_to(ROOT).as_posix() for path in wanted if not path.is_file()]
    assert not missing, f"scanner {scanner!r} also needs: {missing}"
    spec = yaml.safe_load((ROOT / "buildspecs" / entry.buildspec).read_text(encoding="utf-8"))
    assert spec["env"]["exported-variables"] == ["SUMMARY"]


def test_no_buildspec_is_left_without_its_scanner() -> None:
    files = {path.stem.removeprefix("scan-") for path in (ROOT / "buildspecs").glob("scan-*.yml")}
    assert files == set(SCANNERS)


def test_the_functions_know_the_same_scanners_and_scopes() -> None:
    assert {id_: set(entry.scopes) for id_, entry in SCANNERS.items()} == {
        id_: set(scopes) for id_, scopes in contract().SCOPES.items()
    }
    assert {id_ for id_, entry in SCANNERS.items() if entry.report == "raw.txt"} == set(contract().TEXT_REPORTS)


def test_every_scanner_has_its_row_of_grades_in_the_document() -> None:
    rows = (
        (ROOT / "docs" / "findings.md").read_text(encoding="utf-8").split("## Grades")[1].split("## Names")[0].lower()
    )
    titles = {"snyk": "snyk open source", "snyk-container": "container", "snyk-code": "snyk code", "zap": "zap"}
    for scanner in (*SCANNERS, *READ_ONLY_SCANNERS):
        assert titles.get(scanner, scanner) in rows, f"docs/findings.md says nothing of {scanner}'s severities"


def test_the_functions_know_what_is_read_at_a_desk_only() -> None:
    assert set(READ_ONLY_SCANNERS) == set(contract().READ_ONLY_SCANNERS)


def test_the_settings_know_the_same_scanners() -> None:
    from stacks import setting_gate

    assert set(get_args(setting_gate.ScannerId)) == set(SCANNERS)
    assert set(get_args(setting_gate.Verifier)) == set(VERIFY_SCANNERS)
    assert set(setting_gate.READS_IMAGE) == set(IMAGE_SCANNERS)


def test_the_policy_is_one_that_the_functions_read(emitted: Any) -> None:
    """``stacks/policy.py`` writes it, ``lambdas/common/policy.py`` reads it; they share no code."""
    from stacks.policy import policy_json

    sys.path.insert(0, str(ROOT / "lambdas"))
    try:
        from common.policy import Policy  # type: ignore[import-not-found]

        policy = Policy.parse(policy_json(emitted.settings))
    finally:
        sys.path.remove(str(ROOT / "lambdas"))
        for name in [name for name in sys.modules if name == "common" or name.startswith("common.")]:
            del sys.modules[name]
    assert set(policy.pipelines) == set(emitted.settings.pipelines)
    for stack in emitted.settings.pipelines:
        name = emitted.stacks[stack]["resource"]["aws_codepipeline"]["pipeline"]["name"]
        assert policy.pipelines[stack].name == name


def test_the_guard_requires_what_the_pipeline_runs_before_it(emitted: Any) -> None:
    """Read from the emitted stages, not from the settings: a scanner that runs but is not required is a hole."""
    from stacks.policy import policy_json

    policy = json.loads(policy_json(emitted.settings))
    for stack, pipeline in emitted.settings.pipelines.items():
        if pipeline.kind != "delivery":
            continue
        ran: set[str] = set()
        for stage in emitted.stacks[stack]["resource"]["aws_codepipeline"]["pipeline"]["stage"]:
            required = policy["pipelines"][stack]["required"].get(stage["name"])
            if required is not None:
                assert {scan["scanner"] for scan in required} == ran, stage["name"]
            ran |= {action["name"] for action in stage["action"] if action["name"] in SCANNERS}
