"""What is known of one scope's findings, and what Security Hub must still be told. Pure data: no clock, no AWS.

One inventory for each repository, branch, scanner, scope and target. Security Hub is slow to read and forgets active findings
after 90 days without an update and archived ones after 30
(https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings.html): the inventory is the truth, it a projection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from common.contract import SCOPES
from findings.archived import slim, stub
from findings.asff import stamp
from findings.model import Acceptance, Subject

# What is still to be sent of a finding.
IMPORT: Final = "import"  # its document
SUPPRESS: Final = "suppress"  # the workflow of one that may exist already: an import cannot change it
REOPEN: Final = "reopen"  # its acceptance is gone
PENDING: Final = frozenset({IMPORT, SUPPRESS, REOPEN})

ACTIVE: Final = "ACTIVE"  # RecordState
ARCHIVED: Final = "ARCHIVED"

KEPT: Final = timedelta(days=90)  # archived findings, so that one that comes back keeps CreatedAt
KEPT_MOST: Final = 20_000  # of them: the function's memory holds them beside a large scan
_NAME_LIMIT: Final = 60
_SUFFIX: Final = ".json.gz"
_NAMES: Final = MappingProxyType({f"{scanner}-{one}": (scanner, one) for scanner in SCOPES for one in SCOPES[scanner]})


@dataclass(frozen=True, slots=True)
class Scope:
    """What one inventory is about; scans of different scopes never touch each other's findings."""

    repository: str
    branch: str
    scanner: str
    scope: str
    target: str = ""

    @classmethod
    def of(cls, subject: Subject) -> Scope:
        """The scope of a scan."""
        return cls(subject.repository, subject.branch, subject.scanner, subject.scope, subject.target)

    @property
    def key(self) -> str:
        """Where the inventory stands."""
        name = f"{self.scanner}-{self.scope}" + (f"--{self.target}" if self.target else "")
        return f"{folder(self.repository, self.branch)}/{name}{_SUFFIX}"

    @classmethod
    def named(cls, repository: str, branch: str, key: str) -> Scope | None:
        """The scope of a branch's inventory by its key alone; None if that cannot be told, as of an unknown scanner's."""
        name, _, target = key.removeprefix(f"{folder(repository, branch)}/").removesuffix(_SUFFIX).partition("--")
        scope = cls(repository, branch, *_NAMES[name], target) if name in _NAMES else None
        return scope if scope and scope.key == key else None


def folder(repository: str, branch: str) -> str:
    """Where all inventories of a branch stand: ``inventory/<repository>/<hash>-<branch made plain>``, without final slash."""
    digest = hashlib.sha256(branch.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in branch[:_NAME_LIMIT])
    return f"inventory/{repository}/{digest}-{plain}"


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of the scope. ``started``: when its execution's source action began; ``imported``: when it got here."""

    started: datetime
    imported: datetime
    execution: str
    commit: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding.

    ``document``: the ASFF finding as last sent or to be sent; once it was sent as archived, no more than ``archived.stub``.
    ``seen``: ``started`` of the newest scan that reported it.
    ``archived_at``: None while it is active. ``acceptance``: fingerprint of the acceptance, empty if there is none.
    ``suppressed_at``: when ``SUPPRESS`` was last asked for.
    """

    document: Mapping[str, Any]
    seen: datetime
    archived_at: datetime | None = None
    acceptance: str = ""
    suppressed_at: datetime | None = None
    pending: frozenset[str] = frozenset()

    @property
    def active(self) -> bool:
        """Not archived."""
        return self.archived_at is None

    @property
    def created(self) -> str:
        """CreatedAt: once and for all."""
        return str(self.document["CreatedAt"])

    @property
    def updated(self) -> str:
        """UpdatedAt: another one for each version of the document."""
        return str(self.document["UpdatedAt"])


@dataclass(frozen=True, slots=True)
class Inventory:
    """``last``: the newest finished scan. ``deleted_at``: when the branch was last deleted. ``entries``: by finding id."""

    scope: Scope
    last: Scan | None = None
    deleted_at: datetime | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def is_newer_than(self, started: datetime) -> bool:
        """Whether a scan that started then comes too late to change anything known."""
        after = (self.last.started if self.last else None, self.deleted_at)
        return any(one is not None and started < one for one in after)


def merge(
    inventory: Inventory,
    documents: Iterable[Mapping[str, Any]],
    *,
    scan: Scan,
    finished: bool,
    acceptances: Mapping[str, Acceptance],
) -> Inventory:
    """The inventory after a scan that reported ``documents`` (ASFF findings, each Id once).

    ``finished``: the scan covered its scope, so what it does not report is archived. A scan older than the last finished one, or
    than the branch's deletion, changes nothing known; what only it reports is added as archived. ``acceptances``: by finding id;
    the document of an accepted finding holds ``Workflow`` and ``Note``. In whatever order scans arrive, they end the same.
    What was archived before this scan is kept small, for ``KEPT``, and ``KEPT_MOST`` of it.
    """
    now = scan.imported
    older = inventory.is_newer_than(scan.started)
    reported = {str(document["Id"]): document for document in documents}
    entries: dict[str, Entry] = {}
    for name, entry in inventory.entries.items():
        kept = entry
        if not older and scan.started >= entry.seen:  # a newer one, not finished, may have seen it since
            if name in reported:
                kept = _again(entry, reported[name], scan, fingerprint(acceptances.get(name)))
            elif finished:
                kept = _archived(entry, now)
        if not _is_over(kept, now):
            entries[name] = kept if entry.active else _small(kept)
    for name, document in reported.items():
        if name not in inventory.entries:
            entries[name] = _first(document, scan, fingerprint(acceptances.get(name)), archived=older)
    is_last = finished and (inventory.last is None or scan.started >= inventory.last.started)
    return replace(inventory, last=scan if is_last else inventory.last, entries=_capped(entries, inventory.entries))


def retired(inventory: Inventory, now: datetime) -> Inventory:
    """The inventory of a scope that nobody scans any more: all archived. The next scan finds it as any other."""
    entries = {name: _archived(one, now) for name, one in inventory.entries.items() if not _is_over(one, now)}
    return replace(inventory, entries=entries)


def branch_deleted(inventory: Inventory, at: datetime, now: datetime) -> Inventory:
    """The inventory after its branch was deleted: all archived, but for what a scan of a branch of the same name saw since."""
    entries = {name: _archived(one, now) if one.seen < at else one for name, one in inventory.entries.items()}
    return replace(inventory, deleted_at=max(at, inventory.deleted_at or at), entries=entries)


def noted(
    inventory: Inventory, sent: Mapping[str, Entry], done: Mapping[str, frozenset[str]]
) -> tuple[Inventory, frozenset[str]]:
    """The inventory after ``done`` (by finding id) of the entries ``sent``.

    Others may have changed it since ``sent`` was read: only what is still the same is cleared. Also the ids whose workflow
    was set after another import had decided otherwise: theirs must be sent again.
    """
    entries = dict(inventory.entries)
    crossed = set()
    for name, actions in done.items():
        entry, was = entries.get(name), sent[name]
        if entry is None:
            continue
        pending = set(entry.pending)
        if IMPORT in actions and entry.updated == was.updated:
            pending.discard(IMPORT)
        workflow = actions - {IMPORT}
        if workflow and (entry.acceptance, entry.suppressed_at) == (was.acceptance, was.suppressed_at):
            pending -= workflow
        elif workflow:
            pending.add(SUPPRESS if entry.acceptance else REOPEN)
            crossed.add(name)
        entries[name] = _small(replace(entry, pending=frozenset(pending)))
    return replace(inventory, entries=entries), frozenset(crossed)


def fingerprint(acceptance: Acceptance | None) -> str:
    """Tells acceptances apart by all that they say; empty for none."""
    if acceptance is None:
        return ""
    parts = [acceptance.reason, acceptance.owner, str(acceptance.expires)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _first(document: Mapping[str, Any], scan: Scan, accepted: str, *, archived: bool) -> Entry:
    now = stamp(scan.imported)
    state = {"CreatedAt": now, "UpdatedAt": now, "RecordState": ARCHIVED if archived else ACTIVE}
    return Entry(
        document={**document, **state},
        seen=scan.started,
        archived_at=scan.imported if archived else None,
        acceptance=accepted,  # the import that creates a finding sets its workflow, too
        pending=frozenset({IMPORT}),
    )


def _again(entry: Entry, document: Mapping[str, Any], scan: Scan, accepted: str) -> Entry:
    known = {"CreatedAt": entry.created, "UpdatedAt": _later(entry, scan.imported), "RecordState": ACTIVE}
    if "FirstObservedAt" in document:
        known["FirstObservedAt"] = entry.created
    pending = entry.pending | {IMPORT}  # also if nothing changed: Security Hub forgets what is not updated
    suppressed_at = entry.suppressed_at
    if accepted != entry.acceptance:
        pending = pending - {SUPPRESS, REOPEN} | {SUPPRESS if accepted else REOPEN}
        suppressed_at = scan.imported if accepted else suppressed_at
    return replace(
        entry,
        document={**document, **known},
        seen=scan.started,
        archived_at=None,
        acceptance=accepted,
        suppressed_at=suppressed_at,
        pending=pending,
    )


def _archived(entry: Entry, now: datetime) -> Entry:
    if not entry.active:
        return entry
    document = {**entry.document, "RecordState": ARCHIVED, "UpdatedAt": _later(entry, now)}
    return replace(entry, document=document, archived_at=now, pending=entry.pending | {IMPORT})


def _is_over(entry: Entry, now: datetime) -> bool:
    return entry.archived_at is not None and now - entry.archived_at >= KEPT


def _small(entry: Entry) -> Entry:
    """An archived entry without what is no longer needed."""
    if entry.active:
        return entry
    return replace(entry, document=(slim if IMPORT in entry.pending else stub)(entry.document))


def _capped(entries: Mapping[str, Entry], before: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """Without the oldest archived entries above ``KEPT_MOST``, delivered ones first.

    None that was not archived ``before``: it has not had its turn to be sent.
    """
    archived = [(name, entry, entry.archived_at) for name, entry in entries.items() if entry.archived_at]
    excess = len(archived) - KEPT_MOST
    if excess <= 0:
        return entries
    known = [
        (IMPORT in one.pending, at, name) for name, one, at in archived if name in before and not before[name].active
    ]
    dropped = {name for _, _, name in sorted(known)[:excess]}
    return {name: entry for name, entry in entries.items() if name not in dropped}


def _later(entry: Entry, now: datetime) -> str:
    """Security Hub ignores an update whose UpdatedAt is not later than the one it has, and clocks differ
    (https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html)."""
    return max(stamp(now), stamp(datetime.fromisoformat(entry.updated) + timedelta(milliseconds=1)))
