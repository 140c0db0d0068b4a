"""SARIF 2.1.0 of any tool: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""

from __future__ import annotations

from dataclasses import replace

from findings.model import ScanResult
from findings.parsers import sarif_log
from findings.parsers.reading import document


def parse(report: bytes) -> ScanResult:
    """All runs of a log. An empty list of results is a clean scan; without a list the tool did not scan (3.14.23)."""
    known, result = sarif_log.read(document(report))
    nothing, errors = sarif_log.did_not_scan(known)
    return replace(result, nothing=nothing, errors=(*result.errors, *errors))
