"""Processes that end with a block, whenever somebody stops this one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def child(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process in a session of its own; when the block ends, however it ends, it is killed with whatever it has started.
    ``options``: of subprocess.Popen."""
    process: subprocess.Popen[Any] | None = None
    try:
        with _undisturbed():
            process = subprocess.Popen(command, start_new_session=True, **options)
        yield process
    finally:
        if process:
            kill(process)
            with process:  # closes its pipes, waits for it
                pass


def kill(process: subprocess.Popen[Any]) -> None:
    """It and whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that stop this process arrive after the block: one that arrives while Popen is at work leaves a child that runs and
    that nobody knows of. Python calls their handlers in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in arrived:
            signal.raise_signal(late)
