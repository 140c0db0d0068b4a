"""Whether several statements together say all that a part of another says.

Actions, resources and principals span a space; a statement takes a region of it. What of a region one statement leaves is cut into
regions again, and the next statements must take those, until nothing is left. Where it cannot be told that nothing is left, something is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

from plan_review.iam.patterns import covers, meet
from plan_review.iam.statements import NOT_KNOWN, Several, account_of

_STEPS: Final = 400  # regions looked at for one part; contrived policies need more, and are told


@dataclass(frozen=True)
class Side:
    """Texts that match all of ``both`` and none of ``but``; an empty ``both`` is any text."""

    both: tuple[str, ...] = ()
    but: frozenset[str] = frozenset()

    def empty(self) -> bool:
        """Whether nothing is in it, as far as can be told."""
        if "*" in self.but:
            return True
        return any(_inside(one, excluded) for one in self.both for excluded in self.but) or any(
            not _meet(one, other) for one, other in combinations(self.both, 2)
        )

    def and_(self, other: Side) -> Side:
        """What is in both."""
        return Side(tuple(dict.fromkeys((*self.both, *other.both))), self.but | other.but)

    def without(self, other: Side) -> Iterator[Side]:
        """Parts that together are what is not in the other."""
        for pattern in other.both:
            yield Side(self.both, self.but | {pattern})
        for pattern in other.but:
            yield self.and_(Side((pattern,)))


Region = tuple[Side | None, ...]  # None: the policy has no such element


def _inside(one: str, pattern: str) -> bool:
    """What is not known may be anything, and nothing is in what is not known."""
    return NOT_KNOWN not in (one, pattern) and covers(pattern, one)


def _meet(one: str, other: str) -> bool:
    if NOT_KNOWN in (one, other):
        return True
    accounts = account_of(one), account_of(other)
    if None not in accounts and accounts[0] == accounts[1]:
        return True  # an account stands for all that is in it
    return meet(one, other)


def sides(several: Several | None) -> list[Side | None]:
    """One for each pattern, or one for all but those."""
    if several is None:
        return [None]
    if several.others:
        return [Side(but=several.patterns)]
    return [Side() if pattern == "*" else Side((pattern,)) for pattern in sorted(several.patterns)]


def within(region: Region, others: Sequence[tuple[Several | None, ...]]) -> bool:
    """Whether nothing of the region is outside of all others."""
    if _nothing(region):
        return True
    parts = [part for other in others for part in product(*map(sides, other)) if _overlap(region, part)]
    if any(side == Side() and all(map(_some, (part[at] for part in parts))) for at, side in enumerate(region)):
        return False  # patterns but the star are never all there is
    return any(_inner(region, part) for part in parts) or (len(parts) > 1 and _Search(parts).taken(region, 0))


def _some(side: Side | None) -> bool:
    return side is not None and bool(side.both)


def _inner(region: Region, part: Region) -> bool:
    """Whether one part takes all of it: so it mostly is."""
    return all(
        one is None or other is None or all(left.empty() for left in one.without(other))
        for one, other in zip(region, part, strict=True)
    )


def _nothing(region: Region) -> bool:
    return any(side is not None and side.empty() for side in region)


def _overlap(region: Region, part: Region) -> bool:
    return all(
        # An element that is not there is like nothing but itself; that all is meant is known only by its star.
        (one is None and other in (None, Side()))
        or (one is not None and other is not None and not one.and_(other).empty())
        for one, other in zip(region, part, strict=True)
    )


class _Search:
    def __init__(self, parts: Sequence[Region]) -> None:
        self.parts = parts
        self.steps = _STEPS

    def taken(self, region: Region, first: int) -> bool:
        """Whether the parts from ``first`` on take all of the region."""
        self.steps -= 1
        if _nothing(region):
            return True
        while first < len(self.parts) and not _overlap(region, self.parts[first]):
            first += 1
        if first == len(self.parts) or self.steps < 0:
            return False
        # What is left in one direction is taken over the whole width of the others: more than is left, and as much in the end.
        for number, (side, other) in enumerate(zip(region, self.parts[first], strict=True)):
            if side is None or other is None:
                continue
            for left in side.without(other):
                if not self.taken((*region[:number], left, *region[number + 1 :]), first + 1):
                    return False
        return True
