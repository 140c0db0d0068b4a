"""For every role of every output: what it does is allowed, what it must not do is denied, nothing more is allowed.

What a role does stands in calls/*.yaml; the decisions are the oracle's, under the policies as they are emitted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from declared import OTHER_ACCOUNT, content, declared, kind_of, kinds, parts, shared, undeclared
from oracle import Caller, Oracle, permissions
from policies import ACCOUNT, Policies


@pytest.fixture
def oracle(policies: Policies) -> Oracle:
    return Oracle(policies)


def test_every_role_has_its_declared_calls(emitted: Any, policies: Policies) -> None:
    missing = {name: kind for name, role in policies.roles.items() if (kind := kind_of(emitted, role)) not in kinds()}
    assert not missing, f"roles without a file in calls/: {missing}"
    assert {one.role.name for one in declared(emitted)} == set(policies.roles)
    assert all(one.calls for one in declared(emitted))


def test_no_declaration_is_idle(emit_once: Any) -> None:
    """Each kind, and each entry of each kind, is about some role of the project's own settings files."""
    used: set[str] = set()
    entries: set[str] = set()
    for source in sorted((Path(__file__).parents[1] / "settings").glob("*.yaml")):
        for one in declared(emit_once(source)):
            used |= set(parts(one.kind))
            entries |= {call.entry.split(": ")[0] for call in (*one.calls, *one.denied)}
    assert used == kinds() | shared()
    written = {
        f"{name}.yaml {section}[{number}]"
        for name in kinds() | shared()
        for section in ("calls", "denied")
        for number in range(len(content(name).get(section) or ()))
    }
    assert not written - entries, "entries that no role of no settings file uses"


def test_every_entry_says_where_it_is_from() -> None:
    known = {"do", "at", "with", "key", "by", "why", "seen", "when", "who"}
    for name in (*kinds(), *shared(), "services"):
        assert set(content(name)) <= {"also", "trust", "calls", "denied"}, name
        for section, reason in (("calls", "by"), ("denied", "why")):
            for entry in content(name).get(section) or ():
                assert set(entry) <= known, f"{name}: {entry}"
                assert entry.get(reason), f"{name}: {entry} has no {reason!r}"
                assert section == "calls" or not entry.get("seen")


def test_what_a_role_does_is_allowed(emitted: Any, oracle: Oracle) -> None:
    refused = []
    for one in declared(emitted):
        for call in one.calls:
            decision = oracle.decide(Caller(role=one.role), call.action, call.resource, call.context)
            # A resource's policy alone is not enough here: that would be a permission that somebody forgot.
            if not decision.allowed or not decision.used:
                refused.append(f"{one.role.name} may not {call}: {decision.reason}")
    assert not refused, "\n".join(refused)


def test_what_a_role_must_not_do_is_denied(emitted: Any, oracle: Oracle) -> None:
    allowed = []
    for one in declared(emitted):
        for call in one.denied:
            decision = oracle.decide(Caller(role=one.role), call.action, call.resource, call.context)
            if decision.allowed:
                allowed.append(f"{one.role.name} may {call}: {decision.reason} {sorted(map(str, decision.used))}")
    assert not allowed, "\n".join(allowed)


def test_no_permission_is_left_over(emitted: Any, oracle: Oracle) -> None:
    """Each (statement, action, resource) is what some declared call rests on."""
    unused = []
    for one in declared(emitted):
        used = set().union(*(oracle.matching(one.role, call.action, call.resource, call.context) for call in one.calls))
        unused += [
            f"{one.role.name}: nothing needs {left.action} on {left.resource} ({left.sid})"
            for left in permissions(one.role)
            if left not in used
        ]
    assert not unused, "\n".join(unused)


def test_roles_are_allowed_single_actions_only(policies: Policies) -> None:
    """A pattern of actions would count as used as soon as one of them is."""
    patterns = [
        f"{name}: {one}"
        for name, role in policies.roles.items()
        for one in permissions(role)
        if "*" in one.action or "?" in one.action or "not" in (one.action, one.resource)
    ]
    assert not patterns


def test_each_condition_of_a_permission_is_needed(emitted: Any, oracle: Oracle) -> None:
    """Without the context of its calls, a permission under a condition gives nothing."""
    for one in declared(emitted):
        for document in one.role.permissions.values():
            conditional = {each["Sid"] for each in document["Statement"] if each.get("Condition")}
            for call in one.calls:
                bare = oracle.matching(one.role, call.action, call.resource, {})
                assert not {use.sid for use in bare} & conditional, f"{one.role.name}: {call}"


SERVICES = ("codebuild", "codepipeline", "events", "lambda", "ec2", "ecs-tasks", "cloudformation", "scheduler")


def test_roles_are_assumed_by_their_service_for_their_resource(emitted: Any, oracle: Oracle) -> None:
    wrong = []
    for one in declared(emitted):
        service, source = one.trust["service"], one.trust.get("source")
        documented = {"aws:SourceAccount": ACCOUNT, **({"aws:SourceArn": source} if source else {})}
        silent = one.trust.get("says") == "nothing"  # documented: the service says neither
        if silent:
            documented = {}

        def may(caller: Caller, one: Any = one, **context: str) -> bool:
            return oracle.assume(
                one.role, caller, {key.replace("_", ":"): value for key, value in context.items()}
            ).allowed

        given = {key.replace(":", "_"): value for key, value in documented.items()}
        if not may(Caller(service=service), **given):
            wrong.append(f"{one.role.name}: {service} may not assume it with {documented}")
        attempts: list[tuple[Caller, dict[str, str]]] = [
            *(
                (Caller(service=f"{name}.amazonaws.com"), given)
                for name in SERVICES
                if f"{name}.amazonaws.com" != service
            ),
            *((Caller(service=service), {k: v for k, v in given.items() if k != key}) for key in given),
            *([] if silent else [(Caller(service=service), {**given, "aws_SourceAccount": OTHER_ACCOUNT})]),
            *([] if silent else [(Caller(service=service), dict[str, str]())]),
            (Caller(arn=f"arn:aws:iam::{ACCOUNT}:root"), given),
            (Caller(arn=f"arn:aws:iam::{OTHER_ACCOUNT}:root"), given),
            (Caller(arn=f"arn:aws:iam::{ACCOUNT}:role/Admin"), given),
            *((Caller(role=other.role), given) for other in declared(emitted)),
        ]
        if source:
            attempts += [
                (Caller(service=service), {**given, "aws_SourceArn": f"{source}-other"}),
                (Caller(service=service), {**given, "aws_SourceArn": source.rpartition("/")[0] + "/another"}),
                (Caller(service=service), {**given, "aws_SourceArn": source.replace(ACCOUNT, OTHER_ACCOUNT)}),
            ]
        wrong += [
            f"{one.role.name}: {caller.name} may assume it with {context}"
            for caller, context in attempts
            if may(caller, **context)
        ]
    assert not wrong, "\n".join(wrong)


def test_what_is_not_declared_is_told(full: Any) -> None:
    """For those who log what roles really ask for: any execution, any stream, but nothing else."""
    reports = f"arn:aws:s3:::acme-reports-{ACCOUNT}-eu-central-1"
    folder = "reports/payments/00000000-1111-4222-8333-444444444444/grype-image"
    assert not undeclared(full, "acme-payments-grype", "s3:PutObject", f"{reports}/{folder}/raw.json")
    assert not undeclared(full, "acme-findings-importer", "s3:PutObject", f"{reports}/{folder}/verdict.json")
    assert not undeclared(full, "acme-findings-importer", "s3:GetObject", f"{reports}/inventory/any/where/x.json.gz")
    assert undeclared(full, "acme-payments-grype", "s3:PutObject", f"{reports}/{folder}/verdict.json")
    assert undeclared(full, "acme-payments-grype", "s3:PutObject", f"{reports}/{folder}/raw.json.gz")
    assert undeclared(full, "acme-payments-ecr", "s3:PutObject", f"{reports}/{folder}/raw.json")
    assert undeclared(full, "acme-nobody", "s3:PutObject", f"{reports}/{folder}/raw.json")
