"""ecr_scan.py: what counts as a finished scan, how long it waits, and what the gate gets to see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DIGEST = "sha256:" + "a" * 64
BASIC = {"findings": [{"name": "CVE-2019-5188", "severity": "HIGH"}], "imageScanCompletedAt": "2026-11-22T10:00:00Z"}
CLEAN = {"findings": [], "imageScanCompletedAt": "2026-11-22T10:00:00Z"}
ENHANCED = {"enhancedFindings": [{"packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2022-49043"}}]}


def answer(status: str, findings: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """ECR's answer in the form that its API reference shows."""
    body: dict[str, Any] = {"imageId": {"imageDigest": DIGEST}, "imageScanStatus": {"status": status}, **more}
    if findings is not None:
        body["imageScanFindings"] = findings
    return json.loads(json.dumps(body))  # type: ignore[no-any-return]


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, 0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1


@pytest.fixture
def ecr(load: Callable[[str], Any]) -> Any:
    return load("ecr_scan")


@pytest.fixture
def wait(ecr: Any) -> Callable[..., tuple[Any, Clock]]:
    """Wait for a scan whose pages come from a list; the last one is repeated."""

    def run(*pages: Any, seconds: float = 60) -> tuple[Any, Clock]:
        def page(token: str) -> dict[str, Any]:
            item = next(left) if len(seen) < len(pages) - 1 else pages[-1]
            seen.append(token)
            if isinstance(item, Exception):
                raise item
            return json.loads(json.dumps(item))  # type: ignore[no-any-return]

        left: Iterator[Any] = iter(pages)
        seen: list[str] = []
        scan, clock = ecr.Scan(page), Clock()
        try:
            scan.wait(seconds, clock, clock.pause)
        except ecr.Failure as failure:
            scan.failure = str(failure)
        else:
            scan.failure = ""
        return scan, clock

    return run


def error(ecr: Any, code: str) -> Any:
    words = f"aws ecr describe-image-scan-findings exited with 254: An error occurred ({code}) when calling it"
    return ecr.Failure(words if code else "aws ecr describe-image-scan-findings: no answer within 60 seconds")


@pytest.mark.parametrize(
    ("status", "findings"),
    [("COMPLETE", BASIC), ("COMPLETE", CLEAN), ("COMPLETE", ENHANCED), ("ACTIVE", ENHANCED), ("ACTIVE", CLEAN)],
)
def test_a_finished_scan_is_taken_at_once(wait: Callable[..., Any], status: str, findings: dict[str, Any]) -> None:
    scan, clock = wait(answer(status, findings))
    assert scan.failure == ""
    assert clock.pauses == 0
    assert scan.answer["imageScanFindings"] == findings


@pytest.mark.parametrize("early", [answer("IN_PROGRESS"), answer("PENDING"), answer("ACTIVE", {}), answer("ACTIVE")])
def test_what_is_not_finished_is_waited_for(wait: Callable[..., Any], early: dict[str, Any]) -> None:
    scan, clock = wait(early, early, answer("COMPLETE", BASIC))
    assert scan.failure == ""
    assert clock.pauses == 2


@pytest.mark.parametrize("status", ["ACTIVE", "COMPLETE"])
def test_an_empty_list_without_a_completion_time_is_no_result(wait: Callable[..., Any], status: str) -> None:
    """https://github.com/aws/aws-sdk/issues/289 and https://github.com/aws/aws-cli/issues/6759 show both answers."""
    scan, clock = wait(answer(status, {"findings": []}), seconds=60)
    assert "no finished scan within 60 seconds" in scan.failure
    assert status in scan.failure
    assert clock.now <= 60


@pytest.mark.parametrize(
    "status",
    [
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_ARCHIVED",
        "IMAGE_SIZE_EXCEEDED",
    ],
)
def test_a_scan_that_ecr_gives_up_ends_at_once(wait: Callable[..., Any], status: str) -> None:
    scan, clock = wait(answer(status, CLEAN))
    assert f"ECR cannot scan this image: {status}" in scan.failure
    assert clock.pauses == 0
    assert scan.answer is not None


def test_an_unknown_status_is_an_error(wait: Callable[..., Any]) -> None:
    scan, clock = wait(answer("COMPLETED", CLEAN))
    assert "not known here: COMPLETED" in scan.failure
    assert clock.pauses == 0


@pytest.mark.parametrize("code", ["ScanNotFoundException", "ThrottlingException", "ServerException", ""])
def test_errors_that_pass_are_waited_out(wait: Callable[..., Any], ecr: Any, code: str) -> None:
    scan, clock = wait(error(ecr, code), error(ecr, code), answer("COMPLETE", BASIC))
    assert scan.failure == ""
    assert clock.pauses == 2


@pytest.mark.parametrize("code", ["ScanNotFoundException", "ThrottlingException"])
def test_errors_that_stay_end_at_the_deadline(wait: Callable[..., Any], ecr: Any, code: str) -> None:
    scan, clock = wait(error(ecr, code), seconds=30)
    assert "no finished scan within 30 seconds" in scan.failure
    assert code in scan.failure
    assert clock.now <= 30
    assert scan.answer is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "RepositoryNotFoundException", "ImageNotFoundException"])
def test_other_errors_end_at_once(wait: Callable[..., Any], ecr: Any, code: str) -> None:
    scan, clock = wait(error(ecr, code))
    assert code in scan.failure
    assert clock.pauses == 0


def test_all_pages_are_merged(ecr: Any) -> None:
    asked: list[str] = []

    def page(token: str) -> dict[str, Any]:
        asked.append(token)
        number = int(token or "1")
        following = {"nextToken": str(number + 1)} if number < 3 else {}
        return answer("COMPLETE", {"findings": [{"name": f"CVE-{number}"}]}, **following)

    whole = ecr.all_pages(page)

    assert [finding["name"] for finding in whole["imageScanFindings"]["findings"]] == ["CVE-1", "CVE-2", "CVE-3"]
    assert asked == ["", "2", "3"]
    assert "nextToken" not in whole


def test_findings_that_only_later_pages_have_are_not_lost(ecr: Any) -> None:
    pages = [answer("ACTIVE", nextToken="2"), answer("ACTIVE", ENHANCED)]
    whole = ecr.all_pages(lambda token: pages[1 if token else 0])
    assert whole["imageScanFindings"]["enhancedFindings"] == ENHANCED["enhancedFindings"]


def test_pages_without_an_end_are_an_error(wait: Callable[..., Any]) -> None:
    scan, _ = wait(answer("COMPLETE", BASIC, nextToken="again"))
    assert "do not end" in scan.failure


@pytest.fixture
def run(scripts: Path, stand_ins: Any, tmp_path: Path) -> Callable[..., Any]:
    """Run ecr_scan.py as the build does, its gate included."""

    def script(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PIPELINE": "payments",
            "EXECUTION": "0f8fad5b-d9cb-469f-a165-70867728950e",
            "ACTION": "Publish/ecr",
            "REPORTS_BUCKET": "reports",
            "FINDINGS_IMPORTER": "acme-findings-importer",
            "REGISTRY_NAME": "acme/payments",
            "IMAGE_DIGEST": DIGEST,
            "ECR_SCAN_TIMEOUT": "1",
            "SUMMARY_FILE": str(tmp_path / "summary"),
        }
        return subprocess.run(
            [sys.executable, str(scripts / "ecr_scan.py")],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return script


def expect_page(stand_ins: Any, *more: str, **result: Any) -> None:
    command = ("aws", "ecr", "describe-image-scan-findings", "--repository-name", "acme/payments")
    image = ("--image-id", f"imageDigest={DIGEST}", "--max-results", "1000", "--output", "json")
    stand_ins.expect(*command, *image, *more, **result)


def expect_gate(stand_ins: Any, verdict: str, report: Path | None) -> None:
    key = "s3://reports/reports/payments/0f8fad5b-d9cb-469f-a165-70867728950e/ecr-image/raw.json"
    # Also without a report: then an empty object, so that an earlier attempt's report is not judged in its place.
    stand_ins.expect("aws", "s3", "cp", "*", key, "--only-show-errors", keeps={2: report} if report else {})
    counts = dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0)
    says = {"schema": 1, "verdict": verdict, "counts": counts, "blocking": 0, "summary": "ecr image: clean"}
    body = json.dumps({**says, "reason": "because", "page": "reports/x/index.html"})
    stand_ins.answer_gate(body)


def test_the_gate_gets_all_pages_and_decides(run: Callable[..., Any], stand_ins: Any, tmp_path: Path) -> None:
    expect_page(stand_ins, stdout=json.dumps(answer("COMPLETE", BASIC, nextToken="two")))
    expect_page(stand_ins, "--next-token", "two", stdout=json.dumps(answer("COMPLETE", BASIC)))
    expect_gate(stand_ins, "pass", tmp_path / "raw.json")

    done = run()

    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "raw.json").read_text())["imageScanFindings"]["findings"]) == 2
    assert stand_ins.gate_request() == {
        "schema": 1,
        "kind": "report",
        "pipeline": "payments",
        "execution": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "action": "Publish/ecr",
        "scanner": "ecr",
        "scope": "image",
        "key": "reports/payments/0f8fad5b-d9cb-469f-a165-70867728950e/ecr-image/raw.json",
        "exit_code": 0,
    }
    assert (tmp_path / "summary").read_text() == "ecr image: clean\n"


def test_findings_fail_the_build(run: Callable[..., Any], stand_ins: Any, tmp_path: Path) -> None:
    expect_page(stand_ins, stdout=json.dumps(answer("COMPLETE", BASIC)))
    expect_gate(stand_ins, "findings", tmp_path / "raw.json")
    assert run().returncode == 1


def test_a_scan_that_failed_reaches_the_gate_as_an_error_with_the_raw_answer(
    run: Callable[..., Any], stand_ins: Any, tmp_path: Path
) -> None:
    expect_page(stand_ins, stdout=json.dumps(answer("UNSUPPORTED_IMAGE")))
    expect_gate(stand_ins, "tool-error", tmp_path / "raw.json")

    done = run()

    assert done.returncode == 1
    assert "UNSUPPORTED_IMAGE" in done.stderr
    assert stand_ins.gate_request()["exit_code"] == 1
    assert json.loads((tmp_path / "raw.json").read_text())["imageScanStatus"]["status"] == "UNSUPPORTED_IMAGE"


def test_without_a_scan_a_gate_that_says_pass_does_not_pass(run: Callable[..., Any], stand_ins: Any) -> None:
    words = "An error occurred (ScanNotFoundException) when calling the DescribeImageScanFindings operation: none"
    expect_page(stand_ins, code=254, stderr=words)
    expect_gate(stand_ins, "pass", None)

    done = run()

    assert done.returncode == 1
    assert "ScanNotFoundException" in done.stderr
    assert stand_ins.gate_request()["exit_code"] == 1


OTHER = json.dumps(answer("COMPLETE", CLEAN)).replace("a" * 64, "b" * 64)


@pytest.mark.parametrize("body", ["", "[]", "{", '"text"', OTHER, json.dumps({"imageId": {"imageDigest": DIGEST}})])
def test_an_answer_about_something_else_is_an_error(run: Callable[..., Any], stand_ins: Any, body: str) -> None:
    expect_page(stand_ins, stdout=body)
    expect_gate(stand_ins, "no-evidence", None)
    done = run()
    assert done.returncode == 1
    assert "is not about a scan of sha256:aaaa" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("IMAGE_DIGEST", "latest"), ("REGISTRY_NAME", "--help"), ("ECR_SCAN_TIMEOUT", "0"), ("ECR_SCAN_TIMEOUT", "1e9")],
)
def test_a_malformed_value_asks_nobody(run: Callable[..., Any], stand_ins: Any, name: str, value: str) -> None:
    expect_gate(stand_ins, "no-evidence", None)
    done = run(**{name: value})
    assert done.returncode == 1
    assert f"environment variable {name}" in done.stderr
    assert not [call for call in stand_ins.calls("aws") if call.arguments[0] == "ecr"]
