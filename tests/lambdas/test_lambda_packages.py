"""The functions as they are deployed: what they import, and their zip archives run for real against a loopback AWS."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

from lambda_fakes import COMMIT, EXECUTION, policy_bytes
from modules.packaging import function_package
from notifier_world import NOTIFY

Recorded = Callable[[str], Any]
ROOT = Path(__file__).parents[2]
LAMBDAS = ROOT / "lambdas"
FUNCTIONS = sorted(path.parent.name for path in LAMBDAS.glob("*/handler.py"))
SITE = Path(boto3.__file__).parents[1]
BOTO3_AND_ITS_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")

NOTIFY_JSON = json.dumps(NOTIFY).encode()
RUN = """
import json, sys
sys.path[:0] = sys.argv[1:3]
import handler
class Context:
    aws_request_id = "request-1"
    function_name = "f"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:f" + sys.argv[4]
    def get_remaining_time_in_millis(self):
        return 30_000
print(json.dumps({"result": handler.handler(json.loads(sys.argv[3]), Context())}))
"""


def imported(source: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


@pytest.mark.parametrize("directory", sorted(path for path in LAMBDAS.iterdir() if path.is_dir()), ids=lambda p: p.name)
def test_a_function_imports_the_library_boto3_and_itself(directory: Path) -> None:
    own = {path.name for path in directory.iterdir() if (path / "__init__.py").is_file()}
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "common", *own}
    sources = sorted(directory.rglob("*.py"))
    assert sources
    foreign = [
        f"{source.relative_to(ROOT)}:{line}: {name}"
        for source in sources
        for line, name in imported(source)
        if name.partition(".")[0] not in allowed
    ]
    assert not foreign, f"not in the Lambda runtime: {foreign}"


# Edges only: whatever else touches AWS cannot be tested without it.
SPEAK_TO_AWS: dict[str, set[str]] = {
    "findings_importer": {"root", "security_hub", "report_store", "executions"},
    "release_guard": {"compliance", "handler"},
    "release_recorder": {"handler"},
    "image_sealer": {"handler"},
    "pipeline_starter": {"handler"},
    "plan_review": {"handler", "comments", "store"},
    "notifier": {"root", "executions", "topics"},
    "common": {"objects"},
}


@pytest.mark.parametrize("directory", sorted(path for path in LAMBDAS.iterdir() if path.is_dir()), ids=lambda p: p.name)
def test_only_the_edges_know_boto3(directory: Path) -> None:
    found = {
        source.stem
        for source in directory.rglob("*.py")
        for _, name in imported(source)
        if name.partition(".")[0] in ("boto3", "botocore")
    }
    assert found == SPEAK_TO_AWS[directory.name]


def test_no_client_is_made_while_modules_are_imported() -> None:
    made = []
    for source in sorted(LAMBDAS.rglob("*.py")):
        tree = ast.parse(source.read_bytes())
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            if ast.unparse(node) in ("boto3.client", "boto3.resource", "boto3.session", "os.environ"):
                in_root = source.name in ("handler.py", "root.py")
                if not in_root or id(node) not in inside:
                    made.append(f"{source.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert not made, f"clients and environment belong into the handler's composition root: {made}"


def test_handlers_are_short() -> None:
    lines = len((LAMBDAS / "findings_importer" / "handler.py").read_text().splitlines())
    assert lines <= 40, f"{lines} lines: move logic into the service"


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Lambda runtime offers beside the standard library, and nothing else that is installed here."""
    directory = tmp_path_factory.mktemp("runtime")
    for name in BOTO3_AND_ITS_OWN:
        (directory / name).symlink_to(SITE / name)
    return directory


class LoopbackAws(BaseHTTPRequestHandler):
    """Answers as S3 and CodePipeline do on the wire, and remembers what it was asked."""

    asked: list[tuple[str, bytes]]
    answers: dict[str, tuple[int, bytes]]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = (
            self.headers.get("X-Amz-Target", "").rpartition(".")[2] or f"{self.command} {self.path.partition('?')[0]}"
        )
        self.asked.append((name, body))
        status, answer = self.answers.get(name, (500, b"unexpected"))
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_PUT = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Aws:
    """The loopback server's address, answers and memory."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        handler = type("Handler", (LoopbackAws,), {"asked": self.asked, "answers": self.answers})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def aws() -> Iterator[Aws]:
    loopback = Aws()
    thread = threading.Thread(target=loopback.server.serve_forever)
    thread.start()
    yield loopback
    loopback.server.shutdown()
    thread.join()
    loopback.server.server_close()


@pytest.fixture
def run(tmp_path: Path, runtime: Path, aws: Aws) -> Callable[..., tuple[Any, list[dict[str, Any]]]]:
    """Unpacks a function's zip and calls its handler in a process that sees only the zip and the runtime's packages."""

    def call(function: str, event: object, alias: str = "", **environment: str) -> tuple[Any, list[dict[str, Any]]]:
        with zipfile.ZipFile(
            io.BytesIO(function_package(LAMBDAS, function, {"policy.json": policy_bytes(), "notify.json": NOTIFY_JSON}))
        ) as archive:
            archive.extractall(tmp_path / "task")
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-S", "-B", "-c", RUN),
                *(str(tmp_path / "task"), str(runtime), json.dumps(event), alias),
            ],
            cwd=tmp_path,
            env={
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_REGION": "eu-central-1",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ENDPOINT_URL": aws.url,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
        return last["result"], lines

    return call


MAIN = f"{hashlib.sha256(b'main').hexdigest()[:16]}-main"
FOLDER = f"/reports/reports/payments/{EXECUTION}"  # bucket, then key


NO_SUCH_KEY = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>"


def test_the_packaged_importer_judges(run: Any, aws: Aws, recorded: Recorded) -> None:
    aws.answers["GetPipelineExecution"] = (200, json.dumps(recorded("get_pipeline_execution_delivery")).encode())
    aws.answers["ListActionExecutions"] = (200, json.dumps(recorded("list_action_executions")).encode())
    aws.answers[f"GET {FOLDER}/grype-image/raw.json"] = (404, NO_SUCH_KEY)
    for name in ("verdict.json", "findings.json", "index.html"):
        aws.answers[f"PUT {FOLDER}/grype-image/{name}"] = (200, b"")
    inventory = "/reports/inventory/payments"
    # No finding, so there is nothing to tell Security Hub: a call of it would fail here.
    aws.answers[f"GET {inventory}/{MAIN}/deleted.json.gz"] = (404, NO_SUCH_KEY)
    aws.answers[f"GET {inventory}/{MAIN}/grype-image--payments.json.gz"] = (404, NO_SUCH_KEY)
    aws.answers[f"PUT {inventory}/{MAIN}/grype-image--payments.json.gz"] = (200, b"")
    aws.answers["GET /reports"] = (200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    answer, (line,) = run("findings_importer", recorded("gate_report"), ":payments_grype", REPORTS_BUCKET="reports")
    assert answer["verdict"] == line["verdict"] == "no-evidence"
    last, body = aws.asked[-1]
    assert last == f"PUT {FOLDER}/grype-image/verdict.json"
    assert f'"commit": "{COMMIT}"'.encode() in body
    assert b'"verdict": "no-evidence"' in body


def test_the_packaged_guard_fails_its_job(run: Any, aws: Aws, recorded: Recorded) -> None:
    aws.answers[f"GET {FOLDER}/git-secrets-source/verdict.json"] = (404, NO_SUCH_KEY)
    aws.answers[f"GET {FOLDER}/grype-image/verdict.json"] = (404, NO_SUCH_KEY)
    aws.answers["ListActionExecutions"] = (200, json.dumps(recorded("list_action_executions")).encode())
    aws.answers["PutJobFailureResult"] = (200, b"{}")
    result, (line,) = run("release_guard", recorded("codepipeline_job"), REPORTS_BUCKET="reports")
    assert result is None
    name, body = aws.asked[-1]
    sent = json.loads(body)
    assert (name, sent["jobId"]) == ("PutJobFailureResult", "11111111-abcd-1111-abcd-111111abcdef")
    assert "git-secrets source: no verdict is recorded" in sent["failureDetails"]["message"]
    assert "grype image: no verdict is recorded" in sent["failureDetails"]["message"]
    assert line["message"] == sent["failureDetails"]["message"]


def test_the_packaged_recorder_fails_its_job(run: Any, aws: Aws, recorded: Recorded) -> None:
    """It finds no commit: the record is not written, and CodePipeline hears why."""
    event = recorded("codepipeline_job")
    parameters = json.dumps({"schema": 1, "pipeline": "payments", "execution": EXECUTION})
    event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = parameters
    execution = {"pipelineExecution": {"pipelineExecutionId": EXECUTION, "status": "InProgress"}}
    aws.answers["GetPipelineExecution"] = (200, json.dumps(execution).encode())
    aws.answers[f"GET /reports/releases/payments/{EXECUTION}/release.json"] = (404, NO_SUCH_KEY)
    aws.answers["PutJobFailureResult"] = (200, b"{}")
    result, (line,) = run("release_recorder", event, REPORTS_BUCKET="reports", AWS_REGION="eu-central-1")
    assert result is None
    name, body = aws.asked[-1]
    assert name == "PutJobFailureResult"
    assert "no source revision that is a commit" in json.loads(body)["failureDetails"]["message"]
    assert line["result"] == "JobFailed"


def test_the_packaged_starter_starts(run: Any, aws: Aws, recorded: Recorded) -> None:
    aws.answers["StartPipelineExecution"] = (200, json.dumps({"pipelineExecutionId": EXECUTION}).encode())
    result, (line,) = run(
        "pipeline_starter",
        recorded("codecommit_reference_updated"),
        PIPELINE_NAME="acme-payments-scan",
        REPOSITORY_NAME="payments",
        BRANCH_PATTERNS="null",
    )
    assert result == {"execution": EXECUTION}
    ((_, body),) = aws.asked
    assert json.loads(body)["variables"][0] == {"name": "BRANCH", "value": "feature/refunds"}
    assert line["execution"] == EXECUTION


def test_the_packaged_notifier_tells(run: Any, aws: Aws, recorded: Recorded) -> None:
    told = f"PUT /reports/notified/payments/{EXECUTION}/failed-1.json"
    aws.answers[told] = (200, b"")
    aws.answers["GetPipelineExecution"] = (200, json.dumps(recorded("get_pipeline_execution_delivery")).encode())
    listed = recorded("list_action_executions")
    aws.answers["ListActionExecutions"] = (200, json.dumps(listed).encode())
    aws.answers["GET /reports"] = (200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    aws.answers["POST /"] = (
        200,
        b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
    )
    result, (line,) = run("notifier", recorded("codepipeline_stage_failed"), REPORTS_BUCKET="reports")
    assert result["said"] == line["said"] == f"notified/payments/{EXECUTION}/failed-1.json: told"
    assert [name for name, _ in aws.asked].count(told) == 2  # begun, and done
    [sent] = [parse_qs(body.decode()) for name, body in aws.asked if name == "POST /"]
    assert sent["Action"] == ["Publish"]
    assert sent["TopicArn"] == ["arn:aws:sns:eu-central-1:123456789012:acme-payments-notifications"]
    assert sent["Subject"] == ["acme: payments FAILED in Verify"]
    assert COMMIT in sent["Message"][0]


def test_the_packaged_reviewer_comments(run: Any, aws: Aws, recorded: Recorded) -> None:
    """A build that failed before it left anything."""
    event = recorded("codebuild_build_ended")
    arn = event["detail"]["build-id"]
    build, first, second = arn.rpartition(":")[2], "1" * 40, "2" * 40
    one = {
        "id": arn.rpartition("/")[2],
        "projectName": "acme-infrastructure-plan",
        "buildStatus": "FAILED",
        "sourceVersion": first,
        "startTime": 1795402800.0,
        "environment": {"environmentVariables": [{"name": "PULL_REQUEST", "value": "17", "type": "PLAINTEXT"}]},
    }
    target = {"repositoryName": "infrastructure", "sourceCommit": first, "destinationCommit": second}
    pull = {"pullRequestId": "17", "pullRequestStatus": "OPEN", "pullRequestTargets": [target]}
    aws.answers["BatchGetBuilds"] = (200, json.dumps({"builds": [one]}).encode())
    aws.answers["GetPullRequest"] = (200, json.dumps({"pullRequest": pull}).encode())
    aws.answers["GetCommentsForPullRequest"] = (200, b"{}")
    aws.answers["PostCommentForPullRequest"] = (200, b"{}")
    result = f"GET /reports/plans/infrastructure/17/{first}/{build}/result.json"
    aws.answers[result] = (404, NO_SUCH_KEY)
    said, (line,) = run(
        "plan_review",
        event,
        REVIEW="infrastructure",
        PROJECT_NAME="acme-infrastructure-plan",
        REPOSITORY_NAME="infrastructure",
        REPORTS_BUCKET="reports",
        AUTHOR="arn:aws:sts::123456789012:assumed-role/acme-infrastructure-review/",
        CONSOLE="https://console.aws.amazon.com",
    )
    assert said == {"said": "posted"}
    assert [name for name, _ in aws.asked] == [
        "BatchGetBuilds", "GetPullRequest", result, "GetCommentsForPullRequest", "PostCommentForPullRequest"
    ]  # fmt: skip
    sent = json.loads(aws.asked[-1][1])
    assert sent["content"].startswith(
        f"**Plan review** `infrastructure`: commit {first}, build of 2026-11-23T03:00:00Z\n\n**Not reviewed in full"
    )
    assert (sent["beforeCommitId"], sent["afterCommitId"]) == (second, first)
    assert line["failed"] is True


def test_this_module_runs_every_function() -> None:
    """A function that is added gets a run of its package here."""
    assert FUNCTIONS == [
        "findings_importer", "image_sealer", "notifier", "pipeline_starter", "plan_review", "release_guard",
        "release_recorder",
    ]  # fmt: skip
