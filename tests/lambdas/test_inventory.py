"""What an inventory becomes by scans, in whatever order they come, and what it looks like in a file."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.strict import MalformedError
from findings import inventory, inventory_file
from findings.inventory import (
    IMPORT,
    REOPEN,
    SUPPRESS,
    Entry,
    Inventory,
    Scan,
    Scope,
    branch_deleted,
    folder,
    merge,
    noted,
    retired,
)
from findings.model import Acceptance

SCOPE = Scope("payments", "main", "grype", "image", "payments")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WAIVED = Acceptance("not reachable", "ann@example.com", date(2026, 6, 1))


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def finding(name: str, **more: Any) -> dict[str, Any]:
    return {"Id": name, "Title": name, "RecordState": "ACTIVE", **more}


def scanned(
    inventory: Inventory | None,
    *names: str,
    started: float,
    imported: float | None = None,
    finished: bool = True,
    accepted: dict[str, Acceptance] | None = None,
    **more: Any,
) -> Inventory:
    scan = Scan(at(started), at(started if imported is None else imported), f"execution-{started}", "c0ffee")
    documents = [finding(name, **more) for name in names]
    inventory = inventory or Inventory(SCOPE)
    return merge(inventory, documents, scan=scan, finished=finished, acceptances=accepted or {})


def states(inventory: Inventory) -> dict[str, str]:
    return {name: entry.document["RecordState"] for name, entry in inventory.entries.items()}


def delivered(inventory: Inventory) -> Inventory:
    done = {name: entry.pending for name, entry in inventory.entries.items()}
    return noted(inventory, inventory.entries, done)[0]


# --- life ------------------------------------------------------------------------------------------------------------


def test_a_first_scan_makes_its_findings() -> None:
    inventory = scanned(None, "x", started=0, imported=0.5, FirstObservedAt="2026-03-01T00:00:00.000Z")
    assert inventory.entries["x"] == Entry(
        document={
            "Id": "x",
            "Title": "x",
            "RecordState": "ACTIVE",
            "CreatedAt": "2026-03-01T12:30:00.000Z",
            "UpdatedAt": "2026-03-01T12:30:00.000Z",
            "FirstObservedAt": "2026-03-01T00:00:00.000Z",
        },
        seen=at(0),
        pending=frozenset({IMPORT}),
    )
    assert inventory.last == Scan(at(0), at(0.5), "execution-0", "c0ffee")


def test_a_rescan_updates_and_keeps_when_a_finding_was_made() -> None:
    first = delivered(scanned(None, "x", started=0))
    second = scanned(first, "x", started=24, Title="better known", FirstObservedAt="2026-03-02T12:00:00.000Z")
    assert second.entries["x"].document == {
        "Id": "x",
        "Title": "better known",
        "RecordState": "ACTIVE",
        "CreatedAt": "2026-03-01T12:00:00.000Z",
        "UpdatedAt": "2026-03-02T12:00:00.000Z",
        "FirstObservedAt": "2026-03-01T12:00:00.000Z",
    }
    assert second.entries["x"].pending == {IMPORT}


def test_every_version_is_later_than_the_one_before_even_if_clocks_differ() -> None:
    first = scanned(None, "x", started=0, imported=2)
    second = scanned(first, "x", started=0.5, imported=1)
    third = scanned(second, started=0.6, imported=1.1)
    assert [one.entries["x"].updated for one in (first, second, third)] == [
        "2026-03-01T14:00:00.000Z",
        "2026-03-01T14:00:00.001Z",
        "2026-03-01T14:00:00.002Z",
    ]


def test_what_a_finished_scan_no_longer_reports_is_archived() -> None:
    second = scanned(delivered(scanned(None, "x", "y", started=0)), "y", started=1)
    assert states(second) == {"x": "ARCHIVED", "y": "ACTIVE"}
    assert second.entries["x"].archived_at == at(1)
    assert second.entries["x"].pending == {IMPORT}
    assert second.entries["x"].updated == "2026-03-01T13:00:00.000Z"


def test_an_unfinished_scan_archives_nothing_and_is_not_the_last() -> None:
    first = scanned(None, "x", "y", started=0)
    second = scanned(first, "y", "z", started=1, finished=False)
    assert states(second) == {"x": "ACTIVE", "y": "ACTIVE", "z": "ACTIVE"}
    assert second.last == first.last


def test_an_older_scan_changes_nothing_known_and_adds_what_it_alone_saw_as_archived() -> None:
    first = scanned(scanned(None, "x", "y", started=4), "x", started=5)
    second = scanned(first, "y", "z", started=4.5, imported=6, accepted={"x": WAIVED, "y": WAIVED})
    assert {name: second.entries[name] for name in "xy"} == dict(first.entries)
    assert second.last == first.last
    assert states(second) == {"x": "ACTIVE", "y": "ARCHIVED", "z": "ARCHIVED"}
    assert second.entries["z"].archived_at == at(6)
    assert second.entries["z"].pending == {IMPORT}


def test_a_finding_that_a_newer_unfinished_scan_saw_is_not_archived_by_an_older_one() -> None:
    newer = scanned(None, "x", started=5, finished=False)
    assert states(scanned(newer, started=4, imported=6)) == {"x": "ACTIVE"}


def test_a_finding_that_comes_back_is_the_same() -> None:
    gone = delivered(scanned(scanned(None, "x", started=0), started=1))
    back = scanned(gone, "x", started=24 * 80)
    assert states(back) == {"x": "ACTIVE"}
    assert back.entries["x"].created == "2026-03-01T12:00:00.000Z"
    assert back.entries["x"].archived_at is None


def test_archived_findings_are_dropped_after_90_days() -> None:
    gone = scanned(scanned(None, "x", started=0), started=1)
    assert "x" in scanned(gone, started=1 + 24 * 90 - 0.1).entries
    assert "x" not in scanned(gone, started=1 + 24 * 90).entries


def test_of_an_archived_finding_that_was_delivered_a_stub_is_kept() -> None:
    first = delivered(scanned(None, "x", "y", started=0, FirstObservedAt="2026-03-01T00:00:00.000Z"))
    since = "2026-03-01T13:00:00.000Z"
    accepted = scanned(first, "x", "y", started=1, accepted={"x": WAIVED}, FirstObservedAt=since)
    archived = scanned(accepted, "y", started=2)
    assert archived.entries["x"].document["Title"] == "x"  # it is still to be sent
    sent = noted(archived, archived.entries, dict.fromkeys("xy", frozenset({IMPORT})))[0]
    assert sent.entries["x"] == Entry(
        document={
            "Id": "x",
            "CreatedAt": "2026-03-01T12:00:00.000Z",
            "UpdatedAt": "2026-03-01T14:00:00.000Z",
            "RecordState": "ARCHIVED",
            "FirstObservedAt": "2026-03-01T12:00:00.000Z",
        },
        seen=at(1),
        archived_at=at(2),
        acceptance=accepted.entries["x"].acceptance,
        suppressed_at=at(1),
        pending=frozenset({SUPPRESS}),
    )
    assert sent.entries["y"].document == archived.entries["y"].document
    back = scanned(sent, "x", started=3, FirstObservedAt="2026-03-01T15:00:00.000Z", accepted={"x": WAIVED})
    assert back.entries["x"].document == {
        "Id": "x",
        "Title": "x",
        "CreatedAt": "2026-03-01T12:00:00.000Z",
        "UpdatedAt": "2026-03-01T15:00:00.000Z",
        "RecordState": "ACTIVE",
        "FirstObservedAt": "2026-03-01T12:00:00.000Z",
    }
    assert back.entries["x"].pending == {IMPORT, SUPPRESS}


def test_an_archived_finding_that_was_sent_while_it_came_back_is_no_stub() -> None:
    archived = scanned(delivered(scanned(None, "x", started=0)), started=1)
    back = scanned(archived, "x", started=2)
    result = noted(back, archived.entries, {"x": frozenset({IMPORT})})[0]
    assert result.entries["x"] == back.entries["x"]


def test_of_an_archived_finding_that_cannot_be_delivered_as_much_is_kept_as_it_takes() -> None:
    more = {
        "Workflow": {"Status": "SUPPRESSED"},
        "Note": {"Text": "not reachable"},
        "ProductFields": {"a/b": "c"},
        "Resources": [{"Type": "Container", "Id": "payments", "Details": {"Container": {"ImageName": "payments"}}}],
    }
    archived = scanned(scanned(None, "x", started=0, **more), started=1)
    assert archived.entries["x"].document["ProductFields"] == {"a/b": "c"}
    later = scanned(archived, started=2)
    assert later.entries["x"].document == {
        "Id": "x",
        "Title": "x",
        "CreatedAt": "2026-03-01T12:00:00.000Z",
        "UpdatedAt": "2026-03-01T13:00:00.000Z",
        "RecordState": "ARCHIVED",
        "Workflow": {"Status": "SUPPRESSED"},
        "Note": {"Text": "not reachable"},
        "Resources": [{"Type": "Container", "Id": "payments"}],
    }
    assert later.entries["x"].pending == {IMPORT}


def test_findings_of_ever_changing_ids_do_not_fill_the_inventory() -> None:
    inventory, sizes = None, []
    for number in range(8):
        names = [f"{number}/{index}" for index in range(200)]
        inventory = delivered(scanned(inventory, *names, started=number, Description="x" * 5000))
        sizes.append(len(gzip.decompress(inventory_file.dump(inventory))))
    assert sizes[0] > 1_000_000
    assert sizes[-1] < 1.5 * sizes[0]


def test_of_too_many_archived_findings_the_oldest_delivered_are_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "KEPT_MOST", 3)
    unsent = scanned(scanned(None, "a", started=0), started=1)
    sent = scanned(unsent, "y", "c", started=2)
    for number, names in enumerate(["c", "", "d", ""]):
        done = {name: entry.pending for name, entry in sent.entries.items() if name != "a"}
        sent = scanned(noted(sent, sent.entries, done)[0], *names, started=3 + number)
    assert set(sent.entries) == {"a", "c", "d"}
    # What is archived by this scan has not had its turn to be sent: all that was there goes first.
    many = scanned(sent, *"efgh", started=8)
    assert set(many.entries) == {*"acd", *"efgh"}
    assert set(scanned(many, started=9).entries) == set("efgh")
    assert set(scanned(scanned(many, started=9), started=10).entries) == set("fgh")


def test_what_nobody_scans_any_more_is_archived_until_it_is_scanned_again() -> None:
    first = scanned(delivered(scanned(scanned(None, "x", started=0), "y", started=1)), "y", started=2)
    gone = retired(first, at(3))
    assert states(gone) == {"x": "ARCHIVED", "y": "ARCHIVED"}
    assert (gone.entries["y"].archived_at, gone.entries["y"].pending) == (at(3), {IMPORT})
    assert (gone.last, gone.deleted_at) == (first.last, None)
    assert retired(gone, at(4)) == gone
    assert set(retired(gone, at(2 + 24 * 90)).entries) == {"y"}
    assert states(scanned(gone, "y", started=2.5, imported=5)) == {"x": "ARCHIVED", "y": "ACTIVE"}


# --- deleted branches ------------------------------------------------------------------------------------------------


def test_a_deleted_branch_archives_and_makes_scans_before_it_old() -> None:
    deleted = branch_deleted(scanned(None, "x", started=0), at(2), at(3))
    assert states(deleted) == {"x": "ARCHIVED"}
    assert deleted.deleted_at == at(2)
    assert states(scanned(deleted, "x", "y", started=1, imported=4)) == {"x": "ARCHIVED", "y": "ARCHIVED"}
    assert states(scanned(deleted, "x", "y", started=2, imported=4)) == {"x": "ACTIVE", "y": "ACTIVE"}


def test_news_of_a_deletion_that_come_late_spare_what_was_seen_since() -> None:
    again = scanned(scanned(None, "x", "y", started=0), "x", started=5, finished=False)
    assert states(branch_deleted(again, at(3), at(6))) == {"x": "ACTIVE", "y": "ARCHIVED"}
    assert branch_deleted(branch_deleted(again, at(3), at(6)), at(1), at(7)).deleted_at == at(3)


# --- acceptances -----------------------------------------------------------------------------------------------------


def test_a_new_accepted_finding_is_suppressed_by_its_import() -> None:
    first = scanned(None, "x", started=0, accepted={"x": WAIVED})
    assert first.entries["x"].pending == {IMPORT}
    assert first.entries["x"].acceptance


def test_workflows_are_sent_only_when_the_acceptance_changes() -> None:
    steps: list[tuple[Acceptance | None, set[str]]] = [
        (None, set()),
        (WAIVED, {SUPPRESS}),
        (WAIVED, set()),
        (Acceptance(WAIVED.reason, WAIVED.owner, date(2026, 7, 1)), {SUPPRESS}),
        (Acceptance("other", WAIVED.owner, date(2026, 7, 1)), {SUPPRESS}),
        (None, {REOPEN}),
        (None, set()),
    ]
    inventory = scanned(None, "x", started=0)
    for number, (acceptance, expected) in enumerate(steps):
        accepted = {"x": acceptance} if acceptance else {}
        inventory = scanned(delivered(inventory), "x", started=1 + number, accepted=accepted)
        assert inventory.entries["x"].pending == {IMPORT, *expected}


def test_the_last_word_counts_if_nothing_was_sent_in_between() -> None:
    accepted = scanned(scanned(None, "x", started=0), "x", started=1, accepted={"x": WAIVED})
    assert accepted.entries["x"].pending == {IMPORT, SUPPRESS}
    kept = scanned(accepted, "x", started=2, accepted={"x": WAIVED})
    assert kept.entries["x"].pending == {IMPORT, SUPPRESS}
    gone = scanned(kept, "x", started=3)
    assert gone.entries["x"].pending == {IMPORT, REOPEN}
    again = scanned(gone, "x", started=4, accepted={"x": WAIVED})
    assert again.entries["x"].pending == {IMPORT, SUPPRESS}
    assert again.entries["x"].suppressed_at == at(4)


def test_another_owner_is_another_acceptance() -> None:
    first = delivered(scanned(None, "x", started=0, accepted={"x": WAIVED}))
    other = Acceptance(WAIVED.reason, "bob@example.com", WAIVED.expires)
    assert scanned(first, "x", started=1, accepted={"x": other}).entries["x"].pending == {IMPORT, SUPPRESS}


def test_when_it_was_suppressed_last_outlives_the_acceptance() -> None:
    accepted = scanned(scanned(None, "x", started=0), "x", started=1, accepted={"x": WAIVED})
    assert accepted.entries["x"].suppressed_at == at(1)
    assert scanned(accepted, "x", started=2).entries["x"].suppressed_at == at(1)


# --- the same moment --------------------------------------------------------------------------------------------------


def test_a_second_try_of_the_same_execution_counts() -> None:
    first = scanned(None, "x", "y", started=0)
    again = scanned(first, "y", started=0, imported=1)
    assert states(again) == {"x": "ARCHIVED", "y": "ACTIVE"}
    assert again.last == Scan(at(0), at(1), "execution-0", "c0ffee")


def test_a_scan_that_began_when_its_branch_was_deleted_is_of_the_new_branch() -> None:
    assert states(branch_deleted(scanned(None, "x", started=3), at(3), at(6))) == {"x": "ACTIVE"}


def test_a_finding_that_is_reported_is_active_whatever_its_document_says() -> None:
    first = scanned(None, "x", started=0, RecordState="ARCHIVED")
    assert states(first) == states(scanned(first, "x", started=1, RecordState="ARCHIVED")) == {"x": "ACTIVE"}


# --- noting ----------------------------------------------------------------------------------------------------------


def test_only_what_is_still_the_same_is_noted() -> None:
    sent = scanned(None, "x", "y", started=0)
    since = scanned(sent, "x", started=1, finished=False)
    done = dict.fromkeys(sent.entries, frozenset({IMPORT}))
    result, crossed = noted(since, sent.entries, done)
    assert {name: entry.pending for name, entry in result.entries.items()} == {"x": {IMPORT}, "y": frozenset()}
    assert not crossed


def test_a_workflow_that_crossed_a_later_decision_is_sent_again() -> None:
    first = delivered(scanned(None, "x", started=0))
    accepted = scanned(first, "x", started=1, accepted={"x": WAIVED})
    gone = delivered(scanned(accepted, "x", started=2))
    result, crossed = noted(gone, accepted.entries, {"x": frozenset({SUPPRESS})})
    assert result.entries["x"].pending == {REOPEN}
    assert crossed == {"x"}


def test_a_workflow_that_was_set_leaves_the_import_to_be_done() -> None:
    first = delivered(scanned(None, "x", started=0))
    accepted = scanned(first, "x", started=1, accepted={"x": WAIVED})
    result, crossed = noted(accepted, accepted.entries, {"x": frozenset({SUPPRESS})})
    assert (result.entries["x"].pending, crossed) == ({IMPORT}, frozenset())


def test_a_workflow_that_crossed_another_acceptance_is_sent_again_as_that() -> None:
    first = delivered(scanned(None, "x", started=0))
    accepted = scanned(first, "x", started=1, accepted={"x": WAIVED})
    other = Acceptance("other", WAIVED.owner, WAIVED.expires)
    since = delivered(scanned(accepted, "x", started=2, accepted={"x": other}))
    result, crossed = noted(since, accepted.entries, {"x": frozenset({SUPPRESS})})
    assert (result.entries["x"].pending, crossed) == ({SUPPRESS}, {"x"})


def test_what_was_dropped_since_is_not_noted() -> None:
    sent = scanned(None, "x", "y", started=0)
    since = Inventory(SCOPE, entries={"y": sent.entries["y"]})
    result, crossed = noted(since, sent.entries, dict.fromkeys(sent.entries, frozenset({IMPORT})))
    assert {name: entry.pending for name, entry in result.entries.items()} == {"y": frozenset()}
    assert not crossed


# --- any order -------------------------------------------------------------------------------------------------------

ONE_SCAN = st.tuples(
    st.frozensets(st.sampled_from("abc")), st.booleans(), st.frozensets(st.sampled_from("abc")), st.booleans()
)


@settings(deadline=None, database=None, max_examples=150)
@given(scans=st.lists(ONE_SCAN, min_size=1, max_size=4), deleted=st.none() | st.integers(0, 4))
def test_scans_end_the_same_in_whatever_order_they_come(
    scans: list[tuple[frozenset[str], bool, frozenset[str], bool]], deleted: int | None
) -> None:
    def run(order: tuple[int, ...]) -> Any:
        inventory = Inventory(SCOPE)
        for place, number in enumerate(order):
            if number == len(scans):
                assert deleted is not None
                inventory = branch_deleted(inventory, at(deleted - 0.5), at(100 + place))
                continue
            names, finished, accepted, repeated = scans[number]
            for _ in range(1 + repeated):
                inventory = scanned(
                    inventory,
                    *sorted(names),
                    started=number,
                    imported=100 + place,
                    finished=finished,
                    accepted=dict.fromkeys(accepted, WAIVED),
                    Title=f"as of {number}",
                )
        entries = {
            name: entry.active and (entry.acceptance, entry.seen, entry.document["Title"])
            for name, entry in inventory.entries.items()
        }
        return entries, inventory.last and inventory.last.started, inventory.deleted_at

    events = range(len(scans) + (deleted is not None))
    results = [run(order) for order in itertools.permutations(events)]
    for result in results[1:]:
        assert result == results[0]


# --- the file --------------------------------------------------------------------------------------------------------


def lived() -> Inventory:
    first = scanned(None, "x", "y", "z", started=0, accepted={"z": WAIVED})
    second = scanned(delivered(first), "x", started=1, imported=1.0001, accepted={"x": WAIVED})
    return branch_deleted(scanned(second, "v", started=3), at(2.5), at(4))


def test_a_file_holds_all_and_is_always_the_same() -> None:
    data = inventory_file.dump(lived())
    assert inventory_file.load(data, SCOPE) == lived()
    assert inventory_file.dump(inventory_file.load(data)) == data
    assert inventory_file.load(inventory_file.dump(Inventory(SCOPE)), SCOPE) == Inventory(SCOPE)
    assert data[4:8] == bytes(4)  # gzip's time of modification, RFC 1952
    assert inventory_file.load_deletion(inventory_file.dump_deletion(at(2.5))) == at(2.5)


def changed(path: str, value: Any) -> bytes:
    document = json.loads(gzip.decompress(inventory_file.dump(lived())))
    *way, last = path.split("/")
    place = document
    for key in way:
        place = place[key]
    place[last] = value
    return gzip.compress(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("more", 1),
        ("entries", []),
        ("entries/x", {}),
        ("entries/x/seen", "2026-03-01"),
        ("entries/x/seen", "2026-13-01T00:00:00Z"),
        ("entries/x/archived_at", None),
        ("entries/v/archived_at", "2026-03-01T12:00:00Z"),
        ("entries/x/acceptance", "yes"),
        ("entries/x/pending", ["delete"]),
        ("entries/x/pending", "import"),
        ("entries/x/document/Id", "y"),
        ("entries/x/document/CreatedAt", 5),
        ("entries/x/document/UpdatedAt", "2026-03-01T12:00:00Z"),
        ("entries/x/document/RecordState", "GONE"),
        ("scope/branch", "other"),
        ("scope/branch", None),
        ("last/started", ""),
        ("last", []),
        ("deleted_at", 0),
    ],
)
def test_a_file_that_was_not_written_here_is_refused(path: str, value: Any) -> None:
    with pytest.raises(MalformedError):
        inventory_file.load(changed(path, value), SCOPE)


def test_a_file_holds_stubs_of_what_was_delivered_as_archived_and_of_nothing_else() -> None:
    stubs = delivered(scanned(delivered(scanned(None, "x", started=0)), started=1))
    data = inventory_file.dump(stubs)
    assert inventory_file.load(data, SCOPE) == stubs
    document = json.loads(gzip.decompress(data))
    entry = document["entries"]["x"]
    assert set(entry["document"]) == {"Id", "CreatedAt", "UpdatedAt", "RecordState"}
    damages: list[dict[str, Any]] = [
        {"pending": ["import"]},
        {"archived_at": None, "document": {**entry["document"], "RecordState": "ACTIVE"}},
        *({"document": {k: v for k, v in entry["document"].items() if k != key}} for key in entry["document"]),
    ]
    for damage in damages:
        damaged = {**document, "entries": {"x": {**entry, **damage}}}
        with pytest.raises(MalformedError):
            inventory_file.load(gzip.compress(json.dumps(damaged).encode()), SCOPE)


@settings(deadline=None, database=None, max_examples=200)
@given(cut=st.integers(0, 3000), flip=st.integers(0, 255), junk=st.binary(max_size=20))
def test_damage_is_never_an_empty_inventory(cut: int, flip: int, junk: bytes) -> None:
    data = inventory_file.dump(lived())
    cut %= len(data)
    flipped = bytearray(data)
    flipped[cut] ^= flip
    for damaged in (data[:cut], bytes(flipped), data + junk, junk):
        try:
            found = inventory_file.load(damaged, SCOPE)
        except MalformedError:
            continue
        assert found == lived()  # gzip's header holds bytes without meaning


def test_a_document_that_is_no_json_is_not_written() -> None:
    inventory = scanned(None, "x", started=0, Score=float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        inventory_file.dump(inventory)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys() -> None:
    # printf %s main | sha256sum
    assert SCOPE.key == "inventory/payments/0d6e4079e36703eb-main/grype-image--payments.json.gz"
    assert Scope("payments", "main", "snyk", "dependencies").key.endswith("-main/snyk-dependencies.json.gz")


@pytest.mark.parametrize(
    "scope",
    [
        SCOPE,
        Scope("payments", "feature/a", "snyk", "dependencies"),
        Scope("payments", "main", "snyk-code", "code"),
        Scope("payments", "main", "git-secrets", "history"),
        Scope("payments", "main", "zap", "staging", "pay--ments"),
    ],
)
def test_a_key_tells_its_scope(scope: Scope) -> None:
    assert Scope.named("payments", scope.branch, scope.key) == scope


@pytest.mark.parametrize(
    "name", ["trivy-image.json.gz", "grype-image--.json.gz", "grype-image", "grype.json.gz", "a/b"]
)
def test_a_key_of_something_else_tells_none(name: str) -> None:
    assert Scope.named("payments", "main", f"{folder('payments', 'main')}/{name}") is None
    assert Scope.named("payments", "other", SCOPE.key) is None


def test_branches_share_no_folder() -> None:
    branches = ["main", "Main", "feature/a", "feature-a", "feature a", "ä", "ö", "x" * 300, "x" * 301, "..", "\udc80"]
    folders = [folder("payments", branch) for branch in branches]
    assert len(set(folders)) == len(branches)
    assert all(one.isascii() and one.count("/") == 2 for one in folders)
    assert not any(a != b and a.startswith(b) for a in folders for b in folders)


def test_the_folder_of_a_branch_can_be_recognized() -> None:
    branch = "feature/Re_funds-1.x~\u00fc"
    digest = hashlib.sha256(branch.encode()).hexdigest()[:16]
    assert folder("payments", branch) == f"inventory/payments/{digest}-feature-Re_funds-1.x--"
    long = "b" * 61
    digest = hashlib.sha256(long.encode()).hexdigest()[:16]
    assert folder("payments", long) == f"inventory/payments/{digest}-{'b' * 60}"


@pytest.mark.parametrize("record", [Scope, Scan, Entry, Inventory])
def test_records_are_values_and_small(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(record)  # ten thousand of them are held at once
