"""Is the approver somebody else than who pushed the commit?

Who approved is ``updatedBy`` of the approval's ActionExecutionDetail. Documented: "The ARN of the user who changed the
pipeline execution details". Likely, but said on no page: that of a manual approval this is who answered it.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionDetail.html

``externalExecutionSummary`` is no source: it is the text that the approver sends along (PutApprovalResult's ``summary``),
so it could name anybody. Observed, not documented: without a text CodePipeline writes "Approved by <ARN>" there. Where it
begins so and names somebody else than ``updatedBy``, one of the two is not what it seems, and nothing is released.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ApprovalResult.html

People are told apart by the last part of their ARN, without case: the name of an IAM user, of a role's session, of a
federated user. So "ann" who pushes as an IAM user and approves in a role that the console switched to (its session is
named after her), or who has two permission sets of IAM Identity Center (both sessions are named after her), is one person.
Sessions of one role with different names are different people. What this cannot see: a role whose callers choose the name
of their session may be used by one person under two names (bind it with ``sts:RoleSessionName`` in the role's trust policy),
and one person may have two users. Only who pushed this very commit counts: not the authors of the commits before it, nor
who pushed the branch that a merge commit merges.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#ck_rolesessionname
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from common.executions import Attempt
from common.policy import PipelinePolicy
from common.pushes import Push
from common.strict import MalformedError, shown
from guard.call import GuardCall

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (RoleSessionName)
_NAME: Final = r"[\w+=,.@-]{1,64}"
_PERSON: Final = re.compile(
    r"arn:aws[a-z-]*:(?:"
    rf"iam::\d{{12}}:user/(?:[!-~]*/)?(?P<user>{_NAME})"
    rf"|sts::\d{{12}}:assumed-role/{_NAME}/(?P<session>{_NAME})"
    rf"|sts::\d{{12}}:federated-user/(?P<federated>{_NAME})"
    r"|iam::(?P<account>\d{12}:root)"
    r")",
    re.ASCII,
)
_APPROVED_BY: Final = "Approved by arn:"
AGAIN: Final = "push a new commit, or set separation_of_duties: false"


def person(arn: str) -> str:
    """The name by which people are told apart; ``MalformedError`` if the ARN is no person's or session's."""
    found = _PERSON.fullmatch(arn)
    if found is None:
        raise MalformedError(f"{shown(arn)} is no user, session or root of an account")
    return next(name for name in found.groups() if name).lower()


def objections(
    call: GuardCall, pipeline: PipelinePolicy, approval: Attempt | None, recorded: Mapping[str, bytes | None]
) -> Iterator[str]:
    """What speaks against it that the approver and every pusher of the commit are different people.

    ``approval``: None if there is none, which its own rule has said. ``recorded``: key and content of each record of a
    push of this commit, whichever branch it went to.
    """
    approver = None
    try:
        approver = _approver(approval) if approval else None
    except MalformedError as error:
        yield f"who approved cannot be told ({error}): let somebody else approve a new run, or set separation_of_duties: false"
    branches = set()
    for key, data in recorded.items():
        try:
            push = _push(key, data)
            pusher = person(push.pusher)
        except MalformedError as error:
            yield f"who pushed cannot be told ({error}): {AGAIN}"
            return
        branches.add(push.branch)
        if approval and pusher == approver:
            yield (
                "approved by who pushed the commit, so let somebody else approve a new run:"
                f" {approval.updated_by} approved, {push.pusher} pushed"
            )
            return
    if pipeline.branch not in branches:
        yield (
            f"nobody is recorded as having pushed {call.commit} to {pipeline.branch}, because the run was started by hand for"
            f" a commit of elsewhere, or because CodeCommit's event was lost: {AGAIN}"
        )


def _approver(approval: Attempt) -> str:
    if approval.updated_by is None:
        raise MalformedError("CodePipeline names nobody")
    approver = person(approval.updated_by)
    written = approval.summary or ""
    if written.startswith(_APPROVED_BY) and person(written.removeprefix("Approved by ").strip()) != approver:
        raise MalformedError(f"CodePipeline names {approval.updated_by}, the approval's text another")
    return approver


def _push(key: str, data: bytes | None) -> Push:
    if data is None:
        raise MalformedError(f"{key} is gone")
    push = Push.parse(data)
    if push.key != key:
        raise MalformedError(f"{key} is a record of another push")
    return push
