"""The command, as a person or a CI runs it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plan_builder import change, document

ROOT = Path(__file__).parents[2]
HARMLESS = document(change("aws_iam_role", None, {"name": "x"}))
RISKY = document(change("aws_s3_bucket", {"id": "b"}, None))


def run(*arguments: Any, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {"PYTHONPATH": str(ROOT / "lambdas" / "plan_review"), "PATH": os.defpath}
    # -S: nothing but the standard library is there.
    return subprocess.run(
        [sys.executable, "-S", "-m", "plan_review", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment,
        check=False,
        timeout=60,
    )


def written(folder: Path, **plans: Any) -> list[Path]:
    files = []
    for name, content in plans.items():
        files.append(folder / f"{name}.json")
        files[-1].write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return files


@pytest.mark.parametrize("form", ["markdown", "table", "html"])
@pytest.mark.parametrize(("plan", "code"), [(HARMLESS, 0), (RISKY, 1)], ids=["harmless", "risky"])
def test_exit_codes(tmp_path: Path, form: str, plan: Any, code: int) -> None:
    ran = run(*written(tmp_path, one=plan), "--format", form)
    assert (ran.returncode, ran.stderr) == (code, b"")
    assert b"one" in ran.stdout


def test_unreadable_says_which_and_why_and_the_rest_is_judged(tmp_path: Path) -> None:
    ran = run(
        *written(tmp_path, good=RISKY, bad=b"{", old=RISKY | {"format_version": "2.0"}), tmp_path / "missing.json"
    )
    assert ran.returncode == 2
    lines = ran.stderr.decode().splitlines()
    assert [line.split("/")[-1] for line in lines] == [
        "bad.json: it is not JSON",
        "old.json: format version 2.0 is not known here (1.x is): what it says could be misread",
        "missing.json: No such file or directory",
    ]
    assert b"aws_s3_bucket.x" in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x.json", "--format", "pdf"],
        ["x.json", "--limit", "many"],
        ["x.json", "--limit", "10"],
        ["x.json", "--link", "ftp://x"],
    ],
)
def test_a_mistake_in_the_command_is_2(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_standard_input() -> None:
    ran = run("-", stdin=json.dumps(RISKY).encode())
    assert ran.returncode == 1
    assert b"standard input" in ran.stdout


def test_plans_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for stack in ("dev", "prod"):
        (tmp_path / stack).mkdir()
        written(tmp_path / stack, plan=RISKY, network=HARMLESS)
    text = run(
        *(tmp_path / stack / f"{name}.json" for stack in ("dev", "prod") for name in ("plan", "network"))
    ).stdout.decode()
    for name in ("CHANGES OF dev:", "CHANGES OF prod:", "CHANGES OF dev/network:", "CHANGES OF prod/network:"):
        assert name in text


def test_the_limit_and_the_link_reach_the_comment(tmp_path: Path) -> None:
    many = document(*(change("aws_s3_bucket", {"id": str(n)}, None, name=f"b{n}") for n in range(200)))
    text = run(
        *written(tmp_path, one=many), "--format", "markdown", "--limit", "2000", "--link", "https://example.com/r"
    ).stdout.decode()
    assert len(text) <= 2000
    assert "Left out" in text
    assert "(https://example.com/r)" in text


def risky_then(more: bytes) -> bytes:
    return json.dumps(RISKY).encode()[:-1] + more + b"}"


HOSTILE = {
    "the changes twice": (risky_then(b', "resource_changes": []'), "resource_changes twice"),
    "an action twice": (json.dumps(RISKY).encode().replace(b'"actions":', b'"actions": ["no-op"], "actions":'), "actions twice"),
    "no number": (risky_then(b', "x": NaN'), "not JSON"),
    "infinity": (risky_then(b', "x": -Infinity'), "not JSON"),
    "a number of 5,000 digits": (risky_then(b', "x": ' + b"9" * 5000), "not JSON"),
    "compressed": (gzip.compress(json.dumps(RISKY).encode()), "compressed"),
    "nested": (risky_then(b', "x": ' + b"[" * 50_000 + b"]" * 50_000), "nested too deeply"),
    "nested in an attribute": (
        json.dumps(document(change("acme_x", {}, {"a": 0}))).encode().replace(b'"a": 0', b'"a": ' + b'[{"a":' * 400 + b"1" + b"}]" * 400),
        "",
    ),
    "half of it": (json.dumps(RISKY).encode()[:-20], "not JSON"),
    "after it more": (json.dumps(RISKY).encode() + b"{}", "not JSON"),
    "bytes": (bytes(range(256)) * 4, "not JSON"),
    "UTF-16 without its mark, cut": (json.dumps(RISKY).encode("utf-16-le")[:-1], "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_it_is_given_it_ends_with_a_sentence(tmp_path: Path, case: str) -> None:
    data, words = HOSTILE[case]
    ran = run(*written(tmp_path, one=data))
    said = ran.stderr.decode()
    assert "Traceback" not in said
    if words:
        assert ran.returncode == 2
        assert words in said
        assert len(said.splitlines()) == 1
    else:
        assert ran.returncode in (0, 2)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_the_same_plan_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    assert run(*written(tmp_path, one=json.dumps(RISKY).encode(encoding))).returncode == 1


def test_a_folder_and_a_device(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 2
    assert run("/dev/null").returncode == 2
    assert run("-", "-", stdin=json.dumps(HARMLESS).encode()).returncode == 2, "there is nothing to read a second time"


def shell(command: str, *files: Path) -> subprocess.CompletedProcess[bytes]:
    """``command`` with ``review`` for the program, and ``$1`` for the first file."""
    environment = {"PYTHONPATH": str(ROOT / "lambdas" / "plan_review"), "PATH": os.defpath}
    words = command.replace("review", f"{sys.executable} -S -m plan_review")
    script = ["bash", "-c", words, "bash", *map(str, files)]
    return subprocess.run(script, capture_output=True, env=environment, check=False, timeout=60)


@pytest.mark.parametrize("plan", [HARMLESS, RISKY], ids=["harmless", "risky"])
@pytest.mark.parametrize(
    "command",
    ["review $1 > /dev/full", "review $1 >&-", "review $1 --format html | true; exit ${PIPESTATUS[0]}"],
    ids=["a full disk", "closed", "a reader that has gone"],
)
def test_a_review_that_nobody_could_read_is_none(tmp_path: Path, plan: Any, command: str) -> None:
    """``/dev/full`` refuses what is written to it, as a full disk does."""
    bucket = [
        change("aws_s3_bucket", None, {"bucket": f"b{n}"}, name=f"b{n}") for n in range(2000)
    ]  # more than a pipe holds
    [file] = written(tmp_path, one=plan | {"resource_changes": [*plan["resource_changes"], *bucket]})
    ran = shell(command, file)
    assert ran.returncode == 2
    assert len(ran.stderr.decode().splitlines()) == 1
    assert b"could not be written" in ran.stderr


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_where_nothing_can_be_said_the_exit_code_says_it(tmp_path: Path, closed: str) -> None:
    files = written(tmp_path, risky=RISKY, harmless=HARMLESS, bad=b"{")
    codes = [shell(f"review $1 {closed}", file) for file in files]
    assert [ran.returncode for ran in codes] == [1, 0, 2]
    assert shell(f"review $1 > /dev/full {closed}", files[0]).returncode == 2
    assert codes[2].stdout == b"", "what belongs to standard error is not taken for a review"


def test_a_closed_standard_input_is_said() -> None:
    ran = shell("review - <&-")
    assert ran.returncode == 2
    assert ran.stderr == b"-: Bad file descriptor\n"


@pytest.mark.parametrize("wrong", ["abc", "", "1e4", "10 kB"])
def test_what_a_limit_is_is_said(wrong: str) -> None:
    ran = run("x.json", "--limit", wrong)
    assert ran.returncode == 2
    assert "a number of characters is wanted" in " ".join(ran.stderr.decode().split())
    assert "_limit" not in ran.stderr.decode()


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    ran = run(*written(tmp_path, one=b""))
    assert (ran.returncode, ran.stderr.decode().split(": ", 1)[1]) == (2, "it is empty\n")
