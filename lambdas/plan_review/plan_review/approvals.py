"""Rules of who must agree to a merge, and where they hold.

https://docs.aws.amazon.com/codecommit/latest/userguide/approval-rules.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change, Plan
from plan_review.text import say
from plan_review.values import Value, at

TOLD: Final = {
    "aws_codecommit_approval_rule_template": "pull requests need no approval by this rule any more",
    "aws_codecommit_approval_rule_template_association": "pull requests of the repository need no approval by this rule any more",
    "github_branch_protection": "the branch is no longer protected",
    "github_branch_protection_v3": "the branch is no longer protected",
    "github_repository_ruleset": "the branches are no longer protected by these rules",
    "gitlab_branch_protection": "the branch is no longer protected",
    "gitlab_project_level_mr_approvals": "merge requests need no approval by these rules any more",
}
_TEMPLATE: Final = "aws_codecommit_approval_rule_template"
_ASSOCIATION: Final = f"{_TEMPLATE}_association"
# What the service gives, and no configuration says.
_GIVEN: Final = frozenset(
    """
    id arn node_id etag ruleset_id branch_protection_id approval_rule_template_id creation_date last_modified_date
    last_modified_user rule_content_sha256
    """.split()  # noqa: SIM905 - names are read as a paragraph
)


@dataclass(frozen=True)
class Rules:
    """Of all plans: rules that are ``made``, and templates that are ``renamed``, by their old and new names."""

    made: Sequence[Change]
    renamed: frozenset[tuple[Value, Value]]


def look(plans: Sequence[Plan]) -> Rules:
    """Look at all plans."""
    changes = [one for plan in plans for one in plan.changes if one.type in TOLD and one.managed]
    return Rules(
        [one for one in changes if one.action is Action.CREATE],
        frozenset(
            (one.before.get("name"), one.after.get("name")) for one in changes if one.type == _TEMPLATE and one.stays
        ),
    )


def weakened(change: Change, rules: Rules) -> Iterator[Finding]:
    """Findings about one change."""
    if change.type in TOLD and change.managed and change.gone and not any(_same(change, one) for one in rules.made):
        yield Finding(Kind.GATE, change.stack, change.address, say("is destroyed: " + TOLD[change.type]))
    if change.type.startswith(("github_branch_protection", "gitlab_")) and change.action is Action.UPDATE:
        for path in ("required_pull_request_reviews.*.required_approving_review_count", "approvals_required"):
            old, new = at(change.before, path), at(change.after, path)
            if (
                old
                and isinstance(old[0], (int, float))
                and (not new or (isinstance(new[0], (int, float)) and new[0] < old[0]))
            ):
                yield Finding(Kind.GATE, change.stack, change.address, say("fewer people must approve"))
    if change.type == _TEMPLATE and change.stays:
        yield from _narrowed(change)
    if change.type == _ASSOCIATION and change.stays:
        template, where = (
            tuple(side.get(name) for side in (change.before, change.after))
            for name in ("approval_rule_template_name", "repository_name")
        )
        if where[0] != where[1] or (template[0] != template[1] and template not in rules.renamed):
            text = say("goes elsewhere: " + TOLD[_ASSOCIATION] + ": {}", str(change.before.get("repository_name")))
            yield Finding(Kind.GATE, change.stack, change.address, text)


def _same(gone: Change, made: Change) -> bool:
    """Whether it is made again as it was, at another address."""
    names = {*gone.before, *made.after} - _GIVEN
    return gone.type == made.type and all(
        (gone.before.get(name) or None) == (made.after.get(name) or None) for name in names
    )


def _narrowed(change: Change) -> Iterator[Finding]:
    """Rules that hold for fewer branches, and a template of fewer rules."""
    old, new = _content(change.before.get("content")), _content(change.after.get("content"))
    if old is None or new is None:
        return  # told as not known
    was, now = (set(map(str, side.get("DestinationReferences") or ())) for side in (old, new))
    if now and (not was or was - now):
        text = say("pull requests to some branches need no approval by this rule any more")
        yield Finding(Kind.GATE, change.stack, change.address, text)
    rules = [one for side in (old, new) if isinstance(one := side.get("Statements"), list)]
    if len(rules) == len((old, new)) and 0 < len(rules[1]) < len(rules[0]):
        yield Finding(Kind.GATE, change.stack, change.address, say("asks for approval in fewer ways"))


def _content(text: Value) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
