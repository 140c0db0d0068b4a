"""Sensitive values are in no rendering: not at any depth, and not where the same text stands without its mark."""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plan_builder import allow, change, document, policy, reviewed

from plan_review import render
from plan_review.reading import read
from plan_review.review import review
from plan_review.text import Code
from plan_review.values import UNKNOWN, Hidden, mask

SECRET = "Hush-4f9d-é<b>`x`"


def everything(*changes: Any, **more: Any) -> str:
    found = review([read("stack", json.dumps(document(*changes, **more)).encode())])
    return "".join(
        (render.markdown(found), render.html(found), render.table(found), render.markdown(found, 2000), repr(found))
    )


def shows(text: str, secret: str) -> bool:
    """As it is, or as one of the formats would write it."""
    return any(form in text for form in (secret, escape(secret), json.dumps(secret)[1:-1]))


# A value and its mark: leaves are secret (a text nobody else has) or not.
LEAF = st.one_of(
    st.tuples(st.integers(10**9, 10**12).map(lambda n: f"hush-{n}-hush"), st.just(True)),
    st.tuples(st.one_of(st.text(max_size=5), st.booleans(), st.none(), st.integers(0, 99)), st.just(False)),
)


def nest(children: Any) -> Any:
    lists = st.lists(children, max_size=3).map(lambda pairs: ([v for v, _ in pairs], [m for _, m in pairs]))
    names = st.sampled_from(
        ["name", "policy", "tags", "stage", "cidr_blocks", "bucket", "ingress", "environment", "acl", "input"]
    )
    maps = st.dictionaries(names, children, max_size=3).map(
        lambda d: ({k: v for k, (v, _) in d.items()}, {k: m for k, (_, m) in d.items()})
    )
    return lists | maps


VALUE = st.recursive(LEAF, nest, max_leaves=12)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["name", "policy", "stage", "ingress", "bucket", "event_pattern", "environment", "access_policies", "input", "acl", "role"]),
    VALUE, min_size=1, max_size=4,
)  # fmt: skip
KINDS = st.sampled_from(
    ["aws_s3_bucket", "aws_db_instance", "aws_security_group", "aws_iam_role_policy", "aws_codepipeline", "aws_lambda_function",
     "aws_codebuild_project", "aws_cloudwatch_event_rule", "terraform_data", "aws_iam_role_policy_attachment", "google_project_iam_member"]
)  # fmt: skip


def leaves(value: Any, mark: Any) -> list[str]:
    if mark is True:
        return [value]
    if isinstance(value, dict):
        return [text for key in value for text in leaves(value[key], mark[key])]
    return (
        [text for item, one in zip(value, mark, strict=True) for text in leaves(item, one)]
        if isinstance(value, list)
        else []
    )


def split(attributes: Any) -> tuple[Any, Any]:
    return {k: v for k, (v, _) in attributes.items()}, {k: m for k, (_, m) in attributes.items()}


@given(KINDS, ATTRIBUTES, ATTRIBUTES, st.sampled_from(["create", "update", "replace", "delete"]), st.booleans())
def test_no_sensitive_leaf_is_in_any_format(kind: str, before: Any, after: Any, action: str, unmarked: bool) -> None:
    (old, old_mark), (new, new_mark) = split(before), split(after)
    secrets = [*leaves(old, old_mark), *leaves(new, new_mark)]
    entry = change(
        kind, None if action == "create" else old, None if action == "delete" else new, action=action,
        before_sensitive=old_mark, after_sensitive=new_mark, replace_paths=[[key] for key in new],
    )  # fmt: skip
    # The same text once more, where nobody has marked it.
    second = [
        change("aws_iam_role", {"name": "x"}, {"name": text, "acl": f"a-{text}-b"}, name=f"n{n}")
        for n, text in enumerate(secrets)
        if unmarked
    ]
    output = {
        "output_changes": {
            "o": {
                "actions": ["update"],
                "before": old,
                "after": new,
                "before_sensitive": old_mark,
                "after_sensitive": new_mark,
            }
        }
    }
    present = [text for text in secrets if action not in ("create", "delete") or text in json.dumps(entry)]
    text = everything(entry, *second, **output)
    for secret in present:
        assert not shows(text, secret), secret


@pytest.mark.parametrize(
    "mark",
    [True, {"a": True}, {"a": [True]}, {"a": {"b": True}}, [True]],
    ids=["the whole", "a leaf", "a list for a text", "a map for a text", "a list for a map"],
)
def test_a_mark_of_another_shape_hides_the_whole(mark: Any) -> None:
    text = everything(change("aws_s3_bucket", {"a": "-"}, {"a": SECRET}, after_sensitive=mark))
    assert not shows(text, SECRET)


def test_masks_compare_without_values() -> None:
    assert mask({"a": "x"}, {"a": True}) == mask({"a": "x"}, {"a": True})
    assert mask({"a": "x"}, {"a": True}) != mask({"a": "y"}, {"a": True})
    assert isinstance(mask(["x", "y"], [False, True])[1], Hidden)
    assert mask({"a": None}, {}, {"a": True, "b": [True]}) == {"a": UNKNOWN, "b": [UNKNOWN]}
    assert "x" not in repr(mask("secret-x", True))
    for value, mark in (
        ("x", [True]),
        ("x", {"a": True}),
        (["x", "y"], [True]),
        ({"a": "x"}, [True]),
        (["x"], {"a": True}),
    ):
        assert isinstance(mask(value, mark), Hidden), (value, mark)


def test_a_policy_that_is_hidden_is_told_by_its_place_alone() -> None:
    before, after = policy(allow()), policy(allow(SECRET, "*"))
    entry = change(
        "aws_iam_role_policy",
        {"role": "r", "policy": before},
        {"role": "r", "policy": after},
        after_sensitive={"policy": True},
    )
    text = everything(entry)
    assert not shows(text, SECRET)
    assert "policy changes, and the new policy is sensitive" in text


def test_values_of_conditions_and_unmarked_texts_are_not_shown() -> None:
    condition = {"StringEquals": {"sts:ExternalId": "external-secret"}}
    trust = change(
        "aws_iam_role", {"assume_role_policy": policy()},
        {"assume_role_policy": policy(allow("sts:AssumeRole", None, Principal={"AWS": "999999999999"}, Condition=condition)), "password": "p4ss", "user_data": "boot", "api_token": 99887766},
    )  # fmt: skip
    text = everything(trust)
    assert "sts:externalid" in text
    for secret in ("external-secret", "p4ss", "boot", "99887766"):
        assert secret not in text


def test_a_variable_of_the_plan_is_never_read() -> None:
    text = everything(change("terraform_data", None, {"input": "x"}), variables={"token": {"value": SECRET}})
    assert not shows(text, SECRET)


def test_outputs_show_no_value_even_if_not_marked() -> None:
    outputs = {"o": {"actions": ["update"], "before": "one-value", "after": "other-value"}}
    assert "one-value" not in everything(output_changes=outputs)
    assert not reviewed(output_changes=outputs).risky


def pattern(*values: Any) -> dict[str, Any]:
    return {"name": "x", "event_pattern": json.dumps({"detail": {"k": [*values, "stays"]}})}


def go(text: str) -> str:
    """As Terraform's jsonencode writes it."""
    return (
        json.dumps(text, ensure_ascii=False)[1:-1]
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    )


ODD = st.text(alphabet="\"\\'\n\té中😀ß<>&%`aB7 ", min_size=6, max_size=14).map(lambda text: f"hush{text}hush")


@given(ODD)
@example('pä"sswörd-geheim')
@example("a\\n&amp;%41\\u00e9<b>hush")
def test_a_secret_is_in_no_spelling(secret: str) -> None:
    """Where nobody has marked it, in the texts of every part of the review."""
    marked = change(
        "aws_db_instance", {"password": "old"}, {"password": secret}, name="db", after_sensitive={"password": True}
    )
    quoted, go_quoted = json.dumps(secret)[1:-1], go(secret)
    arn = f"arn:aws:s3:::x/{secret}/*"
    condition = {"StringEquals": {secret: "x"}}
    stages = [{"name": "Deploy", "action": [{"name": secret, "category": "Approval", "provider": "Manual"}]}]
    waiver = {
        "scanner": secret,
        "rule": secret,
        "reason": secret,
        "owner": quoted,
        "expires": "2027-01-01",
        "images": [secret],
    }
    waivers = [json.dumps({"pipelines": {}, "waivers": ones}) for ones in ([], [waiver])]
    text = everything(
        marked,
        change("aws_cloudwatch_event_rule", pattern(secret, {"prefix": secret}, {"anything-but": [secret, 1]}), pattern()),
        change("aws_cloudwatch_event_rule", pattern(quoted, {"wildcard": go_quoted}), pattern(), name="again"),
        change("aws_iam_role_policy", {"role": "r", "policy": policy(allow())},
               {"role": "r", "policy": policy(allow(f"s3:{secret}", arn, Sid=secret, Condition=condition))}),
        change("aws_sqs_queue_policy", {"queue_url": "q", "policy": policy(allow())},
               {"queue_url": "q", "policy": policy(allow(resource=quoted, Principal={"AWS": secret}))}),
        change("aws_s3_bucket", {"id": "b", "bucket": secret}, None, name=f'b["{quoted}"]'),
        change("aws_s3_bucket", {"id": "c", "bucket": "c"}, None, name=f"c[{go_quoted}]", previous_address=f"x[{secret!r}]"),
        change("aws_codepipeline", {"name": secret, "stage": stages}, {"name": secret, "stage": []}),
        change("aws_security_group", {"name": secret}, {"name": quoted, "location": escape(secret), "domain": quote(secret)}),
        change("terraform_data", {"input": {secret: 1}}, {"input": {secret: 2}}, action="replace", replace_paths=[["input", secret]]),
        output_changes={
            "policy": {"actions": ["update"], "before": waivers[0], "after": waivers[1]},
            secret: {"actions": ["create"], "before": None, "after": 1},
        },
        checks=[{"status": "fail", "address": {"to_display": quoted}, "instances": []}],
    )  # fmt: skip
    spelled = {
        secret,
        quoted,
        go_quoted,
        go(quoted),
        escape(secret),
        escape(quoted),
        escape(secret, quote=False),
        repr(secret)[1:-1],
    }
    spelled |= {json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret), secret.encode("unicode_escape").decode()}
    for one in spelled:
        assert one.lower() not in text.lower(), one


def test_what_is_no_secret_is_shown_as_it_is_meant() -> None:
    found = reviewed(
        change("aws_db_instance", {"password": "old"}, {"password": "another-secret"}, name="db", after_sensitive={"password": True}),
        change("aws_cloudwatch_event_rule", pattern('a "é" % &amp; \\', {"prefix": "acme-"}), pattern()),
    )  # fmt: skip
    (finding,) = found.findings
    assert [part.text for part in finding.text if isinstance(part, Code)] == ['a "é" % &amp; \\', "prefix acme-"]
