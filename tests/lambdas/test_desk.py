"""The command at a desk, as a person starts it: its own process, its exit code, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asff_model

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "tests" / "reports"


def desk(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "findings", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "lambdas/findings_importer"},
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


def judged(*arguments: object, stdin: bytes = b"") -> tuple[int, Any]:
    done = desk(*arguments, stdin=stdin)
    assert done.stderr == b"", done.stderr
    return done.returncode, json.loads(done.stdout)


def file(name: str) -> Path:
    return REPORTS / name


# Exit codes and verdicts: read in the reports themselves. grype/many.json has two Critical, semgrep/many.json WARNING
# and INFO, snyk/project_none.json a project of no dependencies.
@pytest.mark.parametrize(
    ("scanner", "name", "code", "verdict"),
    [
        ("grype", "grype/many.json", 1, "findings"),
        ("grype", "grype/none.json", 0, "pass"),
        ("semgrep", "semgrep/many.json", 0, "pass"),
        ("snyk", "snyk/project_none.json", 3, "no-evidence"),
        ("snyk", "snyk/invalid.json", 3, "no-evidence"),
        ("grype", "zap/many.json", 3, "no-evidence"),
        ("gitleaks", "gitleaks/none.json", 0, "pass"),
        ("git-secrets", "git-secrets/source_many.txt", 1, "findings"),
        ("git-secrets", "git-secrets/source_none.txt", 0, "pass"),
        ("inspector", "inspector/none.json", 0, "pass"),
        ("grype", "no/such/file.json", 3, "no-evidence"),
    ],
)
def test_the_exit_code_is_the_verdict(scanner: str, name: str, code: int, verdict: str) -> None:
    done = desk("--scanner", scanner, "--report", file(name))
    ended, document = done.returncode, json.loads(done.stdout)
    assert bool(done.stderr) == name.startswith("no/such"), done.stderr
    assert (ended, document["verdict"]) == (code, verdict)
    assert set(document) == {"verdict", "counts", "blocking", "reason", "findings"}


def test_the_findings_are_asff() -> None:
    _, document = judged(
        "--scanner", "auto", "--report", file("grype/many.json"), "--repository", "shop", "--branch", "dev"
    )
    assert document["counts"] == {
        "critical": 2,
        "high": 2,
        "medium": 5,
        "low": 0,
        "informational": 0,
        "ungraded": 0,
        "waived": 0,
    }
    assert len(document["findings"]) == 9
    assert [error for finding in document["findings"] for error in asff_model.errors(finding)] == []
    assert all(finding["Id"].startswith("shop/dev/grype-") for finding in document["findings"])


@pytest.mark.parametrize(("fail_on", "code"), [("medium", 1), ("high", 0), ("critical", 0)])
def test_the_threshold_is_an_option(fail_on: str, code: int) -> None:
    assert judged("--scanner", "semgrep", "--report", file("semgrep/many.json"), "--fail-on", fail_on)[0] == code


def test_a_scanner_that_failed_is_a_tool_error() -> None:
    code, document = judged("--scanner", "grype", "--report", file("grype/none.json"), "--exit-code", "2")
    assert (code, document["verdict"]) == (2, "tool-error")


def test_the_report_may_come_through_a_pipe() -> None:
    code, _ = judged("--scanner", "auto", "--report", "-", stdin=file("grype/none.json").read_bytes())
    assert code == 0
    assert judged("--scanner", "auto", "--report", "-")[0] == 3


def test_a_missing_file_is_named() -> None:
    done = desk("--scanner", "grype", "--report", "no/such.json")
    assert (done.returncode, done.stderr) == (3, b"findings: there is no file no/such.json\n")


def test_the_scope_is_what_the_report_is_of() -> None:
    _, image = judged("--scanner", "auto", "--report", file("grype/fix_not_available.json"))
    _, folder = judged("--scanner", "auto", "--report", file("grype/directory_scan_many.json"))
    assert image["findings"][0]["Id"].startswith("repository/main/grype-image/")
    assert folder["findings"][0]["Id"].startswith("repository/main/grype-dependencies/")
    code, document = judged("--scanner", "grype", "--report", file("grype/none.json"), "--scope", "dependencies")
    assert (code, document["reason"]) == (3, "the report is about an image, not a folder")


@pytest.mark.parametrize("options", [("--scope", "bogus"), ("--commit", "HEAD"), ("--fail-on", "severe")])
def test_an_option_that_means_nothing_ends_with_2(options: tuple[str, str]) -> None:
    assert desk("--scanner", "grype", "--report", file("grype/none.json"), *options).returncode == 2


def in_bash(command: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "lambdas/findings_importer"}
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-", "<&-"])
def test_output_that_cannot_be_written_is_no_verdict(redirection: str) -> None:
    report = "-" if redirection == "<&-" else file("grype/many.json")
    for form in ("json", "table", "html"):
        command = f"{sys.executable} -m findings --scanner grype --report {report} --format {form} {redirection}"
        done = in_bash(command)
        assert done.returncode == 2, form
        assert done.stderr.startswith(b"findings: "), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    "raw", [b"null", b'{"findings": []}', b"[]", b"{}", b"{", b"\xff", b"[" * 100_000, b'{"findings": [], "site": []}']
)
def test_auto_never_guesses(raw: bytes) -> None:
    code, document = judged("--scanner", "auto", "--report", "-", stdin=raw)
    assert (code, document["verdict"]) == (3, "no-evidence")


RECOGNIZED = {
    "git-secrets": "git-secrets",
    "ecr": "ecr",
    "gitleaks": "gitleaks",
    "grype": "grype",
    "inspector": "inspector",
    "sarif": "sarif",
    "semgrep": "semgrep",
    "zap": "zap",
}


def test_auto_knows_every_real_report() -> None:
    from findings.parsers import PARSERS, recognize

    named = {
        "snyk/code_sarif_many.json": "snyk-code",
        "snyk/container_many.json": "snyk-container",
        "snyk/container_with_applications.json": "snyk-container",
        "snyk/project_null_cvss.json": "snyk-container",  # of an image: packageManager rpm, path docker-archive:...
        "snyk/project_one.json": "snyk",
        "snyk/project_none.json": "snyk",
        "snyk/projects_many.json": "snyk",
        "snyk/projects_none.json": "snyk",
    }
    # No JSON; an event; and two that any tool could have written.
    left_out = {"snyk/invalid.json", "inspector/event_image.json", "gitleaks/none.json", "inspector/none.json"}
    seen: set[str] = set()
    for path in sorted(REPORTS.glob("*/*.*")):
        name = path.relative_to(REPORTS).as_posix()
        if path.name != "SOURCES.md" and name not in left_out:
            assert recognize(path.read_bytes()) == named.get(name, RECOGNIZED.get(path.parent.name)), name
            seen.add(named.get(name, path.parent.name))
    assert seen == set(PARSERS), "a scanner needs a sample report in tests/reports"


def waivers(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    path = tmp_path / "waivers.json"
    path.write_text(json.dumps(list(entries)))
    return path


WAIVER = {"scanner": "grype", "owner": "ann@example.com", "reason": "not reachable", "expires": "2999-12-31"}


def test_waivers_count_apart(tmp_path: Path) -> None:
    # The one finding of fix_not_available.json: High, CVE-2021-43396 is not it; read by eye.
    rule = json.loads(file("grype/fix_not_available.json").read_bytes())["matches"][0]["vulnerability"]["id"]
    accepted = waivers(tmp_path, WAIVER | {"rule": rule})
    code, document = judged(
        "--scanner", "grype", "--report", file("grype/fix_not_available.json"), "--waivers", accepted
    )
    assert (code, document["counts"]["waived"]) == (0, 1)
    assert document["findings"][0]["Workflow"] == {"Status": "SUPPRESSED"}
    ended = waivers(tmp_path, WAIVER | {"rule": rule, "expires": "2020-01-31"})
    done = desk("--scanner", "grype", "--report", file("grype/fix_not_available.json"), "--waivers", ended)
    assert done.returncode == 1
    assert done.stderr.decode() == f"findings: the waiver for {rule} ended on 2020-01-31: it does not count\n"


@pytest.mark.parametrize("content", ["", "{", "{}", '[{"scanner": "grype"}]', '[{"scanner": "nmap"}]', "null"])
def test_a_waiver_file_that_cannot_be_read_ends_with_2(tmp_path: Path, content: str) -> None:
    path = tmp_path / "waivers.json"
    path.write_text(content)
    done = desk("--scanner", "grype", "--report", file("grype/none.json"), "--waivers", path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"findings: waivers.json")
    assert b"Traceback" not in done.stderr


def test_a_file_that_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    done = desk("--scanner", "grype", "--report", tmp_path)  # a folder
    assert done.returncode == 2
    assert done.stderr.startswith(b"findings: ")
    assert desk("--scanner", "nmap", "--report", tmp_path).returncode == 2


def test_the_table_is_for_people() -> None:
    done = desk("--scanner", "grype", "--report", file("grype/many.json"), "--format", "table")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert lines[0] == "FINDINGS  grype dependencies: 2 critical, 2 high, 5 medium"
    assert lines[1] == "4 findings at or above high, or ungraded"
    assert len([line for line in lines if line.startswith("BLOCKS")]) == 4
    assert max(map(len, lines)) <= 160


def test_the_table_says_the_line() -> None:
    # code_sarif_many.json, read by eye: javascript/CodeInjection at serverStatusCheck.html, startLine 41
    done = desk("--scanner", "snyk-code", "--report", file("snyk/code_sarif_many.json"), "--format", "table")
    (line,) = [line for line in done.stdout.decode().splitlines() if "javascript/CodeInjection" in line]
    assert line.endswith("/serverStatusCheck.html:41")


def test_our_own_output_is_no_report() -> None:
    _, document = judged("--scanner", "grype", "--report", file("grype/none.json"))
    assert judged("--scanner", "auto", "--report", "-", stdin=json.dumps(document).encode())[0] == 3


def test_the_page_is_html() -> None:
    done = desk("--scanner", "zap", "--report", file("zap/many.json"), "--format", "html")
    assert done.returncode == 1
    assert done.stdout.lstrip().lower().startswith(b"<!doctype html>")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m findings --scanner grype --report {file('grype/many.json')} | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = in_bash(command)
    assert (done.returncode, done.stderr) == (1, b"")


def test_every_scanner_of_the_contract_has_a_parser_and_nothing_else_has() -> None:
    from common.contract import READ_ONLY_SCANNERS, SCOPES
    from findings.parsers import PARSERS, parser

    assert set(PARSERS) == set(SCOPES) | READ_ONLY_SCANNERS
    assert all(callable(parser(scanner)) for scanner in PARSERS)
