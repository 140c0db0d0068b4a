"""What a report says, in one form for every scanner; and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from common.contract import Counts, Verdict


class UnreadableError(ValueError):
    """The report is truncated, damaged or of another format: no evidence. One sentence, no content of the report."""


class Severity(StrEnum):
    """How bad a finding is. ``UNGRADED`` if its tool gives it no grade that can be compared."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"
    UNGRADED = "ungraded"


class Kind(StrEnum):
    """What sort of problem a finding is."""

    VULNERABILITY = "vulnerability"
    CODE = "code"
    SECRET = "secret"  # noqa: S105 - a kind of finding, not a secret
    WEB = "web"
    LICENSE = "license"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Cvss:
    """One CVSS score. ``version`` such as 3.1, ``score`` 0.0 to 10.0, ``vector`` and ``source`` as the report has them."""

    version: str
    score: float
    vector: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package. ``path``: where its files or its record stand in the image or folder; may be empty."""

    name: str
    version: str = ""
    manager: str = ""
    path: str = ""
    fixed_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem that a scanner reports.

    ``rule``: the scanner's id of the problem (CVE-2024-1234, SNYK-PYTHON-..., a check's or alert's id).
    ``original``: the tool's own word for the severity, empty if it has none.
    ``location``: where it is, for people and for the globs of waivers: a file, a dependency path, a URL.
    ``key``: raw parts that tell this finding from others of the same rule, as stable as the report allows: no severity,
    score, time, build, image digest or layer; no package version where name and path will do.
    ``detail``: what else tells findings apart whose rule and key are equal (versions, columns, URLs). It counts only among
    such, so it may change with time. Like ``key`` it is hashed and shown nowhere.
    ``cves``: CVE ids, also where ``rule`` is one. ``aliases``: other ids of the same problem (GHSA-...).
    ``fixable``: a fixed version or an upgrade is known; False if the report says that there is none, None if it does not
    say. ``suppressed``: why the tool itself marks it as accepted.
    """

    rule: str
    title: str
    severity: Severity
    kind: Kind
    original: str = ""
    description: str = ""
    location: str = ""
    key: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    cwes: tuple[str, ...] = ()
    cvss: tuple[Cvss, ...] = ()
    epss: float | None = None
    exploit: str = ""
    packages: tuple[Package, ...] = ()
    fixable: bool | None = None
    remediation: str = ""
    path: str = ""
    line: int | None = None
    end_line: int | None = None
    url: str = ""
    references: tuple[str, ...] = ()
    suppressed: str = ""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """A report, read as a whole.

    ``errors``: what the report itself says went wrong, and severities that nobody knows: each makes it a tool error; the
    findings beside them stay. ``nothing``: why the report shows that nothing was scanned; empty if something was.
    ``commit``, ``digest``, ``target`` (image or folder), ``hosts``, ``made_at``: what the report says it is about and when it
    was made; empty where it is silent. ``scope``: what it says was looked at, in the words of ``Subject.scope``. ``notes``: advice that belongs to no single finding (a better base image).
    ``delivered_by_aws``: AWS brings these findings to Security Hub itself (Inspector).
    """

    findings: tuple[Finding, ...] = ()
    errors: tuple[str, ...] = ()
    nothing: str = ""
    commit: str = ""
    digest: str = ""
    target: str = ""
    hosts: tuple[str, ...] = ()
    scope: str = ""
    made_at: datetime | None = None
    notes: tuple[str, ...] = ()
    delivered_by_aws: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What was scanned, by CodePipeline's own account, and by which scan.

    ``digest``: the image of this execution (``sha256:...``), empty for scopes that see none. ``target``: empty where a scan
    is of the whole repository; else the pipeline, since a repository may deliver several images.
    """

    scanner: str
    scope: str
    pipeline: str
    execution: str
    repository: str
    branch: str
    commit: str
    digest: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why a finding does not count: a waiver of the settings (``expires``), or the tool's own suppression (none)."""

    reason: str
    owner: str = ""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, what it is called everywhere (``id``), and what was decided about it."""

    id: str
    finding: Finding
    acceptance: Acceptance | None = None
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with everything that it rests on. ``finished``: the scan covered its scope, so what it no longer reports is
    gone. ``waived_until``: the first day on which a waiver that it needs ends (YYYY-MM-DD), or empty."""

    subject: Subject
    verdict: Verdict
    summary: str
    reason: str
    counts: Counts
    blocking: int
    findings: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()
    finished: bool = False
    delivered_by_aws: bool = False
    waived_until: str = ""
