"""ZAP. The counts and facts of the real report were read in the file itself."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.identity import identify
from findings.model import Kind, Severity, Subject, UnreadableError
from findings.parsers import zap
from report_damage import ANYTHING, HOSTILE, dump, exchanged, load, never_read_when_cut, read, survives, wrong_byte

QUIET = settings(deadline=None, database=None, max_examples=80)
REAL = "zap/many.json"


def report(*alerts: Any, **more: Any) -> bytes:
    """A report of one site, as newer versions write it."""
    site = {"@name": "https://app.example.com", "@host": "app.example.com", "@port": "443", "@ssl": "true"}
    return dump({"@programName": "ZAP", "@version": "2.16.1", "site": [{**site, "alerts": list(alerts)}], **more})


def alert(**more: Any) -> dict[str, Any]:
    return {"pluginid": "10038", "alertRef": "10038-1", "name": "CSP", "riskcode": "2", "confidence": "3", **more}


def test_real_report_severities() -> None:
    """13 alerts on the second of two sites; the first has none. 5 of riskcode 3, 3 of 2, 3 of 1, 2 of 0."""
    result = zap.parse(read(REAL))
    counts = Counter(finding.severity for finding in result.findings)
    assert counts == {Severity.HIGH: 5, Severity.MEDIUM: 3, Severity.LOW: 3, Severity.INFORMATIONAL: 2}
    assert [finding.rule for finding in result.findings if finding.severity is Severity.HIGH] == [
        "40025",
        "40024",
        "40027",
        "6",
        "7",
    ]
    assert (result.errors, result.nothing) == ((), "")
    assert result.hosts == ("zero.webappsecurity.com",)
    assert result.made_at is None  # "Wed, 5 Dec 2018 19:00:19" has no zone


def test_real_report_facts_of_one_alert() -> None:
    one = next(finding for finding in zap.parse(read(REAL)).findings if finding.rule == "40027")
    assert (one.title, one.kind, one.original) == ("SQL Injection - MsSQL", Kind.WEB, "High")
    assert one.cwes == ("CWE-89",)
    assert one.location == "http://zero.webappsecurity.com"
    assert one.key == ("http://zero.webappsecurity.com",)
    assert one.suppressed == ""
    assert "<" not in one.description + one.remediation


def test_real_report_loses_no_url() -> None:
    document = load(REAL)
    result = zap.parse(read(REAL))
    for given_alert, finding in zip(document["site"][1]["alerts"], result.findings, strict=True):
        lines = finding.description.split("\n")
        for instance in given_alert["instances"]:
            address = instance["uri"].split("?")[0]
            assert any(line.startswith(f"{instance['method']} {address}") for line in lines)
    assert "ZAP saw this 364 times and lists 20." in result.findings[0].description


def test_real_report_gives_away_no_value() -> None:
    """8c797e39-... is a user's token, Mozilla/... an attack, Apache/2.2.6 a piece of otherinfo."""
    result = zap.parse(read(REAL))
    for value in ("8c797e39-7ab3-41d2-a53a-2a6449f13866", "1544043856896", "Mozilla/", "Apache/2.2.6"):
        assert value in read(REAL).decode()
        assert value not in repr(result)
    assert "/auth/security-check.html?user_token=" in repr(result)


def test_every_value_that_can_hold_a_secret_stays_behind() -> None:
    secret = "hunter2hunter2"
    instance = {
        "uri": f"https://user:{secret}@app.example.com/a;jsessionid={secret}/b?token={secret}&{secret}&b=1#{secret}",
        "method": "GET",
        "param": "token",
        "attack": secret,
        "evidence": secret,
        "otherinfo": secret,
    }
    result = zap.parse(report(alert(otherinfo=secret, evidence=secret, attack=secret, instances=[instance])))
    assert secret not in repr(result)
    assert "GET https://app.example.com/a;jsessionid=/b?token=&b= (token)" in result.findings[0].description


def test_a_fragment_stays_behind() -> None:
    (one,) = zap.parse(report(alert(instances=[{"uri": "https://app.example.com/a#access_token=hunter2"}]))).findings
    assert one.description == "https://app.example.com/a"


def test_all_sites_are_read() -> None:
    document = load(REAL)
    document["site"].reverse()
    document["site"].append({"@name": "http://b.example", "@host": "B.example", "alerts": [alert()]})
    result = zap.parse(dump(document))
    assert len(result.findings) == 14
    assert result.hosts == ("zero.webappsecurity.com", "b.example")


def test_one_site_without_a_list() -> None:
    document = load(REAL)
    document["site"] = document["site"][1]
    assert len(zap.parse(dump(document)).findings) == 13


def test_no_site_is_no_scan() -> None:
    assert zap.parse(dump({"@version": "2.16.1", "site": []})).nothing == "the report has no site: ZAP reached none"
    assert zap.parse(report()).nothing == ""  # a site without alerts is a clean one


@pytest.mark.parametrize(
    ("code", "severity", "original"),
    [
        ("0", Severity.INFORMATIONAL, "Informational"),
        ("1", Severity.LOW, "Low"),
        ("2", Severity.MEDIUM, "Medium"),
        ("3", Severity.HIGH, "High"),
        (3, Severity.HIGH, "High"),
    ],
)
def test_riskcode_is_the_severity(code: Any, severity: Severity, original: str) -> None:
    (one,) = zap.parse(report(alert(riskcode=code, riskdesc="Informational (Low)"))).findings
    assert (one.severity, one.original) == (severity, original)


@pytest.mark.parametrize("code", ["4", "-1", "", "High", "03", "٣", None, 4, 10**400])
def test_a_riskcode_that_nobody_knows_is_an_error(code: Any) -> None:
    result = zap.parse(report(alert(riskcode=code, riskdesc="High (Medium)")))
    assert result.findings[0].severity is Severity.UNGRADED
    (error,) = result.errors
    assert re.fullmatch(r"riskcode .* of 10038-1 is not known", error)


def test_a_missing_riskcode_is_an_error() -> None:
    given_alert = alert(riskdesc="High (Medium)")
    del given_alert["riskcode"]
    assert zap.parse(report(given_alert)).errors == ("riskcode None of 10038-1 is not known",)


def test_rule_without_alert_ref() -> None:
    given_alert = alert()
    del given_alert["alertRef"]
    assert zap.parse(report(given_alert)).findings[0].rule == "10038"
    assert zap.parse(report(alert())).findings[0].rule == "10038-1"


def test_confidence_false_positive_is_suppressed() -> None:
    findings = zap.parse(report(alert(confidence="0"), alert(confidence="1"), alert(confidence="4"))).findings
    assert [finding.suppressed for finding in findings] == ["marked as a false positive in ZAP", "", ""]


@pytest.mark.parametrize(
    ("cwe", "cwes"), [("693", ("CWE-693",)), ("-1", ()), ("0", ()), ("", ()), (None, ()), ("x", ())]
)
def test_cwe(cwe: Any, cwes: tuple[str, ...]) -> None:
    assert zap.parse(report(alert(cweid=cwe))).findings[0].cwes == cwes


def test_html_becomes_text() -> None:
    (one,) = zap.parse(
        report(
            alert(
                desc="<p>A &lt;script&gt; tag &amp; more.</p><p>Line 2<br/>line 3</p><script>kept</script>",
                solution="<ul><li>Do&nbsp;this</li></ul>",
                reference="<p>https://a.example/x?y=1</p><p>not a link</p><p>http://b.example</p>",
                name="A <b>name</b>",
            )
        )
    ).findings
    assert one.description == "A <script> tag & more.\nLine 2\nline 3\nkept"
    assert one.remediation == "Do this"
    assert one.references == ("https://a.example/x?y=1", "http://b.example")
    assert one.url == "https://a.example/x?y=1"
    assert one.title == "A\nname"


@pytest.mark.parametrize(
    "text", ["&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";", "<" * 50_000, "<a " * 50_000, "&" * 50_000]
)
def test_hostile_html_is_only_text(text: str) -> None:
    start = time.process_time()
    zap.parse(report(alert(desc=text)))
    assert time.process_time() - start < 1


def test_identity_is_the_site_and_the_rule() -> None:
    """Neither grade, nor URLs, nor order; two alerts of one rule on a site stay two."""
    subject = Subject("zap", "staging", "payments", "e", "payments", "main", "c")
    before = zap.parse(report(alert(), alert(name="another", riskcode="1"))).findings
    after = zap.parse(report(alert(riskcode="3", instances=[{"uri": "https://app.example.com/new"}]))).findings
    assert before[0].key == after[0].key
    assert len({name for name, _ in identify(subject, before)}) == 2
    places = [[{"method": "GET", "uri": f"https://app.example.com/{one}", "param": "p"}] for one in "ab"]
    two = [zap.parse(report(*(alert(instances=one) for one in order))).findings for order in (places, places[::-1])]
    named = [{one.detail: name for name, one in identify(subject, found)} for found in two]
    assert named[0] == named[1]
    assert set(named[0]) == {(f"GET https://app.example.com/{one} (p)",) for one in "ab"}
    real = zap.parse(read(REAL)).findings
    assert len({name for name, _ in identify(subject, real)}) == 13


def test_time_of_newer_versions() -> None:
    created = zap.parse(report(created="2026-03-04T05:06:07.123456Z"))
    assert created.made_at == datetime(2026, 3, 4, 5, 6, 7, 123456, UTC)
    assert zap.parse(report(created="2026-03-04T05:06:07")).made_at is None


@pytest.mark.parametrize(
    "document",
    [
        {"@version": "2.16.1"},
        {"@version": "2.16.1", "site": None},
        {"@version": "2.16.1", "site": "x"},
        {"@version": "2.16.1", "site": ["x"]},
        {"@version": "2.16.1", "site": [{}]},
        {"@version": "2.16.1", "site": [{"alerts": None}]},
        {"@version": "2.16.1", "site": {}},
        {"@version": "2.16.1", "site": [{"alerts": ["x"]}]},
        {"@version": "2.16.1", "site": [{"alerts": [{"riskcode": "3"}]}]},
        {"@version": "2.16.1", "site": [{"alerts": [alert(riskcode=["3"])]}]},
        {"@version": "2.16.1", "site": [{"alerts": [alert(riskcode=True)]}]},
        {"site": []},
        [],
    ],
)
def test_what_decides_must_be_there(document: Any) -> None:
    with pytest.raises(UnreadableError):
        zap.parse(dump(document))


def test_a_cut_report_is_unreadable() -> None:
    never_read_when_cut(zap.parse, read(REAL))
    never_read_when_cut(zap.parse, report(alert()), cuts=1000)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_report(data: bytes) -> None:
    assert survives(zap.parse, data) is None


SMALL = load(REAL)
for small_alert in SMALL["site"][1]["alerts"]:
    del small_alert["instances"][2:]


@given(exchanged(REAL))
@QUIET
def test_any_exchange(data: bytes) -> None:
    survives(zap.parse, data)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*SMALL["site"][1]["alerts"][0], "alertRef", "cweid"]), ANYTHING), max_size=2
    )
)
@QUIET
def test_any_alerts(alerts: list[Any]) -> None:
    survives(zap.parse, report(*alerts))


@given(wrong_byte(REAL))
@settings(QUIET, max_examples=30)
def test_a_wrong_byte(data: bytes) -> None:
    survives(zap.parse, data)


@given(st.text(max_size=60), st.text(max_size=60))
@QUIET
def test_any_url(before: str, value: str) -> None:
    """Whatever stands after a question mark's name and an equals sign is gone."""
    uri = json.loads(json.dumps(f"https://app.example.com/{before}?name={value}"))
    survives(zap.parse, report(alert(instances=[{"uri": uri, "method": "GET"}])))
    marked = zap._url(f"https://app.example.com/{before}?name=S3CRET{value}&other=S3CRET")
    assert "S3CRET" not in marked.partition("?")[2]


def test_ten_thousand_alerts_in_time() -> None:
    data = report(*SMALL["site"][1]["alerts"] * 770)
    start = time.process_time()
    assert len(zap.parse(data).findings) == 10_010
    assert time.process_time() - start < 3
