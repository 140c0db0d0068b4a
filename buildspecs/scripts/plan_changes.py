"""Which stacks a branch changes: what it synthesizes, compared with what its destination does."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from common import Failure, Result, printable, run, scrub

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
SECONDS = 1500
KEPT = 3000  # characters of a failed command's output that the pull request's comment may quote


def tail(result: Result) -> str:
    """The end of what a command printed, where it says why it failed; errors after output."""
    if result.code is None:
        return f"did not end within {SECONDS} seconds"
    text = "\n".join(part.strip() for part in (result.out, result.err) if part.strip())
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", scrub(text))
    return plain[-KEPT:] or f"exited with {result.code} and said nothing"


def without_credentials(**more: str) -> dict[str, str]:
    """The environment without what AWS puts there. It keeps them out of tools that would print or pass them on; it is no
    fence: code that runs here can find them elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECS_"))}
    return {**kept, **more}


def synthesize(source: Path, settings: str, outdir: Path) -> str:
    """`make synth` in a checkout; returns "" or why it failed. ``settings``: path of its settings file."""
    if not (source / "Makefile").is_file():
        return "there is no Makefile at the top of the repository: this project is not in it"
    environment = without_credentials(PIPELINES=settings, CDKTF_OUTDIR=str(outdir))
    done = run(["make", "--no-print-directory", "synth"], timeout=SECONDS, env=environment, cwd=source)
    if done.code == 0 and (outdir / "manifest.json").is_file():
        return ""
    return tail(done) if done.code != 0 else "it ended well and wrote nothing"


def stacks(outdir: Path) -> dict[str, object]:
    """Name -> what was synthesized, in the order of deployment."""
    try:
        names = list(json.loads((outdir / "manifest.json").read_text(encoding="utf-8"))["stacks"])
        found = {
            name: json.loads((outdir / "stacks" / name / "cdk.tf.json").read_text(encoding="utf-8"))
            for name in names
            if NAME.fullmatch(name)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"what was synthesized cannot be read: {printable(str(error), 300)}") from error
    if len(found) != len(names):
        raise Failure("what was synthesized has a stack whose name is none")
    return found


@dataclass(frozen=True)
class Changes:
    """Names of stacks: to be planned, left alone, no longer there."""

    planned: list[str]
    unchanged: list[str]
    removed: list[str]


def compare(branch: dict[str, object], destination: dict[str, object] | None) -> Changes:
    """``destination``: None if it could not be synthesized; then every stack counts as changed.

    A function's code is in the comparison, too: its hash stands in what is synthesized.
    """
    if destination is None:
        return Changes(list(branch), [], [])
    same = [name for name, content in branch.items() if name in destination and destination[name] == content]
    return Changes(
        planned=[name for name in branch if name not in same],
        unchanged=same,
        removed=[name for name in destination if name not in branch],
    )
