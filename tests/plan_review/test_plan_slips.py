"""What a change was once hidden behind: each case slipped through the review, each near miss beside it stays unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from plan_builder import allow, change, policy, reviewed

from plan_review.findings import Kind

OWN = policy(allow(Principal={"AWS": "123456789012"}))
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
PROVIDER = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
AUDIENCE = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


def anybody(operator: str, key: str, *values: str) -> dict[str, Any]:
    after = policy(allow(Principal="*", Condition={operator: {key: list(values)}}))
    return change("aws_s3_bucket_policy", {"bucket": "b", "policy": OWN}, {"bucket": "b", "policy": after})


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html : "The meaning of public"
@pytest.mark.parametrize(
    ("operator", "key", "values"),
    [
        ("ForAllValues:StringEquals", "aws:PrincipalOrgID", ["o-1234567890"]),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::*:role/*"]),
        ("IpAddress", "aws:SourceIp", ["0.0.0.0/1", "128.0.0.0/1"]),
        ("StringLike", "aws:PrincipalOrgID", ["o-*"]),
        ("ArnLike", "aws:SourceArn", ["arn:aws:s3:::*"]),
    ],
)
def test_a_condition_that_everybody_meets_holds_nobody(operator: str, key: str, values: list[str]) -> None:
    assert kinds(anybody(operator, key, *values)) == [Kind.PUBLIC]


@pytest.mark.parametrize(
    ("operator", "key", "values"),
    [
        ("StringEquals", "aws:PrincipalOrgID", ["o-1234567890"]),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::123456789012:role/*"]),
        ("IpAddress", "aws:SourceIp", ["198.51.100.0/24"]),
        ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", ["o-1234567890/r-ab12/*"]),
        ("ArnLike", "aws:SourceArn", ["arn:aws:s3:::bucket*"]),
    ],
)
def test_a_condition_that_names_somebody_makes_nothing_public(operator: str, key: str, values: list[str]) -> None:
    assert kinds(anybody(operator, key, *values)) == [Kind.IAM]


@pytest.mark.parametrize("who", [{"Principal": "*"}, {"NotPrincipal": {"AWS": "123456789012"}}], ids=["all", "all-but"])
def test_a_new_bucket_that_is_public_from_its_first_day(who: Any) -> None:
    bucket = change("aws_s3_bucket", None, {"bucket": "b"})
    open_ = change("aws_s3_bucket_policy", None, {"bucket": "b", "policy": policy(allow(**who))})
    near = change("aws_s3_bucket_policy", None, {"bucket": "b", "policy": OWN})
    assert kinds(bucket, open_) == [Kind.PUBLIC if "Principal" in who else Kind.IAM]
    assert kinds(bucket, near) == []
    held = allow(**who, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}})
    assert kinds(bucket, change("aws_s3_bucket_policy", None, {"bucket": "b", "policy": policy(held)})) == []


def role(action: Any, resource: Any) -> dict[str, Any]:
    return change(
        "aws_iam_role", None, {"name": "r", "inline_policy": [{"name": "a", "policy": policy(allow(action, resource))}]}
    )


@pytest.mark.parametrize(
    ("action", "resource"),
    [("*:*", "*"), ("iam:Put*", "*"), ("i*", "*"), ("iam:*", "arn:aws:iam::*:role/*"), ("iam:AttachRolePolicy", "*")],
)
def test_a_new_role_that_may_do_everything_by_other_words(action: str, resource: str) -> None:
    assert kinds(role(action, resource)) == [Kind.IAM]
    assert kinds(role("iam:Get*", "*")) == kinds(role("iam:PassRole", "arn:aws:iam::123456789012:role/one")) == []


def trust(**condition: Any) -> dict[str, Any]:
    statement = allow("sts:AssumeRoleWithWebIdentity", None, Principal=PROVIDER, Condition=condition)
    return change("aws_iam_role", None, {"name": "r", "assume_role_policy": policy(statement)})


def test_a_new_role_for_every_user_of_an_openid_provider() -> None:
    subject = {"token.actions.githubusercontent.com:sub": "repo:acme/app:ref:refs/heads/main"}
    assert kinds(trust(StringEquals=AUDIENCE)) == [Kind.IAM]
    assert kinds(trust(StringEquals={**AUDIENCE, **subject})) == []


def test_a_new_role_with_a_powerful_managed_policy() -> None:
    assert kinds(change("aws_iam_role", None, {"name": "r", "managed_policy_arns": [ADMIN]})) == [Kind.IAM]
    weak = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    assert kinds(change("aws_iam_role", None, {"name": "r", "managed_policy_arns": [weak]})) == []


@pytest.mark.parametrize(
    ("kind", "before", "told", "near"),
    [
        ("aws_iam_role", {"permissions_boundary": "arn:aws:iam::1:policy/b"}, {"permissions_boundary": ADMIN},
         {"permissions_boundary": "arn:aws:iam::1:policy/b", "tags": {}}),
        ("aws_iam_role", {"permissions_boundary": "arn:aws:iam::1:policy/b"}, {"permissions_boundary": ""}, None),
        ("aws_iam_policy_attachment", {"roles": ["a", "c"], "policy_arn": ADMIN}, {"roles": ["a", "b"], "policy_arn": ADMIN},
         {"roles": ["a"], "policy_arn": ADMIN}),
        ("aws_iam_policy_attachment", {"users": [], "policy_arn": ADMIN}, {"users": ["eve"], "policy_arn": ADMIN}, None),
        ("aws_kms_grant", {"grantee_principal": "p", "operations": ["Encrypt"]},
         {"grantee_principal": "p", "operations": ["Encrypt", "Decrypt"]}, {"grantee_principal": "p", "operations": []}),
    ],
    ids=["boundary", "no-boundary", "roles", "users", "operations"],
)  # fmt: skip
def test_the_same_given_to_others_or_for_more(kind: str, before: Any, told: Any, near: Any) -> None:
    assert kinds(change(kind, before, told)) == [Kind.IAM]
    assert kinds(change(kind, before, near or before)) == []


def test_an_attachment_that_moves_to_another_role() -> None:
    before, after = ({"role": name, "policy_arn": ADMIN} for name in "ab")
    kind = "aws_iam_role_policy_attachment"
    assert kinds(change(kind, before, after, action="replace")) == [Kind.IAM]
    assert kinds(change(kind, before, before, action="replace")) == []


def test_a_new_thing_that_is_called_like_the_kind_of_others() -> None:
    """``role/*`` is not the new role whose name is ``role``."""
    new = change("aws_iam_role", None, {"name": "role"})
    path = {"role": "x", "policy": policy(allow())}
    after = {"role": "x", "policy": policy(allow(), allow("iam:PassRole", "arn:aws:iam::123456789012:role/*"))}
    near = {"role": "x", "policy": policy(allow(), allow("iam:PassRole", "arn:aws:iam::123456789012:role/role"))}
    assert kinds(new, change("aws_iam_role_policy", path, after)) == [Kind.IAM]
    assert kinds(new, change("aws_iam_role_policy", path, near)) == []


def rules(*days: int | None) -> dict[str, Any]:
    return {"bucket": "b", "rule": [{"id": str(n), "expiration": [{"days": one}]} for n, one in enumerate(days)]}


def plan_(*days: int | None) -> dict[str, Any]:
    return {"rule": [{"rule_name": str(n), "lifecycle": [{"delete_after": one}]} for n, one in enumerate(days)]}


PROTECTED = [
    ("aws_s3_bucket_lifecycle_configuration", rules(365, 30), rules(1, 30), rules(365, 30, 60)),
    ("aws_s3_bucket_ownership_controls", {"rule": [{"object_ownership": "BucketOwnerEnforced"}]}, {"rule": [{"object_ownership": "ObjectWriter"}]}, None),
    ("aws_sns_topic", {"kms_master_key_id": "alias/acme"}, {"kms_master_key_id": "alias/aws/sns"}, {"kms_master_key_id": "alias/other"}),
    ("aws_instance", {"ebs_block_device": [{"encrypted": True}, {"encrypted": True}]}, {"ebs_block_device": [{"encrypted": True}, {"encrypted": False}]}, {"ebs_block_device": [{"encrypted": True}]}),
    ("aws_backup_plan", plan_(35, 365), plan_(35, 7), plan_(35, None)),
    ("aws_backup_plan", plan_(35, 35), plan_(35), plan_(35, 35, 35)),
    ("aws_s3_bucket_object_lock_configuration", {"rule": [{"default_retention": [{"days": 365}]}]}, {"rule": [{"default_retention": [{"days": 1}]}]}, None),
    ("aws_s3_bucket_object_lock_configuration", {"rule": [{"default_retention": [{"mode": "COMPLIANCE"}]}]}, {"rule": [{"default_retention": [{"mode": "GOVERNANCE"}]}]}, None),
    ("aws_vpc_endpoint_policy", {"vpc_endpoint_id": "v", "policy": OWN}, None, {"vpc_endpoint_id": "v", "policy": OWN, "id": "2"}),
    ("aws_cloudwatch_log_group", {"retention_in_days": 10**400}, {"retention_in_days": 7}, {"retention_in_days": 10**401}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "before", "told", "near"), PROTECTED, ids=[f"{n}-{c[0]}" for n, c in enumerate(PROTECTED)]
)
def test_a_protection_that_shrinks(kind: str, before: Any, told: Any, near: Any) -> None:
    assert kinds(change(kind, before, told)) == [Kind.PROTECTION]
    assert kinds(change(kind, before, {**(near or before), "x": 1})) == []


def test_a_policy_whose_keys_are_written_in_escapes() -> None:
    told = '{"\\u0053tatement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    assert kinds(change("aws_iam_role_policy", {"role": "x", "policy": policy()}, {"role": "x", "policy": told})) == [
        Kind.IAM
    ]


def inline(**actions: str) -> dict[str, Any]:
    return {"inline_policy": [{"name": name, "policy": policy(allow(action, "*"))} for name, action in actions.items()]}


def test_inline_policies_are_a_set() -> None:
    before = inline(a="s3:Get*", b="sqs:*")
    for fewer in (inline(b="sqs:*"), inline(b="sqs:*", a="s3:Get*")):
        assert kinds(change("aws_iam_role", before, fewer)) == []
    assert kinds(change("aws_iam_role", before, inline(b="sqs:*", a="s3:*"))) == [Kind.IAM]
    denied = {
        "inline_policy": [
            {"policy": policy({"Effect": "Deny", "Action": "iam:*", "Resource": "*"})},
            *before["inline_policy"],
        ]
    }
    assert kinds(change("aws_iam_role", denied, before)) == [Kind.IAM]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("aws_cloudwatch_event_target", "arn"),
        ("aws_sns_topic_subscription", "endpoint"),
        ("aws_cloudtrail", "s3_bucket_name"),
        ("aws_flow_log", "log_destination"),
        ("aws_cloudwatch_log_metric_filter", "pattern"),
    ],
)
def test_somebody_else_hears_of_it(kind: str, name: str) -> None:
    assert kinds(change(kind, {name: "a"}, {name: "b"})) == [Kind.PROTECTION]
    assert kinds(change(kind, {name: "a"}, {name: "a", "tags": {}})) == []
    assert kinds(change(kind, {name: "a"}, {}, after_unknown={name: True})) == []
