"""Snyk Open Source: `snyk test --json`, of one project or of many."""

from __future__ import annotations

from findings.model import ScanResult, UnreadableError
from findings.parsers import snyk_issues
from findings.parsers.reading import document, word


def parse(report: bytes) -> ScanResult:
    """One project or a list of them; some may say only that they failed (`error`). Snyk does not say when it was made."""
    projects = snyk_issues.parts(document(report))
    if any(snyk_issues.is_container(one) for one in projects):
        raise UnreadableError("a report of `snyk container test`: the scanner is snyk-container")
    # What people call a project: projectName repeats the manifest's own name, and `path` is the machine's.
    tested = snyk_issues.read(
        [(one, word(one.get("displayTargetFile")) or word(one.get("targetFile"))) for one in projects]
    )
    nothing = ""
    if not projects:
        nothing = "Snyk found no project"
    elif not tested.findings and not tested.dependencies and tested.failed < len(projects):
        nothing = "Snyk saw no dependency in any project"
    return ScanResult(findings=tested.findings, errors=tested.errors, nothing=nothing)
