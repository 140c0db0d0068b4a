"""ministack as AWS's own services see EventBridge; run by .venv-emulator's Python.

Two things are otherwise. There is no CodeCommit in it, and it refuses events of ``aws.codecommit`` from anybody else, as AWS
does: here they are taken. And its rules call a function once; AWS's do it asynchronously, so that Lambda tries again and then
uses the function's dead-letter queue, as ministack itself does for a call of the type ``Event``.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html

It ends with its standard input, and takes its process group with it: it must be the leader of one.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import threading

from ministack import app
from ministack.services import eventbridge, lambda_svc


def call_asynchronously(arn: str, payload: str) -> None:
    """An event for a function, by the function's ARN."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise LookupError(f"a rule's target does not exist: {name}")
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def end_with_standard_input() -> None:
    sys.stdin.read()
    os.killpg(os.getpid(), signal.SIGKILL)


# Names of its inside: an assertion here is what a new version shall fail with.
assert callable(eventbridge._dispatch_to_lambda)
eventbridge._put_events = functools.partial(eventbridge._put_events, allow_aws_source=True)
eventbridge._dispatch_to_lambda = call_asynchronously
threading.Thread(target=end_with_standard_input, daemon=True).start()
app.main()
