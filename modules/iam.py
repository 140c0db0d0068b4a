"""IAM: statements, and roles with exactly one policy each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.data_aws_iam_policy_document import (
    DataAwsIamPolicyDocument,
    DataAwsIamPolicyDocumentStatement,
    DataAwsIamPolicyDocumentStatementCondition,
    DataAwsIamPolicyDocumentStatementPrincipals,
)
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy

from modules.account import Account

Statement = DataAwsIamPolicyDocumentStatement
Condition = DataAwsIamPolicyDocumentStatementCondition


def when(test: str, variable: str, *values: str) -> Condition:
    """A condition, e.g. ``when("StringEquals", "aws:SourceAccount", account.id)``."""
    return Condition(test=test, variable=variable, values=list(values))


def allow(sid: str, actions: Sequence[str], resources: Sequence[str], *conditions: Condition) -> Statement:
    """An Allow statement of an identity policy.

    A resource ``"*"`` needs a reason: it stands beside the sid in tests/contracts/wildcards.yaml, and a test compares.
    """
    return Statement(
        sid=sid, actions=list(actions), resources=list(resources), condition=list(conditions) if conditions else None
    )


def grant(
    sid: str,
    principal_type: str,
    principals: Sequence[str],
    actions: Sequence[str],
    resources: Sequence[str],
    *conditions: Condition,
    effect: str = "Allow",
) -> Statement:
    """A statement of a resource policy (bucket, key, topic, queue) or of a role's trust (then without resources)."""
    return Statement(
        sid=sid,
        effect=effect,
        principals=[DataAwsIamPolicyDocumentStatementPrincipals(type=principal_type, identifiers=list(principals))],
        actions=list(actions),
        resources=list(resources) or None,
        condition=list(conditions) if conditions else None,
    )


def document(scope: TerraformStack, id_: str, statements: Iterable[Statement]) -> str:
    """A policy document as a data source (readable in the plan); returns the reference to its JSON."""
    DataAwsIamPolicyDocument(scope, id_, statement=list(statements))
    return f"${{data.aws_iam_policy_document.{id_}.json}}"


# One trust document for each service in a stack, shared by its roles: they differ in what they may do, not in who they are.
_TRUSTS: WeakKeyDictionary[TerraformStack, dict[str, str]] = WeakKeyDictionary()


def _trust(scope: TerraformStack, account: Account, service: str) -> str:
    """Who may assume the role: the service, acting for this account.

    No ``aws:SourceArn``: no page was found that says CodePipeline, CodeBuild, Lambda or EventBridge send it when they
    assume a role; a trust on a key that is not sent would refuse everything.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    documents = _TRUSTS.setdefault(scope, {})
    if service not in documents:
        trust = grant(
            "AssumedByService", "Service", [f"{service}.amazonaws.com"], ["sts:AssumeRole"], [],
            when("StringEquals", "aws:SourceAccount", account.id),
        )  # fmt: skip
        documents[service] = document(scope, f"{service}_trust", [trust])
    return documents[service]


class Role:
    """A role that one AWS service assumes for this account, with one inline policy.

    Whoever uses the role depends on ``policy``: a service may assume the role as soon as it knows it.
    """

    def __init__(
        self,
        scope: TerraformStack,
        id_: str,
        *,
        account: Account,
        name: str,
        service: str,
        statements: Sequence[Statement],
        description: str,
    ) -> None:
        IamRole(
            scope,
            f"{id_}_role",
            name=name,
            description=description,
            assume_role_policy=_trust(scope, account, service),
        )
        self.policy = IamRolePolicy(
            scope,
            f"{id_}_policy",
            name="permissions",
            role=f"${{aws_iam_role.{id_}_role.id}}",
            policy=document(scope, f"{id_}_permissions", statements),
        )
        self.name = name
        self.arn = f"${{aws_iam_role.{id_}_role.arn}}"
