"""The page for people: what it says, in which order, and that no text of a report ever becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contract import Counts, Verdict
from findings.model import Acceptance, Cvss, Finding, Judged, Judgement, Kind, Package, Severity, Subject
from findings.page import render

MADE = datetime(2026, 10, 2, 10, 30, tzinfo=UTC)
POLICY = "a" * 64
SUBJECT = Subject(
    scanner="grype",
    scope="image",
    pipeline="payments",
    execution="3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c",
    repository="payments",
    branch="feature/refunds",
    commit="9c1185a5c5e9fc54612808977ee8f548b2258d31",
    digest="sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0",
)
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "div",
        "p",
        "h1",
        "h2",
        "h3",
        "span",
    ),
    *("dl", "dt", "dd", "table", "tbody", "tr", "td", "th", "ul", "li", "article", "a", "b", "details", "summary"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "scope", "rel", "href"}


def judgement(*findings: Judged, verdict: Verdict = Verdict.FINDINGS, **more: Any) -> Judgement:
    given: dict[str, Any] = {
        "summary": "grype image: 1 high",
        "reason": "1 finding at or above high",
        "counts": Counts(high=1, medium=1234, waived=2),
        "blocking": sum(one.blocking for one in findings),
    }
    return Judgement(SUBJECT, verdict, findings=findings, **{**given, **more})


def finding(rule: str = "CVE-2024-1", severity: Severity = Severity.HIGH, **more: Any) -> Finding:
    return Finding(rule, more.pop("title", f"{rule} in openssl"), severity, Kind.VULNERABILITY, **more)


def page(*findings: Judged, **more: Any) -> str:
    return render(judgement(*findings, **more), POLICY, MADE).decode()


class Document(HTMLParser):
    """A page as a browser sees it: every tag and attribute, and the text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append("a comment")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("a declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("an instruction")


def words(html: str) -> str:
    return " ".join("".join(Document(html).text).split())


def test_a_long_address_or_version_wraps_wherever_in_a_finding_it_stands() -> None:
    """What does not wrap is cut off: an article is drawn within its own bounds (content-visibility). Wrapping is inherited."""
    rules = re.findall(r"(?:^|})article\{([^}]*)\}", page().replace("\n", ""))
    assert any("overflow-wrap:anywhere" in rule for rule in rules)
    assert any("content-visibility:auto" in rule for rule in rules)


@pytest.mark.parametrize(
    ("verdict", "blocking", "headline"),
    [
        (Verdict.PASS, 0, "Passed"),
        (Verdict.FINDINGS, 1, "Blocked by findings"),
        (Verdict.TOOL_ERROR, 0, "Not judged: the scan went wrong"),
        (Verdict.NO_EVIDENCE, 0, "Not judged: no evidence of a scan"),
    ],
)
def test_the_verdict_is_the_headline(verdict: Verdict, blocking: int, headline: str) -> None:
    html = page(verdict=verdict, blocking=blocking)
    assert f'<header class="{verdict.value}">' in html
    assert f"<h1>{headline}</h1><p>1 finding at or above high</p>" in html
    assert f"<title>{headline} - grype image - payments</title>" in html


def test_the_top_says_what_was_scanned() -> None:
    seen = words(page(notes=("Use debian:12.8-slim: 3 high\nfewer",), waived_until="2027-01-31"))
    for fact in (
        f"Repositorypayments Branchfeature/refundsCommit{SUBJECT.commit}",
        f"Image{SUBJECT.digest}Pipelinepayments",
        f"Execution{SUBJECT.execution}Policy (SHA-256){POLICY}",
        "Waivers hold until2027-01-31",
        "Use debian:12.8-slim: 3 high fewer",
        "Made 2026-10-02 10:30 UTC",
    ):
        assert fact.replace(" Branch", "Branch") in seen


def test_the_counts_are_a_table_in_order() -> None:
    html = page()
    assert re.findall(r"<td class=\"(\w+)\">([\d,]+)</td>", html) == [
        ("zero", "0"),
        ("high", "1"),
        ("medium", "1,234"),
        ("zero", "0"),
        ("zero", "0"),
        ("zero", "0"),
        ("waived", "2"),
    ]
    assert re.findall(r"<th scope=\"col\">(\w+)</th>", html) == [
        *("critical", "high", "medium", "low", "informational", "ungraded", "waived")
    ]


def test_blocking_findings_come_first_and_each_part_is_by_severity() -> None:
    html = page(
        Judged("1", finding("LOW", Severity.LOW)),
        Judged("2", finding("ACCEPTED", Severity.CRITICAL), Acceptance("r")),
        Judged("3", finding("UNGRADED", Severity.UNGRADED), blocking=True),
        Judged("4", finding("MEDIUM", Severity.MEDIUM)),
        Judged("5", finding("HIGH", Severity.HIGH), blocking=True),
        Judged("6", finding("CRITICAL", Severity.CRITICAL), blocking=True),
    )
    parts = re.findall(r"<h2>(.*?) <span>(\d+)</span></h2>|</span>(\w+) in openssl", html)
    assert ["".join(part) for part in parts] == [
        *("Blocking3", "CRITICAL", "HIGH", "UNGRADED"),
        *("Not blocking2", "MEDIUM", "LOW"),
        *("Accepted1", "ACCEPTED"),
    ]


def test_a_finding_says_all_that_mends_it() -> None:
    seen = words(
        page(
            Judged(
                "1",
                finding(
                    original="Important",
                    description="line one\nline <two>",
                    location="/usr/lib",
                    aliases=("GHSA-1",),
                    packages=(Package("openssl", "3.0.11", "deb", "", ("3.0.13", "3.1")), Package("libssl3", "3.0.11")),
                    remediation="Upgrade the base image",
                    cvss=(Cvss("3.1", 7.5, "AV:N", "nvd"),),
                    epss=0.0125,
                    exploit="Functional",
                    references=("https://example.com/a?b=1&c=2",),
                ),
                Acceptance("not built", "ann@example.com", date(2027, 1, 31)),
            )
        )
    )
    for text in (
        "highCVE-2024-1 in openssl (the tool says: Important)",
        "CVE-2024-1 GHSA-1",
        "openssl 3.0.11 deb → 3.0.13, 3.1",
        "libssl3 3.0.11 → no fix is known",
        "/usr/lib",
        "Upgrade the base image",
        "Accepted by ann@example.com until 2027-01-31: not built",
        "Description and referencesline one line <two>",
        "CVSS 3.1: 7.5 AV:N nvd",
        "EPSS: 1.25%",
        "Exploit: Functional",
        "https://example.com/a?b=1&c=2",
    ):
        assert text in seen


def test_the_tools_word_is_not_repeated() -> None:
    assert "the tool says" not in page(Judged("1", finding(original="HIGH")))


def test_a_place_in_code_has_its_line() -> None:
    assert "src/a.py:12" in page(Judged("1", finding(path="src/a.py", line=12)))


def test_only_web_addresses_are_links() -> None:
    html = page(
        Judged("1", finding("R1", url="https://example.com/r1?a=1&b=2")),
        Judged(
            "2", finding("R2", url="javascript:alert(1)", references=("data:text/html,x", "https://example.com/ref"))
        ),
        Judged("3", finding("R3", url="https://ann:hunter2@example.com/")),
    )
    links = [value for name, value in Document(html).attributes if name == "href"]
    assert links == ["https://example.com/r1?a=1&b=2", "https://example.com/ref"]
    assert html.count('rel="noreferrer noopener nofollow"') == 2


def test_the_page_runs_nothing_and_loads_nothing() -> None:
    html = page(Judged("1", finding(description="<script>alert(1)</script>")))
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert policy
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1] == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert "<script" not in html
    assert " style=" not in html
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_no_findings_is_a_page_too() -> None:
    html = page(verdict=Verdict.PASS, finished=True)
    assert "The report has no findings." in html
    assert "<h2>" not in html


def test_a_report_that_nobody_could_read_is_not_called_clean() -> None:
    assert "no findings" not in page(verdict=Verdict.NO_EVIDENCE, finished=False)


def test_characters_that_no_reader_should_meet_are_gone() -> None:
    html = page(Judged("1", finding(title="a\u202eb\x00c\ud800d")))
    assert "a b c d" in html


def test_ten_thousand_findings_stay_readable_and_quick() -> None:
    text = "A flaw was found. " * 110
    many = [
        Judged(str(number), finding(f"CVE-2024-{number}", description=text, packages=(Package("openssl", "3", "deb"),)))
        for number in range(10_000)
    ]
    started = time.process_time()
    html = page(*many)
    assert time.process_time() - started < 3  # measured: 0.5
    assert html.count("<article") == 10_000
    assert html.count("<details>") == 1000
    assert html.count("From here on without descriptions") == 1
    assert len(html) < 8_000_000


def test_descriptions_go_to_the_blocking_findings_first() -> None:
    low = [Judged(f"l{number}", finding(f"L{number}", Severity.LOW, description="d")) for number in range(600)]
    high = [Judged(f"h{number}", finding(f"H{number}", description="d"), blocking=True) for number in range(600)]
    html = page(*low, *high)
    blocking, others = html.split("<h2>Not blocking")
    assert (blocking.count("<details>"), others.count("<details>")) == (600, 400)


hostile = st.sampled_from(
    [
        *(
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "' onmouseover='x",
            "</style><script>",
            "]]>",
            "<!--",
        ),
        *(
            "-->",
            "&lt;",
            "&#60;b&#62;",
            "javascript:alert(1)",
            "https://example.com/'\"><b>",
            "</title><b>",
            "<a href=x>",
            "\x00<b>",
        ),
        *("https://example.com/" + "<" * 5, "</details></article>", "{}", "%s", "<\u200bb>", "\ud800<i>"),
    ]
)
texts = hostile | st.text(max_size=20) | st.lists(hostile, max_size=3).map("".join)
many_texts = st.lists(texts, max_size=3).map(tuple)


def _judged() -> st.SearchStrategy[Judged]:
    return st.builds(
        Judged,
        id=texts,
        finding=st.builds(
            Finding,
            rule=texts,
            title=texts,
            severity=st.sampled_from(Severity),
            kind=st.sampled_from(Kind),
            original=texts,
            description=texts,
            location=texts,
            cves=many_texts,
            aliases=many_texts,
            cwes=many_texts,
            cvss=st.lists(st.builds(Cvss, texts, st.floats(0, 10), texts, texts), max_size=2).map(tuple),
            epss=st.none() | st.floats(0, 1),
            exploit=texts,
            packages=st.lists(st.builds(Package, texts, texts, texts, texts, many_texts), max_size=2).map(tuple),
            remediation=texts,
            path=texts,
            line=st.none() | st.integers(1, 9),
            url=texts,
            references=many_texts,
        ),
        acceptance=st.none() | st.builds(Acceptance, texts, texts, st.none() | st.dates()),
        blocking=st.booleans(),
    )


@settings(deadline=None, database=None, max_examples=200)
@given(st.lists(_judged(), max_size=3), st.builds(Subject, *[texts] * 9), texts, texts, many_texts)
def test_no_text_of_a_report_becomes_markup(
    findings: list[Judged], subject: Subject, reason: str, until: str, notes: tuple[str, ...]
) -> None:
    made = Judgement(subject, Verdict.PASS, "s", reason, Counts(), 0, tuple(findings), notes, waived_until=until)
    document = Document(render(made, POLICY, MADE).decode())
    assert set(document.tags) <= TAGS
    assert {name for name, _ in document.attributes} <= ATTRIBUTES
    assert document.tags.count("article") == len(findings)
    assert document.open == []
    for name, value in document.attributes:
        if name == "href":
            assert re.fullmatch(r"https?://[a-zA-Z0-9.-]+[^\s\"<>]*", value)


def _every_text(made: Judged) -> Iterator[str]:
    yield from (made.finding.rule, made.finding.description, made.finding.location, made.finding.remediation)


@settings(deadline=None, database=None, max_examples=100)
@given(_judged())
def test_what_a_finding_says_can_be_read(made: Judged) -> None:
    seen = words(render(judgement(made), POLICY, MADE).decode())
    unseen = re.compile(
        "[\x00-\x08\x0e-\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
    )
    for text in _every_text(made):
        assert " ".join(unseen.sub(" ", text).split()) in seen
