"""Files that are no settings at all, and YAML that is not what it looks like."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stacks import yaml_source
from stacks.settings import SettingsError, load
from stacks.yaml_source import NotYaml, Odd, decode, parse

ROOT = Path(__file__).parents[2]
FULL = (ROOT / "tests" / "settings" / "full.yaml").read_text()
SCAN = """\
project: acme
region: eu-central-1
notify: [ops@example.com]
pipelines:
  libs:
    kind: scan
    repository: libs
    branches: [main]
"""
LOADERS = [yaml.SafeLoader, yaml.CSafeLoader]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML: which one a machine has depends on how the package was built."""
    monkeypatch.setattr(yaml_source, "_LOADER", request.param)


def refused(content: bytes, folder: Path) -> list[str]:
    file = folder / "p.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({"PIPELINES": str(file)}, ROOT)
    return [message.replace(f"{folder}/", "") for message in caught.value.messages]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_no_such_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^\./other/x\.yaml: no such file; check the path"):
        load({"PIPELINES": "./other/x.yaml"}, ROOT)
    with pytest.raises(SettingsError, match=r"^pipelines\.yaml: no such file"):
        load({}, tmp_path)


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="this is a directory; name the YAML file in it"):
        load({"PIPELINES": str(tmp_path)}, ROOT)


def test_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be read \(Not a directory\)"):
        load({"PIPELINES": f"{tmp_path}/file/p.yaml"}, ROOT)


def test_path_that_is_too_long_or_has_a_line_break() -> None:
    with pytest.raises(SettingsError, match="File name too long"):
        load({"PIPELINES": "x" * 5000}, ROOT)
    with pytest.raises(SettingsError) as caught:
        load({"PIPELINES": "x\n\x1b[2Jy"}, ROOT)
    assert caught.value.messages[0].startswith(r"x\x0a\x1b[2Jy: no such file")


def test_pipe_and_device_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(SettingsError, match="this is not a regular file"):
            load({"PIPELINES": path}, ROOT)


AS_NOBODY = """
import os, sys
from pathlib import Path
root, *names = sys.argv[1:]
sys.path.insert(0, root)
from stacks.settings import SettingsError, load
load({"PIPELINES": names[0]}, Path(root))  # all that Python loads late is loaded, where nobody may not look for it
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for name in names:
    try:
        print(load({"PIPELINES": name}, Path(root)).project)
    except SettingsError as error:
        print(*error.messages, sep="|")
"""


def test_file_that_this_user_may_not_read() -> None:
    """Root may read everything, so as root this becomes nobody first, in a folder that nobody can enter."""
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder, name)) for name in ("open.yaml", "secret.yaml", "closed/p.yaml")]
        Path(folder, "closed").mkdir()
        for name in names:
            Path(name).write_text(SCAN)
        for name, mode in ((folder, 0o755), (names[0], 0o644), (names[1], 0), (f"{folder}/closed", 0)):
            Path(name).chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(ROOT), *names],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder, "closed").chmod(0o700)
    wrong = "this user may not read it; give it read permission (chmod u+r) or run as its owner"
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["acme", *(f"{name}: {wrong}" for name in names[1:])]


def test_fifty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as out:
        out.truncate(50 * 1024 * 1024)
    start = time.perf_counter()
    with pytest.raises(SettingsError, match=r"52,428,800 bytes; at most 1,048,576 are read"):
        load({"PIPELINES": str(file)}, ROOT)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"# only a comment\n", b"---\n", b"---\n...\n", b"\xef\xbb\xbf", b"~\n"]
)
def test_empty(content: bytes, tmp_path: Path, loader: None) -> None:
    assert refused(content, tmp_path) == [
        "p.yaml:1: the file is empty; begin with the project's pipelines.yaml and edit that"
    ]


@pytest.mark.parametrize(("content", "line"), [(b"- a\n", 1), (b"\nacme\n", 2), (b"{}: 1\n", 1), (b"3\n", 1)])
def test_no_mapping(content: bytes, line: int, tmp_path: Path, loader: None) -> None:
    assert refused(content, tmp_path)[0].startswith(f"p.yaml:{line}: ")


def test_not_utf8(tmp_path: Path) -> None:
    latin = SCAN.replace("libs", "b\u00fccher").encode("latin-1")
    assert refused(latin, tmp_path) == ["p.yaml:5: not UTF-8 (byte 0xfc); save the file as UTF-8"]
    assert refused(SCAN.encode("utf-16"), tmp_path)[0].startswith("p.yaml:1: not UTF-8 (byte 0xff)")


@pytest.mark.parametrize(
    "change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n")], ids=["BOM", "CRLF"]
)
def test_what_windows_writes_is_read(change: object, tmp_path: Path, loader: None) -> None:
    assert callable(change)
    file = tmp_path / "p.yaml"
    file.write_bytes(change(SCAN.encode()))
    assert load({"PIPELINES": str(file)}, ROOT).project == "acme"
    bad = change(SCAN.replace("kind: scan", "kind: scna").encode())
    assert refused(bad, tmp_path)[0].startswith("p.yaml:6: pipelines.libs.kind: ")


# --- the YAML ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("project: acme\n\tregion: x\n", 2, "a tab stands here; indent with spaces"),
        ("pipelines:\n\tlibs: x\n", 2, "a tab stands here; indent with spaces"),
        ("project: a: b\n", 1, "a ':' stands where none can"),
        ("project acme\nregion: x\n", 2, "a ':' stands where none can"),
        ("project: acme\nregion\n", 3, "'key: value' is expected; a colon"),
        ("notify: [a\nregion: x\n", 2, "a [ or { before this is not closed"),
        ("notify: {a: b\n", 2, "a [ or { before this is not closed"),
        ("project: 'acme\nregion: x\n", 3, "the quotation mark of line 1 does not close properly"),
        ('project: "a\\qc"\n', 1, "the quotation mark of line 1 does not close properly"),
        ("branches: [*]\n", 1, "write the text in quotes"),
        ("location: **/x\n", 1, "write the text in quotes"),
        ("project: @acme\n", 1, "a text cannot begin with '@'; write it in quotes"),
        ("project: `acme`\n", 1, "a text cannot begin with '`'; write it in quotes"),
        ("project: %x\n", 1, "a text cannot begin with '%'; write it in quotes"),
        ("a:\n  b: 1\n c: 2\n", 3, "this line is indented differently"),
        ("a:\n  - b\n c: 2\n", 3, "this line is indented differently"),
        ("project: ac\x00me\n", 1, "the unprintable character U+0000 stands here"),
        ("a: b\n\nproject: ac\x07me\n", 3, "the unprintable character U+0007"),
        ("a: b\r\n\r\nproject: ac\x1bme\n", 3, "the unprintable character U+001B"),
        ("reason: a\u2028b\n", 1, "the unprintable character U+2028"),
        ("reason: a\u202eb\n", 1, "the unprintable character U+202E"),
        ("a: \ufeff\n", 1, "the unprintable character U+FEFF"),
    ],
)
def test_not_yaml(text: str, line: int, words: str, tmp_path: Path, loader: None) -> None:
    (message,) = refused(text.encode(), tmp_path)
    assert message.startswith(f"p.yaml:{line}: "), message
    assert words in message


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("project: &a acme\n", "p.yaml:1: project: ", "the anchor &a is not read"),
        ("project: acme\nregion: *a\n", "p.yaml:2: region: ", "the alias *a is not read; write the value out"),
        ("project: !!python/object/apply:os.system [id]\n", "p.yaml:1: project: ", "os.system is not read; delete it"),
        ("project: !!str 3\n", "p.yaml:1: project: ", "the tag tag:yaml.org,2002:str is not read"),
        ("project: !x acme\n", "p.yaml:1: project: ", "the tag !x is not read"),
        ("project: acme\n---\nproject: b\n", "p.yaml:2: ", "a second document begins here (---)"),
        ("%YAML 1.1\n---\nproject: acme\n", "p.yaml:1: ", "a % directive is not read"),
        ("gate:\n  <<: {fail_on: low}\n", "p.yaml:2: gate: ", "the merge key << is not read; write the keys out"),
        ("tags:\n  8080: web\n", "p.yaml:2: tags.8080: ", 'the key 8080 is read as a number; write "8080" in quotes'),
        ("tags:\n  true: web\n", "p.yaml:2: tags.true: ", "the key true is read as true or false"),
        ("tags:\n  null: web\n", "p.yaml:2: tags.null: ", "the key null is read as nothing"),
        ("tags:\n  ? [a]\n  : web\n", "p.yaml:2: tags: ", "a list or mapping stands as a key"),
        ("project: {{ name }}\n", "p.yaml:1: project: ", "a list or mapping stands as a key"),
        ("tags: {&a b: c}\n", "p.yaml:1: tags.b: ", "an anchor or tag on a key is not read"),
    ],
)
def test_yaml_that_is_not_accepted(text: str, place: str, words: str, tmp_path: Path, loader: None) -> None:
    found = [m for m in refused(text.encode(), tmp_path) if m.startswith(place) and words in m]
    assert len(found) == 1, refused(text.encode(), tmp_path)


def test_three_times_the_same_key_names_the_first(tmp_path: Path, loader: None) -> None:
    messages = refused(SCAN.encode() + b"region: a\nregion: b\n", tmp_path)
    assert messages == [
        "p.yaml:9: region: duplicate key, first on line 2; keep one of the two",
        "p.yaml:10: region: duplicate key, first on line 2; keep one of the two",
    ]


def test_anchor_bomb_expands_nothing(tmp_path: Path, loader: None) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    start = time.perf_counter()
    messages = refused("\n".join(rows).encode(), tmp_path)
    assert time.perf_counter() - start < 2
    assert messages == ["p.yaml:1: a0: the anchor &a0 is not read; write each value out"]


def test_an_alias_hides_what_only_follows_from_it(tmp_path: Path, loader: None) -> None:
    text = SCAN.replace("region: eu-central-1", "region: *r").replace("kind: scan", "kind: scna") + "x: &y z\n"
    assert refused(text.encode(), tmp_path) == [
        "p.yaml:2: region: the alias *r is not read; write the value out (a text in quotes)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "\n".join(" " * n + "a:" for n in range(1000)),
        "? " * 100_000,
        "a: " + "[" * 100_000 + "]" * 100_000,
    ],
    ids=["flow list", "flow mapping", "block list", "block mapping", "complex keys", "closed"],
)
def test_deep_nesting_does_not_exhaust_the_stack(text: str, tmp_path: Path, loader: None) -> None:
    (message,) = refused(text.encode(), tmp_path)
    assert "nested more than 32 levels deep" in message


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("y", "y"), ("2027-01-31", "2027-01-31"), ("1_000", "1_000"),
        ("12:30:45", "12:30:45"), ("0b11", "0b11"), ("true", True), ("False", False), ("~", None), ("null", None),
        ("0", 0), ("42", 42), ("-7", -7), ("010", Odd("010")), ("0o10", Odd("0o10")), ("0x1F", Odd("0x1F")),
        ("+1", Odd("+1")), ("1.10", Odd("1.10")), ("1e3", Odd("1e3")), (".inf", Odd(".inf")), ("-0", Odd("-0")),
        (".nan", Odd(".nan")), ("9" * 30, Odd("9" * 30)), ("1.2.3", "1.2.3"), ("'42'", "42"), ('"no"', "no"),
        ("|\n  a\n  b\n", "a\nb\n"), ("a\n  b", "a b"), ("", None), ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, means: object, loader: None) -> None:
    data = parse(f"a: {text}").data
    assert isinstance(data, dict)
    assert data["a"] == means
    assert type(data["a"]) is type(means)


def test_lines_of_keys_and_values(loader: None) -> None:
    document = parse("a: 1\nb:\n  c: x\n  d:\n    - one\n    -\n      e: two\nf: {g: 1,\n  h: 2}\ni:\nj: >\n  text\n")
    assert document.lines == {
        (): 1, ("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "d"): 4, ("b", "d", 0): 5, ("b", "d", 1): 7,
        ("b", "d", 1, "e"): 7, ("f",): 8, ("f", "g"): 8, ("f", "h"): 9, ("i",): 10, ("j",): 11,
    }  # fmt: skip
    assert document.line(("b", "zzz")) == 2
    assert document.line(("zzz",)) == 1


# --- whatever is in it ------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_are_data_or_a_clear_no(raw: bytes) -> None:
    said = "1: data"
    try:
        parse(decode(raw))
    except NotYaml as error:
        said = f"{error.line}: {error.message}"
    assert re.fullmatch(r"[1-9][0-9]*: .+", said)


@given(st.text(alphabet="ab:-#&*!|>'\"%@`{}[],?\n\t <~.019", max_size=80))
def test_both_parsers_agree_on_what_is_data(text: str) -> None:
    """The same file must not mean two things on two machines."""
    answers: list[object] = []
    for each in LOADERS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_source, "_LOADER", each)
            try:
                document = parse(text)
                answers.append("refused" if document.problems else document.data)
            except NotYaml:
                answers.append("refused")
    assert answers[0] == answers[1] or "refused" in answers


LINES = FULL.splitlines()
JUNK = ["", "null", "true", "no", "3", "0x1", "1.5", "[]", "{}", "[a, b]", "{a: b}", "*x", "&x y", "!t z", "'", "- -"]
JUNK += ["x: y: z", "\u00e4", "'${x}'", "9" * 20, "2027-13-45", "<<", "? a", "\x00", "a" * 300]


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(LINES) - 1), st.sampled_from(JUNK), st.sampled_from(["value", "key", "line", "drop", "indent"])
)
def test_a_spoiled_line_never_ends_in_a_traceback(tmp_path: Path, number: int, junk: str, how: str) -> None:
    lines = list(LINES)
    key, _, value = lines[number].partition(":")
    lines[number] = {
        "value": f"{key}: {junk}",
        "key": f"{key[: len(key) - len(key.lstrip())]}{junk}:{value}",
        "line": junk,
        "drop": "",
        "indent": f"   {lines[number]}",
    }[how]
    (tmp_path / "own-resolve.yml").write_text("version: 0.2\n")
    file = tmp_path / "p.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    messages = [f"{file}:1: read"]
    try:
        load({"PIPELINES": str(file)}, ROOT)
    except SettingsError as error:
        messages = error.messages
    assert messages
    for message in messages:
        said = re.fullmatch(r"([0-9]+): .+", message.removeprefix(f"{file}:"))
        assert said, message
        assert 1 <= int(said[1]) <= len(lines) + 1
