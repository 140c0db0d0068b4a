"""What people get in their mail of a run: read from a queue that is subscribed to their topics, as SNS sends it to anybody.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tools.emulator.process import ACCOUNT, Emulator

PEOPLE = "notifications"  # what the names of their topics end in; approvers have other ones
COMES = 60.0  # seconds within which a letter must come: a function's cold start on a machine that is busy
ANOTHER = 4.0  # ... after the sending of the last one, when no further one comes


@dataclass
class Letters:
    """All that came, in the order in which it did. ``found``: when each was sent, and its text."""

    sqs: Any
    url: str
    found: list[tuple[float, str]] = field(default_factory=list)

    def of(self, execution: str, wanted: int) -> tuple[str, ...]:
        """Letters that name an execution. Waits for as many as are ``wanted``, and then for one that is too many."""
        end = time.monotonic() + COMES
        while len(self._named(execution)) < wanted and time.monotonic() < end:
            self._look()
        # What was looked up since then is time in which another one could come.
        while wanted and time.time() < self._last(execution) + ANOTHER:
            self._look()
        self._look()
        return self._named(execution)

    def _named(self, execution: str) -> tuple[str, ...]:
        return tuple(text for _, text in self.found if execution in text)

    def _last(self, execution: str) -> float:
        return max((sent for sent, text in self.found if execution in text), default=0.0)

    def _look(self) -> None:
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["SentTimestamp"]
        )
        for one in answer.get("Messages", ()):
            body = json.loads(one["Body"])
            sent = int(one["Attributes"]["SentTimestamp"]) / 1000
            self.found.append((sent, f"Subject: {body.get('Subject', '')}\n\n{body['Message']}"))
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])


@contextmanager
def listening(emulator: Emulator) -> Iterator[Letters]:
    """Until the end of the block. ``emulator``: as the account's root."""
    sns, sqs = emulator.client("sns"), emulator.client("sqs")
    name = f"letters-{uuid.uuid4().hex[:8]}"
    arn = f"arn:aws:sqs:{emulator.region}:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    topics = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(PEOPLE)]
    subscribed = [
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
        for topic in topics
    ]
    try:
        yield Letters(sqs, url)
    finally:
        for one in subscribed:
            sns.unsubscribe(SubscriptionArn=one)
        sqs.delete_queue(QueueUrl=url)
