"""The text that buildspecs/scripts/git_secrets.py makes of git-secrets' output: `report()` there is the other side.

    # git-secrets, scope source, commit <40 hexadecimal digits>, 12 files, proved with a planted key
    src/settings.py:3: aws-access-key-id
    # end: 1 findings

In the history a line begins with the commit that it is in: `<commit>:<path>:<line>: <kind>`. The first and the last line
frame the report wherever they are; a `#` anywhere else belongs to a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from findings.model import Finding, Kind, ScanResult, Severity, UnreadableError
from findings.parsers.grading import CREDENTIAL, REVOKE
from findings.parsers.reading import whole, word

# git-secrets grades nothing: what it prints is prohibited. A key, or what was prohibited and could not be told apart from
# one, opens an account. An account's id is no secret by AWS's own word, so between AWS and git-secrets it has no grade:
# it blocks as long as the policy blocks what is ungraded.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
KINDS: Final[Mapping[str, tuple[Severity, str]]] = MappingProxyType(
    {
        "aws-access-key-id": (CREDENTIAL, "AWS access key id"),
        "aws-secret-access-key": (CREDENTIAL, "AWS secret access key"),
        "aws-account-id": (Severity.UNGRADED, "AWS account id"),
        "other": (CREDENTIAL, "Prohibited pattern"),
    }
)
_ACCOUNT: Final = "Remove the account's id if it is not meant to be known, or accept it with a waiver."

_HEAD: Final = re.compile(
    r"# git-secrets, scope (?P<scope>source|history), commit (?P<commit>[0-9a-f]{40}), "
    r"(?P<count>[0-9]{1,12}) (?P<unit>files|commits), proved with a planted key"
)
_END: Final = re.compile(r"# end: ([0-9]{1,12}) findings")
# From the right, since a path may hold colons and spaces itself. What git-secrets printed without a readable place has none.
_LINE: Final = re.compile(
    rf"(?:(?P<where>.*):(?P<line>[0-9]{{1,300}})|a line that cannot be read): (?P<kind>{'|'.join(KINDS)})"
)
_COMMIT: Final = re.compile(r"(?P<commit>[0-9a-f]{40}):(?P<path>.*)")
_UNITS: Final[Mapping[str, str]] = MappingProxyType({"source": "files", "history": "commits"})


def parse(report: bytes) -> ScanResult:
    """A whole report: its last line counts its findings, so that a cut one is never taken for a clean one."""
    try:
        text = report.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8: damaged, or not a report of git-secrets") from error
    lines = text.split("\n")  # not splitlines(): a path may hold other line ends
    head = _HEAD.fullmatch(lines[0])
    if not head or head["unit"] != _UNITS[head["scope"]]:
        raise UnreadableError("the first line is not that of a report of git-secrets")
    end = _END.fullmatch(lines[-2]) if len(lines) > 2 else None
    found = lines[1:-2]
    if lines[-1] or not end or int(end[1]) != len(found):
        raise UnreadableError("the last line does not count the findings: the report is cut or damaged")
    return ScanResult(
        findings=tuple(_finding(line, number, head["scope"]) for number, line in enumerate(found, start=1)),
        nothing="" if int(head["count"]) else f"git-secrets scanned 0 {head['unit']}",
        commit=head["commit"],
        scope=head["scope"],
    )


def _finding(text: str, number: int, scope: str) -> Finding:
    match = _LINE.fullmatch(text)
    if not match:
        raise UnreadableError(f"line {number + 1} is no finding of git-secrets")
    kind = match["kind"]
    severity, name = KINDS[kind]
    where = word(match["where"])
    history = _COMMIT.fullmatch(where) if scope == "history" else None
    commit, path = (history["commit"], history["path"]) if history else ("", where)
    line = whole(int(match["line"])) if match["line"] else None
    place = f"{path}:{line}" if line else path or f"finding {number} of the report"
    return Finding(
        rule=kind,
        title=f"{name} in {path}" if path else name,
        severity=severity,
        kind=Kind.SECRET,
        description=f"git-secrets found it at {place}{f' in commit {commit}' if commit else ''}.",
        location=path,
        key=(commit, path, match["line"] or ""),
        remediation=_ACCOUNT if kind == "aws-account-id" else REVOKE,
        path=path,
        line=line,
    )
