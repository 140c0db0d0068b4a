"""bandit on the project's Python, ``# nosec`` ignored: an exception stands in bandit_exceptions.yaml with its reason."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tools.check_emitted import CHECKERS, ROOT
from tools.check_result import Finding, Report

_FOLDERS = ("buildspecs/scripts", "lambdas", "modules", "stacks", "tools")
_BAD_CODE = """import hashlib, pickle, subprocess
subprocess.run("ls " + input(), shell=True)
pickle.loads(b"")
hashlib.md5(b"password")
"""
_BAD_RULES = {"B602", "B301", "B324"}


def check() -> Report:
    """One bandit over all folders and a known-bad example."""
    expected = {str(path.relative_to(ROOT)) for folder in _FOLDERS for path in (ROOT / folder).rglob("*.py")}
    with tempfile.TemporaryDirectory() as scratch:
        probe = Path(scratch, "known_bad.py")
        probe.write_text(_BAD_CODE, encoding="utf-8")
        command = [
            str(CHECKERS / "bandit"),
            "-q",
            "-r",
            "--ignore-nosec",
            "-f",
            "json",
            "main.py",
            *_FOLDERS,
            str(probe),
        ]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    try:
        answer = json.loads(ran.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"bandit said no JSON (exit {ran.returncode}): {ran.stderr[-500:]}") from None
    findings, probed = [], set()
    for result in answer["results"]:
        if Path(result["filename"]).name == probe.name:
            probed.add(result["test_id"])
        else:
            where = result["filename"].removeprefix("./")
            findings.append(Finding(result["test_id"], where, result["issue_text"], result["line_number"]))
    problems = [f"{error['filename']} could not be read: {error['reason']}" for error in answer["errors"]]
    problems += [f"the known-bad code was not noticed: {rule}" for rule in sorted(_BAD_RULES - probed)]
    read = {name.removeprefix("./") for name in answer["metrics"]}
    problems += [f"{name} was not looked at" for name in sorted(expected - read)]
    lines = answer["metrics"]["_totals"]["loc"]
    return Report(f"{len(expected & read) + 1} files, {lines} lines", findings, problems)
