"""What comes and what goes in all plans of a review: a permission on what is only being made opens nothing that exists, and a
protection goes with what it protects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from plan_review.model import OF_AN_IDENTITY, Action, Change, Plan
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
# Attributes by which a companion names what it belongs to, and of which types that is: a thing of another type may have the same
# name. None: ARNs, URLs, numbers, that no two things share.
_TARGETS = {
    "bucket": ("aws_s3_bucket", "aws_s3_directory_bucket", "google_storage_bucket"),
    "role": ("aws_iam_role",), "roles": ("aws_iam_role",), "user": ("aws_iam_user",), "users": ("aws_iam_user",),
    "group": ("aws_iam_group",), "groups": ("aws_iam_group",), "function_name": ("aws_lambda_function", "aws_lambda_alias"),
    "repository": ("aws_ecr_repository",),
    "repository_name": ("aws_codecommit_repository", "aws_ecr_repository", "aws_ecrpublic_repository"),
    "key_id": ("aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key"), "log_group_name": ("aws_cloudwatch_log_group",),
    "cluster_name": ("aws_eks_cluster", "aws_ecs_cluster"), "backup_vault_name": ("aws_backup_vault",),
    "rule": ("aws_cloudwatch_event_rule",), "queue_url": None, "arn": None, "resource_arn": None, "secret_arn": None,
    "topic_arn": None, "domain_name": None, "policy_name": None, "registry_name": None, "target_id": None,
    "load_balancer": None, "web_acl_arn": None,
}  # fmt: skip
Known = tuple[str, str]  # a type, and one of the texts by which others name a thing of it


@dataclass(frozen=True)
class World:
    """``created``: (service, name) of what is made; ``made`` and ``gone``: what is made and destroyed; ``standing``: names of what
    is there before and after; ``documents``: policy documents that plans read only when they are applied, by stack and address;
    ``policies``: of identities that have several; ``unbuilt``: repositories whose pipelines all go."""

    created: frozenset[tuple[str, str]]
    made: frozenset[Known]
    gone: frozenset[Known]
    standing: frozenset[str]
    documents: Mapping[tuple[str, str], Change]
    rules_gone: frozenset[str] = frozenset()
    unbuilt: frozenset[str] = frozenset()
    policies: Mapping[tuple[object, ...], Sequence[Change]] = field(default_factory=dict)

    def beside(self, change: Change) -> Sequence[Change]:
        """The other policies of the same identity, of the same stack."""
        return [other for other in self.policies.get(_owner(change), ()) if other is not change]

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
        named = list(_targets(change.after))
        return bool(named) and all(one is UNKNOWN or self.is_made(one, types) for one, types in named)

    def goes_along(self, change: Change) -> bool:
        """Whether what a companion belongs to is destroyed as well."""
        return any(
            _among(one, types, self.gone) and (types is not None or one not in self.standing)
            for one, types in _targets(change.before)
        )

    def is_made(self, one: object, types: Sequence[str] | None = None) -> bool:
        """Whether it names something, of these types, that is only being made."""
        return _among(one, types, self.made)

    def comes(self, value: str) -> bool:
        """Whether a value of an event's pattern ends with the name of something that is only being made, as ARNs and paths do."""
        ends = {value, value.rpartition("/")[2], value.rpartition(":")[2]}
        return not ends & self.standing and any(name in ends for _, name in self.made)

    def goes(self, value: str) -> bool:
        """Whether it ends with the name of something that is destroyed, and nothing of that name stays."""
        return any(
            (value == name or value.endswith((f":{name}", f"/{name}"))) and name not in self.standing
            for _, name in self.gone
        )

    def goes_with(self, prefix: str) -> bool:
        """Whether it begins the names of what belongs to something that is destroyed, and nothing with such a name stays."""
        stem = prefix.rstrip("-_/.")
        return stem != prefix and self.goes(stem) and not any(name.startswith(prefix) for name in self.standing)


def _among(one: object, types: Sequence[str] | None, known: frozenset[Known]) -> bool:
    if not isinstance(one, str):
        return False
    return any((kind, one) in known for kind in types) if types else any(name == one for _, name in known)


def _targets(attributes: Mapping[str, object]) -> Iterator[tuple[object, Sequence[str] | None]]:
    for name, types in _TARGETS.items():
        for value in at(attributes, name):
            several = value if isinstance(value, list) else [value]
            yield from (
                (item, types) for item in several if not isinstance(item, dict)
            )  # blocks have names of other things
    for values in at(attributes, "dimensions"):
        yield from ((value, None) for value in (values.values() if isinstance(values, dict) else ()))


def target(change: Change) -> tuple[str, ...]:
    """What a companion belongs to, to tell two of the same from two of different things."""
    return tuple(sorted(one for one, _ in _targets(change.after or change.before) if isinstance(one, str)))


def _owner(change: Change) -> tuple[object, ...]:
    return (change.stack, change.type, *target(change))


def look(plans: Sequence[Plan], companions: Iterable[str]) -> World:
    """Look at all plans. Types in ``companions`` protect or connect others: that they go, or come, takes nothing with them."""
    changes = [change for plan in plans for change in plan.changes]
    apart = frozenset(companions)
    created: set[tuple[str, str]] = set()
    made: set[Known] = set()
    gone: set[Known] = set()
    for change in changes:
        if not change.managed or change.type in apart:
            continue
        if change.action is Action.CREATE:
            made.update((change.type, one) for one in _identifiers(change.after))
            created.update((_NAMED[change.type][0], name) for name in _names(change.after, change))
        elif change.action is Action.REPLACE:  # under another name
            new = set(_identifiers(change.after)) - set(_identifiers(change.before))
            made.update((change.type, one) for one in new)
        elif change.gone:
            gone.update((change.type, one) for one in _identifiers(change.before))
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
    policies: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        if change.type in OF_AN_IDENTITY and change.managed and target(change):
            policies.setdefault(_owner(change), []).append(change)
    # What is made in one stack may stand in another, of another account.
    there = frozenset(known for plan in plans for known in plan.there)
    ended = {
        (change.type, one)
        for change in changes
        if change.managed and change.gone
        for one in _identifiers(change.before)
    }
    again = {
        (change.type, one) for change in changes if change.action is Action.CREATE for one in _identifiers(change.after)
    }
    left = there - (ended - again)  # destroyed at one address and made at another: it stays
    return World(
        created=frozenset(created - {(_NAMED[kind][0], name) for kind, name in there if kind in _NAMED}),
        made=frozenset(made - gone - there),
        gone=frozenset(gone),
        standing=frozenset(name for _, name in left),
        documents=documents,
        rules_gone=rules,
        unbuilt=_unbuilt(changes),
        policies=policies,
    )


def _unbuilt(changes: Sequence[Change]) -> frozenset[str]:
    """CodeCommit repositories from which only pipelines that are destroyed take their source."""
    pipelines = [change for change in changes if change.type == "aws_codepipeline" and change.managed]
    gone = {one for change in pipelines if change.gone for one in _repositories(change.before)}
    kept = {one for change in pipelines if not change.gone for one in _repositories(change.after)}
    return frozenset(gone - kept)


def _repositories(pipeline: Mapping[str, object]) -> Iterator[str]:
    for action in at(pipeline, "stage.*.action.*"):
        if isinstance(action, dict) and action.get("provider") == "CodeCommit":
            yield from (name for name in at(action, "configuration.RepositoryName") if isinstance(name, str))


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
    return names(change.type, attributes)


def names(kind: str, attributes: Mapping[str, object]) -> list[str]:
    """By what its ARN names a thing of this type."""
    if kind not in _NAMED:
        return []
    return [name for name in at(attributes, _NAMED[kind][1]) if isinstance(name, str)]


def _identifiers(attributes: Mapping[str, object]) -> list[str]:
    return [one for name in _IDENTIFIERS for one in at(attributes, name) if isinstance(one, str) and one]
