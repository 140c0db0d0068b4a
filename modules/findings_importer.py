"""The findings importer and the release guard: the two functions that judge, outside every build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cdktf import TerraformStack

from modules.account import Account
from modules.encryption import Key
from modules.events import DeadLetters, Rule
from modules.function import Function
from modules.iam import allow
from modules.notifications import Topic
from modules.storage import Bucket, allow_objects

IMPORTER = "findings-importer"
GUARD = "release-guard"
SEALER = "image-sealer"


def gate_alias(pipeline: str, scanner: str) -> str:
    """Alias of the importer by which one scanner of one pipeline calls it, and no other build may (lambdas/
    findings_importer compares). Neither name holds an underscore."""
    return f"{pipeline}_{scanner}"


class FindingsImporter:
    """Takes a build's call or an image scan's event, judges the report, and is the only writer of verdicts.

    Its policy (thresholds, waivers) is in ``package``: a change of policy is a change of code, seen in a plan.
    ``scanners``: by pipeline, the ids of those that call it.
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
        package: bytes,
        scratch: Path,
    ) -> None:
        ecr_rule, inspector_rule = "ecr-image-scan", "inspector-finding"
        dead_letters = DeadLetters(
            scope,
            "importer_dead_letters",
            account=account,
            key=key,
            purpose=f"{IMPORTER}-dead-letters",
            rules=[account.names.rule(ecr_rule), account.names.rule(inspector_rule)],
            alarm_topic_arn=alarms.arn,
        )
        function = Function(
            scope,
            "importer",
            account=account,
            key=key,
            scratch=scratch,
            purpose=IMPORTER,
            description="Judges scanner reports and records the verdicts",
            package=package,
            environment={"REPORTS_BUCKET": reports.name},
            statements=[
                *allow_objects(
                    key,
                    read=reports.objects("reports/*/raw.json", "reports/*/raw.txt"),
                    write=reports.objects("reports/*/verdict.json"),
                ),
                reports.allow_find(),
                allow(
                    "Executions",
                    ["codepipeline:GetPipelineExecution"],
                    [account.arn("codepipeline", account.names.pipeline(name)) for name in scanners],
                ),
            ],
            # The caller waits: CodeBuild's gate call has no shorter limit of its own.
            timeout_seconds=900,
            memory_mb=1024,
            dead_letters=dead_letters,
        )
        for pipeline, ids in scanners.items():
            for scanner in ids:
                function.add_alias(gate_alias(pipeline, scanner))
        if not registries:
            return
        repositories = list(registries)
        self._rule(
            scope,
            "ecr_scan_event",
            account=account,
            purpose=ecr_rule,
            description="A basic ECR image scan of a delivered image has ended",
            # https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
            pattern={
                "source": ["aws.ecr"],
                "detail-type": ["ECR Image Scan"],
                "detail": {"repository-name": repositories},
            },
            function=function,
            dead_letters=dead_letters,
        )
        self._rule(
            scope,
            "inspector_event",
            account=account,
            purpose=inspector_rule,
            description="Inspector has found something in a delivered image",
            # https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
            pattern={
                "source": ["aws.inspector2"],
                "detail-type": ["Inspector2 Finding"],
                "detail": {
                    "resources": {"details": {"awsEcrContainerImage": {"repositoryName": repositories}}},
                },
            },
            function=function,
            dead_letters=dead_letters,
        )

    @staticmethod
    def _rule(
        scope: TerraformStack, id_: str, *, account: Account, purpose: str, description: str, pattern: dict[str, object],
        function: Function, dead_letters: DeadLetters,
    ) -> None:  # fmt: skip
        Rule(
            scope,
            id_,
            account=account,
            purpose=purpose,
            description=description,
            pattern=pattern,
            target_arn=function.arn,
            dead_letters=dead_letters,
        )
        function.allow_rule(id_, f"${{aws_cloudwatch_event_rule.{id_}.arn}}")


class ReleaseGuard:
    """CodePipeline calls it before Publish and Production; it reads the recorded verdicts and answers the job."""

    def __init__(
        self,
        scope: TerraformStack,
        *,
        account: Account,
        key: Key,
        reports: Bucket,
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
                *allow_objects(key, read=reports.objects("reports/*/verdict.json")),
                reports.allow_find(),
                # It takes no resource: the job's id is the permission. PutJobSuccessResult comes with the version that judges:
                # until then IAM, too, rules out that a release passes.
                # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html
                allow("RefuseJob", ["codepipeline:PutJobFailureResult"], ["*"]),
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
            statements=[
                allow("AnswerJob", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], ["*"]),
            ],
            timeout_seconds=60,
        )
