"""The pinned ``cdktf`` command line runs the app and writes what ``make synth`` writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "node_modules" / ".bin" / "cdktf"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_cdktf_synth_writes_the_same(emit_once: Any, tmp_path: Path) -> None:
    if not CLI.exists():
        if os.environ.get("CI"):
            pytest.fail("node_modules is missing: `make test` installs it")
        pytest.skip("node_modules is missing: npm ci")
    settings = ROOT / "tests" / "settings" / "minimal.yaml"
    for name in ("stacks", "modules", "lambdas", "buildspecs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "cdktf.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "CDKTF_"))}
    ran = subprocess.run(
        [str(CLI), "synth"],
        cwd=tmp_path,
        env={**environment, "PIPELINES": str(settings), "CI": "1", "CHECKPOINT_DISABLE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert files(tmp_path / "cdktf.out") == files(emit_once(settings).folder)


def test_the_cli_and_the_library_are_one_version() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    package = (ROOT / "package.json").read_text(encoding="utf-8")
    assert '"cdktf==0.21.0"' in pyproject
    assert '"cdktf-cli": "0.21.0"' in package
