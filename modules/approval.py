"""What the approver reads: one e-mail with commit, digest, counts per scanner, and a link that lasts."""

from __future__ import annotations

from collections.abc import Sequence

from modules.account import Account
from modules.actions import COMMIT, EXECUTION, IMAGE_DIGEST, ApprovalAction
from modules.notifications import Topic


def console_host(region: str) -> str:
    """The console's host for a region's partition.

    https://docs.aws.amazon.com/general/latest/gr/aws-general.html (China and GovCloud have consoles of their own)
    """
    if region.startswith("cn-"):
        return "console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return "console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def execution_link(account: Account, pipeline_name: str) -> str:
    """The execution's page on the console. Presigned links would be dead before the approval's seven days are over."""
    return (
        f"https://{console_host(account.region)}/codesuite/codepipeline/pipelines/{pipeline_name}"
        f"/executions/{EXECUTION}/visualization?region={account.region}"
    )


def approval(
    name: str, *, account: Account, pipeline: str, topic: Topic, scanners: Sequence[str], run_order: int
) -> ApprovalAction:
    """The manual approval between staging and production. ``scanners``: namespaces that export SUMMARY."""
    summaries = "; ".join(f"#{{{scanner}.SUMMARY}}" for scanner in scanners)
    return ApprovalAction(
        name=name,
        topic=topic,
        text=f"{pipeline}: release commit {COMMIT} as {IMAGE_DIGEST} to production? Scans: {summaries}",
        link=execution_link(account, account.names.pipeline(pipeline)),
        run_order=run_order,
    )
