"""What fits into a limit: the most important first, and how many of the rest were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 400  # characters without which not even the verdict and what is left out can be said


@dataclass(frozen=True)
class Piece:
    """One part of a rendering. ``counts``: what it is one of, for what is said of those left out; ``title``: what stands above
    the first of its group."""

    text: str
    counts: str
    title: str = ""


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
    """``head``, as many pieces as fit, ``tail``. Pieces come in the order of their importance; one that does not fit ends it."""
    text = head + whole(pieces) + tail
    if limit is None or length(text) <= limit:
        return text
    kept, title = head, ""
    for number, piece in enumerate(pieces):
        more = (piece.title if piece.title != title else "") + piece.text
        # What is said of the rest is longest with this piece among it.
        if length(kept + more + cut(pieces[number:]) + tail) > limit:
            return kept + cut(pieces[number:]) + tail
        kept += more
        title = piece.title
    return kept + tail


def cut(pieces: Sequence[Piece]) -> str:
    """What is left out, by what it is."""
    numbers = Counter(piece.counts for piece in pieces)
    parts = [f"{number:,} {what if number == 1 else plural(what)}" for what, number in numbers.items()]
    return f"\nCut to the limit. Left out: {', '.join(parts)}.\n" if parts else ""


def plural(what: str) -> str:
    """``line of changes`` -> ``lines of changes``."""
    first, _, rest = what.partition(" of ")
    return f"{first}s of {rest}" if rest else f"{what}s"
