"""Amazon Inspector: `aws inspector2 list-findings`, and the events that it sends.

https://docs.aws.amazon.com/inspector/v2/APIReference/API_Finding.html
https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html (the same fields; times in another form)

Inspector brings its findings to Security Hub itself as soon as both are on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from common.contract import DIGEST
from common.strict import clean, shown
from findings.model import Cvss, Finding, Kind, Package, ScanResult, Severity
from findings.parsers.grading import ERROR_LIMIT, cves, cwes, grade, moment, others
from findings.parsers.reading import document, inner, listing, mapping, number, objects, required, whole, word, words

GRADES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "high": Severity.HIGH,
        "medium": Severity.MEDIUM,
        "low": Severity.LOW,
        "informational": Severity.INFORMATIONAL,
        # "The vendor has not determined the severity": the Inspector guide on severity levels.
        "untriaged": Severity.UNGRADED,
    }
)
# What an event writes instead of ISO 8601: Wed Sep 04 16:55:38.411 UTC 2024
_EVENT_TIME: Final = "%a %b %d %H:%M:%S.%f UTC %Y"
_NO_FIX: Final = "notavailable"
# PARTIAL: some of the packages have a fix.
_FIX_AVAILABLE: Final[Mapping[str, bool]] = MappingProxyType({"YES": True, "PARTIAL": True, "NO": False})
_IMAGE: Final = ("details", "awsEcrContainerImage")


def parse(report: bytes) -> ScanResult:
    """What `aws inspector2 list-findings` wrote. An empty list is its answer when nothing is open."""
    given = mapping(document(report), "the report")
    return read(listing(given.get("findings"), "findings"))


def parse_event(detail: object) -> ScanResult:
    """The ``detail`` of one event `Inspector2 Finding`. One about a finding that is closed has no findings."""
    given = mapping(detail, "the event's detail")
    return read([given], made_at=_event_time(given.get("updatedAt")))


def read(entries: Iterable[object], made_at: datetime | None = None) -> ScanResult:
    """Inspector's findings; also those of ECR's enhanced scanning."""
    findings: list[Finding] = []
    errors: list[str] = []
    digests: set[str] = set()
    for entry in entries:
        given = mapping(entry, "a finding")
        digests.update(word(inner(image, *_IMAGE, "imageHash")) for image in objects(given.get("resources")))
        status = _status(given, errors)
        if status != "closed":
            findings.append(_finding(given, status == "suppressed", errors))
    digest = digests.pop() if len(digests) == 1 else ""  # of many images the report is about none
    return ScanResult(
        findings=tuple(findings),
        errors=tuple(dict.fromkeys(errors)),
        digest=digest if DIGEST.fullmatch(digest) else "",
        made_at=made_at,
        delivered_by_aws=True,
    )


def _status(given: Mapping[str, object], errors: list[str]) -> str:
    status = word(given.get("status")).lower()
    if status not in ("", "active", "suppressed", "closed"):  # the ECR API need not say it: then the finding counts
        errors.append(clean(f"status {shown(status)} of a finding is not known", ERROR_LIMIT))
    return status


def _finding(given: Mapping[str, object], suppressed: bool, errors: list[str]) -> Finding:
    for key, read_details in _DETAILS.items():
        details = given.get(key)
        if isinstance(details, dict):
            base = read_details(given, details)
            break
    else:
        kind = required(given.get("type"), "a finding's type")
        errors.append(clean(f"finding type {shown(kind)} is not known", ERROR_LIMIT))
        base = _bare(kind, Kind.VULNERABILITY, key=(_resource(given), word(given.get("title"))))
    severity, original = grade(given.get("severity"), GRADES, base.rule, errors)
    advice = inner(given, "remediation", "recommendation")
    text = word(inner(advice, "text"))
    exploited = word(given.get("exploitAvailable")).upper() == "YES"
    return replace(
        base,
        title=word(given.get("title")) or base.rule,
        severity=severity,
        original=original,
        description=word(given.get("description")),
        epss=number(inner(given, "epss", "score")),
        exploit="Amazon Inspector knows of an exploit" if exploited else "",
        remediation=base.remediation if text.lower() in ("", "none provided") else text,
        url=word(inner(advice, "Url")) or word(inner(advice, "url")) or base.url,  # Inspector's and ECR's spelling
        suppressed="suppressed by a filter in Amazon Inspector" if suppressed else "",
    )


def _bare(rule: str, kind: Kind, key: tuple[str, ...]) -> Finding:
    return Finding(rule=rule, title=rule, severity=Severity.UNGRADED, kind=kind, key=key)


def _package(given: Mapping[str, object], details: Mapping[str, object]) -> Finding:
    rule = required(details.get("vulnerabilityId"), "a finding's vulnerabilityId")
    packages = tuple(dict.fromkeys(_packages(details)))
    known = (rule, *words(details.get("relatedVulnerabilities")))
    fix = word(given.get("fixAvailable")).upper()
    names = sorted({(one.manager, one.name, one.path) for one in packages})
    source = word(details.get("sourceUrl"))
    return replace(
        _bare(rule, Kind.VULNERABILITY, key=(_resource(given), *(part for name in names for part in name))),
        location=next((one.path or one.name for one in packages), ""),
        detail=tuple(part for one in sorted({(one.name, one.path, one.version) for one in packages}) for part in one),
        cves=cves(known),
        aliases=others(known, rule),
        cvss=tuple(dict.fromkeys(_scores(details))),
        packages=packages,
        fixable=_FIX_AVAILABLE.get(fix, _fixed(details)),
        remediation="; ".join(dict.fromkeys(filter(None, map(_advice, objects(details.get("vulnerablePackages")))))),
        path=next((one.path for one in packages if one.path), ""),
        url=source,
        references=tuple(dict.fromkeys(filter(None, (source, *words(details.get("referenceUrls")))))),
    )


def _fixed(details: Mapping[str, object]) -> bool | None:
    """What the packages say where the finding does not: each must say that there is no fix."""
    said = [word(one.get("fixedInVersion")).lower() for one in objects(details.get("vulnerablePackages"))]
    if any(one not in ("", _NO_FIX) for one in said):
        return True
    return False if said and all(said) else None


def _advice(package: Mapping[str, object]) -> str:
    return word(package.get("remediation"))


def _packages(details: Mapping[str, object]) -> Iterable[Package]:
    for one in objects(details.get("vulnerablePackages")):
        fixed = word(one.get("fixedInVersion"))
        version, release = word(one.get("version")), word(one.get("release"))
        yield Package(
            name=word(one.get("name")),
            version=f"{version}-{release}" if version and release else version,
            manager=word(one.get("packageManager")),
            path=word(one.get("filePath")),
            fixed_in=() if fixed.lower() in ("", _NO_FIX) else (fixed,),
        )


def _scores(details: Mapping[str, object]) -> Iterable[Cvss]:
    for one in objects(details.get("cvss")):
        score = number(one.get("baseScore"))
        if score is not None:
            yield Cvss(word(one.get("version")), score, word(one.get("scoringVector")), word(one.get("source")))


def _code(given: Mapping[str, object], details: Mapping[str, object]) -> Finding:
    place = details.get("filePath")
    path = word(inner(place, "filePath")) or word(inner(place, "fileName"))
    rule = word(details.get("ruleId")) or required(details.get("detectorId"), "a finding's detectorId")
    return replace(
        _bare(rule, Kind.CODE, key=(_resource(given), path)),
        location=path,
        detail=tuple(str(whole(inner(place, end)) or "") for end in ("startLine", "endLine")),
        cwes=cwes(words(details.get("cwes"))),
        path=path,
        line=whole(inner(place, "startLine")),
        end_line=whole(inner(place, "endLine")),
        references=words(details.get("referenceUrls")),
    )


def _network(given: Mapping[str, object], details: Mapping[str, object]) -> Finding:
    ports = details.get("openPortRange")
    where = f"{word(details.get('protocol'))} {whole(inner(ports, 'begin'))}-{whole(inner(ports, 'end'))}"
    resource = _resource(given)
    return replace(
        _bare("NETWORK_REACHABILITY", Kind.CONFIGURATION, key=(resource, where)), location=f"{resource} {where}".strip()
    )


_DETAILS: Final[Mapping[str, Callable[[Mapping[str, object], Mapping[str, object]], Finding]]] = MappingProxyType(
    {
        "packageVulnerabilityDetails": _package,
        "codeVulnerabilityDetails": _code,
        "networkReachabilityDetails": _network,
    }
)


def _resource(given: Mapping[str, object]) -> str:
    """What the finding is about. An image's repository: each build has another digest."""
    first = next(iter(objects(given.get("resources"))), {})
    repository = word(inner(first, *_IMAGE, "repositoryName"))
    return repository or word(first.get("id")).split("/sha256:")[0]


def _event_time(value: object) -> datetime | None:
    try:
        return datetime.strptime(word(value), _EVENT_TIME).replace(tzinfo=UTC)
    except ValueError:
        return moment(value)
