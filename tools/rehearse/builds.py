"""What CodePipeline and CodeBuild say to each other in the rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from tools.rehearse.described import Project, Variable

# https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html (buildStatus)
SUCCEEDED, FAILED, FAULT, TIMED_OUT, STOPPED = "SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"


@dataclass(frozen=True)
class Source:
    """One input artifact: the zip on this machine, and where S3 has it (``bucket/key``)."""

    zip: Path
    location: str


@dataclass(frozen=True)
class BuildFacts:
    """What a build is told of its execution. ``stage``, ``action``: for who watches; a build does not get them.

    ``build_id``: ``<project>:<uuid>``, ``number``: of the project's builds, ``commit``: of the source. ``stop`` is set when
    the build must end early (STOPPED). ``folder``: an empty one on this machine, for its log and all that it keeps.
    """

    pipeline: str
    execution: str
    stage: str
    action: str
    build_id: str
    number: int
    commit: str
    folder: Path
    stop: Event = field(default_factory=Event, compare=False)


@dataclass(frozen=True)
class BuildResult:
    """``status`` as CodeBuild has it (above); ``phase``: the one that failed, or COMPLETED. ``exported``: variables that the
    buildspec exports, unchecked. ``artifacts``: name of the output artifact -> zip. ``message``: of the failed phase."""

    status: str
    phase: str
    exported: Mapping[str, str]
    artifacts: Mapping[str, Path]
    log: Path
    seconds: float
    message: str = ""


class BuildRunner(Protocol):
    """CodeBuild."""

    def run(
        self,
        project: Project,
        *,
        overrides: Mapping[str, Variable],
        sources: Mapping[str, Source],
        primary: str,
        outputs: tuple[str, ...],
        facts: BuildFacts,
    ) -> BuildResult:
        """Run one build to its end; whatever goes wrong is a result (FAULT), never an exception and never SUCCEEDED.

        ``overrides``: of the action; they win over the project's variables. ``sources``: input artifacts by name, ``primary``
        among them. ``outputs``: names of the action's output artifacts: one takes the buildspec's ``artifacts``, several its
        ``secondary-artifacts``.
        https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html
        """
        ...
