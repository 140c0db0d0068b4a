"""index.html: a release for people, in one file. No script, nothing from elsewhere, every foreign text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from types import MappingProxyType
from typing import Final

from common import console
from common.clip import one_line
from common.page_style import CSS
from common.releases import folder
from recorder import model
from recorder.model import Evidence, File, Release, Stage

LINE: Final = 2000
_MORE_CSS: Final = """
table.list{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);font-size:.9rem}
.list caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.list th,.list td{border-bottom:1px solid var(--line);padding:.5rem .7rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.list th{overflow-wrap:break-word;min-width:7rem}.list th .soft{font-weight:400}
.list thead th{color:var(--soft);font-weight:500;font-size:.8rem;white-space:nowrap}.list tbody th{font-weight:600}
.list time{white-space:nowrap;font-variant-numeric:tabular-nums}
.list tr.stage>*{background:var(--code)}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}.open{color:var(--warn);font-weight:600}
.wide{overflow-x:auto}.list .mono{font-size:.76rem}
.quote{background:var(--card);border:1px solid var(--line);border-left:.3rem solid var(--line);border-radius:.4rem;margin:0;
padding:.7rem 1rem;overflow-wrap:anywhere}
@media(max-width:52rem){.list,.list tbody,.list tr{display:block}
.list thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.list tr{border-bottom:1px solid var(--line);padding:.55rem .8rem}.list tbody tr:last-child{border-bottom:0}
.list tbody th,.list tbody td{display:flow-root;border:0;padding:.1rem 0 .1rem 6rem;min-width:0;overflow-wrap:anywhere}
.list tbody th:empty,.list tbody td:empty{display:none}
.list tbody [data-label]::before{content:attr(data-label);float:left;width:5.5rem;margin-left:-6rem;color:var(--soft);font-weight:400;
font-size:.8rem;line-height:1.7}
.list time{white-space:normal}.list tr.stage,.list tr.stage>*{background:var(--code)}}
"""
_SHEET: Final = CSS + _MORE_CSS
_STYLE: Final = base64.b64encode(hashlib.sha256(_SHEET.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE}'; base-uri 'none'; form-action 'none'"

# Headline, and the header's look (common/page_style.py).
HEADLINES: Final = MappingProxyType(
    {
        model.ASKED: ("Waits for approval", "no-evidence"),
        model.APPROVED: ("Approved, not yet in production", "no-evidence"),
        model.RELEASED: ("Released", "pass"),
        model.REJECTED: ("Rejected", "findings"),
        model.FAILED: ("Not released: it failed", "findings"),
        model.STOPPED: ("Not released: somebody stopped it", "findings"),
        model.SUPERSEDED: ("Not released: a newer one took its place", "findings"),
        model.CANCELLED: ("Not released: the pipeline was changed meanwhile", "findings"),
        model.UNPROVEN: ("In production without proof", "findings"),
    }
)
# Heads of the tables' columns.
_APPROVAL: Final = ("Decision", "By", "Asked", "Answered")
_VERDICTS: Final = ("Scan", "Verdict", "Findings", "Evidence, each with its SHA-256")
_WAIVERS: Final = ("Scan", "Finding", "Who answers for it, until when, and why")
_GUARD: Final = ("Before", "Answer", "Why", "When")
_PUSHES: Final = ("By", "To the branch", "When")
_STAGES: Final = ("Stage and action", "Ended as", "Began", "Ended", "Detail")
_GOOD: Final = frozenset({"Succeeded", "pass", "approved"})
_OPEN: Final = frozenset({"InProgress", "waiting"})


def render(release: Release, region: str, bucket: str) -> bytes:
    """The page as UTF-8: the same release is always the same bytes."""
    return "".join(_Page(release, region, bucket).parts()).encode("utf-8", "replace")


def _line(text: str) -> str:
    return escape(one_line(text, LINE))


def _anchor(text: str, url: str) -> str:
    return f'<a rel="noreferrer noopener" href="{escape(url)}">{_line(text)}</a>'


def _word(word: str) -> str:
    look = "good" if word in _GOOD else "open" if word in _OPEN else "bad"
    return f'<span class="{look}">{_line(word)}</span>' if word else ""


def _mono(text: str) -> str:
    return f'<span class="mono">{_line(text)}</span>' if text else ""


def _hash(sha256: str) -> str:
    return f'<span class="mono soft" title="SHA-256">{_line(sha256)}</span>'


def _time(text: str) -> str:
    return f'<time datetime="{_line(text)}">{_line(text.replace("T", " ").removesuffix("Z"))}</time>' if text else ""


def _lasted(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s")]
    return " ".join(f"{number} {unit}" for number, unit in [part for part in parts if part[0]][:2]) or "0 s"


def _table(caption: str, heads: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="wide"><table class="list"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _row(heads: Sequence[str], first: str, *cells: str) -> str:
    """``heads``: of the table. Where the page is narrow there are no columns, and each cell shows its own: the style sheet."""
    label, *labels = heads
    rest = "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in zip(labels, cells, strict=True))
    return f'<tr><th scope="row" data-label="{label}">{first}</th>{rest}</tr>\n'


class _Page:
    """``region`` and ``bucket``: where the links lead."""

    def __init__(self, release: Release, region: str, bucket: str) -> None:
        self.release, self.region, self.bucket = release, region, bucket

    def parts(self) -> Iterator[str]:
        """From the first byte to the last."""
        release = self.release
        headline, look = HEADLINES[release.outcome]
        title = f"{headline} - {_line(release.pipeline)} {release.commit[:8]}"
        reason = f"<p>{_line(release.reason)}</p>" if release.reason else ""
        yield (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
            f"<title>{title}</title><style>{_SHEET}</style></head>\n<body>"
            f'<header class="{look}"><div><p class="scan">Release record &middot; {_line(release.pipeline)}</p>'
            f"<h1>{headline}</h1>{reason}{self._facts()}</div></header>\n<main>"
        )
        yield from (self._approval(), self._scans(), self._waived(), self._gates(), self._pushes(), self._stages())
        key = f"{folder(release.pipeline, release.execution)}/release.json"
        yield (
            f"<footer>All times are UTC, from CodePipeline. The same as data: {self._object('release.json', key)}."
            "</footer></main></body></html>\n"
        )

    def _object(self, text: str, key: str) -> str:
        return _anchor(text, console.s3_object(self.region, self.bucket, key))

    def _file(self, text: str, file: File | None) -> str:
        if file is None:
            return ""
        return f"<div>{self._object(text, file.key)} {_hash(file.sha256)}</div>"

    def _facts(self) -> str:
        release = self.release
        facts = {
            "Commit": _anchor(release.commit, console.commit(self.region, release.repository, release.commit)),
            "Message": _line(release.message),
            "Repository, branch": f"{_line(release.repository)}, {_line(release.branch)}",
            "Image": f"{_mono(release.registry)}@{_mono(release.digest)}"
            if release.registry
            else _mono(release.digest),
            "Image archive (SHA-256)": _mono(release.archive_sha256),
            "SBOM (CycloneDX)": self._sbom(),
            "Execution": _anchor(release.execution, console.execution(self.region, release.name, release.execution)),
            "Started by": _mono(release.trigger),
            "Started": _time(release.started),
            "Ended": _time(release.ended),
            "Commit to production": _lasted(release.seconds) if release.seconds is not None else "",
        }
        rows = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts.items() if text)
        return f'<dl class="facts">{rows}</dl>'

    def _sbom(self) -> str:
        sbom = self.release.sbom
        if sbom is None:
            return '<span class="bad">none</span>'
        digest = _hash(sbom.sha256) if sbom.sha256 else "too large to be hashed"
        return f"{self._object('sbom.cdx.json', sbom.key)}, {sbom.bytes:,} bytes<br>{digest}"

    def _approval(self) -> str:
        approval = self.release.approval
        if not approval.status:
            # The approval's own mail leads here, to a page from just before its action began.
            said = (
                "The approval is being asked for. No answer was recorded yet when this page was written."
                if self.release.outcome in model.OPEN
                else "Nobody was asked to approve it."
            )
            return f'<h2>Approval</h2>\n<p class="empty">{said}</p>\n'
        answer = f"<p>Answer: {_line(approval.answer)}</p>" if approval.answer else ""
        times = (_time(approval.asked), _time(approval.answered))
        rows = [_row(_APPROVAL, _word(approval.status), _mono(approval.by), *times)]
        return (
            "<h2>Approval</h2>\n"
            + _table("Who approved, and when", _APPROVAL, rows)
            + f'<p class="soft">The text that was asked:</p><blockquote class="quote">{_line(approval.question)}</blockquote>{answer}\n'
        )

    def _scans(self) -> str:
        rows = [self._scan(one) for one in self.release.evidence]
        return (
            f"<h2>Verdicts <span>{len(rows)}</span></h2>\n{_table('Every scan that a gate asks for', _VERDICTS, rows)}"
        )

    def _scan(self, one: Evidence) -> str:
        name = _line(f"{one.scanner} {one.scope}")
        title = self._object(f"{one.scanner} {one.scope}", one.page) if one.page else name
        gates = f'<br><span class="soft">for {_line(", ".join(one.gates))}</span>'
        word = _word(one.verdict) if one.state == "recorded" else _word(one.state)
        counts = ", ".join(f"{number:,} {name}" for name, number in one.counts.items() if number)
        policy = f"<div>policy {_hash(one.policy_sha256)}</div>" if one.policy_sha256 else ""
        until = f"<br>waivers hold until {_line(one.waived_until)}" if one.waived_until else ""
        return _row(
            _VERDICTS,
            f"{title}{gates}",
            f'{word}<br><span class="soft">{_line(one.reason)}</span>',
            f"{_line(counts) or ('none' if one.state == 'recorded' else '')}{until}",
            "".join([self._file("report", one.report), self._file("verdict.json", one.record), policy]),
        )

    def _waived(self) -> str:
        waived = self.release.waived
        if not waived:
            return '<h2>Waivers</h2>\n<p class="empty">No finding was waived.</p>\n'
        rows = [
            _row(
                _WAIVERS,
                _line(f"{one.scanner} {one.scope}"),
                f"{_mono(one.rule)}<br>{_line(one.title)}",
                _line(one.note),
            )
            for one in waived
        ]
        return f"<h2>Waivers <span>{len(rows):,}</span></h2>\n{_table('Findings that did not count', _WAIVERS, rows)}"

    def _gates(self) -> str:
        rows = [
            _row(_GUARD, _line(one.gate), _word(one.status) or "not asked", _line(one.message), _time(one.ended))
            for one in self.release.gates
        ]
        return f"<h2>Release guard</h2>\n{_table('The answers of the release guard', _GUARD, rows)}"

    def _pushes(self) -> str:
        if not self.release.pushes:
            return '<h2>Pushes</h2>\n<p class="empty">No push of this commit is recorded.</p>\n'
        rows = [_row(_PUSHES, _mono(one.pusher), _line(one.branch), _time(one.time)) for one in self.release.pushes]
        return f"<h2>Pushes</h2>\n{_table('Who pushed the commit', _PUSHES, rows)}"

    def _stages(self) -> str:
        rows = [row for stage in self.release.stages for row in _stage(stage)]
        return f"<h2>Stages</h2>\n{_table('Every run of every action', _STAGES, rows)}"


def _stage(stage: Stage) -> Iterator[str]:
    _, *rest = _STAGES
    _, began, ended, detail = rest
    yield (
        f'<tr class="stage"><th scope="rowgroup" colspan="2" data-label="Stage">{_line(stage.name)}</th>'
        f'<th data-label="{began}">{_time(stage.started)}</th><th data-label="{ended}">{_time(stage.ended)}</th>'
        f'<td data-label="{detail}"></td></tr>\n'
    )
    for run in stage.runs:
        said = f"{_line(run.message)} {_mono(run.external)}".strip()
        yield _row(("Action", *rest), _line(run.action), _word(run.status), _time(run.started), _time(run.ended), said)
