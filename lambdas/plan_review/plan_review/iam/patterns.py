"""Patterns of IAM: ``*`` is any text, ``?`` any character, ``${...}`` what the request says, ``${*}`` the character itself.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_ESCAPES: Final = {"${*}": "\2", "${?}": "\3", "${$}": "\4"}


def _characters(pattern: str) -> str:
    """The pattern with one character for each that is escaped."""
    if "${" not in pattern:
        return pattern
    for escaped, character in _ESCAPES.items():
        pattern = pattern.replace(escaped, character)
    return pattern


@lru_cache(maxsize=65536)
def covers(wide: str, narrow: str) -> bool:
    """Whether everything that ``narrow`` matches, ``wide`` matches too. False may be wrong where both are contrived; True is not."""
    if wide in ("*", narrow):
        return True
    if "*" not in wide and "?" not in wide:
        return False
    wide, narrow = _characters(wide), _characters(narrow)
    if "?" in wide and "${" in narrow:
        return False  # a variable is not as many characters as its name
    # reached[j]: the part of `wide` so far matches the first j characters of `narrow`, its wildcards taken as characters
    reached = [True] + [False] * len(narrow)
    for character in wide:
        onward = [False] * (len(narrow) + 1)
        if character == "*":
            for end in range(len(narrow) + 1):
                onward[end] = reached[end] or (end > 0 and onward[end - 1])
        else:
            for end in range(1, len(narrow) + 1):
                other = narrow[end - 1]
                fits = other == character or (character == "?" and other != "*")
                onward[end] = reached[end - 1] and fits
        reached = onward
    return reached[-1]


@lru_cache(maxsize=65536)
def meet(one: str, other: str) -> bool:
    """Whether there is a text that both match; a variable may be any text."""
    one, other = (_VARIABLE.sub("*", _characters(pattern)) for pattern in (one, other))
    reached = [True]
    for character in other:
        reached.append(reached[-1] and character == "*")
    for character in one:
        onward = [reached[0] and character == "*"]
        for end in range(1, len(other) + 1):
            theirs = other[end - 1]
            if character == "*" or theirs == "*":
                onward.append(reached[end] or onward[end - 1] or reached[end - 1])
            else:
                onward.append(reached[end - 1] and (character == theirs or "?" in (character, theirs)))
        reached = onward
    return reached[-1]
