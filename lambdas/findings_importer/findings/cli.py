"""The same parsers, gate, ASFF and page as in the function, for one file and without AWS."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields as members
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from common import strict
from common.contract import A_COMMIT, COMMIT, SCOPES, Counts, Verdict
from common.policy import SEVERITIES, GateRule, Waiver
from common.strict import MalformedError, clean
from findings import asff, gate, page, parsers
from findings.model import Judgement, ScanResult, Severity, Subject, UnreadableError

EXITS: Final = {Verdict.PASS: 0, Verdict.FINDINGS: 1, Verdict.TOOL_ERROR: 2, Verdict.NO_EVIDENCE: 3}
UNREADABLE: Final = 2
AUTO: Final = "auto"
# What ASFF must name: the account that AWS's own documents use, since there is none here.
ACCOUNT: Final = asff.Account("aws", "us-east-1", "123456789012")
_SCOPES: Final = ["", *sorted({scope for scopes in SCOPES.values() for scope in scopes} | {"report"})]
_RULE_WIDTH, _TITLE_WIDTH, _PLACE_WIDTH = 34, 60, 80  # characters at most
_GAPS: Final = 8  # between five columns


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 pass, 1 findings, 2 tool error or a file that cannot be read, 3 no evidence."""
    options = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    try:
        raw = _content(options.report)
        waivers = read_waivers(options.waivers) if options.waivers else []
    except (OSError, MalformedError) as error:
        return _complain(str(error))
    for waiver in waivers:
        if waiver.expires < now.date():
            _say(f"the waiver for {waiver.rule} ended on {waiver.expires}: it does not count")
    if raw is None:
        _say(f"there is no file {options.report}")
    scanner, report = _read(options.scanner, raw)
    subject = Subject(
        scanner=scanner,
        scope=options.scope or _scope(scanner, report),
        pipeline="desk",
        execution="",
        repository=options.repository,
        branch=options.branch,
        commit=options.commit,
    )
    rule = GateRule(options.fail_on, options.report_only, options.only_fixable, options.ungraded)
    judgement = gate.judge(subject, report, options.exit_code, gate.Terms(rule, waivers, now.date()))
    try:
        if sys.stdout is None:
            raise OSError("standard output is closed")
        _FORMATS[options.format](judgement, now)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: the verdict stands in the exit code all the same
        _forget_output()
    except OSError as error:
        _forget_output()
        return _complain(f"cannot write: {error}")
    return EXITS[judgement.verdict]


def read_waivers(file: Path) -> list[Waiver]:
    """Waivers from a JSON file: a list as in pipelines.yaml, or an object with such a list under ``waivers``.

    ``location`` may be missing. ``OSError``, ``MalformedError``.
    """
    document = strict.loads(file.read_bytes(), file.name)
    given = document["waivers"] if isinstance(document, dict) and "waivers" in document else document
    return [
        Waiver.parse({"location": None, **one} if isinstance(one, dict) else one, f"{file.name}[{number}]")
        for number, one in enumerate(strict.items(given, file.name))
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m findings",
        description="Judge a scanner's report as the findings importer would.",
        epilog="Exit codes: 0 pass, 1 findings, 2 tool error or unreadable file, 3 no evidence.",
    )
    parser.add_argument("--scanner", required=True, choices=[*parsers.PARSERS, AUTO], help="who wrote the report")
    parser.add_argument("--report", required=True, metavar="FILE", help="the report; - for standard input")
    parser.add_argument(
        "--scope", default="", choices=_SCOPES, help="what was scanned, such as image (part of the findings' ids)"
    )
    parser.add_argument("--repository", default="repository", help="part of the findings' ids")
    parser.add_argument("--branch", default="main", help="part of the findings' ids")
    parser.add_argument("--commit", default="", type=_commit, help="a report that names another commit is no evidence")
    parser.add_argument("--fail-on", default="high", choices=SEVERITIES, help="least severity that blocks")
    parser.add_argument("--only-fixable", action="store_true", help="findings without a fix do not block")
    parser.add_argument("--report-only", action="store_true", help="findings never block; a tool error does")
    parser.add_argument("--ungraded", default="block", choices=("block", "report"), help="findings without severity")
    parser.add_argument("--waivers", type=Path, metavar="FILE", help="JSON list of waivers, keys as in pipelines.yaml")
    parser.add_argument("--exit-code", type=int, default=0, help="with which the scanner ended, if not 0")
    parser.add_argument("--format", default="json", choices=sorted(_FORMATS), help="json for tools, others for people")
    return parser


def _content(name: str) -> bytes | None:
    """The report; None if there is no such file."""
    if name == "-":
        if sys.stdin is None:
            raise OSError("standard input is closed")
        return sys.stdin.buffer.read()
    if not name:
        raise OSError("--report needs the name of a file")
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        return None


def _read(scanner: str, raw: bytes | None) -> tuple[str, ScanResult | UnreadableError | None]:
    if not raw:
        return scanner, None
    try:
        scanner = parsers.recognize(raw) if scanner == AUTO else scanner
    except UnreadableError as error:
        return "any scanner", error
    try:
        return scanner, parsers.read(scanner, raw)
    except UnreadableError as error:
        return scanner, error


def _scope(scanner: str, report: ScanResult | UnreadableError | None) -> str:
    """What the report says that it is of; else the scanner's first scope."""
    if isinstance(report, ScanResult) and (report.scope or report.target == "image"):
        return report.scope or "image"
    return min(SCOPES.get(scanner, {"report"}))


def _commit(text: str) -> str:
    if text and not COMMIT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{A_COMMIT} is right, not {text!r}")
    return text


def _say(text: str) -> None:
    print(f"findings: {clean(text, 500)}", file=sys.stderr)


def _complain(text: str) -> int:
    _say(text)
    return UNREADABLE


def _forget_output() -> None:
    """What could not be written must not be tried again when Python ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_json(judgement: Judgement, now: datetime) -> None:
    documents = [asff.document(one, judgement.subject, ACCOUNT, created=now, updated=now) for one in judgement.findings]
    document = {
        "verdict": judgement.verdict.value,
        "counts": {member.name: getattr(judgement.counts, member.name) for member in members(Counts)},
        "blocking": judgement.blocking,
        "reason": clean(judgement.reason, 1000),
        "findings": documents,
    }
    print(json.dumps(document, indent=1))


def _as_table(judgement: Judgement, now: datetime) -> None:
    print(f"{judgement.verdict.upper()}  {clean(judgement.summary, 200)}")
    print(f"{clean(judgement.reason, 500)}")
    order = list(Severity)
    rows = [
        (
            "BLOCKS" if one.blocking else "waived" if one.acceptance else "",
            one.finding.severity.value,
            _middle(clean(one.finding.rule, 200), _RULE_WIDTH),
            clean(one.finding.title, _TITLE_WIDTH),
            _middle(clean(page.place(one.finding) or one.finding.url, 1000), _PLACE_WIDTH),
        )
        for one in sorted(judgement.findings, key=lambda one: (not one.blocking, order.index(one.finding.severity)))
    ]
    if rows:
        _print_rows([("", "severity", "rule", "title", "where"), *rows])
    for note in judgement.notes:
        print("\n" + "\n".join(clean(line, 1000) for line in note.splitlines()))


def _print_rows(rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    """In columns, within the terminal's width where that is possible: the title gives way first, then the place."""
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    over = sum(widths) + _GAPS - shutil.get_terminal_size((160, 24)).columns
    for column, least in ((3, 16), (4, 24)):
        cut = max(0, min(over, widths[column] - least))
        widths[column] -= cut
        over -= cut
    print()
    for row in rows:
        cells = [*row[:3], clean(row[3], widths[3]), _middle(row[4], widths[4])]
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _middle(text: str, width: int) -> str:
    """Cut in the middle: a path or a rule tells most at its end."""
    if len(text) <= width:
        return text
    head = (width - 3) // 3
    return f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def _as_html(judgement: Judgement, now: datetime) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(page.render(judgement, "", now))


_FORMATS: Final = {"json": _as_json, "table": _as_table, "html": _as_html}
