"""The importer's edges: what it asks CodePipeline, S3 and ECR, and what it makes of their answers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from common.contract import Origin
from findings.executions import Execution, PipelineExecutions, UnattributableError
from findings.image_scans import ImageScans
from findings.parsers import ecr
from findings.projection import ConflictError
from findings.report_store import JSON, RAW_LIMIT, ReportStore, TooLargeError
from lambda_fakes import COMMIT, EXECUTION, OTHER_COMMIT, model_errors, sample_policy

Recorded = Callable[[str], Any]
KEY = f"reports/payments/{EXECUTION}/grype-image/raw.json"
DIGEST, OTHER_DIGEST = f"sha256:{'d' * 64}", f"sha256:{'e' * 64}"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def stubbed(service: str) -> tuple[Any, Stubber]:
    client = boto3.client(service)
    return client, Stubber(client)


# --- CodePipeline -------------------------------------------------------------------------------------------------------


def action(stage: str, name: str, at: datetime | None = NOON, **more: Any) -> dict[str, Any]:
    detail = {"pipelineExecutionId": EXECUTION, "stageName": stage, "actionName": name, "status": "Succeeded"}
    return detail | ({"startTime": at} if at else {}) | more


def seal(digest: str | None = DIGEST, at: datetime = NOON, status: str = "Succeeded") -> dict[str, Any]:
    variables = {} if digest is None else {"DIGEST": digest, "SHA256": "f" * 64}
    return action("Build", "seal", at, status=status, output={"outputVariables": variables})


SOURCE = action("Source", "Source")


def describe(pipeline: str, answer: Mapping[str, Any], *pages: list[dict[str, Any]]) -> Execution:
    client, stub = stubbed("codepipeline")
    name = f"acme-{pipeline}"
    asked: dict[str, Any] = {"pipelineName": name, "pipelineExecutionId": EXECUTION}
    assert model_errors("codepipeline", "GetPipelineExecution", asked) == []
    stub.add_response("get_pipeline_execution", dict(answer), asked)
    for number, page in enumerate(pages or ([SOURCE, seal()],)):
        asked = {"pipelineName": name, "filter": {"pipelineExecutionId": EXECUTION}}
        if number:
            asked["nextToken"] = str(number)
        assert model_errors("codepipeline", "ListActionExecutions", asked) == []
        more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
        stub.add_response("list_action_executions", {"actionExecutionDetails": page} | more, asked)
    with stub:
        return PipelineExecutions(client).describe(sample_policy().pipelines[pipeline], EXECUTION)


def test_a_delivery_runs_for_its_one_branch(recorded: Recorded) -> None:
    execution = describe("payments", recorded("get_pipeline_execution_delivery"))
    assert execution == Execution(Origin("payments", "main", COMMIT), NOON, DIGEST)


def test_a_scan_runs_for_the_branch_it_was_started_with(recorded: Recorded) -> None:
    execution = describe("payments-scan", recorded("get_pipeline_execution_scan"), [SOURCE])
    assert execution == Execution(Origin("payments", "feature/refunds", COMMIT), NOON, "")


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
    answer["pipelineExecution"]["variables"] = [
        {"name": name, "resolvedValue": value} for name, value in values.items()
    ]
    with pytest.raises(UnattributableError, match=words):
        describe("payments-scan", answer)


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
        describe("payments", answer)


def test_an_execution_of_another_pipeline_is_unknown_and_other_errors_fail_the_call() -> None:
    client, stub = stubbed("codepipeline")
    for code in ("PipelineExecutionNotFoundException", "PipelineNotFoundException", "ThrottlingException"):
        stub.add_client_error("get_pipeline_execution", code, "no", 400)
    with stub:
        executions = PipelineExecutions(client)
        payments = sample_policy().pipelines["payments"]
        with pytest.raises(UnattributableError, match=f"acme-payments has no execution {EXECUTION}"):
            executions.describe(payments, EXECUTION)
        for code in ("PipelineNotFoundException", "ThrottlingException"):
            with pytest.raises(ClientError, match=code):
                executions.describe(payments, EXECUTION)


@pytest.mark.parametrize("actions", [[], [seal()], [action("Source", "Source", None)], [action("Source", "other")]])
def test_an_execution_that_has_not_begun_has_no_place_in_the_order_of_scans(
    recorded: Recorded, actions: list[dict[str, Any]]
) -> None:
    with pytest.raises(UnattributableError, match="no source action that began"):
        describe("payments", recorded("get_pipeline_execution_delivery"), actions)


def test_an_execution_began_with_its_first_source_action_whatever_is_retried(recorded: Recorded) -> None:
    pages = [[action("Source", "Source", NOON + timedelta(hours=3))], [SOURCE], [seal()]]
    execution = describe("payments", recorded("get_pipeline_execution_delivery"), *pages)
    assert (execution.started, execution.digest) == (NOON, DIGEST)


@pytest.mark.parametrize(
    ("seals", "digest"),
    [
        ([], ""),
        ([seal(None)], ""),
        ([seal("sha256:abc")], ""),
        ([seal(status="Failed")], ""),
        ([seal(status="InProgress")], ""),
        ([seal(at=NOON + timedelta(hours=1)), seal(OTHER_DIGEST)], DIGEST),
        ([seal(OTHER_DIGEST), seal(at=NOON + timedelta(hours=1))], DIGEST),
        ([seal(OTHER_DIGEST), seal(at=NOON + timedelta(hours=1), status="Failed")], ""),
        ([action("Build", "image", output={"outputVariables": {"DIGEST": OTHER_DIGEST}}), seal()], DIGEST),
        ([action("Verify", "seal", output={"outputVariables": {"DIGEST": OTHER_DIGEST}})], ""),
    ],
)
def test_the_image_is_what_the_last_seal_let_through(
    recorded: Recorded, seals: list[dict[str, Any]], digest: str
) -> None:
    assert describe("payments", recorded("get_pipeline_execution_delivery"), [SOURCE, *seals]).digest == digest


# --- S3 -----------------------------------------------------------------------------------------------------------------


def body(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


def store(add: Callable[[Stubber], None]) -> ReportStore:
    client, stub = stubbed("s3")
    add(stub)
    stub.activate()
    return ReportStore(client, "reports")


def found(content: bytes) -> ReportStore:
    answer = {"Body": body(content), "ContentLength": len(content), "ETag": '"7"'}
    return store(lambda stub: stub.add_response("get_object", answer, {"Bucket": "reports", "Key": KEY}))


def missing(code: str, status: int = 404) -> ReportStore:
    return store(lambda stub: stub.add_client_error("get_object", code, "", status))


def test_a_report_is_read_whole() -> None:
    assert found(b"{}").raw(KEY) == b"{}"


def test_an_empty_report_is_none() -> None:
    assert found(b"").raw(KEY) is None
    assert missing("NoSuchKey").raw(KEY) is None


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("SlowDown", 503), ("NoSuchBucket", 404)])
def test_only_no_such_key_means_that_there_is_none(code: str, status: int) -> None:
    for ask in (ReportStore.raw, ReportStore.load):
        with pytest.raises(ClientError, match=code):
            ask(missing(code, status), KEY)


@pytest.mark.parametrize(("size", "read"), [(RAW_LIMIT, True), (RAW_LIMIT + 1, False)])
def test_a_report_that_memory_would_not_hold_is_not_read(size: int, read: bool) -> None:
    answer = {"Body": body(b"{}"), "ContentLength": size}
    reports = store(lambda stub: stub.add_response("get_object", answer))
    if read:
        assert reports.raw(KEY) == b"{}"
    else:
        with pytest.raises(TooLargeError, match=f"{size} bytes; at most 64 MiB"):
            reports.raw(KEY)


def put(expected: dict[str, Any], code: str = "") -> ReportStore:
    def add(stub: Stubber) -> None:
        if code:
            stub.add_client_error("put_object", code, "", 412, expected_params=expected)
        else:
            stub.add_response("put_object", {"ETag": '"8"'}, expected)

    assert model_errors("s3", "PutObject", expected) == []
    return store(add)


def test_what_is_written_says_what_it_is() -> None:
    put({"Bucket": "reports", "Key": KEY, "Body": b"x", "ContentType": JSON}).write(KEY, b"x", JSON)


INVENTORY: dict[str, Any] = {"Bucket": "reports", "Key": "inventory/x", "Body": b"i", "ContentType": "application/gzip"}


def test_an_inventory_is_written_only_if_nobody_else_has() -> None:
    assert put(INVENTORY | {"IfNoneMatch": "*"}).save("inventory/x", b"i", None) == '"8"'
    assert put(INVENTORY | {"IfMatch": '"7"'}).save("inventory/x", b"i", '"7"') == '"8"'


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_the_loser_is_told(code: str) -> None:
    with pytest.raises(ConflictError, match="written by another call"):
        put(INVENTORY | {"IfMatch": '"7"'}, code).save("inventory/x", b"i", '"7"')


def test_other_failures_to_write_are_no_conflict() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        put(INVENTORY | {"IfMatch": '"7"'}, "AccessDenied").save("inventory/x", b"i", '"7"')


def test_an_inventory_comes_with_its_etag() -> None:
    assert found(b"gz").load(KEY) == (b"gz", '"7"')
    assert missing("NoSuchKey").load(KEY) == (None, None)


def test_a_listing_is_read_to_its_end() -> None:
    def add(stub: Stubber) -> None:
        asked: dict[str, Any] = {"Bucket": "reports", "Prefix": "inventory/a/"}
        page = {"Contents": [{"Key": "inventory/a/1"}], "IsTruncated": True, "NextContinuationToken": "t"}
        stub.add_response("list_objects_v2", page, asked)
        stub.add_response(
            "list_objects_v2", {"IsTruncated": True, "NextContinuationToken": "u"}, asked | {"ContinuationToken": "t"}
        )
        stub.add_response(
            "list_objects_v2",
            {"Contents": [{"Key": "inventory/a/2"}], "IsTruncated": False},
            asked | {"ContinuationToken": "u"},
        )

    assert store(add).keys("inventory/a/") == ["inventory/a/1", "inventory/a/2"]


# --- ECR ----------------------------------------------------------------------------------------------------------------


def test_a_rescan_is_read_in_the_form_that_a_build_stores() -> None:
    client, stub = stubbed("ecr")
    asked: dict[str, Any] = {"repositoryName": "acme/payments", "imageId": {"imageDigest": DIGEST}}
    assert model_errors("ecr", "DescribeImageScanFindings", asked) == []

    def page(name: str, severity: str) -> dict[str, Any]:
        return {
            "imageId": {"imageDigest": DIGEST},
            "imageScanStatus": {"status": "COMPLETE"},
            "imageScanFindings": {
                "imageScanCompletedAt": NOON,
                "findingSeverityCounts": {"HIGH": 1, "LOW": 1},
                "findings": [{"name": name, "severity": severity}],
            },
        }

    stub.add_response("describe_image_scan_findings", page("CVE-2024-1", "HIGH") | {"nextToken": "t"}, asked)
    stub.add_response("describe_image_scan_findings", page("CVE-2024-2", "LOW"), asked | {"nextToken": "t"})
    with stub:
        raw = ImageScans(client).report("acme/payments", DIGEST)
    assert "nextToken" not in json.loads(raw)
    result = ecr.parse(raw)
    assert [(one.rule, one.original) for one in result.findings] == [("CVE-2024-1", "HIGH"), ("CVE-2024-2", "LOW")]
    assert (result.digest, result.errors, result.nothing) == (DIGEST, (), "")
