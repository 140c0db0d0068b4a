"""Who hears of which pipeline: the topics in AWS, and ``notify.json``, the same for the notifier's package.

Names only, no ARNs: the function knows where it runs. ``lambdas/notifier/notify/audience.py`` reads the file; a test holds
the two together.
"""

from __future__ import annotations

import json
from typing import Any

from modules.account import Account
from modules.encryption import Key
from modules.names import Names
from modules.notifications import Topic
from modules.notifier import Audience, Told
from stacks.policy import scanners_of
from stacks.settings import DeliveryPipeline, ScanPipeline, Settings

SCHEMA = 1


def audience(settings: Settings, account: Account, key: Key) -> Audience:
    """All topics of the project, by pipeline."""
    told = {}
    for name, pipeline in settings.pipelines.items():
        delivery = pipeline if isinstance(pipeline, DeliveryPipeline) else None
        told[name] = Told(
            name=account.names.pipeline(name),
            topic=Topic.of_pipeline(account, name, key, own=bool(pipeline.notify.emails)),
            approval=Topic.named(account, f"{name}-approval", key) if delivery else None,
            builds=[account.names.build(name, build) for build in builds_of(pipeline)],
            registry=delivery.registry if delivery else None,
        )
    return Audience(Topic.named(account, "notifications", key), told)


def builds_of(pipeline: DeliveryPipeline | ScanPipeline) -> list[str]:
    """What the names of its build projects end in: modules/pipeline.py makes them, and a test compares."""
    if isinstance(pipeline, DeliveryPipeline):
        return ["image", "resolve", *scanners_of(pipeline), "push", "staging-deploy", "production-deploy"]
    return ["resolve", *scanners_of(pipeline)]


def notify_json(settings: Settings) -> bytes:
    """The file, the same bytes for the same settings."""
    names = Names(settings.project)
    pipelines: dict[str, Any] = {
        name: {
            "topic": names.topic(f"{name}-notifications" if pipeline.notify.emails else "notifications"),
            "severity": pipeline.notify.severity,
            "successes": pipeline.notify.successes,
            "builds": sorted(names.build(name, build) for build in builds_of(pipeline)),
        }
        for name, pipeline in settings.pipelines.items()
    }
    addresses = {names.topic("notifications"): settings.notify.emails}
    for name, pipeline in settings.pipelines.items():
        if pipeline.notify.emails:
            addresses[names.topic(f"{name}-notifications")] = pipeline.notify.emails
        if isinstance(pipeline, DeliveryPipeline):
            addresses[names.topic(f"{name}-approval")] = pipeline.approval.emails
    deliveries = [name for name, one in settings.pipelines.items() if isinstance(one, DeliveryPipeline)]
    document = {
        "schema": SCHEMA,
        "project": settings.project,
        "topic": names.topic("notifications"),
        "pipelines": pipelines,
        # Who should hear: SNS forgets who has not answered for two days.
        "addresses": addresses,
        "approvals": [names.topic(f"{name}-approval") for name in deliveries],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
