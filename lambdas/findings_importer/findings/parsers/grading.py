"""From the tools' words to ours: severities, times, and what a found credential is worth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from common.strict import clean, shown
from findings.model import Severity, UnreadableError
from findings.parsers.reading import number, word

ERROR_LIMIT: Final = 200

# No secret scanner grades: it says that something is there which must not be. A credential that was committed counts as
# known to others and opens what it opens, so each one is critical until somebody who looked at it says otherwise.
CREDENTIAL: Final = Severity.CRITICAL
REVOKE: Final = (
    "Revoke or rotate the credential first: whoever can read the repository has it. Then take it out of the files; a commit "
    "that held it keeps it until the history is rewritten. Keep credentials in AWS Secrets Manager or Parameter Store."
)

_CVE: Final = re.compile(r"CVE-\d{4}-\d{4,19}", re.ASCII)
_CWE: Final = re.compile(r"CWE-\d{1,9}", re.ASCII)


def grade(value: object, grades: Mapping[str, Severity], rule: str, errors: list[str]) -> tuple[Severity, str]:
    """The severity, and the tool's own word for it.

    ``grades`` has lower-case words; "" stands there only if the tool may leave the word out. A word that is not in it is
    never guessed: the finding is ungraded and ``errors`` gets an entry.
    """
    if value is not None and not isinstance(value, str):
        raise UnreadableError("a finding's severity is no text")
    original = word(value)
    severity = grades.get(original.lower())
    if severity is None:
        errors.append(clean(f"severity {shown(original)} of {rule} is not known", ERROR_LIMIT))
        severity = Severity.UNGRADED
    return severity, original


def cves(ids: Iterable[str]) -> tuple[str, ...]:
    """The CVE ids among ``ids``, each once."""
    return tuple(dict.fromkeys(one for one in ids if _CVE.fullmatch(one)))


def others(ids: Iterable[str], rule: str) -> tuple[str, ...]:
    """The ids that are neither CVE ids nor ``rule``, each once."""
    return tuple(dict.fromkeys(one for one in ids if one and one != rule and not _CVE.fullmatch(one)))


def cwes(texts: Iterable[str]) -> tuple[str, ...]:
    """The CWE ids that ``texts`` mention, each once."""
    return tuple(dict.fromkeys(one for text in texts for one in _CWE.findall(text)))


def moment(value: object) -> datetime | None:
    """A time with its zone: ISO 8601, or seconds since 1970 (version 1 of the AWS CLI). None for anything else."""
    seconds = number(value)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
        parsed = datetime.fromisoformat(word(value))
    except (ValueError, OverflowError, OSError):  # OverflowError, OSError: beyond what the platform's clock can express
        return None
    return parsed if parsed.tzinfo else None
