"""One comment on a pull request, edited in place.

Only a comment's author may change it (UpdateComment: CommentNotCreatedByCallerException), and the author is the session of
this function's role. So the comment is found again by its author's role and its first line; what people delete is not
brought back into the same comment (CommentDeletedException) but written anew.
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_UpdateComment.html
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_PostCommentForPullRequest.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from common import strict
from common.contract import A_COMMIT, COMMIT
from common.strict import MalformedError

LIMIT: Final = 10_240  # characters: CommentContentSizeLimitExceededException
PAGES: Final = 100  # of 100 comments each, the service's default
STAMP: Final = re.compile(r"commit ([0-9a-f]{40}), build of (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")


class CodeCommit(Protocol):
    """What is used of boto3's client."""

    def get_pull_request(self, *, pullRequestId: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codecommit/latest/APIReference/API_GetPullRequest.html"""

    def get_comments_for_pull_request(self, *, pullRequestId: str, **more: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codecommit/latest/APIReference/API_GetCommentsForPullRequest.html"""

    def post_comment_for_pull_request(self, **arguments: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codecommit/latest/APIReference/API_PostCommentForPullRequest.html"""

    def update_comment(self, *, commentId: str, content: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/codecommit/latest/APIReference/API_UpdateComment.html"""


@dataclass(frozen=True)
class PullRequest:
    """A pull request as CodeCommit has it now; commits of 40 hexadecimal digits."""

    id: str
    open: bool
    source_commit: str
    destination_commit: str
    merge_base: str | None


@dataclass(frozen=True)
class Comments:
    """Comments of one review on the pull requests of one repository. ``author``: the beginning of its sessions' ARNs."""

    client: CodeCommit
    repository: str
    review: str
    author: str

    @property
    def marker(self) -> str:
        """What the comment begins with."""
        return f"**Plan review** `{self.review}`: "

    def head(self, commit: str, started: datetime) -> str:
        """The first line: which commit, and a build of when. ``started``: UTC."""
        return f"{self.marker}commit {commit}, build of {started:%Y-%m-%dT%H:%M:%SZ}"

    def pull_request(self, number: str) -> PullRequest:
        """Raises MalformedError if it is none of this repository."""
        found = self.client.get_pull_request(pullRequestId=number)["pullRequest"]
        targets = [one for one in found.get("pullRequestTargets") or [] if one.get("repositoryName") == self.repository]
        if len(targets) != 1:
            raise MalformedError(f"pull request {number} is none of {self.repository}")
        [target] = targets
        return PullRequest(
            id=number,
            open=found.get("pullRequestStatus") == "OPEN",
            source_commit=strict.text(target.get("sourceCommit"), "sourceCommit", COMMIT, A_COMMIT),
            destination_commit=strict.text(target.get("destinationCommit"), "destinationCommit", COMMIT, A_COMMIT),
            merge_base=target.get("mergeBase"),
        )

    def say(self, pull: PullRequest, text: str, started: datetime) -> str:
        """Write ``text`` (which begins with ``head``) as the one comment; returns what was done, in a word.

        ``started``: when the build of ``text`` began. Of two builds of one commit the later one counts, whichever ends
        first. Raises ClientError as CodeCommit does.
        """
        lost: set[str] = set()  # of another session of our role: nobody can change them any more
        for attempt in (1, 2, 3):
            mine = list(self._mine(pull.id))
            living = [
                one
                for one in mine
                if not one.get("deleted")
                and str(one.get("content")).startswith(self.marker)
                and one["commentId"] not in lost
            ]
            try:
                if living:
                    return self._edit(max(living, key=_made), text, started)
                self._post(pull, text, gone=len(lost) + sum(bool(one.get("deleted")) for one in mine))
                return "posted"
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "CommentNotCreatedByCallerException":
                    lost |= {one["commentId"] for one in living}
                # Else another call of this function has just posted, or somebody has just deleted: look again.
                elif code not in (
                    "IdempotencyParameterMismatchException",
                    "CommentDeletedException",
                    "CommentDoesNotExistException",
                ):
                    raise
                if attempt == 3:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _edit(self, comment: Mapping[str, Any], text: str, started: datetime) -> str:
        ours, theirs = STAMP.search(text.partition("\n")[0]), STAMP.search(str(comment["content"]).partition("\n")[0])
        if ours and theirs and ours[1] == theirs[1]:
            told = datetime.strptime(theirs[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            if told > started.replace(microsecond=0):
                return "older"
        if comment["content"] == text:
            return "same"
        self.client.update_comment(commentId=comment["commentId"], content=text)
        return "edited"

    def _post(self, pull: PullRequest, text: str, *, gone: int) -> None:
        # One token for each pull request and each comment that is gone: two calls at once cannot make two comments, the
        # second one is refused.
        token = hashlib.sha256(f"{self.author}/{self.review}/{pull.id}/{gone}".encode()).hexdigest()
        self.client.post_comment_for_pull_request(
            pullRequestId=pull.id,
            repositoryName=self.repository,
            beforeCommitId=pull.destination_commit,
            afterCommitId=pull.source_commit,
            content=text,
            clientRequestToken=token,
        )

    def _mine(self, number: str) -> Iterator[Mapping[str, Any]]:
        """Every comment of this function on the pull request, also those of earlier commits; answers of people are none."""
        more: dict[str, str] = {}
        for _ in range(PAGES):
            page = self.client.get_comments_for_pull_request(pullRequestId=number, **more)
            for place in page.get("commentsForPullRequestData") or []:
                for comment in place.get("comments") or []:
                    if str(comment.get("authorArn", "")).startswith(self.author):
                        yield comment
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}
        raise MalformedError(f"pull request {number} has more comments than are read")


def _made(comment: Mapping[str, Any]) -> float:
    created = comment.get("creationDate")
    return created.timestamp() if isinstance(created, datetime) else 0.0
