"""Stages of a pipeline that judge, and whether what they judge still waits for them.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from plan_review import stage_conditions
from plan_review.findings import Finding, Kind
from plan_review.gate_flow import Pairs, Renamed
from plan_review.model import Change
from plan_review.pipeline_steps import Step, steps
from plan_review.text import Text, say
from plan_review.values import Hidden, plain


def pipelines(change: Change, renamed: Renamed) -> Iterator[Finding]:
    """Findings about one pipeline that stays, also one that is made again at another address."""
    if change.type != "aws_codepipeline" or not change.stays:
        return
    before, after = steps(change.before), steps(change.after)
    if before is None or after is None:
        if before is not None:
            yield _finding(change, say("its stages are not known before apply"), Kind.UNSEEN)
        return
    pairs = Pairs(before, after, renamed)
    for text in (
        *_removed(before, after, pairs),
        *_overtaken(before, after, pairs),
        *_ungated(before, after),
        *_changed(before, pairs),
        *pairs.swapped(),
        *stage_conditions.weakened(change.before, change.after, pairs),
    ):
        yield _finding(change, text)
    if change.after.get("execution_mode") == "PARALLEL" != change.before.get("execution_mode"):
        yield _finding(change, say("runs execute in parallel: an older one can overtake a newer one at the gates"))


def _finding(change: Change, text: Text, kind: Kind = Kind.GATE) -> Finding:
    return Finding(kind, change.stack, change.address, text)


def _match(step: Step, others: Sequence[Step]) -> Step | None:
    """The same action: of the same stage if there are several (a deployment stands in two). By its name, else by what it
    delivers to: one that is renamed waits for the same gates, or it does not."""
    same = [other for other in others if other.key == step.key]
    if not same and step.delivers and step.configuration:
        same = [other for other in others if other.delivers and other.target == step.target]
    return next((other for other in same if other.stage == step.stage), None) or (same[0] if len(same) == 1 else None)


def _removed(before: Sequence[Step], after: Sequence[Step], pairs: Pairs) -> Iterator[Text]:
    kept = {step.stage for step in after}
    for stage in dict.fromkeys(step.stage for step in before):
        own = [step for step in before if step.stage == stage]
        lost = [step.name for step in own if step.judges and not _counted(step, before, after, pairs)]
        if not lost:
            continue
        if stage not in kept:
            yield say("the stage {} is removed, and with it what judges: {}", stage, lost)
        else:
            yield say("{} is removed from the stage {}", lost, stage)


def _counted(step: Step, before: Sequence[Step], after: Sequence[Step], pairs: Pairs) -> bool:
    """Whether as many of its kind are left that this one is among them, or it has another name alone."""
    now = pairs.now(step)
    if now is not None and now.key != step.key:
        return True
    same_before, same_after = ([s for s in side if s.key == step.key] for side in (before, after))
    if any(s.stage == step.stage for s in same_after):
        return True
    taken = {s.stage for s in same_after if any(s.stage == old.stage for old in same_before)}
    return any(s.stage not in taken for s in same_after)


def _overtaken(before: Sequence[Step], after: Sequence[Step], pairs: Pairs) -> Iterator[Text]:
    """What came after a gate, and does not any more."""
    for gate in before:
        now = (_match(gate, after) or pairs.now(gate)) if gate.judges else None
        if now is None:
            continue
        freed = []
        for step in before:
            later = _match(step, after) or pairs.now(step)
            if not step.judges and gate.order < step.order and later is not None and not now.order < later.order:
                freed.append(f"{step.stage}/{step.name}")
        if freed:
            yield say(
                "{} no longer wait for {}" if len(freed) > 1 else "{} no longer waits for {}",
                freed,
                f"{gate.stage}/{gate.name}",
            )


def _ungated(before: Sequence[Step], after: Sequence[Step]) -> Iterator[Text]:
    """A new delivery in front of every gate, where each waited for one."""

    def free(step: Step, side: Sequence[Step]) -> bool:
        return not any(gate.judges and gate.order < step.order for gate in side)

    old = [step for step in before if step.delivers]
    if old and not any(free(step, before) for step in old):
        for step in after:
            if step.delivers and _match(step, before) is None and free(step, after):
                yield say("the new action {} delivers before any gate", f"{step.stage}/{step.name}")


# What a gate is, beside its name. CustomData and links are words for people.
_TELLING: Final = ("FunctionName", "UserParameters", "ProjectName", "NotificationArn", "EnvironmentVariables", "BatchEnabled",
                   "ServiceRoleArn", "TopicArn", "PrimarySource", "configuration")  # fmt: skip


def _changed(before: Sequence[Step], pairs: Pairs) -> Iterator[Text]:
    for gate in before:
        now = pairs.now(gate) if gate.judges else None
        if now is None:
            continue
        where = f"{gate.stage}/{gate.name}"
        if gate.provider != now.provider:
            yield say("{} is done by another provider: {} instead of {}", where, now.provider, gate.provider)
        given = pairs.given(gate, now)
        names = [name for name in _TELLING if _differs(*given, name)]
        names += [name for name in ("owner", "region") if getattr(gate, name) != getattr(now, name)]
        if names:
            yield say("the gate {} is given something else: {}", where, names)


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    old, new = before.get(name), after.get(name)
    if not plain([new]) and not isinstance(new, Hidden):
        # An ARN of something that is only being made; but by these two another gate is put in its place.
        return old is not None and name in ("ProjectName", "FunctionName")
    if old is None:
        return name in ("EnvironmentVariables", "UserParameters") and new is not None
    return bool(old != new)
