"""The call and the answer, as ARCHITECTURE and gate.py write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from common import contract
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


# --- the tables and forms, as docs and gate.py have them ---------------------------------------------------------------


def test_each_scanner_looks_at_its_own_parts_of_a_release() -> None:
    assert {
        "git-secrets": {"source", "history"},
        "snyk": {"dependencies"},
        "snyk-code": {"code"},
        "snyk-container": {"image"},
        "grype": {"dependencies", "image"},
        "ecr": {"image"},
        "zap": {"staging"},
    } == SCOPES
    assert {"semgrep", "inspector", "gitleaks", "sarif"} == contract.READ_ONLY_SCANNERS
    assert {"image", "staging"} == contract.IMAGE_SCOPES
    assert {"git-secrets"} == contract.TEXT_REPORTS
    with pytest.raises(TypeError):
        SCOPES["nessus"] = frozenset({"image"})  # type: ignore[index]


HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (contract.PIPELINE, ["a", "z9-z", "a" * 40], ["", "9a", "-a", "a" * 41, "A", "aB", "a_b", "a.b"]),
        (
            contract.EXECUTION,
            [EXECUTION],
            [EXECUTION.upper(), EXECUTION[:-1], f"{EXECUTION}0", EXECUTION.replace("-", "")],
        ),
        (
            contract.ACTION,
            ["a/b", "Az09.@_-/Az09.@_-", f"{'a' * 100}/{'b' * 100}"],
            ["a", "/a", "a/", "a/b/c", "a b/c", f"{'a' * 101}/b", f"a/{'b' * 101}"],
        ),
        (contract.COMMIT, [(HEX * 3)[:40]], ["a" * 39, "a" * 41, "A" * 40, "g" * 40]),
        (contract.SHA256, [HEX * 4], ["a" * 63, "a" * 65, "A" * 64, "g" * 64]),
        (
            contract.DIGEST,
            [f"sha256:{HEX * 4}"],
            [HEX * 4, f"sha256:{'a' * 63}", f"sha256:{'a' * 65}", f"sha512:{HEX * 4}"],
        ),
        (contract.LINE, ["a", " ", "\u00e9\u2028", "a" * 1000], ["", "a" * 1001, "a\nb", "\x00", "\x1f", "\x7f"]),
        (contract.PRINTABLE, ["", " ~", "a" * 5000], ["\x1f", "\x7f", "\u00e9", "a\n"]),
        (contract.DAY, ["2026-11-22"], ["2026-1-22", "20261122", "2026-11-22T", "\u0662026-11-22"]),
    ],
)
def test_forms_have_edges(pattern: re.Pattern[str], right: list[str], wrong: list[str]) -> None:
    assert [one for one in right if not pattern.fullmatch(one)] == []
    assert [one for one in wrong if pattern.fullmatch(one)] == []


@pytest.mark.parametrize("value", [ReportCall, Counts, Answer, Origin, Record])
def test_what_was_checked_cannot_be_changed(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]


# --- what is said to whoever has it wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right, not 2"),
        ({"schema": 0}, "schema: a whole number from 1 to 1 is right, not 0"),
        ({"kind": "event"}, "kind: one of report is right, not 'event'"),
        ({"pipeline": "P"}, "pipeline: a pipeline's name in pipelines.yaml is right, not 'P'"),
        ({"execution": "latest"}, "execution: a pipeline execution's id is right, not 'latest'"),
        ({"action": "grype"}, "action: <stage>/<action> is right, not 'grype'"),
        (
            {"scanner": "nessus"},
            "scanner: one of ecr, git-secrets, grype, snyk, snyk-code, snyk-container, zap is right, not 'nessus'",
        ),
        ({"scope": "source"}, "scope: one of dependencies, image is right, not 'source'"),
        ({"key": "x"}, f"key: reports/payments/{EXECUTION}/grype-image/raw.json is right, not 'x'"),
        ({"exit_code": 256}, "exit_code: a whole number from 0 to 255 is right, not 256"),
        (
            {"verdict": "pass"},
            "call: unknown key 'verdict'; right are schema, kind, pipeline, execution, action, scanner, scope, key, exit_code",
        ),
    ],
)
def test_a_call_that_is_refused_is_told_what_would_be_right(
    recorded: Recorded, change: dict[str, object], message: str
) -> None:
    with pytest.raises(MalformedError) as refused:
        ReportCall.parse(recorded("gate_report") | change)
    assert str(refused.value) == message


@pytest.mark.parametrize("exit_code", [0, 255])
def test_every_exit_code_of_a_process_is_one(recorded: Recorded, exit_code: int) -> None:
    assert ReportCall.parse(recorded("gate_report") | {"exit_code": exit_code}).exit_code == exit_code


COUNTS = dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0)
ANSWER_KEYS = "schema, verdict, summary, reason, counts, blocking, page"
ANSWER: dict[str, object] = {
    "schema": 1, "verdict": "findings", "summary": "s", "reason": "r", "counts": COUNTS | {"high": 2}, "blocking": 2,
    "page": "p",
}  # fmt: skip


def test_an_answer_is_read_as_it_was_written() -> None:
    assert Answer.parse(ANSWER) == Answer(Verdict.FINDINGS, "s", "r", Counts(high=2), 2, "p")
    assert Answer.parse(ANSWER).as_json() == ANSWER
    most = 10**9
    assert Answer.parse(ANSWER | {"blocking": most, "counts": COUNTS | {"low": most}}).counts.low == most


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right, not 2"),
        ({"schema": 0}, "schema: a whole number from 1 to 1 is right, not 0"),
        ({"verdict": "ok"}, "verdict: one of findings, no-evidence, pass, tool-error is right, not 'ok'"),
        ({"summary": "\n"}, r"summary: printable text is right, not '\n'"),
        ({"reason": "\n"}, r"reason: printable text is right, not '\n'"),
        ({"page": "\n"}, r"page: the key of a page is right, not '\n'"),
        ({"blocking": -1}, "blocking: a whole number from 0 to 1000000000 is right, not -1"),
        ({"blocking": 10**9 + 1}, "blocking: a whole number from 0 to 1000000000 is right, not 1000000001"),
        ({"counts": COUNTS | {"low": -1}}, "counts.low: a whole number from 0 to 1000000000 is right, not -1"),
        ({"counts": {}}, "counts: the key critical is missing"),
        ({"note": 1}, f"answer: unknown key 'note'; right are {ANSWER_KEYS}"),
        ({"verdict": "pass"}, "a pass has no blocking findings, this one has 2"),
        ({"blocking": 0}, "the verdict findings needs at least one blocking finding"),
    ],
)
def test_an_answer_that_is_refused_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(MalformedError) as refused:
        Answer.parse(ANSWER | change)
    assert str(refused.value) == message


def test_one_blocking_finding_is_enough_and_texts_may_fill_their_limits() -> None:
    answer = Answer(Verdict.FINDINGS, "s" * 80, "r" * 1000, blocking=1)
    assert (answer.blocking, answer.summary, answer.reason) == (1, "s" * 80, "r" * 1000)
    assert Answer(Verdict.TOOL_ERROR, "s", "r", blocking=1).counts == Counts()
    assert Answer(Verdict.NO_EVIDENCE, "s", "r").page == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pipeline": "P"}, "pipeline: a pipeline's name in pipelines.yaml is right, not 'P'"),
        ({"execution": "latest"}, "execution: a pipeline execution's id is right, not 'latest'"),
        (
            {"scanner": "semgrep"},
            "scanner: one of ecr, git-secrets, grype, snyk, snyk-code, snyk-container, zap is right, not 'semgrep'",
        ),
        ({"scope": "source"}, "scope: one of dependencies, image is right, not 'source'"),
        ({"exit_code": -1}, "exit_code: a whole number from 0 to 255 is right, not -1"),
        ({"exit_code": 256}, "exit_code: a whole number from 0 to 255 is right, not 256"),
        ({"repository": ""}, "repository: a repository's name is right, not ''"),
        ({"branch": ""}, "branch: a branch's name is right, not ''"),
        ({"commit": "main"}, "commit: a commit of 40 hexadecimal digits is right, not 'main'"),
        ({"digest": "1"}, "digest: an image digest (sha256:...) or nothing is right, not '1'"),
        ({"report_sha256": "1"}, "report_sha256: a SHA-256 in hexadecimal or nothing is right, not '1'"),
        ({"policy_sha256": ""}, "policy_sha256: a SHA-256 in hexadecimal is right, not ''"),
        ({"waived_until": "never"}, "waived_until: YYYY-MM-DD or nothing is right, not 'never'"),
        (
            {"note": 1},
            f"verdict.json: unknown key 'note'; right are {ANSWER_KEYS}, pipeline, execution, scanner, scope, exit_code, "
            "digest, report_sha256, policy_sha256, waived_until, repository, branch, commit",
        ),
    ],
)
def test_a_record_that_is_refused_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(MalformedError) as refused:
        Record.parse(json.dumps(json.loads(record().as_bytes()) | change).encode())
    assert str(refused.value) == message


def test_a_record_names_itself_and_its_edges_hold() -> None:
    assert Record.parse(record(exit_code=255).as_bytes()).exit_code == 255
    with pytest.raises(MalformedError, match=r"^verdict\.json: not readable as JSON"):
        Record.parse(b"{")


def test_a_record_is_written_for_people_and_always_alike() -> None:
    data = record().as_bytes().decode()
    keys = re.findall(r'^  "(\w+)"', data, re.MULTILINE)
    assert keys == sorted(json.loads(data))
    assert data.startswith('{\n  "blocking": 0,\n  "branch": ')
    assert data.endswith('"\n}\n')
    values = {"answer", "pipeline", "execution", "scanner", "scope", "exit_code", "origin"}
    values |= {"digest", "report_sha256", "policy_sha256"}
    bare = Record(**{name: value for name, value in vars(record()).items() if name in values})
    assert bare.waived_until == ""
