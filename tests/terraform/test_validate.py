"""Every emitted stack passes the real ``terraform validate`` with the real AWS provider."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any


def test_every_stack_is_valid(emitted: Any, terraform: Any, tmp_path: Path) -> None:
    for stack in emitted.stacks:
        folder = tmp_path / stack
        shutil.copytree(emitted.folder / "stacks" / stack, folder)
        # Other backends are out of reach here; their configuration is read before they are asked.
        local = emitted.settings.backend.type == "local"
        initialized = terraform.run(folder, "init", "-input=false", "-no-color", f"-backend={str(local).lower()}")
        assert initialized.returncode == 0, initialized.stderr
    answer = together(terraform, tmp_path, list(emitted.stacks))
    assert answer["valid"], json.dumps(answer["diagnostics"], indent=1)
    assert answer["warning_count"] == 0, json.dumps(answer["diagnostics"], indent=1)


def together(terraform: Any, folder: Path, stacks: list[str]) -> Any:
    """What `terraform validate` says of stacks in ``folder``, as modules of one configuration: the provider says only once what it
    knows, which takes it four seconds. A module has no backend."""
    for stack in stacks:
        file = folder / stack / "cdk.tf.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        content["terraform"].pop("backend", None)
        file.write_text(json.dumps(content), encoding="utf-8")
    modules = {stack: {"source": f"./{stack}"} for stack in stacks}
    (folder / "main.tf.json").write_text(json.dumps({"module": modules}), encoding="utf-8")
    initialized = terraform.run(folder, "init", "-input=false", "-no-color")
    assert initialized.returncode == 0, initialized.stderr
    return json.loads(terraform.run(folder, "validate", "-json").stdout)


def test_validate_would_notice(full: Any, terraform: Any, tmp_path: Path) -> None:
    """The check above can fail: one attribute that no provider knows is enough, in any of the stacks."""
    for stack in ("foundation", "governance"):
        shutil.copytree(full.folder / "stacks" / stack, tmp_path / stack)
    folder = tmp_path / "governance"
    file = folder / "cdk.tf.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    next(iter(content["resource"]["aws_cloudwatch_event_rule"].values()))["no_such_attribute"] = 1
    file.write_text(json.dumps(content), encoding="utf-8")
    answer = together(terraform, tmp_path, ["foundation", "governance"])
    assert answer["valid"] is False
    assert "no_such_attribute" in json.dumps(answer["diagnostics"])


def test_the_s3_backend_is_one_that_terraform_takes(full: Any, terraform: Any, tmp_path: Path) -> None:
    """Its values are checked before the bucket is asked for; that one does not exist, and no credentials are there."""
    folder = tmp_path / "governance"
    shutil.copytree(full.folder / "stacks" / "governance", folder)
    file = folder / "cdk.tf.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["terraform"]["backend"]["s3"]["use_lockfile"] is True
    # Endpoints that nobody listens on, instead of AWS.
    nowhere = "http://127.0.0.1:9"
    content["terraform"]["backend"]["s3"] |= {
        "endpoints": {"s3": nowhere, "sts": nowhere}, "access_key": "x", "secret_key": "x", "max_retries": 1,
        "skip_credentials_validation": True, "skip_metadata_api_check": True, "skip_requesting_account_id": True,
    }  # fmt: skip
    file.write_text(json.dumps(content), encoding="utf-8")
    initialized = terraform.run(folder, "init", "-input=false", "-no-color")
    assert initialized.returncode != 0
    assert "Unsupported argument" not in initialized.stderr
    assert "Invalid" not in initialized.stderr
    assert "127.0.0.1:9" in initialized.stderr, initialized.stderr
