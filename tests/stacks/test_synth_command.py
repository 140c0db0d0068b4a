"""``make synth`` as a person runs it: what is printed, exit codes, and the same bytes wherever and by whomever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = ROOT / "tests" / "settings" / "minimal.yaml"


def synth(
    arguments: Mapping[str, str], *, root: Path = ROOT, cwd: Path | None = None, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **arguments}
    for name in ("NODE_EXTRA_CA_CERTS", "LANG"):
        if name in os.environ:
            environment.setdefault(name, os.environ[name])
    return subprocess.run(
        [sys.executable, str(root / "main.py")],
        env=environment,
        cwd=cwd or root,
        user=user,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    outdir = tmp_path_factory.mktemp("reference") / "cdktf.out"
    done = synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir)})
    assert done.returncode == 0, done.stderr
    return files(outdir)


def test_second_run_in_the_same_folder_changes_nothing(tmp_path: Path, reference: dict[str, bytes]) -> None:
    for _ in range(2):
        assert synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(tmp_path / "out")}).returncode == 0
    assert files(tmp_path / "out") == reference


def test_another_folder_home_umask_language_and_time_zone_give_the_same_bytes(
    tmp_path: Path, reference: dict[str, bytes]
) -> None:
    copy = tmp_path / "another place with spaces"
    for name in ("main.py", "stacks", "modules", "lambdas", "buildspecs"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(source, copy / name)
    for file in copy.rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o700)
    previous = os.umask(0o077)
    try:
        done = synth(
            {
                "PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(copy / "out"), "TZ": "Pacific/Kiritimati",
                "LC_ALL": "C", "USER": "somebody", "PYTHONHASHSEED": "7",
            },
            root=copy, cwd=tmp_path,
        )  # fmt: skip
    finally:
        os.umask(previous)
    assert done.returncode == 0, done.stderr
    assert files(copy / "out") == reference


def test_another_user_gives_the_same_bytes(tmp_path: Path, reference: dict[str, bytes]) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    nobody = 65534
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody, nobody)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder == Path("/tmp") or folder == folder.parent:
            break
        folder.chmod(folder.stat().st_mode | 0o011)
    probe = subprocess.run([sys.executable, "-c", "import cdktf"], user=nobody, capture_output=True, check=False,
                           env={"PATH": os.environ["PATH"], "HOME": str(home)})  # fmt: skip
    if probe.returncode:
        pytest.skip(f"another user cannot run this Python: {probe.stderr.decode()[-200:]}")
    done = synth(
        {"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(home / "out"), "HOME": str(home)}, user=nobody, cwd=home
    )
    assert done.returncode == 0, done.stderr
    assert files(home / "out") == reference


def test_the_fast_path_changes_no_byte(tmp_path: Path, reference: dict[str, bytes]) -> None:
    done = synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(tmp_path / "out"), "SYNTH_PLAIN": "1"})
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out") == reference


def test_the_table_names_stacks_in_order_and_commands_that_carry_pipelines(tmp_path: Path) -> None:
    done = synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(tmp_path / "out")})
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    rows = [line.split() for line in lines if line[:6].strip().isdigit()]
    assert [row[1] for row in rows] == ["foundation", "findings", "governance", "scan"]
    assert all(int(row[2]) > 0 for row in rows)
    commands = [line.strip() for line in lines if "cdktf deploy" in line]
    assert commands == [f"PIPELINES={MINIMAL} npx cdktf deploy foundation findings governance scan"]


def test_bad_settings_end_with_two_and_leave_an_earlier_output_alone(tmp_path: Path) -> None:
    outdir = tmp_path / "out"
    assert synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir)}).returncode == 0
    before = files(outdir)
    bad = tmp_path / "bad.yaml"
    bad.write_text(MINIMAL.read_text(encoding="utf-8").replace("region:", "regoin:"), encoding="utf-8")
    done = synth({"PIPELINES": "bad.yaml", "CDKTF_OUTDIR": str(outdir)}, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("bad.yaml:")
    assert "did you mean region?" in done.stderr
    assert files(outdir) == before


def test_a_stack_that_the_settings_no_longer_name_is_told(tmp_path: Path) -> None:
    outdir = tmp_path / "out"
    assert synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir)}).returncode == 0
    old = outdir / "stacks" / "old-pipeline"
    shutil.copytree(outdir / "stacks" / "scan", old)
    state = outdir / "stacks" / "scan" / ".terraform"
    state.mkdir()
    done = synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir)})
    assert done.returncode == 0
    assert "old-pipeline is left from an earlier synthesis" in done.stderr
    assert old.is_dir()
    assert state.is_dir(), "what Terraform keeps beside the files stays"
