"""What all tests share: the fast bindings, and the Terraform that several settings files give."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from modules import bindings  # noqa: E402 - before anything imports the generated bindings

bindings.start(os.environ).result()
gc.enable()  # a synthesis does without the collector, a test session does not

# How long an example takes says how busy the machine is: no test fails for that.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SETTINGS = ROOT / "tests" / "settings"
# The project's own settings files, and the user's: the contract tests hold for whatever stands in it.
PROJECTS = {path.stem: path for path in sorted(SETTINGS.glob("*.yaml"))}
USERS = Path(os.environ.get("PIPELINES") or ROOT / "pipelines.yaml")


# Tests that share something that takes long to make: all of them run in one process, beginning with the largest group.
TOGETHER = {
    "tests/emulator/test_watched": "an account of its own in which everything account-wide is managed",
    "tests/emulator/": "what is deployed",
    "tests/buildspecs/test_plan_build": "an account that holds states",
    "tests/rehearsal/test_scenarios": "what is deployed for the rehearsal",
    "tests/rehearsal/test_engine_": "an emulator for the rehearsal's engine",
}


@pytest.hookimpl(optionalhook=True)  # there is none without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    # Not by xdist_group: pytest-xdist 3.8 writes that into a node id that pytest 9.2 no longer reads, and groups nothing.
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((group for path, group in TOGETHER.items() if nodeid.startswith(path)), nodeid)

    return Together(config, log)


@dataclass(frozen=True)
class Emitted:
    """The output for one settings file: ``stacks`` by name as parsed JSON, and the folder it stands in."""

    settings: Any
    folder: Path
    stacks: Mapping[str, Mapping[str, Any]]

    def resources(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(stack, name, resource) of every resource of one type."""
        for stack, content in self.stacks.items():
            for name, resource in content.get("resource", {}).get(kind, {}).items():
                yield stack, name, resource

    def documents(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(stack, name, document) of every policy document."""
        for stack, content in self.stacks.items():
            for name, document in content.get("data", {}).get("aws_iam_policy_document", {}).items():
                yield stack, name, document


def emit(source: Path, outdir: Path) -> Emitted:
    """Synthesize ``source`` into ``outdir``. With ``EMITTED_FROM=<folder>`` in the environment what stands in
    ``<folder>/<source's stem>/`` is the output of a checked-in settings file, changed or not, and is judged as it is."""
    from stacks.app import synthesize
    from stacks.settings import load

    made = Path(os.environ.get("EMITTED_FROM", ""), source.stem)
    if "EMITTED_FROM" in os.environ and source.parent in (SETTINGS, ROOT) and (made / "stacks").is_dir():
        return read(load({"PIPELINES": str(source), "CDKTF_OUTDIR": str(made)}, ROOT), made)
    settings = load({"PIPELINES": str(source), "CDKTF_OUTDIR": str(outdir)}, ROOT)
    synthesize(settings)
    return read(settings, outdir)


def read(settings: Any, folder: Path) -> Emitted:
    """The output that stands in ``folder``, in the order of its deployment."""
    stacks = {
        name: json.loads((folder / "stacks" / name / "cdk.tf.json").read_text(encoding="utf-8"))
        for name in settings.stack_names()
    }
    return Emitted(settings, folder, stacks)


_CACHE: dict[Path, Emitted] = {}


@pytest.fixture(scope="session")
def emit_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Function: settings file -> its output, made once for all tests of this process."""

    def get(source: Path) -> Emitted:
        if source not in _CACHE:
            _CACHE[source] = emit(source, tmp_path_factory.mktemp(source.stem) / "cdktf.out")
        return _CACHE[source]

    return get


@pytest.fixture(params=[*PROJECTS, "pipelines.yaml"])
def emitted(request: pytest.FixtureRequest, emit_once: Any) -> Emitted:
    """The output of each of the project's settings files, and of the user's own."""
    return emit_once(PROJECTS.get(request.param, USERS))


@pytest.fixture
def full(emit_once: Any) -> Emitted:
    """The output of the settings file that uses every option."""
    return emit_once(PROJECTS["full"])


def on_ci() -> bool:
    """On CI a missing tool is a failure, on a user's machine a skip."""
    return bool(os.environ.get("CI"))


# Tables of which each test of a kind makes a column: what the test records -> title, name of the first column.
TABLES = {"fault matrix": ("faults by scanners", "fault"), "fault controls": ("controls: must pass", "control")}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The matrix of faults and scanners and its controls, where their tests ran: in columns, maybe from several processes."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    properties = [one for report in reports if report.when == "call" for one in report.user_properties]
    for kind, (title, head) in TABLES.items():
        columns: list[Any] = [value for name, value in properties if name == kind]
        if not columns:
            continue
        lines = [[head, *(column["scanner"] for column in columns)]]
        lines += [[row, *(column["cells"][row] for column in columns)] for row in columns[0]["cells"]]
        widths = [max(map(len, words)) for words in zip(*lines, strict=True)]
        terminalreporter.section(title)
        for line in lines:
            words = (word.ljust(width) for word, width in zip(line, widths, strict=True))
            terminalreporter.write_line("  ".join(words).rstrip())
