"""The documented commands destroy a system that was used for some time, and nothing is left. Runs last: conftest.py."""

from __future__ import annotations

import os
from typing import Any

import pytest

from outcomes import REFUSED, outcome
from tools.apply_local.life import KEPT_AT

pytestmark = pytest.mark.skipif(KEPT_AT in os.environ, reason=f"{KEPT_AT}: what somebody keeps is not destroyed")


def test_a_used_system_is_destroyed_by_the_documented_commands(applied: Any) -> None:
    filled = applied.life.use()
    # More than one call of the commands takes, so that their loops are needed.
    assert filled["acme-reports-123456789012-eu-central-1"] > 1000
    assert filled["acme/payments"] > 100
    # What Terraform asks for a bucket without force_destroy, and for a repository without force_delete: it must be told no.
    s3, ecr = applied.administrator.client("s3"), applied.administrator.client("ecr")
    for purpose in ("artifacts", "reports", "access-logs"):
        assert outcome(s3, "delete_bucket", Bucket=f"acme-{purpose}-123456789012-eu-central-1") == "BucketNotEmpty"
    assert outcome(ecr, "delete_repository", repositoryName="acme/payments") == "RepositoryNotEmptyException"
    verdict = applied.client("s3").list_objects_v2(
        Bucket="acme-reports-123456789012-eu-central-1", Prefix="reports/payments/0000/"
    )["Contents"]
    keys = [one["Key"] for one in verdict if one["Key"].endswith("verdict.json")]
    assert [outcome(s3, "delete_object", Bucket="acme-reports-123456789012-eu-central-1", Key=key) for key in keys] == [
        REFUSED
    ]
    assert applied.life.destroy() == {}
