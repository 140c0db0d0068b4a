"""Text whose foreign parts are told apart from our own words, so that every rendering can make them harmless."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

SHOWN = 160  # characters of one foreign text that are repeated


@dataclass(frozen=True)
class Code:
    """Text from a plan: shown as it is and read as nothing else."""

    text: str


class Text(tuple[str | Code, ...]):
    """Words of ours, and foreign texts as Code. A type of its own: a plain tuple of texts is foreign, whatever it holds."""

    __slots__ = ()


def printable(text: str) -> str:
    """Without line breaks, control characters, and characters that turn or hide text: they are written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def clipped(text: str, limit: int = SHOWN) -> str:
    """At most ``limit`` characters, its end and its beginning kept."""
    return text if len(text) <= limit else f"{text[: limit - 30]}…{text[-29:]}"


@cache
def _pieces(template: str) -> list[str]:
    return template.split("{}")


def say(template: str, *foreign: str | Text | Iterable[str]) -> Text:
    """``say("destroys {}", address)``: each ``{}`` is foreign text, several foreign texts, or a Text."""
    pieces = _pieces(template)
    if len(pieces) != len(foreign) + 1:
        raise ValueError(template)
    parts: list[str | Code] = [pieces[0]]
    for value, piece in zip(foreign, pieces[1:], strict=True):
        if isinstance(value, str):
            parts.append(Code(value))
        else:
            parts.extend(value if isinstance(value, Text) else listed(value))
        parts.append(piece)
    return Text(part for part in parts if part != "")


def listed(values: Iterable[str], most: int = 8) -> Text:
    """``a``, ``b`` and 3 more."""
    items = list(values)
    parts: list[str | Code] = []
    for number, item in enumerate(items[:most]):
        parts += [", ", Code(item)] if number else [Code(item)]
    if len(items) > most:
        parts.append(f" and {len(items) - most} more" if most else f"{len(items)} more")
    return Text(parts)


def joined(texts: Iterable[Text], between: str = "; ") -> Text:
    """All in one."""
    parts: list[str | Code] = []
    for number, text in enumerate(texts):
        parts += [between, *text] if number else text
    return Text(parts)


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 change``, ``2 changes``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
