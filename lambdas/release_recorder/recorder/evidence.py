"""What the importer has recorded of an execution: verdicts, findings that were waived, pushes; and the image's SBOM."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final, Protocol

from common import pushes, strict
from common.clip import one_line
from common.contract import Record, folder, raw_key, verdict_key
from common.policy import GATES, PipelinePolicy, Scan
from common.pushes import Push
from common.strict import MalformedError, clean
from recorder.model import Evidence, File, Pushed, Sbom, Waived

LISTED: Final = 500  # waived findings of one scan; findings.json has all
TEXT: Final = 600


class Records(Protocol):
    """What is read of the reports bucket."""

    def read(self, key: str) -> bytes | None:
        """A verdict or a push; None if there is none."""

    def keys(self, folder: str) -> list[str]:
        """All keys that begin with ``folder``."""

    def lines(self, key: str) -> Iterator[bytes]:
        """The object's lines; none if it is not there."""

    def sbom(self, key: str) -> Sbom | None:
        """Its hash and size; None if there is none."""


def collect(records: Records, name: str, pipeline: PipelinePolicy, execution: str) -> tuple[Evidence, ...]:
    """One for each scan that a gate of the pipeline asks for, in the gates' order. ``name``: in pipelines.yaml."""
    gates: dict[Scan, list[str]] = {}
    for gate in GATES:
        for scan in pipeline.required[gate]:
            gates.setdefault(scan, []).append(gate)
    return tuple(_evidence(records, name, execution, scan, tuple(asked)) for scan, asked in gates.items())


def _evidence(records: Records, name: str, execution: str, scan: Scan, gates: tuple[str, ...]) -> Evidence:
    key = verdict_key(name, execution, scan.scanner, scan.scope)
    data = records.read(key)
    if data is None:
        return _without(scan, gates, "missing", "no verdict is recorded")
    try:
        record = Record.parse(data)
    except MalformedError as error:
        return _without(scan, gates, "unreadable", clean(str(error), TEXT))
    if record.key != key:
        return _without(scan, gates, "unreadable", f"a record of {clean(record.key, TEXT)} stands in its place")
    answer = record.answer
    raw = raw_key(name, execution, scan.scanner, scan.scope)
    return Evidence(
        scanner=scan.scanner,
        scope=scan.scope,
        gates=gates,
        state="recorded",
        verdict=answer.verdict.value,
        summary=answer.summary,
        reason=answer.reason,
        counts=asdict(answer.counts),
        blocking=answer.blocking,
        report=File(raw, record.report_sha256) if record.report_sha256 else None,
        page=f"{folder(name, execution, scan.scanner, scan.scope)}/index.html" if answer.page else "",
        record=File(key, hashlib.sha256(data).hexdigest()),
        policy_sha256=record.policy_sha256,
        waived_until=record.waived_until,
    )


def _without(scan: Scan, gates: tuple[str, ...], state: str, why: str) -> Evidence:
    return Evidence(scan.scanner, scan.scope, gates, state, "", "", why, {}, 0, None, "", None, "", "")


def waived(records: Records, name: str, execution: str, evidence: Sequence[Evidence]) -> tuple[Waived, ...]:
    """The findings that did not count, from the importer's findings.json: it has each on a line of its own, with the note
    of who answers for it. Only those of scans whose verdict counts such ones are read."""
    found: list[Waived] = []
    for one in evidence:
        if not one.counts.get("waived"):
            continue
        listed: list[Waived] = []
        key = f"{folder(name, execution, one.scanner, one.scope)}/findings.json"
        for line in records.lines(key):
            if b'"SUPPRESSED"' in line and (waiver := _waived(one, line)):
                listed.append(waiver)
                if len(listed) == LISTED:
                    break
        found += sorted(listed, key=lambda waiver: (waiver.rule, waiver.title))
    return tuple(found)


def _waived(one: Evidence, line: bytes) -> Waived | None:
    """The finding on one line; None if it is not waived. ``MalformedError`` for a line that the importer would not write."""
    finding = strict.entries(strict.loads(line.rstrip(b",\n "), "findings.json"), "findings.json")
    workflow, note = finding.get("Workflow"), finding.get("Note")
    if not isinstance(workflow, dict) or not isinstance(note, dict) or workflow.get("Status") != "SUPPRESSED":
        return None
    rule = str(finding.get("GeneratorId", "")).removeprefix(f"{one.scanner}/")
    return Waived(
        scanner=one.scanner,
        scope=one.scope,
        rule=one_line(rule, TEXT),
        title=one_line(str(finding.get("Title", "")), TEXT),
        note=one_line(str(note.get("Text", "")), TEXT),
    )


def pushed(records: Records, pipeline: PipelinePolicy, commit: str) -> tuple[Pushed, ...]:
    """Who pushed the commit, to whichever branch; none where pushes are not recorded."""
    if not pipeline.separation_of_duties:
        return ()
    found = []
    for key in records.keys(pushes.folder(pipeline.repository, commit)):
        data = records.read(key)
        if data is None:
            raise MalformedError(f"{key} is gone")
        push = Push.parse(data)
        if push.key != key:
            raise MalformedError(f"{key} is a record of another push")
        found.append(Pushed(clean(push.pusher, TEXT), one_line(push.branch, TEXT), push.time, push.id))
    return tuple(sorted(found, key=lambda one: (one.time, one.event)))


def sbom(records: Records, name: str, pipeline: PipelinePolicy, execution: str) -> Sbom | None:
    """What Verify/grype leaves beside its report of the image (buildspecs/scripts/grype.py)."""
    if "grype" not in pipeline.gate:
        return None
    return records.sbom(f"{folder(name, execution, 'grype', 'image')}/sbom.cdx.json")
