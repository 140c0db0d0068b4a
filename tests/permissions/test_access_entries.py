"""Which role the clusters know, and what for: EKS asks no IAM policy inside of a cluster, only its access entries.

https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
"""

from __future__ import annotations

from typing import Any

from policies import ACCOUNT, AccessEntry, Policies

EDIT = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"


def wanted(emitted: Any) -> set[AccessEntry]:
    """By the settings: each environment's deploying role, in its own cluster, for its own namespace or group."""
    found = set()
    project = emitted.settings.project
    for name, pipeline in emitted.settings.pipelines.items():
        if pipeline.kind != "delivery":
            continue
        for environment, settings in (("staging", pipeline.staging), ("production", pipeline.production)):
            edit = settings.access == "edit-policy"
            found.add(
                AccessEntry(
                    cluster=settings.cluster,
                    principal=f"arn:aws:iam::{ACCOUNT}:role/{project}-{name}-{environment}-deploy",
                    groups=() if edit else (f"{project}-{name}-{environment}-deployers",),
                    policies=((EDIT, "namespace", (settings.namespace,)),) if edit else (),
                )
            )
    return found


def test_a_cluster_knows_one_role_for_one_namespace(emitted: Any, policies: Policies) -> None:
    """No other role, no other cluster, no whole cluster, no system:masters; and no second entry for anything."""
    assert set(policies.access_entries) == wanted(emitted)
    assert len(policies.access_entries) == len(wanted(emitted))


def test_the_environments_of_the_full_settings_are_told_apart(full: Any) -> None:
    """Both kinds of access stand in it, on one cluster: as a person reads tests/settings/full.yaml."""
    role = f"arn:aws:iam::{ACCOUNT}:role/acme-payments"
    assert wanted(full) == {
        AccessEntry("shared", f"{role}-staging-deploy", (), ((EDIT, "namespace", ("payments-staging",)),)),
        AccessEntry("shared", f"{role}-production-deploy", ("acme-payments-production-deployers",), ()),
    }
