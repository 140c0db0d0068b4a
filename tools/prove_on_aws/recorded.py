"""Events as AWS shows them, moved to this account and changed in what matters."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from tools.prove_on_aws.deployed import Deployed

_FOLDER = Path(__file__).resolve().parents[2] / "tests" / "events"
Event = dict[str, Any]
Named = tuple[str, Event]


def recorded(name: str) -> Event:
    """A file of tests/events."""
    event: Event = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return event


def home(deployed: Deployed, event: Event) -> Event:
    """The event, of this account and region."""
    return {**copy.deepcopy(event), "account": deployed.account, "region": deployed.region}


def changed(event: Event, /, **detail: object) -> Event:
    """The event with other details."""
    return {**event, "detail": {**event["detail"], **detail}}
