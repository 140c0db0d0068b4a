"""Where a release leaves its pipeline: what is in production, and what asks to get there (lambdas/common/releases.py)."""

from __future__ import annotations

from collections.abc import Iterator

from common.executions import DEPLOY
from common.releases import Current, Image
from recorder.model import OPEN, Ran, Release
from recorder.release import RECORD


def follow(current: Current, made: Release) -> Current:
    """As it is after what is known of one execution now. Whatever the order in which executions are looked at, the end is the
    same: what was deployed last counts, and whatever else is said of its execution: people use it.
    """
    asked = max((one.started for one in _runs(made, RECORD)), default="")
    deployed = max((one.ended for one in _runs(made, DEPLOY) if one.status == "Succeeded"), default="")
    after = current.without(made.execution)
    if deployed:
        after = after.releasing(Image(made.execution, made.digest, made.commit, deployed), asked)
    if made.outcome in OPEN and asked:
        after = after.asking(Image(made.execution, made.digest, made.commit, asked))
    return after


def _runs(made: Release, place: tuple[str, str]) -> Iterator[Ran]:
    return (run for stage in made.stages if stage.name == place[0] for run in stage.runs if run.action == place[1])
