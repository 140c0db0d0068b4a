"""The importer's first version: refuses the malformed, misses the missing, judges nothing else, passes nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contract import SCOPES, Answer, Origin, Record, Verdict, raw_key
from findings.executions import PipelineExecutions
from findings.report_store import ReportStore
from findings.service import Importer, UnattributableError, UnjudgedEventError
from lambda_fakes import (
    COMMIT,
    EXECUTION,
    OTHER_COMMIT,
    Context,
    KnownExecutions,
    MemoryReports,
    model_errors,
    policy_bytes,
    sample_policy,
)

Recorded = Callable[[str], Any]
ALIAS = "payments_grype"
KEY = f"reports/payments/{EXECUTION}/grype-image/raw.json"


def importer(reports: MemoryReports, executions: Any = None) -> Importer:
    return Importer(sample_policy(), reports, executions or KnownExecutions())


# --- the service -----------------------------------------------------------------------------------------------------


def test_a_report_that_nobody_can_read_yet_is_a_tool_error(recorded: Recorded) -> None:
    reports, executions = MemoryReports({KEY: 12}), KnownExecutions()
    outcome = importer(reports, executions).judge(recorded("gate_report"), ALIAS)
    assert outcome.answer == Answer(Verdict.TOOL_ERROR, "grype image: tool-error", "no parser for grype yet")
    assert outcome.record == Record(
        answer=outcome.answer,
        pipeline="payments",
        execution=EXECUTION,
        scanner="grype",
        scope="image",
        exit_code=1,
        origin=Origin("payments", "main", COMMIT),
        policy_sha256=sample_policy().sha256,
    )
    assert reports.records == [outcome.record]
    assert executions.asked == [("acme-payments", EXECUTION)]


@pytest.mark.parametrize("sizes", [{}, {KEY: 0}, {KEY.replace("raw.json", "verdict.json"): 5}])
def test_a_report_that_is_not_there_is_no_evidence(recorded: Recorded, sizes: dict[str, int]) -> None:
    reports = MemoryReports(sizes)
    outcome = importer(reports).judge(recorded("gate_report") | {"exit_code": 0}, ALIAS)
    assert outcome.answer.verdict is Verdict.NO_EVIDENCE
    assert KEY in outcome.answer.reason
    assert [record.answer.verdict for record in reports.records] == [Verdict.NO_EVIDENCE]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"schema": 2}, "schema"),
        ({"key": KEY.replace("payments", "orders")}, "key"),
        (
            {"pipeline": "orders", "key": KEY.replace("payments", "orders")},
            "orders is not in this function's policy.json",
        ),
        (
            {"scanner": "snyk-container", "key": KEY.replace("grype-", "snyk-container-")},
            "no rule for snyk-container in payments",
        ),
    ],
)
def test_a_call_that_is_wrong_is_answered_and_leaves_nothing(
    recorded: Recorded, change: dict[str, object], word: str
) -> None:
    reports = MemoryReports({KEY: 12})
    outcome = importer(reports).judge(recorded("gate_report") | change, ALIAS)
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert word in outcome.answer.reason
    assert outcome.record is None
    assert reports.records == []


@pytest.mark.parametrize("alias", ["", "payments_ecr", "orders_grype", "payments", "payments_grype2", "grype_payments"])
def test_a_build_speaks_for_its_own_scanner_and_pipeline_alone(recorded: Recorded, alias: str) -> None:
    reports = MemoryReports({KEY: 12})
    outcome = importer(reports).judge(recorded("gate_report"), alias)
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "may not speak for grype of payments" in outcome.answer.reason
    assert reports.records == []


def test_an_execution_that_scans_nothing_known_is_answered_and_leaves_nothing(recorded: Recorded) -> None:
    class Unknown:
        def origin(self, pipeline: object, execution: str) -> Origin:
            raise UnattributableError(f"no execution {execution}")

    reports = MemoryReports({KEY: 12})
    outcome = importer(reports, Unknown()).judge(recorded("gate_report"), ALIAS)
    assert (outcome.answer.verdict, outcome.answer.reason) == (Verdict.TOOL_ERROR, f"no execution {EXECUTION}")
    assert reports.records == []


@pytest.mark.parametrize("name", ["ecr_image_scan", "inspector2_finding", "codecommit_reference_created"])
def test_an_event_is_not_lost(recorded: Recorded, name: str) -> None:
    with pytest.raises(UnjudgedEventError, match="cannot be judged yet"):
        importer(MemoryReports()).judge(recorded(name), ALIAS)


def test_a_record_that_cannot_be_written_fails_the_call(recorded: Recorded) -> None:
    class Full(MemoryReports):
        def write(self, record: Record) -> None:
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        importer(Full({KEY: 1})).judge(recorded("gate_report"), ALIAS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Calls that are right or almost right: random JSON alone never comes past the first check."""
    pipeline = draw(st.sampled_from(["payments", "payments-scan", "orders"]))
    scanner = draw(st.sampled_from(sorted(SCOPES)))
    scope = draw(st.sampled_from(sorted(SCOPES[scanner])))
    call: dict[str, Any] = {
        "schema": 1,
        "kind": "report",
        "pipeline": pipeline,
        "execution": EXECUTION,
        "action": "Verify/grype",
        "scanner": scanner,
        "scope": scope,
        "key": raw_key(pipeline, EXECUTION, scanner, scope),
        "exit_code": draw(st.integers(0, 255)),
    }
    for name, value in draw(st.dictionaries(st.sampled_from(sorted(call)), JSON, max_size=1)).items():
        call[name] = value
    return call | draw(st.dictionaries(st.sampled_from(["verdict", "counts", "blocking"]), JSON, max_size=1))


@settings(deadline=None, database=None)
@given(event=calls() | JSON, size=st.none() | st.integers(0, 10**12))
def test_nothing_passes(event: object, size: int | None) -> None:
    class AnySize(MemoryReports):
        def size(self, key: str) -> int | None:
            return size

    reports = AnySize()
    try:
        outcome = importer(reports).judge(event, ALIAS)
    except UnjudgedEventError:
        assert isinstance(event, Mapping)
        assert "detail-type" in event
        return
    assert outcome.answer.verdict in (Verdict.TOOL_ERROR, Verdict.NO_EVIDENCE)
    assert all(record.answer.verdict is not Verdict.PASS for record in reports.records)
    assert len(reports.records) == (0 if outcome.record is None else 1)


# --- S3 --------------------------------------------------------------------------------------------------------------


def stubbed(service: str) -> tuple[Any, Stubber]:
    client = boto3.client(service)
    return client, Stubber(client)


def test_size_asks_s3_for_this_object() -> None:
    client, stub = stubbed("s3")
    stub.add_response("head_object", {"ContentLength": 7}, {"Bucket": "reports", "Key": KEY})
    with stub:
        assert ReportStore(client, "reports").size(KEY) == 7
    stub.assert_no_pending_responses()


def test_only_s3s_404_means_that_there_is_no_report() -> None:
    client, stub = stubbed("s3")
    stub.add_client_error("head_object", "404", "Not Found", 404)
    for code, status in (("403", 403), ("503", 503), ("500", 500)):
        stub.add_client_error("head_object", code, "", status)
    with stub:
        store = ReportStore(client, "reports")
        assert store.size(KEY) is None
        for _ in range(3):
            with pytest.raises(ClientError):
                store.size(KEY)


def test_the_record_stands_beside_its_report(recorded: Recorded) -> None:
    client, stub = stubbed("s3")
    outcome = importer(MemoryReports({KEY: 1})).judge(recorded("gate_report"), ALIAS)
    assert outcome.record is not None
    expected: dict[str, Any] = {
        "Bucket": "reports",
        "Key": f"reports/payments/{EXECUTION}/grype-image/verdict.json",
        "Body": outcome.record.as_bytes(),
        "ContentType": "application/json; charset=utf-8",
    }
    stub.add_response("put_object", {}, expected)
    with stub:
        ReportStore(client, "reports").write(outcome.record)
    stub.assert_no_pending_responses()
    assert Record.parse(expected["Body"]) == outcome.record


# --- CodePipeline ----------------------------------------------------------------------------------------------------


def origin_of(pipeline: str, answer: Mapping[str, Any]) -> Origin:
    client, stub = stubbed("codepipeline")
    parameters = {"pipelineName": f"acme-{pipeline}", "pipelineExecutionId": EXECUTION}
    assert model_errors("codepipeline", "GetPipelineExecution", parameters) == []
    stub.add_response("get_pipeline_execution", dict(answer), parameters)
    with stub:
        return PipelineExecutions(client).origin(sample_policy().pipelines[pipeline], EXECUTION)


def test_a_delivery_runs_for_its_one_branch(recorded: Recorded) -> None:
    answer = recorded("get_pipeline_execution_delivery")
    assert origin_of("payments", answer) == Origin("payments", "main", COMMIT)


def test_a_scan_runs_for_the_branch_it_was_started_with(recorded: Recorded) -> None:
    answer = recorded("get_pipeline_execution_scan")
    assert origin_of("payments-scan", answer) == Origin("payments", "feature/refunds", COMMIT)


def variables(answer: Any, **values: str) -> None:
    answer["pipelineExecution"]["variables"] = [
        {"name": name, "resolvedValue": value} for name, value in values.items()
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"BRANCH": "none", "COMMIT": "none"}, "started by no commit"),
        ({"BRANCH": "main", "COMMIT": OTHER_COMMIT}, "another commit"),
        ({"BRANCH": "main"}, "another commit"),
        ({"COMMIT": COMMIT}, "which branch"),
        ({"BRANCH": "", "COMMIT": COMMIT}, "which branch"),
        ({"BRANCH": "a\nb", "COMMIT": COMMIT}, "which branch"),
    ],
)
def test_a_scan_whose_start_and_source_disagree_is_of_nothing(
    recorded: Recorded, values: dict[str, str], words: str
) -> None:
    answer = recorded("get_pipeline_execution_scan")
    variables(answer, **values)
    with pytest.raises(UnattributableError, match=words):
        origin_of("payments-scan", answer)


@pytest.mark.parametrize(
    "revisions",
    [
        [],
        [{"name": "Resolved", "revisionId": COMMIT}],
        [{"name": "Source"}],
        [{"name": "Source", "revisionId": "main"}],
        [{"name": "Source", "revisionId": COMMIT}, {"name": "Source", "revisionId": OTHER_COMMIT}],
    ],
)
def test_an_execution_without_one_source_commit_is_of_nothing(
    recorded: Recorded, revisions: list[dict[str, str]]
) -> None:
    answer = recorded("get_pipeline_execution_delivery")
    answer["pipelineExecution"]["artifactRevisions"] = revisions
    with pytest.raises(UnattributableError, match="no source revision"):
        origin_of("payments", answer)


def test_an_execution_of_another_pipeline_is_unknown_and_other_errors_fail_the_call() -> None:
    client, stub = stubbed("codepipeline")
    stub.add_client_error("get_pipeline_execution", "PipelineExecutionNotFoundException", "no", 400)
    stub.add_client_error("get_pipeline_execution", "PipelineNotFoundException", "no", 400)
    stub.add_client_error("get_pipeline_execution", "ThrottlingException", "slow down", 400)
    with stub:
        executions = PipelineExecutions(client)
        payments = sample_policy().pipelines["payments"]
        with pytest.raises(UnattributableError, match=f"acme-payments has no execution {EXECUTION}"):
            executions.origin(payments, EXECUTION)
        for code in ("PipelineNotFoundException", "ThrottlingException"):
            with pytest.raises(ClientError, match=code):
                executions.origin(payments, EXECUTION)


# --- the handler -----------------------------------------------------------------------------------------------------


@pytest.fixture
def module(load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    loaded = load_handler("findings_importer")
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    monkeypatch.setattr(loaded, "POLICY", tmp_path / "policy.json")
    monkeypatch.setenv("REPORTS_BUCKET", "reports")
    return loaded


def test_the_composition_root_builds_once(module: ModuleType) -> None:
    assert module.importer() is module.importer()
    assert module.importer().policy == sample_policy()
    assert module.importer().reports.bucket == "reports"


def test_without_a_policy_every_call_fails(module: ModuleType, recorded: Recorded) -> None:
    module.POLICY.unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            module.handler(recorded("gate_report"), Context())


def test_from_call_to_answer(
    module: ModuleType,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    s3, s3_stub = stubbed("s3")
    codepipeline, codepipeline_stub = stubbed("codepipeline")
    built = importer(MemoryReports())
    built = Importer(built.policy, ReportStore(s3, "reports"), PipelineExecutions(codepipeline))
    monkeypatch.setattr(module, "importer", lambda: built)
    codepipeline_stub.add_response("get_pipeline_execution", recorded("get_pipeline_execution_delivery"))
    s3_stub.add_response("head_object", {"ContentLength": 7})
    s3_stub.add_response("put_object", {}, {"Bucket": "reports", "Key": ANY, "Body": ANY, "ContentType": ANY})
    with s3_stub, codepipeline_stub:
        answer = module.handler(recorded("gate_report"), Context())
    s3_stub.assert_no_pending_responses()
    assert answer == {
        "schema": 1,
        "verdict": "tool-error",
        "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0, "informational": 0, "ungraded": 0, "waived": 0},
        "blocking": 0,
        "summary": "grype image: tool-error",
        "reason": "no parser for grype yet",
        "page": "",
    }
    assert type(answer["verdict"]) is str  # what the runtime's own JSON writer takes
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert logged.pop("milliseconds") >= 0
    assert logged == {
        "function": "findings-importer",
        "request": "request-1",
        "alias": ALIAS,
        "verdict": "tool-error",
        "reason": "no parser for grype yet",
        "execution": EXECUTION,
        "scope": "image",
    }


def test_a_failing_call_is_one_line_too(
    module: ModuleType, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnjudgedEventError):
        module.handler(recorded("ecr_image_scan"), Context())
    (line,) = io.StringIO(capsys.readouterr().out).readlines()
    assert json.loads(line)["error"] == "UnjudgedEventError: 'ECR Image Scan' from 'aws.ecr' cannot be judged yet"
