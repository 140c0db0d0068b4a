"""The CodeCommit repository that a pipeline reads, and the events of its branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdktf import TerraformResourceLifecycle, TerraformStack
from cdktf_cdktf_provider_aws.codecommit_repository import CodecommitRepository

from modules.account import Account
from modules.iam import Statement, allow

BranchPattern = str | Mapping[str, str]


@dataclass(frozen=True)
class Repository:
    """A repository of this account and region, by name."""

    name: str
    account: Account

    @property
    def arn(self) -> str:
        """``arn:<partition>:codecommit:<region>:<account>:<name>``"""
        return self.account.arn("codecommit", self.name)

    @property
    def clone_url(self) -> str:
        """HTTPS clone URL. https://docs.aws.amazon.com/codecommit/latest/userguide/regions.html"""
        return f"https://git-codecommit.{self.account.region}.{self.account.dns_suffix}/v1/repos/{self.name}"

    def allow_source_action(self) -> Statement:
        """What CodePipeline's CodeCommit source action does (output format CODE_ZIP).

        https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
        """
        return allow(
            "Source",
            [
                "codecommit:GetBranch",
                "codecommit:GetCommit",
                "codecommit:UploadArchive",
                "codecommit:GetUploadArchiveStatus",
                "codecommit:CancelUploadArchive",
            ],
            [self.arn],
        )

    def allow_clone(self) -> Statement:
        """Clone and fetch over HTTPS."""
        return allow("Clone", ["codecommit:GitPull"], [self.arn])

    def commit_pattern(self, branches: Sequence[BranchPattern] | None) -> dict[str, Any]:
        """EventBridge pattern of a new commit on one of ``branches`` (None: on any branch); no tags, no deletions.

        https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html#referenceUpdated
        """
        detail: dict[str, Any] = {
            "event": ["referenceCreated", "referenceUpdated"],
            "referenceType": ["branch"],
        }
        if branches is not None:
            detail["referenceName"] = [branch if isinstance(branch, str) else dict(branch) for branch in branches]
        return {
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Repository State Change"],
            "resources": [self.arn],
            "detail": detail,
        }

    def pull_request_pattern(self, destinations: Sequence[BranchPattern] | None) -> dict[str, Any]:
        """EventBridge pattern of a pull request that is made, or gets another commit, and is open. ``destinations``: full
        references (``refs/heads/main``) or beginnings of them; None for any.

        https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html#pullRequestCreated
        """
        detail: dict[str, Any] = {
            "event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"],
            "pullRequestStatus": ["Open"],
        }
        if destinations is not None:
            detail["destinationReference"] = [one if isinstance(one, str) else dict(one) for one in destinations]
        return {
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Pull Request State Change"],
            "resources": [self.arn],
            "detail": detail,
        }


def make_repository(scope: TerraformStack, id_: str, name: str) -> None:
    """Create a repository. Terraform refuses to destroy it: it holds the only copy of somebody's source.

    CodeCommit's own key encrypts it: with the project's, everyone who pushes would need permissions on that key.
    """
    CodecommitRepository(
        scope,
        id_,
        repository_name=name,
        description="Source of a delivery pipeline",
        lifecycle=TerraformResourceLifecycle(prevent_destroy=True),
    )
