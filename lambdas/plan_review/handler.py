"""Plan reviewer: the end of a plan build in, one comment on its pull request out."""

from __future__ import annotations

import os
from functools import cache

import boto3
from botocore.config import Config

from commenting.builds import Builds
from commenting.comments import Comments
from commenting.service import Reviewer
from commenting.store import Store
from common.log import one_line


@cache
def reviewer() -> Reviewer:
    """The composition root: everything is built once per execution environment."""
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
    review = os.environ["REVIEW"]
    return Reviewer(
        review=review,
        builds=Builds(boto3.client("codebuild", config=config), os.environ["PROJECT_NAME"]),
        comments=Comments(
            boto3.client("codecommit", config=config), os.environ["REPOSITORY_NAME"], review, os.environ["AUTHOR"]
        ),
        store=Store(
            boto3.client("s3", config=config),
            os.environ["REPORTS_BUCKET"],
            os.environ["CONSOLE"],
            os.environ["AWS_REGION"],
        ),
    )


def handler(event: object, context: object) -> dict[str, str]:
    """Lambda's entry point. Every failure raises, so that Lambda retries and then keeps the event."""
    with one_line("plan-reviewer", context) as line:
        said = reviewer().handle(event, line)
        line["said"] = said
        return {"said": said}
