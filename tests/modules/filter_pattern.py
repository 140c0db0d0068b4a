"""Judges a metric filter's JSON pattern as AWS's page of the grammar says: written from that page, not from our patterns.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html ("Matching terms in JSON log events")
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>\|\||&&|!=|<=|>=|[(){}=<>])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s(){}=!<>&|"]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r"([A-Za-z0-9_-]+)((?:\[[0-9]+\])*)")
_ABSENT = object()

Judge = Callable[[Any], bool]


class NotAPatternError(ValueError):
    """What CloudWatch Logs would refuse."""


def matches(pattern: str, event: Any, *, absent_is_unequal: bool) -> bool:
    """Whether the event's record is found. ``absent_is_unequal``: what ``!=`` says of a field that is not there, of which the
    page says nothing."""
    return _Reader(pattern, absent_is_unequal).whole()(event)


class _Reader:
    def __init__(self, pattern: str, absent_is_unequal: bool) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.absent_is_unequal = absent_is_unequal
        at = 0
        text = pattern.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found or found.lastgroup is None:
                raise NotAPatternError(text[at : at + 20])
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def whole(self) -> Judge:
        self._take("{")
        judge = self._either()
        self._take("}")
        if self.tokens:
            raise NotAPatternError(f"after the end: {self.tokens[0][1]}")
        return judge

    def _take(self, mark: str) -> None:
        if not self.tokens or self.tokens.pop(0) != ("mark", mark):
            raise NotAPatternError(f"no {mark}")

    def _next_is(self, mark: str) -> bool:
        if self.tokens[:1] == [("mark", mark)]:
            self.tokens.pop(0)
            return True
        return False

    def _either(self) -> Judge:
        """&& binds more than ||."""
        judges = [self._both()]
        while self._next_is("||"):
            judges.append(self._both())
        return lambda event: any(judge(event) for judge in judges)

    def _both(self) -> Judge:
        judges = [self._one()]
        while self._next_is("&&"):
            judges.append(self._one())
        return lambda event: all(judge(event) for judge in judges)

    def _one(self) -> Judge:
        if self._next_is("("):
            judge = self._either()
            self._take(")")
            return judge
        kind, selector = self.tokens.pop(0)
        if kind != "word" or not selector.startswith("$."):
            raise NotAPatternError(f"no selector: {selector}")
        steps = _steps(selector[2:])
        kind, operator = self.tokens.pop(0)
        if kind == "word":
            asked = f"{operator} {self.tokens.pop(0)[1]}".upper()
            known = {
                "NOT EXISTS": lambda value: value is _ABSENT,
                "IS NULL": lambda value: value is None,
                "IS TRUE": lambda value: value is True,
                "IS FALSE": lambda value: value is False,
            }
            if asked not in known:
                raise NotAPatternError(asked)
            return lambda event: known[asked](_at(event, steps))
        if operator not in ("=", "!="):
            raise NotAPatternError(f"{operator}: not used here")
        kind, given = self.tokens.pop(0)
        if kind == "mark" or (kind == "word" and not re.fullmatch(r"[A-Za-z0-9_.*-]+", given)):
            raise NotAPatternError(f"a value in quotes is needed: {given}")
        fits = _fits(re.sub(r"\\(.)", r"\1", given[1:-1]) if kind == "text" else given)
        return lambda event: self._compare(_at(event, steps), operator == "=", fits)

    def _compare(self, value: Any, equal: bool, fits: Callable[[str], bool]) -> bool:
        if value is _ABSENT:
            return not equal and self.absent_is_unequal
        # "The SELECTOR must point to a value node": of anything else neither = nor != is true.
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return False
        return fits(str(value)) == equal


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        found = _STEP.fullmatch(part)
        if not found:
            raise NotAPatternError(f"no selector: {part}")
        steps += [found[1], *(int(number) for number in re.findall(r"[0-9]+", found[2]))]
    return steps


def _at(event: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(event, list) or step >= len(event):
                return _ABSENT
            event = event[step]
        else:
            if not isinstance(event, dict) or step not in event:
                return _ABSENT
            event = event[step]
    return event


def _fits(text: str) -> Callable[[str], bool]:
    """``*`` before or after a term; one in its middle is the character itself."""
    begins, ends = text.startswith("*"), text.endswith("*") and len(text) > 1
    term = text[1 if begins else 0 : len(text) - 1 if ends else len(text)]
    if begins and ends:
        return lambda value: term in value
    if begins:
        return lambda value: value.endswith(term)
    return (lambda value: value.startswith(term)) if ends else (lambda value: value == term)
