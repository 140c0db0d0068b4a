"""The command, as a person or a CI runs it."""

from __future__ import annotations

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
