"""Mutation test of the code that judges: gate, guard, identity, severities and what they are read from.

``tools/mutations.py`` makes the mutants, ``tools/mutate_run.py`` runs the tests on each. What no test notices is printed, with
a score for each file.

mutmut changes nothing at the level of a module (tables of severities, limits, patterns), deletes no statement and wants
names that are paths (here each function's directory is an import root); cosmic-ray deletes nothing and takes seconds for
each mutant. So this is a tool of our own: only what the tests need is in it.

    python -m tools.mutate                 # all files: some 25 minutes on two cores
    python -m tools.mutate gate identity   # files whose path has one of these in it
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import sys
import time
from dataclasses import dataclass

import yaml

from tools.mutate_run import ROOT, survivors, without_shrinking
from tools.mutations import Mutant, mutants

EQUIVALENT = ROOT / "tools" / "mutate_equivalent.yaml"
GOAL = 90.0  # per cent

_GATE = ("verdict", "identity", "findings_importer")
_GUARD = ("release_guard", "pushes")
_AGREED = ("strict", "gate_contract", "lambda_policy")
_SARIF = ("parse_sarif", "parse_snyk", "grades")
# File under lambdas/ -> test modules that speak of it.
TARGETS: dict[str, tuple[str, ...]] = {
    "findings_importer/findings/gate.py": _GATE,
    "findings_importer/findings/identity.py": _GATE,
    "findings_importer/findings/inventory.py": ("inventory", "projection"),
    "findings_importer/findings/service.py": ("findings_importer", "importer_aws", "events", "projection"),
    "findings_importer/findings/events.py": ("events", "importer_aws"),
    "findings_importer/findings/parsers/grading.py": (
        "grades",
        "parse_images",
        "parse_sarif",
        "parse_snyk",
        "parse_code",
        "parse_zap",
    ),
    "findings_importer/findings/parsers/grype.py": ("parse_images", "grades"),
    "findings_importer/findings/parsers/sarif_levels.py": _SARIF,
    "findings_importer/findings/parsers/sarif_log.py": _SARIF,
    "findings_importer/findings/parsers/snyk_issues.py": ("parse_snyk", "grades"),
    "release_guard/guard/call.py": _GUARD,
    "release_guard/guard/duties.py": _GUARD,
    "common/executions.py": _GUARD,
    "release_guard/guard/history.py": _GUARD,
    "common/report_store.py": _GUARD,
    "release_guard/guard/service.py": _GUARD,
    "release_guard/guard/verdicts.py": _GUARD,
    "common/contract.py": _AGREED,
    "common/policy.py": _AGREED,
    "common/pushes.py": ("pushes", "events"),
    "common/strict.py": _AGREED,
}
# Of these only the functions and tables that grade are meant; the rest of a parser is text for people.
_PARTS = {
    f"findings_importer/findings/parsers/{name}.py": re.compile("severit|grade", re.IGNORECASE)
    for name in ("grype", "sarif_log", "snyk_issues")
}


def meant(name: str, source: str) -> list[Mutant]:
    """The mutants of a file; of some parsers only those in functions and tables that grade."""
    found = list(mutants(source, str(ROOT / "lambdas" / name)))
    part = _PARTS.get(name)
    if part is None:
        return found
    lines = source.splitlines()
    kept = [
        range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        for statement in ast.parse(source).body
        if not isinstance(statement, (ast.Import, ast.ImportFrom, ast.Expr))
        and part.search("\n".join(lines[statement.lineno - 1 : statement.end_lineno]))
    ]
    return [mutant for mutant in found if any(mutant.line in span for span in kept)]


def equivalents() -> frozenset[tuple[str, str, str]]:
    """File, line and change of the mutants that are listed, with a reason each, as such that no test can notice."""
    listed: list[dict[str, str]] = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return frozenset((one["file"], one["line"], one["change"]) for one in listed if one["why"])


@dataclass(frozen=True)
class Row:
    """What became of a file's mutants. ``alive``: without the equivalent ones, which nothing can notice."""

    name: str
    mutants: int
    alive: int
    equivalent: int

    @property
    def score(self) -> float:
        """Per cent that were noticed."""
        judged = self.mutants - self.equivalent
        return 100.0 * (judged - self.alive) / judged if judged else 100.0

    def __str__(self) -> str:
        numbers = f"{self.mutants:5} mutants  {self.alive:4} alive  {self.equivalent:3} equivalent"
        return f"{self.score:5.1f} %  {numbers}  {self.name}"


def main() -> int:
    """0 if the score of all files together reaches the goal."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutate", description="Mutation test of the code that judges."
    )
    parser.add_argument("files", nargs="*", help="part of a path under lambdas/; without any: all")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.dont_write_bytecode = False
    for module in ("boto3", "botocore.session", "hypothesis", "jsonschema", "unittest.mock"):
        importlib.import_module(module)  # once, for all children
    without_shrinking()
    excused = equivalents()
    table: list[Row] = []
    for name in dict.fromkeys(name for part in chosen.files or [""] for name in TARGETS if part in name):
        tests = TARGETS[name]
        path = ROOT / "lambdas" / name
        there = [test for test in tests if (ROOT / "tests" / "lambdas" / f"test_{test}.py").exists()]
        source = path.read_text(encoding="utf-8")
        found = meant(name, source)
        started = time.monotonic()
        alive = survivors(path, there, found, chosen.jobs)
        lines = [line.strip() for line in source.splitlines()]
        equivalent = [mutant for mutant in alive if (name, lines[mutant.line - 1], mutant.change) in excused]
        for mutant in alive:
            mark = "  (equivalent)" if mutant in equivalent else ""
            print(f"  {path.relative_to(ROOT)}:{mutant.line}: {mutant.change}{mark}")
        table.append(Row(name, len(found), len(alive) - len(equivalent), len(equivalent)))
        print(f"{table[-1]}  {time.monotonic() - started:.0f} s", flush=True)
    total = Row("total", *(sum(getattr(row, name) for row in table) for name in ("mutants", "alive", "equivalent")))
    print("\n".join(["", *map(str, table), str(total)]))
    return 0 if total.score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
