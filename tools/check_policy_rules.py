"""What no public checker compares: that a policy lets nobody in from another account, and lets a role be passed nowhere.

checkov flags any principal of an account, the own one too, and accepts any service principal; here each is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.check_plan import Plan, Policy
from tools.check_result import Finding, Report

# https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
# Conditions that bind a service to this account's resources.
_BINDING = {"aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _conditions(statement: Mapping[str, Any]) -> set[str]:
    return {key.lower() for values in statement.get("Condition", {}).values() for key in values}


def problems_of(policy: Policy, account: str) -> Iterator[tuple[str, str]]:
    """(rule, what is wrong) of one policy in ``account``."""
    for statement in policy.document["Statement"]:
        sid = statement.get("Sid", "a statement without Sid")
        if statement["Effect"] != "Allow":
            continue
        for key in ("NotAction", "NotPrincipal", "NotResource"):
            if key in statement:
                yield "NOT_ELEMENT", f"{sid}: {key} allows what nobody has listed"
        principals = statement.get("Principal", {})
        if principals == "*":
            principals = {"AWS": "*"}
        for principal in _listed(principals.get("AWS", [])):
            if not re.fullmatch(rf"arn:aws[a-z-]*:iam::{account}:(root|role/.+)", principal):
                yield "FOREIGN_PRINCIPAL", f"{sid}: {principal} is not of the account {account}"
        for kind in principals.keys() - {"AWS", "Service"}:
            yield "FOREIGN_PRINCIPAL", f"{sid}: a principal of the kind {kind}"
        if "Service" in principals and not _conditions(statement) & _BINDING:
            yield "UNBOUND_SERVICE", f"{sid}: {', '.join(_listed(principals['Service']))} may act for any account"
        actions = {action.lower() for action in _listed(statement.get("Action", []))}
        if actions & {"*", "iam:*", "iam:passrole"}:
            yield "PASS_ROLE", f"{sid}: nothing here passes a role"


_ACCOUNT = "123456789012"
_PROBES: list[tuple[str, Mapping[str, Any]]] = [
    ("NOT_ELEMENT", {"NotAction": "s3:*", "Resource": "*"}),
    ("FOREIGN_PRINCIPAL", {"Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "sns:Publish"}),
    ("FOREIGN_PRINCIPAL", {"Principal": "*", "Action": "sns:Publish"}),
    ("FOREIGN_PRINCIPAL", {"Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRole"}),
    ("UNBOUND_SERVICE", {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}),
    ("PASS_ROLE", {"Action": "iam:PassRole", "Resource": "*"}),
]


def check(plan: Plan, accounts: Mapping[str, str]) -> Report:
    """``accounts`` maps an output's name to the account that it was planned for."""
    missed = [
        f"the known-bad {statement} was not noticed: {rule}"
        for rule, statement in _PROBES
        if rule not in {found for found, _ in problems_of(_probe(statement), _ACCOUNT)}
    ]
    findings = []
    for policy in plan.policies:
        output, _, where = policy.where.partition("/")
        findings += [Finding(rule, where, text) for rule, text in problems_of(policy, accounts[output])]
    return Report(f"{len(plan.policies)} policies, {len(_RULES)} rules", findings, missed)


_RULES: Sequence[str] = sorted({rule for rule, _ in _PROBES})


def _probe(statement: Mapping[str, Any]) -> Policy:
    return Policy("probe", "probe", "policy", {"Statement": [{"Effect": "Allow", **statement}]})
