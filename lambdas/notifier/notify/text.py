"""Plain text that every mail client shows: ASCII, short lines, nothing that a report or a commit could write as ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from common.strict import clean

# "less than 100 characters long", no line breaks or control characters.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_LIMIT: Final = 99
# SNS takes 262,144 bytes; a mail that is read at night has a page.
BODY_LIMIT: Final = 8_000
LINE_LIMIT: Final = 1000
_KEPT: Final = 12  # lines at the end that are never left out
_LABEL: Final = 10  # width of the first column
# What mail clients make a link of, whatever stands before it.
_LINKS: Final = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """``subject``: one line. ``body``: its first line, a sentence, says the most important."""

    subject: str
    body: str

    @classmethod
    def of(cls, subject: str, headline: str, rows: Iterable[tuple[str, str]]) -> Message:
        """``rows``: label and text; an empty label continues the row above, an empty text is left out."""
        # What a tool says may bring a full stop of its own, or the dots of what was cut.
        lines = [headline[:-1] if headline.endswith("..") else headline, ""]
        lines += [f"{f'{label}:' if label else '':<{_LABEL}} {text}" for label, text in rows if text]
        return cls(clean(subject, SUBJECT_LIMIT), _fitted([clean(line, LINE_LIMIT) for line in lines]))


def _fitted(lines: list[str]) -> str:
    """Whole lines only: half a link leads nowhere. What is left out is taken from the middle, and said: the first lines say
    what happened, the last what to do and where to look."""
    left: list[str] = []
    size = sum(len(line) + 1 for line in lines)
    while size > BODY_LIMIT and len(lines) > 2 * _KEPT:
        left.append(lines.pop(-_KEPT - 1))
        size -= len(left[-1]) + 1
    if left:
        counted = "1 line is" if len(left) == 1 else f"{len(left)} lines are"
        lines.insert(len(lines) - _KEPT, f"{'':<{_LABEL}} ({counted} left out here)")
    return "\n".join(lines) + "\n"


def foreign(text: str, limit: int) -> str:
    """Somebody else's words (a commit's, a report's, a web page's) on one line, and without a link that names its protocol or
    begins with www: ``https://www.x`` becomes ``https[:]//www[.]x``. A bare host stays: so do file names, which look alike."""
    one_line = " ".join(text.split())
    return clean(_LINKS.sub(lambda found: f"[{found[0]}]", one_line[: 4 * limit]), limit)
