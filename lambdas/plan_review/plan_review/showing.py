"""Which values are shown. Terraform marks what it knows to be sensitive; much that is secret it does not know.

So: true, false and numbers are shown, texts only where the attribute is known to hold names, sizes or choices, nothing at all
where its name sounds like a secret. Everything else is named, not shown.
"""

from __future__ import annotations

import re
from typing import Final

from plan_review.text import Code, Text, say
from plan_review.values import UNKNOWN, Hidden, Value, at

_SECRET: Final = re.compile(
    r"passw|secret|token|credential|private|api_?key|access_?key|auth_?key|signing|\bkey_material\b|user_?data|"
    r"connection_?string|webhook|\bpin\b|salt|seed|otp|cookie|session|licen[cs]e",
    re.IGNORECASE,
)
# Attributes that AWS documents as names, identifiers of things, sizes, versions or one of a few choices.
HARMLESS: Final = frozenset(  # one word each
    """
    acl action allocation_id alias architecture architectures arn authorization_type authentication_mode availability_zone
    availability_zones bandwidth_package_id billing_mode bucket category cidr_block cidr_blocks cidr_ipv4 cidr_ipv6 class
    cluster_identifier cluster_name cluster_type cluster_version comparison_operator compute_type container_type
    create_before_destroy cross_zone db_cluster_identifier db_name db_subnet_group_name dead_letter_target_arn
    default_action direction domain domain_name effect encryption_type endpoint_type engine engine_mode engine_version environment
    execution_mode expiration family fifo_throughput_limit function_name function_version
    global_cluster_identifier group_name handler hash_key host_key iam_instance_profile identifier image_tag_mutability
    instance_class instance_type instance_types ip_address_type ip_protocol ipv6_cidr_block ipv6_cidr_blocks key_usage
    kms_key kms_key_id kms_key_arn kms_master_key_id kubernetes_network_config launch_type layers load_balancer_type location
    log_group log_group_name log_group_class log_format memory_size metric_name minimum_protocol_version mode name
    name_prefix namespace network_mode node_type object_ownership origin_access_control owner package_type
    parameter_group_name partition_key path performance_mode permissions_boundary pipeline_type platform
    policy_arn port priority protocol provider qualifier range_key region replication_role repository_name resource_type
    retention_in_days role role_arn role_name rule rule_name runtime s3_bucket_name s3_key scan_frequency scanning_type
    schedule_expression service_name size sku source_arn sse_algorithm ssl_policy stage_name state statistic
    status storage_class storage_type subnet_id subnet_ids table_name target_bucket target_id target_prefix throughput_mode
    tier timeout tls_security_policy topic_arn type uri_path version version_id vpc_id vpc_security_group_ids zone_id
    zone_name
    """.split()  # noqa: SIM905 - two hundred of them are read as a paragraph
)


def sounds_secret(path: str) -> bool:
    """Whether a step of ``path`` names something secret."""
    return _SECRET.search(path) is not None


def shown(path: str, value: Value) -> Text:
    """``value`` of the attribute at ``path``, or what can be said instead."""
    if isinstance(value, Hidden):
        return say("(sensitive)")
    if value is UNKNOWN:
        return say("(known after apply)")
    if value is None:
        return say("none")
    if sounds_secret(path):
        return say("(not shown)")
    if isinstance(value, bool):
        return Text([Code(str(value).lower())])
    if isinstance(value, (int, float)):
        return Text([Code(str(value))])
    if isinstance(value, str) and _last(path) in HARMLESS:
        return Text([Code(value)]) if value else say("empty")
    if isinstance(value, (list, dict)) and not value:
        return say("empty")
    return say("(not shown)")


def step(path: str, before: Value, after: Value) -> Text:
    """```path` 7 → 14``, from the objects before and after."""
    old, new = (at(one, path) for one in (before, after))
    return say("{} {} → {}", path, shown(path, old[0] if old else None), shown(path, new[0] if new else None))


def _last(path: str) -> str:
    return next((part for part in reversed(path.split(".")) if not part.isdigit() and part != "*"), "")
