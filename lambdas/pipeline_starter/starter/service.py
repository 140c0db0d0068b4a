"""Starts the scan pipeline for one event of CodeCommit.

CodePipeline's own event target passes no variables, so the branch would be lost: this function passes both branch and
commit, and pins the source to the commit. Whatever cannot be started raises: Lambda retries, then the event ends in the
dead-letter queue. A commit that nobody scanned is never silent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common import strict
from common.contract import A_COMMIT, COMMIT
from common.strict import MalformedError, shown

SOURCE_ACTION: Final = "Source"
EVENTS: Final = ("referenceCreated", "referenceUpdated")
TOKEN: Final = re.compile(r"[a-zA-Z0-9-]{1,128}")  # ClientRequestToken of StartPipelineExecution
# The name becomes a value in the JSON of a build action's EnvironmentVariables. No page says that CodePipeline escapes
# what it puts there, and Git allows quotes and braces in a branch's name: with those, whoever may push a branch could
# write variables of the build that judges it. Length: BranchName of CodeCommit's API.
BRANCH: Final = re.compile(r"(?!-)[\w./+=@,#-]{1,256}")


class CodePipeline(Protocol):
    """The one method of boto3's client that is used here."""

    def start_pipeline_execution(
        self,
        *,
        name: str,
        variables: list[dict[str, str]],
        sourceRevisions: list[dict[str, str]],
        clientRequestToken: str,
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html"""


@dataclass(frozen=True)
class Branches:
    """Which branches are scanned; the same patterns stand in the EventBridge rule."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Branches:
        """A JSON list of names and ``{"prefix": ...}``; ``null`` is every branch."""
        document = strict.loads(text, "BRANCH_PATTERNS")
        if document is None:
            return cls(frozenset(), ("",))
        patterns = strict.items(document, "BRANCH_PATTERNS")
        right = re.compile(r".+")
        exact = [
            strict.text(one, "BRANCH_PATTERNS", right, "a branch") for one in patterns if not isinstance(one, dict)
        ]
        prefixes = [
            strict.text(strict.fields(one, "BRANCH_PATTERNS", ("prefix",))["prefix"], "prefix", right, "a prefix")
            for one in patterns
            if isinstance(one, dict)
        ]
        if not patterns:
            raise MalformedError("BRANCH_PATTERNS: an empty list matches no branch; null is every branch")
        return cls(frozenset(exact), tuple(prefixes))

    def match(self, branch: str) -> bool:
        """Whether the branch is scanned."""
        return branch in self.exact or branch.startswith(self.prefixes)


@dataclass(frozen=True)
class Commit:
    """What an event is about."""

    event: str
    branch: str
    commit: str


@dataclass(frozen=True)
class Starter:
    """Event in, execution id out; knows neither Lambda nor the environment."""

    codepipeline: CodePipeline
    pipeline: str
    repository: str
    branches: Branches

    def start(self, event: object) -> tuple[Commit, str]:
        """Starts the pipeline for the event's commit. The same event twice is one execution: its id is the token."""
        commit = self.read(event)
        answer = self.codepipeline.start_pipeline_execution(
            name=self.pipeline,
            variables=[{"name": "BRANCH", "value": commit.branch}, {"name": "COMMIT", "value": commit.commit}],
            sourceRevisions=[
                {"actionName": SOURCE_ACTION, "revisionType": "COMMIT_ID", "revisionValue": commit.commit}
            ],
            clientRequestToken=commit.event,
        )
        return commit, str(answer["pipelineExecutionId"])

    def read(self, event: object) -> Commit:
        """What to scan; ``MalformedError`` for every event that the rule should not have sent."""
        envelope = strict.entries(event, "event")
        detail = strict.entries(envelope.get("detail"), "detail")
        strict.choice(envelope.get("source"), "source", ("aws.codecommit",))
        strict.choice(envelope.get("detail-type"), "detail-type", ("CodeCommit Repository State Change",))
        strict.choice(detail.get("event"), "detail.event", EVENTS)
        strict.choice(detail.get("referenceType"), "detail.referenceType", ("branch",))
        strict.choice(detail.get("repositoryName"), "detail.repositoryName", (self.repository,))
        branch = strict.text(
            detail.get("referenceName"),
            "detail.referenceName",
            BRANCH,
            "a branch's name of at most 256 letters, digits and . / + = @ , # - _, not beginning with -,",
        )
        if not self.branches.match(branch):
            raise MalformedError(
                f"detail.referenceName: {shown(branch)} is none of the branches that {self.pipeline} scans"
            )
        return Commit(
            event=strict.text(envelope.get("id"), "id", TOKEN, "an event's id of letters, digits and hyphens"),
            branch=branch,
            commit=strict.text(detail.get("commitId"), "detail.commitId", COMMIT, A_COMMIT),
        )
