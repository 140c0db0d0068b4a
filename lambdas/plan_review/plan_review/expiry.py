"""When objects are deleted by themselves: rules of a bucket's lifecycle, compared by the objects that they are about.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.text import Text, say
from plan_review.values import UNKNOWN, Value, at, plain
from plan_review.world import World

_CONFIGURATION: Final = "aws_s3_bucket_lifecycle_configuration"
_NEVER: Final = float("inf")


@dataclass(frozen=True)
class _Rule:
    """``what``: of which objects; the rest: after how many days, or at which day, they go; of old versions ``kept`` stay."""

    what: frozenset[tuple[str, str]]
    prefix: str
    days: float = _NEVER
    date: str = ""
    old_days: float = _NEVER
    kept: float = 0

    @property
    def where(self) -> Text:
        """For people."""
        return (
            say("below {}", self.prefix)
            if self.prefix
            else say("of the whole bucket" if not self.what else "of some of the bucket")
        )

    def includes(self, other: _Rule) -> bool:
        """Whether it is about all objects that the other is about."""
        return other.prefix.startswith(self.prefix) and self.what <= other.what


def expiring(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one bucket: objects or old versions of them that go, and did not, or go sooner."""
    if change.type not in (_CONFIGURATION, "aws_s3_bucket"):
        return
    if (
        change.type == "aws_s3_bucket"
    ):  # its own block; a bucket that is only being made, or made anew, loses nothing by it
        if change.action is not Action.UPDATE:
            return
    elif change.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE) or (
        change.action is not Action.UPDATE and world.target_is_new(change)
    ):
        return
    name = "rule" if change.type == _CONFIGURATION else "lifecycle_rule"
    if change.before.get(name) == change.after.get(name):
        return
    before = [] if change.action is Action.CREATE else list(_rules(change.before.get(name)))
    for given in _listed(change.after.get(name)):
        if given in _listed(change.before.get(name)):
            continue
        if not plain(_judged(given)):
            text = say("a rule about when objects are deleted is not known before apply")
            yield Finding(Kind.UNSEEN, change.stack, change.address, text)
            continue
        for rule in _rules([given]):
            if not (rule.prefix and world.comes(rule.prefix.strip("/"))):  # what only something new writes
                for text in _sooner(rule, before):
                    yield Finding(Kind.PROTECTION, change.stack, change.address, text, (rule.where,))


def _sooner(rule: _Rule, before: Sequence[_Rule]) -> Iterator[Text]:
    same = [old for old in before if old.includes(rule)]
    some = [old for old in before if old.prefix.startswith(rule.prefix) or rule.prefix.startswith(old.prefix)]
    if rule.days < min((old.days for old in same), default=_NEVER):
        was = min((old.days for old in some), default=_NEVER)
        if was == _NEVER:
            yield say("objects are deleted {} days after they are written, and were not", str(rule.days))
        else:
            yield say("objects are deleted sooner: {} days after they are written", str(rule.days))
    if rule.date and not any(old.date and old.date <= rule.date for old in same):
        yield say("objects are deleted on {}", rule.date[:10])
    if rule.old_days < _NEVER and not any(old.old_days <= rule.old_days and old.kept <= rule.kept for old in same):
        yield say(
            "old versions of objects are deleted sooner, or fewer of them are kept: after {} days", str(rule.old_days)
        )


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _judged(given: Value) -> Value:
    """The parts of a rule that say what goes, and when. An id or a transition is neither."""
    if not isinstance(given, dict):
        return given
    names = ("status", "enabled", "prefix", "filter", "tags", "expiration", "noncurrent_version_expiration")
    return {name: given.get(name) for name in names}


def _rules(value: Value) -> Iterator[_Rule]:
    """Those that are on and delete something. Blocks are lists of one."""
    for given in _listed(value):
        if not isinstance(given, dict) or given.get("status") == "Disabled" or given.get("enabled") is False:
            continue
        prefix, what = _filter(given)
        days, old = (
            _numbers(given, "expiration.*.days"),
            _numbers(given, "noncurrent_version_expiration.*.noncurrent_days"),
        )
        old += _numbers(given, "noncurrent_version_expiration.*.days")  # of the block in aws_s3_bucket
        dates = [one for one in at(given, "expiration.*.date") if isinstance(one, str) and one]
        kept = _numbers(given, "noncurrent_version_expiration.*.newer_noncurrent_versions")
        yield _Rule(
            what, prefix,
            days=min(days, default=_NEVER), date=min(dates, default=""),
            old_days=min(old, default=_NEVER), kept=min(kept, default=0),
        )  # fmt: skip


def _numbers(given: Mapping[str, Any], path: str) -> list[float]:
    """0 is how the provider writes nothing."""
    return [one for one in at(given, path) if isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0]


def _filter(given: Mapping[str, Any]) -> tuple[str, frozenset[tuple[str, str]]]:
    """The prefix, and what else must be so of an object."""
    prefixes = [
        one
        for path in ("prefix", "filter.*.prefix", "filter.*.and.*.prefix")
        for one in at(given, path)
        if isinstance(one, str)
    ]
    what: set[tuple[str, str]] = set()
    for path in ("tags", "filter.*.and.*.tags"):
        for tags in at(given, path):
            what |= {(f"tag {key}", str(value)) for key, value in tags.items()} if isinstance(tags, dict) else set()
    for tag in at(given, "filter.*.tag.*"):
        if isinstance(tag, dict):
            what.add((f"tag {tag.get('key')}", str(tag.get("value"))))
    for name in ("object_size_greater_than", "object_size_less_than"):
        for path in (f"filter.*.{name}", f"filter.*.and.*.{name}"):
            what |= {(name, str(one)) for one in at(given, path) if one is not UNKNOWN and one not in ("", 0)}
    return max(prefixes, key=len, default=""), frozenset(what)
