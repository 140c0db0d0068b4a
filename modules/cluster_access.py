"""Access of a deploying role to one namespace of an EKS cluster."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.eks_access_entry import EksAccessEntry
from cdktf_cdktf_provider_aws.eks_access_policy_association import (
    EksAccessPolicyAssociation,
    EksAccessPolicyAssociationAccessScope,
)

from modules.account import Account
from modules.iam import Statement, allow

EDIT_POLICY = "AmazonEKSEditPolicy"


@dataclass(frozen=True)
class ClusterNamespace:
    """One namespace of an existing cluster (authentication mode API or API_AND_CONFIG_MAP).

    ``edit_policy`` False: the role joins a Kubernetes group whose Role (docs/kubernetes/deployer.yaml) says what it may do
    in the namespace. True: EKS's edit policy for the namespace, which needs no object in the cluster but also reads
    secrets and opens shells there.
    """

    cluster: str
    namespace: str
    account: Account
    edit_policy: bool = False

    def allow_connect(self) -> Statement:
        """Find the cluster's endpoint; what may be done behind it is the access entry's."""
        return allow("Cluster", ["eks:DescribeCluster"], [self.account.arn("eks", f"cluster/{self.cluster}")])


def grant_cluster_access(scope: TerraformStack, id_: str, target: ClusterNamespace, role_arn: str, group: str) -> None:
    """Map the IAM role into the cluster.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    """
    entry = EksAccessEntry(
        scope,
        id_,
        cluster_name=target.cluster,
        principal_arn=role_arn,
        type="STANDARD",
        kubernetes_groups=None if target.edit_policy else [group],
    )
    if target.edit_policy:
        EksAccessPolicyAssociation(
            scope,
            f"{id_}_policy",
            cluster_name=target.cluster,
            principal_arn=role_arn,
            policy_arn=f"arn:{target.account.partition}:eks::aws:cluster-access-policy/{EDIT_POLICY}",
            access_scope=EksAccessPolicyAssociationAccessScope(type="namespace", namespaces=[target.namespace]),
            depends_on=[entry],
        )
