"""A buildspec, read as CodeBuild documents it; what the rehearsal does not know is refused, not left out.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
ABORT, CONTINUE = "ABORT", "CONTINUE"
SHELLS = {"bash": "bash", "/bin/sh": "sh", "": "sh"}  # "For Linux operating systems, supported shell tags"


class BuildspecError(ValueError):
    """A buildspec that CodeBuild would refuse, or that the rehearsal cannot run; the message says which part."""


@dataclass(frozen=True)
class Phase:
    """``on_failure``: ABORT, CONTINUE, or "" for what the page on transitions says."""

    name: str
    commands: tuple[str, ...]
    finally_: tuple[str, ...]
    on_failure: str


@dataclass(frozen=True)
class Files:
    """What goes into an artifact or a report, relative to the source or to ``base`` (a pattern, "" for the source)."""

    patterns: tuple[str, ...]
    base: str = ""
    flat: bool = False


@dataclass(frozen=True)
class Buildspec:
    """``shell``: the program. ``artifact``: None without ``artifacts``. ``secondary``: by artifact identifier. ``reports``: by group."""

    shell: str
    variables: Mapping[str, str]
    parameters: Mapping[str, str]
    exported: tuple[str, ...]
    phases: tuple[Phase, ...]
    artifact: Files | None
    secondary: Mapping[str, Files]
    reports: Mapping[str, Files]


def read(text: str) -> Buildspec:
    """Raises BuildspecError."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML_FILE_ERROR: {error}") from error
    given = _mapping(content, "buildspec", {"version", "env", "phases", "reports", "artifacts"})
    if str(given.get("version")) != "0.2":
        raise BuildspecError(f"version {given.get('version')!r}: the rehearsal knows 0.2")
    env = _mapping(given.get("env") or {}, "env", {"shell", "variables", "parameter-store", "exported-variables"})
    if env.get("shell", "") not in SHELLS:
        raise BuildspecError(f"env.shell {env['shell']!r} is none of bash, /bin/sh")
    phases = _mapping(given.get("phases"), "phases", set(PHASES))
    if not phases:
        raise BuildspecError("phases: required")
    artifacts = given.get("artifacts")
    secondary = (artifacts or {}).get("secondary-artifacts") or {}
    exported = _texts(env.get("exported-variables"), "env.exported-variables")
    parameters = _scalars(env.get("parameter-store"), "env.parameter-store")
    # "The following cannot be exported"; what CodeBuild does about one is not documented.
    refused = [name for name in exported if name.startswith("AWS_") or name in parameters]
    if refused:
        raise BuildspecError(f"env.exported-variables: {refused[0]} cannot be exported")
    variables = _scalars(env.get("variables"), "env.variables")
    reserved = [name for name in (*variables, *parameters) if name.startswith("CODEBUILD_")]
    if reserved:
        raise BuildspecError(f"env: {reserved[0]}: the prefix CODEBUILD_ is reserved")
    return Buildspec(
        SHELLS[env.get("shell", "")],
        variables=variables,
        parameters=parameters,
        exported=exported,
        phases=tuple(_phase(name, phases[name]) for name in PHASES if name in phases),
        artifact=_files(artifacts, "artifacts", {"name", "secondary-artifacts"}) if artifacts is not None else None,
        secondary={name: _files(one, f"artifacts.{name}", {"name"}) for name, one in secondary.items()},
        reports={
            name: _files(one, f"reports.{name}", {"file-format"}) for name, one in (given.get("reports") or {}).items()
        },
    )


def _phase(name: str, content: Any) -> Phase:
    given = _mapping(content, f"phases.{name}", {"commands", "finally", "on-failure"})
    on_failure = given.get("on-failure", "")
    if on_failure not in ("", ABORT, CONTINUE):
        raise BuildspecError(f"phases.{name}.on-failure {on_failure!r}: the rehearsal knows ABORT and CONTINUE")
    commands = _texts(given.get("commands"), f"phases.{name}.commands")
    if not commands:
        raise BuildspecError(f"phases.{name}.commands: required")
    return Phase(name, commands, _texts(given.get("finally"), f"phases.{name}.finally"), on_failure)


def _files(content: Any, where: str, more: set[str]) -> Files:
    given = _mapping(content, where, {"files", "base-directory", "discard-paths", *more})
    patterns = _texts(given.get("files"), f"{where}.files")
    if not patterns:
        raise BuildspecError(f"{where}.files: required")
    flat = given.get("discard-paths", False)
    if flat not in (True, False, "yes", "no"):
        raise BuildspecError(f"{where}.discard-paths {flat!r}: yes or no")
    return Files(patterns, str(given.get("base-directory") or ""), flat in (True, "yes"))


def _mapping(content: Any, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BuildspecError(f"{where}: must be a mapping")
    unknown = set(content) - known
    if unknown:
        raise BuildspecError(f"{where}: the rehearsal has nothing for {', '.join(sorted(map(str, unknown)))}")
    return content


def _texts(content: Any, where: str) -> tuple[str, ...]:
    listed = [] if content is None else content
    if not (isinstance(listed, list) and all(isinstance(one, str | int | float) for one in listed)):
        raise BuildspecError(f"{where}: must be a list of texts")
    return tuple(str(one) for one in listed)


def _scalars(content: Any, where: str) -> dict[str, str]:
    given = {} if content is None else content
    if not (isinstance(given, dict) and all(isinstance(one, str | int | float) for one in given.values())):
        raise BuildspecError(f"{where}: must map names to texts")
    return {str(name): str(value) for name, value in given.items()}
