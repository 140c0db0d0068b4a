"""One parser for each scanner, and the only way to read a report: every text comes out redacted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from findings.model import ScanResult, UnreadableError
from findings.parsers.recognition import recognize
from findings.redaction import redact

__all__ = ["PARSERS", "Parser", "parser", "read", "recognize"]

Parser = Callable[[bytes], ScanResult]

# Module of this package, imported when its first report comes: all of them together take half of a cold start.
PARSERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "git-secrets": "git_secrets",
        "snyk": "snyk",
        "snyk-code": "snyk_code",
        "snyk-container": "snyk_container",
        "grype": "grype",
        "ecr": "ecr",
        "zap": "zap",
        "inspector": "inspector",
        "semgrep": "semgrep",
        "gitleaks": "gitleaks",
        "sarif": "sarif",
    }
)


def parser(scanner: str) -> Parser:
    """The function that reads this scanner's reports."""
    parse: Parser = import_module(f"{__name__}.{PARSERS[scanner]}").parse
    return parse


def read(scanner: str, report: bytes) -> ScanResult:
    """What a report of ``scanner`` says; ``UnreadableError`` if that cannot be known."""
    if not report.strip():
        raise UnreadableError("the report is empty")
    return redact(parser(scanner)(report))
