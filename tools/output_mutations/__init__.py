"""What the mutation test does to what is emitted: one security-relevant property after the other removed or weakened.

Pure functions over the JSON of one stack (``cdk.tf.json``). A mutant is a place and what stands there instead, so that it
can be listed by name, applied to a copy and read by a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.output_mutations.attributes import of_attributes, of_terraform
from tools.output_mutations.builds import of_builds
from tools.output_mutations.change import REMOVED, Path, Stack, apply, at, at_or_none, named, short
from tools.output_mutations.events import of_events
from tools.output_mutations.pipelines import of_pipelines
from tools.output_mutations.policies import of_policies

__all__ = ["REMOVED", "Mutant", "apply", "at", "mutants"]


@dataclass(frozen=True)
class Mutant:
    """``value`` in the place ``path`` of ``stack``; ``name`` says so readably and is the same in each run."""

    kind: str
    stack: str
    name: str
    path: Path
    value: Any


def mutants(stack: str, content: Stack) -> list[Mutant]:
    """Every mutant of a stack, each name once."""
    found: dict[str, Mutant] = {}
    for generator in (of_terraform, of_attributes, of_events, of_builds, of_policies, of_pipelines):
        for change in generator(content):
            name = f"{stack}: {named(content, change.path)}{change.inside} -> {change.shown or short(change.value)}"
            if change.value is REMOVED or at_or_none(content, change.path) != change.value:
                found.setdefault(name, Mutant(change.kind, stack, name, change.path, change.value))
    return list(found.values())
