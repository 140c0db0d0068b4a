"""One JSON line per call: who asked, how it ended, how long it took. Never an event, never a report's content."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common.strict import clean

ERROR_LIMIT = 500


@contextmanager
def one_line(function: str, context: object) -> Iterator[dict[str, object]]:
    """Prints the dictionary that it hands out when the call ends, also when it ends with an exception."""
    line: dict[str, object] = {"function": function, "request": getattr(context, "aws_request_id", None)}
    started = time.monotonic()
    try:
        yield line
    except Exception as error:
        line["error"] = clean(f"{type(error).__name__}: {error}", ERROR_LIMIT)
        raise
    finally:
        line["milliseconds"] = round((time.monotonic() - started) * 1000)
        print(json.dumps(line), flush=True)
