"""git-secrets, Gitleaks and Semgrep. Counts and facts about real reports were read in the files themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.identity import identify
from findings.model import Finding, Kind, ScanResult, Severity, Subject, UnreadableError
from findings.parsers import git_secrets, gitleaks, semgrep
from report_damage import ANYTHING, HOSTILE, dump, exchanged, load, never_read_when_cut, read, survives, wrong_byte

QUIET = settings(deadline=None, database=None, max_examples=80)
SUBJECT = Subject("git-secrets", "source", "payments", "e", "payments", "main", "c")
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
OLD = "26a8f2d1c0a84f5d2b7e6a9081f2c3d4e5f60718"
SCRIPTS = Path(__file__).parents[2] / "buildspecs" / "scripts"


def ids(findings: tuple[Finding, ...]) -> set[str]:
    return {name for name, _ in identify(SUBJECT, findings)}


# --- git-secrets ---


def text(*lines: str, scope: str = "source", what: str = "12 files") -> bytes:
    head = f"# git-secrets, scope {scope}, commit {COMMIT}, {what}, proved with a planted key"
    return "\n".join([head, *lines, f"# end: {len(lines)} findings", ""]).encode()


def test_git_secrets_nothing_found() -> None:
    assert git_secrets.parse(text()) == ScanResult(commit=COMMIT, scope="source")


def test_git_secrets_facts() -> None:
    result = git_secrets.parse(text("src/settings.py:3: aws-access-key-id", "a/b:17: aws-secret-access-key"))
    one, two = result.findings
    assert (one.rule, one.severity, one.kind) == ("aws-access-key-id", Severity.CRITICAL, Kind.SECRET)
    assert (one.path, one.line, one.location) == ("src/settings.py", 3, "src/settings.py")
    assert one.title == "AWS access key id in src/settings.py"
    assert one.original == ""  # git-secrets has no word for it
    assert one.key == ("", "src/settings.py", "3")
    assert one.description == "git-secrets found it at src/settings.py:3."
    assert one.remediation.startswith("Revoke or rotate")
    assert (two.rule, two.severity, two.line) == ("aws-secret-access-key", Severity.CRITICAL, 17)
    assert (result.commit, result.errors, result.nothing) == (COMMIT, (), "")


def test_git_secrets_every_kind_blocks_by_default() -> None:
    """Critical is at or above any threshold; what is ungraded blocks unless the policy says otherwise."""
    lines = [f"f:1: {kind}" for kind in ("aws-access-key-id", "aws-secret-access-key", "aws-account-id", "other")]
    grades = [finding.severity for finding in git_secrets.parse(text(*lines)).findings]
    assert grades == [Severity.CRITICAL, Severity.CRITICAL, Severity.UNGRADED, Severity.CRITICAL]


def test_git_secrets_history() -> None:
    line = f"{OLD}:deploy/old keys.txt:8: aws-access-key-id"
    (one,) = git_secrets.parse(text(line, scope="history", what="40 commits")).findings
    assert (one.path, one.line) == ("deploy/old keys.txt", 8)
    assert one.key == (OLD, "deploy/old keys.txt", "8")
    assert OLD in one.description
    (one,) = git_secrets.parse(text(line)).findings  # in the source scope it is a path
    assert one.path == f"{OLD}:deploy/old keys.txt"


@pytest.mark.parametrize(
    ("line", "path", "number"),
    [
        ("a: b.txt:3: other", "a: b.txt", 3),
        ("a:12:b:3: other", "a:12:b", 3),
        ("x: aws-account-id:3: other", "x: aws-account-id", 3),
        ("# end: 0 findings:3: other", "# end: 0 findings", 3),
        ("#.txt:3: other", "#.txt", 3),
        (":3: other", "", 3),
        ("[redacted]/f:3: other", "[redacted]/f", 3),
        ("a...:3: other", "a...", 3),
        ("a line that cannot be read: other", "", None),
        ("a line that cannot be read:3: other", "a line that cannot be read", 3),
        ("f:99999999999999999999: other", "f", None),
    ],
)
def test_git_secrets_odd_paths(line: str, path: str, number: int | None) -> None:
    (one,) = git_secrets.parse(text(line)).findings
    assert (one.rule, one.path, one.line) == ("other", path, number)


def test_git_secrets_counts_what_cannot_be_told_apart() -> None:
    result = git_secrets.parse(text(*["a line that cannot be read: other"] * 3))
    assert len(ids(result.findings)) == 3


@pytest.mark.parametrize(("scope", "what"), [("source", "0 files"), ("history", "0 commits")])
def test_git_secrets_that_scanned_nothing(scope: str, what: str) -> None:
    assert git_secrets.parse(text(scope=scope, what=what)).nothing == f"git-secrets scanned {what}"


@pytest.mark.parametrize(
    "damaged",
    [
        text().replace(b"# end: 0", b"# end: 1"),
        text("f:1: other").replace(b"# end: 1", b"# end: 0"),
        text("f:1: other").replace(b"f:1: other\n", b""),
        text() + b"\n",
        text() + b"f:1: other\n",
        text() + b"f:1: other",
        text() * 2,
        text().replace(b"12 files", b"12 commits"),
        text().replace(b"scope source", b"scope image"),
        text().replace(COMMIT.encode(), b"HEAD"),
        text().replace(b", proved with a planted key", b""),
        text("f:1: password"),
        text("f: other"),
        text("nonsense"),
        text("").replace(b"# end", b"\xff\n# end"),
        b"\xef\xbb\xbf" + text(),
        text().replace(b"\n", b"\r\n"),
    ],
    ids=range(17),
)
def test_git_secrets_damaged(damaged: bytes) -> None:
    with pytest.raises(UnreadableError):
        git_secrets.parse(damaged)


@pytest.mark.parametrize("report", [text(), text("f:1: other", "# end: 1 findings:2: other", "g:12: aws-account-id")])
def test_git_secrets_cut_anywhere(report: bytes) -> None:
    for end in range(len(report)):
        with pytest.raises(UnreadableError):
            git_secrets.parse(report[:end])


def test_git_secrets_as_the_script_writes_it(tmp_path: Path) -> None:
    """The other side of the format: report() of the build script, on git-secrets' own words."""
    files = tmp_path / "files"
    (files / "odd: 7").mkdir(parents=True)
    for name in ("odd: 7/a:5:b.txt", "plain.py"):
        (files / name).write_text("x\n")
    output = (
        f"{files}/odd: 7/a:5:b.txt:12:key = {'AKIA' + 'Z7' * 8}\n"
        f"{files}/plain.py:3:account = {'1234-' * 2}1234\n"
        f"{files}/gone.py:3:prohibited\n"
        "\n[ERROR] Matched one or more prohibited patterns\n"
    )
    program = (
        "import sys; from pathlib import Path; import git_secrets; from common import Result\n"
        "files, file, output = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]\n"
        "git_secrets.report(file, 'source', '3 files', Result(1, '', output), files)\n"
        "git_secrets.report(file.with_suffix('.none'), 'history', '9 commits', Result(0, '', ''), None)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(files), str(tmp_path / "raw.txt"), output],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), "COMMIT": COMMIT},
        check=True,
        capture_output=True,
    )
    result = git_secrets.parse((tmp_path / "raw.txt").read_bytes())
    assert [(finding.rule, finding.path, finding.line) for finding in result.findings] == [
        ("aws-access-key-id", "odd: 7/a:5:b.txt", 12),
        ("aws-account-id", "plain.py", 3),
        ("other", "", None),
    ]
    assert "AKIA" not in repr(result)
    assert git_secrets.parse((tmp_path / "raw.none").read_bytes()) == ScanResult(commit=COMMIT, scope="history")


# --- Gitleaks ---


def test_gitleaks_real_report() -> None:
    """Six findings of one rule; three files, three commits."""
    result = gitleaks.parse(read("gitleaks/many_redacted.json"))
    assert [finding.severity for finding in result.findings] == [Severity.CRITICAL] * 6
    assert [finding.line for finding in result.findings] == [224, 2221, 1025, 1089, 1121, 1339]
    assert {finding.rule for finding in result.findings} == {"AWS Access Key"}
    assert len(ids(result.findings)) == 6
    first = result.findings[0]
    assert (first.path, first.kind) == ("overlays/server/config/server-config.yml", Kind.SECRET)
    assert first.key == ("b13740279fb0145e4dce1d5bae6dfcc08a7767bb", "overlays/server/config/server-config.yml", "224")
    for personal in ("Some User", "gmail.com", "REDACTED", "Revert", "unique_id"):
        assert personal in read("gitleaks/many_redacted.json").decode()
        assert personal not in repr(result)


@pytest.mark.parametrize("report", [read("gitleaks/none.json"), b"null", b"[]", b" [] \n"])
def test_gitleaks_none(report: bytes) -> None:
    assert gitleaks.parse(report) == ScanResult()


V8 = {
    "RuleID": "aws-access-token",
    "Description": "Identified a pattern that may indicate AWS credentials",
    "StartLine": 20,
    "EndLine": 21,
    "StartColumn": 19,
    "EndColumn": 38,
    "Match": "SECRETMATCH",
    "Secret": "SECRETVALUE",
    "Line": "SECRETLINE",
    "File": "src/app.py",
    "SymlinkFile": "",
    "Commit": OLD,
    "Entropy": 3.0841837,
    "Author": "SECRETAUTHOR",
    "Email": "SECRETEMAIL",
    "Date": "2024-01-01T00:00:00Z",
    "Message": "SECRETMESSAGE",
    "Tags": [],
    "Fingerprint": f"{OLD}:src/app.py:aws-access-token:20",
}


def test_gitleaks_version_8() -> None:
    result = gitleaks.parse(dump([V8]))
    (one,) = result.findings
    assert (one.rule, one.severity, one.path) == ("aws-access-token", Severity.CRITICAL, "src/app.py")
    assert (one.line, one.end_line) == (20, 21)
    assert one.title == "Identified a pattern that may indicate AWS credentials in src/app.py"
    assert one.key == (OLD, "src/app.py", "20")
    assert "SECRET" not in repr(result).replace("Kind.SECRET", "")


def test_gitleaks_two_secrets_on_a_line_stay_two() -> None:
    findings = gitleaks.parse(dump([V8, {**V8, "StartColumn": 60}, V8])).findings
    assert len(ids(findings)) == 2
    assert [one.detail for one in findings] == [("19",), ("60",), ("19",)]
    # Each keeps its id, whichever stands first.
    assert identify(SUBJECT, findings[:2]) == identify(SUBJECT, findings[1:])[::-1]


@pytest.mark.parametrize(
    "document",
    [{}, [{}], ["x"], [None], [{"RuleID": ""}], [{"RuleID": None, "rule": "x"}], [{"rule": 5}], "x", 0, False, [[V8]]],
)
def test_gitleaks_what_decides_must_be_there(document: Any) -> None:
    with pytest.raises(UnreadableError):
        gitleaks.parse(dump(document))


# --- Semgrep ---


def result(**extra: Any) -> dict[str, Any]:
    return {
        "check_id": "python.lang.security.rule",
        "path": "src/app.py",
        "start": {"line": 4, "col": 1},
        "end": {"line": 6, "col": 9},
        "extra": {"message": "Do not.", "severity": "ERROR", "metadata": {}, "fingerprint": "requires login", **extra},
    }


def scan(*results: Any, **more: Any) -> bytes:
    return dump(
        {"version": "1.100.0", "results": list(results), "errors": [], "paths": {"scanned": ["src/app.py"]}, **more}
    )


def test_semgrep_real_report() -> None:
    """Three results: WARNING, WARNING, INFO; no `paths` at all."""
    found = semgrep.parse(read("semgrep/many.json"))
    assert Counter(finding.severity for finding in found.findings) == {Severity.MEDIUM: 2, Severity.LOW: 1}
    assert (found.errors, found.nothing) == ((), "")
    one = found.findings[0]
    assert one.rule == "java.lang.security.audit.cbc-padding-oracle.cbc-padding-oracle"
    assert (one.title, one.original, one.kind) == ("cbc-padding-oracle", "WARNING", Kind.CODE)
    assert (one.path, one.line, one.end_line) == (
        "src/main/java/org/owasp/benchmark/testcode/BenchmarkTest02194.java",
        64,
        64,
    )
    assert one.cwes == ("CWE-696",)
    assert one.url == "https://find-sec-bugs.github.io/bugs.htm#PADDING_ORACLE"
    assert one.references == ("https://capec.mitre.org/data/definitions/463.html",)
    assert one.description.startswith("Using CBC with PKCS5Padding")
    assert "DES/CBC" not in repr(found)  # extra.lines


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("CRITICAL", Severity.CRITICAL),
        ("HIGH", Severity.HIGH),
        ("ERROR", Severity.HIGH),
        ("MEDIUM", Severity.MEDIUM),
        ("WARNING", Severity.MEDIUM),
        ("LOW", Severity.LOW),
        ("INFO", Severity.LOW),
        ("INVENTORY", Severity.UNGRADED),
        ("EXPERIMENT", Severity.UNGRADED),
    ],
)
def test_semgrep_severity_words(word: str, severity: Severity) -> None:
    found = semgrep.parse(scan(result(severity=word)))
    assert (found.findings[0].severity, found.findings[0].original, found.errors) == (severity, word, ())


@pytest.mark.parametrize("word", ["BLOCKER", "", None])
def test_semgrep_unknown_severity(word: str | None) -> None:
    found = semgrep.parse(scan(result(severity=word)))
    assert found.findings[0].severity is Severity.UNGRADED
    assert found.errors == (f"severity {word or ''!r} of python.lang.security.rule is not known",)


def test_semgrep_errors() -> None:
    """The level decides, except where Semgrep gave up; its messages quote code and stay behind."""
    errors = [
        {"code": 3, "level": "warn", "type": ["PartialParsing", [{"path": "a.py"}]], "message": "CODE", "path": "a.py"},
        {"code": 3, "level": "warn", "type": "Syntax error", "message": "CODE", "path": "b.py"},
        {"code": 2, "level": "error", "type": "SemgrepError", "message": "CODE"},
        {"code": 2, "level": "warn", "type": "Timeout", "message": "CODE", "path": "c.py"},
        {"code": 2, "level": "loud", "type": "Syntax error", "path": "d.py"},
        {"code": 2, "level": "info", "type": "Syntax error", "path": "e.py"},
    ]
    found = semgrep.parse(scan(result(), errors=errors))
    assert found.errors == (
        "Semgrep: SemgrepError",
        "Semgrep: Timeout in c.py",
        "Semgrep: Syntax error in d.py (level 'loud' is not known)",
    )
    assert found.notes == (
        "Semgrep: PartialParsing in a.py",
        "Semgrep: Syntax error in b.py",
        "Semgrep: Syntax error in e.py",
    )
    assert len(found.findings) == 1
    assert "CODE" not in repr(found).replace("Kind.CODE", "")


def test_semgrep_that_scanned_nothing() -> None:
    assert semgrep.parse(scan()).nothing == ""
    assert semgrep.parse(scan(paths={"scanned": []})).nothing == "the report names no scanned file"
    assert semgrep.parse(dump({"results": [], "errors": []})).nothing == "the report names no scanned file"
    assert semgrep.parse(dump({"results": [result()], "errors": []})).nothing == ""


def test_semgrep_ignored_is_suppressed() -> None:
    findings = semgrep.parse(scan(result(is_ignored=True), result(is_ignored=False), result(is_ignored="yes"))).findings
    assert [finding.suppressed for finding in findings] == ["ignored by a nosemgrep comment", "", ""]


def test_semgrep_fingerprint() -> None:
    free, paid = semgrep.parse(scan(result(), result(fingerprint="abc_0"))).findings
    assert free.key == ("src/app.py", "")
    assert paid.key == ("src/app.py", "abc_0")


def test_semgrep_two_results_of_a_rule_in_a_file_stay_two() -> None:
    other = {**result(), "start": {"line": 90}}
    findings = semgrep.parse(scan(result(), other)).findings
    assert len(ids(findings)) == 2
    assert [one.detail for one in findings] == [("4", "1"), ("90", "")]
    assert identify(SUBJECT, findings) == identify(SUBJECT, findings[::-1])[::-1]


def test_semgrep_weaknesses() -> None:
    def of(cwe: Any) -> tuple[str, ...]:
        return semgrep.parse(scan(result(metadata={"cwe": cwe}))).findings[0].cwes

    assert of(["CWE-89: SQL", "CWE-79: XSS", 5]) == ("CWE-89", "CWE-79")
    assert of("CWE-696: Incorrect Behavior Order") == ("CWE-696",)
    assert of(None) == ()


def test_semgrep_code_stays_behind() -> None:
    found = semgrep.parse(
        scan(
            result(
                message="The password hunter2hunter2 is in $X; $X again: hunter2",
                lines="password = 'hunter2hunter2'",
                fix="hunter2hunter2",
                metavars={
                    "$PASSWORD": {
                        "abstract_content": "hunter2hunter2",
                        "propagated_value": {"svalue_abstract_content": "hunter2"},
                    },
                    "$X": {"abstract_content": "x"},
                },
                dataflow_trace={"taint_source": ["CliLoc", [{}, "hunter2hunter2"]]},
            )
        )
    )
    assert "hunter2" not in repr(found)
    assert found.findings[0].description == "The password $PASSWORD is in $X; $X again: $PASSWORD"


@pytest.mark.parametrize(
    "document",
    [
        {"results": []},
        {"errors": []},
        {"results": None, "errors": []},
        {"results": {}, "errors": []},
        {"results": [], "errors": None},
        {"results": ["x"], "errors": []},
        {"results": [{**result(), "check_id": ""}], "errors": []},
        {"results": [{**result(), "path": None}], "errors": []},
        {"results": [{**result(), "extra": None}], "errors": []},
        {"results": [result(severity=5)], "errors": []},
        {"results": [], "errors": ["x"]},
        {"results": [], "errors": [], "paths": []},
        {"results": [], "errors": [], "paths": {}},
    ],
)
def test_semgrep_what_decides_must_be_there(document: Any) -> None:
    with pytest.raises(UnreadableError):
        semgrep.parse(dump(document))


# --- whatever comes ---


@pytest.mark.parametrize("report", [read("gitleaks/many_redacted.json"), dump([V8]), b"null", b"[]"], ids=range(4))
def test_gitleaks_cut(report: bytes) -> None:
    never_read_when_cut(gitleaks.parse, report, cuts=500)


@pytest.mark.parametrize("report", [read("semgrep/many.json"), scan(result())], ids=range(2))
def test_semgrep_cut(report: bytes) -> None:
    never_read_when_cut(semgrep.parse, report, cuts=500)


@pytest.mark.parametrize("parse", [git_secrets.parse, semgrep.parse], ids=["git-secrets", "semgrep"])
@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report(parse: Any, report: bytes) -> None:
    assert survives(parse, report) is None


@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report_of_gitleaks(report: bytes) -> None:
    assert (survives(gitleaks.parse, report) is None) == (report not in (b"null", b"[]"))


@given(exchanged("gitleaks/many_redacted.json"), exchanged("semgrep/many.json"))
@QUIET
def test_any_exchange(one: bytes, two: bytes) -> None:
    survives(gitleaks.parse, one)
    survives(semgrep.parse, two)


@given(
    st.dictionaries(st.sampled_from(list(V8)), ANYTHING),
    st.dictionaries(st.sampled_from(list(result()["extra"])), ANYTHING),
)
@QUIET
def test_any_values(one: dict[str, Any], two: dict[str, Any]) -> None:
    survives(gitleaks.parse, dump([{**V8, **one}]))
    survives(semgrep.parse, scan(result(**{"metavars": {"$A": two}, **two})))


@given(wrong_byte("gitleaks/many_redacted.json"), wrong_byte("semgrep/many.json"))
@QUIET
def test_a_wrong_byte(one: bytes, two: bytes) -> None:
    survives(gitleaks.parse, one)
    survives(semgrep.parse, two)


WITH_FINDING = text("f:1: other")


@given(st.integers(0, len(WITH_FINDING) - 1), st.integers(0, 255))
@QUIET
def test_git_secrets_a_wrong_byte_is_never_clean(at: int, byte: int) -> None:
    found = survives(git_secrets.parse, WITH_FINDING[:at] + bytes([byte]) + WITH_FINDING[at + 1 :])
    assert found is None or found.findings


@given(st.lists(st.text(max_size=30), max_size=4))
@QUIET
def test_git_secrets_any_lines(lines: list[str]) -> None:
    found = survives(git_secrets.parse, text(*(line.encode("utf-8", "replace").decode() for line in lines)))
    assert found is None or bool(found.findings) == bool(lines)


def test_ten_thousand_findings_in_time() -> None:
    reports = (
        (semgrep.parse, scan(*[load("semgrep/many.json")["results"][0]] * 10_000)),
        (gitleaks.parse, dump([V8] * 10_000)),
        (git_secrets.parse, text(*["src/a:b.py:3: aws-access-key-id"] * 10_000)),
    )
    for parse, report in reports:
        start = time.process_time()
        assert len(parse(report).findings) == 10_000
        assert time.process_time() - start < 3
