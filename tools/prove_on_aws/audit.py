"""Metric filters on the trail's log group: there, as emitted, and CloudWatch Logs itself says which records they find.

The records are those of tests/events/cloudtrail, with this project's names in place of the example's. Nothing is written to the log.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html (at most 50 messages in a call)
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modules.audit_pattern import caller
from stacks.settings import DeliveryPipeline
from tools.prove_on_aws.aws import Aws
from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.recorded import Named, recorded
from tools.prove_on_aws.report import Check, WrongError

_CASES = Path(__file__).resolve().parents[2] / "tests" / "events" / "cloudtrail" / "cases.yaml"
_MESSAGES = 50
# Of the examples: the project, its log group, its delivery, the project's key.
_PROJECT, _LOG_GROUP, _DELIVERY, _BRANCH = "acme", "/aws/cloudtrail/acme-trail", "payments", "main"
_KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_A_KEY = re.compile(r"arn:[^:\"]+:kms:[^:\"]+:\d{12}:key/[^\"]+")
# How Terraform's provider names itself, which counts where no deployers are named.
_AGENT = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0"


def checks(aws: Aws, deployed: Deployed) -> Iterator[Check]:
    """For each emitted filter: it is deployed as emitted; it finds its records, and neither a near miss nor another's."""
    purposes = dict(_purposes(deployed))
    for _, name, emitted in deployed.resources("aws_cloudwatch_log_metric_filter"):
        yield Check("audit", f"filter {emitted['name']} is deployed as emitted", _as_emitted(aws, emitted))
        found, missed = examples(deployed, purposes, name.removeprefix("audit_"))
        yield Check(
            "audit",
            f"filter {emitted['name']} finds its records and nothing else",
            _finds(aws, emitted["pattern"], found, missed),
        )


def _as_emitted(aws: Aws, emitted: Mapping[str, Any]) -> Callable[[], str]:
    def run() -> str:
        named = aws.pages(
            "logs", "describe_metric_filters", "metricFilters",
            logGroupName=emitted["log_group_name"], filterNamePrefix=emitted["name"],
        )  # fmt: skip
        found = next((one for one in named if one["filterName"] == emitted["name"]), None)
        if found is None:
            raise WrongError(f"it is not on {emitted['log_group_name']}: deploy governance again")
        # A trail's key of this project's own has an ARN that only AWS knows.
        is_, should = (_A_KEY.sub("(a key)", text) for text in (found["filterPattern"], emitted["pattern"]))
        if is_ != should:
            raise WrongError(f"its pattern is {found['filterPattern']}: deploy governance again")
        metric = emitted["metric_transformation"]
        metrics = [(one["metricNamespace"], one["metricName"]) for one in found["metricTransformations"]]
        if metrics != [(metric["namespace"], metric["name"])]:
            raise WrongError(f"it counts {metrics}: deploy governance again")
        return f"on {emitted['log_group_name']}, counted as {metric['name']}"

    return run


def _finds(aws: Aws, pattern: str, found: Sequence[Named], missed: Sequence[Named]) -> Callable[[], str]:
    def run() -> str:
        silent = [what for what, record in found if not _matched(aws, pattern, [record])]
        if silent:
            raise WrongError(f"not found: {', '.join(silent)}")
        for part in (missed[at : at + _MESSAGES] for at in range(0, len(missed), _MESSAGES)):
            if _matched(aws, pattern, [record for _, record in part]):
                loud = [what for what, record in part if _matched(aws, pattern, [record])]
                raise WrongError(f"found: {', '.join(loud)}")
        return f"finds {', '.join(what for what, _ in found)}; none of {len(missed)} others"

    return run


def _matched(aws: Aws, pattern: str, records: Sequence[object]) -> bool:
    """Whether any is found. Asked so that it does not matter how AWS numbers them: no page says."""
    messages = [json.dumps(record) for record in records]
    answer = aws.call("logs", "test_metric_filter", filterPattern=pattern, logEventMessages=messages)
    return bool(answer["matches"])


@dataclass(frozen=True)
class _Purpose:
    """What a filter is of. ``example``: the filter in cases.yaml. ``delivery``: whose branch; None for the others."""

    example: str
    delivery: DeliveryPipeline | None = None


def _purposes(deployed: Deployed) -> Iterator[tuple[str, _Purpose]]:
    for name, pipeline in deployed.settings.pipelines.items():
        if isinstance(pipeline, DeliveryPipeline):
            yield f"pushed-{name}", _Purpose(f"pushed-{_DELIVERY}", pipeline)


def examples(
    deployed: Deployed, purposes: Mapping[str, _Purpose], name: str
) -> tuple[list[Named], list[Named]]:  # fmt: skip
    """(records that the filter has to find, others), from the published ones and the settings."""
    cases: list[dict[str, Any]] = yaml.safe_load(_CASES.read_text(encoding="utf-8"))
    purpose = purposes.get(name, _Purpose(name))
    words = _Words(deployed, purpose.delivery)
    found: list[Named] = []
    missed: list[Named] = []
    for case in cases:
        record = words.others(recorded(f"cloudtrail/{case['record']}.json"))
        hit = changed(record, words.own(case["set"]))
        what = str(hit["eventName"])
        if case["filter"] != purpose.example:
            missed.append((f"{what} of {case['filter']}", hit))
            continue
        found.append((what, hit))
        missed += [(f"{what} with {json.dumps(miss)}", changed(hit, words.others(miss))) for miss in case["misses"]]
        if case.get("outside"):
            missed += [(f"{what} by {who}", changed(hit, {field: who})) for field, who in _may(deployed)]
    return found, missed


def _may(deployed: Deployed) -> list[tuple[str, str]]:
    """Who may change what Terraform made."""
    patterns = [caller(arn) for arn in deployed.settings.audit.deployers]
    return [("userIdentity.arn", one.replace("*", "x")) for one in patterns] or [("userAgent", _AGENT)]


@dataclass(frozen=True)
class _Words:
    """This project's names in place of the example's."""

    deployed: Deployed
    delivery: DeliveryPipeline | None

    def own(self, thing: Any) -> Any:
        """What is the example project's becomes this project's."""
        return _each(thing, self._own)

    def others(self, thing: Any) -> Any:
        """As ``own``; and what was not the example project's becomes nobody's that is this project's by chance."""
        return _each(thing, self._other)

    def _own(self, text: str) -> str:
        settings = self.deployed.settings
        if text == _LOG_GROUP:
            return settings.audit.log_group or f"/aws/cloudtrail/{self.deployed.names.trail('trail')}"
        text = re.sub(rf"\b{_PROJECT}", settings.project, text.replace(_KEY, self.deployed.key_arn))
        if self.delivery is None:
            return text
        name, branch = self.delivery.repository.name, self.delivery.branch
        return {_DELIVERY: name, _BRANCH: branch, f"refs/heads/{_BRANCH}": f"refs/heads/{branch}"}.get(text, text)

    def _other(self, text: str) -> str:
        own = self._own(text)
        if self.delivery and own == text and text.removeprefix("refs/heads/") == self.delivery.branch:
            return f"{text}-2"
        if self.delivery and own == text == self.delivery.repository.name:
            return f"{text}-2"
        if re.search(rf"(^|[:/]){_PROJECT}-", text):
            return own
        return re.sub(rf"(^|[:/])({self.deployed.settings.project}-)", r"\1x\2", own)


def _each(thing: Any, change: Callable[[str], str]) -> Any:
    """``thing`` with each text in it changed; keys stay."""
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, dict):
        return {key: _each(one, change) for key, one in thing.items()}
    return [_each(one, change) for one in thing] if isinstance(thing, list) else thing


def changed(record: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The record with other fields, by their paths; None: without the field."""
    made = copy.deepcopy(dict(record))
    for path, value in changes.items():
        *steps, last = path.split(".")
        at = made
        for step in steps:
            at = at[step]
        if value is None:
            at.pop(last, None)
        else:
            at[last] = copy.deepcopy(value)
    return made
