"""What is pending goes to Security Hub: first documents, then workflows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from findings.asff import UPDATED_BY
from findings.delivery import Failure
from findings.inventory import IMPORT, REOPEN, SUPPRESS, Entry
from findings.security_hub import SecurityHub, Workflow

REOPENED: Final = "No longer accepted: the waiver expired or was removed."
# BatchUpdateFindings "can take several minutes": until then GetFindings may not show our own suppression.
SETTLED: Final = timedelta(hours=1)
# A build waits for the answer, and the next one sends it again.
ARCHIVED_TRIES: Final = 3


@dataclass(slots=True)
class Delivery:
    """What Security Hub took, by finding id, and what it did not: ``failures`` of active findings, ``unarchived`` of others."""

    done: dict[str, frozenset[str]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    unarchived: dict[str, Failure] = field(default_factory=dict)
    reopened: int = 0

    def take(self, names: Iterable[str], action: str, failures: Mapping[str, Failure]) -> None:
        """Notes that ``action`` was done for ``names``, except for ``failures``."""
        self.failures |= failures
        for name in names:
            if name not in failures:
                self.done[name] = self.done.get(name, frozenset()) | {action}


def send(hub: SecurityHub, due: Mapping[str, Entry], now: datetime) -> Delivery:
    """Sends all that is pending of ``due`` (by finding id). What nobody can decide yet is neither done nor failed."""
    delivery = Delivery()
    active = {name: entry for name, entry in due.items() if entry.active}
    imports = [name for name, entry in active.items() if IMPORT in entry.pending]
    delivery.take(imports, IMPORT, hub.import_findings(due[name].document for name in imports))
    # The workflow of what is archived can wait until it is back: it may be forgotten by then.
    there = {name: entry for name, entry in active.items() if name not in delivery.failures}
    _suppress(hub, {name: entry for name, entry in there.items() if SUPPRESS in entry.pending}, delivery)
    _reopen(hub, {name: entry for name, entry in there.items() if REOPEN in entry.pending}, delivery, now)
    _archive(hub, [name for name, entry in due.items() if not entry.active and IMPORT in entry.pending], due, delivery)
    return delivery


def _suppress(hub: SecurityHub, entries: Mapping[str, Entry], delivery: Delivery) -> None:
    shown, unasked = hub.workflow(entries)
    delivery.take([], SUPPRESS, unasked)
    spoken = [name for name, workflow in shown.items() if name not in unasked and _is_an_analysts(workflow)]
    delivery.take(spoken, SUPPRESS, {})
    notes: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if name not in unasked and name not in spoken:
            notes.setdefault(str(entry.document["Note"]["Text"]), []).append(name)
    for note, names in notes.items():
        delivery.take(names, SUPPRESS, hub.update_workflow(names, "SUPPRESSED", note, UPDATED_BY))


def _reopen(hub: SecurityHub, entries: Mapping[str, Entry], delivery: Delivery, now: datetime) -> None:
    shown, unasked = hub.workflow(entries)
    ours, others = [], []
    for name, workflow in shown.items():
        suppressed_at = entries[name].suppressed_at
        if _is_ours(workflow):
            ours.append(name)
        elif workflow.status == "SUPPRESSED" or suppressed_at is None or now - suppressed_at >= SETTLED:
            others.append(name)  # an analyst has spoken
    unopened = hub.update_workflow(ours, "NEW", REOPENED, UPDATED_BY)
    delivery.take(ours, REOPEN, unopened)
    delivery.take(others, REOPEN, unasked)
    delivery.reopened += len(ours) - len(unopened)


def _archive(hub: SecurityHub, names: Sequence[str], due: Mapping[str, Entry], delivery: Delivery) -> None:
    """Last, so that it takes no time from what blocks a build. What fails is tried by each import until the inventory drops it:
    Security Hub itself forgets the finding in the same 90 days."""
    failures = hub.import_findings((due[name].document for name in names), ARCHIVED_TRIES)
    delivery.unarchived |= failures
    # One that is refused is named this once: it will not change any more.
    delivery.take([name for name in names if name not in failures or failures[name].refused], IMPORT, {})


def _is_ours(workflow: Workflow) -> bool:
    """Suppressed by us. Who suppresses in the console without a word leaves there our note of the last reopening."""
    return workflow.status == "SUPPRESSED" and workflow.by == UPDATED_BY and workflow.note != REOPENED


def _is_an_analysts(workflow: Workflow) -> bool:
    if workflow.by not in ("", UPDATED_BY):
        return True
    if workflow.status == "RESOLVED":
        return not workflow.archived  # of what is back Security Hub undoes it, which may not show yet
    return workflow.status == "SUPPRESSED" and not _is_ours(workflow)
