"""What every stand-in needs: the plan, the record of calls, the real tools. Runs inside of a build.

The plan, all of it optional (a report is a path below tests/reports, or a document; ``code`` the exit code)::

    {"install": {"grype": "fails"},
     "apt-get": {"skopeo": "fails"},
     "grype": {"image": {"report": ..., "code": 0}, "dependencies": {...}, "database": "fails"},
     "snyk": {"token": "...", "test": {"report": ..., "code": 1}, "code": {...}, "container": {...}, "monitor": {"code": 0}},
     "ecr": {"report": ...} or {"pages": [...]},
     "zap": {"report": ..., "code": 2},
     "kubectl": {"breaks": ["<namespace>"]}}

A stand-in without an answer in the plan refuses; it never makes one up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

OURS = Path("/rehearsal")
FACTS: dict[str, Any] = json.loads((OURS / "facts.json").read_text(encoding="utf-8"))
REFUSED = 97  # no real tool of these ends with it
REAL, STAND_IN = "real", "stand-in"


def record(tool: str, kind: str, arguments: list[str], code: int, **more: object) -> None:
    """One line; short lines of parallel writers do not mix."""
    line = {"tool": tool, "kind": kind, "arguments": arguments, "code": code, **more}
    with (OURS / "calls.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def refuse(tool: str, arguments: list[str], why: str) -> NoReturn:
    """The call is not one that this project makes: say so, and end as no real tool would."""
    record(tool, STAND_IN, arguments, REFUSED, refused=why)
    print(f"error: stand-in {tool} refuses: {why}", file=sys.stderr)
    sys.exit(REFUSED)


def end(tool: str, arguments: list[str], code: int, **more: object) -> NoReturn:
    """The call is answered."""
    record(tool, STAND_IN, arguments, code, **more)
    sys.exit(code)


def planned(*names: str) -> Any:
    """What the plan has at this place, or None."""
    found: Any = json.loads((OURS / "plan.json").read_text(encoding="utf-8"))
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def report(tool: str, arguments: list[str], answer: Any) -> Any:
    """The report of an answer in the plan."""
    if not isinstance(answer, dict) or "report" not in answer:
        refuse(tool, arguments, "the plan has no report for this call")
    if not isinstance(answer["report"], str):
        return answer["report"]
    return json.loads((OURS / "reports" / answer["report"]).read_text(encoding="utf-8"))


def program(tool: str) -> str:
    """The real tool of this machine; without it the call is refused."""
    found = str(FACTS["aws"] if tool == "aws" else FACTS["tools"].get(tool, ""))
    if not found:
        refuse(tool, sys.argv[1:], f"{tool} is not installed on this machine, and nothing stands in for it")
    return found


def real(tool: str, arguments: list[str], shown: list[str] | None = None) -> NoReturn:
    """Run the real tool and end as it does. ``shown``: what is recorded, if not all arguments may be."""
    begun = time.monotonic()
    code = subprocess.run([program(tool), *arguments], check=False).returncode
    code = 128 - code if code < 0 else code
    record(tool, REAL, arguments if shown is None else shown, code, seconds=round(time.monotonic() - begun, 2))
    sys.exit(code)


def only(tool: str, arguments: list[str], expected: set[str], free: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Refuse unless the environment has exactly these variables (``free`` may be there)."""
    # Python puts LC_CTYPE there where no locale is set, a shell PWD, OLDPWD, SHLVL and _.
    found = set(os.environ) - {"LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"} - free
    if found != expected:
        wrong = sorted(found ^ expected)
        refuse(tool, arguments, f"its environment differs from what it needs in {', '.join(wrong)}")
