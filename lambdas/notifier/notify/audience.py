"""notify.json: who hears of which pipeline, written at synth (stacks/audience.py) and zipped beside the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from common import strict
from common.contract import LINE, PIPELINE, SCHEMA
from common.policy import SEVERITIES
from common.strict import MalformedError, shown

_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_BUILD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}")
_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{1,19}")
_FUNCTION: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,20}):lambda:(?P<region>[a-z0-9-]{1,32}):(?P<account>\d{12}):.+"
)


@dataclass(frozen=True)
class Place:
    """Where this function runs, and so its topics."""

    partition: str
    region: str
    account: str

    @classmethod
    def of_function(cls, arn: str) -> Place:
        """The place in a Lambda function's ARN; ``MalformedError`` for anything else."""
        found = _FUNCTION.fullmatch(arn)
        if not found:
            raise MalformedError(f"a Lambda function's ARN is right, not {shown(arn)}")
        return cls(**found.groupdict())

    def topic_arn(self, name: str) -> str:
        """The ARN of a topic of this account and region."""
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{name}"


@dataclass(frozen=True)
class Hearers:
    """Who hears of one pipeline. ``severity``: least one of a finding in a released image that is told. ``builds``: names of
    its build projects."""

    topic: str
    severity: str
    successes: bool
    builds: frozenset[str]

    @classmethod
    def parse(cls, document: object, where: str) -> Hearers:
        """One entry of ``pipelines``."""
        given = strict.fields(document, where, ("topic", "severity", "successes", "builds"))
        return cls(
            topic=strict.text(given["topic"], f"{where}.topic", _TOPIC, "a topic's name"),
            severity=strict.choice(given["severity"], f"{where}.severity", SEVERITIES),
            successes=strict.boolean(given["successes"], f"{where}.successes"),
            builds=frozenset(
                strict.text(one, f"{where}.builds", _BUILD, "a build project's name")
                for one in strict.items(given["builds"], f"{where}.builds")
            ),
        )

    def wants(self, severity: str) -> bool:
        """Whether a finding of this severity (in lower case) is told. One without a grade always is: it may be the worst."""
        return severity not in SEVERITIES or SEVERITIES.index(severity) <= SEVERITIES.index(self.severity)


@dataclass(frozen=True)
class Audience:
    """``topic``: the project's. ``approvals``: topics whose subscribers are looked after, too, and never written to.
    ``addresses``: by topic, who should hear it."""

    project: str
    topic: str
    pipelines: Mapping[str, Hearers]
    approvals: tuple[str, ...]
    addresses: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, data: bytes) -> Audience:
        """The file in ``data``."""
        given = strict.fields(
            strict.loads(data, "notify.json"),
            "notify.json",
            ("schema", "project", "topic", "pipelines", "approvals", "addresses"),
        )
        strict.integer(given["schema"], "notify.json: schema", SCHEMA, SCHEMA)
        return cls(
            project=strict.text(given["project"], "project", _PROJECT, "the project's name"),
            topic=strict.text(given["topic"], "topic", _TOPIC, "a topic's name"),
            pipelines=MappingProxyType(
                {
                    strict.text(name, "pipelines", PIPELINE, "a pipeline's name"): Hearers.parse(
                        one, f"pipelines.{name}"
                    )
                    for name, one in strict.entries(given["pipelines"], "pipelines").items()
                }
            ),
            approvals=tuple(
                strict.text(one, "approvals", _TOPIC, "a topic's name")
                for one in strict.items(given["approvals"], "approvals")
            ),
            addresses=MappingProxyType(
                {
                    strict.text(topic, "addresses", _TOPIC, "a topic's name"): tuple(
                        strict.text(one, f"addresses.{topic}", LINE, "an e-mail address")
                        for one in strict.items(those, f"addresses.{topic}")
                    )
                    for topic, those in strict.entries(given["addresses"], "addresses").items()
                }
            ),
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, the project's first, each once."""
        own = (hearers.topic for hearers in self.pipelines.values())
        return tuple(dict.fromkeys((self.topic, *own, *self.approvals)))
