"""Foreign texts made fit for fields of limited length and for links."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

REDACTED: Final = "[redacted]"

_DOTS: Final = "..."
_JOINER: Final = "\u200d"  # glues emoji into one
# Control characters, a byte order mark and halves of a character: no field has a use for them, and some refuse them. And those
# that turn the direction of writing: with them a text can look like another one.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
# The beginning of an escape at the end of a text: %2, \, \u12, &am
_ESCAPE: Final = re.compile(r"(?:%[0-9A-Fa-f]?|\\(?:[ux][0-9A-Fa-f]{0,7})?|&#?[0-9A-Za-z]{0,8})\Z")
_ESCAPE_LENGTH: Final = 10
# RFC 3986 without user information (it can hold a password) and without brackets: what is not in here is text, no link.
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?", re.ASCII
)


def clip(text: str, limit: int) -> str:
    """``text``, or its beginning and "...": at most ``limit`` bytes of UTF-8, and so at most as many characters.

    Whether AWS counts characters or bytes depends on the page that one reads; bytes hold in either case. The cut goes through
    no character with its accents, no escape and no "[redacted]".
    """
    if len(text) <= limit and (text.isascii() or len(text.encode()) <= limit):
        return text
    beginning = (
        text[:limit].encode()[: limit - len(_DOTS)].decode("utf-8", "ignore")
    )  # ignore: the character that was cut
    end = len(beginning)
    while 0 < end < len(text) and (_extends(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    mark = text.find(REDACTED, max(0, end - len(REDACTED) + 1), end + len(REDACTED) - 1)
    if 0 <= mark < end < mark + len(REDACTED):
        end = mark
    escape = _ESCAPE.search(text[max(0, end - _ESCAPE_LENGTH) : end])
    if escape:
        end -= len(escape[0])
    return text[:end].rstrip() + _DOTS


def one_line(text: str, limit: int) -> str:
    """``text`` on one line, clipped; empty if there is nothing to see in it.

    AWS's pattern for nearly every text is ``.*\\S.*``: the dot is no line break, and a blank text does not match.
    """
    # Most texts are what they should be; told apart first, since this is called dozens of times for each finding.
    if len(text) <= limit and text.isascii() and text.isprintable() and text == text.strip() and "  " not in text:
        return text
    return clip(" ".join(visible(text).split()), limit)


def visible(text: str) -> str:
    """``text`` with a space for each character that no reader should meet."""
    return _UNFIT.sub(" ", text)


def link(url: str, limit: int) -> str:
    """``url`` if it is one of http or https that can be shown as a link; else empty. Never clipped: half a link is none."""
    return url if len(url) <= limit and _URL.fullmatch(url) else ""


def filled(**fields: object) -> dict[str, object]:
    """The fields that say something: an empty text or list is refused."""
    return {name: value for name, value in fields.items() if value is not None and value != "" and value != []}


def _extends(character: str) -> bool:
    """Whether it belongs to the character before it: an accent, a variation selector, a skin tone, a joiner."""
    return (
        character == _JOINER or unicodedata.category(character)[0] == "M" or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
