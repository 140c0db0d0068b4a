"""Markdown for a comment. Foreign text stands in code spans only, where nothing of it is read as Markdown, HTML, or a mention.

https://spec.commonmark.org/0.31.2/#code-spans
"""

from __future__ import annotations

import re

from plan_review.findings import SHORT, TITLES, Finding
from plan_review.limit import Piece, cut, fit, length, whole
from plan_review.review import Review
from plan_review.text import Text, clipped, listed, printable, say
from plan_review.verdict import HONEST, scope, verdict
from plan_review.words import StackWords

_OPEN = "\n<details><summary>Every object</summary>\n"
_CLOSE = "\n</details>\n"
_NO_LIST = "\nThe list of every object does not fit.\n"
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]+)?/[A-Za-z0-9/._~%?=&+,:;@!$*-]*")


def render(review: Review, limit: int | None, link: str | None) -> str:
    """See render.markdown."""
    head = f"## Plan review: {verdict(review)}\n\n{scope(review)}\n"
    foot = f"\n{HONEST}\n" + (f"\n[The whole review]({checked_link(link)})\n" if link else "")
    risks, brief = (_risks(review, details) for details in (True, False))
    changes = [piece for stack in review.stacks if not stack.unchanged for piece in _stack(stack)] + _unchanged(review)
    objects = [piece for stack in review.stacks for piece in _objects(stack)]
    main = head + whole([*risks, *changes])
    folded = _OPEN + whole(objects) + _CLOSE if objects else ""
    if limit is None or length(main + folded + foot) <= limit:
        return main + folded + foot
    room = limit - length(main + foot)
    if objects and room >= length(_OPEN + objects[0].title + objects[0].text + cut(objects) + _CLOSE):
        return main + fit(_OPEN, objects, room, _CLOSE) + foot
    if length(main + _NO_LIST + foot) <= limit:
        return main + _NO_LIST + foot
    # Sentences of all risks before the details of any.
    pieces = risks if length(head + whole(risks) + cut(changes) + foot) <= limit else brief
    return fit(head, [*pieces, *changes], limit, foot)


def span(text: str) -> str:
    """A code span that ends where we end it."""
    shown = clipped(printable(text)) or "(empty)"
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def line(text: Text) -> str:
    """A text of ours with foreign parts."""
    return "".join(part if isinstance(part, str) else span(part.text) for part in text)


def checked_link(link: str) -> str:
    """``link``, if nothing of it is read as Markdown."""
    if not _URL.fullmatch(link):
        raise ValueError("a link is an https address without spaces, quotes and brackets")
    return link


def _risks(review: Review, details: bool) -> list[Piece]:
    return [
        Piece(_risk(finding, details), "risk", f"\n### {TITLES[finding.kind]}\n\n", SHORT[finding.kind])
        for finding in review.findings
    ]


def _risk(finding: Finding, details: bool) -> str:
    where = f"**{span(finding.stack)}**" + (f" {span(finding.address)}" if finding.address else "")
    more = "".join(f"  - {line(text)}\n" for text in finding.details) if details else ""
    return f"- {where}: {line(finding.text)}\n{more}"


def _stack(stack: StackWords) -> list[Piece]:
    title = f"\n### Changes of {span(stack.name)}: {line(stack.summary)}\n\n"
    lines = [*stack.notes, *stack.lines]
    return [Piece(f"- {line(text)}\n", "line of changes", title) for text in lines]


def _unchanged(review: Review) -> list[Piece]:
    names = [stack.name for stack in review.stacks if stack.unchanged]
    if not names:
        return []
    text = say("Unchanged: {}.", listed(names, most=40))
    return [Piece(f"\n{line(text)}\n", "unchanged plan")]


def _objects(stack: StackWords) -> list[Piece]:
    title = f"\n{span(stack.name)}\n\n"
    return [Piece(f"- {_entry(text)}\n", "object", title) for text in stack.full]


def _entry(text: Text) -> str:
    """Its sign is ours, but Markdown would read it as a list's."""
    first = text[0]
    return f"{span(first.strip())} {line(Text(text[1:]))}" if isinstance(first, str) else line(text)
