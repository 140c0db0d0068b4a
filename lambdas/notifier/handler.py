"""Notifier: an event of EventBridge in, at most one mail out."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from notify.registry import handle
from notify.root import Context, build
from notify.service import Notifier

from common.log import one_line

HERE = Path(__file__).parent


@cache
def notifier(function_arn: str, function_name: str) -> Notifier:
    """Everything is built once per execution environment."""
    return build(
        policy=HERE.joinpath("policy.json").read_bytes(),
        settings=HERE.joinpath("notify.json").read_bytes(),
        bucket=os.environ["REPORTS_BUCKET"],
        function_arn=function_arn,
        function_name=function_name,
    )


def handler(event: object, context: Context) -> dict[str, str]:
    """Lambda's entry point. Every failure raises, so that Lambda retries and then keeps the event."""
    with one_line("notifier", context) as line:
        found, said = handle(notifier(context.invoked_function_arn, context.function_name), event)
        line.update(event=found.id, kind=found.kind, said=said)
        return {"said": said}
