"""What is pending goes to Security Hub: first documents, then workflows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from findings.asff import UPDATED_BY
from findings.delivery import Failure
from findings.inventory import IMPORT, REOPEN, SUPPRESS, Entry
from findings.security_hub import SecurityHub

REOPENED: Final = "No longer accepted: the waiver expired or was removed."
# BatchUpdateFindings "can take several minutes": until then GetFindings may not show our own suppression.
SETTLED: Final = timedelta(hours=1)


@dataclass(slots=True)
class Delivery:
    """What Security Hub took, by finding id, and what it did not."""

    done: dict[str, frozenset[str]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
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
    imports = [name for name, entry in due.items() if IMPORT in entry.pending]
    failures = hub.import_findings(due[name].document for name in imports)
    delivery.take(imports, IMPORT, failures)
    # One that is gone and refused is named this once: it will not change any more, and Security Hub forgets it.
    given_up = [name for name, failure in failures.items() if failure.refused and not due[name].active]
    delivery.take(given_up, IMPORT, {})
    # The workflow of what is archived can wait until it is back: it may be forgotten by then.
    there = {name: entry for name, entry in due.items() if entry.active and name not in delivery.failures}
    notes: dict[str, list[str]] = {}
    for name, entry in there.items():
        if SUPPRESS in entry.pending:
            notes.setdefault(str(entry.document["Note"]["Text"]), []).append(name)
    for note, names in notes.items():
        delivery.take(names, SUPPRESS, hub.update_workflow(names, "SUPPRESSED", note, UPDATED_BY))
    reopening = {name: entry for name, entry in there.items() if REOPEN in entry.pending}
    shown, failures = hub.workflow(reopening)
    ours, others = [], []
    for name, workflow in shown.items():
        suppressed_at = reopening[name].suppressed_at
        if workflow.status == "SUPPRESSED" and workflow.by == UPDATED_BY:
            ours.append(name)
        elif workflow.status == "SUPPRESSED" or suppressed_at is None or now - suppressed_at >= SETTLED:
            others.append(name)  # an analyst has spoken
    unopened = hub.update_workflow(ours, "NEW", REOPENED, UPDATED_BY)
    delivery.take(ours, REOPEN, unopened)
    delivery.take(others, REOPEN, failures)
    delivery.reopened = len(ours) - len(unopened)
    return delivery
