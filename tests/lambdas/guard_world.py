"""A release in which everything is in its place, as plain data that tests may spoil, and who answers the guard from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from common.executions import PipelineExecutions
from common.policy import Policy
from guard.compliance import ConfigRules
from guard.service import Guard
from lambda_fakes import COMMIT, EXECUTION, policy_document

DIGEST = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12345678"
OTHER_DIGEST = "sha256:00000000fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12345678"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ANN = "arn:aws:iam::123456789012:user/developers/ann"
ZOE = "arn:aws:sts::123456789012:assumed-role/Approver/zoe"
EVENT = "01234567-89ab-4cde-8f01-23456789abcd"
QUESTION = f"payments: release commit {COMMIT} as {DIGEST} to production? Scans: git-secrets source: nothing found"
TODAY = date(2026, 11, 23)


def verdict_file(scanner: str, scope: str) -> str:
    return f"reports/payments/{EXECUTION}/{scanner}-{scope}/verdict.json"


def verdict(scanner: str, scope: str) -> dict[str, Any]:
    """A pass, as the importer writes it."""
    return {
        "schema": 1,
        "verdict": "pass",
        "summary": f"{scanner} {scope}: nothing found",
        "reason": "no finding at or above high",
        "counts": dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0),
        "blocking": 0,
        "page": "",
        "pipeline": "payments",
        "execution": EXECUTION,
        "scanner": scanner,
        "scope": scope,
        "exit_code": 0,
        "repository": "payments",
        "branch": "main",
        "commit": COMMIT,
        "digest": DIGEST if scope in ("image", "staging") else "",
        "report_sha256": SHA256,
        "policy_sha256": SHA256[::-1],
        "waived_until": "",
    }


def push_file(event: str = EVENT) -> str:
    return f"pushes/payments/{COMMIT}/{event}.json"


def push() -> dict[str, Any]:
    return {
        "schema": 1,
        "repository": "payments",
        "branch": "main",
        "commit": COMMIT,
        "pusher": ANN,
        "event": "updated",
        "time": "2026-11-22T10:23:43Z",
        "id": EVENT,
    }


def ran(stage: str, action: str, minute: int, **change: Any) -> dict[str, Any]:
    """One of ListActionExecutions' ``actionExecutionDetails``, as botocore hands it out."""
    return {
        "pipelineExecutionId": EXECUTION,
        "actionExecutionId": f"00000000-2ee8-4853-bd6a-{minute:012}",
        "stageName": stage,
        "actionName": action,
        "startTime": datetime(2026, 11, 22, 12, minute, tzinfo=UTC),
        "status": "Succeeded",
        "input": {"actionTypeId": {"category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1"}},
        "output": {"outputVariables": {}, "executionResult": {}},
        **change,
    }


def history() -> list[dict[str, Any]]:
    """Newest first, as CodePipeline's examples have it."""
    approve = ran("Staging", "approve", 30, updatedBy=ZOE)
    approve["input"]["actionTypeId"] |= {"category": "Approval", "provider": "Manual"}
    approve["input"]["resolvedConfiguration"] = {"CustomData": QUESTION}
    approve["output"]["executionResult"] = {"externalExecutionSummary": f"Approved by {ZOE}"}
    seal = ran("Build", "seal", 10)
    seal["output"]["outputVariables"] = {"SHA256": SHA256, "DIGEST": DIGEST}
    source = ran("Source", "Source", 0)
    source["output"]["outputVariables"] = {"CommitId": COMMIT, "BranchName": "main"}
    return [ran("Production", "guard", 40, status="InProgress"), approve, seal, source]


@dataclass
class World:
    """All that the guard may read. ``files``: documents by key; bytes stand for themselves."""

    call: dict[str, Any] = field(
        default_factory=lambda: {
            "schema": 1,
            "pipeline": "payments",
            "gate": "Production",
            "execution": EXECUTION,
            "commit": COMMIT,
            "digest": DIGEST,
        }
    )
    files: dict[str, Any] = field(
        default_factory=lambda: {
            **{
                verdict_file(one["scanner"], one["scope"]): verdict(one["scanner"], one["scope"])
                for one in policy_document()["pipelines"]["payments"]["required"]["Production"]
            },
            push_file(): push(),
        }
    )
    history: list[dict[str, Any]] = field(default_factory=history)
    today: date = TODAY
    policy: dict[str, Any] = field(default_factory=policy_document)
    asked: list[str] = field(default_factory=list)
    compliance: dict[str, str] = field(default_factory=dict)  # of Config's rules

    @property
    def parameters(self) -> str:
        """UserParameters."""
        return json.dumps(self.call)

    def run(self, stage: str, action: str) -> dict[str, Any]:
        """The one run of an action, to be spoiled."""
        (found,) = [one for one in self.history if (one["stageName"], one["actionName"]) == (stage, action)]
        return found

    @property
    def approve(self) -> dict[str, Any]:
        return self.run("Staging", "approve")

    def guard(self) -> Guard:
        policy = Policy.parse(json.dumps(self.policy).encode())
        return Guard(policy, self, PipelineExecutions(self), ConfigRules(self), lambda: self.today)

    def read(self, key: str) -> bytes | None:
        self.asked.append(key)
        content = self.files.get(key)
        return content if content is None or isinstance(content, bytes) else json.dumps(content).encode()

    def keys(self, folder: str) -> list[str]:
        self.asked.append(folder)
        return [key for key in self.files if key.startswith(folder)]

    def describe_compliance_by_config_rule(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append("config")
        names = request["ConfigRuleNames"]
        return {
            "ComplianceByConfigRules": [
                {"ConfigRuleName": name, "Compliance": {"ComplianceType": state}}
                for name, state in self.compliance.items()
                if name in names
            ]
        }

    def list_action_executions(self, **request: Any) -> Mapping[str, Any]:
        assert request == {
            "pipelineName": "acme-payments",
            "filter": {"pipelineExecutionId": self.call["execution"]},
        }
        return {"actionExecutionDetails": copy.deepcopy(self.history)}
