"""shellcheck and yamllint on the buildspecs as they are emitted, the user's own among them, and shellcheck on shell files.

tests/buildspecs looks at the files in the same way; here it is the text that CodeBuild gets, unescaped as Terraform does it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.check_emitted import ROOT, Output
from tools.check_result import Finding, Report

_PROBE = "known-bad"
_BAD_COMMANDS = "#!/usr/bin/env bash\nrm -rf $FOLDER/*\ncd somewhere\n"
_BAD_CODES = {"SC2115", "SC2086", "SC2164"}
_BAD_YAML = "version: 0.2\nversion: 0.2\n\tphases: {}\n"


def _inline(outputs: Sequence[Output]) -> dict[str, str]:
    """Buildspecs by one project that has each: ``<stack>/aws_codebuild_project.<name>`` -> text as CodeBuild gets it."""
    found: dict[str, str] = {}
    for output in outputs:
        for stack, name, project in output.resources("aws_codebuild_project"):
            text = project["source"]["buildspec"].replace("$${", "${").replace("%%{", "%{")
            found.setdefault(text, f"{stack}/aws_codebuild_project.{name}")
    return {where: text for text, where in found.items()}


def _commands(buildspec: Mapping[str, Any]) -> Iterator[str]:
    for phase in buildspec["phases"].values():
        for block in ("commands", "finally"):
            yield from phase.get(block, ())


def _run(*command: str) -> str:
    ran = subprocess.run([*command], capture_output=True, text=True, check=False, timeout=120)
    if ran.stderr.strip() or ran.returncode not in (0, 1):
        raise SystemExit(f"{Path(command[0]).name} failed (exit {ran.returncode}): {ran.stderr[-500:]}")
    return ran.stdout


def check(outputs: Sequence[Output]) -> Report:
    """One shellcheck and one yamllint over everything and a known-bad example."""
    specs = _inline(outputs)
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as scratch:
        places: dict[str, str] = {}
        count = 0
        for number, (where, text) in enumerate(specs.items()):
            Path(scratch, f"{number}.yml").write_text(text, encoding="utf-8")
            commands = list(_commands(yaml.safe_load(text)))
            count += len(commands)
            script = "\n".join(["#!/usr/bin/env bash", *commands, ""])
            Path(scratch, f"{number}.sh").write_text(script, encoding="utf-8")
            places |= {f"{number}.sh": where, f"{number}.yml": where}
        Path(scratch, f"{_PROBE}.sh").write_text(_BAD_COMMANDS, encoding="utf-8")
        Path(scratch, f"{_PROBE}.yml").write_text(_BAD_YAML, encoding="utf-8")
        files = _shell_files()
        scripts = [*map(str, sorted(Path(scratch).glob("*.sh"))), *map(str, files)]
        places |= {file.name: file.relative_to(ROOT).as_posix() for file in files}
        probed = set()
        binary = str(Path(sys.executable).with_name("shellcheck"))
        for said in json.loads(_run(binary, "--format=json", "--severity=style", *scripts)):
            name, code = Path(said["file"]).name, f"SC{said['code']}"
            if name == f"{_PROBE}.sh":
                probed.add(code)
            else:
                findings.append(Finding(code, places[name], said["message"], said["line"]))
        rules = str(ROOT / ".yamllint.yaml")
        said_yaml = _run(sys.executable, "-m", "yamllint", "--strict", "-f", "parsable", "-c", rules, scratch)
    noticed = False
    for line in said_yaml.splitlines():
        file, row, _, text = line.split(":", 3)
        if Path(file).stem == _PROBE:
            noticed = True
        else:
            findings.append(Finding("yamllint", places[Path(file).name], text.strip(), int(row)))
    problems = [f"the known-bad command was not noticed: {code}" for code in sorted(_BAD_CODES - probed)]
    problems += [] if noticed else ["the known-bad YAML was not noticed by yamllint"]
    return Report(f"{len(specs)} buildspecs with {count} commands, {len(files)} shell files", findings, problems)


def _shell_files() -> list[Path]:
    """Tracked files that are shell by their name or their first line."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    files = [ROOT / name for name in tracked.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and (file.suffix == ".sh" or _is_shell(file))]


def _is_shell(file: Path) -> bool:
    with file.open("rb") as content:
        first = content.readline(200)
    return first.startswith(b"#!") and first.split()[-1].rpartition(b"/")[2] in (b"sh", b"bash", b"dash")
