"""The worst findings of a findings.json, as lines for a mail. Their titles come from scanners, and so from packages, code and
web pages: already redacted by the importer, here made one short printable line without a link."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from typing import Final

from common.strict import MalformedError
from notify.text import foreign

_PREFIX: Final = "devsecops/"  # of ProductFields: lambdas/findings_importer/findings/asff.py
_LABELS: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
_TITLE_LIMIT: Final = 100
_RULE_LIMIT: Final = 60
_PLACE_LIMIT: Final = 80


def worst(data: bytes, most: int) -> list[str]:
    """The ``most`` worst that nobody has waived, those that block first. ``MalformedError`` if it is no findings.json."""
    ranked = [(*_rank(one), number, one) for number, one in enumerate(_findings(data)) if not _waived(one)]
    return [f"{_label(one)} {_line(one)}" for *_, one in heapq.nsmallest(most, ranked, key=lambda entry: entry[:3])]


def _findings(data: bytes) -> Iterator[Mapping[str, object]]:
    """The importer writes each finding on a line of its own (findings_file.py); any JSON of the same form will do."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise MalformedError(f"not readable as JSON ({type(error).__name__})") from error
    found = document.get("findings") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise MalformedError("there is no list of findings in it")
    yield from (one for one in found if isinstance(one, dict))


def _rank(finding: Mapping[str, object]) -> tuple[int, int]:
    label = _label(finding)
    return int(_field(finding, "blocking") != "true"), _LABELS.index(label) if label in _LABELS else len(_LABELS)


def _label(finding: Mapping[str, object]) -> str:
    if _field(finding, "graded") == "false":
        return "UNGRADED"
    label = _inner(finding, "FindingProviderFields", "Severity", "Label")
    return label if label in _LABELS else "UNGRADED"


def _line(finding: Mapping[str, object]) -> str:
    title = foreign(_inner(finding, "Title"), _TITLE_LIMIT)
    rule, place = foreign(_field(finding, "rule"), _RULE_LIMIT), foreign(_field(finding, "location"), _PLACE_LIMIT)
    named = ": ".join(part for part in ("" if rule in title else rule, title) if part) or "a finding without a title"
    return f"{named} [{place}]" if place else named


def _waived(finding: Mapping[str, object]) -> bool:
    return _inner(finding, "Workflow", "Status") == "SUPPRESSED"


def _field(finding: Mapping[str, object], name: str) -> str:
    return _inner(finding, "ProductFields", f"{_PREFIX}{name}")


def _inner(value: object, *path: str) -> str:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
