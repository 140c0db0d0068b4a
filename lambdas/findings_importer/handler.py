"""Findings importer: a build's call in, an answer out; or an event of ECR, Inspector or CodeCommit in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from common.log import one_line
from findings.asff import Account
from findings.metrics import emit, emit_gone, fields
from findings.root import DEADLINE, Context, Root, build

POLICY = Path(__file__).with_name("policy.json")


@cache
def root(account: Account) -> Root:
    """Everything is built once per execution environment."""
    return build(POLICY.read_bytes(), os.environ["REPORTS_BUCKET"], account)


def handler(event: object, context: Context) -> dict[str, object]:
    """Lambda's entry point. Events come without an alias, builds only through theirs: none can pose as the other."""
    with one_line("findings-importer", context) as line:
        DEADLINE.context = context
        alias = context.invoked_function_arn.partition(":function:")[2].partition(":")[2]
        importer, events = root(Account.of_function(context.invoked_function_arn))
        if isinstance(event, Mapping) and not alias:
            handled = events.handle(event)
            emit(context.function_name, handled.results, importer.clock())
            if handled.gone:
                emit_gone(context.function_name, *handled.gone, importer.clock())
            line.update(event=event.get("id"), said=handled.said)
            return {"said": handled.said}
        outcome = importer.judge(event, alias)
        line.update(fields(context.function_name, outcome, importer.clock()), alias=alias)
        return outcome.answer.as_json()
