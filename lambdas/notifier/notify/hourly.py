"""Every hour: who hears, and which waivers end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from common.policy import Waiver
from notify.event import Event
from notify.service import PROJECT, Notifier, execution_key
from notify.text import Message, foreign
from notify.topics import Subscribers

SOON: Final = timedelta(days=14)  # counted
TOLD: Final = timedelta(days=7)  # told
SHOWN: Final = 50  # addresses, and waivers, in one message


def look(notifier: Notifier, event: Event) -> str:
    """Both, in one call."""
    return f"{_subscriptions(notifier, event)}; {_waivers(notifier, event)}"


def _subscriptions(notifier: Notifier, event: Event) -> str:
    """Metrics for each topic, and at most one message a day that names who has not confirmed.

    It goes to the project's topic. If nobody hears that one: to a pipeline's own topic that somebody hears. Never to
    approvers, who are asked by their pipeline alone.
    """
    found = {topic: notifier.topics.subscribers(topic) for topic in notifier.audience.topics}
    for topic, subscribers in found.items():
        counts = {"SubscriptionsConfirmed": subscribers.confirmed, "SubscriptionsPending": len(subscribers.pending)}
        notifier.measure({"Topic": topic}, counts)
    waiting = {topic: one for topic, one in found.items() if one.pending or not one.confirmed}
    if not waiting:
        return "every address has confirmed"
    hearing = [topic for topic in found if topic not in notifier.audience.approvals and found[topic].confirmed]
    if not hearing:
        return "nobody can be told that subscriptions are not confirmed: no topic has a confirmed one"
    today = notifier.clock().date().isoformat()
    where = execution_key(PROJECT, today, "subscriptions")
    return notifier.tell_once(where, event, hearing[0], lambda: _unconfirmed(notifier, waiting))


def _unconfirmed(notifier: Notifier, waiting: dict[str, Subscribers]) -> Message:
    addresses = sum(len(one.pending) for one in waiting.values())
    unheard = [topic for topic, one in waiting.items() if not one.confirmed]
    head = f"{addresses} e-mail addresses have not confirmed their subscription"
    rows = []
    for topic, one in waiting.items():
        nobody = "" if one.confirmed else " - NOBODY hears this topic"
        rows.append(("Topic", f"{topic}: {one.confirmed} confirmed, {len(one.pending)} not{nobody}"))
        rows += [("", foreign(address, 254)) for address in one.pending[:SHOWN]]
        rows.append(("", notifier.console.topic(notifier.topics.place.topic_arn(topic))))
    rows.append(
        ("What now", "each of them opens the link in the mail from AWS Notifications; if it no longer works, choose")
    )
    rows.append(("", "Request confirmation on the topic's page"))
    more = f", and {len(unheard)} topics reach nobody" if unheard else ""
    return Message.of(f"{notifier.audience.project}: {head}{more}", f"{head}{more}.", rows)


def _waivers(notifier: Notifier, event: Event) -> str:
    """Metrics, and a message for each day on which waivers end, a week before."""
    today = notifier.clock().date()
    waivers = notifier.policy.waivers
    soon = [one for one in waivers if today <= one.expires <= today + SOON]
    ended = [one for one in waivers if one.expires < today]
    notifier.measure(
        {"Project": notifier.audience.project}, {"WaiversEndingSoon": len(soon), "WaiversEnded": len(ended)}
    )
    days = sorted({one.expires for one in soon if one.expires <= today + TOLD})
    for day in days:
        ending = [one for one in soon if one.expires == day]
        cause = f"waivers-{_hash(ending)}"
        where = execution_key(PROJECT, day.isoformat(), cause)
        notifier.tell_once(where, event, notifier.audience.topic, lambda day=day, of=ending: _ending(notifier, day, of))  # type: ignore[misc]
    return f"{len(soon)} waivers end soon, {len(ended)} have ended"


def _ending(notifier: Notifier, day: date, waivers: Sequence[Waiver]) -> Message:
    what = "1 waiver ends" if len(waivers) == 1 else f"{len(waivers)} waivers end"
    rows = [
        ("Waiver", f"{one.scanner} {foreign(one.rule, 100)}{f' at {foreign(one.location, 100)}' if one.location else ''},"
         f" owner {one.owner}: {foreign(one.reason, 150)}")
        for one in waivers[:SHOWN]
    ]  # fmt: skip
    rows.append(("What now", "mend it and delete the waiver from pipelines.yaml, or set a later day there"))
    return Message.of(
        f"{notifier.audience.project}: {what} on {day.isoformat()}",
        f"{what} on {day.isoformat()}, the last day it holds: from the next day on its findings block again.",
        rows,
    )


def _hash(waivers: Sequence[Waiver]) -> str:
    text = "\n".join(sorted(f"{one.scanner} {one.rule} {one.location}" for one in waivers))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
