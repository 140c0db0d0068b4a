"""The snippets for other CIs: their form, and that what they call is there. They are not run on either service."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
WORKFLOWS = sorted(SNIPPETS.glob("plan-review.*.yml"))


def commands(value: object) -> list[str]:
    """Every shell text of a workflow."""
    if isinstance(value, dict):
        found = [line for key in ("run", "script") for line in _texts(value.get(key))]
        return found + [line for item in value.values() for line in commands(item)]
    return [line for item in value for line in commands(item)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def test_there_is_one_for_each_service() -> None:
    assert [path.name for path in WORKFLOWS] == ["plan-review.github.yml", "plan-review.gitlab.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_yamllint_takes_it(path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-c", ROOT / ".yamllint.yaml", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_its_review_commands_are_ones_that_the_command_knows(path: Path, tmp_path: Path) -> None:
    lines = [
        line.strip(" -")
        for text in commands(yaml.safe_load(path.read_text(encoding="utf-8")))
        for line in text.splitlines()
    ]
    reviews = [line for line in lines if "plan_review" in line]
    assert len(reviews) == 2, "markdown and html"
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "network.json").write_bytes((ROOT / "tests" / "plans" / "shapes.json").read_bytes())
    for line in reviews:
        arguments = re.findall(r"--[a-z]+ \S+", line)
        words = [word for argument in arguments for word in argument.split()]
        ran = subprocess.run(
            [sys.executable, "-m", "plan_review", "plans/network.json", *words],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT / "lambdas" / "plan_review")}, capture_output=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert b"Every object" in ran.stdout
    files = re.findall(r"(?:docs|lambdas)/[\w./]+", path.read_text(encoding="utf-8"))
    assert files
    for file in files:
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_its_shell_is_shell(path: Path, tmp_path: Path) -> None:
    for text in commands(yaml.safe_load(path.read_text(encoding="utf-8"))):
        script = tmp_path / "script.sh"
        script.write_text(re.sub(r"\$\{\{.*?\}\}", "value", text), encoding="utf-8")
        ran = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = (ROOT / "docs" / "plan-review.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https)([^)#]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link
