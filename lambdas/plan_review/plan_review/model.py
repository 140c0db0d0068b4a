"""A plan as the review needs it; no sensitive value is in it but in ``Plan.secrets``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from plan_review.values import Value

# Policies of which an identity has several, and may do what any of them allows and none denies.
OF_AN_IDENTITY: Final = ("aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy")


class Action(Enum):
    """What happens to one object; the values are words for people."""

    NOOP = "unchanged"
    CREATE = "create"
    READ = "read"
    UPDATE = "change"
    REPLACE = "replace"
    DELETE = "destroy"
    FORGET = "forget"


@dataclass(frozen=True)
class Change:
    """One object of a plan. ``before`` and ``after``: its attributes, empty where there is no object; ``forced_by``: paths
    of attributes that force a replacement; ``forgets``: what is replaced stays where it is, unmanaged."""

    stack: str
    address: str
    type: str
    name: str
    managed: bool
    action: Action
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    forced_by: tuple[str, ...] = ()
    reason: str | None = None
    deposed: str | None = None
    previous: str | None = None
    imported: bool = False
    create_first: bool = False
    forgets: bool = False

    @property
    def gone(self) -> bool:
        """The object that was there is destroyed and none takes its place."""
        return self.action is Action.DELETE and self.deposed is None

    @property
    def stays(self) -> bool:
        """There is such an object before and after."""
        return self.action in (Action.UPDATE, Action.REPLACE)


@dataclass(frozen=True)
class Output:
    """A root output. ``before`` and ``after`` are None where there is none."""

    name: str
    action: Action
    before: Value
    after: Value


@dataclass(frozen=True)
class Plan:
    """One plan file; ``name`` is its stack. ``there``: types and names of what exists, also of what stays as it is. ``documents``: address of a resource -> attribute -> addresses of the policy
    documents that its configuration names there. ``notes``: sentences about the whole plan."""

    name: str
    version: str
    changes: Sequence[Change]
    outputs: Sequence[Output] = ()
    there: frozenset[tuple[str, str]] = frozenset()
    drift: Sequence[Change] = ()
    errored: bool = False
    complete: bool = True
    deferred: Sequence[tuple[str, str]] = ()
    failed_checks: Sequence[str] = ()
    invoked: Sequence[str] = ()
    newer_format: str | None = None
    documents: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


JsonObject = Mapping[str, Any]
