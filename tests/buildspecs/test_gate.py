"""gate.py: only the verdict `pass`, in schema 1, from a function that did not fail, ends with 0."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
KEY = f"reports/payments/{EXECUTION}/grype-image/raw.json"
COUNTS = {"critical": 1, "high": 2, "medium": 0, "low": 0, "informational": 0, "ungraded": 0, "waived": 1}
ANSWER = {
    "schema": 1,
    "verdict": "pass",
    "counts": COUNTS,
    "blocking": 0,
    "summary": "grype image: 1 critical, 2 high, 1 waived",
    "reason": "report only",
    "page": f"reports/payments/{EXECUTION}/grype-image/index.html",
}
REQUEST = {
    "schema": 1,
    "kind": "report",
    "pipeline": "payments",
    "execution": EXECUTION,
    "action": "Verify/grype",
    "scanner": "grype",
    "scope": "image",
    "key": KEY,
    "exit_code": 1,
}
OK = '{"StatusCode": 200, "ExecutedVersion": "$LATEST"}'
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A raw report."""
    file = tmp_path / "raw.json"
    file.write_text('{"matches": []}')
    return file


@pytest.fixture
def gate(scripts: Path, stand_ins: Any, report: Path, tmp_path: Path) -> Run:
    """Run gate.py as a buildspec does."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path,
            "PIPELINE": "payments",
            "EXECUTION": EXECUTION,
            "ACTION": "Verify/grype",
            "REPORTS_BUCKET": "acme-reports",
            "FINDINGS_IMPORTER": "acme-findings-importer",
            "SUMMARY_FILE": str(tmp_path / "summary"),
        }
        return subprocess.run(
            [sys.executable, str(scripts / "gate.py"), *(arguments or ("grype", "image", str(report), "1"))],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def expect_upload(
    stand_ins: Any, report: Path, name: str = "raw.json", folder: str = "grype-image", **more: Any
) -> None:
    """The upload of the raw report."""
    target = f"s3://acme-reports/reports/payments/{EXECUTION}/{folder}/{name}"
    stand_ins.expect("aws", "s3", "cp", str(report), target, "--only-show-errors", **more)


def expect_invoke(stand_ins: Any, answer: object = None, stdout: str = OK, **more: Any) -> None:
    """The call of the importer, and what it answers; an answer that is text is taken as it is."""
    text = answer if isinstance(answer, str) else json.dumps(ANSWER if answer is None else answer)
    arguments = [
        "lambda", "invoke", "--function-name", "acme-findings-importer",
        "--cli-read-timeout", "0", "--payload", "*", "*",
    ]  # fmt: skip
    stand_ins.expect("aws", *arguments, stdout=stdout, writes={8: text} if text != "-" else {}, **more)


def test_pass_uploads_asks_and_leaves_the_summary(gate: Run, stand_ins: Any, report: Path, tmp_path: Path) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins)
    done = gate()
    assert (done.returncode, done.stderr) == (0, "")
    upload, invoke = stand_ins.calls("aws")
    assert upload.files[str(report)] == '{"matches": []}'
    assert json.loads(invoke.arguments[7]) == REQUEST
    assert invoke.environment["AWS_MAX_ATTEMPTS"] == "1"  # a repeated call would import the report twice
    assert (tmp_path / "summary").read_text() == "grype image: 1 critical, 2 high, 1 waived\n"


@pytest.mark.parametrize("verdict", ["findings", "tool-error", "no-evidence"])
def test_every_other_verdict_fails(gate: Run, stand_ins: Any, report: Path, verdict: str) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, {**ANSWER, "verdict": verdict, "reason": "3 findings at or above high"})
    done = gate()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == (
        f"error: gate: grype image: {verdict}: 3 findings at or above high; "
        f"see s3://acme-reports/reports/payments/{EXECUTION}/grype-image/index.html"
    )


@pytest.mark.parametrize("kind", ["missing", "empty", "directory"])
def test_without_a_report_an_empty_object_takes_the_place_of_an_earlier_attempts(
    gate: Run, stand_ins: Any, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "no-report"
    if kind == "empty":
        file.write_text("")
    elif kind == "directory":
        file.mkdir()
    stand_ins.expect("aws", "s3", "cp", "*", f"s3://acme-reports/{KEY}", "--only-show-errors")
    expect_invoke(stand_ins, {**ANSWER, "verdict": "no-evidence"})
    done = gate("grype", "image", str(file), "2")
    assert done.returncode == 1
    assert "there is no report; an empty one is uploaded" in done.stdout
    upload, invoke = stand_ins.calls("aws")
    assert upload.files[upload.arguments[2]] == ""
    request = json.loads(invoke.arguments[7])
    assert (request["exit_code"], request["key"]) == (2, KEY)


def test_an_empty_object_that_cannot_be_uploaded_fails(gate: Run, stand_ins: Any, tmp_path: Path) -> None:
    stand_ins.expect("aws", "s3", "cp", "*", f"s3://acme-reports/{KEY}", "--only-show-errors", code=1, stderr="denied")
    done = gate("grype", "image", str(tmp_path / "no-report"), "0")
    assert (done.returncode, done.stderr) == (1, "error: aws s3 cp exited with 1: denied\n")


def test_git_secrets_has_a_text_report(gate: Run, stand_ins: Any, report: Path) -> None:
    expect_upload(stand_ins, report, "raw.txt", "git-secrets-source")
    expect_invoke(stand_ins)
    assert gate("git-secrets", "source", str(report), "0").returncode == 0
    payload = json.loads(stand_ins.calls("aws")[1].arguments[7])
    assert payload["key"] == f"reports/payments/{EXECUTION}/git-secrets-source/raw.txt"


BAD_ANSWERS = {
    "not JSON": "Internal Server Error",
    "half JSON": json.dumps(ANSWER)[:-20],
    "empty": "",
    "no file": "-",
    "null": "null",
    "a list": [ANSWER],
    "schema 2": {**ANSWER, "schema": 2},
    "schema as text": {**ANSWER, "schema": "1"},
    "schema true": {**ANSWER, "schema": True},
    "unknown verdict": {**ANSWER, "verdict": "passed"},
    "verdict in capitals": {**ANSWER, "verdict": "PASS"},
    "verdict a list": {**ANSWER, "verdict": ["pass"]},
    "no counts": {key: value for key, value in ANSWER.items() if key != "counts"},
    "counts without high": {**ANSWER, "counts": {"critical": 0}},
    "a count as text": {**ANSWER, "counts": {**COUNTS, "high": "2"}},
    "no blocking": {key: value for key, value in ANSWER.items() if key != "blocking"},
    "no page": {key: value for key, value in ANSWER.items() if key != "page"},
    "no reason": {key: value for key, value in ANSWER.items() if key != "reason"},
    "summary a number": {**ANSWER, "summary": 3},
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_out_of_contract_fails(gate: Run, stand_ins: Any, report: Path, name: str) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, BAD_ANSWERS[name])
    done = gate()
    assert done.returncode == 1
    assert done.stderr.startswith("error: gate: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "stdout",
    [
        '{"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}',
        '{"StatusCode": 500}',
        '{"StatusCode": 20',
        "",
    ],
)
def test_a_function_that_failed_fails_although_the_cli_exits_with_0(
    gate: Run, stand_ins: Any, report: Path, stdout: str
) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, stdout=stdout)
    assert gate().returncode == 1


@pytest.mark.parametrize("code", [1, 254, 255])
def test_a_cli_that_fails_fails_the_gate_at_either_call(gate: Run, stand_ins: Any, report: Path, code: int) -> None:
    expect_upload(stand_ins, report, code=code, stderr="An error occurred (AccessDenied)")
    done = gate()
    assert done.returncode == 1
    assert done.stderr == f"error: aws s3 cp exited with {code}: An error occurred (AccessDenied)\n"
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, code=code, stderr="Unable to locate credentials")
    assert "aws lambda invoke exited with" in gate().stderr


def test_a_missing_cli_is_one_clear_line(gate: Run, stand_ins: Any, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = gate(PATH=str(tmp_path / "nothing"))
    assert (done.returncode, done.stderr) == (1, "error: aws cannot be run: No such file or directory\n")


def test_a_cli_that_hangs_is_ended(load: Callable[[str], Any], stand_ins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stand_ins.path)
    stand_ins.expect("aws", "lambda", "invoke", seconds=30)
    common = load("common")
    with pytest.raises(common.Failure, match=r"^aws lambda invoke: no answer within 1 seconds$"):
        common.aws("lambda", "invoke", timeout=1)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_no_memory_holds_is_not_read(load: Callable[[str], Any], stream: str) -> None:
    """A sparse output: as large as it says, and nowhere in memory."""
    common = load("common")
    command = ["truncate", "--size", str(common.OUTPUT_LIMIT + 1), f"/dev/{stream}"]
    with pytest.raises(common.Failure, match=r"^truncate printed 134217729 bytes; at most 134217728 are read$"):
        common.run(command, timeout=30)


def test_the_summary_becomes_one_line_of_ascii(gate: Run, stand_ins: Any, report: Path, tmp_path: Path) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, {**ANSWER, "summary": "grype\r\nimage:\x1b[31m 1 kritisch \u2014 " + "x" * 200})
    assert gate().returncode == 0
    text = (tmp_path / "summary").read_text(encoding="ascii")
    assert text == "grype image: [31m 1 kritisch " + "x" * 48 + "...\n"
    assert len(text) == 81


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EXECUTION", "../../other"),
        ("EXECUTION", "a b"),
        ("EXECUTION", ""),
        ("PIPELINE", "pay/ments"),
        ("PIPELINE", "payments\n"),
        ("REPORTS_BUCKET", ""),
        ("FINDINGS_IMPORTER", ""),
        ("ACTION", ""),
    ],
)
def test_odd_variables_are_refused_before_the_importer_is_asked(
    gate: Run, stand_ins: Any, report: Path, variable: str, value: str
) -> None:
    if variable in ("ACTION", "FINDINGS_IMPORTER"):
        expect_upload(stand_ins, report)
    done = gate(**{variable: value})
    assert done.returncode == 1
    assert f"environment variable {variable} is" in done.stderr


@pytest.mark.parametrize("arguments", [("grype",), ("grype", "image", "f", "-1"), ("../x", "image", "f", "0")])
def test_odd_arguments_are_refused(gate: Run, stand_ins: Any, arguments: tuple[str, ...]) -> None:
    assert gate(*arguments).returncode == 1


def test_a_full_disk_is_an_error(gate: Run, stand_ins: Any, report: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins)
    done = gate(SUMMARY_FILE="/dev/full")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_scripts_run_on_an_old_python(scripts: Path) -> None:
    """CodeBuild's and ZAP's images have Pythons that we do not choose; 3.9 is the oldest."""
    old = next(Path.home().glob(".pyenv/versions/3.9*/bin/python"), None) or shutil.which("python3.9")
    if old is None:
        pytest.skip("no Python 3.9 here")
    code = (
        "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); "
        "import grype, snyk, git_secrets, install"
    )
    done = subprocess.run(
        [str(old), "-c", code, str(scripts)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


BUSY = "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate Exceeded."


def test_an_importer_that_was_too_busy_to_run_is_asked_again(gate: Run, stand_ins: Any, report: Path) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, "-", stderr=BUSY, code=254)
    expect_invoke(stand_ins)
    done = gate()
    assert (done.returncode, done.stderr) == (0, "")
    assert "the findings importer is busy; again in 2 seconds" in done.stdout
    assert len(stand_ins.calls("aws")) == 3


@pytest.mark.parametrize("words", ["(ServiceException)", "Read timeout on endpoint", "(ResourceNotFoundException)"])
def test_an_importer_that_may_have_run_is_not_asked_again(gate: Run, stand_ins: Any, report: Path, words: str) -> None:
    expect_upload(stand_ins, report)
    expect_invoke(stand_ins, "-", stderr=f"An error occurred {words}", code=254)
    assert gate().returncode == 1
    assert len(stand_ins.calls("aws")) == 2
