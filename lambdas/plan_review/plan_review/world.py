"""What comes and what goes in all plans of a review: a permission on what is only being made opens nothing that exists, and a
protection goes with what it protects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from plan_review.model import Action, Change, Plan
from plan_review.values import UNKNOWN, at

# type -> service of its ARN, and the attribute that its resource part ends with.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_NAMED = {
    "aws_cloudwatch_event_rule": ("events", "name"),
    "aws_cloudwatch_log_group": ("logs", "name"),
    "aws_cloudwatch_metric_alarm": ("cloudwatch", "alarm_name"),
    "aws_codebuild_project": ("codebuild", "name"),
    "aws_codecommit_repository": ("codecommit", "repository_name"),
    "aws_codepipeline": ("codepipeline", "name"),
    "aws_dynamodb_table": ("dynamodb", "name"),
    "aws_ecr_repository": ("ecr", "name"),
    "aws_iam_role": ("iam", "name"),
    "aws_lambda_function": ("lambda", "function_name"),
    "aws_s3_bucket": ("s3", "bucket"),
    "aws_secretsmanager_secret": ("secretsmanager", "name"),
    "aws_sns_topic": ("sns", "name"),
    "aws_sqs_queue": ("sqs", "name"),
    "aws_ssm_parameter": ("ssm", "name"),
}
# What the resource part of an ARN begins with, where it is not the name itself: a thing of that name is not all of them.
_KINDS = ("rule", "log-group", "alarm", "project", "table", "repository", "function", "secret", "parameter")
# Attributes by which other resources name a thing.
_IDENTIFIERS = (
    "id", "arn", "name", "bucket", "function_name", "repository_name", "url", "identifier", "cluster_identifier", "key_id",
    "domain_name", "alarm_name", "user_name",
)  # fmt: skip
# Attributes by which a companion names what it belongs to.
_TARGETS = (
    "bucket", "role", "roles", "user", "users", "group", "groups", "function_name", "queue_url", "arn", "repository",
    "repository_name", "key_id", "resource_arn", "secret_arn", "log_group_name", "topic_arn", "cluster_name", "domain_name",
    "policy_name", "backup_vault_name", "registry_name", "rule", "target_id", "load_balancer", "web_acl_arn",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """``created``: (service, name) of what is made; ``made`` and ``gone``: identifiers of what is made and destroyed;
    ``policies``: the documents that plans read only when they are applied, by stack and address."""

    created: frozenset[tuple[str, str]]
    made: frozenset[str]
    gone: frozenset[str]
    documents: Mapping[tuple[str, str], Change]
    rules_gone: frozenset[str] = frozenset()

    def is_new(self, arn: str) -> bool:
        """Whether an ARN, or a pattern of ARNs, is of something that is only being made."""
        parts = arn.split(":", 5)
        if len(parts) < 6 or parts[0] != "arn":
            return False
        resource = parts[5].replace(":", "/")
        # "project/acme-build", "log-group:/aws/lambda/acme", "acme-queue", "bucket/key", "function:name:alias"
        if parts[2] == "iam":  # role/path/name: the beginning of it is no role
            return (parts[2], resource.rpartition("/")[2]) in self.created
        kind, _, name = resource.partition("/")
        steps = (name if kind in _KINDS else resource).split("/")
        return any((parts[2], "/".join(steps[:end])) in self.created for end in range(1, len(steps) + 1))

    def target_is_new(self, change: Change) -> bool:
        """Whether what a companion belongs to is only being made."""
        named = _targets(change.after)
        return bool(named) and all(one is UNKNOWN or (isinstance(one, str) and one in self.made) for one in named)

    def goes_along(self, change: Change) -> bool:
        """Whether what a companion belongs to is destroyed as well."""
        return any(isinstance(one, str) and one in self.gone for one in _targets(change.before))


def _targets(attributes: Mapping[str, object]) -> list[object]:
    found: list[object] = []
    for name in _TARGETS:
        for value in at(attributes, name):
            found += value if isinstance(value, list) else [value]
    found += [value for values in at(attributes, "dimensions") if isinstance(values, dict) for value in values.values()]
    return found


def target(change: Change) -> tuple[str, ...]:
    """What a companion belongs to, to tell two of the same from two of different things."""
    return tuple(sorted(one for one in _targets(change.after or change.before) if isinstance(one, str)))


def look(plans: Sequence[Plan], companions: Iterable[str]) -> World:
    """Look at all plans. Types in ``companions`` protect or connect others: that they go, or come, takes nothing with them."""
    changes = [change for plan in plans for change in plan.changes]
    apart = frozenset(companions)
    created: set[tuple[str, str]] = set()
    made: set[str] = set()
    gone: set[str] = set()
    for change in changes:
        if not change.managed or change.type in apart:
            continue
        if change.action is Action.CREATE:
            made.update(_identifiers(change.after))
            created.update((_NAMED[change.type][0], name) for name in _names(change.after, change))
        elif change.action is Action.REPLACE:  # under another name
            made.update(set(_identifiers(change.after)) - set(_identifiers(change.before)))
        elif change.gone:
            gone.update(_identifiers(change.before))
    documents = {
        (change.stack, change.address): change
        for change in changes
        if change.type == "aws_iam_policy_document" and not change.managed
    }
    rules = frozenset(
        name
        for change in changes
        if change.type == "aws_cloudwatch_event_rule" and change.gone
        for name in at(change.before, "name")
        if isinstance(name, str)
    )
    return World(frozenset(created), frozenset(made - gone), frozenset(gone), documents, rules)


def made_again(changes: Sequence[Change]) -> Mapping[tuple[str, str], Change]:
    """By stack and address of what is made: the same as a replacement of what is destroyed under the same name (an address
    renamed without a moved block)."""
    gone = {
        (change.type, name): change
        for change in changes
        if change.managed and change.gone
        for name in _names(change.before, change)
    }
    return {
        (change.stack, change.address): replace(change, action=Action.REPLACE, before=gone[change.type, name].before)
        for change in changes
        if change.managed and change.action is Action.CREATE
        for name in _names(change.after, change)
        if (change.type, name) in gone
    }


def _names(attributes: Mapping[str, object], change: Change) -> list[str]:
    if change.type not in _NAMED:
        return []
    return [name for name in at(attributes, _NAMED[change.type][1]) if isinstance(name, str)]


def _identifiers(attributes: Mapping[str, object]) -> list[str]:
    return [one for name in _IDENTIFIERS for one in at(attributes, name) if isinstance(one, str) and one]
