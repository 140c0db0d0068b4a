"""Who takes part: somebody pushes, somebody else approves. CodePipeline and the guard know them by the ARN of their call."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.emulator.process import ACCOUNT, Emulator
from tools.rehearse.answers import Approval

PUSHER, APPROVER = "ann", "ana"
SAYS = {"Approved": "Release notes read", "Rejected": "Not before the holidays"}


def arn(name: str) -> str:
    """Of a user of the account."""
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def approver(emulator: Emulator) -> Emulator:
    """A user who may answer approvals and nothing else. ``emulator``: as the account's root."""
    iam = emulator.client("iam")
    if APPROVER not in {one["UserName"] for one in iam.list_users()["Users"]}:
        iam.create_user(UserName=APPROVER)
    statement = {"Effect": "Allow", "Action": "codepipeline:PutApprovalResult", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=APPROVER, PolicyName="approve", PolicyDocument=document)
    for old in iam.list_access_keys(UserName=APPROVER)["AccessKeyMetadata"]:  # of an emulator that is kept
        iam.delete_access_key(UserName=APPROVER, AccessKeyId=old["AccessKeyId"])
    key = iam.create_access_key(UserName=APPROVER)["AccessKey"]
    return emulator.known_as(key["AccessKeyId"], key["SecretAccessKey"])


def answer(who: Emulator, approval: Approval, status: str) -> None:
    """PutApprovalResult. Raises ClientError."""
    who.client("codepipeline").put_approval_result(
        pipelineName=approval.pipeline,
        stageName=approval.stage,
        actionName=approval.action,
        token=approval.token,
        result={"status": status, "summary": SAYS[status]},
    )


@dataclass(frozen=True)
class Repository:
    """A git repository in a folder, where CodeCommit would hold it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Repository:
        """An empty one."""
        folder.mkdir(parents=True)
        made = cls(folder)
        made._git("init", "--quiet", "--initial-branch", "main")
        return made

    def commit(self, branch: str, message: str, files: Mapping[str, str], sample: Path) -> tuple[str, str]:
        """Commit ``sample`` with ``files`` on top, all of it: the commit, and where the branch was before ("" for a new branch)."""
        before = self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
        if before:
            self._git("checkout", "--quiet", branch)
        elif self._git("branch", "--list"):
            self._git("checkout", "--quiet", "-b", branch)
        else:
            self._git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        self._git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
        for path in sorted(sample.rglob("*")):
            target = self.folder / path.relative_to(sample)
            if path.is_file() and "__pycache__" not in path.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                target.chmod(path.stat().st_mode & 0o755)
        for name, content in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(content, encoding="utf-8")
        self._git("add", "--all", "--force")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return self._git("rev-parse", "HEAD"), before

    def _git(self, *arguments: str, check: bool = True) -> str:
        # Nothing that this machine has configured for git counts, signatures and hooks among it.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": PUSHER, "GIT_AUTHOR_EMAIL": f"{PUSHER}@example.com",
            "GIT_COMMITTER_NAME": PUSHER, "GIT_COMMITTER_EMAIL": f"{PUSHER}@example.com",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            check=check,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()
