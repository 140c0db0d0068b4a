"""zap.py: how the packaged scans are called, and that only a whole report about the target is one."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

# The form of ZAP's traditional JSON report; both real samples of the tests list sites without alerts, too.
REPORT = {"@version": "2.17.0", "site": [{"@name": "https://localhost", "@host": "localhost", "alerts": []}]}

SCAN = """
import json, os, pathlib, sys, time
pathlib.Path("called.json").write_text(json.dumps({{"arguments": sys.argv, "environment": dict(os.environ),
                                                    "folder": os.getcwd()}}))
time.sleep({seconds})
report = {report!r}
if report is not None:
    pathlib.Path("wrk", sys.argv[sys.argv.index("-J") + 1]).write_text(report)
sys.exit({code})
"""


class Site(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses that a test lists, the last one again and again."""

    statuses: ClassVar[list[int]] = [200]

    def do_GET(self) -> None:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture(scope="module")
def certificate(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate for localhost that nobody trusts by himself."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    request = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request, *names], check=True, capture_output=True, timeout=60)
    return key, cert


@pytest.fixture
def site(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An https site on loopback whose certificate this test trusts."""
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    monkeypatch.setattr(Site, "statuses", [200])
    yield f"https://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Zap:
    """zap.py with a packaged scan of ours in ZAP's folder, and a gate that records what it is asked."""

    def __init__(self, module: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module, self.folder, self.asked = module, folder, []  # type: ignore[var-annotated]
        self.verdict = ""
        monkeypatch.setattr(module, "ZAP", folder)
        monkeypatch.setattr(module, "judge", self._judge)
        monkeypatch.setattr(module, "REACH_SECONDS", 0.3)
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.1)

    def _judge(self, scanner: str, scope: str, report: Path, code: int) -> None:
        self.asked.append((scanner, scope, report.read_text() if report.exists() else None, code))
        if self.verdict:
            raise self.module.Failure(self.verdict)

    def scan_that(self, code: int = 0, report: object = REPORT, seconds: float = 0) -> None:
        """What the packaged scans do."""
        text = json.dumps(report) if isinstance(report, dict) else report
        for name in ("zap-baseline.py", "zap-full-scan.py", "zap-api-scan.py"):
            (self.folder / name).write_text(SCAN.format(code=code, report=text, seconds=seconds))

    def called(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self.folder / "called.json").read_text())
        return result

    def run(self) -> str:
        """The failure, or an empty string."""
        try:
            self.module._script([])
        except self.module.Failure as failure:
            return str(failure)
        return ""


@pytest.fixture
def zap(load: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zap:
    folder = tmp_path / "zap"
    folder.mkdir()
    result = Zap(load("zap"), folder, monkeypatch)
    result.scan_that()
    monkeypatch.setenv("ZAP_SCAN", "baseline")
    monkeypatch.setenv("ZAP_MINUTES", "5")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/secret")
    return result


@pytest.mark.parametrize(
    ("kind", "script", "more"),
    [
        ("baseline", "zap-baseline.py", ["-m", "5"]),
        ("full", "zap-full-scan.py", ["-m", "5"]),
        ("api", "zap-api-scan.py", ["-f", "graphql"]),
    ],
)
def test_each_packaged_scan_gets_its_options(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, kind: str, script: str, more: list[str]
) -> None:
    monkeypatch.setenv("ZAP_SCAN", kind)
    monkeypatch.setenv("ZAP_TARGET", site)
    monkeypatch.setenv("ZAP_API_FORMAT", "graphql")

    assert zap.run() == ""

    called = zap.called()
    assert called["arguments"] == [str(zap.folder / script), "-t", site, "-J", "report.json", *more]
    assert called["folder"] == str(zap.folder)  # not the repository: ZAP loads hooks from below
    assert called["environment"]["IS_CONTAINERIZED"] == "true"
    assert not [name for name in called["environment"] if name.startswith("AWS_")]
    assert zap.asked == [("zap", "staging", json.dumps(REPORT), 0)]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_warnings_and_failures_are_results_for_the_gate(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    zap.scan_that(code)
    zap.verdict = "gate: findings"
    assert zap.run() == "gate: findings"
    assert zap.asked == [("zap", "staging", json.dumps(REPORT), code)]


@pytest.mark.parametrize("code", [3, 4, 127])
def test_every_other_exit_code_is_an_error_even_with_a_whole_report(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    zap.scan_that(code)
    assert zap.run() == f"ZAP ended with exit code {code}"
    assert zap.asked == [("zap", "staging", json.dumps(REPORT), code)]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (None, "ZAP wrote no report"),
        ("", "not complete"),
        (json.dumps(REPORT)[:-5], "not complete"),
        ("[]", "not complete"),
        ('{"site": {"@host": "localhost"}}', "not complete"),
        ('{"site": []}', "has no site localhost"),
        ('{"site": [{"@host": "cdn.example"}]}', "has no site localhost"),
    ],
)
def test_a_report_that_proves_no_scan_is_an_error_even_if_the_gate_passes_it(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, report: str | None, message: str
) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    zap.scan_that(0, report)
    assert message in zap.run()
    assert zap.asked == [("zap", "staging", report, 3)]


def test_a_report_that_no_memory_holds_is_not_read(zap: Zap, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with report.open("wb") as file:
        file.truncate(1 << 40)
    assert zap.module.gap(report, "https://localhost/") == (
        "ZAP's report has 1099511627776 bytes; at most 134217728 are read"
    )


def test_an_older_report_is_not_taken_for_this_scans(zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    (zap.folder / "wrk").mkdir()
    (zap.folder / "wrk" / "report.json").write_text(json.dumps(REPORT))
    zap.scan_that(0, None)
    assert zap.run() == "ZAP wrote no report"


def test_a_scan_that_does_not_end_is_ended(zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    monkeypatch.setattr(zap.module, "EXTRA_SECONDS", -299)
    zap.scan_that(0, seconds=30)
    started = time.monotonic()
    assert "exit code 124" in zap.run()
    assert time.monotonic() - started < 15
    assert zap.asked == [("zap", "staging", None, 124)]


@pytest.mark.parametrize("statuses", [[503, 502, 200], [404], [401]])
def test_a_site_that_answers_is_scanned(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, statuses: list[int]
) -> None:
    monkeypatch.setattr(Site, "statuses", statuses)
    monkeypatch.setenv("ZAP_TARGET", site)
    monkeypatch.setattr(zap.module, "REACH_SECONDS", 10)
    assert zap.run() == ""


@pytest.mark.parametrize("broken", ["closed", "503", "certificate"])
def test_a_site_that_cannot_be_scanned_is_an_error_and_not_an_empty_report(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    target = site
    if broken == "closed":
        target = "https://localhost:1/"
    elif broken == "503":
        monkeypatch.setattr(Site, "statuses", [503])
    else:
        monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("ZAP_TARGET", target)

    assert "cannot be scanned" in zap.run()

    assert not (zap.folder / "called.json").exists()
    assert zap.asked == [("zap", "staging", None, 3)]


@pytest.mark.parametrize(
    "target",
    [
        "http://staging.example",
        "https://",
        "https://user:secret@staging.example",
        "https://staging.example\nHost: x",
        "https://staging.example -config api.key=x",
        "file:///etc/passwd",
        "https://[::1]/",
        "https://staging.example:99999/",
        "",
    ],
)
def test_only_a_plain_https_url_is_scanned(zap: Zap, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("ZAP_TARGET", target)
    assert "ZAP_TARGET" in zap.run()
    assert not (zap.folder / "called.json").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("ZAP_SCAN", "all"), ("ZAP_MINUTES", "0"), ("ZAP_MINUTES", "5 -I"), ("ZAP_API_FORMAT", "raml")]
)
def test_a_malformed_value_starts_no_scan(
    zap: Zap, site: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("ZAP_TARGET", site)
    monkeypatch.setenv("ZAP_SCAN", "api")
    monkeypatch.setenv(name, value)
    assert f"environment variable {name}" in zap.run()
    assert not (zap.folder / "called.json").exists()
    assert zap.asked == [("zap", "staging", None, 3)]
