"""What the functions really ask AWS for, from their packages as they are deployed: declared, and all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from declared import EXECUTION, SCANS, RoleCalls, declared
from recorded import Taken, complaints, occurred, taken

FOLDER = Path(__file__).parent
FUNCTIONS = ("importer", "guard", "recorder", "sealer", "starter", "notifier", "reviewer")


def package(emitted: Any, one: RoleCalls, folder: Path) -> Path:
    """The function's package as it is deployed, unpacked."""
    resource = emitted.stacks[one.role.stack]["resource"]["aws_lambda_function"][one.role.id.removesuffix("_role")]
    target = folder / one.role.name
    with zipfile.ZipFile(emitted.folder / "stacks" / one.role.stack / resource["filename"]) as archive:
        archive.extractall(target)
    return target


def branch_of(pipeline: Any) -> str:
    return getattr(pipeline, "branch", None) or "main"


def record(emitted: Any, one: RoleCalls, folder: Path) -> list[Taken]:
    """The permissions that one function's requests take."""
    pipelines = emitted.settings.pipelines
    resource = emitted.stacks[one.role.stack]["resource"]["aws_lambda_function"][one.role.id.removesuffix("_role")]
    delivered = [pipeline for pipeline in pipelines.values() if pipeline.kind == "delivery"]
    arn = f"{one.variables['importer'].rpartition(':')[0]}:{resource['function_name']}"
    environment = {
        name: value.replace("${data.aws_caller_identity.caller.account_id}", one.variables["account"])
        for name, value in (resource.get("environment") or {}).get("variables", {}).items()
    }
    asked = {
        "kind": one.kind,
        "package": str(package(emitted, one, folder)),
        "region": emitted.settings.region,
        "arn": arn,
        "environment": environment,
        "gates": [
            (name, scanner, scope, f"reports/{name}/{EXECUTION}/{scanner}-{scope}/{SCANS[scanner][1]}")
            for name, pipeline in pipelines.items()
            for scanner in (
                ["git-secrets", *pipeline.scanners, "ecr", "zap"] if pipeline.kind == "delivery" else ["snyk"]
            )
            for scope in SCANS[scanner][0]
        ],
        "registries": [pipeline.registry for pipeline in delivered],
        "pushed": [
            (pipeline.repository.name, pipeline.branch)
            for pipeline in delivered
            if pipeline.approval.separation_of_duties
        ],
        "repositories": [
            (pipelines[name].repository.name, branch_of(pipelines[name]))
            for name in (pipelines if one.kind != "starter" else [one.role.stack])
        ],
    }
    done = subprocess.run(
        [sys.executable, "-B", FOLDER / "record_functions.py"],
        input=json.dumps(asked),
        env={"PATH": os.defpath, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{one.role.name}: {done.stderr[-3000:]}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        pair for line in lines for pair in taken(line["service"], line["operation"], line["parameters"], one.variables)
    ]


def test_functions_ask_for_what_is_declared(emit_once: Any, tmp_path: Path) -> None:
    """Two outputs: one with every scanner, one in which pushes are recorded."""
    from_settings = FOLDER.parent / "settings"
    wrong: list[str] = []
    seen: set[str] = set()
    wanted: set[str] = set()
    for stem in ("full", "snyk"):
        emitted = emit_once(from_settings / f"{stem}.yaml")
        for one in declared(emitted):
            if one.kind in FUNCTIONS:
                recorded = record(emitted, one, tmp_path / stem)
                wrong += complaints(one, recorded)
                seen |= occurred(one, recorded)
                wanted |= {call.origin for call in one.calls if call.seen}
    assert not wrong, "\n".join(wrong)
    assert not wanted - seen, "declared as seen, but never asked for:\n" + "\n".join(sorted(wanted - seen))


@pytest.mark.parametrize("without", ["{reports}/{inventory}", "{reports}/{judged}/verdict.json"])
def test_a_call_that_is_not_declared_is_noticed(emit_once: Any, without: str) -> None:
    emitted = emit_once(FOLDER.parent / "settings" / "full.yaml")
    [importer] = [one for one in declared(emitted) if one.kind == "importer"]
    resource = {
        "{reports}/{inventory}": f"{importer.variables['reports']}/pushed-elsewhere/x",
        "{reports}/{judged}/verdict.json": f"{importer.variables['reports']}/reports/payments/{EXECUTION}/x/verdict.txt",
    }[without]
    assert list(complaints(importer, [("s3:PutObject", resource)]))
    assert list(complaints(importer, [("s3:DeleteObject", f"{importer.variables['reports']}/inventory/x")]))
