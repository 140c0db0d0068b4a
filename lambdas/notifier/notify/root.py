"""The composition root: clients are built here, once, and nowhere else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import boto3
from botocore.config import Config

from common.policy import Policy
from notify.audience import Audience, Place
from notify.executions import Executions
from notify.ledger import Ledger
from notify.links import Console
from notify.service import Notifier
from notify.store import Store
from notify.topics import Topics


class Context(Protocol):
    """Of Lambda's context, what is used. https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    function_name: str
    invoked_function_arn: str


def build(*, policy: bytes, settings: bytes, bucket: str, function_arn: str, function_name: str) -> Notifier:
    """``policy``: policy.json; ``settings``: notify.json; ``bucket``: name of the reports bucket."""
    # A call that hangs must end before the function does: then the next attempt finds what this one has begun.
    config = Config(connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3})
    place = Place.of_function(function_arn)
    store = Store(boto3.client("s3", config=config), bucket)

    def clock() -> datetime:
        return datetime.now(UTC)

    return Notifier(
        policy=Policy.parse(policy),
        audience=Audience.parse(settings),
        store=store,
        ledger=Ledger(store, clock, time.sleep),
        executions=Executions(boto3.client("codepipeline", config=config)),
        topics=Topics(boto3.client("sns", config=config), place),
        console=Console(place),
        clock=clock,
        count=lambda line: print(line, flush=True),
        namespace=function_name,
    )
