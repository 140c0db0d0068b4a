"""build_image.py: the repository's build, its test reports, one OCI archive. buildah is real, AWS a strict stand-in."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
COMMIT = "c0ffee" + "0" * 34
KEY = f"images/payments/{EXECUTION}/image.tar"
JUNIT = '<testsuite name="unit" tests="1"><testcase name="works"/></testsuite>'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose image is one file from scratch, so that nothing is pulled."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "hello").write_text("hello\n")
    (folder / "Dockerfile").write_text('FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n')
    return folder


@pytest.fixture
def build(repository: Path, scripts: Path, stand_ins: Any, tmp_path: Path) -> Callable[..., Any]:
    """Run build_image.py with these variables on top of the usual ones."""

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "CODEBUILD_SRC_DIR": str(repository),
            "PIPELINE": "payments",
            "EXECUTION": EXECUTION,
            "COMMIT": COMMIT,
            "ARTIFACTS_BUCKET": "acme-artifacts-111122223333-eu-west-1",
            "BUILD_SCRIPT": "",
            "DOCKERFILE": "Dockerfile",
            "BUILD_CONTEXT": ".",
            "TEST_REPORTS": "",
        }
        return subprocess.run(
            [sys.executable, str(scripts / "build_image.py"), str(tmp_path / "out")],
            cwd=repository,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def expect_upload(stand_ins: Any, kept: Path, **more: Any) -> None:
    target = f"s3://acme-artifacts-111122223333-eu-west-1/{KEY}"
    stand_ins.expect("aws", "s3", "cp", "*", target, "--only-show-errors", keeps={2: kept}, **more)


def fake_buildah(stand_ins: Any) -> None:
    """Refuses every call: for runs that must end before the image."""
    stand_ins.install("buildah")
    stand_ins.install("aws")


def test_the_image_becomes_one_archive_whose_sums_are_exported(
    build: Callable[..., Any], need: Callable[[str], str], stand_ins: Any, tmp_path: Path
) -> None:
    need("buildah")
    archive = tmp_path / "uploaded.tar"
    expect_upload(stand_ins, archive)

    done = build()

    assert done.returncode == 0, done.stderr
    exported = {name: (tmp_path / "out" / name).read_text() for name in ("key", "sha256", "digest")}
    with tarfile.open(archive) as tar:
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        digest = index["manifests"][0]["digest"]
        manifest = tar.extractfile("blobs/sha256/" + digest.removeprefix("sha256:")).read()  # type: ignore[union-attr]
        settings = json.loads(manifest)["config"]["digest"].removeprefix("sha256:")
        config = json.load(tar.extractfile("blobs/sha256/" + settings))  # type: ignore[arg-type]
    assert len(index["manifests"]) == 1
    assert hashlib.sha256(manifest).hexdigest() == digest.removeprefix("sha256:")
    assert json.loads(manifest)["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert config["config"]["Labels"]["org.opencontainers.image.revision"] == COMMIT
    assert exported == {
        "key": KEY + "\n",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest() + "\n",
        "digest": digest + "\n",
    }


def test_the_build_script_runs_first_and_its_files_get_into_the_image(
    build: Callable[..., Any], need: Callable[[str], str], repository: Path, stand_ins: Any, tmp_path: Path
) -> None:
    need("buildah")
    (repository / "hello").unlink()
    (repository / "ci").mkdir()
    (repository / "ci" / "build.sh").write_text(
        f"echo built > hello\nmkdir -p out/a out/b\necho '{JUNIT}' | tee out/a/junit.xml > out/b/junit.xml\n"
    )
    (repository / "old.xml").write_text(JUNIT)
    expect_upload(stand_ins, tmp_path / "uploaded.tar")

    done = build(BUILD_SCRIPT="ci/build.sh", TEST_REPORTS="out/**/*.xml")

    assert done.returncode == 0, done.stderr
    kept = sorted((repository / "test-reports").iterdir())
    assert [file.name for file in kept] == ["0001.xml", "0002.xml"]  # same name twice: neither is lost
    assert [file.read_text().strip() for file in kept] == [JUNIT, JUNIT]


def test_the_build_script_gets_the_environment_without_pyenvs_choice_for_us(
    build: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path
) -> None:
    """What the shim leaves behind when it runs our script: libexec/pyenv and libexec/pyenv-exec export these."""
    fake_buildah(stand_ins)
    root, seen = "/pyenv", tmp_path / "seen"
    (repository / "build.sh").write_text(f"/usr/bin/env > {seen}\nexit 1\n")
    shims = f"{root}/shims:{root}/bin:/pyenv-like/bin:{os.environ['PATH']}"
    shim = {
        "PATH": f"{root}/versions/3.14.0/bin:{root}/libexec:{root}/plugins/python-build/bin:{stand_ins.path}:{shims}",
        "PYENV_ROOT": root, "PYENV_VERSION": "3.14.0", "PYENV_DIR": "/", "PYENV_HOOK_PATH": f"{root}/pyenv.d",
        "_PYENV_INSTALL_PREFIX": root,
    }  # fmt: skip

    done = build(BUILD_SCRIPT="build.sh", OTHER="kept", **shim)

    assert "ended with exit code 1" in done.stderr
    got = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert {name: value for name, value in got.items() if "PYENV" in name} == {"PYENV_ROOT": root}
    assert got["PATH"] == f"{stand_ins.path}:{shims}"
    assert got["OTHER"] == "kept"


def test_the_repository_chooses_its_own_builds_interpreter(
    repository: Path, scripts: Path, stand_ins: Any, tmp_path: Path
) -> None:
    """The real shim runs build_image.py with the buildspec's choice; the build script gets the repository's."""
    root = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    shim = Path(root, "shims", "python3")
    if not shim.is_file():
        pytest.skip("pyenv is not installed, and nothing else could stand for its shim")
    installed = sorted(
        path.name for path in Path(root, "versions").glob("3.*.*") if (path / "bin" / "python3").exists()
    )
    fitting = [name for name in installed if (3, 9) <= tuple(map(int, name.split(".")[:2])) <= (3, 11)]
    if len(installed) < 2 or not fitting:
        pytest.skip("pyenv has no second version of Python that could be the repository's")
    fake_buildah(stand_ins)
    (repository / ".python-version").write_text(fitting[0] + "\n")
    (repository / "build.sh").write_text("python3 --version\nexit 1\n")
    environment = {
        "PATH": f"{root}/shims:{root}/bin:{stand_ins.folder}/bin:/usr/bin:/bin", "HOME": str(tmp_path),
        "PYENV_VERSION": "3", "CODEBUILD_SRC_DIR": str(repository), "PIPELINE": "payments", "EXECUTION": EXECUTION,
        "ARTIFACTS_BUCKET": "acme", "BUILD_SCRIPT": "build.sh", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [str(shim), str(scripts / "build_image.py"), str(tmp_path / "out")], cwd=repository, env=environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "ended with exit code 1" in done.stderr
    assert f"Python {fitting[0]}\n" in done.stdout


def test_a_failing_unit_test_fails_the_build_after_its_report_is_kept(
    build: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path
) -> None:
    fake_buildah(stand_ins)
    (repository / "build.sh").write_text(f"echo '{JUNIT}' > junit.xml\nexit 7\n")

    done = build(BUILD_SCRIPT="build.sh", TEST_REPORTS="*.xml")

    assert done.returncode == 1
    assert "BUILD_SCRIPT 'build.sh' ended with exit code 7; test reports kept: 1" in done.stderr
    assert (repository / "test-reports" / "0001.xml").read_text().strip() == JUNIT
    assert not (tmp_path / "out").exists()


def test_a_report_that_was_checked_in_is_no_proof(build: Callable[..., Any], repository: Path, stand_ins: Any) -> None:
    fake_buildah(stand_ins)
    (repository / "junit.xml").write_text(JUNIT)
    (repository / "test-reports").mkdir()
    (repository / "test-reports" / "committed.xml").write_text(JUNIT)
    (repository / "build.sh").write_text("true\n")

    done = build(BUILD_SCRIPT="build.sh", TEST_REPORTS="**/*.xml")

    assert done.returncode == 1
    assert "matches no file that this build wrote" in done.stderr
    assert list((repository / "test-reports").iterdir()) == []


def test_reports_that_the_script_puts_into_test_reports_itself_are_kept(
    build: Callable[..., Any], repository: Path, stand_ins: Any
) -> None:
    fake_buildah(stand_ins)
    (repository / "build.sh").write_text(f"mkdir -p test-reports\necho '{JUNIT}' > test-reports/unit.xml\nexit 1\n")

    done = build(BUILD_SCRIPT="build.sh", TEST_REPORTS="test-reports/*.xml")

    assert "test reports kept: 1" in done.stderr
    assert [file.name for file in (repository / "test-reports").iterdir()] == ["0001.xml"]


def test_hostile_report_names_stay_harmless(build: Callable[..., Any], repository: Path, stand_ins: Any) -> None:
    fake_buildah(stand_ins)
    (repository / "build.sh").write_text(
        "for name in '-rf.xml' '$(touch pwned).xml' $'new\\nline.xml'; do echo x > \"./$name\"; done\nexit 3\n"
    )

    done = build(BUILD_SCRIPT="build.sh", TEST_REPORTS="*.xml")

    assert done.returncode == 1
    assert sorted(file.name for file in (repository / "test-reports").iterdir()) == ["0001.xml", "0002.xml", "0003.xml"]
    assert not (repository / "pwned").exists()
    assert "new line.xml" in done.stdout


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("../*.xml", "must stay inside the repository"),
        ("/etc/*.xml", "must stay inside the repository"),
        ("a/../../*.xml", "must stay inside the repository"),
        ("a/**b", "TEST_REPORTS"),  # no glob before Python 3.13, one that matches nothing since
    ],
)
def test_a_glob_that_leaves_the_repository_or_is_none_is_refused(
    build: Callable[..., Any], stand_ins: Any, tmp_path: Path, pattern: str, message: str
) -> None:
    fake_buildah(stand_ins)
    (tmp_path / "outside.xml").write_text(JUNIT)

    done = build(TEST_REPORTS=pattern)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.sh", "is not in the repository"),
        ("../outside.sh", "lies outside the repository"),
        ("/bin/true", "lies outside the repository"),
        ("link.sh", "lies outside the repository"),
        ("folder", "is not a file"),
    ],
)
def test_a_build_script_that_is_not_a_file_of_the_repository_is_not_run(
    build: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path, path: str, message: str
) -> None:
    fake_buildah(stand_ins)
    (tmp_path / "outside.sh").write_text(f"touch {tmp_path}/ran\n")
    (repository / "link.sh").symlink_to(tmp_path / "outside.sh")
    (repository / "folder").mkdir()

    done = build(BUILD_SCRIPT=path)

    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_missing_dockerfile_is_named(build: Callable[..., Any], stand_ins: Any) -> None:
    fake_buildah(stand_ins)
    done = build(DOCKERFILE="deploy/Dockerfile")
    assert done.returncode == 1
    assert "DOCKERFILE 'deploy/Dockerfile' is not in the repository" in done.stderr


def test_a_dockerfile_behind_a_link_out_of_the_repository_is_refused(
    build: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path
) -> None:
    fake_buildah(stand_ins)
    (repository / "Dockerfile").rename(tmp_path / "Dockerfile")
    (repository / "Dockerfile").symlink_to(tmp_path / "Dockerfile")
    done = build()
    assert done.returncode == 1
    assert "lies outside the repository" in done.stderr


def test_a_build_that_buildah_refuses_uploads_nothing(
    build: Callable[..., Any], need: Callable[[str], str], repository: Path, stand_ins: Any, tmp_path: Path
) -> None:
    need("buildah")
    stand_ins.install("aws")
    (repository / "Dockerfile").write_text("FROM scratch\nCOPY missing /missing\n")

    done = build()

    assert done.returncode == 1
    assert "buildah could not build the image" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_refused_upload_exports_nothing(
    build: Callable[..., Any], need: Callable[[str], str], stand_ins: Any, tmp_path: Path
) -> None:
    need("buildah")
    words = "upload failed: An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"
    expect_upload(stand_ins, tmp_path / "kept.tar", code=1, stderr=words)

    done = build()

    assert done.returncode == 1
    assert "AccessDenied" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("EXECUTION", "../../other"), ("EXECUTION", EXECUTION + "\n"), ("PIPELINE", "a/b"), ("ARTIFACTS_BUCKET", "b/c")],
)
def test_values_that_would_change_the_key_are_refused_before_anything_runs(
    build: Callable[..., Any], repository: Path, stand_ins: Any, name: str, value: str
) -> None:
    fake_buildah(stand_ins)
    (repository / "build.sh").write_text("touch ran\n")
    done = build(BUILD_SCRIPT="build.sh", **{name: value})
    assert done.returncode == 1
    assert f"environment variable {name}" in done.stderr
    assert not (repository / "ran").exists()
