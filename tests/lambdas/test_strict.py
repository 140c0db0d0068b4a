"""Reading JSON from outside: what each reader takes, its edges, and the sentence with which it refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from common import strict
from common.strict import MalformedError


def refusal(read: Callable[..., Any], *arguments: object) -> str:
    with pytest.raises(MalformedError) as refused:
        read(*arguments)
    return str(refused.value)


# --- what an error may show of a value --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1}, "an object"),
        ([1], "a list"),
        ((1,), "a list"),
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        ("", "''"),
        ("a" * 58, f"'{'a' * 58}'"),  # 60 characters with its quotes
        ("a" * 59, f"'{'a' * 56}..."),
        pytest.param("a" * 1000, f"'{'a' * 56}...", id="long"),
        ("\n\u00fc", r"'\n\xfc'"),
        (f"{'a' * 70}'", f"'{'a' * 56}..."),  # only what is shown is looked at: else there were double quotes
        (10**60 - 1, "9" * 60),
        (10**60, "a number of many digits"),
        (1 - 10**59, f"-{'9' * 59}"),
        (-(10**60), "a number of many digits"),
        pytest.param(10**5000, "a number of many digits", id="huge"),
    ],
)
def test_a_wrong_value_is_shown_in_60_characters(value: object, shown: str) -> None:
    assert strict.shown(value) == shown


@pytest.mark.parametrize(
    ("text", "limit", "clean"),
    [
        ("", 5, ""),
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "ab..."),
        (" ~", 5, " ~"),
        ("\x1f\x7f\u00fc\n\ud800", 5, "?????"),
    ],
)
def test_clean_text_is_printable_ascii_of_a_limited_length(text: str, limit: int, clean: str) -> None:
    assert strict.clean(text, limit) == clean


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_json_is_read_from_bytes_and_from_text() -> None:
    document = {"a": [1, 2.5, None, True, "\u00fc"], "b": {"c": {}}}
    assert strict.loads('{"a": [1, 2.5, null, true, "\u00fc"], "b": {"c": {}}}', "x") == document
    assert strict.loads('{"a": [1, 2.5, null, true, "\u00fc"], "b": {"c": {}}}'.encode(), "x") == document


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"a": 1, "a": 1}', "x: the key 'a' stands there twice"),
        ('[{"b": {"a": 1, "c": 2, "a": 3}}]', "x: the key 'a' stands there twice"),
        ("[NaN]", "x: NaN is not JSON"),
        ("Infinity", "x: Infinity is not JSON"),
        ("-Infinity", "x: -Infinity is not JSON"),
        ("{", "x: not readable as JSON (JSONDecodeError)"),
        ("", "x: not readable as JSON (JSONDecodeError)"),
        (b"\xff", "x: not readable as JSON (UnicodeDecodeError)"),
        ('"a"'.encode("utf-16"), "x: not readable as JSON (UnicodeDecodeError)"),  # Python's own reader would guess
        pytest.param("1" * 5000, "x: not readable as JSON (ValueError)", id="digits"),
        pytest.param("[" * 100_000, "x: not readable as JSON (RecursionError)", id="deep"),
    ],
)
def test_what_two_readers_could_see_differently_is_no_json(data: bytes | str, message: str) -> None:
    assert refusal(strict.loads, data, "x") == message


# --- parts of a document ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [None, [], [("a", 1)], "a", 1])
def test_an_object_is_an_object(document: object) -> None:
    right = f"x: an object is right, not {strict.shown(document)}"
    assert refusal(strict.fields, document, "x", ("a",)) == right
    assert refusal(strict.entries, document, "x") == right


def test_fields_are_just_those() -> None:
    document = {"a": 1, "b": None}
    assert strict.fields(document, "x", ("a", "b")) == document
    assert strict.fields({}, "x", ()) == {}
    assert refusal(strict.fields, {"a": 1, "c": 2, "d": 3}, "x", ("a", "b")) == "x: unknown key 'c'; right are a, b"
    assert refusal(strict.fields, {"b": 1}, "x", ("a", "b", "c")) == "x: the key a is missing"


def test_entries_have_names_and_anything_in_them() -> None:
    assert strict.entries({"a": 1, "": None}, "x") == {"a": 1, "": None}
    assert refusal(strict.entries, {"a": 1, 2: 3}, "x") == "x: an object is right, not an object"


def test_items_are_a_list() -> None:
    assert strict.items([1, "a"], "x") == [1, "a"]
    assert strict.items([], "x") == []
    for document in (None, {}, "a", (1,)):
        assert refusal(strict.items, document, "x") == f"x: a list is right, not {strict.shown(document)}"


def test_text_matches_as_a_whole() -> None:
    pattern = re.compile("[a-c]+")
    assert strict.text("abc", "x", pattern, "letters") == "abc"
    for value in ("abcd", "dabc", "", "abc\n", None, 1, ["abc"], b"abc"):
        assert refusal(strict.text, value, "x", pattern, "letters") == f"x: letters is right, not {strict.shown(value)}"


def test_a_choice_is_one_of_the_words() -> None:
    assert strict.choice("b", "x", ("b", "a")) == "b"
    for value in ("c", "", None, ["a"], {"a": 1}, 1):
        assert refusal(strict.choice, value, "x", ("b", "a")) == f"x: one of a, b is right, not {strict.shown(value)}"


@pytest.mark.parametrize("value", [1, 2, 3])
def test_an_integer_may_be_its_limit(value: int) -> None:
    assert strict.integer(value, "x", 1, 3) == value


@pytest.mark.parametrize("value", [0, 4, -1, 1.0, True, "1", None, pytest.param(10**5000, id="huge")])
def test_an_integer_is_whole_and_within_its_limits(value: object) -> None:
    right = f"x: a whole number from 1 to 3 is right, not {strict.shown(value)}"
    assert refusal(strict.integer, value, "x", 1, 3) == right


def test_a_boolean_is_one_of_two() -> None:
    assert strict.boolean(True, "x") is True
    assert strict.boolean(False, "x") is False
    for value in (0, 1, "true", None, []):
        assert refusal(strict.boolean, value, "x") == f"x: true or false is right, not {strict.shown(value)}"
