"""Snyk Code: `snyk code test --json`, which is SARIF.

Its levels are its severities: error is high, warning medium, note low, and critical is not used
(https://github.com/snyk/cli/blob/main/src/lib/plugins/sast/format/output-format.ts, sarifToSeverityLevel); that is also how
levels are read here in general.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from common.strict import clean
from findings.model import ScanResult, UnreadableError
from findings.parsers import sarif_log
from findings.parsers.grading import ERROR_LIMIT
from findings.parsers.reading import document, inner, objects, whole, word

# "1" is made of the code that takes part in the problem; "0" is another one for each place of the same code.
FINGERPRINTS: Final = ("1", "0")
_NOISE: Final = re.compile(r"[^a-z]", re.ASCII)


def parse(report: bytes) -> ScanResult:
    """The scan, or only the CLI's error. No results are a clean scan if `coverage` says that a supported file was seen."""
    given = document(report)
    parts = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]
    reasons = [word(one["error"]) or "it failed without a reason" for one in parts if "error" in one]
    errors = tuple(dict.fromkeys(clean(f"Snyk Code: {reason}", ERROR_LIMIT) for reason in reasons))
    if errors and not any("runs" in one for one in parts):
        return ScanResult(errors=errors)
    known, result = sarif_log.read(given, FINGERPRINTS)
    if any(_NOISE.sub("", run.tool.lower()) != "snykcode" for run in known):
        raise UnreadableError("another tool's SARIF, not Snyk Code's")
    seen, notes = _coverage(known)
    nothing = "" if result.findings or seen else "Snyk Code saw no supported file"
    return replace(result, errors=(*errors, *result.errors), nothing=nothing, notes=(*result.notes, *notes))


def _coverage(known: list[sarif_log.Run]) -> tuple[int, tuple[str, ...]]:
    """How many files of supported languages were analysed, and which were not."""
    seen, notes = 0, []
    for run in known:
        for one in objects(inner(run.given, "properties", "coverage")):
            files = whole(one.get("files")) or 0
            if one.get("isSupported") is True:
                seen += files
            elif files:
                notes.append(clean(f"Snyk Code did not analyse {files} files: {word(one.get('lang'))}", ERROR_LIMIT))
    return seen, tuple(dict.fromkeys(notes))
