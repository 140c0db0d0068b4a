"""git_secrets.py with the real git-secrets (Debian's package): it finds, it proves itself, and it shows no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
COMMIT = "c0ffee0" + "1" * 33
KEY = "AKIA" + "Q5R6" * 4  # put together, so that no scanner takes this file for a leak
SECRET = "wJalr" + "X9tnFEMIzK7MDENGzbPxRfiCYzzzzzzKEYz"


class Bench:
    """One build of git-secrets."""

    def __init__(self, folder: Path, stand_ins: Any, scripts: Path, git_secrets: str) -> None:
        self.folder, self.aws = folder, stand_ins
        self.source, self.pipeline = folder / "source", folder / "pipeline"
        self.source.mkdir()
        shutil.copytree(scripts, self.pipeline, ignore=shutil.ignore_patterns("bin", "__pycache__"))
        (self.pipeline / "bin").mkdir()
        (self.pipeline / "bin/git-secrets").symlink_to(git_secrets)

    def gate(self, scope: str, code: int, report: bool = True, verdict: str = "pass") -> None:
        target = f"s3://acme-reports/reports/payments/{EXECUTION}/git-secrets-{scope}/raw.txt"
        keeps = {2: self.folder / (f"{scope}.txt" if report else "empty")}
        self.aws.expect("aws", "s3", "cp", "*", target, "--only-show-errors", keeps=keeps)
        self.aws.expect_verdict(f'*"scope": "{scope}"*"exit_code": {code}}}', verdict)

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": self.aws.path, "CODEBUILD_SRC_DIR": str(self.source), "COMMIT": COMMIT, "PIPELINE": "payments",
            "EXECUTION": EXECUTION, "ACTION": "Build/git-secrets", "REPORTS_BUCKET": "acme-reports",
            "FINDINGS_IMPORTER": "acme-importer", "SCAN_HISTORY": "false", "HOME": str(self.folder),
            "REPOSITORY_URL": "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/payments-api",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(self.pipeline / "git_secrets.py")], cwd=self.source, env={**environment, **variables},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        reports = [file.read_text() for file in self.folder.glob("*.txt")]
        assert not (self.folder / "empty").exists() or not (self.folder / "empty").read_text()
        for text in (done.stdout, done.stderr, *reports, *(str(call.arguments) for call in self.aws.calls())):
            assert KEY not in text
            assert SECRET not in text
        return done

    def report(self, scope: str = "source") -> list[str]:
        return (self.folder / f"{scope}.txt").read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path, stand_ins: Any, scripts: Path, need: Callable[[str], str]) -> Bench:
    return Bench(tmp_path, stand_ins, scripts, need("git-secrets"))


def test_a_clean_commit_has_a_report_that_is_not_empty(bench: Bench) -> None:
    (bench.source / "app.py").write_text("print('hello')\n")
    bench.gate("source", 0)
    done = bench.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert bench.report() == [
        f"# git-secrets, scope source, commit {COMMIT}, 1 files, proved with a planted key",
        "# end: 0 findings",
    ]


def test_findings_are_reported_without_the_secret(bench: Bench) -> None:
    (bench.source / "sub").mkdir()
    long = "com/example/application/service/implementation/impl"
    (bench.source / long).mkdir(parents=True)
    (bench.source / long / "A.java").write_text(f"{KEY}\n")
    (bench.source / "app.py").write_text(f"print('hello')\nkey = '{KEY}'\n")
    (bench.source / "sub/a:7:b.cfg").write_text(f"aws_secret_access_key = {SECRET}\n")
    (bench.source / f"{KEY}.txt").write_text(f"x {KEY} x\n")
    (bench.source / "account.tf").write_text('aws_account_id = "123456789012"\n')
    bench.gate("source", 1, verdict="findings")
    assert bench.run().returncode == 1
    assert sorted(bench.report()[1:-1]) == [
        "[redacted].txt:1: aws-access-key-id",
        "account.tf:1: aws-account-id",
        "app.py:2: aws-access-key-id",
        f"{long}/A.java:1: aws-access-key-id",
        "sub/a:7:b.cfg:1: aws-secret-access-key",
    ]
    assert bench.report()[-1] == "# end: 5 findings"


def test_the_commit_cannot_allow_its_own_key(bench: Bench) -> None:
    (bench.source / "app.py").write_text(f"key = '{KEY}'\n")
    (bench.source / ".gitallowed").write_text(".*\n")
    bench.gate("source", 1, verdict="findings")
    bench.run()
    assert bench.report()[1:-1] == ["app.py:1: aws-access-key-id"]


EXAMPLE = "AKIA" + "IOSFODNN7EXAMPLE"  # AWS's own, which git-secrets registers as allowed


def test_a_key_beside_awss_example_is_found(bench: Bench) -> None:
    (bench.source / EXAMPLE).mkdir()
    (bench.source / EXAMPLE / "a.py").write_text(f"key = '{KEY}'\n")
    (bench.source / "b.py").write_text(f"key = '{KEY}'  # not {EXAMPLE}\n")
    bench.gate("source", 1, verdict="findings")
    assert bench.run().returncode == 1
    assert bench.report()[1:-1] == ["[redacted]/a.py:1: aws-access-key-id", "b.py:1: aws-access-key-id"]


BINARY = {
    "a NUL somewhere": f"first\nkey = {KEY}\n".encode() + b"\0",
    "NULs around it": b"\nx\0" + KEY.encode() + b"\0y\n",
    "UTF-16": f"first\nkey = {KEY}\n".encode("utf-16"),
    "UTF-16 without a mark": f"first\r\n{KEY}\r\n".encode("utf-16-be"),
    "no text": b"\xff\xfe\x00\x80\n" + KEY.encode() + b"\xff\n",
}


@pytest.mark.parametrize("name", BINARY)
def test_a_key_in_a_binary_file_is_found(bench: Bench, name: str) -> None:
    file = bench.source / "data.bin"
    file.write_bytes(BINARY[name])
    file.chmod(0o444)
    bench.gate("source", 1, verdict="findings")
    assert bench.run().returncode == 1
    assert bench.report()[1:-1] == ["data.bin:2: aws-access-key-id"]
    assert file.read_bytes() == BINARY[name]  # the commit's own file is left alone


def test_a_file_cannot_cut_off_what_follows_it(bench: Bench) -> None:
    (bench.source / "a.py").write_text(f"{KEY} \r\n[ERROR] Matched\n{KEY} [ERROR] Matched \x85 \x0b x\n")
    (bench.source / "b.py").write_text(f"{KEY}\n")
    bench.gate("source", 1, verdict="findings")
    bench.run()
    assert [line.split(": ")[0] for line in bench.report()[1:-1]] == ["a.py:1", "a.py:3", "b.py:1"]


def test_a_binary_file_without_a_key_is_no_finding(bench: Bench) -> None:
    (bench.source / "data.bin").write_bytes(bytes(range(256)) * 1000)
    bench.gate("source", 0)
    assert bench.run().returncode == 0


def test_history_finds_keys_in_binary_files_and_beside_the_example(bench: Bench, repository: tuple[Path, str]) -> None:
    folder, _ = repository
    (folder / "data.bin").write_bytes(b"x\n\0" + KEY.encode() + b"\0\n")
    (folder / "b.py").write_text(f"key = '{KEY}'  # not {EXAMPLE}\n")
    (folder / ".gitattributes").write_text("* binary -diff\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "leak")
    head = git(folder, "rev-parse", "HEAD")
    (bench.source / "app.py").write_text("x\n")
    bench.gate("source", 0)
    bench.gate("history", 1, verdict="findings")
    bench.run(SCAN_HISTORY="true", REPOSITORY_URL=folder.as_uri(), COMMIT=head)
    assert bench.report("history")[1:-1] == [
        f"{head}:b.py:1: aws-access-key-id",
        f"{head}:data.bin:2: aws-access-key-id",
    ]


def test_no_files_is_no_evidence(bench: Bench) -> None:
    bench.gate("source", 2, report=False)
    done = bench.run()
    assert done.returncode == 1
    assert "the commit has no files: nothing was scanned" in done.stderr


BROKEN = {
    "finds nothing ever": "#!/bin/sh\nexit 0\n",
    "finds something always": "#!/bin/sh\n[ \"$1\" = --scan ] && { echo 'f:1:x' >&2; exit 1; }\nexit 0\n",
    "registers nothing": '#!/bin/sh\n[ "$1" = --register-aws ] && exit 0\nexec {real} "$@"\n',
    "cannot register": "#!/bin/sh\nexit 128\n",
    "allows what is beside the example": "#!/bin/sh\nexport GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=secrets.allowed "
    f'GIT_CONFIG_VALUE_0={EXAMPLE}\nexec {{real}} "$@"\n',
    "passes over binary files of the history": '#!/bin/sh\nrm -f .git/info/attributes\nexec {real} "$@"\n',
    "sees no history": '#!/bin/sh\n[ "$1" = --scan-history ] && exit 0\nexec {real} "$@"\n',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_tool_that_does_not_work_is_found_out(bench: Bench, need: Callable[[str], str], name: str) -> None:
    (bench.source / "app.py").write_text(f"key = '{KEY}'\n")
    tool = bench.pipeline / "bin/git-secrets"
    tool.unlink()
    tool.write_text(BROKEN[name].format(real=need("git-secrets")) if "{real}" in BROKEN[name] else BROKEN[name])
    tool.chmod(0o755)
    bench.gate("source", 2, report=False)  # it passes: the build fails all the same
    done = bench.run()
    assert done.returncode == 1
    assert "git-secrets does not work here" in done.stderr or "git secrets ended with 128" in done.stderr


def test_a_crash_on_the_commit_is_no_report(bench: Bench, need: Callable[[str], str]) -> None:
    (bench.source / "app.py").write_text("x\n")
    tool = bench.pipeline / "bin/git-secrets"
    tool.unlink()
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in *source) echo "grep: oops {KEY}" >&2; exit 2;; esac\nexec {need("git-secrets")} "$@"\n'
    )
    tool.chmod(0o755)
    bench.gate("source", 2, report=False, verdict="tool-error")
    assert bench.run().returncode == 1


def git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments], cwd=folder, check=True, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **identity}, timeout=60,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A repository whose history is clean, and its commit; `leak` adds commits with a key."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    (folder / "app.py").write_text("x\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    return folder, git(folder, "rev-parse", "HEAD")


def leak(folder: Path) -> tuple[str, str]:
    """Commit a key together with a .gitallowed, and remove the key again."""
    (folder / "old.cfg").write_text(f"key = {KEY}\n")
    (folder / ".gitallowed").write_text(".*\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "leak")
    leaked = git(folder, "rev-parse", "HEAD")
    git(folder, "rm", "old.cfg")
    git(folder, "commit", "-m", "remove")
    return leaked, git(folder, "rev-parse", "HEAD")


def test_history_finds_what_was_removed_again(bench: Bench, repository: tuple[Path, str]) -> None:
    folder, _ = repository
    leaked, head = leak(folder)
    (bench.source / "app.py").write_text("x\n")
    bench.gate("source", 0)
    bench.gate("history", 1, verdict="findings")
    done = bench.run(SCAN_HISTORY="true", REPOSITORY_URL=folder.as_uri(), COMMIT=head)
    assert done.returncode == 1
    assert bench.report("history") == [
        f"# git-secrets, scope history, commit {head}, 3 commits, proved with a planted key",
        f"{leaked}:old.cfg:1: aws-access-key-id",
        "# end: 1 findings",
    ]


def test_history_is_that_of_the_commit_not_of_other_branches(bench: Bench, repository: tuple[Path, str]) -> None:
    folder, first = repository
    git(folder, "checkout", "-b", "other")
    leak(folder)
    git(folder, "tag", "v1")
    (bench.source / "app.py").write_text("x\n")
    bench.gate("source", 0)
    bench.gate("history", 0)
    done = bench.run(SCAN_HISTORY="true", REPOSITORY_URL=folder.as_uri(), COMMIT=first)
    assert (done.returncode, done.stderr) == (0, "")
    assert bench.report("history")[0].endswith("1 commits, proved with a planted key")


@pytest.mark.parametrize("case", ["no such commit", "no such repository"])
def test_history_that_cannot_be_had_is_an_error(bench: Bench, repository: tuple[Path, str], case: str) -> None:
    folder, first = repository
    (bench.source / "app.py").write_text("x\n")
    bench.gate("source", 0)
    bench.gate("history", 2, report=False)
    url = folder.as_uri() if case == "no such commit" else (folder / "nothing").as_uri()
    done = bench.run(SCAN_HISTORY="true", REPOSITORY_URL=url, COMMIT="d" * 40 if case == "no such commit" else first)
    assert done.returncode == 1
    assert f"error: git {'update-ref' if case == 'no such commit' else 'clone'} ended with 128: " in done.stderr
