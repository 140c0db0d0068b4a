"""Which mutants of one file its tests notice.

A changed function is put in place of the imported one, and those tests run that reach the changed statement, fastest first,
until one fails; for a changed table or limit the tests are imported anew and all run. Each mutant has a process of its own.
"""

from __future__ import annotations

import gc
import importlib.machinery
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from tools.forked import children
from tools.mutations import Mutant

ROOT = Path(__file__).resolve().parent.parent
_NO_FAILURE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
SLOW = 3.0  # seconds; a test that takes longer is left out, and named


@dataclass
class Baseline:
    """A file's tests without any change: seconds of each, the tests that reach a line, the lines that the import reaches."""

    seconds: dict[str, float] = field(default_factory=dict)
    reached: dict[int, set[str]] = field(default_factory=dict)
    imported: set[int] = field(default_factory=set)

    def tests(self, mutant: Mutant) -> list[str]:
        """Tests that reach the mutant's statement, fastest first."""
        first, last = mutant.lines
        found: set[str] = set().union(*(self.reached.get(line, set()) for line in range(first, last + 1)))
        return sorted(found, key=lambda test: self.seconds[test])

    def at_import(self, mutant: Mutant) -> bool:
        """Whether the mutant takes effect only in a module that is imported anew."""
        first, last = mutant.lines
        return not mutant.inside or any(line in self.imported for line in range(first + 1, last + 1))


class Tracer:
    """Which lines of one file are reached, through ``sys.settrace``."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self.lines: set[int] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        """For ``sys.settrace``."""
        if frame.f_code.co_filename != self._path:
            return None
        if event == "line":
            self.lines.add(frame.f_lineno)
        return self

    def taken(self) -> set[int]:
        """The lines since the last call."""
        lines, self.lines = self.lines, set()
        return lines


class Session:
    """pytest plugin of one file: collects its tests once, then runs those that a mutant needs in children of this process."""

    def __init__(self, path: Path, found: Sequence[Mutant], jobs: int, answer: Path) -> None:
        self._path, self._found, self._jobs, self._answer = path, found, jobs, answer
        self._tracer = Tracer(path)
        self._functions: list[FunctionType] = []
        sys.settrace(self._tracer)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop."""
        sys.settrace(None)
        imported = self._tracer.taken()
        if session.testsfailed:
            raise session.Interrupted("collection failed")
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all children
        baseline = self._measured(session.items)
        baseline.imported = imported
        items = {item.nodeid: item for item in session.items}
        self._functions = functions_of(str(self._path))
        limit = 10 + 5 * sum(baseline.seconds.values())

        def work(mutant: Mutant) -> Callable[[], int]:
            return lambda: self._noticed(mutant.code, [items[name] for name in baseline.tests(mutant)])

        inner = [number for number, mutant in enumerate(self._found) if not baseline.at_import(mutant)]
        unchanged = compile(self._path.read_bytes(), str(self._path), "exec", dont_inherit=True)
        codes = children([lambda: self._noticed(unchanged, session.items)], 1, limit)
        if codes != [0]:
            raise pytest.UsageError("the tests notice a change where there is none")
        codes = children([work(self._found[number]) for number in inner], self._jobs, limit)
        answer = {
            "limit": limit,
            "alive": [number for number, code in zip(inner, codes, strict=True) if code == 0],
            "outer": sorted({*range(len(self._found))} - {*inner}),
            "slow": {name: taken for name, taken in baseline.seconds.items() if taken > SLOW},
        }
        self._answer.write_text(json.dumps(answer), encoding="utf-8")
        return True

    def _measured(self, items: Sequence[pytest.Item]) -> Baseline:
        with tempfile.NamedTemporaryFile("w+") as answer:

            def work() -> int:
                seconds, reached = {}, {}
                for item, following in zip(items, [*items[1:], None], strict=True):
                    started = time.process_time()
                    run(item, following)
                    seconds[item.nodeid] = time.process_time() - started
                    if seconds[item.nodeid] > SLOW:
                        continue
                    sys.settrace(self._tracer)
                    run(item, following)
                    sys.settrace(None)
                    reached[item.nodeid] = sorted(self._tracer.taken())
                Path(answer.name).write_text(json.dumps([seconds, reached]), encoding="utf-8")
                return 0

            if children([work], 1, 900) != [0]:
                raise pytest.UsageError("the tests fail without any change")
            seconds, reached = json.loads(answer.read())
        result = Baseline(seconds)
        for name, lines in reached.items():
            for line in lines:
                result.reached.setdefault(line, set()).add(name)
        return result

    def _noticed(self, code: CodeType, items: Sequence[pytest.Item]) -> int:
        become(self._functions, code)
        for item, following in zip(items, [*items[1:], None], strict=True):
            run(item, following)
        return 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first failure ends the child."""
        if report.failed:
            os._exit(1)


def run(item: pytest.Item, following: pytest.Item | None) -> None:
    """One test with its fixtures."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def functions_of(path: str) -> list[FunctionType]:
    """Every function of the file that stands in memory, wherever it is held."""
    return [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__.co_filename == path]


def become(functions: Sequence[FunctionType], code: CodeType) -> None:
    """Gives each function its code from ``code``, the changed module's."""
    changed = {(one.co_firstlineno, one.co_name): one for one in functions_in(code)}
    for function in functions:
        new = changed.get((function.__code__.co_firstlineno, function.__code__.co_name))
        if new and len(new.co_freevars) == len(function.__code__.co_freevars):
            function.__code__ = new


def functions_in(code: CodeType) -> Iterator[CodeType]:
    """The code of all functions, also of those in classes and functions."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from functions_in(constant)


def survivors(path: Path, names: Sequence[str], found: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """The mutants that no test notices. A run without end counts as noticed."""
    with tempfile.NamedTemporaryFile("w+") as file:
        code = children([lambda: collect(names, Session(path, found, jobs, Path(file.name)))], 1, 36000)
        text = file.read()
    if code != [0] or not text:
        sys.exit(f"{path.relative_to(ROOT)}: its tests fail without any change: {', '.join(names)}")
    answer = json.loads(text)
    for name, taken in answer["slow"].items():
        print(f"  left out, takes {taken:.0f} s: {name}")

    limit: float = answer["limit"]

    def work(code: CodeType) -> Callable[[], int]:
        def imported_anew() -> int:
            instead(path, code)
            for name in names:  # each in a process of its own: pytest runs once in each
                (result,) = children([lambda: collect([name], Without(answer["slow"]))], 1, limit)  # noqa: B023
                if result not in _NO_FAILURE:
                    return 1
            return 0

        return imported_anew

    unchanged = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    changed = [unchanged, *(found[number].code for number in answer["outer"])]
    first, *codes = children([work(code) for code in changed], jobs, 10 + limit * len(names))
    if first:
        sys.exit(f"{path.relative_to(ROOT)}: its tests notice a change where there is none")
    alive = [*answer["alive"], *(number for number, code in zip(answer["outer"], codes, strict=True) if code == 0)]
    return [found[number] for number in sorted(alive)]


def collect(names: Sequence[str], *plugins: object) -> int:
    """pytest in this process with the test modules ``names``; its exit code."""
    arguments = [f"tests/lambdas/test_{name}.py" for name in names]
    options = ["-x", "-q", "-s", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *arguments], plugins=list(plugins)))


class Without:
    """pytest plugin: the tests that take too long do not run."""

    def __init__(self, slow: Collection[str]) -> None:
        self._slow = slow

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """After the collection."""
        items[:] = [item for item in items if item.nodeid not in self._slow]


def instead(path: Path, code: CodeType) -> None:
    """From now on, whoever imports ``path`` gets ``code``."""
    usual = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        return code if Path(self.path) == path else usual(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]


def without_shrinking() -> None:
    """A property's first counterexample is enough, and each run draws the same examples."""
    from hypothesis import Phase, settings

    settings.register_profile("mutate", phases=[Phase.explicit, Phase.generate], derandomize=True, database=None)
    settings.load_profile("mutate")
