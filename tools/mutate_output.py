"""Mutation test of what is emitted: which weakening of the output do the cheap tests not notice?

Each mutant (``tools/output_mutations/``) of the output of tests/settings/full.yaml, and of pipelines.yaml where that has
places of its own, is judged in a child of this process, which has collected the tests once: the changed output is written
to a folder, ``EMITTED_FROM`` names it, and those tests run that read an output, the ones that noticed the like before
first. A failure that is no assertion (a key that is not there) does not end the run: it counts, but is told apart.

What no test notices must stand in tools/mutate_output.yaml with a reason, and nothing else may.

    python -m tools.mutate_output                    # all
    python -m tools.mutate_output --sample 200       # every n-th
    python -m tools.mutate_output 'trust' 'deny'     # kinds or names that have one of these in them
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.forked import children
from tools.mutate_run import SLOW, run
from tools.output_mutations import Mutant, apply, mutants

ROOT = Path(__file__).resolve().parent.parent
LISTED = ROOT / "tools" / "mutate_output.yaml"
GOAL = 95.0  # per cent
LIMIT = 300.0  # seconds for one mutant: one that takes longer says something about the machine, not about the output
TESTS = (
    "tests/contracts",
    "tests/modules/test_guardrails.py",
    "tests/permissions",
    "tests/stacks/test_inventory.py",
    "tests/stacks/test_stateful_addresses.py",
)
# The output that is mutated, and the one of which only the places are that the first does not have.
FULL, USERS = "full", "pipelines"
_MEANT = (AssertionError, ValueError, pytest.fail.Exception)  # ValueError: `[one] = found`


class SynthesisForbiddenError(RuntimeError):
    """A test wants an output of its own making: it says nothing about a mutant."""


def forbidden(settings: object) -> None:
    """In the place of the synthesis."""
    raise SynthesisForbiddenError


@dataclass(frozen=True)
class Judged:
    """What became of a mutant. ``by``: the test that noticed it, or "". ``meant``: through an assertion."""

    mutant: Mutant
    by: str
    meant: bool


def emit_all(folder: Path) -> int:
    """The outputs of all settings files, by stem, in ``folder``."""
    from modules import bindings

    bindings.start(os.environ).result()
    from stacks.app import synthesize
    from stacks.settings import load

    for source in [*sorted((ROOT / "tests" / "settings").glob("*.yaml")), ROOT / "pipelines.yaml"]:
        synthesize(load({"PIPELINES": str(source), "CDKTF_OUTDIR": str(folder / source.stem)}, ROOT))
    return 0


def stack_files(output: Path) -> dict[str, Path]:
    """The stacks of one output by name."""
    return {path.parent.name: path for path in sorted((output / "stacks").glob("*/cdk.tf.json"))}


def all_mutants(outputs: Path) -> list[tuple[str, Mutant]]:
    """(settings' stem, mutant); of the second output what the first does not have."""
    found: dict[str, tuple[str, Mutant]] = {}
    for stem in (FULL, USERS):
        for stack, path in stack_files(outputs / stem).items():
            for mutant in mutants(stack, json.loads(path.read_text(encoding="utf-8"))):
                found.setdefault(mutant.name, (stem, mutant))
    return list(found.values())


def written(outputs: Path, folder: Path, stem: str, mutant: Mutant | None) -> None:
    """``outputs`` in ``folder`` by links, but for the one file that the mutant changes."""
    for output in outputs.iterdir():
        if output.name != stem:
            (folder / output.name).symlink_to(output)
    target = folder / stem / "stacks"
    target.mkdir(parents=True)
    for name, path in stack_files(outputs / stem).items():
        (target / name).mkdir()
        for one in path.parent.iterdir():
            if one != path:
                (target / name / one.name).symlink_to(one)
        content = json.loads(path.read_text(encoding="utf-8"))
        if mutant and mutant.stack == name:
            content = apply(content, mutant.path, mutant.value)
        (target / name / path.name).write_text(json.dumps(content), encoding="utf-8")


class Session:
    """pytest plugin: the tests that read an output, collected once; each mutant is judged by them in a child."""

    def __init__(self, outputs: Path, found: Sequence[tuple[str, Mutant]], jobs: int, folder: Path) -> None:
        self._outputs, self._found, self._jobs, self._folder = outputs, found, jobs, folder
        self._log = folder / "noticed"
        self._log.touch()
        self._seconds: dict[str, float] = {}
        self._failed: list[tuple[str, str]] = []
        self.slow: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop."""
        if session.testsfailed:
            raise session.Interrupted("collection failed")
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all children
        from stacks import app, policy  # noqa: F401 - once, for all children

        app.synthesize = forbidden  # type: ignore[assignment]
        yaml.safe_load = functools.partial(yaml.load, Loader=yaml.CSafeLoader)  # ten times as fast, the same result
        items = self._readers([item for item in session.items if "emit_once" in getattr(item, "fixturenames", ())])
        for stem in (FULL, USERS):
            original = [lambda stem=stem: self._judge(-1, stem, None, self._of(stem, items))]
            if children(original, 1, LIMIT) != [0]:
                last = self._log.read_text(encoding="utf-8").splitlines()[-1:]
                raise pytest.UsageError(f"the tests notice a change where there is none: {last}")
        work = [
            lambda number=number, stem=stem, mutant=mutant: self._judge(number, stem, mutant, self._of(stem, items))
            for number, (stem, mutant) in enumerate(self._found)
        ]
        codes = children(work, self._jobs, LIMIT)
        (self._folder / "codes").write_text(json.dumps(codes), encoding="utf-8")
        return True

    def _readers(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Without those that synthesize settings of their own (they read nothing of a mutant) and those that take long."""
        answer = self._folder / "seconds"

        def measured() -> int:
            seconds = {}
            self._failed = []
            os.environ["EMITTED_FROM"] = str(self._outputs)
            for item, following in zip(items, [*items[1:], None], strict=True):
                started = sum(os.times()[:4])
                run(item, following)
                seconds[item.nodeid] = sum(os.times()[:4]) - started
            answer.write_text(json.dumps([seconds, self._failed]), encoding="utf-8")
            return 0

        if children([measured], 1, LIMIT) != [0]:
            raise pytest.UsageError("the tests do not end")
        self._seconds, failed = json.loads(answer.read_text(encoding="utf-8"))
        own = {test for test, error in failed if error == SynthesisForbiddenError.__name__}
        if broken := [test for test, _ in failed if test not in own]:
            raise pytest.UsageError(f"these tests fail without any change: {broken}")
        self.slow = sorted(test for test, seconds in self._seconds.items() if seconds > SLOW)
        return [item for item in items if item.nodeid not in own and item.nodeid not in self.slow]

    def _of(self, stem: str, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The tests that read this output: those with a parameter for another one do not."""
        wanted = {FULL: "full", USERS: "pipelines.yaml"}[stem]
        return [
            item for item in items if getattr(item, "callspec", None) is None
            or item.callspec.params.get("emitted", wanted) == wanted  # type: ignore[attr-defined]
        ]  # fmt: skip

    def _judge(self, number: int, stem: str, mutant: Mutant | None, items: Sequence[pytest.Item]) -> int:
        kind = mutant.kind if mutant else ""

        def report(test: str, error: str) -> None:
            line = {"number": number, "kind": kind, "by": test, "error": error}
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")

        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            written(self._outputs, Path(folder), stem, mutant)
            os.environ["EMITTED_FROM"] = folder
            self._failed = []
            ordered = self._likeliest_first(kind, items)
            for item, following in zip(ordered, [*ordered[1:], None], strict=True):
                run(item, following)
                if any(meant(error) for _, error in self._failed):
                    break
        if not self._failed:
            report("", "")
            return 0
        report(*next((one for one in self._failed if meant(one[1])), self._failed[0]))
        return 1

    def _likeliest_first(self, kind: str, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The tests by how many mutants each noticed so far for its time, above all of this kind."""
        counts: Counter[str] = Counter()
        for line in map(json.loads, self._log.read_text(encoding="utf-8").splitlines()):
            counts[line["by"]] += 1000 if line["kind"] == kind else 1
        return sorted(items, key=lambda item: -(counts[item.nodeid] + 1) / max(self._seconds[item.nodeid], 0.005))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Collects what failed, and through which error."""
        outcome: Any = yield
        if outcome.get_result().failed and call.excinfo is not None:
            failed = call.excinfo.type
            self._failed.append((item.nodeid, "AssertionError" if issubclass(failed, _MEANT) else failed.__name__))


def meant(error: str) -> bool:
    """Whether a test failed by what it says, not by stumbling."""
    return error == "AssertionError"


def judged(outputs: Path, found: Sequence[tuple[str, Mutant]], jobs: int, where: Sequence[str] = TESTS) -> list[Judged]:
    """What became of each mutant, judged by the tests in ``where``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = [test for test in where if (ROOT / test).exists()]
        options = ["-q", "-s", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        os.environ["EMITTED_FROM"] = str(outputs)
        session = Session(outputs, found, jobs, folder)
        code = pytest.main([*options, *tests], plugins=[session])
        answer = folder / "codes"
        if code != 0 or not answer.exists():
            sys.exit(f"no score: the tests cannot judge (pytest ended with {code})")
        codes: list[int] = json.loads(answer.read_text(encoding="utf-8"))
        if strange := sorted({one for one in codes if one not in (0, 1)}):
            sys.exit(f"no score: a child ended with {strange}")
        for test in session.slow:
            print(f"left out, takes more than {SLOW:.0f} s: {test}")
        lines = [json.loads(line) for line in (folder / "noticed").read_text(encoding="utf-8").splitlines()]
    noticed = {line["number"]: line for line in lines}
    return [
        Judged(mutant, noticed[number]["by"], meant(noticed[number]["error"])) if code else Judged(mutant, "", False)
        for number, ((_, mutant), code) in enumerate(zip(found, codes, strict=True))
    ]


def reasons(path: Path = LISTED) -> dict[str, str]:
    """Name of a mutant that may survive -> why."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return {name: entry["why"] for entry in entries for name in entry["mutants"]}


def table(results: Iterable[Judged]) -> list[str]:
    """One line for each kind: noticed, of how many, by which tests."""
    by_kind: Mapping[str, list[Judged]] = defaultdict(list)
    for one in results:
        by_kind[one.mutant.kind].append(one)
    lines = []
    for kind, group in sorted(by_kind.items()):
        tests = Counter(one.by.split("::")[-1].split("[")[0] for one in group if one.by)
        who = ", ".join(f"{test} {count}" for test, count in tests.most_common(3))
        lines.append(f"{kind:28} {sum(1 for one in group if one.by):5} of {len(group):5}  {who}")
    return lines


def verdict(results: Sequence[Judged], excused: Mapping[str, str], *, complete: bool) -> tuple[int, list[str]]:
    """(exit code, what to say). ``complete``: every mutant was judged, so that an idle entry can be told."""
    alive = [one.mutant.name for one in results if not one.by]
    unlisted = [name for name in alive if name not in excused]
    idle = sorted(set(excused) - set(alive)) if complete else []
    score = 100.0 * (len(results) - len(alive)) / len(results) if results else 0.0
    stumbled = sum(1 for one in results if one.by and not one.meant)
    said = [f"not noticed: {name}" for name in unlisted]
    said += [f"listed in {LISTED.name}, but noticed or gone: {name}" for name in idle]
    said.append(
        f"{len(results)} mutants, {len(results) - len(alive)} noticed ({stumbled} of them by a test that stumbled), "
        f"{len(alive)} not, {len(unlisted)} of them without a reason: {score:.1f} %"
    )
    return (1 if score < GOAL or unlisted or idle else 0), said


def chosen(found: Sequence[tuple[str, Mutant]], parts: Sequence[str], sample: int) -> list[tuple[str, Mutant]]:
    """Those with one of ``parts`` in kind or name; of these at most ``sample``, evenly."""
    some = [one for one in found if not parts or any(part in f"{one[1].kind} {one[1].name}" for part in parts)]
    return some[:: max(1, len(some) // sample)] if sample else some


def main() -> int:
    """0 if the score reaches the goal, every survivor has a reason and every reason a survivor."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate_output", description="Mutation test of the output.")
    parser.add_argument("parts", nargs="*", help="part of a kind or a name; without any: all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample", type=int, default=0, help="judge about this many")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files and folders with the tests that judge")
    parser.add_argument("--report", type=Path, help="write what became of each mutant there, as JSON lines")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder)
        if children([lambda: emit_all(outputs)], 1, LIMIT) != [0]:
            sys.exit("no score: the settings files cannot be synthesized")
        everything = all_mutants(outputs)
        some = chosen(everything, options.parts, options.sample)
        results = judged(outputs, some, options.jobs, options.tests)
    if options.report:
        lines = [
            {"kind": one.mutant.kind, "name": one.mutant.name, "by": one.by, "meant": one.meant} for one in results
        ]
        options.report.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    code, said = verdict(results, reasons(), complete=len(some) == len(everything))
    print("\n".join([*table(results), *said, f"{time.monotonic() - started:.0f} s"]))
    return code


if __name__ == "__main__":
    sys.exit(main())
