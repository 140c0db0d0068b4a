"""Reading SARIF 2.1.0, whichever tool wrote it: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.

Numbers of sections in the comments are those of that page. Not taken over: snippets, contents of artifacts, code flows,
stacks, web requests; they are pieces of the code or of what runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from common.contract import COMMIT
from common.strict import clean, shown
from findings.model import Finding, Kind, ScanResult, UnreadableError
from findings.parsers import sarif_levels, sarif_places, sarif_rules
from findings.parsers.grading import ERROR_LIMIT, cves, moment
from findings.parsers.reading import inner, listing, mapping, objects, word, words

VERSION: Final = "2.1.0"
_IDS: Final = re.compile(r"(?:CVE-\d{4}-\d{4,19}|GHSA(?:-[0-9a-z]{4}){3})(?![0-9A-Za-z])", re.ASCII)
_ARGUMENT: Final = re.compile(r"\{(\d{1,2})\}|\{\{|\}\}", re.ASCII)
_TITLE_LIMIT: Final = 200
_FINGERPRINT: Final = re.compile(r"[^\s@]{8,}")
_ANY: Final = re.compile("")
_HASH: Final = re.compile(r"hash(/v\d+)?$", re.ASCII | re.IGNORECASE)  # such as primaryLocationLineHash, GitHub's


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool. ``results``: None if the tool did not scan (3.14.23)."""

    given: Mapping[str, object]
    tool: str
    results: list[object] | None
    rules: sarif_rules.Rules
    overrides: tuple[Mapping[tuple[int, int], str], ...]
    artifacts: list[object]
    folders: tuple[str, ...]


@dataclass(slots=True)
class Gathered:
    """What all runs say together."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    gone: int = 0
    commits: set[str] = field(default_factory=set)
    ends: list[datetime] = field(default_factory=list)


def runs(report: object) -> list[Run]:
    """The runs of a log; ``UnreadableError`` for another format or version, and where parts of it stand elsewhere."""
    log = mapping(report, "the report")
    if log.get("version") != VERSION:
        raise UnreadableError(f"no SARIF of version {VERSION}")
    if log.get("inlineExternalProperties"):
        raise UnreadableError("the SARIF log has inlineExternalProperties, which are not read")
    return [_run(mapping(one, "a run")) for one in listing(log.get("runs"), "runs")]


def read(report: object, fingerprints: tuple[str, ...] = ()) -> tuple[list[Run], ScanResult]:
    """The runs of a parsed log, and what they say; ``fingerprints``: names of those that are taken first, if the tool writes them."""
    known = runs(report)
    gathered = Gathered()
    for run in known:
        _gather(run, fingerprints, gathered)
    notes = (
        (f"{gathered.gone} results of earlier scans are marked as gone (baselineState absent)",)
        if gathered.gone
        else ()
    )
    commits = gathered.commits
    return known, ScanResult(
        findings=tuple(gathered.findings),
        errors=tuple(dict.fromkeys(gathered.errors)),
        commit=next(iter(commits)) if len(commits) == 1 else "",  # several: submodules, say
        made_at=max(gathered.ends, default=None),
        notes=notes,
    )


def _run(given: Mapping[str, object]) -> Run:
    if given.get("externalPropertyFileReferences"):
        raise UnreadableError("parts of the SARIF run stand in other files (externalPropertyFileReferences)")
    results, artifacts = given.get("results"), given.get("artifacts")
    rules = sarif_rules.Rules.read(given)
    return Run(
        given=given,
        tool=clean(word(inner(given, "tool", "driver", "name")) or "the tool", 60),
        results=None if results is None else listing(results, "a run's results"),
        rules=rules,
        overrides=tuple(sarif_levels.overrides(rules, one) for one in _invocations(given)),
        artifacts=artifacts if isinstance(artifacts, list) else [],
        folders=sarif_places.roots(given),
    )


def _invocations(given: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = given.get("invocations")
    return [] if found is None else [mapping(one, "an invocation") for one in listing(found, "invocations")]


def _gather(run: Run, fingerprints: tuple[str, ...], gathered: Gathered) -> None:
    for invocation in _invocations(run.given):
        gathered.errors += _failures(run, invocation)
        if end := moment(word(invocation.get("endTimeUtc"))):
            gathered.ends.append(end)
    for origin in objects(run.given.get("versionControlProvenance")):
        if COMMIT.fullmatch(commit := word(origin.get("revisionId")).lower()):
            gathered.commits.add(commit)
    for one in run.results or []:
        result = mapping(one, "a result")
        # 3.27.24: it was there in the baseline, and is not any more.
        if result.get("baselineState") == "absent":
            gathered.gone += 1
        elif finding := _finding(run, result, fingerprints, gathered.errors):
            gathered.findings.append(finding)


def _failures(run: Run, invocation: Mapping[str, object]) -> Iterable[str]:
    """What an invocation says went wrong (3.20.14, 3.20.21, 3.20.22)."""
    if invocation.get("executionSuccessful") not in (None, True):
        why = word(invocation.get("exitCodeDescription")) or word(invocation.get("processStartFailureMessage"))
        yield clean(f"{run.tool}: its run was not successful. {why}".rstrip(), ERROR_LIMIT)
    for kind in ("toolExecutionNotifications", "toolConfigurationNotifications"):
        for one in objects(invocation.get(kind)):
            level = one.get("level")
            if level not in (None, "none", "note", "warning"):  # absent: "warning" (3.58.6)
                text = word(inner(one, "message", "text")) or word(inner(one, "descriptor", "id")) or "an error"
                yield clean(f"{run.tool}: {text}", ERROR_LIMIT)


def _finding(
    run: Run, result: Mapping[str, object], fingerprints: tuple[str, ...], errors: list[str]
) -> Finding | None:
    rule = run.rules.of(result)
    graded = sarif_levels.severity(result, rule, _changed(run, result), errors)
    if graded is None:
        return None
    severity, original = graded
    place = sarif_places.place(result, run.artifacts, run.folders)
    message = _message(result.get("message"), rule.given)
    ids = _IDS.findall(rule.id)
    where = place.path or place.url or place.name
    url = word(rule.given.get("helpUri"))
    kind = Kind.WEB if place.url else Kind.CODE
    return Finding(
        rule=rule.id,
        title=_title(rule),
        severity=severity,
        kind=Kind.VULNERABILITY if ids else kind,
        original=original,
        description=message or _text(rule.given, "fullDescription"),
        location=where,
        # Fingerprints are there to find a result again after the lines above it changed (3.27.16, 3.27.17).
        key=(where, _fingerprint(result, fingerprints) or (f"line {place.line}" if place.line else "")),
        detail=(str(place.line or ""), str(place.column or "")),
        cves=cves(ids),
        aliases=tuple(one for one in ids if one.startswith("GHSA-") and one != rule.id),
        cwes=sarif_rules.weaknesses(rule.given, result),
        # Without `fixes` the report does not say: most tools never write them.
        fixable=True if result.get("fixes") else None,
        remediation=_text(rule.given, "help"),
        path=place.path,
        line=place.line,
        end_line=place.end_line,
        url=place.url or url,
        references=words([url, result.get("hostedViewerUri")]),
        suppressed=_suppressed(result.get("suppressions")),
    )


def _changed(run: Run, result: Mapping[str, object]) -> Mapping[tuple[int, int], str]:
    """The levels that the invocation which found a result had set; most results name none."""
    index = inner(result, "provenance", "invocationIndex")
    return run.overrides[index] if isinstance(index, int) and 0 <= index < len(run.overrides) else {}


def _title(rule: sarif_rules.Rule) -> str:
    given = rule.given
    text = _text(given, "shortDescription") or word(given.get("name")) or _text(given, "fullDescription") or rule.id
    line = text.split("\n", 1)[0].strip()
    return line if len(line) <= _TITLE_LIMIT else f"{line[: _TITLE_LIMIT - 3]}..."


def _text(rule: Mapping[str, object], key: str) -> str:
    return word(inner(rule, key, "text"))


def _message(message: object, rule: Mapping[str, object]) -> str:
    """A message (3.11): its text, or the rule's text of that name, with its arguments filled in."""
    text = word(inner(message, "text")) or word(inner(rule, "messageStrings", word(inner(message, "id")), "text"))
    given = inner(message, "arguments")
    arguments = [word(one) for one in given] if isinstance(given, list) else []

    def filled(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]  # doubled braces stand for one (3.11.5)
        return arguments[int(match[1])] if int(match[1]) < len(arguments) else match[0]

    return _ARGUMENT.sub(filled, text) if arguments else text


def _fingerprint(result: Mapping[str, object], preferred: tuple[str, ...]) -> str:
    """One fingerprint, with its name. Of several the first by name: a tool that adds a version 2 still writes version 1.

    Tools put other things there, too: Semgrep the words "requires login", Gitleaks the author's e-mail.
    """
    for kind, fitting in (("fingerprints", _ANY), ("partialFingerprints", _HASH)):
        given = result.get(kind)
        for name in (*preferred, *sorted(given)) if isinstance(given, dict) else ():
            text = word(inner(given, name))
            if fitting.search(name) and _FINGERPRINT.fullmatch(text):
                return f"{word(name)} {text}"
    return ""


def _suppressed(value: object) -> str:
    """Why the report calls a result suppressed; empty unless every suppression is accepted, which is what no status means
    (3.27.23, 3.35.3): one under review or rejected suppresses nothing."""
    if not isinstance(value, list) or not value:
        return ""
    reasons = []
    for one in value:
        if not isinstance(one, dict) or one.get("status") not in (None, "accepted"):
            return ""
        how = {"inSource": "in the source", "external": "outside the source"}.get(word(one.get("kind")), "")
        why = word(one.get("justification"))
        reasons.append(f"suppressed{f' {how}' if how else ''}{f': {why}' if why else ''}")
    return "; ".join(dict.fromkeys(reasons))


def did_not_scan(known: list[Run]) -> tuple[str, list[str]]:
    """Why nothing was scanned, if no run has a list of results; else an error for each run that has none."""
    silent = [shown(run.tool) for run in known if run.results is None]
    if not known:
        return "the log has no runs", []
    if len(silent) == len(known):
        return f"{', '.join(dict.fromkeys(silent))} did not scan: no run has results"[:ERROR_LIMIT], []
    return "", [f"{tool} did not scan: its run has no results" for tool in silent]
