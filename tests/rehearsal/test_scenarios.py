"""Each scenario of the rehearsal ends as it must, on one deployment of its settings that all of them share.

While writing: ``python -m tools.apply_local --keep tools/rehearse/pipelines.yaml`` in another shell, then
REHEARSED_AT=<the folder that it prints>.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tools.apply_local.checkout import FailedError
from tools.apply_local.life import attached, begun
from tools.emulator.process import ROOT, EmulatorError
from tools.rehearse import __main__ as command
from tools.rehearse import parts
from tools.rehearse.judging import differences
from tools.rehearse.run import Rehearsal, deployed
from tools.rehearse.scenarios import NOT_STARTED, SCENARIOS, Ends, Scenario, named
from tools.rehearse.seen import Found, Outcome, Verdict
from tools.terraform_cli import TerraformMissingError

SETTINGS = ROOT / "tools" / "rehearse" / "pipelines.yaml"


# Each costs a minute of two processors. Without SCENARIOS=all (`make test-rehearsal`) these two are left out: the first is a step of
# rollout-fails, as the whole of it is expected; of the second, locks and overtaking are tested in test_engine_locks.py.
LEFT_OUT = () if os.environ.get("SCENARIOS") == "all" else ("clean", "two-commits")
HERE = [one for one in SCENARIOS if one.name not in LEFT_OUT]


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Deployed once."""
    folder = tmp_path_factory.mktemp("rehearsal")
    try:
        if kept := os.environ.get(parts.KEPT_AT):
            with deployed(attached(Path(kept), SETTINGS, print), folder / "scenarios") as found:
                yield found
            return
        with begun(folder, SETTINGS, print, cdktf=False) as life:
            life.deploy_together()
            with deployed(life, folder / "scenarios") as found:
                yield found
    except (EmulatorError, TerraformMissingError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"needed on CI: {error}")
        pytest.skip(str(error))
    except FailedError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("scenario", HERE, ids=lambda one: one.name)
def test_a_scenario_ends_as_it_must(rehearsal: Rehearsal, scenario: Scenario, tmp_path: Path) -> None:
    missing = parts.missing(scenario)
    if missing and not os.environ.get("CI"):
        pytest.skip(missing)
    assert not missing
    said: list[str] = []
    rehearsal.reports = tmp_path  # as with REPORTS=folder
    result = rehearsal.run(scenario, said.append)
    assert not result.wrong, "\n".join(said)
    assert result.red == scenario.red
    # The summary says where and why it has stopped, in one place.
    assert result.red == any("STOPPED at" in line for line in said)
    assert any("as expected" in line for line in said)
    kept = tmp_path / scenario.name
    for outcome in result.outcomes:
        assert all((kept / key).is_file() for key in outcome.reports)  # a report may be empty: there was none
        assert all((kept / verdict.key).is_file() for verdict in outcome.verdicts.values())
        assert not outcome.execution or list((kept / "logs" / outcome.execution).glob("*.log"))
        assert not outcome.reports or any(str(kept) in line for line in said)
    if scenario.secret:
        assert scenario.secret not in "\n".join(said)
        assert not [
            file for file in kept.rglob("*") if file.is_file() and scenario.secret.encode() in file.read_bytes()
        ]


def test_what_is_left_out_is_another_ones_step() -> None:
    assert named("clean").steps[0] is named("rollout-fails").steps[0]


RELEASED = Outcome(
    says="",
    pipeline="shop",
    commit="c" * 40,
    findings=(Found("h11", "CRITICAL", "ACTIVE", "NEW"),),
    images=("sha256:" + "1" * 64,),
    runs={"payments-staging": "registry/shop@sha256:" + "1" * 64},
    status="Failed",
    execution="e",
    at="Verify/grype",
    why="gate: grype dependencies: findings",
    verdicts={"grype dependencies": Verdict("findings", {"critical": 1}, "k"), "grype image": Verdict("pass", {}, "k")},
    digest="sha256:" + "1" * 64,
    told=("Subject: acme: shop FAILED in Verify (grype)\n\nshop FAILED in Verify (grype).\n",),
    packages=frozenset({"h11-0.14.0", "httpx-0.24.1"}),
)
RIGHT = Ends(
    "Failed", "Verify/grype", "grype dependencies", {"grype dependencies": "findings"}, hub=1, archived=0, images=1,
    runs={"payments-staging": 1, "payments-production": 0}, asked=False,
    brings=("h11-0.14.0",), without=("h11-0.16.0",),
)  # fmt: skip


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert list(differences(RIGHT, RELEASED, [RELEASED.digest])) == []


@pytest.mark.parametrize(
    "otherwise",
    [
        {"status": "Succeeded", "at": ""},
        {"status": "InProgress"},
        {"status": NOT_STARTED},
        {"at": "Publish/guard"},
        {"why": "the machine has no space left"},
        {"verdicts": {}},
        {"verdicts": {"grype dependencies": Verdict("tool-error", {}, "k")}},
        {"verdicts": {**RELEASED.verdicts, "grype image": Verdict("findings", {}, "k")}},
        {"findings": ()},
        {"findings": (*RELEASED.findings, Found("other", "LOW", "ARCHIVED", "NEW"))},
        {"images": ()},
        {"runs": {}},
        {"runs": {"payments-staging": "registry/shop@sha256:" + "2" * 64}},
        {"runs": {"payments-staging": "registry/shop@sha256:" + "1" * 64 + " (not rolled out)"}},
        {"runs": {**RELEASED.runs, "payments-production": "registry/shop@sha256:" + "1" * 64}},
        {"packages": frozenset()},
        {"packages": frozenset({"h11-0.16.0", "h11-0.14.0"})},
        {"mail": "Subject: APPROVAL NEEDED"},
        {"record": "released"},
        {"told": ()},
        {"told": RELEASED.told * 2},
        {"told": ("Subject: acme: shop FAILED in Publish\n\ngrype\n",)},
    ],
    ids=lambda otherwise: "-".join(otherwise),  # what is in a set has no order that two processes share
)
def test_whatever_is_otherwise_is_told(otherwise: dict[str, object]) -> None:
    assert list(differences(RIGHT, replace(RELEASED, **otherwise), [RELEASED.digest]))  # type: ignore[arg-type]


def test_an_image_that_nobody_sealed_is_not_the_right_one() -> None:
    outcome = replace(RELEASED, digest="", runs={"payments-staging": "registry/shop@"})
    assert list(differences(RIGHT, outcome, [""]))


def test_a_missing_tool_is_named_and_no_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts.shutil, "which", lambda tool, path: None if tool == "skopeo" else f"/usr/bin/{tool}")
    nobody: Rehearsal = None  # type: ignore[assignment]
    assert "skopeo" in str(command.tried(nobody, named("clean"), False))
    assert command.listed() == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == {one.name for one in SCENARIOS}
    assert "cannot run yet: skopeo" in lines["clean"]
    assert "cannot run yet" not in lines["token-missing"]  # scans only: pushes no image
