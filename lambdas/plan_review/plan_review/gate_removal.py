"""Gates that are destroyed: a whole pipeline in one sentence, or what a pipeline ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plan_review import gate_code
from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change, Plan
from plan_review.pipeline_steps import steps
from plan_review.text import counted, joined, say
from plan_review.world import names

_TYPES: Final = ("aws_codepipeline", "aws_codebuild_project", "aws_lambda_function")
# Functions that bring what scanners found to where it is counted.
_IMPORTS: Final = re.compile(r"(?:^|[^a-z])findings?[-_]import", re.IGNORECASE)
Name = tuple[str, str]  # a type, and by what its ARN names a thing of it


@dataclass(frozen=True)
class Around:
    """``made``: what is created, in any plan; ``judged``: what gates of pipelines ran; ``runs``: what pipelines run afterwards;
    ``renamed``: what is replaced under another name."""

    made: frozenset[Name]
    judged: frozenset[Name]
    runs: frozenset[Name]
    renamed: Mapping[Name, str]


def look(plans: Sequence[Plan]) -> Around:
    """Look at all plans."""
    made: set[Name] = set()
    judged: set[Name] = set()
    runs: set[Name] = set()
    renamed: dict[Name, str] = {}
    for change in (change for plan in plans for change in plan.changes if change.managed):
        if change.type in _TYPES and change.action in (Action.CREATE, Action.REPLACE):
            made.update((change.type, name) for name in names(change.type, change.after))
            was, now = (names(change.type, side) for side in (change.before, change.after))
            renamed.update(((change.type, old), new) for old, new in zip(was, now, strict=False) if old != new)
        if change.type == "aws_codepipeline" and change.deposed is None:
            judged.update(_ran(change.before, only_gates=True))
            runs.update(_ran(change.before if change.action is Action.FORGET else change.after, only_gates=False))
    return Around(frozenset(made), frozenset(judged), frozenset(runs), renamed)


def _ran(pipeline: Mapping[str, Any], *, only_gates: bool) -> Iterator[Name]:
    for step in steps(pipeline) or ():
        if step.judges or not only_gates:
            for name, kind in (("ProjectName", "aws_codebuild_project"), ("FunctionName", "aws_lambda_function")):
                if isinstance(step.configuration.get(name), str):
                    called = step.configuration[name]
                    yield kind, gate_code.called(called) if kind == "aws_lambda_function" else called


def gone(change: Change, around: Around, known: gate_code.Known) -> Iterator[Finding]:
    """What one change destroys, but for what is made again under the same name."""
    own = [(change.type, name) for name in names(change.type, change.before)]
    if change.type not in _TYPES or not change.managed or not change.gone or any(one in around.made for one in own):
        return
    if change.type == "aws_codepipeline":
        yield from _pipeline(change)
        return
    # Told where it was run: with its pipeline that goes, or as the action that goes from it.
    if any(one in around.judged for one in own) and not any(one in around.runs for one in own):
        return
    name = own[0][1] if own else ""
    if change.type == "aws_lambda_function":
        judges = (
            gate_code.is_gate(name, known) or bool(_IMPORTS.search(name)) or any(one in around.judged for one in own)
        )
        text = say("the function {} judges, and is destroyed", name)
    else:
        judges = gate_code.judges(change) or any(one in around.judged for one in own)
        text = say("the build {} judges, and is destroyed", name)
    if judges:
        yield Finding(Kind.GATE, change.stack, change.address, text)


def _pipeline(change: Change) -> Iterator[Finding]:
    found = steps(change.before)
    gates = [f"{step.stage}/{step.name}" for step in found or () if step.judges]
    name = next(iter(names(change.type, change.before)), change.name)
    if found is None:
        text = say("the pipeline {} goes, and what judged in it cannot be seen", name)
    elif gates:
        text = joined(
            [say("the pipeline {} goes", name), say(f"with {counted(len(gates), 'gate')}: {{}}", gates)], ", "
        )
    else:
        return
    yield Finding(Kind.GATE, change.stack, change.address, text)
