"""The outputs that the checkers read: each of the tests' settings files, and the user's."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The user's file comes first, and minimal.yaml is left out: full.yaml has all that it has.
SETTINGS = ("pipelines.yaml", "tests/settings/full.yaml", "tests/settings/snyk.yaml")
CHECKERS = ROOT / ".venv-check" / "bin"


@dataclass(frozen=True)
class Output:
    """One settings file's output: ``name`` is the file's stem, ``folder`` holds ``stacks/<stack>/cdk.tf.json`` and what
    belongs to it, ``stacks`` is the parsed JSON. ``account`` is the one that it may be applied to."""

    name: str
    folder: Path
    stacks: Mapping[str, Mapping[str, Any]]
    account: str

    def resources(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(stack, name, resource) of every resource of one type."""
        for stack, content in self.stacks.items():
            for name, resource in content.get("resource", {}).get(kind, {}).items():
                yield stack, name, resource


def _read(name: str, folder: Path) -> Output:
    files = sorted(folder.glob("stacks/*/cdk.tf.json"))
    stacks = {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    provider = next(iter(stacks.values()))["provider"]["aws"][0]
    return Output(name, folder, stacks, (provider.get("allowed_account_ids") or ["123456789012"])[0])


@contextmanager
def outputs() -> Iterator[list[Output]]:
    """Synthesize all, or take what stands in ``EMITTED_FROM`` (``<settings stem>/stacks/...``), if that is set."""
    made = os.environ.get("EMITTED_FROM")
    if made:
        names = [Path(source).stem for source in SETTINGS if Path(made, Path(source).stem).is_dir()]
        if not names:
            raise SystemExit(f"EMITTED_FROM={made}: no output of {', '.join(SETTINGS)}")
        yield [_read(name, Path(made, name)) for name in names]
        return
    # Late: with EMITTED_FROM nothing is synthesized, and the bindings take a second.
    from modules import bindings

    bindings.start(os.environ).result()
    from stacks.app import synthesize
    from stacks.settings import load

    with tempfile.TemporaryDirectory() as folder:
        found = []
        for source in SETTINGS:
            out = Path(folder, Path(source).stem)
            synthesize(load({"PIPELINES": str(ROOT / source), "CDKTF_OUTDIR": str(out)}, ROOT))
            found.append(_read(out.name, out))
        yield found
