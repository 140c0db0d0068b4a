"""May this principal do that? ministack's evaluator, with identity and resource policies combined as AWS documents it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: a Deny in any policy wins; within
one account an Allow in the identity policy or in the resource's suffices; across accounts both must allow. A KMS key is
used only if its own policy allows it, or names the account, which hands the decision to IAM
(https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html). A role is assumed if its trust policy says so.

The evaluator compares one statement with one request; who is meant by a statement's Principal is decided here: AWS's
services are principals of their own (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from policies import ACCOUNT, Document, Policies, RolePolicies

ROOT = Path(__file__).resolve().parents[2]
Context = Mapping[str, str | list[str]]


def evaluator() -> ModuleType:
    """ministack.core.iam_evaluator, of which only the standard library is needed at import. Missing: a failure on CI, a skip
    elsewhere."""
    name = "ministack_iam_evaluator"
    if name not in sys.modules:
        found = sorted(ROOT.glob(".venv-emulator/lib/python3*/site-packages/ministack/core/iam_evaluator.py"))
        if not found:
            if os.environ.get("CI"):
                pytest.fail("needed on CI: .venv-emulator, which `make test` makes")
            pytest.skip("there is no .venv-emulator: `make test` makes it")
        spec = importlib.util.spec_from_file_location(name, found[0])
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@dataclass(frozen=True)
class Caller:
    """Who asks: a role of the account (by ``role``), an AWS service (``service``, e.g. events.amazonaws.com), or another
    principal of some account (``arn``)."""

    role: RolePolicies | None = None
    service: str = ""
    arn: str = ""

    @property
    def name(self) -> str:
        """The ARN, or the service."""
        return self.role.arn if self.role else self.service or self.arn

    @property
    def account(self) -> str:
        """The account that the caller belongs to; empty for a service."""
        return "" if self.service else self.name.split(":")[4]


@dataclass(frozen=True)
class Used:
    """One permission that a call rests on: statement ``sid`` with the action and resource patterns that matched."""

    sid: str
    action: str
    resource: str


@dataclass(frozen=True)
class Decision:
    """``reason`` says which policy decided. ``used``: the permissions of the caller's own policies that matched."""

    allowed: bool
    reason: str
    used: frozenset[Used] = frozenset()


class Oracle:
    """Decisions under the policies of one output."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self._evaluator = evaluator()
        self._parsed: dict[int, Any] = {}

    def decide(self, caller: Caller, action: str, resource: str, context: Context) -> Decision:
        """Whether ``caller`` may do ``action`` on ``resource``. ``context``: condition keys of the request; a key that is not
        there is missing in the request, too."""
        request = self._request(caller, action, resource, context)
        own = list(caller.role.permissions.values()) if caller.role else []
        used = frozenset(use for document in own for use in self._matching(document, request, "Allow", None))
        identity_denies = any(self._matching(document, request, "Deny", None) for document in own)
        document = self.resource_policy(resource)
        named = list(self._matching(document, request, "Allow", caller)) if document else []
        denied = list(self._matching(document, request, "Deny", caller)) if document else []
        if identity_denies or denied:
            return Decision(False, f"Deny in {denied[0].sid if denied else 'the role'}", used)
        if self._service(action) == "kms":
            return self._key(caller, request, document, bool(used), used)
        directly = [use for use in named if not self._only_the_account(document, use.sid, caller)]
        if caller.service or caller.account != ACCOUNT:
            return Decision(bool(named), f"resource policy: {named[0].sid if named else 'nobody lets it'}", used)
        if used:
            return Decision(True, "identity policy", used)
        if directly:
            return Decision(True, f"resource policy: {directly[0].sid}", used)
        return Decision(False, "nothing allows it", used)

    def assume(self, role: RolePolicies, caller: Caller, context: Context) -> Decision:
        """Whether ``caller`` may assume ``role``."""
        request = self._request(caller, "sts:AssumeRole", role.arn, context)
        denied = list(self._matching(role.trust, request, "Deny", caller))
        allowed = list(self._matching(role.trust, request, "Allow", caller))
        return Decision(bool(allowed) and not denied, "trust policy")

    def matching(self, role: RolePolicies, action: str, resource: str, context: Context) -> frozenset[Used]:
        """The permissions of the role that a call rests on, whatever a resource policy says."""
        request = self._request(Caller(role=role), action, resource, context)
        documents = role.permissions.values()
        return frozenset(use for document in documents for use in self._matching(document, request, "Allow", None))

    def statements(
        self, document: Document, caller: Caller, action: str, resource: str, context: Context
    ) -> frozenset[Used]:
        """The Allow statements of one resource's policy that a call fits."""
        request = self._request(caller, action, resource, context)
        return frozenset(self._matching(document, request, "Allow", caller))

    def resource_policy(self, resource: str) -> Document | None:
        """The policy of what ``resource`` names: a bucket, a key, a topic, a queue or a function."""
        policies = self.policies
        for by_arn in (policies.keys, policies.topics, policies.queues, policies.functions):
            if resource in by_arn:
                return by_arn[resource]
        if resource.startswith(f"arn:{policies.partition}:s3:::"):
            return policies.buckets.get(resource.split(":::")[1].split("/")[0])
        return None

    # -- one document

    def _request(self, caller: Caller, action: str, resource: str, context: Context) -> Any:
        given = {key.lower(): value for key, value in context.items()}
        if not caller.service:
            given.setdefault("aws:principalarn", caller.name)
            given.setdefault("aws:principalaccount", caller.account)
        transport = given.pop("aws:securetransport", "true")
        request = self._evaluator.EvalContext(
            # Of a service's call the evaluator must not make an account's principal.
            principal_arn=given.pop("aws:principalarn", None),
            principal_type="Service" if caller.service else "AssumedRole",
            principal_account=given.pop("aws:principalaccount", None),
            action=action,
            resource_arn=resource,
            region=self.policies.region,
            source_ip="192.0.2.1",
            secure_transport=transport == "true",
            service_context=given,
        )
        return request

    def _written(self, document: Document) -> list[tuple[Mapping[str, Any], Any]]:
        """(as written, parsed) of every statement."""
        if id(document) not in self._parsed:
            written = document["Statement"]
            parse = self._evaluator.parse_policy_document
            # The document is kept beside: an id belongs to it only as long as it lives.
            self._parsed[id(document)] = (document, [(one, *parse({"Statement": [one]})) for one in written])
        statements: list[tuple[Mapping[str, Any], Any]] = self._parsed[id(document)][1]
        return statements

    def _matching(self, document: Document, request: Any, effect: str, caller: Caller | None) -> list[Used]:
        """What of the document's statements with this effect fits the request; with ``caller``: those that mean the caller."""
        evaluator = self._evaluator
        found = []
        for written, statement in self._written(document):
            if statement.effect != effect or (caller and not means(written, caller)):
                continue
            if not evaluator._conditions_met(statement.conditions, request):
                continue
            if statement.not_actions or statement.not_resources:
                if evaluator._first_match(request, [statement], effect):
                    found.append(Used(statement.sid, "not", "not"))
                continue
            actions = [one for one in statement.actions if evaluator.fnmatch_iam(request.action, one)]
            # A trust policy names no resource: it is the role's own.
            patterns = statement.resources or ["*"]
            resources = [one for one in patterns if evaluator.fnmatch_iam_cs(request.resource_arn, one)]
            found += [Used(statement.sid, action, resource) for action in actions for resource in resources]
        return found

    def _key(
        self, caller: Caller, request: Any, document: Document | None, identity: bool, used: frozenset[Used]
    ) -> Decision:
        if document is None:
            # A key that the output does not make: its owner's policy is not ours to judge.
            return Decision(identity and not caller.service, "identity policy; the key's policy is not known", used)
        named = self._matching(document, request, "Allow", caller)
        direct = [use for use in named if not self._only_the_account(document, use.sid, caller)]
        if direct:
            return Decision(True, f"key policy: {direct[0].sid}", used)
        if named and identity and caller.account == ACCOUNT:
            return Decision(True, f"identity policy, which the key policy's {named[0].sid} admits", used)
        return Decision(False, "the key policy or the role lets it not", used)

    def _only_the_account(self, document: Document | None, sid: str, caller: Caller) -> bool:
        """Whether a statement names the caller's whole account, which leaves the decision to the caller's own policies."""
        if caller.service or document is None or caller.name.endswith(":root"):
            return False
        [written] = [one for one in document["Statement"] if one.get("Sid", "") == sid]
        principal = written.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, Mapping) else []
        return all(re.fullmatch(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root", one) for one in as_list(named)) and bool(
            named
        )

    @staticmethod
    def _service(action: str) -> str:
        return action.partition(":")[0]


def as_list(value: Any) -> list[Any]:
    """One or many as many."""
    return value if isinstance(value, list) else [value]


def means(statement: Mapping[str, Any], caller: Caller) -> bool:
    """Whether the statement's Principal means the caller.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if "NotPrincipal" in statement:
        raise NotImplementedError("NotPrincipal: say here what it means before it is used")
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    named = as_list(principal.get("AWS", []))
    if "*" in named:
        # Everybody, services too, which is why Deny statements may have to look at aws:PrincipalIsAWSService:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        return True
    if caller.service:
        return caller.service in as_list(principal.get("Service", []))
    return any(_is(one, caller) for one in named)


def _is(named: str, caller: Caller) -> bool:
    account = re.fullmatch(r"(\d{12})|arn:aws[a-z-]*:iam::(\d{12}):root", named)
    if account:
        return caller.account in (account[1], account[2])
    return named == caller.name


def permissions(role: RolePolicies) -> Iterable[Used]:
    """Every (statement, action pattern, resource pattern) that the role is allowed."""
    for document in role.permissions.values():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                for action in as_list(statement.get("Action", "not")):
                    for resource in as_list(statement.get("Resource", "not")):
                        yield Used(statement.get("Sid", ""), action, resource)
