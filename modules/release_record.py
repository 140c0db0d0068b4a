"""The release recorder: the function that writes down, for an auditor, what became of each release; and where it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cdktf import TerraformStack

from modules.account import Account
from modules.actions import EXECUTION
from modules.approval import console_host
from modules.encryption import Key
from modules.event_function import EventRule, event_function
from modules.findings_importer import ANSWER_JOB, PUSHES
from modules.iam import allow
from modules.notifications import Topic
from modules.storage import Bucket, allow_objects

RECORDER = "release-recorder"
RELEASES = "releases/*"  # objects that the recorder alone may write
# Of each delivery pipeline, what is released and what asks to be: lambdas/common/releases.py.
CURRENT = "releases/*/current.json"
# Of an execution, all its ends: https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
_ENDS = ("SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED")


def record_link(account: Account, reports: Bucket, pipeline: str) -> str:
    """The record's page on S3's console, for a value of a pipeline's action. Presigned links would be dead before the
    approval's seven days are over. lambdas/common/console.py composes the same."""
    return (
        f"https://{console_host(account.region)}/s3/object/{reports.name}?region={account.region}"
        f"&prefix=releases/{pipeline}/{EXECUTION}/index.html"
    )


class ReleaseRecorder:
    """CodePipeline calls it before the approval, EventBridge when an execution has ended. ``pipelines``: the delivery pipelines.
    ``pushed``: whether the importer records pushes. ``sbom``: whether one of them leaves an SBOM. Its ``package`` holds the policy: which scans a release needs."""

    def __init__(
        self,
        scope: TerraformStack,
        *,
        account: Account,
        key: Key,
        reports: Bucket,
        alarms: Topic,
        pipelines: Sequence[str],
        pushed: bool,
        sbom: bool,
        package: bytes,
        scratch: Path,
    ) -> None:
        evidence = ["reports/*/verdict.json", "reports/*/findings.json", *([PUSHES] if pushed else [])]
        if sbom:
            evidence.append("reports/*/grype-image/sbom.cdx.json")
        names = [account.names.pipeline(name) for name in pipelines]
        ended = EventRule(
            "release-ended",
            "An execution of a delivery pipeline has ended: its release's record is finished",
            {
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Pipeline Execution State Change"],
                "detail": {"state": list(_ENDS), "pipeline": names},
            },
        )
        event_function(
            scope,
            "recorder",
            account=account,
            key=key,
            scratch=scratch,
            alarms=alarms,
            rules=[ended],
            purpose=RECORDER,
            description="Writes down what each release was made of, who approved it, and how it ended",
            package=package,
            environment={"REPORTS_BUCKET": reports.name},
            statements=[
                *allow_objects(
                    key,
                    # Its own records, too: one is replaced only as it is known (a PutObject with If-Match).
                    read=reports.objects(*evidence, RELEASES),
                    write=reports.objects(RELEASES),
                ),
                reports.allow_find(),
                allow(
                    "Executions",
                    ["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"],
                    [account.arn("codepipeline", name) for name in names],
                ),
                ANSWER_JOB,
            ],
            timeout_seconds=180,
            memory_mb=512,
        )
