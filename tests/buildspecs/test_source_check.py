"""source.py: the right commit or none, every manifest, and a copy that cannot lead out of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMIT = "c0ffee0" + "1" * 33


def check(scripts: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"COMMIT": COMMIT, "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT, "CODEBUILD_SRC_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, str(scripts / "source.py"), "check"],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_right_commit_passes(scripts: Path, tmp_path: Path) -> None:
    done = check(scripts, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"commit {COMMIT}\n", "")


@pytest.mark.parametrize(
    ("commit", "present", "why"),
    [
        ("none", COMMIT, "CodePipeline started this run by itself when the pipeline was created"),
        ("", COMMIT, "environment variable COMMIT is ''"),
        (" ", COMMIT, "must be a full commit id"),
        (COMMIT[:7], COMMIT[:7], "must be a full commit id"),
        (COMMIT.upper(), COMMIT.upper(), "must be a full commit id"),
        ("main", "main", "must be a full commit id"),
        (COMMIT, "d" * 40, f"the pipeline is about {COMMIT}"),
        (COMMIT, "", "got the source of no commit"),
    ],
)
def test_anything_else_fails_and_says_why(scripts: Path, tmp_path: Path, commit: str, present: str, why: str) -> None:
    done = check(scripts, tmp_path, COMMIT=commit, CODEBUILD_RESOLVED_SOURCE_VERSION=present)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert why in done.stderr


def test_a_run_without_an_event_says_that_nothing_was_scanned(scripts: Path, tmp_path: Path) -> None:
    assert "nothing was scanned" in check(scripts, tmp_path, COMMIT="none").stderr


def test_manifests_are_found_wherever_snyk_looks(load: Callable[[str], Any], tmp_path: Path) -> None:
    names = [
        "requirements.txt",
        "a/b/c/d/e/f/requirements.txt",
        "node_modules/x/requirements.txt",
        "b/requirements.txt.bak",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/requirements.txt").symlink_to("../requirements.txt")
    assert load("source").manifests(tmp_path, "requirements.txt") == [
        "requirements.txt",
        "a/b/c/d/e/f/requirements.txt",
        "c/requirements.txt",
    ]


def test_too_many_manifests_are_an_error(load: Callable[[str], Any], tmp_path: Path) -> None:
    for number in range(201):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/go.mod").write_text("")
    source = load("source")
    with pytest.raises(source.Failure, match=r"^201 files called go\.mod; at most 200"):
        source.manifests(tmp_path, "go.mod")


def test_the_copy_leaves_out_what_is_no_part_of_the_commit(
    load: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    (root / "sub/.git").mkdir(parents=True)
    (root / ".git").write_text("gitdir: elsewhere")
    (root / "file").write_text("kept")
    (root / ".snyk").write_text("ignore: all")
    (root / "sub/.snyk").write_text("ignore: all")
    (root / "sub/inside").symlink_to("../file")
    (root / "app.py").symlink_to("/proc/self/environ")
    (root / "chain").symlink_to("app.py")
    (root / "folder").symlink_to("/etc")
    os.mkfifo(root / "pipe")
    load("source").copy(root.resolve(), tmp_path / "copy", (".snyk",))
    found = sorted(str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*"))
    assert found == ["file", "sub", "sub/inside"]
    assert (tmp_path / "copy/sub/inside").read_text() == "kept"
    assert "left out: app.py is a symbolic link that leads out of the repository" in capsys.readouterr().out
