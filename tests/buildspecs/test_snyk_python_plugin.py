"""The proof behind python_metadata.py: Snyk's real Python plugin gets, from metadata alone, the graph of a full installation.

snyk-python-plugin is the package that the Snyk CLI bundles for requirements.txt; it runs our interpreter exactly as in
the CLI. Needs node, npm and pip with their registries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = "snyk-python-plugin@3.3.1"
REQUIREMENTS = "Flask==3.1.3\nrequests[socks]==2.32.5\nzope.interface\n-e ./lib\n"
INSPECT = """
const plugin = require(process.argv[1]);
plugin.inspect(process.argv[2], 'requirements.txt', {command: process.argv[3]}).then(
  (result) => console.log(JSON.stringify(result.dependencyGraph.toJSON())),
  (error) => { console.error(error.message || error); process.exit(2); });
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Callable[[Path, Path], Any]:
    """Snyk's plugin on a folder with a requirements.txt, with an interpreter."""
    node, npm = need("node"), need("npm")
    folder = tmp_path_factory.mktemp("plugin")
    install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), PLUGIN]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr

    def inspect(root: Path, python: Path) -> Any:
        module = str(folder / "node_modules/snyk-python-plugin")
        result = subprocess.run(
            [node, "-e", INSPECT, module, str(root), str(python)],
            capture_output=True, text=True, check=False, timeout=120, env={"PATH": os.defpath, "HOME": str(folder)},
        )  # fmt: skip
        return json.loads(result.stdout) if result.returncode == 0 else result.stderr

    return inspect


def write_app(root: Path) -> None:
    """An application: transitive dependencies, an extra, a name with a dot, and a package of its own in it."""
    (root / "lib").mkdir(parents=True)
    (root / "lib/pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "own-lib"\nversion = "1.0"\ndependencies = ["colorama"]\n[tool.setuptools]\npy-modules = []\n'
    )
    (root / "requirements.txt").write_text(REQUIREMENTS)


def names(graph: Any) -> set[str]:
    return {package["info"]["name"] for package in graph["pkgs"]}


def test_metadata_alone_gives_the_graph_of_a_full_installation(
    plugin: Callable[[Path, Path], Any], load: Callable[[str], Any], scripts: Path, tmp_path: Path
) -> None:
    root = tmp_path / "app"
    write_app(root)
    full = tmp_path / "full"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(full)], check=True, timeout=120)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(full), "install", "--quiet", "--no-compile", "-r", "requirements.txt"],
        check=True, timeout=300, capture_output=True, cwd=root,
    )  # fmt: skip
    subprocess.run(
        [sys.executable, str(scripts / "resolve.py")],
        check=True, timeout=300, capture_output=True, env={**os.environ, "CODEBUILD_SRC_DIR": str(root)},
    )  # fmt: skip
    infos = root / "pipeline-resolved/python/requirements.txt"
    assert not [path for path in infos.rglob("*") if path.suffix in (".py", ".pth", ".so")]
    metadata = load("python_metadata")
    python = metadata.environment(tmp_path / "bare", infos)
    assert plugin(root, python) == plugin(root, full / "bin/python")
    # What Snyk does not reach by itself; if this fails, Snyk has learned it and complete() can go.
    missed = {"pysocks", "own-lib", "colorama"}
    assert not missed & names(plugin(root, python))

    metadata.complete(root / "requirements.txt", infos)
    found = plugin(root, python)
    assert found == plugin(root, full / "bin/python")
    assert {"flask", "werkzeug", "markupsafe", "requests", "urllib3", "zope.interface"} | missed <= names(found)
    foreign = subprocess.run([str(python), "-c", "import flask"], capture_output=True, check=False, timeout=60)
    assert foreign.returncode == 1, "no foreign code may be importable where the token is"


def test_what_the_plugin_cannot_read_is_an_error_in_it(
    plugin: Callable[[Path, Path], Any], load: Callable[[str], Any], tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("flask\n")
    unreadable = load("snyk_manifests").unreadable
    python = load("python_metadata").environment(tmp_path / "bare", tmp_path / "nothing")
    assert plugin(tmp_path, python) == "Missing required packages\n"
    assert unreadable(file) == []
    file.write_text("pip\n./lib\n")
    assert plugin(tmp_path, python).startswith("Unable to parse")
    assert unreadable(file) == ["line 2 is a bare path, which Snyk cannot read: write `-e <path>`"]
