"""The function that reads what a plan build left and writes one comment on the pull request.

EventBridge calls it when a build of that project ends, so the build itself may call nothing.
"""

from __future__ import annotations

from pathlib import Path

from cdktf import TerraformStack

from modules.account import Account
from modules.approval import console_host
from modules.build_project import BuildProject
from modules.encryption import Key
from modules.event_function import EventRule, listen
from modules.events import DeadLetters
from modules.function import Function
from modules.iam import allow
from modules.review_build import PLANS
from modules.source import Repository
from modules.storage import Bucket, allow_objects

# Where in the reports bucket the whole reviews stand; only the function's role may write there. A comment links them.
REVIEWS = "reviews"
REVIEW_DAYS = 365
ENDED = ("SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT")


def reviewer(review: str) -> str:
    """Purpose of the function and of its role: the author of the comments, and the only writer of the reviews."""
    return f"{review}-review"


def rule_purpose(review: str) -> str:
    """Of the rule that calls the function."""
    return f"{review}-plans"


def comment_on_pull_requests(
    scope: TerraformStack, *, account: Account, key: Key, reports: Bucket, repository: Repository, review: str,
    project: BuildProject, dead_letters: DeadLetters, package: bytes, scratch: Path,
) -> None:  # fmt: skip
    """Build's end -> function -> comment."""
    function = Function(
        scope,
        "reviewer",
        account=account,
        key=key,
        scratch=scratch,
        purpose=reviewer(review),
        description=f"Comments on pull requests of {repository.name}: what their plan would change",
        package=package,
        environment={
            "REVIEW": review,
            "PROJECT_NAME": project.name,
            "REPOSITORY_NAME": repository.name,
            "REPORTS_BUCKET": reports.name,
            # Only its author may change a comment; the function's sessions all belong to this role.
            "AUTHOR": f"arn:{account.partition}:sts::{account.id}:assumed-role/{account.names.role(reviewer(review))}/",
            "CONSOLE": f"https://{console_host(account.region)}",
        },
        statements=[
            allow("ReadBuild", ["codebuild:BatchGetBuilds"], [project.arn]),
            # https://docs.aws.amazon.com/codecommit/latest/userguide/auth-and-access-control-permissions-reference.html
            allow(
                "Comment",
                [
                    "codecommit:GetPullRequest",
                    "codecommit:GetCommentsForPullRequest",
                    "codecommit:PostCommentForPullRequest",
                    "codecommit:UpdateComment",
                ],
                [repository.arn],
            ),
            *allow_objects(
                key,
                read=reports.objects(f"{PLANS}/{review}/*.json"),
                write=reports.objects(f"{REVIEWS}/{review}/*/index.html"),
            ),
            reports.allow_find(),
        ],
        # Sixty-four megabytes of plans as Python objects; memory buys processor time, too.
        timeout_seconds=300,
        memory_mb=2048,
        dead_letters=dead_letters,
    )
    rule = EventRule(
        rule_purpose(review),
        f"A build of {project.name} has ended, well or not",
        # https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
        {
            "source": ["aws.codebuild"],
            "detail-type": ["CodeBuild Build State Change"],
            "detail": {"build-status": list(ENDED), "project-name": [project.name]},
        },
        address="plan_ended",
    )
    listen(scope, function, [rule], account=account, dead_letters=dead_letters)
