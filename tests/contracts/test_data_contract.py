"""What is stored is encrypted with the project's key, private, and kept, in the output of every settings file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emitted_reading import buckets, document, key_of, of_kind

# The trail has a key of its own: who administers the project's key opens no audit log.
TRAIL_KEY = "${aws_kms_key.trail_key.arn}"


def test_everything_that_can_be_is_encrypted_with_the_projects_key(emitted: Any) -> None:
    for kind, attribute in {
        "aws_sns_topic": "kms_master_key_id",
        "aws_sqs_queue": "kms_master_key_id",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_codebuild_project": "encryption_key",
    }.items():
        for stack, name, resource in of_kind(emitted, kind):
            key = TRAIL_KEY if name == "trail_logs" else key_of(stack)
            assert resource.get(attribute) == key, f"{stack} {name}"
    for stack, name, pipeline in of_kind(emitted, "aws_codepipeline"):
        [store] = pipeline["artifact_store"]
        assert store.get("encryption_key") == {"type": "KMS", "id": key_of(stack)}, name
        assert store["location"] == buckets(emitted)["artifacts"]["bucket"]
    for stack, name, repository in emitted.resources("aws_ecr_repository"):
        assert repository.get("encryption_configuration") == [{"encryption_type": "KMS", "kms_key": key_of(stack)}], (
            name
        )


def test_the_key_is_rotated_and_not_deleted_in_a_hurry(emitted: Any) -> None:
    managed = emitted.settings.singletons.cloudtrail == "manage"
    names = {"key", "trail_key"} if managed else {"key"}
    assert {name for _, name, _ in of_kind(emitted, "aws_kms_key")} == names
    for stack, _, key in of_kind(emitted, "aws_kms_key"):
        assert key.get("enable_key_rotation") is True
        assert key["deletion_window_in_days"] == 30
        assert document(emitted, stack, key["policy"])
    aliases = {alias["target_key_id"] for _, _, alias in of_kind(emitted, "aws_kms_alias")}
    assert aliases == {f"${{aws_kms_key.{name}.key_id}}" for name in names}


def companion(emitted: Any, kind: str, bucket: str) -> Mapping[str, Any]:
    """The one resource of a kind that belongs to a bucket."""
    group = [resource for _, _, resource in of_kind(emitted, kind)]
    [found] = [one for one in group if one["bucket"] == f"${{aws_s3_bucket.{bucket}.id}}"]
    assert isinstance(found, Mapping)
    return found


def test_buckets_are_private_versioned_logged_and_encrypted(emitted: Any) -> None:
    singletons = emitted.settings.singletons
    assert set(buckets(emitted)) == {
        *("access_logs", "artifacts", "reports"),
        *(["trail_files"] if singletons.cloudtrail == "manage" else []),
        *(["config_history"] if singletons.config == "manage" else []),
    }
    for name, bucket in buckets(emitted).items():
        assert not bucket["force_destroy"]
        ownership = companion(emitted, "aws_s3_bucket_ownership_controls", name)
        assert ownership["rule"] == {"object_ownership": "BucketOwnerEnforced"}
        versioning = companion(emitted, "aws_s3_bucket_versioning", name)
        assert versioning["versioning_configuration"]["status"] == "Enabled"
        [rule] = companion(emitted, "aws_s3_bucket_server_side_encryption_configuration", name)["rule"]
        default = rule["apply_server_side_encryption_by_default"]
        if name == "access_logs":  # S3's log delivery takes SSE-S3 alone, and a bucket does not log itself
            assert default == {"sse_algorithm": "AES256"}
            continue
        keys = {"trail_files": TRAIL_KEY, "config_history": key_of("governance")}
        assert default == {"sse_algorithm": "aws:kms", "kms_master_key_id": keys.get(name, key_of("foundation"))}
        logging = companion(emitted, "aws_s3_bucket_logging", name)
        assert logging["target_bucket"] == buckets(emitted)["access_logs"]["bucket"]


def test_evidence_is_kept(emitted: Any) -> None:
    """Reports, releases, pushes and scripts do not expire; what is overwritten stays 30 days; access is logged for a year.
    Plans and what was said of them are no evidence: they end."""
    for name in buckets(emitted):
        rules = companion(emitted, "aws_s3_bucket_lifecycle_configuration", name)["rule"]
        assert all(rule["status"] == "Enabled" for rule in rules)
        [leftovers] = [rule for rule in rules if rule["id"] == "leftovers"]
        assert leftovers["filter"] == [{"prefix": ""}]
        assert leftovers["noncurrent_version_expiration"][0]["noncurrent_days"] >= 30
        expiring = {
            rule["filter"][0]["prefix"]: rule["expiration"][0]["days"] for rule in rules if "expiration" in rule
        }
        artifacts = {f"{emitted.settings.project}-{pipeline}"[:20] + "/" for pipeline in emitted.settings.pipelines}
        planned = {"plans/", "reviews/"} if emitted.settings.reviews else set()
        assert (
            set(expiring)
            == {
                "access_logs": {""}, "artifacts": {"images/", *artifacts}, "reports": planned,
                "trail_files": {""}, "config_history": {""},
            }[name]
        )  # fmt: skip
        least = {
            "access_logs": 365,
            "artifacts": 30,
            "reports": 30,
            "trail_files": 2555,
            "config_history": 2555,
        }  # 2,555 days: 7 years
        assert all(days >= least[name] for days in expiring.values())


def test_images_cannot_be_replaced_and_are_scanned(emitted: Any) -> None:
    for stack, name, repository in emitted.resources("aws_ecr_repository"):
        assert repository.get("image_tag_mutability") == "IMMUTABLE", f"{stack} {name}"
        assert repository.get("image_scanning_configuration") == {"scan_on_push": True}
        assert not repository["force_delete"]
    for _, name, lifecycle in emitted.resources("aws_ecr_lifecycle_policy"):
        for rule in json.loads(lifecycle["policy"])["rules"]:
            assert rule["selection"]["tagStatus"] == "untagged", f"{name}: production may run a tagged one"


def test_what_is_not_only_ours_is_not_destroyed(emitted: Any) -> None:
    for kind in ("aws_codecommit_repository", "aws_securityhub_account", "aws_ecr_registry_scanning_configuration"):
        for stack, name, resource in emitted.resources(kind):
            assert resource["lifecycle"].get("prevent_destroy") is True, f"{stack} {name}"
