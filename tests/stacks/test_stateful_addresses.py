"""Renaming a construct destroys a bucket: addresses of what holds data are pinned in a file.

A change here needs a ``moved`` block in the output (https://developer.hashicorp.com/terraform/language/moved), not only a
new line in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PINNED: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("stateful_addresses.yaml").read_text(encoding="utf-8")
)
STATEFUL = {
    "aws_codecommit_repository", "aws_ecr_registry_scanning_configuration", "aws_ecr_repository", "aws_kms_alias",
    "aws_kms_key", "aws_s3_bucket", "aws_securityhub_account", "aws_sns_topic", "aws_sns_topic_subscription",
    "aws_sqs_queue", "aws_cloudwatch_log_group", "aws_codebuild_report_group", "aws_cloudtrail",
    "aws_config_configuration_recorder", "aws_config_delivery_channel",
}  # fmt: skip


def addresses(stack: Mapping[str, Any]) -> set[str]:
    """Of what holds data, or somebody's confirmation."""
    resources = stack.get("resource", {})
    return {f"{kind}.{name}" for kind in STATEFUL for name in resources.get(kind, {})}


def destroyed(pinned: Mapping[str, list[str]], stacks: Mapping[str, Any]) -> list[str]:
    """What Terraform would destroy: a pinned address that is neither there nor moved to one that is, of the same type."""
    lost = []
    for stack, wanted in pinned.items():
        found = addresses(stacks.get(stack, {}))
        moved = {block["from"]: block["to"] for block in stacks.get(stack, {}).get("moved", ())}
        for address in wanted:
            now = address
            while now not in found and now in moved:
                now = moved.pop(now)
            if now not in found or now.split(".")[0] != address.split(".")[0]:
                lost.append(f"{stack}: {address}")
    return lost


def test_stateful_addresses_stay(full: Any) -> None:
    lost = destroyed(PINNED, full.stacks)
    assert not lost, f"Terraform would destroy {lost}: leave the ids, or emit a moved block"


def test_every_stateful_address_is_pinned(full: Any) -> None:
    new = {name: sorted(addresses(content) - set(PINNED.get(name, ()))) for name, content in full.stacks.items()}
    assert not any(new.values()), f"put into stateful_addresses.yaml: {new}"


def renamed(stack: Mapping[str, Any], kind: str, name: str, to: str, **blocks: Any) -> dict[str, Any]:
    resources = {**stack["resource"], kind: dict(stack["resource"][kind])}
    resources[kind][to] = resources[kind].pop(name)
    return {**stack, "resource": resources, **blocks}


def test_a_move_without_its_block_is_noticed(full: Any) -> None:
    foundation = renamed(full.stacks["foundation"], "aws_s3_bucket", "reports", "findings")
    assert destroyed(PINNED, {**full.stacks, "foundation": foundation}) == ["foundation: aws_s3_bucket.reports"]


def test_a_move_with_its_block_is_none(full: Any) -> None:
    block = {"from": "aws_s3_bucket.reports", "to": "aws_s3_bucket.findings"}
    foundation = renamed(full.stacks["foundation"], "aws_s3_bucket", "reports", "findings", moved=[block])
    assert not destroyed(PINNED, {**full.stacks, "foundation": foundation})


def test_a_block_that_leads_nowhere_is_noticed(full: Any) -> None:
    for to in ("aws_s3_bucket.elsewhere", "aws_sns_topic.notifications", "aws_s3_bucket.reports"):
        block = {"from": "aws_s3_bucket.reports", "to": to}
        foundation = renamed(full.stacks["foundation"], "aws_s3_bucket", "reports", "findings", moved=[block])
        assert destroyed(PINNED, {**full.stacks, "foundation": foundation}) == ["foundation: aws_s3_bucket.reports"], to
