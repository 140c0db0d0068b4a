"""One ASFF document per finding: valid whatever the report says, and every field where an analyst looks for it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asff_model
from common.clip import REDACTED, clip, link, one_line
from common.contract import SCOPES
from common.strict import MalformedError
from findings import asff, findings_file
from findings.asff import Account, document
from findings.identity import identify
from findings.model import Acceptance, Cvss, Finding, Judged, Kind, Package, Severity, Subject

ACCOUNT = Account("aws", "eu-central-1", "123456789012")
CREATED = datetime(2026, 9, 1, 8, 30, 0, 125_000, tzinfo=UTC)
UPDATED = datetime(2026, 10, 2, 12, 0, 0, tzinfo=timezone(timedelta(hours=2)))
DIGEST = "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
IMAGE = Subject(
    scanner="grype",
    scope="image",
    pipeline="payments",
    execution="3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c",
    repository="payments",
    branch="feature/refunds",
    commit="9c1185a5c5e9fc54612808977ee8f548b2258d31",
    digest=DIGEST,
    target="payments-api",
)
SOURCE = dataclasses.replace(IMAGE, scanner="snyk-code", scope="code", digest="", target="")
STAGING = dataclasses.replace(IMAGE, scanner="zap", scope="staging", digest="")

OPENSSL = Finding(
    rule="SNYK-DEBIAN12-OPENSSL-1",
    title="CVE-2024-0001 in openssl 3.0.11",
    severity=Severity.HIGH,
    kind=Kind.VULNERABILITY,
    original="High",
    description="A flaw.\nIt is bad.",
    location="/var/lib/dpkg/status",
    cves=("CVE-2024-0001", "CVE-2024-0002"),
    aliases=("GHSA-xr7r-f8xq-vfvv",),
    cvss=(Cvss("3.1", 7.5, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "nvd"),),
    epss=0.25,
    exploit="Proof of Concept",
    packages=(
        Package("openssl", "3.0.11", "deb", "/var/lib/dpkg/status", ("3.0.13", "3.1.5")),
        Package("libssl3", "3.0.11", "deb", "/var/lib/dpkg/status"),
    ),
    fixable=True,
    remediation="Upgrade openssl to 3.0.13",
    url="https://example.com/CVE-2024-0001",
    references=("https://example.com/CVE-2024-0001", "javascript:alert(1)", "https://example.com/a b"),
)
SQL = Finding(
    rule="python/sqli",
    title="SQL injection",
    severity=Severity.MEDIUM,
    kind=Kind.CODE,
    original="warning",
    cwes=("CWE-89",),
    path="src/db/users.py",
    line=12,
    end_line=14,
    location="src/db/users.py:12",
)


def judged(finding: Finding, subject: Subject = IMAGE, **decided: Any) -> Judged:
    [(name, _)] = identify(subject, [finding])
    return Judged(name, finding, **decided)


def written(finding: Finding, subject: Subject = IMAGE, account: Account = ACCOUNT, **decided: Any) -> dict[str, Any]:
    """The document, which is valid."""
    one = judged(finding, subject, **decided)
    made: dict[str, Any] = document(
        one, subject, account, created=CREATED, updated=UPDATED, page="reports/x/index.html"
    )
    assert asff_model.errors(made) == []
    return made


def test_a_vulnerability_in_a_package() -> None:
    made = written(OPENSSL, blocking=True)
    assert made["Id"] == judged(OPENSSL).id
    assert made["ProductArn"] == "arn:aws:securityhub:eu-central-1:123456789012:product/123456789012/default"
    assert made["GeneratorId"] == "grype/SNYK-DEBIAN12-OPENSSL-1"
    assert made["ProductName"] == "grype"
    assert made["CreatedAt"] == made["FirstObservedAt"] == "2026-09-01T08:30:00.125Z"
    assert made["UpdatedAt"] == made["LastObservedAt"] == "2026-10-02T10:00:00.000Z"
    assert made["Title"] == "CVE-2024-0001 in openssl 3.0.11"
    assert made["Description"] == "A flaw. It is bad."
    assert made["FindingProviderFields"] == {
        "Severity": {"Label": "HIGH", "Original": "High"},
        "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
    }
    assert made["RecordState"] == "ACTIVE"
    assert made["SourceUrl"] == "https://example.com/CVE-2024-0001"
    assert made["Remediation"]["Recommendation"] == {
        "Text": "Upgrade openssl to 3.0.13",
        "Url": "https://example.com/CVE-2024-0001",
    }
    package = {"Version": "3.0.11", "PackageManager": "deb", "FilePath": "/var/lib/dpkg/status"}
    assert made["Vulnerabilities"] == [
        {
            "Id": "CVE-2024-0001",
            "RelatedVulnerabilities": ["CVE-2024-0002", "SNYK-DEBIAN12-OPENSSL-1", "GHSA-xr7r-f8xq-vfvv"],
            "VulnerablePackages": [
                {
                    "Name": "openssl",
                    **package,
                    "FixedInVersion": "3.0.13, 3.1.5",
                    "Remediation": "Upgrade openssl to 3.0.13",
                },
                {"Name": "libssl3", **package, "Remediation": "Upgrade openssl to 3.0.13"},
            ],
            "Cvss": [
                {
                    "Version": "3.1",
                    "BaseScore": 7.5,
                    "BaseVector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
                    "Source": "nvd",
                }
            ],
            "EpssScore": 0.25,
            "ExploitAvailable": "YES",
            "FixAvailable": "PARTIAL",
            "ReferenceUrls": ["https://example.com/CVE-2024-0001"],
        }
    ]
    # What the service would not change on an update belongs to the analyst, so it is not claimed.
    assert not {"Severity", "Types", "Workflow", "Note", "VerificationState", "UserDefinedFields"} & set(made)


def test_product_fields_say_what_was_scanned() -> None:
    assert written(OPENSSL, blocking=True)["ProductFields"] == {
        "devsecops/repository": "payments",
        "devsecops/branch": "feature/refunds",
        "devsecops/commit": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        "devsecops/digest": DIGEST,
        "devsecops/pipeline": "payments",
        "devsecops/execution": "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c",
        "devsecops/scanner": "grype",
        "devsecops/scope": "image",
        "devsecops/target": "payments-api",
        "devsecops/rule": "SNYK-DEBIAN12-OPENSSL-1",
        "devsecops/location": "/var/lib/dpkg/status",
        "devsecops/exploit": "Proof of Concept",
        "devsecops/graded": "true",
        "devsecops/blocking": "true",
        "devsecops/page": "reports/x/index.html",
    }


def test_an_image_is_a_container_whose_id_lasts() -> None:
    later = dataclasses.replace(IMAGE, digest=f"sha256:{'0' * 64}", commit="0" * 40)
    [resource] = written(OPENSSL)["Resources"]
    assert resource == {
        "Type": "Container",
        "Id": "image/payments-api/feature/refunds",
        "Partition": "aws",
        "Region": "eu-central-1",
        "Details": {
            "Container": {"Name": "payments-api", "ImageId": DIGEST, "ImageName": f"payments-api@{DIGEST}"},
            "Other": {"Repository": "payments", "Branch": "feature/refunds", "Path": "/var/lib/dpkg/status"},
        },
    }
    assert written(OPENSSL, later)["Resources"][0]["Id"] == resource["Id"]


def test_a_long_image_name_keeps_its_digest() -> None:
    name = written(OPENSSL, dataclasses.replace(IMAGE, target="a" * 100))["Resources"][0]["Details"]["Container"][
        "ImageName"
    ]
    assert len(name) <= 128
    assert name.endswith(f"...@{DIGEST}")


def test_code_is_about_the_repository() -> None:
    made = written(SQL, SOURCE)
    assert made["Resources"][0]["Type"] == "Other"
    assert made["Resources"][0]["Id"] == "arn:aws:codecommit:eu-central-1:123456789012:payments"
    assert made["Resources"][0]["Details"]["Other"] == {
        "Repository": "payments",
        "Branch": "feature/refunds",
        "Commit": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        "File": "src/db/users.py",
    }
    assert made["Vulnerabilities"] == [
        {
            "Id": "python/sqli",
            "CodeVulnerabilities": [
                {
                    "Cwes": ["CWE-89"],
                    "FilePath": {"FileName": "users.py", "FilePath": "src/db/users.py", "StartLine": 12, "EndLine": 14},
                }
            ],
        }
    ]
    assert "Remediation" not in made
    assert "SourceUrl" not in made


def test_an_alert_is_about_what_was_probed() -> None:
    alert = Finding("10038-1", "CSP missing", Severity.LOW, Kind.WEB, location="https://staging.example.com/login")
    [resource] = written(alert, STAGING)["Resources"]
    assert (resource["Type"], resource["Id"]) == ("Other", "staging/payments-api/feature/refunds")
    assert resource["Details"]["Other"]["Url"] == "https://staging.example.com/login"
    assert "Vulnerabilities" not in written(alert, STAGING)


@pytest.mark.parametrize(
    ("kind", "cves", "right"),
    [
        (Kind.VULNERABILITY, ("CVE-2024-1",), "Software and Configuration Checks/Vulnerabilities/CVE"),
        (Kind.VULNERABILITY, (), "Software and Configuration Checks/Vulnerabilities"),
        (Kind.CODE, (), "Software and Configuration Checks/Vulnerabilities/Code"),
        (Kind.WEB, (), "Software and Configuration Checks/Vulnerabilities/Web"),
        (Kind.SECRET, (), "Sensitive Data Identifications/Passwords"),
        (Kind.LICENSE, (), "Software and Configuration Checks/Licenses"),
        (Kind.CONFIGURATION, (), "Software and Configuration Checks/Configuration"),
    ],
)
def test_types(kind: Kind, cves: tuple[str, ...], right: str) -> None:
    made = written(Finding("r", "t", Severity.LOW, kind, cves=cves), SOURCE)
    assert made["FindingProviderFields"]["Types"] == [right]


@pytest.mark.parametrize(
    ("severity", "label", "graded"),
    [
        (Severity.CRITICAL, "CRITICAL", "true"),
        (Severity.HIGH, "HIGH", "true"),
        (Severity.MEDIUM, "MEDIUM", "true"),
        (Severity.LOW, "LOW", "true"),
        (Severity.INFORMATIONAL, "INFORMATIONAL", "true"),
        (Severity.UNGRADED, "INFORMATIONAL", "false"),
    ],
)
def test_severities(severity: Severity, label: str, graded: str) -> None:
    made = written(dataclasses.replace(SQL, severity=severity, original="Unknown"), SOURCE)
    assert made["FindingProviderFields"]["Severity"] == {"Label": label, "Original": "Unknown"}
    assert made["ProductFields"]["devsecops/graded"] == graded


@pytest.mark.parametrize(
    ("fixed", "fixable", "right"),
    [
        ((("1",), ("2",)), True, "YES"),
        ((("1",), ()), True, "PARTIAL"),
        (((), ()), True, "YES"),  # an upgrade of something else
        (((), ()), False, "NO"),
        (((), ()), None, None),
        (((), ("1",)), None, "PARTIAL"),
    ],
)
def test_fix_available(fixed: tuple[tuple[str, ...], ...], fixable: bool | None, right: str | None) -> None:
    packages = tuple(Package(f"p{number}", fixed_in=versions) for number, versions in enumerate(fixed))
    made = written(dataclasses.replace(OPENSSL, packages=packages, fixable=fixable))
    assert made["Vulnerabilities"][0].get("FixAvailable", None) == right


@pytest.mark.parametrize(
    ("word", "right"),
    [("YES", "YES"), ("Mature", "YES"), ("no", "NO"), ("No Known Exploit", "NO"), ("Not Defined", None), ("", None)],
)
def test_exploit_available_only_where_the_word_is_known(word: str, right: str | None) -> None:
    made = written(dataclasses.replace(OPENSSL, exploit=word))
    assert made["Vulnerabilities"][0].get("ExploitAvailable") == right


def test_an_accepted_finding_is_suppressed_with_its_reason() -> None:
    made = written(OPENSSL, acceptance=Acceptance("the path is not built", "ann@example.com", date(2027, 1, 31)))
    assert made["Workflow"] == {"Status": "SUPPRESSED"}
    assert made["RecordState"] == "ACTIVE"
    assert made["Note"] == {
        "Text": "Accepted by ann@example.com until 2027-01-31: the path is not built",
        "UpdatedBy": "findings-importer",
        "UpdatedAt": "2026-10-02T10:00:00.000Z",
    }
    assert written(OPENSSL, acceptance=Acceptance("// nosemgrep"))["Note"]["Text"] == "Accepted: // nosemgrep"


def test_a_finding_without_texts_has_the_obligatory_ones() -> None:
    made = written(Finding("", " \n", Severity.LOW, Kind.WEB), STAGING)
    assert made["Title"] == made["Description"] == "Finding without a title"
    assert written(Finding("R1", "", Severity.LOW, Kind.WEB), STAGING)["Title"] == "R1"


@pytest.mark.parametrize(
    ("arn", "right"),
    [
        (
            "arn:aws:lambda:eu-central-1:123456789012:function:acme-findings-importer:payments_grype",
            Account("aws", "eu-central-1", "123456789012"),
        ),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:f", Account("aws-cn", "cn-north-1", "123456789012")),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f",
            Account("aws-us-gov", "us-gov-west-1", "123456789012"),
        ),
    ],
)
def test_the_account_is_the_functions(arn: str, right: Account) -> None:
    assert Account.of_function(arn) == right
    made = written(OPENSSL, account=right)
    assert made["ProductArn"].startswith(f"arn:{right.partition}:securityhub:{right.region}:")
    assert made["Resources"][0]["Partition"] == right.partition


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:lambda:eu-central-1:12345678901:function:f",
        "arn:aws:s3:::x",
        "x\narn:aws:lambda:a:123456789012:function:f",
    ],
)
def test_another_arn_is_refused(arn: str) -> None:
    with pytest.raises(MalformedError):
        Account.of_function(arn)


def test_a_partition_that_the_field_does_not_know_is_left_out() -> None:
    made = written(OPENSSL, account=Account("aws-eusc", "eusc-de-east-1", "123456789012"))
    assert "Partition" not in made["Resources"][0]


# Everything that a text can be: blank, of many bytes, of lone surrogates, of control characters, longer than any limit.
nasty = st.sampled_from(
    [
        *(
            "",
            " ",
            "\n",
            "\u00a0",
            "\ufeff",
            "\u200b",
            "\x00",
            "\ud800",
            "http://",
            "https://ann:x@example.com/",
            "a/b/c/d",
            "aws/x",
        ),
        *(
            "é" * 3000,
            "😀" * 3000,
            '"\\' * 2000,
            "a\u0301" * 2000,
            REDACTED * 200,
            "https://example.com/?q=" + "a" * 3000,
        ),
    ]
)
texts = st.text(st.characters(codec=None), max_size=30) | nasty
many = st.lists(texts, max_size=4).map(tuple) | st.just(
    tuple(f"https://example.com/{number}/{'é' * 600}" for number in range(60))
)
numbers = st.floats() | st.integers(-10, 20)
scores = st.builds(Cvss, texts, numbers, texts, texts)
packages = st.builds(Package, texts, texts, texts, texts, many)
findings = st.builds(
    Finding,
    rule=texts,
    title=texts,
    severity=st.sampled_from(Severity),
    kind=st.sampled_from(Kind),
    original=texts,
    description=texts,
    location=texts,
    key=many,
    cves=many,
    aliases=many,
    cwes=many,
    cvss=st.lists(scores, max_size=3).map(tuple) | scores.map(lambda one: (one,) * 40),
    epss=st.none() | numbers,
    exploit=texts,
    packages=st.lists(packages, max_size=3).map(tuple) | packages.map(lambda one: (one,) * 60),
    fixable=st.none() | st.booleans(),
    remediation=texts,
    path=texts,
    line=st.none() | st.integers(),
    end_line=st.none() | st.integers(),
    url=texts,
    references=many,
    suppressed=texts,
)
lines = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=300)
scans = st.sampled_from([(scanner, scope) for scanner, scopes in SCOPES.items() for scope in sorted(scopes)])


@settings(deadline=None, database=None, max_examples=150)
@given(
    finding=findings,
    scan=scans,
    branch=lines,
    repository=st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True),
    digest=st.sampled_from(["", DIGEST]),
    acceptance=st.none() | st.builds(Acceptance, texts, texts, st.none() | st.dates()),
)
def test_whatever_a_report_says_the_document_is_valid(
    finding: Finding, scan: tuple[str, str], branch: str, repository: str, digest: str, acceptance: Acceptance | None
) -> None:
    subject = dataclasses.replace(
        IMAGE, scanner=scan[0], scope=scan[1], branch=branch, repository=repository, digest=digest, target=""
    )
    written(finding, subject, acceptance=acceptance)


def test_the_largest_finding_is_within_240_kilobytes() -> None:
    worst, url = '"é' * 2000, "https://example.com/" + "%41" * 300
    finding = Finding(
        *(worst, worst, Severity.HIGH, Kind.VULNERABILITY, worst, worst, worst),
        cves=tuple(f"{number}{worst}" for number in range(99)),
        aliases=tuple(f"{number}{worst}" for number in range(99)),
        cvss=(Cvss(worst, 9.9, worst, worst),) * 99,
        epss=0.123456789012345,
        exploit=worst,
        packages=(Package(worst, worst, worst, worst, (worst,) * 9),) * 99,
        remediation=worst,
        path=worst,
        url=url,
        references=tuple(f"{url}{number}" for number in range(99)),
    )
    made = written(finding, acceptance=Acceptance(worst, worst))
    assert len(made["Vulnerabilities"][0]["VulnerablePackages"]) == 10
    assert len(json.dumps(made)) <= 240_000  # as botocore writes it: one character of two bytes becomes six
    assert len(made["Vulnerabilities"][0]["ReferenceUrls"]) == 20


# The validator itself: it must see each mistake, or the tests above prove nothing.
def _without(name: str) -> Any:
    return lambda made: made.pop(name)


def _with(path: str, value: Any) -> Any:
    def change(made: Any) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in way:
            made = made[part]
        made[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without("Title"), 'Missing required parameter in input: "Title"'),
        (_without("FindingProviderFields"), "Severity or FindingProviderFields.Severity is obligatory"),
        (_with("Colour", "red"), 'Unknown parameter in input: "Colour"'),
        (_with("Title", 7), "Invalid type for parameter Title"),
        (_with("Title", " "), "Title: does not match"),
        (_with("Title", "a\nb"), "Title: a line break"),
        (_with("Title", "\ufeff"), "Title: does not match"),
        (_with("Title", "x" * 257), "Title: 257 bytes, longer than 256"),
        (_with("Title", "é" * 129), "Title: 258 bytes, longer than 256"),
        (_with("Id", "x" * 513), "Id: 513 bytes, longer than 512"),
        (_with("GeneratorId", "x" * 513), "GeneratorId: 513 bytes, longer than 512"),
        (_with("Description", "x" * 1025), "Description: 1025 bytes, longer than 1024"),
        (_with("Remediation.Recommendation.Text", "x" * 513), "Text: 513 bytes, longer than 512"),
        (_with("Note", {"Text": "x" * 513, "UpdatedBy": "a", "UpdatedAt": "2026-01-01T00:00:00Z"}), "Note.Text: 513"),
        (_with("FindingProviderFields.Severity.Label", "SEVERE"), "'SEVERE' is none of"),
        (_with("FindingProviderFields.Severity.Original", "x" * 65), "Original: 65 bytes, longer than 64"),
        (_with("FindingProviderFields.Types", ["a/b/c/d"]), "'a/b/c/d' is no namespace"),
        (_with("FindingProviderFields.Types", ["Bugs/x"]), "'Bugs/x' is no namespace"),
        (_with("RecordState", "GONE"), "'GONE' is none of"),
        (_with("CreatedAt", "2026-09-01 08:30"), "CreatedAt: '2026-09-01 08:30' is no time"),
        (_with("CreatedAt", "2027-09-01T08:30:00Z"), "CreatedAt: later than UpdatedAt"),
        (_with("AwsAccountId", "12345678901x"), "AwsAccountId: '12345678901x' is no account"),
        (
            _with("ProductArn", "arn:aws:securityhub:eu-central-1:000000000000:product/000000000000/default"),
            "ProductArn:",
        ),
        (_with("Resources", []), "Resources: fewer than 1"),
        (_with("Resources.0.Partition", "moon"), "'moon' is none of"),
        (_with("Resources.0.Type", "Other"), "Details.Container: the type is Other"),
        (_with("Resources.0.Details.Container.ImageName", "x" * 129), "ImageName: 129 bytes, longer than 128"),
        (_with("Resources.0.Details.Other.Path", "x" * 1025), "1025 bytes, longer than 1024"),
        (_with("ProductFields.aws/x", "y"), "aws/ is reserved"),
        (_with("ProductFields.y", "x" * 2049), "2049 bytes, longer than 2048"),
        (_with("ProductFields", {str(number): "x" for number in range(51)}), "ProductFields: 51 entries, more than 50"),
        (_with("SourceUrl", "ftp://example.com"), "SourceUrl: 'ftp://example.com' is no URL"),
        (_with("SourceUrl", "https://example.com/a b"), "is no URL"),
        (_with("Vulnerabilities.0.FixAvailable", "MAYBE"), "'MAYBE' is none of"),
        (_with("Vulnerabilities.0.EpssScore", 1.5), "EpssScore: 1.5 is no probability"),
        (_with("Vulnerabilities.0.EpssScore", float("nan")), "nan is not JSON"),
        (_with("Vulnerabilities.0.Cvss.0.BaseScore", 11.0), "11.0 is no CVSS score"),
        (_with("Vulnerabilities.0.ReferenceUrls", ["x"] * 2 + ["\ud800"]), "lone surrogate"),
        (_with("Vulnerabilities.0.RelatedVulnerabilities", []), "an empty list"),
        (_with("Vulnerabilities.0.RelatedVulnerabilities", ["x" * 32_768]), "32768 bytes, longer than 32767"),
        (_with("Vulnerabilities.0.RelatedVulnerabilities", ["x" * 30_000] * 9), "more than 240000"),
    ],
)
def test_the_validator_sees_the_mistake(change: Any, complaint: str) -> None:
    made = written(OPENSSL)
    change(made)
    found = asff_model.errors(made)
    assert any(complaint in error for error in found), found


@pytest.mark.parametrize(
    ("text", "limit", "right"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc..."),
        ("ab cdefg", 6, "ab..."),
        ("éééé", 8, "éééé"),
        ("ééééé", 8, "éé..."),
        ("😀😀😀", 11, "😀😀..."),
        ("😀😀😀", 10, "😀..."),
        ("abe\u0301xyz", 6, "ab..."),  # not an e that has lost its accent
        ("ab👩\u200d💻xyz", 13, "ab..."),
        ("👍🏽abc", 8, "..."),
        (f"abc {REDACTED} def", 14, "abc..."),
        (f"abc {REDACTED} def", 17, f"abc {REDACTED}..."),
        (f"abc {REDACTED}", 14, f"abc {REDACTED}"),
        ("abc%2Fdef", 8, "abc..."),
        ("abc%2Fdef", 7, "abc..."),
        (r"abc\u00e9def", 10, "abc..."),
        (r"abc\ndefgh", 7, "abc..."),
        ("abc&amp;defgh", 10, "abc..."),
        ("abc&amp;defgh", 11, "abc&amp;..."),
    ],
)
def test_clip_cuts_nothing_in_two(text: str, limit: int, right: str) -> None:
    assert clip(text, limit) == right
    assert len(clip(text, limit).encode()) <= limit


@settings(deadline=None, database=None, max_examples=300)
@given(st.text() | st.text("a\u0301\u200d😀é%2F\\u&; ").map(lambda text: text + REDACTED + text), st.integers(3, 60))
def test_a_clipped_text_is_short_and_a_beginning(text: str, limit: int) -> None:
    short = clip(text, limit)
    assert len(short.encode()) <= limit
    assert short == text or text.startswith(short.removesuffix("..."))


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://example.com", True),
        ("http://example.com:8080/a?b=c&d=%20#e", True),
        ("HTTPS://EXAMPLE.COM/", False),
        ("javascript:alert(1)", False),
        ("https://ann:secret@example.com/", False),
        ("https://example.com/[redacted]", False),
        ("https://example.com/\n", False),
        ('https://example.com/"><script>', False),
        ("https://", False),
        ("https://example.com/" + "a" * 99, False),
    ],
)
def test_links(url: str, is_link: bool) -> None:
    assert link(url, 100) == (url if is_link else "")


def test_one_line() -> None:
    assert one_line(" a\r\n\tb\x00c\ufeff ", 99) == "a b c"
    assert one_line("\ufeff\u200b \u2003", 99) == ""


def test_the_limits_are_those_of_the_documents() -> None:
    # https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html, read on that page
    assert (asff.ID_LIMIT, asff.TITLE_LIMIT, asff.DESCRIPTION_LIMIT, asff.TEXT_LIMIT) == (512, 256, 1024, 512)


@pytest.mark.parametrize("answer", [{}, {"verdict": "pass", "counts": {"high": 0}}])
def test_findings_json_is_the_answer_with_its_findings(answer: dict[str, Any]) -> None:
    assert json.loads(findings_file.encode(answer, [])) == {**answer, "findings": []}
    made = [written(OPENSSL), written(SQL, SOURCE)]
    encoded = findings_file.encode(answer, iter(made))
    assert json.loads(encoded) == {**answer, "findings": made}
    assert len(encoded.splitlines()) == 4
