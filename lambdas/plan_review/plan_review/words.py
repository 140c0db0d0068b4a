"""The changes of a stack in words, and all of them in a list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plan_review.model import Action, Change, Output, Plan
from plan_review.showing import shown
from plan_review.text import Text, counted, joined, say
from plan_review.values import UNKNOWN

_DONE = {
    Action.CREATE: "to create",
    Action.UPDATE: "to change",
    Action.REPLACE: "to replace",
    Action.DELETE: "to destroy",
    Action.FORGET: "to forget",
}
_SIGNS = {
    Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "-/+", Action.DELETE: "-", Action.FORGET: ".", Action.READ: "<=",
    Action.NOOP: "=",
}  # fmt: skip


@dataclass(frozen=True)
class StackWords:
    """``summary``: counts; ``notes``: what is to be known of the plan itself; ``lines``: sentences; ``full``: every object."""

    name: str
    unchanged: bool
    summary: Text
    notes: Sequence[Text] = ()
    lines: Sequence[Text] = ()
    full: Sequence[Text] = ()


def words(plan: Plan) -> StackWords:
    """One plan."""
    changes = [change for change in plan.changes if change.managed]
    outputs = [output for output in plan.outputs if output.action is not Action.NOOP]
    notes = list(_notes(plan))
    lines = [*_moves(changes), *_objects(changes), *_outputs(outputs)]
    return StackWords(
        name=plan.name,
        unchanged=not lines and not notes,
        summary=_summary(changes, plan, len(outputs)),
        notes=notes,
        lines=lines,
        full=[
            _entry(change)
            for change in plan.changes
            if change.action is not Action.NOOP or change.previous or change.imported
        ],
    )


def _summary(changes: Sequence[Change], plan: Plan, outputs: int) -> Text:
    numbers = Counter(change.action for change in changes)
    parts = [f"{numbers[action]:,} {word}" for action, word in _DONE.items() if numbers[action]]
    moved = sum(change.previous is not None for change in changes)
    imported = sum(change.imported for change in changes)
    reads = sum(not change.managed and change.action is Action.READ for change in plan.changes)
    parts += [f"{number:,} {word}" for number, word in ((moved, "moved"), (imported, "imported")) if number]
    parts += [counted(outputs, "output") + " changed"] if outputs else []
    parts += [counted(reads, "data source") + " read while it is applied"] if reads else []
    return say(", ".join(parts) or "nothing to change")


def _notes(plan: Plan) -> Iterator[Text]:
    if plan.newer_format:
        yield say(
            "The plan's format {} is newer than what is known here (1.2); what it adds is not looked at",
            plan.newer_format,
        )
    drifted = [change for change in plan.drift if change.managed]
    if drifted:
        gone = [change.address for change in drifted if change.action is Action.DELETE]
        other = [change.address for change in drifted if change.action is not Action.DELETE]
        if other:
            yield say("Changed outside of Terraform since the last apply: {}", other)
        if gone:
            yield say("Destroyed outside of Terraform since the last apply: {}", gone)
    if plan.failed_checks:
        yield say("Checks that fail: {}", plan.failed_checks)
    if plan.invoked:
        yield say("Actions that run: {}", plan.invoked)


def _moves(changes: Sequence[Change]) -> Iterator[Text]:
    for change in changes:
        if change.previous is not None:
            yield say("renames {} to {}", change.previous, change.address)
    imported = [change.address for change in changes if change.imported]
    if imported:
        yield say("takes over what exists: {}", imported)
    forgotten = [change.address for change in changes if change.action is Action.FORGET]
    if forgotten:
        yield say("leaves where it is, and no longer manages: {}", forgotten)


def _objects(changes: Sequence[Change]) -> Iterator[Text]:
    for change in changes:
        if change.action is Action.REPLACE:
            yield (
                say("replaces {}, forced by {}", change.address, change.forced_by)
                if change.forced_by
                else say("replaces {}", change.address)
            )
    yield from _grouped(changes, Action.DELETE, "destroys")
    updates: dict[tuple[str, tuple[str, ...]], list[Change]] = defaultdict(list)
    for change in changes:
        if change.action is Action.UPDATE:
            updates[(change.type, tuple(changed(change)))].append(change)
    for (kind, names), group in updates.items():
        if len(group) == 1:
            yield joined(
                [say("changes {}", group[0].address), joined((_attribute(name, group[0]) for name in names), ", ")],
                ": ",
            )
        else:
            yield say(f"changes {len(group)} {{}} ({{}}): {{}}", kind, names, [change.address for change in group])
    yield from _grouped(changes, Action.CREATE, "creates")


def _grouped(changes: Sequence[Change], action: Action, verb: str) -> Iterator[Text]:
    groups: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        if change.action is action:
            groups[change.type].append(change.address if change.deposed is None else f"{change.address} (deposed)")
    for kind, addresses in groups.items():
        if len(addresses) == 1:
            yield say(f"{verb} {{}}", addresses[0])
        else:
            yield say(f"{verb} {len(addresses)} {{}}: {{}}", kind, [_short(address, kind) for address in addresses])


def _short(address: str, kind: str) -> str:
    return address.removeprefix(f"{kind}.")


def _outputs(outputs: Sequence[Output]) -> Iterator[Text]:
    for action, verb in ((Action.CREATE, "adds"), (Action.UPDATE, "changes"), (Action.DELETE, "removes")):
        names = [output.name for output in outputs if output.action is action]
        if names:
            yield say(f"{verb} the output{'s' if len(names) > 1 else ''} {{}}", names)


def changed(change: Change) -> list[str]:
    """Attributes that differ; those that are only not known yet, if there are no others."""
    names = sorted(change.before.keys() | change.after.keys())
    differ = [name for name in names if change.before.get(name) != change.after.get(name)]
    known = [name for name in differ if change.after.get(name) is not UNKNOWN]
    return [name for name in known if name != "tags_all" or "tags" not in known] or differ


def _attribute(name: str, change: Change) -> Text:
    before, after = shown(name, change.before.get(name)), shown(name, change.after.get(name))
    if any(part == "(not shown)" for part in (*before, *after)):
        return say("{}", name)
    return say("{} {} → {}", name, before, after)


def _entry(change: Change) -> Text:
    sign = _SIGNS[change.action]
    address = f"{change.address} (deposed {change.deposed})" if change.deposed else change.address
    head = joined([say(f"{sign} "), say("{}", address)], "")
    if change.previous is not None:
        head = joined([head, say("was {}", change.previous)], ", ")
    if change.imported:
        head = joined([head, say("imported")], ", ")
    if change.action not in (Action.UPDATE, Action.REPLACE):
        return head
    names = changed(change)
    attributes = joined([_attribute(name, change) for name in names[:12]], ", ")
    if len(names) > 12:
        attributes = joined([attributes, say(f" and {len(names) - 12} more")], "")
    return joined([head, attributes], ": ")
