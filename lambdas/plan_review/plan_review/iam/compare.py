"""What a policy allows after that it did not allow before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from plan_review.iam.conditions import implies
from plan_review.iam.patterns import covers, meet
from plan_review.iam.statements import NOT_KNOWN, Condition, Several, Statement

_ATOMS = 4096  # of one statement: above that its parts are not looked at one by one


@dataclass(frozen=True)
class Atom:
    """One action on one resource for one principal of a statement; None where the policy has none, and for all but the
    excluded ones of a Not-element, which stays whole."""

    statement: Statement
    action: str | None
    resource: str | None
    principal: str | None


def _each(several: Several | None) -> Sequence[str | None]:
    return [None] if several is None or several.others else sorted(several.patterns)


def _atoms(statement: Statement) -> Iterator[Atom]:
    sides = _each(statement.actions), _each(statement.resources), _each(statement.principals)
    for action, resource, principal in product(*sides):
        yield Atom(statement, action, resource, principal)


def _within(item: str | None, whole: Several | None, wide: Several | None) -> bool:
    """Whether one item (or, if it is None, all of ``whole``) is in ``wide``."""
    if wide is None:
        return whole is None
    if whole is None:
        return "*" in wide.patterns and not wide.others
    if item is not None:
        if item == NOT_KNOWN:
            return not wide.others and "*" in wide.patterns
        if wide.others:
            return NOT_KNOWN not in wide.patterns and not any(meet(item, excluded) for excluded in wide.patterns)
        return any(_covers(pattern, item) for pattern in wide.patterns)
    if wide.others:
        return all(any(covers(excluded, one) for excluded in whole.patterns) for one in wide.patterns)
    return "*" in wide.patterns


def _covers(pattern: str, item: str) -> bool:
    if pattern == NOT_KNOWN:
        return False
    return covers(pattern, item)


def covered(atom: Atom, statements: Sequence[Statement]) -> bool:
    """Whether one of the statements says all that the atom says. Not all of them together: a false alarm is possible
    where a statement was split in a way that no part shows."""
    return any(
        _within(atom.action, atom.statement.actions, wide.actions)
        and _within(atom.resource, atom.statement.resources, wide.resources)
        and _within(atom.principal, atom.statement.principals, wide.principals)
        and _conditions_hold(atom.statement.conditions, wide.conditions)
        for wide in statements
    )


def _conditions_hold(narrow: frozenset[Condition], wide: frozenset[Condition]) -> bool:
    return all(any(implies(one, other) for one in narrow) for other in wide)


@dataclass(frozen=True)
class Widening:
    """``grants``: atoms that are allowed now and were not; ``denials``: atoms that were denied and no longer are."""

    grants: Sequence[Atom]
    denials: Sequence[Atom]

    def __bool__(self) -> bool:
        return bool(self.grants or self.denials)


def _missing(statements: Sequence[Statement], others: Sequence[Statement]) -> Iterator[Atom]:
    for statement in statements:
        if statement in others:
            continue
        count = len(_each(statement.actions)) * len(_each(statement.resources)) * len(_each(statement.principals))
        if count > _ATOMS:
            yield Atom(statement, None, None, None)
            continue
        yield from (atom for atom in _atoms(statement) if not covered(atom, others))


def widening(before: Sequence[Statement], after: Sequence[Statement]) -> Widening:
    """Compare two policies of the same thing. Order, lists of one and the splitting of statements do not matter."""
    allowed, denied = ([s for s in before if s.allows is effect] for effect in (True, False))
    allows, denies = ([s for s in after if s.allows is effect] for effect in (True, False))
    grants = [atom for atom in _missing(allows, allowed) if not covered(atom, denies)]
    # A denial of what nobody is allowed any more is still missed: other policies may allow it.
    return Widening(grants, list(_missing(denied, denies)))
