"""One scan's findings into the inventory, and from there into Security Hub.

Write-ahead: the inventory is saved with what is still to be sent, then it is sent, then what was delivered is noted. A call that
dies in between leaves the rest to the next import of that scope. Every save is conditional: the loser reads again.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from common.strict import MalformedError
from findings import inventory_file
from findings.asff import severity
from findings.delivery import Failure
from findings.inventory import Entry, Inventory, Scan, Scope, branch_deleted, folder, merge, noted, retired
from findings.model import Acceptance, Subject
from findings.outbox import Delivery, send
from findings.security_hub import SecurityHub, UndeliveredError

_ATTEMPTS: Final = 12  # to save, while others save the same
_CROSSINGS: Final = 3
_SUFFIX: Final = ".json.gz"
_DELETED: Final = f"deleted{_SUFFIX}"


_Result = TypeVar("_Result")


class ConflictError(Exception):
    """The object has been written since it was read."""


class Store(Protocol):
    """Objects with conditional writes."""

    def load(self, key: str) -> tuple[bytes | None, str | None]:
        """The object and its ETag; two times None if there is none."""

    def save(self, key: str, data: bytes, etag: str | None) -> str:
        """Writes the object if it still has ``etag`` (None: if there is none); its new one. ``ConflictError`` otherwise."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with ``prefix``."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What an import did, for logs and metrics.

    ``suppressed``: newly accepted; ``reopened``: in Security Hub; ``unarchived``: gone, which Security Hub has not taken.
    ``opened``, ``closed``: findings that have become active, and that no longer are, by severity, accepted ones among them.
    """

    new: int = 0
    updated: int = 0
    archived: int = 0
    suppressed: int = 0
    reopened: int = 0
    unarchived: int = 0
    opened: Counter[str] = field(default_factory=Counter, compare=False)
    closed: Counter[str] = field(default_factory=Counter, compare=False)

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(*(getattr(self, one) + getattr(other, one) for one in self.__slots__))


@dataclass(frozen=True)
class Projection:
    """``hub`` None: Security Hub is not used. What it was not told stays pending, for the day when it is switched on."""

    store: Store
    hub: SecurityHub | None
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def project(
        self,
        subject: Subject,
        documents: Iterable[Mapping[str, Any]],
        acceptances: Mapping[str, Acceptance],
        *,
        finished: bool,
        started: datetime,
        now: datetime,
    ) -> Delivered:
        """Brings one scan's findings (ASFF, each Id once) home.

        ``started``: when the execution's source action began. ``UndeliveredError`` after the rest was delivered and noted, if
        it is about a finding that is active (of others ``Delivered.unarchived`` tells),
        ``SwitchedOffError`` if there is no Security Hub, ``MalformedError`` for a damaged inventory, ``ConflictError`` if others
        were faster each time: in all of these cases the same call again continues.
        """
        scope = Scope.of(subject)
        scan = Scan(_utc(started), _utc(now), subject.execution, subject.commit, subject.digest)
        found = list(documents)

        def merged(before: Inventory) -> Inventory:
            if deleted_at and (before.deleted_at is None or before.deleted_at < deleted_at):
                before = branch_deleted(before, deleted_at, scan.imported)
            return merge(before, found, scan=scan, finished=finished, acceptances=acceptances)

        marker = f"{folder(scope.repository, scope.branch)}/{_DELETED}"
        deleted_at = self._deletion(marker)[0]
        before, after = self._change(scope.key, scope, merged)
        # Deleting marks the branch first and lists its inventories then, so one of the two sees the other.
        while (marked := self._deletion(marker)[0]) != deleted_at:
            deleted_at = marked
            after = self._change(scope.key, scope, merged)[1]
        delivery = self._deliver(scope.key, scope, after, scan.imported)
        if delivery.failures:
            raise UndeliveredError(delivery.failures | delivery.unarchived)
        return replace(_compare(before, after), reopened=delivery.reopened, unarchived=len(delivery.unarchived))

    def last_scan(self, subject: Subject) -> Scan | None:
        """The newest finished scan of the subject's scope; None if there was none. ``MalformedError`` for a damaged inventory."""
        scope = Scope.of(subject)
        data = self.store.load(scope.key)[0]
        return None if data is None else inventory_file.load(data, scope).last

    def delete_branch(self, repository: str, branch: str, at: datetime, now: datetime) -> Delivered:
        """Archives all findings of a branch that was deleted ``at``; scans that began before then add none. Errors: ``project``."""
        at, now = _utc(at), _utc(now)
        prefix = f"{folder(repository, branch)}/"
        self._mark(f"{prefix}{_DELETED}", at)
        outcome, failures = self._archive(self._listed(prefix), lambda one: branch_deleted(one, at, now), now)
        if failures:  # no scan of this branch will send it
            raise UndeliveredError(failures)
        return outcome

    def retire(self, repository: str, branch: str, wanted: Callable[[Scope], bool], now: datetime) -> Delivered:
        """Archives all findings of a branch's scopes that are not ``wanted``: of a scanner or pipeline that is no more.

        Reads the names of the branch's inventories and those alone that are not wanted, or whose names do not tell. What is
        not delivered is counted and sent by the next such call. Errors: ``project``, but no ``UndeliveredError``.
        """
        now = _utc(now)
        named = {key: Scope.named(repository, branch, key) for key in self._listed(f"{folder(repository, branch)}/")}
        keys = [key for key, scope in named.items() if scope is None or not wanted(scope)]
        outcome, failures = self._archive(keys, lambda one: None if wanted(one.scope) else retired(one, now), now)
        return replace(outcome, unarchived=len(failures))

    def _listed(self, prefix: str) -> list[str]:
        return sorted(key for key in self.store.keys(prefix) if key.endswith(_SUFFIX) and key != f"{prefix}{_DELETED}")

    def _archive(
        self, keys: Iterable[str], change: Callable[[Inventory], Inventory | None], now: datetime
    ) -> tuple[Delivered, dict[str, Failure]]:
        """Changes and delivers the inventories, but for those of which ``change`` makes None. Also all that was not delivered."""
        changed: list[tuple[str, Inventory]] = []
        outcome, damaged = Delivered(), None
        for key in keys:
            try:
                before, after = self._change(key, None, lambda one: change(one) or one)
            except MalformedError as error:  # keeps none of the others from being archived
                damaged = error
                continue
            outcome += _compare(before, after)
            if change(after):
                changed.append((key, after))
        failures: dict[str, Failure] = {}
        for key, after in changed:
            delivery = self._deliver(key, after.scope, after, now)
            failures |= delivery.failures | delivery.unarchived
        if damaged:
            raise damaged
        return outcome, failures

    def _change(
        self, key: str, scope: Scope | None, change: Callable[[Inventory], Inventory]
    ) -> tuple[Inventory, Inventory]:
        """The inventory before and after ``change``, which is saved. ``scope``: of one that may not be there yet."""

        def attempt() -> tuple[Inventory, Inventory]:
            data, etag = self.store.load(key)
            if data is None and scope is None:
                raise MalformedError(f"{key} was listed and is not there")
            before = Inventory(scope) if data is None and scope else inventory_file.load(data or b"", scope)
            after = change(before)
            if after != before:
                self.store.save(key, inventory_file.dump(after), etag)
            return before, after

        return self._persist(attempt)

    def _deletion(self, key: str) -> tuple[datetime | None, str | None]:
        data, etag = self.store.load(key)
        return (None if data is None else inventory_file.load_deletion(data)), etag

    def _mark(self, key: str, at: datetime) -> None:
        def attempt() -> None:
            known, etag = self._deletion(key)
            if known is None or known < at:
                self.store.save(key, inventory_file.dump_deletion(at), etag)

        self._persist(attempt)

    def _persist(self, attempt: Callable[[], _Result]) -> _Result:
        for number in range(1, _ATTEMPTS):
            try:
                return attempt()
            except ConflictError:
                self.sleep(min(2.0, 0.05 * 2**number) * self.jitter())
        return attempt()

    def _deliver(self, key: str, scope: Scope, inventory: Inventory, now: datetime) -> Delivery:
        """Sends what is pending and notes what was taken."""
        whole = Delivery()
        if self.hub is None:
            return whole
        due = {name: entry for name, entry in inventory.entries.items() if entry.pending}
        for _ in range(_CROSSINGS):
            if not due:
                break
            sent = send(self.hub, due, now)
            due = self._note(key, scope, due, sent)
            whole.failures |= sent.failures
            whole.unarchived |= sent.unarchived
            whole.reopened += sent.reopened
        return whole

    def _note(self, key: str, scope: Scope, due: Mapping[str, Entry], sent: Delivery) -> dict[str, Entry]:
        """Saves what was taken; what must be sent again, since another import decided otherwise meanwhile."""
        crossed: frozenset[str] = frozenset()

        def change(one: Inventory) -> Inventory:
            nonlocal crossed
            result, crossed = noted(one, due, sent.done)
            return result

        after = self._change(key, scope, change)[1]
        return {name: after.entries[name] for name in crossed}


def _compare(before: Inventory, after: Inventory) -> Delivered:
    pairs = [(before.entries.get(name), entry) for name, entry in after.entries.items()]
    return Delivered(
        new=sum(was is None for was, _ in pairs),
        updated=sum(was is not None and entry.active and entry.updated != was.updated for was, entry in pairs),
        archived=sum(was is not None and was.active and not entry.active for was, entry in pairs),
        suppressed=sum(
            bool(one.acceptance) and (was is None or was.acceptance != one.acceptance) for was, one in pairs
        ),
        opened=Counter(severity(one.document) for was, one in pairs if one.active and (was is None or not was.active)),
        closed=Counter(severity(was.document) for was, one in pairs if was and was.active and not one.active),
    )


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)
