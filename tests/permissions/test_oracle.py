"""The oracle decides as AWS documents it: cases from AWS's pages, with the operators that the output uses."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import Caller, Oracle, means
from policies import ACCOUNT, Policies, RolePolicies

_OPERATORS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"
_SEVERAL = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"
_SETS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html"
_RESOURCE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"
_ACTION = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html"
_LOGIC = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
_PRINCIPAL = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"
_KEYS = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"

BUCKET, KEY = "arn:aws:s3:::b", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
OBJECT = f"{BUCKET}/reports/a/raw.json"


def role(*statements: dict[str, Any], trust: Any = ()) -> RolePolicies:
    return RolePolicies(
        name="r",
        arn=f"arn:aws:iam::{ACCOUNT}:role/r",
        stack="s",
        id="r_role",
        trust={"Version": "2012-10-17", "Statement": list(trust)},
        permissions={"permissions": {"Version": "2012-10-17", "Statement": list(statements)}},
    )


def oracle(bucket: Any = (), key: Any = ()) -> Oracle:
    documents = [{"Version": "2012-10-17", "Statement": list(one)} for one in (bucket, key)]
    return Oracle(
        Policies("eu-central-1", {}, {"b": documents[0]}, {KEY: documents[1]}, {}, {}, {}, {}, access_entries=())
    )


def statement(
    action: Any = "s3:GetObject", resource: Any = OBJECT, effect: str = "Allow", **more: Any
) -> dict[str, Any]:
    return {"Sid": "S", "Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("operator", "key", "values", "context", "met", "page"),
    [
        ("StringEquals", "kms:ViaService", "s3.x", {"kms:ViaService": "s3.x"}, True, _OPERATORS),
        ("StringEquals", "kms:ViaService", "s3.x", {"kms:ViaService": "S3.x"}, False, "case-sensitive: " + _OPERATORS),
        ("StringEquals", "kms:ViaService", "s3.*", {"kms:ViaService": "s3.x"}, False, "no wildcards: " + _OPERATORS),
        ("StringEquals", "kms:ViaService", "s3.x", {}, False, "a missing key does not match: " + _OPERATORS),
        ("StringEquals", "KMS:viaservice", "s3.x", {"kms:ViaService": "s3.x"}, True, "key names are not case-sensitive: " + _OPERATORS),
        ("StringEquals", "ec2:Subnet", ["a", "b"], {"ec2:Subnet": "b"}, True, "several values are OR: " + _SEVERAL),
        ("StringNotEquals", "s3:x-amz-server-side-encryption", "aws:kms", {"s3:x-amz-server-side-encryption": "AES256"}, True, _OPERATORS),
        ("StringNotEquals", "s3:x-amz-server-side-encryption", "aws:kms", {"s3:x-amz-server-side-encryption": "aws:kms"}, False, _OPERATORS),
        ("StringNotEquals", "s3:x-amz-server-side-encryption", "aws:kms", {}, True, "a negated operator and a missing key: " + _OPERATORS),
        ("StringNotEquals", "aws:PrincipalAccount", ["1", "2"], {"aws:PrincipalAccount": "2"}, False, "several values are NOR: " + _SEVERAL),
        ("StringLike", "s3:prefix", "releases/*", {"s3:prefix": "releases/a/b"}, True, _OPERATORS),
        ("StringLike", "s3:prefix", "releases/*", {"s3:prefix": "images/a"}, False, _OPERATORS),
        ("StringLike", "s3:prefix", "releases/*", {}, False, _OPERATORS),
        ("Bool", "aws:SecureTransport", "false", {"aws:SecureTransport": "false"}, True, _OPERATORS),
        ("Bool", "aws:SecureTransport", "false", {"aws:SecureTransport": "true"}, False, _OPERATORS),
        ("ArnEquals", "aws:SourceArn", "arn:aws:events:r:1:rule/a", {"aws:SourceArn": "arn:aws:events:r:1:rule/a"}, True, _OPERATORS),
        ("ArnEquals", "aws:SourceArn", "arn:aws:events:r:1:rule/*", {"aws:SourceArn": "arn:aws:events:r:1:rule/a"}, True, "ArnEquals and ArnLike behave identically: " + _OPERATORS),
        ("ArnEquals", "aws:SourceArn", "arn:aws:events:r:1:rule/a", {"aws:SourceArn": "arn:aws:events:r:1:rule/ab"}, False, _OPERATORS),
        ("ArnLike", "kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:r:1:log-group:*", {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:r:1:log-group:/a"}, True, _OPERATORS),
        ("ArnLike", "kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:r:1:log-group:*", {}, False, _OPERATORS),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::1:role/a", {"aws:PrincipalArn": "arn:aws:iam::1:role/a"}, False, _OPERATORS),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::1:role/a", {"aws:PrincipalArn": "arn:aws:iam::1:role/b"}, True, _OPERATORS),
        ("Null", "s3:x-amz-server-side-encryption", "true", {}, True, _OPERATORS),
        ("Null", "s3:x-amz-server-side-encryption", "false", {}, False, _OPERATORS),
        ("Null", "s3:x-amz-server-side-encryption", "false", {"s3:x-amz-server-side-encryption": "aws:kms"}, True, _OPERATORS),
        ("StringEqualsIfExists", "aws:SourceAccount", "1", {}, True, _OPERATORS),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["a", "b"], {"aws:TagKeys": ["b", "c"]}, True, _SETS),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"], {"aws:TagKeys": ["b", "c"]}, False, _SETS),
    ],
)  # fmt: skip
def test_conditions(operator: str, key: str, values: Any, context: dict[str, Any], met: bool, page: str) -> None:
    allowed = role(statement(Condition={operator: {key: values}}))
    # aws:PrincipalArn and account are the caller's own unless the case names them.
    assert oracle().decide(Caller(role=allowed), "s3:GetObject", OBJECT, context).allowed is met, page


def test_all_keys_and_operators_of_a_condition_must_be_met() -> None:
    both = role(statement(Condition={"StringEquals": {"a:b": "1", "a:c": "2"}, "Null": {"a:d": "true"}}))
    given: dict[str, dict[str, str]] = {
        "met": {"a:b": "1", "a:c": "2"},
        "a:c": {"a:b": "1"},
        "a:d": {"a:b": "1", "a:c": "2", "a:d": "3"},
    }
    decided = {
        name: oracle().decide(Caller(role=both), "s3:GetObject", OBJECT, context).allowed
        for name, context in given.items()
    }
    assert decided == {"met": True, "a:c": False, "a:d": False}, _SEVERAL


@pytest.mark.parametrize(
    ("action", "resource", "asked", "at", "allowed", "page"),
    [
        ("s3:GetObject", f"{BUCKET}/reports/*/raw.json", "s3:GetObject", OBJECT, True, _RESOURCE),
        ("s3:GetObject", f"{BUCKET}/reports/*/raw.json", "s3:GetObject", f"{BUCKET}/reports/a/b/raw.json", True, "* takes / too: " + _RESOURCE),
        ("s3:GetObject", f"{BUCKET}/reports/*/raw.json", "s3:GetObject", f"{BUCKET}/reports/a/verdict.json", False, _RESOURCE),
        ("s3:GetObject", f"{BUCKET}/reports/?/raw.json", "s3:GetObject", f"{BUCKET}/reports/ab/raw.json", False, _RESOURCE),
        ("s3:GetObject", f"{BUCKET}/Reports/*", "s3:GetObject", OBJECT, False, "resources are case-sensitive: " + _RESOURCE),
        ("s3:GetObject", BUCKET, "s3:GetObject", OBJECT, False, _RESOURCE),
        ("s3:*", OBJECT, "s3:GetObject", OBJECT, True, _ACTION),
        ("S3:getobject", OBJECT, "s3:GetObject", OBJECT, True, "actions are not case-sensitive: " + _ACTION),
        ("s3:GetObject", OBJECT, "s3:GetObjectVersion", OBJECT, False, _ACTION),
        ("s3:GetObject*", "*", "s3:GetObjectVersion", OBJECT, True, _ACTION),
    ],
)  # fmt: skip
def test_actions_and_resources(action: str, resource: str, asked: str, at: str, allowed: bool, page: str) -> None:
    assert oracle().decide(Caller(role=role(statement(action, resource))), asked, at, {}).allowed is allowed, page


EVERYBODY = {"AWS": "*"}
MINE = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
THEIRS = {"AWS": "arn:aws:iam::999999999999:root"}
ROLE = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/r"}
EVENTS = {"Service": "events.amazonaws.com"}
YES, NO = role(statement()), role()
FOREIGN = Caller(arn="arn:aws:iam::999999999999:role/x")
EVENTBRIDGE = Caller(service="events.amazonaws.com")


@pytest.mark.parametrize(
    ("caller", "bucket", "allowed"),
    [
        (Caller(role=YES), [], True),  # an Allow in the identity policy suffices in the account
        (Caller(role=NO), [], False),
        (Caller(role=NO), [statement(Principal=ROLE)], True),  # or one in the resource's that names the role
        (Caller(role=NO), [statement(Principal=MINE)], False),  # one that names the account leaves it to IAM
        (Caller(role=YES), [statement(Principal=MINE)], True),
        (Caller(role=YES), [statement(effect="Deny", Principal=EVERYBODY)], False),  # a Deny wins
        (Caller(role=NO), [statement(Principal=ROLE), statement(effect="Deny", Principal=ROLE)], False),
        (Caller(role=YES), [statement(effect="Deny", Principal=THEIRS)], True),
        (Caller(role=role(statement(), statement(effect="Deny"))), [statement(Principal=ROLE)], False),
        (FOREIGN, [], False),
        (FOREIGN, [statement(Principal=MINE)], False),
        (FOREIGN, [statement(Principal=THEIRS)], True),  # if their own IAM allows it as well, which is taken for granted
        (FOREIGN, [statement(Principal=EVERYBODY)], True),
        (EVENTBRIDGE, [], False),
        (EVENTBRIDGE, [statement(Principal=MINE)], False),  # a service is no principal of the account
        (EVENTBRIDGE, [statement(Principal=EVENTS)], True),
        (EVENTBRIDGE, [statement(Principal={"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]})], False),
        (EVENTBRIDGE, [statement(Principal=EVENTS), statement(effect="Deny", Principal=EVERYBODY)], False),
    ],
)  # fmt: skip
def test_identity_and_resource_policy_together(caller: Caller, bucket: list[Any], allowed: bool) -> None:
    assert oracle(bucket).decide(caller, "s3:GetObject", OBJECT, {}).allowed is allowed, f"{_LOGIC} {_PRINCIPAL}"


DECRYPT = statement("kms:Decrypt", KEY)
KEY_DELEGATES = [statement("kms:*", "*", Principal=MINE)]


@pytest.mark.parametrize(
    ("caller", "key", "allowed"),
    [
        (Caller(role=role(DECRYPT)), KEY_DELEGATES, True),
        (Caller(role=role()), KEY_DELEGATES, False),
        (Caller(role=role(DECRYPT)), [], False),  # unlike elsewhere, the key's own policy must let the account
        (Caller(role=role(DECRYPT)), [statement("kms:*", "*", Principal=THEIRS)], False),
        (Caller(role=role()), [statement("kms:Decrypt", "*", Principal=ROLE)], True),
        (Caller(role=role(DECRYPT)), [*KEY_DELEGATES, statement("kms:Decrypt", "*", "Deny", Principal=ROLE)], False),
        (Caller(arn=f"arn:aws:iam::{ACCOUNT}:root"), KEY_DELEGATES, True),
        (EVENTBRIDGE, KEY_DELEGATES, False),
        (EVENTBRIDGE, [statement("kms:Decrypt", "*", Principal=EVENTS)], True),
        (FOREIGN, KEY_DELEGATES, False),
    ],
)  # fmt: skip
def test_a_key_is_used_as_its_own_policy_says(caller: Caller, key: list[Any], allowed: bool) -> None:
    assert oracle(key=key).decide(caller, "kms:Decrypt", KEY, {}).allowed is allowed, _KEYS


@pytest.mark.parametrize(
    ("principal", "condition", "caller", "context", "allowed"),
    [
        (EVENTS, {}, EVENTBRIDGE, {}, True),
        (EVENTS, {}, Caller(service="lambda.amazonaws.com"), {}, False),
        (EVENTS, {}, Caller(arn=f"arn:aws:iam::{ACCOUNT}:root"), {}, False),
        (EVENTS, {}, Caller(role=role()), {}, False),
        (EVENTS, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, EVENTBRIDGE, {"aws:SourceAccount": ACCOUNT}, True),
        (EVENTS, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, EVENTBRIDGE, {"aws:SourceAccount": "2"}, False),
        (EVENTS, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, EVENTBRIDGE, {}, False),
        (MINE, {}, Caller(role=role()), {}, True),
        (THEIRS, {}, Caller(role=role()), {}, False),
    ],
)  # fmt: skip
def test_a_role_is_assumed_as_its_trust_says(
    principal: Any, condition: Any, caller: Caller, context: dict[str, str], allowed: bool
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}
    trusting = role(trust=[trust])
    assert oracle().assume(trusting, caller, context).allowed is allowed
    assert not oracle().assume(role(trust=[trust, {**trust, "Effect": "Deny"}]), caller, context).allowed


def test_what_the_oracle_does_not_know_is_an_error() -> None:
    with pytest.raises(NotImplementedError):
        means({"NotPrincipal": MINE}, EVENTBRIDGE)


def test_the_output_uses_no_operator_that_is_not_tried_here(emitted: Any) -> None:
    [cases] = test_conditions.pytestmark  # type: ignore[attr-defined]
    operators = {case[0] for case in cases.args[1]}
    used = {
        condition["test"]
        for _, _, document in emitted.documents()
        for one in document["statement"]
        for condition in one.get("condition", ())
    }
    assert used
    assert used <= operators
