"""Functions that EventBridge calls: their rules, and the queue for the events that they could not handle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdktf import TerraformStack

from modules.account import Account
from modules.encryption import Key
from modules.events import DeadLetters, Rule
from modules.function import Function
from modules.iam import Statement
from modules.notifications import Topic


@dataclass(frozen=True)
class EventRule:
    """What a function hears of: events of a ``pattern``, or the clock (``schedule``).

    ``purpose``: part of the rule's name, of letters, digits and hyphens; ``address``: its id in Terraform, if that is another.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """

    purpose: str
    description: str
    pattern: Mapping[str, Any] | None = None
    schedule: str | None = None
    address: str = ""

    @property
    def id(self) -> str:
        """The rule's name in Terraform."""
        return self.address or self.purpose.replace("-", "_")


def listen(
    scope: TerraformStack, function: Function, rules: Sequence[EventRule], *, account: Account, dead_letters: DeadLetters
) -> None:  # fmt: skip
    """Let each of ``rules``, and no other, call the function."""
    for rule in rules:
        Rule(
            scope,
            rule.id,
            account=account,
            purpose=rule.purpose,
            description=rule.description,
            pattern=rule.pattern,
            schedule=rule.schedule,
            target_arn=function.arn,
            dead_letters=dead_letters,
        )
        function.allow_rule(rule.id, f"${{aws_cloudwatch_event_rule.{rule.id}.arn}}")


def event_function(
    scope: TerraformStack, id_: str, *, account: Account, key: Key, scratch: Path, alarms: Topic, rules: Sequence[EventRule],
    purpose: str, description: str, package: bytes, environment: Mapping[str, str], statements: Sequence[Statement],
    timeout_seconds: int, memory_mb: int,
) -> Function:  # fmt: skip
    """A function with a queue of its own for what failed, whose alarm goes to ``alarms``."""
    dead_letters = DeadLetters(
        scope,
        f"{id_}_dead_letters",
        account=account,
        key=key,
        purpose=f"{purpose}-dead-letters",
        rules=[account.names.rule(rule.purpose) for rule in rules],
        alarm_topic_arn=alarms.arn,
    )
    function = Function(
        scope,
        id_,
        account=account,
        key=key,
        scratch=scratch,
        purpose=purpose,
        description=description,
        package=package,
        environment=environment,
        statements=statements,
        timeout_seconds=timeout_seconds,
        memory_mb=memory_mb,
        dead_letters=dead_letters,
    )
    listen(scope, function, rules, account=account, dead_letters=dead_letters)
    return function
