"""Every buildspec: plain YAML, the same first commands, no secret, nothing that is not there. Its commands run here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

BUILDSPECS = Path(__file__).resolve().parents[2] / "buildspecs"
FILES = sorted(BUILDSPECS.glob("*.yml"))
OWN = BUILDSPECS.parent / "tests" / "settings" / "own-resolve.yml"
MINE = ("resolve", "scan-snyk", "scan-snyk-code", "scan-snyk-container", "scan-grype", "scan-git-secrets")
FIRST = [
    'aws s3 cp "$SCRIPTS_URI" /tmp/scripts.zip --only-show-errors',
    'echo "$SCRIPTS_SHA256  /tmp/scripts.zip" | sha256sum --check --strict --quiet',
    # -I: with -m alone Python looks for modules in the current folder first, which is the repository's.
    "python3 -I -m zipfile -e /tmp/scripts.zip /opt/pipeline",
    "python3 /opt/pipeline/source.py check",
]
# A failed unit test's report is uploaded only if the build goes on to its end; that file has no later commands.
GOES_ON = {("build-image", "build")}
each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def commands(file: Path) -> list[str]:
    content = yaml.safe_load(file.read_text())
    return [command for phase in content["phases"].values() for command in phase["commands"]]


def test_the_scanners_buildspecs_are_there() -> None:
    assert set(MINE) <= {file.stem for file in FILES}


@each
def test_form(file: Path) -> None:
    text = file.read_text(encoding="ascii")
    content = yaml.safe_load(text)
    assert len(text) <= 20_000
    assert content["version"] == 0.2
    assert content["env"]["shell"] == "bash"
    assert set(content) <= {"version", "env", "phases", "artifacts", "reports"}
    assert set(content["env"]) <= {"shell", "variables", "exported-variables"}, "no parameter-store, no secrets-manager"
    for name, value in content["env"].get("variables", {}).items():
        assert not re.search(r"token|secret|password|key|credential", f"{name}={value}", re.IGNORECASE)
    for name, phase in content["phases"].items():
        assert set(phase) <= {"on-failure", "commands"}, name
        assert phase.get("on-failure") == (None if (file.stem, name) in GOES_ON else "ABORT"), name
    assert "post_build" not in content["phases"], "runs even after a build that failed"


@pytest.mark.parametrize("file", [*FILES, OWN], ids=lambda file: file.stem)
def test_no_commit_chooses_the_interpreter(file: Path) -> None:
    """In CodeBuild's image python3 is pyenv's shim, which obeys the repository's .python-version unless this says other.

    A prefix stands for the newest installed version. PYENV_DIR is no help: it only says where to look first, after
    that pyenv looks in the current folder all the same. https://github.com/pyenv/pyenv#choosing-the-python-version
    """
    assert yaml.safe_load(file.read_text())["env"]["variables"]["PYENV_VERSION"] == "3"


@pytest.mark.parametrize("script", [[], ["folder/script.py"]], ids=["here", "script elsewhere"])
def test_pyenv_obeys_the_buildspec_and_not_the_repository(tmp_path: Path, script: list[str]) -> None:
    """The real shim. Old versions of it also looked beside a script whose path has a slash."""
    root = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    shim = Path(root, "shims", "python3")
    if not shim.is_file():
        pytest.skip("pyenv is not installed, and nothing else could stand for its shim")
    environment = {"PATH": f"{root}/shims:{root}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    code = "import sys; print(sys.base_prefix)"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "script.py").write_text(code + "\n")

    def chosen(**variables: str) -> str:
        done = subprocess.run(
            [str(shim), *(script or ["-c", code])], cwd=tmp_path, env={**environment, **variables},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    wanted = yaml.safe_load((BUILDSPECS / "deploy.yml").read_text())["env"]["variables"]
    ours = chosen(**wanted)
    assert Path(ours).parent == Path(root, "versions")
    for folder in (tmp_path, tmp_path / "folder"):
        (folder / ".python-version").write_text("9.9.9\n")
    assert chosen() != ours  # an error or, in newer versions of pyenv, the system's own interpreter
    assert chosen(PYENV_DIR="/") != ours
    assert chosen(**wanted) == ours


@each
def test_first_commands(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["phases"]["install"]["commands"][:4] == FIRST


@each
def test_scripts_exist(file: Path) -> None:
    for command in commands(file):
        for name in re.findall(r"/opt/pipeline/([\w./-]+)", command):
            assert (BUILDSPECS / "scripts" / name).is_file() or name.split("/")[0] == "bin", name
        assert not re.search(r"python3 (-I )?-m (?!zipfile)", command)


@each
def test_scanners_export_their_summary(file: Path) -> None:
    content = yaml.safe_load(file.read_text())
    if file.stem.startswith("scan-"):
        assert content["env"]["exported-variables"] == ["SUMMARY"]
        assert content["env"]["variables"]["SUMMARY_FILE"].startswith("/tmp/")


@each
def test_shell_is_clean(file: Path, tmp_path: Path, need: Callable[[str], str]) -> None:
    script = tmp_path / "commands.sh"
    script.write_text("#!/usr/bin/env bash\n" + "\n".join(commands(file)) + "\n")
    # SC2155: CodeBuild keeps only what is exported from one command to the next, so it is assigned and exported in one.
    done = subprocess.run(
        [need("shellcheck"), "--exclude=SC2155", str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


@each
def test_yaml_is_clean(file: Path) -> None:
    rules = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, truthy: {check-keys: false}}}"
    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", rules, str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_the_install_phase_runs_and_no_module_of_the_repository_is_imported(tmp_path: Path, stand_ins: Any) -> None:
    """The literal first commands, in bash, in a repository that brings its own zipfile.py."""
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for script in (BUILDSPECS / "scripts").glob("*.py"):
            archive.write(script, script.name)
    repository = tmp_path / "repository"
    repository.mkdir()
    for name in ("zipfile", "shutil", "struct", "common", "os"):
        (repository / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the repository was run')\n")
    stand_ins.expect("aws", "s3", "cp", "s3://b/scripts.zip", "*", "--only-show-errors", brings={3: packed})
    stand_ins.expect("aws", "s3", "cp", "s3://b/scripts.zip", "*", "--only-show-errors", brings={3: packed})
    lines = [line.replace("/tmp/", f"{tmp_path}/").replace("/opt/", f"{tmp_path}/opt/") for line in FIRST]

    def run(sha256: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path, "SCRIPTS_URI": "s3://b/scripts.zip", "SCRIPTS_SHA256": sha256, "COMMIT": "a" * 40,
            "CODEBUILD_RESOLVED_SOURCE_VERSION": "a" * 40, "CODEBUILD_SRC_DIR": str(repository),
        }  # fmt: skip
        return subprocess.run(
            [shutil.which("bash") or "bash", "-c", " && ".join(lines)], cwd=repository, env=environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    done = run(hashlib.sha256(packed.read_bytes()).hexdigest())
    assert (done.returncode, done.stdout, done.stderr) == (0, f"commit {'a' * 40}\n", "")
    shutil.rmtree(tmp_path / "opt")
    assert run("0" * 64).returncode != 0
    assert not (tmp_path / "opt").exists()


def test_the_summary_is_one_line_of_80(tmp_path: Path) -> None:
    (line,) = {commands(BUILDSPECS / f"{name}.yml")[-1] for name in MINE if name != "resolve"}
    (tmp_path / "summary").write_text("grype dependencies: none\n" + "x" * 79 + "\n")
    done = subprocess.run(
        ["bash", "-c", f'{line}; printf %s "$SUMMARY"'],
        env={"SUMMARY_FILE": str(tmp_path / "summary"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == ("grype dependencies: none;" + "x" * 79)[:80]
