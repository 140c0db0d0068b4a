"""The findings importer and the release guard: the two functions that judge, outside every build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cdktf import TerraformStack

from modules.account import Account
from modules.encryption import Key
from modules.event_function import EventRule, event_function
from modules.function import Function
from modules.iam import Statement, allow
from modules.notifications import Topic
from modules.source import Repository
from modules.storage import Bucket, allow_objects

# Object keys that the importer alone may write: what the guard believes, and what a finding's life rests on.
PUSHES = "pushes/*"
RESCANS = "rescans/*"
JUDGED = (
    "reports/*/verdict.json",
    "reports/*/findings.json",
    "reports/*/index.html",
    RESCANS,
    "inventory/*",
)

IMPORTER = "findings-importer"
GUARD = "release-guard"
SEALER = "image-sealer"

# They take no resource: the job's id is the permission.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html
ANSWER_JOB = allow("AnswerJob", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], ["*"])


def gate_alias(pipeline: str, scanner: str) -> str:
    """Alias of the importer by which one scanner of one pipeline calls it, and no other build may (lambdas/
    findings_importer compares). Neither name holds an underscore."""
    return f"{pipeline}_{scanner}"


class FindingsImporter:
    """Takes a build's call or an image scan's event, judges the report, and is the only writer of verdicts.

    Its policy (thresholds, waivers) is in ``package``: a change of policy is a change of code, seen in a plan.
    ``scanners``: by pipeline, the ids of those that call it. ``registries``: ECR repositories whose later scans it hears of.
    ``repositories``: those whose branches it watches being deleted; ``pushed``: those whose pushes it records, so that the
    guard knows who may not approve. ``security_hub``: whether findings go there, beside S3.
    """

    def __init__(
        self,
        scope: TerraformStack,
        *,
        account: Account,
        key: Key,
        reports: Bucket,
        alarms: Topic,
        scanners: Mapping[str, Sequence[str]],
        registries: Sequence[str],
        repositories: Sequence[Repository],
        pushed: Sequence[Repository],
        security_hub: bool,
        package: bytes,
        scratch: Path,
    ) -> None:
        rules = [
            *(_image_events(registries) if registries else ()),
            _branch_event(
                "branch-deleted", "A branch is gone: its findings are archived", repositories, "referenceDeleted"
            ),
            *(
                [
                    _branch_event(
                        "branch-pushed",
                        "A push to a delivered repository: who pushed may not approve",
                        pushed,
                        "referenceCreated",
                        "referenceUpdated",
                    )
                ]
                if pushed
                else ()
            ),
        ]
        function = event_function(
            scope,
            "importer",
            account=account,
            key=key,
            scratch=scratch,
            alarms=alarms,
            rules=rules,
            purpose=IMPORTER,
            description="Judges scanner reports and records the verdicts",
            package=package,
            environment={"REPORTS_BUCKET": reports.name},
            statements=[
                *allow_objects(
                    key,
                    # A verdict is never read, but replaced only if it is still the one of this call: for a PutObject with
                    # If-Match S3 wants the permission to read the object, too.
                    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
                    read=reports.objects(
                        "reports/*/raw.json", "reports/*/raw.txt", "inventory/*", "reports/*/verdict.json"
                    ),
                    write=reports.objects(
                        *(pattern for pattern in JUDGED if registries or pattern != RESCANS),
                        *([PUSHES] if pushed else []),
                    ),
                ),
                reports.allow_find(),
                allow(
                    "Executions",
                    ["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"],
                    [account.arn("codepipeline", account.names.pipeline(name)) for name in scanners],
                ),
                *(_allow_security_hub(account) if security_hub else ()),
                *(
                    [
                        allow(
                            "ImageScans",
                            ["ecr:DescribeImageScanFindings"],
                            [account.arn("ecr", f"repository/{name}") for name in registries],
                        )
                    ]
                    if registries
                    else ()
                ),
            ],
            # The caller waits: CodeBuild's gate call has no shorter limit of its own.
            timeout_seconds=900,
            # A report of 64 MiB, the largest that is read, and its inventory.
            memory_mb=2048,
        )
        for pipeline, ids in scanners.items():
            for scanner in ids:
                function.add_alias(gate_alias(pipeline, scanner))


def _image_events(registries: Sequence[str]) -> list[EventRule]:
    return [
        EventRule(
            "ecr-image-scan",
            "A basic ECR image scan of a delivered image has ended",
            # https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
            {
                "source": ["aws.ecr"],
                "detail-type": ["ECR Image Scan"],
                "detail": {"repository-name": list(registries)},
            },
            address="ecr_scan_event",
        ),
        EventRule(
            "inspector-finding",
            "Inspector has found something in a delivered image",
            # https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
            {
                "source": ["aws.inspector2"],
                "detail-type": ["Inspector2 Finding"],
                "detail": {
                    "resources": {"details": {"awsEcrContainerImage": {"repositoryName": list(registries)}}},
                },
            },
            address="inspector_event",
        ),
    ]


def _branch_event(purpose: str, description: str, repositories: Sequence[Repository], *events: str) -> EventRule:
    """https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html"""
    pattern = {
        "source": ["aws.codecommit"],
        "detail-type": ["CodeCommit Repository State Change"],
        "resources": sorted({repository.arn for repository in repositories}),
        "detail": {"event": list(events), "referenceType": ["branch"]},
    }
    return EventRule(purpose, description, pattern)


def _allow_security_hub(account: Account) -> list[Statement]:
    """Import findings as the account's own product; read and set the workflow of findings.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecurityhub.html
    """
    return [
        allow(
            "ImportFindings",
            ["securityhub:BatchImportFindings"],
            [account.arn("securityhub", f"product/{account.id}/default")],
        ),
        allow(
            "Workflow",
            ["securityhub:BatchUpdateFindings", "securityhub:GetFindings"],
            [account.arn("securityhub", "hub/default")],
        ),
    ]


class ReleaseGuard:
    """CodePipeline calls it before Publish and Production; it reads what is recorded and answers the job. ``pipelines``: the
    delivery pipelines whose executions it looks into. ``pushed``: whether the importer records pushes for it. ``asks_config``:
    whether a rule of AWS Config may hold a release."""

    def __init__(
        self,
        scope: TerraformStack,
        *,
        account: Account,
        key: Key,
        reports: Bucket,
        pipelines: Sequence[str],
        pushed: bool,
        asks_config: bool,
        package: bytes,
        scratch: Path,
    ) -> None:
        Function(
            scope,
            "guard",
            account=account,
            key=key,
            scratch=scratch,
            purpose=GUARD,
            description="Lets a release through only if every required verdict is recorded as pass",
            package=package,
            environment={"REPORTS_BUCKET": reports.name},
            statements=[
                *allow_objects(key, read=reports.objects("reports/*/verdict.json", *([PUSHES] if pushed else []))),
                reports.allow_find(),
                allow(
                    "Executions",
                    ["codepipeline:ListActionExecutions"],
                    [account.arn("codepipeline", account.names.pipeline(name)) for name in pipelines],
                ),
                # It takes no resource; the rules are named in the call.
                # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsconfig.html
                *([allow("Compliance", ["config:DescribeComplianceByConfigRule"], ["*"])] if asks_config else ()),
                ANSWER_JOB,
            ],
            timeout_seconds=120,
        )


class ImageSealer:
    """CodePipeline calls it after Build; it lets two plain hex values through and nothing else."""

    def __init__(self, scope: TerraformStack, *, account: Account, key: Key, package: bytes, scratch: Path) -> None:
        Function(
            scope,
            "sealer",
            account=account,
            key=key,
            scratch=scratch,
            purpose=SEALER,
            description="Checks what a build says of its image before the rest of the pipeline uses it",
            package=package,
            environment={},
            statements=[ANSWER_JOB],
            timeout_seconds=60,
        )
