"""Which manifests Snyk reads unaided, and what stands in the way of the others.

Snyk runs Maven, Gradle, Go ... for some of them, also wrapper scripts that are part of the repository, and passes over
others without a word: both are said before it starts, because its answer could not have covered everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import requirements
import source
from common import Failure, printable
from resolve import needs_lock

# Manifests for which the CLI starts a build tool (its package-managers and plugins, 1.1307.4); uv.lock is read only by
# organisations that have a feature flag, and otherwise passed over without a word.
NEEDS_TOOL = {
    "pom.xml": "Maven", "build.gradle": "Gradle", "build.gradle.kts": "Gradle", "build.sbt": "sbt", "go.mod": "Go",
    "Gopkg.lock": "Go", "Pipfile": "pipenv", "mix.exs": "Elixir", "Package.swift": "Swift", "uv.lock": "uv",
}  # fmt: skip
# Manifests that say nothing about transitive dependencies unless one of these files stands beside them.
NEEDS_FILE = {
    "Gemfile": ("Gemfile.lock",), "Podfile": ("Podfile.lock",), "composer.json": ("composer.lock",),
    "paket.dependencies": ("paket.lock",), "setup.py": ("requirements.txt", "poetry.lock"),
    "pyproject.toml": ("requirements.txt", "poetry.lock"),
}  # fmt: skip
DOTNET_PROJECTS = (".csproj", ".fsproj", ".vbproj")
DOTNET_FILES = ("obj/project.assets.json", "project.assets.json", "packages.config")
# What the artifact `Resolved` may add to the commit's files: forms that Snyk reads without a tool.
STATIC_FORMS = (
    "requirements.txt", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "Gemfile.lock",
    "Podfile.lock", "composer.lock", "paket.lock", "packages.config", "project.assets.json",
)  # fmt: skip


def obstacle(file: Path) -> str:
    """Why Snyk cannot read a manifest unaided, and what to do; empty if it can, or if it is no manifest."""
    name = file.name
    if name in NEEDS_TOOL:
        return (
            f"Snyk runs {NEEDS_TOOL[name]} to read it, and no build tool may run where the token is: scan it with grype"
        )
    beside = DOTNET_FILES if file.suffix in DOTNET_PROJECTS else NEEDS_FILE.get(name, ())
    if name == "pyproject.toml" and not re.search(
        r"^\s*\[\s*(project|tool\.poetry)\s*[\].]", file.read_text("utf-8", "replace"), re.MULTILINE
    ):
        beside = ()  # only settings of tools
    if beside and not any((file.parent / other).is_file() for other in beside):
        return f"has no {' or '.join(beside)} beside it: commit one"
    return ""


def unresolved(work: Path, records: Mapping[str, Mapping[str, str]]) -> list[str]:
    """One sentence for each manifest whose dependencies Snyk would not see, or only by running a tool."""
    problems = []
    own = "or resolve it in the pipeline's own `buildspec:` with `resolve.py --instead {}=<a file Snyk reads unaided>`"
    for file in source.walk(work):
        path, name, why = file.relative_to(work).as_posix(), file.name, obstacle(file)
        if why:
            problems.append(f"{path}: {why}, {own.format(path)}")
        elif name == "requirements.txt" or (name == "package.json" and needs_lock(work, path)):
            entry = records.get(path, {"status": "failed", "reason": "the build `resolve` did not look at it"})
            if entry["status"] != "resolved":
                problems.append(f"{path}: could not be resolved: {printable(entry['reason'], 300)}")
            elif name == "package.json":
                problems.append(f"{path}: was resolved, but its package-lock.json is not in the artifact Resolved")
        if name == "requirements.txt":
            problems += [f"{path}: {line}" for line in unreadable(file)]
    return problems


def unreadable(file: Path) -> list[str]:
    """Lines on which Snyk's parser gives up: a bare path of a local package."""
    return [
        f"line {number} is a bare path, which Snyk cannot read: write `-e <path>`"
        for number, line in enumerate(requirements.read(file).splitlines(), start=1)
        if re.match(r"\s*(/|\.{1,2}(/|\[|\s|$))", line)
    ]


def depth(work: Path) -> int:
    """How many levels Snyk must look at to see every file (its default is 4); Failure for folders that it passes over."""
    deepest = 1
    for path in work.rglob("*"):
        deepest = max(deepest, len(path.relative_to(work).parts))
        name = path.name
        passed_over = name == "requirements.txt" or (name.endswith("node_modules") and name != "node_modules")
        if passed_over and path.is_dir():
            raise Failure(f"{path.relative_to(work)}: Snyk passes over a folder of this name: rename it")
    return deepest
