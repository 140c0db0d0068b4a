"""The settings' one door: the only reader of ``pipelines.yaml`` and of environment variables.

``load`` returns checked, complete, immutable settings or raises ``SettingsError`` with every mistake it found, each as
``file:line: key: what is wrong, what would be right``. ``python -m stacks.settings`` prints the JSON Schema.
"""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import ValidationError

from modules.names import Names
from stacks.setting_aws import arn
from stacks.setting_base import over
from stacks.setting_checks import at, colliding_names, contradictions, knows_lockfile, makes_rules, scanned_twice
from stacks.setting_errors import describe_all, dotted
from stacks.setting_gate import Gate, GateRule, Waiver
from stacks.setting_models import Settings, SettingsFile
from stacks.setting_pipelines import (
    Approval,
    Build,
    DeliveryPipeline,
    Environment,
    Released,
    Repository,
    ReviewPipeline,
    ScanPipeline,
    Vpc,
    Zap,
)
from stacks.setting_project import Audit, Compliance, HttpBackend, LocalBackend, S3Backend, Singletons, Snyk
from stacks.setting_text import show
from stacks.yaml_source import Document, NotYaml, Problem, decode, parse

__all__ = [
    "Approval", "Audit", "Build", "Compliance", "DeliveryPipeline", "Environment", "Gate", "GateRule", "HttpBackend", "LocalBackend",
    "MistakesError", "Released", "Repository", "ReviewPipeline", "S3Backend", "ScanPipeline", "Settings", "SettingsError", "Singletons", "Snyk", "Vpc", "Waiver",
    "Zap", "load", "schema",
]  # fmt: skip

LARGEST = 1024 * 1024  # bytes; a settings file of this kind has a few thousand
# CodeBuild takes an inline buildspec of 25,600 characters; ours leave room, and so should others (ARCHITECTURE.md).
BUILDSPEC = 20_000
SHOWN = 50  # messages; whoever has more mends the first ones first


class MistakesError(Exception):
    """What a person can put right; ``messages`` says what is wrong, one mistake each."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class SettingsError(MistakesError):
    """The settings cannot be used."""


def load(environ: Mapping[str, str], root: Path, *, today: date | None = None) -> Settings:
    """The settings that ``environ`` chooses, in the checkout at ``root``; ``SettingsError`` with all that is wrong."""
    variable = environ.get("PIPELINES") or None
    shown = variable or "pipelines.yaml"
    source = Path(variable) if variable else root / "pipelines.yaml"
    plain = environ.get("SYNTH_PLAIN", "")
    if plain not in ("", "0", "1"):
        raise SettingsError([f"SYNTH_PLAIN: {show(plain)} is neither 1 (no fast path) nor 0"])
    try:
        document = parse(decode(_read(source, LARGEST, "check the path, or copy the project's pipelines.yaml there")))
    except _Unreadable as error:
        raise SettingsError([f"{_printable(shown)}: {error}"]) from None
    except NotYaml as error:
        raise SettingsError([f"{_printable(shown)}:{error.line}: {error.message}"]) from None
    found, problems = _validate(document)
    buildspecs: dict[str, str] = {}
    if found:
        problems = [*contradictions(found, document), *_own_buildspecs(found, source.parent, document, buildspecs)]
    if problems or not found:
        raise SettingsError(_messages(problems, shown))
    complete = _complete(found)
    warned = _warnings(complete, document, today or datetime.now(UTC).date())
    return Settings.model_construct(
        **{name: getattr(complete, name) for name in SettingsFile.model_fields if name != "pipelines"},
        pipelines={name: one for name, one in complete.pipelines.items() if not isinstance(one, ReviewPipeline)},
        reviews={name: one for name, one in complete.pipelines.items() if isinstance(one, ReviewPipeline)},
        source=source,
        pipelines_variable=variable,
        outdir=Path(environ.get("CDKTF_OUTDIR") or root / "cdktf.out"),
        buildspecs=buildspecs,
        warnings=_messages(warned, shown),
    )


class _Unreadable(Exception):
    """The file system does not give the file."""


def _read(path: Path, largest: int, absent: str) -> bytes:
    """The whole of a regular file of bounded size; ``absent`` says what to do if there is none.

    Looked at before opening: a pipe would wait, a device never end.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _Unreadable("this is a directory; name the YAML file in it")
        if not stat.S_ISREG(status.st_mode):
            raise _Unreadable("this is not a regular file; name a YAML file")
        if status.st_size > largest:
            raise _Unreadable(f"{status.st_size:,} bytes; at most {largest:,} are read, is this the right file?")
        with path.open("rb") as file:
            raw = file.read(largest + 1)
    except FileNotFoundError:
        raise _Unreadable(f"no such file; {absent}") from None
    except PermissionError:
        raise _Unreadable(
            "this user may not read it; give it read permission (chmod u+r) or run as its owner"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _Unreadable(f"cannot be read ({reason}); name a readable YAML file") from None
    if len(raw) > largest:
        raise _Unreadable(f"more than {largest:,} bytes; is this the right file?")
    return raw


def _validate(document: Document) -> tuple[SettingsFile | None, list[Problem]]:
    """The file's content as models, or everything that is wrong with it."""
    data, problems = document.data, list(document.problems)
    ending = next((problem for problem in problems if problem.ends), None)
    if ending:
        return None, [ending]
    if data is None and not problems:
        return None, [Problem(1, (), "the file is empty; begin with the project's pipelines.yaml and edit that")]
    if not isinstance(data, dict):
        return None, problems or [Problem(document.line(()), (), "keys are needed here, such as 'project: acme'")]
    spoiled = [problem.path for problem in problems if problem.spoils and problem.path]
    problems += colliding_names(document)
    try:
        found = SettingsFile.model_validate(data)
    except ValidationError as error:
        # More than anybody reads are not put into words: looking for the nearest right name takes its time.
        for problem in describe_all(error.errors(include_url=False)[: 4 * SHOWN], document, SettingsFile):
            if not any(problem.path[: len(path)] == path for path in spoiled):
                problems.append(problem)
        return None, problems
    return (None if problems else found), problems


def _own_buildspecs(found: SettingsFile, folder: Path, document: Document, texts: dict[str, str]) -> Iterator[Problem]:
    """The users' own buildspecs, into ``texts``, as far as they can be used.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
    """
    for name, pipeline in found.pipelines.items():
        if not (isinstance(pipeline, ScanPipeline) and pipeline.buildspec):
            continue
        path, file = ("pipelines", name, "buildspec"), show(pipeline.buildspec)
        try:
            absent = "its path begins at the folder of this settings file: write the file there, or delete the line"
            text = decode(_read(folder / pipeline.buildspec, BUILDSPEC * 4, absent))
            if len(text) > BUILDSPEC:
                raise _Unreadable(f"{len(text):,} characters; at most {BUILDSPEC:,} fit, move commands to a script")
            data = parse(text).data
        except (_Unreadable, NotYaml) as error:
            where = f"line {error.line}: {error.message}" if isinstance(error, NotYaml) else str(error)
            yield at(document, path, f"{file}: {where}")
            continue
        version = data.get("version") if isinstance(data, dict) else None
        if str(getattr(version, "text", version)) != "0.2":
            yield at(document, path, f"{file}: this is no buildspec of version 0.2; begin it with 'version: 0.2'")
        texts[name] = text


def _complete(found: SettingsFile) -> SettingsFile:
    """``found`` with everything filled in that follows from other settings."""
    names = Names(found.project)
    snyk = over(
        found.snyk,
        Snyk.model_construct(
            token_parameter=f"/{found.project}/snyk/token", organization_parameter=f"/{found.project}/snyk/organization"
        ),
    )
    backend = found.backend
    if isinstance(backend, S3Backend):
        lockfile = knows_lockfile(found) if backend.lockfile is None else backend.lockfile
        derived = {"region": found.region, "prefix": found.project}
        backend = over(backend, backend.model_copy(update=derived)).model_copy(update={"lockfile": lockfile})
    pipelines: dict[str, Released | ReviewPipeline] = {}
    for name, pipeline in found.pipelines.items():
        if isinstance(pipeline, ReviewPipeline):
            pipelines[name] = pipeline
            continue
        update: dict[str, object] = {
            "gate": pipeline.gate.over(found.gate),
            "snyk": over(pipeline.snyk, snyk),
            "notify": pipeline.notify.over(found.notify),
        }
        if isinstance(pipeline, DeliveryPipeline):
            update["registry"] = pipeline.registry or names.registry(name)
        else:
            exact = [branch for branch in pipeline.branches if not branch.endswith(("*", "/"))]
            update["default_branch"] = pipeline.default_branch or next(iter(exact), "main")
        pipelines[name] = pipeline.model_copy(update=update)
    arns = [p.repository.arn for p in found.pipelines.values() if p.repository.arn]
    account = found.account or next((arn(text).account for text in arns), None)
    made = "make" if makes_rules(found) else "none"
    compliance = found.compliance.model_copy(update={"rules": made})
    update = {"account": account, "snyk": snyk, "backend": backend, "pipelines": pipelines, "compliance": compliance}
    return found.model_copy(update=update)


def _warnings(found: SettingsFile, document: Document, today: date) -> list[Problem]:
    """What is allowed, and yet should be known."""
    warned = [
        at(
            document,
            ("waivers", index, "expires"),
            f"the waiver of {waiver.rule} ended on {waiver.expires}; its findings"
            " block again: mend them and delete it, or set a later day",
        )
        for index, waiver in enumerate(found.waivers)
        if waiver.expired(today)
    ]
    backend = found.backend
    if isinstance(backend, S3Backend) and not backend.lockfile:
        warned.append(
            at(
                document,
                ("backend", "lockfile"),
                "state has no lock; two applies at once can destroy it;"
                ' write terraform: ">= 1.11.0" and lockfile: true',
            )
        )
    if isinstance(backend, HttpBackend) and not backend.lock:
        warned.append(
            at(
                document,
                ("backend", "lock"),
                "state has no lock; two applies at once can destroy it; write lock: true if the server can lock",
            )
        )
    releases = any(isinstance(pipeline, DeliveryPipeline) for pipeline in found.pipelines.values())
    if releases and found.singletons.cloudtrail == "existing" and found.audit.log_group is None:
        warned.append(
            at(
                document,
                ("audit", "log_group"),
                "no alarm tells of a pipeline, role or function that is changed behind your back: write"
                " audit: {log_group: ...}, the log group of your multi-region trail, or singletons: {cloudtrail: manage}",
            )
        )
    return [*warned, *scanned_twice(found, document)]


def _messages(problems: list[Problem], shown: str) -> list[str]:
    """In the file's order, one line each."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    lines = [
        f"{_printable(shown)}:{p.line}: {dotted(p.path)}{': ' if p.path else ''}{p.message}" for p in ordered[:SHOWN]
    ]
    if len(ordered) > SHOWN:
        lines.append(f"{_printable(shown)}: more mistakes than are shown here; mend these first")
    return lines


def _printable(path: str) -> str:
    """The path as given; a line break or terminal escape in it must not pass for our own words."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", lambda match: f"\\x{ord(match[0]):02x}", path)


def schema() -> str:
    """JSON Schema of pipelines.yaml, for editors. What it cannot say, ``load`` still checks."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SettingsFile.model_json_schema()}
    return json.dumps(_without_noise(content), indent=2, ensure_ascii=False) + "\n"


def _without_noise(node: object, names: bool = False) -> object:
    """Titles that repeat a key, and empty texts that stand for a default worked out elsewhere, tell nobody anything."""
    if isinstance(node, list):
        return [_without_noise(item) for item in node]
    if not isinstance(node, dict):
        return node
    # Below "properties" and "$defs" stand names, which may well be "title".
    return {
        key: _without_noise(value, not names and key in ("properties", "$defs"))
        for key, value in node.items()
        if names or not (key == "title" or (key == "default" and value in ("", None)))
    }


if __name__ == "__main__":
    sys.stdout.write(schema())
