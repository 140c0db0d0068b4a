"""Run Snyk and put its report before the gate: `snyk.py snyk | snyk-code | snyk-container`.

The token is read here, lives in this process's memory, and goes only into the environment of the Snyk CLI. So nothing
of the repository or of its dependencies may run here:

- Snyk's Python plugin runs a Python interpreter and asks its packages' metadata. It gets a fresh virtual environment
  into which only metadata files of the artifact `Resolved` were copied, no code
  (tests/buildspecs/test_snyk_python_plugin.py runs the real plugin and gets the graph of a full installation).
- Snyk runs Maven, Gradle, Go ... for other manifests, also wrapper scripts that are part of the repository. Those
  manifests are refused before Snyk starts, and its PATH holds nothing but Python.

Snyk works on a copy of the commit's files without those by which a commit could excuse itself (`.snyk`, `.dcignore`,
`.gitignore`): what may be ignored is said in pipelines.yaml's waivers or on Snyk's console, not in the commit.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import gate
import image
import python_metadata
import resolution
import resolved_files
import snyk_manifests
import source
from common import Failure, main, setting, source_dir
from snyk_cli import Cli, merged, parts

SCOPES = {"snyk": "dependencies", "snyk-code": "code", "snyk-container": "image"}
LEFT_OUT = (".snyk", ".dcignore", ".gitignore", "gradlew", "gradlew.bat", "mvnw", "mvnw.cmd")


class NotScanned(Failure):
    """Snyk was not asked, because its answer could not have covered everything: the verdict is `no-evidence`."""


def dependencies(folder: Path) -> tuple[int, object]:
    """`snyk test` of everything that the commit depends on, then `snyk monitor`."""
    repository = setting("REPOSITORY", r"\w[\w.-]*")
    work = folder / "work" / repository  # Snyk names projects after this folder
    source.copy(source_dir(), work, LEFT_OUT)
    resolved = Path(setting("CODEBUILD_SRC_DIR_Resolved")).resolve()
    records = resolution.read(resolved)
    resolved_files.add(resolved / "source", work, resolved_files.replacements(work, records))
    problems = snyk_manifests.unresolved(work, {entry["manifest"]: entry for entry in records})
    if problems:
        raise NotScanned("Snyk was not started, it could not have seen all dependencies:\n  " + "\n  ".join(problems))
    levels = snyk_manifests.depth(work)
    pythons = interpreters(folder, work, resolved / "python")
    cli = Cli(folder)  # which reads the token: only when nothing is left that could refuse the artifact
    calls: list[tuple[list[str], int, object]] = []  # options that also `snyk monitor` takes, exit code, report
    for path in pythons:
        one = [f"--file={path}", "--package-manager=pip", f"--command={pythons[path]}"]
        calls.append(([*one, f"--project-name={repository}:{path}"], *cli.test(["test", *one], work)))
    # --fail-fast: without it Snyk passes over a manifest that it cannot read, and says nothing in its JSON.
    every = ["--all-projects", "--fail-fast", "--exclude=requirements.txt", f"--detection-depth={levels}"]
    exit_code, report = cli.test(["test", *every], work)
    if exit_code == 3 and calls:
        print("snyk: no manifests besides requirements.txt")
    else:
        calls.append((every, exit_code, report))
    for arguments, exit_code, _ in calls:
        if exit_code in (0, 1):
            cli.monitor(arguments, work)
    if any(report is None for _, _, report in calls):
        return 2, None
    return merged([exit_code for _, exit_code, _ in calls]), [part for _, _, report in calls for part in parts(report)]


def interpreters(folder: Path, work: Path, metadata: Path) -> dict[str, Path]:
    """For each requirements.txt of the copy the interpreter that knows what was installed for it.

    The files are completed with what Snyk would not reach from their lines, each after all have been compared: one may
    include another.
    """
    pythons: dict[str, Path] = {}
    for path in source.manifests(work, "requirements.txt"):
        pythons[path] = python_metadata.environment(folder / f"venv{len(pythons)}", metadata / path)  # checks it, too
        python_metadata.compare(work, path, pythons[path])
    for path in pythons:
        python_metadata.complete(work / path, metadata / path)
    return pythons


def code(folder: Path) -> tuple[int, object]:
    """`snyk code test`: static, on the commit's files alone."""
    work = folder / "source"
    source.copy(source_dir(), work, LEFT_OUT)
    return Cli(folder).test(["code", "test"], work)


def container(folder: Path) -> tuple[int, object]:
    """`snyk container test` of this execution's image; the Dockerfile only helps with advice on the base image."""
    image.fetch(folder / "image.tar")
    arguments = ["container", "test", "oci-archive:image.tar"]
    name = setting("DOCKERFILE")
    dockerfile = source.inside(source_dir(), name)
    if dockerfile.is_file():
        arguments.append(f"--file={dockerfile}")
    else:
        print(f"{name}: not in the repository; Snyk cannot advise on the base image")
    return Cli(folder).test(arguments, folder)


def _script(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in SCOPES:
        raise Failure("usage: snyk.py snyk | snyk-code | snyk-container")
    scanner = arguments[0]
    scans = {"snyk": dependencies, "snyk-code": code, "snyk-container": container}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        file = folder / "raw.json"
        broken: Failure | None = None
        exit_code, report = 2, None
        try:
            exit_code, report = scans[scanner](folder)
        except NotScanned as failure:
            exit_code, broken = 3, failure
        except Failure as failure:
            broken = failure
        if broken:
            print(f"error: {broken}", file=sys.stderr, flush=True)
        if report is not None:
            file.write_text(json.dumps(report), encoding="utf-8")
        gate.judge(scanner, SCOPES[scanner], file, exit_code)
    if broken:
        raise Failure("nothing was scanned, see above")  # whatever the gate says of a report that was never written


if __name__ == "__main__":
    main(_script)
