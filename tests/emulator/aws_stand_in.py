"""Security Hub and CodePipeline over HTTP, for functions that an emulator runs: it has neither.

Security Hub is the strict fake of tests/lambdas. CodePipeline answers with the recorded answers of tests/events for every
execution of the pipelines that the command line names (``<pipeline>=<recorded execution>``), and keeps the answers to its jobs
and what is started. ``GET /stand-in`` shows what both
know. A process of its own: the modules of the functions are imported here. It prints its port and ends with its standard
input. Protocols: JSON 1.1 (``X-Amz-Target``) and REST with JSON, as botocore speaks them.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from lambda_fakes import EXECUTION, model_errors
from security_hub_fake import FakeSecurityHub

EVENTS = Path(__file__).parents[1] / "events"


class Refused(Exception):
    """An answer that is an error: its code and what it says."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class WallClock:
    """The time as it is, where the fake's own tests move it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class CodePipeline:
    """``names``: of the pipelines that exist, each with the recorded answer about its executions. ``jobs``: what was
    answered to each job; ``started``: executions that somebody started, as the request had them."""

    names: Mapping[str, str]
    jobs: list[dict[str, Any]] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)

    def call(self, operation: str, given: Mapping[str, Any]) -> Any:
        """One operation as its model has it; the answer as it is on the wire."""
        answers = {
            "GetPipelineExecution": self._execution,
            "ListActionExecutions": self._actions,
            "PutJobSuccessResult": self._job,
            "PutJobFailureResult": self._job,
            "StartPipelineExecution": self._start,
        }
        if operation not in answers:
            raise Refused("UnknownOperationException", operation)
        problems = model_errors("codepipeline", operation, given)
        if problems:
            raise Refused("ValidationException", "; ".join(problems))
        name = given.get("pipelineName") or given.get("name")
        if name and name not in self.names:
            raise Refused("PipelineNotFoundException", f"no pipeline {name}")
        return answers[operation](operation, given)

    def _execution(self, _: str, given: Mapping[str, Any]) -> Any:
        answer = _recorded(self.names[given["pipelineName"]], given["pipelineExecutionId"])
        answer["pipelineExecution"]["pipelineName"] = given["pipelineName"]
        return answer

    def _actions(self, _: str, given: Mapping[str, Any]) -> Any:
        # Without a filter: the newest of the pipeline's executions.
        return _recorded("list_action_executions", given.get("filter", {}).get("pipelineExecutionId", EXECUTION))

    def _start(self, _: str, given: Mapping[str, Any]) -> Any:
        self.started.append(dict(given))
        return {"pipelineExecutionId": str(uuid.uuid4())}

    def _job(self, operation: str, given: Mapping[str, Any]) -> Any:
        self.jobs.append({"operation": operation, **given})
        return {}


def _recorded(name: str, execution: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8").replace(EXECUTION, execution))


@dataclass
class StandIn:
    """Both services; one request at a time, since the fakes are made for one thread."""

    codepipeline: CodePipeline
    hub: FakeSecurityHub
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, target: str, signed: str, given: Mapping[str, Any]) -> Any:
        """What the service says; ``Refused`` for an error of its."""
        if (method, path) == ("GET", "/stand-in"):
            return {
                "findings": self.hub.findings,
                "requests": self.hub.requests,
                "jobs": self.codepipeline.jobs,
                "started": self.codepipeline.started,
            }
        service, name, call = self._operation(method, path, target)
        if f"/eu-central-1/{service}/aws4_request" not in signed:
            raise Refused("IncompleteSignatureException", f"{name}: not signed for {service} in eu-central-1", 403)
        try:
            return call(given)
        except ParamValidationError as error:
            raise Refused("InvalidInputException", str(error)) from error
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"], status) from error

    def _operation(self, method: str, path: str, target: str) -> tuple[str, str, Callable[[Mapping[str, Any]], Any]]:
        prefix, _, name = target.partition(".")
        if (method, path, prefix) == ("POST", "/", "CodePipeline_20150709"):
            return "codepipeline", name, lambda given: self.codepipeline.call(name, given)
        routes: dict[tuple[str, str], Callable[..., Any]] = {
            ("POST", "/findings/import"): self.hub.batch_import_findings,
            ("PATCH", "/findings/batchupdate"): self.hub.batch_update_findings,
            ("POST", "/findings"): self.hub.get_findings,
        }
        if (method, path) not in routes:
            raise Refused("UnknownOperationException", f"{method} {path} {target}", 404)
        return "securityhub", path, lambda given: routes[method, path](**given)


class Handler(BaseHTTPRequestHandler):
    """One request. ``stand_in`` is set by ``main``."""

    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target, signed = self.headers.get("X-Amz-Target", ""), self.headers.get("Authorization", "")
        status, headers = 200, {"Content-Type": "application/x-amz-json-1.1" if target else "application/json"}
        try:
            with self.stand_in.lock:
                answer = self.stand_in.answer(self.command, self.path, target, signed, json.loads(body or b"{}"))
        except Refused as refused:
            status, answer = refused.status, {"__type": refused.code, "message": str(refused)}
            headers["x-amzn-ErrorType"] = refused.code
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main(pipelines: Mapping[str, str]) -> None:
    """Serve until standard input ends: with the process that holds its other side, at the latest."""
    Handler.stand_in = StandIn(CodePipeline(pipelines), FakeSecurityHub(WallClock()))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main(dict(one.split("=") for one in sys.argv[1:]))
