"""Pages of the AWS console. Presigned links would be dead when they are needed, and would let in whoever has the mail."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from common import console
from notify.audience import Place


@dataclass(frozen=True)
class Console:
    """The console of one account and region; what other functions link to is in lambdas/common/console.py."""

    place: Place

    def execution(self, pipeline: str, execution: str) -> str:
        """One run of a pipeline (its name in AWS)."""
        return console.execution(self.place.region, pipeline, execution)

    def commit(self, repository: str, commit: str) -> str:
        """One commit in CodeCommit, with what it changes."""
        return console.commit(self.place.region, repository, commit)

    def build(self, project: str, build: str) -> str:
        """One build; ``build``: ``<project>:<id>``."""
        path = f"codesuite/codebuild/{self.place.account}/projects/{quote(project)}/build/{quote(build, safe='')}"
        return self._page(path)

    def image(self, registry: str, digest: str) -> str:
        """One image in ECR, with its scan."""
        return self._page(
            f"ecr/repositories/private/{self.place.account}/{registry}/_/image/{quote(digest, safe='')}/details"
        )

    def object(self, bucket: str, key: str) -> str:
        """One object in S3, to look at or download."""
        return console.s3_object(self.place.region, bucket, key)

    def config_rule(self, name: str) -> str:
        """One rule of AWS Config, with what it found."""
        return f"{self._page('config/home')}#/rules/details?configRuleName={quote(name)}"

    def topic(self, arn: str) -> str:
        """One topic with its subscriptions."""
        return f"{self._page('sns/v3/home')}#/topic/{arn}"

    def _page(self, path: str) -> str:
        return f"https://{console.host(self.place.region)}/{path}?region={self.place.region}"
