"""What a checker says, and which of its findings are excepted.

Exceptions stand in ``<checker>_exceptions.yaml`` beside this file, a list of ``check`` (the checker's own id), ``resources``
(places, ``*`` for any text), ``reason``, and optionally ``text``, a regular expression that the finding's text must match. One that
is no finding any more is itself a problem: it would hide the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Finding:
    """``check`` is the rule's id, ``where`` the place without a line number, ``text`` what is wrong or the line itself;
    ``line`` is for people only, and ``shown`` is false where the text is a possible secret."""

    check: str
    where: str
    text: str
    line: int = 0
    shown: bool = True

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{self.check} {place}{f': {self.text}' if self.shown else ''}"


@dataclass(frozen=True)
class Report:
    """``looked_at`` says in words what was read; ``problems`` are reasons to believe none of it, such as a known-bad
    example that went unnoticed."""

    looked_at: str
    findings: Sequence[Finding] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class _Exception:
    check: str
    where: str
    text: re.Pattern[str] = field(default_factory=lambda: re.compile(""))

    def covers(self, finding: Finding) -> bool:
        return (
            finding.check == self.check
            and fnmatchcase(finding.where, self.where)
            and self.text.search(finding.text) is not None
        )


@dataclass(frozen=True)
class Judged:
    """``problems`` is empty if all is well; ``excepted`` counts the exceptions that were needed."""

    problems: list[str]
    excepted: int


def exceptions_of(checker: str, folder: Path) -> list[_Exception]:
    """The exceptions of one checker; none if it has no file. Raises ValueError for one without a real reason."""
    file = folder / f"{checker}_exceptions.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else []
    found = []
    for entry in entries:
        if len(entry["reason"]) <= 20 and entry["reason"] != "As above.":
            raise ValueError(f"{file.name}: {entry['check']} has no reason: {entry['reason']!r}")
        found += [_Exception(entry["check"], where, re.compile(entry.get("text", ""))) for where in entry["resources"]]
    return found


def judge(checker: str, report: Report, folder: Path, *, whole: bool = True) -> Judged:
    """What is left of a report after its exceptions. ``whole`` is false if only a part of the usual was looked at: then
    an exception may be idle."""
    exceptions = exceptions_of(checker, folder)
    used: set[_Exception] = set()
    problems = list(report.problems)
    for finding in _unique(report.findings):
        covering = [exception for exception in exceptions if exception.covers(finding)]
        used.update(covering[:1])
        if not covering:
            problems.append(str(finding))
    if whole:
        problems += [
            f"{checker}_exceptions.yaml: {exception.check} {exception.where} {exception.text.pattern} is no finding any more"
            for exception in exceptions
            if exception not in used
        ]
    return Judged([f"{checker}: {problem}" for problem in problems], len(used))


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(set(findings), key=lambda finding: (finding.where, finding.line, finding.check, finding.text))
