"""Takes secrets out of every text that a report brings, before anybody stores or shows it.

Parsers leave out what is known to hold a secret (matches, snippets, evidence); this is the net below them. It errs on the side of
redacting where a name and a value stand together, and leaves hashes, ids, versions, paths and prose as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from findings.model import Cvss, Finding, Package, ScanResult
from findings.redaction_forms import CAPITAL_HINTS, HINTS, RARE_HINTS, URL_USER, without_known_forms
from findings.redaction_names import NAMES, without_assigned

_PASSES: Final = 4  # what goes can lay something else bare; a text made to need more than that is no leak
_HINTS: Final = tuple(dict.fromkeys((*NAMES, *HINTS)))


def redact(result: ScanResult) -> ScanResult:
    """The result without secrets: every text of every finding but ``key``, and what the report says of itself.

    ``Finding.key`` is hashed into the finding's id and shown nowhere: with a change here, every id would change.
    """
    return replace(
        result,
        findings=tuple(map(_finding, result.findings)),
        errors=_each(result.errors),
        nothing=redact_text(result.nothing),
        commit=redact_text(result.commit),
        digest=redact_text(result.digest),
        target=redact_text(result.target),
        scope=redact_text(result.scope),
        hosts=_each(result.hosts),
        notes=_each(result.notes),
    )


def redact_text(text: str) -> str:
    """The text with "[redacted]" in place of each secret. Doing it twice changes nothing more."""
    for _ in range(_PASSES):
        before = text
        if _suspicious(text):
            text = without_assigned(without_known_forms(text))
        if text == before:
            break
    return text


def _suspicious(text: str) -> bool:
    """Whether any step could find something. Most texts are told apart here, in a fraction of the time of one pattern."""
    lower = text.lower()
    for hint in _HINTS:  # a loop: any() with a generator takes twice the time, and this is where it goes
        if hint in lower:
            return True
    for hint in CAPITAL_HINTS:
        if hint in text:
            return True
    if "@" in lower and URL_USER.search(lower):
        return True
    return any(sign in lower and any(hint in lower for hint in hints) for sign, hints in RARE_HINTS.items())


def _each(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(redact_text, texts))


def _finding(finding: Finding) -> Finding:
    if not _suspicious("\n".join(_texts(finding))):
        return finding
    return replace(
        finding,
        rule=redact_text(finding.rule),
        title=redact_text(finding.title),
        original=redact_text(finding.original),
        description=redact_text(finding.description),
        location=redact_text(finding.location),
        cves=_each(finding.cves),
        aliases=_each(finding.aliases),
        cwes=_each(finding.cwes),
        cvss=tuple(map(_score, finding.cvss)),
        exploit=redact_text(finding.exploit),
        packages=tuple(map(_package, finding.packages)),
        remediation=redact_text(finding.remediation),
        path=redact_text(finding.path),
        url=redact_text(finding.url),
        references=_each(finding.references),
        suppressed=redact_text(finding.suppressed),
    )


def _score(score: Cvss) -> Cvss:
    return replace(
        score, version=redact_text(score.version), vector=redact_text(score.vector), source=redact_text(score.source)
    )


def _package(package: Package) -> Package:
    return replace(
        package,
        name=redact_text(package.name),
        version=redact_text(package.version),
        manager=redact_text(package.manager),
        path=redact_text(package.path),
        fixed_in=_each(package.fixed_in),
    )


def _texts(finding: Finding) -> list[str]:
    texts = [
        finding.rule,
        finding.title,
        finding.original,
        finding.description,
        finding.location,
        *finding.cves,
        *finding.aliases,
        *finding.cwes,
        finding.exploit,
        finding.remediation,
        finding.path,
        finding.url,
        *finding.references,
        finding.suppressed,
    ]
    for score in finding.cvss:
        texts += (score.version, score.vector, score.source)
    for package in finding.packages:
        texts += (package.name, package.version, package.manager, package.path, *package.fixed_in)
    return texts
