"""Plan what a pull request's branch changes, and leave the plans where the reviewing function reads them.

    python3 plan_stacks.py

Reads the branch's commit (the build's source) and the destination's (CODEBUILD_SRC_DIR_destination), writes to
s3://$REPORTS_BUCKET/$PLANS_PREFIX/<pull request>/<commit>/<build>/ one <stack>.json for each stack that changed
(`terraform show -json`) and, last, result.json (its form: lambdas/plan_review/commenting/results.py). Exits with 1 if
anything failed, after saying in result.json what.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

import plan_changes
from common import BIN, Failure, Result, main, run, setting, source_dir, upload

COMMIT = r"[0-9a-f]{40}"
BUILD = r"[\w-]+:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
# The reviewing function reads no larger plan (lambdas/plan_review/commenting/store.py).
LARGEST = 32 * 1024 * 1024
SECONDS = 900


def terraform(folder: Path, cache: Path, *arguments: str) -> Result:
    """One Terraform command in a stack's folder. Providers are downloaded once for all stacks.

    https://developer.hashicorp.com/terraform/cli/config/config-file#provider-plugin-cache : without a lock file the cache
    is used only with the second variable; Terraform checks the publisher's signature when it fills it. Its collector waits
    for more (https://pkg.go.dev/runtime#hdr-Environment_Variables): a quarter less processor time for a quarter more memory.
    """
    environment = {
        **os.environ,
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",
        "TF_PLUGIN_CACHE_DIR": str(cache),
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    }
    return run([str(BIN / "terraform"), *arguments], timeout=SECONDS, env=environment, cwd=folder)


def plan(folder: Path, cache: Path) -> bytes:
    """The plan of one stack as JSON. Failure with Terraform's words if it cannot be made.

    No lock, since nothing is written; no refresh (modules/review_build.py says why).
    """
    steps = (
        ("init", "-input=false", "-no-color"),
        ("validate", "-no-color"),
        ("plan", "-input=false", "-no-color", "-lock=false", "-refresh=false", "-out=review.tfplan"),
        ("show", "-json", "-no-color", "review.tfplan"),
    )
    for step in steps:
        done = terraform(folder, cache, *step)
        if done.code != 0:
            raise Failure(f"terraform {step[0]}: {plan_changes.tail(done)}")
    shown = done.out.encode()
    if len(shown) > LARGEST:
        raise Failure(f"its plan has {len(shown):,} bytes; at most {LARGEST:,} are reviewed")
    return shown


def checks(source: Path, targets: list[str]) -> list[dict[str, str]]:
    """The Makefile's targets that must succeed, each with its end."""
    ended = []
    for target in targets:
        print(f"make {target}", flush=True)
        done = run(
            ["make", "--no-print-directory", target],
            timeout=plan_changes.SECONDS,
            env=plan_changes.without_credentials(),
            cwd=source,
        )
        ended.append(
            part(target, "passed" if done.code == 0 else "failed", "" if done.code == 0 else plan_changes.tail(done))
        )
    return ended


def part(name: str, status: str, reason: str = "") -> dict[str, str]:
    """An entry of result.json."""
    print(f"{name}: {status} {reason}".rstrip(), flush=True)
    return {"name": name, "status": status, "reason": reason}


def review(work: Path, leave: Leave) -> dict[str, object]:
    """Everything but result.json itself, which this returns."""
    branch, destination, settings = source_dir(), Path(setting("CODEBUILD_SRC_DIR_destination")), setting("SETTINGS")
    result: dict[str, object] = {"schema": 1, "commit": setting("COMMIT", COMMIT), "compared": False, "error": ""}
    result |= {"stacks": [], "checks": []}
    why = plan_changes.synthesize(branch, settings, work / "branch")
    if why:
        return {**result, "error": f"make synth: {why}"}
    try:
        mine = plan_changes.stacks(work / "branch")
    except Failure as failure:
        return {**result, "error": str(failure)}
    theirs = None
    why = plan_changes.synthesize(destination, settings, work / "destination")
    if not why:
        try:
            theirs = plan_changes.stacks(work / "destination")
        except Failure as failure:
            why = str(failure)
    print(f"destination: {why or 'synthesized'}", flush=True)
    changes = plan_changes.compare(mine, theirs)
    ended = [part(name, "removed") for name in changes.removed] + [
        part(name, "unchanged") for name in changes.unchanged
    ]
    cache = work / "plugins"
    cache.mkdir()
    for name in changes.planned:
        try:
            leave.put(f"{name}.json", plan(work / "branch" / "stacks" / name, cache))
            ended.append(part(name, "planned"))
        except Failure as failure:
            ended.append(part(name, "failed", str(failure)))
    targets = [target for target in setting("CHECKS", r"-|[a-z0-9 -]+").split() if target != "-"]
    return {**result, "compared": theirs is not None, "stacks": ended, "checks": checks(branch, targets)}


class Leave:
    """Where this build leaves files."""

    def __init__(self, work: Path) -> None:
        self.bucket, self.work = setting("REPORTS_BUCKET"), work
        found = re.fullmatch(BUILD, setting("CODEBUILD_BUILD_ID", BUILD))
        build = found[1] if found else ""
        pull_request, commit = setting("PULL_REQUEST", r"[1-9][0-9]{0,9}"), setting("COMMIT", COMMIT)
        self.folder = f"{setting('PLANS_PREFIX', r'plans/[a-z0-9-]+')}/{pull_request}/{commit}/{build}"

    def put(self, name: str, content: bytes) -> None:
        """Upload one file."""
        file = self.work / "upload"
        file.write_bytes(content)
        upload(file, self.bucket, f"{self.folder}/{name}")


def _script(arguments: list[str]) -> int:
    if arguments:
        raise Failure("usage: plan_stacks.py")
    with tempfile.TemporaryDirectory() as folder:
        leave = Leave(Path(folder))
        result = review(Path(folder), leave)
        leave.put("result.json", (json.dumps(result, indent=1) + "\n").encode())
    failed = [
        str(one["name"]) for key in ("stacks", "checks") for one in _parts(result[key]) if one["status"] == "failed"
    ]
    if result["error"]:
        raise Failure(str(result["error"]))
    if failed:
        raise Failure(f"failed: {', '.join(failed)}")
    return 0


def _parts(value: object) -> list[dict[str, str]]:
    return value if isinstance(value, list) else []


if __name__ == "__main__":
    main(_script)
