"""Amazon SNS: the one way to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from notify.audience import Place
from notify.text import Message

PAGE_LIMIT: Final = 20  # of 100 subscriptions each


class Sns(Protocol):
    """The methods of boto3's client that are used here."""

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

    def list_subscriptions_by_topic(self, *, TopicArn: str, NextToken: str = ...) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""


@dataclass(frozen=True)
class Subscribers:
    """Of one topic: how many have confirmed, the addresses of those who have not, and those of whom SNS knows nothing.

    ``gone``: two days without an answer end a subscription, and so does the link at the end of each of its mails, whoever opens it.
    https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
    """

    confirmed: int
    pending: tuple[str, ...]
    gone: tuple[str, ...] = ()

    @property
    def silent(self) -> int:
        """How many should hear and do not."""
        return len(self.pending) + len(self.gone)


@dataclass(frozen=True)
class Topics:
    """Topics of one account and region, by name."""

    sns: Sns
    place: Place

    def publish(self, topic: str, message: Message) -> None:
        """Sends it to everybody who has confirmed."""
        self.sns.publish(TopicArn=self.place.topic_arn(topic), Subject=message.subject, Message=message.body)

    def subscribers(self, topic: str, wanted: Iterable[str]) -> Subscribers:
        """Instead of an ARN, a subscription that waits has the word PendingConfirmation. ``wanted``: who should hear. A topic that
        somebody has deleted has no subscribers: it must not keep the others from being looked at."""
        confirmed, pending, known = 0, [], set()
        more: dict[str, str] = {}
        for _ in range(PAGE_LIMIT):
            try:
                page = self.sns.list_subscriptions_by_topic(TopicArn=self.place.topic_arn(topic), **more)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NotFound":
                    break
                raise
            for one in page["Subscriptions"]:
                if str(one["SubscriptionArn"]).startswith("arn:"):
                    confirmed += 1
                elif one["SubscriptionArn"] == "PendingConfirmation":
                    pending.append(str(one["Endpoint"]))
                else:
                    continue
                known.add(str(one["Endpoint"]).lower())
            if not page.get("NextToken"):
                break
            more = {"NextToken": str(page["NextToken"])}
        gone = sorted(one for one in wanted if one.lower() not in known)
        return Subscribers(confirmed, tuple(sorted(pending)), tuple(gone))
