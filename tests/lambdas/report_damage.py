"""Reports as no tool writes them: any JSON, real reports with a part exchanged, cut or with a wrong byte."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from findings.model import ScanResult, UnreadableError

REPORTS = Path(__file__).parents[1] / "reports"
Parse = Callable[[bytes], ScanResult]

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [10**400, -1, 0, float("nan"), float("inf"), 1e308, "", "\ud800", "critical", "3", "&#" + "9" * 5000 + ";"]
    )
    | st.floats()
    | st.text(st.characters(), max_size=12)
)
ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def read(name: str) -> bytes:
    return (REPORTS / name).read_bytes()


def load(name: str) -> Any:
    return json.loads(read(name))


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


def survives(parse: Parse, report: bytes) -> ScanResult | None:
    """The result of reading ``report``, None if it is unreadable. Any other exception is the test's failure."""
    try:
        result = parse(report)
    except UnreadableError as error:
        sentence = str(error)
    else:
        sentence = ""
    if sentence:
        assert len(sentence) < 200
        return None
    assert isinstance(result, ScanResult)
    hash(result.findings)
    _texts_can_be_written(result)
    return result


def _texts_can_be_written(value: Any) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, tuple):
        for one in value:
            _texts_can_be_written(one)
    elif is_dataclass(value):
        for member in fields(value):
            _texts_can_be_written(getattr(value, member.name))


def exchanged(name: str) -> st.SearchStrategy[bytes]:
    """The report with one to three of its values exchanged for anything, or left out."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        document = copy.deepcopy(load(name))
        for _ in range(draw(st.integers(1, 3))):
            node = document
            while True:
                keys = list(node) if isinstance(node, dict) else list(range(len(node)))
                if not keys:
                    break
                key = draw(st.sampled_from(keys))
                if isinstance(node[key], (dict, list)) and node[key] and draw(st.integers(0, 4)):
                    node = node[key]
                    continue
                if isinstance(node, dict) and draw(st.booleans()):
                    del node[key]
                else:
                    node[key] = draw(ANYTHING)
                break
        return dump(document)

    return build()


def wrong_byte(name: str) -> st.SearchStrategy[bytes]:
    """The report with one byte changed."""
    data = read(name)

    def change(at: int, byte: int) -> bytes:
        return data[:at] + bytes([byte]) + data[at + 1 :]

    return st.builds(change, st.integers(0, len(data) - 1), st.integers(0, 255))


def never_read_when_cut(parse: Parse, report: bytes, cuts: int = 150) -> None:
    """Every cut of a JSON report is unreadable; of a long one a sample is tried, always with the last bytes."""
    whole = report.rstrip()
    places = {*range(0, len(whole), max(1, len(whole) // cuts)), *range(len(whole) - 20, len(whole))}
    for end in sorted(place for place in places if place >= 0):
        with pytest.raises(UnreadableError):
            parse(whole[:end])


HOSTILE = [
    b"",
    b" ",
    b"\xff\xfe",
    b"{}",
    b"[]",
    b"null",
    b"0",
    b'"x"',
    b"NaN",
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"0" + b"}" * 100_000,
    b"9" * 5000,
    b'{"results": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"<html></html>",
]
