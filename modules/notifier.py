"""The notifier: what happens in pipelines, builds, images and subscriptions, as mails that a person can read.

Event rules and a schedule call one function; it alone publishes to people's topics, but for alarms, which go straight there:
they must speak also when our code is broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cdktf import TerraformStack

from modules.account import Account
from modules.encryption import Key
from modules.event_function import EventRule, event_function
from modules.findings_importer import PUSHES
from modules.function_alarms import watch_subscriptions
from modules.iam import allow
from modules.notifications import Topic
from modules.release_record import CURRENT
from modules.storage import Bucket, allow_objects

NOTIFIER = "notifier"
# What was told, so that it is told once; the notifier alone writes there.
NOTIFIED = "notified/*"


@dataclass(frozen=True)
class Told:
    """Names in AWS of what a pipeline's people hear of. ``name``: the pipeline's. ``topic``: where its people hear.
    ``approval``: where its approvers are asked; None for a scan. ``builds``: its build projects. ``registry``: the ECR
    repository that it delivers to; None for a scan."""

    name: str
    topic: Topic
    approval: Topic | None
    builds: Sequence[str]
    registry: str | None


@dataclass(frozen=True)
class Audience:
    """Everything that is told. ``project``: the project's own topic. ``pipelines``: by their names in pipelines.yaml."""

    project: Topic
    pipelines: Mapping[str, Told] = field(default_factory=dict)

    @property
    def topics(self) -> list[Topic]:
        """Where the notifier publishes, each once."""
        found = {one.arn: one for one in (self.project, *(told.topic for told in self.pipelines.values()))}
        return list(found.values())

    @property
    def approvals(self) -> list[Topic]:
        """Where approvers are asked."""
        return [told.approval for told in self.pipelines.values() if told.approval]


class Notifier:
    """The function, its rules and its schedule. ``more``: rules of others beside its own. The function finds who handles an
    event by its ``source`` and ``detail-type``: lambdas/notifier/notify/registry.py.

    ``pushed``: whether the importer records who pushed. ``package``: with policy.json and notify.json in it.
    """

    def __init__(
        self, scope: TerraformStack, *, account: Account, key: Key, reports: Bucket, audience: Audience, pushed: bool,
        package: bytes, scratch: Path, more: Sequence[EventRule] = (),
    ) -> None:  # fmt: skip
        schedule = EventRule(
            "notifier-schedule",
            "Looks every hour who has confirmed their subscription, and which waivers end",
            schedule="rate(1 hour)",
        )
        function = event_function(
            scope,
            "notifier",
            account=account,
            key=key,
            scratch=scratch,
            alarms=audience.project,
            rules=[*_rules(audience), *more, schedule],
            purpose=NOTIFIER,
            description="Tells people of runs that failed, findings in what is released, and what nobody hears",
            package=package,
            environment={"REPORTS_BUCKET": reports.name},
            statements=[
                *allow_objects(
                    key,
                    # To replace its own record only as it knows it (If-Match) takes the permission to read it, too.
                    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
                    read=reports.objects(
                        "reports/*/verdict.json",
                        "reports/*/findings.json",
                        *([CURRENT] if _registries(audience) else []),
                        *([PUSHES] if pushed else []),
                        NOTIFIED,
                    ),
                    write=reports.objects(NOTIFIED),
                ),
                reports.allow_find(),
                allow(
                    "Executions",
                    ["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"],
                    [account.arn("codepipeline", told.name) for told in audience.pipelines.values()],
                ),
                allow("Publish", ["sns:Publish"], [topic.arn for topic in audience.topics]),
                key.allow_use("sns", write=True),
                allow(
                    "Subscriptions",
                    ["sns:ListSubscriptionsByTopic"],
                    [topic.arn for topic in (*audience.topics, *audience.approvals)],
                ),
            ],
            # Shorter than what a claim is good for (lambdas/notifier/notify/ledger.py): who holds one is dead by then.
            timeout_seconds=45,
            # The findings of one scan, which are read whole.
            memory_mb=512,
        )
        watch_subscriptions(
            scope,
            account=account,
            function_name=function.name,
            topics=[*audience.topics, *audience.approvals],
            alarms=audience.project,
        )


def _rules(audience: Audience) -> list[EventRule]:
    names = [told.name for told in audience.pipelines.values()]
    registries = _registries(audience)
    rules = [
        EventRule(
            "pipeline-ended",
            "A run of one of this project's pipelines has ended",
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
            {
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Pipeline Execution State Change"],
                # SUPERSEDED is left out: a newer commit is on its way, and nothing is lost.
                "detail": {"state": ["FAILED", "STOPPED", "CANCELED", "SUCCEEDED"], "pipeline": names},
            },
        ),
        EventRule(
            "stage-failed",
            "A stage of one of this project's pipelines has failed",
            {
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Stage Execution State Change"],
                "detail": {"state": ["FAILED"], "pipeline": names},
            },
        ),
        EventRule(
            "build-by-hand",
            "Somebody has started a build outside of this project's pipelines",
            # https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
            {
                "source": ["aws.codebuild"],
                "detail-type": ["CodeBuild Build State Change"],
                "detail": {
                    "build-status": ["SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
                    "project-name": [{"prefix": prefix} for prefix in _prefixes(audience)],
                    # A build in a pipeline belongs to the pipeline's message. Its initiator: "codepipeline/" and the name.
                    # https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
                    "additional-information": {
                        "initiator": [{"anything-but": [f"codepipeline/{name}" for name in names]}]
                    },
                },
            },
        ),
    ]
    if registries:
        rules += [
            EventRule(
                "released-image-scanned",
                "A basic ECR image scan of a delivered image has ended",
                # https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
                {
                    "source": ["aws.ecr"],
                    "detail-type": ["ECR Image Scan"],
                    "detail": {"scan-status": ["COMPLETE"], "repository-name": registries},
                },
            ),
            EventRule(
                "released-image-finding",
                "Inspector has found something in a delivered image",
                # https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
                {
                    "source": ["aws.inspector2"],
                    "detail-type": ["Inspector2 Finding"],
                    "detail": {
                        "status": ["ACTIVE"],
                        "resources": {"details": {"awsEcrContainerImage": {"repositoryName": registries}}},
                    },
                },
            ),
        ]
    return rules


def _registries(audience: Audience) -> list[str]:
    return [told.registry for told in audience.pipelines.values() if told.registry]


def _prefixes(audience: Audience) -> list[str]:
    """What each pipeline's build projects have in common: all of their names could be more than a pattern may hold (2,048
    characters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html). The function knows them exactly."""
    return sorted({_common(told.builds) for told in audience.pipelines.values()})


def _common(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    equal = [one == other for one, other in zip(first, last, strict=False)]
    return first[: equal.index(False)] if False in equal else first
