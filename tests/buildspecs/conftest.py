"""What the tests of the build scripts share: which tools must be there, and strict stand-ins for commands."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "buildspecs" / "scripts"

# A stand-in takes its expected calls in order, compares every argument, and records what it was called with.
STAND_IN = """#!{python}
import fnmatch, json, os, pathlib, shutil, sys, time
tool = pathlib.Path(sys.argv[0]).name
# A payload file is gone when the test looks: its content stands in the record.
arguments = [pathlib.Path(a[8:]).read_text() if a.startswith("fileb://") else a for a in sys.argv[1:]]
folder = pathlib.Path({folder!r})
passed_on = json.loads((folder / "passed_on.json").read_text()).get(tool)
if passed_on and arguments[: len(passed_on["first"])] == passed_on["first"]:
    os.execv(passed_on["real"], [passed_on["real"], *arguments])
plan = folder / (tool + ".plan")
calls = json.loads(plan.read_text()) if plan.exists() else []
fits = bool(calls) and len(calls[0]["arguments"]) == len(arguments) and all(
    fnmatch.fnmatchcase(given, wanted) for given, wanted in zip(arguments, calls[0]["arguments"]))
call = calls.pop(0) if fits else None
importer = folder / "gate.json"
if tool == "aws" and arguments[:2] == ["lambda", "invoke"] and importer.exists():
    fits, call = True, {{"reads_stdin": False, "writes": {{"-1": importer.read_text()}}, "brings": {{}}, "keeps": {{}},
                        "seconds": 0, "stdout": '{{"StatusCode": 200}}', "stderr": "", "code": 0}}
    importer.unlink()
stdin = sys.stdin.read() if call and call["reads_stdin"] else ""
small = [a for a in arguments if os.path.isfile(a) and os.path.getsize(a) < 100_000]
files = {{a: pathlib.Path(a).read_text(errors="replace") for a in small}}
with open(folder / "calls.jsonl", "a") as log:
    log.write(json.dumps({{"tool": tool, "arguments": arguments, "expected": fits, "stdin": stdin, "files": files,
                           "environment": dict(os.environ)}}) + "\\n")
if call is None:
    sys.exit("stand-in " + tool + ": unexpected call " + json.dumps(arguments) + ", next would be "
             + json.dumps(calls[0]["arguments"] if calls else None))
plan.write_text(json.dumps(calls))
for position, content in call["writes"].items():
    pathlib.Path(arguments[int(position)]).write_text(content)
for position, file in call["brings"].items():
    shutil.copyfile(file, arguments[int(position)])
for position, file in call["keeps"].items():
    shutil.copyfile(arguments[int(position)], file)
time.sleep(call["seconds"])
sys.stdout.write(call["stdout"])
sys.stderr.write(call["stderr"])
sys.exit(call["code"])
"""


@dataclass(frozen=True)
class Call:
    """One call that a stand-in received."""

    tool: str
    arguments: list[str]
    stdin: str
    files: Mapping[str, str]
    environment: Mapping[str, str]


@dataclass
class StandIns:
    """Commands on PATH that accept exactly the calls they are told to expect, in that order."""

    folder: Path
    passed_on: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """PATH with the stand-ins first."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def install(self, tool: str) -> None:
        """Put a stand-in on PATH. Without an expected call it refuses everything."""
        file = self.folder / "bin" / tool
        file.write_text(STAND_IN.format(python=sys.executable, folder=str(self.folder)))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        self._write_passed_on()

    def pass_on(self, tool: str, *first: str, real: str) -> None:
        """Let the real tool answer calls that begin with these arguments."""
        self.install(tool)
        self.passed_on[tool] = {"first": list(first), "real": real}
        self._write_passed_on()

    def expect(
        self,
        tool: str,
        *arguments: str,
        stdout: str = "",
        stderr: str = "",
        code: int = 0,
        writes: Mapping[int, str] | None = None,
        brings: Mapping[int, Path] | None = None,
        keeps: Mapping[int, Path] | None = None,
        seconds: float = 0,
        reads_stdin: bool = False,
    ) -> None:
        """Expect one more call; ``*`` in an argument stands for anything.

        Arguments that name files, by position: ``writes`` maps them to text to write, ``brings`` to a file to copy
        there, ``keeps`` to a place to copy them to.
        """
        self.install(tool)
        plan = self.folder / f"{tool}.plan"
        calls = json.loads(plan.read_text()) if plan.exists() else []
        calls.append(
            {
                "arguments": list(arguments),
                "stdout": stdout,
                "stderr": stderr,
                "code": code,
                "writes": {str(position): content for position, content in (writes or {}).items()},
                "brings": {str(position): str(file) for position, file in (brings or {}).items()},
                "keeps": {str(position): str(file) for position, file in (keeps or {}).items()},
                "seconds": seconds,
                "reads_stdin": reads_stdin,
            }
        )
        plan.write_text(json.dumps(calls))

    def expect_first(self, tool: str, *arguments: str, **result: Any) -> None:
        """Expect this call before those that are expected already."""
        self.expect(tool, *arguments, **result)
        plan = self.folder / f"{tool}.plan"
        calls = json.loads(plan.read_text())
        plan.write_text(json.dumps([calls[-1], *calls[:-1]]))

    def answer_gate(self, body: str) -> None:
        """Expect gate.py's call of the findings importer, however it orders its options; answer with this body."""
        (self.folder / "gate.json").write_text(body)
        self.install("aws")

    def expect_verdict(self, payload: str, verdict: str, summary: str = "s") -> None:
        """Expect one call of the findings importer with this payload, in which ``*`` stands for anything."""
        counts = dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0)
        answer = {"schema": 1, "verdict": verdict, "counts": counts, "blocking": 0, "summary": summary}
        self.expect(
            "aws", "lambda", "invoke", "--function-name", "acme-importer",
            "--cli-read-timeout", "0", "--payload", payload, "*",
            stdout='{"StatusCode": 200}', writes={8: json.dumps({**answer, "reason": "r", "page": "p"})},
        )  # fmt: skip

    def gate_request(self) -> dict[str, Any]:
        """What the findings importer was asked."""
        arguments = next(call.arguments for call in self.calls("aws") if call.arguments[:2] == ["lambda", "invoke"])
        request: dict[str, Any] = json.loads(arguments[arguments.index("--payload") + 1])
        return request

    def calls(self, tool: str | None = None) -> list[Call]:
        """What was called so far."""
        log = self.folder / "calls.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [
            Call(line["tool"], line["arguments"], line["stdin"], line["files"], line["environment"])
            for line in lines
            if tool in (None, line["tool"])
        ]

    def check(self) -> None:
        """Every expected call came, and no other."""
        log = self.folder / "calls.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        unexpected = [[line["tool"], *line["arguments"]] for line in lines if not line["expected"]]
        assert not unexpected, f"unexpected calls: {unexpected}"
        missing = {plan.stem: json.loads(plan.read_text()) for plan in self.folder.glob("*.plan")}
        missing = {tool: [call["arguments"] for call in calls] for tool, calls in missing.items() if calls}
        assert not missing, f"calls that never came: {missing}"
        assert not (self.folder / "gate.json").exists(), "the gate was never asked"

    def _write_passed_on(self) -> None:
        (self.folder / "passed_on.json").write_text(json.dumps(self.passed_on))


@pytest.fixture
def stand_ins(tmp_path: Path) -> Iterator[StandIns]:
    """Stand-ins for this test; afterwards each expected call must have come."""
    folder = tmp_path / "stand-ins"
    (folder / "bin").mkdir(parents=True)
    commands = StandIns(folder)
    yield commands
    commands.check()


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """The path of a tool that a test needs: without it the test skips, but in CI (CI is set) it fails."""

    def find(tool: str) -> str:
        path = shutil.which(tool)
        if path:
            return path
        message = f"{tool} is not installed: this test needs it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture
def scripts() -> Path:
    """The folder of the build scripts."""
    return SCRIPTS


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a build script as a module; afterwards its neighbours' plain names (`image`, `source`) are free again."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(SCRIPTS)):
            del sys.modules[name]
