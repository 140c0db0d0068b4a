"""The repository's manifests as kubectl renders them: the commit's and nothing else, with no network and no credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubectl
from common import Failure, printable, source_dir
from manifests import Manifests, decoded

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# Fields of a kustomization that name files; of those in BASES an entry may also be a directory.
BASES = ("bases", "components", "generators", "resources", "transformers", "validators")
FILES = ("configurations", "crds", "openapi", "patches", "patchesjson6902", "patchesstrategicmerge", "replacements")
GENERATORS = ("configmapgenerator", "secretgenerator")
# What kustomize may take for an address: a scheme, `user@host:`, `git::`, `gh:`, a query, `//`, `.git` and GitHub's name.
REMOTE = re.compile(r"[:?]|//|\.git(/|$)|_git/|(^|/)github\.com(/|$)", re.IGNORECASE)
# A port where nobody listens: rendering needs no network, so whatever asks for it fails at once.
NOWHERE = "http://127.0.0.1:9"


def rendered(home: Path, path: Path) -> Manifests:
    """The repository's manifests as kubectl reads them: a kustomization, a plain directory or a file."""
    customized = path.is_dir() and any((path / name).is_file() for name in KUSTOMIZATIONS)
    read = ("--kustomize" if customized else "--filename", str(path))
    return decoded(as_json(home, *read), "manifests")


def as_json(home: Path, *read: str) -> str:
    """Manifests as JSON: a local patch that changes nothing prints objects of every kind and asks no server."""
    patch = ("patch", "--local", "--type", "merge", "--patch", "{}", "--output", "json")
    return kubectl.call((*patch, *read), without_network(home), kubectl.CALL_SECONDS)


def without_network(home: Path) -> dict[str, str]:
    """An environment in which nothing remote can be fetched, and in which there are no credentials to fetch it with."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KUBECONFIG": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",  # a list of the protocols that git may use; there is none of this name
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{name: NOWHERE for proxy in proxies for name in (proxy, proxy.lower())},
        "NO_PROXY": "",
        "no_proxy": "",
    }


def only_the_commit(home: Path, path: Path, seen: set[Path]) -> None:
    """Refuse manifests that come from elsewhere: a remote base can change between staging and production.

    This check says it in a sentence; `without_network` holds for what it does not see (a plugin's own settings).
    """
    root = source_dir()

    def inside(found: Path) -> bool:
        real = Path(os.path.realpath(found))
        return real == root or root in real.parents

    if path in seen:
        return
    seen.add(path)
    for found in sorted(path.rglob("*")) if path.is_dir() else ():
        if found.is_symlink() and not inside(found):
            shown = printable(str(found.relative_to(root)), 200)
            raise Failure(f"{shown} is a link that leads out of the repository: put the file itself there")
    for file in (path / name for name in KUSTOMIZATIONS):
        if not (path.is_dir() and file.is_file()):
            continue
        shown = printable(str(file.relative_to(root)), 200)
        fields = kustomization(home, file)
        charts = sorted(name for name in fields if name.startswith("helm"))
        if charts:
            raise Failure(f"{shown}: {charts[0]}: charts are not part of the commit: put what they render into it")
        bases = [entry for field in BASES for entry in entries(fields.get(field)) if isinstance(entry, str)]
        bases = [entry for entry in bases if "\n" not in entry]  # a generator can stand here itself
        for entry in (*bases, *named_files(fields)):
            if REMOTE.search(entry):
                raise Failure(
                    f"{shown} names {printable(entry, 200)!r}, which is an address and not part of the commit: what it "
                    "holds can change between staging and production; copy it into the repository and name its path"
                )
        for entry in bases:
            base = Path(os.path.realpath(path / entry))
            if not inside(base):
                raise Failure(f"{shown} names {printable(entry, 200)!r}, which lies outside the repository")
            if not base.exists():
                raise Failure(f"{shown} names {printable(entry, 200)!r}, which is not in the repository")
            only_the_commit(home, base, seen)


def kustomization(home: Path, file: Path) -> dict[str, Any]:
    """A kustomization's fields, their names in lower case: kustomize reads them in any.

    There is no YAML in Python's library. kubectl reads objects only, so the file's lines go into one.
    """
    shown = printable(str(file.relative_to(source_dir())), 200)
    wrapped = home / "wrapped.yaml"
    head = "apiVersion: example.com/v1\nkind: Wrapped\nmetadata:\n  name: wrapped\nfields:\n"
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
        while re.fullmatch(r"\s*(#.*)?|---\s*(#.*)?", lines[0]) and len(lines) > 1:
            del lines[0]
        wrapped.write_text(head + "".join(f"  {line}\n" for line in lines), encoding="utf-8")
        (wrapper,) = decoded(as_json(home, "--filename", str(wrapped)), shown)
        fields = wrapper["fields"]
        return {str(name).lower(): value for name, value in fields.items()}
    except (Failure, KeyError, ValueError, AttributeError) as failure:
        raise Failure(f"{shown}: cannot be read as one YAML document of a kustomization: {failure}") from failure


def entries(value: object) -> list[Any]:
    """A field's entries, whether it holds a list, one thing or nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


def named_files(fields: dict[str, Any]) -> Iterator[str]:
    """What a kustomization names beside its bases: patches, configurations, files of its generators."""
    for field in FILES:
        for entry in entries(fields.get(field)):
            path = entry.get("path") if isinstance(entry, dict) else entry
            if isinstance(path, str) and "\n" not in path:  # or else a patch that stands here itself
                yield path
    for field in GENERATORS:
        for generator in entries(fields.get(field)):
            if isinstance(generator, dict):
                for entry in entries(generator.get("files")):
                    yield str(entry).rpartition("=")[2]
                yield from (str(entry) for name in ("envs", "env") for entry in entries(generator.get(name)))
