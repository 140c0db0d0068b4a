"""Reading JSON from outside: what is not exactly as agreed raises ``MalformedError`` and says what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NoReturn

SHOWN = 60  # characters of a wrong value that an error repeats: enough to recognize it, too few to carry a report


class MalformedError(ValueError):
    """Input that breaks its contract; the message is one sentence for the person who reads the answer."""


def shown(value: object) -> str:
    """A wrong value for an error message: ASCII, on one line, short."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**SHOWN:  # Python refuses to print a number of 4,301 digits
        return "a number of many digits"
    text = ascii(value[:SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def clean(text: str, limit: int) -> str:
    """Printable ASCII of at most ``limit`` characters: what every mail, console and log can show."""
    ascii_text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return ascii_text if len(ascii_text) <= limit else f"{ascii_text[: limit - 3]}..."


def loads(data: bytes | str, where: str) -> object:
    """JSON without duplicate keys, NaN or Infinity: two readers of the same text must see the same document."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        document: dict[str, object] = {}
        for key, value in pairs:
            if key in document:
                raise MalformedError(f"{where}: the key {shown(key)} stands there twice")
            document[key] = value
        return document

    def refuse(constant: str) -> NoReturn:
        raise MalformedError(f"{where}: {constant} is not JSON")

    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        document: object = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, not UTF-8, a number of too many digits
        raise MalformedError(f"{where}: not readable as JSON ({type(error).__name__})") from error
    return document


def fields(document: object, where: str, names: Collection[str]) -> Mapping[str, object]:
    """A JSON object with exactly these keys."""
    if not isinstance(document, dict):
        raise MalformedError(f"{where}: an object is right, not {shown(document)}")
    unknown = [key for key in document if key not in names]
    if unknown:
        raise MalformedError(f"{where}: unknown key {shown(unknown[0])}; right are {', '.join(names)}")
    missing = [name for name in names if name not in document]
    if missing:
        raise MalformedError(f"{where}: the key {missing[0]} is missing")
    return document


def entries(document: object, where: str) -> Mapping[str, object]:
    """A JSON object whose keys are names chosen by the user."""
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise MalformedError(f"{where}: an object is right, not {shown(document)}")
    return document


def items(document: object, where: str) -> list[object]:
    """A JSON list."""
    if not isinstance(document, list):
        raise MalformedError(f"{where}: a list is right, not {shown(document)}")
    return document


def text(value: object, where: str, pattern: re.Pattern[str], right: str) -> str:
    """A string that matches ``pattern`` as a whole; ``right`` says in words what that is."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedError(f"{where}: {right} is right, not {shown(value)}")
    return value


def choice(value: object, where: str, allowed: Collection[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise MalformedError(f"{where}: one of {', '.join(sorted(allowed))} is right, not {shown(value)}")
    return value


def integer(value: object, where: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``; ``true`` and ``1.0`` are none, though both equal 1 in Python."""
    if type(value) is not int or not low <= value <= high:
        raise MalformedError(f"{where}: a whole number from {low} to {high} is right, not {shown(value)}")
    return value


def moment(value: object, where: str) -> datetime:
    """A time with its zone, as ISO 8601 has it."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise MalformedError(f"{where}: a time with its zone is right, not {shown(value)}")
    return found


def boolean(value: object, where: str) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise MalformedError(f"{where}: true or false is right, not {shown(value)}")
    return value
