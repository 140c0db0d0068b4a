"""Every emitted stack passes the real ``terraform validate`` with the real AWS provider."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any


def test_every_stack_is_valid(emitted: Any, terraform: Any, tmp_path: Path) -> None:
    # One copy with one .terraform for all: the providers are the same, only the configuration changes.
    for stack in emitted.stacks:
        folder = tmp_path / stack
        shutil.copytree(emitted.folder / "stacks" / stack, folder)
        initialized = terraform.run(folder, "init", "-input=false", "-no-color", "-backend=false")
        assert initialized.returncode == 0, initialized.stderr
        validated = terraform.run(folder, "validate", "-json")
        answer = json.loads(validated.stdout)
        assert answer["valid"], json.dumps(answer["diagnostics"], indent=1)
        assert answer["warning_count"] == 0, json.dumps(answer["diagnostics"], indent=1)


def test_validate_would_notice(full: Any, terraform: Any, tmp_path: Path) -> None:
    """The check above can fail: one attribute that no provider knows is enough."""
    folder = tmp_path / "broken"
    shutil.copytree(full.folder / "stacks" / "governance", folder)
    file = folder / "cdk.tf.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    next(iter(content["resource"]["aws_cloudwatch_event_rule"].values()))["no_such_attribute"] = 1
    file.write_text(json.dumps(content), encoding="utf-8")
    assert terraform.run(folder, "init", "-input=false", "-backend=false").returncode == 0
    assert json.loads(terraform.run(folder, "validate", "-json").stdout)["valid"] is False
