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
_LABEL: Final = 10  # width of the first column
_SCHEME: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}):/{0,2}(?=[^\s])")


@dataclass(frozen=True)
class Message:
    """``subject``: one line. ``body``: its first line says the most important."""

    subject: str
    body: str

    @classmethod
    def of(cls, subject: str, headline: str, rows: Iterable[tuple[str, str]]) -> Message:
        """``rows``: label and text; an empty label continues the row above, an empty text is left out."""
        lines = [headline, ""]
        lines += [f"{f'{label}:' if label else '':<{_LABEL}} {text}" for label, text in rows if text]
        return cls(clean(subject, SUBJECT_LIMIT), "\n".join(clean(line, 1000) for line in lines)[:BODY_LIMIT] + "\n")


def foreign(text: str, limit: int) -> str:
    """Somebody else's words (a commit's, a report's, a web page's) on one line, and without a link that a mail client opens:
    ``https://x`` becomes ``https[:]//x``."""
    one_line = " ".join(text.split())
    return clean(_SCHEME.sub(_defanged, one_line[: 4 * limit]), limit)


def _defanged(found: re.Match[str]) -> str:
    return f"{found[1]}[:]{found[0][len(found[1]) + 1 :]}" if found[0].endswith("/") else found[0]
