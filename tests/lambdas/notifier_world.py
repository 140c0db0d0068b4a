"""A small project as the notifier sees it: S3, SNS and CodePipeline in memory, a clock, and what a gate has left behind."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notify.audience import Audience, Place
from notify.event import Event
from notify.executions import Executions
from notify.ledger import Ledger
from notify.links import Console
from notify.registry import handle
from notify.service import Notifier
from notify.store import Store
from notify.topics import Topics

from common.policy import Policy
from lambda_fakes import COMMIT, EXECUTION, OTHER_EXECUTION, policy_document
from s3_fake import s3_error

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLACE = Place("aws", "eu-central-1", "123456789012")
DIGEST = f"sha256:{'7f5b2640' * 8}"
ZOE = "arn:aws:sts::123456789012:assumed-role/Developer/zoe"
FAILED_AT = NOW - timedelta(minutes=1)

NOTIFY: dict[str, Any] = {
    "schema": 1,
    "project": "acme",
    "topic": "acme-notifications",
    "approvals": ["acme-payments-approval"],
    "addresses": {},
    "pipelines": {
        "payments": {
            "topic": "acme-payments-notifications",
            "severity": "high",
            "successes": False,
            "builds": ["acme-payments-image", "acme-payments-grype"],
        },
        "payments-scan": {
            "topic": "acme-notifications",
            "severity": "high",
            "successes": True,
            "builds": ["acme-payments-scan-snyk"],
        },
    },
}


@dataclass
class Clock:
    """Time that passes only when somebody waits. ``meanwhile``: what happens elsewhere in the first wait."""

    now: datetime = NOW
    waited: float = 0.0
    meanwhile: Any = None

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited += seconds
        self.now += timedelta(seconds=seconds)
        if self.meanwhile:
            happening, self.meanwhile = self.meanwhile, None
            happening()


@dataclass
class Bucket:
    """S3 with conditional writes and times. ``faults``: operation -> codes of its next errors."""

    clock: Clock
    objects: dict[str, tuple[bytes, str, datetime]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    writes: int = 0

    def put(self, key: str, body: bytes, at: datetime | None = None) -> None:
        self.writes += 1
        self.objects[key] = (body, f'"{self.writes}"', at or self.clock.now)

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        self._fail("GetObject")
        if Key not in self.objects:
            raise s3_error("NoSuchKey", "GetObject")
        body, etag, at = self.objects[Key]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ETag": etag, "LastModified": at}

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> Mapping[str, Any]:
        self._fail("PutObject")
        there = self.objects.get(Key)
        if (IfNoneMatch and there) or (IfMatch and (there is None or there[1] != IfMatch)):
            raise s3_error("PreconditionFailed", "PutObject")
        self.put(Key, Body)
        return {"ETag": self.objects[Key][1]}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> Mapping[str, Any]:
        return {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)][:MaxKeys]}

    def _fail(self, operation: str) -> None:
        if self.faults.get(operation):
            raise s3_error(self.faults[operation].pop(0), operation)


@dataclass
class Sns:
    """Topics that remember. ``subscriptions``: topic's name -> (ARN or PendingConfirmation, address)."""

    sent: list[dict[str, str]] = field(default_factory=list)
    subscriptions: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)
    page: int = 100
    gone: set[str] = field(default_factory=set)  # topics that somebody has deleted

    def publish(self, **message: str) -> Mapping[str, Any]:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(message)
        return {"MessageId": str(len(self.sent))}

    def list_subscriptions_by_topic(self, *, TopicArn: str, NextToken: str = "0") -> Mapping[str, Any]:
        if TopicArn.rpartition(":")[2] in self.gone:
            raise s3_error("NotFound", "ListSubscriptionsByTopic")
        found, first = self.subscriptions.get(TopicArn.rpartition(":")[2], []), int(NextToken)
        listed = [
            {"SubscriptionArn": arn, "Endpoint": address, "Protocol": "email", "TopicArn": TopicArn, "Owner": "1"}
            for arn, address in found[first : first + self.page]
        ]
        more = {"NextToken": str(first + self.page)} if len(found) > first + self.page else {}
        return {"Subscriptions": listed, **more}


def action(stage: str, name: str, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    """One entry of ListActionExecutions. ``message``, ``summary``, ``by``, ``category``, ``digest``, ``execution``, ``at``."""
    result = {"externalExecutionSummary": more.get("summary", "")}
    if "message" in more:
        result["errorDetails"] = {"code": "JobFailed", "message": more["message"]}
    return {
        "pipelineExecutionId": more.get("execution", EXECUTION),
        "stageName": stage,
        "actionName": name,
        "startTime": more.get("at", FAILED_AT),
        "status": status,
        "updatedBy": more.get("by", ""),
        "input": {"actionTypeId": {"category": more.get("category", "Build")}},
        "output": {
            "executionResult": result,
            "outputVariables": {"DIGEST": more["digest"]} if "digest" in more else {},
        },
    }


@dataclass
class CodePipeline:
    """``actions``: of all executions. ``shown_after``: how often it is asked before it tells of any."""

    actions: list[dict[str, Any]] = field(default_factory=list)
    summary: str = "Add refunds\n\nand more"
    trigger: dict[str, str] = field(
        default_factory=lambda: {
            "triggerType": "CloudWatchEvent",
            "triggerDetail": "arn:aws:events:eu-central-1:1:rule/x",
        }
    )
    branch: str = "feature/refunds"
    shown_after: int = 0
    page: int = 100
    forgotten: str = ""  # the code by which it says that it knows no such execution

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        if self.forgotten:
            raise s3_error(self.forgotten, "GetPipelineExecution")
        return {
            "pipelineExecution": {
                "pipelineName": pipelineName,
                "artifactRevisions": [{"name": "Source", "revisionId": COMMIT, "revisionSummary": self.summary}],
                "variables": [{"name": "BRANCH", "resolvedValue": self.branch}],
                "trigger": self.trigger,
            }
        }

    def list_action_executions(
        self, *, pipelineName: str, filter: Mapping[str, str] | None = None, nextToken: str = "0"
    ) -> Mapping[str, Any]:
        if self.shown_after:
            self.shown_after -= 1
            return {"actionExecutionDetails": []}
        wanted = (filter or {}).get("pipelineExecutionId")
        found = [one for one in self.actions if wanted in (None, one["pipelineExecutionId"])]
        first = int(nextToken)
        more = {"nextToken": str(first + self.page)} if len(found) > first + self.page else {}
        return {"actionExecutionDetails": found[first : first + self.page], **more}


def finding(severity: str, title: str, **more: str) -> dict[str, Any]:
    """One finding as the importer writes it. ``rule``, ``location``, ``blocking``, ``graded``, ``workflow``."""
    fields = {f"devsecops/{name}": more[name] for name in ("rule", "location") if name in more}
    fields |= {"devsecops/blocking": more.get("blocking", "true"), "devsecops/graded": more.get("graded", "true")}
    found: dict[str, Any] = {
        "Title": title,
        "FindingProviderFields": {"Severity": {"Label": severity}},
        "ProductFields": fields,
    }
    return found | ({"Workflow": {"Status": more["workflow"]}} if "workflow" in more else {})


class World:
    """Everything in one place; ``sends`` is what the handler does with an event."""

    def __init__(self, notify: Mapping[str, Any] = NOTIFY, policy: Mapping[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.bucket = Bucket(self.clock)
        self.sns = Sns()
        self.codepipeline = CodePipeline()
        self.lines: list[dict[str, Any]] = []
        self.store = Store(self.bucket, "acme-reports")
        self.notifier = Notifier(
            policy=Policy.parse(json.dumps(policy or policy_document()).encode()),
            audience=Audience.parse(json.dumps(notify).encode()),
            store=self.store,
            ledger=Ledger(self.store, self.clock, self.clock.wait),
            executions=Executions(self.codepipeline),
            topics=Topics(self.sns, PLACE),
            console=Console(PLACE),
            clock=self.clock,
            count=lambda line: self.lines.append(json.loads(line)),
            namespace="acme-notifier",
        )

    def sends(self, document: object) -> str:
        return handle(self.notifier, document)[1]

    @property
    def mails(self) -> list[dict[str, str]]:
        return self.sns.sent

    def counted(self, dimension: str) -> dict[str, dict[str, int]]:
        """Metrics by the value of one dimension, added up."""
        found: dict[str, dict[str, int]] = {}
        for line in self.lines:
            [metrics] = line["_aws"]["CloudWatchMetrics"]
            assert metrics["Namespace"] == "acme-notifier"
            if metrics["Dimensions"] == [[dimension]]:
                values = found.setdefault(line[dimension], {})
                for metric in metrics["Metrics"]:
                    values[metric["Name"]] = values.get(metric["Name"], 0) + line[metric["Name"]]
        return found

    def judged(
        self, scanner: str, scope: str, verdict: str, reason: str, *findings: Mapping[str, Any], **more: Any
    ) -> None:
        """A verdict and its findings, as the importer leaves them. ``blocking``, ``summary``, ``at``."""
        where = f"reports/payments/{EXECUTION}/{scanner}-{scope}"
        answer = {
            "schema": 1,
            "verdict": verdict,
            "summary": more.get("summary", f"{scanner} {scope}: 2 critical, 1 high"),
            "reason": reason,
            "counts": dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0),
            "blocking": more.get("blocking", len(findings) if verdict == "findings" else 0),
            "page": f"{where}/index.html",
        }
        record = answer | {
            "pipeline": "payments",
            "execution": EXECUTION,
            "scanner": scanner,
            "scope": scope,
            "exit_code": 1,
            "digest": DIGEST if scope == "image" else "",
            "report_sha256": "a" * 64,
            "policy_sha256": "b" * 64,
            "waived_until": "",
            "repository": "payments",
            "branch": "main",
            "commit": COMMIT,
        }
        at = more.get("at", NOW)
        self.bucket.put(f"{where}/verdict.json", json.dumps(record).encode(), at)
        self.bucket.put(f"{where}/findings.json", json.dumps(answer | {"findings": list(findings)}).encode(), at)

    def stands(
        self, released: str | None = None, *asked: str, execution: str = EXECUTION, data: bytes | None = None
    ) -> None:
        """What the recorder keeps: the digest that is ``released``, by ``execution``, and those that are asked about."""
        image = {"execution": execution, "digest": released, "since": "2026-03-01T10:00:00Z", "commit": COMMIT}
        current = {
            "schema": 1,
            "pipeline": "payments",
            "released": image if released else None,
            "asked": [image | {"execution": OTHER_EXECUTION, "digest": one} for one in asked],
        }
        self.bucket.put("releases/payments/current.json", json.dumps(current).encode() if data is None else data)

    def pushed(self, pusher: str = ZOE, branch: str = "main", commit: str = COMMIT, number: int = 1) -> None:
        """A push that the importer has recorded."""
        event = f"01234567-89ab-4cde-8f01-{number:012x}"
        push = {
            "schema": 1, "repository": "payments", "branch": branch, "commit": commit, "pusher": pusher,
            "event": "updated", "time": f"2026-03-01T11:0{number}:00Z", "id": event,
        }  # fmt: skip
        self.bucket.put(f"pushes/payments/{commit}/{event}.json", json.dumps(push).encode())


def parsed(document: object) -> Event:
    return Event.parse(document)
