"""YAML text -> plain data, and the line of every key and value.

YAML is read as people read it: the scalars of YAML 1.2 (``no`` is a text, ``010`` is not eight), no aliases, tags,
merge keys or second documents. What is left out is refused with a word on what to write instead, so nothing is misread
in silence, and an anchor bomb has nothing to expand. https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

Path = tuple[str | int, ...]
DEEPEST = 32  # the settings need eight levels; a bound keeps a file of brackets from exhausting the stack

# libyaml's parser where PyYAML was built with it (its wheels are): 1 MiB in well under a second.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML 1.2 does not allow, other line breaks than \n, \r and \r\n (they would shift every line number after them),
# and what makes text read otherwise than it is stored: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_UNSEEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028-\u202e\u2066-\u2069\ufeff]"
)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@dataclass(frozen=True)
class Odd:
    """A number that is not a plain decimal one (``0x1F``, ``012``, ``1.10``): neither text nor usable as a count."""

    text: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and what would be right."""

    line: int
    path: Path
    message: str
    spoils: bool = False  # the value at ``path`` is not what the file means: more complaints about it would mislead
    ends: bool = False  # nothing after it can be judged: an anchor, an alias


class NotYaml(Exception):
    """The text cannot be read at all."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass
class Document:
    """What a file says and where it says it."""

    data: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)  # scalars without quotes, as they stand in the file
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Line of the value at ``path``, or of what it would stand in."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def decode(raw: bytes) -> str:
    """Bytes of a file as text; ``NotYaml`` for another encoding. A byte order mark at the start is dropped."""
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotYaml(line, f"not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8") from None


def parse(text: str) -> Document:
    """``text`` as data with positions. ``NotYaml`` if it is none; what is only not accepted is in ``problems``."""
    unseen = _UNSEEN.search(text)
    if unseen:
        line = len(re.findall(r"\r\n|\r|\n", text[: unseen.start()])) + 1
        raise NotYaml(line, f"the unprintable character U+{ord(unseen[0]):04X} stands here; delete it")
    try:
        return _Reader(text).document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise NotYaml(line, f"not YAML: {_teach(error, text)}") from None
    except yaml.YAMLError as error:
        raise NotYaml(1, f"not YAML: {' '.join(str(error).split())}") from None


def _teach(error: yaml.MarkedYAMLError, text: str) -> str:
    """The parser's complaint in words that name the remedy."""
    mark = error.problem_mark or error.context_mark
    rows = re.split(r"\r\n|\r|\n", text)
    here = rows[mark.line][mark.column : mark.column + 1] if mark and mark.line < len(rows) else ""
    said = f"{error.context or ''} {error.problem or ''}".lower()
    if here == "\t":
        return "a tab stands here; indent with spaces"
    if "alias" in said or "anchor" in said:
        return "an unquoted * or & begins an alias or anchor here; write the text in quotes"
    if "cannot start any token" in said:
        return f"a text cannot begin with {here!r}; write it in quotes"
    if "mapping values are not allowed" in said:
        return "a ':' stands where none can; put a text that contains ': ' in quotes, or mend the indentation"
    if "quoted scalar" in said:
        opened = error.context_mark.line + 1 if error.context_mark else 1
        return f"the quotation mark of line {opened} does not close properly; close it, or write \\\\ for a backslash"
    if "flow" in said:
        return "a [ or { before this is not closed, or a comma is missing"
    if "expected ':'" in said:
        return "'key: value' is expected; a colon with a space after it is missing here or on the line above"
    if "block" in said:
        return "this line is indented differently from its neighbours; align it with them"
    return f"{(error.problem or 'cannot be read').strip()}; see https://yaml.org/spec/1.2.2/"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Reader:
    """Composes the parser's events. The events are a flat stream, so nothing is built before it was looked at."""

    def __init__(self, text: str) -> None:
        self.document = Document()
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_LOADER))
        started = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if started:
                    self._refuse(event, (), "a second document begins here (---); one file holds one document")
                    return
                started = True
                if event.version or event.tags:
                    self._refuse(event, (), "a % directive is not read; delete it")
                self.document.data = self._value(next(self._events), (), 0)

    def _refuse(self, event: yaml.Event, path: Path, message: str, ends: bool = False) -> None:
        self.document.problems.append(Problem(_line(event), path, message, "duplicate" not in message, ends))

    def _value(self, event: yaml.Event, path: Path, depth: int, line: int = 0) -> object:
        """The value that ``event`` begins; ``line`` is that of its key."""
        if depth > DEEPEST:
            raise NotYaml(_line(event), f"nested more than {DEEPEST} levels deep; the settings need eight")
        if isinstance(event, yaml.AliasEvent):
            self._refuse(
                event, path, f"the alias *{event.anchor} is not read; write the value out (a text in quotes)", ends=True
            )
            return None
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            self._refuse(event, path, f"the anchor &{anchor} is not read; write each value out", ends=True)
        if tag is not None:
            self._refuse(event, path, f"the tag {tag} is not read; delete it")
        own = _line(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, own, line)
        # A block below its key starts a line later: people look for it at the key.
        self.document.lines.setdefault(path, line or own)
        return self._list(path, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path, depth)

    def _scalar(self, event: yaml.ScalarEvent, path: Path, own: int, line: int) -> object:
        quoted = not event.implicit[0]
        # The mark of an absent value may lie on a later line than its key.
        self.document.lines.setdefault(path, line if line and not quoted and not event.value else own)
        if quoted:
            return event.value
        self.document.written.setdefault(path, event.value)
        return _resolve(event.value)

    def _list(self, path: Path, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            if key is None:
                self._value(next(self._events), (*path, "?"), depth + 1, _line(event))
                continue
            here, line = (*path, key), _line(event)
            if key in found:
                self._refuse(event, here, f"duplicate key, first on line {lines[key]}; keep one of the two")
            value = self._value(next(self._events), here, depth + 1, line)
            if key not in found:
                found[key], lines[key] = value, line
        return found

    def _key(self, event: yaml.Event, path: Path, depth: int) -> str | None:
        """The key as text; None (and a problem) if it cannot be one."""
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, path, "a list or mapping stands as a key; a text with { or [ in it belongs in quotes")
            self._value(event, (*path, "?"), depth + 1)
            return None
        key = event.value
        here = (*path, key)
        if event.anchor is not None or event.tag is not None:
            self._refuse(event, here, "an anchor or tag on a key is not read; delete it", ends=event.anchor is not None)
        if not event.implicit[0]:
            return key
        if key == "<<":
            self._refuse(event, path, "the merge key << is not read; write the keys out")
            return None
        if not isinstance(_resolve(key), str):
            kind = "as nothing" if key in _NULL else "as true or false" if key in _BOOL else "as a number"
            self._refuse(event, here, f'the key {key or "(empty)"} is read {kind}; write "{key}" in quotes')
        return key


def _resolve(text: str) -> object:
    """An unquoted scalar by YAML 1.2's core schema; integers as such only in plain decimal form."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text) and text != "-0":
        return int(text)
    return Odd(text) if _NUMBER.fullmatch(text) else text
