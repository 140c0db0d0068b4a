"""Policies that allow more, refuse less, or hold on fewer conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.output_mutations.change import REMOVED, Change, Path, Stack

# What somebody might add beside what is used: by service, an action that changes or destroys.
_STRONGER = {
    "s3": "s3:DeleteObjectVersion",
    "kms": "kms:ScheduleKeyDeletion",
    "logs": "logs:DeleteLogGroup",
    "lambda": "lambda:UpdateFunctionCode",
    "codebuild": "codebuild:UpdateProject",
    "codepipeline": "codepipeline:PutApprovalResult",
    "codecommit": "codecommit:GitPush",
    "ecr": "ecr:DeleteRepository",
    "eks": "eks:CreateAccessEntry",
    "ssm": "ssm:PutParameter",
    "sns": "sns:Subscribe",
    "sqs": "sqs:PurgeQueue",
    "securityhub": "securityhub:DisableSecurityHub",
    "inspector2": "inspector2:Disable",
    "config": "config:StopConfigurationRecorder",
    "ec2": "ec2:AuthorizeSecurityGroupIngress",
    "sts": "sts:TagSession",
}


def of_policies(stack: Stack) -> Iterator[Change]:
    """Statements of policy documents."""
    for name, document in stack.get("data", {}).get("aws_iam_policy_document", {}).items():
        trust = name.endswith("_trust")
        for number, statement in enumerate(document["statement"]):
            here: Path = ("data", "aws_iam_policy_document", name, "statement", number)
            deny = statement.get("effect") == "Deny"
            kind = "trust" if trust else "deny" if deny else "policy"
            yield Change(f"{kind}: statement", here, REMOVED)
            if deny:
                yield Change("deny: statement", (*here, "effect"), "Allow")
                yield from _narrowed(here, statement)
            else:
                yield from _widened(f"{kind}: ", here, statement)
            yield from _conditions(f"{kind}: condition", here, statement)


def _narrowed(here: Path, statement: Stack) -> Iterator[Change]:
    """A Deny that refuses less."""
    for key in ("actions", "resources"):
        for number, value in enumerate(statement[key]):
            path = (*here, key, number)
            if len(statement[key]) > 1:
                yield Change(f"deny: {key}", path, REMOVED)
            other = "s3:GetBucketAcl" if key == "actions" else f"{value.rstrip('*')}/other"
            yield Change(f"deny: {key}", path, other)
    for number, _ in enumerate(statement.get("principals", ())):
        path = (*here, "principals", number, "identifiers")
        yield Change("deny: principals", path, ["arn:aws:iam::999999999999:root"])


def _widened(kind: str, here: Path, statement: Stack) -> Iterator[Change]:
    """An Allow that allows more."""
    actions = statement["actions"]
    services = list(dict.fromkeys(action.partition(":")[0] for action in actions))
    for number, action in enumerate(actions):
        service = action.partition(":")[0]
        if action != f"{service}:*":
            yield Change(f"{kind}actions", (*here, "actions", number), f"{service}:*")
        yield Change(f"{kind}actions", (*here, "actions", number), "*")
        if len(actions) > 1:
            yield Change(f"{kind}action missing", (*here, "actions", number), REMOVED)
    for service in services:
        if f"{service}:*" not in actions:
            stronger = _STRONGER[service]
            yield Change(f"{kind}action added", (*here, "actions"), [*actions, stronger], shown=f"and {stronger}")
    resources = statement.get("resources", [])
    for number, resource in enumerate(resources):
        if resource == "*":
            continue
        yield Change(f"{kind}resources", (*here, "resources", number), "*")
        if resource.startswith("arn:"):
            for wider in _wider(resource):
                yield Change(f"{kind}resources", (*here, "resources", number), wider)
        if len(resources) > 1:
            yield Change(f"{kind}resource missing", (*here, "resources", number), REMOVED)
    for number, principal in enumerate(statement.get("principals", ())):
        path = (*here, "principals", number)
        yield Change(f"{kind}principals", path, {"type": "AWS", "identifiers": ["*"]})
        yield Change(f"{kind}principals", path, {"type": "AWS", "identifiers": ["arn:aws:iam::999999999999:root"]})
        if principal["type"] == "Service":
            added = [*principal["identifiers"], "ec2.amazonaws.com"]
            yield Change(f"{kind}principals", (*path, "identifiers"), added, shown="and ec2.amazonaws.com")


def _wider(arn: str) -> Iterator[str]:
    """The ARN cut at its service's beginning, and at its last name."""
    fixed = re.split(r":(?![^{]*\})", arn, maxsplit=5)
    yield ":".join([*fixed[:5], "*"])
    name = re.fullmatch(r"(.*[:/]|)([^:/]*)", fixed[5])
    if name and name[2] != "*":
        yield ":".join([*fixed[:5], f"{name[1]}*"])


def _conditions(kind: str, here: Path, statement: Stack) -> Iterator[Change]:
    conditions = statement.get("condition", [])
    for number, condition in enumerate(conditions):
        path = (*here, "condition", number)
        yield Change(kind, path, REMOVED)
        if condition["test"] not in ("Bool", "Null"):
            anything = {**condition, "test": condition["test"].replace("Equals", "Like"), "values": ["*"]}
            yield Change(kind, path, anything, shown="any value")
            yield Change(kind, (*path, "values"), ["999999999999"])
            yield Change(kind, (*path, "test"), condition["test"] + "IfExists")
            for value_number in range(len(condition["values"])):
                if len(condition["values"]) > 1:
                    yield Change(kind, (*path, "values", value_number), REMOVED)
        else:
            opposite = "true" if condition["values"] == ["false"] else "false"
            yield Change(kind, (*path, "values"), [opposite])
