"""Statements that only together allow what a new one does: against an evaluator that asks about every request of a small account.

Expected: IAM's user guide, "Policy evaluation logic", "JSON policy elements" and "Conditions with multiple context keys or values".
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plan_builder import allow, change, policy, reviewed

from plan_review.findings import Kind
from plan_review.iam.compare import widening
from plan_review.iam.conditions import implies
from plan_review.iam.patterns import covers, meet
from plan_review.iam.statements import Condition, parse

EVERYTHING_BUT_IAM = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}


def key(operator: str, *values: str, name: str = "aws:SourceArn") -> dict[str, Any]:
    return {"Condition": {operator: {name: list(values)}}}


def deny(action: Any = "s3:DeleteObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def wider(before: Any, after: Any) -> bool:
    return bool(widening(parse(policy(*before)), parse(policy(*after))))


# name -> before, after that is no more, after that is
TOGETHER: dict[str, tuple[Any, Any, Any]] = {
    "actions of two statements": (
        [allow("s3:Get*", "x"), allow("s3:Put*", "x")],
        [allow(["s3:GetObject", "s3:PutObject"], "x")],
        [allow(["s3:GetObject", "s3:DeleteObject"], "x")],
    ),
    "resources of two statements": (
        [allow("s3:*", "x/*"), allow("s3:Get*", "y/*")],
        [allow("s3:GetObject", ["x/a", "y/a"])],
        [allow("s3:PutObject", ["x/a", "y/a"])],
    ),
    "all but some, and those": ([EVERYTHING_BUT_IAM, allow("iam:*", "*")], [allow("*", "*")], [allow("*", "*", Principal="*")]),
    "all but some, and some of those": (
        [EVERYTHING_BUT_IAM, allow("iam:Get*", "*")],
        [{"Effect": "Allow", "NotAction": ["iam:Put*", "iam:*"], "Resource": "*"}, allow("iam:GetRole", "*")],
        [allow("*", "*")],
    ),
    "all but two, and one of the two": (
        [{"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}, allow("s3:*", "*")],
        [EVERYTHING_BUT_IAM],
        [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}],
    ),
    "resources but one, and that one": (
        [{"Effect": "Allow", "Action": "s3:*", "NotResource": "x/*"}, allow("s3:Get*", "x/*")],
        [allow("s3:GetObject", "*")],
        [allow("s3:PutObject", "*")],
    ),
    "values of a condition": (
        [allow(**key("ArnLike", "arn:aws:sns:eu:1:a")), allow(**key("ArnLike", "arn:aws:sns:eu:1:b"))],
        [allow(**key("ArnLike", "arn:aws:sns:eu:1:a", "arn:aws:sns:eu:1:b"))],
        [allow(**key("ArnLike", "arn:aws:sns:eu:1:a", "arn:aws:sns:eu:1:c"))],
    ),
    "values of a condition, and an action of one": (
        [allow(["s3:Get*", "s3:Put*"], **key("StringEquals", "a")), allow("s3:Get*", **key("StringEquals", "b"))],
        [allow("s3:GetObject", **key("StringEquals", "a", "b"))],
        [allow("s3:PutObject", **key("StringEquals", "a", "b"))],
    ),
    "values that all must be among": (
        [allow(**key("ForAllValues:StringEquals", "a", "b"))],
        [allow(**key("ForAllValues:StringEquals", "a"))],
        [allow(**key("ForAllValues:StringEquals", "a", "c"))],
    ),
    "values that all must be among one of two lists": (
        [allow(**key("ForAllValues:StringEquals", "a")), allow(**key("ForAllValues:StringEquals", "b"))],
        [allow(**key("ForAllValues:StringEquals", "b"))],
        [allow(**key("ForAllValues:StringEquals", "a", "b"))],
    ),
    "a value that must be among one of two lists": (
        [allow(**key("ForAnyValue:StringEquals", "a")), allow(**key("ForAnyValue:StringEquals", "b"))],
        [allow(**key("ForAnyValue:StringEquals", "a", "b"))],
        [allow(**key("ForAnyValue:StringEquals", "a", "c"))],
    ),
    "what is denied of it": (
        [allow("s3:Get*", "x/*")],
        [allow("s3:*", "x/*"), {"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"}],
        [allow("s3:*", "x/*"), {"Effect": "Deny", "NotAction": ["s3:Get*", "s3:Put*"], "Resource": "*"}],
    ),
    "a denial of two statements": (
        [deny(["s3:DeleteObject", "s3:PutObject"], ["x/*", "y/*"])],
        [deny("s3:*", "x/*"), deny("s3:*Object", "y/*")],
        [deny("s3:*", "x/*"), deny("s3:Delete*", "y/*")],
    ),
    "a denial but for some, and those": (
        [deny("*", "*")],
        [{"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, deny("s3:*", "*")],
        [{"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, deny("s3:Put*", "*")],
    ),
    "a variable is anybody": (
        [{"Effect": "Allow", "Action": "s3:*", "NotResource": "home/admin/*"}],
        [allow("s3:*", "home/eve/*")],
        [allow("s3:*", "home/${aws:username}/*")],
    ),
    "an account is all that is in it": (
        [{"Effect": "Allow", "Action": "s3:*", "Resource": "x", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}}],
        [allow("s3:Get*", "x", Principal={"AWS": "arn:aws:iam::999999999999:role/a"})],
        [allow("s3:Get*", "x", Principal={"AWS": "arn:aws:iam::123456789012:role/a"})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOGETHER)
def test_what_old_statements_say_together_is_no_more(case: str) -> None:
    before, same, more = TOGETHER[case]
    assert not wider(before, same)
    assert wider(before, more)
    sides = [{"id": "1", "name": "n", "policy": policy(*side)} for side in (before, same, more)]
    assert reviewed(change("aws_iam_policy", sides[0], sides[1])).findings == []
    told = {finding.kind for finding in reviewed(change("aws_iam_policy", sides[0], sides[2])).findings}
    assert told & {Kind.IAM, Kind.PUBLIC}


# A small account: every request that can be told from another by the literal texts below; the last of each is anything else.
ACTIONS, RESOURCES, PRINCIPALS, VALUES = (
    ("s:a", "s:b", "s:else"),
    ("x", "y", "else"),
    ("1", "2", "9"),
    ("a", "b", "else", None),
)


def some(*items: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(items), min_size=1, max_size=3, unique=True)


def statements(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Of literal texts, ``*`` and all-but."""
    either = st.tuples(
        st.sampled_from(["Allow", "Allow", "Deny"]),
        st.tuples(st.sampled_from(["Action", "NotAction"]), some("s:a", "s:b", "*")),
        st.tuples(st.sampled_from(["Resource", "NotResource"]), some("x", "y", "*")),
    ).map(lambda drawn: {"Effect": drawn[0], drawn[1][0]: drawn[1][1], drawn[2][0]: drawn[2][1]})
    return st.builds(lambda base, rest: {**base, **rest}, either, st.fixed_dictionaries({}, optional=more))


PLAIN = statements()
HELD = statements(
    Condition=st.fixed_dictionaries({"StringEquals": st.fixed_dictionaries({"k": some("a", "b")})}),
)
PRINCIPAL = st.builds(
    lambda base, named, who: {**base, named: {"AWS": [f"{one * 12}" if one != "*" else "*" for one in who]}},
    PLAIN, st.sampled_from(["Principal", "NotPrincipal"]), some("1", "2", "*"),
)  # fmt: skip


def applies(one: Any, request: tuple[str, str, str, str | None]) -> bool:
    """Whether a statement is about a request, said again and simply."""
    action, resource, principal, value = request
    for name, said in (("Action", action), ("Resource", resource), ("Principal", principal * 12)):
        patterns = one.get(name, one.get(f"Not{name}"))
        if patterns is None:
            continue
        patterns = patterns["AWS"] if isinstance(patterns, dict) else patterns
        if any(fnmatchcase(said, pattern) for pattern in patterns) is (f"Not{name}" in one):
            return False
    wanted = one.get("Condition", {}).get("StringEquals", {}).get("k")
    return wanted is None or value in wanted


def really_wider(before: Any, after: Any) -> bool:
    """A request is allowed that no statement allowed, or one is not denied that was (another policy may allow it)."""
    for request in product(ACTIONS, RESOURCES, PRINCIPALS, VALUES):
        old, new = ({one["Effect"] for one in side if applies(one, request)} for side in (before, after))
        if "Deny" in old - new or ("Allow" in new - old and "Deny" not in new):
            return True
    return False


@pytest.mark.parametrize("drawn", [PLAIN, HELD, PRINCIPAL], ids=["plain", "conditions", "principals"])
def test_it_is_told_exactly_when_a_request_is_newly_let_through(drawn: st.SearchStrategy[Any]) -> None:
    """Of literal texts nothing is left to caution: neither a widening without a word nor a false alarm."""

    @settings(max_examples=400, deadline=None)
    @given(st.lists(drawn, max_size=3), st.lists(drawn, max_size=2))
    def check(before: Any, after: Any) -> None:
        assert wider(before, after) is really_wider(before, after)

    check()


PATTERNS = statements().flatmap(
    lambda base: st.builds(
        lambda actions, resources: {
            **base,
            **({"Action": actions} if "Action" in base else {"NotAction": actions}),
            **({"Resource": resources} if "Resource" in base else {"NotResource": resources}),
        },
        some("s:a", "s:*", "*", "s:?", "*a"),
        some("x", "x*", "*", "?", "*y", "${u}", "x${u}"),
    )
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=2))
@example(
    [{"Effect": "Allow", "Action": ["*"], "NotResource": ["x"]}],
    [{"Effect": "Allow", "Action": ["*"], "Resource": ["${u}"]}],
)
def test_with_patterns_nothing_is_let_through_without_a_word(before: Any, after: Any) -> None:
    """A false alarm is possible here, silence about more is not; ``${u}`` is whoever asks."""
    if wider(before, after):
        return
    for user in ("x", "y", "ab", ""):
        sides = [
            [
                {name: _as(value, user) if name.endswith("Resource") else value for name, value in one.items()}
                for one in side
            ]
            for side in (before, after)
        ]
        for action, resource in product(("s:a", "s:b", "s:ab", "t:a"), ("x", "y", "xy", "xx", "ab", "z", "xab", "")):
            old, new = (
                {one["Effect"] for one in side if applies(one, (action, resource, "1", None))} for side in sides
            )
            assert "Deny" not in old - new, (user, action, resource)
            assert "Allow" not in new - old or "Deny" in new, (user, action, resource)


def _as(patterns: list[str], user: str) -> list[str]:
    return [pattern.replace("${u}", user) for pattern in patterns]


@settings(max_examples=200, deadline=None)
@given(st.lists(HELD, min_size=1, max_size=3))
def test_a_policy_cut_into_its_smallest_statements_is_the_same(whole: Any) -> None:
    cut = []
    for one in whole:
        actions = [[a] for a in one["Action"]] if "Action" in one else [None]
        resources = [[r] for r in one["Resource"]] if "Resource" in one else [None]
        values = [[v] for v in one["Condition"]["StringEquals"]["k"]] if "Condition" in one else [None]
        for action, resource, value in product(actions, resources, values):
            part = {**one, **({"Action": action} if action else {}), **({"Resource": resource} if resource else {})}
            cut.append(part | ({"Condition": {"StringEquals": {"k": value}}} if value else {}))
    assert not wider(whole, cut)
    assert not wider(cut, whole)


def condition(operator: str, *values: str) -> Condition:
    return Condition(operator, "k", frozenset(values))


@pytest.mark.parametrize(
    ("narrow", "wide", "holds"),
    [
        # "Each of the six colon-delimited components of the ARN is checked separately"
        (("StringEquals", "arn:aws:sns:eu:1:a"), ("ArnLike", "arn:*:a"), False),
        (("StringEquals", "arn:aws:sns:eu:1:a"), ("ArnLike", "arn:aws:sns:*:1:a"), True),
        (("StringLike", "arn:aws:*:a"), ("ArnLike", "arn:aws:*:*:*:*"), False),
        (("ArnLike", "arn:aws:*:eu:1:a"), ("ArnLike", "arn:aws:*:*:*:*"), True),
        (("ArnEquals", "*"), ("ArnLike", "*"), True),
        # times of two zones cannot be compared as texts
        (("DateLessThan", "2026-12-31T23:00:00-05:00"), ("DateLessThan", "2026-12-31T23:30:00+05:00"), False),
        (("DateLessThan", "2026-12-31T23:00:00Z"), ("DateLessThan", "2026-12-31T23:30:00Z"), True),
        (("StringLike", "a${*}"), ("StringLike", "a*"), True),
        (("StringLike", "ab"), ("StringLike", "a${*}"), False),
        (("StringLike", "a${aws:username}"), ("StringLike", "a${*}"), False),
    ],
)  # fmt: skip
def test_a_condition_is_as_narrow_as_another(narrow: Any, wide: Any, holds: bool) -> None:
    assert implies(condition(*narrow), condition(*wide)) is holds


@pytest.mark.parametrize(
    ("wide", "narrow", "held"),
    [("a" + "?" * len("${aws:username}"), "a${aws:username}", False), ("a*", "a${aws:username}", True), ("a${u}", "a${u}", True),
     ("${*}", "${aws:username}", False), ("a${*}*", "a*b", False)],
)  # fmt: skip
def test_a_variable_is_no_text_and_an_escaped_star_is_one(wide: str, narrow: str, held: bool) -> None:
    assert covers(wide, narrow) is held


def test_what_a_variable_may_be_it_meets() -> None:
    assert meet("home/${aws:username}/*", "home/admin/*")
    assert not meet("home/${aws:username}/*", "house/admin/*")
    assert not meet("a${*}", "ab")


def test_a_contrived_policy_takes_no_time() -> None:
    """What cannot be told within reason is told as more."""
    before = [{"Effect": "Allow", "NotAction": [f"s:a{n}*", "s:x"], "NotResource": [f"r{n}*"]} for n in range(60)]
    assert wider(before, [allow("*", "*")])


def role_policy(name: str, before: Any, after: Any, role: str = "r", **more: Any) -> dict[str, Any]:
    sides = [
        None if side is None else {"role": role, "name": name, "policy": policy(*side)} for side in (before, after)
    ]
    return change("aws_iam_role_policy", *sides, name=name, **more)


def kinds(*changes: dict[str, Any]) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes).findings]


def test_a_statement_that_moves_to_another_policy_of_the_role() -> None:
    read, write = allow("s3:Get*"), allow("s3:Put*")
    leaves = role_policy("a", [read, write, deny()], [read])
    assert kinds(leaves, role_policy("b", None, [write, deny()])) == []
    assert kinds(leaves, role_policy("b", [read], [read, write, deny()])) == []
    # of another role, or what no policy allowed, or denied by none any more
    assert kinds(leaves, role_policy("b", None, [write, deny()], role="other")) == [Kind.IAM, Kind.IAM]
    assert kinds(leaves, role_policy("b", None, [allow("s3:Del*"), deny()])) == [Kind.IAM]
    assert kinds(leaves, role_policy("b", None, [write])) == [Kind.IAM]


def test_what_another_policy_of_the_role_allows_all_along() -> None:
    stays = role_policy("a", [allow("s3:*")], [allow("s3:*")], action="no-op")
    assert kinds(stays, role_policy("b", None, [allow("s3:Get*")])) == []
    assert kinds(role_policy("b", None, [allow("s3:Get*")])) == [Kind.IAM]


@pytest.mark.parametrize("decoy", ["aws_ecr_repository", "aws_sns_topic", "aws_iam_group"])
def test_something_new_that_is_called_like_a_role_is_not_that_role(decoy: str) -> None:
    grant = role_policy("b", None, [allow("s3:Get*")], role="deployer")
    assert kinds(grant, change(decoy, None, {"name": "deployer"})) == [Kind.IAM]
    assert kinds(grant, change("aws_iam_role", None, {"name": "deployer"})) == []
    stands = change("aws_iam_role", {"name": "deployer"}, {"name": "deployer"}, name="other", action="no-op")
    assert (
        kinds(grant, stands) == kinds(grant, stands, change("aws_iam_role", None, {"name": "deployer"})) == [Kind.IAM]
    )


def test_what_is_made_in_one_account_may_stand_in_another() -> None:
    """Plans of two accounts, given together."""
    arn = "arn:aws:sqs:eu-central-1:222222222222:jobs"
    grant = role_policy("b", [allow("sqs:SendMessage", "x")], [allow("sqs:SendMessage", ["x", arn])])
    made = change("aws_sqs_queue", None, {"name": "jobs"}, name="development")
    stands = change("aws_sqs_queue", {"name": "jobs"}, {"name": "jobs"}, name="production", action="no-op")
    assert kinds(grant, made) == []
    assert kinds(grant, made, stands) == [Kind.IAM]


DENIES = policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"})
DENIES_LESS = policy({"Effect": "Deny", "Action": "s3:Put*", "Resource": "*", "Principal": "*"})


def renamed(after: dict[str, Any], **more: Any) -> list[str]:
    """A bucket's policy that goes, and another resource that comes."""
    old = change("aws_s3_bucket_policy", {"bucket": "b", "policy": DENIES}, None, name="old")
    found = reviewed(old, change("aws_s3_bucket_policy", None, after, name="new", **more))
    return [finding.address for finding in found.findings]


def test_a_policy_at_another_address_is_the_same_policy() -> None:
    assert renamed({"bucket": "b", "policy": DENIES}) == []


@pytest.mark.parametrize(
    ("after", "more"),
    [
        ({"bucket": "b", "policy": DENIES_LESS}, {}),
        ({"bucket": "other", "policy": DENIES}, {}),
        ({"bucket": "b"}, {"after_unknown": {"policy": True}}),
        ({"policy": DENIES}, {"after_unknown": {"bucket": True}}),
    ],
    ids=["it denies less", "of another bucket", "not known", "of a bucket that is not known"],
)
def test_a_policy_at_another_address_that_denies_less_is_told(after: Any, more: Any) -> None:
    assert "aws_s3_bucket_policy.old" in renamed(after, **more)
