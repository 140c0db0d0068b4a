"""requirements.txt as pip reads it: its text, and the packages that it asks for."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

import source
from common import Failure, printable


def read(file: Path) -> str:
    """A text file, as pip reads it: UTF-8, or what its byte order mark says."""
    data = file.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", "replace")


def asked_for(work: Path, manifest: str) -> list[tuple[str, bool]]:
    """The requirements in a file and in the files that it includes; False with those that only constrain.

    Editable and bare URL requirements have no name to compare, and files at a URL are no part of the commit.
    """
    requirements = []
    todo, seen = [(manifest, True)], set()
    while todo:
        path, needed = todo.pop()
        file = source.inside(work, path)
        if not file.is_file():
            raise Failure(f"{manifest} includes {printable(path, 200)}, which is no file in the repository")
        if (file, needed) in seen:
            continue
        seen.add((file, needed))
        for part in re.sub(r"\\\r?\n", "", read(file)).splitlines():
            line = re.split(r"(?:^|\s)(?:#|--(?:hash|config-settings?|global-option)\b)", part)[0].strip()
            include = re.match(r"(-r|--requirement|-c|--constraint)\s*=?\s*['\"]?([^'\"]+)", line)
            if include and "://" not in include[2]:
                inside = needed and include[1] in ("-r", "--requirement")
                todo.append((Path(os.path.normpath(Path(path).parent / include[2])).as_posix(), inside))
            elif line and not re.match(r"-|[\w+.-]+:", line):
                requirements.append((line, needed))
    return requirements


def normal(name: str) -> str:
    """A package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
