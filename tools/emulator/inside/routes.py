"""Which service answers what: ministack, moto, or a stand-in of the tests.

ministack has no CodeCommit and no CodePipeline; moto keeps their repositories and pipelines. Neither runs a pipeline, holds a
commit or judges what Security Hub is sent: a stand-in answers for executions, jobs, approvals, commits and findings where
somebody has written its address into a file (``stand_in``). It is told who calls (``X-Emulated-Caller``: an ARN), since it sees no
keys. Without it those calls are refused.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import gaps
import security_hub
from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from moto.moto_server.werkzeug_app import create_backend_app
from moto.server import DomainDispatcherApplication
from werkzeug.test import EnvironBuilder, run_wsgi_app

Answer = tuple[int, dict[str, str], bytes]

MOTO = ("codecommit", "codepipeline")
# ministack authorizes these; its own answers are not what the provider reads back (an alarm's actions and dimensions).
# Of Config ministack forgets a recorder's role and cannot delete a recorder; moto also knows AWS's managed rules by name.
ANSWERED_BY_MOTO = ("monitoring", "config")
STAND_IN = {
    "codepipeline": frozenset(
        {
            "GetPipelineExecution",
            "ListActionExecutions",
            "PutJobSuccessResult",
            "PutJobFailureResult",
            "PutApprovalResult",
            "StartPipelineExecution",
            "GetPipelineState",
            "RetryStageExecution",
            "StopPipelineExecution",
        }
    ),
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html: what a source action asks for. GitPull is no
    # operation but the permission of whoever clones: the rehearsal's git server asks in that name.
    "codecommit": frozenset({"GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus", "GitPull"}),
    "securityhub": frozenset({"BatchImportFindings", "BatchUpdateFindings", "GetFindings"}),
}
_HUB_ROUTES = {
    ("POST", "/findings/import"): "BatchImportFindings",
    ("PATCH", "/findings/batchupdate"): "BatchUpdateFindings",
    ("POST", "/findings"): "GetFindings",
}
_SERVICES = {*MOTO, *STAND_IN}


def signed_service(headers: Mapping[str, str]) -> str:
    """The service of a signature's scope, or ""."""
    _, found, credential = headers.get("authorization", "").partition("Credential=")
    parts = credential.split(",")[0].split("/")
    return parts[3] if found and len(parts) == 5 else ""


def caller(headers: Mapping[str, str]) -> str:
    """ARN of who signed, or "". The signature itself has been checked before."""
    credential = headers.get("authorization", "").partition("Credential=")[2]
    principal = iam_evaluator.resolve_principal(credential.split("/")[0], get_account_id())
    return getattr(principal, "arn", "") or ""


def operation(service: str, method: str, path: str, headers: Mapping[str, str]) -> str:
    """Name of the API's operation, "" if it is not known here."""
    if service == "securityhub":
        return _HUB_ROUTES.get((method, path), "") or security_hub.operation(method, path)
    return headers.get("x-amz-target", "").rpartition(".")[2]


def resource(service: str, name: str, body: bytes) -> str:
    """The ARN that IAM is asked about.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html (jobs name no resource,
    an approval its action, a retry its stage), list_awscodecommit.html, list_awssecurityhub.html (product and hub)
    """
    try:
        given: dict[str, Any] = json.loads(body or b"{}")
    except ValueError:
        given = {}
    prefix = f"arn:aws:{service}:{get_region()}:{get_account_id()}"
    if service == "codepipeline":
        pipeline = given.get("pipelineName") or given.get("name") or given.get("pipeline", {}).get("name")
        if name == "PutApprovalResult":
            return f"{prefix}:{pipeline}/{given.get('stageName')}/{given.get('actionName')}"
        if name == "RetryStageExecution":
            return f"{prefix}:{pipeline}/{given.get('stageName')}"
        return f"{prefix}:{pipeline}" if pipeline and not name.startswith("PutJob") else "*"
    if service == "codecommit":
        return f"{prefix}:{given['repositoryName']}" if "repositoryName" in given else "*"
    if name == "BatchImportFindings":
        return str(next((finding.get("ProductArn") for finding in given.get("Findings", ())), "*"))
    return f"{prefix}:hub/default"


def install(stand_in: Path) -> None:
    """Put the services into ministack's own tables, so that it authenticates and authorizes calls to them like others."""
    moto = DomainDispatcherApplication(create_backend_app)
    detect = app.detect_service
    action_of, resource_of = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def detect_service(method: str, path: str, headers: Mapping[str, str], params: Any) -> str:
        service = signed_service(headers)
        return service if service in _SERVICES else str(detect(method, path, headers, params))

    def extract_action(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any
    ) -> str | None:
        if service not in _SERVICES:
            found: str | None = action_of(service, method, path, headers, body, params)
            return found
        return f"{service}:{operation(service, method, path, headers) or 'Unknown'}"

    def extract_resource(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any, *rest: Any
    ) -> str:
        if service not in _SERVICES:
            return str(resource_of(service, method, path, headers, body, params, *rest))
        return resource(service, operation(service, method, path, headers), body)

    gaps.replace(app, "detect_service", detect_service)
    gaps.replace(iam_actions, "extract_iam_action", extract_action)
    gaps.replace(iam_actions, "extract_resource_arn", extract_resource)
    for service in _SERVICES:
        app.SERVICE_HANDLERS[service] = _handler(service, moto, stand_in)
    for service in ANSWERED_BY_MOTO:
        app.SERVICE_HANDLERS[service] = _handler(service, moto, stand_in)


def _handler(service: str, moto: Any, stand_in: Path) -> Callable[..., Awaitable[Answer]]:
    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any) -> Answer:
        name = operation(service, method, path, headers)
        if name in STAND_IN.get(service, ()):
            return await asyncio.to_thread(_stand_in, stand_in, method, path, headers, body)
        if service == "securityhub" and security_hub.operation(method, path):
            return security_hub.answer(method, path, body)
        if service in (*MOTO, *ANSWERED_BY_MOTO):
            return await asyncio.to_thread(_moto, moto, method, path, headers, body)
        return _refusal(f"{service} {method} {path}")

    return handle


def _refusal(what: str) -> Answer:
    content = {"__type": "UnknownOperationException", "message": f"the emulator has nothing for {what}"}
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


def _moto(moto: Any, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    given = [(name, value) for name, value in headers.items() if name != "content-length"]
    # moto's dispatcher reads account and service of the headers, as ministack does.
    builder = EnvironBuilder(path=path, method=method, headers=given, data=body, base_url=f"http://{headers['host']}")
    chunks, status, answered = run_wsgi_app(moto, builder.get_environ())
    return int(status.split()[0]), dict(answered), b"".join(chunks)


def _stand_in(address: Path, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    url = address.read_text(encoding="utf-8") if address.exists() else ""
    if not url:
        return _refusal(f"{method} {path} {headers.get('x-amz-target', '')}: no stand-in runs")
    passed = {name: headers[name] for name in ("content-type", "x-amz-target", "authorization") if name in headers}
    passed["x-emulated-caller"] = caller(headers)
    request = urllib.request.Request(f"{url}{path}", data=body, headers=passed, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()
