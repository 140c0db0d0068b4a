"""What a rule of AWS Config looks at is no longer as it should be, or is again.

One mail for each rule, resource and change. A resource that is compliant at its first look is no news. What a rule finds when it looks
for the first time may be many things (a rule that was just made looks at the whole account): one mail for each rule and day.
https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
"""

from __future__ import annotations

import hashlib
from typing import Final

from common import strict
from common.contract import LINE
from common.policy import CONFIG_RULE
from notify.event import Event
from notify.service import PROJECT, Notifier, execution_key
from notify.text import Message, foreign

# https://docs.aws.amazon.com/config/latest/APIReference/API_EvaluationResult.html
STATES: Final = ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA")
NAMED: Final = 60  # characters of a resource's id in a subject


def changed(notifier: Notifier, event: Event) -> str:
    """A resource's compliance with a rule has changed."""
    rule = strict.text(event.detail.get("configRuleName"), "detail.configRuleName", CONFIG_RULE, "a rule's name")
    kind = strict.text(event.detail.get("resourceType"), "detail.resourceType", LINE, "a resource's type")
    resource = strict.text(event.detail.get("resourceId"), "detail.resourceId", LINE, "a resource's id")
    now, since = _state(event.detail.get("newEvaluationResult"), "detail.newEvaluationResult")
    before = event.detail.get("oldEvaluationResult")
    was = _state(before, "detail.oldEvaluationResult")[0] if before is not None else ""
    if now != "NON_COMPLIANT" and was != "NON_COMPLIANT":
        return f"{rule}: {foreign(resource, NAMED)} is {now}, which is no news"
    broken = now == "NON_COMPLIANT"
    what = f"{kind} {foreign(resource, NAMED)}"
    holds = rule in notifier.policy.hold_production
    changed_to = f"is {now}" if broken else "is no longer NON_COMPLIANT"
    first = before is None
    # The times differ from change to change; a delivery that comes twice has the same.
    cause = (rule, "first", event.time.date().isoformat()) if first else (rule, kind, resource, now, since)
    digest = hashlib.sha256("\n".join(cause).encode()).hexdigest()[:32]
    return notifier.tell_once(
        execution_key(PROJECT, "config", digest),
        event,
        notifier.audience.topic,
        lambda: Message.of(
            f"{notifier.audience.project}: {what} {changed_to}",
            f"AWS Config: {what} {changed_to} by the rule {rule}.",
            [
                ("Rule", rule),
                ("Resource", f"{kind} {foreign(resource, 500)}"),
                ("Since", since),
                ("Before", was or "never evaluated"),
                ("Holds", "production, until every resource of this rule is COMPLIANT" if holds and broken else ""),
                (
                    "What now",
                    "the rule's page says what it found and, of AWS's own rules, how to put it right" if broken else "",
                ),
                ("", "what else it finds today at a first look is there, and in no further mail" if first else ""),
                ("By whom", "the resource's timeline in AWS Config names the calls in CloudTrail that changed it"),
                ("Look at", notifier.console.config_rule(rule)),
            ],
        ),
    )


def _state(document: object, where: str) -> tuple[str, str]:
    """The compliance in an evaluation's result, and since when it stands."""
    given = strict.entries(document, where)
    state = strict.choice(given.get("complianceType"), f"{where}.complianceType", STATES)
    return state, strict.text(given.get("resultRecordedTime"), f"{where}.resultRecordedTime", LINE, "a time")
