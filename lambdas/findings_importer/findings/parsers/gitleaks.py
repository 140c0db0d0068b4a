"""Gitleaks, `--report-format json`: version 8, and the older form of version 7.

https://github.com/gitleaks/gitleaks/blob/master/report/finding.go. Not taken over: Secret, Match, Line, Message, Author,
Email and their older names; all of them can hold what must not be passed on.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.contract import COMMIT
from findings.model import Finding, Kind, ScanResult, UnreadableError
from findings.parsers.grading import CREDENTIAL, REVOKE
from findings.parsers.reading import document, listing, mapping, required, whole, word


def parse(report: bytes) -> ScanResult:
    """All secrets. Gitleaks writes ``[]`` or ``null`` for none; it does not say what it scanned."""
    given = document(report)
    if given is None:
        return ScanResult()
    return ScanResult(findings=tuple(_finding(mapping(one, "a finding")) for one in listing(given, "the report")))


def _finding(given: Mapping[str, object]) -> Finding:
    if "RuleID" in given:
        rule, name = required(given["RuleID"], "RuleID"), word(given.get("Description"))
        path, commit = word(given.get("File")), word(given.get("Commit"))
        line, end = whole(given.get("StartLine")), whole(given.get("EndLine"))
    elif "rule" in given:
        rule, name = required(given["rule"], "rule"), ""
        path, commit = word(given.get("file")), word(given.get("commit"))
        line, end = whole(given.get("lineNumber")), None
    else:
        raise UnreadableError("a finding has neither RuleID nor rule: not a report of Gitleaks")
    commit = commit if COMMIT.fullmatch(commit) else ""  # none where files were scanned
    column = whole(given.get("StartColumn"))
    places = (
        f"line {line}" if line else "",
        f"column {column}" if column else "",
        f"commit {commit}" if commit else "",
    )
    return Finding(
        rule=rule,
        title=f"{name or rule} in {path}" if path else name or rule,
        severity=CREDENTIAL,
        kind=Kind.SECRET,
        description=", ".join(("Gitleaks found a secret", *filter(None, places))) + ".",
        location=path,
        # What Gitleaks' own Fingerprint is made of, beside the rule.
        key=(commit, path, str(line or "")),
        # Two secrets on one line are two findings.
        detail=(str(column or ""),),
        remediation=REVOKE,
        path=path,
        line=line,
        end_line=end,
    )
