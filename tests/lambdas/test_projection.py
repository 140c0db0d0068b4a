"""The life of findings in inventory and Security Hub: rescans, waivers, branches, crashes, two builds at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.strict import MalformedError
from findings import inventory_file
from findings.asff import Account
from findings.delivery import Failure
from findings.inventory import IMPORT, REOPEN, SUPPRESS, Inventory, Scope, folder
from findings.model import Acceptance, Subject
from findings.outbox import REOPENED
from findings.projection import ConflictError, Delivered, Projection
from findings.security_hub import SecurityHub, SwitchedOffError, UndeliveredError
from inventory_fake import Fuse, KilledError, MemoryInventories
from security_hub_fake import ACCOUNT, REGION, Clock, FakeSecurityHub, document

SUBJECT = Subject("grype", "image", "payments", "execution", "payments", "main", "c0ffee", "sha256:1", "payments")
WAIVED = Acceptance("not reachable", "ann@example.com", date(2026, 6, 1))
OTHERWISE = Acceptance("accepted by the board", "bob@example.com", date(2026, 9, 1))


@dataclass
class World:
    """One account, and imports into it. Each scan takes two hours, so that Security Hub's own writes have settled."""

    clock: Clock = field(default_factory=Clock)
    store: MemoryInventories = field(default_factory=MemoryInventories)
    hub: FakeSecurityHub = field(init=False)
    used: bool = True

    def __post_init__(self) -> None:
        self.hub = FakeSecurityHub(self.clock)

    def projection(self, fuse: Fuse | None = None, seconds: float = 900) -> Projection:
        fuse = fuse or Fuse()
        clock, account = self.clock, Account("aws", REGION, ACCOUNT)
        remaining = clock.remaining(seconds)
        hub = SecurityHub(fuse.wrap(self.hub), account, clock.monotonic, clock.sleep, remaining, jitter=lambda: 0.5)
        return Projection(fuse.wrap(self.store), hub if self.used else None, clock.sleep, lambda: 0.5)

    def scan(
        self,
        *names: str,
        started: datetime | None = None,
        finished: bool = True,
        accepted: Mapping[str, Acceptance] | None = None,
        subject: Subject = SUBJECT,
        fuse: Fuse | None = None,
        seconds: float = 900,
        **more: Any,
    ) -> Delivered:
        """An import of a scan that started now, unless said otherwise."""
        started = started or self.clock.now()
        self.clock.sleep(7200 if not fuse else 60)
        accepted = {name: one for name, one in (accepted or {}).items() if name in names}
        return self.projection(fuse, seconds).project(
            subject,
            [document(name, **_suppression(accepted.get(name)), **more) for name in names],
            accepted,
            finished=finished,
            started=started,
            now=self.clock.now(),
        )

    def inventory(self, subject: Subject = SUBJECT) -> Inventory:
        data = self.store.load(Scope.of(subject).key)[0]
        assert data
        return inventory_file.load(data)

    def states(self) -> dict[str, tuple[str, str]]:
        """Of all that Security Hub knows, record state and workflow."""
        return {name: (one["RecordState"], one["Workflow"]["Status"]) for name, one in self.hub.findings.items()}

    def all(self) -> Any:
        """The whole state without times. What an archived finding says is left out: an older scan does not change it."""
        inventories = {}
        for key, (data, _) in self.store.objects.items():
            if key.endswith("deleted.json.gz"):
                inventories[key] = inventory_file.load_deletion(data)
                continue
            one = inventory_file.load(data)
            entries = {
                name: (entry.acceptance, entry.pending, entry.active and entry.document["Title"])
                for name, entry in one.entries.items()
            }
            inventories[key] = (one.last and one.last.started, one.deleted_at, entries)
            for name, entry in one.entries.items():
                if self.used and name in self.hub.findings:
                    assert self.hub.findings[name]["CreatedAt"] == entry.created
        notes = {name: one.get("Note", {}).get("Text") for name, one in self.hub.findings.items()}
        titles = {name: one["Title"] for name, one in self.hub.findings.items() if one["RecordState"] == "ACTIVE"}
        return inventories, self.states(), notes, titles


def _suppression(acceptance: Acceptance | None) -> dict[str, Any]:
    if acceptance is None:
        return {}
    note = {"Text": acceptance.reason, "UpdatedBy": "findings-importer", "UpdatedAt": "2026-03-01T12:00:00.000Z"}
    return {"Workflow": {"Status": "SUPPRESSED"}, "Note": note}


@pytest.fixture
def world() -> World:
    return World()


# --- rescans ---------------------------------------------------------------------------------------------------------


def test_a_rescan_updates_and_never_doubles_and_leaves_the_analyst_alone(world: World) -> None:
    assert world.scan("x", "y") == Delivered(new=2)
    created = world.hub.findings["x"]["CreatedAt"]
    world.hub.analyst("x", "NOTIFIED", "told the team")
    assert world.scan("x", "y", Title="better known") == Delivered(updated=2)
    found = world.hub.findings["x"]
    assert len(world.hub.findings) == 2
    assert (found["CreatedAt"], found["Title"]) == (created, "better known")
    assert found["UpdatedAt"] > created
    assert found["Workflow"] == {"Status": "NOTIFIED"}
    assert found["Note"]["Text"] == "told the team"
    assert not any(entry.pending for entry in world.inventory().entries.values())


def test_every_active_finding_is_sent_again_since_security_hub_forgets(world: World) -> None:
    world.scan("x")
    world.hub.findings.clear()
    world.hub._shown.clear()
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    assert world.hub.findings["x"]["CreatedAt"] == world.inventory().entries["x"].created


def test_findings_live_on_while_scans_go_on_and_archived_ones_are_forgotten(world: World) -> None:
    world.scan("x", "y")
    for _ in range(6):
        world.clock.sleep(20 * 86400)
        world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    assert set(world.inventory().entries) == {"x"}


def test_what_a_finished_scan_no_longer_reports_is_archived_and_comes_back(world: World) -> None:
    world.scan("x", "y")
    created = world.hub.findings["x"]["CreatedAt"]
    world.hub.analyst("x", "RESOLVED")
    assert world.scan("y") == Delivered(updated=1, archived=1)
    assert world.states() == {"x": ("ARCHIVED", "RESOLVED"), "y": ("ACTIVE", "NEW")}
    world.clock.sleep(80 * 86400)  # archived findings are forgotten after 30 days
    world.scan("x", "y")
    assert world.states()["x"] == ("ACTIVE", "NEW")
    assert world.hub.findings["x"]["CreatedAt"] == created


def test_an_unfinished_scan_archives_nothing(world: World) -> None:
    world.scan("x", "y")
    assert world.scan("y", "z", finished=False) == Delivered(new=1, updated=1)
    assert world.states() == dict.fromkeys("xyz", ("ACTIVE", "NEW"))


def test_an_older_scan_changes_nothing_known(world: World) -> None:
    older = world.clock.now()
    world.clock.sleep(60)
    world.scan("x", Title="new")
    assert world.scan("y", "x", started=older, Title="old") == Delivered(new=1)
    assert world.states() == {"x": ("ACTIVE", "NEW"), "y": ("ARCHIVED", "NEW")}
    assert world.hub.findings["x"]["Title"] == "new"


def test_the_last_finished_scan_is_known(world: World) -> None:
    assert world.projection().last_scan(SUBJECT) is None
    started = world.clock.now()
    world.scan("x")
    world.scan("x", finished=False, subject=replace(SUBJECT, execution="other"))
    last = world.projection().last_scan(SUBJECT)
    assert last
    assert (last.execution, last.commit, last.digest, last.started) == ("execution", "c0ffee", "sha256:1", started)


# --- scopes and branches ---------------------------------------------------------------------------------------------

OTHERS = [
    replace(SUBJECT, branch="feature"),
    replace(SUBJECT, repository="orders"),
    replace(SUBJECT, scanner="ecr"),
    replace(SUBJECT, scope="dependencies"),
    replace(SUBJECT, target="payments-worker"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_scopes_never_touch_each_other(world: World, other: Subject) -> None:
    world.scan("main/x", "main/y")
    world.scan("other/x", subject=other)
    world.scan(subject=other)
    assert world.states() == {
        "main/x": ("ACTIVE", "NEW"),
        "main/y": ("ACTIVE", "NEW"),
        "other/x": ("ARCHIVED", "NEW"),
    }


def test_a_deleted_branchs_findings_are_archived_and_no_others(world: World) -> None:
    feature = replace(SUBJECT, branch="feature")
    world.scan("main/x")
    world.scan("image/x", "image/y", subject=feature)
    world.scan("code/x", subject=replace(feature, scanner="snyk-code", scope="code", target=""))
    begun = world.clock.now()
    world.clock.sleep(60)
    at = world.clock.now()
    assert world.projection().delete_branch("payments", "feature", at, at) == Delivered(archived=3)
    gone = {"image/x": "ARCHIVED", "image/y": "ARCHIVED", "code/x": "ARCHIVED"}
    assert {name: state for name, (state, _) in world.states().items()} == {"main/x": "ACTIVE", **gone}
    # What was under way when the branch went comes too late, also from a scanner that is seen for the first time.
    world.scan("image/x", "image/z", subject=feature, started=begun)
    world.scan("zap/x", subject=replace(feature, scanner="zap", scope="staging"), started=begun)
    assert {name for name, (state, _) in world.states().items() if state == "ACTIVE"} == {"main/x"}
    # A branch of the same name is scanned as any other.
    world.scan("image/x", subject=feature)
    assert {name for name, (state, _) in world.states().items() if state == "ACTIVE"} == {"main/x", "image/x"}
    assert world.projection().delete_branch("payments", "feature", at, world.clock.now()) == Delivered()


@pytest.mark.parametrize("after", [False, True])
def test_a_branch_that_goes_while_its_first_scan_is_imported(after: bool) -> None:
    for number in range(1, 20):
        world = World()
        started = world.clock.now()
        world.clock.sleep(1)

        def delete(world: World = world) -> None:
            world.projection().delete_branch("payments", "main", world.clock.now(), world.clock.now())

        fuse = Fuse(number, delete, after)
        world.scan("x", started=started, fuse=fuse)
        if fuse.calls < number:
            break
        # One that is deleted after all was sent is told by the deletion itself.
        assert world.states() == {"x": ("ARCHIVED", "NEW")}, number
        assert not world.inventory().entries["x"].pending
    else:
        pytest.fail("never ended")
    assert number > 6


def test_a_damaged_inventory_keeps_none_of_the_others_from_being_archived(world: World) -> None:
    world.scan("x")
    world.scan("y", subject=replace(SUBJECT, scanner="ecr"))
    world.store.objects[f"{folder('payments', 'main')}/a-b.json.gz"] = (b"", '"e"')
    now = world.clock.now()
    with pytest.raises(MalformedError):
        world.projection().delete_branch("payments", "main", now, now)
    assert {state for state, _ in world.states().values()} == {"ARCHIVED"}


def test_a_deletion_that_was_not_delivered_is_delivered_by_its_repetition(world: World) -> None:
    world.scan("x")
    world.scan("y", subject=replace(SUBJECT, scanner="ecr"))
    world.hub.bad = {"x": ["InternalFailure*"]}
    now = world.clock.now()
    with pytest.raises(UndeliveredError) as caught:
        world.projection().delete_branch("payments", "main", now, now)
    assert set(caught.value.failures) == {"x"}
    assert world.states()["y"] == ("ARCHIVED", "NEW")
    world.hub.bad = {}
    world.projection().delete_branch("payments", "main", now, world.clock.now())
    assert {state for state, _ in world.states().values()} == {"ARCHIVED"}


# --- what nobody scans any more --------------------------------------------------------------------------------------


def retire(world: World, *unwanted: str, fuse: Fuse | None = None) -> Delivered:
    """Of branch main, as if these scanners or targets were no more."""
    return world.projection(fuse).retire(
        "payments", "main", lambda scope: not {scope.scanner, scope.target} & {*unwanted}, world.clock.now()
    )


def test_findings_of_what_nobody_scans_any_more_are_archived_and_no_others(world: World) -> None:
    world.scan("grype/x")
    world.scan("worker/x", subject=replace(SUBJECT, target="worker"))
    world.scan("code/x", "code/y", subject=replace(SUBJECT, scanner="snyk-code", scope="code", target=""))
    world.scan("feature/x", subject=replace(SUBJECT, branch="feature", target="worker"))
    assert retire(world) == Delivered()
    assert retire(world, "snyk-code", "worker") == Delivered(archived=3)
    active = {name for name, (state, _) in world.states().items() if state == "ACTIVE"}
    assert active == {"grype/x", "feature/x"}
    assert retire(world, "snyk-code", "worker") == Delivered()
    # Its scanner is back.
    world.scan("worker/x", subject=replace(SUBJECT, target="worker"))
    assert world.states()["worker/x"] == ("ACTIVE", "NEW")


def test_nothing_to_retire_is_one_listing(world: World) -> None:
    world.scan("x")
    world.scan("y", subject=replace(SUBJECT, scanner="ecr"))
    now = world.clock.now()
    world.projection().delete_branch("payments", "main", now - timedelta(days=1), now)  # its mark is no inventory
    fuse = Fuse()
    assert retire(world, fuse=fuse) == Delivered()
    assert fuse.calls == 1


def test_of_an_unknown_scanner_the_inventory_itself_tells(world: World) -> None:
    world.scan("x", subject=replace(SUBJECT, scanner="trivy", scope="fs", target=""))
    before = dict(world.store.objects)
    assert retire(world, "other") == Delivered()
    assert world.store.objects == before
    assert retire(world, "trivy") == Delivered(archived=1)
    assert world.states() == {"x": ("ARCHIVED", "NEW")}


def test_what_is_still_wanted_keeps_what_it_has_to_send(world: World) -> None:
    subject = replace(SUBJECT, scanner="trivy", scope="fs", target="")
    world.hub.faults = {"BatchImportFindings": ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError):
        world.scan("x", subject=subject)
    assert retire(world) == Delivered()
    assert world.inventory(subject).entries["x"].pending == {IMPORT}


def test_a_retirement_that_is_not_delivered_is_counted_and_goes_on(world: World) -> None:
    world.scan("x", "y")
    world.hub.bad = {"x": ["InternalFailure*"]}
    assert retire(world, "grype") == Delivered(archived=2, unarchived=1)
    assert retire(world, "grype") == Delivered(unarchived=1)
    world.hub.bad = {}
    assert retire(world, "grype") == Delivered()
    assert {state for state, _ in world.states().values()} == {"ARCHIVED"}


def test_a_damaged_inventory_keeps_none_of_the_others_from_being_retired(world: World) -> None:
    world.scan("x")
    world.scan("y", subject=replace(SUBJECT, scanner="zap"))
    world.store.objects[f"{folder('payments', 'main')}/a-b.json.gz"] = (b"", '"e"')
    with pytest.raises(MalformedError):
        retire(world, "grype", "zap")
    assert {state for state, _ in world.states().values()} == {"ARCHIVED"}


def test_without_security_hub_the_inventory_alone_is_retired(world: World) -> None:
    world.used = False
    world.scan("x")
    assert retire(world, "grype") == Delivered(archived=1)
    assert not world.inventory().entries["x"].active


@pytest.mark.parametrize("after", [False, True])
def test_a_retirement_that_is_killed_is_done_by_the_next(after: bool) -> None:
    for number in range(1, 20):
        world = World()
        world.scan("x")
        fuse = Fuse(number, None, after)
        try:
            retire(world, "grype", fuse=fuse)
        except KilledError:
            retire(world, "grype")
        assert world.states() == {"x": ("ARCHIVED", "NEW")}, number
        assert not world.inventory().entries["x"].pending
        if fuse.calls < number:
            break
    assert number > 4


# --- waivers ---------------------------------------------------------------------------------------------------------


def test_a_waived_finding_is_imported_as_suppressed_with_the_reason(world: World) -> None:
    assert world.scan("x", "y", accepted={"x": WAIVED}) == Delivered(new=2, suppressed=1)
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED"), "y": ("ACTIVE", "NEW")}
    assert world.hub.findings["x"]["Note"]["Text"] == "not reachable"
    assert [name for name, _ in world.hub.requests] == ["BatchImportFindings"]


def test_a_waiver_for_a_known_finding_suppresses_it_once(world: World) -> None:
    world.scan("x", "y")
    assert world.scan("x", "y", accepted={"x": WAIVED}) == Delivered(updated=2, suppressed=1)
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED"), "y": ("ACTIVE", "NEW")}
    world.scan("x", "y", accepted={"x": WAIVED})
    assert world.hub.requests.count(("BatchUpdateFindings", 1)) == 1
    world.scan("x", "y", accepted={"x": OTHERWISE})
    assert world.hub.findings["x"]["Note"]["Text"] == "accepted by the board"
    assert world.hub.requests.count(("BatchUpdateFindings", 1)) == 2


def test_an_analyst_who_reopens_a_waived_finding_is_left_alone_by_rescans(world: World) -> None:
    world.scan("x", accepted={"x": WAIVED})
    world.hub.analyst("x", "NEW")
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "NEW")}


@pytest.mark.parametrize("first", [{"x": WAIVED}, {}])
def test_a_finding_whose_waiver_is_gone_is_reopened(world: World, first: Mapping[str, Acceptance]) -> None:
    world.scan("x", accepted=first)
    world.scan("x", accepted={"x": WAIVED})
    assert world.scan("x") == Delivered(updated=1, reopened=1)
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    assert world.hub.findings["x"]["Note"]["Text"] == REOPENED
    world.hub.analyst("x", "SUPPRESSED")
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


@pytest.mark.parametrize(
    ("status", "note"),
    [("SUPPRESSED", "I agree"), ("NEW", ""), ("NOTIFIED", "told the team"), ("RESOLVED", "fixed")],
)
def test_a_finding_of_which_an_analyst_has_spoken_is_not_reopened(world: World, status: str, note: str) -> None:
    world.scan("x")
    world.scan("x", accepted={"x": WAIVED})
    world.hub.analyst("x", status, note)
    world.scan("x")
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", status)}
    assert world.inventory().entries["x"].pending == frozenset()


@pytest.mark.parametrize(
    ("status", "note"),
    [
        ("SUPPRESSED", "I agree"),
        ("SUPPRESSED", ""),
        ("NEW", "do not waive this"),
        ("RESOLVED", ""),
        ("RESOLVED", "fixed"),
    ],
)
def test_a_finding_of_which_an_analyst_has_spoken_is_not_suppressed_nor_reopened(
    world: World, status: str, note: str
) -> None:
    world.scan("x", "y")
    world.hub.analyst("x", status, note)
    told = world.hub.findings["x"].get("Note")
    for accepted in (WAIVED, OTHERWISE):
        world.scan("x", "y", accepted={"x": accepted, "y": accepted})
        assert world.states() == {"x": ("ACTIVE", status), "y": ("ACTIVE", "SUPPRESSED")}
        assert not any(entry.pending for entry in world.inventory().entries.values())
    assert world.scan("x", "y") == Delivered(updated=2, reopened=1)
    assert world.states() == {"x": ("ACTIVE", status), "y": ("ACTIVE", "NEW")}
    assert world.hub.findings["x"].get("Note") == told


def test_an_analyst_who_suppresses_below_our_own_note_is_left_alone(world: World) -> None:
    world.scan("x", accepted={"x": WAIVED})
    world.scan("x")
    world.hub.analyst("x", "SUPPRESSED")
    world.scan("x", accepted={"x": WAIVED})
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}
    assert world.hub.findings["x"]["Note"]["Text"] == REOPENED


@pytest.mark.parametrize("status", ["NEW", "NOTIFIED"])
def test_a_waiver_holds_for_what_nobody_has_decided(world: World, status: str) -> None:
    world.scan("x", accepted={"x": WAIVED})
    world.scan("x")
    world.hub.analyst("x", status)
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "NEW")}


def test_a_waiver_for_a_finding_that_does_not_show_yet(world: World) -> None:
    world.hub.lag = timedelta(seconds=80)
    world.scan("x", fuse=Fuse())
    world.scan("x", accepted={"x": WAIVED}, fuse=Fuse())
    world.hub.settle()
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


def test_a_resolution_from_before_a_finding_came_back_is_no_decision(world: World) -> None:
    world.scan("x")
    world.hub.analyst("x", "RESOLVED")
    world.scan()
    world.hub.lag = timedelta(seconds=80)
    world.scan("x", accepted={"x": WAIVED}, fuse=Fuse())
    world.hub.settle()
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


def test_a_waiver_that_goes_while_its_finding_is_away(world: World) -> None:
    world.scan("x", accepted={"x": WAIVED})
    world.scan()
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "NEW")}


def test_a_waiver_that_comes_while_its_finding_is_away(world: World) -> None:
    world.scan("x")
    world.scan()
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


def test_a_suppression_that_does_not_show_yet_is_no_word_of_an_analyst(world: World) -> None:
    world.scan("x")
    world.hub.settle()
    world.hub.lag = timedelta(minutes=10)
    quick = Fuse()  # a minute between these, and the suppression takes ten
    world.scan("x", accepted={"x": WAIVED}, fuse=quick)
    world.scan("x", fuse=quick)
    assert world.inventory().entries["x"].pending == {REOPEN}
    world.hub.settle()
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}
    world.scan("x")
    world.hub.settle()
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    assert world.inventory().entries["x"].pending == frozenset()


def test_a_finding_that_does_not_show_yet_is_reopened_later(world: World) -> None:
    world.hub.lag = timedelta(minutes=10)
    world.scan("x", accepted={"x": WAIVED}, fuse=Fuse())
    world.scan("x", fuse=Fuse())
    assert world.inventory().entries["x"].pending == {REOPEN}
    world.scan("x")
    world.hub.settle()
    assert world.states() == {"x": ("ACTIVE", "NEW")}


# --- what is not delivered -------------------------------------------------------------------------------------------


def test_what_fails_is_named_after_the_rest_was_delivered_and_noted(world: World) -> None:
    world.hub.bad = {"x": ["InternalFailure*"]}
    with pytest.raises(UndeliveredError, match=r"1 findings: InternalFailure \(1\): x") as caught:
        world.scan("x", "y", accepted={"x": WAIVED, "y": WAIVED})
    assert caught.value.failures == {"x": Failure("InternalFailure", "no reason given")}
    assert world.states() == {"y": ("ACTIVE", "SUPPRESSED")}
    assert {name: entry.pending for name, entry in world.inventory().entries.items()} == {
        "x": {IMPORT},
        "y": frozenset(),
    }
    world.hub.bad = {}
    world.scan(finished=False)  # whatever the next import brings
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED"), "y": ("ACTIVE", "SUPPRESSED")}


def test_a_suppression_that_fails_is_sent_by_the_next_import(world: World) -> None:
    world.scan("x")
    world.hub.faults = {"BatchUpdateFindings": ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError, match="AccessDeniedException"):
        world.scan("x", accepted={"x": WAIVED})
    assert world.inventory().entries["x"].pending == {SUPPRESS}
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


def test_a_suppression_that_cannot_be_looked_up_is_sent_by_the_next_import(world: World) -> None:
    world.scan("x")
    world.hub.faults = {"GetFindings": ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError, match="AccessDeniedException"):
        world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    assert world.inventory().entries["x"].pending == {SUPPRESS}
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


@pytest.mark.parametrize("operation", ["GetFindings", "BatchUpdateFindings"])
def test_a_reopening_that_fails_is_sent_by_the_next_import(world: World, operation: str) -> None:
    world.scan("x", accepted={"x": WAIVED})
    world.hub.faults = {operation: ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError, match="AccessDeniedException"):
        world.scan("x")
    assert world.inventory().entries["x"].pending == {REOPEN}
    assert world.scan("x") == Delivered(updated=1, reopened=1)
    assert world.states() == {"x": ("ACTIVE", "NEW")}


def test_a_gone_finding_that_is_refused_is_counted_once_and_blocks_nothing(world: World) -> None:
    world.scan("x", "y")
    with pytest.raises(UndeliveredError, match="InvalidInput"):
        world.scan("x", "y", Title="x" * 300)
    assert world.scan() == Delivered(archived=2, unarchived=2)
    assert world.scan() == Delivered()
    assert not any(entry.pending for entry in world.inventory().entries.values())


def test_a_gone_finding_that_fails_blocks_no_build_and_is_sent_by_the_next(world: World) -> None:
    world.scan("x", "y", "z")
    world.hub.bad = {"x": ["InternalFailure*"]}
    slept = world.clock.slept
    assert world.scan("z") == Delivered(updated=1, archived=2, unarchived=1)
    assert world.clock.slept - slept - 7200 < 3
    assert world.states() == {"x": ("ACTIVE", "NEW"), "y": ("ARCHIVED", "NEW"), "z": ("ACTIVE", "NEW")}
    assert world.inventory().entries["x"].pending == {IMPORT}
    assert world.scan("z") == Delivered(updated=1, unarchived=1)
    world.hub.bad = {}
    assert world.scan("z") == Delivered(updated=1)
    assert world.states()["x"] == ("ARCHIVED", "NEW")
    assert "Title" not in world.inventory().entries["x"].document


def test_what_is_gone_is_named_beside_an_active_finding_that_fails(world: World) -> None:
    world.scan("x", "y")
    world.hub.faults = {"BatchImportFindings": ["AccessDeniedException"] * 2}
    with pytest.raises(UndeliveredError, match="AccessDeniedException") as caught:
        world.scan("y")
    assert set(caught.value.failures) == {"x", "y"}
    world.scan("y")
    assert world.states() == {"x": ("ARCHIVED", "NEW"), "y": ("ACTIVE", "NEW")}


def test_a_finding_that_is_not_there_is_not_updated_either(world: World) -> None:
    world.hub.faults = {"BatchImportFindings": ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError):
        world.scan("x")
    world.hub.bad = {"x": ["InvalidInput"]}
    with pytest.raises(UndeliveredError, match="InvalidInput"):
        world.scan("x", accepted={"x": WAIVED})
    assert not [one for one in world.hub.requests if one[0] == "BatchUpdateFindings"]
    assert world.inventory().entries["x"].pending == {IMPORT, SUPPRESS}


def test_the_workflow_of_a_gone_finding_waits_until_it_is_back(world: World) -> None:
    world.scan("x")
    world.hub.faults = {"BatchUpdateFindings": ["AccessDeniedException"]}
    with pytest.raises(UndeliveredError):
        world.scan("x", accepted={"x": WAIVED})
    world.scan()
    assert world.states() == {"x": ("ARCHIVED", "NEW")}
    assert world.inventory().entries["x"].pending == {SUPPRESS}
    world.scan("x", accepted={"x": WAIVED})
    assert world.states() == {"x": ("ACTIVE", "SUPPRESSED")}


def test_the_time_left_bounds_it_all_and_the_next_call_goes_on(world: World) -> None:
    names = [f"finding/{number:04}" for number in range(400)]
    world.hub.faults = {"BatchImportFindings": [None, None, *["ThrottlingException"] * 100]}
    with pytest.raises(UndeliveredError, match=r"200 findings: ThrottlingException") as caught:
        world.scan(*names, seconds=70)
    assert len(caught.value.failures) == 200
    assert len(world.hub.findings) == 200
    world.hub.faults = {}
    world.scan(*names)
    assert len(world.hub.findings) == 400


def test_a_security_hub_that_is_off_fails_the_call(world: World) -> None:
    world.hub.enabled = False
    with pytest.raises(SwitchedOffError):
        world.scan("x")
    world.hub.enabled = True
    world.scan(finished=False)
    assert world.states() == {"x": ("ACTIVE", "NEW")}


def test_without_security_hub_the_inventory_is_kept_until_there_is_one(world: World) -> None:
    world.scan("x", "y", accepted={"x": WAIVED})
    world.used = False
    before = list(world.hub.requests)
    assert world.scan("x", "z") == Delivered(new=1, updated=1, archived=1)
    at = world.clock.now()
    world.projection().delete_branch("payments", "feature", at, at)
    assert world.hub.requests == before
    assert {name: entry.active for name, entry in world.inventory().entries.items()} == {
        "x": True,
        "y": False,
        "z": True,
    }
    world.used = True
    world.scan("x", "z")
    assert world.states() == {"x": ("ACTIVE", "NEW"), "y": ("ARCHIVED", "NEW"), "z": ("ACTIVE", "NEW")}


def test_what_went_while_there_was_no_security_hub_is_told_when_there_is_one(world: World) -> None:
    world.scan("x", ProductFields={"a/b": "c"})
    world.used = False
    world.scan()
    world.scan()
    assert "ProductFields" not in world.inventory().entries["x"].document
    world.used = True
    world.scan()
    assert world.states() == {"x": ("ARCHIVED", "NEW")}


@pytest.mark.parametrize("data", [b"", b"{}", b"\x1f\x8b\x08\x00"])
def test_a_damaged_inventory_fails_the_call_and_stays(world: World, data: bytes) -> None:
    key = Scope.of(SUBJECT).key
    world.store.objects[key] = (data, '"e"')
    with pytest.raises(MalformedError):
        world.scan("x")
    with pytest.raises(MalformedError):
        world.projection().last_scan(SUBJECT)
    assert world.store.objects[key] == (data, '"e"')
    assert world.hub.findings == {}


def test_a_time_without_a_zone_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="zone"):
        world.scan("x", started=datetime(2026, 3, 1))


# --- conflicts -------------------------------------------------------------------------------------------------------


def test_who_loses_against_another_reads_again(world: World) -> None:
    world.store.conflicts = 5
    world.scan("x")
    assert world.states() == {"x": ("ACTIVE", "NEW")}
    world.store.conflicts = 1000
    with pytest.raises(ConflictError):
        world.scan("x")
    assert 1000 - world.store.conflicts < 20


# --- any step may be the last ----------------------------------------------------------------------------------------

NAMES = "abc"
STEP = st.one_of(
    st.tuples(
        st.just("scan"),
        st.frozensets(st.sampled_from(NAMES)),
        st.booleans(),
        st.dictionaries(st.sampled_from(NAMES), st.sampled_from([WAIVED, OTHERWISE])),
        st.integers(0, 2),
    ),
    st.tuples(
        st.just("analyst"), st.sampled_from(NAMES), st.sampled_from(["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"])
    ),
    st.tuples(st.just("delete"), st.integers(0, 2)),
)
Step = tuple[Any, ...]


def perform(world: World, step: Step, number: int, began: datetime, fuse: Fuse | None = None) -> None:
    """One step of a story; ``number`` tells its titles and times from others'."""
    if step[0] == "analyst":
        if step[1] in world.hub.findings:
            world.hub.analyst(step[1], step[2], "" if number % 2 else f"step {number}")
    elif step[0] == "delete":
        at = began - timedelta(hours=3 * step[1], minutes=1)
        world.projection(fuse).delete_branch("payments", "main", at, world.clock.now())
    else:
        _, names, finished, accepted, age = step
        world.scan(
            *sorted(names),
            started=began - timedelta(hours=3 * age),
            finished=finished,
            accepted=accepted,
            Title=f"step {number}",
            fuse=fuse or Fuse(),
        )


def story(steps: list[Step], killed: Mapping[int, tuple[int, bool]]) -> World:
    """All steps, three hours apart. A step that is killed is done again."""
    world = World()
    for number, step in enumerate(steps):
        world.clock.sleep(3 * 3600 - world.clock.monotonic() % (3 * 3600))
        began = world.clock.now()
        at, after = killed.get(number, (0, False))
        try:
            perform(world, step, number, began, Fuse(at, None, after))
        except KilledError:
            perform(world, step, number, began)
    return world


@settings(deadline=None, database=None, max_examples=120)
@given(
    steps=st.lists(STEP, min_size=1, max_size=5),
    killed=st.dictionaries(st.integers(0, 4), st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
)
def test_a_story_ends_the_same_whichever_call_is_killed(steps: list[Step], killed: dict[int, tuple[int, bool]]) -> None:
    assert story(steps, killed).all() == story(steps, {}).all()


@settings(deadline=None, database=None, max_examples=60)
@given(steps=st.lists(STEP, min_size=1, max_size=5), twice=st.integers(0, 4))
def test_importing_twice_ends_the_same(steps: list[Step], twice: int) -> None:
    scans = [step for step in steps if step[0] != "analyst"]
    world, other = World(), World()
    for number, step in enumerate(scans):
        for one in (world, other):
            one.clock.sleep(3 * 3600 - one.clock.monotonic() % (3 * 3600))
            began = one.clock.now()
            for _ in range(1 + (one is other and number == twice)):
                perform(one, step, number, began)
    assert world.all() == other.all()


# --- two at once -----------------------------------------------------------------------------------------------------


def interleaved(first: Step, second: Step, before: list[Step], at: int, after: bool) -> tuple[World, bool]:
    """``second`` as a whole within ``first``, at its call number ``at``; whether that call was reached."""
    world = story(before, {})
    world.clock.sleep(3 * 3600 - world.clock.monotonic() % (3 * 3600))
    began = world.clock.now()
    done = []

    def other() -> None:
        done.append(True)
        perform(world, second, 11, began + timedelta(seconds=1), Fuse())

    perform(world, first, 10, began, Fuse(at, other, after))
    return world, bool(done)


def one_after_the_other(first: Step, second: Step, before: list[Step]) -> World:
    world = story(before, {})
    world.clock.sleep(3 * 3600 - world.clock.monotonic() % (3 * 3600))
    began = world.clock.now()
    perform(world, first, 10, began)
    perform(world, second, 11, began + timedelta(seconds=1))
    return world


def calls() -> Iterator[tuple[int, bool]]:
    for number in range(1, 15):
        yield number, False
        yield number, True


SCAN = STEP.filter(lambda step: step[0] == "scan")


@settings(deadline=None, database=None, max_examples=25)
@given(first=SCAN, second=SCAN, before=st.lists(STEP, max_size=2))
def test_two_builds_at_once_end_as_one_after_the_other(first: Step, second: Step, before: list[Step]) -> None:
    # One policy for both, and branches that stay: what differs is what they saw.
    accepted = first[3]
    first, second = (*first[:3], accepted, 0), (*second[:3], accepted, 0)
    before = [(*step[:3], accepted, step[4]) for step in before if step[0] == "scan"]
    expected = one_after_the_other(first, second, before).all()
    for at, after in calls():
        world, reached = interleaved(first, second, before, at, after)
        if not reached:
            break
        assert world.all() == expected, (at, after)


@settings(deadline=None, database=None, max_examples=25)
@given(first=SCAN, second=SCAN, before=st.lists(STEP, max_size=2))
def test_two_builds_of_different_policies_agree_after_the_next_scan(
    first: Step, second: Step, before: list[Step]
) -> None:
    first, second = (*first[:4], 0), (*second[:4], 0)
    before = [step for step in before if step[0] == "scan"]
    last = ("scan", frozenset(NAMES), True, second[3], 0)

    def settled(world: World) -> Any:
        world.clock.sleep(3 * 3600 - world.clock.monotonic() % (3 * 3600))
        perform(world, last, 12, world.clock.now())
        inventories, states, _, titles = world.all()
        return inventories, states, titles

    expected = settled(one_after_the_other(first, second, before))
    for at, after in calls():
        world, reached = interleaved(first, second, before, at, after)
        if not reached:
            break
        assert settled(world) == expected, (at, after)
