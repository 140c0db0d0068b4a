"""Scanners whose reports are only read, at a desk: no pipeline runs them, so a report is all that can be wrong."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fault_chain import Workshop
from fault_functions import FAKES, PIPELINE

REPORTS = FAKES.parent / "reports"
READ_ONLY = ("semgrep", "inspector", "gitleaks", "sarif")
NOBODY = "no pipeline runs it, and the importer takes no call for it (which the controls try)"
VERDICTS = MappingProxyType({0: "pass", 1: "findings", 2: "tool-error", 3: "no-evidence"})


def run(shop: Workshop, fault: str, scanner: str) -> tuple[str, tuple[str, ...], str]:
    """What a cell shows, what is wrong with it, and why there is none."""
    report = _clean(scanner)
    file = shop.folder / f"{scanner}.json"
    code, more = 0, []
    match fault:
        case "healthy and clean":
            pass
        case "scanner crashes":
            code = 134
        case "prints half a report":
            report = report[: len(report) // 2]
        case "prints another commit's" if scanner == "sarif":
            more = ["--commit", "f" * 40]
        case "exits 0, prints nothing":
            report = b""
        case "scanner is missing":
            return _judged(shop, scanner, Path("/nonexistent"), 0, [])
        case "prints another commit's" | "prints an old report" | "exits 0, nothing scanned":
            return "-", (), "its report does not say it"
        case _:
            return "-", (), NOBODY
    file.write_bytes(report)
    shown, wrong, dash = _judged(shop, scanner, file, code, more, good=fault == "healthy and clean")
    return shown, (*wrong, *(_called(shop, scanner) if fault == "healthy and clean" else ())), dash


def _judged(
    shop: Workshop, scanner: str, file: Path, code: int, more: list[str], good: bool = False
) -> tuple[str, tuple[str, ...], str]:
    said, errors = io.StringIO(), io.StringIO()
    arguments = ["--scanner", scanner, "--report", str(file), "--exit-code", str(code), "--format", "table", *more]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        ended = shop.modules.desk.main(arguments)
    wrong = [] if (ended == 0) is good else [f"the desk's exit code is {ended}"]
    if len((said.getvalue() + errors.getvalue()).split()) < 5:
        wrong.append("nothing says why")
    return VERDICTS[ended], tuple(wrong), ""


def _called(shop: Workshop, scanner: str) -> list[str]:
    """A build that calls the importer in such a scanner's name is refused."""
    execution = shop.modules.fakes.EXECUTION
    key = f"reports/{PIPELINE}/{execution}/{scanner}-code/raw.json"
    call = {"schema": 1, "kind": "report", "pipeline": PIPELINE, "execution": execution, "action": "Verify/x"}
    call |= {"scanner": scanner, "scope": "code", "key": key, "exit_code": 0}
    world = shop.modules.world.World()
    world.s3.objects[key] = _clean(scanner)
    answer = world.importer().judge(call, f"{PIPELINE}_{scanner}").answer
    return [] if answer.verdict == "tool-error" and len(world.s3.objects) == 1 else [f"the importer says {answer}"]


def _clean(scanner: str) -> bytes:
    if scanner == "semgrep":
        many: dict[str, Any] = json.loads((REPORTS / "semgrep" / "many.json").read_bytes())
        return json.dumps(many | {"results": [], "errors": [], "paths": {"scanned": ["app.py"]}}).encode()
    if scanner == "sarif":
        driver = {"name": "linter", "rules": []}
        source = [{"repositoryUri": "https://example.com/x", "revisionId": "e" * 40}]
        run = {"tool": {"driver": driver}, "results": [], "versionControlProvenance": source}
        return json.dumps({"version": "2.1.0", "runs": [run]}).encode()
    return (REPORTS / scanner / "none.json").read_bytes()
