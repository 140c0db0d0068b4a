"""A release as it goes through its pipeline, as plain data that tests may spoil, and who answers the recorder from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.policy import Policy
from guard_world import ANN, DIGEST, EVENT, QUESTION, SHA256, ZOE, push, push_file, verdict, verdict_file
from lambda_fakes import COMMIT, EXECUTION, policy_document
from recorder.executions import Executions
from recorder.service import Recorder
from recorder.store import Store
from s3_fake import MemoryS3

__all__ = ["ANN", "COMMIT", "DIGEST", "EVENT", "EXECUTION", "QUESTION", "SHA256", "ZOE"]

FOLDER = f"releases/payments/{EXECUTION}"
RECORD, PAGE = f"{FOLDER}/release.json", f"{FOLDER}/index.html"
CURRENT = "releases/payments/current.json"
SBOM = f"reports/payments/{EXECUTION}/grype-image/sbom.cdx.json"
FINDINGS = f"reports/payments/{EXECUTION}/grype-image/findings.json"
MESSAGE = "Refund in the customer's currency"
REGION = "eu-central-1"


def at(minute: int) -> datetime:
    return datetime(2026, 11, 22, 12, minute, tzinfo=UTC)


def run(stage: str, action: str, begun: int, ended: int | None, **more: Any) -> dict[str, Any]:
    """One of ListActionExecutions' ``actionExecutionDetails``, as botocore hands it out."""
    provider = more.pop("provider", "CodeBuild")
    category = {"CodeCommit": "Source", "Lambda": "Invoke", "Manual": "Approval"}.get(provider, "Build")
    result = more.pop("result", {"externalExecutionId": f"acme-{action}:1"})
    return {
        "pipelineExecutionId": EXECUTION,
        "actionExecutionId": f"{stage}-{action}-{begun}",
        "stageName": stage,
        "actionName": action,
        "startTime": at(begun),
        "lastUpdateTime": at(begun if ended is None else ended),
        "status": "InProgress" if ended is None else "Succeeded",
        "input": {
            "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
            "resolvedConfiguration": more.pop("configuration", {}),
        },
        "output": {"outputVariables": more.pop("variables", {}), "executionResult": result},
        **more,
    }


SOURCE = run("Source", "Source", 0, 1, provider="CodeCommit", variables={"CommitId": COMMIT, "BranchName": "main"})
BEFORE = [
    SOURCE,
    run("Build", "image", 1, 6),
    run("Build", "git-secrets", 1, 2),
    run("Build", "seal", 6, 7, provider="Lambda", variables={"SHA256": SHA256, "DIGEST": DIGEST}),
    run("Verify", "grype", 7, 10),
    run("Publish", "guard", 10, 11, provider="Lambda"),
    run("Publish", "push", 11, 12),
    run("Publish", "ecr", 12, 14),
    run("Staging", "deploy", 14, 17),
    run("Staging", "zap", 17, 25),
]
ASKING = run("Staging", "record", 25, None, provider="Lambda")
RECORDED = run("Staging", "record", 25, 26, provider="Lambda")
APPROVED = run(
    "Staging", "approve", 26, 40, provider="Manual", updatedBy=ZOE, configuration={"CustomData": QUESTION},
    result={"externalExecutionSummary": "Looks fine"},
)  # fmt: skip
REJECTED = {**APPROVED, "status": "Failed"}
GUARDED = run("Production", "guard", 40, 41, provider="Lambda")
DEPLOYED = run("Production", "deploy", 41, 45)
ALL = [*BEFORE, RECORDED, APPROVED, GUARDED, DEPLOYED]


def event(state: str = "SUCCEEDED", minute: int = 46, pipeline: str = "acme-payments") -> dict[str, Any]:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html"""
    return {
        "version": "0",
        "id": EVENT,
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": "123456789012",
        "time": at(minute).isoformat().replace("+00:00", "Z"),
        "region": REGION,
        "resources": [f"arn:aws:codepipeline:{REGION}:123456789012:{pipeline}"],
        "detail": {"pipeline": pipeline, "execution-id": EXECUTION, "state": state, "version": 3.0},
    }


def finding(rule: str, title: str, note: str | None) -> dict[str, Any]:
    """Of a finding in findings.json, what matters here; ``note``: of a waived one."""
    waived = {"Workflow": {"Status": "SUPPRESSED"}, "Note": {"Text": note, "UpdatedBy": "findings-importer"}}
    return {"GeneratorId": f"grype/{rule}", "Title": title, **(waived if note is not None else {})}


def findings_file(*documents: Mapping[str, Any]) -> bytes:
    """As lambdas/findings_importer/findings/findings_file.py lays it out."""
    return b'{"schema": 1, "findings": [\n' + b",\n".join(json.dumps(one).encode() for one in documents) + b"\n]}\n"


@dataclass
class World:
    """``history``: of the execution; ``status``: what CodePipeline calls it, one for each time that it is asked, the last for all
    further ones; ``slept``: the recorder's pauses."""

    history: list[dict[str, Any]] = field(default_factory=lambda: copy.deepcopy(ALL))
    status: list[str] = field(default_factory=lambda: ["Succeeded"])
    s3: MemoryS3 = field(default_factory=MemoryS3)
    policy: dict[str, Any] = field(default_factory=policy_document)
    commit: str = COMMIT
    message: str = MESSAGE
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for one in policy_document()["pipelines"]["payments"]["required"]["Production"]:
            place = (one["scanner"], one["scope"])
            self.put(verdict_file(*place), verdict(*place) | {"page": f"{verdict_file(*place)}"})
        self.put(push_file(), push() | {"time": "2026-11-22T11:59:30Z"})
        self.s3.objects[SBOM] = b'{"bomFormat": "CycloneDX"}'

    def put(self, key: str, document: Any) -> None:
        self.s3.objects[key] = json.dumps(document).encode()

    def recorder(self) -> Recorder:
        policy = Policy.parse(json.dumps(self.policy).encode())
        return Recorder(policy, Executions(self), Store(self.s3, "reports"), REGION, self.slept.append)

    def ask(self, **change: Any) -> str:
        call = {"schema": 1, "pipeline": "payments", "execution": EXECUTION, **change}
        return self.recorder().ask(json.dumps(call))

    @property
    def record(self) -> dict[str, Any]:
        """release.json as it stands there."""
        found: dict[str, Any] = json.loads(self.s3.objects[RECORD])
        return found

    @property
    def current(self) -> dict[str, Any]:
        """current.json as it stands there."""
        found: dict[str, Any] = json.loads(self.s3.objects[CURRENT])
        return found

    @property
    def page(self) -> str:
        return self.s3.objects[PAGE].decode()

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        assert pipelineName == "acme-payments"
        status = self.status.pop(0) if len(self.status) > 1 else self.status[0]
        return {
            "pipelineExecution": {
                "pipelineName": pipelineName,
                "pipelineExecutionId": pipelineExecutionId,
                "status": status,
                "artifactRevisions": [{"name": "Source", "revisionId": self.commit, "revisionSummary": self.message}],
                "trigger": {"triggerType": "CloudWatchEvent", "triggerDetail": "arn:aws:events:eu-central-1:1:rule/x"},
            }
        }

    def list_action_executions(self, **request: Any) -> Mapping[str, Any]:
        assert request == {"pipelineName": "acme-payments", "filter": {"pipelineExecutionId": EXECUTION}}
        return {"actionExecutionDetails": copy.deepcopy(self.history[::-1])}
