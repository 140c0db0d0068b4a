"""Each rule about an attribute, caught and nearly: before and after by hand, one object each."""

from __future__ import annotations

from typing import Any

import pytest
from plan_builder import allow, change, policy, reviewed

from plan_review.findings import Kind
from plan_review.stateful_catalogue import ENDINGS, EXACT, lost_with

ANYBODY = policy(allow(Principal="*"))
OWN = policy(allow(Principal={"AWS": "123456789012"}))
ORGANIZATION = policy(allow(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}))


def block(*path: str, value: Any) -> dict[str, Any]:
    """``block("a", "b", value=1)`` -> ``{"a": [{"b": 1}]}``."""
    head, *rest = path
    return {head: [block(*rest, value=value)] if rest else value}


# kind of risk, type, before, after that is told, after that is not
CASES: list[tuple[Kind, str, Any, Any, Any]] = [
    (Kind.PUBLIC, "aws_s3_account_public_access_block", {"ignore_public_acls": True}, {"ignore_public_acls": None}, {"ignore_public_acls": True, "id": "2"}),
    (Kind.PUBLIC, "aws_s3_bucket", {"acl": "private"}, {"acl": "public-read-write"}, {"acl": "log-delivery-write"}),
    (Kind.PUBLIC, "aws_s3_bucket_policy", {"bucket": "b", "policy": OWN}, {"bucket": "b", "policy": ANYBODY}, {"bucket": "b", "policy": OWN, "id": "2"}),
    (Kind.PUBLIC, "aws_ecr_repository_policy", {"repository": "r", "policy": OWN}, {"repository": "r", "policy": ANYBODY}, {"repository": "r", "policy": policy()}),
    (Kind.PUBLIC, "aws_kms_key", {"policy": OWN}, {"policy": ANYBODY}, {"policy": OWN, "tags": {}}),
    (Kind.PUBLIC, "aws_redshift_cluster", {"publicly_accessible": False}, {"publicly_accessible": True}, {"publicly_accessible": False, "port": 1}),
    (Kind.PUBLIC, "aws_lb", {"internal": True}, {"internal": False}, {"internal": True, "idle_timeout": 3}),
    (Kind.PUBLIC, "aws_db_snapshot", {"shared_accounts": []}, {"shared_accounts": ["all"]}, {"shared_accounts": ["123456789012"]}),
    (Kind.PUBLIC, "aws_codebuild_project", {"project_visibility": "PRIVATE"}, {"project_visibility": "PUBLIC_READ"}, {"project_visibility": "PRIVATE", "x": 1}),
    (Kind.PUBLIC, "aws_api_gateway_method", {"authorization": "AWS_IAM", "http_method": "GET"}, {"authorization": "NONE", "http_method": "GET"}, {"authorization": "NONE", "http_method": "OPTIONS"}),
    (Kind.PUBLIC, "aws_eks_cluster", block("vpc_config", "public_access_cidrs", value=["198.51.100.0/24"]), block("vpc_config", "public_access_cidrs", value=["0.0.0.0/0"]), block("vpc_config", "public_access_cidrs", value=["203.0.113.0/24"])),
    (Kind.PUBLIC, "aws_security_group_rule", {"type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"]}, {"type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/1"]}, {"type": "ingress", "protocol": "tcp", "from_port": 80, "to_port": 80, "cidr_blocks": ["10.0.0.0/8"]}),
    (Kind.PUBLIC, "google_storage_bucket_iam_member", {"member": "user:a@example.com", "role": "r"}, {"member": "allUsers", "role": "r"}, {"member": "user:a@example.com", "role": "r", "etag": "2"}),
    (Kind.PUBLIC, "google_compute_firewall", {"source_ranges": ["10.0.0.0/8"]}, {"source_ranges": ["0.0.0.0/0"]}, {"source_ranges": ["10.0.0.0/8", "192.168.0.0/16"]}),
    (Kind.PUBLIC, "azurerm_storage_container", {"container_access_type": "private"}, {"container_access_type": "blob"}, {"container_access_type": "private", "x": 1}),
    (Kind.PROTECTION, "aws_db_instance", {"storage_encrypted": True}, {"storage_encrypted": False}, {"storage_encrypted": True, "port": 1}),
    (Kind.PROTECTION, "aws_sqs_queue", {"kms_master_key_id": "alias/one"}, {"kms_master_key_id": None}, {"kms_master_key_id": "alias/two"}),
    (Kind.PROTECTION, "aws_cloudtrail", {"enable_logging": True}, {"enable_logging": False}, {"enable_logging": True, "s3_key_prefix": "a"}),
    (Kind.PROTECTION, "aws_cloudtrail", {"is_multi_region_trail": True}, {"is_multi_region_trail": False}, {"is_multi_region_trail": True, "x": 1}),
    (Kind.PROTECTION, "aws_cloudwatch_log_group", {"retention_in_days": 0}, {"retention_in_days": 3653}, {"retention_in_days": 0, "x": 1}),
    (Kind.PROTECTION, "aws_eks_cluster", {"enabled_cluster_log_types": ["api", "audit"]}, {"enabled_cluster_log_types": ["api"]}, {"enabled_cluster_log_types": ["audit", "api", "scheduler"]}),
    (Kind.PROTECTION, "aws_cloudwatch_metric_alarm", {"alarm_actions": ["a", "b"]}, {"alarm_actions": ["a"]}, {"alarm_actions": ["a", "b", "c"]}),
    (Kind.PROTECTION, "aws_cloudwatch_event_rule", {"is_enabled": True, "state": None}, {"is_enabled": False, "state": None}, {"is_enabled": True, "state": "ENABLED"}),
    (Kind.PROTECTION, "aws_dynamodb_table", block("point_in_time_recovery", "enabled", value=True), block("point_in_time_recovery", "enabled", value=False), block("point_in_time_recovery", "enabled", value=True) | {"tags": {}}),
    (Kind.PROTECTION, "aws_s3_bucket", {"force_destroy": False}, {"force_destroy": True}, {"force_destroy": False, "tags": {}}),
    (Kind.PROTECTION, "aws_kms_key", {"deletion_window_in_days": 30}, {"deletion_window_in_days": 7}, {"deletion_window_in_days": 30, "description": "x"}),
    (Kind.PROTECTION, "aws_lb", {"enable_deletion_protection": True}, {"enable_deletion_protection": False}, {"enable_deletion_protection": True, "x": 1}),
    (Kind.PROTECTION, "aws_instance", block("metadata_options", "http_tokens", value="required"), block("metadata_options", "http_tokens", value="optional"), block("metadata_options", "http_tokens", value="required") | {"x": 1}),
    (Kind.PROTECTION, "aws_codebuild_project", block("environment", "privileged_mode", value=False), block("environment", "privileged_mode", value=True), block("environment", "privileged_mode", value=False) | {"x": 1}),
    (Kind.PROTECTION, "aws_lambda_function", {"reserved_concurrent_executions": -1}, {"reserved_concurrent_executions": 0}, {"reserved_concurrent_executions": 5}),
    (Kind.PROTECTION, "aws_iam_account_password_policy", {"minimum_password_length": 14}, {"minimum_password_length": 8}, {"minimum_password_length": 20}),
    (Kind.PROTECTION, "aws_cloudfront_distribution", block("viewer_certificate", "minimum_protocol_version", value="TLSv1.2_2021"), block("viewer_certificate", "minimum_protocol_version", value="TLSv1"), block("viewer_certificate", "minimum_protocol_version", value="TLSv1.2_2019")),
    (Kind.IAM, "aws_iam_user_group_membership", {"user": "ana", "groups": ["a"]}, {"user": "ana", "groups": ["a", "admins"]}, {"user": "ana", "groups": []}),
    (Kind.IAM, "google_project_iam_binding", {"members": ["user:a"], "role": "roles/viewer"}, {"members": ["user:a", "user:b"], "role": "roles/viewer"}, {"members": [], "role": "roles/viewer"}),
    (Kind.GATE, "github_branch_protection", block("required_pull_request_reviews", "required_approving_review_count", value=2), block("required_pull_request_reviews", "required_approving_review_count", value=1), block("required_pull_request_reviews", "required_approving_review_count", value=3)),
    (Kind.UNSEEN, "aws_cloudtrail", {"enable_logging": True}, {}, {"enable_logging": True, "x": 1}),
]  # fmt: skip
IDS = [f"{number}-{kind}" for number, (_, kind, *_rest) in enumerate(CASES)]


@pytest.mark.parametrize(("risk", "kind", "before", "told", "near"), CASES, ids=IDS)
def test_a_change_of_one_attribute(risk: Kind, kind: str, before: Any, told: Any, near: Any) -> None:
    unknown = {"after_unknown": {"enable_logging": True}} if risk is Kind.UNSEEN else {}
    assert risk in {finding.kind for finding in reviewed(change(kind, before, told, **unknown)).findings}
    assert reviewed(change(kind, before, near)).findings == [], "the near miss"


NEW = [
    (Kind.PUBLIC, "aws_s3_bucket_public_access_block", {"bucket": "b", "block_public_acls": False}, {"bucket": "b", "block_public_acls": True}),
    (Kind.PUBLIC, "aws_lambda_function_url", {"function_name": "f", "authorization_type": "NONE"}, {"function_name": "f", "authorization_type": "AWS_IAM"}),
    (Kind.PUBLIC, "aws_ecrpublic_repository", {"repository_name": "r"}, None),
    (Kind.PUBLIC, "aws_lb", {"internal": False}, {"internal": True}),
    (Kind.PUBLIC, "aws_ami_launch_permission", {"group": "all"}, None),
    (Kind.PUBLIC, "aws_ebs_snapshot_block_public_access", {"state": "unblocked"}, {"state": "block-all-sharing"}),
    (Kind.PUBLIC, "aws_s3_bucket_policy", {"bucket": "b", "policy": ANYBODY}, {"bucket": "b", "policy": policy({"Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": "*"})}),
    (Kind.PUBLIC, "aws_lambda_permission", {"function_name": "f", "principal": "*"}, {"function_name": "f", "principal": "s3.amazonaws.com", "source_account": "123456789012"}),
    (Kind.IAM, "aws_iam_role_policy_attachment", {"role": "existing", "policy_arn": "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"}, None),
    (Kind.IAM, "aws_kms_grant", {"key_id": "k", "grantee_principal": "arn:aws:iam::123456789012:role/x"}, None),
    (Kind.IAM, "aws_iam_policy", {"policy": policy(allow("*", "*"))}, {"policy": policy(allow("logs:*", "*"))}),
    (Kind.IAM, "aws_iam_role_policy", {"role": "existing", "policy": policy(allow())}, {"role": "existing", "policy": policy()}),
]  # fmt: skip


@pytest.mark.parametrize(("risk", "kind", "told", "near"), NEW, ids=[f"{n}-{case[1]}" for n, case in enumerate(NEW)])
def test_something_new(risk: Kind, kind: str, told: Any, near: Any) -> None:
    assert [finding.kind for finding in reviewed(change(kind, None, told)).findings] == [risk]
    if near is not None:
        assert reviewed(change(kind, None, near)).findings == []


REMOVED = [
    "aws_cloudtrail", "aws_config_configuration_recorder", "aws_cloudwatch_metric_alarm", "aws_cloudwatch_log_metric_filter",
    "aws_cloudwatch_event_rule", "aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_logging", "aws_flow_log",
    "aws_securityhub_account", "aws_wafv2_web_acl_association", "aws_backup_plan", "aws_s3_bucket_versioning",
]  # fmt: skip


@pytest.mark.parametrize("kind", REMOVED)
def test_a_protection_that_goes_is_told_and_one_that_is_replaced_or_forgotten_is_not(kind: str) -> None:
    before = {"id": "one", "name": "one", "bucket": "b"}
    assert [finding.kind for finding in reviewed(change(kind, before, None)).findings] == [Kind.PROTECTION]
    assert reviewed(change(kind, before, before, action="replace")).findings == []
    assert reviewed(change(kind, before, None, action="forget")).findings == []


def test_a_protection_goes_with_what_it_protects() -> None:
    bucket = change("aws_s3_bucket", {"id": "b", "bucket": "b"}, None)
    versioning = change("aws_s3_bucket_versioning", {"id": "b", "bucket": "b"}, None)
    other = change("aws_s3_bucket_versioning", {"id": "c", "bucket": "c"}, None, name="y")
    assert [f.address for f in reviewed(bucket, versioning, other).findings] == [
        "aws_s3_bucket.x",
        "aws_s3_bucket_versioning.y",
    ]


def test_a_bucket_that_goes_takes_its_policys_denials_along() -> None:
    denial = policy({"Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": "*"})
    gone = change("aws_s3_bucket_policy", {"bucket": "b", "policy": denial}, None)
    assert [f.kind for f in reviewed(gone).findings] == [Kind.IAM]
    assert [f.kind for f in reviewed(gone, change("aws_s3_bucket", {"id": "b", "bucket": "b"}, None)).findings] == [
        Kind.DESTROY
    ]


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_everything_stateful_is_told_when_it_is_destroyed(kind: str) -> None:
    found = reviewed(change(kind, {"id": "1"}, None)).findings
    assert Kind.DESTROY in {finding.kind for finding in found}
    assert EXACT[kind] in "".join(str(part) for part in found[0].text)


@pytest.mark.parametrize(
    ("kind", "stateful"),
    [("acme_database", True), ("oci_core_volume", True), ("exoscale_sks_cluster", False), ("aws_iam_role", False),
     ("aws_s3control_bucket_policy", False), ("aws_glue_trigger", False), ("null_resource", False)],
)  # fmt: skip
def test_other_providers_by_the_end_of_the_name(kind: str, stateful: bool) -> None:
    assert (lost_with(kind) is not None) is stateful
    assert ENDINGS


def test_an_old_object_left_over_is_told() -> None:
    (finding,) = reviewed(change("aws_db_instance", {"id": "1"}, None, deposed="byebye01")).findings
    assert finding.kind is Kind.DESTROY
    assert "left over" in str(finding.text[0])


def test_a_data_source_is_no_resource() -> None:
    assert reviewed(change("aws_s3_bucket", None, {"acl": "public-read"}, action="read", mode="data")).findings == []
