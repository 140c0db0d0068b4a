"""Which kind of event is handled by what. A new kind: its module, its line here, its rule (modules/notifier.py: NotifierRule)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from common.strict import MalformedError, shown
from notify import builds, compliance, hourly, images, runs
from notify.event import Event
from notify.service import Notifier

# Takes an event, tells people (Notifier.tell_once), and says in a sentence for the log what became of it.
Handler = Callable[[Notifier, Event], str]

HANDLERS: Final[Mapping[tuple[str, str], Handler]] = MappingProxyType(
    {
        ("aws.codepipeline", "CodePipeline Pipeline Execution State Change"): runs.pipeline_ended,
        ("aws.codepipeline", "CodePipeline Stage Execution State Change"): runs.stage_failed,
        ("aws.codebuild", "CodeBuild Build State Change"): builds.build_ended,
        ("aws.ecr", "ECR Image Scan"): images.scanned,
        ("aws.inspector2", "Inspector2 Finding"): images.finding,
        ("aws.config", "Config Rules Compliance Change"): compliance.changed,
        ("aws.events", "Scheduled Event"): hourly.look,
    }
)


def handle(notifier: Notifier, document: object) -> tuple[Event, str]:
    """The event in ``document`` and what became of it; ``MalformedError`` for one that no rule should have sent."""
    event = Event.parse(document)
    handler = HANDLERS.get((event.source, event.kind))
    if handler is None:
        raise MalformedError(f"{shown(event.kind)} from {shown(event.source)} is no event that this function knows")
    return event, handler(notifier, event)
