"""``python -m plan_review PLAN.json ...``: exit 0 nothing risky, 1 risky, 2 unreadable."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from plan_review import render
from plan_review.limit import LEAST, length
from plan_review.reading import UnreadableError, read
from plan_review.review import Review, review
from plan_review.text import clipped, printable

NOTHING, RISKY, UNREADABLE = 0, 1, 2
STDIN = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, judge, print. What is readable is judged and printed also when something else is not."""
    given = _parser().parse_args(arguments)
    gc.disable()  # it ends soon; collecting among a plan's millions of objects is a third of the time
    plans, failed = [], False
    for file, name in zip(given.plans, _names(given.plans), strict=True):
        try:
            plans.append(read(name, _bytes(file)))
        except UnreadableError as error:
            failed = True
            _complain(f"{printable(file)}: {error}")
        except OSError as error:
            failed = True
            _complain(f"{printable(file)}: {error.strerror or type(error).__name__}")
        except Exception as error:  # see below: whatever it is, it was not judged
            failed = True
            _complain(f"{printable(file)}: it does not have the form of a plan ({type(error).__name__})")
    if not plans:
        return UNREADABLE
    try:
        found = review(plans)
        text = _rendered(found, given)
    except Exception as error:  # Python's exit code of an exception is 1, which here means: judged, and risky
        _complain(f"these plans cannot be judged ({type(error).__name__}): one of them has not a plan's form")
        return UNREADABLE
    if given.format != "html" and given.limit is not None and length(text) > given.limit:
        _complain(f"{given.limit} characters are too few for the verdict and the link")
        return UNREADABLE
    try:
        _write(text)
    except OSError as error:  # a full disk, a reader that has gone: nobody has read it all
        _complain(f"the review could not be written: {error.strerror or type(error).__name__}")
        return UNREADABLE
    if failed:
        return UNREADABLE
    return RISKY if found.risky else NOTHING


def _write(text: str) -> None:
    """Whatever the terminal's or the file's encoding: a character that it does not know must not lose the review."""
    if sys.stdout is None:  # closed by the caller
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except OSError:
        # What is left in its buffer would fail again at the end, and change the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _complain(sentence: str) -> None:
    """On standard error. That this cannot be written, either, does not change what the exit code says."""
    if sys.stderr is None:  # print would take standard output instead
        return
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _rendered(found: Review, given: argparse.Namespace) -> str:
    if given.format == "html":
        return render.html(found)
    if given.format == "markdown":
        return render.markdown(found, given.limit, given.link)
    return render.table(found, given.limit, _width())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plan_review",
        description="What a reviewer must know of Terraform or OpenTofu plans: JSON of `terraform show -json`.",
        epilog="Exit code 0: nothing risky; 1: something a person must look at; 2: a plan, or the command, cannot be read.",
    )
    parser.add_argument(
        "plans", nargs="+", metavar="PLAN.json", help=f"a plan's JSON, one for each stack; {STDIN} for standard input"
    )
    parser.add_argument("--format", choices=("markdown", "table", "html"), default="table")
    parser.add_argument(
        "--limit", type=_limit, metavar="CHARACTERS", help="of markdown and table: the most important survives"
    )
    parser.add_argument("--link", type=_link, metavar="URL", help="of markdown: where the whole review stands")
    return parser


def _limit(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a number of characters is wanted, such as 10240, and {printable(clipped(text, 40))!r} is none"
        ) from None
    if number < LEAST:
        raise argparse.ArgumentTypeError(f"{LEAST} characters are the least")
    return number


def _link(text: str) -> str:
    try:
        return render.checked_link(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _bytes(file: str) -> bytes:
    if file != STDIN:
        return Path(file).read_bytes()
    if sys.stdin is None:  # closed by the caller
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdin.buffer.read()


def _names(files: Sequence[str]) -> list[str]:
    """A file's name without .json; with its folder where that is needed to tell two apart, or where it says nothing."""
    names = []
    for file in files:
        path = Path(file)
        name = path.name.removesuffix(".json").removesuffix(".tfplan") if file != STDIN else "standard input"
        names.append(path.resolve().parent.name if name in ("plan", "tfplan", "") else name)
    twice = Counter(names)
    folders = [
        f"{Path(file).resolve().parent.name}/{name}" if twice[name] > 1 else name
        for file, name in zip(files, names, strict=True)
    ]
    again = Counter(folders)
    return [clipped(file if again[folder] > 1 else folder) for file, folder in zip(files, folders, strict=True)]


def _width() -> int:
    """Of the terminal, within reason; 100 where there is none, so that a file is the same everywhere."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, 60), 120)
