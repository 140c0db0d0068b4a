"""Snyk Open Source, Container and Code. Counts and facts about real reports were read in the files themselves."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings

from findings.identity import identify
from findings.model import Cvss, Finding, Kind, Package, Severity, Subject, UnreadableError
from findings.parsers import snyk, snyk_code, snyk_container
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

QUIET = settings(deadline=None, database=None, max_examples=50)
SUBJECT = Subject("snyk", "dependencies", "payments", "e", "payments", "main", "c")


def severities(findings: tuple[Finding, ...]) -> dict[str, int]:
    return dict(Counter(finding.severity.value for finding in findings))


def issue(**changes: Any) -> dict[str, Any]:
    """An issue with what every one has."""
    return {
        "id": "SNYK-PYTHON-DJANGO-1",
        "title": "SQL Injection",
        "severity": "high",
        "packageName": "django",
        "name": "django",
        "version": "2.2",
        "from": ["payments:requirements.txt@0.0.0", "acme-web@1.0", "django@2.2"],
        "upgradePath": [],
        "isUpgradable": False,
        "isPatchable": False,
    } | changes


def project(*issues: Any, **changes: Any) -> dict[str, Any]:
    """A project as `snyk test --json` writes it."""
    return {
        "vulnerabilities": list(issues),
        "ok": not issues,
        "dependencyCount": 12,
        "packageManager": "pip",
        "uniqueCount": len({one["id"] for one in issues if isinstance(one, dict) and isinstance(one.get("id"), str)}),
        "projectName": "payments",
        "displayTargetFile": "requirements.txt",
        "path": "/tmp/build/payments",
    } | changes


def only(document: Any, parse: Parse = snyk.parse) -> Finding:
    (finding,) = parse(dump(document)).findings
    return finding


# --- real reports ---


@pytest.mark.parametrize(
    ("name", "counts", "nothing"),
    [
        ("projects_many", {"medium": 4}, ""),  # 1 + 2 + 1 in three projects
        ("project_one", {"medium": 1}, ""),
        ("project_none", {}, "Snyk saw no dependency in any project"),  # dependencyCount 0
        ("projects_none", {}, ""),  # three projects of 5, 42 and 4 dependencies
    ],
)
def test_open_source_severities(name: str, counts: dict[str, int], nothing: str) -> None:
    result = snyk.parse(read(f"snyk/{name}.json"))
    assert severities(result.findings) == counts
    assert result.nothing == nothing
    assert result.errors == ()


@pytest.mark.parametrize(
    ("name", "counts", "counted"),
    [
        ("container_many", {"critical": 1, "high": 2, "medium": 9, "low": 1}, 13),  # 1 of the system, 12 of npm
        ("container_with_applications", {"critical": 1, "high": 1}, 87),  # 1 of the system, 1 of Go
        ("project_null_cvss", {"low": 1}, 75),
    ],
)
def test_container_severities(name: str, counts: dict[str, int], counted: int) -> None:
    result = snyk_container.parse(read(f"snyk/{name}.json"))
    assert severities(result.findings) == counts
    assert result.nothing == ""
    # Whoever published these files took out most of the system's issues; Snyk had counted them.
    (error,) = result.errors
    assert f"uniqueCount is {counted}, and 1 different issues are listed" in error

    document = load(f"snyk/{name}.json")
    document["uniqueCount"] = 1
    assert snyk_container.parse(dump(document)).errors == ()


def test_code_severities() -> None:
    result = snyk_code.parse(read("snyk/code_sarif_many.json"))
    assert severities(result.findings) == {"high": 14, "medium": 5, "low": 1}  # error, warning, note
    assert (result.errors, result.nothing, result.notes) == ((), "", ())
    assert len({id_ for id_, _ in identify(SUBJECT, result.findings)}) == 20


def test_facts_of_one_issue() -> None:
    found = only(load("snyk/project_one.json"))
    assert found.rule == "SNYK-JAVA-ORGAPACHESANTUARIO-460281"
    assert found.title == "XML External Entity (XXE) Injection"
    assert (found.severity, found.kind, found.original) == (Severity.MEDIUM, Kind.VULNERABILITY, "medium")
    assert found.description.startswith("## Overview\n[org.apache.santuario:xmlsec]")
    assert found.location == "pom.xml > org.apache.santuario:xmlsec@2.1.1"
    assert found.key == ("pom.xml", "org.apache.santuario:xmlsec")
    assert (found.cves, found.aliases, found.cwes) == (("CVE-2019-12400",), (), ("CWE-611",))
    assert found.cvss == (Cvss("3.1", 6.5, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:L", "Snyk"),)
    assert found.exploit == ""  # "Not Defined"
    assert found.packages == (Package("org.apache.santuario:xmlsec", "2.1.1", "maven", "pom.xml", ("2.1.4",)),)
    assert found.fixable
    assert found.remediation == "Upgrade org.apache.santuario:xmlsec@2.1.1 to org.apache.santuario:xmlsec@2.1.4."
    assert (found.path, found.line) == ("pom.xml", None)
    assert found.url == "https://security.snyk.io/vuln/SNYK-JAVA-ORGAPACHESANTUARIO-460281"
    assert "https://issues.apache.org/jira/browse/SANTUARIO-504?jql=project%20%3D%20SANTUARIO" in found.references
    assert found.suppressed == ""


def test_facts_of_the_images_packages() -> None:
    system, express, *_ = snyk_container.parse(read("snyk/container_many.json")).findings
    assert system.key == ("", "gcc-10/libgcc-s1")
    assert system.location == "gcc-10/libgcc-s1@10.2.1-6"
    assert system.packages == (Package("gcc-10/libgcc-s1", "10.2.1-6", "debian:11"),)
    assert system.epss == 0.00046
    assert [(one.source, one.score) for one in system.cvss] == [
        ("Snyk", 4.8),
        ("SUSE", 8.1),
        ("NVD", 4.8),
        ("Red Hat", 4.8),
    ]
    assert not system.fixable
    assert express.key == ("/juice-shop/package.json", "express-jwt")
    assert express.aliases == ("GHSA-6g6m-m6h5-w9gf",)
    assert express.path == "/juice-shop/package.json"


def test_exploits_by_name() -> None:
    found = {one.rule: one.exploit for one in snyk_container.parse(read("snyk/container_many.json")).findings}
    assert found["npm:jsonwebtoken:20150331"] == "Proof of Concept"
    assert found["npm:sanitize-html:20161026"] == "Functional"
    assert found["SNYK-JS-EXPRESSJWT-575022"] == ""


def test_missing_scores() -> None:
    (found,) = snyk_container.parse(read("snyk/project_null_cvss.json")).findings
    assert (found.cvss, found.epss) == ((), None)
    assert found.aliases == ("SUSE-SU-2022:0141-1",)
    assert found.remediation == "Upgrade permissions@20181225-23.6.1 to permissions@20181225-23.12.1."
    assert found.packages[0].fixed_in == ("20181225-23.12.1",)  # nearestFixedInVersion


def test_the_text_of_a_failed_run() -> None:
    for parse in (snyk.parse, snyk_container.parse, snyk_code.parse):
        with pytest.raises(UnreadableError, match="JSON"):
            parse(read("snyk/invalid.json"))


# --- whole projects ---


@pytest.mark.parametrize("parse", [snyk.parse, snyk_container.parse, snyk_code.parse])
def test_an_error_in_place_of_a_report(parse: Parse) -> None:
    result = parse(dump({"ok": False, "error": "Authentication failed\n\x1b[31mtoken\x1b[0m", "path": "/tmp/x"}))
    assert result.findings == ()
    (error,) = result.errors
    assert error.isprintable()
    assert "Authentication failed" in error
    assert "/tmp/x" not in error
    assert result.nothing == ""


def test_an_error_among_projects_hides_no_other() -> None:
    failed = {"ok": False, "error": "Missing node_modules folder " + "x" * 500, "path": "web"}
    result = snyk.parse(dump([project(issue()), failed, project(issue(), displayTargetFile="other/requirements.txt")]))
    assert len(result.findings) == 2
    (error,) = result.errors
    assert error.startswith("Snyk: Missing node_modules folder")
    assert len(error) <= 200


def test_an_error_beside_issues() -> None:
    result = snyk.parse(dump(project(issue(), error="half of it failed")))
    assert len(result.findings) == 1
    assert result.errors == ("Snyk: half of it failed",)
    assert snyk.parse(dump({"ok": False, "error": None})).errors == ("Snyk: it failed without a reason",)


def test_nothing_was_scanned() -> None:
    empty = project(dependencyCount=0)
    assert snyk.parse(b"[]").nothing == "Snyk found no project"
    assert snyk.parse(dump([empty, empty])).nothing
    assert snyk.parse(dump([empty, project()])).nothing == ""
    assert snyk.parse(dump(project(issue(), dependencyCount=0))).nothing == ""
    failed = snyk.parse(dump({"ok": False, "error": "x"}))
    assert (failed.nothing, failed.errors) == ("", ("Snyk: x",))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (project(issue(), ok=True), "ok is true, and 1 issues are listed"),
        (project(ok=False), "ok is false, and neither an issue nor an error says why"),
        (project(issue(), uniqueCount=2), "uniqueCount is 2, and 1 different issues are listed"),
    ],
)
def test_contradictions(document: Any, says: str) -> None:
    (error,) = snyk.parse(dump(document)).errors
    assert says in error


def test_issues_in_two_places_count_once() -> None:
    """uniqueCount counts ids: countUniqueVulns of the CLI's run-test.ts."""
    document = project(issue(), issue(**{"from": ["payments@1", "django@2.2"]}))
    assert snyk.parse(dump(document)).errors == ()


@pytest.mark.parametrize(
    "document",
    [
        {"vulnerabilities": []},
        {"ok": True, "dependencyCount": 3},
        project(vulnerabilities=None),
        project(vulnerabilities={}),
        project(ok="true"),
        project(ok=None),
        project(dependencyCount=None),
        project(dependencyCount="12"),
        project(dependencyCount=True),
        project(uniqueCount="1"),
        project(filtered={"ignore": {}}),
        project(filtered=[]),
        project("SNYK-1"),
        project(issue(id=None)),
        project(issue(id="")),
        project(issue(severity=9.8)),
        project(issue(severityWithCritical=["high"])),
        [project(), "x"],
        "ok",
    ],
    ids=range(19),
)
def test_what_decides_must_be_right(document: Any) -> None:
    with pytest.raises(UnreadableError):
        snyk.parse(dump(document))


def test_an_images_report_is_no_report_of_dependencies() -> None:
    """Taken for one, it would lose its applications."""
    for name in ("container_many", "container_with_applications", "project_null_cvss"):
        with pytest.raises(UnreadableError, match="snyk-container"):
            snyk.parse(read(f"snyk/{name}.json"))
    for sign in ({"docker": {"baseImage": "x"}}, {"applications": []}, {"projectName": "docker-image|payments"}):
        with pytest.raises(UnreadableError, match="snyk-container"):
            snyk.parse(dump([project(), project(**sign)]))
    with pytest.raises(UnreadableError, match="image"):
        snyk_container.parse(read("snyk/project_one.json"))


# --- severities ---


@pytest.mark.parametrize(
    ("severity", "with_critical", "right"),
    [
        ("critical", "critical", Severity.CRITICAL),
        ("high", "critical", Severity.CRITICAL),
        ("critical", "high", Severity.CRITICAL),
        ("low", None, Severity.LOW),
        (None, "medium", Severity.MEDIUM),
        ("HIGH", "High", Severity.HIGH),
        ("none", "none", Severity.INFORMATIONAL),
    ],
)
def test_the_worse_severity_counts(severity: str | None, with_critical: str | None, right: Severity) -> None:
    result = snyk.parse(dump(project(issue(severity=severity, severityWithCritical=with_critical))))
    assert [one.severity for one in result.findings] == [right]
    assert result.errors == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "urgent"},
        {"severity": None},
        {"severity": ""},
        {"severity": "low", "severityWithCritical": "urgent"},
    ],
)
def test_a_severity_that_nobody_knows(changes: dict[str, Any]) -> None:
    result = snyk.parse(dump(project(issue(**changes))))
    assert [one.severity for one in result.findings] == [Severity.UNGRADED]
    (error,) = result.errors
    assert "SNYK-PYTHON-DJANGO-1 is not known" in error


def test_missing_severities_of_others_do_no_harm() -> None:
    assert only(project(issue(nvdSeverity=None, cvssScore=None, CVSSv3=None, epssDetails=None))).cvss == ()


# --- details ---


def test_a_license_issue() -> None:
    found = only(project(issue(id="snyk:lic:golang:github.com:hashicorp:go-cleanhttp:MPL-2.0", type="license")))
    assert (found.kind, found.url) == (Kind.LICENSE, "")
    assert only(project(issue(id="snyk:lic:npm:x:GPL-3.0"))).kind is Kind.LICENSE


def test_an_issue_of_a_license_may_say_so_by_its_type_alone() -> None:
    found = only(project(issue(id="acme-forbids-gpl", type="license")))
    assert (found.kind, found.url) == (Kind.LICENSE, "")
    assert only(project(issue(type="vuln"))).kind is Kind.VULNERABILITY


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ({"name": "a", "packageName": "b", "moduleName": "c"}, "a"),
        ({"name": None, "packageName": "b", "moduleName": "c"}, "b"),
        ({"name": None, "packageName": None, "moduleName": "c"}, "c"),
    ],
)
def test_a_packages_name_stands_in_one_of_three_places(names: dict[str, Any], name: str) -> None:
    found = only(project(issue(**names, **{"from": None})))
    assert [package.name for package in found.packages] == [name]
    assert found.key == ("requirements.txt", name)
    assert found.location == f"requirements.txt > {name}"


def test_an_issue_of_which_little_is_known() -> None:
    found = only(project(issue(title=None, alternativeIds=["SNYK-OLD-1", "SNYK-PYTHON-DJANGO-1"])))
    assert found.title == "SNYK-PYTHON-DJANGO-1"
    assert found.aliases == ("SNYK-OLD-1",)
    assert found.references == ("https://security.snyk.io/vuln/SNYK-PYTHON-DJANGO-1",)
    nameless = only(project(issue(name=None, packageName=None, **{"from": None})))
    assert (nameless.packages, nameless.key) == ((), ("requirements.txt", ""))
    assert only(project(issue(**{"from": ["django@2.2"]}))).key == ("requirements.txt", "django")  # no root before it
    with pytest.raises(UnreadableError, match=r"^an issue's id is missing or no text$"):
        snyk.parse(dump(project(issue(id=None))))


def test_dependencies_of_all_projects_count() -> None:
    assert snyk.parse(dump([project(), project(dependencyCount=0)])).nothing == ""


def test_scores_by_version() -> None:
    """Snyk's own `cvssScore` is of CVSS 4.0 here, and `CVSSv3` the vector of another score."""
    four = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"
    three = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"
    sources = [
        {"type": "primary", "vector": four, "assigner": "Snyk", "baseScore": 6.9, "cvssVersion": "4.0"},
        {"type": "secondary", "vector": three, "assigner": "Snyk", "baseScore": 5.3, "cvssVersion": "3.1"},
        {"vector": three, "assigner": "NVD", "baseScore": None, "cvssVersion": "3.1"},
    ]
    found = only(project(issue(cvssScore=6.9, CVSSv3=three, cvssDetails=[], cvssSources=sources)))
    assert found.cvss == (Cvss("4.0", 6.9, four, "Snyk"), Cvss("3.1", 5.3, three, "Snyk"))


@pytest.mark.parametrize("probability", [None, "", "1.5", "-0.1", "nan", "1e-3", 0.2, "0,3"])
def test_no_epss(probability: object) -> None:
    assert only(project(issue(epssDetails={"probability": probability}))).epss is None


def test_exploit_of_the_newer_format() -> None:
    levels = [
        {"type": "secondary", "level": "Functional", "format": "CVSSv3"},
        {"type": "primary", "level": "Attacked", "format": "CVSSv4"},
    ]
    details = {"sources": [], "maturityLevels": levels}
    assert only(project(issue(exploit="Functional", exploitDetails=details))).exploit == "Attacked"


@pytest.mark.parametrize(
    ("changes", "remediation", "text"),
    [
        ({"upgradePath": [False, "acme-web@2.0"], "isUpgradable": True}, {}, "Upgrade acme-web@1.0 to acme-web@2.0."),
        (
            {"upgradePath": [False, "acme-web@1.0", "django@2.2.28"], "isUpgradable": True},
            {},
            "Upgrade django@2.2 to django@2.2.28.",
        ),
        (
            {"upgradePath": [False, "acme-web@1.0", "django@2.2"], "isUpgradable": True},
            {},
            "Resolve the dependencies anew, so that django@2.2 is installed.",
        ),
        (
            {"isPinnable": True},
            {
                "pin": {
                    "django@2.2": {
                        "upgradeTo": "django@2.2.28",
                        "vulns": ["SNYK-PYTHON-DJANGO-1"],
                        "isTransitive": True,
                    }
                }
            },
            "Pin django@2.2 to django@2.2.28.",
        ),
        (
            {},
            {"pin": {"django@2.2": {"upgradeTo": "django@2.2.28", "vulns": ["ANOTHER"], "isTransitive": True}}},
            "",
        ),
        (
            {},
            {
                "upgrade": {
                    "acme-web@1.0": {"upgradeTo": "acme-web@3.0", "upgrades": [], "vulns": ["SNYK-PYTHON-DJANGO-1"]}
                }
            },
            "Upgrade acme-web@1.0 to acme-web@3.0.",
        ),
        ({"fixedIn": ["2.2.28", "3.2.13"]}, {}, "django is fixed in 2.2.28 or 3.2.13."),
        ({"isPatchable": True}, {}, "Apply Snyk's patch."),
        ({}, {}, ""),
        ({"isUpgradable": "yes", "fixedIn": "2.2.28"}, {"pin": [], "upgrade": {"acme-web@1.0": None}}, ""),
    ],
    ids=range(10),
)
def test_what_to_do(changes: dict[str, Any], remediation: dict[str, Any], text: str) -> None:
    found = only(project(issue(**changes), remediation=remediation))
    assert found.remediation == text
    assert found.fixable is (True if text else None)


def test_snyks_word_that_a_fix_is_there() -> None:
    found = only(project(issue(isPinnable=True)))
    assert (found.fixable, found.remediation) == (True, "")


def test_snyk_says_that_there_is_no_fix_with_an_empty_list_alone() -> None:
    assert only(project(issue(fixedIn=[]))).fixable is False
    assert only(project(issue())).fixable is None
    assert only(project(issue(fixedIn=None))).fixable is None
    assert only(project(issue(fixedIn=[], isPatchable=True))).fixable is True


def test_a_number_is_no_alias_by_itself() -> None:
    ids = {"NSP": ["17"], "GHSA": ["GHSA-6g6m-m6h5-w9gf"], "CVE": ["CVE-2024-1234"], "CWE": ["CWE-1"]}
    assert only(project(issue(identifiers=ids))).aliases == ("NSP-17", "GHSA-6g6m-m6h5-w9gf")


def test_a_pin_names_packages_as_the_manifest_does() -> None:
    pins = {"Django@2.2": {"upgradeTo": "Django@2.2.28", "vulns": ["SNYK-PYTHON-DJANGO-1"]}}
    assert only(project(issue(), remediation={"pin": pins})).remediation == "Pin django@2.2 to Django@2.2.28."


@pytest.mark.parametrize(
    ("score", "vector"), [(11, "CVSS:3.1/AV:N"), (-1, "CVSS:3.1/AV:N"), (5, "AV:N"), ("5", "CVSS:3.1/AV:N")]
)
def test_a_score_that_is_none(score: object, vector: str) -> None:
    assert only(project(issue(cvssScore=score, CVSSv3=vector))).cvss == ()


def test_ignored_issues_are_suppressed_not_lost() -> None:
    """`filtered` as both flows of the CLI write it; the newer one counts them in `ok` and `uniqueCount`, too."""
    ignored = issue(
        filtered={
            "ignored": [
                {
                    "reason": "not reachable",
                    "expires": "2030-01-31T00:00:00.000Z",
                    "ignoredBy": {"email": "ann@acme.example"},
                }
            ]
        }
    )
    document = project(ok=False, uniqueCount=1, filtered={"ignore": [ignored], "patch": []})
    result = snyk.parse(dump(document))
    assert [one.suppressed for one in result.findings] == [
        "ignored in Snyk: not reachable (until 2030-01-31T00:00:00.000Z)"
    ]
    assert result.errors == ()
    assert "acme.example" not in repr(result)

    patched = snyk.parse(dump(project(filtered={"ignore": [], "patch": [issue(), "npm:ms:20151024"]})))
    assert [one.suppressed for one in patched.findings] == ["patched in Snyk"]
    assert snyk.parse(dump(project(filtered={"ignore": None, "patch": None}))).findings == ()


def test_an_ignored_issue_that_is_listed_counts() -> None:
    """With --ignore-policy the CLI lists what is ignored among the others."""
    assert only(project(issue(isIgnored=True))).suppressed == ""


# --- identity ---


def test_the_same_issue_in_two_places_is_two() -> None:
    document = project(issue(), issue(**{"from": ["payments@1", "django@2.2"]}))
    ids = [id_ for id_, _ in identify(SUBJECT, snyk.parse(dump(document)).findings)]
    assert len(set(ids)) == 2


def test_two_versions_of_one_dependency_keep_their_ids_in_any_order() -> None:
    both = [issue(version=one, **{"from": ["payments@1", f"django@{one}"]}) for one in ("2.2", "3.1")]
    named = [
        {one.detail: id_ for id_, one in identify(SUBJECT, snyk.parse(dump(project(*issues))).findings)}
        for issues in (both, both[::-1])
    ]
    assert named[0] == named[1]
    assert set(named[0]) == {("2.2", "django@2.2"), ("3.1", "django@3.1")}


def test_versions_scores_and_the_projects_name_are_no_identity() -> None:
    before = issue(cvssScore=9.1, CVSSv3="CVSS:3.1/AV:N", **{"from": ["payments@1.0", "@acme/web@1.0", "django@2.2"]})
    after = issue(
        severity="critical", version="2.3", **{"from": ["payments@2.0", "@acme/web@git+ssh://git@x/y#1", "django@2.3"]}
    )
    one, two = only(project(before)), only(project(after, path="/other", projectName="pay"))
    assert one.key == two.key == ("requirements.txt", "@acme/web", "django")


def test_grouped_issues() -> None:
    """`--group-issues`: one issue with all its paths (formatJsonVulnerabilityStructure)."""
    grouped = issue(
        **{"from": [["payments@1", "a@1", "django@2.2"], ["payments@1", "b@1", "dj@2.2"]], "name": ["django", "dj"]}
    )
    found = snyk.parse(dump(project(grouped))).findings
    assert [one.key for one in found] == [("requirements.txt", "a", "django"), ("requirements.txt", "b", "dj")]
    assert [one.packages[0].name for one in found] == ["django", "dj"]


@pytest.mark.parametrize("path", [None, [], "django", [5], [[]], [None, []]])
def test_a_path_that_is_missing_hides_no_issue(path: object) -> None:
    found = snyk.parse(dump(project(issue(**{"from": path})))).findings
    assert {one.key for one in found} == {("requirements.txt", "django")}


# --- images ---


def image(*issues: Any, **changes: Any) -> dict[str, Any]:
    base = project(*issues, docker={"baseImage": "python:3.13-slim"}, projectName="docker-image|payments")
    del base["displayTargetFile"]
    return base | changes


def system_issue(tag: str) -> dict[str, Any]:
    return issue(
        id="SNYK-DEBIAN12-ZLIB-1",
        name="zlib/zlib1g",
        version="1:1.2.13",
        **{
            "from": [
                f"docker-image|registry.example/payments@{tag}",
                "meta-common-packages@meta",
                "zlib/zlib1g@1:1.2.13",
            ]
        },
    )


def test_neither_the_images_name_nor_the_machines_paths_are_identity() -> None:
    application = project(
        issue(), docker={}, targetFile="/app/requirements.txt", displayTargetFile="/app/requirements.txt"
    )
    bare = project(issue(), targetFile="/codebuild/output/src1/Dockerfile", displayTargetFile=None)
    keys = []
    for tag in ("1.0", "sha256:0f"):
        document = image(
            system_issue(tag),
            targetFile="/codebuild/output/src1/Dockerfile",
            path=f"registry.example/payments:{tag}",
            applications=[application, bare],
        )
        found = snyk_container.parse(dump(document)).findings
        keys.append([one.key for one in found])
        assert [one.location for one in found] == [
            "zlib/zlib1g@1:1.2.13",
            "/app/requirements.txt > acme-web@1.0 > django@2.2",
            "acme-web@1.0 > django@2.2",
        ]
    assert (
        keys[0]
        == keys[1]
        == [
            ("", "zlib/zlib1g"),
            ("/app/requirements.txt", "acme-web", "django"),
            ("", "acme-web", "django"),
        ]
    )


def test_a_list_of_an_images_projects() -> None:
    """`--experimental` keeps the applications in one list with the system (extractDataToSendFromResults)."""
    system = image(system_issue("1.0"))
    application = project(issue(), docker={}, targetFile="/app/requirements.txt")
    one = snyk_container.parse(dump([system, application]))
    other = snyk_container.parse(dump({**system, "applications": [application]}))
    assert one == other
    assert len(one.findings) == 2


def test_an_image_without_packages() -> None:
    assert snyk_container.parse(dump(image(dependencyCount=0))).nothing == "Snyk saw no package in the image"
    assert snyk_container.parse(b"[]").nothing == "Snyk found nothing in the image"
    scratch = image(dependencyCount=0, applications=[project(docker={}, targetFile="/app")])
    assert snyk_container.parse(dump(scratch)).nothing == ""


def test_applications_must_be_readable() -> None:
    for applications in (None, {}, "x", ["x"], [{"ok": True}]):
        with pytest.raises(UnreadableError):
            snyk_container.parse(dump(image(applications=applications)))


def test_an_application_that_failed() -> None:
    result = snyk_container.parse(dump(image(system_issue("1"), applications=[{"ok": False, "error": "no answer"}])))
    assert len(result.findings) == 1
    assert result.errors == ("Snyk: no answer",)


def test_advice_on_the_base_image() -> None:
    (note,) = snyk_container.parse(read("snyk/container_with_applications.json")).notes
    assert note == (
        "Base image python:3.11.0b3-slim-buster: Your base image is out of date\n"
        "1) Pull the latest version of your base image by running 'docker pull python:3.11.0b3-slim-buster'\n"
        "2) Rebuild your local image"
    )


def test_a_system_that_snyk_does_not_know_is_no_clean_image() -> None:
    """The code and the advice are those of project_null_cvss.json."""
    advice = load("snyk/project_null_cvss.json")["docker"]
    assert snyk_container.parse(dump(image(docker=advice))).errors == (
        "Snyk has no vulnerability information for the operating system in the image",
    )
    assert snyk_container.parse(dump(image(system_issue("1"), docker=advice))).errors == ()


def test_the_dockerfiles_instruction() -> None:
    found = only(image(issue(dockerfileInstruction="RUN apt-get install -y zlib1g")), snyk_container.parse)
    assert found.remediation == "Installed by the Dockerfile's instruction: RUN apt-get install -y zlib1g"
    assert not found.fixable


# --- code ---


def code(**changes: Any) -> dict[str, Any]:
    run = {
        "tool": {"driver": {"name": "SnykCode", "rules": []}},
        "results": [],
        "properties": {"coverage": [{"files": 3, "isSupported": True, "lang": "Java"}]},
    } | changes
    return {"version": "2.1.0", "runs": [run]}


def test_facts_of_a_code_issue() -> None:
    found = snyk_code.parse(read("snyk/code_sarif_many.json")).findings[0]
    path = "test/fixtures/test-code-src-altoroj/serverStatusCheck.html"
    assert (found.rule, found.title, found.kind) == ("javascript/CodeInjection", "Code Injection", Kind.CODE)
    assert found.description.startswith("Unsanitized input from data from a remote resource flows into eval")
    assert (found.path, found.line, found.end_line) == (path, 41, 41)
    assert found.cwes == ("CWE-94",)
    assert found.key[0] == path
    assert found.key[1].startswith("1 b75c09a3.4773f344.")


def test_code_that_is_clean() -> None:
    for results in ([], None):
        result = snyk_code.parse(dump(code(results=results)))
        assert (result.findings, result.errors, result.nothing) == ((), (), "")
    without = code()
    del without["runs"][0]["results"]
    assert snyk_code.parse(dump(without)).nothing == ""


@pytest.mark.parametrize(
    "properties",
    [
        None,
        {},
        {"coverage": []},
        {"coverage": "all"},
        {"coverage": [{"files": 0, "isSupported": True, "lang": "Java"}]},
        {"coverage": [{"files": 3, "isSupported": False, "lang": "COBOL"}]},
        {"coverage": [{"files": True, "isSupported": True, "lang": "Java"}]},
        {"coverage": [{"files": 3, "isSupported": "true", "lang": "Java"}]},
    ],
)
def test_code_of_which_nothing_was_seen(properties: Any) -> None:
    assert snyk_code.parse(dump(code(properties=properties))).nothing == "Snyk Code saw no supported file"
    assert snyk_code.parse(dump({"version": "2.1.0", "runs": []})).nothing == "Snyk Code saw no supported file"


def test_files_that_were_not_analysed_are_told() -> None:
    coverage = [{"files": 3, "isSupported": True, "lang": "Java"}, {"files": 2, "isSupported": False, "lang": "COBOL"}]
    result = snyk_code.parse(dump(code(properties={"coverage": coverage})))
    assert result.notes == ("Snyk Code did not analyse 2 files: COBOL",)


def test_another_tools_sarif() -> None:
    with pytest.raises(UnreadableError, match="another tool"):
        snyk_code.parse(read("sarif/dockle.sarif"))


def test_code_issues_prove_that_something_was_seen() -> None:
    result = {"ruleId": "java/Sqli", "level": "error", "message": {"text": "x"}}
    read_ = snyk_code.parse(dump(code(results=[result], properties=None)))
    assert (len(read_.findings), read_.nothing) == (1, "")


def test_an_error_beside_code_issues() -> None:
    result = snyk_code.parse(
        dump({**code(results=[{"ruleId": "x", "level": "error"}]), "ok": False, "error": "half of it"})
    )
    assert (len(result.findings), result.errors) == (1, ("Snyk Code: half of it",))


def test_an_ignored_code_issue() -> None:
    given_up = {"kind": "external", "status": "accepted", "justification": "tests only"}
    result = {"ruleId": "java/Sqli", "level": "error", "message": {"text": "x"}, "suppressions": [given_up]}
    assert only(code(results=[result]), snyk_code.parse).suppressed == "suppressed outside the source: tests only"


# --- damage ---

REAL: list[tuple[Parse, str]] = [
    (snyk.parse, "projects_many"),
    (snyk.parse, "project_one"),
    (snyk.parse, "project_none"),
    (snyk.parse, "projects_none"),
    (snyk_container.parse, "project_null_cvss"),
    (snyk_container.parse, "container_many"),
    (snyk_container.parse, "container_with_applications"),
    (snyk_code.parse, "code_sarif_many"),
]
EVERY = pytest.mark.parametrize("parse", [snyk.parse, snyk_container.parse, snyk_code.parse])


@pytest.mark.parametrize(("parse", "name"), REAL)
def test_a_cut_report_is_unreadable(parse: Parse, name: str) -> None:
    never_read_when_cut(parse, read(f"snyk/{name}.json"), cuts=60)


@EVERY
@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report(parse: Parse, report: bytes) -> None:
    result = survives(parse, report)
    assert result is None or (report == b"[]" and result.nothing)


def lists(document: Any) -> bool:
    """Whether a report, at first glance, lists an issue."""
    text = json.dumps(document)
    return '"ruleId"' in text or ('"id"' in text and '"severity"' in text)


@given(exchanged("snyk/projects_many.json"))
@QUIET
def test_any_exchange_in_projects(report: bytes) -> None:
    result = survives(snyk.parse, report)
    if result and not (result.findings or result.errors or result.nothing):
        assert not any(lists(one["vulnerabilities"]) for one in json.loads(report))


@given(exchanged("snyk/container_with_applications.json"))
@QUIET
def test_any_exchange_in_an_image(report: bytes) -> None:
    result = survives(snyk_container.parse, report)
    if result and not (result.findings or result.errors or result.nothing):
        assert not lists(json.loads(report))


@given(exchanged("snyk/code_sarif_many.json"))
@settings(QUIET, max_examples=25)
def test_any_exchange_in_code(report: bytes) -> None:
    result = survives(snyk_code.parse, report)
    if result and not (result.findings or result.errors or result.nothing):
        assert not lists(json.loads(report)["runs"][0].get("results"))


@given(ANYTHING, ANYTHING, ANYTHING)
@QUIET
def test_any_json_in_the_right_places(one: Any, two: Any, three: Any) -> None:
    survives(
        snyk.parse, dump(project(issue(**{"from": one, "upgradePath": two, "name": three}), remediation={"pin": one}))
    )
    survives(snyk.parse, dump(project(issue(identifiers=one, epssDetails=two, exploitDetails=three), filtered=one)))
    survives(snyk.parse, dump(project(issue(cvssSources=[one, {"baseScore": two}], references=three, fixedIn=one))))
    survives(snyk_container.parse, dump(image(issue(filtered=one), docker=two, applications=[one, project(three)])))
    survives(
        snyk_code.parse, dump(code(properties={"coverage": [one, {"files": two, "lang": three, "isSupported": True}]}))
    )
    for parse in (snyk.parse, snyk_container.parse, snyk_code.parse):
        survives(parse, dump(one))


@given(wrong_byte("snyk/project_one.json"), wrong_byte("snyk/projects_none.json"))
@QUIET
def test_a_wrong_byte(one: bytes, none: bytes) -> None:
    survives(snyk.parse, none)
    result = survives(snyk.parse, one)
    assert result is None or result.findings or result.errors or result.nothing


def test_ten_thousand_issues_in_time() -> None:
    one = load("snyk/project_one.json")
    (entry,) = one["vulnerabilities"]
    one["vulnerabilities"] = [{**entry, "from": ["root@1", f"a{number}@1", "b@2"]} for number in range(10_000)]
    data = dump(one)
    start = time.process_time()
    assert len(snyk.parse(data).findings) == 10_000
    assert time.process_time() - start < 3  # a third of it on a machine with nothing else to do
