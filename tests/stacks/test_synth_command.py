"""``make synth`` as a person runs it: what is printed, exit codes, and the same bytes wherever and by whomever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = ROOT / "tests" / "settings" / "minimal.yaml"


def synth(
    arguments: Mapping[str, str], *, root: Path = ROOT, cwd: Path | None = None, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **arguments}
    for name in ("NODE_EXTRA_CA_CERTS", "LANG"):
        if name in os.environ:
            environment.setdefault(name, os.environ[name])
    return subprocess.run(
        [*prefix, sys.executable, str(root / "main.py")],
        env=environment,
        cwd=cwd or root,
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


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """A folder of another user, below folders that this user may enter (pytest's own may not be)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder, "home")
        home.mkdir()
        if os.getuid() == 0:
            os.chown(home, 65534, 65534)
        yield home


def test_another_user_gives_the_same_bytes(home_of_nobody: Path, reference: dict[str, bytes]) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    nobody, home = 65534, home_of_nobody
    # The interpreter may stand in a folder that only root can enter: the other user may read everything, write only home.
    become = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    done = synth(
        {"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(home / "out"), "HOME": str(home)}, prefix=become, cwd=home
    )
    assert done.returncode == 0, done.stderr
    assert (home / "out" / "manifest.json").stat().st_uid == nobody
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
    carried = f"PIPELINES={MINIMAL} npx cdktf"
    assert [line.strip() for line in lines[lines.index("Next:") + 1 :]] == [
        f"(cd {os.path.relpath(tmp_path / 'out', ROOT)}/stacks/foundation && terraform init && terraform plan)",
        "npm ci",
        f"{carried} diff --output {tmp_path / 'out'} foundation",
        f"{carried} deploy --output {tmp_path / 'out'} foundation findings governance scan",
    ]


@pytest.mark.parametrize("own_folder", [False, True])
def test_printed_commands_work_as_they_stand_and_where_they_stand(tmp_path: Path, own_folder: bool) -> None:
    """Run one after the other by a shell in the folder they were printed in, with stand-ins that tell what they got."""
    here = tmp_path / "it's here"
    here.mkdir()
    shutil.copy(MINIMAL, here / "my file.yaml")
    outdir = {"CDKTF_OUTDIR": "the out"} if own_folder else {}
    copy = tmp_path / "a project"
    for name in ("stacks", "modules", "lambdas", "buildspecs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "main.py", copy / "main.py")
    done = synth({"PIPELINES": "my file.yaml", **outdir}, root=copy, cwd=here)
    assert done.returncode == 0, done.stderr
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("terraform", "npm", "npx"):
        (tools / name).write_text(f'#!/bin/sh\necho "$PWD|{name} $*|$PIPELINES"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    commands = done.stdout[done.stdout.index("Next:\n") + len("Next:\n") :]
    ran = subprocess.run(
        ["/bin/bash", "-eu"],
        input=commands,
        cwd=here,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )
    foundation = (here / "the out" if own_folder else copy / "cdktf.out") / "stacks" / "foundation"
    output = f" --output {here / 'the out'}" if own_folder else ""
    settings = here / "my file.yaml"
    assert ran.stdout.splitlines() == [
        f"{foundation}|terraform init|",
        f"{foundation}|terraform plan|",
        f"{copy}|npm ci|",
        f"{copy}|npx cdktf diff{output} foundation|{settings}",
        f"{copy}|npx cdktf deploy{output} foundation findings governance scan|{settings}",
    ]


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
    (warning,) = done.stderr.splitlines()
    assert (
        "old-pipeline is left from an earlier synthesis; what it made, if it was deployed, is still in AWS" in warning
    )
    where = os.path.relpath(old, ROOT)
    assert f"Destroy it with (cd {where} && terraform init && terraform destroy), then delete the folder." in warning
    assert old.is_dir()
    assert state.is_dir(), "what Terraform keeps beside the files stays"


def test_what_cannot_be_emitted_is_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for name in ("stacks", "modules", "lambdas", "buildspecs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "main.py", copy / "main.py")
    with (copy / "buildspecs" / "resolve.yml").open("a", encoding="utf-8") as file:
        file.write("# x" * 7000)
    done = synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(tmp_path / "out")}, root=copy)
    assert done.returncode == 2
    assert done.stderr.startswith("resolve.yml: ")
    assert "at most 20000 are allowed" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a synthesis says that a person can put right."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PATH": "/nowhere"}, "Node >= 20 is needed (22 advised): there is no program 'node' on PATH"),
        ({"JSII_NODE": "/nowhere/node"}, "there is no program '/nowhere/node' (JSII_NODE)"),
        ({"JSII_NODE": ""}, "there is no program '' (JSII_NODE)"),
    ],
)
def test_without_node_is_a_sentence(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    outdir = tmp_path / "out"
    line = one_sentence(synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir), **environment}))
    assert line.startswith("Node >= 20 is needed (22 advised): ")
    assert words in line
    assert not outdir.exists()


@pytest.mark.parametrize("below", ["", "/out"])
def test_an_output_folder_that_is_a_file_is_a_sentence(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    line = one_sentence(synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": f"{file}{below}"}))
    assert line.startswith(f"{file}{below}: cannot be written (Not a directory")
    assert line.endswith("; name another folder in CDKTF_OUTDIR, or make this one writable")
    assert file.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("earlier", [False, True])
def test_an_output_folder_that_this_user_may_not_write_is_a_sentence(home_of_nobody: Path, earlier: bool) -> None:
    """Root may write everywhere, so as root this becomes another user."""
    outdir = home_of_nobody / "out"
    if earlier:
        assert synth({"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir)}).returncode == 0
    for folder in (outdir, *outdir.rglob("*"), home_of_nobody):
        if folder.exists():
            folder.chmod(0o555)
    become = []
    if os.getuid() == 0:
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    arguments = {"PIPELINES": str(MINIMAL), "CDKTF_OUTDIR": str(outdir), "HOME": "/tmp"}
    try:
        line = one_sentence(synth(arguments, prefix=become))
    finally:
        for folder in (home_of_nobody, *home_of_nobody.rglob("*")):
            folder.chmod(0o755)
    assert line.startswith(f"{outdir}: cannot be written (Permission denied")
