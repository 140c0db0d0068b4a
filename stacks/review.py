"""Review of this project's own pull requests: commit -> plan -> comment."""

from __future__ import annotations

from constructs import Construct

from modules.encryption import Key
from modules.events import DeadLetters
from modules.notifications import Topic
from modules.review_build import ReviewBuild, State
from modules.review_comment import comment_on_pull_requests, rule_purpose
from modules.source import Repository
from modules.storage import Bucket
from stacks.base import BaseStack, Sources
from stacks.settings import S3Backend, Settings

# CodeBuild takes no empty variable; no target of a Makefile is called so (setting_values.MakeTarget).
NO_CHECKS = "-"


class ReviewStack(BaseStack):
    """No CodePipeline: an event starts one build, the build's end calls one function."""

    def __init__(self, scope: Construct, name: str, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, name, settings)
        review, backend, account = settings.reviews[name], settings.backend, self.account
        assert isinstance(backend, S3Backend)  # noqa: S101 - for the type checker; setting_checks.py refuses others
        key = Key.lookup(self, account)
        repository, reports = Repository(review.repository.name, account), Bucket.named(account, "reports", key)
        build = ReviewBuild(
            account=account,
            key=key,
            review=name,
            repository=repository,
            artifacts=Bucket.named(account, "artifacts", key),
            reports=reports,
            scripts_sha256=sources.scripts_sha256,
            state=State(backend.bucket, backend.region, backend.prefix, backend.kms_key),
            buildspec=sources.buildspecs["plan-review.yml"],
            image=sources.images["standard"],
            environment={"SETTINGS": review.settings, "CHECKS": " ".join(review.checks) or NO_CHECKS},
            compute_type=review.compute,
            timeout_minutes=review.timeout,
        )
        dead_letters = DeadLetters(
            self,
            "event_dead_letters",
            account=account,
            key=key,
            purpose=f"{name}-dead-letters",
            rules=[self.names.rule(build.rule_purpose()), self.names.rule(rule_purpose(name))],
            alarm_topic_arn=Topic.named(account, "notifications", key).arn,
        )
        project = build.make(self, destinations=review.destinations(), dead_letters=dead_letters)
        comment_on_pull_requests(
            self,
            account=account,
            key=key,
            reports=reports,
            repository=repository,
            review=name,
            project=project,
            dead_letters=dead_letters,
            package=sources.packages["plan_review"],
            scratch=sources.scratch,
        )
