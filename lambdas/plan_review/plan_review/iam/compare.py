"""What a policy allows after that it did not allow before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from plan_review.iam import regions
from plan_review.iam.conditions import implies
from plan_review.iam.statements import Condition, Several, Statement

_ATOMS = 4096  # of one statement: above that its parts are not looked at one by one
_ALTERNATIVES = 256  # of one statement's conditions: above that they are not either


@dataclass(frozen=True)
class Atom:
    """One action on one resource for one principal of a statement; None where the policy has none, and for all but the
    excluded ones of a Not-element, which stays whole."""

    statement: Statement
    action: str | None
    resource: str | None
    principal: str | None

    @property
    def region(self) -> regions.Region:
        """Where it stands."""
        return tuple(
            regions.sides(several)[0] if item is None else regions.sides(Several(frozenset({item})))[0]
            for item, several in zip(
                (self.action, self.resource, self.principal), _elements(self.statement), strict=True
            )
        )


def _elements(statement: Statement) -> tuple[Several | None, ...]:
    return statement.actions, statement.resources, statement.principals


def _each(several: Several | None) -> Sequence[str | None]:
    return [None] if several is None or several.others else sorted(several.patterns)


def _atoms(statement: Statement) -> Iterator[Atom]:
    for action, resource, principal in product(*map(_each, _elements(statement))):
        yield Atom(statement, action, resource, principal)


def covered(atom: Atom, statements: Sequence[Statement]) -> bool:
    """Whether the statements together say all that the atom says. False where it cannot be told."""
    applying = [one for one in statements if _conditions_hold(atom.statement.conditions, one.conditions)]
    if regions.within(atom.region, [_elements(one) for one in applying]):
        return True
    # A request meets one of the alternatives of each condition: other statements may take each.
    alternatives = list(_alternatives(atom.statement.conditions))
    return len(alternatives) > 1 and all(
        regions.within(atom.region, [_elements(one) for one in statements if _conditions_hold(held, one.conditions)])
        for held in alternatives
    )


def _alternatives(conditions: frozenset[Condition]) -> Iterator[frozenset[Condition]]:
    """The conditions with one value for each that has several; nothing if there are too many."""
    separate = [condition.alternatives() for condition in conditions]
    if prod(map(len, separate)) <= _ALTERNATIVES:
        yield from map(frozenset, product(*separate))


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
        if prod(len(_each(element)) for element in _elements(statement)) > _ATOMS:
            yield Atom(statement, None, None, None)
            continue
        yield from (atom for atom in _atoms(statement) if not covered(atom, others))


def widening(before: Sequence[Statement], after: Sequence[Statement]) -> Widening:
    """Compare two policies of the same thing. Order, lists of one and the splitting of statements do not matter."""
    allowed, denied = ([s for s in before if s.allows is effect] for effect in (True, False))
    allows, denies = ([s for s in after if s.allows is effect] for effect in (True, False))
    # What was allowed, or is denied now: together they may take what neither takes.
    grants = [atom for atom in _missing(allows, allowed) if not denies or not covered(atom, [*allowed, *denies])]
    # A denial of what nobody is allowed any more is still missed: other policies may allow it.
    return Widening(grants, list(_missing(denied, denies)))
