"""``make apply-local`` where it ends early: what is missing, what fails, who stops it. Its whole way is tests/emulator."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tools.apply_local import checkout, documented, together
from tools.apply_local.checkout import Checkout, FailedError
from tools.emulator import process
from tools.emulator.process import EmulatorError

ROOT = Path(__file__).resolve().parents[2]


def apply_local(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.apply_local", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def test_the_documented_commands_are_those_of_the_page() -> None:
    stacks, policy, versions, foundation, parameters = documented.destroying("123456789012", "eu-central-1")
    image, rest = (
        "batch-delete-image --repository-name acme/payments",
        "destroy payments python-libraries governance findings ",
    )
    assert 0 < stacks.index(image) < stacks.index(rest)
    assert "-target=aws_s3_bucket_policy.reports_policy" in policy
    assert "name=acme-$bucket-123456789012-eu-central-1" in versions
    assert foundation.startswith(
        "npx cdktf destroy foundation --auto-approve --skip-provider-lock --ignore-missing-stack"
    )
    assert parameters.startswith("aws ssm delete-parameters")


def test_a_page_without_the_commands_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n## Destroying\n\nSee there.\n\n## Other\n\n```console\n$ rm -r /\n```\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match="no commands"):
        documented.commands(page, "Destroying")


def test_prompts_are_not_part_of_a_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n## A\n\n```console\n$ for a in b; do\n    echo $a\n  done\n```\n", encoding="utf-8")
    assert documented.commands(page, "A") == ["for a in b; do\n    echo $a\n  done"]


def checkout_in(folder: Path) -> Checkout:
    return Checkout(folder, ("one",), {"PATH": os.environ["PATH"]})


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"ended with 3:\nno such bucket"):
        checkout_in(tmp_path).run(["bash", "-c", "echo no such bucket >&2; exit 3"])


def test_a_command_that_hangs_without_a_word_is_ended_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FailedError, match="had not ended after 1 s"):
        checkout_in(tmp_path).run(["bash", "-c", "sleep 61 & echo $! > child; sleep 61"], seconds=1)
    assert time.monotonic() - began < 30
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    end = time.monotonic() + 10
    while Path(f"/proc/{child}/cmdline").exists() and b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < end, "the child still runs"
        time.sleep(0.05)


def test_progress_is_one_line_for_each_resource(tmp_path: Path) -> None:
    said: list[str] = []
    line = "payments  aws_iam_role.guard_role: Creation complete after 1s [id=acme-release-guard]"
    checkout_in(tmp_path).run(["echo", line], said.append)
    assert [text.split() for text in said] == [["0", "s", "payments", "aws_iam_role.guard_role"]]


def test_without_the_emulator_it_says_what_makes_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(process, "BIN", tmp_path)
    with pytest.raises(EmulatorError, match="make apply-local"), process.running(tmp_path, region="eu-central-1"):
        pytest.fail("it has begun")


def test_without_node_modules_it_says_what_makes_them(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    with pytest.raises(FailedError, match="npm ci"):
        Checkout.make(tmp_path / "project", tmp_path / "pipelines.yaml", None, [])  # type: ignore[arg-type]


def test_settings_that_cannot_be_read_end_it_before_anything_begins(tmp_path: Path) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text("project: acme\nregion: eu-central-1\npipelinse: {}\n", encoding="utf-8")
    with apply_local(str(file)) as command:
        out, error = command.communicate(timeout=120)
    assert command.returncode == 2
    assert "pipelinse: unknown key" in error
    assert "Emulator" not in out


@pytest.mark.parametrize(("signalled", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_leaves_no_process_and_no_file(tmp_path: Path, signalled: signal.Signals, code: int) -> None:
    if not (ROOT / ".venv-emulator" / "bin" / "ministack").is_file() and not os.environ.get("CI"):
        pytest.skip("there is no .venv-emulator: `make test` makes it")
    with apply_local(TMPDIR=str(tmp_path)) as command:
        assert command.stdout
        end = time.monotonic() + 120
        line = ""
        while "Deploying" not in line:
            assert time.monotonic() < end
            assert select.select([command.stdout], [], [], 1)[0] or command.poll() is None
            line = command.stdout.readline()
        time.sleep(1)
        command.send_signal(signalled)
        command.wait(60)
        error = command.stderr.read() if command.stderr else ""
    assert command.returncode == code, error
    assert not list(tmp_path.iterdir())
    named = str(tmp_path).encode()
    left = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and named in _environment(entry)
    ]
    assert not left


def _environment(entry: Path) -> bytes:
    try:
        return (entry / "environ").read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""


def test_a_second_plan_that_changes_something_is_told(tmp_path: Path) -> None:
    """With a type of Terraform's own: no provider."""
    if shutil.which("terraform") is None and not os.environ.get("CI"):
        pytest.skip("terraform is not installed")
    folder = tmp_path / "cdktf.out" / "stacks" / "one"
    folder.mkdir(parents=True)
    file = folder / "cdk.tf.json"
    file.write_text(json.dumps({"resource": {"terraform_data": {"kept": {"input": 1}, "changed": {"input": 1}}}}))
    own = checkout_in(tmp_path)
    own.run(["terraform", "init", "-input=false"], cwd=folder)
    own.run(["terraform", "apply", "-input=false", "-auto-approve"], cwd=folder)
    assert own.changes("one") == []
    changed = {
        "resource": {"terraform_data": {"kept": {"input": 1}, "changed": {"input": 2}}},
        "output": {"new": {"value": 1}},
    }
    file.write_text(json.dumps(changed))
    assert own.changes("one") == ["terraform_data.changed: update", "output new"]
    file.write_text(json.dumps({**changed, "resource": {"nothing_like_it": {"x": {}}}}))
    with pytest.raises(FailedError):
        own.changes("one")


def written(folder: Path, **stacks: dict[str, Any]) -> Checkout:
    """Stacks with a type of Terraform's own, which needs no provider."""
    if shutil.which("terraform") is None and not os.environ.get("CI"):
        pytest.skip("terraform is not installed")
    for name, resources in stacks.items():
        place = folder / "cdktf.out" / "stacks" / name
        place.mkdir(parents=True)
        (place / "cdk.tf.json").write_text(json.dumps({"resource": {"terraform_data": resources}}))
    return Checkout(folder, tuple(stacks), {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"})


def test_stacks_are_applied_side_by_side_once_the_first_is_there(tmp_path: Path) -> None:
    marker = tmp_path / "first-is-there"
    seen = f"[ -e {marker} ]"
    first = {"made": {"provisioner": [{"local-exec": {"command": f"sleep 1; touch {marker}"}}]}}
    other = {"made": {"provisioner": [{"local-exec": {"command": seen}}]}}
    own, said = written(tmp_path, first=first, second=other, third=other), []
    together.apply(own, said.append)
    assert sorted(line.split()[2:] for line in said) == [
        ["first", "terraform_data.made"], ["second", "terraform_data.made"], ["third", "terraform_data.made"],
    ]  # fmt: skip
    for name in own.order:
        shown = json.loads((own.stack(name) / together.SHOWN).read_text(encoding="utf-8"))
        assert shown["values"]["root_module"]["resources"][0]["address"] == "terraform_data.made"


def test_what_nothing_names_is_not_waited_for() -> None:
    assert together.needed({"resource": {"aws_s3_bucket": {"a": {}}, "aws_s3_bucket_lifecycle_configuration": {"b": {}}}}) == {
        "aws_s3_bucket.a"
    }  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [("exit 3", "true"), ("true", "exit 3")])
def test_a_stack_that_cannot_be_applied_is_told_with_its_words(tmp_path: Path, first: str, second: str) -> None:
    command = {
        "first": f"echo of the first; {first}",
        "second": f"touch {tmp_path}/second; echo of the second; {second}",
    }
    stacks = {
        name: {"made": {"provisioner": [{"local-exec": {"command": one}}]}} for name, one in command.items()
    }  # fmt: skip
    failed = "first" if first != "true" else "second"
    with pytest.raises(FailedError, match=rf"failed in {failed}:\n[\s\S]*of the {failed}"):
        together.apply(written(tmp_path, **stacks), lambda _: None)
    assert (tmp_path / "second").exists() == (failed == "second")  # after a first that failed nothing begins


@pytest.mark.parametrize(("code", "told"), [(0, ""), (3, "failed in one")])
def test_a_process_that_ends_after_its_output_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    ends = f"read -r\necho '{{}}' >{together.SHOWN}\nexec >&- 2>&-\nsleep 1\nexit {code}"
    monkeypatch.setattr(together, "_APPLY", ends)
    with pytest.raises(FailedError, match=told) if told else contextlib.nullcontext():
        together.apply(written(tmp_path, one={}), lambda _: None, seconds=20)


def test_a_process_that_never_ends_after_its_output_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_APPLY", "read -r\nexec >&- 2>&-\nsleep 61")
    with pytest.raises(FailedError, match="in one says no more and does not end"):
        together.apply(written(tmp_path, one={}), lambda _: None, seconds=2)


def test_applying_ends_in_time_with_whatever_it_has_started(tmp_path: Path) -> None:
    sleeps = {"made": {"provisioner": [{"local-exec": {"command": f"echo $$ > {tmp_path}/child; sleep 61"}}]}}
    with pytest.raises(FailedError, match="had not ended after 8 s"):
        together.apply(written(tmp_path, one=sleeps), lambda _: None, seconds=8)
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    end = time.monotonic() + 20  # it has been sent SIGKILL, and is gone when it is next scheduled
    while runs(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not runs(child)


def runs(process: int) -> bool:
    """Whether there is such a process, other than one that has ended and that nobody has asked about."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
