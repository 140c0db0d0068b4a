"""Reading foreign JSON: what decides must be there and of its type, everything else may be missing or odd."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from findings.model import UnreadableError


def document(report: bytes) -> object:
    """The report as JSON; ``UnreadableError`` if it is none. A byte order mark is passed over."""
    try:
        parsed: object = json.loads(report.decode("utf-8-sig"), object_pairs_hook=_members)
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, not UTF-8, a number of too many digits
        raise UnreadableError(f"not readable as JSON ({type(error).__name__}): truncated or another format") from error
    return parsed


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """One object. Of two members of one name readers take the one or the other: the findings, or an empty list."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableError("an object of the JSON has two members of one name")
    return members


def mapping(value: object, where: str) -> Mapping[str, object]:
    """A JSON object that decides; ``where`` names it in the error."""
    if not isinstance(value, dict):
        raise UnreadableError(f"{where} is no object")
    return value


def listing(value: object, where: str) -> list[object]:
    """A JSON list that decides."""
    if not isinstance(value, list):
        raise UnreadableError(f"{where} is no list")
    return value


def consumed(values: list[object]) -> Iterator[object]:
    """The values in their order, each forgotten as it is taken: a large report need not be there twice, read and unread."""
    values.reverse()
    while values:
        yield values.pop()


def required(value: object, where: str) -> str:
    """A text that decides: there, and not empty."""
    text = word(value)
    if not text:
        raise UnreadableError(f"{where} is missing or no text")
    return text


def word(value: object) -> str:
    """An optional text without surrounding space; empty if it is none. Lone surrogates become question marks."""
    if not isinstance(value, str):
        return ""
    return (value if value.isascii() else value.encode("utf-8", "replace").decode()).strip()


def words(value: object) -> tuple[str, ...]:
    """The texts of an optional list, each once, in their order."""
    return tuple(dict.fromkeys(text for one in value if (text := word(one)))) if isinstance(value, list) else ()


def number(value: object) -> float | None:
    """An optional finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        result = float(value)
    except OverflowError:  # an integer beyond what a float holds
        return None
    return result if math.isfinite(result) else None


def whole(value: object) -> int | None:
    """An optional whole number that can be a line of a file."""
    return value if type(value) is int and 0 < value < 10**9 else None


def inner(value: object, *keys: str) -> object:
    """``value[key][key]...``; None where the way ends."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def objects(value: object) -> list[Mapping[str, object]]:
    """The objects of an optional list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
