"""Sensitive texts that stand somewhere else without their mark: a name, a policy, an output that was built from one."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from plan_review.text import Code, Text

HIDDEN = "(sensitive)"
_PART = 8  # characters from which a secret is looked for inside of other texts
_WHOLE = 4  # and from which a text that is the secret, and nothing more, is hidden
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SHORT: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_SAME: Final = re.compile(r"[A-Za-z0-9 ._:@/+=,-]*")
_DEPTH = 3  # JSON in JSON in an address


def spellings(secret: str) -> Iterator[str]:
    """As it is, in lower case, and as it stands inside of JSON (Terraform's jsonencode writes <, > and & as escapes) and HTML."""
    yield secret
    if _SAME.fullmatch(secret):  # the case is not looked at, and nothing in it is written otherwise anywhere
        return
    yield secret.lower()  # keys of conditions; a letter may become two
    for ascii_only in (True, False):
        text = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield "".join(f"\\u{ord(c):04x}" if c in "<>&" else c for c in text)
    yield html.escape(secret)
    yield html.escape(secret, quote=False)


def _unescaped(text: str) -> str:
    """Without the backslashes of JSON, HCL, or Python."""

    def one(found: re.Match[str]) -> str:
        number = found[1] or found[2] or found[3]
        if number is None:
            return _SHORT.get(found[4], found[4])
        return chr(code) if (code := int(number, 16)) <= 0x10FFFF else found[0]

    # Two escapes may be the halves of one character.
    return _ESCAPE.sub(one, text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_DECODERS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("\\", _unescaped),
    ("&", html.unescape),
    ("%", unquote),
)


def _decoded(text: str) -> Iterator[str]:
    """What somebody could read it as."""
    known, last = {text}, {text}
    for _ in range(_DEPTH):
        last = {decode(one) for one in last for sign, decode in _DECODERS if sign in one} - known
        yield from sorted(last)
        known |= last


class Scrubber:
    """Takes the secrets out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= _WHOLE}
        known |= {line for secret in known for line in secret.splitlines() if len(line) >= _PART}
        # In whatever case: keys of conditions are told in lower case.
        self._whole = {secret.lower() for secret in known}
        # The longest first: of two secrets of which one begins with the other, all is hidden.
        long = {spelled for secret in known if len(secret) >= _PART for spelled in spellings(secret)}
        parts = sorted(long, key=lambda s: (-len(s), s))
        self._parts = re.compile("|".join(map(re.escape, parts)), re.IGNORECASE) if parts else None

    def text(self, text: Text) -> Text:
        """``text`` without them."""
        return Text(part if isinstance(part, str) else Code(self.word(part.text)) for part in text)

    def word(self, text: str) -> str:
        """One foreign text without them. What only hides one in another spelling is hidden as a whole."""
        if not self._whole:
            return text
        if self._is_one(text):
            return HIDDEN
        text = self._parts.sub(HIDDEN, text) if self._parts else text
        if any(self._is_one(one) or (self._parts and self._parts.search(one)) for one in _decoded(text)):
            return HIDDEN
        return text

    def _is_one(self, text: str) -> bool:
        return text.lower() in self._whole or text.strip("\"'").lower() in self._whole
