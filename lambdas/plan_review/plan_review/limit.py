"""What fits into a limit: the most important first, and how many of the rest were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

LEAST = 600  # characters without which not even the verdict and what is left out of each class can be said


@dataclass(frozen=True)
class Piece:
    """One part of a rendering. ``counts``: what it is one of, for what is said of those left out, and ``class_`` of which
    class of them; ``title``: what stands above the first of its group."""

    text: str
    counts: str
    title: str = ""
    class_: str = ""


def length(text: str) -> int:
    """Characters as most services count them: UTF-16 units, of which some characters take two."""
    return len(text) + sum(character > "\uffff" for character in text)


def whole(pieces: Sequence[Piece]) -> str:
    """All of them."""
    found, title = [], ""
    for piece in pieces:
        found.append((piece.title if piece.title != title else "") + piece.text)
        title = piece.title
    return "".join(found)


def fit(head: str, pieces: Sequence[Piece], limit: int | None, tail: str = "") -> str:
    """``head``, as many pieces as fit, ``tail``. Pieces come in the order of their importance. Of each class one comes before a
    second of any: ten of one must not hide that there is another. After that, one that does not fit ends it."""
    text = head + whole(pieces) + tail
    if limit is None or length(text) <= limit:
        return text
    groups = [number for number, (_, run) in enumerate(groupby(pieces, key=lambda piece: piece.title)) for _ in run]
    left = Counter(map(_name, pieces))
    kept: set[int] = set()
    titles: set[int] = set()
    room = limit - length(head + tail)

    def taken(number: int) -> bool:
        nonlocal room
        piece = pieces[number]
        more = length(piece.text) + (length(piece.title) if groups[number] not in titles else 0)
        if more + length(_cut(left - Counter([_name(piece)]))) > room:
            return False
        room -= more
        left[_name(piece)] -= 1
        kept.add(number)
        titles.add(groups[number])
        return True

    first = {piece.class_: number for number, piece in reversed(list(enumerate(pieces))) if piece.class_}
    for number in sorted(first.values()):
        taken(number)  # one too long leaves room for those of other classes; it is counted among what is left out
    for number in range(len(pieces)):
        if number not in kept and not taken(number):
            break
    return head + whole([pieces[number] for number in sorted(kept)]) + _cut(+left) + tail


def cut(pieces: Sequence[Piece]) -> str:
    """What is left out, by what it is."""
    return _cut(Counter(map(_name, pieces)))


def _name(piece: Piece) -> tuple[str, str]:
    return piece.counts, piece.class_


def _cut(numbers: Counter[tuple[str, str]]) -> str:
    parts = []
    for what in dict.fromkeys(what for what, _ in numbers):
        of_it = {class_: number for (other, class_), number in numbers.items() if other == what}
        number = sum(of_it.values())
        classes = ", ".join(f"{class_}: {number:,}" for class_, number in of_it.items() if class_)
        parts.append(f"{number:,} {what if number == 1 else plural(what)}" + (f" ({classes})" if classes else ""))
    return f"\nCut to the limit. Left out: {', '.join(parts)}.\n" if parts else ""


def plural(what: str) -> str:
    """``line of changes`` -> ``lines of changes``."""
    first, _, rest = what.partition(" of ")
    return f"{first}s of {rest}" if rest else f"{what}s"
