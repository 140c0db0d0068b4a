"""Work in child processes: each piece in one of its own, without output, ended at its limit."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

_BROKEN = 70


def children(work: Sequence[Callable[[], int]], jobs: int, limit: float) -> list[int]:
    """Each piece of work in a child of its own, without output; their exit codes. -9 if one takes longer than ``limit``."""
    codes = [0] * len(work)
    running: dict[int, tuple[int, float]] = {}
    started = 0
    while started < len(work) or running:
        while started < len(work) and len(running) < jobs:
            running[forked(work[started])] = (started, time.monotonic() + limit)
            started += 1
        for child, (number, end) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() > end:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
            if done:
                del running[child]
                codes[number] = os.waitstatus_to_exitcode(status)
                if codes[number] == _BROKEN:
                    sys.exit("this tool failed itself: no score would mean anything")
        time.sleep(0.002)
    return codes


def forked(work: Callable[[], int]) -> int:
    """Starts ``work`` in a child without output; the child's process id."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    os.setpgid(0, 0)
    code = _BROKEN
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        code = work()
    finally:
        os._exit(code)
