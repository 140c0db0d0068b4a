"""Builds that somebody started outside of their pipeline. Nobody should: a build's role may write what a run believes.

https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
"""

from __future__ import annotations

import re
from typing import Final

from common import strict
from common.contract import LINE
from notify.event import Event
from notify.service import Notifier, execution_key
from notify.text import Message, foreign

STATUSES: Final = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")
_BUILD: Final = re.compile(
    r"arn:[^:]+:codebuild:[^:]+:\d{12}:build/(?P<build>[A-Za-z0-9_-]{2,150}:(?P<id>[A-Za-z0-9-]{1,64}))"
)


def build_ended(notifier: Notifier, event: Event) -> str:
    """A build has ended, whoever started it."""
    detail = event.detail
    project = strict.text(detail.get("project-name"), "detail.project-name", LINE, "a build project's name")
    name = next((one for one, hearers in notifier.audience.pipelines.items() if project in hearers.builds), None)
    if name is None:
        return f"{strict.shown(project)} is no build project of ours"
    status = strict.choice(detail.get("build-status"), "detail.build-status", STATUSES)
    more = strict.entries(detail.get("additional-information"), "detail.additional-information")
    initiator = strict.text(more.get("initiator"), "initiator", LINE, "who started the build")
    if initiator == f"codepipeline/{notifier.policy.pipelines[name].name}":
        return f"{project}: started by its pipeline, which speaks for it"
    found = _BUILD.fullmatch(str(detail.get("build-id")))
    if not found:
        raise strict.MalformedError(
            f"detail.build-id: a build's ARN is right, not {strict.shown(detail.get('build-id'))}"
        )
    who = foreign(initiator, 150)
    return notifier.tell_once(
        execution_key(name, found["id"], "build-by-hand"),
        event,
        notifier.audience.pipelines[name].topic,
        lambda: Message.of(
            f"{notifier.audience.project}: build {project} was started outside its pipeline by {who}",
            f"The build project {project} of {name} was run outside its pipeline, and ended as {status}.",
            [
                ("Started by", f"{who} (CodeBuild's initiator)"),
                (
                    "Why tell",
                    "its role may write this pipeline's reports and artifacts, so only the pipeline should start it",
                ),
                ("Look", "CloudTrail, event StartBuild, says from where; who may start builds is IAM's to say"),
                ("Build", notifier.console.build(project, found["build"])),
            ],
        ),
    )
