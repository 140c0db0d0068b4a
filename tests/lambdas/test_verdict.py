"""The gate's rules: each with what it stops, and the near miss that it lets through."""

from __future__ import annotations

from dataclasses import replace
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
    return ScanResult(findings=findings, **facts)


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


def test_snyk_that_found_nothing_to_scan_says_so_without_a_report() -> None:
    assert "nothing that it can scan" in verdict_on(None, 3, scanner="snyk").reason


def test_what_is_about_something_else_is_not_held_against_this_commit() -> None:
    judgement = verdict_on(scan(finding(), commit=OTHER_COMMIT))
    assert (judgement.findings, judgement.counts) == ((), Counts())


def test_findings_beside_an_error_are_kept() -> None:
    judgement = verdict_on(scan(finding(), errors=("half of it failed",)))
    assert (judgement.verdict, judgement.counts.high, judgement.blocking) == (Verdict.TOOL_ERROR, 1, 1)
    assert not judgement.finished


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
@pytest.mark.parametrize(("fixable", "blocking"), [(True, 1), (False, 0)])
def test_only_fixable_holds_for_every_grade(severity: Severity, fixable: bool, blocking: int) -> None:
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
            data.draw(st.lists(st.tuples(severities, st.booleans(), st.sampled_from(["", "", "tool"])), max_size=4))
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
    elsewhere = facts.get("commit") == OTHER_COMMIT or facts.get("digest") == OTHER_DIGEST
    ended_well = exit_code == 0 or (exit_code == 1 and found)
    waived = {one.rule for one in waivers}
    bad = [
        one
        for one in found
        if not one.suppressed
        and one.rule not in waived
        and (one.fixable or not rule.only_fixable)
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
