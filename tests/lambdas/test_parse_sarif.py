"""SARIF 2.1.0. Counts and facts about real reports were read in the files themselves; rules are those of the standard:
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from findings.identity import identify
from findings.model import Finding, Kind, ScanResult, Severity, Subject, UnreadableError
from findings.parsers import sarif
from report_damage import ANYTHING, HOSTILE, dump, exchanged, never_read_when_cut, read, survives, wrong_byte

QUIET = settings(deadline=None, database=None, max_examples=60)
SUBJECT = Subject("sarif", "code", "payments", "e", "payments", "main", "c")
COMMIT = "5da53fbb2a0aaa12d648b73984acc9aac2e11c2a"


def result(**changes: Any) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": "src/app.py"}, "region": {"startLine": 7}}}
    return {"ruleId": "R1", "message": {"text": "a problem"}, "locations": [location]} | changes


def run(*results: Any, rules: Any = (), extensions: Any = None, **changes: Any) -> dict[str, Any]:
    tool: dict[str, Any] = {"driver": {"name": "CodeScanner", "rules": list(rules)}}
    if extensions is not None:
        tool["extensions"] = extensions
    return {"tool": tool, "results": list(results)} | changes


def log(*runs: Any, **changes: Any) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": list(runs)} | changes


def parsed(*runs: Any) -> ScanResult:
    return sarif.parse(dump(log(*runs)))


def only(*args: Any, **changes: Any) -> Finding:
    (finding,) = parsed(run(*args, **changes)).findings
    return finding


def graded(**changes: Any) -> tuple[str, str]:
    """Severity and original of one result, from a report without errors."""
    read_ = parsed(run(result(**changes)))
    assert read_.errors == ()
    return read_.findings[0].severity.value, read_.findings[0].original


# --- real reports ---


@pytest.mark.parametrize(
    ("name", "counts", "suppressed"),
    [
        ("appendix_k", {"high": 1}, 1),
        ("dockle", {"high": 1, "low": 3}, 0),  # 1 error, 3 notes
        ("suppressed", {"medium": 5}, 3),  # no levels at all: warnings
    ],
)
def test_severities(name: str, counts: dict[str, int], suppressed: int) -> None:
    found = sarif.parse(read(f"sarif/{name}.sarif"))
    assert Counter(one.severity.value for one in found.findings) == counts
    assert sum(1 for one in found.findings if one.suppressed) == suppressed
    assert found.nothing == ""


def test_facts_of_the_standards_example() -> None:
    found = sarif.parse(read("sarif/appendix_k.sarif"))
    assert found.errors == ('CodeScanner: Exception evaluating rule "C2001". Rule disabled; run continues.',)
    assert found.commit == COMMIT
    assert found.made_at == datetime(2016, 7, 16, 14, 19, 1, tzinfo=UTC)
    (one,) = found.findings
    assert (one.rule, one.title) == ("C2001", "A variable was used without being initialized.")
    assert one.description == 'Variable "ptr" was used without being initialized. It was declared [here](0).'
    assert (one.path, one.line, one.end_line) == ("collections/list.h", 15, 15)
    assert one.location == "collections/list.h"
    assert one.key == ("collections/list.h", "line 15")
    assert one.kind is Kind.CODE
    assert one.fixable
    assert one.suppressed == "suppressed outside the source"
    assert one.references == ("https://www.example.com/viewer/3918d370-c636-40d8-bf23-8c176043a2df",)


def test_no_piece_of_the_code_is_taken_over() -> None:
    text = repr(sarif.parse(read("sarif/appendix_k.sarif")))
    for piece in (
        "add_core(ptr, offset, val)",
        "int *ptr",
        "y + z",
        "A different line",
        "Exception thrown",
        "buildAgent",
    ):
        assert piece not in text


def test_facts_of_dockle() -> None:
    found = sarif.parse(read("sarif/dockle.sarif"))
    assert (found.errors, found.commit, found.made_at) == ((), "", None)
    one = found.findings[0]
    assert (one.rule, one.title) == ("CIS-DI-0010", "Do not store credential in ENVIRONMENT vars/files")
    assert one.description.startswith("Suspicious ENV key found : DD_ADMIN_PASSWORD")
    assert (one.location, one.line) == ("", None)
    assert one.remediation == "https://github.com/goodwithtech/dockle/blob/master/CHECKPOINT.md#CIS-DI-0010"
    assert len({id_ for id_, _ in identify(SUBJECT, found.findings)}) == 4


def test_suppressions_of_a_real_report() -> None:
    found = sarif.parse(read("sarif/suppressed.sarif")).findings
    assert {one.rule: one.suppressed for one in found} == {
        "TST0001": "suppressed outside the source",
        "TST0002": "suppressed outside the source",
        "TST0003": "suppressed in the source",
        "TST0004": "",
        "TST0005": "",  # "suppressions": []
    }
    assert found[0].title == "Rule 001"
    assert found[0].path == "C:/code/file1.c"


# --- the log ---


@pytest.mark.parametrize("version", ["2.0.0", "2.1", "1.0.0", "", None, 2.1, ["2.1.0"]])
def test_other_versions(version: object) -> None:
    with pytest.raises(UnreadableError, match="SARIF"):
        sarif.parse(dump(log(run(), version=version)))


@pytest.mark.parametrize(
    "document",
    [
        {"version": "2.1.0"},
        log(runs=None),
        log(runs={}),
        log("run"),
        log({}),
        log({"tool": {}, "results": []}),
        log(run(results="none")),
        log(run(results={})),
        log(run("result")),
        log(run(None)),
        log(run(result(ruleId=None))),
        log(run(result(level=3))),
        log(run(rules=["R1"])),
        log(run(extensions={})),
        log(run(extensions=[None])),
        log(run(invocations={})),
        log(run(invocations=["x"])),
        log(run(externalPropertyFileReferences={"results": [{"location": {"uri": "results.sarif"}}]})),
        log(run(), inlineExternalProperties=[{"results": []}]),
    ],
    ids=range(19),
)
def test_what_decides_must_be_right(document: Any) -> None:
    with pytest.raises(UnreadableError):
        sarif.parse(dump(document))


def test_all_runs_are_read() -> None:
    assert [one.rule for one in parsed(run(result()), run(), run(result(ruleId="R2"))).findings] == ["R1", "R2"]


def test_a_clean_scan() -> None:
    assert parsed(run()) == ScanResult()


def test_a_run_that_did_not_scan() -> None:
    """3.14.23: an empty array is "no results", without one the tool did not scan."""
    assert parsed().nothing == "the log has no runs"
    absent = run()
    del absent["results"]
    for silent in (absent, run(results=None)):
        assert parsed(silent, silent).nothing == "'CodeScanner' did not scan: no run has results"
        both = parsed(silent, run(result()))
        assert (len(both.findings), both.nothing) == (1, "")
        assert both.errors == ("'CodeScanner' did not scan: its run has no results",)


def test_failures_that_the_tool_reports() -> None:
    failed = {
        "executionSuccessful": False,
        "exitCodeDescription": "out of memory",
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": "file\nunreadable"}},
            {"level": "warning", "message": {"text": "slow"}},
            {"message": {"text": "a warning by default"}},
            {"level": "panic", "descriptor": {"id": "X1"}},
        ],
        "toolConfigurationNotifications": [{"level": "error"}, {"level": "note"}],
    }
    found = parsed(run(result(), invocations=[{"executionSuccessful": True}, failed]))
    assert found.errors == (
        "CodeScanner: its run was not successful. out of memory",
        "CodeScanner: file?unreadable",
        "CodeScanner: X1",
        "CodeScanner: an error",
    )
    assert len(found.findings) == 1


def test_results_of_the_baseline_are_no_findings() -> None:
    """3.27.24: absent is what an earlier run had found."""
    states = ["absent", "new", "unchanged", "updated", None]
    found = parsed(run(*(result(ruleId=f"{state}", baselineState=state) for state in states)))
    assert [one.rule for one in found.findings] == ["new", "unchanged", "updated", "None"]
    assert found.notes == ("1 results of earlier scans are marked as gone (baselineState absent)",)


@pytest.mark.parametrize(
    ("revisions", "commit"),
    [
        ([COMMIT], COMMIT),
        ([COMMIT.upper()], COMMIT),
        ([COMMIT, COMMIT], COMMIT),
        ([COMMIT, "0" * 40], ""),
        (["main"], ""),
        ([COMMIT[:-1]], ""),
        ([None, 5], ""),
    ],
)
def test_commit(revisions: list[Any], commit: str) -> None:
    provenance = [{"repositoryUri": "https://example.com/x", "revisionId": one} for one in revisions]
    assert parsed(run(versionControlProvenance=provenance)).commit == commit


def test_time_is_when_the_last_run_ended() -> None:
    ends = ["2026-01-02T03:04:05Z", "2026-01-02T05:04:05+01:00", "yesterday", None, 0]
    found = parsed(*(run(invocations=[{"endTimeUtc": end}]) for end in ends))
    assert found.made_at == datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC)


# --- severities ---


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("error", Severity.HIGH),
        ("warning", Severity.MEDIUM),
        ("note", Severity.LOW),
        ("none", Severity.INFORMATIONAL),
    ],
)
def test_levels(level: str, severity: Severity) -> None:
    assert graded(level=level) == (severity, level)


def test_an_unknown_level() -> None:
    found = parsed(run(result(level="fatal")))
    assert found.findings[0].severity is Severity.UNGRADED
    assert found.errors == ("severity 'fatal' of R1 is not known",)


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        ("10.0", Severity.CRITICAL),
        ("9.0", Severity.CRITICAL),
        ("8.9", Severity.HIGH),
        ("8.95", Severity.HIGH),
        (7, Severity.HIGH),
        ("6.9", Severity.MEDIUM),
        (4.0, Severity.MEDIUM),
        ("3.9", Severity.LOW),
        ("0.1", Severity.LOW),
    ],
)
def test_security_severity_is_githubs(score: object, severity: Severity) -> None:
    assert graded(level="note", properties={"security-severity": score}) == (severity, f"security-severity {score}")
    rule = {"id": "R1", "properties": {"security-severity": score}}
    assert only(result(level="error"), rules=[rule]).severity is severity


@pytest.mark.parametrize("score", ["0.0", 0, None, "", "undefined", "null", "None", "NULL"])
def test_no_security_severity(score: object) -> None:
    """0.0 is none by GitHub; Snyk writes `String(vuln.cvssScore)` of a missing score."""
    assert graded(level="error", properties={"security-severity": score}) == ("high", "error")


@pytest.mark.parametrize(
    "score", ["10.1", "-1", 11, "high", "9,8", "1e1", "\u0669.\u0660", "nan", True, [9.8], {}, 10**400, "9_0"]
)
def test_a_security_severity_that_nobody_can_read(score: object) -> None:
    found = parsed(run(result(level="note", properties={"security-severity": score})))
    assert found.findings[0].severity is Severity.LOW
    (error,) = found.errors
    assert error.startswith("security-severity ")
    assert error.endswith(" of R1 is not known")


def test_a_results_own_score_comes_first() -> None:
    rule = {"id": "R1", "properties": {"security-severity": "2.0"}}
    assert only(result(properties={"security-severity": "9.8"}), rules=[rule]).severity is Severity.CRITICAL


@pytest.mark.parametrize("kind", ["pass", "notApplicable"])
@pytest.mark.parametrize("level", [None, "none"])
def test_kinds_without_a_problem(kind: str, level: str | None) -> None:
    assert parsed(run(result(kind=kind, level=level))) == ScanResult()


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("informational", Severity.INFORMATIONAL), ("open", Severity.UNGRADED), ("review", Severity.UNGRADED)],
)
def test_kinds_that_decide_nothing(kind: str, severity: Severity) -> None:
    assert graded(kind=kind) == graded(kind=kind, level="none") == (severity, kind)


@pytest.mark.parametrize(
    ("kind", "level", "severity"),
    [
        ("pass", "error", Severity.HIGH),
        ("notApplicable", "warning", Severity.MEDIUM),
        ("informational", "error", Severity.HIGH),
        ("broken", None, Severity.UNGRADED),
        ("Pass", None, Severity.UNGRADED),
        ("", "note", Severity.LOW),
        (5, None, Severity.UNGRADED),
    ],
)
def test_kinds_that_contradict(kind: object, level: str | None, severity: Severity) -> None:
    """3.27.10: with a kind other than fail the level, if present, is none."""
    found = parsed(run(result(kind=kind, level=level)))
    assert [one.severity for one in found.findings] == [severity]
    assert len(found.errors) == 1


def test_an_error_about_a_grade_says_of_which_rule() -> None:
    kind = parsed(run(result(kind="broken", level="error")))
    assert kind.errors == ("kind 'broken' with level 'error' of R1 is not known",)
    score = parsed(run(result(properties={"security-severity": "high"})))
    assert score.errors == ("security-severity 'high' of R1 is not known",)


def test_kind_fail_is_the_default() -> None:
    assert graded(kind="fail") == graded(kind=None) == graded() == ("medium", "warning")


LEVEL_RULE = {"id": "R1", "defaultConfiguration": {"level": "note"}}
OVERRIDE = {"ruleConfigurationOverrides": [{"descriptor": {"index": 0}, "configuration": {"level": "error"}}]}


def test_order_of_levels() -> None:
    """3.27.10: the result's, the override of the invocation that found it, the rule's default, warning."""
    pointing = {"provenance": {"invocationIndex": 1}}
    invocations = [{}, OVERRIDE]
    own = only(result(level="none", **pointing), rules=[LEVEL_RULE], invocations=invocations)
    changed = only(result(**pointing), rules=[LEVEL_RULE], invocations=invocations)
    other = only(result(provenance={"invocationIndex": 0}), rules=[LEVEL_RULE], invocations=invocations)
    without = only(result(), rules=[LEVEL_RULE], invocations=invocations)
    assert [one.original for one in (own, changed, other, without)] == ["none", "error", "note", "note"]
    assert only(result(), rules=[{"id": "R1"}]).original == "warning"
    assert only(result(), rules=[{"id": "R1", "defaultConfiguration": {}}]).original == "warning"


@pytest.mark.parametrize(
    "descriptor",
    [
        {"id": "R1"},
        {"id": "R1", "index": 0},
        {"id": "R1", "index": 5},
        {"id": "R1", "toolComponent": {"name": "CodeScanner"}},
    ],
)
def test_overrides_by_name(descriptor: dict[str, Any]) -> None:
    override = {"ruleConfigurationOverrides": [{"descriptor": descriptor, "configuration": {"level": "error"}}]}
    found = only(result(provenance={"invocationIndex": 0}), rules=[LEVEL_RULE], invocations=[override])
    assert found.severity is Severity.HIGH


@pytest.mark.parametrize("changed", [{"enabled": True}, {"level": ""}, {"level": None}, {}])
def test_an_override_of_something_else_leaves_the_level(changed: dict[str, Any]) -> None:
    override = {"ruleConfigurationOverrides": [{"descriptor": {"index": 0}, "configuration": changed}]}
    found = parsed(run(result(provenance={"invocationIndex": 0}), rules=[LEVEL_RULE], invocations=[override]))
    assert found.errors == ()
    assert found.findings[0].original == "note"


@pytest.mark.parametrize("index", [-1, 1, 10**30, "0", True, None])
def test_an_invocation_that_is_not_there(index: object) -> None:
    found = only(result(provenance={"invocationIndex": index}), rules=[LEVEL_RULE], invocations=[OVERRIDE])
    assert found.original == "note"


# --- rules ---

DRIVER = [
    {"id": "R1", "shortDescription": {"text": "driver one"}},
    {"id": "R2", "shortDescription": {"text": "driver two"}},
]
EXTENSIONS = [
    {"name": "Web", "guid": "A0B1", "rules": [{"id": "R1", "shortDescription": {"text": "web one"}}]},
    {"name": "Db", "rules": [{"id": "D1", "name": "db one"}, {"id": "R1", "name": "db two"}]},
    {"name": "Empty"},
]


@pytest.mark.parametrize(
    ("changes", "rule", "title"),
    [
        ({"ruleId": "R2"}, "R2", "driver two"),
        ({"ruleId": None, "ruleIndex": 1}, "R2", "driver two"),
        ({"ruleId": None, "rule": {"index": 1}}, "R2", "driver two"),
        ({"ruleId": None, "rule": {"id": "R2"}}, "R2", "driver two"),
        ({"ruleId": "R2", "ruleIndex": 0}, "R2", "driver two"),  # the name is right where they differ
        ({"ruleId": "R2/17"}, "R2/17", "driver two"),  # 3.27.5
        ({"ruleId": "R2/17/a", "ruleIndex": 1}, "R2/17/a", "driver two"),
        ({"ruleId": "R1", "rule": {"toolComponent": {"index": 0}}}, "R1", "web one"),
        ({"ruleId": "R1", "rule": {"toolComponent": {"guid": "a0b1"}}}, "R1", "web one"),
        ({"ruleId": "R1", "rule": {"toolComponent": {"name": "Db"}}}, "R1", "db two"),
        ({"ruleId": "R1", "rule": {"index": 0, "toolComponent": {"index": 1}}}, "R1", "db two"),
        ({"ruleId": None, "rule": {"index": 0, "toolComponent": {"index": 1}}}, "D1", "db one"),
        ({"ruleId": "D1"}, "D1", "db one"),
        ({"ruleId": "R1", "rule": {"toolComponent": {"index": 9}}}, "R1", "driver one"),
        ({"ruleId": "R1", "rule": {"toolComponent": {"index": -1, "name": "Db"}}}, "R1", "db two"),
        ({"ruleId": "X"}, "X", "X"),
        ({"ruleId": "X", "ruleIndex": -1}, "X", "X"),
    ],
    ids=range(17),
)
def test_rules_are_found(changes: dict[str, Any], rule: str, title: str) -> None:
    found = only(result(**changes), rules=DRIVER, extensions=EXTENSIONS)
    assert (found.rule, found.title) == (rule, title)


def test_a_rule_that_was_cut_off() -> None:
    """Its default level may have been an error."""
    found = parsed(run(result(ruleId="R7", ruleIndex=6), rules=DRIVER))
    assert found.errors == ("rule 'R7' is described where the report has nothing: cut off",)
    assert parsed(run(result(ruleId="R7", ruleIndex=6, level="note"), rules=DRIVER)).errors == ()
    with pytest.raises(UnreadableError, match="names no rule"):
        parsed(run(result(ruleId=None, ruleIndex=6), rules=DRIVER))


def test_titles() -> None:
    assert only(result(), rules=[{"id": "R1", "name": "Sqli", "fullDescription": {"text": "long"}}]).title == "Sqli"
    assert only(result(), rules=[{"id": "R1", "fullDescription": {"text": "first\nsecond"}}]).title == "first"
    assert len(only(result(), rules=[{"id": "R1", "shortDescription": {"text": "x" * 999}}]).title) == 200


def test_messages() -> None:
    rule = {
        "id": "R1",
        "messageStrings": {"m": {"text": "{0} of {1} in {{x}} {2}"}},
        "fullDescription": {"text": "full"},
    }
    named = {"id": "m", "arguments": ["one", "two"]}
    assert only(result(message=named), rules=[rule]).description == "one of two in {x} {2}"
    assert only(result(message={"text": "{0}!", "arguments": ["{1}", "no"]})).description == "{1}!"
    assert only(result(message={"text": "f{0} {{x}}"})).description == "f{0} {{x}}"
    assert only(result(message={"id": "other"}), rules=[rule]).description == "full"


@pytest.mark.parametrize(
    ("tags", "cwes"),
    [
        (["security", "external/cwe/cwe-079", "external/cwe/cwe-0116"], ("CWE-79", "CWE-116")),
        (["CWE-79: Cross-site scripting", "CWE-79"], ("CWE-79",)),
        (["CWE-1234567", "cweather-1", "x-cwe-5", 7, None], ()),
        ("CWE-79", ()),
    ],
)
def test_weaknesses_in_tags(tags: Any, cwes: tuple[str, ...]) -> None:
    assert only(result(), rules=[{"id": "R1", "properties": {"tags": tags}}]).cwes == cwes


def test_weaknesses_in_taxa() -> None:
    """3.27.8 and 3.49.15."""
    rule = {
        "id": "R1",
        "relationships": [{"target": {"id": "89", "toolComponent": {"name": "CWE"}}, "kinds": ["superset"]}],
    }
    taxa = [
        {"id": "CWE-564", "toolComponent": {"name": "CWE", "index": 0}},
        {"id": "A03", "toolComponent": {"name": "OWASP"}},
        {"id": "22"},
        {"id": "13", "toolComponent": {"name": "WASC"}},
    ]
    assert only(result(taxa=taxa), rules=[rule]).cwes == ("CWE-564", "CWE-89")


def test_ids_of_vulnerabilities() -> None:
    found = only(result(ruleId="CVE-2024-1234-openssl"))
    assert (found.cves, found.aliases, found.kind) == (("CVE-2024-1234",), (), Kind.VULNERABILITY)
    found = only(result(ruleId="GHSA-vh95-rmgr-6w4m-minimist"))
    assert (found.cves, found.aliases, found.kind) == ((), ("GHSA-vh95-rmgr-6w4m",), Kind.VULNERABILITY)


def test_links_and_help() -> None:
    rule = {"id": "R1", "helpUri": "https://example.com/R1", "help": {"text": "Do it right.", "markdown": "**x**"}}
    found = only(result(), rules=[rule])
    assert (found.url, found.references, found.remediation) == (
        "https://example.com/R1",
        ("https://example.com/R1",),
        "Do it right.",
    )
    assert found.fixable is None  # most tools never write fixes


# --- places ---


def at(uri: Any, **changes: Any) -> Finding:
    artifact = {"uri": uri} if isinstance(uri, str) else uri
    location = {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": 3, "endLine": 4}}}
    return only(result(locations=[location]), **changes)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("src/my%20app.py", "src/my app.py"),
        ("./src/app.py", "src/app.py"),
        (".//src/app.py", "src/app.py"),
        ("file:///C:/code/file1.c", "C:/code/file1.c"),
        ("file:///srv/build/src/app.py", "src/app.py"),
        ("file:/srv/build/src/app.py", "/srv/build/src/app.py"),
        ("file:///srv/agent/conf/x.yml", "conf/x.yml"),
        ("file:///srv/x.yml", "x.yml"),
        ("file:///etc/passwd", "/etc/passwd"),
        ("file://build.example.com/src/a.c", "/src/a.c"),
        ("/workspace/a.c", "/workspace/a.c"),
        ("", ""),
    ],
)
def test_paths(uri: str, path: str) -> None:
    found = at(
        uri,
        originalUriBaseIds={
            "ROOT": {"uri": "file:///srv/build/"},
            "TOP": {"uri": "file:///"},
            "SRC": {"uri": "src/"},
            "SRV": {"uri": "file:///srv"},
        },
        invocations=[{"workingDirectory": {"uri": "file:///srv/agent"}}],
    )
    assert (found.path, found.line, found.end_line) == (path, 3, 4)


def test_the_build_machines_folder_is_no_identity() -> None:
    keys = {
        at(f"file:///{top}/src/app.py", originalUriBaseIds={"ROOT": {"uri": f"file:///{top}/"}}).key
        for top in ("codebuild/output/src123", "codebuild/output/src456")
    }
    assert keys == {("src/app.py", "line 3")}


def test_a_place_among_the_artifacts() -> None:
    assert at({"index": 1}, artifacts=[{}, {"location": {"uri": "a.c"}}]).path == "a.c"
    for index in (-1, 0, 2, True, "1"):
        assert at({"index": index}, artifacts=[{}, {"location": {"uri": "x"}}]).path == ""


def test_an_end_without_a_beginning() -> None:
    location = {"physicalLocation": {"artifactLocation": {"uri": "a.c"}, "region": {"endLine": 4}}}
    found = only(result(locations=[location]))
    assert (found.line, found.end_line) == (None, None)


def test_a_url() -> None:
    found = at("https://shop.example/login?next=%2F")
    assert (found.path, found.url, found.kind) == ("", "https://shop.example/login?next=%2F", Kind.WEB)
    assert found.location == "https://shop.example/login?next=%2F"


def test_a_place_without_a_file() -> None:
    logical = {"name": "add", "fullyQualifiedName": "collections::list::add"}
    found = only(result(locations=[{"logicalLocations": [logical]}]))
    assert (found.path, found.location, found.line) == ("", "collections::list::add", None)
    assert found.key == ("collections::list::add", "")


@pytest.mark.parametrize("locations", [None, [], {}, ["x"], [{}], [{"physicalLocation": []}]])
def test_no_place_at_all(locations: object) -> None:
    assert only(result(locations=locations)).key == ("", "")


# --- identity ---


@pytest.mark.parametrize(
    ("prints", "part"),
    [
        ({"fingerprints": {"b/v2": "22222222", "b/v1": "11111111"}}, "b/v1 11111111"),
        ({"fingerprints": {"a": "x" * 8}, "partialFingerprints": {"lineHash": "y" * 8}}, "a xxxxxxxx"),
        (
            {"partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1"}},
            "primaryLocationLineHash 39fa2ee980eb94b0:1",
        ),
        ({"partialFingerprints": {"contextRegionHash/v1": "0123456789ab"}}, "contextRegionHash/v1 0123456789ab"),
        # Semgrep without an account, and Gitleaks:
        ({"fingerprints": {"matchBasedId/v1": "requires login"}}, "line 7"),
        (
            {"partialFingerprints": {"author": "Ann Example", "commitSha": COMMIT, "email": "ann@acme.example"}},
            "line 7",
        ),
        ({"partialFingerprints": {"emailHash": "ann@acme.example"}}, "line 7"),
        ({"partialFingerprints": {"primaryLocationStartColumnFingerprint": "12345678"}}, "line 7"),
        ({"fingerprints": [], "partialFingerprints": "x"}, "line 7"),
        ({"fingerprints": {"a": 5, "b": None}}, "line 7"),
    ],
    ids=range(10),
)
def test_fingerprints(prints: dict[str, Any], part: str) -> None:
    found = only(result(**prints))
    assert found.key == ("src/app.py", part)
    assert "acme.example" not in repr(found)


def test_two_results_on_a_line_keep_their_ids_in_any_order() -> None:
    two = []
    for column in (4, 30):
        place = {"artifactLocation": {"uri": "src/app.py"}, "region": {"startLine": 7, "startColumn": column}}
        two.append(result(locations=[{"physicalLocation": place}]))
    findings = parsed(run(*two)).findings
    assert [one.detail for one in findings] == [("7", "4"), ("7", "30")]
    assert identify(SUBJECT, findings) == identify(SUBJECT, findings[::-1])[::-1]
    assert len({id_ for id_, _ in identify(SUBJECT, findings)}) == 2


def test_severity_and_message_are_no_identity() -> None:
    assert only(result(level="note")).key == only(result(level="error", message={"text": "other"})).key


# --- suppressions ---


@pytest.mark.parametrize(
    ("suppressions", "text"),
    [
        ([{"kind": "external"}], "suppressed outside the source"),
        ([{"kind": "inSource", "status": "accepted"}], "suppressed in the source"),
        ([{"kind": "inSource", "justification": "a test"}], "suppressed in the source: a test"),
        ([{"status": None}], "suppressed"),
        ([{"kind": "external"}, {"kind": "external"}], "suppressed outside the source"),
        ([{"kind": "external", "status": "underReview"}], ""),
        ([{"kind": "external", "status": "rejected"}], ""),
        ([{"kind": "external", "status": "accepted"}, {"kind": "external", "status": "rejected"}], ""),
        ([{"kind": "external", "status": "Accepted"}], ""),
        ([{"kind": "external", "status": 1}], ""),
        (["external"], ""),
        ([], ""),
        (None, ""),
        ({"kind": "external"}, ""),
    ],
    ids=range(14),
)
def test_suppressions(suppressions: Any, text: str) -> None:
    assert only(result(suppressions=suppressions)).suppressed == text


# --- damage ---

NAMES = ["appendix_k", "dockle", "suppressed"]


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_report_is_unreadable(name: str) -> None:
    never_read_when_cut(sarif.parse, read(f"sarif/{name}.sarif"))


@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report(report: bytes) -> None:
    assert survives(sarif.parse, report) is None


def silent(read_: ScanResult | None) -> bool:
    return read_ is not None and not (read_.findings or read_.errors or read_.nothing)


@pytest.mark.parametrize("name", NAMES)
def test_any_exchange(name: str) -> None:
    @given(exchanged(f"sarif/{name}.sarif"))
    @QUIET
    def check(report: bytes) -> None:
        if silent(survives(sarif.parse, report)):
            assert '"ruleId"' not in json.dumps([one["results"] for one in json.loads(report)["runs"]])

    check()


@given(ANYTHING, ANYTHING, ANYTHING)
@QUIET
def test_any_json_in_the_right_places(one: Any, two: Any, three: Any) -> None:
    survives(sarif.parse, dump(one))
    survives(sarif.parse, dump(log(one, run())))
    survives(sarif.parse, dump(log(run(one, **({"invocations": [two, three]})))))
    survives(sarif.parse, dump(log(run(result(rule=one, ruleIndex=two, message=three), rules=[one, LEVEL_RULE]))))
    survives(sarif.parse, dump(log(run(result(kind=one, level=two, properties=three), extensions=one))))
    survives(
        sarif.parse, dump(log(run(result(provenance=one, taxa=[two], fixes=three), originalUriBaseIds={"A": one})))
    )
    override = {"ruleConfigurationOverrides": [{"descriptor": one, "configuration": two}], "endTimeUtc": three}
    survives(sarif.parse, dump(log(run(result(locations=[one]), artifacts=two, invocations=[override]))))
    place = {"physicalLocation": {"artifactLocation": {"uri": one, "index": two}, "region": three}}
    survives(
        sarif.parse, dump(log(run(result(locations=[place], fingerprints=one, suppressions=[two]), artifacts=[three])))
    )
    rule = {"id": "R1", "properties": {"tags": [one], "security-severity": two}, "messageStrings": three, "help": one}
    found = survives(sarif.parse, dump(log(run(result(ruleId="R1"), rules=[rule]))))
    assert found is not None
    assert len(found.findings) == 1


@given(wrong_byte("sarif/dockle.sarif"), wrong_byte("sarif/suppressed.sarif"))
@QUIET
def test_a_wrong_byte(one: bytes, two: bytes) -> None:
    for report in (one, two):
        assert not silent(survives(sarif.parse, report))


def test_ten_thousand_results_in_time() -> None:
    rules = [{"id": f"R{number}", "properties": {"security-severity": "9.8"}} for number in range(10_000)]
    extensions = [{"name": f"E{number}", "rules": []} for number in range(1_000)]
    results = [result(ruleId=f"R{number}/a/b/c", rule={"toolComponent": {"name": "E7"}}) for number in range(10_000)]
    bases = {f"B{number}": {"uri": f"file:///{number}"} for number in range(1_000)}
    data = dump(log(run(*results, rules=rules, extensions=extensions, originalUriBaseIds=bases)))
    start = time.process_time()
    assert Counter(one.severity for one in sarif.parse(data).findings) == {Severity.CRITICAL: 10_000}
    assert time.process_time() - start < 3  # a quarter of it on a machine with nothing else to do
