"""Key, buckets, topics and created repositories: what lives for years and is destroyed last."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.s3_object import S3Object
from constructs import Construct

from modules.encryption import Key
from modules.findings_importer import IMPORTER, JUDGED, PUSHES
from modules.function import asset
from modules.iam import Statement, grant, when
from modules.names import identifier
from modules.notifications import Topic, make_topic
from modules.notifier import NOTIFIED, NOTIFIER
from modules.release_record import RECORDER, RELEASES
from modules.review_build import PLAN_DAYS, PLANS
from modules.review_comment import REVIEW_DAYS, REVIEWS, reviewer
from modules.source import make_repository
from modules.storage import Bucket, Expiry, make_access_log_bucket, make_bucket
from stacks.base import BaseStack, Sources
from stacks.settings import DeliveryPipeline, Settings

_IMAGE_DAYS = 30
_ARTIFACT_DAYS = 90


class Foundation(BaseStack):
    """The first stack to deploy."""

    def __init__(self, scope: Construct, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, "foundation", settings)
        account, names = self.account, self.names
        key = Key.create(self, account)

        access_logs = Bucket.named(account, "access-logs", key)
        logs_policy = make_access_log_bucket(self, "access_logs", access_logs, account)

        artifacts = Bucket.named(account, "artifacts", key)
        # scripts/ and releases/ stay: the first is what builds run, the second is how a failed rollout is put back.
        expiring = [Expiry("images/", _IMAGE_DAYS)]
        expiring += [Expiry(f"{names.artifact_prefix(name)}/", _ARTIFACT_DAYS) for name in settings.pipelines]
        ready = make_bucket(
            self,
            "artifacts",
            artifacts,
            access_logs=access_logs,
            access_logs_policy=logs_policy,
            expiries=expiring,
            noncurrent_days=30,
        )

        reports = Bucket.named(account, "reports", key)
        reviewers = [reviewer(name) for name in settings.reviews]
        make_bucket(
            self,
            "reports",
            reports,
            access_logs=access_logs,
            access_logs_policy=logs_policy,
            expiries=[Expiry(f"{PLANS}/", PLAN_DAYS), Expiry(f"{REVIEWS}/", REVIEW_DAYS)] if settings.reviews else [],
            statements=[
                self._only("OnlyTheImporterJudges", reports.objects(*JUDGED, PUSHES), IMPORTER),
                self._only("OnlyTheNotifierTells", reports.objects(NOTIFIED), NOTIFIER),
                self._only("OnlyTheRecorderRecords", reports.objects(RELEASES), RECORDER),
                *(
                    [self._only("OnlyReviewersReview", reports.objects(f"{REVIEWS}/*"), *reviewers)]
                    if reviewers
                    else []
                ),
            ],
        )

        S3Object(
            self,
            "scripts",
            bucket="${aws_s3_bucket.artifacts.id}",
            key=f"scripts/{sources.scripts_sha256}.zip",
            source=asset(self, "scripts_asset", sources.scripts, "scripts.zip", sources.scratch),
            source_hash=sources.scripts_sha256,
            content_type="application/zip",
            depends_on=ready,
        )

        make_topic(
            self,
            "notifications",
            Topic.named(account, "notifications", key),
            account=account,
            emails=settings.notify.emails,
            services=["cloudwatch.amazonaws.com"],
        )
        for name, pipeline in settings.pipelines.items():
            if pipeline.notify.emails:
                make_topic(
                    self,
                    f"notifications_{name}",
                    Topic.of_pipeline(account, name, key, own=True),
                    account=account,
                    emails=pipeline.notify.emails,
                    services=[],
                )
            if isinstance(pipeline, DeliveryPipeline):
                make_topic(
                    self,
                    f"approval_{name}",
                    Topic.named(account, f"{name}-approval", key),
                    account=account,
                    emails=pipeline.approval.emails,
                    services=[],
                )
        every = (*settings.pipelines.values(), *settings.reviews.values())
        for repository in sorted({one.repository.name for one in every if one.repository.create}):
            make_repository(self, f"repository_{identifier(repository)}", repository)

    def _only(self, sid: str, objects: list[str], *functions: str) -> Statement:
        """Nobody but these functions' roles writes or deletes ``objects``, whatever else allows it."""
        writers = [self.account.role_arn(self.names.role(function)) for function in functions]
        actions = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
        return grant(
            sid, "AWS", ["*"], actions, objects, when("ArnNotEquals", "aws:PrincipalArn", *writers), effect="Deny"
        )
