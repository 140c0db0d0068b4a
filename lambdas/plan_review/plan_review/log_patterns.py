"""Patterns of log filters on JSON, compared by what they let through.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# A text, an expression, what joins, brackets, and the rest of a comparison.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|%[^%]*%|&&|\|\||[()]|[^\s()&|"%]+|[&|"%]')


@dataclass(frozen=True)
class _All:
    parts: frozenset[_Pattern]


@dataclass(frozen=True)
class _Any:
    parts: frozenset[_Pattern]


_Pattern = _All | _Any | str


def still_counted(before: str, after: str) -> bool:
    """Whether every line that ``before`` lets through ``after`` lets through; False where it cannot be told."""
    if before.strip() == after.strip():
        return True
    try:
        old, new = _parsed(before), _parsed(after)
        return old is not None and new is not None and _implies(old, new)
    except RecursionError:
        return False


def _parsed(text: str) -> _Pattern | None:
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    parser = _Parser(_TOKEN.findall(stripped[1:-1]))
    found = parser.any()
    return found if parser.at is None else None


class _Parser:
    """``||`` joins what ``&&`` joins. A pattern that it does not know ends early, and is compared with none."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens: Iterator[str] = iter(tokens)
        self.at = next(self._tokens, None)

    def _next(self) -> None:
        self.at = next(self._tokens, None)

    def any(self) -> _Pattern:
        parts = [self.all()]
        while self.at == "||":
            self._next()
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else _Any(frozenset(parts))

    def all(self) -> _Pattern:
        parts = [self.one()]
        while self.at == "&&":
            self._next()
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else _All(frozenset(parts))

    def one(self) -> _Pattern:
        if self.at == "(":
            self._next()
            inner = self.any()
            if self.at == ")":
                self._next()
            else:
                self.at = ")"  # not closed: nothing fits
            return inner
        words = []
        while self.at not in (None, "&&", "||", "(", ")"):
            words.append(str(self.at))
            self._next()
        return " ".join(words)


def _implies(narrow: _Pattern, wide: _Pattern) -> bool:
    if narrow == wide:
        return narrow != ""
    if isinstance(narrow, _Any):
        return all(_implies(part, wide) for part in narrow.parts)
    if isinstance(wide, _All):
        return all(_implies(narrow, part) for part in wide.parts)
    if isinstance(wide, _Any) and any(_implies(narrow, part) for part in wide.parts):
        return True
    return isinstance(narrow, _All) and any(_implies(part, wide) for part in narrow.parts)
