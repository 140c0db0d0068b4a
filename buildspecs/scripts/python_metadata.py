"""Packages' metadata out of the artifact `Resolved`, for Snyk's Python plugin: checked, and without the packages' code.

The plugin runs a Python interpreter and asks what is installed there. Foreign code ran where that metadata was written,
so it is held against itself and against what the commit asks for.
"""

from __future__ import annotations

import email.parser
import importlib
import re
import shutil
import sys
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

from common import Failure, printable, run, scrub
from requirements import asked_for, normal, read
from resolve import METADATA, METADATA_LIMIT


def environment(venv: Path, infos: Path) -> Path:
    """The interpreter of a fresh virtual environment that knows the resolved packages' metadata, not their code."""
    # -I: with -m alone Python imports from the current folder first, which is the repository's. Snyk's plugin needs no pip.
    made = run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], timeout=300)
    if made.code != 0:
        raise Failure(f"python3 -m venv failed: {printable(made.err + made.out, 300)}")
    site = next(venv.glob("lib/python3*/site-packages"))
    names: set[str] = set()
    for info in sorted(infos.iterdir()) if infos.is_dir() else []:
        match = re.fullmatch(r"([A-Za-z0-9._]+)-[A-Za-z0-9._+!]+\.dist-info", info.name)
        files = sorted(info.iterdir()) if info.is_dir() and not info.is_symlink() else []
        plain = all(
            file.name in METADATA and not file.is_symlink() and file.is_file() and file.stat().st_size <= METADATA_LIMIT
            for file in files
        )
        if not match or not files or not plain:
            raise Failure(f"the artifact Resolved holds {printable(info.name, 200)}, which is no plain metadata")
        if normal(match[1]) in names:
            raise Failure(f"the artifact Resolved holds {info.name} and another version of the same package")
        names.add(normal(match[1]))
        (site / info.name).mkdir()
        for file in files:
            shutil.copyfile(file, site / info.name / file.name)
    return venv / "bin" / "python"


def compare(work: Path, manifest: str, python: Path) -> None:
    """Fail unless the packages' metadata agrees with itself and with what the commit asks for.

    Foreign code ran where it was written: a setup.py can make an old version look like one without vulnerabilities.
    """
    (site,) = python.parent.parent.glob("lib/python3*/site-packages")
    try:  # the standard library cannot read requirements; this interpreter's pip can
        packaging = importlib.import_module("pip._vendor.packaging.requirements")
        parse = importlib.import_module("pip._vendor.packaging.version").Version
    except ImportError as error:
        raise Failure(f"{sys.executable} has no usable pip, which CodeBuild's images have: {error}") from error
    installed = _installed(site, parse)
    for line, needed in asked_for(work, manifest):
        says = f"{manifest} asks for {printable(scrub(line), 200)!r}"
        try:
            wanted = packaging.Requirement(line)
        except ValueError as error:
            raise Failure(f"{says}, which is no requirement that can be compared: write `name==version`") from error
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        found = installed.get(normal(wanted.name))
        if needed and found is None:
            raise Failure(f"{says}, and the artifact Resolved does not hold it: it was not installed, or was hidden")
        if found is not None and not wanted.specifier.contains(found, prereleases=True):
            raise Failure(f"{says}, and the artifact Resolved holds {found}: the metadata was changed")


def _installed(site: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    """What the metadata says is installed, by name; Failure where a folder's name and its METADATA disagree."""
    versions = {}
    for info in sorted(site.glob("*.dist-info")):
        head = metadata(info)
        name, version = str(head["Name"]), str(head["Version"])
        folder = info.name[: -len(".dist-info")].split("-")
        try:
            versions[normal(name)] = parse(version)
            # A folder's name has "_" for "-".
            same = normal(folder[0]) == normal(name) and parse(folder[1].replace("_", "-")) == parse(version)
        except ValueError:
            same = False
        if not same:
            raise Failure(f"the artifact Resolved holds {info.name}, whose METADATA says {name} {version}")
    return versions


def complete(file: Path, infos: Path) -> None:
    """Add to a requirements.txt what was installed for it and Snyk's plugin would not reach from its lines.

    Snyk passes over editable and bare URL requirements, and over everything that comes in by an extra
    (`requests[socks]`), without a word.
    """
    packages: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    for info in sorted(infos.glob("*.dist-info")):
        head = metadata(info)
        name = normal(str(head["Name"]))
        packages[name] = f"{head['Name']}=={head['Version']}"
        lines = [str(line) for line in head.get_all("Requires-Dist", [])]
        needs[name] = {
            normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in lines if not re.search("extra *==", line)
        }
    needed = set().union(*needs.values())
    reached: set[str] = set()
    pins = []
    for name in sorted(packages, key=lambda name: name in needed):  # first those that nothing needs
        if name not in reached:
            pins.append(packages[name])
        todo = {name}
        while todo:
            reached |= todo
            todo = {other for one in todo for other in needs.get(one, ())} - reached
    text = read(file)
    if pins:
        text += "\n# installed for the lines above\n" + "\n".join(pins) + "\n"
    file.unlink()  # it may be a link to a file that others are linked to
    file.write_text(text, encoding="utf-8")


def metadata(info: Path) -> Message:
    """The head of a package's METADATA.

    Readers disagree on what ends a line. All of them are taken here, so that a second `Version:` cannot hide in one.
    """
    file = info / "METADATA"
    head = email.parser.HeaderParser().parsestr("\n".join(read(file).splitlines()) if file.is_file() else "")
    names, versions = head.get_all("Name", []), head.get_all("Version", [])
    pin = f"{'|'.join(map(str, names))}=={'|'.join(map(str, versions))}"
    if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", pin):
        raise Failure(f"the artifact Resolved holds {info.name}, which has no usable name and version")
    return head
