"""What the approver reads: one e-mail with commit, digest, counts per scanner, and a link that lasts."""

from __future__ import annotations

from collections.abc import Sequence

from modules.actions import COMMIT, IMAGE_DIGEST, ApprovalAction
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


def approval(
    name: str, *, pipeline: str, topic: Topic, link: str, scanners: Sequence[str], run_order: int
) -> ApprovalAction:
    """The manual approval between staging and production. ``link``: to the release's record; the mail has CodePipeline's own
    beside it, to the execution. ``scanners``: namespaces that export SUMMARY."""
    summaries = "; ".join(f"#{{{scanner}.SUMMARY}}" for scanner in scanners)
    return ApprovalAction(
        name=name,
        topic=topic,
        text=f"{pipeline}: release commit {COMMIT} as {IMAGE_DIGEST} to production? Scans: {summaries}",
        link=link,
        run_order=run_order,
    )
