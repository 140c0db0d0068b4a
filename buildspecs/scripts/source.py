"""The commit's files: is this the right commit, which manifests are in it, a copy that a scanner may look at.

`source.py check` is each build's first own command.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from common import Failure, main, printable, setting, source_dir

# Never descended into: Snyk's own list (its find-files.ts), so that what we count is what it scans.
SKIPPED = ("node_modules", ".build", ".git")
# A repository with more manifests than this was not meant: better an error than a build of many hours.
MANIFEST_LIMIT = 200


def check() -> None:
    """Fail unless this build has the commit that the pipeline is about."""
    commit = setting("COMMIT")
    if commit == "none":
        raise Failure(
            "CodePipeline started this run by itself when the pipeline was created: it belongs to no commit and "
            "nothing was scanned. Push a commit; its run is the one to look at."
        )
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise Failure("COMMIT must be a full commit id: 40 characters 0-9, a-f")
    present = os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
    if present != commit:
        raise Failure(
            f"this build got the source of {present or 'no commit'}, the pipeline is about {commit}: start again"
        )
    print(f"commit {commit}")


def walk(root: Path) -> Iterator[Path]:
    """Files below `root` in a stable order, links to files included as long as they stay below `root`."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_file() and path.resolve().is_relative_to(root):
                yield path


def manifests(root: Path, name: str) -> list[str]:
    """Paths, relative to `root`, of the files called `name`."""
    found = [path.relative_to(root).as_posix() for path in walk(root) if path.name == name]
    if len(found) > MANIFEST_LIMIT:
        raise Failure(f"{len(found)} files called {name}; at most {MANIFEST_LIMIT} are looked at")
    return found


def inside(root: Path, path: str) -> Path:
    """`root/path`, which must not lead out of `root`."""
    full = (root / path).resolve()
    if Path(path).is_absolute() or not full.is_relative_to(root.resolve()):
        raise Failure(f"{printable(path, 200)}: leads out of the folder that it must be in")
    return full


def copy(root: Path, target: Path, leave_out: Collection[str] = ()) -> None:
    """Copy the commit's files to `target`, without `.git` and without files called as in `leave_out`.

    A symbolic link that leads out of the tree is left out as well: what it names is no part of the commit, and a
    scanner that follows it would read this machine instead (/proc/self/environ holds the scanner's own token).
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        out = {name for name in names if name in leave_out or name == ".git"}
        for name in set(names) - out:
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                print(f"left out: {path.relative_to(root)} is a symbolic link that leads out of the repository")
                out.add(name)
            elif not path.is_symlink() and not path.is_file() and not path.is_dir():
                out.add(name)  # a pipe or a socket would hang or break the copy; git cannot hold one anyway
        return out

    shutil.copytree(root, target, symlinks=True, ignore=ignored)


def _script(arguments: list[str]) -> None:
    if arguments != ["check"]:
        raise Failure("usage: source.py check")
    check()
    source_dir()


if __name__ == "__main__":
    main(_script)
