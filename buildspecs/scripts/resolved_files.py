"""Files out of the artifact `Resolved` for the copy of the commit that Snyk works on: only those that were to be expected.

Everything in the artifact may have been written by a foreign package's setup.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import source
from common import Failure, printable
from resolve import needs_lock
from snyk_manifests import STATIC_FORMS, obstacle


def replacements(work: Path, records: list[dict[str, str]]) -> dict[str, str]:
    """What the artifact wants to take out of the copy: manifest -> the file in the artifact that stands for it.

    Only the user's own buildspec may do that, and only with a manifest that Snyk could not read anyway: everything in
    the artifact may have been written by a foreign package's setup.py.
    """
    wanted = {entry["manifest"]: entry["instead"] for entry in records if entry["instead"]}
    present = {path.relative_to(work).as_posix(): path for path in source.walk(work)}
    for manifest, instead in wanted.items():
        says = f"the artifact Resolved says that {printable(instead, 200)} stands for {printable(manifest, 200)}"
        if os.environ.get("OWN_BUILDSPEC") != "true":
            raise Failure(f"{says}: only a pipeline with its own `buildspec:` may do that")
        if manifest not in present or not obstacle(present[manifest]):
            raise Failure(f"{says}: right is a manifest of the commit that Snyk cannot read unaided")
        if Path(instead).name not in STATIC_FORMS:
            raise Failure(f"{says}: right is one of {', '.join(STATIC_FORMS)}")
    return wanted


def add(extra: Path, work: Path, replaced: Mapping[str, str]) -> None:
    """Add the artifact's lock files to the copy, and exchange the manifests in `replaced`.

    Nothing that is in the commit is overwritten, and only what was expected is taken: a package-lock.json for a
    package.json that has no lock file, and what stands for a manifest in `replaced`.
    """
    bare = [path for path in source.manifests(work, "package.json") if needs_lock(work, path)]
    expected = {Path(path).with_name("package-lock.json").as_posix() for path in bare} | set(replaced.values())
    added = set()
    for path in sorted(extra.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(extra).as_posix()
        target = source.inside(work, name)
        if path.is_symlink() or not path.is_file() or name not in expected or os.path.lexists(work / name):
            raise Failure(f"the artifact Resolved holds source/{printable(name, 200)}, which it may not bring")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        added.add(name)
    for manifest, instead in replaced.items():
        if instead not in added:
            raise Failure(f"{printable(instead, 200)}, which stands for {manifest}, is not in the artifact Resolved")
        (work / manifest).unlink()  # a link itself, not what it leads to
