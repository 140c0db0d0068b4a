"""Protections that are weakened (protection_rules) or that go while what they protect stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.model import Change
from plan_review.protection_rules import PROTECTION
from plan_review.text import say
from plan_review.values import Value
from plan_review.web_filters import loosened
from plan_review.world import World

# type -> what is missing without it. What also holds data (trails' buckets, log groups) is in stateful_catalogue.
_GUARDS: Final = {
    "aws_s3_bucket_server_side_encryption_configuration": "the bucket is encrypted with S3's own key only",
    "aws_s3_bucket_versioning": "objects no longer have versions",
    "aws_s3_bucket_logging": "the bucket no longer writes access logs",
    "aws_s3_bucket_object_lock_configuration": "objects can be deleted before their time",
    "aws_s3_bucket_ownership_controls": "access control lists count again",
    "aws_s3_bucket_replication_configuration": "objects are no longer copied elsewhere",
    "aws_ebs_encryption_by_default": "new disks are no longer encrypted by default",
    "aws_vpc_endpoint_policy": "everything is allowed through the endpoint",
    "aws_kms_alias": "what asks for the key by this name no longer finds it",
    "aws_cloudtrail": "nothing records who does what",
    "aws_config_configuration_recorder": "AWS Config no longer records",
    "aws_config_configuration_recorder_status": "AWS Config no longer records",
    "aws_config_delivery_channel": "AWS Config no longer delivers",
    "aws_config_config_rule": "AWS Config no longer judges this",
    "aws_config_conformance_pack": "AWS Config no longer judges this",
    "aws_config_organization_managed_rule": "AWS Config no longer judges this",
    "aws_securityhub_account": "Security Hub is switched off",
    "aws_securityhub_standards_subscription": "Security Hub no longer judges by this standard",
    "aws_securityhub_product_subscription": "Security Hub no longer takes these findings",
    "aws_accessanalyzer_analyzer": "access from outside is no longer analyzed",
    "aws_inspector_assessment_target": "Inspector no longer looks at these",
    "aws_guardduty_organization_configuration": "new accounts are no longer watched",
    "aws_macie2_classification_job": "these buckets are no longer searched",
    "aws_flow_log": "traffic is no longer logged",
    "aws_route53_query_log": "queries are no longer logged",
    "aws_wafv2_web_acl": "nothing filters requests by it",
    "aws_wafv2_web_acl_association": "nothing filters requests",
    "aws_wafv2_web_acl_logging_configuration": "what is filtered is no longer logged",
    "aws_wafregional_web_acl_association": "nothing filters requests",
    "aws_shield_protection": "it is no longer protected against floods",
    "aws_networkfirewall_firewall": "nothing filters traffic",
    "aws_networkfirewall_logging_configuration": "what is filtered is no longer logged",
    "aws_cloudwatch_metric_alarm": "nobody is told",
    "aws_cloudwatch_composite_alarm": "nobody is told",
    "aws_cloudwatch_log_metric_filter": "nothing counts these log lines any more",
    "aws_cloudwatch_log_subscription_filter": "logs no longer go there",
    "aws_cloudwatch_log_data_protection_policy": "logs are no longer masked",
    "aws_cloudwatch_event_rule": "nothing happens on these events any more",
    "aws_cloudwatch_event_target": "it no longer hears of these events",
    "aws_sns_topic_subscription": "it no longer hears of what is published",
    "aws_backup_plan": "nothing is backed up by it",
    "aws_backup_selection": "these are no longer backed up",
    "aws_backup_vault_lock_configuration": "recovery points can be deleted",
    "aws_db_instance_automated_backups_replication": "backups are no longer copied elsewhere",
    "aws_ecr_registry_scanning_configuration": "images are scanned as ECR does by default",
    "aws_ecr_replication_configuration": "images are no longer copied elsewhere",
    "aws_signer_signing_profile_permission": "signatures cannot be made",
    "aws_lambda_code_signing_config": "code needs no signature",
    "aws_iam_account_password_policy": "passwords are as weak as AWS allows",
    "aws_organizations_policy": "what it forbids is allowed",
    "aws_organizations_policy_attachment": "what it forbids is allowed there",
    "aws_secretsmanager_secret_rotation": "the secret is no longer rotated",
    "aws_route53_hosted_zone_dnssec": "answers are no longer signed",
    "aws_vpc_block_public_access_options": "the VPCs' traffic with the internet is no longer blocked",
    "google_kms_crypto_key_version": "what is encrypted with it stays so",
    "google_logging_project_sink": "logs no longer go there",
    "google_project_organization_policy": "what it forbids is allowed",
    "google_monitoring_alert_policy": "nobody is told",
    "azurerm_monitor_diagnostic_setting": "logs no longer go there",
    "azurerm_management_lock": "it can be deleted",
    "azurerm_policy_assignment": "what it forbids is allowed",
    "azurerm_security_center_subscription_pricing": "Defender no longer looks at these",
    "kubernetes_network_policy": "traffic that it forbids is allowed",
    "kubernetes_network_policy_v1": "traffic that it forbids is allowed",
}
GUARDS: Final = frozenset(_GUARDS)


def weakened(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one change."""
    if (
        change.managed
        and change.gone
        and change.type in _GUARDS
        and not world.goes_along(change)
        and not _of_a_rule(change, world)
    ):
        text = say("is destroyed: " + _GUARDS[change.type])
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    yield from PROTECTION.findings(change)
    yield from loosened(change)
    if change.type == "aws_cloudwatch_event_rule" and change.stays:
        yield from _events(change, world)


def _of_a_rule(change: Change, world: World) -> bool:
    """A target of a rule that goes too: that is told of the rule."""
    return change.type == "aws_cloudwatch_event_target" and change.before.get("rule") in list(world.rules_gone)


def _events(change: Change, world: World) -> Iterator[Finding]:
    """A pattern that lets fewer events through. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    before, after = _pattern(change.before), _pattern(change.after)
    if before is None or after is None or before == after:
        return
    missing = [
        value
        for path, values in before.items()
        for value in sorted(values - after.get(path, values))
        if not _gone(path, value, world) and not _excludes_what_is_new(value, after[path], world)
    ]
    added = sorted(after.keys() - before.keys())
    if missing:
        text = say("no longer hears of {}", [_said(json.loads(value)) for value in missing])
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    elif added:
        text = say("hears only of events that also have {}", added)
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)


def _said(value: Value) -> str:
    """A value of a pattern as it is meant: JSON writes quotes and letters otherwise, and what is sensitive must be found in it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return json.dumps(value)


def _gone(path: str, value: str, world: World) -> bool:
    """Whether there is nothing left of which this could be heard: it goes, or the pipeline of a repository does, which is told
    of the pipeline."""
    meant = json.loads(value)
    if isinstance(meant, dict) and len(meant) == 1 and isinstance(prefix := meant.get("prefix"), str):
        return world.goes_with(prefix)
    if not isinstance(meant, str):
        return False
    # arn:aws:codecommit:eu-central-1:123456789012:repository, https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
    parts = meant.split(":")
    if len(parts) == 6 and parts[0] == "arn" and parts[2] == "codecommit" and path == "resources":
        return parts[5] in world.unbuilt or world.goes(meant)
    return meant in world.unbuilt if path == "detail.repositoryName" else world.goes(meant)


def _excludes_what_is_new(value: str, after: set[str], world: World) -> bool:
    """``anything-but`` some names, and now also others, of things that are only being made: of those nothing was heard."""
    before = _excluded(value)
    now = [_excluded(one) for one in after]
    return before is not None and any(one is not None and all(map(world.comes, one - before)) for one in now)


def _excluded(value: str) -> set[str] | None:
    """The names in ``{"anything-but": [...]}``; None for anything else."""
    matcher = json.loads(value)
    names = matcher.get("anything-but") if isinstance(matcher, dict) and len(matcher) == 1 else None
    names = [names] if isinstance(names, str) else names
    return set(names) if isinstance(names, list) and all(isinstance(one, str) for one in names) else None


def _pattern(attributes: Mapping[str, Any]) -> dict[str, set[str]] | None:
    """Path -> values as JSON."""
    text = attributes.get("event_pattern")
    if not isinstance(text, str):
        return None
    try:
        return dict(_leaves(json.loads(text), ""))
    except (ValueError, RecursionError):
        return None


def _leaves(pattern: Value, path: str) -> Iterator[tuple[str, set[str]]]:
    if isinstance(pattern, dict):
        for name, value in pattern.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        values = pattern if isinstance(pattern, list) else [pattern]
        yield path, {json.dumps(value, sort_keys=True) for value in values}
