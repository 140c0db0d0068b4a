"""What the dashboard shows, from the settings."""

from __future__ import annotations

from modules.dashboard import Shown
from modules.findings_importer import IMPORTER
from modules.names import Names
from modules.notifier import NOTIFIER
from modules.release_record import RECORDER
from modules.scanners import SCANNERS
from stacks.policy import scanners_of
from stacks.settings import DeliveryPipeline, Settings


def shown(settings: Settings) -> Shown:
    """Names in the order of pipelines.yaml, scanners in that of the catalogue."""
    pipelines = settings.pipelines
    deliveries = [name for name, one in pipelines.items() if isinstance(one, DeliveryPipeline)]
    used = {scanner for one in pipelines.values() for scanner in scanners_of(one)}
    functions = [IMPORTER, *([RECORDER] if deliveries else []), NOTIFIER]
    return Shown(
        pipelines=list(pipelines),
        deliveries=deliveries,
        repositories=list(dict.fromkeys(one.repository.name for one in pipelines.values())),
        scanners=[scanner for scanner in SCANNERS if scanner in used],
        queues=[
            Names(settings.project).queue(f"{name}-dead-letters")
            for name in (*functions, *pipelines, *settings.reviews)
        ],
    )
