"""Rules that nothing emitted may break, checked on the finished Terraform before it is written.

They hold whatever the stacks and modules above them become. Pure functions over the JSON of one stack instead of cdktf
aspects: an aspect calls back from Node into Python for every node (docs/adr/0005-guardrails-on-the-output.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Stack = Mapping[str, Any]
Rule = Callable[[str, Stack, Stack], Iterator[str]]


def check(stack: Stack) -> list[str]:
    """Every broken rule as ``address: what is wrong, what would be right``."""
    resources = stack.get("resource", {})
    return [
        f"{kind}.{name}: {problem}"
        for kind, group in resources.items()
        for name, resource in group.items()
        for problem in _RULES.get(kind, _no_rule)(name, resource, resources)
    ]


def _no_rule(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    yield from ()


def _bucket(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    reference = f"${{aws_s3_bucket.{name}.id}}"
    for companion in (
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
        "aws_s3_bucket_policy",
    ):
        if not any(other.get("bucket") == reference for other in resources.get(companion, {}).values()):
            yield f"a bucket without {companion}: make it with storage.make_bucket"
    if resource.get("force_destroy"):
        yield "force_destroy empties a bucket without asking: leave it off"


def _public_access(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    for switch in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
        if resource.get(switch) is not True:
            yield f"{switch} is not true: every bucket is private"


def _project(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    environment = resource["environment"]
    if environment.get("privileged_mode") and name != "Build_image":
        yield "privileged mode: only in Build/image, which makes the image"
    if not resource.get("encryption_key"):
        yield "no encryption_key: artifacts are encrypted with the project's key"
    for variable in environment.get("environment_variable", ()):
        if variable.get("type") != "PLAINTEXT":
            yield f"{variable['name']}: a secret in a build's environment is open to every command; read it where it is used"


def _trusting(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    if not str(resource.get("assume_role_policy", "")).startswith("${data.aws_iam_policy_document."):
        yield "trust is not a policy document: make roles with iam.Role"


def _encrypted(attribute: str) -> Rule:
    def rule(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
        if not resource.get(attribute):
            yield f"no {attribute}: encrypted with the project's key or not at all"

    return rule


def _pipeline(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    if resource.get("execution_mode") == "PARALLEL":
        yield "execution mode PARALLEL: a CodeCommit source then takes the branch's head, not the event's commit"
    for stage in resource["stage"]:
        for action in stage["action"]:
            configuration = action.get("configuration", {})
            if action["provider"] == "CodeCommit" and configuration.get("PollForSourceChanges") != "false":
                yield f"{stage['name']}/{action['name']}: polling beside an event rule starts each run twice"
    actions = [action for stage in resource["stage"] for action in stage["action"]]
    namespaces = [action["namespace"] for action in actions if action.get("namespace")]
    taken = [name for action in actions for name in action.get("output_artifacts", ())]
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
    for name in sorted({name for name in namespaces if namespaces.count(name) > 1 or name in taken}):
        yield f"namespace {name}: must be unique in the pipeline, among its artifacts' names too"


def _target(name: str, resource: Stack, resources: Stack) -> Iterator[str]:
    arn = json.dumps(resource.get("arn", ""))
    by_role = any(word in arn for word in ("aws_codepipeline", ":codepipeline:", "aws_codebuild", ":codebuild:"))
    if by_role and not resource.get("role_arn"):
        yield "a pipeline or a build project as target needs role_arn"
    if not by_role and resource.get("role_arn"):
        yield "a function, topic or queue as target takes a resource policy and no role_arn"


_RULES: Mapping[str, Rule] = {
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_public_access_block": _public_access,
    "aws_codebuild_project": _project,
    "aws_iam_role": _trusting,
    "aws_codepipeline": _pipeline,
    "aws_cloudwatch_event_target": _target,
    "aws_sns_topic": _encrypted("kms_master_key_id"),
    "aws_sqs_queue": _encrypted("kms_master_key_id"),
    "aws_cloudwatch_log_group": _encrypted("kms_key_id"),
    "aws_ecr_repository": _encrypted("encryption_configuration"),
}
