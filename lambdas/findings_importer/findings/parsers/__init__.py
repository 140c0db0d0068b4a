"""One parser for each scanner, and the only way to read a report: every text comes out redacted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from findings.model import ScanResult, UnreadableError
from findings.parsers import (
    ecr,
    git_secrets,
    gitleaks,
    grype,
    inspector,
    sarif,
    semgrep,
    snyk,
    snyk_code,
    snyk_container,
    zap,
)
from findings.parsers.recognition import recognize
from findings.redaction import redact

__all__ = ["PARSERS", "Parser", "read", "recognize"]

Parser = Callable[[bytes], ScanResult]

PARSERS: Final[Mapping[str, Parser]] = MappingProxyType(
    {
        "git-secrets": git_secrets.parse,
        "snyk": snyk.parse,
        "snyk-code": snyk_code.parse,
        "snyk-container": snyk_container.parse,
        "grype": grype.parse,
        "ecr": ecr.parse,
        "zap": zap.parse,
        "inspector": inspector.parse,
        "semgrep": semgrep.parse,
        "gitleaks": gitleaks.parse,
        "sarif": sarif.parse,
    }
)


def read(scanner: str, report: bytes) -> ScanResult:
    """What a report of ``scanner`` says; ``UnreadableError`` if that cannot be known."""
    if not report.strip():
        raise UnreadableError("the report is empty")
    return redact(PARSERS[scanner](report))
