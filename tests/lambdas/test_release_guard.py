"""The release guard's first version: it always fails its job, and says what is missing."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.contract import Answer, Origin, Record, Verdict
from common.policy import Scan
from common.strict import MalformedError
from guard.service import Guard, GuardCall
from guard.verdict_store import RECORD_LIMIT, VerdictStore
from lambda_fakes import (
    COMMIT,
    EXECUTION,
    OTHER_COMMIT,
    OTHER_EXECUTION,
    Context,
    MemoryRecords,
    model_errors,
    policy_bytes,
    sample_policy,
)

Recorded = Callable[[str], Any]
DIGEST = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12345678"
CALL = {"schema": 1, "pipeline": "payments", "gate": "Publish", "execution": EXECUTION, "commit": COMMIT}
PARAMETERS = json.dumps(CALL | {"digest": DIGEST})
SECRETS, GRYPE = Scan("git-secrets", "source"), Scan("grype", "image")


def passed(scan: Scan, **change: Any) -> Record:
    record = Record(
        answer=Answer(Verdict.PASS, f"{scan}: nothing found", "no finding at or above high"),
        pipeline="payments",
        execution=EXECUTION,
        scanner=scan.scanner,
        scope=scan.scope,
        exit_code=0,
        origin=Origin("payments", "main", COMMIT),
        policy_sha256=sample_policy().sha256,
    )
    return replace(record, **change)


def guard(*records: Record) -> Guard:
    return Guard(sample_policy(), MemoryRecords({record.key: record.as_bytes() for record in records}))


# --- the service -----------------------------------------------------------------------------------------------------


def test_it_names_every_missing_verdict() -> None:
    assert guard().refuse(PARAMETERS) == (
        "Publish refused, not recorded as pass: git-secrets source: no verdict; grype image: no verdict. "
        "Besides, this version of the release guard does not judge yet and refuses every release."
    )


def test_each_gate_has_its_own_list() -> None:
    message = guard(passed(SECRETS), passed(GRYPE)).refuse(json.dumps(json.loads(PARAMETERS) | {"gate": "Production"}))
    assert "ecr image: no verdict; zap staging: no verdict." in message
    assert "grype" not in message


def test_all_recorded_is_refused_all_the_same() -> None:
    assert guard(passed(SECRETS), passed(GRYPE)).refuse(PARAMETERS) == (
        "Publish refused: all 2 required verdicts are recorded as pass, but this version of the release guard does not "
        "judge yet and refuses every release."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer": Answer(Verdict.FINDINGS, "s", "3 at or above high", blocking=3)}, "findings (3 at or above high)"),
        (
            {"answer": Answer(Verdict.TOOL_ERROR, "s", "no parser for grype yet")},
            "tool-error (no parser for grype yet)",
        ),
        ({"answer": Answer(Verdict.NO_EVIDENCE, "s", "empty")}, "no-evidence (empty)"),
        ({"execution": OTHER_EXECUTION}, "record of another execution"),
        ({"pipeline": "orders"}, "record of another execution"),
        ({"scanner": "snyk-container"}, "record of another scan"),
        ({"scope": "dependencies"}, "record of another scan"),
        ({"origin": Origin("payments", "main", OTHER_COMMIT)}, f"record of another commit ({OTHER_COMMIT})"),
    ],
)
def test_only_a_pass_of_this_very_scan_counts(change: dict[str, Any], words: str) -> None:
    files = {passed(GRYPE).key: passed(GRYPE, **change).as_bytes(), passed(SECRETS).key: passed(SECRETS).as_bytes()}
    message = Guard(sample_policy(), MemoryRecords(files)).refuse(PARAMETERS)
    assert message.startswith(f"Publish refused, not recorded as pass: grype image: {words}.")


@pytest.mark.parametrize("data", [b"", b"{}", b"pass", b'{"verdict": "pass"}', passed(GRYPE).as_bytes()[:-10]])
def test_a_record_that_cannot_be_read_is_a_no(data: bytes) -> None:
    files = {passed(GRYPE).key: data, passed(SECRETS).key: passed(SECRETS).as_bytes()}
    assert "grype image: unreadable record (" in Guard(sample_policy(), MemoryRecords(files)).refuse(PARAMETERS)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"pipeline": "orders"},
        {"pipeline": "payments-scan"},
        {"gate": "Staging"},
        {"execution": "#{codepipeline.PipelineExecutionId}"},
        {"commit": "main"},
        {"digest": ""},
        {"digest": "7f5b"},
        {"force": True},
    ],
)
def test_other_parameters_are_an_error(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        guard().refuse(json.dumps(CALL | {"digest": DIGEST} | change))


@pytest.mark.parametrize("text", [None, "", "{", "[]", PARAMETERS[:-1], CALL])
def test_parameters_are_a_json_object_in_a_string(text: object) -> None:
    with pytest.raises(MalformedError):
        GuardCall.parse(text)


# --- S3 --------------------------------------------------------------------------------------------------------------


def test_records_come_from_the_reports_bucket() -> None:
    client = boto3.client("s3")
    body = b"x" * (RECORD_LIMIT + 1)
    with Stubber(client) as stub:
        stub.add_response(
            "get_object",
            {"Body": StreamingBody(io.BytesIO(body), len(body))},
            {"Bucket": "reports", "Key": passed(GRYPE).key},
        )
        stub.add_client_error("get_object", "NoSuchKey", "no", 404)
        for code in ("AccessDenied", "NoSuchBucket", "SlowDown"):
            stub.add_client_error("get_object", code)
        store = VerdictStore(client, "reports")
        assert store.read(passed(GRYPE).key) == body[:-1]
        assert store.read(passed(GRYPE).key) is None
        for code in ("AccessDenied", "NoSuchBucket", "SlowDown"):
            with pytest.raises(ClientError, match=code):
                store.read(passed(GRYPE).key)


# --- the handler -----------------------------------------------------------------------------------------------------


class Jobs:
    """CodePipeline's jobs. Reporting success is not among what it can do: that would be an AttributeError."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []

    def put_job_failure_result(self, **parameters: Any) -> None:
        assert model_errors("codepipeline", "PutJobFailureResult", parameters) == []
        self.results.append(parameters)


@pytest.fixture
def module(load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    loaded = load_handler("release_guard")
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    monkeypatch.setattr(loaded, "POLICY", tmp_path / "policy.json")
    monkeypatch.setenv("REPORTS_BUCKET", "reports")
    jobs = Jobs()
    monkeypatch.setattr(loaded, "jobs", lambda: jobs)
    monkeypatch.setattr(loaded, "guard", guard)
    return loaded


def test_the_job_fails_with_the_sentence(
    module: ModuleType, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    assert module.handler(recorded("codepipeline_job"), Context()) is None
    assert module.jobs().results == [
        {
            "jobId": "11111111-abcd-1111-abcd-111111abcdef",
            "failureDetails": {"type": "JobFailed", "message": guard().refuse(PARAMETERS)},
        }
    ]
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["result"] == "JobFailed"
    assert "artifact-credential" not in line  # the event's credentials


def test_the_job_fails_also_when_all_is_there(
    module: ModuleType, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "guard", lambda: guard(passed(SECRETS), passed(GRYPE)))
    module.handler(recorded("codepipeline_job"), Context())
    (result,) = module.jobs().results
    assert "does not judge yet" in result["failureDetails"]["message"]


@pytest.mark.parametrize("message", ["", "x" * 6000, "ü" * 6000, "line\nline"])
def test_an_exception_fails_the_job_within_the_apis_limits(
    module: ModuleType, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    def broken() -> Guard:
        raise RuntimeError(message)

    monkeypatch.setattr(module, "guard", broken)
    module.handler(recorded("codepipeline_job"), Context())
    (result,) = module.jobs().results
    assert result["failureDetails"]["message"].startswith("The release guard could not look: RuntimeError")


def test_a_missing_policy_fails_the_job(
    module: ModuleType, recorded: Recorded, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = load_handler("release_guard")  # with its own composition root, and no policy.json beside it
    monkeypatch.setattr(fresh, "jobs", module.jobs)
    fresh.handler(recorded("codepipeline_job"), Context())
    (result,) = module.jobs().results
    assert "FileNotFoundError" in result["failureDetails"]["message"]


def test_a_failure_that_cannot_be_reported_raises(
    module: ModuleType, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("codepipeline")
    monkeypatch.setattr(module, "jobs", lambda: client)
    with Stubber(client) as stub:
        stub.add_client_error("put_job_failure_result", "InvalidJobStateException", "already done", 400)
        with pytest.raises(ClientError, match="InvalidJobStateException"):
            module.handler(recorded("codepipeline_job"), Context())
    assert "InvalidJobStateException" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("event", [{}, {"CodePipeline.job": {}}])
def test_an_event_without_a_job_raises(module: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        module.handler(event, Context())
    assert module.jobs().results == []


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=st.none() | st.text() | st.integers() | st.sampled_from([PARAMETERS, PARAMETERS + " "]))
def test_any_parameters_end_in_one_failure(module: ModuleType, recorded: Recorded, parameters: object) -> None:
    event = recorded("codepipeline_job")
    event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = parameters
    module.jobs().results.clear()
    module.handler(event, Context())
    assert len(module.jobs().results) == 1


def test_no_code_of_the_guard_can_report_success() -> None:
    root = Path(__file__).parents[2] / "lambdas"
    sources = [*(root / "release_guard").rglob("*.py"), *(root / "common").rglob("*.py")]
    names = {
        name
        for source in sources
        for node in ast.walk(ast.parse(source.read_bytes()))
        for name in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None))
        if isinstance(name, str)
    }
    assert "put_job_failure_result" in names  # the walk sees what it should see
    assert not [name for name in names if "success_result" in name.lower()]


def test_the_limit_is_the_models(module: ModuleType) -> None:
    model = botocore.session.get_session().get_service_model("codepipeline")
    assert model.shape_for("Message").metadata["max"] == module.MESSAGE_LIMIT
