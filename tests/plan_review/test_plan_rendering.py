"""Foreign text stays text, limits hold, and the same plans give the same review."""

from __future__ import annotations

import html.parser
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_builder import change, document, reviewed

from plan_review import render
from plan_review.findings import TITLES, Finding, Kind
from plan_review.limit import LEAST, length
from plan_review.reading import read
from plan_review.render_markdown import span
from plan_review.review import Review, review
from plan_review.text import say

HOSTILE = [
    "`code` **bold**", "``", "[click](https://evil.example)", "![i](https://evil.example/x.png)", "<script>alert(1)</script>",
    "</details><h1>x", "@everyone", "x\n## Approved\n\n- fine", "\x1b[31mred\x1b[0m", "\u202egnirts", "a\u200bb", "| a | b |", "<!--", " x ", "`",
]  # fmt: skip


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(name for name, _ in attrs)


def hostile(text: str) -> Any:
    """The text wherever a plan has some."""
    entry = change(
        "aws_s3_bucket",
        {"bucket": text},
        {"bucket": f"{text}2"},
        action="replace",
        replace_paths=[["bucket"], [text]],
        name=f'x["{text}"]',
    )
    policy = {
        "pipelines": {text: {}},
        "waivers": [{"scanner": "grype", "rule": text, "owner": text, "reason": text, "expires": text}],
    }
    outputs = {text: {"actions": ["update"], "before": {"pipelines": {}, "waivers": []}, "after": policy}}
    return review([read(text, json.dumps(document(entry, output_changes=outputs)).encode())])


def outside_of_spans(markdown: str) -> str:
    """What is left when code spans are taken out as CommonMark says: a run of backticks ends at the next run of its length."""
    return re.sub(r"(?<!`)(`+)(?!`)(?:(?!\n).)*?(?<!`)\1(?!`)", "", markdown)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_foreign_text_in_code_spans_only(text: str) -> None:
    written = render.markdown(hostile(text))
    bare = outside_of_spans(written)
    for trace in (
        "evil",
        "script",
        "@everyone",
        "Approved",
        "gnirts",
        "| a",
        "<!--",
        "<h1>",
        "\x1b",
        "\u202e",
        "\u200b",
    ):
        assert trace not in bare, trace
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert bare.count("<details>") == bare.count("</details>") == 1
    assert "`" not in bare


@given(st.text(max_size=40))
def test_a_code_span_is_one(text: str) -> None:
    assert outside_of_spans(f"a {span(text)} b") == "a  b"


@pytest.mark.parametrize("text", HOSTILE)
def test_html_has_no_tag_of_a_plan(text: str) -> None:
    tags = Tags()
    written = render.html(hostile(text))
    tags.feed(written)
    assert tags.found <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "h3",
        "small",
        "p",
        "ul",
        "li",
        "code",
        "span",
        "b",
        "details",
        "summary",
        "footer",
    }
    assert tags.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class"}
    assert "default-src 'none'" in written


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_no_control_character(text: str) -> None:
    written = render.table(hostile(text), width=80)
    assert all(character.isprintable() or character == "\n" for character in written)
    assert max(map(len, written.splitlines())) <= 80
    assert "\n## Approved" not in written


def many(number: int) -> Any:
    changes = [
        change("aws_s3_bucket", {"bucket": f"b{n}", "id": f"b{n}"}, None, name=f"bucket_{n:04}") for n in range(number)
    ]
    rules = [change("aws_cloudwatch_event_rule", {"name": f"r{n}"}, None, name=f"rule_{n:04}") for n in range(number)]
    new = [change("aws_iam_role", None, {"name": f"r{n}"}, name=f"role_{n:04}") for n in range(number)]
    return reviewed(*new, *rules, *changes)


@pytest.mark.parametrize("form", [render.markdown, render.table])
@pytest.mark.parametrize("limit", [LEAST, 1000, 3000, 10_240, 200_000])
@pytest.mark.parametrize("number", [1, 40, 400])
def test_a_limit_holds_and_the_cut_is_said(form: Any, limit: int, number: int) -> None:
    found = many(number)
    text, whole = form(found, limit), form(found)
    assert length(text) <= limit
    if text == whole:
        return
    assert length(whole) > limit
    shown = len(re.findall(r"is destroyed, and with it its objects", text.replace("\n    ", " ")))
    said = re.search(r"Left out: ([0-9,]+) risks?", text.replace("\n", " "))
    rules = len(re.findall(r"nothing happens on these events", text.replace("\n    ", " ")))
    left = int(said[1].replace(",", "")) if said else 0
    assert shown + rules + left == 2 * number
    assert shown == number or rules <= 1, "the most important first, after one of each class"
    assert shown >= 1
    assert rules >= 1 or limit < 1000, "of each class one before a second of another"
    assert said or "does not fit" in text or "Left out" in text
    assert text.startswith(whole.splitlines()[0]), "the verdict is always there"


PLANS = Path(__file__).parents[1] / "plans"
CLASSES = {
    Kind.DESTROY: "destroyed",
    Kind.IAM: "permissions widen",
    Kind.PUBLIC: "becomes public",
    Kind.PROTECTION: "protection weakened",
    Kind.GATE: "gate weakened",
}


@pytest.mark.parametrize("form", [render.markdown, render.table])
@pytest.mark.parametrize("limit", [LEAST, 1200, 2000, 5000])
def test_no_class_of_risk_is_hidden_by_another(form: Any, limit: int) -> None:
    """What is shown and what is said to be left out are together all of each class."""
    names = ("gates", "iam", "protection", "public", "stateful")
    found = review([read(name, (PLANS / f"{name}.json").read_bytes()) for name in names])
    text = form(found, limit)
    assert length(text) <= limit
    (counts,) = re.findall(r"Left out: [0-9,]+ risks \(([^)]*)\)", text)
    left = {word: int(number) for word, number in re.findall(r"([a-z ]+): ([0-9]+)", counts.replace(", ", "\n"))}
    there = Counter(finding.kind for finding in found.findings)
    assert set(CLASSES) <= set(there)
    for kind, word in CLASSES.items():
        shown = f"### {TITLES[kind]}\n" in text or f"\n{TITLES[kind].upper()}\n" in text
        assert shown == (left.get(word, 0) < there[kind])
        assert shown or limit < 2000, "there is room for one of each"


def test_what_is_left_out_is_said_of_every_class_in_the_least_room() -> None:
    findings = [Finding(kind, "s" * 99, f"a{number}", say("x" * 150)) for kind in Kind for number in range(1234)]
    found = Review(findings=findings, stacks=[])
    for form in (render.markdown, render.table):
        text = form(found, LEAST)
        assert length(text) <= LEAST
        assert text.count(": 1,23") == len(Kind)


def test_the_details_element_is_closed_wherever_it_is_cut() -> None:
    found = many(60)
    for limit in range(LEAST, 30_000, 977):
        text = render.markdown(found, limit)
        assert text.count("<details>") == text.count("</details>"), limit
        assert length(text) <= limit


def test_a_limit_counts_as_services_do() -> None:
    assert length("a😀") == 3
    with pytest.raises(ValueError, match="less than"):
        render.markdown(many(1), LEAST - 1)


def test_a_link_is_an_address_and_nothing_more() -> None:
    text = render.markdown(many(1), None, "https://s3.eu-central-1.amazonaws.com/b/k?x=1&y=2")
    assert "[The whole review](https://s3.eu-central-1.amazonaws.com/b/k?x=1&y=2)" in text
    for wrong in ("http://plain.example/", "https://a.example/) [x](y", "javascript:alert(1)"):
        with pytest.raises(ValueError, match="https address"):
            render.markdown(many(1), None, wrong)


def test_the_same_plans_give_the_same_texts() -> None:
    assert render.markdown(many(9)) == render.markdown(many(9))
    assert render.html(many(9)) == render.html(many(9))


def test_plain_texts_of_a_tuple_are_foreign() -> None:
    """A tuple of strings, as a path is, must never be taken for words of ours."""
    assert render.render_markdown.line(say("forced by {}", ("<b>", "x"))) == "forced by `<b>`, `x`"
