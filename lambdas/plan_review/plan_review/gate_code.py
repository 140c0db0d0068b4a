"""What gates run: the code of functions, the commands of builds. A plan shows of a package its hash alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plan_review import waivers
from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change, Plan
from plan_review.pipeline_steps import DELIVERS, JUDGES, steps
from plan_review.text import Text, counted, joined, say
from plan_review.values import UNKNOWN, Hidden, Value, at, plain

CODE_OUTPUT: Final = "gate_code"  # function's name -> hash of its code without policy.json
# The environment of a build: names that set how severely is judged, and by which scripts.
_JUDGING: Final = re.compile(
    r"FAIL|SEVERITY|THRESHOLD|REPORT_ONLY|IGNORE|SKIP|EXCLUDE|GATE|IMPORTER|STRICT|ALLOW|WAIV|HISTORY", re.IGNORECASE
)
# Names that a gate, or the runtime below it, obeys where they were not set before.
_OBEYED: Final = re.compile(
    r"BYPASS|DISABLE|DRY_?RUN|OVERRIDE|EXEMPT|BREAK_?GLASS|FORCE|WARN|ENDPOINT|PROXY"
    r"|^(?:PYTHON|LD_|NODE_OPTIONS$|JAVA_TOOL_OPTIONS$|BASH_ENV$|PATH$)"
    r"|^AWS_(?:LAMBDA_EXEC_WRAPPER|CA_BUNDLE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|PROFILE|ACCESS_KEY_ID|ROLE_ARN)$",
    re.IGNORECASE,
)
# Functions that no pipeline of these plans calls: by few words, since most functions that check something are no gates.
_GATES: Final = re.compile(r"(?:^|[^a-z])(?:guard|gate|approv(?:er|al))(?:$|[^a-z])", re.IGNORECASE)
_SCRIPTS: Final = ("SCRIPTS_SHA256",)
# What a build takes beside its source, which `sources` compares, and what such a source is.
_TAKES: Final = ("secondary_sources", "secondary_source_version")
_SOURCE: Final = ("type", "location", "buildspec", "source_identifier", "source_version")


@dataclass(frozen=True)
class Known:
    """``functions``: of gates, by the actions that call them or the output; ``explained``: whose package changed by the policy
    alone, which is compared for itself; ``qualifiers``: by which versions or aliases pipelines call a function; ``changing``: functions
    that change in these plans; ``aliases``: function and name of those that are destroyed, and what they were."""

    functions: frozenset[str]
    explained: frozenset[str]
    qualifiers: Mapping[str, frozenset[str]]
    changing: frozenset[str]
    aliases: Mapping[tuple[str, str], Mapping[str, Value]]


def look(plans: Sequence[Plan]) -> Known:
    """Which functions are gates, from all plans."""
    qualifiers: dict[str, set[str]] = {}
    explained: set[str] = set()
    changing: set[str] = set()
    aliases: dict[tuple[str, str], Mapping[str, Value]] = {}
    for plan in plans:
        for change in plan.changes:
            if change.type == "aws_codepipeline":
                for side in (change.before, change.after):
                    for step in steps(side) or ():
                        if step.category == "Invoke" and step.provider == "Lambda":
                            name, qualifier = _named(str(step.configuration.get("FunctionName")))
                            qualifiers.setdefault(name, set()).add(qualifier)
            elif change.type == "aws_lambda_function" and change.stays:
                changing.update(_text(side.get("function_name")) for side in (change.before, change.after))
            elif change.type == "aws_lambda_alias" and change.gone:
                aliases[_alias(change.before)] = change.before
    functions = set(qualifiers)
    for plan in plans:
        # A hash without the policy explains nothing where no policy changes: then the hash is not one of the code.
        policies = [output for output in plan.outputs if waivers.policies(output)]
        told = not policies or any(output.action is not Action.NOOP for output in policies)
        for output in plan.outputs:
            if output.name == CODE_OUTPUT:
                before = output.before if isinstance(output.before, dict) else {}
                after = output.after if isinstance(output.after, dict) else {}
                functions.update(before, after)
                if told:
                    explained.update(name for name in before if plain(before[name]) and before[name] == after.get(name))
    return Known(
        frozenset(functions),
        frozenset(explained),
        {name: frozenset(found) for name, found in qualifiers.items()},
        frozenset(changing),
        aliases,
    )


def called(function: str) -> str:
    """The name of a function that is called by its name or ARN, of an alias or not.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionName)
    """
    return _named(function)[0]


def _named(function: str) -> tuple[str, str]:
    """Name, and version or alias."""
    _, ours, rest = function.rpartition(":function:")
    name, _, qualifier = (rest if ours else function).partition(":")
    return name, qualifier


def _alias(attributes: Mapping[str, Value]) -> tuple[str, str]:
    return called(_text(attributes.get("function_name"))), _text(attributes.get("name"))


def is_gate(name: str, known: Known) -> bool:
    """Whether a function of this name is one."""
    return name in known.functions or bool(_GATES.search(name))


def functions(change: Change, known: Known) -> Iterator[Finding]:
    """A gate's function: its code, what it is told, and whether it is there."""
    if change.type != "aws_lambda_function" or not change.stays:
        return
    name = _text(change.after.get("function_name")) or _text(change.before.get("function_name"))
    if not is_gate(name, known):
        return
    changed = [
        attribute
        for attribute in ("source_code_hash", "image_uri", "s3_object_version", "s3_key")
        if _differs(change, attribute)
    ]
    if changed and name not in known.explained:
        text = say(
            "the code of the gate {} changes, and a plan shows its hash alone: read the change of its code", name
        )
        yield Finding(Kind.GATE, change.stack, change.address, text)
    for attribute in ("handler", "layers", "image_config"):
        if (change.before.get(attribute) or None) != (change.after.get(attribute) or None):
            yield Finding(
                Kind.GATE, change.stack, change.address, say("the gate {} runs other code: {} changes", name, attribute)
            )
    told, tells = (_first(side, "environment.*.variables") for side in (change.before, change.after))
    variables = [*_changed_names(told, tells), *_new_names(told, tells)]
    if variables:
        yield Finding(
            Kind.GATE, change.stack, change.address, say("the gate {} is told something else: {}", name, variables)
        )


def aliases(change: Change, known: Known) -> Iterator[Finding]:
    """An alias by which a gate is called, and the versions that it runs."""
    if change.type != "aws_lambda_alias" or not change.managed:
        return
    function, name = _alias(change.after)
    before = known.aliases.get((function, name), {}) if change.action is Action.CREATE else change.before
    if not before or change.gone or not is_gate(function, known):
        return
    if function in known.qualifiers and name not in known.qualifiers[function]:
        return  # pipelines call it by other names
    for attribute in ("function_version", "routing_config"):
        old, new = before.get(attribute) or None, change.after.get(attribute) or None
        # A version that is only being made is of the function that changes, whose code is compared for itself.
        if old == new or (not plain(new) and function in known.changing):
            continue
        text = say(
            "the alias {} of the gate {} runs other versions of its code ({}): read what changed between them",
            name,
            function,
            attribute,
        )
        yield Finding(Kind.GATE, change.stack, change.address, text)


def builds(changes: Sequence[Change]) -> Iterator[Finding]:
    """Builds that judge, of one plan: their commands, and what they are told. One finding for scripts that all of them share."""
    shared: list[Change] = []
    for change in changes:
        if change.type != "aws_codebuild_project" or not change.stays or not judges(change):
            continue
        old, new = (_environment(side) for side in (change.before, change.after))
        yield from _commands(change)
        taken = [name for name in _TAKES if _other(change, name)]
        if taken:
            yield Finding(
                Kind.GATE, change.stack, change.address, say("the build that judges takes something else: {}", taken)
            )
        images = [_first(side, "environment.*.image") for side in (change.before, change.after)]
        if images[0] is not None and images[0] != images[1] and images[1] is not UNKNOWN:
            yield Finding(Kind.GATE, change.stack, change.address, say("the build that judges runs in another image"))
        names = [
            name
            for name in sorted({*filter(_JUDGING.search, _changed_names(old, new)), *_new_names(old, new)})
            if name not in _SCRIPTS
        ]
        if names:
            yield Finding(
                Kind.GATE, change.stack, change.address, say("the build that judges is told something else: {}", names)
            )
        if any(name in old and old[name] != new.get(name) for name in _SCRIPTS):
            shared.append(change)
    if shared:
        text = say("the scripts that judge change, and a plan shows their hash alone: read the change of their code")
        others = joined([say("also in "), say("{}", [change.address for change in shared[1:]])], "")
        yield Finding(Kind.GATE, shared[0].stack, shared[0].address, text, (others,) if shared[1:] else ())


def _other(change: Change, name: str) -> bool:
    """Whether the build takes other sources beside its first one."""
    old, new = (_taken(side.get(name)) for side in (change.before, change.after))
    return old != new and UNKNOWN not in new


def _taken(value: Value) -> list[Value]:
    several = value if isinstance(value, list) else [value or None]
    return [{key: one.get(key) or None for key in _SOURCE} if isinstance(one, dict) else one for one in several if one]


def judges(change: Change) -> bool:
    """Whether a build does, by its name or by where it sends what it finds."""
    name = _text(change.before.get("name"))
    delivers = DELIVERS.search(f" {name} ")
    return bool((JUDGES.search(f" {name} ") and not delivers) or "FINDINGS_IMPORTER" in _environment(change.before))


def _commands(change: Change) -> Iterator[Finding]:
    old, new = (_first(side, "source.*.buildspec") for side in (change.before, change.after))
    if (old or None) == (new or None):
        return
    if new is UNKNOWN or isinstance(new, Hidden):
        yield Finding(Kind.UNSEEN, change.stack, change.address, say("its commands are not known before apply"))
        return
    yield Finding(
        Kind.GATE,
        change.stack,
        change.address,
        joined([say("the commands of the build that judges change: "), _lines(old, new)], ""),
    )


def _lines(old: Value, new: Value) -> Text:
    """How many, not which: commands are anybody's text."""
    before, after = ([line.strip() for line in str(text or "").splitlines() if line.strip()] for text in (old, new))
    gone, come = [line for line in before if line not in after], [line for line in after if line not in before]
    return say(f"{counted(len(gone), 'line')} gone, {counted(len(come), 'line')} new")


def _differs(change: Change, name: str) -> bool:
    return change.before.get(name) is not None and change.before.get(name) != change.after.get(name)


def _first(attributes: Mapping[str, Any], path: str) -> Value:
    found = at(attributes, path)
    return found[0] if found else None


def _environment(attributes: Mapping[str, Any]) -> dict[str, Value]:
    found = at(attributes, "environment.*.environment_variable.*")
    return {str(one.get("name")): one.get("value") for one in found if isinstance(one, dict)}


def _new_names(before: Value, after: Value) -> list[str]:
    """Names of variables that were not set, and that something obeys."""
    if not isinstance(after, dict):
        return []
    old = before if isinstance(before, dict) else {}
    return sorted(name for name in after if name not in old and (_JUDGING.search(name) or _OBEYED.search(name)))


def _changed_names(before: Value, after: Value) -> list[str]:
    """Names of variables that were set, and are set otherwise or not at all."""
    if isinstance(before, Hidden):
        return [] if before == after or after is UNKNOWN else ["variables"]
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    return sorted(name for name in old if old[name] != new.get(name) and new.get(name) is not UNKNOWN)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
