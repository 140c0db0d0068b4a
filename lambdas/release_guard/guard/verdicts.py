"""Has this scan passed, for this execution, commit and image?"""

from __future__ import annotations

from datetime import date
from typing import Final

from common.contract import IMAGE_SCOPES, Record, Verdict
from common.policy import PipelinePolicy, Scan
from common.strict import MalformedError, clean
from guard.call import GuardCall

QUOTED: Final = 200  # characters of what the importer wrote
_ADVICE: Final = {
    Verdict.FINDINGS: "fix or waive them, then start a new run",
    Verdict.TOOL_ERROR: "see the log of its build, then start a new run",
    Verdict.NO_EVIDENCE: "see the log of its build, then start a new run",
}


def objection(call: GuardCall, pipeline: PipelinePolicy, scan: Scan, data: bytes | None, today: date) -> str | None:
    """Why ``data``, the content of the scan's verdict.json, is no pass for this release; None if it is one.

    ``today``: in UTC. A waiver holds through its last day, as it does for the importer.
    """
    if data is None:
        return "no verdict is recorded: see why its build did not end with one, then start a new run"
    try:
        record = Record.parse(data)
    except MalformedError as error:
        return f"unreadable record ({clean(str(error), QUOTED)}): start a new run"
    foreign = _foreign(call, pipeline, scan, record)
    if foreign:
        return f"record of {foreign}: start a new run"
    if record.answer.verdict is not Verdict.PASS:
        return f"{record.answer.verdict} ({clean(record.answer.reason, QUOTED)}): {_ADVICE[record.answer.verdict]}"
    if not record.report_sha256:
        return "pass without a report: start a new run"
    if record.waived_until and record.waived_until < today.isoformat():
        return f"its waiver ended on {record.waived_until}: fix the finding or renew the waiver, then start a new run"
    return None


def _foreign(call: GuardCall, pipeline: PipelinePolicy, scan: Scan, record: Record) -> str | None:
    """What else the record is of. It must say of itself what its key says: a copy of another's record is none."""
    if record.pipeline != call.pipeline:
        return f"another pipeline ({record.pipeline})"
    if record.execution != call.execution:
        return f"another execution ({record.execution})"
    if (record.scanner, record.scope) != (scan.scanner, scan.scope):
        return f"another scan ({record.scanner} {record.scope})"
    if record.origin.repository != pipeline.repository:
        return f"another repository ({record.origin.repository})"
    if record.origin.branch != pipeline.branch:
        return f"another branch ({record.origin.branch})"
    if record.origin.commit != call.commit:
        return f"another commit ({record.origin.commit})"
    if scan.scope in IMAGE_SCOPES and record.digest != call.digest:
        return f"another image ({record.digest or 'none named'})"
    return None
