"""Ends of pipeline runs: counted once, and told once.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html

An execution is in one stage at a time, so one attempt at it fails in one stage: its stage's event and its pipeline's speak
of the same failure and share one key. A stage that is retried is a new attempt (``pipeline-execution-attempt``): told, and
counted, again. An event that does not say which attempt it is of must not be taken for the first: its failure is known by
when the failed action began, its other ends by their own time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from common import strict
from common.contract import AN_EXECUTION, EXECUTION, LINE
from common.policy import PipelinePolicy
from common.strict import MalformedError
from notify import failures
from notify.event import Event
from notify.executions import began
from notify.service import Notifier, execution_key
from notify.text import Message, foreign

PAUSES: Final = (0.0, 1.0, 2.0, 4.0)  # seconds before each look
STATES: Final = ("FAILED", "STOPPED", "CANCELED", "SUCCEEDED")
_ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "STOPPED": "was STOPPED by somebody",
        "CANCELED": "was CANCELED: the pipeline itself was changed while it ran",
        "SUCCEEDED": "went through",
    }
)

# The events say nothing of it.
_WHO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "STOPPED": "CloudTrail's event StopPipelineExecution says it",
        "CANCELED": "CloudTrail's event UpdatePipeline says who changed it",
    }
)


def pipeline_ended(notifier: Notifier, event: Event) -> str:
    """A run has ended, whichever way."""
    name, policy, hearers = notifier.pipeline(event.detail.get("pipeline"))
    state = strict.choice(event.detail.get("state"), "detail.state", STATES)
    execution = _execution(event)
    mark = str(_attempt(event) or f"at-{_stamp(event.time)}")
    counts = {"Runs": 1, "RunsSucceeded": int(state == "SUCCEEDED"), "RunsFailed": int(state == "FAILED")}
    notifier.count_once(execution_key(name, execution, f"counted-{mark}"), event, {"Pipeline": name}, counts)
    if state == "FAILED":
        return _tell_failure(notifier, event, "")
    if state == "SUCCEEDED" and policy.kind == "delivery":
        missing = _unproven(notifier, policy, execution)
        if missing:
            where = execution_key(name, execution, f"unproven-{mark}")
            return notifier.tell_once(
                where, event, hearers.topic, lambda: _unproven_message(notifier, name, policy, execution, missing)
            )
    if state == "SUCCEEDED" and not hearers.successes:
        return f"{name}: {execution} went through; nobody asked to be told"
    where = execution_key(name, execution, f"{state.lower()}-{mark}")
    return notifier.tell_once(where, event, hearers.topic, lambda: _ended(notifier, name, policy, event, state))


def _unproven(notifier: Notifier, policy: PipelinePolicy, execution: str) -> list[str]:
    """What a success lacks to be a release; CodePipeline's list may be some seconds behind its event."""
    missing: list[str] = []
    for pause in PAUSES:
        if pause:
            notifier.ledger.wait(pause)
        missing = notifier.executions.unproven(policy.name, execution)
        if not missing:
            break
    return missing


def _unproven_message(
    notifier: Notifier, name: str, policy: PipelinePolicy, execution: str, missing: Sequence[str]
) -> Message:  # fmt: skip
    said = f"{name} reached its end WITHOUT {' and '.join(missing)}"
    return Message.of(
        f"{notifier.audience.project}: {said}",
        f"{said}.",
        [
            ("Means", "production may run what nobody has approved or checked: the pipeline is not as it was deployed"),
            ("What now", "terraform plan in its stack shows what was changed, terraform apply brings it back"),
            ("By whom", _WHO["CANCELED"]),
            ("Pipeline", policy.name),
            *notifier.about(policy, execution),
            notifier.record(name, execution),
        ],
    )


def stage_failed(notifier: Notifier, event: Event) -> str:
    """A stage has failed, and so has its run."""
    strict.choice(event.detail.get("state"), "detail.state", ("FAILED",))
    return _tell_failure(notifier, event, strict.text(event.detail.get("stage"), "detail.stage", LINE, "a stage"))


def _tell_failure(notifier: Notifier, event: Event, stage: str) -> str:
    name, policy, hearers = notifier.pipeline(event.detail.get("pipeline"))
    execution, attempt = _execution(event), _attempt(event)
    mark = str(attempt) if attempt else _unnumbered(notifier, policy, execution, stage, event)
    where = execution_key(name, execution, f"failed-{mark}")
    return notifier.tell_once(
        where, event, hearers.topic, lambda: failures.message(notifier, name, policy, execution, attempt, stage)
    )


def _ended(notifier: Notifier, name: str, policy: PipelinePolicy, event: Event, state: str) -> Message:
    comments = event.detail.get("stop-execution-comments")
    why = foreign(comments, 200) if isinstance(comments, str) else ""
    end = _ENDS[state]
    return Message.of(
        f"{notifier.audience.project}: {name} {end.split(':')[0]}",
        f"{name} {end}.",
        [
            ("Why", f'"{why}"' if why else ""),
            ("By whom", _WHO.get(state, "")),
            ("Pipeline", policy.name),
            *notifier.about(policy, _execution(event)),
            *([notifier.record(name, _execution(event))] if state == "SUCCEEDED" and policy.kind == "delivery" else ()),
        ],
    )


def _execution(event: Event) -> str:
    return strict.text(event.detail.get("execution-id"), "detail.execution-id", EXECUTION, AN_EXECUTION)


def _attempt(event: Event) -> int:
    """AWS writes 1.0; its older examples have no attempt at all: 0."""
    value = event.detail.get("pipeline-execution-attempt")
    return int(value) if isinstance(value, (int, float)) and 1 <= value <= 10_000 else 0


def _unnumbered(notifier: Notifier, policy: PipelinePolicy, execution: str, stage: str, event: Event) -> str:
    """A mark for the failure of an attempt without a number: the same for its stage's event and its pipeline's, another for
    each retry. Where CodePipeline names no failed action it is the event's own: told twice is better than never."""
    try:
        failed = failures.failed_actions(notifier, policy.name, execution, stage)
    except MalformedError:
        failed = []
    started = [began(one) for one in failed if stage in ("", one.stage)]
    return f"began-{_stamp(max(started))}" if started else f"event-{event.id}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
