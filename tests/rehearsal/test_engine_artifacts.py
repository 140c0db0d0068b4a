"""What a source action makes of a commit, and where artifacts are kept."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.rehearse import artifacts, roles
from tools.rehearse.artifacts import SourceError
from tools.rehearse.described import Pipeline


def test_a_key_has_20_and_10_characters_and_seven_random_ones() -> None:
    found = {artifacts.key("acme-python-libraries", "SourceArtifact") for _ in range(5)}
    assert len(found) == 5
    assert all(re.fullmatch(r"acme-python-librarie/SourceArti/[A-Za-z0-9]{7}", one) for one in found)
    assert artifacts.key("shop", "Out").startswith("shop/Out/")


def unzipped(repository: Path, commit: str, tmp_path: Path) -> dict[str, str]:
    target = tmp_path / "source.zip"
    artifacts.source_zip(repository, commit, target)
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_zip_is_the_commit_whatever_came_after(git: Any, tmp_path: Path) -> None:
    commit = git.commit("one", a_txt="first")
    git.commit("two", a_txt="second", b_txt="more")
    assert unzipped(git.folder, commit, tmp_path) == {"a.txt": "first"}


def test_a_commit_cannot_hide_a_file_from_its_zip(git: Any, tmp_path: Path) -> None:
    (git.folder / ".gitattributes").write_text("a.txt export-ignore\nb.txt export-subst\n")
    commit = git.commit("one", a_txt="a key", b_txt="$Format:%H$")
    found = unzipped(git.folder, commit, tmp_path)
    assert (found["a.txt"], found["b.txt"]) == ("a key", "$Format:%H$")


def test_the_zip_keeps_who_may_run_a_file(git: Any, tmp_path: Path) -> None:
    (git.folder / "run.sh").write_text("true")
    (git.folder / "run.sh").chmod(0o755)
    artifacts.source_zip(git.folder, git.commit("one", a_txt="x"), tmp_path / "zip")
    with zipfile.ZipFile(tmp_path / "zip") as archive:
        modes = {one.filename: one.external_attr >> 16 & 0o777 for one in archive.infolist()}
    assert modes == {"run.sh": 0o755, "a.txt": 0o644}


def test_a_commit_is_any_of_the_repository_by_its_full_id(git: Any) -> None:
    git.commit("one")
    git("checkout", "--quiet", "-b", "other")
    commit = git.commit("Two\n\nWhy.")
    found = artifacts.commit(git.folder, commit)
    assert (found.id, found.message) == (commit, "Two\n\nWhy.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.author_date)
    assert artifacts.head(git.folder, "main") != artifacts.head(git.folder, "other") == commit
    for name in ("0" * 40, commit[:10], "other", "HEAD", f"--output={git.folder}/made"):
        with pytest.raises(SourceError):
            artifacts.commit(git.folder, name)
    assert not list(git.folder.glob("made*"))
    with pytest.raises(SourceError):
        artifacts.head(git.folder, "nothing")


def test_variables_of_git_lead_nowhere_else(git: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git.commit("one")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert artifacts.head(git.folder, "main") == commit


def test_a_branch_is_no_other_name(git: Any) -> None:
    git.commit("one")
    git("tag", "release")
    with pytest.raises(SourceError):
        artifacts.head(git.folder, "release")


@pytest.fixture
def pipeline(account: Any, pieces: Any) -> Pipeline:
    return Pipeline(pieces.name, pieces.arn, "engine-pipeline", "QUEUED", {}, (), pieces.bucket, account.key)


def test_an_artifact_is_kept_encrypted_and_read_by_its_version(
    account: Any, pieces: Any, pipeline: Pipeline, tmp_path: Path
) -> None:
    role = roles.of_pipeline(account.emulator, pipeline)
    content, target = tmp_path / "in", tmp_path / "out"
    content.write_text("first")
    kept = artifacts.put(role, pipeline, "SourceArtifact", content)
    assert kept.key.startswith(f"{pieces.prefix}/SourceArti/")
    s3 = account.client("s3")
    head = s3.head_object(Bucket=kept.bucket, Key=kept.key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", account.key)
    s3.put_object(Bucket=kept.bucket, Key=kept.key, Body=b"forged")
    artifacts.get(role, kept, target)
    assert target.read_text() == "first"


def test_artifacts_of_another_pipeline_are_out_of_reach(
    account: Any, pieces: Any, pipeline: Pipeline, tmp_path: Path
) -> None:
    role = roles.of_pipeline(account.emulator, pipeline)
    (tmp_path / "in").write_text("x")
    with pytest.raises(ClientError, match="AccessDenied"):
        artifacts.put(role, pieces.replace(pipeline, name="another"), "Source", tmp_path / "in")


def test_a_role_that_does_not_trust_codepipeline_is_not_assumed(account: Any, pieces: Any, pipeline: Pipeline) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        roles.of_pipeline(account.emulator, pieces.replace(pipeline, role="engine-build"))
