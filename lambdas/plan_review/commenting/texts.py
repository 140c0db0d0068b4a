"""The comment's words. Everything that a build wrote is quoted as such and cut to its share; the rest is ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from commenting.builds import Build
from commenting.comments import LIMIT, PullRequest
from commenting.results import Part, Result

# What the review itself gets at least; quotations of a failed build share the rest.
_QUOTED: Final = 3000
_EACH: Final = 800

FOREIGN: Final = (
    "_Read from what this branch's own build wrote. That build runs the branch's code, which can make it say anything:"
    " this helps a reviewer who reads the diff, and replaces none._"
)


def quoted(text: str, limit: int = _EACH) -> str:
    """Foreign text as a block of code: its end is kept, where errors say what is wrong. No fence of its own can end it."""
    known = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text.replace("\t", "    ").replace("`", "'"))
    plain = "".join(character for character in known if character == "\n" or character.isprintable()).strip()
    if len(plain) > limit:
        plain = f"...\n{plain[-limit:]}"
    return f"```\n{plain}\n```" if plain else ""


def failures(build: Build, result: Result | None, why: str, unreadable: Sequence[Part]) -> list[str]:
    """Paragraphs on what went wrong, none if nothing did. ``why``: what is wrong with the result itself."""
    said: list[str] = []
    if not build.succeeded:
        said.append(f"CodeBuild: {build.status}{f' ({build.failure})' if build.failure else ''}")
    if why:
        said.append(why)
    if result and result.error:
        said.append(f"It says:\n{quoted(result.error)}")
    for part in (*(result.stacks if result else ()), *unreadable):
        if part.status == "failed":
            said.append(f"`{part.name}` has no plan:\n{quoted(part.reason)}")
    for check in result.checks if result else ():
        if check.status == "failed":
            said.append(f"`make {check.name}` fails:\n{quoted(check.reason)}")
    if said and build.log:
        said.append(f"[The build's log]({build.log})")
    return said


def notes(pull: PullRequest, result: Result | None) -> list[str]:
    """What a reviewer must know beside the plans."""
    said: list[str] = []
    if result and (removed := result.named("removed")):
        said.append(
            f"**No longer made: {_names(removed)}.** No plan destroys them: what they made stays in AWS, and bills, until"
            " somebody destroys it."
        )
    if pull.merge_base and pull.merge_base != pull.destination_commit:
        said.append(
            "The branch lacks commits of its destination; the plan is of the branch as it is, and shows them as if they"
            " were taken back. Merge the destination into it."
        )
    if result and not result.compared:
        said.append("The destination could not be synthesized, so every stack was planned.")
    return said


def unchanged(result: Result | None) -> list[str]:
    """The one line on stacks that the branch leaves alone."""
    same = result.named("unchanged") if result else []
    return [f"Unchanged by this branch: {_names(same)}."] if same else []


def comment(
    head: str, wrong: Sequence[str], said: Sequence[str], same: Sequence[str], review: Callable[[int], str] | None
) -> str:
    """The whole comment, at most LIMIT characters. ``review`` gives the plans' part within a limit; None: no plan."""
    verdict = []
    if wrong:
        verdict.append(
            "**Not reviewed in full: the build failed.**" + (" What could be planned follows." if review else "")
        )
        verdict.append(_cut(wrong, _QUOTED))
    elif review is None:
        verdict.append(
            "The build says that no stack changes: what this branch synthesizes is what its destination does."
        )
    before, after = [head, *verdict, *said], [*same, FOREIGN]
    if review is None:
        return _join([*before, *after])
    room = LIMIT - _size(_join([*before, "", *after]))
    while True:
        text = _join([*before, review(room), *after])
        if _size(text) <= LIMIT:
            return text
        room -= _size(text) - LIMIT  # a character outside the BMP counts twice in some ways to count


def _cut(paragraphs: Sequence[str], limit: int) -> str:
    """The first paragraphs that fit, and how many do not. The log's link, which is last, always stays."""
    kept: list[str] = []
    first, last = list(paragraphs), []
    if first[-1].startswith("["):
        last = [first.pop()]
    for number, paragraph in enumerate(first):
        if sum(map(len, kept)) + len(paragraph) > limit:
            kept.append(f"... and {len(first) - number} more; the log has them.")
            break
        kept.append(paragraph)
    return _join([*kept, *last])


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _join(paragraphs: Sequence[str]) -> str:
    return "\n\n".join(paragraphs)


def _size(text: str) -> int:
    """Length in UTF-16, the most that "characters" can mean."""
    return len(text.encode("utf-16-le")) // 2
