"""What tests/stacks/test_stateful_addresses.py takes for granted about ``moved`` blocks, said by Terraform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("block", [True, False])
def test_only_a_moved_block_keeps_what_is_renamed(terraform: Any, tmp_path: Path, block: bool) -> None:
    """With a type of Terraform's own: no provider."""
    file = tmp_path / "cdk.tf.json"
    file.write_text(json.dumps({"resource": {"terraform_data": {"old": {"input": 1}}}}), encoding="utf-8")
    assert terraform.run(tmp_path, "init", "-input=false").returncode == 0
    assert terraform.run(tmp_path, "apply", "-input=false", "-auto-approve").returncode == 0
    content: dict[str, Any] = {"resource": {"terraform_data": {"new": {"input": 1}}}}
    if block:
        content["moved"] = [{"from": "terraform_data.old", "to": "terraform_data.new"}]
    file.write_text(json.dumps(content), encoding="utf-8")
    planned = terraform.run(tmp_path, "plan", "-input=false", "-no-color").stdout
    assert ("will be destroyed" in planned) is not block, planned
