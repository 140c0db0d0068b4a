"""Grype, ECR and Amazon Inspector. Counts and facts about real reports were read in the files themselves."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings

from findings.identity import identify
from findings.model import Cvss, Kind, Package, Severity, Subject, UnreadableError
from findings.parsers import ecr, grype, inspector
from report_damage import (
    ANYTHING,
    HOSTILE,
    Parse,
    dump,
    exchanged,
    load,
    never_read_when_cut,
    read,
    survives,
    wrong_byte,
)

QUIET = settings(deadline=None, database=None, max_examples=60)
SUBJECT = Subject("grype", "image", "payments", "e", "payments", "main", "c")
ECR_DIGEST = "sha256:74b2c688c700ec95a93e478cdb959737c148df3fbf5ea706abe0318726e885e6"
IMAGE = "sha256:84f507df33c6864d49c296fb734192696e4cb6f78166ac51ac8b9b118181085d"


def severities(parse: Parse, report: bytes) -> dict[str, int]:
    return dict(Counter(finding.severity.value for finding in parse(report).findings))


# --- Grype ---


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("many", {"medium": 5, "high": 2, "critical": 2}),
        ("none", {}),
        ("same_cve_two_paths", {"critical": 2}),
        ("fix_not_available", {"high": 1}),
        ("directory_scan_many", {"high": 3, "medium": 5}),
    ],
)
def test_grype_severities(name: str, counts: dict[str, int]) -> None:
    report = read(f"grype/{name}.json")
    result = grype.parse(report)
    assert severities(grype.parse, report) == counts
    assert result.errors == ()
    assert result.nothing == ""


def test_grype_facts_of_one_match() -> None:
    found = {finding.rule: finding for finding in grype.parse(read("grype/directory_scan_many.json")).findings}
    one = found["GHSA-jxhc-q857-3j6g"]
    assert one.title == "GHSA-jxhc-q857-3j6g in addressable 2.7.0"
    assert (one.severity, one.original, one.kind) == (Severity.HIGH, "High", Kind.VULNERABILITY)
    assert one.description == "Regular Expression Denial of Service in Addressable templates"
    assert one.cves == ("CVE-2021-32740",)
    assert one.aliases == ()
    assert one.cvss == (Cvss("3.1", 7.5, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"),)
    assert one.epss == 0.00459
    assert one.packages == (Package("addressable", "2.7.0", "gem", "/js/Gemfile.lock", ("2.8.0",)),)
    assert one.fixable
    assert (one.location, one.path) == ("/js/Gemfile.lock", "/js/Gemfile.lock")
    assert one.key == ("gem", "addressable", "/js/Gemfile.lock")
    assert one.url == "https://github.com/advisories/GHSA-jxhc-q857-3j6g"
    assert "https://nvd.nist.gov/vuln/detail/CVE-2021-32740" in one.references


def grype_match(artifact: dict[str, Any], **vulnerability: Any) -> bytes:
    """A report about one package of a folder, with no more in it than given."""
    match = {"vulnerability": {"id": "CVE-2024-1", "severity": "High", **vulnerability}, "artifact": artifact}
    source = {"type": "directory", "target": "/src"}
    return dump({"matches": [match], "source": source, "descriptor": {"name": "grype", "version": "0.100.0"}})


def test_grype_a_package_of_which_little_is_known() -> None:
    (one,) = grype.parse(grype_match({"name": "libfoo"})).findings
    assert one.title == "CVE-2024-1 in libfoo"
    assert (one.location, one.path, one.description, one.remediation, one.url) == ("libfoo", "", "", "", "")
    assert one.packages == (Package("libfoo"),)
    assert one.references == ()
    assert one.fixable is None


def test_grype_what_to_do_and_where_it_is_written() -> None:
    places = [{"path": "/b"}, {"path": "/a"}, {"path": ""}, {"path": "/b"}]
    artifact = {"name": "libfoo", "version": "1.0", "type": "deb", "locations": places}
    report = grype_match(
        artifact,
        fix={"versions": ["1.1", "2.0"], "state": "fixed"},
        dataSource="https://security.example.com/CVE-2024-1",
        urls=["https://example.com/1", "https://example.com/2"],
    )
    (one,) = grype.parse(report).findings
    assert one.remediation == "Update libfoo to 1.1 or 2.0."
    assert one.packages == tuple(Package("libfoo", "1.0", "deb", path, ("1.1", "2.0")) for path in ("/a", "/b"))
    assert (one.location, one.path, one.key) == ("/a", "/a", ("deb", "libfoo", "/a", "/b"))
    assert one.url == "https://security.example.com/CVE-2024-1"
    assert one.references == (one.url, "https://example.com/1", "https://example.com/2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vulnerability": None}, "a match's vulnerability is no object"),
        ({"artifact": []}, "a match's artifact is no object"),
        ({"vulnerability": {"severity": "High"}}, "a vulnerability's id is missing or no text"),
        ({"artifact": {"version": "1"}}, "an artifact's name is missing or no text"),
    ],
)
def test_grype_a_match_needs_what_names_it(change: dict[str, Any], message: str) -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0] |= change
    with pytest.raises(UnreadableError) as unreadable:
        grype.parse(dump(report))
    assert str(unreadable.value) == message


def test_grype_does_not_know_of_a_fix() -> None:
    (one,) = grype.parse(read("grype/fix_not_available.json")).findings
    assert (one.rule, one.fixable, one.packages[0].fixed_in) == ("CVE-2009-3882", None, ())  # its state is "unknown"
    assert one.cves == ("CVE-2009-3882",)


@pytest.mark.parametrize(
    ("fix", "fixable"),
    [
        ({"state": "fixed"}, True),
        ({"state": "not-fixed"}, False),
        ({"state": "wont-fix"}, False),
        ({"state": "unknown"}, None),
        ({"state": ""}, None),
        ({"state": "soon"}, None),
        ({"state": ["fixed"]}, None),
        ({}, None),
        (None, None),
        ({"state": "unknown", "versions": ["1.1"]}, True),
        ({"state": "wont-fix", "versions": ["1.1"]}, True),
        ({"state": "not-fixed", "versions": []}, False),
    ],
)
def test_grype_fix_states(fix: Any, fixable: bool | None) -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0]["vulnerability"]["fix"] = fix
    assert grype.parse(dump(report)).findings[0].fixable is fixable
    del report["matches"][0]["vulnerability"]["fix"]
    assert grype.parse(dump(report)).findings[0].fixable is None


def test_two_versions_in_one_place_keep_their_ids_in_any_order() -> None:
    report = load("grype/fix_not_available.json")
    one = report["matches"][0]
    other = {**one, "artifact": {**one["artifact"], "version": "9.9"}}
    named = []
    for matches in ([one, other], [other, one]):
        report["matches"] = matches
        named.append({found.detail: name for name, found in identify(SUBJECT, grype.parse(dump(report)).findings)})
    assert named[0] == named[1]
    assert set(named[0]) == {(one["artifact"]["version"],), ("9.9",)}


def test_grype_lists_a_package_of_many_places_in_some_of_them() -> None:
    report = load("grype/fix_not_available.json")
    match = report["matches"][0]
    match["artifact"]["locations"] = [{"path": f"/{number:04}"} for number in range(1000)]
    (one,) = grype.parse(dump(report)).findings
    assert [package.path for package in one.packages] == [f"/{number:04}" for number in range(100)]
    assert one.description.endswith("\nFound in 900 more places.")
    assert len(one.key) == 1002
    # As many fixed versions: the texts of all packages together stay in proportion to the report.
    match["vulnerability"]["fix"]["versions"] = [f"1.{number}" for number in range(10_000)]
    data = dump(report)
    (one,) = grype.parse(data).findings
    assert sum(len(text) for package in one.packages for text in package.fixed_in) < len(data)
    assert one.packages[0].path == "/0000"
    assert one.description.endswith("\nFound in 999 more places.")


def test_grype_says_nothing_of_more_places_where_all_are_listed() -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0]["artifact"]["locations"] = [{"path": f"/{number:04}"} for number in range(100)]
    (one,) = grype.parse(dump(report)).findings
    assert len(one.packages) == 100
    assert "more places" not in one.description


@pytest.mark.parametrize(
    "report",
    [
        b'{"descriptor": {"name": "grype"}, "source": {"type": "image"}, "matches": [{}], "matches": []}',
        b'{"descriptor": {"name": "grype", "name": "grype"}, "source": {"type": "image"}, "matches": []}',
        b'{"descriptor": {"name": "grype"}, "source": {"type": "image"}, "matches": [], "x": [[{"a": 1, "\\u0061": 1}]]}',
    ],
    ids=range(3),
)
def test_two_members_of_one_name_are_unreadable(report: bytes) -> None:
    with pytest.raises(UnreadableError, match="an object of the JSON has two members of one name"):
        grype.parse(report)


def test_grype_same_cve_in_two_paths_stays_two() -> None:
    findings = grype.parse(read("grype/same_cve_two_paths.json")).findings
    assert [finding.rule for finding in findings] == ["CVE-2021-33574", "CVE-2021-33574"]
    assert sorted(finding.path for finding in findings) == [
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
    ]
    assert len({name for name, _ in identify(SUBJECT, findings)}) == 2


def test_grype_identity_survives_a_new_build() -> None:
    report = load("grype/same_cve_two_paths.json")
    before = [finding.key for finding in grype.parse(dump(report)).findings]
    for match in report["matches"]:
        match["artifact"]["version"] = "2.28-11"
        match["artifact"]["id"] = "another"
        match["artifact"]["locations"][0]["layerID"] = "sha256:" + "0" * 64
        match["vulnerability"]["severity"] = "Low"
    assert [finding.key for finding in grype.parse(dump(report)).findings] == before


def test_grype_key_does_not_depend_on_the_order_of_locations() -> None:
    report = load("grype/same_cve_two_paths.json")
    names = [f"/{letter}" for letter in "abcdefghij"]
    places = [*({"path": name} for name in names), {"layerID": "sha256:0"}]
    keys = []
    for locations in (places, places[::-1]):
        report["matches"][0]["artifact"]["locations"] = locations
        keys.append(grype.parse(dump(report)).findings[0].key)
    assert keys == [("deb", "libc6", *names)] * 2


def test_grype_says_what_it_scanned_and_when() -> None:
    image = grype.parse(read("grype/fix_not_available.json"))
    assert image.digest == "sha256:4e1c538085614cbc0c9affbb206abbec3220118425409662e46b3d4bb71d1b6d"
    assert image.made_at == datetime(2024, 4, 10, 11, 5, 22, 636338, UTC)
    assert grype.parse(read("grype/same_cve_two_paths.json")).digest == ""  # its digest is "sha256:test"
    folder = grype.parse(read("grype/directory_scan_many.json"))
    assert (folder.digest, folder.made_at) == ("", datetime(2025, 4, 1, 23, 4, 22, 725846, UTC))
    report = load("grype/none.json")
    report["source"]["type"] = "directory"
    assert grype.parse(dump(report)).digest == ""


@pytest.mark.parametrize("text", ["2024-04-10T11:05:22", "2024-04-10", "", None, "soon", 5e20, -(10**400), True])
def test_a_time_without_a_zone_or_out_of_reach_is_none(text: Any) -> None:
    report = load("grype/none.json")
    report["descriptor"]["timestamp"] = text
    assert grype.parse(dump(report)).made_at is None
    answer = load("ecr/basic_one.json")
    answer["imageScanFindings"]["imageScanCompletedAt"] = text
    assert ecr.parse(dump(answer)).made_at is None


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("Critical", Severity.CRITICAL),
        ("High", Severity.HIGH),
        ("Medium", Severity.MEDIUM),
        ("Low", Severity.LOW),
        ("Negligible", Severity.INFORMATIONAL),
        ("Unknown", Severity.UNGRADED),
        ("", Severity.UNGRADED),
        (None, Severity.UNGRADED),
        ("CRITICAL", Severity.CRITICAL),
    ],
)
def test_grype_severity_words(word: str | None, severity: Severity) -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0]["vulnerability"]["severity"] = word
    result = grype.parse(dump(report))
    assert result.findings[0].severity is severity
    assert result.findings[0].original == (word or "")
    assert result.errors == ()


def test_an_unknown_severity_is_an_error_and_never_a_guess() -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0]["vulnerability"]["severity"] = "Catastrophic"
    result = grype.parse(dump(report))
    assert result.errors == ("severity 'Catastrophic' of CVE-2009-3882 is not known",)
    assert (result.findings[0].severity, result.findings[0].original) == (Severity.UNGRADED, "Catastrophic")


@pytest.mark.parametrize("value", [3, 7.5, True, ["High"], {"level": "High"}])
def test_a_severity_that_is_no_text_is_unreadable(value: Any) -> None:
    report = load("grype/fix_not_available.json")
    report["matches"][0]["vulnerability"]["severity"] = value
    with pytest.raises(UnreadableError):
        grype.parse(dump(report))


def test_grype_cves_of_an_advisory_are_those_beside_it() -> None:
    report = load("grype/directory_scan_many.json")
    report["matches"] = report["matches"][:1]
    report["matches"][0]["relatedVulnerabilities"] = [
        {"id": "CVE-2021-32740"},
        {"id": "CVE-2021-32740"},
        {"id": "PYSEC-1"},
        {"id": 5},
    ]
    (one,) = grype.parse(dump(report)).findings
    assert one.cves == ("CVE-2021-32740",)
    assert one.aliases == ("PYSEC-1",)


def test_grype_known_exploited() -> None:
    report = load("grype/directory_scan_many.json")
    report["matches"][0]["relatedVulnerabilities"][0]["knownExploited"] = [
        {"cve": "CVE-2021-32740", "dateAdded": "2021-12-10", "knownRansomwareCampaignUse": "Known", "cwes": ["CWE-400"]}
    ]
    first, second = grype.parse(dump(report)).findings[:2]
    assert first.exploit == "known to be exploited (CISA KEV, since 2021-12-10); use in ransomware campaigns: Known"
    assert first.cwes == ("CWE-400",)
    assert second.exploit == ""


def test_grype_metadata_come_from_the_related_record_where_its_own_are_empty() -> None:
    report = load("grype/directory_scan_many.json")
    vulnerability = report["matches"][0]["vulnerability"]
    vulnerability.update(cvss=[], epss=[], description="")
    one = grype.parse(dump(report)).findings[0]
    assert [(score.version, score.score, score.source) for score in one.cvss] == [
        ("3.1", 7.5, "nvd@nist.gov"),
        ("2.0", 5, "nvd@nist.gov"),
        ("3.1", 7.5, "security-advisories@github.com"),
    ]
    assert one.epss == 0.00459
    assert one.description.startswith("Addressable is an alternative implementation")


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([{"vulnerability": "CVE-1", "reason": "not built"}], "ignored by Grype: not built, vulnerability CVE-1"),
        (
            [{"vex-status": "not_affected", "vex-justification": "vulnerable_code_not_present"}],
            "ignored by Grype: not_affected, vulnerable_code_not_present",
        ),
        (
            [{"package": {"name": "kernel"}}, {"fix-state": "wont-fix"}],
            "ignored by Grype: package kernel; fix-state wont-fix",
        ),
        ([], "ignored by Grype"),
        (None, "ignored by Grype"),
    ],
)
def test_grype_ignored_matches_are_suppressed_findings(rules: Any, reason: str) -> None:
    report = load("grype/directory_scan_many.json")
    report["ignoredMatches"] = [{**report["matches"].pop(0), "appliedIgnoreRules": rules}]
    findings = grype.parse(dump(report)).findings
    assert [finding.suppressed for finding in findings] == [""] * 7 + [reason]
    assert findings[-1].rule == "GHSA-jxhc-q857-3j6g"


@pytest.mark.parametrize(
    "database",
    [
        {"error": "database is 30 days old"},
        {"error": {}},  # how Go writes an error
        {"status": {"valid": False}},
        {"status": {"valid": True, "error": "checksum"}},
        {"valid": False},
        {"status": {"valid": "yes"}},
    ],
)
def test_grype_with_a_failed_database_is_an_error(database: dict[str, Any]) -> None:
    report = load("grype/none.json")
    report["descriptor"]["db"] = database
    (error,) = grype.parse(dump(report)).errors
    assert "database" in error


def test_grype_alerts() -> None:
    report = load("grype/none.json")
    package = {"package": {"name": "p"}, "alerts": [{"type": "distro-eol", "message": "Package is from debian 8"}]}
    report["alertsByPackage"] = [package, package]
    result = grype.parse(dump(report))
    assert (result.notes, result.errors) == (("Package is from debian 8 (2 packages)",), ())
    for kind in ("distro-disabled", "distro-unknown", "something new"):
        package["alerts"][0]["type"] = kind
        assert len(grype.parse(dump(report)).errors) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"matches": None},
        {"matches": {}},
        {"matches": ["x"]},
        {"matches": [{"artifact": {"name": "a"}}]},
        {"matches": [{"vulnerability": {"id": ""}, "artifact": {"name": "a"}}]},
        {"matches": [{"vulnerability": {"id": "CVE-1"}, "artifact": {}}]},
        {"descriptor": {"name": "syft"}},
        {"descriptor": {}},
        {"descriptor": None},
        {"ignoredMatches": {}},
        {"alertsByPackage": "x"},
    ],
)
def test_grype_what_decides_must_be_there(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        grype.parse(dump({**load("grype/none.json"), **change}))


# --- ECR ---


def test_ecr_basic_example_of_the_documentation() -> None:
    result = ecr.parse(read("ecr/basic_one.json"))
    (one,) = result.findings
    assert (one.rule, one.severity, one.original) == ("CVE-2019-5188", Severity.MEDIUM, "MEDIUM")
    assert one.title == "CVE-2019-5188 in e2fsprogs"
    assert one.cves == ("CVE-2019-5188",)
    assert one.cvss == (Cvss("2.0", 4.6, "AV:L/AC:L/Au:N/C:P/I:P/A:P"),)
    assert one.packages == (Package("e2fsprogs", "1.44.1-1ubuntu1.1"),)
    assert one.fixable is None  # basic scanning says nothing of fixes
    assert one.detail == ("1.44.1-1ubuntu1.1",)
    assert one.url == "http://people.ubuntu.com/~ubuntu-security/cve/CVE-2019-5188"
    assert one.key == ("e2fsprogs",)
    assert (result.errors, result.nothing, result.delivered_by_aws) == ((), "", False)
    assert result.digest == ECR_DIGEST
    assert result.made_at == datetime(2020, 1, 24, 4, 11, 45, tzinfo=UTC)


def test_ecr_basic_severities() -> None:
    report = read("ecr/basic_many.json")
    assert severities(ecr.parse, report) == {"critical": 2, "high": 1, "low": 1, "informational": 1, "ungraded": 1}
    result = ecr.parse(report)
    assert result.errors == ()
    assert result.made_at == datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=1)))
    assert result.findings[0].cvss == (Cvss("3.1", 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),)


def test_ecr_enhanced() -> None:
    report = read("ecr/enhanced_many.json")
    result = ecr.parse(report)
    assert severities(ecr.parse, report) == {"critical": 1, "medium": 1, "ungraded": 1, "high": 1}
    assert (result.errors, result.nothing, result.delivered_by_aws, result.digest) == ((), "", True, IMAGE)
    log4j, openssl, zlib, curl = result.findings
    assert log4j.packages == (
        Package(
            "org.apache.logging.log4j:log4j-core", "1.2.3", "JAR", "app/app.jar/lib/log4j-core-1.2.3.jar", ("2.15.0",)
        ),
    )
    assert (log4j.fixable, log4j.exploit) == (True, "Amazon Inspector knows of an exploit")
    assert (log4j.cves, log4j.aliases) == (("CVE-2021-44228",), ("GHSA-jfh8-c2jp-5v3q",))
    assert log4j.cvss[0].score == 7.5
    assert (openssl.fixable, openssl.exploit, openssl.location) == (True, "", "openssl")
    assert (zlib.severity, zlib.original, zlib.fixable) == (Severity.UNGRADED, "UNTRIAGED", False)
    assert zlib.packages[0].fixed_in == ()  # Inspector wrote "NotAvailable"
    assert [finding.suppressed for finding in (log4j, openssl, zlib)] == ["", "", ""]
    assert curl.suppressed == "suppressed by a filter in Amazon Inspector"


def test_ecr_pages_in_one() -> None:
    """ecr_scan.py gives both lists to a report of several pages."""
    report = load("ecr/basic_one.json")
    report["imageScanFindings"]["enhancedFindings"] = []
    result = ecr.parse(dump(report))
    assert (len(result.findings), result.delivered_by_aws) == (1, False)


def test_ecr_findings_of_both_kinds_are_an_error_and_stay_with_inspector() -> None:
    report = load("ecr/basic_one.json")
    enhanced = load("ecr/enhanced_many.json")["imageScanFindings"]["enhancedFindings"]
    report["imageScanFindings"]["enhancedFindings"] = enhanced
    result = ecr.parse(dump(report))
    assert (len(result.findings), result.delivered_by_aws) == (5, True)
    assert result.errors == ("findings of both basic and enhanced scanning: a registry has one of them",)


@pytest.mark.parametrize("missing", [1, 3])
def test_ecr_a_missing_page_is_an_error(missing: int) -> None:
    report = load("ecr/basic_many.json")
    del report["imageScanFindings"]["findings"][:missing]
    assert ecr.parse(dump(report)).errors == (f"pages are missing: ECR counts 6 findings, {6 - missing} are listed",)


@pytest.mark.parametrize("status", ["COMPLETE", "ACTIVE"])
def test_ecr_a_clean_scan_needs_its_time(status: str) -> None:
    report = load("ecr/basic_one.json")
    report["imageScanStatus"]["status"] = status
    report["imageScanFindings"].update(findings=[], findingSeverityCounts={})
    assert ecr.parse(dump(report)).nothing == ""
    del report["imageScanFindings"]["imageScanCompletedAt"]
    assert ecr.parse(dump(report)).nothing != ""
    report["imageScanFindings"] = {}
    assert ecr.parse(dump(report)).nothing != ""


def test_ecr_enhanced_findings_prove_a_scan_without_its_time() -> None:
    report = load("ecr/enhanced_many.json")
    del report["imageScanFindings"]["imageScanCompletedAt"]
    assert (ecr.parse(dump(report)).nothing, ecr.parse(dump(report)).made_at) == ("", None)


@pytest.mark.parametrize(
    "status",
    [
        "IN_PROGRESS",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "PENDING",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_ARCHIVED",
        "IMAGE_SIZE_EXCEEDED",
        "SOMETHING_NEW",
        "complete",
    ],
)
def test_ecr_no_other_status_can_pass(status: str) -> None:
    report = load("ecr/basic_one.json")
    report["imageScanStatus"] = {"status": status, "description": "why it is so"}
    report["imageScanFindings"].update(findings=[], findingSeverityCounts={})
    result = ecr.parse(dump(report))
    assert bool(result.errors) != bool(result.nothing)
    assert bool(result.errors) == (status in ("FAILED", "SOMETHING_NEW", "complete"))
    assert "why it is so" in "".join((*result.errors, result.nothing))
    del report["imageScanFindings"]  # as ECR answers before there are any
    result = ecr.parse(dump(report))
    assert result.errors or result.nothing


@pytest.mark.parametrize(
    "change",
    [
        {"imageId": {}},
        {"imageId": {"imageDigest": "sha256:short"}},
        {"imageScanStatus": {}},
        {"imageScanStatus": None},
        {"imageScanFindings": None},
        {"imageScanFindings": {"findings": None}},
        {"imageScanFindings": {"findings": [], "enhancedFindings": {}}},
        {"imageScanFindings": {"findings": [{"severity": "HIGH"}]}},
        {"imageScanFindings": {"findings": [], "findingSeverityCounts": {"HIGH": "1"}}},
        {"imageScanFindings": {"findings": [], "findingSeverityCounts": []}},
    ],
)
def test_ecr_what_decides_must_be_there(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        ecr.parse(dump({**load("ecr/basic_one.json"), **change}))


def test_ecr_severities_that_nobody_knows() -> None:
    report = load("ecr/basic_many.json")
    report["imageScanFindings"]["findings"][0]["severity"] = "APOCALYPTIC"
    del report["imageScanFindings"]["findings"][1]["severity"]
    result = ecr.parse(dump(report))
    assert result.errors == (
        "severity 'APOCALYPTIC' of CVE-2023-45871 is not known",
        "severity '' of CVE-2023-38408 is not known",
    )
    assert [finding.severity for finding in result.findings[:2]] == [Severity.UNGRADED] * 2


# --- Inspector ---


def test_inspector_list() -> None:
    result = inspector.parse(read("inspector/one.json"))
    (one,) = result.findings
    assert (one.rule, one.severity, one.title) == ("CVE-2021-3744", Severity.MEDIUM, "CVE-2021-3744 - linux")
    assert one.epss == 0.00075
    assert one.exploit == ""
    assert one.fixable
    assert one.packages == (Package("linux", "4.19.118-2", "OS", "", ("0:4.19.232-1",)),)
    assert one.cvss == (Cvss("3.1", 5.5, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "NVD"),)
    assert one.remediation == "apt-get update && apt-get upgrade"
    assert one.key == ("my-awesome-docker-image", "OS", "linux", "")
    assert result.digest == "sha256:c667ad018b538adadb5bd1db75836c8561b23bc7d31d9cd8941fa74f5df93802"
    assert (result.errors, result.nothing, result.delivered_by_aws) == ((), "", True)
    assert "johnd" not in repr(result)  # the image's author


def test_inspector_empty_list_is_a_clean_answer() -> None:
    result = inspector.parse(read("inspector/none.json"))
    assert (result.findings, result.errors, result.nothing) == ((), (), "")


def test_inspector_event() -> None:
    detail = load("inspector/event_image.json")["detail"]
    result = inspector.parse_event(detail)
    (one,) = result.findings
    assert (one.rule, one.severity, one.aliases) == ("CVE-2024-6119", Severity.MEDIUM, ("USN-6986-1",))
    assert [package.name for package in one.packages] == ["libssl3t64", "openssl"]
    assert one.key == ("inspector2", "OS", "libssl3t64", "", "OS", "openssl", "")
    assert result.digest == IMAGE
    assert result.made_at == datetime(2024, 9, 4, 16, 55, 38, 411000, UTC)
    detail["updatedAt"] = "2024-09-04T16:55:38.411000+00:00"  # how the API writes it
    assert inspector.parse_event(detail).made_at == result.made_at
    detail["updatedAt"] = "yesterday"
    assert inspector.parse_event(detail).made_at is None


def test_inspector_status() -> None:
    detail = load("inspector/event_image.json")["detail"]
    detail["status"] = "CLOSED"
    assert inspector.parse_event(detail).findings == ()
    assert inspector.parse_event(detail).digest == IMAGE
    detail["status"] = "SUPPRESSED"
    assert inspector.parse_event(detail).findings[0].suppressed
    detail["status"] = "MAYBE"
    result = inspector.parse_event(detail)
    assert (len(result.findings), result.findings[0].suppressed) == (1, "")
    assert result.errors == ("status 'maybe' of a finding is not known",)


@pytest.mark.parametrize(
    ("fix", "fixable"), [("YES", True), ("PARTIAL", True), ("NO", False), (None, True), ("?", True)]
)
def test_inspector_fixable(fix: str | None, fixable: bool) -> None:
    detail = load("inspector/event_image.json")["detail"]
    detail["fixAvailable"] = fix
    assert inspector.parse_event(detail).findings[0].fixable is fixable


@pytest.mark.parametrize(
    ("versions", "fixable"),
    [
        (["NotAvailable", "NotAvailable"], False),
        (["NotAvailable", None], None),
        ([None, None], None),
        ([], None),
        (["NotAvailable", "3.0.14"], True),
        ([None, "3.0.14"], True),
    ],
)
def test_inspector_without_a_word_on_fixes(versions: list[str | None], fixable: bool | None) -> None:
    detail = load("inspector/event_image.json")["detail"]
    del detail["fixAvailable"]
    packages = [{"name": "p", "version": "1", "fixedInVersion": one} for one in versions]
    detail["packageVulnerabilityDetails"]["vulnerablePackages"] = packages
    (one,) = inspector.parse_event(detail).findings
    assert one.fixable is fixable
    assert one.detail == (("p", "", "1") if versions else ())


def test_inspector_identity_survives_a_new_build() -> None:
    detail = load("inspector/event_image.json")["detail"]
    packages = detail["packageVulnerabilityDetails"]["vulnerablePackages"]
    packages += [{**packages[0], "name": f"lib{letter}"} for letter in "abcdefghij"]
    before = inspector.parse_event(detail).findings[0].key
    image = detail["resources"][0]
    image["details"]["awsEcrContainerImage"]["imageHash"] = "sha256:" + "1" * 64
    image["id"] = image["id"].replace(IMAGE, "sha256:" + "1" * 64)
    packages.reverse()
    packages[0]["version"] = "3.0.14"
    assert inspector.parse_event(detail).findings[0].key == before
    assert before[1:5] == ("OS", "liba", "", "OS")
    del image["details"]
    assert inspector.parse_event(detail).findings[0].key[0].endswith(":repository/inspector2")


def test_inspector_of_several_images_names_none() -> None:
    one, other = (load("inspector/event_image.json")["detail"] for _ in range(2))
    other["resources"][0]["details"]["awsEcrContainerImage"]["imageHash"] = ECR_DIGEST
    assert inspector.parse(dump({"findings": [one, other]})).digest == ""
    assert inspector.parse(dump({"findings": [one, one]})).digest == IMAGE


def test_inspector_code_and_network() -> None:
    common = {
        "severity": "HIGH",
        "status": "ACTIVE",
        "title": "t",
        "resources": [{"id": "i-0", "type": "AWS_EC2_INSTANCE"}],
    }
    code = {
        **common,
        "type": "CODE_VULNERABILITY",
        "codeVulnerabilityDetails": {
            "filePath": {"fileName": "app.py", "filePath": "src/app.py", "startLine": 3, "endLine": 5},
            "detectorId": "python/sql-injection@v1.0",
            "ruleId": "python-sqli",
            "cwes": ["CWE-89"],
        },
    }
    network = {
        **common,
        "type": "NETWORK_REACHABILITY",
        "networkReachabilityDetails": {"openPortRange": {"begin": 22, "end": 22}, "protocol": "TCP"},
    }
    new = {**common, "type": "QUANTUM_VULNERABILITY"}
    result = inspector.parse(dump({"findings": [code, network, new]}))
    first, second, third = result.findings
    assert (first.rule, first.kind, first.path, first.line, first.end_line) == (
        "python-sqli",
        Kind.CODE,
        "src/app.py",
        3,
        5,
    )
    assert first.cwes == ("CWE-89",)
    assert first.detail == ("3", "5")
    assert (second.rule, second.kind) == ("NETWORK_REACHABILITY", Kind.CONFIGURATION)
    assert second.key == ("i-0", "TCP 22-22")
    assert (third.rule, third.severity) == ("QUANTUM_VULNERABILITY", Severity.HIGH)
    assert result.errors == ("finding type 'QUANTUM_VULNERABILITY' is not known",)


@pytest.mark.parametrize(
    "document", [{}, {"findings": None}, {"findings": {}}, {"findings": ["x"]}, {"findings": [{}]}, []]
)
def test_inspector_what_decides_must_be_there(document: Any) -> None:
    with pytest.raises(UnreadableError):
        inspector.parse(dump(document))


@pytest.mark.parametrize("detail", [None, [], "x", {}, 5])
def test_inspector_event_that_is_none(detail: Any) -> None:
    with pytest.raises(UnreadableError):
        inspector.parse_event(detail)


# --- whatever comes ---

PARSERS = pytest.mark.parametrize("parse", [grype.parse, ecr.parse, inspector.parse], ids=["grype", "ecr", "inspector"])
REAL = [
    (grype.parse, "grype/many.json"),
    (grype.parse, "grype/none.json"),
    (grype.parse, "grype/same_cve_two_paths.json"),
    (grype.parse, "grype/fix_not_available.json"),
    (grype.parse, "grype/directory_scan_many.json"),
    (ecr.parse, "ecr/basic_one.json"),
    (ecr.parse, "ecr/basic_many.json"),
    (ecr.parse, "ecr/enhanced_many.json"),
    (inspector.parse, "inspector/one.json"),
    (inspector.parse, "inspector/none.json"),
]


@pytest.mark.parametrize(("parse", "name"), REAL)
def test_a_cut_report_is_unreadable(parse: Parse, name: str) -> None:
    never_read_when_cut(parse, read(name))


@PARSERS
@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report(parse: Parse, report: bytes) -> None:
    assert survives(parse, report) is None


@given(exchanged("grype/directory_scan_many.json"))
@QUIET
def test_grype_survives_any_exchange(report: bytes) -> None:
    survives(grype.parse, report)


@given(exchanged("ecr/basic_many.json"))
@QUIET
def test_ecr_survives_any_exchange(report: bytes) -> None:
    survives(ecr.parse, report)


@given(exchanged("ecr/enhanced_many.json"))
@QUIET
def test_ecr_enhanced_survives_any_exchange(report: bytes) -> None:
    survives(ecr.parse, report)


@given(exchanged("inspector/one.json"))
@QUIET
def test_inspector_survives_any_exchange(report: bytes) -> None:
    survives(inspector.parse, report)


@given(wrong_byte("grype/same_cve_two_paths.json"), wrong_byte("ecr/basic_one.json"), wrong_byte("inspector/one.json"))
@QUIET
def test_a_wrong_byte(one: bytes, two: bytes, three: bytes) -> None:
    survives(grype.parse, one)
    survives(ecr.parse, two)
    survives(inspector.parse, three)


@given(ANYTHING)
@QUIET
def test_any_json(document: Any) -> None:
    for parse in (grype.parse, ecr.parse, inspector.parse):
        survives(parse, dump(document))


def test_ten_thousand_findings_in_time() -> None:
    match = dump(load("grype/same_cve_two_paths.json")["matches"][0])
    source = b'"source": {"type": "image"}'
    matches = b'{"descriptor": {"name": "grype"}, ' + source + b', "matches": [' + b",".join([match] * 10_000) + b"]}"
    finding = dump(load("inspector/one.json")["findings"][0])
    listed = b'{"findings": [' + b",".join([finding] * 10_000) + b"]}"
    for parse, data in ((grype.parse, matches), (inspector.parse, listed)):
        start = time.process_time()
        assert len(parse(data).findings) == 10_000
        assert time.process_time() - start < 3  # a third of it on a machine with nothing else to do
