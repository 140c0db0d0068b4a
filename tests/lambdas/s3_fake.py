"""S3 and CodePipeline in memory, at the level of boto3's clients: what is stored, conditional writes, a given history."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from lambda_fakes import COMMIT

STARTED = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
DIGEST = f"sha256:{'d' * 64}"


def s3_error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as planned"}}, operation)


@dataclass
class MemoryS3:
    """One bucket. ``faults``: keys (or their ends) whose next writes or reads fail with a code. ``log``: keys in the order of
    their writes."""

    objects: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    page: int = 1000

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self._fail(Key, "GetObject")
        if Key not in self.objects:
            raise s3_error("NoSuchKey", "GetObject")
        body = self.objects[Key]
        return {
            "Body": StreamingBody(io.BytesIO(body), len(body)),
            "ContentLength": len(body),
            "ETag": self.etags.get(Key, '"0"'),
        }

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> dict[str, Any]:
        self._fail(Key, "PutObject")
        if (IfNoneMatch and Key in self.objects) or (IfMatch and self.etags.get(Key) != IfMatch):
            raise s3_error("PreconditionFailed", "PutObject")
        self.objects[Key] = Body
        self.log.append(Key)
        self.etags[Key] = f'"{len(self.log)}"'
        return {"ETag": self.etags[Key]}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "0") -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        first = int(ContinuationToken)
        more = len(keys) > first + self.page
        answer: dict[str, Any] = {"IsTruncated": more}
        if keys:
            answer["Contents"] = [{"Key": key} for key in keys[first : first + self.page]]
        return answer | ({"NextContinuationToken": str(first + self.page)} if more else {})

    def _fail(self, key: str, operation: str) -> None:
        for end, codes in self.faults.items():
            if key.endswith(end) and codes:
                raise s3_error(codes.pop(0), operation)


@dataclass
class MemoryCodePipeline:
    """Executions by id; what is not told of one is as usual. ``started``: when their source actions began."""

    commits: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Mapping[str, Any]:
        commit = self.commits.get(pipelineExecutionId, COMMIT)
        branch = self.branches.get(pipelineExecutionId, "feature/refunds")
        return {
            "pipelineExecution": {
                "pipelineName": pipelineName,
                "pipelineExecutionId": pipelineExecutionId,
                "artifactRevisions": [{"name": "Source", "revisionId": commit}],
                "variables": [
                    {"name": "BRANCH", "resolvedValue": branch},
                    {"name": "COMMIT", "resolvedValue": commit},
                ],
            }
        }

    def list_action_executions(
        self, *, pipelineName: str, filter: Mapping[str, str], nextToken: str = ""
    ) -> Mapping[str, Any]:
        execution = filter["pipelineExecutionId"]
        started = self.started.get(execution, STARTED)
        actions: list[dict[str, Any]] = [
            {"stageName": "Source", "actionName": "Source", "startTime": started, "status": "Succeeded"},
            {
                "stageName": "Build",
                "actionName": "seal",
                "startTime": started,
                "status": "Succeeded",
                "output": {"outputVariables": {"DIGEST": self.digests.get(execution, DIGEST), "SHA256": "e" * 64}},
            },
        ]
        return copy.deepcopy({"actionExecutionDetails": actions})
