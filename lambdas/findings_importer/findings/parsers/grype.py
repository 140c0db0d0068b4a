"""Anchore Grype, `--output json`, of an image or a directory.

The format is Grype's Go model: https://github.com/anchore/grype/tree/main/grype/presenter/models (document.go, match.go,
vulnerability_metadata.go, ignore.go, alert.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from common.contract import DIGEST
from common.strict import clean, shown
from findings.model import Cvss, Finding, Kind, Package, ScanResult, Severity, UnreadableError
from findings.parsers.grading import ERROR_LIMIT, cves, cwes, grade, moment, others
from findings.parsers.reading import consumed, document, inner, listing, mapping, number, objects, required, word, words

# The order is Grype's own (grype/vulnerability/severity.go): unknown, negligible, low, medium, high, critical.
GRADES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "high": Severity.HIGH,
        "medium": Severity.MEDIUM,
        "low": Severity.LOW,
        "negligible": Severity.INFORMATIONAL,
        "unknown": Severity.UNGRADED,
        "": Severity.UNGRADED,  # `omitempty` in Grype's model: no metadata, no severity
    }
)
# Alerts about packages of a distribution that has ended (alert.go): they were matched, so it is advice. Every other alert
# says that packages were not matched at all.
_END_OF_LIFE: Final = "distro-eol"
# What Grype says of fixes: "unknown" and whatever comes is no word on it. grype/vulnerability/fix.go
_FIX_STATES: Final[Mapping[str, bool]] = MappingProxyType({"fixed": True, "not-fixed": False, "wont-fix": False})
# A package is listed for each of its places, with all of its texts: without a limit, a report of 100 KB becomes 100 MB.
_PLACES: Final = 100
_CHARACTERS: Final = 20_000
_TARGETS: Final[Mapping[str, str]] = MappingProxyType({"image": "image", "directory": "folder", "file": "folder"})


def parse(report: bytes) -> ScanResult:
    """A whole scan. Grype does not say how many packages it saw: a report without matches is a clean one."""
    given = mapping(document(report), "the report")
    descriptor = mapping(given.get("descriptor"), "descriptor")
    if descriptor.get("name") != "grype":
        raise UnreadableError("descriptor.name is not grype: another tool's report")
    errors = _database(descriptor.get("db"))
    findings = [
        _finding(mapping(one, "a match"), errors, "") for one in consumed(listing(given.get("matches"), "matches"))
    ]
    if given.get("ignoredMatches") is not None:
        for one in listing(given["ignoredMatches"], "ignoredMatches"):
            match = mapping(one, "an ignored match")
            findings.append(_finding(match, errors, _ignored(match)))
    notes: list[str] = []
    if given.get("alertsByPackage") is not None:
        _alerts(listing(given["alertsByPackage"], "alertsByPackage"), errors, notes)
    target = _TARGETS.get(required(inner(given, "source", "type"), "source.type"), "")
    digest = word(inner(given, "source", "target", "manifestDigest")) if target == "image" else ""
    return ScanResult(
        findings=tuple(findings),
        errors=tuple(dict.fromkeys(errors)),
        digest=digest if DIGEST.fullmatch(digest) else "",
        target=target,
        made_at=moment(descriptor.get("timestamp")),
        notes=tuple(notes),
    )


def _database(database: object) -> list[str]:
    """What Grype says of its vulnerability database: `db` up to version 0.87, `db.status` since (database schema 6)."""
    errors = []
    for where, status in (("descriptor.db", database), ("descriptor.db.status", inner(database, "status"))):
        # An error of older versions is an empty object: Go's errors have no public fields.
        if inner(status, "error") not in (None, ""):
            reason = word(inner(status, "error"))
            errors.append(
                clean(f"{where}.error: Grype's vulnerability database failed. {reason}".rstrip(), ERROR_LIMIT)
            )
        if inner(status, "valid") not in (None, True):
            errors.append(f"{where}.valid is not true: Grype's vulnerability database cannot be relied on")
    return errors


def _alerts(packages: Iterable[object], errors: list[str], notes: list[str]) -> None:
    counts: dict[tuple[str, str], int] = {}
    for package in packages:
        for alert in listing(mapping(package, "a package's alerts").get("alerts"), "a package's alerts"):
            one = mapping(alert, "an alert")
            kind = (required(one.get("type"), "an alert's type"), word(one.get("message")))
            counts[kind] = counts.get(kind, 0) + 1
    for (name, message), count in counts.items():
        text = clean(f"{message or name} ({count} packages)", ERROR_LIMIT)
        if name == _END_OF_LIFE:
            notes.append(text)
        else:
            errors.append(clean(f"alert {shown(name)}: {text}", ERROR_LIMIT))


def _finding(match: Mapping[str, object], errors: list[str], suppressed: str) -> Finding:
    vulnerability = mapping(match.get("vulnerability"), "a match's vulnerability")
    artifact = mapping(match.get("artifact"), "a match's artifact")
    rule = required(vulnerability.get("id"), "a vulnerability's id")
    name = required(artifact.get("name"), "an artifact's name")
    severity, original = grade(vulnerability.get("severity"), GRADES, rule, errors)
    related = objects(match.get("relatedVulnerabilities"))
    # The vulnerability's own metadata come first; a distribution's record often has little, and NVD's stands beside it.
    sources = (vulnerability, *related)
    ids = (rule, *(word(one.get("id")) for one in related))
    paths = sorted({word(one.get("path")) for one in objects(artifact.get("locations"))} - {""})
    fixed = words(inner(vulnerability, "fix", "versions"))
    kind, version = word(artifact.get("type")), word(artifact.get("version"))
    exploited = [one for source in sources for one in objects(source.get("knownExploited"))]
    url = word(vulnerability.get("dataSource"))
    package = Package(name, version, kind, "", fixed)
    listed = min(_PLACES, 1 + _CHARACTERS // sum(map(len, (name, version, kind, *fixed))))
    more = f"Found in {len(paths) - listed} more places." if len(paths) > listed else ""
    return Finding(
        rule=rule,
        title=f"{rule} in {name} {version}".rstrip(),
        severity=severity,
        kind=Kind.VULNERABILITY,
        original=original,
        description="\n".join(
            filter(None, (next((text for one in sources if (text := word(one.get("description")))), ""), more))
        ),
        location=paths[0] if paths else name,
        # No layer: it changes with every build. No version: an update that does not help is still the same finding.
        key=(kind, name, *paths),
        detail=(version,),
        cves=cves(ids),
        aliases=others(ids, rule),
        cwes=cwes(word_ for one in exploited for word_ in words(one.get("cwes"))),
        cvss=next((scores for one in sources if (scores := _scores(one))), ()),
        epss=next((score for one in sources if (score := _epss(one)) is not None), None),
        exploit=_exploit(exploited),
        packages=tuple(replace(package, path=path) for path in paths[:listed] or ("",)),
        fixable=True if fixed else _FIX_STATES.get(word(inner(vulnerability, "fix", "state"))),
        remediation=f"Update {name} to {' or '.join(fixed)}." if fixed else "",
        path=paths[0] if paths else "",
        url=url,
        references=words([url, *_urls(vulnerability), *(link for one in related for link in _urls(one))]),
        suppressed=suppressed,
    )


def _scores(source: Mapping[str, object]) -> tuple[Cvss, ...]:
    scores = (
        (number(inner(one, "metrics", "baseScore")), word(one.get("version")), one)
        for one in objects(source.get("cvss"))
    )
    found = (
        Cvss(v, score, word(one.get("vector")), word(one.get("source")))
        for score, v, one in scores
        if score is not None
    )
    return tuple(dict.fromkeys(found))


def _epss(source: Mapping[str, object]) -> float | None:
    scores = (number(one.get("epss")) for one in objects(source.get("epss")))
    return max((score for score in scores if score is not None), default=None)


def _exploit(entries: list[Mapping[str, object]]) -> str:
    """CISA's catalog of known exploited vulnerabilities, as Grype's database has it."""
    if not entries:
        return ""
    added = word(entries[0].get("dateAdded"))
    campaign = word(entries[0].get("knownRansomwareCampaignUse"))
    text = f"known to be exploited (CISA KEV{f', since {added}' if added else ''})"
    return f"{text}; use in ransomware campaigns: {campaign}" if campaign else text


def _urls(source: Mapping[str, object]) -> tuple[str, ...]:
    links = (word(one.get("link")) for one in objects(source.get("advisories")))
    return (word(source.get("dataSource")), *words(source.get("urls")), *links)


def _ignored(match: Mapping[str, object]) -> str:
    """Why a rule of Grype's configuration, a VEX document or Grype itself set a match aside."""
    reasons = []
    for rule in objects(match.get("appliedIgnoreRules")):
        parts = [word(rule.get(key)) for key in ("reason", "vex-status", "vex-justification")]
        parts += [
            f"{key} {text}" for key in ("vulnerability", "fix-state", "match-type") if (text := word(rule.get(key)))
        ]
        parts += [f"package {text}" for key in ("name", "location") if (text := word(inner(rule, "package", key)))]
        reasons.append(", ".join(part for part in parts if part))
    known = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    return f"ignored by Grype: {known}" if known else "ignored by Grype"
