"""The gate's rules: each with what it stops, and the near miss that it lets through."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contract import Counts, Verdict
from common.policy import GateRule, Waiver
from findings.gate import Terms, acceptance, blocks, judge
from findings.model import Acceptance, Finding, Judgement, Kind, Package, ScanResult, Severity, Subject, UnreadableError
from lambda_fakes import COMMIT, EXECUTION, OTHER_COMMIT

TODAY = date(2026, 11, 22)
STARTED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIGEST, OTHER_DIGEST = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
RULE = GateRule("high", report_only=False, only_fixable=False, ungraded="block")


def subject(scanner: str = "grype", scope: str = "image") -> Subject:
    return Subject(scanner, scope, "payments", EXECUTION, "payments", "main", COMMIT, DIGEST, "payments")


def finding(severity: Severity = Severity.HIGH, **changes: Any) -> Finding:
    given: dict[str, Any] = {"rule": "CVE-2024-1", "title": "a title", "kind": Kind.VULNERABILITY} | changes
    return Finding(severity=severity, **given)


def waiver(**changes: Any) -> Waiver:
    given: dict[str, Any] = {
        "scanner": "grype",
        "rule": "CVE-2024-1",
        "location": None,
        "owner": "ann@example.com",
        "reason": "not reachable",
        "expires": TODAY,
    }
    return Waiver(**(given | changes))


def verdict_on(
    report: ScanResult | UnreadableError | None,
    exit_code: int = 0,
    *,
    rule: GateRule = RULE,
    waivers: tuple[Waiver, ...] = (),
    scanner: str = "grype",
) -> Judgement:
    return judge(subject(scanner), report, exit_code, Terms(rule, waivers, TODAY, STARTED))


def scan(*findings: Finding, **facts: Any) -> ScanResult:
    return ScanResult(findings=findings, **({"digest": DIGEST, "target": "image"} | facts))


# --- what is no report of this commit, whole and without error ---------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "exit_code", "verdict", "words"),
    [
        (scan(), 0, Verdict.PASS, "no finding at or above high, or ungraded"),
        (None, 0, Verdict.NO_EVIDENCE, "missing or empty"),
        (None, 1, Verdict.NO_EVIDENCE, "missing or empty"),
        (None, 2, Verdict.TOOL_ERROR, "grype failed with exit code 2 and wrote no report"),
        (UnreadableError("cut off"), 0, Verdict.NO_EVIDENCE, "cannot be read as one of grype: cut off"),
        (scan(nothing="no package"), 0, Verdict.NO_EVIDENCE, "nothing was scanned: no package"),
        (scan(errors=("no database",)), 0, Verdict.TOOL_ERROR, "reports an error: no database"),
        (scan(errors=("one", "two", "three")), 0, Verdict.TOOL_ERROR, "one (and 2 more)"),
        (scan(), 1, Verdict.TOOL_ERROR, "exit code 1, but its report has no finding"),
        (scan(), 2, Verdict.TOOL_ERROR, "failed with exit code 2"),
        (scan(), 137, Verdict.TOOL_ERROR, "failed with exit code 137"),
        (scan(commit=OTHER_COMMIT), 0, Verdict.NO_EVIDENCE, f"about commit {OTHER_COMMIT}"),
        (scan(commit=COMMIT), 0, Verdict.PASS, "no finding"),
        (scan(digest=OTHER_DIGEST), 0, Verdict.NO_EVIDENCE, f"about image {OTHER_DIGEST}"),
        (scan(digest=DIGEST), 0, Verdict.PASS, "no finding"),
        (scan(digest=""), 0, Verdict.NO_EVIDENCE, f"does not say which image it is about; {DIGEST} is right"),
        (scan(target="folder"), 0, Verdict.NO_EVIDENCE, "about a folder, not an image"),
        (scan(target=""), 0, Verdict.NO_EVIDENCE, "about something else, not an image"),
        (scan(made_at=STARTED - timedelta(minutes=16)), 0, Verdict.NO_EVIDENCE, "before this execution began"),
        (scan(made_at=STARTED - timedelta(minutes=14)), 0, Verdict.PASS, "no finding"),
        (scan(made_at=STARTED + timedelta(minutes=9)), 0, Verdict.PASS, "no finding"),
    ],
)
def test_only_a_whole_report_of_this_scan_passes(report: Any, exit_code: int, verdict: Verdict, words: str) -> None:
    judgement = verdict_on(report, exit_code)
    assert (judgement.verdict, judgement.blocking) == (verdict, 0)
    assert words in judgement.reason
    assert judgement.finished == (verdict is Verdict.PASS)


@pytest.mark.parametrize(
    ("scanner", "exit_code", "with_finding", "verdict"),
    [
        # https://www.zaproxy.org/docs/docker/baseline-scan/: 1 at least one FAIL, 2 at least one WARN, 3 any other failure
        ("zap", 0, False, Verdict.PASS),
        ("zap", 1, True, Verdict.FINDINGS),
        ("zap", 2, True, Verdict.FINDINGS),
        ("zap", 2, False, Verdict.TOOL_ERROR),
        ("zap", 3, True, Verdict.TOOL_ERROR),
        # https://docs.snyk.io/snyk-cli/commands/test: 0 clean, 1 vulnerabilities, 2 failure, 3 no supported projects
        ("snyk", 0, True, Verdict.FINDINGS),
        ("snyk", 1, True, Verdict.FINDINGS),
        ("snyk", 1, False, Verdict.TOOL_ERROR),
        ("snyk", 2, True, Verdict.TOOL_ERROR),
        ("snyk", 3, False, Verdict.NO_EVIDENCE),
        ("snyk-code", 3, False, Verdict.NO_EVIDENCE),
        ("snyk-container", 3, False, Verdict.NO_EVIDENCE),
        ("grype", 3, False, Verdict.TOOL_ERROR),
        # ecr_scan.py: 1 if no scan ended
        ("ecr", 0, True, Verdict.FINDINGS),
        ("ecr", 1, True, Verdict.TOOL_ERROR),
        ("git-secrets", 1, True, Verdict.FINDINGS),
        ("git-secrets", 2, True, Verdict.TOOL_ERROR),
    ],
)
def test_exit_codes_are_each_tools_own(scanner: str, exit_code: int, with_finding: bool, verdict: Verdict) -> None:
    report = scan(*([finding()] if with_finding else []))
    assert verdict_on(report, exit_code, scanner=scanner).verdict is verdict


def test_a_registry_may_have_scanned_the_same_image_long_ago() -> None:
    old = scan(made_at=STARTED - timedelta(days=30), digest=DIGEST)
    assert verdict_on(old, scanner="ecr").verdict is Verdict.PASS
    assert verdict_on(replace(old, digest=OTHER_DIGEST), scanner="ecr").verdict is Verdict.NO_EVIDENCE
    assert verdict_on(old, scanner="grype").verdict is Verdict.NO_EVIDENCE


def test_a_report_of_the_image_is_none_of_the_dependencies() -> None:
    terms = Terms(RULE, (), TODAY, STARTED)
    of_commit = replace(subject(scope="dependencies"), digest="", target="")
    assert judge(of_commit, scan(target="folder", digest=""), 0, terms).verdict is Verdict.PASS
    assert judge(of_commit, scan(), 0, terms).verdict is Verdict.NO_EVIDENCE


@pytest.mark.parametrize(
    ("hosts", "verdict"),
    [
        (("staging.example.com",), Verdict.PASS),
        (("cdn.example.com", "STAGING.example.com"), Verdict.PASS),
        (("example.com",), Verdict.NO_EVIDENCE),
        (("staging.example.com.evil.example",), Verdict.NO_EVIDENCE),
        ((), Verdict.NO_EVIDENCE),
    ],
)
def test_a_scan_of_another_site_is_none_of_staging(hosts: tuple[str, ...], verdict: Verdict) -> None:
    terms = Terms(RULE, (), TODAY, STARTED, "staging.example.com")
    judgement = judge(subject("zap", "staging"), scan(hosts=hosts), 0, terms)
    assert judgement.verdict is verdict
    assert verdict is Verdict.PASS or "has no site staging.example.com" in judgement.reason


@pytest.mark.parametrize(
    ("scope", "verdict"), [("source", Verdict.PASS), ("", Verdict.PASS), ("history", Verdict.NO_EVIDENCE)]
)
def test_a_report_of_the_history_is_none_of_the_source(scope: str, verdict: Verdict) -> None:
    terms = Terms(RULE, (), TODAY, STARTED)
    judgement = judge(subject("git-secrets", "source"), scan(scope=scope), 0, terms)
    assert judgement.verdict is verdict
    assert verdict is Verdict.PASS or judgement.reason == "the report is about scope history, not source"


def test_what_the_tool_has_set_aside_is_not_why_it_ended_with_findings() -> None:
    aside = finding(suppressed="ignored")
    judgement = verdict_on(scan(aside), 1)
    assert judgement.verdict is Verdict.TOOL_ERROR
    assert judgement.reason == "grype ended with exit code 1, but its report has no finding but suppressed ones"
    assert verdict_on(scan(aside)).verdict is Verdict.PASS
    # A waiver is ours: the tool knows nothing of it.
    waived = finding(rule="CVE-2024-2")
    assert verdict_on(scan(aside, waived), 1, waivers=(waiver(rule="CVE-2024-2"),)).verdict is Verdict.PASS


def test_snyk_that_found_nothing_to_scan_says_so_without_a_report() -> None:
    reason = "snyk ended with exit code 3: it found nothing that it can scan"
    assert verdict_on(None, 3, scanner="snyk").reason == reason


def test_what_is_about_something_else_is_not_held_against_this_commit() -> None:
    judgement = verdict_on(scan(finding(), commit=OTHER_COMMIT))
    assert (judgement.findings, judgement.counts) == ((), Counts())


def test_findings_beside_an_error_are_kept() -> None:
    judgement = verdict_on(scan(finding(), errors=("half of it failed",)))
    assert (judgement.verdict, judgement.counts.high, judgement.blocking) == (Verdict.TOOL_ERROR, 1, 1)
    assert not judgement.finished


@pytest.mark.parametrize(
    ("report", "exit_code", "changes", "reason"),
    [
        (None, 0, {}, "the report is missing or empty: the scanner wrote none"),
        (None, 2, {}, "grype failed with exit code 2 and wrote no report"),
        (scan(), 2, {}, "grype failed with exit code 2"),
        (scan(errors=("one",)), 0, {}, "grype reports an error: one"),
        (scan(errors=("one", "two")), 0, {}, "grype reports an error: one (and 1 more)"),
        (
            scan(made_at=STARTED - timedelta(minutes=16)),
            0,
            {},
            "the report was made at 2026-11-22T11:44:00+00:00, before this execution began",
        ),
        (scan(), 0, {"only_fixable": True}, "no finding at or above high with a fix, or ungraded"),
        (scan(), 0, {"ungraded": "report"}, "no finding at or above high"),
    ],
)
def test_the_reason_is_a_whole_sentence(report: Any, exit_code: int, changes: dict[str, Any], reason: str) -> None:
    assert verdict_on(report, exit_code, rule=replace(RULE, **changes)).reason == reason


def test_a_scanner_that_does_not_name_its_image_need_not() -> None:
    terms = Terms(RULE, (), TODAY, STARTED)
    for scanner, scope in [("snyk-container", "image"), ("zap", "staging")]:
        assert judge(subject(scanner, scope), ScanResult(), 0, terms).verdict is Verdict.PASS
        foreign = judge(subject(scanner, scope), ScanResult(digest=OTHER_DIGEST), 0, terms)
        assert foreign.reason == f"the report is about image {OTHER_DIGEST}, not {DIGEST}"


def test_a_report_of_an_image_is_none_of_the_folder() -> None:
    of_folder = replace(subject("grype", "dependencies"), digest="")
    judgement = judge(of_folder, scan(digest=""), 0, Terms(RULE, (), TODAY, STARTED))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.NO_EVIDENCE,
        "the report is about an image, not a folder",
    )


def test_an_exit_code_that_no_finding_explains_is_said_so() -> None:
    ended = "grype ended with exit code 1, but its report has no finding"
    assert verdict_on(scan(), 1).reason == ended
    assert verdict_on(scan(finding(suppressed="by its tool")), 1).reason == f"{ended} but suppressed ones"


def test_the_clocks_may_differ_by_a_quarter_of_an_hour_and_no_more() -> None:
    edge = STARTED - timedelta(minutes=15)
    assert verdict_on(scan(made_at=edge)).verdict is Verdict.PASS
    assert verdict_on(scan(made_at=edge - timedelta(seconds=1))).verdict is Verdict.NO_EVIDENCE


def test_what_is_not_known_of_the_execution_is_not_held_against_a_report() -> None:
    terms = Terms(RULE, (), TODAY)
    old = scan(made_at=STARTED - timedelta(days=365))
    assert judge(subject(), old, 0, terms).verdict is Verdict.PASS
    nameless = replace(subject(), commit="", digest="")
    assert judge(nameless, scan(commit=COMMIT, digest=DIGEST), 0, terms).verdict is Verdict.PASS


def test_what_a_report_says_beside_its_findings_stays_with_the_judgement() -> None:
    judgement = verdict_on(scan(finding(), notes=("a newer base image",), delivered_by_aws=True))
    assert (judgement.notes, judgement.delivered_by_aws) == (("a newer base image",), True)
    assert not verdict_on(scan()).delivered_by_aws


# --- thresholds ---------------------------------------------------------------------------------------------------------

GRADED = ["critical", "high", "medium", "low", "informational"]


@pytest.mark.parametrize("fail_on", GRADED)
@pytest.mark.parametrize("severity", GRADED)
def test_the_threshold_itself_blocks(fail_on: str, severity: str) -> None:
    judgement = verdict_on(scan(finding(Severity(severity))), rule=replace(RULE, fail_on=fail_on))
    stopped = GRADED.index(severity) <= GRADED.index(fail_on)
    assert judgement.verdict is (Verdict.FINDINGS if stopped else Verdict.PASS)
    assert judgement.blocking == int(stopped)
    assert judgement.finished


@pytest.mark.parametrize(("ungraded", "verdict"), [("block", Verdict.FINDINGS), ("report", Verdict.PASS)])
def test_ungraded_findings_do_as_set(ungraded: str, verdict: Verdict) -> None:
    judgement = verdict_on(scan(finding(Severity.UNGRADED)), rule=replace(RULE, ungraded=ungraded))
    assert judgement.verdict is verdict
    assert judgement.counts == Counts(ungraded=1)


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.UNGRADED])
@pytest.mark.parametrize(("fixable", "blocking"), [(True, 1), (False, 0), (None, 1)])
def test_only_fixable_holds_for_every_grade(severity: Severity, fixable: bool | None, blocking: int) -> None:
    judgement = verdict_on(scan(finding(severity, fixable=fixable)), rule=replace(RULE, only_fixable=True))
    assert judgement.blocking == blocking


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.VULNERABILITY])
def test_only_fixable_lets_no_secret_and_no_code_through(kind: Kind) -> None:
    judgement = verdict_on(scan(finding(kind=kind, fixable=False)), rule=replace(RULE, only_fixable=True))
    assert judgement.verdict is Verdict.FINDINGS


def test_report_only_lets_findings_through_and_nothing_else() -> None:
    rule = replace(RULE, report_only=True)
    passed = verdict_on(scan(finding()), rule=rule)
    assert (passed.verdict, passed.blocking, passed.counts.high) == (Verdict.PASS, 0, 1)
    assert passed.reason == "report only: 1 finding at or above high, or ungraded would block"
    for report, exit_code in [(None, 0), (UnreadableError("x"), 0), (scan(finding()), 2), (scan(errors=("x",)), 0)]:
        assert verdict_on(report, exit_code, rule=rule).verdict is not Verdict.PASS


# --- waivers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"expires": TODAY - timedelta(days=1)}, False),  # its last day is over
        ({"expires": TODAY + timedelta(days=1)}, True),
        ({"scanner": "snyk"}, False),
        ({"rule": "CVE-2024-2"}, False),
        ({"rule": "CVE-2024-1*"}, False),  # no glob
        ({"rule": "GHSA-1"}, True),
        ({"location": "usr/lib/*"}, True),
        ({"location": "usr/lib"}, False),
        ({"location": "USR/lib/*"}, False),
        ({"location": "libfoo"}, True),
        ({"location": "libfoo@1.0"}, True),
        ({"location": "libfoo@1.1"}, False),
        ({"location": "*bar*"}, False),
    ],
)
def test_a_waiver_accepts_just_what_it_names(changes: dict[str, Any], holds: bool) -> None:
    found = finding(
        location="usr/lib/libfoo.so",
        aliases=("GHSA-1",),
        cves=("CVE-2024-1",),
        packages=(Package("libfoo", "1.0", path="usr/lib/libfoo.so"),),
    )
    judgement = verdict_on(scan(found), waivers=(waiver(**changes),))
    assert judgement.verdict is (Verdict.PASS if holds else Verdict.FINDINGS)
    assert judgement.counts == (Counts(waived=1) if holds else Counts(high=1))


@pytest.mark.parametrize(
    "place",
    [
        {"location": "src/pay.py"},
        {"path": "src/pay.py"},
        {"url": "src/pay.py"},
        {"packages": (Package("src/pay.py"),)},
        {"packages": (Package("libfoo", path="src/pay.py"),)},
        {"packages": (Package("libfoo"), Package("libbar", path="src/pay.py"))},
        {"location": "elsewhere", "packages": (Package("libfoo"),), "path": "src/pay.py"},
        {"location": "src/pay.py", "packages": (Package("libfoo"),)},
    ],
)
def test_a_waivers_glob_is_held_against_every_place_of_a_finding(place: dict[str, Any]) -> None:
    only_there = waiver(location="src/*.py")
    assert acceptance("grype", finding(**place), [only_there], TODAY) is not None


def test_a_finding_without_a_place_is_in_none() -> None:
    assert acceptance("grype", finding(), [waiver(location="*")], TODAY) is None
    assert acceptance("grype", finding(), [waiver(location=None)], TODAY) is not None


def test_one_cve_does_not_waive_a_finding_of_two() -> None:
    one = finding(rule="SNYK-1", cves=("CVE-2024-1",))
    both = finding(rule="SNYK-1", cves=("CVE-2024-1", "CVE-2024-9"))
    assert acceptance("grype", one, [waiver()], TODAY) is not None
    assert acceptance("grype", both, [waiver()], TODAY) is None
    assert acceptance("grype", both, [waiver(rule="SNYK-1")], TODAY) is not None


def test_the_waiver_that_holds_longest_counts() -> None:
    later = waiver(expires=date(2027, 1, 1), reason="accepted by the board", owner="bob@example.com")
    accepted = acceptance("grype", finding(), [waiver(), later, waiver()], TODAY)
    assert accepted == Acceptance("accepted by the board", "bob@example.com", date(2027, 1, 1))


def test_what_the_tool_suppresses_counts_apart() -> None:
    judgement = verdict_on(scan(finding(suppressed="ignored by the organisation")))
    assert judgement.verdict is Verdict.PASS
    assert judgement.counts == Counts(waived=1)
    assert judgement.findings[0].acceptance == Acceptance("suppressed in grype: ignored by the organisation")


def test_a_pass_that_needs_a_waiver_says_until_when() -> None:
    first, second = date(2026, 12, 1), date(2026, 12, 2)
    waivers = (
        waiver(expires=second),
        waiver(rule="CVE-2024-2", expires=first),
        waiver(rule="CVE-2024-3", expires=TODAY),
    )
    needed = [finding(), finding(rule="CVE-2024-2")]
    harmless = finding(Severity.LOW, rule="CVE-2024-3")
    assert verdict_on(scan(*needed, harmless), waivers=waivers).waived_until == "2026-12-01"
    assert verdict_on(scan(harmless), waivers=waivers).waived_until == ""
    assert verdict_on(scan(finding(suppressed="by its tool"))).waived_until == ""
    assert verdict_on(scan(*needed), waivers=waivers, rule=replace(RULE, report_only=True)).waived_until == ""


# --- counts and texts ---------------------------------------------------------------------------------------------------


def many(**numbers: int) -> ScanResult:
    return scan(
        *(finding(Severity(name), rule=f"{name}-{number}") for name, of in numbers.items() for number in range(of))
    )


def test_counts_are_by_severity_and_the_summary_says_them() -> None:
    judgement = verdict_on(many(critical=1, high=2, low=3, ungraded=4))
    assert judgement.counts == Counts(critical=1, high=2, low=3, ungraded=4)
    assert judgement.blocking == 7
    assert judgement.summary == "grype image: 1 critical, 2 high, 3 low, 4 ungraded"
    assert judgement.reason == "7 findings at or above high, or ungraded"


def test_a_summary_that_would_not_fit_is_shortened_and_never_cut() -> None:
    report = many(critical=11, high=12, medium=13, low=14, informational=15, ungraded=16)
    report = replace(report, findings=(*report.findings, finding(rule="CVE-2024-1")))
    judgement = verdict_on(report, waivers=(waiver(),))
    assert judgement.summary == "grype image: C11 H12 M13 L14 I15 U16 waived 1"


def test_a_summary_says_what_is_waived() -> None:
    judgement = verdict_on(scan(finding(), finding(rule="CVE-2024-2")), waivers=(waiver(),))
    assert judgement.summary == "grype image: 1 high, 1 waived"
    assert verdict_on(scan(finding()), waivers=(waiver(),)).summary == "grype image: 1 waived"


def test_a_summary_of_80_characters_fits() -> None:
    numbers = {"critical": 1, "high": 10, "medium": 10, "low": 10, "informational": 1, "ungraded": 1}
    whole = "grype image: 1 critical, 10 high, 10 medium, 10 low, 1 informational, 1 ungraded"
    assert len(whole) == 80
    assert verdict_on(many(**numbers)).summary == whole
    assert verdict_on(many(**(numbers | {"critical": 10}))).summary == "grype image: C10 H10 M10 L10 I1 U1"


@pytest.mark.parametrize(
    ("report", "exit_code", "summary"),
    [
        (scan(), 0, "grype image: no findings"),
        (None, 0, "grype image: no-evidence"),
        (scan(finding()), 2, "grype image: tool-error, 1 high"),
    ],
)
def test_a_summary_never_looks_clean_when_it_is_not(report: Any, exit_code: int, summary: str) -> None:
    assert verdict_on(report, exit_code).summary == summary


# --- any combination ----------------------------------------------------------------------------------------------------


@settings(deadline=None, database=None, max_examples=400)
@given(data=st.data())
def test_a_pass_is_nothing_else(data: st.DataObject) -> None:
    """An oracle in other words: everything about the report is in order, and each finding is accepted, or harmless."""
    severities = st.sampled_from(list(Severity))
    found = [
        finding(severity, rule=f"R{number}", fixable=fixable, suppressed=suppressed)
        for number, (severity, fixable, suppressed) in enumerate(
            data.draw(
                st.lists(
                    st.tuples(severities, st.sampled_from([True, False, None]), st.sampled_from(["", "", "tool"])),
                    max_size=4,
                )
            )
        )
    ]
    facts = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "errors": st.sampled_from([(), ("broken",)]),
                "nothing": st.sampled_from(["", "no file"]),
                "commit": st.sampled_from(["", COMMIT, OTHER_COMMIT]),
                "digest": st.sampled_from(["", DIGEST, OTHER_DIGEST]),
            },
        )
    )
    rule = GateRule(
        data.draw(st.sampled_from(GRADED)), data.draw(st.booleans()), data.draw(st.booleans()),
        data.draw(st.sampled_from(["block", "report"])),
    )  # fmt: skip
    waivers = tuple(waiver(rule=f"R{number}") for number in data.draw(st.sets(st.integers(0, 3))))
    exit_code = data.draw(st.sampled_from([0, 0, 1, 2, 3]))
    judgement = verdict_on(scan(*found, **facts), exit_code, rule=rule, waivers=waivers)

    at_fault = facts.get("errors") or facts.get("nothing")
    elsewhere = facts.get("commit") == OTHER_COMMIT or facts.get("digest", DIGEST) != DIGEST
    ended_well = exit_code == 0 or (exit_code == 1 and any(not one.suppressed for one in found))
    waived = {one.rule for one in waivers}
    bad = [
        one
        for one in found
        if not one.suppressed
        and one.rule not in waived
        and (one.fixable in (True, None) or not rule.only_fixable)
        and (
            rule.ungraded == "block"
            if one.severity is Severity.UNGRADED
            else GRADED.index(one.severity.value) <= GRADED.index(rule.fail_on)
        )
    ]
    right = not at_fault and not elsewhere and bool(ended_well) and (rule.report_only or not bad)
    assert (judgement.verdict is Verdict.PASS) == right
    if not elsewhere:
        assert sum(vars(judgement.counts).values()) == len(found)
        assert [blocks(one, rule) for one in bad] == [True] * len(bad)


def test_a_report_of_the_registry_names_its_image() -> None:
    judgement = verdict_on(scan(digest="", target=""), scanner="ecr")
    assert judgement.verdict is Verdict.NO_EVIDENCE
    assert judgement.reason == f"the report does not say which image it is about; {DIGEST} is right"


def test_terms_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Terms(RULE, (), TODAY).host = "other"  # type: ignore[misc]
