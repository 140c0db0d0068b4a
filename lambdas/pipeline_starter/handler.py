"""Pipeline starter: a CodeCommit event in, an execution of one scan pipeline out."""

from __future__ import annotations

import os
from functools import cache

import boto3
from botocore.config import Config

from common.log import one_line
from starter.service import Branches, Starter


@cache
def starter() -> Starter:
    """The composition root: everything is built once per execution environment."""
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
    return Starter(
        codepipeline=boto3.client("codepipeline", config=config),
        pipeline=os.environ["PIPELINE_NAME"],
        repository=os.environ["REPOSITORY_NAME"],
        branches=Branches.parse(os.environ["BRANCH_PATTERNS"]),
    )


def handler(event: object, context: object) -> dict[str, str]:
    """Lambda's entry point. Every failure raises, so that Lambda retries and then keeps the event."""
    with one_line("pipeline-starter", context) as line:
        commit, execution = starter().start(event)
        line.update(event=commit.event, branch=commit.branch, commit=commit.commit, execution=execution)
        return {"execution": execution}
