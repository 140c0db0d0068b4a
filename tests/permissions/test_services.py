"""Bucket, key, topic, queue and function policies: which services come through, and who does not (calls/services.yaml)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from declared import OTHER_ACCOUNT, Call, content, expand, fill, listed, variables_of
from oracle import Caller, Oracle, Used
from policies import ACCOUNT, Policies, RolePolicies, text_of

_EVERYTHING = {"Effect": "Allow", "Sid": "All", "Action": "*", "Resource": "*"}
ADMINISTRATOR = RolePolicies(
    name="Administrator",
    arn=f"arn:aws:iam::{ACCOUNT}:role/Administrator",
    stack="",
    id="",
    trust={"Statement": []},
    permissions={"all": {"Version": "2012-10-17", "Statement": [_EVERYTHING]}},
)
# An output without a delivery, a trail or a recorder of its own has none.
OPTIONAL = ("{approvals}", "{registries}", "{trail_key}", "{trail_files}", "{config_history}")


@pytest.fixture
def oracle(policies: Policies) -> Oracle:
    return Oracle(policies)


def entries(emitted: Any, policies: Policies, section: str) -> Iterator[tuple[Caller, Call]]:
    variables = variables_of(emitted, policies)
    for number, entry in enumerate(content("services")[section]):
        for who in listed(fill(entry["who"], variables)):
            caller = (
                Caller(role=ADMINISTRATOR)
                if who == "administrator"
                else Caller(arn=who)
                if who.startswith("arn:")
                else Caller(service=who)
            )
            calls = list(expand(entry, variables, f"services.yaml {section}[{number}]"))
            assert calls or any(name in str(entry["at"]) for name in OPTIONAL), entry
            for call in calls:
                yield caller, call


def test_services_do_their_work(emitted: Any, policies: Policies, oracle: Oracle) -> None:
    refused = [
        f"{caller.name} may not {call}: {decision.reason}"
        for caller, call in entries(emitted, policies, "calls")
        if not (decision := oracle.decide(caller, call.action, call.resource, call.context)).allowed
    ]
    assert not refused, "\n".join(refused)


def test_nobody_else_comes_through(emitted: Any, policies: Policies, oracle: Oracle) -> None:
    allowed = [
        f"{caller.name} may {call}: {decision.reason}"
        for caller, call in entries(emitted, policies, "denied")
        if (decision := oracle.decide(caller, call.action, call.resource, call.context)).allowed
    ]
    assert not allowed, "\n".join(allowed)


def targets(emitted: Any) -> Iterator[tuple[str, str, str]]:
    """(rule's ARN, what it calls, the queue for what could not be delivered) of each rule; empty without one."""
    region = emitted.settings.region
    for stack, _, target in emitted.resources("aws_cloudwatch_event_target"):
        rule = f"arn:aws:events:{region}:{ACCOUNT}:rule/{text_of(emitted, stack, target['rule'])}"
        queue = (target.get("dead_letter_config") or {}).get("arn", "")
        yield rule, text_of(emitted, stack, target["arn"]), text_of(emitted, stack, queue)


def test_each_rule_reaches_its_queue_and_its_function_and_no_other_does(
    emitted: Any, policies: Policies, oracle: Oracle
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html and eb-use-resource-based.html"""
    events, wrong = "events.amazonaws.com", []
    rules = [rule for rule, _, _ in targets(emitted)]
    assert rules

    def may(service: str, action: str, resource: str, **context: str) -> bool:
        given = {f"aws:{name}": value for name, value in context.items()}
        return oracle.decide(Caller(service=service), action, resource, given).allowed

    reached: set[str] = set()
    for rule, target, queue in targets(emitted):
        pairs = [("sqs:SendMessage", queue)] if queue else []
        if ":lambda:" in target:
            pairs.append(("lambda:InvokeFunction", target))
        for action, resource in pairs:
            reached.add(resource)
            # AWS's page has the rule's ARN alone: no permission may wait for more.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
            sender = {"SourceArn": rule}
            foreign = rule.replace(ACCOUNT, OTHER_ACCOUNT)
            if not may(events, action, resource, **sender):
                wrong.append(f"{rule} may not {action} on {resource}")
            attempts: list[tuple[str, dict[str, str]]] = [
                ("scheduler.amazonaws.com", sender),
                ("sns.amazonaws.com", sender),
                (events, {}),
                (events, {"SourceAccount": ACCOUNT}),
                (events, {**sender, "SourceArn": f"{rule}-other"}),
                (events, {"SourceArn": foreign, "SourceAccount": OTHER_ACCOUNT}),
                (events, {**sender, "SecureTransport": "false"} if queue == resource else {}),
                *(
                    (events, {**sender, "SourceArn": other})
                    for other in rules
                    if not _reaches(emitted, other, resource)
                ),
            ]
            wrong += [
                f"{who} may {action} on {resource} with {given}"
                for who, given in attempts
                if may(who, action, resource, **given)
            ]
            other_action = "sqs:ReceiveMessage" if action.startswith("sqs") else "lambda:UpdateFunctionCode"
            if may(events, other_action, resource, **sender):
                wrong.append(f"{rule} may {other_action} on {resource}")
    assert not wrong, "\n".join(wrong)
    # What no rule calls has no door for EventBridge: guard and sealer.
    for function, document in policies.functions.items():
        assert (document is not None) == (function in reached), function
    assert set(policies.queues) <= reached


def _reaches(emitted: Any, rule: str, resource: str) -> bool:
    return any(rule == one and resource in (target, queue) for one, target, queue in targets(emitted))


def test_no_statement_of_a_resource_is_left_over(emitted: Any, policies: Policies, oracle: Oracle) -> None:
    """Each (Allow statement, action, resource) of a bucket, key, topic or queue is what some call rests on; those that name the
    account only hand the decision to its IAM."""
    calls = [(caller, call.action, call.resource, call.context) for caller, call in entries(emitted, policies, "calls")]
    for rule, _, queue in targets(emitted):
        if queue:
            calls.append((Caller(service="events.amazonaws.com"), "sqs:SendMessage", queue, {"aws:SourceArn": rule}))
    unused = []
    for resources in (policies.buckets, policies.keys, policies.topics, policies.queues):
        for name, document in resources.items():
            assert document is not None, f"{name} has no policy"
            used: set[Used] = set()
            for caller, action, resource, context in calls:
                if oracle.resource_policy(resource) is document:
                    used |= set(oracle.statements(document, caller, action, resource, context))
            unused += [
                f"{name}: nothing needs {action} on {resource} ({statement['Sid']})"
                for statement in document["Statement"]
                if statement["Effect"] == "Allow"
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
                if Used(statement["Sid"], action, resource) not in used
            ]
    assert not unused, "\n".join(unused)
