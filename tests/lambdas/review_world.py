"""CodeCommit's pull requests with comments, CodeBuild's builds and a bucket, in memory, at the level of boto3's clients.

CodeCommit's rules are those of its API reference: only its author changes a comment, nobody a deleted one; 10,240
characters; a token that was used with other parameters is refused, with the same ones answers the first comment again; a
comment on a pull request is about two different commits. Requests are held to botocore's model by ``Strict``.
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_PostCommentForPullRequest.html
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_UpdateComment.html
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_GetCommentsForPullRequest.html
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

BUILD = "8745a7a9-c340-456a-9166-edf953571bee"
FIRST, SECOND = "1" * 40, "2" * 40
MAIN = "d" * 40
STARTED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ROLE = "arn:aws:sts::123456789012:assumed-role/acme-infrastructure-review/"
ME = f"{ROLE}acme-infrastructure-review"
LIMIT = 10_240


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as AWS says"}}, operation)


class Strict:
    """A client whose requests are those that botocore would send: names and types of ``service``'s model."""

    def __init__(self, service: str, answers: object) -> None:
        model = botocore.session.get_session().get_service_model(service)
        self._operations = {xform_name(name): model.operation_model(name) for name in model.operation_names}
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            operation = self._operations[name]
            if name != "get_object" and name != "put_object":
                errors = ParamValidator().validate(request, operation.input_shape)
                assert not errors.has_errors(), errors.generate_report()
            self.asked.append((name, request))
            answer = getattr(self._answers, name)(**request)
            assert set(answer) <= set(operation.output_shape.members)
            return answer

        return call


@dataclass
class Pulls:
    """One repository's pull requests. ``page``: comments in one answer; ``caller``: who asks; ``before``: what happens just
    before the next comment is posted, as if somebody else had been faster."""

    repository: str = "infrastructure"
    caller: str = ME
    page: int = 100
    status: str = "OPEN"
    source: str = FIRST
    destination: str = MAIN
    merge_base: str | None = MAIN
    comments: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    before: list[Callable[[], None]] = field(default_factory=list)

    def get_pull_request(self, *, pullRequestId: str) -> Mapping[str, Any]:
        if pullRequestId != "17":
            raise refused("PullRequestDoesNotExistException", "GetPullRequest")
        target = {
            "repositoryName": self.repository,
            "sourceReference": "refs/heads/feature",
            "destinationReference": "refs/heads/main",
            "sourceCommit": self.source,
            "destinationCommit": self.destination,
        } | ({"mergeBase": self.merge_base} if self.merge_base else {})
        return {
            "pullRequest": {"pullRequestId": "17", "pullRequestStatus": self.status, "pullRequestTargets": [target]}
        }

    def get_comments_for_pull_request(self, *, pullRequestId: str, nextToken: str = "0") -> Mapping[str, Any]:
        first = int(nextToken)
        more = len(self.comments) > first + self.page
        data = [
            {"pullRequestId": pullRequestId, "repositoryName": self.repository, "comments": [copy.deepcopy(one)]}
            for one in self.comments[first : first + self.page]
        ]
        return {"commentsForPullRequestData": data} | ({"nextToken": str(first + self.page)} if more else {})

    def post_comment_for_pull_request(
        self, *, pullRequestId: str, repositoryName: str, beforeCommitId: str, afterCommitId: str, content: str,
        clientRequestToken: str,
    ) -> Mapping[str, Any]:  # fmt: skip
        if self.before:
            self.before.pop()()
        operation = "PostCommentForPullRequest"
        self._content(content, operation)
        if beforeCommitId == afterCommitId:
            raise refused("BeforeCommitIdAndAfterCommitIdAreSameException", operation)
        if afterCommitId != self.source:
            raise refused("CommitDoesNotExistException", operation)
        request = {"id": pullRequestId, "before": beforeCommitId, "after": afterCommitId, "content": content}
        if clientRequestToken in self.tokens:
            earlier, comment = self.tokens[clientRequestToken]
            if earlier != request:
                raise refused("IdempotencyParameterMismatchException", operation)
            return {"comment": copy.deepcopy(self._comment(comment, operation))}
        made = self.write(self.caller, content)
        self.tokens[clientRequestToken] = (request, made["commentId"])
        return {"comment": copy.deepcopy(made)}

    def update_comment(self, *, commentId: str, content: str) -> Mapping[str, Any]:
        found = self._comment(commentId, "UpdateComment")
        self._content(content, "UpdateComment")
        if found["deleted"]:
            raise refused("CommentDeletedException", "UpdateComment")
        if found["authorArn"] != self.caller:
            raise refused("CommentNotCreatedByCallerException", "UpdateComment")
        found["content"] = content
        return {"comment": copy.deepcopy(found)}

    def write(self, author: str, content: str) -> dict[str, Any]:
        """Somebody writes a comment."""
        made = {
            "commentId": f"c{len(self.comments) + 1}",
            "content": content,
            "authorArn": author,
            "deleted": False,
            "creationDate": STARTED + timedelta(minutes=len(self.comments)),
        }
        self.comments.append(made)
        return made

    def delete(self, comment: str) -> None:
        """Somebody deletes one: CodeCommit keeps it without its content."""
        found = self._comment(comment, "DeleteCommentContent")
        found["deleted"] = True
        del found["content"]

    def living(self) -> list[str]:
        """What a person sees."""
        return [one["content"] for one in self.comments if not one["deleted"]]

    def _comment(self, comment: str, operation: str) -> dict[str, Any]:
        for one in self.comments:
            if one["commentId"] == comment:
                return one
        raise refused("CommentDoesNotExistException", operation)

    def _content(self, content: str, operation: str) -> None:
        if not content:
            raise refused("CommentContentRequiredException", operation)
        if len(content.encode("utf-16-le")) // 2 > LIMIT:
            raise refused("CommentContentSizeLimitExceededException", operation)


@dataclass
class Builds:
    """Builds of one project by id."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def batch_get_builds(self, *, ids: list[str]) -> Mapping[str, Any]:
        return {
            "builds": [copy.deepcopy(self.known[one]) for one in ids if one in self.known],
            "buildsNotFound": [one for one in ids if one not in self.known],
        }


def build(commit: str = FIRST, status: str = "SUCCEEDED", id_: str = BUILD, minutes: int = 0) -> dict[str, Any]:
    """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html"""
    failed = status != "SUCCEEDED"
    message = "COMMAND_EXECUTION_ERROR: Error while executing command: python3 /opt/pipeline/plan_stacks.py."
    return {
        "id": f"acme-infrastructure-plan:{id_}",
        "projectName": "acme-infrastructure-plan",
        "buildNumber": 3,
        "buildStatus": status,
        "sourceVersion": commit,
        "resolvedSourceVersion": commit,
        "startTime": STARTED + timedelta(minutes=minutes),
        "initiator": "rule/acme-infrastructure-pull-requests",
        "phases": [
            {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED", "contexts": [{"statusCode": "", "message": ""}]},
            {
                "phaseType": "BUILD",
                "phaseStatus": status,
                "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": message}] if failed else [],
            },
            {"phaseType": "COMPLETED"},
        ],
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:8.0",
            "computeType": "BUILD_GENERAL1_MEDIUM",
            "environmentVariables": [
                {"name": "COMMIT", "value": commit, "type": "PLAINTEXT"},
                {"name": "PULL_REQUEST", "value": "17", "type": "PLAINTEXT"},
            ],
        },
        "logs": {
            "deepLink": "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logEvent:group=/aws/codebuild/p;stream=s"
        },
    }


def result(commit: str = FIRST, **changes: Any) -> bytes:
    """What a build says that planned one stack and left one alone."""
    told = {
        "schema": 1,
        "commit": commit,
        "compared": True,
        "error": "",
        "stacks": [
            {"name": "payments", "status": "planned", "reason": ""},
            {"name": "foundation", "status": "unchanged", "reason": ""},
        ],
        "checks": [{"name": "check", "status": "passed", "reason": ""}],
    }
    return json.dumps({**told, **changes}).encode()


def key(name: str, commit: str = FIRST, id_: str = BUILD, top: str = "plans") -> str:
    return f"{top}/infrastructure/17/{commit}/{id_}/{name}"
