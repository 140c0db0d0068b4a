"""Sensitive texts that stand somewhere else without their mark: a name, a policy, an output that was built from one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from plan_review.text import Code, Text

HIDDEN = "(sensitive)"
_PART = 8  # characters from which a secret is looked for inside of other texts
_WHOLE = 4  # and from which a text that is the secret, and nothing more, is hidden


class Scrubber:
    """Takes the secrets out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= _WHOLE}
        known |= {line for secret in known for line in secret.splitlines() if len(line) >= _PART}
        # In whatever case: keys of conditions are told in lower case.
        self._whole = {secret.lower() for secret in known}
        # The longest first: of two secrets of which one begins with the other, all is hidden.
        parts = sorted((secret for secret in known if len(secret) >= _PART), key=lambda s: (-len(s), s))
        self._parts = re.compile("|".join(map(re.escape, parts)), re.IGNORECASE) if parts else None

    def text(self, text: Text) -> Text:
        """``text`` without them."""
        return Text(part if isinstance(part, str) else Code(self.word(part.text)) for part in text)

    def word(self, text: str) -> str:
        """One foreign text without them."""
        if text.lower() in self._whole:
            return HIDDEN
        return self._parts.sub(HIDDEN, text) if self._parts else text
