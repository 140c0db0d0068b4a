"""The release guard's and the importer's own readers, asked about an execution of the rehearsal's.

In a process of their own: in this one their packages would meet others of the same names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "7f" * 32

SCRIPT = """
import json, os, sys
import boto3
from types import SimpleNamespace
from findings.executions import PipelineExecutions as Importer
from guard import history
from guard.call import GuardCall
from common.executions import PipelineExecutions as Guard
from guard.duties import person

name, execution, commit, digest = sys.argv[1:]
client = boto3.client("codepipeline")
call = GuardCall("payments", "Production", execution, commit, digest)
attempts = Guard(client).attempts(name, execution)
approval = history.approval(call, attempts)
policy = SimpleNamespace(name=name, repository="shop", branch="main")
seen = Importer(client).describe(policy, execution)
print(json.dumps({
    "missing": list(history.built(call, attempts)), "approver": person(approval.updated_by), "summary": approval.summary,
    "origin": [seen.origin.repository, seen.origin.branch, seen.origin.commit], "digest": seen.digest,
}))
"""


def read(account: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    lambdas = ROOT / "lambdas"
    roots = [lambdas, lambdas / "release_guard", lambdas / "findings_importer"]
    environment = {**account.emulator.environment, "PYTHONPATH": ":".join(map(str, roots))}
    command = [sys.executable, "-B", "-c", SCRIPT, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_guard_and_importer_read_commit_digest_and_approver(
    engine: Any, pieces: Any, git: Any, account: Any, answer: Any
) -> None:
    commit = git.commit("First")
    question = "payments: release commit #{Source.CommitId} as #{seal.DIGEST} to production? Scans: #{grype.SUMMARY}"
    made = engine(
        Source=[pieces.source],
        Build=[pieces.invoke("seal", DIGEST)],
        Staging=[pieces.build("grype"), pieces.approval("approve", 2, CustomData=question)],
    )
    execution = made.start()
    answer(made.codepipeline, execution, "approve")
    assert made.codepipeline.wait(execution, pieces.seconds).status == "Succeeded"
    done = read(account, pieces.name, execution, commit, DIGEST)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "missing": [],
        "approver": "zoe",
        "summary": "Approved by arn:aws:iam::123456789012:user/zoe",
        "origin": ["shop", "main", commit],
        "digest": DIGEST,
    }
    other = read(account, pieces.name, execution, commit, "sha256:" + "00" * 32)
    assert "UnprovenError" in other.stderr


def test_a_rejected_approval_is_none(engine: Any, pieces: Any, git: Any, account: Any, answer: Any) -> None:
    commit = git.commit("First")
    question = "payments: release commit #{Source.CommitId} as #{seal.DIGEST} to production? Scans: "
    made = engine(
        Source=[pieces.source],
        Build=[pieces.invoke("seal", DIGEST)],
        Staging=[pieces.approval("approve", CustomData=question)],
    )
    execution = made.start()
    answer(made.codepipeline, execution, "approve", "Rejected")
    made.codepipeline.wait(execution, pieces.seconds)
    said = read(account, pieces.name, execution, commit, DIGEST).stderr
    assert "Staging/approve has ended as 'Failed', not Succeeded" in said
