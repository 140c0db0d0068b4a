"""What CodePipeline's role is asked about where the emulator would ask about everything.

A rule's start of a pipeline is asking.py's; what CodePipeline asks of CodeCommit, and approvals, are routes.py's.
"""

from __future__ import annotations

import json
from typing import Any

from gaps import Gap, replace
from ministack.core import iam_actions

_BY_ID = {"BatchGetBuilds": "ids", "StopBuild": "id"}


def _builds_by_id() -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html: both name the build's project."""

    def resource(
        service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
    ) -> str:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service != "codebuild" or operation not in _BY_ID:
            return str(asked(service, method, path, headers, body, params, region, account))
        given = json.loads(body or b"{}").get(_BY_ID[operation], "")
        projects = {one.partition(":")[0] for one in ([given] if isinstance(given, str) else given)}
        # Of several projects each would be asked about; nobody here names more than one.
        return f"arn:aws:codebuild:{region}:{account}:project/{projects.pop()}" if len(projects) == 1 else "*"

    asked = replace(iam_actions, "extract_resource_arn", resource)


GAPS = (Gap("codebuild", "BatchGetBuilds and StopBuild are asked about the project of the build", _builds_by_id),)
