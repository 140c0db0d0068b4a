"""Plain text for a terminal."""

from __future__ import annotations

import textwrap

from plan_review.findings import SHORT, TITLES, Finding
from plan_review.limit import Piece, cut, fit, length, whole
from plan_review.review import Review
from plan_review.text import Text, clipped, listed, printable, say
from plan_review.verdict import HONEST, scope, verdict
from plan_review.words import StackWords


def render(review: Review, limit: int | None, width: int) -> str:
    """See render.table."""
    width = max(width, 40)
    head = f"PLAN REVIEW: {verdict(review)}\n{scope(review)}\n"
    foot = "\n" + _wrapped(HONEST, width, "", "")
    risks, brief = (_risks(review, width, details) for details in (True, False))
    changes = [piece for stack in review.stacks if not stack.unchanged for piece in _stack(stack, width)]
    names = [stack.name for stack in review.stacks if stack.unchanged]
    if names:
        text = line(say("Unchanged: {}", listed(names, most=40)))
        changes.append(Piece("\n" + _wrapped(text, width, "", "  "), "unchanged plan"))
    objects = [
        Piece(_wrapped(line(text), width, "  ", "      "), "object", f"\nEVERY OBJECT OF {_word(stack.name)}\n")
        for stack in review.stacks
        for text in stack.full
    ]
    details = limit is None or length(head + whole(risks) + cut([*changes, *objects]) + foot) <= limit
    return fit(head, [*(risks if details else brief), *changes, *objects], limit, foot)


def line(text: Text) -> str:
    """A text of ours with foreign parts."""
    return "".join(part if isinstance(part, str) else _word(part.text) for part in text)


def _word(text: str) -> str:
    return clipped(printable(text)) or "(empty)"


def _wrapped(text: str, width: int, first: str, further: str) -> str:
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=further, break_long_words=True, break_on_hyphens=False
    )
    return "\n".join(lines or [first]) + "\n"


def _risks(review: Review, width: int, details: bool) -> list[Piece]:
    return [
        Piece(_risk(finding, width, details), "risk", f"\n{TITLES[finding.kind].upper()}\n", SHORT[finding.kind])
        for finding in review.findings
    ]


def _risk(finding: Finding, width: int, details: bool) -> str:
    where = f"{_word(finding.stack)}  {_word(finding.address)}" if finding.address else _word(finding.stack)
    more = "".join(_wrapped(line(text), width, "      - ", "        ") for text in finding.details) if details else ""
    return _wrapped(where, width, "  ! ", "    ") + _wrapped(line(finding.text), width, "    ", "    ") + more


def _stack(stack: StackWords, width: int) -> list[Piece]:
    title = "\n" + _wrapped(f"CHANGES OF {_word(stack.name)}: {line(stack.summary)}", width, "", "  ")
    return [
        Piece(_wrapped(line(text), width, "  ", "    "), "line of changes", title)
        for text in (*stack.notes, *stack.lines)
    ]
