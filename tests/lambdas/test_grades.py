"""docs/findings.md lists each tool's words for severities: the parsers read exactly those."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from findings.model import Severity, UnreadableError
from findings.parsers import ecr, grading, grype, inspector, sarif_levels, semgrep, snyk_issues, zap

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
COLUMNS = [Severity(name) for name in ("critical", "high", "medium", "low", "informational", "ungraded")]


def row(title: str) -> dict[str, Severity]:
    """The words of one row, in lower case."""
    (line,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {title}")]
    cells = line.strip("|").split("|")[1:]
    return {
        word.strip().lower(): severity
        for severity, cell in zip(COLUMNS, cells, strict=True)
        for word in re.split(r",\s*(?:or )?", cell)
        if word.strip()
    }


@pytest.mark.parametrize(
    ("title", "grades"),
    [
        ("Grype", {word or "no word": severity for word, severity in grype.GRADES.items()}),
        ("Snyk open source", snyk_issues.GRADES),
        ("Snyk Code", sarif_levels.GRADES),
        ("ECR", ecr.GRADES),
        ("ZAP", {word: severity for word, (severity, _) in zap.RISKS.items()}),
        ("Semgrep", semgrep.GRADES),
    ],
)
def test_the_document_lists_each_tools_words(title: str, grades: dict[str, Severity]) -> None:
    assert row(title) == dict(grades)


def test_inspectors_words_are_ecrs_but_one() -> None:
    assert {*ecr.GRADES} - {*inspector.GRADES} == {"undefined"}


def test_the_bands_of_sarif_are_in_the_document() -> None:
    # https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
    assert row("SARIF")["9.0 and more"] is Severity.CRITICAL
    assert row("SARIF")["7.0 to 8.9"] is Severity.HIGH


@pytest.mark.parametrize("value", [1, True, [], {}, 9.8])
def test_a_grade_that_is_no_text_makes_the_report_unreadable(value: object) -> None:
    with pytest.raises(UnreadableError) as raised:
        grading.grade(value, {"high": Severity.HIGH}, "R", [])
    assert str(raised.value) == "a finding's severity is no text"


def test_a_time_that_no_clock_can_show_is_none() -> None:
    for seconds in (1e12, 2e16, 1e17, -1e17, 1e300):  # year 33658; and beyond what gmtime's integers hold
        assert grading.moment(seconds) is None
    assert grading.moment(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
