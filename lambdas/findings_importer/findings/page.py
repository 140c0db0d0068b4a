"""index.html: a judgement for people, in one file. No script, nothing from elsewhere, every foreign text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as members
from datetime import UTC, datetime
from html import escape
from types import MappingProxyType
from typing import Final

from common.clip import clip, link, one_line, visible
from common.contract import Counts, Verdict
from common.page_style import CSS
from findings.model import Acceptance, Finding, Judged, Judgement, Package, Severity

# How many findings are shown with everything that the report says of them. A page of 10,000 descriptions opens on no phone;
# the others are there with what is needed to find and mend them, and findings.json beside the page has all of them.
DETAILED: Final = 1000
TEXT_LIMIT: Final = 6000
LINE_LIMIT: Final = 300
URL_LIMIT: Final = 2000
LISTED: Final = 20  # packages or references of one finding

HEADLINES: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.PASS: "Passed",
        Verdict.FINDINGS: "Blocked by findings",
        Verdict.TOOL_ERROR: "Not judged: the scan went wrong",
        Verdict.NO_EVIDENCE: "Not judged: no evidence of a scan",
    }
)
_EMPTY: Final = '<p class="empty">The report has no findings.</p>'
_ORDER: Final = {severity: number for number, severity in enumerate(Severity)}
# The style sheet by its hash: with "unsafe-inline", a style in a report's text would count, too.
_STYLE: Final = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE}'; base-uri 'none'; form-action 'none'"


def render(judgement: Judgement, policy_sha256: str, made: datetime) -> bytes:
    """The page as UTF-8. ``policy_sha256`` of the policy that judged, empty at a desk; ``made``: when, with its zone."""
    subject = judgement.subject
    what = _line(f"{subject.scanner} {subject.scope}")
    parts = [
        "<!doctype html>\n",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
        f"<title>{HEADLINES[judgement.verdict]} - {what} - {_line(subject.repository)}</title>",
        f"<style>{CSS}</style></head>\n<body>",
        f'<header class="{judgement.verdict.value}"><div><p class="scan">{what} &middot; {_line(subject.repository)}</p>',
        f"<h1>{HEADLINES[judgement.verdict]}</h1><p>{_line(judgement.reason, TEXT_LIMIT)}</p>",
        _facts(judgement, policy_sha256),
        f"{_counts(judgement.counts)}{_notes(judgement.notes)}</div></header>\n<main>",
        *([_EMPTY] if judgement.finished and not judgement.findings else ()),
        *_sections(judgement.findings),
        f"<footer>Made {made.astimezone(UTC).isoformat(sep=' ', timespec='minutes').removesuffix('+00:00')} UTC.",
        " The report as the scanner wrote it, and findings.json, stand beside this page." if policy_sha256 else "",
        "</footer></main></body></html>\n",
    ]
    return "".join(parts).encode("utf-8", "replace")


def _line(text: str, limit: int = LINE_LIMIT) -> str:
    return escape(one_line(text, limit))


def _block(text: str) -> str:
    """A text of several lines."""
    return escape(clip(visible(text).strip(), TEXT_LIMIT))


def _anchor(text: str, url: str) -> str:
    """``text``, as a link where ``url`` is one of http or https."""
    target = link(url, URL_LIMIT)
    return f'<a rel="noreferrer noopener nofollow" href="{escape(target)}">{_line(text)}</a>' if target else _line(text)


def _facts(judgement: Judgement, policy_sha256: str) -> str:
    subject = judgement.subject
    facts = {
        "Repository": subject.repository,
        "Branch": subject.branch,
        "Commit": subject.commit,
        "Image": subject.digest,
        "Pipeline": subject.pipeline,
        "Execution": subject.execution,
        "Policy (SHA-256)": policy_sha256,
        "Waivers hold until": judgement.waived_until,
    }
    rows = "".join(
        f'<div><dt>{name}</dt><dd class="mono">{_line(text)}</dd></div>' for name, text in facts.items() if text
    )
    return f'<dl class="facts">{rows}</dl>'


def _counts(counts: Counts) -> str:
    numbers = {member.name: int(getattr(counts, member.name)) for member in members(counts)}
    cells = "".join(f'<td class="{name if number else "zero"}">{number:,}</td>' for name, number in numbers.items())
    heads = "".join(f'<th scope="col">{name}</th>' for name in numbers)
    return f'<table class="counts"><tbody><tr>{cells}</tr><tr>{heads}</tr></tbody></table>'


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{_block(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _sections(findings: Sequence[Judged]) -> Iterable[str]:
    """Blocking findings, then those that count without blocking, then accepted ones; each by severity."""
    detailed = DETAILED
    for title, chosen in (
        ("Blocking", [one for one in findings if one.blocking]),
        ("Not blocking", [one for one in findings if not one.blocking and not one.acceptance]),
        ("Accepted", [one for one in findings if not one.blocking and one.acceptance]),
    ):
        if not chosen:
            continue
        yield f"<h2>{title} <span>{len(chosen):,}</span></h2>\n"
        ordered = sorted(chosen, key=lambda one: (_ORDER[one.finding.severity], one.finding.rule, one.finding.location))
        for number, judged in enumerate(ordered):
            if number == detailed:
                yield '<p class="soft">From here on without descriptions, which are in findings.json.</p>\n'
            yield _article(judged, detailed=number < detailed)
        detailed = max(0, detailed - len(chosen))


def _article(judged: Judged, *, detailed: bool) -> str:
    finding = judged.finding
    severity = finding.severity.value
    said = one_line(finding.original, LINE_LIMIT)
    word = f' <span class="soft">(the tool says: {escape(said)})</span>' if said and said.lower() != severity else ""
    title = _line(finding.title) or _line(finding.rule)
    where = f'<p class="mono">{_line(place(finding))}</p>' if place(finding).strip() else ""
    return (
        f'<article class="{severity}"><h3><span class="badge {severity}">{severity}</span>{title}{word}</h3>'
        f"<p>{_anchor(finding.rule, finding.url)}{_other_ids(finding)}</p>"
        f"{_packages(finding.packages)}{where}{_remediation(finding)}{_acceptance(judged.acceptance)}"
        f"{_details(finding) if detailed else ''}</article>\n"
    )


def place(finding: Finding) -> str:
    """Where the finding is, with the line of its file where that is known."""
    lines = f":{finding.line}" if finding.line else ""
    if finding.path and finding.path not in finding.location:
        return f"{finding.location} ({finding.path}{lines})" if finding.location else f"{finding.path}{lines}"
    return f"{finding.location}{lines}" if finding.location == finding.path else finding.location


def _other_ids(finding: Finding) -> str:
    others = dict.fromkeys(one for one in (*finding.cves, *finding.aliases, *finding.cwes) if one != finding.rule)
    names = ", ".join(list(others)[:LISTED])
    return f' <span class="soft">{_line(names)}</span>' if names else ""


def _packages(packages: Sequence[Package]) -> str:
    if not packages:
        return ""
    items = "".join(f"<li>{_package(package)}</li>" for package in packages[:LISTED])
    more = f'<li class="soft">and {len(packages) - LISTED:,} more</li>' if len(packages) > LISTED else ""
    return f"<ul>{items}{more}</ul>"


def _package(package: Package) -> str:
    manager = f' <span class="soft">{_line(package.manager)}</span>' if package.manager else ""
    fix = f'<span class="fix">{_line(", ".join(package.fixed_in))}</span>' if package.fixed_in else "no fix is known"
    return f'<span class="mono">{_line(package.name)} {_line(package.version)}</span>{manager} &rarr; {fix}'


def _remediation(finding: Finding) -> str:
    text = _line(finding.remediation, TEXT_LIMIT)
    if len(text) <= LINE_LIMIT:
        return f"<p>{text}</p>" if text else ""
    return f'<details><summary>What to do</summary><div class="text">{_block(finding.remediation)}</div></details>'


def _acceptance(acceptance: Acceptance | None) -> str:
    if not acceptance:
        return ""
    owner = f" by {_line(acceptance.owner)}" if acceptance.owner else ""
    until = f" until {acceptance.expires.isoformat()}" if acceptance.expires else ""
    return f'<p class="waived"><b>Accepted{owner}{until}:</b> {_line(acceptance.reason, TEXT_LIMIT)}</p>'


def _details(finding: Finding) -> str:
    """What takes room: folded away, so that the list stays a list."""
    scores = [f"CVSS {score.version}: {score.score:g} {score.vector} {score.source}" for score in finding.cvss[:LISTED]]
    facts = [
        *scores,
        *([f"EPSS: {finding.epss:.2%}"] if finding.epss is not None else []),
        *([f"Exploit: {finding.exploit}"] if finding.exploit else []),
    ]
    urls = [url for url in dict.fromkeys(finding.references) if link(url, URL_LIMIT)][:LISTED]
    items = [*(_line(fact) for fact in facts), *(_anchor(url, url) for url in urls)]
    description = _block(finding.description)
    if not items and not description:
        return ""
    text = f'<div class="text">{description}</div>' if description else ""
    listed = f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>" if items else ""
    return f"<details><summary>Description and references</summary>{text}{listed}</details>"
