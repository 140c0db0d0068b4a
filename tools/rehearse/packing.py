"""What goes into a build and comes out of it: zips.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.artifacts.files
"""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path, PurePosixPath

from tools.rehearse.buildspec import Files


class PackingError(RuntimeError):
    """A zip that cannot be unpacked, or files that are not there."""


def unpack(source: Path, target: Path) -> None:
    """A zip into a new folder, with modes and links. Raises PackingError."""
    target.mkdir(parents=True)
    links: list[tuple[Path, bytes]] = []
    try:
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                path = PurePosixPath(entry.filename)
                if path.is_absolute() or ".." in path.parts:
                    raise PackingError(f"{entry.filename!r} leads out of the source")
                place, mode = target / path, entry.external_attr >> 16
                if entry.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                if stat.S_ISLNK(mode):
                    links.append((place, archive.read(entry)))
                    continue
                place.write_bytes(archive.read(entry))
                place.chmod(stat.S_IMODE(mode) or 0o644)
    except (zipfile.BadZipFile, OSError) as error:
        raise PackingError(f"{source.name}: {error}") from error
    for place, leads in links:  # last, so that nothing is written through one
        place.symlink_to(os.fsdecode(leads))


def found(root: Path, files: Files) -> dict[str, Path]:
    """Name in the artifact -> file. A link counts as a link: what it leads to is seen differently inside of the build."""
    bases = sorted(path for path in root.glob(files.base) if path.is_dir()) if files.base else [root]
    listed: dict[str, Path] = {}
    for base in bases:
        if not base.resolve().is_relative_to(root.resolve()):
            continue
        for pattern in files.patterns:
            for path in sorted(base.glob(_pattern(pattern))):
                if path.is_symlink() or path.is_file():
                    name = path.name if files.flat else path.relative_to(base).as_posix()
                    listed[name] = path
    return listed


def pack(root: Path, files: Files, target: Path) -> None:
    """An artifact. Raises PackingError, in CodeBuild's words, if nothing is there."""
    for pattern in (files.base, *files.patterns):
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise PackingError(f"the rehearsal has no artifacts of {pattern!r}, outside of the source")
    if files.base and not any(path.is_dir() for path in root.glob(files.base)):
        raise PackingError(f"no matching base directory path found for {files.base}")
    listed = found(root, files)
    if not listed:
        raise PackingError("no matching artifact paths found")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(listed.items()):
            mode = path.lstat().st_mode
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes())


def _pattern(pattern: str) -> str:
    return pattern.removeprefix("./")
