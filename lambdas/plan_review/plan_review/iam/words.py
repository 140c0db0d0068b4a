"""Atoms of policies as sentences. Values of conditions are never shown: an external ID is half a secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from plan_review.iam.compare import Atom, covered
from plan_review.iam.statements import NOT_KNOWN, Several, Statement, is_policy, parse
from plan_review.model import Change
from plan_review.text import Text, joined, listed, say

_MOST = 6  # sentences of one finding


def headline(path: str, new: bool) -> Text:
    """What is said of a policy that allows more."""
    if path.endswith("assume_role_policy"):
        return say("can be assumed by more" if not new else "is a new role that can be assumed by anybody of these")
    return say("allows more: {}", path) if not new else say("is new and allows: {}", path)


def unknown(atom: Atom) -> bool:
    """Whether a part of it is not known before apply."""
    return NOT_KNOWN in (atom.action, atom.resource, atom.principal)


def grants(atoms: Sequence[Atom], change: Change, path: str) -> Iterator[Text]:
    """One sentence for each statement."""
    before = _before(change, path)
    for statement in _statements(atoms):
        own = [atom for atom in atoms if atom.statement == statement]
        text = _what("now allowed", statement, own)
        bare = [Atom(_without_conditions(statement), atom.action, atom.resource, atom.principal) for atom in own]
        if before and all(covered(atom, [_without_conditions(one) for one in before]) for atom in bare):
            text = joined([text, say("it was allowed under narrower conditions only")], "; ")
        elif statement.conditions:
            keys = sorted({condition.key for condition in statement.conditions})
            text = joined([text, say("if {} is as the policy says", keys)], " ")
        yield text


def denials(atoms: Sequence[Atom]) -> Iterator[Text]:
    """One sentence for each statement that denied more."""
    for statement in _statements(atoms):
        yield _what("no longer denied", statement, [atom for atom in atoms if atom.statement == statement])


def _statements(atoms: Sequence[Atom]) -> list[Statement]:
    found = list(dict.fromkeys(atom.statement for atom in atoms))
    return found[:_MOST]


def _what(how: str, statement: Statement, atoms: Sequence[Atom]) -> Text:
    actions = [statement.spelling.get(atom.action, atom.action) if atom.action else None for atom in atoms]
    text = joined([say(how + ": "), _side(statement.actions, actions, "action")], "")
    if statement.resources is not None:
        text = joined([text, _side(statement.resources, [a.resource for a in atoms], "resource")], " on ")
    if statement.principals is not None:
        text = joined([text, _side(statement.principals, [a.principal for a in atoms], "principal")], " for ")
    return joined([say("{}: ", statement.sid), text], "") if statement.sid else text


def _side(several: Several, items: Sequence[str | None], noun: str) -> Text:
    named = sorted({item for item in items if item is not None})
    if named:
        return listed(f"not known before apply ({noun})" if one == NOT_KNOWN else one for one in named)
    if several.others:
        return joined([say(f"every {noun} but "), listed(sorted(several.patterns))], "")
    return listed(sorted(several.patterns))


def _before(change: Change, path: str) -> tuple[Statement, ...]:
    found: object = change.before
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return parse(found) if isinstance(found, str) and is_policy(found) else ()


def _without_conditions(statement: Statement) -> Statement:
    return replace(statement, conditions=frozenset())
