"""Who stops a tool at any moment leaves no process behind, and does not wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The signal comes at the worst moments: the child runs and Popen has not returned; the time limit's thread runs.
STOPPED = """
import os, pathlib, signal, subprocess, sys, threading
from tools.apply_local.checkout import Checkout

def then_stopped(begin):
    def begun(self, *arguments, **options):
        begin(self, *arguments, **options)
        if getattr(self, "pid", None):
            print(self.pid, flush=True)
        if type(self).__name__ == moment:
            os.kill(os.getpid(), int(sys.argv[2]))
    return begun

moment = sys.argv[3]
subprocess.Popen.__init__ = then_stopped(subprocess.Popen.__init__)
threading.Timer.start = then_stopped(threading.Timer.start)
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    Checkout(pathlib.Path(sys.argv[1]), (), {"PATH": os.defpath}).run(["sleep", "61"])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("moment", ["Popen", "Timer"])
@pytest.mark.parametrize(("signalled", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_it_begins_a_command_it_ends_at_once_and_leaves_none(
    tmp_path: Path, signalled: signal.Signals, code: int, moment: str
) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, tmp_path, str(int(signalled)), moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code
    assert not Path(f"/proc/{int(done.stdout)}").exists()
    assert time.monotonic() - began < 60, "it has waited for the command"
