"""Conditions of stages: what holds a run before it enters, and what becomes of it when a stage ends.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plan_review.gate_flow import Pairs
from plan_review.text import Text, say
from plan_review.values import UNKNOWN, Value, at

BLOCKS: Final = ("before_entry", "on_success", "on_failure")
# What is engaged, the strictest last. A stage that fails and says nothing stays failed.
_STRICT: Final = ("SKIP", "RETRY", "FAIL", "ROLLBACK")
_RULE: Final = ("commands", "region", "role_arn")
Stage = Mapping[str, Any]


def weakened(before: Mapping[str, Any], after: Mapping[str, Any], pairs: Pairs) -> Iterator[Text]:
    """Findings about the conditions of stages that stay, under whatever name."""
    became = dict(_became(before, after, pairs))
    for block in BLOCKS:
        lost = []
        for stage in _stages(before):
            now = became.get(stage.get("name"))
            if now is None or not (stage.get(block) or now.get(block)):
                continue
            if not now.get(block):
                if set(_results(stage, block)) != {"SKIP"} or _has(stage, pairs, "delivers"):
                    lost.append(str(stage.get("name")))
            else:
                yield from _Compared(str(stage.get("name")), block, pairs).texts(stage, now)
        if lost:
            yield say("the stages {} have no {} conditions any more", sorted(lost), block)


def _stages(pipeline: Mapping[str, Any]) -> list[Stage]:
    return [stage for stage in at(pipeline, "stage.*") if isinstance(stage, dict)]


def _has(stage: Stage, pairs: Pairs, what: str) -> bool:
    """Whether an action of it judges, or delivers."""
    return any(getattr(step, what) for step in pairs.before if step.stage == stage.get("name"))


def _became(before: Mapping[str, Any], after: Mapping[str, Any], pairs: Pairs) -> Iterator[tuple[Value, Stage]]:
    """Name -> the stage of that name, else the one that holds its first action now."""
    there = {stage.get("name"): stage for stage in _stages(after)}
    for name in dict.fromkeys(stage.get("name") for stage in _stages(before)):
        held = [pairs.now(step) for step in pairs.before if step.stage == name]
        moved = next((step.stage for step in held if step is not None), None)
        now = there.get(name) or there.get(moved or "")
        if now is not None:
            yield name, now


@dataclass(frozen=True)
class _Compared:
    """One block of one stage, before and after."""

    stage: str
    block: str
    pairs: Pairs

    def texts(self, old: Stage, new: Stage) -> Iterator[Text]:
        where = (self.block, self.stage)
        if new[self.block] is UNKNOWN or UNKNOWN in at(new, f"{self.block}.*"):
            yield say("{} of the stage {} is not known before apply", *where)
            return
        was, now = _results(old, self.block), _results(new, self.block)
        if not now:
            yield say("{} of the stage {} changes, and cannot be seen", *where)
            return
        for one, other in zip(was, now, strict=False):
            if one != other and _strict(other) < _strict(one):
                yield say("{} of the stage {} engages {} instead of {}", *where, _word(other), _word(one))
        rules = [(one, self._asks(one, was=True)) for one in _rules(old, self.block)]
        there = [(one, self._asks(one, was=False)) for one in _rules(new, self.block)]
        left = {str(one.get("name")) for one, asks in there if asks not in [known for _, known in rules]}
        lost = [str(one.get("name")) for one, asks in rules if asks not in [known for _, known in there]]
        removed, others = ([name for name in lost if (name in left) is other] for other in (False, True))
        if removed:
            yield say("{} of the stage {} no longer asks for {}", *where, removed)
        if others:
            yield say("{} of the stage {} asks for something else: {}", *where, others)
        if _has(old, self.pairs, "judges") and "SKIP" in now and (not any(was) or left - {*others}):
            yield say("the stage {}, in which something judges, may be skipped: {}", self.stage, self.block)

    def _asks(self, rule: Stage, *, was: bool) -> Value:
        """What it asks, beside its name and how long it may take."""
        names = ("category", "owner", "provider", "version")
        kinds = [[kind.get(name) for name in names] for kind in at(rule, "rule_type_id.*") if isinstance(kind, dict)]
        inputs = rule.get("input_artifacts") or ()
        configuration = rule.get("configuration")
        known = configuration if isinstance(configuration, dict) else {"configuration": configuration}
        given = (self.pairs.was if was else self.pairs.will_be)(known, inputs if isinstance(inputs, list) else [])
        origins = self.pairs.origins(inputs, was=was) if isinstance(inputs, (list, tuple)) else inputs
        return (kinds, given, origins, *(rule.get(name) or None for name in _RULE))


def _results(stage: Stage, block: str) -> list[Value]:
    """What each of its conditions engages; of a failure first what it engages by itself."""
    own = [one.get("result") for one in at(stage, f"{block}.*") if isinstance(one, dict)] if block == BLOCKS[2] else []
    return own + [one.get("result") for one in at(stage, f"{block}.*.condition.*") if isinstance(one, dict)]


def _strict(result: Value) -> int:
    if result in _STRICT:
        return _STRICT.index(result)
    return _STRICT.index("FAIL") if not result else -1


def _word(result: Value) -> str:
    return result if isinstance(result, str) and result else "nothing"


def _rules(stage: Stage, block: str) -> list[Stage]:
    return [rule for rule in at(stage, f"{block}.*.condition.*.rule.*") if isinstance(rule, dict)]
