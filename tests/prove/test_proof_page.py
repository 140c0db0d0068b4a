"""docs/proof.md names nothing that is not there, and says of every claim what proves it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "proof.md"
TEXT = PAGE.read_text(encoding="utf-8")
# Beginnings that make a text in backquotes a path of this repository.
ROOTS = ("tests/", "tools/", "docs/", "lambdas/", "buildspecs/", "modules/", "stacks/")

PATHS = sorted({code for code in re.findall(r"`([^`\n]+)`", TEXT) if code.startswith(ROOTS)})
LINKS = sorted({link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT) if "://" not in link})
TARGETS = sorted(set(re.findall(r"\bmake ([a-z][a-z-]*)", TEXT)))
MODULES = sorted(set(re.findall(r"python -m ([\w.]+)", TEXT)))


def claims() -> list[list[str]]:
    """Cells of the second table, without its head."""
    _, _, table = TEXT.partition("| claim |")
    lines = [line for line in table.split("\n\n")[0].splitlines()[2:] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("path", PATHS)
def test_every_file_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_run(module: str) -> None:
    path = ROOT / Path(*module.split("."))
    assert (path / "__main__.py").is_file() or path.with_suffix(".py").is_file()


def test_every_claim_says_by_which_means_and_where() -> None:
    head, _, _ = TEXT.partition("| claim |")
    means = set(re.findall(r"^\| ([a-z]+) \|", head, re.MULTILINE)) - {"by"}
    found = claims()
    assert len(found) > 30
    for claim, by, where, *rest in found:
        assert len(rest) == 1, claim
        assert set(by.split(", ")) <= means, claim
        assert where, claim


def test_the_page_names_what_these_tests_look_for() -> None:
    assert len(PATHS) > 30
    assert {"apply-local", "check", "mutate", "mutate-output"} <= set(TARGETS)
    assert "tools.prove_on_aws" in MODULES


def test_the_readme_leads_here_and_still_says_that_nothing_ran_on_aws() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Never run on AWS yet" in readme
    assert "(docs/proof.md)" in readme
    assert "tools.prove_on_aws" in readme
