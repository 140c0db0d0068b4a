"""The call and the answer, as ARCHITECTURE and gate.py write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from common.contract import SCOPES, Answer, Counts, Origin, Record, ReportCall, Verdict, raw_key
from common.strict import MalformedError, clean, loads, shown
from lambda_fakes import COMMIT, EXECUTION

Recorded = Callable[[str], Any]


def test_the_contracts_own_example_is_read(recorded: Recorded) -> None:
    assert ReportCall.parse(recorded("gate_report")) == ReportCall(
        pipeline="payments",
        execution="3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c",
        action="Verify/grype",
        scanner="grype",
        scope="image",
        key="reports/payments/3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c/grype-image/raw.json",
        exit_code=1,
    )


def test_git_secrets_writes_lines(recorded: Recorded) -> None:
    call = recorded("gate_report") | {
        "action": "Build/git-secrets",
        "scanner": "git-secrets",
        "scope": "history",
        "key": "reports/payments/3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c/git-secrets-history/raw.txt",
    }
    assert ReportCall.parse(call).key.endswith("/git-secrets-history/raw.txt")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"schema": 2}, "schema"),
        ({"schema": True}, "schema"),
        ({"schema": 1.0}, "schema"),
        ({"schema": "1"}, "schema"),
        ({"kind": "event"}, "kind"),
        ({"pipeline": "Payments"}, "pipeline"),
        ({"pipeline": "pay/../ments"}, "pipeline"),
        ({"pipeline": "payments\n"}, "pipeline"),
        ({"execution": "latest"}, "execution"),
        ({"execution": EXECUTION.upper()}, "execution"),
        ({"execution": None}, "execution"),
        ({"action": "grype"}, "action"),
        ({"scanner": "nessus"}, "scanner"),
        ({"scanner": ["grype"]}, "scanner"),
        ({"scope": "source"}, "scope"),
        ({"key": f"reports/payments/{EXECUTION}/grype-image/verdict.json"}, "key"),
        ({"key": f"reports/payments/{EXECUTION}/grype-image/raw.txt"}, "key"),
        ({"key": f"reports/payments/{EXECUTION}/grype-dependencies/raw.json"}, "key"),
        ({"key": f"reports/orders/{EXECUTION}/grype-image/raw.json"}, "key"),
        ({"key": f"/reports/payments/{EXECUTION}/grype-image/raw.json"}, "key"),
        ({"key": f"reports/payments/{EXECUTION}/x/../grype-image/raw.json"}, "key"),
        ({"key": None}, "key"),
        ({"exit_code": "1"}, "exit_code"),
        ({"exit_code": True}, "exit_code"),
        ({"exit_code": -1}, "exit_code"),
        ({"exit_code": 256}, "exit_code"),
        ({"verdict": "pass"}, "verdict"),
    ],
)
def test_anything_else_is_refused_by_name(recorded: Recorded, change: dict[str, object], word: str) -> None:
    with pytest.raises(MalformedError, match=word):
        ReportCall.parse(recorded("gate_report") | change)


def test_every_key_is_needed(recorded: Recorded) -> None:
    for name in recorded("gate_report"):
        call = recorded("gate_report")
        del call[name]
        with pytest.raises(MalformedError, match=name):
            ReportCall.parse(call)


@pytest.mark.parametrize("document", [None, [], "text", 1, {}, [{"schema": 1}]])
def test_a_call_is_an_object(document: object) -> None:
    with pytest.raises(MalformedError):
        ReportCall.parse(document)


def test_no_two_scans_share_a_key() -> None:
    pairs = [(scanner, scope) for scanner, scopes in SCOPES.items() for scope in scopes]
    assert len({raw_key("p", EXECUTION, *pair) for pair in pairs}) == len(pairs) == 9


def test_the_answer_is_written_as_agreed() -> None:
    answer = Answer(
        Verdict.FINDINGS,
        summary="grype image: 1 critical, 2 high, 1 waived",
        reason="3 findings at or above high",
        counts=Counts(critical=1, high=2, waived=1),
        blocking=3,
        page=f"reports/payments/{EXECUTION}/grype-image/index.html",
    )
    assert json.loads(json.dumps(answer.as_json())) == {
        "schema": 1,
        "verdict": "findings",
        "counts": {"critical": 1, "high": 2, "medium": 0, "low": 0, "informational": 0, "ungraded": 0, "waived": 1},
        "blocking": 3,
        "summary": "grype image: 1 critical, 2 high, 1 waived",
        "reason": "3 findings at or above high",
        "page": f"reports/payments/{EXECUTION}/grype-image/index.html",
    }


@pytest.mark.parametrize(("verdict", "blocking"), [(Verdict.PASS, 1), (Verdict.FINDINGS, 0), (Verdict.PASS, -1)])
def test_a_verdict_cannot_contradict_its_numbers(verdict: Verdict, blocking: int) -> None:
    with pytest.raises(MalformedError):
        Answer(verdict, "s", "r", blocking=blocking)


def test_texts_are_short_printable_lines() -> None:
    answer = Answer(Verdict.TOOL_ERROR, summary="é\n" + "x" * 100, reason="\x1b[31m" + "y" * 2000)
    assert answer.summary == "??" + "x" * 75 + "..."
    assert answer.reason.startswith("?[31my")
    assert len(answer.reason) == 1000


def record(**change: Any) -> Record:
    values: dict[str, Any] = {
        "answer": Answer(Verdict.PASS, "grype image: nothing found", "no finding at or above high"),
        "pipeline": "payments",
        "execution": EXECUTION,
        "scanner": "grype",
        "scope": "image",
        "exit_code": 0,
        "origin": Origin("payments", "feature/é", COMMIT),
        "digest": f"sha256:{'1' * 64}",
        "report_sha256": "2" * 64,
        "policy_sha256": "0" * 64,
        "waived_until": "2026-12-31",
    }
    return Record(**(values | change))


def test_a_record_is_read_as_it_was_written() -> None:
    for one in (record(), record(digest="", report_sha256="", waived_until="")):
        assert Record.parse(one.as_bytes()) == one
    assert record().key == f"reports/payments/{EXECUTION}/grype-image/verdict.json"
    assert json.loads(record().as_bytes()) == {
        "schema": 1,
        "verdict": "pass",
        "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0, "informational": 0, "ungraded": 0, "waived": 0},
        "blocking": 0,
        "summary": "grype image: nothing found",
        "reason": "no finding at or above high",
        "page": "",
        "pipeline": "payments",
        "execution": EXECUTION,
        "scanner": "grype",
        "scope": "image",
        "exit_code": 0,
        "digest": f"sha256:{'1' * 64}",
        "report_sha256": "2" * 64,
        "policy_sha256": "0" * 64,
        "waived_until": "2026-12-31",
        "repository": "payments",
        "branch": "feature/é",
        "commit": COMMIT,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"verdict": "passed"},
        {"verdict": None},
        {"blocking": 1},
        {"counts": {"high": 0}},
        {"counts": None},
        {"commit": "main"},
        {"policy_sha256": ""},
        {"digest": "1" * 64},
        {"digest": None},
        {"report_sha256": "2" * 63},
        {"waived_until": "2026-12"},
        {"scope": "staging"},
        {"note": "one key more"},
    ],
)
def test_a_record_with_anything_odd_is_none(change: dict[str, object]) -> None:
    document = json.loads(record().as_bytes()) | change
    with pytest.raises(MalformedError):
        Record.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"verdict": "pass", "verdict": "findings"}', b"[NaN]", b"1" * 5000, b"null"],
)
def test_unreadable_bytes_are_one_error(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Record.parse(data)
    if data != b"null":
        with pytest.raises(MalformedError, match=r"^x: "):
            loads(data, "x")


def test_errors_show_little_of_a_value() -> None:
    assert shown("a" * 10_000) == "'" + "a" * 56 + "..."
    assert shown({"secret": 1}) == "an object"
    assert shown(["secret"]) == "a list"
    assert shown(10**5000) == "a number of many digits"
    assert shown("é\n") == r"'\xe9\n'"
    assert clean("tab\tüend", 5) == "ta..."
