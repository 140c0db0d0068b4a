"""Rules about one attribute: when a value that was right becomes one that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.showing import step
from plan_review.text import Text, say
from plan_review.values import UNKNOWN, Hidden, Value, at, plain

Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Becomes:
    """A value at ``path`` for which ``bad`` holds, and that was not there before. ``fresh``: also in something new.
    ``unless``: a (path, value) of the object that makes it harmless."""

    types: str
    path: str
    bad: Test
    says: str
    fresh: bool = True
    unless: tuple[str, Value] | None = None

    def holds(self, change: Change) -> bool:
        """Whether it is to be told."""
        if change.action is Action.CREATE:
            if not self.fresh:
                return False
        elif not change.stays:
            return False
        if self.unless and self.unless[1] in at(change.after, self.unless[0]):
            return False
        old = at(change.before, self.path)
        return any(plain(value) and self.bad(value) and value not in old for value in at(change.after, self.path))


@dataclass(frozen=True)
class Lost:
    """A value at ``path`` for which ``good`` held, and none for which it holds is left."""

    types: str
    path: str
    good: Test
    says: str

    def holds(self, change: Change) -> bool:
        """Whether it is to be told; a value that is not known before apply is not lost."""
        new = at(change.after, self.path)
        if not change.stays or not self._was(change) or not plain(new):
            return False
        old = [value for value in at(change.before, self.path) if plain(value)]
        # Of several, one that is no longer as it was: as many as before, and fewer of them good.
        fewer = len(new) >= len(old) and sum(map(self.good, new)) < sum(map(self.good, old))
        return fewer or not any(self.good(value) for value in new)

    def unseen(self, change: Change) -> bool:
        """A switch that was on, and is not known before apply. (Keys and names mostly are not known, and mean nothing by it.)"""
        return change.stays and True in at(change.before, self.path) and UNKNOWN in at(change.after, self.path)

    def _was(self, change: Change) -> bool:
        return any(plain(value) and self.good(value) for value in at(change.before, self.path))


@dataclass(frozen=True)
class Less:
    """A number at ``path`` (or what ``measure`` makes of a value) that is lower than it was. ``endless``: none is no limit."""

    types: str
    path: str
    says: str
    endless: bool = False
    measure: Callable[[Any], float | None] = lambda value: value if isinstance(value, (int, float)) else None

    def holds(self, change: Change) -> bool:
        """Whether it is to be told. Nothing where there was a number is less, unless it is ``endless``."""
        if not change.stays:
            return False
        old, values = self._numbers(at(change.before, self.path)), at(change.after, self.path)
        if not old or not plain(values):
            return False
        new = self._numbers(values)
        if self.endless:
            new = [float("inf")] * (len(old) - len(new)) + new
        if not new:
            return True
        # Of several each is compared with its like: the longest with the longest.
        return any(now < was for was, now in zip(old, new, strict=False))

    def _numbers(self, values: list[Value]) -> list[float]:
        measured = (self.measure(value) for value in values if plain(value))
        return sorted((number for number in measured if number is not None), reverse=True)


@dataclass(frozen=True)
class Shrinks:
    """Items of a list at ``path`` that are there no longer."""

    types: str
    path: str
    says: str

    def holds(self, change: Change) -> bool:
        """Whether it is to be told."""
        if not change.stays:
            return False
        old, new = _items(at(change.before, self.path)), _items(at(change.after, self.path))
        return old is not None and new is not None and any(item not in new for item in old)


Rule = Becomes | Lost | Less | Shrinks


def _items(found: list[Value]) -> list[Value] | None:
    items: list[Value] = []
    for value in found:
        items += value if isinstance(value, list) else [value]
    return items if plain(items) else None


class Rules:
    """A table of rules of one kind of risk."""

    def __init__(self, kind: Kind, rules: Sequence[Rule]) -> None:
        self.kind = kind
        self.rules = tuple(rules)
        self._of = lru_cache(maxsize=None)(self._matching)

    def _matching(self, type_: str) -> Mapping[str, Sequence[Rule]]:
        """By the attribute that they begin with, in their order."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if any(fnmatchcase(type_, pattern) for pattern in rule.types.split()):
                found.setdefault(rule.path.partition(".")[0], []).append(rule)
        return found

    def findings(self, change: Change) -> Iterator[Finding]:
        """One finding for each rule that holds."""
        if not change.managed:
            return
        before, after, told = change.before, change.after, set()
        rules = self._of(change.type)
        # Most rules are about attributes that are not there, or not changed.
        heads = [head for head in rules if (head in before or head in after) and before.get(head) != after.get(head)]
        for rule in (rule for head in heads for rule in rules[head]):
            if rule.path not in told and rule.holds(change):
                told.add(rule.path)
                yield Finding(self.kind, change.stack, change.address, say(rule.says), tuple(_steps(rule.path, change)))
            elif isinstance(rule, Lost) and rule.unseen(change):
                sentence = say("{} was true, and is not known before apply", rule.path)
                yield Finding(Kind.UNSEEN, change.stack, change.address, sentence)


def _steps(path: str, change: Change) -> Iterator[Text]:
    yield step(path.replace("*", "0"), change.before, change.after)


def is_true(value: object) -> bool:
    """Terraform's ``true``, or the text."""
    return value is True or value == "true"


def is_false(value: object) -> bool:
    """Terraform's ``false``, or the text."""
    return value is False or value == "false"


def one_of(*values: str) -> Test:
    """Any of these, in whatever case."""
    wanted = {value.lower() for value in values}
    return lambda value: isinstance(value, str) and value.lower() in wanted


def given(value: object) -> bool:
    """Something that is not empty."""
    return not isinstance(value, Hidden) and value not in ("", [], {}, None)
