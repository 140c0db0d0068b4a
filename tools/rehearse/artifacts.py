"""Artifacts: zips in the pipeline's bucket, and the one that a source action makes of a commit.

https://docs.aws.amazon.com/codepipeline/latest/userguide/welcome-introducing-artifacts.html
"""

from __future__ import annotations

import os
import secrets
import stat
import string
import subprocess
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.emulator.process import Emulator
from tools.rehearse import roles
from tools.rehearse.described import Pipeline
from tools.rehearse.history import Artifact

# https://docs.aws.amazon.com/cli/latest/reference/codepipeline/list-action-executions.html#examples: myPipeline/SourceArti/key for the
# artifact SourceArtifact. 20 characters of the pipeline's name: https://repost.aws/questions/QUI91tw7A9SUOMohJurNqmgA. Seven random
# ones without an ending: not documented, but what published logs show (MyGitHubPipeline/SourceArti/gZkH2iH).
PIPELINE_CHARACTERS, ARTIFACT_CHARACTERS, RANDOM_CHARACTERS = 20, 10, 7
_MODES = {"100644": stat.S_IFREG | 0o644, "100755": stat.S_IFREG | 0o755, "120000": stat.S_IFLNK | 0o777}
SUBMODULE = "160000"  # https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html: not fetched


class SourceError(RuntimeError):
    """The repository has no such branch or commit; the message is git's."""


@dataclass(frozen=True)
class Commit:
    """What a CodeCommit source action tells of it. Dates: UTC, YYYY-MM-DDThh:mm:ssZ."""

    id: str
    message: str
    author_date: str
    committer_date: str


def key(pipeline: str, artifact: str) -> str:
    """A new object's key."""
    letters = string.ascii_letters + string.digits
    unique = "".join(secrets.choice(letters) for _ in range(RANDOM_CHARACTERS))
    return f"{pipeline[:PIPELINE_CHARACTERS]}/{artifact[:ARTIFACT_CHARACTERS]}/{unique}"


def put(role: Emulator, pipeline: Pipeline, name: str, content: Path) -> Artifact:
    """Keep an artifact, encrypted with the pipeline's key. ``role``: who writes. Raises ClientError."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": pipeline.key} if pipeline.key else {}
    place = key(pipeline.name, name)
    with content.open("rb") as body:
        answer = roles.client(role, "s3").put_object(Bucket=pipeline.bucket, Key=place, Body=body, **encryption)
    return Artifact(name, pipeline.bucket, place, str(answer.get("VersionId", "")))


def get(role: Emulator, artifact: Artifact, target: Path) -> None:
    """Fetch exactly the version that was kept. ``role``: who reads. Raises ClientError."""
    version = {"VersionId": artifact.version} if artifact.version else {}
    answer = roles.client(role, "s3").get_object(Bucket=artifact.bucket, Key=artifact.key, **version)
    with target.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(1 << 20):
            file.write(chunk)


def head(repository: Path, branch: str) -> str:
    """The commit that a branch is at. Raises SourceError."""
    return _git(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").decode().strip()


def commit(repository: Path, revision: str) -> Commit:
    """A commit by its full id: "COMMIT_ID ... applies to all content in the repository, across all branches". Raises SourceError."""
    shown = _git(
        repository, "show", "-s", "--format=%H%n%at%n%ct%n%B", "--end-of-options", f"{revision}^{{commit}}"
    ).decode(errors="replace")
    found, authored, committed, message = shown.split("\n", 3)
    if found != revision:
        raise SourceError(f"{revision} is no commit's full id")
    return Commit(found, message.strip("\n"), _date(authored), _date(committed))


def source_zip(repository: Path, revision: str, target: Path) -> None:
    """All files of a commit, without .git. Not by ``git archive``, which leaves out what a .gitattributes of the commit tells it
    to: a file could hide itself from the scans. Raises SourceError."""
    listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", revision)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for line in filter(None, listed.split(b"\0")):
            facts, _, path = line.partition(b"\t")
            mode, _, blob = facts.decode().split()
            if mode == SUBMODULE:
                continue
            entry = zipfile.ZipInfo(path.decode("utf-8", "surrogateescape"))
            entry.external_attr = _MODES[mode] << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _git(repository, "cat-file", "blob", blob))


def _date(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(repository: Path, *arguments: str) -> bytes:
    # safe.directory: a repository may belong to somebody else than who rehearses; nothing of it is run.
    command = ["git", "-c", f"safe.directory={repository.resolve()}", "-C", str(repository), *arguments]
    # In a hook of git's, variables name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise SourceError(f"git {arguments[0]}: {said or arguments[-1] + ' is not there'}")
    return done.stdout
