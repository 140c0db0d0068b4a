"""Time and memory of ``make synth`` against the plain import of the AWS bindings, paired in one run.

Prints the medians and their ratio. The machine's speed cancels out: both are measured in turn, A B A B.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
PLAIN_IMPORT = [sys.executable, "-c", "import cdktf_cdktf_provider_aws"]
SYNTH = [sys.executable, str(ROOT / "main.py")]


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of wall time, and the peak memory (MiB) of the largest process among the children so far."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False, timeout=300)
    elapsed = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{command}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return elapsed, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Print one line for each command, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CDKTF_OUTDIR": folder, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"}
        measure(SYNTH, environment)  # warm: compiled modules, jsii's cache
        # Peak memory is the largest so far, so the small one comes first.
        synth, memory = [], 0.0
        for _ in range(ROUNDS):
            seconds, memory = measure(SYNTH, environment)
            synth.append(seconds)
        plain = [measure(PLAIN_IMPORT, environment)[0]]
        plain_memory = measure(PLAIN_IMPORT, environment)[1]
        for _ in range(ROUNDS - 1):
            synth.append(measure(SYNTH, environment)[0])
            plain.append(measure(PLAIN_IMPORT, environment)[0])
    for name, values, peak in (("make synth", synth, memory), ("plain import", plain, plain_memory)):
        print(
            f"{name:13} median {statistics.median(values):6.2f} s   min {min(values):6.2f}   max {max(values):6.2f}   "
            f"largest process {peak:6.0f} MiB"
        )
    print(f"ratio {statistics.median(synth) / statistics.median(plain):.3f} (synth / plain import)")


if __name__ == "__main__":
    main()
