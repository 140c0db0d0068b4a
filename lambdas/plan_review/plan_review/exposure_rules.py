"""What makes something public, as data: type, attribute, and what is said. Names from the pages of the AWS provider:
https://registry.terraform.io/providers/hashicorp/aws/latest/docs (and of google and azurerm, for theirs)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from plan_review.findings import Kind
from plan_review.rules import Becomes, Lost, Rules, given, is_false, is_true, one_of

_PUBLIC_ACLS = one_of("public-read", "public-read-write", "authenticated-read", "website")
_GROUPS = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)

_LOCAL = ipaddress.IPv6Network("fc00::/7")


def everywhere(value: object) -> bool:
    """A range of addresses that is the internet, or so large a part of it that it was meant to be. Private ranges are not."""
    return isinstance(value, str) and _everywhere(value)


@lru_cache(maxsize=4096)  # a plan names few ranges, and each many times
def _everywhere(value: str) -> bool:
    if value in ("*", "Internet", "Any"):  # azurerm's words
        return True
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    if network.version == 6 and network.subnet_of(_LOCAL):
        return False
    return network.prefixlen < (8 if network.version == 4 else 16)


def anywhere(value: object) -> bool:
    """A list with such a range in it."""
    return isinstance(value, list) and any(map(everywhere, value))


def _says_all(value: object) -> bool:
    return value == "all" or (isinstance(value, list) and "all" in value)


EXPOSURE = Rules(
    Kind.PUBLIC,
    [
        *(
            rule
            for switch in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
            for rule in (
                Becomes("aws_s3_bucket_public_access_block aws_s3_account_public_access_block", switch, is_false,
                        "no longer keeps buckets from being public"),
                Lost("aws_s3_bucket_public_access_block aws_s3_account_public_access_block", switch, is_true,
                     "no longer keeps buckets from being public"),
            )
        ),
        Becomes("aws_s3_bucket aws_s3_bucket_acl aws_s3_object aws_s3_object_copy", "acl", _PUBLIC_ACLS,
                "can be read by everybody through its access control list"),
        Becomes("aws_s3_bucket_acl", "access_control_policy.*.grant.*.grantee.*.uri", one_of(*_GROUPS),
                "is open to everybody through its access control list"),
        Becomes("aws_s3_bucket", "grant.*.uri", one_of(*_GROUPS), "is open to everybody through its access control list"),
        Becomes("aws_s3_bucket_replication_configuration", "rule.*.destination.*.account", given, "objects are copied to another account"),
        Becomes("aws_db_instance aws_rds_cluster_instance aws_redshift_cluster aws_redshiftserverless_workgroup "
                "aws_dms_replication_instance aws_mq_broker aws_lightsail_database aws_neptune_cluster_instance "
                "aws_timestreaminfluxdb_db_instance", "publicly_accessible", is_true,
                "can be reached from the internet"),
        Becomes("aws_eks_cluster", "vpc_config.*.public_access_cidrs", anywhere,
                "has an API server that the whole internet reaches",
                unless=("vpc_config.*.endpoint_public_access", False)),
        Becomes("aws_eks_cluster", "vpc_config.*.endpoint_public_access", is_true,
                "has an API server on the internet"),
        Becomes("aws_ecrpublic_repository", "repository_name", bool, "publishes images to everybody"),
        Becomes("aws_lambda_function_url", "authorization_type", one_of("NONE"), "can be called by everybody"),
        Becomes("aws_api_gateway_method aws_apigatewayv2_route", "authorization_type", one_of("NONE"),
                "asks its callers for nothing", fresh=False),
        Becomes("aws_api_gateway_method", "authorization", one_of("NONE"), "asks its callers for nothing",
                unless=("http_method", "OPTIONS")),
        Becomes("aws_lb aws_alb aws_elb", "internal", is_false, "faces the internet"),
        Becomes("aws_instance aws_launch_configuration", "associate_public_ip_address", is_true,
                "gets a public address"),
        Becomes("aws_launch_template", "network_interfaces.*.associate_public_ip_address", is_true,
                "gives its instances public addresses"),
        Becomes("aws_subnet", "map_public_ip_on_launch", is_true, "gives what is started in it a public address", fresh=False),
        Becomes("aws_ecs_service", "network_configuration.*.assign_public_ip", is_true, "gives its tasks public addresses"),
        Becomes("aws_ami_launch_permission", "group", one_of("all"), "lets every account start the image"),
        Becomes("aws_db_snapshot aws_db_cluster_snapshot", "shared_accounts", _says_all, "is shared with every account"),
        Becomes("aws_ssm_document", "permissions.account_ids", _says_all, "is shared with every account"),
        Becomes("aws_ssm_document", "permissions.account_ids", one_of("all"), "is shared with every account"),
        Becomes("aws_ebs_snapshot_block_public_access aws_ec2_image_block_public_access", "state", one_of("unblocked"),
                "no longer keeps snapshots or images from being shared with everybody"),
        Becomes("aws_codebuild_project", "project_visibility", one_of("PUBLIC_READ"), "shows its builds to everybody"),
        Becomes("aws_msk_cluster", "broker_node_group_info.*.connectivity_info.*.public_access.*.type",
                one_of("SERVICE_PROVIDED_EIPS"), "has brokers on the internet"),
        Becomes("aws_transfer_server", "endpoint_type", one_of("PUBLIC"), "has an endpoint on the internet"),
        Becomes("aws_sagemaker_notebook_instance", "direct_internet_access", one_of("Enabled"), "reaches the internet directly"),
        Becomes("aws_grafana_workspace", "account_access_type", one_of("PUBLIC"), "is open to everybody"),
        Becomes("aws_emr_block_public_access_configuration", "block_public_security_group_rules", is_false,
                "no longer keeps clusters from being public"),
        # others
        Becomes("google_*", "member", one_of("allUsers", "allAuthenticatedUsers"), "is open to everybody"),
        Becomes("google_*", "members.*", one_of("allUsers", "allAuthenticatedUsers"), "is open to everybody"),
        Becomes("google_compute_firewall", "source_ranges", anywhere, "lets the whole internet in",
                unless=("direction", "EGRESS")),
        Becomes("google_sql_database_instance", "settings.*.ip_configuration.*.authorized_networks.*.value", everywhere,
                "can be reached from the internet"),
        Lost("google_storage_bucket", "public_access_prevention", one_of("enforced"), "no longer keeps from being public"),
        Becomes("azurerm_*", "public_network_access_enabled", is_true, "can be reached from the internet", fresh=False),
        Becomes("azurerm_storage_account", "allow_nested_items_to_be_public", is_true, "lets its containers be public", fresh=False),
        Becomes("azurerm_storage_container", "container_access_type", one_of("blob", "container"), "can be read by everybody"),
    ],
)  # fmt: skip
