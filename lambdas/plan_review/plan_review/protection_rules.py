"""What protects, and how it is weakened, as data: type, attribute, and what is said. Names from the pages of the AWS provider:
https://registry.terraform.io/providers/hashicorp/aws/latest/docs"""

from __future__ import annotations

from plan_review.findings import Kind
from plan_review.rules import Becomes, Less, Lost, Rules, Shrinks, given, is_true, one_of

_TLS = ("tlsv1.0", "tls10", "sslv3", "tlsv1", "tlsv1_2016", "tlsv1.1_2016", "tls_1_0", "tls_1_1", "tls1_0", "tls1_1",
        "policy-min-tls-1-0-2019-07")  # fmt: skip


def _days(value: object) -> float | None:
    """0 days are for ever."""
    return (float("inf") if value == 0 else value) if isinstance(value, (int, float)) else None


def _locked(value: object) -> float | None:
    """A retention's days; a year is at least 365."""
    if not isinstance(value, dict):
        return None
    days, years = value.get("days"), value.get("years")
    found = [number * of for number, of in ((days, 1), (years, 365)) if isinstance(number, (int, float)) and number]
    return max(found, default=None)


def _own(value: object) -> bool:
    """A key that is not one of AWS's own, which every user of the account may use."""
    return given(value) and not (isinstance(value, str) and "alias/aws/" in value)


def _on(*names: str) -> list[Lost]:
    return [Lost("*", name, is_true, f"a protection is switched off: {name}") for name in names]


_ENCRYPTION = "is no longer encrypted"
_OWN_KEY = "is no longer encrypted with a key of your own"
PROTECTION = Rules(
    Kind.PROTECTION,
    [
        # encryption
        *(Lost("*", name, is_true, _ENCRYPTION) for name in (
            "storage_encrypted", "encrypted", "at_rest_encryption_enabled", "transit_encryption_enabled", "encryption_enabled",
            "server_side_encryption.*.enabled", "encrypt_at_rest.*.enabled", "node_to_node_encryption.*.enabled",
            "sqs_managed_sse_enabled", "root_block_device.*.encrypted", "ebs_block_device.*.encrypted", "tls_enabled",
            "infrastructure_encryption_enabled", "enable_https_traffic_only", "https_traffic_only_enabled",
        )),
        *(Lost("aws_*", name, _own, _OWN_KEY) for name in (
            "kms_key_id", "kms_key_arn", "kms_master_key_id", "kms_key", "encryption_key", "kms_key_identifier",
            "encryption_configuration.*.kms_key", "artifact_store.*.encryption_key",
            "rule.*.apply_server_side_encryption_by_default.*.kms_master_key_id",
            "encryption_config.*.provider.*.key_arn", "customer_managed_key_id",
        )),
        Lost("aws_s3_bucket_server_side_encryption_configuration", "rule.*.apply_server_side_encryption_by_default.*.sse_algorithm",
             one_of("aws:kms", "aws:kms:dsse"), "encrypts with S3's key instead of KMS's"),
        Lost("aws_kms_key", "enable_key_rotation", is_true, "is no longer rotated"),
        Lost("aws_kms_key aws_kms_external_key", "is_enabled", is_true, "is switched off"),
        Lost("aws_ebs_encryption_by_default", "enabled", is_true, "new disks are no longer encrypted"),
        Becomes("aws_*", "minimum_protocol_version", one_of(*_TLS), "takes old versions of TLS", fresh=False),
        Becomes("aws_*", "viewer_certificate.*.minimum_protocol_version", one_of(*_TLS), "takes old versions of TLS", fresh=False),
        Becomes("aws_*", "domain_endpoint_options.*.tls_security_policy", one_of(*_TLS), "takes old versions of TLS", fresh=False),
        Becomes("azurerm_*", "min_tls_version", one_of(*_TLS), "takes old versions of TLS", fresh=False),
        Lost("aws_*", "domain_endpoint_options.*.enforce_https", is_true, "takes requests without TLS"),
        Becomes("aws_cloudfront_distribution", "default_cache_behavior.*.viewer_protocol_policy", one_of("allow-all"),
                "takes requests without TLS", fresh=False),
        # logs and trails
        *(Lost("aws_cloudtrail", name, is_true, f"the trail is weaker: {name}") for name in (
            "enable_logging", "enable_log_file_validation", "is_multi_region_trail", "include_global_service_events",
            "is_organization_trail")),
        Shrinks("aws_cloudtrail", "event_selector", "the trail records other events"),
        Shrinks("aws_cloudtrail", "advanced_event_selector", "the trail records other events"),
        Lost("aws_cloudtrail", "cloud_watch_logs_group_arn", given, "the trail no longer writes to CloudWatch Logs"),
        Less("aws_cloudwatch_log_group", "retention_in_days", "logs are kept for a shorter time", measure=_days),
        Less("aws_cloudwatch_event_archive", "retention_days",
             "events are kept for a shorter time", measure=_days),
        Less("aws_cloudtrail_event_data_store", "retention_period", "events are kept for a shorter time", measure=_days),
        Less("aws_kinesis_stream", "retention_period", "records are kept for a shorter time"),
        *(Lost("*", name, is_true, "no longer writes access logs") for name in ("access_logs.*.enabled", "logging.*.enable")),
        Lost("aws_s3_bucket", "logging.*.target_bucket", given, "no longer writes access logs"),
        Lost("aws_api_gateway_stage aws_apigatewayv2_stage", "access_log_settings", given, "no longer writes access logs"),
        Lost("aws_cloudfront_distribution", "logging_config", given, "no longer writes access logs"),
        Lost("aws_codebuild_project", "logs_config.*.cloudwatch_logs.*.status", one_of("ENABLED"), "builds no longer write logs"),
        Shrinks("aws_eks_cluster", "enabled_cluster_log_types", "the cluster writes fewer logs"),
        Shrinks("aws_db_instance aws_rds_cluster aws_docdb_cluster aws_neptune_cluster", "enabled_cloudwatch_logs_exports",
                "the database exports fewer logs"),
        Lost("aws_config_configuration_recorder_status", "is_enabled", is_true, "AWS Config no longer records"),
        Lost("aws_config_configuration_recorder", "recording_group.*.all_supported", is_true, "AWS Config records fewer types"),
        Lost("aws_config_configuration_recorder", "recording_group.*.include_global_resource_types", is_true,
             "AWS Config records fewer types"),
        Shrinks("aws_config_configuration_recorder", "recording_group.*.resource_types", "AWS Config records fewer types"),
        Becomes("aws_config_configuration_recorder", "recording_group.*.exclusion_by_resource_types.*.resource_types", given,
                "AWS Config records fewer types", fresh=False),
        Lost("aws_config_configuration_recorder", "recording_mode.*.recording_frequency", one_of("CONTINUOUS"),
             "AWS Config records once a day"),
        Lost("aws_guardduty_detector", "enable", is_true, "GuardDuty is switched off"),
        Shrinks("aws_inspector2_enabler", "resource_types", "Inspector scans fewer types"),
        # alarms and events
        Lost("aws_cloudwatch_metric_alarm aws_cloudwatch_composite_alarm", "actions_enabled", is_true, "the alarm tells nobody"),
        Shrinks("aws_cloudwatch_metric_alarm aws_cloudwatch_composite_alarm", "alarm_actions", "the alarm tells fewer"),
        Shrinks("aws_cloudwatch_composite_alarm", "alarm_rule", "the alarm looks at something else"),
        Becomes("aws_cloudwatch_composite_alarm", "actions_suppressor.*.alarm", given, "another alarm keeps it from telling", fresh=False),
        Becomes("aws_cloudwatch_event_rule", "state", one_of("DISABLED"), "the rule is switched off", fresh=False),
        Lost("aws_cloudwatch_event_rule", "is_enabled", is_true, "the rule is switched off"),
        Becomes("aws_scheduler_schedule", "state", one_of("DISABLED"), "the schedule is switched off", fresh=False),
        # who hears of it
        Shrinks("aws_cloudwatch_event_target", "arn", "it no longer hears of these events, something else does"),
        Shrinks("aws_sns_topic_subscription", "endpoint", "it no longer hears of what is published, something else does"),
        Becomes("aws_sns_topic_subscription", "filter_policy", given, "hears only of some of what is published", fresh=False),
        Shrinks("aws_cloudtrail", "s3_bucket_name", "the trail writes to another bucket"),
        Shrinks("aws_flow_log", "log_destination", "traffic is logged elsewhere"),
        Shrinks("aws_config_delivery_channel", "s3_bucket_name", "AWS Config delivers to another bucket"),
        Shrinks("aws_codepipeline", "artifact_store.*.location", "artifacts go to another bucket"),
        Lost("aws_sqs_queue", "redrive_policy", given, "what fails is no longer kept as a dead letter"),
        Lost("aws_lambda_function aws_cloudwatch_event_target", "dead_letter_config.*.*", given,
             "what fails is no longer kept as a dead letter"),
        # versions, backups, deletion
        Lost("aws_s3_bucket_versioning", "versioning_configuration.*.status", one_of("Enabled"), "objects no longer have versions"),
        Lost("aws_s3_bucket", "versioning.*.enabled", is_true, "objects no longer have versions"),
        Lost("aws_s3_bucket_versioning", "versioning_configuration.*.mfa_delete", one_of("Enabled"), "versions go without MFA"),
        Lost("aws_s3_bucket", "object_lock_enabled", is_true, "objects can be deleted before their time"),
        Lost("google_storage_bucket", "versioning.*.enabled", is_true, "objects no longer have versions"),
        Lost("aws_dynamodb_table", "point_in_time_recovery.*.enabled", is_true, "can no longer be put back to a point in time"),
        *(Less("*", name, "backups are kept for a shorter time") for name in (
            "backup_retention_period", "snapshot_retention_limit", "automated_snapshot_retention_period",
            "backup_retention_days", "automatic_backup_retention_days")),
        Less("aws_backup_plan", "rule.*.lifecycle.*.delete_after", "backups are kept for a shorter time", endless=True, measure=_days),
        Shrinks("aws_backup_plan", "rule.*.rule_name", "has fewer rules: less is backed up"),
        Lost("aws_s3_bucket_object_lock_configuration", "rule.*.default_retention.*.mode", one_of("COMPLIANCE"),
             "objects can be deleted before their time"),
        Less("aws_s3_bucket_object_lock_configuration", "rule.*.default_retention.*", "objects are locked for a shorter time",
             measure=_locked),
        Less("aws_s3_bucket", "object_lock_configuration.*.rule.*.default_retention.*", "objects are locked for a shorter time",
             measure=_locked),
        Lost("aws_s3_object aws_s3_object_copy", "object_lock_legal_hold_status", one_of("ON"), "is no longer held"),
        Lost("aws_s3_object aws_s3_object_copy", "object_lock_mode", one_of("COMPLIANCE"), "can be deleted before its time"),
        Less("aws_backup_vault_lock_configuration", "min_retention_days", "recovery points can be deleted sooner"),
        Lost("aws_s3_bucket_ownership_controls", "rule.*.object_ownership", one_of("BucketOwnerEnforced"),
             "access control lists count again"),
        *(Less("*", name, "there is less time to take a deletion back") for name in (
            "deletion_window_in_days", "recovery_window_in_days", "soft_delete_retention_days")),
        *(Becomes("*", name, is_true, "can be destroyed with all that is in it", fresh=False) for name in (
            "force_destroy", "force_delete", "skip_final_snapshot", "delete_automated_backups")),
        Lost("*", "skip_destroy", is_true, "is destroyed with the rest: skip_destroy kept it"),
        *_on("deletion_protection", "deletion_protection_enabled", "enable_deletion_protection", "termination_protection",
             "disable_api_termination", "purge_protection_enabled"),
        Lost("aws_cognito_user_pool", "deletion_protection", one_of("ACTIVE"), "its deletion is no longer refused"),
        Lost("aws_ecr_repository", "image_scanning_configuration.*.scan_on_push", is_true, "images are no longer scanned when they come"),
        Lost("aws_ecr_registry_scanning_configuration", "scan_type", one_of("ENHANCED"), "images are scanned as ECR does by itself"),
        Shrinks("aws_ecr_registry_scanning_configuration", "rule.*.repository_filter.*.filter", "fewer repositories are scanned"),
        Lost("aws_ecr_repository", "image_tag_mutability", one_of("IMMUTABLE"), "its tags can be put on other images"),
        # identities and machines
        Lost("aws_instance aws_launch_template", "metadata_options.*.http_tokens", one_of("required"), "metadata is given without a token (IMDSv1)"),
        Becomes("aws_codebuild_project", "source.*.insecure_ssl", is_true, "takes its source from whoever answers", fresh=False),
        Becomes("aws_codebuild_project", "environment.*.privileged_mode", is_true, "builds run privileged", fresh=False),
        Lost("aws_db_instance aws_rds_cluster", "iam_database_authentication_enabled", is_true, "no longer takes IAM's identities"),
        *(Less("aws_iam_account_password_policy", name, "passwords may be weaker") for name in (
            "minimum_password_length", "password_reuse_prevention")),
        *(Lost("aws_iam_account_password_policy", name, is_true, "passwords may be weaker") for name in (
            "require_lowercase_characters", "require_uppercase_characters", "require_numbers", "require_symbols")),
        Lost("aws_cognito_user_pool", "mfa_configuration", one_of("ON"), "users need no second factor"),
        Lost("aws_wafv2_web_acl", "default_action.*.block", lambda value: value is not None, "lets through what no rule names"),
        Shrinks("aws_wafv2_web_acl", "rule.*.name", "has fewer rules"),
        Lost("aws_lb_listener aws_alb_listener", "protocol", one_of("HTTPS", "TLS"), "takes requests without TLS"),
        Lost("aws_elb", "listener.*.lb_protocol", one_of("HTTPS", "SSL"), "takes requests without TLS"),
        Becomes("aws_lambda_function", "reserved_concurrent_executions", lambda value: value == 0, "can no longer be called", fresh=False),
        Lost("aws_apigatewayv2_route aws_api_gateway_method", "api_key_required", is_true, "asks for no API key"),
        Becomes("*", "bypass_policy_lockout_safety_check", is_true, "lets its owners be locked out", fresh=False),
        Lost("kubernetes_* azurerm_kubernetes_cluster google_container_cluster", "role_based_access_control_enabled", is_true,
             "asks no roles"),
        Becomes("azurerm_*", "local_authentication_enabled", is_true, "takes local accounts", fresh=False),
    ],
)  # fmt: skip
