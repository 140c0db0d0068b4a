"""CodePipeline's executions, CodeCommit's commits and Security Hub over HTTP on loopback, as the emulator asks for them.

The emulator has checked signature and permissions, and says who calls (``X-Emulated-Caller``: an ARN; tools/emulator/inside/routes.py).
Protocols: JSON 1.1 (``X-Amz-Target``) and REST with JSON, as botocore speaks them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

from tools.rehearse import artifacts, state
from tools.rehearse.answers import RefusedError
from tools.rehearse.artifacts import SourceError
from tools.rehearse.codepipeline import CodePipeline

PAGE = 100  # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html (maxResults' default)
_HUB = {
    ("POST", "/findings/import"): "batch_import_findings",
    ("PATCH", "/findings/batchupdate"): "batch_update_findings",
    ("POST", "/findings"): "get_findings",
}
# AWS's own services use these, and whoever clones needs the last one; botocore has no model of them.
_UNMODELLED = {"UploadArchive", "GetUploadArchiveStatus", "GitPull"}

Given = Mapping[str, Any]


@dataclass
class Api:
    """Everything that is answered. ``hub``: of fakes.py. ``calls``: (service, operation, caller) of every call, for who looks."""

    codepipeline: CodePipeline
    hub: Any
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    _one: threading.Lock = field(default_factory=threading.Lock)  # the fake of Security Hub is made for one thread

    def answer(self, method: str, path: str, target: str, caller: str, given: Given) -> Any:
        """What the service says. Raises RefusedError."""
        if (method, path) in _HUB:
            self.calls.append(("securityhub", _HUB[method, path], caller))
            return self._hub(_HUB[method, path], given)
        prefix, _, operation = target.partition(".")
        service = prefix.partition("_")[0].lower()
        self.calls.append((service, operation, caller))
        known: dict[str, dict[str, Callable[[Given, str], Any]]] = {
            "codepipeline": {
                "StartPipelineExecution": self._start,
                "GetPipelineExecution": self._execution,
                "ListActionExecutions": self._actions,
                "PutJobSuccessResult": self._succeeded,
                "PutJobFailureResult": self._failed,
                "PutApprovalResult": self._approval,
                "GetPipelineState": self._state,
                "RetryStageExecution": self._retry,
                "StopPipelineExecution": self._stop,
            },
            "codecommit": {
                "GetBranch": self._branch,
                "GetCommit": self._commit,
                "UploadArchive": self._archive,
                "GetUploadArchiveStatus": self._archive,
                "GitPull": self._archive,  # standins/codecommit.py; the emulator has asked the role's policies
            },
        }
        handler = known.get(service, {}).get(operation)
        if handler is None:
            raise RefusedError("UnknownOperationException", f"the rehearsal has nothing for {method} {path} {target}")
        if operation not in _UNMODELLED:
            _check(service, operation, given)
        return handler(given, caller)

    def _start(self, given: Given, caller: str) -> Any:
        revisions = given.get("sourceRevisions", [])
        if any(one["revisionType"] != "COMMIT_ID" for one in revisions):
            raise RefusedError("ValidationException", "a CodeCommit source takes a COMMIT_ID")
        execution = self.codepipeline.start(
            given["name"],
            variables={one["name"]: one["value"] for one in given.get("variables", [])},
            revisions={one["actionName"]: one["revisionValue"] for one in revisions},
            token=given.get("clientRequestToken", ""),
            trigger=self._trigger(given["name"], caller),
        )
        return {"pipelineExecutionId": execution}

    def _trigger(self, pipeline: str, caller: str) -> dict[str, str]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ExecutionTrigger.html"""
        described = self.codepipeline.world.described
        role, _, session = caller.partition(":assumed-role/")[2].partition("/")
        arn = described.pipelines[pipeline].arn if pipeline in described.pipelines else ""
        for rule in described.rules.values():
            # The rule itself does not reach us: it is the one that starts this pipeline with this role.
            if session == "AWSEvents" and any(one.arn == arn and one.role == role for one in rule.targets):
                return {"triggerType": "CloudWatchEvent", "triggerDetail": rule.arn}
        return {"triggerType": "StartPipelineExecution", "triggerDetail": caller}

    def _execution(self, given: Given, _: str) -> Any:
        found = self.codepipeline.execution(given["pipelineName"], given["pipelineExecutionId"])
        return {"pipelineExecution": found.detail()}

    def _actions(self, given: Given, _: str) -> Any:
        name, asked = given["pipelineName"], given.get("filter", {})
        self.codepipeline.pipeline(name)
        if "latestInPipelineExecution" in asked:
            raise RefusedError("ValidationException", "the rehearsal has no filter latestInPipelineExecution")
        if "pipelineExecutionId" in asked:
            chosen = [self.codepipeline.execution(name, asked["pipelineExecutionId"])]
        else:
            chosen = self.codepipeline.executions(name)[::-1]
        region = self.codepipeline.world.described.region
        details = [detail for execution in chosen for detail in execution.actions(region)]
        token = given.get("nextToken", "0")
        if not token.isdigit():
            raise RefusedError("InvalidNextTokenException", token)
        first, size = int(token), given.get("maxResults", PAGE)
        more = {"nextToken": str(first + size)} if len(details) > first + size else {}
        return {"actionExecutionDetails": details[first : first + size], **more}

    def _state(self, given: Given, _: str) -> Any:
        name = given["name"]
        pipeline, found = self.codepipeline.pipeline(name), self.codepipeline.executions(name)
        return state.of(pipeline, found, self.codepipeline.world.approvals.all())

    def _retry(self, given: Given, _: str) -> Any:
        everything = given["retryMode"] == "ALL_ACTIONS"
        execution = given["pipelineExecutionId"]
        self.codepipeline.retry(given["pipelineName"], given["stageName"], execution, everything)
        return {"pipelineExecutionId": execution}

    def _stop(self, given: Given, _: str) -> Any:
        execution = given["pipelineExecutionId"]
        self.codepipeline.stop(given["pipelineName"], execution, given.get("abandon", False), given.get("reason", ""))
        return {"pipelineExecutionId": execution}

    def _succeeded(self, given: Given, _: str) -> Any:
        details = given.get("executionDetails", {})
        self.codepipeline.world.jobs.succeeded(
            given["jobId"],
            given.get("outputVariables", {}),
            details.get("externalExecutionId", ""),
            details.get("summary", ""),
            "continuationToken" in given,
        )
        return {}

    def _failed(self, given: Given, _: str) -> Any:
        details = given["failureDetails"]
        self.codepipeline.world.jobs.failed(given["jobId"], details["message"], details.get("externalExecutionId", ""))
        return {}

    def _approval(self, given: Given, caller: str) -> Any:
        result = given["result"]
        place = (given["pipelineName"], given["stageName"], given["actionName"])
        approvals = self.codepipeline.world.approvals
        approvals.answer(place, given["token"], result["status"], result["summary"], caller)
        return {"approvedAt": self.codepipeline.world.clock.now().timestamp()}

    def _repository(self, given: Given) -> Any:
        name = given.get("repositoryName", "")
        found = self.codepipeline.world.repositories.get(name)
        if found is None:
            raise RefusedError("RepositoryDoesNotExistException", f"{name} does not exist")
        return found

    def _branch(self, given: Given, _: str) -> Any:
        try:
            commit = artifacts.head(self._repository(given), given["branchName"])
        except SourceError as error:
            raise RefusedError("BranchDoesNotExistException", str(error)) from error
        return {"branch": {"branchName": given["branchName"], "commitId": commit}}

    def _commit(self, given: Given, _: str) -> Any:
        try:
            found = artifacts.commit(self._repository(given), given["commitId"])
        except SourceError as error:
            raise RefusedError("CommitIdDoesNotExistException", str(error)) from error
        return {"commit": {"commitId": found.id, "message": found.message}}

    def _archive(self, given: Given, _: str) -> Any:
        self._repository(given)
        return {}

    def _hub(self, name: str, given: Given) -> Any:
        with self._one:
            try:
                return getattr(self.hub, name)(**given)
            except ParamValidationError as error:
                raise RefusedError("InvalidInputException", str(error)) from error
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                said = error.response["Error"]
                raise RefusedError(said["Code"], said["Message"], status) from error


def _check(service: str, operation: str, given: Given) -> None:
    """Keys, types and required members, as botocore's model has them."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(dict(given), shape)
    if report.has_errors():
        raise RefusedError("ValidationException", report.generate_report())


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """Serve on a free port of loopback: its URL, for ``emulator.use_stand_in``. Ends with this block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target", "")
            status, headers = 200, {"Content-Type": "application/x-amz-json-1.1" if target else "application/json"}
            try:
                caller = self.headers.get("X-Emulated-Caller", "")
                answer = api.answer(self.command, self.path, target, caller, json.loads(body or b"{}"))
            except RefusedError as refused:
                status, answer = refused.status, {"__type": refused.code, "message": str(refused)}
                headers["x-amzn-ErrorType"] = refused.code
            except Exception as error:  # a caller that gets no answer would retry for minutes
                status, answer = 500, {"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"}
                headers["x-amzn-ErrorType"] = "InternalFailure"
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
