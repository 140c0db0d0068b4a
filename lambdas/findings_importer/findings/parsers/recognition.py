"""Whose report is it? For a desk, where nobody says. In a pipeline the scanner is known and never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from findings.model import UnreadableError
from findings.parsers.reading import document, inner, objects, word

_GIT_SECRETS: Final = b"# git-secrets, scope "
_SNYK_CODE: Final = "SnykCode"


def recognize(report: bytes) -> str:
    """The one scanner whose mark the report bears; ``UnreadableError`` if there is none, or more than one."""
    if report.startswith(_GIT_SECRETS):
        return "git-secrets"
    parsed = document(report)
    found = [scanner for scanner, bears in _MARKS.items() if bears(parsed)]
    if len(found) != 1:
        raise UnreadableError(
            f"could be a report of {' or '.join(found)}: say which with --scanner"
            if found
            else "no known scanner's report"
        )
    return found[0]


def _has(parsed: object, *keys: str) -> bool:
    return isinstance(parsed, dict) and all(key in parsed for key in keys)


def _drivers(parsed: object) -> list[str]:
    return [word(inner(run, "tool", "driver", "name")) for run in objects(inner(parsed, "runs"))]


def _snyk_projects(parsed: object) -> list[Mapping[str, object]]:
    """The projects of a Snyk report in either form; empty for anything else."""
    parts = objects(parsed) if isinstance(parsed, list) else objects([parsed])
    return [one for one in parts if _has(one, "ok") and ("vulnerabilities" in one or "error" in one)]


def _of_image(one: Mapping[str, object]) -> bool:
    return "docker" in one or "applications" in one


def _is_gitleaks(parsed: object) -> bool:
    return any("RuleID" in one or "offender" in one for one in objects(parsed))


_MARKS: Final[Mapping[str, Callable[[object], bool]]] = MappingProxyType(
    {
        "snyk": lambda parsed: bool(_snyk_projects(parsed)) and not any(map(_of_image, _snyk_projects(parsed))),
        "snyk-container": lambda parsed: any(map(_of_image, _snyk_projects(parsed))),
        "snyk-code": lambda parsed: _SNYK_CODE in _drivers(parsed),
        "sarif": lambda parsed: _has(parsed, "version", "runs") and _SNYK_CODE not in _drivers(parsed),
        "grype": lambda parsed: _has(parsed, "matches", "descriptor"),
        "ecr": lambda parsed: _has(parsed, "imageScanStatus"),
        "inspector": lambda parsed: any(
            "inspectorScore" in one or "findingArn" in one for one in objects(inner(parsed, "findings"))
        ),
        "zap": lambda parsed: _has(parsed, "site"),
        "semgrep": lambda parsed: _has(parsed, "results", "errors"),
        "gitleaks": _is_gitleaks,
    }
)
