"""A release as it is recorded: plain data, and its bytes.

Every time is UTC, YYYY-MM-DDThh:mm:ssZ, from CodePipeline or from the push; "" where something has not happened. There is no
time of the recording itself: the same release is always the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

SCHEMA: Final = 1

# How a release stands. The first two are of an execution that is still running.
ASKED, APPROVED = "asked", "approved"
RELEASED, REJECTED, FAILED = "released", "rejected", "failed"
STOPPED, SUPERSEDED, CANCELLED, UNPROVEN = "stopped", "superseded", "cancelled", "unproven"
OPEN: Final = frozenset({ASKED, APPROVED})


def stamp(moment: datetime | None) -> str:
    """A time for the record."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


@dataclass(frozen=True)
class File:
    """An object of the reports bucket; ``sha256`` of its content, "" where that was not looked at."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """One scan that a gate asks for. ``state``: recorded, missing or unreadable; without a record the rest is empty.

    ``report``: as the scanner wrote it, with the hash that was judged. ``policy_sha256``: of the policy that judged.
    """

    scanner: str
    scope: str
    gates: tuple[str, ...]
    state: str
    verdict: str
    summary: str
    reason: str
    counts: Mapping[str, int]
    blocking: int
    report: File | None
    page: str
    record: File | None
    policy_sha256: str
    waived_until: str


@dataclass(frozen=True)
class Waived:
    """One finding that did not count, and why: ``note`` has owner, last day and reason."""

    scanner: str
    scope: str
    rule: str
    title: str
    note: str


@dataclass(frozen=True)
class Sbom:
    """The image's bill of materials; ``sha256`` "" if it is larger than what is hashed."""

    key: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Pushed:
    """Who moved which branch to the commit, and when."""

    pusher: str
    branch: str
    time: str
    event: str


@dataclass(frozen=True)
class Ran:
    """One run of one action. ``message``: why it failed. ``external``: its id elsewhere, as of a build."""

    action: str
    provider: str
    status: str
    started: str
    ended: str
    message: str
    external: str


@dataclass(frozen=True)
class Stage:
    """A stage's runs in the order of their beginnings. ``ended``: "" while one of them runs."""

    name: str
    started: str
    ended: str
    runs: tuple[Ran, ...]


@dataclass(frozen=True)
class Gate:
    """The release guard's last answer before a stage. ``status``: CodePipeline's word, or "" before it was asked."""

    gate: str
    status: str
    message: str
    ended: str


@dataclass(frozen=True)
class Approval:
    """``question``: the text that the approvers were asked, ``answer``: what was written with the answer; ``by``: an ARN."""

    status: str
    by: str
    question: str
    answer: str
    asked: str
    answered: str


@dataclass(frozen=True)
class Release:
    """The whole record. ``pipeline``: in pipelines.yaml, ``name``: in AWS. ``seconds``: from commit to production, None before."""

    pipeline: str
    name: str
    execution: str
    outcome: str
    reason: str
    repository: str
    branch: str
    commit: str
    message: str
    trigger: str
    pushes: tuple[Pushed, ...]
    registry: str
    digest: str
    archive_sha256: str
    sbom: Sbom | None
    evidence: tuple[Evidence, ...]
    waived: tuple[Waived, ...]
    gates: tuple[Gate, ...]
    approval: Approval
    stages: tuple[Stage, ...]
    started: str
    ended: str
    seconds: int | None

    def as_bytes(self) -> bytes:
        """release.json."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, sort_keys=True) + "\n").encode()
