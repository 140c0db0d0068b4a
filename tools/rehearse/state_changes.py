"""Events of a pipeline's executions and their stages, which CodePipeline sends to the account's default bus.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html. Those of actions and builds are
left out: no rule of this project's asks for them as long as nobody starts a build by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tools.emulator.process import Emulator
from tools.rehearse import roles
from tools.rehearse.history import FAILED, IN_PROGRESS, STOPPED, SUCCEEDED, SUPERSEDED, Execution

_STATES = {
    IN_PROGRESS: "STARTED", SUCCEEDED: "SUCCEEDED", FAILED: "FAILED", SUPERSEDED: "SUPERSEDED", STOPPED: "STOPPED",
}  # fmt: skip


def send(emulator: Emulator, execution: Execution, status: str) -> None:
    """Tell of an execution's begin or end. ``emulator``: as the account's root; the service needs no role for it."""
    trigger = {
        "trigger-type": execution.trigger["triggerType"],
        "trigger-detail": execution.trigger["triggerDetail"],
    }
    # "RESUMED: A failed pipeline execution has been retried in response to the RetryStageExecution API call."
    state = "RESUMED" if status == IN_PROGRESS and execution.attempt > 1 else _STATES[status]
    _send(emulator, execution, "Pipeline", {"execution-trigger": trigger, "state": state})


def send_stage(emulator: Emulator, execution: Execution, stage: str, status: str) -> None:
    """Tell of a stage's begin or end."""
    _send(emulator, execution, "Stage", {"stage": stage, "state": _STATES[status]})


def _send(emulator: Emulator, execution: Execution, level: str, more: Mapping[str, object]) -> None:
    detail = {
        "pipeline": execution.pipeline.name,
        "execution-id": execution.id,
        "version": 1.0,
        "pipeline-execution-attempt": float(execution.attempt),
        **more,
    }
    entry = {
        "Source": "aws.codepipeline",
        "DetailType": f"CodePipeline {level} Execution State Change",
        "Detail": json.dumps(detail),
        "Resources": [execution.pipeline.arn],
    }
    roles.client(emulator, "events").put_events(Entries=[entry])
