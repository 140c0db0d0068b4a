"""The matrix of faults and scanners: what becomes of a commit when a part of the gate breaks. ``table()`` runs and shows it, and so
does this file as a program (``make rehearse MATRIX=1``)."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for the modules beside this one, whoever imports it

import fault_desk
import fault_kinds
from fault_chain import Built, Chain, Workshop, workshop
from fault_kinds import FAULTS, Fault
from fault_scanners import SCANNERS

COLUMNS = (*SCANNERS, *fault_desk.READ_ONLY)
ROWS = tuple(FAULTS)
DASH = "-"


@dataclass(frozen=True)
class Cell:
    """What one fault did to one scanner. ``shown``: the table's word. ``complaints``: what was expected and is not so; empty
    for a good cell. ``dash``: why there is nothing to try."""

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
    fault = FAULTS[name]
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
    complaints = tuple(_complaints(fault, chain, built, verdicts, cleared, sentence))
    log = "\n".join(one.log for one in built)
    return Cell(name, scanner, _shown(fault, built, verdicts), complaints, log=log, guard=sentence)


def _builds(chain: Chain, fault: Fault) -> list[Built]:
    if not fault.together:
        return [chain.build(number) for number in range(1, fault.builds + 1)]
    with ThreadPoolExecutor(fault.builds) as threads:
        return list(threads.map(chain.build, range(1, fault.builds + 1)))


def _shown(fault: Fault, built: list[Built], verdicts: Mapping[str, str]) -> str:
    """The first verdict that is no pass, since that one stops; of several builds their ends as well."""
    word = next((one or "no verdict" for one in verdicts.values() if one != "pass"), "pass")
    if fault.builds == 1:
        return word
    ends = ["ok" if one.code == 0 else "error" for one in built]
    return f"{word} ({', '.join(sorted(ends, reverse=True))})"


def _complaints(
    fault: Fault, chain: Chain, built: list[Built], verdicts: Mapping[str, str], cleared: bool, sentence: str
) -> Iterator[str]:
    yield from (f"a stand-in was called wrongly: {one}" for one in chain.wrong)
    for one in built:
        if one.code is None:
            yield "the build did not end"
        if "Traceback" in one.log:
            yield "a traceback instead of a sentence"
    if fault.passes:
        yield from fault.passes(chain, built, verdicts, cleared)
        return
    if any(one.code == 0 for one in built):
        yield "the build ended with exit code 0"
    if cleared:
        yield "the guard lets the release go"
    if all(one == "pass" for one in verdicts.values()):
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


def matrix(told: Callable[[Cell], None] = lambda cell: None) -> list[Cell]:
    """All cells, row by row; ``told`` hears of each as soon as it is there."""
    cells = []
    with prepared() as shop:
        for name in ROWS:
            for scanner in COLUMNS:
                cells.append(run(shop, name, scanner))
                told(cells[-1])
    return cells


def rows(cells: list[Cell]) -> list[list[str]]:
    """The cells as a table with a head; a cell that is not as it must be says so."""
    found = {(one.fault, one.scanner): f"{one.shown}{' WRONG' if one.complaints else ''}" for one in cells}
    body = [[name, *(found.get((name, scanner), "") for scanner in COLUMNS)] for name in ROWS]
    return [["fault", *COLUMNS], *(row for row in body if any(row[1:]))]


def dashes(cells: list[Cell]) -> list[str]:
    """Why a cell has nothing to try: one line for each row and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in cells:
        if one.dash:
            reasons.setdefault((one.fault, one.dash), []).append(one.scanner)
    return [f"{fault}, {', '.join(names)}: {reason}" for (fault, reason), names in reasons.items()]


def table() -> list[list[str]]:
    """Run the whole matrix: a head, then one row for each fault."""
    return rows(matrix())


def text(lines: list[list[str]]) -> str:
    """A table in columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def main() -> int:
    """Run and print the matrix: 1 if a cell is not as it must be."""
    done: list[Cell] = []

    def told(cell: Cell) -> None:
        done.append(cell)
        if cell.scanner == COLUMNS[-1]:
            print(f"   {len(done) // len(COLUMNS):>3} of {len(ROWS)}  {cell.fault}", flush=True)

    print(
        f"{len(ROWS)} faults, {len(COLUMNS)} scanners: the calling scripts, the importer and the guard, in one process"
    )
    cells = matrix(told)
    print(f"\n{text(rows(cells))}\n\nNothing to try (-):")
    print(*(f"  {one}" for one in dashes(cells)), sep="\n")
    wrong = [f"{one.fault}, {one.scanner}: {complaint}" for one in cells for complaint in one.complaints]
    print(*(f"NOT AS IT MUST: {one}" for one in wrong), sep="\n", end="\n" if wrong else "")
    if not wrong:
        print(f"\n{sum(not one.dash for one in cells)} cells tried; each ended as it must.")
    return 1 if wrong else 0


__all__ = [
    "COLUMNS",
    "ROWS",
    "Cell",
    "dashes",
    "fault_kinds",
    "main",
    "matrix",
    "prepared",
    "rows",
    "run",
    "table",
    "text",
]

if __name__ == "__main__":
    sys.exit(main())
