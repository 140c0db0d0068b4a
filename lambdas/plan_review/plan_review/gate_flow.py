"""What a gate judges and what is delivered: of which actions' artifacts and variables, whatever these are called.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from plan_review.pipeline_steps import Step
from plan_review.text import Text, say
from plan_review.values import UNKNOWN, Value

_VARIABLE: Final = re.compile(r"#\{([^.{}]+)\.")
_FOR_PEOPLE: Final = ("CustomData", "ExternalEntityLink")
# How a delivery is done, not what is delivered or where to.
_MANNER: Final = (*_FOR_PEOPLE, "DeploymentTimeout", "CacheControl", "OutputFileName", "CombineArtifacts")
Renamed = Mapping[tuple[str, str], str]  # a type and the name it had -> its name
_CALLED: Final = {"ProjectName": "aws_codebuild_project", "FunctionName": "aws_lambda_function"}


class Pairs:
    """Which action of the pipeline as it is to be is which of the pipeline as it was."""

    def __init__(self, before: Sequence[Step], after: Sequence[Step], renamed: Renamed) -> None:
        self.before, self.after, self._renamed = before, after, renamed
        self._now: dict[int, int] = {}
        self._pair(lambda old, new: old.key == new.key and old.stage == new.stage)
        self._pair(lambda old, new: old.key == new.key)
        self._pair(lambda old, new: bool(old.configuration) and _same(old, new))
        self._pair(lambda old, new: old.stage == new.stage and _same(old, new))
        self._pair(lambda old, new: old.stage == new.stage and old.delivers and new.delivers)
        was = {new: old for old, new in self._now.items()}
        # Each is called by its number in the pipeline as it was, and a new one by another number.
        self._old = _Side([(number, step.outputs, step) for number, step in enumerate(before)])
        self._new = _Side(
            [
                (was[number], _called_before(before[was[number]], step), step)
                if number in was
                else (len(before) + number, step.outputs, step)
                for number, step in enumerate(after)
            ]
        )

    def _pair(self, same: Callable[[Step, Step], bool]) -> None:
        for number, old in enumerate(self.before):
            if number in self._now:
                continue
            taken = self._now.values()
            found = (place for place, new in enumerate(self.after) if place not in taken and same(old, new))
            place = next(found, None)
            if place is not None:
                self._now[number] = place

    def now(self, step: Step) -> Step | None:
        """What an action became."""
        number = next(number for number, one in enumerate(self.before) if one is step)
        return self.after[self._now[number]] if number in self._now else None

    def given(self, old: Step, new: Step) -> tuple[dict[str, Value], dict[str, Value]]:
        """What both say, in words that are the same where they mean the same."""
        return self.was(old.configuration, old.inputs), self.will_be(new.configuration, new.inputs)

    def was(self, configuration: Mapping[str, Value], inputs: Sequence[Value]) -> dict[str, Value]:
        """A configuration of the pipeline as it was, with origins in place of names."""
        given = self._old.given(configuration, inputs)
        return {name: self._called(name, value) for name, value in given.items()}

    def will_be(self, configuration: Mapping[str, Value], inputs: Sequence[Value]) -> dict[str, Value]:
        """The same of the pipeline as it is to be."""
        return self._new.given(configuration, inputs)

    def origins(self, inputs: Sequence[Value], *, was: bool) -> set[Value]:
        """The actions whose artifacts are taken."""
        return (self._old if was else self._new).inputs(inputs)

    def _called(self, name: str, value: Value) -> Value:
        """A project or function that is itself renamed is the same."""
        return self._renamed.get((_CALLED[name], value), value) if name in _CALLED and isinstance(value, str) else value

    def swapped(self) -> Iterator[Text]:
        """Gates that judge, and deliveries that bring, something else than before."""
        for old in self.before:
            new = self.now(old)
            if new is None or old.category == "Source":
                continue
            where = f"{old.stage}/{old.name}"
            was, now = self.origins(old.inputs, was=True), self.origins(new.inputs, was=False)
            if old.judges or old.delivers:
                if old.judges and not was <= now:
                    yield say("the gate {} judges something else: other input artifacts", where)
                elif old.delivers and was != now:
                    yield say("{} delivers something else: other input artifacts", where)
            elif any(origin not in was for origin in now & self._new.sources):
                yield say("{} is made of something else: of another source", where)
            if old.delivers and not old.judges:
                names = self._delivered(old, new)
                if names:
                    yield say("{} delivers something else, or elsewhere, or by other means: {}", where, names)

    def _delivered(self, old: Step, new: Step) -> list[str]:
        before, after = self.given(old, new)
        names = [
            name
            for name in sorted({*before, *after})
            if name not in (*_MANNER, "EnvironmentVariables")
            and _empty(before.get(name)) != _empty(after.get(name))
            and (after.get(name) is not UNKNOWN or name in _CALLED)
        ]
        was, now = (_variables(side.get("EnvironmentVariables")) for side in (before, after))
        if was is None or now is None:
            names += ["EnvironmentVariables"] if was != now else []
        else:
            names += sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
        return names + [name for name in ("provider", "owner", "region") if getattr(old, name) != getattr(new, name)]


def _same(old: Step, new: Step) -> bool:
    """The same under another name; what judged is only found again in what still looks like it. An approval is not: who may
    give it is said by its name.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-iam-permissions.html
    """
    if old.category == "Approval":
        return False
    mine, others = (
        {name: value for name, value in step.configuration.items() if name not in _FOR_PEOPLE} for step in (old, new)
    )
    return (old.category, old.provider, old.judges, mine) == (new.category, new.provider, new.judges, others)


def _called_before(old: Step, new: Step) -> tuple[Value, ...]:
    """Names of an action's output artifacts: the only one may be called otherwise."""
    return old.outputs if len(old.outputs) == len(new.outputs) == 1 else new.outputs


class _Side:
    """One pipeline: a number for each of its actions, and names for what it puts out."""

    def __init__(self, steps: Sequence[tuple[int, Sequence[Value], Step]]) -> None:
        self._artifacts: dict[str, Value] = {}
        self._spaces: dict[str, int] = {}
        self.sources: set[Value] = set()
        for number, names, step in steps:
            for name, artifact in zip(names, step.outputs, strict=True):
                if isinstance(artifact, str):
                    self._artifacts[artifact] = (number, str(name))
                    if step.category == "Source":
                        self.sources.add(self._artifacts[artifact])
            if isinstance(step.namespace, str) and step.namespace:
                self._spaces[step.namespace] = number

    def inputs(self, names: Sequence[Value]) -> set[Value]:
        """The origins of artifacts."""
        return {self._artifacts.get(name, name) for name in names if isinstance(name, str)}

    def given(self, configuration: Mapping[str, Value], inputs: Sequence[Value]) -> dict[str, Value]:
        """A configuration with origins in place of names."""
        return {name: self._value(name, value, inputs) for name, value in configuration.items()}

    def _value(self, name: str, value: Value, inputs: Sequence[Value]) -> Value:
        if not isinstance(value, str):
            return value
        if value in inputs:
            return f"\0{self._artifacts.get(value, value)}"
        artifact, mark, path = value.partition("::")
        if mark and artifact in inputs:
            return f"\0{self._artifacts.get(artifact, artifact)}::{path}"
        text = _VARIABLE.sub(self._variable, value)
        return _ordered(text) if name in ("EnvironmentVariables", "UserParameters") else text

    def _variable(self, match: re.Match[str]) -> str:
        """Namespaces that CodePipeline has by itself stay as they are."""
        return f"#{{\\u0000{self._spaces[match[1]]}." if match[1] in self._spaces else match[0]


def _ordered(text: str) -> str:
    """JSON whose members, and an array's objects with names, have no order."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, list):
        found.sort(key=lambda one: json.dumps(one, sort_keys=True))
    return json.dumps(found, sort_keys=True) if isinstance(found, (list, dict)) else text


def _variables(text: Value) -> dict[str, Any] | None:
    """Name -> what it is; None where it cannot be read."""
    if text in (None, ""):
        return {}
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return None
    named = {str(one.get("name")): (one.get("value"), one.get("type") or "PLAINTEXT") for one in found}
    return named if len(named) == len(found) else None


def _empty(value: Value) -> Value:
    return None if value == "" else value
