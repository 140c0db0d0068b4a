"""Permissions that are given by an attachment, a membership, a grant, or taken from under a boundary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.text import Text, joined, say
from plan_review.values import UNKNOWN, Value, at
from plan_review.world import World

# type -> (attributes of what is given, what is said). Told when it is given to something that exists already.
_GIVES: Final = {
    "aws_iam_role_policy_attachment": ("policy_arn", "the role gets the policy {}"),
    "aws_iam_user_policy_attachment": ("policy_arn", "the user gets the policy {}"),
    "aws_iam_group_policy_attachment": ("policy_arn", "the group gets the policy {}"),
    "aws_iam_policy_attachment": ("policy_arn", "roles, users or groups get the policy {}"),
    "aws_iam_role_policy_attachments_exclusive": ("policy_arns", "the role gets the policies {}"),
    "aws_iam_user_group_membership": ("groups", "the user gets what the groups {} may"),
    "aws_iam_group_membership": ("users", "the users {} get what the group may"),
    "aws_ssoadmin_account_assignment": ("target_id", "a permission set is given in the account {}"),
    "aws_ssoadmin_managed_policy_attachment": ("managed_policy_arn", "the permission set gets the policy {}"),
    "aws_kms_grant": ("grantee_principal", "the key can be used by {}"),
    "aws_lakeformation_permissions": ("principal", "data can be used by {}"),
    "aws_ram_principal_association": ("principal", "resources are shared with {}"),
    "aws_vpc_endpoint_service_allowed_principal": ("principal_arn", "the endpoint service can be used by {}"),
    "aws_snapshot_create_volume_permission": ("account_id", "the snapshot can be used by the account {}"),
    "aws_ami_launch_permission": ("account_id", "the image can be used by the account {}"),
    "aws_eks_access_entry": ("kubernetes_groups", "somebody joins the groups {} of the cluster"),
    "aws_iam_access_key": ("user", "a key is made with which anybody is the user {}"),
    "aws_iam_user_login_profile": ("user", "a password is made with which anybody is the user {}"),
    "azurerm_role_assignment": ("role_definition_name", "somebody gets the role {}"),
}
# Also told of something new.
_POWERFUL: Final = re.compile(
    r"Administrator|FullAccess|PowerUser|ClusterAdmin|\bOwner\b|\bContributor\b|roles/(?:owner|editor)|iam[.]\w*admin",
    re.IGNORECASE,
)
# Attributes that say to whom, and, further, for what something is given.
_ROLE, _USER, _GROUP = ("aws_iam_role",), ("aws_iam_user",), ("aws_iam_group",)
_RECEIVERS: Final[Mapping[str, Sequence[str] | None]] = {
    "role": _ROLE, "roles": _ROLE, "role_name": _ROLE, "user": _USER, "user_name": _USER, "group": _GROUP, "groups": _GROUP,
    "principal_arn": None, "principal_id": None, "grantee_principal": None, "principal": None, "permission_set_arn": None,
}  # fmt: skip
_WHOM: Final = (*_RECEIVERS, "users", "operations", "permissions", "permissions_with_grant_option", "scope", "key_id",
                "resource_share_arn", "cluster_name", "snapshot_id", "image_id", "vpc_endpoint_service_id")  # fmt: skip
# EKS's policies for a namespace that let neither roles be bound nor a cluster be changed: what deploys there has one.
# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
_DEPLOYS: Final = re.compile(r"arn:[\w-]+:eks::aws:cluster-access-policy/AmazonEKS(?:Edit|View)Policy")
_SYSTEM: Final = re.compile(r"^kube-|[*?]")
# What something may do, by the role that it acts as.
_ACTS_AS: Final = ("role", "role_arn", "service_role", "execution_role_arn", "task_role_arn", "iam_instance_profile")
_ACTORS: Final = frozenset(
    {"aws_codebuild_project", "aws_codepipeline", "aws_lambda_function", "aws_instance", "aws_launch_template",
     "aws_ecs_task_definition", "aws_ecs_service", "aws_eks_pod_identity_association", "aws_glue_job", "aws_sfn_state_machine",
     "aws_scheduler_schedule", "aws_cloudwatch_event_target", "aws_sagemaker_notebook_instance", "aws_batch_job_definition"}
)  # fmt: skip
_GOOGLE: Final = re.compile(r"google_\w+_iam_(?:member|binding)")
_SERVICE: Final = re.compile(r"[\w.-]+\.amazonaws\.com(?:\.cn)?")


def attached(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one change."""
    if not change.managed:
        return
    if change.type in _GIVES and change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        attribute, sentence = _GIVES[change.type]
        yield from _given(change, world, attribute, sentence)
    if change.type == "aws_eks_access_policy_association" and change.action in (
        Action.CREATE,
        Action.UPDATE,
        Action.REPLACE,
    ):
        yield from _cluster(change, world)
    if change.type in _ACTORS and change.stays:
        yield from _acts(change, world)
    if _GOOGLE.fullmatch(change.type) and change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        yield from _google(change)
    if change.type == "aws_lambda_permission" and change.action in (Action.CREATE, Action.REPLACE):
        yield from _permission(change)
    if change.stays and (boundary := change.before.get("permissions_boundary")):
        now = change.after.get("permissions_boundary")
        if not now:
            text = say("has no permissions boundary any more")
            yield Finding(Kind.IAM, change.stack, change.address, text)
        elif now is not UNKNOWN and now != boundary:
            yield Finding(
                Kind.IAM, change.stack, change.address, say("has another permissions boundary: {}", _word(now))
            )
    if change.type in ("aws_iam_role", "aws_iam_user", "aws_iam_group") and change.action is not Action.NOOP:
        new = [
            arn
            for arn in _items(change.after.get("managed_policy_arns"))
            if arn not in _items(change.before.get("managed_policy_arns"))
            and (change.stays or _POWERFUL.search(_word(arn)))
        ]
        if new and change.after.get("managed_policy_arns") is not UNKNOWN:
            yield Finding(
                Kind.IAM, change.stack, change.address, say("gets the policies {}", [_word(one) for one in new])
            )


def _given(change: Change, world: World, attribute: str, sentence: str) -> Iterator[Finding]:
    old = _items(change.before.get(attribute)) if change.stays and not _others_get_it(change, attribute) else []
    new = [one for one in _items(change.after.get(attribute)) if one not in old]
    powerful = attribute not in ("user", "kubernetes_groups") and any(_POWERFUL.search(_word(one)) for one in new)
    if new and (powerful or not _to_something_new(change, world)):
        yield Finding(Kind.IAM, change.stack, change.address, say(sentence, [_word(one) for one in new]))


def _cluster(change: Change, world: World) -> Iterator[Finding]:
    """A policy of EKS for somebody. What is only being made may get what whatever deploys to a namespace has, and no more.

    https://docs.aws.amazon.com/eks/latest/userguide/access-policies.html
    """
    old = _scope(change.before) if change.stays else None
    new = _scope(change.after)
    policy = change.after.get("policy_arn")
    same = change.stays and policy == change.before.get("policy_arn") and not _others_get_it(change, "policy_arn")
    if same and old is not None and new is not None and (old == {"*"} or new <= old):
        return
    if (
        not change.stays
        and _to_something_new(change, world)
        and new
        and not any(map(_SYSTEM.search, new))
        and _deploys(policy)
    ):
        return
    where = (
        say("the whole cluster")
        if new == {"*"}
        else say("namespaces that are not known before apply")
        if new is None
        else say("the namespaces {}", sorted(new))
    )
    yield Finding(Kind.IAM, change.stack, change.address, say("somebody gets {} in {}", _word(policy), where))


def _deploys(policy: Value) -> bool:
    return isinstance(policy, str) and bool(_DEPLOYS.fullmatch(policy))


def _scope(attributes: Mapping[str, Value]) -> set[str] | None:
    """Namespaces, ``*`` for all; None where they are not known."""
    kinds, names = at(attributes, "access_scope.*.type"), at(attributes, "access_scope.*.namespaces.*")
    if kinds == ["namespace"] and names and all(isinstance(one, str) for one in names):
        return set(names)
    return {"*"} if kinds == ["cluster"] else None


def _acts(change: Change, world: World) -> Iterator[Finding]:
    """It acts as another role: one that is only being made is told by what it may do."""
    for name in _ACTS_AS:
        types = ("aws_iam_instance_profile",) if name == "iam_instance_profile" else ("aws_iam_role",)
        old, new = change.before.get(name), change.after.get(name)
        if (
            isinstance(old, str)
            and old
            and isinstance(new, str)
            and new
            and old != new
            and not _is_new(new, types, world)
        ):
            yield Finding(Kind.IAM, change.stack, change.address, say("acts as another role: {}", new))


def _others_get_it(change: Change, attribute: str) -> bool:
    """Whether the same is given to more than before, or for more; what is not known yet tells nothing."""
    for name in _WHOM:
        if name != attribute:
            old, new = change.before.get(name), change.after.get(name)
            if any(one not in _items(old) for one in _items(new) if one is not UNKNOWN):
                return True
    return False


def _to_something_new(change: Change, world: World) -> bool:
    receivers = [
        (item, types)
        for name, types in _RECEIVERS.items()
        for value in at(change.after, name)
        for item in _items(value)
    ]
    return bool(receivers) and all(_is_new(one, types, world) for one, types in receivers)


def _is_new(receiver: Value, types: Sequence[str] | None, world: World) -> bool:
    """Not known before apply: the name of something that is only being made."""
    if receiver is UNKNOWN:
        return True
    return isinstance(receiver, str) and (world.is_made(receiver, types) or world.is_new(receiver))


def _google(change: Change) -> Iterator[Finding]:
    old = [*_items(change.before.get("members")), *_items(change.before.get("member"))]
    new = [
        _word(one)
        for one in (*_items(change.after.get("members")), *_items(change.after.get("member")))
        if one not in old
    ]
    if new:
        role = change.after.get("role")
        yield Finding(Kind.IAM, change.stack, change.address, joined([say("{} get ", new), say("{}", _word(role))], ""))


def _permission(change: Change) -> Iterator[Finding]:
    """Who may call a function: a service for one source of this account is how functions are called; the rest is told.

    https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """
    principal = change.after.get("principal")
    held = any(
        change.after.get(name) not in (None, "") for name in ("source_arn", "source_account", "principal_org_id")
    )
    text: Text
    if principal == "*" and not held and change.after.get("function_url_auth_type") != "AWS_IAM":
        yield Finding(Kind.PUBLIC, change.stack, change.address, say("the function can be called by everybody"))
    elif isinstance(principal, str) and _SERVICE.fullmatch(principal):
        if not held:
            text = say("the function can be called by {} for any account: no source is named", principal)
            yield Finding(Kind.IAM, change.stack, change.address, text)
    elif principal is UNKNOWN:
        yield Finding(
            Kind.UNSEEN, change.stack, change.address, say("who may call the function is not known before apply")
        )
    elif isinstance(principal, str):
        yield Finding(Kind.IAM, change.stack, change.address, say("the function can be called by {}", principal))


def _items(value: Value) -> list[Value]:
    if isinstance(value, list):
        return value
    return [] if value in (None, "") else [value]


def _word(value: Value) -> str:
    if value is UNKNOWN:
        return "(known after apply)"
    return value if isinstance(value, str) else "(sensitive)"
