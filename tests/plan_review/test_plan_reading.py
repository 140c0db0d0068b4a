"""What is a plan, and what is said of everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plan_builder import change, document, reviewed

from plan_review import render
from plan_review.findings import Kind
from plan_review.reading import UnreadableError, read


def unreadable(data: bytes) -> str:
    with pytest.raises(UnreadableError) as error:
        read("x", data)
    return str(error.value)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_known_formats(version: str) -> None:
    plan = read("x", json.dumps(document(change("aws_sqs_queue", None, {})) | {"format_version": version}).encode())
    assert len(plan.changes) == 1
    assert plan.newer_format is None


def test_a_higher_minor_is_read_and_said() -> None:
    """ "Ignore any object properties with unrecognized names to remain forward-compatible with future minor versions"."""
    found = reviewed(change("aws_sqs_queue", None, {}), format_version="1.9", something_new=[1])
    assert "format 1.9 is newer" in render.table(found, width=120)
    assert not found.risky


@pytest.mark.parametrize("version", ["2.0", "0.2", "10.0"])
def test_an_unknown_major_is_refused(version: str) -> None:
    """ "Reject any input which reports an unsupported major version"."""
    assert f"format version {version} is not known" in unreadable(
        json.dumps(document() | {"format_version": version}).encode()
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\x00{", "not JSON"),
        (b"[1]", "not a plan's object"),
        (b"{}", "no format_version"),
        (b'{"format_version": 1.2}', "no format_version"),
        (b'{"format_version": "1.2\\nx"}', "no format_version"),
        (b"PK\x03\x04plan", "Terraform's own plan file"),
        (b'{"@level":"info","@message":"Terraform 1.11.4"}\n{"@level":"info"}', "messages of `terraform plan -json`"),
        (b'{"format_version": "1.0", "values": {}}', "a state, not a plan"),
        (b'{"format_version": "1.2", "planned_values": {}, "resource_changes": [1]}', "form of a plan"),
        (b'{"format_version": "1.2", "planned_values": {}, "resource_changes": {"a": 1}}', "form of a plan"),
        (b'{"format_version": "1.2", "planned_values": {}, "output_changes": []}', "form of a plan"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (json.dumps(document(change("a", {}, {}) | {"change": {"actions": ["explode"]}})).encode(), "action that is not known here: explode"),
    ],
)  # fmt: skip
def test_what_is_not_a_plan_is_said(data: bytes, words: str) -> None:
    assert words in unreadable(data)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_powershell_writes_is_read(encoding: str) -> None:
    assert read("x", json.dumps(document()).encode(encoding)).changes == []


@pytest.mark.parametrize("actions", [["delete", "create"], ["create", "delete"], ["create", "forget"]])
def test_both_orders_of_a_replacement(actions: Any) -> None:
    entry = change(
        "aws_db_instance",
        {"engine": "a"},
        {"engine": "b"},
        replace_paths=[["engine"]],
        action_reason="replace_because_cannot_update",
    )
    entry["change"]["actions"] = actions
    found = reviewed(entry)
    assert [finding.kind for finding in found.findings] == ([] if "forget" in actions else [Kind.DESTROY])
    if actions[0] == "create" and not found.findings:
        return
    text = render.table(found, width=120)
    assert ("the new one first" if actions[0] == "create" else "the old one first") in text
    assert "engine a → b" in text
    assert "it cannot be changed in place" in text


def test_deferred_changes_and_incomplete_plans() -> None:
    deferred = [{"reason": "provider_config_unknown", "resource_change": change("aws_s3_bucket", None, {})}]
    (finding,) = reviewed(complete=False, deferred_changes=deferred).findings
    assert finding.kind is Kind.PLAN
    assert "provider_config_unknown" in render.table(reviewed(complete=False, deferred_changes=deferred))
    assert reviewed(complete=True).findings == []


def test_what_was_destroyed_outside_is_noted_and_a_filled_in_attribute_is_not() -> None:
    drift = [change("aws_sqs_queue", {"a": 1}, None, name="gone"), change("aws_sqs_queue", {"tags": None}, {"tags": {}}, name="filled"),
             change("aws_sqs_queue", {"policy": "a"}, {"policy": "b"}, name="edited")]  # fmt: skip
    relevant = [{"resource": "aws_sqs_queue.edited", "attribute": ["policy"]}]
    found = reviewed(resource_drift=drift, relevant_attributes=relevant)
    text = render.table(found, width=120)
    assert "Destroyed outside of Terraform since the last apply: aws_sqs_queue.gone" in text
    assert "Changed outside of Terraform since the last apply: aws_sqs_queue.edited" in text
    assert "filled" not in text
    assert not found.risky
