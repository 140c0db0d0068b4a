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


# The trust documents of a stack: roles that trust the same share one.
_TRUSTS: WeakKeyDictionary[TerraformStack, dict[str, str]] = WeakKeyDictionary()


def _trust(
    scope: TerraformStack, account: Account, service: str, id_: str, source_arn: str | None, says_account: bool
) -> str:
    """Who may assume the role: the service, acting for this account and, where AWS documents that it says so, for one
    resource of it.

    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html (the project)
    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html (the rule)
    No such page was found for CodePipeline and Lambda: a condition on a key that is not sent would refuse everything.
    """
    documents = _TRUSTS.setdefault(scope, {})
    if not says_account:
        trust = grant("AssumedByService", "Service", [f"{service}.amazonaws.com"], ["sts:AssumeRole"], [])
        return document(scope, f"{id_}_trust", [trust])
    if source_arn is not None:
        trust = grant(
            "AssumedByService", "Service", [f"{service}.amazonaws.com"], ["sts:AssumeRole"], [],
            when("StringEquals", "aws:SourceAccount", account.id),
            when("ArnEquals", "aws:SourceArn", source_arn),
        )  # fmt: skip
        return document(scope, f"{id_}_trust", [trust])
    if service not in documents:
        trust = grant(
            "AssumedByService", "Service", [f"{service}.amazonaws.com"], ["sts:AssumeRole"], [],
            when("StringEquals", "aws:SourceAccount", account.id),
        )  # fmt: skip
        documents[service] = document(scope, f"{service}_trust", [trust])
    return documents[service]


class Role:
    """A role that one AWS service assumes for this account, with one inline policy.

    ``source_arn``: the one resource that the service acts for, where AWS documents that it is sent; composed from names,
    since the resource names the role. ``says_account``: False where AWS documents that the service does not say for which account
    it acts. Whoever uses the role depends on ``policy``: a service may assume the role as soon as it knows it.
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
        source_arn: str | None = None,
        says_account: bool = True,
    ) -> None:
        IamRole(
            scope,
            f"{id_}_role",
            name=name,
            description=description,
            assume_role_policy=_trust(scope, account, service, id_, source_arn, says_account),
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
