"""An inventory as bytes: gzip of JSON, the same inventory always the same bytes; and the mark of a deleted branch."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from common import strict
from common.strict import MalformedError
from findings.archived import is_stub
from findings.asff import stamp
from findings.inventory import ACTIVE, ARCHIVED, IMPORT, PENDING, Entry, Inventory, Scan, Scope

SCHEMA: Final = 1

_TEXT: Final = re.compile(r".*", re.DOTALL)
_SOME: Final = re.compile(r".+", re.DOTALL)
_FINGERPRINT: Final = re.compile(r"([0-9a-f]{32})?")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII)
_SCOPE: Final = ("repository", "branch", "scanner", "scope", "target")
_SCAN: Final = ("started", "imported", "execution", "commit", "digest")
_ENTRY: Final = ("document", "seen", "archived_at", "acceptance", "suppressed_at", "pending")


def dump(inventory: Inventory) -> bytes:
    """The file. ``ValueError`` or ``TypeError`` if a document is not JSON."""
    last = inventory.last
    document = {
        "schema": SCHEMA,
        "scope": {name: getattr(inventory.scope, name) for name in _SCOPE},
        "last": last and {name: _plain(getattr(last, name)) for name in _SCAN},
        "deleted_at": _plain(inventory.deleted_at),
        "entries": {
            name: {one: _plain(getattr(entry, one)) for one in _ENTRY} for name, entry in inventory.entries.items()
        },
    }
    return _pack(document)


def load(data: bytes, scope: Scope | None = None) -> Inventory:
    """The inventory in ``data``; ``MalformedError`` if ``dump`` would not have written it, or for another ``scope``.

    Damage must never look like an empty inventory: everything would be made anew, and nothing ever archived.
    """
    names = ("schema", "scope", "last", "deleted_at", "entries")
    given = strict.fields(_unpack(data, "inventory"), "inventory", names)
    strict.integer(given["schema"], "inventory.schema", SCHEMA, SCHEMA)
    about = strict.fields(given["scope"], "inventory.scope", _SCOPE)
    found = Scope(**{name: strict.text(about[name], f"inventory.scope.{name}", _TEXT, "a text") for name in _SCOPE})
    if scope is not None and found != scope:
        raise MalformedError(f"inventory: of {strict.shown(found.key)}, not of {strict.shown(scope.key)}")
    return Inventory(
        scope=found,
        last=None if given["last"] is None else _scan(given["last"]),
        deleted_at=_time_or_none(given["deleted_at"], "inventory.deleted_at"),
        entries={
            name: _entry(name, one) for name, one in strict.entries(given["entries"], "inventory.entries").items()
        },
    )


def dump_deletion(at: datetime) -> bytes:
    """The mark that a branch was deleted."""
    return _pack({"schema": SCHEMA, "deleted_at": _plain(at)})


def load_deletion(data: bytes) -> datetime:
    """When the branch was deleted; ``MalformedError`` if ``dump_deletion`` would not have written it."""
    given = strict.fields(_unpack(data, "deletion"), "deletion", ("schema", "deleted_at"))
    strict.integer(given["schema"], "deletion.schema", SCHEMA, SCHEMA)
    return _time(given["deleted_at"], "deletion.deleted_at")


def _pack(document: object) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)


def _unpack(data: bytes, where: str) -> object:
    try:
        text = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        raise MalformedError(f"{where}: not readable as gzip ({type(error).__name__})") from error
    return strict.loads(text, where)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return sorted(value) if isinstance(value, frozenset) else value


def _scan(document: object) -> Scan:
    given = strict.fields(document, "inventory.last", _SCAN)
    texts = {
        name: strict.text(given[name], f"inventory.last.{name}", _TEXT, "a text")
        for name in ("execution", "commit", "digest")
    }
    started, imported = (_time(given[name], f"inventory.last.{name}") for name in ("started", "imported"))
    return Scan(started=started, imported=imported, **texts)


def _entry(name: str, document: object) -> Entry:
    where = f"inventory.entries[{strict.shown(name)}]"
    given = strict.fields(document, where, _ENTRY)
    archived_at = _time_or_none(given["archived_at"], f"{where}.archived_at")
    pending = [strict.choice(one, f"{where}.pending", PENDING) for one in strict.items(given["pending"], where)]
    finding = _finding(name, given["document"], f"{where}.document", archived=archived_at is not None)
    if is_stub(finding) and (archived_at is None or IMPORT in pending):
        raise MalformedError(f"{where}.document: a stub, of a finding that is active or still to be sent")
    return Entry(
        document=finding,
        seen=_time(given["seen"], f"{where}.seen"),
        archived_at=archived_at,
        acceptance=strict.text(given["acceptance"], f"{where}.acceptance", _FINGERPRINT, "a fingerprint or nothing"),
        suppressed_at=_time_or_none(given["suppressed_at"], f"{where}.suppressed_at"),
        pending=frozenset(pending),
    )


def _finding(name: str, document: object, where: str, *, archived: bool) -> Mapping[str, Any]:
    """Of the ASFF finding, what decides here; the rest is what was sent."""
    finding = strict.entries(document, where)
    for key in ("Id", "CreatedAt", "UpdatedAt", "RecordState"):
        strict.text(finding.get(key), f"{where}.{key}", _SOME, "a text")
    if finding["Id"] != name:
        raise MalformedError(f"{where}.Id: {strict.shown(name)} is right, not {strict.shown(finding['Id'])}")
    if finding["RecordState"] != (ARCHIVED if archived else ACTIVE):
        raise MalformedError(f"{where}.RecordState: contradicts archived_at")
    for key in ("CreatedAt", "UpdatedAt"):
        if stamp(_time(finding[key], f"{where}.{key}")) != finding[key]:
            raise MalformedError(f"{where}.{key}: another form of time")
    return finding


def _time(value: object, where: str) -> datetime:
    text = strict.text(value, where, _TIME, "a time in UTC")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError(f"{where}: a time that exists is right, not {strict.shown(text)}") from error


def _time_or_none(value: object, where: str) -> datetime | None:
    return None if value is None else _time(value, where)
