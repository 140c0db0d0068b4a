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
    wanted = notifier.audience.addresses
    found = {topic: notifier.topics.subscribers(topic, wanted.get(topic, ())) for topic in notifier.audience.topics}
    for topic, subscribers in found.items():
        counts = {"SubscriptionsConfirmed": subscribers.confirmed, "SubscriptionsPending": subscribers.silent}
        notifier.measure({"Topic": topic}, counts)
    waiting = {topic: one for topic, one in found.items() if one.silent or not one.confirmed}
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
    unheard = sum(not one.confirmed for one in waiting.values())
    confirm = _counted(
        addresses,
        "1 e-mail address has not confirmed its subscription",
        "e-mail addresses have not confirmed their subscription",
    )
    gone = _counted(
        sum(len(one.gone) for one in waiting.values()), "1 address is not subscribed", "addresses are not subscribed"
    )
    hear = _counted(unheard, "1 topic reaches nobody", "topics reach nobody")
    head = ", and ".join(part for part in (confirm, gone, hear) if part)
    rows = []
    for topic, one in waiting.items():
        counted = f"{one.confirmed} confirmed, {one.silent} not" if one.confirmed or one.silent else "no subscription"
        nobody = "" if one.confirmed else " - NOBODY hears this topic"
        rows.append(("Topic", f"{topic}: {counted}{nobody}"))
        rows += [("", foreign(address, 254)) for address in one.pending[:SHOWN]]
        rows.append(("", _more(len(one.pending))))
        rows += [("", f"{foreign(address, 254)} - not subscribed") for address in one.gone[:SHOWN]]
        rows.append(("", _more(len(one.gone))))
        rows.append(("", notifier.console.topic(notifier.topics.place.topic_arn(topic))))
    if addresses:
        open_it = "who is named here opens the link in the mail from AWS Notifications; if it no longer works, choose"
        rows += [("What now", open_it), ("", "Request confirmation on the topic's page")]
    if any(one.gone or not (one.confirmed or one.pending) for one in waiting.values()):
        # https://aws.amazon.com/about-aws/whats-new/2023/05/amazon-sns-automatic-deletion-unconfirmed-subscriptions/
        deploy = (
            "where there is no subscription, see that pipelines.yaml names somebody, and deploy: AWS deletes one that"
        )
        rows += [("What now", deploy), ("", "is not confirmed within 48 hours, and Terraform makes it anew")]
    return Message.of(f"{notifier.audience.project}: {head}", f"{head}.", rows)


def _counted(number: int, one: str, many: str) -> str:
    """Nothing of none."""
    return one if number == 1 else f"{number} {many}" if number else ""


def _more(number: int) -> str:
    """Of so many, those that are not shown."""
    return f"and {number - SHOWN} more" if number > SHOWN else ""


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
    if len(waivers) == 1:
        what, last = "1 waiver ends", "the last day it holds: from the next day on its findings block again"
        now = "mend it and delete the waiver from pipelines.yaml, or set a later day there"
    else:
        what = f"{len(waivers)} waivers end"
        last = "the last day they hold: from the next day on their findings block again"
        now = "mend what they are of and delete them from pipelines.yaml, or set later days there"
    rows = [
        ("Waiver", f"{one.scanner} {foreign(one.rule, 100)}{f' at {foreign(one.location, 100)}' if one.location else ''},"
         f" owner {one.owner}: {foreign(one.reason, 150)}")
        for one in waivers[:SHOWN]
    ]  # fmt: skip
    rows += [("", _more(len(waivers))), ("What now", now)]
    return Message.of(
        f"{notifier.audience.project}: {what} on {day.isoformat()}",
        f"{what} on {day.isoformat()}, {last}.",
        rows,
    )


def _hash(waivers: Sequence[Waiver]) -> str:
    text = "\n".join(sorted(f"{one.scanner} {one.rule} {one.location}" for one in waivers))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
