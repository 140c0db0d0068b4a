"""Where the records of releases stand; and what a delivery pipeline has released last, and asks to release:
``releases/<pipeline>/current.json``.

The release recorder keeps it, the notifier asks it: one read says whether an image concerns anybody, however long ago it was
released. An image that is asked about counts, too: an approval may wait for a week, and if the event of an execution's end was
lost its image stays in the list, so that it is rather told of than forgotten.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Final

from common import strict
from common.contract import A_COMMIT, AN_EXECUTION, COMMIT, DIGEST, EXECUTION, PIPELINE, SCHEMA
from common.strict import MalformedError

ASKED_LIMIT: Final = 50  # one is asked at a time; more are left over from ends that nobody has heard of
SIZE_LIMIT: Final = 64 * 1024
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def folder(pipeline: str, execution: str) -> str:
    """Where in the reports bucket a release's record stands (release.json, and index.html for people). modules/release_record.py
    composes the same for the approval's link. ``pipeline``: its name in pipelines.yaml."""
    return f"releases/{pipeline}/{execution}"


def current_key(pipeline: str) -> str:
    """The object's key. Only the recorder's role may write there."""
    return f"releases/{pipeline}/current.json"


@dataclass(frozen=True)
class Image:
    """An image of one execution. ``commit``: it may be in production for longer than CodePipeline knows the execution.
    ``since``: when it was deployed to production, or asked about (UTC, so that text sorts)."""

    execution: str
    digest: str
    commit: str
    since: str

    @classmethod
    def parse(cls, document: object, where: str) -> Image:
        """One entry."""
        given = strict.fields(document, where, ("execution", "digest", "commit", "since"))
        return cls(
            execution=strict.text(given["execution"], f"{where}.execution", EXECUTION, AN_EXECUTION),
            digest=strict.text(given["digest"], f"{where}.digest", DIGEST, "an image digest (sha256:...)"),
            commit=strict.text(given["commit"], f"{where}.commit", COMMIT, A_COMMIT),
            since=strict.text(given["since"], f"{where}.since", _TIME, "a time in UTC"),
        )


@dataclass(frozen=True)
class Current:
    """``released``: what production runs; None before there is anything. ``asked``: what waits to get there, oldest first."""

    pipeline: str
    released: Image | None = None
    asked: tuple[Image, ...] = ()

    @classmethod
    def parse(cls, data: bytes, pipeline: str) -> Current:
        """The object's content; ``MalformedError`` if it is not this pipeline's."""
        where = "current.json"
        given = strict.fields(strict.loads(data, where), where, ("schema", "pipeline", "released", "asked"))
        strict.integer(given["schema"], f"{where}: schema", SCHEMA, SCHEMA)
        if strict.text(given["pipeline"], f"{where}: pipeline", PIPELINE, "a pipeline's name") != pipeline:
            raise MalformedError(f"{where}: it is of {given['pipeline']}, not of {pipeline}")
        asked = strict.items(given["asked"], f"{where}: asked")
        return cls(
            pipeline,
            None if given["released"] is None else Image.parse(given["released"], f"{where}: released"),
            tuple(Image.parse(one, f"{where}: asked[{number}]") for number, one in enumerate(asked)),
        )

    def as_bytes(self) -> bytes:
        """The object's content: the same is always the same bytes."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, sort_keys=True) + "\n").encode()

    def without(self, execution: str) -> Current:
        """That execution asks no more."""
        return replace(self, asked=tuple(one for one in self.asked if one.execution != execution))

    def asking(self, image: Image) -> Current:
        """Its execution asks now."""
        asked = sorted((*self.without(image.execution).asked, image), key=lambda one: one.since)
        return replace(self, asked=tuple(asked[-ASKED_LIMIT:]))

    def releasing(self, image: Image, asked: str) -> Current:
        """It has reached production, unless something newer has. What was asked before it (``asked``: when that was done of
        this one) can get there no more: a stage takes one execution after the other."""
        if self.released and self.released.since > image.since:
            return self
        return replace(self, released=image, asked=tuple(one for one in self.asked if one.since > asked))
