"""Where a SARIF result is: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, 3.4, 3.28 and 3.33."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from findings.parsers.reading import inner, objects, whole, word

_FOLDERS: Final = 20  # real logs name one or two; each is compared with each location
_DRIVE: Final = re.compile(r"/[A-Za-z]:/")


@dataclass(frozen=True, slots=True)
class Place:
    """A file in the repository, or a URL, or (with neither) the full name of a function or the like in ``name``."""

    path: str = ""
    url: str = ""
    name: str = ""
    line: int | None = None
    end_line: int | None = None
    column: int | None = None


def roots(run: Mapping[str, object]) -> tuple[str, ...]:
    """Folders of the machine that ran the tool, longest first: where it ran, and what its relative URIs are relative to."""
    bases = run.get("originalUriBaseIds")
    folders = [inner(one, "uri") for one in bases.values()] if isinstance(bases, dict) else []
    folders += [inner(one, "workingDirectory", "uri") for one in objects(run.get("invocations"))]
    known = {f"{text.rstrip('/')}/" for one in folders if (text := word(one)).lower().startswith("file:")}
    return tuple(sorted(known - {"file:///", "file:/"}, key=lambda text: (-len(text), text)))[:_FOLDERS]


def place(result: Mapping[str, object], artifacts: list[object], folders: tuple[str, ...]) -> Place:
    """A result's first location: others are needed only if the problem must be mended in all of them (3.27.12)."""
    locations = objects(result.get("locations"))
    first = locations[0] if locations else {}
    physical = first.get("physicalLocation")
    uri = word(inner(physical, "artifactLocation", "uri"))
    index = inner(physical, "artifactLocation", "index")
    if not uri and type(index) is int and 0 <= index < len(artifacts):
        uri = word(inner(artifacts[index], "location", "uri"))
    line = whole(inner(physical, "region", "startLine"))
    end = whole(inner(physical, "region", "endLine")) if line else None
    column = whole(inner(physical, "region", "startColumn"))
    logical = next(iter(objects(first.get("logicalLocations"))), {})
    name = word(logical.get("fullyQualifiedName")) or word(logical.get("name"))
    if uri.lower().startswith(("http:", "https:")):
        return Place(url=uri, name=name, line=line, end_line=end, column=column)
    return Place(path=_path(uri, folders), name=name, line=line, end_line=end, column=column)


def _path(uri: str, folders: tuple[str, ...]) -> str:
    """A path for people, without what is particular to the machine as far as the report tells."""
    for folder in folders:
        if uri.startswith(folder):
            uri = uri[len(folder) :]
            break
    path = unquote(uri)
    if path.lower().startswith("file:"):
        path = path[len("file:") :]
        path = f"/{path[2:].partition('/')[2]}" if path.startswith("//") else path  # //host/path
        path = path[1:] if _DRIVE.match(path) else path
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path
