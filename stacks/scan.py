"""Two-stage scan pipeline of one repository: commit -> Snyk."""

from __future__ import annotations

from constructs import Construct

from modules.encryption import Key
from modules.notifications import Topic
from modules.pipeline import Pipeline
from modules.pipeline_starter import start_by_function
from modules.snyk import SnykParameters
from modules.stages import Scan, Source
from stacks.base import BaseStack, Sources
from stacks.settings import ScanPipeline, Settings

# What the run that CodePipeline starts at creation carries: its builds say that no commit started them, and fail.
NO_COMMIT = "none"


def own_buildspec(pipeline: str) -> str:
    """Key under which ``Sources.buildspecs`` holds the user's own resolve buildspec of a pipeline."""
    return f"own:{pipeline}"


class ScanStack(BaseStack):
    """QUEUED: one run after the other, in order, none overtaken; the starter passes commit and branch of each event."""

    def __init__(self, scope: Construct, name: str, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, name, settings)
        pipeline = settings.pipelines[name]
        assert isinstance(pipeline, ScanPipeline)  # noqa: S101 - for the type checker; app.py chose by type
        account = self.account
        key = Key.lookup(self, account)
        context = self.context(name, pipeline, key, sources, branch="#{variables.BRANCH}", commit="#{variables.COMMIT}")
        snyk = pipeline.snyk
        Pipeline(
            self,
            context,
            [
                Source(pipeline.default_branch).render(context),
                Scan(
                    SnykParameters(snyk.token_parameter, snyk.organization_parameter, snyk.kms_key),
                    own_buildspec=own_buildspec(name) if pipeline.buildspec else None,
                ).render(context),
            ],
            execution_mode="QUEUED",
            variables={"BRANCH": NO_COMMIT, "COMMIT": NO_COMMIT},
        )
        start_by_function(
            self,
            account=account,
            key=key,
            alarms=Topic.named(account, "notifications", key),
            repository=context.repository,
            branches=pipeline.branch_patterns(),
            pipeline=name,
            package=sources.packages["pipeline_starter"],
            scratch=sources.scratch,
        )
