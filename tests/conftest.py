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

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from modules import bindings  # noqa: E402 - before anything imports the generated bindings

bindings.start(os.environ).result()
gc.enable()  # a synthesis does without the collector, a test session does not

SETTINGS = ROOT / "tests" / "settings"
# The project's own settings files, and the user's: the contract tests hold for whatever stands in it.
PROJECTS = {path.stem: path for path in sorted(SETTINGS.glob("*.yaml"))}
USERS = Path(os.environ.get("PIPELINES") or ROOT / "pipelines.yaml")


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
    """Synthesize ``source`` into ``outdir``."""
    from stacks.app import synthesize
    from stacks.settings import load

    settings = load({"PIPELINES": str(source), "CDKTF_OUTDIR": str(outdir)}, ROOT)
    written = synthesize(settings)
    stacks = {
        stack.name: json.loads((outdir / "stacks" / stack.name / "cdk.tf.json").read_text(encoding="utf-8"))
        for stack in written
    }
    return Emitted(settings, outdir, stacks)


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
