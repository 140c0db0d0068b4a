"""Which policy documents a resource's configuration names: where a plan cannot know a policy, it may know the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from plan_review.model import Change, JsonObject
from plan_review.values import UNKNOWN

_DOCUMENT = re.compile(r"data\.aws_iam_policy_document\.[\w-]+")
_INDEX = re.compile(r"\[(?:[0-9]+|\"(?:[^\"\\]|\\.)*\")\]")


def without_keys(address: str) -> str:
    """``module.a["x"].aws_b.c[0]`` -> ``module.a.aws_b.c``: as the configuration writes it."""
    return _INDEX.sub("", address)


def documents(configuration: JsonObject, changes: Sequence[Change]) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Configuration address -> attribute -> addresses of documents; only for resources of which something is unknown."""
    wanted = {
        without_keys(change.address)
        for change in changes
        if change.managed and any(value is UNKNOWN for value in change.after.values())
    }
    if not wanted:
        return {}
    return {
        address: found
        for address, resource in _resources(configuration.get("root_module", {}), "")
        if address in wanted and (found := _named(resource, address))
    }


def _resources(module: JsonObject, prefix: str) -> Iterator[tuple[str, JsonObject]]:
    for resource in module.get("resources", ()):
        yield f"{prefix}{resource.get('address', '')}", resource
    for name, call in module.get("module_calls", {}).items():
        yield from _resources(call.get("module", {}), f"{prefix}module.{name}.")


def _named(resource: JsonObject, address: str) -> dict[str, Sequence[str]]:
    prefix = address.removesuffix(str(resource.get("address", "")))
    found: dict[str, Sequence[str]] = {}
    for attribute, expression in resource.get("expressions", {}).items():
        if not isinstance(expression, dict):
            continue
        names = dict.fromkeys(
            match[0] for reference in expression.get("references", ()) if (match := _DOCUMENT.match(str(reference)))
        )
        if names:
            found[attribute] = [f"{prefix}{name}" for name in names]
    return found
