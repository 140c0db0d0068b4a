"""Attributes of resources, of the state's backend and of the provider: missing, or with a weaker value.

Removing what Terraform or AWS would do anyway is no mutant: the table names only what makes the output weaker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.output_mutations.change import OTHERS_ACCOUNT, REMOVED, Change, Json, Path, Stack, at_or_none

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
        ("dead letters", "destination_config.on_failure.destination", [OTHERS_ACCOUNT.format("sqs")]),
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
        ("events", "arn", [OTHERS_ACCOUNT.format("lambda")]),
        ("dead letters", "dead_letter_config", [REMOVED]),
        ("dead letters", "dead_letter_config.arn", [OTHERS_ACCOUNT.format("sqs")]),
        ("dead letters", "retry_policy.maximum_retry_attempts", [0]),
        ("dead letters", "retry_policy.maximum_event_age_in_seconds", [60]),
        ("events", "role_arn", [REMOVED, "${aws_iam_role.pipeline_role.arn}"]),
        ("events", "input_transformer", [REMOVED]),
        ("events", "input_transformer.input_paths.commit", ["$.detail.oldCommitId"]),
        ("events", "input_transformer.input_template", ["{}", '{"sourceRevisions":[]}']),
    ],
    "aws_cloudwatch_metric_alarm": [
        ("logs and alarms", "", [REMOVED]),
        ("logs and alarms", "alarm_actions", [REMOVED, [OTHERS_ACCOUNT.format("sns")]]),
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
    # Who watches the account: CloudTrail, what listens to its log, AWS Config.
    "aws_cloudtrail": [
        ("watch", "", [REMOVED]),
        ("watch", "is_multi_region_trail", [False, REMOVED]),
        ("watch", "include_global_service_events", [False]),
        ("watch", "enable_log_file_validation", [False, REMOVED]),
        ("watch", "enable_logging", [False]),
        ("watch", "kms_key_id", [REMOVED]),
        ("watch", "s3_bucket_name", ["somebody-elses-bucket"]),
        ("watch", "cloud_watch_logs_group_arn", [REMOVED]),
        ("watch", "cloud_watch_logs_role_arn", [REMOVED]),
        ("watch", "lifecycle", [REMOVED]),
    ],
    "aws_cloudwatch_log_metric_filter": [
        ("watch", "", [REMOVED]),
        ("watch", "pattern", ['{ $.eventName = "Nothing" }']),
        ("watch", "log_group_name", ["/aws/cloudtrail/somebody-elses"]),
        ("watch", "metric_transformation.name", ["Another"]),
        ("watch", "metric_transformation.namespace", ["another/audit"]),
        ("watch", "metric_transformation.value", ["0"]),
    ],
    "aws_config_configuration_recorder": [
        ("watch", "", [REMOVED]),
        ("watch", "recording_group", [REMOVED]),
        ("watch", "recording_group.all_supported", [False]),
        ("watch", "recording_group.include_global_resource_types", [False]),
        ("watch", "lifecycle", [REMOVED]),
    ],
    "aws_config_configuration_recorder_status": [
        ("watch", "", [REMOVED]),
        ("watch", "is_enabled", [False]),
        ("watch", "lifecycle", [REMOVED]),
    ],
    "aws_config_delivery_channel": [
        ("watch", "", [REMOVED]),
        ("watch", "s3_bucket_name", ["somebody-elses-bucket"]),
        ("watch", "s3_kms_key_arn", [REMOVED]),
        ("watch", "lifecycle", [REMOVED]),
    ],
    "aws_config_config_rule": [
        ("watch", "", [REMOVED]),
        ("watch", "source.source_identifier", ["ROOT_ACCOUNT_MFA_ENABLED"]),
        ("watch", "scope", [REMOVED]),
        ("watch", "scope.tag_value", ["another"]),
        ("watch", "input_parameters", [REMOVED]),
    ],
    "aws_securityhub_insight": [("watch", "", [REMOVED])],
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


def of_terraform(stack: Stack) -> Iterator[Change]:
    """The state's backend, the provider and the key's alias."""
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
            yield Change("state and account", path, value)
    for name in stack.get("data", {}).get("aws_kms_alias", {}):
        yield Change("encryption", ("data", "aws_kms_alias", name, "name"), "alias/aws/s3")


def of_attributes(stack: Stack) -> Iterator[Change]:
    """What the table names, protections against destruction, and what a registry may forget."""
    for kind, group in stack.get("resource", {}).items():
        for name, resource in group.items():
            here: Path = ("resource", kind, name)
            for group_name, attribute, values in _TABLE.get(kind, ()):
                for path in _find(resource, tuple(attribute.split(".")) if attribute else ()):
                    for value in values:
                        yield Change(group_name, here + path, value)
            for value in (REMOVED, False):
                if resource.get("lifecycle", {}).get("prevent_destroy"):
                    yield Change("data protection", (*here, "lifecycle", "prevent_destroy"), value)
            if kind == "aws_ecr_lifecycle_policy":
                policy = json.loads(resource["policy"])
                policy["rules"][0]["selection"]["tagStatus"] = "any"
                yield Change("data protection", (*here, "policy"), json.dumps(policy), ".tagStatus", "any")


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
