"""The verdict, closed by default: only a whole report, of this very commit and image, without blocking findings passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from common.contract import SUMMARY_LIMIT, Counts, Verdict
from common.policy import SEVERITIES, GateRule, Waiver
from findings.identity import identify
from findings.model import Acceptance, Finding, Judged, Judgement, Kind, ScanResult, Severity, Subject, UnreadableError

# Exit codes with which a scanner says "here is my report". Everything else is a failure, whatever report there is.
# ZAP: https://www.zaproxy.org/docs/docker/baseline-scan/ (1 FAIL, 2 WARN). ecr_scan.py: 1 means that no scan ended.
_RESULT_EXITS: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    {"zap": frozenset({0, 1, 2}), "ecr": frozenset({0})}
)
_USUAL_RESULT_EXITS: Final = frozenset({0, 1})
# Snyk: "no supported projects detected". https://docs.snyk.io/snyk-cli/commands/test
_NOTHING_SCANNED: Final = frozenset({("snyk", 3), ("snyk-code", 3), ("snyk-container", 3)})
# Clocks differ a little; a report of yesterday's run is older by far.
_CLOCK_SKEW: Final = timedelta(minutes=15)
# The registry may have scanned an image long before this execution delivered the same one again: its digest says which it is.
_OF_ANY_TIME: Final = frozenset({"ecr"})
# What a scanner's report must say that it looked at, by scope: one of a folder is none of the image.
_TARGETS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {("grype", "image"): "image", ("grype", "dependencies"): "folder"}
)
# These always name their image: Syft and Grype write an OCI archive's own manifest digest, ECR is asked by digest.
_NAMES_ITS_IMAGE: Final = frozenset({"grype", "ecr"})
_SHORT: Final = {"critical": "C", "high": "H", "medium": "M", "low": "L", "informational": "I", "ungraded": "U"}


@dataclass(frozen=True)
class Terms:
    """By what a report is judged. ``today``: in UTC. ``started``: when the execution began, None where there is none.
    ``host``: of the site that a dynamic scan must have visited; empty for others."""

    rule: GateRule
    waivers: Sequence[Waiver]
    today: date
    started: datetime | None = None
    host: str = ""


def judge(subject: Subject, report: ScanResult | UnreadableError | None, exit_code: int, terms: Terms) -> Judgement:
    """The verdict on one report: None if there is none, an ``UnreadableError`` if it could not be read."""
    result = report if isinstance(report, ScanResult) else ScanResult()
    foreign = _foreign(subject, result, terms) if isinstance(report, ScanResult) else ""
    # What is about something else is not imported either: it would be held against this commit.
    findings = () if foreign else _judged(subject, result.findings, terms)
    verdict, reason = _verdict(subject, report, exit_code, foreign, findings, terms.rule)
    counts = _counts(findings)
    return Judgement(
        subject=subject,
        verdict=verdict,
        summary=_summary(subject, verdict, counts),
        reason=reason,
        counts=counts,
        blocking=0 if verdict is Verdict.PASS else sum(one.blocking for one in findings),
        findings=findings,
        notes=result.notes,
        finished=verdict in (Verdict.PASS, Verdict.FINDINGS),
        delivered_by_aws=result.delivered_by_aws,
        waived_until="" if terms.rule.report_only else _waived_until(findings, terms.rule),
    )


def blocks(finding: Finding, rule: GateRule) -> bool:
    """Whether a finding that nobody has accepted stops a release under ``rule``, leaving ``report_only`` aside."""
    # Only of a package's vulnerability can it be said that nobody has a fix; code and secrets are the committer's to mend.
    # Where the report does not say (None), a fix may well be there.
    if rule.only_fixable and finding.kind is Kind.VULNERABILITY and finding.fixable is False:
        return False
    if finding.severity is Severity.UNGRADED:
        return rule.ungraded == "block"
    return SEVERITIES.index(finding.severity) <= SEVERITIES.index(rule.fail_on)


def acceptance(scanner: str, finding: Finding, waivers: Sequence[Waiver], today: date) -> Acceptance | None:
    """Why the finding does not count: the waiver that holds longest, or the tool's own suppression."""
    holding = [
        waiver
        for waiver in waivers
        if waiver.scanner == scanner
        and waiver.expires >= today
        and _names(waiver, finding)
        and _covers(waiver, finding)
    ]
    if holding:
        longest = max(holding, key=lambda waiver: waiver.expires)
        return Acceptance(longest.reason, longest.owner, longest.expires)
    return Acceptance(f"suppressed in {scanner}: {finding.suppressed}") if finding.suppressed else None


def _names(waiver: Waiver, finding: Finding) -> bool:
    # A finding that stands for several CVEs is not waived by one of them.
    return waiver.rule in (finding.rule, *finding.aliases) or finding.cves == (waiver.rule,)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if waiver.location is None:
        return True
    places = [finding.location, finding.path, finding.url]
    for package in finding.packages:
        places += [package.name, f"{package.name}@{package.version}", package.path]
    return any(place and fnmatchcase(place, waiver.location) for place in places)


def _judged(subject: Subject, findings: Sequence[Finding], terms: Terms) -> tuple[Judged, ...]:
    judged = []
    for id_, finding in identify(subject, findings):
        accepted = acceptance(subject.scanner, finding, terms.waivers, terms.today)
        judged.append(Judged(id_, finding, accepted, accepted is None and blocks(finding, terms.rule)))
    return tuple(judged)


def _foreign(subject: Subject, result: ScanResult, terms: Terms) -> str:
    """Why the report is about something else; empty if nothing says so."""
    target = _TARGETS.get((subject.scanner, subject.scope), "")
    if target and result.target != target:
        return f"the report is about {_a(result.target)}, not {_a(target)}"
    if result.scope and result.scope != subject.scope:
        return f"the report is about scope {result.scope}, not {subject.scope}"
    if subject.digest and subject.scanner in _NAMES_ITS_IMAGE and not result.digest:
        return f"the report does not say which image it is about; {subject.digest} is right"
    if terms.host and terms.host not in (host.lower() for host in result.hosts):
        return f"the report has no site {terms.host}: nothing of it was scanned"
    if result.commit and subject.commit and result.commit != subject.commit:
        return f"the report is about commit {result.commit}, not {subject.commit}"
    if result.digest and subject.digest and result.digest != subject.digest:
        return f"the report is about image {result.digest}, not {subject.digest}"
    old = result.made_at and terms.started and result.made_at < terms.started - _CLOCK_SKEW
    if old and result.made_at and subject.scanner not in _OF_ANY_TIME:
        return f"the report was made at {result.made_at.isoformat()}, before this execution began"
    return ""


def _a(target: str) -> str:
    return {"image": "an image", "folder": "a folder"}.get(target, "something else")


def _verdict(
    subject: Subject,
    report: ScanResult | UnreadableError | None,
    exit_code: int,
    foreign: str,
    findings: Sequence[Judged],
    rule: GateRule,
) -> tuple[Verdict, str]:
    if (subject.scanner, exit_code) in _NOTHING_SCANNED:
        return (
            Verdict.NO_EVIDENCE,
            f"{subject.scanner} ended with exit code {exit_code}: it found nothing that it can scan",
        )
    if exit_code not in _RESULT_EXITS.get(subject.scanner, _USUAL_RESULT_EXITS):
        without = " and wrote no report" if report is None else ""
        return Verdict.TOOL_ERROR, f"{subject.scanner} failed with exit code {exit_code}{without}"
    if report is None:
        return Verdict.NO_EVIDENCE, "the report is missing or empty: the scanner wrote none"
    if isinstance(report, UnreadableError):
        return Verdict.NO_EVIDENCE, f"the report cannot be read as one of {subject.scanner}: {report}"
    if foreign:
        return Verdict.NO_EVIDENCE, foreign
    if report.errors:
        more = f" (and {len(report.errors) - 1} more)" if len(report.errors) > 1 else ""
        return Verdict.TOOL_ERROR, f"{subject.scanner} reports an error: {report.errors[0]}{more}"
    if report.nothing:
        return Verdict.NO_EVIDENCE, f"nothing was scanned: {report.nothing}"
    # What the tool itself has set aside is not why it ended like that.
    if exit_code != 0 and all(one.finding.suppressed for one in findings):
        which = " but suppressed ones" if findings else ""
        return (
            Verdict.TOOL_ERROR,
            f"{subject.scanner} ended with exit code {exit_code}, but its report has no finding{which}",
        )
    blocking = sum(one.blocking for one in findings)
    bar = f"at or above {rule.fail_on}{' with a fix' if rule.only_fixable else ''}"
    if rule.ungraded == "block":
        bar += ", or ungraded"
    said = f"{blocking} finding{'' if blocking == 1 else 's'} {bar}"
    if not blocking:
        return Verdict.PASS, f"no finding {bar}"
    if rule.report_only:
        return Verdict.PASS, f"report only: {said} would block"
    return Verdict.FINDINGS, said


def _counts(findings: Sequence[Judged]) -> Counts:
    counted = Counter("waived" if one.acceptance else one.finding.severity.value for one in findings)
    return Counts(**counted)


def _summary(subject: Subject, verdict: Verdict, counts: Counts) -> str:
    """At most 80 characters: it becomes a line of the approval's mail."""
    title = f"{subject.scanner} {subject.scope}"
    failed = "" if verdict in (Verdict.PASS, Verdict.FINDINGS) else f"{verdict}, "
    numbers = {name: getattr(counts, name) for name in _SHORT if getattr(counts, name)}
    parts = [f"{number} {name}" for name, number in numbers.items()]
    if counts.waived:
        parts.append(f"{counts.waived} waived")
    if failed and not parts:
        return f"{title}: {verdict}"
    text = f"{title}: {failed}{', '.join(parts) or 'no findings'}"
    if len(text) > SUMMARY_LIMIT:
        short = " ".join(f"{_SHORT[name]}{number}" for name, number in numbers.items())
        text = f"{title}: {failed}{short}{f' waived {counts.waived}' if counts.waived else ''}"
    return text


def _waived_until(findings: Sequence[Judged], rule: GateRule) -> str:
    ends = [
        one.acceptance.expires
        for one in findings
        if one.acceptance and one.acceptance.expires and blocks(one.finding, rule)
    ]
    return min(ends).isoformat() if ends else ""
