"""Resolve dependencies where no token is: this build runs foreign code (setup.py of packages) and may do nothing else.

    resolve.py [--instead MANIFEST=FILE]...

Reads the commit's files and writes the folder `pipeline-resolved/`, which becomes the artifact `Resolved`:

    resolution.json                        what became of each manifest (its form: resolution.py)
    python/<path of a requirements.txt>/   the *.dist-info folders of everything it installs: metadata only, no code
    source/<path>                          lock files that were made here and are not in the commit

A manifest that cannot be resolved is written down as `failed` with one line of reason; the scanner's build then answers
`no-evidence`. `--instead Pipfile=requirements.txt` is for a user's own `buildspec:`: it says that FILE, which that
buildspec has just made in the source folder (it must not be in the commit), stands for MANIFEST, a form that Snyk reads
only with a build tool. snyk.py believes it only in a pipeline that has such a `buildspec:`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import resolution
import source
from common import Failure, Result, main, run, source_dir
from resolution import record

OUTPUT = "pipeline-resolved"
METADATA = ("METADATA", "WHEEL", "INSTALLER", "top_level.txt")
METADATA_LIMIT = 4_000_000  # bytes; a METADATA file holds a package's README at most
NODE_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml")
SECONDS = 1200


def why(tool: str, result: Result) -> str:
    """One line on why a package manager failed: its last line that says so."""
    if result.code is None:
        return f"{tool} did not end within {SECONDS} seconds"
    lines = [line for line in (result.err + "\n" + result.out).splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return f"{tool} exited with {result.code}: {(errors or lines or ['it said nothing'])[-1]}"


def tool_environment(home: Path) -> dict[str, str]:
    """The environment for package managers: this build's without what AWS and CodeBuild put there, and a new home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CODEBUILD_", "SNYK_"))}
    return {**kept, "HOME": str(home)}


def resolve_python(root: Path, manifest: str, target: Path) -> dict[str, str]:
    """Install one requirements.txt into a fresh virtual environment and keep the metadata of what that brought."""
    with tempfile.TemporaryDirectory() as folder:
        env = tool_environment(Path(folder))
        venv = Path(folder, "venv")
        # Empty: what a package needs of pip or setuptools is resolved like anything else, and 5 seconds are saved.
        made = run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], timeout=SECONDS, env=env)
        if made.code != 0:
            raise Failure(f"python3 -m venv: {why('venv', made)}")  # our own tool, not the repository's fault
        file = root / manifest
        # https://pip.pypa.io/en/stable/topics/python-option/: as if it ran in that environment; since pip 22.3
        pip = [sys.executable, "-I", "-m", "pip", "--python", str(venv / "bin" / "python")]
        result = run(
            [*pip, "install", "--no-input", "--no-compile", "--requirement", str(file)],
            timeout=SECONDS, env=env, cwd=file.parent,
        )  # fmt: skip
        if result.code != 0:
            return record(manifest, why("pip install", result))
        for info in dist_infos(venv):
            for name in METADATA:
                item = info / name
                if not item.is_file() or item.is_symlink():
                    continue
                if item.stat().st_size > METADATA_LIMIT:
                    return record(manifest, f"{info.name}/{name} is larger than {METADATA_LIMIT} bytes")
                (target / info.name).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(item, target / info.name / name)
    return record(manifest)


def dist_infos(venv: Path) -> list[Path]:
    """The metadata folders of the packages in a virtual environment."""
    return sorted(path for path in venv.glob("lib/python3*/site-packages/*.dist-info") if path.is_dir())


def needs_lock(root: Path, manifest: str) -> bool:
    """Whether a package.json has no lock file: neither its own nor that of the workspace it belongs to."""
    folder = (root / manifest).parent
    if any((folder / lock).is_file() for lock in NODE_LOCKS):
        return False
    for parent in folder.parents:
        if not parent.is_relative_to(root):
            break
        workspace = (parent / "pnpm-workspace.yaml").is_file() or _has_workspaces(parent / "package.json")
        if workspace and any((parent / lock).is_file() for lock in NODE_LOCKS):
            return False
    return True


def _has_workspaces(file: Path) -> bool:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and bool(content.get("workspaces"))


def resolve_node(root: Path, manifest: str, target: Path) -> dict[str, str]:
    """Make a package-lock.json; no script of any package is run."""
    if shutil.which("npm") is None:
        return record(manifest, "there is no npm in the build image to make a package-lock.json with")
    folder = (root / manifest).parent
    with tempfile.TemporaryDirectory() as home:
        result = run(
            ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"],
            timeout=SECONDS, env=tool_environment(Path(home)), cwd=folder,
        )  # fmt: skip
    lock = folder / "package-lock.json"
    if result.code != 0 or not lock.is_file():
        return record(manifest, why("npm install --package-lock-only", result))
    keep(root, lock.relative_to(root).as_posix(), target)
    return record(manifest)


def keep(root: Path, path: str, target: Path) -> None:
    """Put a file that was made here into the artifact's `source/`."""
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / path, target / path)


def replace(root: Path, option: str, target: Path) -> dict[str, str]:
    """Carry out one `--instead MANIFEST=FILE`."""
    manifest, _, file = option.partition("=")
    for path in (manifest, file):
        inside = (root / path).resolve().is_relative_to(root) and not Path(path).is_absolute()
        if not path or not inside or not (root / path).is_file():
            raise Failure(f"--instead {option}: {path or 'the file'} is no file in the source folder")
    keep(root, file, target)
    return record(manifest, instead=file)


def _script(arguments: list[str]) -> None:
    pairs = [arguments[i : i + 2] for i in range(0, len(arguments), 2)]
    if any(len(pair) != 2 or pair[0] != "--instead" for pair in pairs):
        raise Failure("usage: resolve.py [--instead MANIFEST=FILE]...")
    root = source_dir()
    output = root / OUTPUT
    if output.exists():
        raise Failure(f"the repository has a file or folder {OUTPUT}, which this build needs: rename it")
    if importlib.util.find_spec("pip") is None:
        raise Failure(f"{sys.executable} has no pip, which CodeBuild's images have: install it (python3-pip)")
    python, node = source.manifests(root, "requirements.txt"), source.manifests(root, "package.json")
    output.mkdir()
    records = [replace(root, option, output / "source") for _, option in pairs]
    records += [resolve_python(root, path, output / "python" / path) for path in python]
    records += [resolve_node(root, path, output / "source") for path in node if needs_lock(root, path)]
    resolution.write(output, records)
    for entry in records:
        print(f"{entry['status']}: {entry['manifest']} {entry['reason']}".rstrip())
    print(f"{len(records)} manifests resolved or tried; the scanners decide what follows")


if __name__ == "__main__":
    main(_script)
