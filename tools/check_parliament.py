"""parliament on every policy as AWS would get it: unknown actions and conditions, resources that an action never touches.

It reads less than it looks like, and three things are added so that it reads all: a role's trust has no resource and would be
"malformed" and go unread, so it gets the role as one; of a Deny it reads no resources, so a copy that allows is read too (a Deny on
the wrong resource refuses nothing); and a statement with an unknown action is left unread, which is always a finding here.
Its list of actions is from April 2025: a newer action is an exception with its page.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.check_emitted import CHECKERS
from tools.check_plan import Plan, Policy
from tools.check_result import Finding, Report

_SCRIPT = Path(__file__).with_name("parliament_findings.py")
# A statement -> what parliament must say about it.
_PROBES: list[tuple[str, dict[str, Any]]] = [
    ("UNKNOWN_ACTION", {"Action": "s3:GetObjekt", "Resource": "arn:aws:s3:::bucket/key"}),
    ("RESOURCE_MISMATCH", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"}),
    ("RESOURCE_STAR", {"Action": "s3:GetObject", "Resource": "*"}),
    ("UNKNOWN_CONDITION_FOR_ACTION", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/k", "Condition": {"StringEquals": {"s3:prefix": "x"}}}),
    ("RESOURCE_MISMATCH", {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket"}),
]  # fmt: skip


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _readings(document: Mapping[str, Any]) -> list[str]:
    """The document as it is, and its exact Deny statements as if they allowed."""
    statements = document["Statement"]
    denied = [
        {**statement, "Effect": "Allow"}
        for statement in statements
        if statement.get("Effect") == "Deny" and "*" not in json.dumps(statement["Action"])
    ]
    return [json.dumps(document), *([json.dumps(_document(*denied))] if denied else [])]


def _of_trust(policy: Policy) -> Mapping[str, Any]:
    if policy.attribute != "assume_role_policy":
        return policy.document
    role = "arn:aws:iam::123456789012:role/the-role-itself"
    return _document(*({**statement, "Resource": role} for statement in policy.document["Statement"]))


def _analyzed(readings: list[str]) -> list[list[tuple[str, Any, Any]]]:
    # -I: nothing of the current folder is imported in its place.
    command = [str(CHECKERS / "python"), "-I", "-W", "ignore", str(_SCRIPT)]
    ran = subprocess.run(command, input=json.dumps(readings), capture_output=True, text=True, check=False, timeout=300)
    if ran.returncode:
        raise SystemExit(f"parliament failed: {ran.stderr[-1000:]}")
    answers: list[list[tuple[str, Any, Any]]] = json.loads(ran.stdout)
    if len(answers) != len(readings):
        raise SystemExit(f"parliament answered for {len(answers)} of {len(readings)} policies")
    return answers


def check(plan: Plan) -> Report:
    """Each policy once as it is and once with what it denies allowed."""
    asked: list[tuple[str, str]] = []
    for issue, statement in _PROBES:
        asked += [(issue, text) for text in _readings(_document({"Effect": "Allow", **statement}))[-1:]]
    for policy in plan.policies:
        asked += [(policy.where, text) for text in _readings(_of_trust(policy))]
    answers = _analyzed([text for _, text in asked])
    problems = [
        f"the known-bad {text} was not noticed: {issue}"
        for (issue, text), found in zip(asked, answers, strict=True)
        if "/" not in issue and issue not in {name for name, _, _ in found}
    ]
    findings = [
        Finding(name, where.partition("/")[2], f"{detail if isinstance(detail, str) else json.dumps(detail)}"[:300])
        for (where, _), found in zip(asked, answers, strict=True)
        if "/" in where
        for name, detail, _ in found
    ]
    statements = sum(len(policy.document["Statement"]) for policy in plan.policies)
    return Report(f"{len(plan.policies)} policies with {statements} statements", findings, problems)
