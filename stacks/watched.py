"""Functions whose failure wakes somebody: straight from CloudWatch, so that it is heard also when our own code is broken.

What stops a release as it should, a gate or the guard that says no, is no failure of a function: the run's own message says it.
"""

from __future__ import annotations

from modules.findings_importer import GUARD, IMPORTER, SEALER
from modules.function_alarms import watch_function
from modules.notifications import Topic
from modules.notifier import NOTIFIER
from modules.release_record import RECORDER
from modules.review_comment import reviewer
from stacks.base import BaseStack
from stacks.settings import DeliveryPipeline, ScanPipeline, Settings

# Purpose of a function (modules/names.py) -> what it means that it does not work, for who is woken by it.
CONSEQUENCES = {
    IMPORTER: "Until it works no gate lets anything through: runs stop as tool-error, nothing bad goes out, and nothing good.",
    NOTIFIER: "Mails of failed runs come late or not at all: look at the pipelines themselves. What it failed to tell three"
    " times waits in its dead letters.",
}  # fmt: skip
OF_DELIVERIES = {
    GUARD: "Runs stop at Publish/guard or Production/guard: nothing unproven goes out, and nothing proven.",
    SEALER: "Runs stop at Build/seal: nothing goes out.",
    RECORDER: "Runs stop at Staging/record before anybody is asked: nothing goes out. Ends of releases that it failed to record"
    " three times wait in its dead letters.",
}
REVIEWER = "Pull requests on {} get no review, or an old one: read their plans yourself before you merge."
STARTER = "Commits on {} are not scanned; what it failed to start three times waits in its dead letters."


def watch_functions(scope: BaseStack, settings: Settings, alarms: Topic) -> None:
    """Alarms for every function of the project, whichever stack makes it."""
    watched = dict(CONSEQUENCES)
    for name, pipeline in settings.pipelines.items():
        if isinstance(pipeline, DeliveryPipeline):
            watched |= OF_DELIVERIES
        elif isinstance(pipeline, ScanPipeline):
            watched[f"{name}-starter"] = STARTER.format(pipeline.repository.name)
    for name, review in settings.reviews.items():
        watched[reviewer(name)] = REVIEWER.format(review.repository.name)
    for purpose, consequence in watched.items():
        watch_function(
            scope,
            f"{purpose.replace('-', '_')}",
            account=scope.account,
            function_name=scope.names.function(purpose),
            purpose=purpose,
            consequence=consequence,
            alarms=alarms,
        )
