"""The emulator's process, run by .venv-emulator's Python: ministack, with moto inside it for the services it lacks.

ministack runs with AUTH=true: it checks signatures and asks every role's policies, and the resources' own, about every call.
What is routed to moto or to a stand-in is asked about in the same way. It ends with its standard input, and takes its
process group with it: it must be the leader of one. In its working directory it writes authorizations.jsonl, and reads
stand-in, if there is one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import asking
import authorizations
import gaps
import pipeline_targets
import routes
import watching
from ministack import app


def end_with_standard_input() -> None:
    """Whoever started this holds the other side; when that goes, nothing of this stays, functions' processes included."""
    sys.stdin.read()
    os.killpg(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Fill the gaps, then serve."""
    for gap in (*gaps.GAPS, *asking.GAPS, *pipeline_targets.GAPS, *watching.GAPS):
        gap.fill()
    routes.install(stand_in=Path("stand-in").resolve())
    authorizations.install(Path("authorizations.jsonl").resolve())
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    sys.argv = sys.argv[:1]  # ministack reads the rest as its own
    app.main()


if __name__ == "__main__":
    main()
