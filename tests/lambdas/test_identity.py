"""A finding's id: the same as long as the problem is the same, and another for every other problem."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.identity import ID_LIMIT, finding_id, identify
from findings.model import Cvss, Finding, Kind, Package, Severity, Subject

SUBJECT = Subject(
    scanner="grype",
    scope="image",
    pipeline="payments",
    execution="3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c",
    repository="payments",
    branch="feature/refunds",
    commit="9c1185a5c5e9fc54612808977ee8f548b2258d31",
    digest=f"sha256:{'a' * 64}",
)
FINDING = Finding(
    "CVE-2024-1", "a title", Severity.HIGH, Kind.VULNERABILITY, key=("deb", "openssl", "/var/lib/dpkg/status")
)


def name(subject: Subject = SUBJECT, finding: Finding = FINDING) -> str:
    [(found, _)] = identify(subject, [finding])
    return found


def test_the_id_can_be_recognized_and_never_changes() -> None:
    # Pinned: a change of this value orphans every finding in every account.
    assert name() == "payments/feature-refunds/grype-image/CVE-2024-1/e729594ce54d1c88e8605dbe7b295d0c215b2909"


@pytest.mark.parametrize(
    "other",
    [
        {"commit": "0" * 40},
        {"execution": "00000000-7a4d-4e0b-9c55-0d1e2f3a4b5c"},
        {"digest": f"sha256:{'b' * 64}"},
        {"pipeline": "payments-blue"},  # a build that belongs to one pipeline says so in target
    ],
)
def test_the_next_build_updates_the_same_finding(other: dict[str, str]) -> None:
    assert name(dataclasses.replace(SUBJECT, **other)) == name()


@pytest.mark.parametrize(
    "other",
    [
        {"severity": Severity.LOW},
        {"original": "Low"},
        {"title": "another"},
        {"description": "another"},
        {"cvss": (Cvss("3.1", 9.8),)},
        {"epss": 0.9},
        {"packages": (Package("openssl", "3.0.12"),)},
        {"fixable": True},
        {"line": 12},
        {"location": "elsewhere"},
        {"suppressed": "accepted"},
        {"detail": ("3.0.12",)},
    ],
)
def test_what_a_rescan_can_change_is_no_part_of_the_id(other: dict[str, object]) -> None:
    assert name(finding=dataclasses.replace(FINDING, **other)) == name()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [{"branch": "main"}, {"repository": "ledger"}, {"scanner": "ecr"}, {"scope": "dependencies"}, {"target": "blue"}],
)
def test_another_scan_has_findings_of_its_own(other: dict[str, str]) -> None:
    assert name(dataclasses.replace(SUBJECT, **other)) != name()


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "CVE-2024-2"},
        {"key": ("deb", "openssl", "/opt/lib")},
        {"key": ("deb", "openssl")},
        {"key": ("deb/openssl", "/var/lib/dpkg/status")},
        {"key": ()},
    ],
)
def test_another_rule_or_place_is_another_finding(other: dict[str, object]) -> None:
    assert name(finding=dataclasses.replace(FINDING, **other)) != name()  # type: ignore[arg-type]


def test_what_is_equal_in_everything_is_one_finding() -> None:
    assert identify(SUBJECT, [FINDING, FINDING, dataclasses.replace(FINDING)]) == [(name(), FINDING)]


OLD, NEW = (dataclasses.replace(FINDING, detail=(version,)) for version in ("1.1", "3.0"))


def ids(*report: Finding) -> list[str]:
    return [one for one, _ in identify(SUBJECT, report)]


def test_findings_that_share_rule_and_place_are_told_apart_by_their_detail() -> None:
    old, new = ids(OLD, NEW)
    assert ids(NEW, OLD) == [new, old]
    assert len({old, new, name()}) == 3
    # What a rescan can change is no part of it here, either.
    assert ids(dataclasses.replace(OLD, severity=Severity.LOW, title="another"), NEW) == [old, new]
    assert name(finding=OLD) == name(finding=NEW) == name()  # alone


def test_what_is_said_of_one_is_never_said_of_another_that_shares_its_place() -> None:
    third = dataclasses.replace(FINDING, detail=("3.2",))
    before = dict(zip((OLD, NEW, third), ids(OLD, NEW, third), strict=True))
    assert ids(NEW, third) == [before[NEW], before[third]]
    assert ids(NEW)[0] not in before.values()


def test_findings_that_share_the_detail_too_are_numbered_in_their_order() -> None:
    second, third = (dataclasses.replace(FINDING, title=title) for title in ("second", "third"))
    found = identify(SUBJECT, [FINDING, second, FINDING, third, OLD, second])
    assert [finding for _, finding in found] == [FINDING, second, third, OLD]
    assert [one for one, _ in found] == [
        *(finding_id(SUBJECT, FINDING, number) for number in range(3)),
        finding_id(SUBJECT, OLD, 0),
    ]
    assert len({name(), *(one for one, _ in found)}) == 5


def test_the_id_of_one_among_several_never_changes_either() -> None:
    # What is hashed, written down by hand: a JSON list, whose last part is the detail and the number.
    parts = '["grype", "image", "", "payments", "feature/refunds", "CVE-2024-1", "deb", "openssl", "/var/lib/dpkg/status"%s]'
    found = identify(SUBJECT, [OLD, NEW, dataclasses.replace(NEW, title="second")])
    for (one, _), last in zip(found, [', ["1.1", 0]', ', ["3.0", 0]', ', ["3.0", 1]'], strict=True):
        digest = hashlib.sha256((parts % last).encode()).hexdigest()[:40]
        assert one == f"payments/feature-refunds/grype-image/CVE-2024-1/{digest}"


def test_the_name_of_a_rule_keeps_what_is_plain() -> None:
    # The limit of one part is 100 characters, so that four of them and the hash fit into ASFF's 512.
    assert name(finding=dataclasses.replace(FINDING, rule="a.b_c-d:e~f g/ü")).split("/")[3] == "a.b_c-d:e-f-g--"
    assert name(finding=dataclasses.replace(FINDING, rule="r" * 101)).split("/")[3] == "r" * 100
    assert ID_LIMIT == 512


def test_names_that_look_alike_are_told_apart_by_the_hash() -> None:
    subjects = [
        dataclasses.replace(SUBJECT, branch=branch)
        for branch in ("a/b", "a-b", "a b", "A-b", "a-b" + "x" * 200, "a-b" + "x" * 201)
    ]
    assert len({name(subject) for subject in subjects}) == len(subjects)


def test_parts_cannot_move_into_their_neighbours() -> None:
    moved = [
        (dataclasses.replace(SUBJECT, branch="a", repository="bc"), FINDING),
        (dataclasses.replace(SUBJECT, branch="ab", repository="c"), FINDING),
        (SUBJECT, dataclasses.replace(FINDING, rule='r","x', key=())),
        (SUBJECT, dataclasses.replace(FINDING, rule="r", key=("x",))),
        (SUBJECT, dataclasses.replace(FINDING, rule="r", key=("x", "#1"))),
        (SUBJECT, dataclasses.replace(FINDING, rule="r", key=("x#1",))),
    ]
    assert len({name(subject, finding) for subject, finding in moved}) == len(moved)


texts = st.text(max_size=8) | st.sampled_from(["a", "b", "a/b", "/", "", "#", "é", "\ud800", "x" * 300])
keys = st.lists(texts, max_size=3).map(tuple)
findings = st.builds(
    Finding,
    rule=texts,
    title=st.sampled_from(["t", "u"]),
    severity=st.sampled_from(Severity),
    kind=st.just(Kind.CODE),
    key=keys,
    detail=keys,
)
subjects = st.builds(Subject, *[texts] * 9)


@settings(deadline=None, database=None, max_examples=200)
@given(subjects, findings, subjects, findings)
def test_two_ids_are_equal_only_if_scan_rule_and_place_are(
    one: Subject, this: Finding, other: Subject, that: Finding
) -> None:
    def place(subject: Subject, finding: Finding) -> tuple[object, ...]:
        scan = (subject.scanner, subject.scope, subject.target, subject.repository, subject.branch)
        return (*scan, finding.rule, finding.key)

    assert (name(one, this) == name(other, that)) == (place(one, this) == place(other, that))


@settings(deadline=None, database=None, max_examples=200)
@given(subjects, st.lists(findings, max_size=12))
def test_ids_are_unique_short_plain_and_stable(subject: Subject, report: list[Finding]) -> None:
    found = identify(subject, report)
    names = [one for one, _ in found]
    assert len(set(names)) == len(names)
    assert [finding for _, finding in found] == list(dict.fromkeys(report))
    for one in names:
        assert len(one.encode()) <= ID_LIMIT
        assert one.isascii()
        assert one.isprintable()
        assert " " not in one
    # Nothing of the build counts, and a report with everything twice is the same report.
    rebuilt = dataclasses.replace(subject, commit="c", execution="e", digest="d", pipeline="p")
    assert [one for one, _ in identify(rebuilt, [*report, *report])] == names
    # A finding that is alone at its place keeps its id whatever else comes and goes.
    alone = [
        finding
        for finding in dict.fromkeys(report)
        if sum(x.rule == finding.rule and x.key == finding.key for x in dict.fromkeys(report)) == 1
    ]
    for finding in alone:
        assert name(subject, finding) in names


@settings(deadline=None, database=None, max_examples=200)
@given(subjects, st.dictionaries(keys, st.sampled_from(["t", "u"]), min_size=1, max_size=5), st.data())
def test_the_id_of_what_is_mended_goes_to_no_other(
    subject: Subject, details: dict[tuple[str, ...], str], data: st.DataObject
) -> None:
    report = [dataclasses.replace(FINDING, detail=detail, title=title) for detail, title in details.items()]
    before = {finding: one for one, finding in identify(subject, report)}
    mended = data.draw(st.sampled_from(report))
    left = data.draw(st.permutations([finding for finding in report if finding != mended]))
    after = {finding: one for one, finding in identify(subject, left)}
    if len(left) == 1:  # it is alone now
        assert not set(after.values()) & set(before.values())
    else:
        assert after == {finding: before[finding] for finding in left}
