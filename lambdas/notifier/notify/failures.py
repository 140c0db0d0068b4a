"""What a failed run's message says: where it stopped, why, and the worst that a gate has found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

from common.contract import SCOPES, Record, Verdict, folder, verdict_key
from common.executions import Attempt
from common.policy import PipelinePolicy
from common.strict import MalformedError
from notify.executions import began
from notify.service import Notifier
from notify.text import Message, foreign
from notify.worst import worst

SHOWN: Final = 3  # failed actions, and findings of each gate
LOOKS: Final = 4  # for the failed action; CodePipeline's event may be ahead of its own list
REASON_LIMIT: Final = 500
RECORD_LIMIT: Final = 64 * 1024
FINDINGS_LIMIT: Final = 32 * 1024 * 1024


@dataclass(frozen=True)
class _Gate:
    """A verdict that stopped this run. ``key``: of its folder."""

    record: Record
    key: str


def message(
    notifier: Notifier, name: str, policy: PipelinePolicy, execution: str, attempt: int, stage: str
) -> Message:  # fmt: skip
    """``stage``: the one that failed, if the event says so; else CodePipeline is asked. ``attempt``: 0 if nobody says."""
    unknown = "CodePipeline names no failed action; the run's page may say more"
    try:
        failed = failed_actions(notifier, policy.name, execution, stage)
    except MalformedError as error:  # more than can be read: rather a mail without its reason than none
        failed, unknown = [], f"{error}; the run's page says more"
    stage = stage or (failed[-1].stage if failed else "")
    failed = [one for one in failed if one.stage == stage]
    rows: list[tuple[str, str]] = []
    reports: list[tuple[str, str]] = []
    verdicts: set[Verdict] = set()
    head = ""
    for one in failed[:SHOWN]:
        gates = list(_gates(notifier, name, execution, one))
        for gate in gates:
            answer = gate.record.answer
            rows.append(
                (
                    one.action,
                    f"{gate.record.scanner} {gate.record.scope}: {answer.verdict}: {foreign(answer.reason, REASON_LIMIT)}",
                )
            )
            rows += [("", line) for line in _worst(notifier, gate)]
            verdicts.add(answer.verdict)
            reports.append(notifier.report(f"{gate.key}/index.html"))
            head = head or foreign(answer.summary, 80)
        if not gates:
            rows.append((one.action, _reason(one)))
    if len(failed) > SHOWN:
        more = len(failed) - SHOWN
        rows.append(("", f"{more} more action{'' if more == 1 else 's'} of this stage failed"))
    if not failed:
        rows.append(("Why", unknown))
    actions = [one.action for one in failed]
    named = f" ({', '.join(actions[:SHOWN])})" if actions else ""
    place = f"{stage or 'an unknown stage'}{named}"
    again = f", attempt {attempt}" if attempt > 1 else ""
    return Message.of(
        f"{notifier.audience.project}: {name} FAILED in {place}{again}{f': {head}' if head else ''}",
        f"{name} FAILED in {place}{again}.{f' {head}.' if head else ''}",
        [
            *rows,
            ("Means", _means(policy, stage, actions)),
            ("What now", _what_now(verdicts)),
            ("Pipeline", policy.name),
            *notifier.about(policy, execution),
            *reports,
            *([notifier.record(name, execution)] if policy.kind == "delivery" and stage == "Production" else ()),
        ],
    )


def _means(policy: PipelinePolicy, stage: str, actions: Sequence[str]) -> str:
    """Whether what people use has changed: a delivery's last action, and no other, touches production."""
    if policy.kind != "delivery" or not stage:
        return ""
    if stage != "Production" or (actions and "deploy" not in actions):
        return "production goes on as it is"
    return "production was being changed: the last release is put back if there is one; look whether it runs"


def _what_now(verdicts: Set[Verdict]) -> str:
    if Verdict.FINDINGS in verdicts:
        return "mend what blocks by a new commit, or accept it for a while: waivers in pipelines.yaml"
    if verdicts:
        return "this says nothing of the code: mend the scan, then choose Retry stage on the run's page"
    return ""


def failed_actions(notifier: Notifier, pipeline: str, execution: str, stage: str) -> list[Attempt]:
    """Actions whose latest run has failed, the earliest first; CodePipeline is asked again while it names none of ``stage``."""
    found: Sequence[Attempt] = ()
    for look in range(LOOKS):
        if look:
            notifier.ledger.wait(1.0)
        found = notifier.executions.failed(pipeline, execution)
        if any(stage in ("", one.stage) for one in found):
            break
    return list(found)


def _gates(notifier: Notifier, name: str, execution: str, failed: Attempt) -> Iterator[_Gate]:
    """Verdicts other than pass of a scanner's action: an action has its scanner's name. Only those of this run of the
    action: an earlier attempt's verdict stands at the same key."""
    for scope in sorted(SCOPES.get(failed.action, ())):
        try:
            found = notifier.store.read(verdict_key(name, execution, failed.action, scope), RECORD_LIMIT)
            # S3 says when in whole seconds: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
            if found is None or found.modified < began(failed).replace(microsecond=0):
                continue
            record = Record.parse(found.data)
        except MalformedError:  # the guard refuses such a record, and says so
            continue
        if (record.pipeline, record.execution) == (name, execution) and record.answer.verdict is not Verdict.PASS:
            yield _Gate(record, folder(name, execution, failed.action, scope))


def _worst(notifier: Notifier, gate: _Gate) -> list[str]:
    """The worst findings, one line each; what keeps them from being read is said in their place."""
    if gate.record.answer.verdict is not Verdict.FINDINGS:
        return []
    try:
        found = notifier.store.read(f"{gate.key}/findings.json", FINDINGS_LIMIT)
        lines = worst(found.data, SHOWN) if found else []
    except MalformedError as error:
        return [f"(the findings cannot be shown here: {error})"]
    more = gate.record.answer.blocking - len(lines)
    return [*lines, *([f"and {more} more that block{'s' if more == 1 else ''}"] if lines and more > 0 else [])]


def _reason(failed: Attempt) -> str:
    if failed.category == "Approval":
        who = foreign(failed.updated_by or "", 200)
        words = foreign(failed.summary or failed.error or "", 200)
        said = f', saying: "{words}"' if words else ""
        return f"not approved{f' by {who}' if who else ''}{said}"
    reason = failed.error or failed.summary or "CodePipeline says no reason; its log does"
    # A build's own last words stand behind what CodeBuild and CodePipeline say around them.
    return foreign(reason.rpartition("; error: ")[2], REASON_LIMIT)
