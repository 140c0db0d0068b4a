"""Semgrep, `semgrep scan --json`.

The format is specified in https://github.com/semgrep/semgrep-interfaces/blob/main/semgrep_output_v1.atd (cli_output). Not
taken over: extra.lines, extra.fix, the contents of metavariables and data flows; they are pieces of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from common.strict import clean, shown
from findings.model import Finding, Kind, ScanResult, Severity
from findings.parsers.grading import ERROR_LIMIT, cwes, grade
from findings.parsers.reading import document, inner, listing, mapping, required, whole, word, words

# "ERROR, WARNING and INFO used in existing rules are older values that correspond to High, Medium, and Low":
# https://semgrep.dev/docs/kb/rules/understand-severities
# EXPERIMENT and INVENTORY (deprecated) say what a rule is for, not how bad its findings are.
GRADES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "high": Severity.HIGH,
        "medium": Severity.MEDIUM,
        "low": Severity.LOW,
        "error": Severity.HIGH,
        "warning": Severity.MEDIUM,
        "info": Severity.LOW,
        "experiment": Severity.UNGRADED,
        "inventory": Severity.UNGRADED,
    }
)
# error_severity of the format: "warn" is "only an error if strict is set", "info" is "nothing may be wrong".
_ADVICE: Final = ("warn", "info")
# error_type of the format. At whatever level Semgrep reports these, it gave up on a rule or a file.
_GAVE_UP: Final = (
    "Timeout",
    "Out of memory",
    "Stack overflow",
    "Too many matches",
    "Timeout during interfile analysis",
    "OOM during interfile analysis",
    "Fatal error",
    "Missing plugin",
)
_NO_FINGERPRINT: Final = "requires login"  # stands where the free edition leaves a value out
_SHORTEST: Final = 4  # characters of a metavariable's content that a message is searched for


def parse(report: bytes) -> ScanResult:
    """A whole scan. ``paths.scanned`` must name a file, or the results prove that one was scanned."""
    given = mapping(document(report), "the report")
    errors: list[str] = []
    notes: dict[str, None] = {}
    for one in listing(given.get("errors"), "errors"):
        _trouble(mapping(one, "an error"), errors, notes)
    results = [mapping(one, "a result") for one in listing(given.get("results"), "results")]
    findings = tuple(_finding(one, errors) for one in results)
    scanned: list[object] = []
    if given.get("paths") is not None:
        scanned = listing(mapping(given["paths"], "paths").get("scanned"), "paths.scanned")
    return ScanResult(
        findings=findings,
        errors=tuple(dict.fromkeys(errors)),
        nothing="" if scanned or findings else "the report names no scanned file",
        notes=tuple(notes),
    )


def _trouble(given: Mapping[str, object], errors: list[str], notes: dict[str, None]) -> None:
    """One of Semgrep's own errors; its message is not passed on, since it quotes the code that could not be parsed."""
    kind = given.get("type")
    name = word(next(iter(kind), "") if isinstance(kind, list) else kind)  # a list: ["PartialParsing", [places]]
    level, path = word(given.get("level")).lower(), word(given.get("path"))
    text = clean(f"Semgrep: {name or 'an error without a type'}{f' in {path}' if path else ''}", ERROR_LIMIT)
    if level not in (*_ADVICE, "error"):
        errors.append(clean(f"{text} (level {shown(level)} is not known)", ERROR_LIMIT))
    elif level == "error" or name in _GAVE_UP:
        errors.append(text)
    else:
        notes[text] = None


def _finding(given: Mapping[str, object], errors: list[str]) -> Finding:
    rule = required(given.get("check_id"), "a result's check_id")
    path = required(given.get("path"), "a result's path")
    extra = mapping(given.get("extra"), "a result's extra")
    severity, original = grade(extra.get("severity"), GRADES, rule, errors)
    metadata = extra.get("metadata")
    fingerprint = word(extra.get("fingerprint"))
    weaknesses = inner(metadata, "cwe")
    return Finding(
        rule=rule,
        title=rule.rsplit(".", 1)[-1],
        severity=severity,
        kind=Kind.CODE,
        original=original,
        description=_message(extra),
        location=path,
        key=(path, "" if fingerprint == _NO_FINGERPRINT else fingerprint),
        detail=tuple(str(whole(inner(given, "start", part)) or "") for part in ("line", "col")),
        cwes=cwes((word(weaknesses),) if isinstance(weaknesses, str) else words(weaknesses)),
        path=path,
        line=whole(inner(given, "start", "line")),
        end_line=whole(inner(given, "end", "line")),
        url=word(inner(metadata, "source")) or word(inner(metadata, "source-rule-url")),
        references=words(inner(metadata, "references")),
        suppressed="ignored by a nosemgrep comment" if extra.get("is_ignored") is True else "",
    )


def _message(extra: Mapping[str, object]) -> str:
    """The rule's message with its metavariables by name again: Semgrep has put the code there, which may be a password."""
    message = word(extra.get("message"))
    variables = extra.get("metavars")
    contents = dict(_contents(variables)) if isinstance(variables, dict) else {}
    if not contents:
        return message
    longest_first = sorted(contents, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda match: contents[match[0]], message)


def _contents(variables: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in variables.items():
        for way in (("abstract_content",), ("propagated_value", "svalue_abstract_content")):
            content = word(inner(value, *way))
            if len(content) >= _SHORTEST:
                yield content, word(name)
