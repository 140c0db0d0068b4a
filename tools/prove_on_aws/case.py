"""One call that a role may make, or must not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUN = "01234567-89ab-4cde-8f01-23456789abcd"
OTHER = "some-other-pipeline"


@dataclass(frozen=True)
class Case:
    """``context``: the condition keys that the service sends."""

    action: str
    resource: str
    allowed: bool
    context: Mapping[str, str] = field(default_factory=dict)
