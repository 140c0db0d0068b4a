"""The Snyk CLI: its service cannot be had. Checks what it is called with, and replays a real report.

https://docs.snyk.io/developer-tools/snyk-cli/commands/test (exit codes: 0, 1, 2, 3)
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import said  # type: ignore[import-not-found]  # it runs from its folder

ENVIRONMENT = {"PATH", "HOME", "TMPDIR", "LANG", "CI", "SNYK_DISABLE_ANALYTICS", "SNYK_TOKEN", "SNYK_CFG_ORG"}

PACKAGES = "import json, importlib.metadata as m; print(json.dumps(sorted(one.name for one in m.distributions())))"

arguments = sys.argv[1:]
said.only("snyk", arguments, ENVIRONMENT)
token, org = os.environ["SNYK_TOKEN"], os.environ["SNYK_CFG_ORG"]
if any(token in one or org in one for one in arguments):
    said.refuse("snyk", ["..."], "the token or the organisation stands on its command line")


def options(given: list[str], known: set[str], flags: set[str]) -> dict[str, str]:
    """``--name=value`` and flags; nothing else."""
    found = dict(one.partition("=")[::2] for one in given)
    if set(found) - known - flags or len(found) != len(given):
        said.refuse("snyk", arguments, f"options {given}: known are {sorted(known | flags)}")
    return found


def failed(words: str, code: int) -> None:
    print(json.dumps({"ok": False, "error": words, "path": str(Path.cwd())}))
    said.end("snyk", arguments, code)


def test(given: dict[str, str]) -> None:
    """Open source. What it would have read must be there."""
    if "--file" in given:
        manifest, python = Path(given["--file"]), given.get("--command", "")
        if given.get("--package-manager") != "pip" or not manifest.is_file() or manifest.is_absolute():
            said.refuse("snyk", arguments, f"{manifest} is no requirements.txt below the current folder")
        # Its plugin asks the interpreter, too, with a library that it brings along: the environment has no pip.
        asked = subprocess.run([python, "-I", "-c", PACKAGES], capture_output=True, text=True, check=False)
        try:
            count = len(json.loads(asked.stdout))
        except ValueError:
            said.refuse("snyk", arguments, f"--command={python} is no Python that knows its packages")
        answer(said.planned("snyk", "test"), {"displayTargetFile": str(manifest), "packageManager": "pip"}, count)
    if given.get("--exclude") != "requirements.txt" or "--fail-fast" not in given:
        said.refuse("snyk", arguments, "--all-projects without --fail-fast and --exclude=requirements.txt")
    if not re.fullmatch(r"[1-9]\d*", given.get("--detection-depth", "")):
        said.refuse("snyk", arguments, "--detection-depth is no number")
    planned = said.planned("snyk", "all-projects")
    if planned is None:
        failed(f"Could not detect supported target files in {Path.cwd()}.", 3)
    answer(planned, {}, 0)


def answer(planned: object, changed: dict[str, str], count: int) -> None:
    report = said.report("snyk", arguments, planned)
    for part in report if isinstance(report, list) else [report]:
        part.update(changed)
        if count and "dependencyCount" in part:
            part["dependencyCount"] = count
    print(json.dumps(report, indent=2))
    said.end("snyk", arguments, int(planned.get("code", 0)) if isinstance(planned, dict) else 0)


if token != said.planned("snyk", "token"):
    if arguments[:1] == ["monitor"]:
        print("Authentication error (SNYK-0005)", file=sys.stderr)
        said.end("snyk", arguments, 2)
    failed("Authentication error (SNYK-0005): Authentication credentials not recognized", 2)
if arguments[:1] == ["test"] and arguments[-1] == "--json":
    known = {"--file", "--package-manager", "--command", "--exclude", "--detection-depth"}
    test(options(arguments[1:-1], known, {"--all-projects", "--fail-fast"}))
elif arguments[:1] == ["monitor"]:
    known = {"--file", "--package-manager", "--command", "--project-name", "--exclude", "--detection-depth"}
    where = {"--remote-repo-url", "--target-reference"}
    if where - set(options(arguments[1:], known | where, {"--all-projects", "--fail-fast"})):
        said.refuse("snyk", arguments, "monitor without repository and branch")
    code = int((said.planned("snyk", "monitor") or {"code": 0})["code"])
    print("Monitoring ... Explore this snapshot at https://app.snyk.io" if code == 0 else "Failed to monitor")
    said.end("snyk", arguments, code)
elif arguments == ["code", "test", "--json"]:
    answer(said.planned("snyk", "code"), {}, 0)
elif arguments[:3] == ["container", "test", "oci-archive:image.tar"] and arguments[-1] == "--json":
    options(arguments[3:-1], {"--file"}, set())
    if not Path("image.tar").is_file():
        said.refuse("snyk", arguments, "there is no image.tar")
    answer(said.planned("snyk", "container"), {}, 0)
said.refuse("snyk", arguments, "right is test, monitor, code test or container test")
