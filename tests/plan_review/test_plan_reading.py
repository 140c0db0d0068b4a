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
        (b"", "it is empty"),
        (b" \n", "it is empty"),
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


BUCKET = change("aws_s3_bucket", {"id": "b"}, None)
POLICY = change("aws_iam_role_policy", {"policy": "{}"}, {"policy": "{}"})


def entry(base: dict[str, Any] = BUCKET, **members: Any) -> dict[str, Any]:
    """A plan of one change, of which members of the change are others."""
    return document(base | {"change": base["change"] | members})


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (document() | {"resource_changes": {}}, "resource_changes is not a list"),
        (document() | {"resource_changes": ""}, "resource_changes is not a list"),
        (document() | {"resource_changes": [None]}, "resource_changes[0] is not an object"),
        (document() | {"resource_drift": {}}, "resource_drift is not a list"),
        (document() | {"deferred_changes": {}}, "deferred_changes is not a list"),
        (document() | {"deferred_changes": [1]}, "deferred_changes[0] is not an object"),
        (document() | {"checks": {}}, "checks is not a list"),
        (document() | {"action_invocations": "x"}, "action_invocations is not a list"),
        (document() | {"output_changes": {"o": []}}, "an output of output_changes is not an object"),
        (document() | {"errored": "true"}, "errored is not true or false"),
        (document() | {"complete": 0}, "complete is not true or false"),
        (document(BUCKET | {"type": None}), "resource_changes[0].type is not a text"),
        (document(BUCKET | {"mode": ["data"]}), "resource_changes[0].mode is not a text"),
        (document(BUCKET | {"change": []}), "resource_changes[0].change is not an object"),
        (entry(actions="delete"), "resource_changes[0].change.actions is not a list"),
        (entry(actions=None), "resource_changes[0].change.actions is not a list"),
        (entry(actions=[["delete"]]), "is not a text"),
        (entry(before=None), "resource_changes[0].change.before is not an object"),
        (entry(before=["b"]), "resource_changes[0].change.before is not an object"),
        (entry(POLICY, after="zz"), "resource_changes[0].change.after is not an object"),
        (entry(POLICY, after=None), "resource_changes[0].change.after is not an object"),
        (entry(POLICY, after_sensitive="policy"), "after_sensitive is not true or false or an object or a list"),
        (entry(POLICY, after_unknown="policy"), "after_unknown is not true or false or an object or a list"),
        (entry(POLICY, replace_paths={}), "replace_paths is not a list"),
        (entry(POLICY, replace_paths=["policy"]), "a path of resource_changes[0].change.replace_paths is not a list"),
        (document() | {"resource_drift": [BUCKET | {"change": BUCKET["change"] | {"before": 1}}]}, "resource_drift[0].change.before"),
        (document() | {"deferred_changes": [{"resource_change": []}]}, "deferred_changes[0].resource_change is not an object"),
    ],
)  # fmt: skip
def test_what_has_another_shape_is_not_read_as_nothing(plan: Any, words: str) -> None:
    message = unreadable(json.dumps(plan).encode())
    assert message.startswith("it does not have the form of a plan: ")
    assert words in message


LISTS = (
    "resource_changes",
    "resource_drift",
    "deferred_changes",
    "relevant_attributes",
    "checks",
    "action_invocations",
)


@pytest.mark.parametrize(
    "name", [*LISTS, "output_changes", "configuration", "errored", "complete", "terraform_version"]
)
def test_null_and_absent_are_nothing(name: str) -> None:
    full = document(change("aws_sqs_queue", None, {})) | {"configuration": {}}
    absent = {key: value for key, value in full.items() if key != name}
    for plan in (absent, full | {name: None}):
        assert not read("x", json.dumps(plan).encode()).errored


def test_an_object_that_is_gone_or_not_known_as_a_whole_is_read() -> None:
    """Gone from state and configuration: a change that is none, without an object on either side."""
    gone = change("aws_codepipeline", None, None, action="no-op")
    unknown = change("aws_sqs_queue", {"name": "x"}, None, action="update", after_unknown=True)
    nulls = BUCKET | {"deposed": None, "previous_address": None, "action_reason": None, "mode": None}
    nulls["change"] = {**BUCKET["change"], "replace_paths": None, "importing": None, "after_sensitive": None}
    found = read("x", json.dumps(document(gone, unknown, nulls)).encode())
    assert [(one.action.value, one.managed) for one in found.changes] == [
        ("unchanged", True),
        ("change", True),
        ("destroy", True),
    ]


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
