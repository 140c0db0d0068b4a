"""Renaming a construct destroys a bucket: addresses of what holds data are pinned in a file.

A change here needs a ``moved`` block in the output (https://developer.hashicorp.com/terraform/language/moved), not only a
new line in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PINNED: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("stateful_addresses.yaml").read_text(encoding="utf-8")
)
STATEFUL = {
    "aws_codecommit_repository", "aws_ecr_registry_scanning_configuration", "aws_ecr_repository", "aws_kms_alias",
    "aws_kms_key", "aws_s3_bucket", "aws_securityhub_account", "aws_sns_topic", "aws_sns_topic_subscription",
    "aws_sqs_queue", "aws_cloudwatch_log_group",
}  # fmt: skip


def test_stateful_addresses_stay(full: Any) -> None:
    found = {
        stack: sorted(
            f"{kind}.{name}"
            for kind, group in content.get("resource", {}).items()
            if kind in STATEFUL
            for name in group
        )
        for stack, content in full.stacks.items()
    }
    moved = {
        block["from"] for content in full.stacks.values() for block in content.get("moved", ())
    }  # an address that a moved block leaves behind may go
    gone = {
        f"{stack}: {a}" for stack in PINNED for a in PINNED[stack] if a not in found.get(stack, ()) and a not in moved
    }
    new = {f"{stack}: {a}" for stack in found for a in found[stack] if a not in PINNED.get(stack, ())}
    assert not gone, f"Terraform would destroy {sorted(gone)}"
    assert not new, f"put into stateful_addresses.yaml: {sorted(new)}"
