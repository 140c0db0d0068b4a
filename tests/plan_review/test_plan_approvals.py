"""Rules of who must approve: fewer, others, for fewer branches or repositories; and the same at another address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plan_builder import change, reviewed

from plan_review.findings import Kind

TEMPLATE = "aws_codecommit_approval_rule_template"
ASSOCIATION = f"{TEMPLATE}_association"
MAIN, OTHER = "refs/heads/main", "refs/heads/release"


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


def template(number: int = 2, *pool: str, branches: Any = (), several: int = 1, name: str = "t") -> dict[str, Any]:
    statement: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": number}
    statement |= {"ApprovalPoolMembers": list(pool)} if pool else {}
    content: dict[str, Any] = {"Version": "2018-11-08", "Statements": [statement] * several}
    content |= {"DestinationReferences": list(branches)} if branches else {}
    return {"name": name, "content": json.dumps(content)}


WEAKER = {
    "nobody": (template(2), template(0)),
    "fewer": (template(2), template(1)),
    "a wider pool": (template(1, "CodeCommitApprovers:a"), template(1, "CodeCommitApprovers:a", "CodeCommitApprovers:*")),
    "anybody": (template(1, "CodeCommitApprovers:a"), template(1)),
    "some branches instead of all": (template(), template(branches=[OTHER])),
    "a branch less": (template(branches=[MAIN, OTHER]), template(branches=[OTHER])),
    "one statement of two": (template(several=2), template()),
    "what cannot be read": (template(), {"name": "t", "content": "x"}),
}  # fmt: skip
NEAR = {
    "more": (template(1), template(2)),
    "a narrower pool": (template(1, "CodeCommitApprovers:a", "CodeCommitApprovers:b"), template(1, "CodeCommitApprovers:a")),
    "a pool": (template(1), template(1, "CodeCommitApprovers:a")),
    "all branches": (template(branches=[MAIN]), template()),
    "a branch more": (template(branches=[MAIN]), template(branches=[OTHER, MAIN])),
    "another name": (template(), template(name="u")),
    "another order": (template(), {"name": "t", "content": json.dumps(json.loads(template()["content"]), indent=1, sort_keys=True)}),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAKER)
def test_less_approval_is_told(name: str) -> None:
    before, after = WEAKER[name]
    assert kinds(change(TEMPLATE, before, after)) == [Kind.GATE]


@pytest.mark.parametrize("name", NEAR)
def test_as_much_approval_is_not_told(name: str) -> None:
    before, after = NEAR[name]
    assert kinds(change(TEMPLATE, before, after)) == []


def association(repository: str = "payments", name: str = "t") -> dict[str, Any]:
    return {"approval_rule_template_name": name, "repository_name": repository}


def test_an_association_that_goes_to_another_repository() -> None:
    assert kinds(change(ASSOCIATION, association(), association("other"), action="replace")) == [Kind.GATE]
    assert kinds(change(ASSOCIATION, association(), association(name="u"), action="replace")) == [Kind.GATE]
    renamed = change(TEMPLATE, template(), template(name="u"))
    assert kinds(renamed, change(ASSOCIATION, association(), association(name="u"), action="replace")) == []


@pytest.mark.parametrize(("kind", "before"), [(TEMPLATE, template()), (ASSOCIATION, association())])
def test_a_rule_that_is_made_again_at_another_address(kind: str, before: dict[str, Any]) -> None:
    gone = change(kind, before | {"id": "1"}, None)
    assert kinds(gone) == [Kind.GATE]
    assert kinds(gone, change(kind, None, before, name="y", after_unknown={"id": True})) == []
    weaker = {**before, "content": template(0)["content"]} if kind == TEMPLATE else association("other")
    assert kinds(gone, change(kind, None, weaker, name="y")) == [Kind.GATE]
