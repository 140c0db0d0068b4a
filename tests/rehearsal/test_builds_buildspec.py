"""Buildspecs, as AWS's reference has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.rehearse import buildspec
from tools.rehearse.buildspec import BuildspecError, Files

BUILDSPECS = Path(__file__).parents[2] / "buildspecs"


@pytest.mark.parametrize("file", sorted(BUILDSPECS.glob("*.yml")), ids=lambda file: file.stem)
def test_every_buildspec_of_this_project_can_be_rehearsed(file: Path) -> None:
    assert buildspec.read(file.read_text()).phases[0].name == "install"


def test_parts_are_read() -> None:
    found = buildspec.read(
        """
version: 0.2
env: {shell: bash, variables: {A: 1}, parameter-store: {B: /b}, exported-variables: [A]}
phases:
  build: {commands: [one, two], finally: [three], on-failure: CONTINUE}
  install: {commands: [zero]}
artifacts:
  files: ['**/*']
  base-directory: out*
  discard-paths: yes
  secondary-artifacts: {Other: {files: [x]}}
"""
    )
    assert (found.shell, found.variables, found.parameters, found.exported) == ("bash", {"A": "1"}, {"B": "/b"}, ("A",))
    assert [phase.name for phase in found.phases] == ["install", "build"]
    assert (found.phases[1].commands, found.phases[1].finally_) == (("one", "two"), ("three",))
    assert found.phases[1].on_failure == "CONTINUE"
    assert found.artifact == Files(("**/*",), "out*", flat=True)
    assert found.secondary == {"Other": Files(("x",))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 0.1\nphases: {build: {commands: [x]}}", "version 0.1"),
        ("version: 0.2", "phases"),
        ("version: 0.2\nphases: {}", "phases"),
        ("version: 0.2\nphases: {build: {commands: []}}", "commands: required"),
        ("version: 0.2\nphases: {test: {commands: [x]}}", "nothing for test"),
        ("version: 0.2\nphases: {build: {commands: [x], on-failure: RETRY}}", "on-failure 'RETRY'"),
        ("version: 0.2\nphases: {build: {commands: [x], run-as: me}}", "nothing for run-as"),
        ("version: 0.2\nenv: {shell: zsh}\nphases: {build: {commands: [x]}}", "env.shell"),
        ("version: 0.2\nenv: {exported-variables: [AWS_X]}\nphases: {build: {commands: [x]}}", "AWS_X cannot"),
        ("version: 0.2\nenv: {variables: {CODEBUILD_X: 1}}\nphases: {build: {commands: [x]}}", "reserved"),
        ("version: 0.2\ncache: {paths: [x]}\nphases: {build: {commands: [x]}}", "nothing for cache"),
        ("version: 0.2\nphases: {build: {commands: [x]}}\nartifacts: {base-directory: x}", "artifacts.files: required"),
        ("a: [", "YAML_FILE_ERROR"),
    ],
)
def test_what_cannot_be_run_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildspecError, match=message):
        buildspec.read(text)
