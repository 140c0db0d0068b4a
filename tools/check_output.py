"""checkov over the emitted Terraform, honestly: it must have read every resource, and no exception may be idle.

checkov passes silently in three ways, all of which this command turns into failures: with the framework ``terraform`` it
reads no JSON; a ``required_version`` makes it give up on the file and count that as "0 failed"; and a resource that it
does not know is no finding. Exceptions stand in ``checkov_exceptions.yaml`` by resource, each with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from modules import bindings  # noqa: E402 - the path above comes first

bindings.start(os.environ).result()

from stacks.app import synthesized  # noqa: E402
from stacks.settings import load  # noqa: E402

CHECKOV = ROOT / ".venv-check" / "bin" / "checkov"
EXCEPTIONS = Path(__file__).with_name("checkov_exceptions.yaml")
SETTINGS = [ROOT / "tests" / "settings" / "full.yaml", ROOT / "pipelines.yaml"]


def readable(source: Path, target: Path) -> set[str]:
    """Copy a stack without the blocks that checkov cannot read; returns the addresses of its resources and documents."""
    stack = json.loads(source.read_text(encoding="utf-8"))
    for block in ("//", "terraform"):
        stack.pop(block, None)
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(stack, indent=1), encoding="utf-8")
    return {f"{kind}.{name}" for kind, group in stack.get("resource", {}).items() for name in group}


def findings(folder: Path) -> tuple[set[tuple[str, str]], set[str]]:
    """(check, stack/address) of what failed, and the addresses that at least one check has looked at."""
    command = [str(CHECKOV), "-d", str(folder), "--framework", "terraform_json", "--skip-download", "-o", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        answers: Any = json.loads(ran.stdout)
    except json.JSONDecodeError:
        sys.exit(f"checkov said no JSON (exit {ran.returncode}): {ran.stderr[-500:]}")
    failed: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for answer in answers if isinstance(answers, list) else [answers]:
        if answer["summary"]["parsing_errors"]:
            sys.exit(f"checkov could not read {answer['results'].get('parsing_errors')}")
        for outcome in ("failed_checks", "passed_checks"):
            for finding in answer["results"][outcome]:
                stack = Path(finding["file_path"]).parent.name
                seen.add(f"{stack}/{finding['resource']}")
                if outcome == "failed_checks":
                    failed.add((finding["check_id"], f"{stack}/{finding['resource']}"))
    return failed, seen


def excepted() -> dict[tuple[str, str], str]:
    """(check, stack/address with wildcards) -> reason."""
    entries = yaml.safe_load(EXCEPTIONS.read_text(encoding="utf-8"))
    return {(entry["check"], where): entry["reason"] for entry in entries for where in entry["resources"]}


def main() -> int:
    """0: every finding is excepted, every exception is used, every resource was read."""
    if not CHECKOV.is_file():
        sys.exit("checkov is not installed: run `make check`")
    allowed, used, problems = excepted(), set(), []
    counted = 0
    for source in SETTINGS:
        settings = load({"PIPELINES": str(source)}, ROOT)
        with synthesized(settings) as output, tempfile.TemporaryDirectory() as folder:
            expected = 0
            for stack in sorted((output / "stacks").iterdir()):
                expected += len(readable(stack / "cdk.tf.json", Path(folder, stack.name, "cdk.tf.json")))
            failed, seen = findings(Path(folder))
        counted += expected
        # checkov has no check at all for some types; that it read most of them shows that it read the files.
        if len(seen) < expected // 2:
            problems.append(f"{source.name}: checkov looked at {len(seen)} of {expected} resources")
        for check, where in sorted(failed):
            key = next((key for key in allowed if key[0] == check and fnmatchcase(where, key[1])), None)
            if key is None:
                problems.append(f"{source.name}: {check} {where}")
            else:
                used.add(key)
    problems += [f"{EXCEPTIONS.name}: {check} {where} is no finding any more" for check, where in allowed.keys() - used]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    print(f"checkov: {counted} resources of {len(SETTINGS)} settings, {len(used)} exceptions, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
