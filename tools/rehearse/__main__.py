"""``make rehearse``: a commit travels through the pipelines that Terraform describes, on this machine.

SCENARIO=name|all (or an argument), LIST=1, MATRIX=1, REPORTS=folder to keep reports and logs in. Without a name: the one that ends red
for the plainest reason. MATRIX=1 shows what becomes of a commit when a part of the gate breaks, fault by scanner, which is never a
pass, and controls, which are; ``all`` ends with it. Exit code 0: every scenario and every cell has ended as it must, which for most is that a pipeline has stopped; 1: one has not;
2: one could not be run to its end.
REHEARSED_AT: the folder that ``python -m tools.apply_local --keep tools/rehearse/pipelines.yaml`` prints; then nothing is deployed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modules import bindings

bindings.start(os.environ).result()

from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402 - the bindings above come first

from stacks.settings import MistakesError  # noqa: E402
from tools.apply_local.checkout import FailedError  # noqa: E402
from tools.apply_local.life import Life, attached, begun, temporary  # noqa: E402
from tools.emulator.process import ROOT, EmulatorError  # noqa: E402
from tools.rehearse import parts, show  # noqa: E402
from tools.rehearse.described import NotRehearsedError  # noqa: E402
from tools.rehearse.run import NotRunError, Rehearsal, Result, deployed  # noqa: E402
from tools.rehearse.scenarios import SCENARIOS, Scenario, named  # noqa: E402
from tools.rehearse.standins import StandInError  # noqa: E402
from tools.terraform_cli import TerraformMissingError  # noqa: E402

PIPELINES = Path(__file__).parent / "pipelines.yaml"
FAULTS = ROOT / "tests" / "rehearsal" / "faults.py"
FIRST = "planted-key"
OK, OTHERWISE, NOT_RUN = 0, 1, 2


def say(text: str) -> None:
    """At once: this takes minutes."""
    print(text, flush=True)


def listed() -> int:
    """Every scenario, and how it ends."""
    for scenario in SCENARIOS:
        missing = parts.missing(scenario)
        ends = "stops" if scenario.red else "goes through"
        say(f"{scenario.name:<24}{ends:<14}{f'cannot run yet: {missing}' if missing else scenario.says}")
    return OK


@contextmanager
def lived(folder: Path) -> Iterator[Life]:
    """Deployed stacks: those that somebody keeps, or new ones."""
    if kept := os.environ.get(parts.KEPT_AT):
        yield attached(Path(kept), PIPELINES, say)
        return
    say(f"Deploying {PIPELINES.name} to an emulated account: once, for all scenarios")
    began = time.monotonic()
    with begun(folder, PIPELINES, say, cdktf=False) as life:
        life.deploy_together()
        say(f"deployed in {time.monotonic() - began:.0f} s")
        yield life


def asked(name: str) -> bool:
    """Whether a variable says yes: LIST=1, LIST=yes."""
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false")


def reports_folder() -> Path | None:
    """Where REPORTS wants them, made and tried: a deployment takes minutes. Raises NotRunError."""
    if not (given := os.environ.get("REPORTS")):
        return None
    folder = Path(given).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise NotRunError(f"REPORTS={given}: nothing can be written there: {error.strerror}") from error


def run(chosen: Sequence[Scenario], folder: Path, reports: Path | None) -> int:
    """All of them on one deployment."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    done: list[Result] = []
    broken: list[str] = []
    with lived(folder / "life") as life, deployed(life, folder / "scenarios", reports) as rehearsal:
        show.differences(say)
        for scenario in chosen:
            one = tried(rehearsal, scenario, colour)
            if isinstance(one, Result):
                done.append(one)
            else:
                broken.append(f"{scenario.name}: {one}")
    say("")
    for result in done:
        ended = "ended RED, as it must" if result.red else "went through, as it must"
        last = next((one for one in result.outcomes if one.status == "Failed"), None)
        why = f": {last.at}: {show.reason(last.why)}" if last else ""
        said = f"NOT AS IT MUST: {'; '.join(result.wrong)}" if result.wrong else f"{ended}{why}"
        say(f"{result.scenario.name:<24}{result.seconds:4.0f} s  {said}")
    for line in broken:
        say(f"COULD NOT BE RUN: {line}")
    return NOT_RUN if broken or not done else OTHERWISE if any(one.wrong for one in done) else OK


def matrix() -> int:
    """The matrix of faults and scanners, as its tests have it: in a process of its own, which needs no emulator."""
    say("\n== matrix: faults by scanners")
    done = subprocess.run([sys.executable, FAULTS], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    return done.returncode if done.returncode in (OK, OTHERWISE) else NOT_RUN


def tried(rehearsal: Rehearsal, scenario: Scenario, colour: bool) -> Result | str:
    """The result, or why there is none."""
    if missing := parts.missing(scenario):
        return f"cannot run yet: {missing}"
    try:
        return rehearsal.run(scenario, say, colour)
    except (NotRunError, StandInError, EmulatorError, ClientError, BotoCoreError, LookupError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.add_argument("scenario", nargs="?", default=os.environ.get("SCENARIO") or FIRST)
    parser.add_argument("--list", action="store_true", default=asked("LIST"))
    parser.add_argument("--matrix", action="store_true", default=asked("MATRIX"))
    arguments = parser.parse_args()
    if arguments.list:
        return listed()
    if arguments.matrix:
        return matrix()
    try:
        chosen = SCENARIOS if arguments.scenario == "all" else (named(arguments.scenario),)
    except KeyError:
        print(f"no scenario {arguments.scenario}: LIST=1 shows them", file=sys.stderr)
        return NOT_RUN
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        reports = reports_folder()
        with temporary("rehearse-") as folder:
            (Path(folder) / "life").mkdir()
            code = run(chosen, Path(folder), reports)
        return max(code, matrix()) if arguments.scenario == "all" else code
    except (FailedError, NotRunError, EmulatorError, TerraformMissingError, NotRehearsedError, StandInError) as error:
        print(error, file=sys.stderr)
    except MistakesError as error:
        print(*error.messages, sep="\n", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
