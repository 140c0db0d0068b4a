"""What the mutation test does to what is emitted: one security-relevant property after the other removed or weakened.

Pure functions over the JSON of one stack (``cdk.tf.json``). A mutant is a place and what stands there instead, so that it
can be listed by name, applied to a copy and read by a person. Removing what Terraform or AWS would do anyway is no mutant:
the table names only what makes the output weaker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]
Stack: TypeAlias = Mapping[str, Any]


class _Removed:
    def __repr__(self) -> str:
        return "removed"


REMOVED = _Removed()


@dataclass(frozen=True)
class Mutant:
    """``value`` in the place ``path`` of ``stack``; ``name`` says so readably and is the same in each run."""

    kind: str
    stack: str
    name: str
    path: Path
    value: Any


def apply(content: Json, path: Path, value: Json) -> Json:
    """A copy of ``content`` with ``value`` at ``path`` (REMOVED: without it); what is not on the path is shared."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(content, list):
        assert isinstance(first, int)  # noqa: S101 - for the type checker
        changed = [apply(content[first], rest, value)] if rest or value is not REMOVED else []
        return [*content[:first], *changed, *content[first + 1 :]]
    if not rest and value is REMOVED:
        return {key: one for key, one in content.items() if key != first}
    return {**content, first: apply(content.get(first) if rest else None, rest, value)}


def at(content: Json, path: Path) -> Json:
    """What stands at ``path``."""
    for step in path:
        content = content[step]
    return content


def mutants(stack: str, content: Stack) -> list[Mutant]:
    """Every mutant of a stack, each name once."""
    found: dict[str, Mutant] = {}
    for generator in (_terraform, _attributes, _patterns, _projects, _policies, _pipelines):
        for change in generator(content):
            name = f"{stack}: {_place(content, change.path)}{change.inside} -> {change.shown or _short(change.value)}"
            if change.value is REMOVED or at_or_none(content, change.path) != change.value:
                found.setdefault(name, Mutant(change.kind, stack, name, change.path, change.value))
    return list(found.values())


def at_or_none(content: Json, path: Path) -> Json:
    """What stands at ``path``, or None."""
    try:
        return at(content, path)
    except (KeyError, IndexError):
        return None


@dataclass(frozen=True)
class _Change:
    """``inside``: the place within a text; ``shown``: what is written for ``value``."""

    kind: str
    path: Path
    value: Any
    inside: str = ""
    shown: str = ""


def _place(content: Json, path: Path) -> str:
    """The path with the names of list elements in place of their numbers."""
    steps = []
    for step in path:
        content = content[step] if isinstance(step, int) else content.get(step)
        steps.append(_label(content, step) if isinstance(step, int) else step)
    head = ".".join(steps)
    return re.sub(r"^(resource|data\.aws_iam_policy_document)\.", "", head)


def _label(element: Json, number: int) -> str:
    if isinstance(element, Mapping):
        for key in ("sid", "name", "variable", "id"):
            if key in element:
                return f"[{element[key]}{' ' + element['test'] if key == 'variable' and 'test' in element else ''}]"
    if isinstance(element, str):
        return f"[{_without_tokens(element)}]"
    return str(number)


def _without_tokens(text: str) -> str:
    """Shorter, and without hashes, which change with every script."""
    return re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", re.sub(r"\$\{(?:[^}]*\.)?([\w-]+\.\w+)\}", r"<\1>", text))


def _short(value: Json) -> str:
    text = _without_tokens(value if isinstance(value, str) else repr(value) if value is REMOVED else json.dumps(value))
    return text if len(text) <= 90 else text[:87] + "..."


# Terraform itself


def _terraform(stack: Stack) -> Iterator[_Change]:
    for path, value in (
        (("terraform", "backend", "s3", "encrypt"), False),
        (("terraform", "backend", "s3", "encrypt"), REMOVED),
        (("terraform", "backend", "s3", "kms_key_id"), REMOVED),
        (("terraform", "backend", "s3", "use_lockfile"), REMOVED),
        (("terraform", "backend", "s3", "use_lockfile"), False),
        (("terraform", "backend"), {"local": {"path": "terraform.tfstate"}}),
        (("terraform", "required_version"), REMOVED),
        (("terraform", "required_providers", "aws", "version"), REMOVED),
        (("terraform", "required_providers", "aws", "source"), "somebody/aws"),
        (("provider", "aws", 0, "allowed_account_ids"), REMOVED),
        (("provider", "aws", 0, "allowed_account_ids"), ["999999999999"]),
        (("provider", "aws", 0, "default_tags"), REMOVED),
    ):
        if at_or_none(stack, path) is not None:
            yield _Change("state and account", path, value)
    for name in stack.get("data", {}).get("aws_kms_alias", {}):
        yield _Change("encryption", ("data", "aws_kms_alias", name, "name"), "alias/aws/s3")


# Attributes of resources: (kind, attribute, what stands there instead); "*" is each element of a list.

_OTHERS_ACCOUNT = "arn:aws:{}:eu-central-1:999999999999:somebody-elses"
_AWS_KEY = "alias/aws/{}".format

_TABLE: Mapping[str, Sequence[tuple[str, str, Sequence[Any]]]] = {
    "aws_kms_key": [
        ("encryption", "enable_key_rotation", [False, REMOVED]),
        ("encryption", "deletion_window_in_days", [7]),
        ("policy attachment", "policy", [REMOVED]),
    ],
    "aws_kms_alias": [("encryption", "target_key_id", ["alias/aws/s3"])],
    "aws_s3_bucket": [("data protection", "force_destroy", [True])],
    "aws_s3_bucket_public_access_block": [
        ("public access", "", [REMOVED]),
        *(
            ("public access", switch, [False, REMOVED])
            for switch in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        ),
    ],
    "aws_s3_bucket_server_side_encryption_configuration": [
        ("encryption", "", [REMOVED]),
        ("encryption", "rule.*.apply_server_side_encryption_by_default.sse_algorithm", ["AES256"]),
        ("encryption", "rule.*.apply_server_side_encryption_by_default.kms_master_key_id", [REMOVED, _AWS_KEY("s3")]),
    ],
    "aws_s3_bucket_versioning": [
        ("data protection", "", [REMOVED]),
        ("data protection", "versioning_configuration.status", ["Suspended", "Disabled"]),
    ],
    "aws_s3_bucket_ownership_controls": [
        ("public access", "", [REMOVED]),
        ("public access", "rule.object_ownership", ["BucketOwnerPreferred", "ObjectWriter"]),
    ],
    "aws_s3_bucket_logging": [
        ("logs and alarms", "", [REMOVED]),
        ("logs and alarms", "target_bucket", ["somebody-elses-bucket"]),
    ],
    "aws_s3_bucket_lifecycle_configuration": [
        ("data protection", "", [REMOVED]),
        ("data protection", "rule.*", [REMOVED]),
        ("data protection", "rule.*.status", ["Disabled"]),
        ("data protection", "rule.*.expiration.*.days", [1]),
        ("data protection", "rule.*.noncurrent_version_expiration.*.noncurrent_days", [1]),
        ("data protection", "rule.*.filter.*.prefix", ["reports/"]),
    ],
    "aws_s3_bucket_policy": [("policy attachment", "", [REMOVED])],
    "aws_s3_object": [
        ("code", "source_hash", [REMOVED]),
        ("code", "key", ["scripts/scripts.zip"]),
        ("code", "bucket", ["somebody-elses-bucket"]),
    ],
    "aws_sns_topic": [("encryption", "kms_master_key_id", [REMOVED, _AWS_KEY("sns")])],
    "aws_sns_topic_policy": [("policy attachment", "", [REMOVED])],
    "aws_sns_topic_subscription": [
        ("logs and alarms", "", [REMOVED]),
        ("logs and alarms", "endpoint", ["somebody@example.org"]),
        ("logs and alarms", "protocol", ["http"]),
    ],
    "aws_sqs_queue": [
        ("encryption", "kms_master_key_id", [REMOVED, _AWS_KEY("sqs")]),
        ("data protection", "message_retention_seconds", [60, REMOVED]),
    ],
    "aws_sqs_queue_policy": [("policy attachment", "", [REMOVED])],
    "aws_cloudwatch_log_group": [
        ("encryption", "kms_key_id", [REMOVED, _AWS_KEY("logs")]),
        ("logs and alarms", "retention_in_days", [1, REMOVED]),
    ],
    "aws_ecr_repository": [
        ("registry", "image_tag_mutability", ["MUTABLE", REMOVED]),
        ("registry", "image_scanning_configuration", [REMOVED]),
        ("registry", "image_scanning_configuration.scan_on_push", [False]),
        ("encryption", "encryption_configuration", [REMOVED]),
        ("encryption", "encryption_configuration.*.encryption_type", ["AES256"]),
        ("encryption", "encryption_configuration.*.kms_key", [REMOVED, _AWS_KEY("ecr")]),
        ("data protection", "force_delete", [True]),
    ],
    "aws_codebuild_project": [
        ("encryption", "encryption_key", [REMOVED, _AWS_KEY("s3")]),
        ("build", "source.buildspec", [REMOVED, "buildspec.yml"]),
        ("build", "environment.image", ["aws/codebuild/standard:5.0", "docker.io/library/python:latest"]),
        ("build", "vpc_config", [REMOVED]),
        ("build", "vpc_config.vpc_id", ["vpc-99999999"]),
        ("build", "vpc_config.subnets.*", ["subnet-99999999"]),
        ("build", "vpc_config.security_group_ids", [["sg-99999999"]]),
        ("secret", "environment.environment_variable.*.type", ["PARAMETER_STORE"]),
        ("logs and alarms", "logs_config", [REMOVED]),
        ("logs and alarms", "logs_config.cloudwatch_logs.status", ["DISABLED"]),
        ("logs and alarms", "logs_config.cloudwatch_logs.group_name", ["/aws/codebuild/somebody-elses"]),
    ],
    "aws_lambda_function": [
        ("code", "source_code_hash", [REMOVED, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]),
        ("code", "filename", ["assets/other.zip"]),
        ("code", "handler", ["other.handler"]),
        ("code", "runtime", ["python3.8"]),
        ("code", "environment.variables", [REMOVED]),
        ("logs and alarms", "logging_config", [REMOVED]),
        ("logs and alarms", "logging_config.log_group", ["/aws/lambda/somebody-elses"]),
    ],
    "aws_lambda_function_event_invoke_config": [
        ("dead letters", "", [REMOVED]),
        ("dead letters", "destination_config", [REMOVED]),
        ("dead letters", "destination_config.on_failure.destination", [_OTHERS_ACCOUNT.format("sqs")]),
        ("dead letters", "maximum_retry_attempts", [0]),
        ("dead letters", "maximum_event_age_in_seconds", [60]),
    ],
    "aws_lambda_alias": [
        ("callers", "", [REMOVED]),
        ("callers", "function_version", ["1"]),
        ("callers", "name", ["anybody"]),
    ],
    "aws_lambda_permission": [
        ("callers", "", [REMOVED]),
        ("callers", "source_arn", [REMOVED, "arn:aws:events:eu-central-1:999999999999:rule/*"]),
        ("callers", "principal", ["*", "s3.amazonaws.com"]),
        ("callers", "action", ["lambda:*"]),
    ],
    "aws_cloudwatch_event_rule": [("events", "", [REMOVED]), ("events", "state", ["DISABLED"])],
    "aws_cloudwatch_event_target": [
        ("events", "", [REMOVED]),
        ("events", "arn", [_OTHERS_ACCOUNT.format("lambda")]),
        ("dead letters", "dead_letter_config", [REMOVED]),
        ("dead letters", "dead_letter_config.arn", [_OTHERS_ACCOUNT.format("sqs")]),
        ("dead letters", "retry_policy.maximum_retry_attempts", [0]),
        ("dead letters", "retry_policy.maximum_event_age_in_seconds", [60]),
        ("events", "role_arn", [REMOVED, "${aws_iam_role.pipeline_role.arn}"]),
        ("events", "input_transformer", [REMOVED]),
        ("events", "input_transformer.input_paths.commit", ["$.detail.oldCommitId"]),
        ("events", "input_transformer.input_template", ["{}", '{"sourceRevisions":[]}']),
    ],
    "aws_cloudwatch_metric_alarm": [
        ("logs and alarms", "", [REMOVED]),
        ("logs and alarms", "alarm_actions", [REMOVED, [_OTHERS_ACCOUNT.format("sns")]]),
        ("logs and alarms", "actions_enabled", [False]),
        ("logs and alarms", "threshold", [1000]),
        ("logs and alarms", "comparison_operator", ["LessThanThreshold"]),
        ("logs and alarms", "metric_name", ["NumberOfMessagesSent"]),
        ("logs and alarms", "namespace", ["AWS/SNS"]),
        ("logs and alarms", "dimensions", [REMOVED]),
        ("logs and alarms", "dimensions.QueueName", ["another"]),
        ("logs and alarms", "statistic", ["Minimum"]),
        ("logs and alarms", "period", [86400]),
        ("logs and alarms", "evaluation_periods", [100]),
    ],
    "aws_iam_role": [
        ("trust", "assume_role_policy", ["{}"]),
        ("trust", "max_session_duration", [43200]),
    ],
    "aws_iam_role_policy": [
        ("policy attachment", "", [REMOVED]),
        ("policy attachment", "role", ["${aws_iam_role.other.id}"]),
    ],
    "aws_eks_access_entry": [
        ("cluster access", "", [REMOVED]),
        ("cluster access", "kubernetes_groups", [["system:masters"], REMOVED]),
        ("cluster access", "cluster_name", ["another"]),
        ("cluster access", "principal_arn", ["${aws_iam_role.Build_image_role.arn}"]),
    ],
    "aws_eks_access_policy_association": [
        ("cluster access", "", [REMOVED]),
        ("cluster access", "access_scope", [{"type": "cluster"}]),
        ("cluster access", "access_scope.namespaces", [["kube-system"]]),
        ("cluster access", "cluster_name", ["another"]),
        ("cluster access", "principal_arn", ["${aws_iam_role.Build_image_role.arn}"]),
        ("cluster access", "policy_arn", ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"]),
    ],
    "aws_securityhub_account": [("data protection", "", [REMOVED])],
    "aws_ecr_registry_scanning_configuration": [
        ("registry", "", [REMOVED]),
        ("registry", "rule", [REMOVED]),
        ("registry", "rule.*.scan_frequency", ["MANUAL"]),
        ("registry", "rule.*.repository_filter.*.filter", ["nothing"]),
    ],
    "aws_codepipeline": [
        ("encryption", "artifact_store.*.encryption_key", [REMOVED]),
        ("encryption", "artifact_store.*.encryption_key.id", [_AWS_KEY("s3")]),
        ("encryption", "artifact_store.*.location", ["somebody-elses-bucket"]),
        ("pipeline", "execution_mode", ["PARALLEL", REMOVED]),
        ("pipeline", "pipeline_type", ["V1"]),
        ("pipeline", "role_arn", ["${aws_iam_role.Build_image_role.arn}"]),
        ("pipeline", "variable.*", [REMOVED]),
        ("pipeline", "variable.*.default_value", ["main"]),
    ],
}
# Written only where it differs from the default: there it is added.
_ADDED = {"state", "actions_enabled", "max_session_duration"}


def _attributes(stack: Stack) -> Iterator[_Change]:
    for kind, group in stack.get("resource", {}).items():
        for name, resource in group.items():
            here: Path = ("resource", kind, name)
            for group_name, attribute, values in _TABLE.get(kind, ()):
                for path in _find(resource, tuple(attribute.split(".")) if attribute else ()):
                    for value in values:
                        yield _Change(group_name, here + path, value)
            for value in (REMOVED, False):
                if resource.get("lifecycle", {}).get("prevent_destroy"):
                    yield _Change("data protection", (*here, "lifecycle", "prevent_destroy"), value)
            if kind == "aws_ecr_lifecycle_policy":
                policy = json.loads(resource["policy"])
                policy["rules"][0]["selection"]["tagStatus"] = "any"
                yield _Change("data protection", (*here, "policy"), json.dumps(policy), ".tagStatus", "any")


def _find(content: Json, steps: tuple[str, ...]) -> Iterator[Path]:
    """The paths that ``steps`` names."""
    if not steps:
        yield ()
        return
    first, rest = steps[0], steps[1:]
    if first == "*":
        if isinstance(content, list):
            for number, element in enumerate(content):
                yield from ((number, *path) for path in _find(element, rest))
    elif isinstance(content, Mapping) and (first in content or (not rest and first in _ADDED)):
        yield from ((first, *path) for path in _find(content.get(first), rest))


# Event patterns


def _patterns(stack: Stack) -> Iterator[_Change]:
    for name, rule in stack.get("resource", {}).get("aws_cloudwatch_event_rule", {}).items():
        here: Path = ("resource", "aws_cloudwatch_event_rule", name)
        if "schedule_expression" in rule:
            yield _Change("events", (*here, "schedule_expression"), "rate(7 days)")
            continue
        pattern = json.loads(rule["event_pattern"])
        path: Path = (*here, "event_pattern")
        for inner in _members(pattern):
            values: list[Any] = [REMOVED]
            if isinstance(at(pattern, inner), list):
                values += [[{"prefix": ""}], ["other"]]
            for value in values:
                changed = json.dumps(apply(pattern, inner, value), sort_keys=True)
                yield _Change("events", path, changed, "." + _place(pattern, inner), _short(value))
    for name, function in stack.get("resource", {}).get("aws_lambda_function", {}).items():
        variables = function.get("environment", {}).get("variables", {})
        for variable, value in variables.items():
            place: Path = ("resource", "aws_lambda_function", name, "environment", "variables", variable)
            yield _Change("events" if variable == "BRANCH_PATTERNS" else "code", place, REMOVED)
            yield _Change("events" if variable == "BRANCH_PATTERNS" else "code", place, "other")
            if variable == "BRANCH_PATTERNS" and value != "null":
                yield _Change("events", place, "null")


def _members(content: Json, path: Path = ()) -> Iterator[Path]:
    """Every key, at any depth, and every element of a list that has several."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield (*path, key)
            yield from _members(value, (*path, key))
    elif isinstance(content, list) and len(content) > 1:
        yield from ((*path, number) for number in range(len(content)))


# Builds

# Variables that say how something is built or shown; without them a build fails or shows less, and opens nothing.
_HARMLESS = {
    "BRANCH", "BUILD_CONTEXT", "BUILD_SCRIPT", "DOCKERFILE", "ECR_SCAN_TIMEOUT", "OTHER_IMAGES", "REPOSITORY",
    "REPOSITORY_URL", "ROLLOUT_TIMEOUT", "TEST_REPORTS", "ZAP_API_FORMAT", "ZAP_MINUTES",
}  # fmt: skip


def _projects(stack: Stack) -> Iterator[_Change]:
    projects = stack.get("resource", {}).get("aws_codebuild_project", {})
    for name, project in projects.items():
        here: Path = ("resource", "aws_codebuild_project", name)
        if not project["environment"]["privileged_mode"]:
            yield _Change("privileged", (*here, "environment", "privileged_mode"), True)
        for other in projects:
            if other != name:
                yield _Change("policy attachment", (*here, "service_role"), f"${{aws_iam_role.{other}_role.arn}}")
                break
        for number, variable in enumerate(project["environment"]["environment_variable"]):
            if variable["name"] not in _HARMLESS:
                place = (*here, "environment", "environment_variable", number)
                yield _Change("build", place, REMOVED)
                yield _Change("build", (*place, "value"), "other")
        lines = str(project["source"]["buildspec"]).split("\n")
        for number, line in enumerate(lines):
            if re.match(r"\s+(on-failure:|- python3 /opt|- echo \"\$SCRIPTS_SHA256)", line):
                text = "\n".join([*lines[:number], *lines[number + 1 :]])
                inside = f".{_phase(lines[:number])}[{line.strip()}]"
                yield _Change("gate in the buildspec", (*here, "source", "buildspec"), text, inside, "removed")
                if line.strip().startswith("- python3"):
                    text = "\n".join([*lines[:number], f"{line} || true", *lines[number + 1 :]])
                    yield _Change("gate in the buildspec", (*here, "source", "buildspec"), text, inside, "|| true")


def _phase(lines: Sequence[str]) -> str:
    return next(
        (line.strip(" :") for line in reversed(lines) if re.fullmatch(r"  (install|build|post_build):", line)), ""
    )


# Policies


def _policies(stack: Stack) -> Iterator[_Change]:
    for name, document in stack.get("data", {}).get("aws_iam_policy_document", {}).items():
        trust = name.endswith("_trust")
        for number, statement in enumerate(document["statement"]):
            here: Path = ("data", "aws_iam_policy_document", name, "statement", number)
            deny = statement.get("effect") == "Deny"
            kind = "trust" if trust else "deny" if deny else "policy"
            yield _Change(f"{kind}: statement", here, REMOVED)
            if deny:
                yield _Change("deny: statement", (*here, "effect"), "Allow")
                yield from _narrowed(here, statement)
            else:
                yield from _widened(f"{kind}: ", here, statement)
            yield from _conditions(f"{kind}: condition", here, statement)


def _narrowed(here: Path, statement: Stack) -> Iterator[_Change]:
    """A Deny that refuses less."""
    for key in ("actions", "resources"):
        for number, value in enumerate(statement[key]):
            path = (*here, key, number)
            if len(statement[key]) > 1:
                yield _Change(f"deny: {key}", path, REMOVED)
            other = "s3:GetBucketAcl" if key == "actions" else f"{value.rstrip('*')}/other"
            yield _Change(f"deny: {key}", path, other)
    for number, _ in enumerate(statement.get("principals", ())):
        path = (*here, "principals", number, "identifiers")
        yield _Change("deny: principals", path, ["arn:aws:iam::999999999999:root"])


# What somebody might add beside what is used: by service, an action that changes or destroys.
_STRONGER = {
    "s3": "s3:DeleteObjectVersion",
    "kms": "kms:ScheduleKeyDeletion",
    "logs": "logs:DeleteLogGroup",
    "lambda": "lambda:UpdateFunctionCode",
    "codebuild": "codebuild:UpdateProject",
    "codepipeline": "codepipeline:PutApprovalResult",
    "codecommit": "codecommit:GitPush",
    "ecr": "ecr:DeleteRepository",
    "eks": "eks:CreateAccessEntry",
    "ssm": "ssm:PutParameter",
    "sns": "sns:Subscribe",
    "sqs": "sqs:PurgeQueue",
    "securityhub": "securityhub:DisableSecurityHub",
    "inspector2": "inspector2:Disable",
    "config": "config:StopConfigurationRecorder",
    "ec2": "ec2:AuthorizeSecurityGroupIngress",
    "sts": "sts:TagSession",
}


def _widened(kind: str, here: Path, statement: Stack) -> Iterator[_Change]:
    """An Allow that allows more."""
    actions = statement["actions"]
    services = list(dict.fromkeys(action.partition(":")[0] for action in actions))
    for number, action in enumerate(actions):
        service = action.partition(":")[0]
        if action != f"{service}:*":
            yield _Change(f"{kind}actions", (*here, "actions", number), f"{service}:*")
        yield _Change(f"{kind}actions", (*here, "actions", number), "*")
        if len(actions) > 1:
            yield _Change(f"{kind}action missing", (*here, "actions", number), REMOVED)
    for service in services:
        if f"{service}:*" not in actions:
            stronger = _STRONGER[service]
            yield _Change(f"{kind}action added", (*here, "actions"), [*actions, stronger], shown=f"and {stronger}")
    resources = statement.get("resources", [])
    for number, resource in enumerate(resources):
        if resource == "*":
            continue
        yield _Change(f"{kind}resources", (*here, "resources", number), "*")
        if resource.startswith("arn:"):
            for wider in _wider(resource):
                yield _Change(f"{kind}resources", (*here, "resources", number), wider)
        if len(resources) > 1:
            yield _Change(f"{kind}resource missing", (*here, "resources", number), REMOVED)
    for number, principal in enumerate(statement.get("principals", ())):
        path = (*here, "principals", number)
        yield _Change(f"{kind}principals", path, {"type": "AWS", "identifiers": ["*"]})
        yield _Change(f"{kind}principals", path, {"type": "AWS", "identifiers": ["arn:aws:iam::999999999999:root"]})
        if principal["type"] == "Service":
            added = [*principal["identifiers"], "ec2.amazonaws.com"]
            yield _Change(f"{kind}principals", (*path, "identifiers"), added, shown="and ec2.amazonaws.com")


def _wider(arn: str) -> Iterator[str]:
    """The ARN cut at its service's beginning, and at its last name."""
    fixed = re.split(r":(?![^{]*\})", arn, maxsplit=5)
    yield ":".join([*fixed[:5], "*"])
    name = re.fullmatch(r"(.*[:/]|)([^:/]*)", fixed[5])
    if name and name[2] != "*":
        yield ":".join([*fixed[:5], f"{name[1]}*"])


def _conditions(kind: str, here: Path, statement: Stack) -> Iterator[_Change]:
    conditions = statement.get("condition", [])
    for number, condition in enumerate(conditions):
        path = (*here, "condition", number)
        yield _Change(kind, path, REMOVED)
        if condition["test"] not in ("Bool", "Null"):
            anything = {**condition, "test": condition["test"].replace("Equals", "Like"), "values": ["*"]}
            yield _Change(kind, path, anything, shown="any value")
            yield _Change(kind, (*path, "values"), ["999999999999"])
            yield _Change(kind, (*path, "test"), condition["test"] + "IfExists")
            for value_number in range(len(condition["values"])):
                if len(condition["values"]) > 1:
                    yield _Change(kind, (*path, "values", value_number), REMOVED)
        else:
            opposite = "true" if condition["values"] == ["false"] else "false"
            yield _Change(kind, (*path, "values"), [opposite])


# Pipelines


def _pipelines(stack: Stack) -> Iterator[_Change]:
    for name, pipeline in stack.get("resource", {}).get("aws_codepipeline", {}).items():
        here: Path = ("resource", "aws_codepipeline", name, "stage")
        stages = pipeline["stage"]
        for number, stage in enumerate(stages):
            yield _Change("pipeline: stage", (*here, number), REMOVED)
            if number + 1 < len(stages):
                swapped = [*stages[:number], stages[number + 1], stage, *stages[number + 2 :]]
                yield _Change("pipeline: order", here, swapped, f"[{stage['name']}]", "after the next stage")
            yield from _order((*here, number, "action"), stage["action"])
            for action_number, action in enumerate(stage["action"]):
                path = (*here, number, "action", action_number)
                if len(stage["action"]) > 1:
                    yield _Change(f"pipeline: {_role_of(action)} removed", path, REMOVED)
                yield from _action(path, action, stack)


def _role_of(action: Stack) -> str:
    by_provider = {"Lambda": str(action["name"]), "Manual": "approval", "CodeCommit": "source"}
    return by_provider.get(
        action["provider"], "scan" if "namespace" in action and action["name"] != "image" else "build"
    )


def _order(path: Path, actions: Sequence[Stack]) -> Iterator[_Change]:
    orders = [action.get("run_order", 1) for action in actions]
    for first, second in combinations(range(len(actions)), 2):
        if orders[first] != orders[second]:
            swapped = [dict(action) for action in actions]
            swapped[first]["run_order"], swapped[second]["run_order"] = orders[second], orders[first]
            inside = f"[{actions[first]['name']}].run_order"
            yield _Change("pipeline: order", path, swapped, inside, f"swapped with {actions[second]['name']}")
    for number, action in enumerate(actions):
        if any(order > orders[number] for order in orders):
            yield _Change(f"pipeline: {_role_of(action)} moved", (*path, number, "run_order"), max(orders) + 1)
        if orders[number] > 1:
            yield _Change(f"pipeline: {_role_of(action)} moved", (*path, number, "run_order"), 1)


def _action(path: Path, action: Stack, stack: Stack) -> Iterator[_Change]:
    kind = f"pipeline: {_role_of(action)}"
    configuration = action.get("configuration", {})
    for key, value in configuration.items():
        place = (*path, "configuration", key)
        if key != "OutputArtifactFormat":  # CODE_ZIP is the default
            yield _Change(kind, place, REMOVED)
        if key == "EnvironmentVariables":
            variables = json.loads(value)
            for number, variable in enumerate(variables):
                for shown, changed in (
                    ("removed", REMOVED),
                    ("HEAD", {**variable, "value": "HEAD"}),
                    ("SECRETS_MANAGER", {**variable, "type": "SECRETS_MANAGER"}),
                ):
                    text = json.dumps(apply(variables, (number,), changed), separators=(",", ":"))
                    yield _Change(kind, place, text, f"[{variable['name']}]", shown)
        elif key == "UserParameters" and value.startswith("{"):
            members = json.loads(value)
            for member in members:
                for shown, other in (("removed", REMOVED), ("other", "other")):
                    text = json.dumps(apply(members, (member,), other), separators=(",", ":"))
                    yield _Change(kind, place, text, f".{member}", shown)
        else:
            yield from (_Change(kind, place, other) for other in _OTHER.get(key, ()))
    if action["provider"] == "CodeBuild":
        for project in stack["resource"]["aws_codebuild_project"].values():
            if project["name"] != configuration["ProjectName"]:
                yield _Change(kind, (*path, "configuration", "ProjectName"), project["name"])
                break
        if len(action["input_artifacts"]) > 1:
            for number in range(len(action["input_artifacts"])):
                yield _Change(kind, (*path, "input_artifacts", number), REMOVED)
            yield _Change(kind, (*path, "configuration", "PrimarySource"), "Resolved")
    if "namespace" in action:
        yield _Change(kind, (*path, "namespace"), REMOVED)


_OTHER: Mapping[str, Sequence[str]] = {
    "PollForSourceChanges": ["true"],
    "OutputArtifactFormat": ["CODEBUILD_CLONE_REF"],
    "RepositoryName": ["another"],
    "BranchName": ["another"],
    "FunctionName": ["somebody-elses"],
    "UserParameters": ["#{Build.IMAGE_SHA256}", "0"],
    "NotificationArn": [_OTHERS_ACCOUNT.format("sns")],
    "CustomData": ["release?"],
    "ExternalEntityLink": ["https://example.org/"],
}
