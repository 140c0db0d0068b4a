"""The matrix of faults and scanners: what becomes of a commit when a part of the gate breaks. In no cell is that `pass`. Apart from it
the controls, which must pass. This file as a program (``make rehearse MATRIX=1``) runs and prints both."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for the modules beside this one, whoever imports it

import fault_desk
from fault_chain import Built, Chain, Workshop, workshop
from fault_kinds import CONTROLS, FAULTS, Fault
from fault_scanners import SCANNERS

COLUMNS = (*SCANNERS, *fault_desk.READ_ONLY)
ROWS, CONTROL_ROWS = tuple(FAULTS), tuple(CONTROLS)
DASH, PASS = "-", "pass"
CONTROLS_MUST = "controls: must pass"


@dataclass(frozen=True)
class Cell:
    """What one fault, or control, did to one scanner. ``shown``: the table's word. ``complaints``: what was expected and is not
    so; empty for a good cell. ``dash``: why there is nothing to try."""

    fault: str
    scanner: str
    shown: str
    complaints: tuple[str, ...] = ()
    dash: str = ""
    log: str = field(default="", repr=False)
    guard: str = field(default="", repr=False)


def run(shop: Workshop, name: str, scanner: str, spoil: Callable[[Chain], None] = lambda chain: None) -> Cell:
    """One cell. ``spoil``: changes the chain last, for the controls of this harness."""
    if scanner in fault_desk.READ_ONLY:
        shown, complaints, dash = fault_desk.run(shop, name, scanner)
        return Cell(name, scanner, shown, complaints, dash)
    control = name in CONTROLS
    fault = CONTROLS[name] if control else FAULTS[name]
    if dash := fault.dash(scanner):
        return Cell(name, scanner, DASH, dash=dash)
    chain = Chain(shop, SCANNERS[scanner])
    said = io.StringIO()
    with contextlib.redirect_stdout(said), chain.open():
        fault.break_(chain)
        spoil(chain)
        built = _builds(chain, fault)
        cleared, sentence = chain.functions.clear()
    verdicts = {scope: chain.functions.verdict(scope) for scope in chain.scanner.scopes}
    complaints = [f"a stand-in was called wrongly: {one}" for one in chain.wrong]
    complaints += _ended(built)
    complaints += _passed(verdicts, cleared) if control else _stopped(fault, chain, built, verdicts, cleared, sentence)
    complaints += fault.also(chain, built) if fault.also else ()
    log = "\n".join(one.log for one in built)
    word = next((one or "no verdict" for one in verdicts.values() if one != PASS), PASS)  # the first that stops
    return Cell(name, scanner, word, tuple(complaints), log=log, guard=sentence)


def _builds(chain: Chain, fault: Fault) -> list[Built]:
    if not fault.together:
        return [chain.build(number) for number in range(1, fault.builds + 1)]
    with ThreadPoolExecutor(fault.builds) as threads:
        return list(threads.map(chain.build, range(1, fault.builds + 1)))


def _ended(built: list[Built]) -> Iterator[str]:
    for one in built:
        if one.code is None:
            yield "the build did not end"
        if "Traceback" in one.log:
            yield "a traceback instead of a sentence"


def _passed(verdicts: Mapping[str, str], cleared: bool) -> Iterator[str]:
    if set(verdicts.values()) != {PASS}:
        yield f"on record is {verdicts}"
    if not cleared:
        yield "the guard refuses"


def _stopped(
    fault: Fault, chain: Chain, built: list[Built], verdicts: Mapping[str, str], cleared: bool, sentence: str
) -> Iterator[str]:
    if any(one.code == 0 for one in built):
        yield "the build ended with exit code 0"
    if cleared:
        yield "the guard lets the release go"
    if all(one == PASS for one in verdicts.values()):
        yield "a pass is on record for all that the guard looks at"
    if "Production refused: " not in sentence:
        yield f"the guard does not say what is missing: {sentence}"
    errors = "\n".join(line for one in built for line in one.log.splitlines())
    if not re.search(fault.words(chain.scanner.name), errors):
        yield f"the build's log does not say what happened: {fault.words(chain.scanner.name)!r} is not in it"
    if not re.search(r"^error: \S", errors, re.MULTILINE):
        yield "the build ends without a line that begins with `error:`"


@contextmanager
def prepared() -> Iterator[Workshop]:
    """A workshop in a temporary folder."""
    with tempfile.TemporaryDirectory() as name, workshop(Path(name).resolve()) as shop:
        yield shop


def cells(names: Sequence[str], told: Callable[[Cell], None] = lambda cell: None) -> list[Cell]:
    """All cells of these rows; ``told`` hears of each as soon as it is there."""
    done = []
    with prepared() as shop:
        for name in names:
            for scanner in COLUMNS:
                done.append(run(shop, name, scanner))
                told(done[-1])
    return done


def rows(done: Sequence[Cell], head: str = "fault") -> list[list[str]]:
    """The cells as a table with a head; a cell that is not as it must be says so."""
    found = {(one.fault, one.scanner): f"{one.shown}{' WRONG' if one.complaints else ''}" for one in done}
    names = dict.fromkeys(one.fault for one in done)
    return [[head, *COLUMNS], *([name, *(found.get((name, scanner), "") for scanner in COLUMNS)] for name in names)]


def dashes(done: Sequence[Cell]) -> list[str]:
    """Why a cell has nothing to try: one line for each reason and its scanners."""
    rows: dict[tuple[str, str], list[str]] = {}
    for fault in dict.fromkeys(one.fault for one in done):
        reasons: dict[str, list[str]] = {}
        for one in done:
            if one.fault == fault and one.dash:
                reasons.setdefault(one.dash, []).append(one.scanner)
        for reason, scanners in reasons.items():
            rows.setdefault((", ".join(scanners), reason), []).append(fault)
    return [f"{scanners}: {reason}: {'; '.join(faults)}" for (scanners, reason), faults in rows.items()]


def text(lines: list[list[str]]) -> str:
    """A table in columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def main() -> int:
    """Run and print both tables: 1 if a cell is not as it must be."""
    done: list[Cell] = []

    def told(cell: Cell) -> None:
        done.append(cell)
        if cell.scanner == COLUMNS[-1]:
            print(f"   {len(done) // len(COLUMNS):>3} of {len(ROWS) + len(CONTROL_ROWS)}  {cell.fault}", flush=True)

    print(
        f"{len(ROWS)} faults, {len(COLUMNS)} scanners: the calling scripts, the importer and the guard, in one process"
    )
    cells((*ROWS, *CONTROL_ROWS), told)
    faults = [one for one in done if one.fault in FAULTS]
    print(f"\n{text(rows(faults))}\n\nNothing to try (-):")
    print(*(f"  {one}" for one in dashes(faults)), sep="\n")
    print(f"\n{text(rows([one for one in done if one.fault in CONTROLS], CONTROLS_MUST))}\n")
    wrong = [f"{one.fault}, {one.scanner}: {complaint}" for one in done for complaint in one.complaints]
    print(*(f"NOT AS IT MUST: {one}" for one in wrong), sep="\n", end="\n" if wrong else "")
    if not wrong:
        print(f"{sum(not one.dash for one in faults)} cells of faults tried: none passes, each ended as it must.")
    return 1 if wrong else 0


__all__ = [
    "COLUMNS",
    "CONTROLS_MUST",
    "CONTROL_ROWS",
    "ROWS",
    "Cell",
    "cells",
    "dashes",
    "main",
    "prepared",
    "rows",
    "run",
    "text",
]

if __name__ == "__main__":
    sys.exit(main())
