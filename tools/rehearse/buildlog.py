"""A build's log in CloudWatch Logs, under the project's role.

https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html (logs:CreateLogStream, logs:PutLogEvents)
"""

from __future__ import annotations

import time
from pathlib import Path

from tools.emulator.process import Emulator
from tools.rehearse import roles

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html: "1,048,576 bytes ... plus 26 bytes for each
# log event", "10,000" events, of at most 1 MB each.
_BYTES, _EVENTS, _OVERHEAD, _LINE = 1_000_000, 10_000, 26, 200_000  # characters, of up to four bytes


def last_error(log: Path) -> str:
    """The last line in which one of this project's scripts says why it fails, or ""."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.startswith("error: ")), "")


class Stream:
    """One build's. Raises ClientError where the role may not."""

    def __init__(self, role: Emulator, group: str, name: str) -> None:
        self._logs, self._group, self._name = roles.client(role, "logs"), group, name
        self._logs.create_log_stream(logGroupName=group, logStreamName=name)

    def put(self, log: Path) -> None:
        """All lines."""
        now, size = int(time.time() * 1000), 0
        batch: list[dict[str, object]] = []
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for text in (line[at : at + _LINE] or " " for line in lines for at in range(0, len(line) or 1, _LINE)):
            more = len(text.encode()) + _OVERHEAD
            if size + more > _BYTES or len(batch) == _EVENTS:
                self._send(batch)
                batch, size = [], 0
            batch.append({"timestamp": now, "message": text})
            size += more
        self._send(batch)

    def _send(self, batch: list[dict[str, object]]) -> None:
        if batch:
            self._logs.put_log_events(logGroupName=self._group, logStreamName=self._name, logEvents=batch)
