"""Policies compared as what they allow. Expected: IAM's user guide, "Policy evaluation logic" and "JSON policy elements"."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_builder import allow, change, policy, reviewed

from plan_review.findings import Kind
from plan_review.iam.compare import widening
from plan_review.iam.patterns import covers, meet
from plan_review.iam.statements import parse

ACCOUNT = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def deny(**more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*", **more}


def wider(before: Any, after: Any) -> bool:
    return bool(widening(parse(policy(*before)), parse(policy(*after))))


WIDER = {
    "another action": ([allow()], [allow(["s3:GetObject", "s3:PutObject"])]),
    "a wildcard": ([allow("s3:GetObject")], [allow("s3:Get*")]),
    "another resource": ([allow(resource="arn:aws:s3:::b/a/*")], [allow(resource="arn:aws:s3:::b/*")]),
    "the condition gone": ([allow(Condition=ACCOUNT)], [allow()]),
    "one more value": ([allow(Condition=ACCOUNT)], [allow(Condition={"StringEquals": {"aws:SourceAccount": ["123456789012", "999999999999"]}})]),
    "IfExists": ([allow(Condition=ACCOUNT)], [allow(Condition={"StringEqualsIfExists": ACCOUNT["StringEquals"]})]),
    "a pattern for a text": ([allow(Condition={"StringEquals": {"s3:prefix": "a"}})], [allow(Condition={"StringLike": {"s3:prefix": "a*"}})]),
    "a larger network": ([allow(Condition={"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}})], [allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})]),
    "an exclusion less": ([allow(Condition={"StringNotEquals": {"aws:x": ["a", "b"]}})], [allow(Condition={"StringNotEquals": {"aws:x": "a"}})]),
    "a later end": ([allow(Condition={"DateLessThan": {"aws:CurrentTime": "2026-12-31T00:00:00Z"}})], [allow(Condition={"DateLessThan": {"aws:CurrentTime": "2027-12-31T00:00:00Z"}})]),
    "a higher number": ([allow(Condition={"NumericLessThan": {"s3:max-keys": "10"}})], [allow(Condition={"NumericLessThan": {"s3:max-keys": "100"}})]),
    "NotAction with less": ([{"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}], [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]),
    "NotResource with less": ([{"Effect": "Allow", "Action": "s3:*", "NotResource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]}], [{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::a/*"}]),
    "actions for all but some": ([allow("s3:*", "*")], [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]),
    "a denial gone": ([allow(), deny()], [allow()]),
    "a denial with a condition": ([deny()], [deny(Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}})]),
    "a denial of fewer resources": ([deny()], [deny(Resource="arn:aws:s3:::b/*")]),
    "another principal": ([allow(Principal={"AWS": "123456789012"})], [allow(Principal={"AWS": ["123456789012", "999999999999"]})]),
    "anybody": ([allow(Principal={"AWS": "123456789012"})], [allow(Principal="*")]),
    "another service": ([allow(Principal={"Service": "s3.amazonaws.com"})], [allow(Principal={"Service": "sns.amazonaws.com"})]),
    "allowed instead of denied": ([deny()], [allow("s3:DeleteObject", "*")]),
    "the whole account for a role": ([allow(Principal={"AWS": "arn:aws:iam::123456789012:role/a"})], [allow(Principal={"AWS": "arn:aws:iam::123456789012:root"})]),
}  # fmt: skip
NOT_WIDER = {
    "the same in another order": ([allow(["a:b", "a:c"], ["x", "y"])], [allow(["a:c", "a:b"], ["y", "x"])]),
    "a list of one": ([allow("a:b", "x")], [allow(["a:b"], ["x"])]),
    "another case of an action": ([allow("s3:GetObject")], [allow("S3:getobject")]),
    "another Sid": ([allow(Sid="a")], [allow(Sid="b")]),
    "split in two": ([allow(["a:b", "a:c"], ["x", "y"])], [allow("a:b", ["x", "y"]), allow("a:c", "x"), allow("a:c", "y")]),
    "what the wildcard covered": ([allow("s3:*", "*")], [allow(["s3:GetObject", "s3:Put*"], "arn:aws:s3:::b/*")]),
    "a condition more": ([allow()], [allow(Condition=ACCOUNT)]),
    "a value less": ([allow(Condition={"StringEquals": {"aws:x": ["a", "b"]}})], [allow(Condition={"StringEquals": {"aws:X": "a"}})]),
    "a text for a pattern": ([allow(Condition={"StringLike": {"s3:prefix": "a*"}})], [allow(Condition={"StringEquals": {"s3:prefix": "ab"}})]),
    "a smaller network": ([allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], [allow(Condition={"IpAddress": {"aws:SourceIp": ["10.1.0.0/16", "10.2.0.1"]}})]),
    "an exclusion more": ([allow(Condition={"StringNotLike": {"aws:x": "a"}})], [allow(Condition={"StringNotLike": {"aws:x": ["a", "b"]}})]),
    "NotAction with more": ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [{"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}]),
    "what NotAction let through": ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [allow("s3:GetObject")]),
    "a statement less": ([allow(), allow("a:b")], [allow()]),
    "a denial more": ([allow()], [allow(), deny()]),
    "a wider denial": ([deny(Resource="arn:aws:s3:::b/*")], [deny()]),
    "a denial put otherwise": ([deny(Action=["s3:DeleteObject", "s3:PutObject"])], [deny(Action="s3:DeleteObject"), deny(Action="s3:Put*")]),
    "what is denied anyway": ([deny()], [deny(), allow("s3:DeleteObject")]),
    "an account written otherwise": ([allow(Principal={"AWS": "123456789012"})], [allow(Principal={"AWS": "arn:aws:iam::123456789012:root"})]),
    "anybody written otherwise": ([allow(Principal="*")], [allow(Principal={"AWS": ["*"]})]),
    "one of everybody": ([allow(Principal="*")], [allow(Principal={"AWS": "123456789012"})]),
    "true as a boolean": ([allow(Condition={"Bool": {"aws:SecureTransport": True}})], [allow(Condition={"Bool": {"aws:SecureTransport": "true"}})]),
}  # fmt: skip


@pytest.mark.parametrize("case", WIDER)
def test_it_widens(case: str) -> None:
    assert wider(*WIDER[case])


@pytest.mark.parametrize("case", NOT_WIDER)
def test_it_does_not_widen(case: str) -> None:
    assert not wider(*NOT_WIDER[case])


@pytest.mark.parametrize("case", WIDER)
def test_the_review_tells_it(case: str) -> None:
    before, after = ({"id": "1", "name": "n", "policy": policy(*side)} for side in WIDER[case])
    kinds = {finding.kind for finding in reviewed(change("aws_iam_policy", before, after)).findings}
    assert kinds & {Kind.IAM, Kind.PUBLIC}


@pytest.mark.parametrize("case", NOT_WIDER)
def test_the_review_does_not_tell_it(case: str) -> None:
    before, after = ({"id": "1", "name": "n", "policy": policy(*side)} for side in NOT_WIDER[case])
    assert reviewed(change("aws_iam_policy", before, after)).findings == []


PATTERN = st.text("ab*?", max_size=6)


@given(PATTERN, st.text("ab", max_size=6))
def test_what_a_pattern_covers_it_matches(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    assert covers(pattern, text) is fnmatchcase(text, pattern)
    assert meet(pattern, text) is fnmatchcase(text, pattern)


@given(PATTERN, PATTERN, st.text("ab", max_size=6))
def test_covering_holds_for_every_text(wide: str, narrow: str, text: str) -> None:
    if covers(wide, narrow) and covers(narrow, text):
        assert covers(wide, text)
    if covers(wide, text) and covers(narrow, text):
        assert meet(wide, narrow)


STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.lists(
            st.sampled_from(["s3:GetObject", "s3:Get*", "s3:PutObject", "*", "iam:PassRole"]), min_size=1
        ),
        "Resource": st.lists(st.sampled_from(["*", "a", "a/*", "a/b", "b?"]), min_size=1),
    },
    optional={
        "Condition": st.sampled_from(
            [ACCOUNT, {"StringLike": {"aws:SourceAccount": "12*"}}, {"Bool": {"aws:x": "true"}}]
        )
    },
)


def lets(statements: Any, action: str, resource: str, account: str) -> bool:
    """IAM's rule for one request, said again and simply: a denial wins, else an Allow is needed."""
    from fnmatch import fnmatchcase

    def applies(one: Any) -> bool:
        context = {"aws:SourceAccount": account, "aws:x": "true"}
        conditions = all(
            fnmatchcase(context[key], value)
            for keys in one.get("Condition", {}).values()
            for key, value in keys.items()
        )
        actions = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in one["Action"])
        return conditions and actions and any(fnmatchcase(resource, pattern) for pattern in one["Resource"])

    applied = [one["Effect"] for one in statements if applies(one)]
    return "Allow" in applied and "Deny" not in applied


@given(st.lists(STATEMENT, max_size=3), st.lists(STATEMENT, max_size=3))
def test_no_request_is_newly_allowed_without_a_word(before: Any, after: Any) -> None:
    """Missing a widening is worse than a false alarm: whatever request is allowed only afterwards, it is told."""
    if wider(before, after):
        return
    for action in ("s3:GetObject", "s3:GetTags", "s3:PutObject", "iam:PassRole", "x:y"):
        for resource in ("a", "a/b", "a/c", "bb", "z"):
            for account in ("123456789012", "999999999999"):
                assert not (lets(after, action, resource, account) and not lets(before, action, resource, account))


@given(st.lists(STATEMENT, max_size=4), st.randoms())
def test_order_and_lists_do_not_matter(statements: Any, random: Any) -> None:
    other = json.loads(json.dumps(statements))
    random.shuffle(other)
    for one in other:
        random.shuffle(one["Action"])
        random.shuffle(one["Resource"])
        one["Action"] = one["Action"][0] if len(one["Action"]) == 1 else one["Action"]
    assert not wider(statements, other)


def test_a_known_policy_that_becomes_unknown_is_told_and_a_first_one_is_not() -> None:
    before = {"id": "1", "role": "r", "policy": policy(allow())}
    after = {"id": "1", "role": "r"}
    unknown = {"after_unknown": {"policy": True}}
    assert [f.kind for f in reviewed(change("aws_iam_role_policy", before, after, **unknown)).findings] == [Kind.UNSEEN]
    new = {"after_unknown": {"policy": True, "role": True}}
    assert reviewed(change("aws_iam_role_policy", None, {}, **new)).findings == []


def document(actions: Any) -> dict[str, Any]:
    blocks = [
        {
            "sid": "",
            "effect": "Allow",
            "actions": actions,
            "resources": ["arn:aws:s3:::b/*"],
            "condition": [],
            "principals": [],
            "not_principals": [],
        }
    ]
    return {
        "address": "data.aws_iam_policy_document.p", "mode": "data", "type": "aws_iam_policy_document", "name": "p",
        "change": {"actions": ["read"], "before": None, "after": {"statement": blocks}, "after_unknown": {"json": True}},
    }  # fmt: skip


CONFIGURATION = {
    "root_module": {
        "resources": [
            {"address": "aws_iam_role_policy.x", "expressions": {"policy": {"references": ["data.aws_iam_policy_document.p.json", "data.aws_iam_policy_document.p"]}}}
        ]
    }
}  # fmt: skip


@pytest.mark.parametrize(("actions", "kinds"), [(["s3:GetObject"], []), (["s3:GetObject", "s3:PutObject"], [Kind.IAM])])
def test_a_document_that_is_read_late_is_compared_by_what_is_known_of_it(actions: Any, kinds: Any) -> None:
    before = {"id": "1", "role": "r", "policy": policy(allow())}
    entry = change("aws_iam_role_policy", before, {"id": "1", "role": "r"}, after_unknown={"policy": True})
    assert [f.kind for f in reviewed(entry, document(actions), configuration=CONFIGURATION).findings] == kinds


def test_a_grant_on_what_is_only_being_made_opens_nothing() -> None:
    arn = "arn:aws:sqs:eu-central-1:123456789012:new"
    before = {
        "id": "1",
        "role": "r",
        "policy": policy(allow("sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:old")),
    }
    after = {**before, "policy": policy(allow("sqs:SendMessage", ["arn:aws:sqs:eu-central-1:123456789012:old", arn]))}
    grant = change("aws_iam_role_policy", before, after)
    assert [f.kind for f in reviewed(grant).findings] == [Kind.IAM]
    assert reviewed(grant, change("aws_sqs_queue", None, {"name": "new"})).findings == []
    assert [f.kind for f in reviewed(grant, change("aws_sns_topic", None, {"name": "new"})).findings] == [Kind.IAM]
    other = change(
        "aws_iam_role_policy",
        before,
        {**before, "policy": policy(allow("sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:*"))},
    )
    assert [f.kind for f in reviewed(other, change("aws_sqs_queue", None, {"name": "new"})).findings] == [Kind.IAM]


def test_a_policy_under_another_name_is_the_same_policy() -> None:
    values = {"role": "existing", "policy": policy(allow())}
    old, new = (
        change("aws_iam_role_policy", values, None, name="old"),
        change("aws_iam_role_policy", None, values, name="new"),
    )
    assert reviewed(old, new).findings == []
    assert [f.kind for f in reviewed(new).findings] == [Kind.IAM]
