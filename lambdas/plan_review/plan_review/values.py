"""Values of a plan with what nobody may see taken out: marks of Terraform become objects that hold no value.

``before_sensitive``, ``after_sensitive`` and ``after_unknown`` have the shape of the value, with ``true`` for what they mark.
https://developer.hashicorp.com/terraform/internals/json-format#change-representation
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# JSON as Python reads it, with Hidden and UNKNOWN in place of what is marked.
Value = Any
_KEY: Final = os.urandom(16)


class _Unknown:
    """Not known until apply."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Hidden:
    """A sensitive value: only whether it equals another can be asked. The key of the hash dies with the process."""

    token: bytes

    @classmethod
    def of(cls, value: Value) -> Hidden:
        """What stands for ``value``."""
        text = json.dumps(value, sort_keys=True).encode()
        return cls(hashlib.blake2b(text, key=_KEY, digest_size=16).digest())

    def __repr__(self) -> str:
        return "HIDDEN"


def marked(mark: Value) -> bool:
    """Whether anything in the mark is ``true``."""
    if isinstance(mark, dict):
        return any(map(marked, mark.values()))
    if isinstance(mark, list):
        return any(map(marked, mark))
    return bool(mark)


def mask(value: Value, sensitive: Value, unknown: Value = False) -> Value:
    """``value`` without what is marked. A mark that does not have the value's shape hides all of it."""
    hides, lacks = marked(sensitive), marked(unknown)
    if not hides and not lacks:
        return value
    if unknown is True:
        return UNKNOWN
    if hides and not isinstance(sensitive, (dict, list)):
        return Hidden.of(value)
    unknowns = unknown if lacks else None
    if isinstance(value, dict) or (value is None and isinstance(unknowns, dict)):
        if hides and not isinstance(sensitive, dict):
            return Hidden.of(value)
        return _mask_map(value or {}, sensitive if hides else {}, unknowns if isinstance(unknowns, dict) else {})
    if isinstance(value, list) or (value is None and isinstance(unknowns, list)):
        given = value or []
        if hides and (not isinstance(sensitive, list) or len(sensitive) < len(given)):
            return Hidden.of(value)
        return _mask_list(given, sensitive if hides else [], unknowns if isinstance(unknowns, list) else [])
    return Hidden.of(value) if hides else value


def _mask_map(value: Mapping[str, Value], sensitive: Mapping[str, Value], unknown: Mapping[str, Value]) -> Value:
    names = dict.fromkeys([*value, *(name for name, mark in unknown.items() if marked(mark))])
    return {name: mask(value.get(name), sensitive.get(name, False), unknown.get(name, False)) for name in names}


def _mask_list(value: list[Value], sensitive: list[Value], unknown: list[Value]) -> Value:
    length = max(len(value), len(unknown))

    def at(items: list[Value], number: int, default: Value) -> Value:
        return items[number] if number < len(items) else default

    return [mask(at(value, n, None), at(sensitive, n, False), at(unknown, n, False)) for n in range(length)]


def secrets(value: Value, sensitive: Value) -> Iterator[str]:
    """The texts of all leaves that are marked sensitive, and of leaves of JSON in them."""
    if not marked(sensitive):
        return
    if isinstance(sensitive, dict) and isinstance(value, dict):
        for name, mark in sensitive.items():
            yield from secrets(value.get(name), mark)
    elif isinstance(sensitive, list) and isinstance(value, list) and len(sensitive) >= len(value):
        for item, mark in zip(value, sensitive, strict=False):
            yield from secrets(item, mark)
    else:
        yield from _leaves(value)


def _leaves(value: Value) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, bool) or value is None:
        return
    else:
        text = str(value)
        yield text
        if text[:1] in ("{", "["):
            try:
                yield from _leaves(json.loads(text))
            except (ValueError, RecursionError):
                return


def at(value: Value, path: str) -> list[Value]:
    """What stands at ``path``, such as ``rule.*.days``: nothing, one value, or with ``*`` many. Null is nothing."""
    found = [value]
    for step in path.split("."):
        onward: list[Value] = []
        for item in found:
            if item is UNKNOWN or isinstance(item, Hidden):
                onward.append(item)
            elif step == "*":
                if isinstance(item, (list, dict)):
                    onward.extend(item.values() if isinstance(item, dict) else item)
            elif isinstance(item, dict) and step in item:
                onward.append(item[step])
            elif isinstance(item, list) and step.isdigit() and int(step) < len(item):
                onward.append(item[int(step)])
        found = onward
    return [item for item in found if item is not None]


def plain(value: Value) -> bool:
    """Whether nothing in it is hidden or unknown."""
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    if isinstance(value, list):
        return all(map(plain, value))
    return value is not UNKNOWN and not isinstance(value, Hidden)
