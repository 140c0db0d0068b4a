"""``terraform show -json`` -> Plan. https://developer.hashicorp.com/terraform/internals/json-format"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from plan_review import references, shapes
from plan_review.model import OF_AN_IDENTITY, Action, Change, JsonObject, Output, Plan
from plan_review.text import printable
from plan_review.values import UNKNOWN, Hidden, Value, mask, secrets
from plan_review.world import names

KNOWN_MINOR = 2  # of format version 1; a higher minor only adds, says the page, and is read
_ACTIONS = {
    ("no-op",): Action.NOOP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("delete",): Action.DELETE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.REPLACE,
    ("forget", "create"): Action.REPLACE,
}


class UnreadableError(Exception):
    """Not a plan that this program can judge; the message is a sentence for the person who gave it."""


def read(name: str, data: bytes) -> Plan:
    """The plan in ``data``, called ``name`` (its stack). Raises UnreadableError."""
    try:
        return _plan(name, _document(data))
    except RecursionError:
        raise UnreadableError("it is nested too deeply for a plan") from None
    except (AttributeError, KeyError, TypeError) as error:
        # Terraform writes no such thing: an array where the documentation has an object, and the like.
        raise UnreadableError(f"it does not have the form of a plan ({type(error).__name__})") from None


class _TwiceError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two members of one name counts; Terraform never writes two."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(printable(next(name for name in found if names.count(name) > 1))[:80])
    return found


def _no_number(text: str) -> NoReturn:
    """NaN and Infinity, which JSON does not know and which are neither more nor less than anything."""
    raise ValueError(text)


def _document(data: bytes) -> JsonObject:
    if data[:2] == b"PK":
        raise UnreadableError("this is Terraform's own plan file: make JSON of it with `terraform show -json PLAN`")
    if data[:2] == b"\x1f\x8b":
        raise UnreadableError("it is compressed: unpack it first")
    if not data.strip():
        raise UnreadableError("it is empty")
    try:
        document = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
    except _TwiceError as error:
        raise UnreadableError(
            f"it says {error} twice in one object: others may read the one, this program the other"
        ) from None
    except ValueError:
        if data.lstrip()[:9] == b'{"@level"':
            raise UnreadableError(
                "these are the messages of `terraform plan -json`: write the plan with -out and show it with"
                " `terraform show -json PLAN`"
            ) from None
        raise UnreadableError("it is not JSON") from None
    if not isinstance(document, dict):
        raise UnreadableError("it is JSON, but not a plan's object")
    version = document.get("format_version")
    if not isinstance(version, str) or not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}", version):
        raise UnreadableError("it has no format_version: not what `terraform show -json` writes of a plan")
    if version.split(".")[0] != "1":
        raise UnreadableError(f"format version {version} is not known here (1.x is): what it says could be misread")
    if not document.keys() & {"planned_values", "resource_changes", "configuration"}:
        raise UnreadableError("this describes a state, not a plan: `terraform show -json PLAN` names the plan's file")
    if what := shapes.wrong(document):
        raise UnreadableError(f"it does not have the form of a plan: {what}")
    return {name: value for name, value in document.items() if value is not None}


def _plan(name: str, document: JsonObject) -> Plan:
    entries = [*document.get("resource_changes", ()), *document.get("resource_drift", ())]
    entries += [one["resource_change"] for one in document.get("deferred_changes", ()) if one.get("resource_change")]
    outputs: dict[str, Any] = document.get("output_changes", {})
    hidden: set[str] = set()
    for change in [*(entry["change"] for entry in entries), *outputs.values()]:
        hidden.update(secrets(change.get("before"), change.get("before_sensitive", False)))
        hidden.update(secrets(change.get("after"), change.get("after_sensitive", False)))
    changes = [_change(name, entry) for entry in document.get("resource_changes", ()) if _matters(entry)]
    minor = int(document["format_version"].split(".")[1])
    return Plan(
        name=name,
        version=str(document.get("terraform_version", "")),
        changes=changes,
        outputs=[_output(key, change) for key, change in sorted(outputs.items())],
        there=frozenset(_there(document)),
        drift=list(_drift(name, document)),
        errored=document.get("errored") is True,
        complete=document.get("complete") is not False,
        deferred=list(_deferred(document)),
        failed_checks=list(_failed_checks(document)),
        invoked=[str(one.get("address", "")) for one in document.get("action_invocations", ())],
        newer_format=document["format_version"] if minor > KNOWN_MINOR else None,
        documents=references.documents(document.get("configuration", {}), changes),
        secrets=frozenset(hidden),
    )


def _matters(entry: JsonObject) -> bool:
    """Of what stays as it is only pipelines matter, which say what functions are gates, and an identity's policies, which allow
    what another one of it may not add any more."""
    change = entry["change"]
    if entry.get("type") in ("aws_codepipeline", *OF_AN_IDENTITY):
        return True
    return change["actions"] != ["no-op"] or bool(entry.get("previous_address")) or bool(change.get("importing"))


def _there(document: JsonObject) -> Iterator[tuple[str, str]]:
    for entry in document.get("resource_changes", ()):
        before = entry["change"].get("before")
        if isinstance(before, dict) and (entry.get("mode") or "managed") == "managed" and not entry.get("deposed"):
            yield from ((str(entry["type"]), name) for name in names(str(entry["type"]), before))


def _action(change: JsonObject) -> Action:
    actions = tuple(change["actions"])
    if actions not in _ACTIONS:
        raise UnreadableError(f"it has an action that is not known here: {printable(' '.join(map(str, actions)))[:80]}")
    return _ACTIONS[actions]


def _change(stack: str, entry: JsonObject) -> Change:
    change = entry["change"]
    unknown = change.get("after_unknown", False)
    return Change(
        stack=stack,
        address=str(entry["address"]),
        type=str(entry["type"]),
        name=str(entry["name"]),
        managed=(entry.get("mode") or "managed") == "managed",
        action=_action(change),
        before=_attributes(mask(change.get("before"), change.get("before_sensitive", False))),
        after=_attributes(mask(change.get("after"), change.get("after_sensitive", False), unknown)),
        forced_by=tuple(".".join(map(str, path)) for path in change.get("replace_paths") or ()),
        reason=entry.get("action_reason"),
        deposed=entry.get("deposed"),
        previous=entry.get("previous_address"),
        imported=bool(change.get("importing")),
        create_first=change["actions"][0] == "create",
        forgets="forget" in change["actions"],
    )


def _attributes(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"(all of it)": value if value is UNKNOWN else Hidden.of(repr(value))}


def _output(name: str, change: JsonObject) -> Output:
    return Output(
        name=name,
        action=_action(change),
        before=mask(change.get("before"), change.get("before_sensitive", False)),
        after=mask(change.get("after"), change.get("after_sensitive", False), change.get("after_unknown", False)),
    )


def _drift(name: str, document: JsonObject) -> Iterator[Change]:
    """What was destroyed outside of Terraform, and of what was changed that which the plan follows from: the rest is mostly
    attributes that a provider fills in later. ``relevant_attributes`` names it."""
    relevant: dict[str, set[str]] = {}
    for one in document.get("relevant_attributes", ()):
        relevant.setdefault(str(one.get("resource")), set()).update(map(str, one.get("attribute", ())[:1]))
    for entry in document.get("resource_drift", ()):
        change = _change(name, entry)
        names = relevant.get(change.address, set())
        if change.action is Action.DELETE or any(change.before.get(one) != change.after.get(one) for one in names):
            yield change


def _deferred(document: JsonObject) -> Iterator[tuple[str, str]]:
    for one in document.get("deferred_changes", ()):
        yield str((one.get("resource_change") or {}).get("address", "")), str(one.get("reason", "unknown"))


def _failed_checks(document: JsonObject) -> Iterator[str]:
    """https://developer.hashicorp.com/terraform/internals/json-format#checks-representation"""
    for check in document.get("checks", ()):
        for instance in check.get("instances", ()):
            if instance.get("status") in ("fail", "error"):
                yield str(instance.get("address", {}).get("to_display", ""))
        if not check.get("instances") and check.get("status") in ("fail", "error"):
            yield str(check.get("address", {}).get("to_display", ""))
