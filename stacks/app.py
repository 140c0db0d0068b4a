"""Which stacks exist, and how they get to the disk."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdktf import App

from modules import guardrails
from modules.audit_pattern import FilterTooLongError
from modules.build_project import BuildspecError, read_buildspec
from modules.packaging import PackagingError, function_package, scripts_package, sha256_hex
from modules.pipeline import PipelineError
from stacks.audience import notify_json
from stacks.base import BaseStack, Sources
from stacks.delivery import DeliveryStack
from stacks.findings import Findings
from stacks.foundation import Foundation
from stacks.governance import Governance
from stacks.policy import POLICY_FILE, policy_json
from stacks.review import ReviewStack
from stacks.scan import ScanStack, own_buildspec
from stacks.settings import MistakesError, ScanPipeline, Settings

ROOT = Path(__file__).resolve().parent.parent
# Readable addresses: a resource's address is its id, without a prefix of the stack's name and without a hash.
_CONTEXT = {"excludeStackIdFromLogicalIds": "true", "allowSepCharsInLogicalIds": "true"}


class SynthesisError(MistakesError):
    """The settings are right but what would be emitted is not; nothing was written."""


@dataclass(frozen=True)
class Written:
    """One stack as it was written: ``resources`` and ``data`` sources counted, and the stacks to deploy before it."""

    name: str
    resources: int
    data: int
    after: tuple[str, ...]


def build_app(settings: Settings, outdir: Path, scratch: Path) -> App:
    """The app with every stack that the settings ask for, in the order of their deployment."""
    app = App(outdir=str(outdir), context=_CONTEXT)
    sources = _sources(settings, scratch)
    foundation = Foundation(app, settings, sources)
    findings = Findings(app, settings, sources)
    governance = Governance(app, settings, sources)
    findings.add_dependency(foundation)
    governance.add_dependency(foundation)
    for name, pipeline in settings.pipelines.items():
        kind: type[BaseStack] = ScanStack if isinstance(pipeline, ScanPipeline) else DeliveryStack
        stack = kind(app, name, settings, sources)  # type: ignore[call-arg]  # every pipeline's stack takes the sources
        for predecessor in (foundation, findings, governance):
            stack.add_dependency(predecessor)
    for name in settings.reviews:
        ReviewStack(app, name, settings, sources).add_dependency(foundation)
    return app


def synthesize(settings: Settings) -> list[Written]:
    """Write ``settings.outdir``. Until everything has been made and checked the folder stays as it was.

    Raises SynthesisError; nothing else is an expected outcome.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh, scratch = Path(folder, "out"), Path(folder, "scratch")
        try:
            build_app(settings, fresh, scratch).synth()
        except (BuildspecError, FilterTooLongError, PackagingError, PipelineError) as error:
            raise SynthesisError([str(error)]) from None
        manifest = json.loads((fresh / "manifest.json").read_text(encoding="utf-8"))
        stacks = {name: json.loads((fresh / "stacks" / name / "cdk.tf.json").read_text(encoding="utf-8"))
                  for name in manifest["stacks"]}  # fmt: skip
        problems = [f"{name}: {problem}" for name, stack in stacks.items() for problem in guardrails.check(stack)]
        if problems:
            raise SynthesisError(problems)
        try:
            _publish(fresh, settings.outdir)
        except OSError as error:
            raise SynthesisError(
                [
                    f"{settings.outdir}: cannot be written ({_reason(error)}); name another folder in CDKTF_OUTDIR,"
                    " or make this one writable"
                ]
            ) from None
    return [
        Written(
            name,
            resources=sum(len(group) for group in stacks[name].get("resource", {}).values()),
            data=sum(len(group) for group in stacks[name].get("data", {}).values()),
            after=tuple(manifest["stacks"][name]["dependencies"]),
        )
        for name in settings.stack_names()
    ]


def left_over(settings: Settings, written: list[Written]) -> list[str]:
    """Stacks of an earlier synthesis that the settings no longer name: their resources are still in AWS."""
    known = {stack.name for stack in written}
    return sorted(
        path.parent.name for path in (settings.outdir / "stacks").glob("*/cdk.tf.json") if path.parent.name not in known
    )


def _sources(settings: Settings, scratch: Path) -> Sources:
    buildspecs = {path.name: read_buildspec(path) for path in sorted((ROOT / "buildspecs").glob("*.yml"))}
    buildspecs |= {own_buildspec(name): text for name, text in settings.buildspecs.items()}
    tools: dict[str, Any] = json.loads((ROOT / "buildspecs" / "tools.json").read_text(encoding="utf-8"))
    policy = {POLICY_FILE: policy_json(settings)}
    scripts = scripts_package(ROOT / "buildspecs")
    lambdas = ROOT / "lambdas"
    return Sources(
        buildspecs=buildspecs,
        images=tools["images"],
        packages={
            "findings_importer": function_package(lambdas, "findings_importer", policy),
            "release_guard": function_package(lambdas, "release_guard", policy),
            "release_recorder": function_package(lambdas, "release_recorder", policy),
            "image_sealer": function_package(lambdas, "image_sealer", {}),
            "pipeline_starter": function_package(lambdas, "pipeline_starter", {}),
            "notifier": function_package(lambdas, "notifier", policy | {"notify.json": notify_json(settings)}),
            "plan_review": function_package(lambdas, "plan_review", {}),
        },
        scripts=scripts,
        scripts_sha256=sha256_hex(scripts),
        scratch=scratch,
    )


def _publish(fresh: Path, outdir: Path) -> None:
    """Put the new files in place; what Terraform keeps beside them (.terraform, lock files, plans) stays."""
    for folder in sorted((fresh / "stacks").iterdir()):
        target = outdir / "stacks" / folder.name
        # Packages of earlier syntheses; nothing names them any more, so one that stays does no harm.
        shutil.rmtree(target / "assets", ignore_errors=True)
        shutil.copytree(folder, target, dirs_exist_ok=True)
    shutil.copyfile(fresh / "manifest.json", outdir / "manifest.json")


def _reason(error: OSError) -> str:
    """Why, and where. ``copytree`` collects what went wrong, the first cause of the rest in front."""
    if isinstance(error, shutil.Error):
        _, target, why = error.args[0][0]
        words = re.match(r"\[Errno [0-9]+\] ([^:]+)", str(why))
        return f"{words[1] if words else why}: {target}"
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


@contextmanager
def synthesized(settings: Settings) -> Iterator[Path]:
    """For tests: the output of ``settings`` in a folder of its own, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        outdir = Path(folder, "out")
        synthesize(settings.model_copy(update={"outdir": outdir}))
        yield outdir
