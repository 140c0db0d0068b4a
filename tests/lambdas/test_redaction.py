"""Secrets go, everything else stays: by examples, by every text of the real reports, and by properties."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clip import REDACTED
from findings.model import Cvss, Finding, Kind, Package, ScanResult, Severity
from findings.redaction import redact, redact_text

REPORTS = Path(__file__).parents[1] / "reports"

# No token of a service here is one that it ever issued. Some are put together, so that no scanner takes this file for a leak.
AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
UUID = "7b2d5f10-1111-4222-8333-123456789abc"
BODY = "MIIEpAIBAAKCAQEAx7" * 4
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl-_x"

# The text, and what must be gone from it.
SECRETS = [
    ("DB_PASS: hunter2x", "hunter2x"),
    ("db_pass=hunter2x", "hunter2x"),
    ("mysql://db?user=ann&pass=hunter2x&x=1", "hunter2x"),
    ("ENV DB_PASSWORD hunter2x", "hunter2x"),
    ("RUN curl -u bob:hunter2x https://example.com", "hunter2x"),
    ("curl --user 'bob:hunter2x' https://example.com", "hunter2x"),
    ('<add key="Password" value="hunter2x"/>', "hunter2x"),
    ("redirect=%2F%3Fpassword%3Dhunter2x%26next%3D1", "hunter2x"),
    (f"key {AWS_KEY} in main.py", AWS_KEY),
    (f"temporary ASIA{AWS_KEY[4:]}", f"ASIA{AWS_KEY[4:]}"),
    (f"aws_secret_access_key = {AWS_SECRET}", AWS_SECRET),
    (f"AWS_SECRET_ACCESS_KEY={AWS_SECRET}", AWS_SECRET),
    (f"the secret access key {AWS_SECRET} was found", AWS_SECRET),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----", BODY),
    (f"-----BEGIN PRIVATE KEY-----\\n{BODY}\\n-----END PRIVATE KEY-----", BODY),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}\n{BODY}", BODY),
    (f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES,AB12\n\n{BODY}\n", BODY),
    (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{BODY}\n-----END PGP PRIVATE KEY BLOCK-----", BODY),
    (f"-----BEGIN EC PRIVATE KEY----- and -----BEGIN EC PRIVATE KEY-----\n{BODY}", BODY),
    (f"cookie is {JWT} here", JWT),
    ("ghp_" + "a1B2" * 9, "a1B2a1B2"),
    ("gho_" + "a1B2" * 9, "a1B2a1B2"),
    ("ghs_" + "a1B2" * 9, "a1B2a1B2"),
    ("github_pat_11AAAA" + "_a1B2" * 12, "a1B2_a1B2"),
    ("glpat-" + "a1B2_c3D4-e5F6g7H8i9J", "a1B2_c3D4"),
    ("xoxb-" + "123456789012-abcdefghijkl", "123456789012"),
    ("https://hooks.slack.com/services/" + "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "B00000000"),
    ("https://maps.example.com/?key=AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6", "SyA1b2C3"),
    ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "4eC39Hq"),
    ("npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "a1B2c3D4"),
    ("pypi-AgE" + "IcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDA", "IcHlwaS5vcmc"),
    (f"SNYK_TOKEN={UUID}", UUID),
    (f"snyk auth {UUID}", UUID),
    (f"with the token {UUID}", UUID),
    (f"Authorization: Bearer {UUID}", UUID),
    ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    ('"Authorization": "Bearer abcdefgh12345"', "abcdefgh12345"),
    ("sent Bearer abcdefghijkl.mnop1234", "abcdefghijkl"),
    ("Cookie: a=first1; b=second2", "first1"),
    ("Cookie: a=first1; b=second2", "second2"),
    ("Set-Cookie: session=tasty77; Path=/; HttpOnly", "tasty77"),
    ("http://h/x;jsessionid=A1B2C3D4?x=1", "A1B2C3D4"),
    ("password=hunter2", "hunter2"),
    ("DB_PASSWORD = 'hunter2'", "hunter2"),
    ('{"password": "hunter2", "user": "ann"}', "hunter2"),
    ('{\\"password\\": \\"hunter2\\"}', "hunter2"),
    ('{"token": 123456789}', "123456789"),
    ("password: hunter2\nuser: ann", "hunter2"),
    ("  secret: 'a b c'", "a b c"),
    ("api_key=k1&page=2", "k1"),
    ("https://h/cb?page=2&access_token=tok99#x", "tok99"),
    ("apiKey: 'k-12345'", "k-12345"),
    ("Server=db;Uid=ann;Pwd=p4ss;Port=1", "p4ss"),
    ("config[:api-key] => 'k12345'", "k12345"),
    ('os.environ["PASSWORD"] = "hunter2"', "hunter2"),
    ("<password>hunter2</password>", "hunter2"),
    ("password=&quot;hunter2&quot;", "hunter2"),
    ("psql --password hunter2 -h db", "hunter2"),
    ('password="cut off hunter2', "hunter2"),
    ('password="a\\"hunter2"', "hunter2"),
    ("password=[redacted]hunter2", "hunter2"),
    ("İİ password=hunter2", "hunter2"),
    ("postgres://ann:hunter2@db.example.com/x", "hunter2"),
    ("https://ann:p@ss:w0rd@example.com/x", "w0rd"),
    ("https://0123456789abcdef01234567@example.com/x.git", "0123456789abcdef01234567"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef0123&x=1", "abcdef0123"),
    ("https://x.blob.core.windows.net/c?sv=1&sig=abc%2Bdef&se=2", "abc%2Bdef"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_goes(text: str, secret: str) -> None:
    redacted = redact_text(text)
    assert secret not in redacted
    assert REDACTED in redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("a password=hunter2, b", "a password=[redacted], b"),
        ("(password=hunter2)", "(password=[redacted])"),
        ('{"password": "hunter2", "user": "ann"}', '{"password": "[redacted]", "user": "ann"}'),
        ("postgres://ann:hunter2@db/x", "postgres://ann:[redacted]@db/x"),
        ("Set-Cookie: s=1; Path=/; HttpOnly", "Set-Cookie: s=[redacted]; Path=/; HttpOnly"),
        ("Authorization: Basic dXNlcjpwYXNz, x", "Authorization: Basic [redacted], x"),
        (f"in {AWS_KEY}: see", "in [redacted]: see"),
        ("?a=1&token=x&b=2", "?a=1&token=[redacted]&b=2"),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


SHA256 = "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
ORDINARY = [
    "a pass: 12 tests ran, the compass=north and a bypass: see below",
    "curl -u is an option; curl before 8.4.0 is vulnerable: upgrade it",
    "ENV PATH /usr/local/bin and ENV LANG C.UTF-8",
    '<add key="Timeout" value="30"/> and name="title" value="a token"',
    "CVE-2024-21626 and GHSA-xr7r-f8xq-vfvv in runc 1.1.5-1+deb12u1",
    f"secret scan of {SHA256}",
    f"token of {SHA256[7:]}, secret in commit 9c1185a5c5e9fc54612808977ee8f548b2258d31",
    f"finding {UUID} was seen",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "https://nvd.nist.gov/vuln/detail/CVE-2024-1?x=1&y=2#token",
    "https://github.com/advisories/GHSA-xr7r-f8xq-vfvv",
    "git+ssh://git@github.com/example/csrf-token.git",
    "pkg:npm/%40types/jsonwebtoken@9.0.1?x=y",
    "docker://nginx:1.25@sha256:aaaa0123",
    "com.example:auth-token:1.2.3",
    "patch:npm:jsonwebtoken:20150331:0",
    "src/auth/token:42",
    "services/payments/src/main/java/com/example/auth/PasswordResetTokenRepository.java:120",
    "/usr/share/python3/keyrings/secret/aws/credentials/default",
    "The password is stored in clear text. Passwords must be hashed; a token must expire.",
    "Password field with autocomplete enabled",
    "Improper secret handling: the secret key should never be logged by the server",
    "Use a token: the server compares it with the session",
    "Basic authentication over HTTP; bearer tokens in URLs",
    "Authorization: missing for this endpoint",
    "Cookie without SameSite attribute: Set-Cookie must be mended",
    "if (password == null) or token != expected",
    "DB_PASSWORD=${DB_PASSWORD} --token $TOKEN",
    "password = getPassword()",
    "token = request.getParameter(name)",
    "apiKey: process.env.API_KEY",
    "password=<your password>",
    "password=",
    "password=****",
    'password: ""',
    "PASSWORD_FILE=/run/secrets/db",
    "token_type=bearer",
    "password=/run/secrets/db/password",
    "-----BEGIN RSA PRIVATE KEY----- is what such a file begins with",
    "--token is deprecated, use --token-file",
    "generic-api-key has detected secret for file src/main.py.",
    "python.jwt.security.jwt-hardcode.jwt-python-hardcoded-secret",
    "keyring 23.9.3, tokenizers 0.15.0, libsecret-1-0 0.20.5-3, passwd 1:4.13+dfsg1-1",
    "npm_config_registry and sk-learn-compatible-estimators-for-everyone",
    "AsiaPacific, Akiaten, eyJ",
    "İstanbul: the token",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_content_stays(text: str) -> None:
    assert redact_text(text) == text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for one in value.values() for text in _strings(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in _strings(one))


def test_real_reports_lose_only_their_secrets() -> None:
    # Looked at by eye: of all 5,967 texts of the reports, these two are changed. (gitleaks' own REDACTED stands where it found one.)
    seen = set()
    for path in REPORTS.rglob("*.*"):
        try:
            report = json.loads(path.read_bytes())
        except ValueError:  # SOURCES.md, and the report that is none
            continue
        for text in _strings(report):
            if redact_text(text) != text:
                seen.add((path.parent.name, redact_text(text).splitlines()[-1].strip().rpartition("/")[2]))
    assert seen == {
        ("gitleaks", 'access-key = "[redacted]"'),
        ("zap", "security-check.html?user_token=[redacted]"),
        ("zap", "accept-certs.html?user_token=[redacted]"),
    }


def _filled(kind: type) -> Any:
    """An object whose every text holds a secret of its own."""
    values: dict[str, Any] = {}
    for member in dataclasses.fields(kind):
        text = f"token={member.name}-7"
        values[member.name] = {
            "str": text,
            "tuple[str, ...]": (text, text),
            "tuple[Cvss, ...]": (_filled(Cvss),) if member.name == "cvss" else (),
            "tuple[Package, ...]": (_filled(Package),) if member.name == "packages" else (),
            "tuple[Finding, ...]": (_filled(Finding),) if member.name == "findings" else (),
            "Severity": Severity.HIGH,
            "Kind": Kind.CODE,
            "bool": True,
            "float": 1.0,
        }.get(str(member.type))
    return kind(**values)


def test_every_text_of_a_result_is_redacted_but_what_is_only_hashed() -> None:
    result = redact(_filled(ScanResult))
    kept = [text for text in _strings(json.loads(json.dumps(dataclasses.asdict(result)))) if "-7" in text]
    assert set(kept) == {"token=key-7", "token=detail-7"}


def test_a_result_without_secrets_stays_as_it_is() -> None:
    finding = Finding("CVE-2024-1", "a title", Severity.HIGH, Kind.VULNERABILITY, packages=(Package("token", "1"),))
    result = ScanResult(findings=(finding,), notes=("a note",))
    assert redact(result) == result
    assert redact(ScanResult(findings=(replaced := dataclasses.replace(finding, packages=()),))).findings[0] is replaced


signs = tuple("\"'\\\n =:&<>;@[](),.a1/$")
words = (
    "password",
    "token",
    "secret",
    "</",
    "://",
    "eyJ",
    "cookie",
    "AKIA",
    "bearer ",
    "-----BEGIN PRIVATE KEY-----",
    REDACTED,
)
pieces = st.sampled_from([*(text for text, _ in SECRETS), *ORDINARY, *words, *signs])


@settings(deadline=None, database=None, max_examples=300)
@given(st.lists(pieces, max_size=8).map("".join) | st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize("tail", ["", " x"])
@pytest.mark.parametrize(
    "piece",
    [
        *("token=", "token:", "token:a ", 'token\\"', "token: \t", "token:/a/b", "token:{{", "--token ", "<token>"),
        *('password="', "password='\\", "cookie", "cookie:", "Cookie: a=", "authorization: basic ", "basic ", "aws "),
        *("eyJ", "eyJaaaaaaaaaaa.", "://a:", "http://x:y", "a@b://", "&sig=", "sk-a"),
        *("-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----" + "A" * 20),
    ],
)
def test_hostile_texts_take_time_in_proportion(piece: str, tail: str) -> None:
    # 200,000 characters in at most a second; what grows with the square takes minutes.
    text = piece * (200_000 // len(piece)) + tail
    started = time.process_time()
    redact_text(text)
    assert time.process_time() - started < 1


def test_a_megabyte_of_one_character_is_read_once() -> None:
    started = time.process_time()
    for character in "aA0 \n\\\"'=:/@-.]e":
        redact_text(f"password{character * 1_000_000}")
    assert time.process_time() - started < 8


def test_ten_thousand_findings_are_read_quickly() -> None:
    description = (
        "A flaw was found in the parser of libexample. An attacker can send a crafted request to read memory. " * 20
    )
    findings = tuple(
        Finding(
            f"CVE-2024-{number}",
            f"CVE-2024-{number} in libexample",
            Severity.HIGH,
            Kind.VULNERABILITY,
            description=description if number % 10 else f"{description} The token is kept.",
            url=f"https://nvd.nist.gov/vuln/detail/CVE-2024-{number}",
            packages=(Package("libexample", "1.0", "deb", "/usr/lib", ("1.1",)),),
            references=("https://example.com/a", "https://example.com/b"),
        )
        for number in range(10_000)
    )
    started = time.process_time()
    redact(ScanResult(findings=findings))
    assert time.process_time() - started < 1  # measured: 0.45, on a machine under load
