"""What was tried and what came of it: one row for each thing, as a table or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table

from tools.prove_on_aws.aws import AbsentError, UntriedError


class Verdict(StrEnum):
    """``BY_HAND``: a command that the user runs; it counts neither way."""

    PROVED = "proved"
    WRONG = "wrong"
    UNTRIED = "could not be tried"
    BY_HAND = "by hand"


class WrongError(Exception):
    """Something is not as it must be; the message says what, and what to do."""


@dataclass(frozen=True)
class Row:
    """``area`` groups rows; ``what`` is the claim; ``evidence`` is what AWS answered, or why it was not asked."""

    area: str
    what: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Check:
    """``run`` returns the evidence or raises WrongError, AbsentError or UntriedError."""

    area: str
    what: str
    run: Callable[[], str]
    by_hand: bool = False

    def row(self) -> Row:
        """Tries it. Whatever AWS refuses is this row's alone: the others go on."""
        try:
            evidence = self.run()
            verdict = Verdict.BY_HAND if self.by_hand else Verdict.PROVED
        except WrongError as error:
            verdict, evidence = Verdict.WRONG, str(error)
        except AbsentError as error:
            verdict, evidence = Verdict.WRONG, f"not there, so deploy first: {error}"
        except UntriedError as error:
            verdict, evidence = Verdict.UNTRIED, str(error)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # An answer of another shape than botocore's model promises must not cost the other rows.
            verdict, evidence = Verdict.UNTRIED, f"AWS's answer is not understood: {type(error).__name__}: {error}"
        return Row(self.area, self.what, verdict, printable(evidence))


# A report's or an event's text can hold anything; keys of AWS are the one secret that could stand in its messages.
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


def printable(text: str, longest: int = 600) -> str:
    """One line without control characters and access keys, cut where nobody reads on."""
    plain = "".join(c if c.isprintable() else " " for c in _KEY_ID.sub("(an access key)", text))
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def exit_code(rows: Iterable[Row]) -> int:
    """0: all proved. 1: something is wrong. 2: nothing is known to be wrong, but not all could be tried."""
    verdicts = {row.verdict for row in rows}
    if Verdict.WRONG in verdicts:
        return 1
    return 2 if Verdict.UNTRIED in verdicts else 0


def as_json(rows: Sequence[Row], header: dict[str, object]) -> str:
    """The same as the table, with ``header`` beside it (account, region, cost)."""
    counts = {verdict.value: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
    document = {**header, "exit": exit_code(rows), "counts": counts, "rows": [asdict(row) for row in rows]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def show(rows: Sequence[Row], console: Console) -> None:
    """The table, and one line that counts."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("area", "what", "verdict", "evidence"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(text) for text in (row.area, row.what, row.verdict.value, row.evidence)))
    console.print(table)
    counts = ", ".join(f"{sum(row.verdict is verdict for row in rows)} {verdict.value}" for verdict in Verdict)
    console.print(counts, markup=False)


def _plain(text: str) -> str:
    """rich reads [words] as style."""
    return text.replace("[", r"\[")
