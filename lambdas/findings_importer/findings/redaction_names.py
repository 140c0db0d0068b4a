"""Values that stand beside a name which says that they are secret: password=..., "token": "...", --api-key ..."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from common.clip import REDACTED

# Parts of names in lower case, each with the rest of the name. A word may go on before them (DB_PASSWORD, csrftoken).
NAMES: Final = {
    "pass": r"(?:w(?:or)?d|phrase|code)",
    "pwd": "",
    "secret": "",
    "token": "",
    "credential": "",
    "key": "",
    "sess": r"(?:ion)?[_-]?id",
}
# A key alone may be anything: a key of a map, a public one.
_BEFORE_KEY: Final = re.compile(r"(?:api|access|private|account|signing|encryption)[_ -]?\Z", re.IGNORECASE | re.ASCII)
_BEFORE_LENGTH: Final = 12

_QUOTE: Final = r"(?:\\?[\"'`]|&quot;|&#3[49];)?"
# What stands between a name and its value: "_key", closing quotes and brackets, a sign, opening quotes. All of it is bounded.
_LINK: Final = (
    r"(?:[_ -]?(?:access|key|base|id|value|text|string|hash|s)|\d{1,3}){0,3}"
    rf"(?P<close>{_QUOTE}\]?)[ \t]{{0,20}}(?P<sign>:=|=>|=(?!=)|:(?!:)|>)(?P<space>[ \t]{{0,20}})(?P<open>{_QUOTE})"
)
# --token abc1: a value that follows after a space is one only for an option, and only if it looks like no word.
_OPTION: Final = re.compile(r"(?:^|[\s\"'`])--?[A-Za-z-]{0,30}\Z", re.ASCII)
_ARGUMENT: Final = r"(?:[_-]?(?:key|id|value))?[ \t]{1,5}[\"']?(?=[^\s\"'-]{0,60}[0-9])"

# A value in quotes; where the text was cut off, the closing one may be missing.
_QUOTED: Final = {quote: re.compile(rf"(?:[^{quote}\\\n]|\\[^\n])*+") for quote in "\"'`"}
_QUOTED_WITHIN: Final = re.compile(r"[^\"'`\\\n]*+")
_BORDER: Final = re.compile(r"[\s\"'`<>&;]")
_TRAILING: Final = ").,:]}"
_END_OF_PART: Final = re.compile(r"[ \t]{0,20}(?:[\r\n<,;&}\]\"'`]|\Z)")
# What stands in for a value: a variable, code that fetches it, a path to it, nothing at all.
_STAND_IN: Final = re.compile(
    r"\$\{[^}]*\}?|\$\([^)]*\)?|\$[A-Z_][A-Z0-9_]+|\{\{.*|%\w|%\(\w+\)s|\*+|\[redacted\]|//.*"
    r"|(?i:null|none|nil|true|false|undefined|x{3,})|(?:/[a-z0-9_.@-]+){2,}/?"
    r"|(?:process\.env|os\.environ|os\.getenv|System\.getenv)\b.*|[A-Za-z_]\w*(?:\.\w+)+\(.*|[A-Za-z_]\w*\(\)?",
    re.ASCII,
)
# /auth/token:12 and org.example:token:1.2.3: a line or a version behind something that is part of a path.
_NUMBER: Final = re.compile(r"v?\d[\w.+~:-]{0,60}", re.ASCII)
_PATH: Final = re.compile(r"[/:.@][^\s\"'`]*\Z")
_PATH_LENGTH: Final = 60

_Span = tuple[int, int]


def without_assigned(text: str) -> str:
    """The text without the values that are assigned to secret names."""
    lower = text.lower()
    if len(lower) != len(text):  # a capital whose small letter is two characters
        lower = "".join(c.lower() if c.isascii() else c for c in text)
    parts: list[str] = []
    position = 0
    for start, end in sorted(span for name in NAMES if name in lower for span in _values(text, lower, name)):
        if start >= position:
            parts += (text[position:start], REDACTED)
        position = max(position, end)
    return "".join((*parts, text[position:]))


def _values(text: str, lower: str, name: str) -> Iterator[_Span]:
    """The secret values of one name."""
    words = _Words(text)
    at = lower.find(name)
    while at >= 0:
        after = at + len(name)
        span = None
        if name != "key" or _BEFORE_KEY.search(text, max(0, at - _BEFORE_LENGTH), at):
            link = _behind(name, _LINK).match(text, after)
            span = (
                _value(text, at, link, words)
                if link
                else _argument(text, at, _behind(name, _ARGUMENT).match(text, after), words)
            )
        if span and span[0] < span[1] and not _STAND_IN.fullmatch(text, *span):
            yield span
        at = lower.find(name, max(after, span[1]) if span else after)


@cache
def _behind(name: str, form: str) -> re.Pattern[str]:
    """What may stand behind a name; compiled at the first use."""
    return re.compile(NAMES[name] + form, re.IGNORECASE | re.ASCII)


def _value(text: str, at: int, link: re.Match[str], words: _Words) -> _Span | None:
    start = link.end()
    quoted = _QUOTED.get(link["open"]) or (_QUOTED_WITHIN if link["open"].startswith("\\") else None)
    if quoted:
        found = quoted.match(text, start)
        return (start, found.end()) if found else None
    end, last = words.end(start)
    if link["sign"] == ">":  # <password>...</password>
        return (start, end) if text.startswith("</", end) else None
    if link["sign"] == ":" and not link["close"]:  # a colon is punctuation, too: not if the sentence goes on
        number = not link["space"] and _NUMBER.fullmatch(text, start, end)
        if not last or (number and _PATH.search(text, max(0, at - _PATH_LENGTH), at)):
            return None
    return start, end


def _argument(text: str, at: int, argument: re.Match[str] | None, words: _Words) -> _Span | None:
    if not argument or not _OPTION.search(text, max(0, at - _PATH_LENGTH), at):
        return None
    return argument.end(), words.end(argument.end())[0]


class _Words:
    """Where the word ends that stands at a position: up to a space, a quote or a separator, without punctuation.

    Remembers the last one: many names in one long word would else cost the square of its length.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._known = range(0)
        self._found = (0, False)

    def end(self, start: int) -> tuple[int, bool]:
        """The end, and whether a line or a part of one ends there, too."""
        if start not in self._known:
            border = _BORDER.search(self._text, start)
            stop = border.start() if border else len(self._text)
            end = start + len(self._text[start:stop].rstrip(_TRAILING))
            if self._text.endswith(REDACTED, start, end + 1):  # its bracket is no punctuation
                end += 1
            self._known = range(start, stop + 1)
            self._found = end, bool(_END_OF_PART.match(self._text, end))
        end, last = self._found
        return max(start, end), last
