"""What `snyk test --json` and `snyk container test --json` have in common: projects, and the issues in them.

The format is the CLI's: the types of https://github.com/snyk/cli/blob/main/src/lib/snyk-test/legacy.ts, written by
src/lib/formatters/test/format-test-results.ts and since 2025 also by
https://github.com/snyk/cli-extension-os-flows (internal/legacy/definitions/legacy-json.tsp).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from common.strict import clean, shown
from findings.model import Finding, Kind, Package, Severity, UnreadableError
from findings.parsers import snyk_details
from findings.parsers.grading import ERROR_LIMIT, cves, grade, others
from findings.parsers.reading import inner, listing, mapping, objects, required, word, words

# The order is the CLI's own (VulnerabilitySeverity in legacy-json.tsp): none, low, medium, high, critical.
GRADES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "high": Severity.HIGH,
        "medium": Severity.MEDIUM,
        "low": Severity.LOW,
        "none": Severity.INFORMATIONAL,
    }
)
_WORST_FIRST: Final = (Severity.UNGRADED, *GRADES.values())
_ADVISORY: Final = "https://security.snyk.io/vuln/"  # get-vuln-url.ts
# Where Snyk's container scan hangs packages on which many others depend. Whether one is there depends on all others.
_SHARED: Final = "meta-common-packages"


@dataclass(frozen=True, slots=True)
class Project:
    """One tested manifest or set of packages, as the CLI wrote it. ``target``: its manifest, free of the machine's paths."""

    given: Mapping[str, object]
    target: str
    pins: snyk_details.Changes
    upgrades: snyk_details.Changes


@dataclass(frozen=True, slots=True)
class Tested:
    """What a report says of its projects. ``dependencies``: how many were looked at in those that did not fail."""

    findings: tuple[Finding, ...]
    errors: tuple[str, ...]
    dependencies: int
    failed: int


def parts(report: object) -> list[Mapping[str, object]]:
    """The report's projects: the CLI writes an object for one, a list for any other number."""
    return [mapping(one, "a project") for one in (report if isinstance(report, list) else [report])]


def is_container(given: Mapping[str, object]) -> bool:
    """Whether a project is (part of) an image."""
    return (
        bool(given.get("docker"))
        or "applications" in given
        or word(given.get("projectName")).startswith("docker-image|")
    )


def read(projects: list[tuple[Mapping[str, object], str]]) -> Tested:
    """All issues of all projects with their targets; ``UnreadableError`` if one is no project of Snyk's."""
    findings: list[Finding] = []
    errors: list[str] = []
    dependencies = failed = 0
    for given, target in projects:
        if "error" in given:
            failed += 1
            errors.append(clean(f"Snyk: {word(given['error']) or 'it failed without a reason'}", ERROR_LIMIT))
            if "vulnerabilities" not in given:
                continue
        pins, upgrades = (_changes(inner(given, "remediation", kind)) for kind in ("pin", "upgrade"))
        project = Project(given, target, pins, upgrades)
        findings += _project(project, errors)
        dependencies += _count(given, "dependencyCount")
    return Tested(tuple(findings), tuple(dict.fromkeys(errors)), dependencies, failed)


def _project(project: Project, errors: list[str]) -> list[Finding]:
    given = project.given
    if not isinstance(given.get("ok"), bool):
        raise UnreadableError("a project's `ok` is missing: another format, or another tool")
    listed = listing(given.get("vulnerabilities"), "a project's vulnerabilities")
    ignored = [(one, "ignored") for one in _filtered(given, "ignore")] + [
        (one, "patched")
        for one in _filtered(given, "patch")
        if not isinstance(one, str)  # ids of patches, since 2025
    ]
    findings = [one for issue in listed for one in _issue(project, mapping(issue, "an issue"), errors, "")]
    for issue, how in ignored:
        entry = mapping(issue, "an ignored issue")
        findings += _issue(project, entry, errors, _reason(entry, how))
    name = shown(word(given.get("projectName")) or project.target or "a project")
    # A report that contradicts itself was cut or changed. The newer flow counts ignored issues in both numbers.
    if given["ok"] and listed:
        errors.append(f"{name}: ok is true, and {len(listed)} issues are listed")
    if not given["ok"] and not listed and not ignored and "error" not in given:
        errors.append(f"{name}: ok is false, and neither an issue nor an error says why")
    ids, counted = {one.rule for one in findings}, _count(given, "uniqueCount", default=0)
    if counted > len(ids):
        errors.append(f"{name}: uniqueCount is {counted}, and {len(ids)} different issues are listed: cut off")
    return findings


def _filtered(given: Mapping[str, object], key: str) -> list[object]:
    filtered = given.get("filtered")
    value = None if filtered is None else mapping(filtered, "filtered").get(key)
    return [] if value is None else listing(value, f"filtered.{key}")


def _count(given: Mapping[str, object], key: str, default: int | None = None) -> int:
    value = given.get(key, default)
    if type(value) is not int or not -1 <= value < 10**9:
        raise UnreadableError(f"a project's {key} is no count")
    return max(value, 0)


def _issue(project: Project, issue: Mapping[str, object], errors: list[str], suppressed: str) -> Iterator[Finding]:
    """One finding for each dependency path: with `--group-issues` an issue has a list of paths, and of names."""
    paths = issue.get("from")
    grouped = isinstance(paths, list) and any(isinstance(one, list) for one in paths)
    names = issue.get("name")
    for number, path in enumerate(paths if grouped and isinstance(paths, list) else [paths]):
        name = names[number] if isinstance(names, list) and number < len(names) else names
        yield _finding(project, issue, errors, suppressed, (word(name), words(path)))


def _finding(
    project: Project,
    issue: Mapping[str, object],
    errors: list[str],
    suppressed: str,
    place: tuple[str, tuple[str, ...]],
) -> Finding:
    name, path = place
    rule = required(issue.get("id"), "an issue's id")
    severity, original = _severity(issue, rule, errors)
    name = name or word(issue.get("packageName")) or word(issue.get("moduleName"))
    version = word(issue.get("version"))
    # Without the root: the repository's or the image's own name.
    named = [(step, part) for step in path[1:] or path if (part := _name(step, name)) != _SHARED]
    ids = tuple(one for kind in _identifiers(issue) for one in kind)
    fixed = snyk_details.fixed(issue)
    advice = snyk_details.remedy(issue, path, f"{name}@{version}", (project.pins, project.upgrades))
    target = project.target
    is_license = issue.get("type") == "license" or rule.startswith("snyk:lic:")
    url = "" if is_license else f"{_ADVISORY}{rule}"
    return Finding(
        rule=rule,
        title=word(issue.get("title")) or rule,
        severity=severity,
        kind=Kind.LICENSE if is_license else Kind.VULNERABILITY,
        original=original,
        description=word(issue.get("description")),
        location=" > ".join(one for one in (target, *([step for step, _ in named] or [name])) if one),
        # The same issue in two places is two. No versions: an update that does not help is still the same finding.
        key=(target, *([part for _, part in named] or [name])),
        detail=(version, *(step for step, _ in named)),
        cves=cves(ids),
        aliases=others((*ids, *words(issue.get("alternativeIds"))), rule),
        cwes=words(inner(issue, "identifiers", "CWE")),
        cvss=snyk_details.scores(issue),
        epss=snyk_details.epss(issue),
        exploit=snyk_details.exploit(issue),
        packages=(Package(name, version, word(issue.get("packageManager")), target, fixed),) if name else (),
        fixable=True if fixed or advice else snyk_details.says_fixable(issue),
        remediation=" ".join(one for one in (advice or snyk_details.waiting(name, fixed), _dockerfile(issue)) if one),
        path=target,
        url=url,
        references=words([url, *(one.get("url") for one in objects(issue.get("references")))]),
        suppressed=suppressed,
    )


def _severity(issue: Mapping[str, object], rule: str, errors: list[str]) -> tuple[Severity, str]:
    """The worse of two: `severity` was capped at high for readers that did not know critical, `severityWithCritical` not."""
    given = [issue.get(key) for key in ("severity", "severityWithCritical") if issue.get(key) is not None]
    grades = [grade(one, GRADES, rule, errors) for one in given or [""]]
    return min(grades, key=lambda one: _WORST_FIRST.index(one[0]))


def _identifiers(issue: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    identifiers = issue.get("identifiers")
    for kind, ids in identifiers.items() if isinstance(identifiers, dict) else ():
        if kind != "CWE":
            # A bare number (NSP: 17) would be anybody's id.
            yield tuple(f"{word(kind)}-{one}" if one.isdigit() else one for one in words(ids))


def _name(step: str, name: str) -> str:
    """A step of a dependency path without its version. The first sign of an npm scope (`@acme/web@1.0`) separates nothing."""
    if name and step.startswith(f"{name}@"):
        return name
    end = step.find("@", 1)
    return step if end < 0 else step[:end]


def _changes(value: object) -> Mapping[tuple[str, str], str]:
    """`remediation.pin` or `.upgrade`: (issue's id, package@version in lower case) -> package@version to go to."""
    if not isinstance(value, dict):
        return {}
    return {
        (rule, word(package).lower()): to
        for package, change in value.items()
        if (to := word(inner(change, "upgradeTo")))
        for rule in words(inner(change, "vulns"))
    }


def _dockerfile(issue: Mapping[str, object]) -> str:
    instruction = word(issue.get("dockerfileInstruction"))
    return f"Installed by the Dockerfile's instruction: {instruction}" if instruction else ""


def _reason(issue: Mapping[str, object], how: str) -> str:
    """Why somebody on Snyk's side set an issue aside; `filtered` of the issue itself says it."""
    reasons = []
    for one in objects(inner(issue, "filtered", "ignored")):
        until = word(one.get("expires"))
        reasons.append(f"{word(one.get('reason')) or 'no reason given'}{f' (until {until})' if until else ''}")
    return f"{how} in Snyk{': ' if reasons else ''}{'; '.join(dict.fromkeys(reasons))}"
