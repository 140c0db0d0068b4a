"""What CodeBuild itself says of a build. Nothing that the build could say of itself is read here.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from common import strict
from common.contract import A_COMMIT, COMMIT
from common.strict import MalformedError, clean

ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PULL_REQUEST: Final = re.compile(r"[1-9][0-9]{0,9}")
STATUSES: Final = ("SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT")
# Of the variables that the build was started with; the event rule sets them (modules/review_build.py).
PULL_REQUEST_VARIABLE: Final = "PULL_REQUEST"


class CodeBuild(Protocol):
    """The one method of boto3's client that is used here."""

    def batch_get_builds(self, *, ids: list[str]) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetBuilds.html"""


@dataclass(frozen=True)
class Build:
    """A build that has ended. ``started``: UTC; ``commit``: what it was started for; ``failure``: which phase failed and how,
    "" if none; ``log``: where its log is read, "" if there is none."""

    id: str
    status: str
    pull_request: str
    commit: str
    started: datetime
    failure: str
    log: str

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status == "SUCCEEDED"


@dataclass(frozen=True)
class Builds:
    """Builds of one project."""

    client: CodeBuild
    project: str

    def of_event(self, event: object) -> Build:
        """The build that ``CodeBuild Build State Change`` is about, as CodeBuild describes it now.

        Raises MalformedError for every event that the rule should not have sent, and while CodeBuild says that the build
        still runs: Lambda asks again.
        https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
        """
        envelope = strict.entries(event, "event")
        detail = strict.entries(envelope.get("detail"), "detail")
        strict.choice(envelope.get("source"), "source", ("aws.codebuild",))
        strict.choice(envelope.get("detail-type"), "detail-type", ("CodeBuild Build State Change",))
        strict.choice(detail.get("project-name"), "detail.project-name", (self.project,))
        arn = detail.get("build-id")
        project, _, build = arn.rpartition("/")[2].partition(":") if isinstance(arn, str) else ("", "", "")
        strict.choice(project, "detail.build-id", (self.project,))
        return self.get(strict.text(build, "detail.build-id", ID, "a build's id"))

    def get(self, build: str) -> Build:
        """One build by its id (without the project's name)."""
        found = self.client.batch_get_builds(ids=[f"{self.project}:{build}"]).get("builds") or []
        if len(found) != 1:
            raise MalformedError(f"CodeBuild knows no build {build} of {self.project}")
        [one] = found
        strict.choice(one.get("projectName"), "projectName", (self.project,))
        started = one.get("startTime")
        if not isinstance(started, datetime):
            raise MalformedError("startTime: a time is right")
        return Build(
            id=build,
            status=strict.choice(one.get("buildStatus"), "buildStatus", STATUSES),
            pull_request=strict.text(
                _variables(one).get(PULL_REQUEST_VARIABLE),
                PULL_REQUEST_VARIABLE,
                PULL_REQUEST,
                "a pull request's number",
            ),
            commit=strict.text(one.get("sourceVersion"), "sourceVersion", COMMIT, A_COMMIT),
            started=started.astimezone(UTC),
            failure=_failure(one),
            log=_log(one),
        )


def _variables(build: Mapping[str, Any]) -> dict[object, object]:
    listed = (build.get("environment") or {}).get("environmentVariables") or []
    return {one.get("name"): one.get("value") for one in listed}


def _failure(build: Mapping[str, Any]) -> str:
    """The first phase that failed, in CodeBuild's words; a later one (FINALIZING) fails for the same reason, if at all."""
    for phase in build.get("phases") or []:
        if phase.get("phaseStatus") in ("FAILED", "FAULT", "STOPPED", "TIMED_OUT"):
            said = " ".join(str(context.get("message") or "") for context in phase.get("contexts") or []).strip()
            return clean(f"{phase.get('phaseType')}: {phase['phaseStatus']}{f', {said}' if said else ''}", 300)
    return ""


def _log(build: Mapping[str, Any]) -> str:
    link = (build.get("logs") or {}).get("deepLink")
    # It becomes a link in Markdown: no bracket or blank may end it.
    return link if isinstance(link, str) and re.fullmatch(r"https://[!-~]{1,1000}", link) and "(" not in link else ""
