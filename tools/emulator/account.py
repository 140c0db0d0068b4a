"""What a user's account holds before this project comes: clusters and repositories, which the stacks only name."""

from __future__ import annotations

import json
from typing import Any

from stacks.settings import DeliveryPipeline, Settings
from tools.emulator.process import Emulator

_CLUSTER_ROLE = "eks-cluster"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ADMINISTRATOR = "administrator"


def prepare(emulator: Emulator, settings: Settings) -> Emulator:
    """Make what ``settings`` name as existing. Returns the emulator as its administrator speaks to it: unlike the account's
    root, whom the emulator asks for nothing, a user meets the policies of buckets and keys."""
    codecommit = emulator.client("codecommit")
    for name in sorted({p.repository.name for p in settings.pipelines.values() if not p.repository.create}):
        codecommit.create_repository(repositoryName=name)
    clusters = {
        environment.cluster
        for pipeline in settings.pipelines.values()
        if isinstance(pipeline, DeliveryPipeline)
        for environment in (pipeline.staging, pipeline.production)
    }
    if clusters:
        _make_clusters(emulator, clusters)
    return _administrator(emulator)


def _administrator(emulator: Emulator) -> Emulator:
    iam = emulator.client("iam")
    iam.create_user(UserName=ADMINISTRATOR)
    iam.put_user_policy(UserName=ADMINISTRATOR, PolicyName="everything", PolicyDocument=json.dumps(_EVERYTHING))
    key = iam.create_access_key(UserName=ADMINISTRATOR)["AccessKey"]
    return emulator.known_as(key["AccessKeyId"], key["SecretAccessKey"])


def _make_clusters(emulator: Emulator, names: set[str]) -> None:
    role = emulator.client("iam").create_role(
        RoleName=_CLUSTER_ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST)
    )["Role"]["Arn"]  # fmt: skip
    subnets: list[dict[str, Any]] = emulator.client("ec2").describe_subnets()["Subnets"]
    eks = emulator.client("eks")
    for name in sorted(names):
        eks.create_cluster(
            name=name,
            roleArn=role,
            resourcesVpcConfig={"subnetIds": [subnet["SubnetId"] for subnet in subnets[:2]]},
            accessConfig={"authenticationMode": "API"},
        )
