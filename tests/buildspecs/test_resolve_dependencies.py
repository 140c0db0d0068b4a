"""resolve.py with real pip and npm: metadata and lock files go into the artifact, code does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Resolve = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The commit's files."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def resolve(scripts: Path, root: Path) -> Resolve:
    """Run resolve.py on `root`."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(scripts / "resolve.py"), *arguments],
            cwd=root,
            env={**os.environ, "CODEBUILD_SRC_DIR": str(root), "AWS_SECRET": "sesame", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def records(root: Path) -> dict[str, Any]:
    content = json.loads((root / "pipeline-resolved/resolution.json").read_text())
    assert content["schema"] == 1
    return {entry["manifest"]: entry for entry in content["manifests"]}


def wheel(folder: Path, name: str, requires: str = "", readme: int = 0) -> None:
    """A wheel made here, with code, an entry point and a .pth file, all of which must stay behind."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + (
        f"Requires-Dist: {requires}\n" if requires else ""
    )
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "raise SystemExit('code of a package was run')\n")
        archive.writestr(f"{name}.pth", "import os\n")
        archive.writestr(f"{info}/METADATA", metadata + "\n" + "x" * readme)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """Packages `top` -> `deep`, without any index."""
    wheel(tmp_path / "wheels", "top", "deep>=1")
    wheel(tmp_path / "wheels", "deep")
    wheel(tmp_path / "wheels", "fat", readme=4_000_001)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}


def test_only_metadata_of_everything_installed_is_kept(resolve: Resolve, root: Path, offline: dict[str, str]) -> None:
    (root / "services/api").mkdir(parents=True)
    (root / "services/api/requirements.txt").write_text("top==1.0\n")
    done = resolve(**offline)
    assert done.returncode == 0, done.stderr
    artifact = root / "pipeline-resolved"
    found = sorted(path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file())
    base = "python/services/api/requirements.txt"
    assert found == [
        *(
            f"{base}/{name}-1.0.dist-info/{file}"
            for name in ("deep", "top")
            for file in ("INSTALLER", "METADATA", "WHEEL")
        ),
        "resolution.json",
    ]
    assert records(root)["services/api/requirements.txt"]["status"] == "resolved"


def test_a_package_that_is_not_there_is_written_down_and_does_not_fail(
    resolve: Resolve, root: Path, offline: dict[str, str]
) -> None:
    (root / "requirements.txt").write_text("top\nno-such-package-at-all==9\n")
    done = resolve(**offline, PIP_EXTRA_INDEX_URL="")
    assert done.returncode == 0
    entry = records(root)["requirements.txt"]
    assert entry["status"] == "failed"
    assert "No matching distribution found for no-such-package-at-all==9" in entry["reason"]
    assert not (root / "pipeline-resolved/python").exists()


def test_credentials_of_an_index_are_not_written_down(load: Callable[[str], Any]) -> None:
    entry = load("resolve").record("requirements.txt", "ERROR: 401 for https://me:sesame@pypi.example/simple/\nsecond")
    assert entry["reason"] == "ERROR: 401 for https://[redacted]@pypi.example/simple/ second"


def test_oversized_metadata_is_a_failure(resolve: Resolve, root: Path, offline: dict[str, str]) -> None:
    (root / "requirements.txt").write_text("fat\n")
    assert resolve(**offline).returncode == 0
    assert "larger than 4000000 bytes" in records(root)["requirements.txt"]["reason"]


def test_modules_of_the_repository_do_not_stand_in_for_pip_and_venv(
    resolve: Resolve, root: Path, offline: dict[str, str]
) -> None:
    (root / "requirements.txt").write_text("deep\n")
    for name in ("venv", "pip", "json", "shutil"):
        (root / f"{name}.py").write_text("raise SystemExit('module of the repository')\n")
    assert resolve(**offline).returncode == 0
    assert records(root)["requirements.txt"]["status"] == "resolved"


def test_package_managers_do_not_see_the_builds_credentials(load: Callable[[str], Any], monkeypatch: Any) -> None:
    for name in ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "CODEBUILD_BUILD_ID", "SNYK_TOKEN"):
        monkeypatch.setenv(name, "sesame")
    environment = load("resolve").tool_environment(Path("/home"))
    assert "sesame" not in environment.values()
    assert environment["HOME"] == "/home"


def test_a_lock_file_is_made_without_running_scripts(resolve: Resolve, root: Path, need: Callable[[str], str]) -> None:
    need("npm")
    (root / "web/local").mkdir(parents=True)
    marker = root / "script-was-run"
    package = {"name": "web", "version": "1.0.0", "dependencies": {"local": "file:./local"}}
    scripts = {"preinstall": f"touch {marker}", "postinstall": f"touch {marker}"}
    (root / "web/package.json").write_text(json.dumps({**package, "scripts": scripts}))
    (root / "web/local/package.json").write_text(json.dumps({"name": "local", "version": "1.0.0", "scripts": scripts}))
    (root / "web/local/package-lock.json").write_text("{}")
    done = resolve()
    assert done.returncode == 0, done.stderr
    assert records(root) == {
        "web/package.json": {"manifest": "web/package.json", "status": "resolved", "reason": "", "instead": ""}
    }
    lock = json.loads((root / "pipeline-resolved/source/web/package-lock.json").read_text())
    assert "node_modules/local" in lock["packages"]
    assert not marker.exists()


def test_a_broken_package_json_is_written_down(resolve: Resolve, root: Path, need: Callable[[str], str]) -> None:
    need("npm")
    (root / "package.json").write_text("{")
    assert resolve().returncode == 0
    assert records(root)["package.json"]["status"] == "failed"
    assert "npm install --package-lock-only exited with 1" in records(root)["package.json"]["reason"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"package.json": "{}"}, {"package.json": True}),
        ({"package.json": "{}", "yarn.lock": ""}, {"package.json": False}),
        ({"package.json": '{"workspaces": ["a"]}', "yarn.lock": "", "a/package.json": "{}"}, {"a/package.json": False}),
        ({"package.json": '{"workspaces": ["a"]}', "a/package.json": "{}"}, {"a/package.json": True}),
        ({"package.json": "{}", "yarn.lock": "", "a/package.json": "{}"}, {"a/package.json": True}),
        ({"pnpm-workspace.yaml": "", "pnpm-lock.yaml": "", "a/package.json": "{}"}, {"a/package.json": False}),
        ({"package.json": "[", "yarn.lock": "", "a/package.json": "{}"}, {"a/package.json": True}),
    ],
)
def test_which_package_json_needs_a_lock(
    load: Callable[[str], Any], root: Path, files: dict[str, str], wanted: dict[str, bool]
) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
    module = load("resolve")
    assert {manifest: module.needs_lock(root, manifest) for manifest in wanted} == wanted


def test_a_users_own_resolved_form_stands_for_a_manifest(resolve: Resolve, root: Path, offline: dict[str, str]) -> None:
    (root / "Pipfile").write_text("[packages]\n")
    (root / "requirements.txt").write_text("deep\n")
    done = resolve("--instead", "Pipfile=requirements.txt", **offline)
    assert done.returncode == 0, done.stderr
    assert records(root)["Pipfile"]["instead"] == "requirements.txt"
    assert (root / "pipeline-resolved/source/requirements.txt").read_text() == "deep\n"
    assert (root / "pipeline-resolved/python/requirements.txt/deep-1.0.dist-info/METADATA").is_file()


@pytest.mark.parametrize(
    "option", ["Pipfile=/etc/passwd", "Pipfile=../x", "Pipfile=missing", "Pipfile", "=x", "../a=Pipfile"]
)
def test_a_resolved_form_must_be_in_the_source_folder(resolve: Resolve, root: Path, option: str) -> None:
    (root / "Pipfile").write_text("")
    done = resolve("--instead", option)
    assert done.returncode == 1
    assert f"--instead {option}: " in done.stderr


def test_nothing_to_resolve_still_leaves_a_record(resolve: Resolve, root: Path) -> None:
    assert resolve().returncode == 0
    assert records(root) == {}


def test_the_repository_may_not_bring_the_artifact_itself(resolve: Resolve, root: Path) -> None:
    (root / "pipeline-resolved").mkdir()
    done = resolve()
    assert done.returncode == 1
    assert "rename it" in done.stderr
