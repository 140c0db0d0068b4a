"""Security Hub CSPM: findings in, the workflow of findings in and out. The only module that speaks to it.

Limits and throttling: https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html and
https://docs.aws.amazon.com/securityhub/1.0/APIReference/Welcome.html
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as NoConnectionError

from common.strict import clean
from findings.asff import Account
from findings.delivery import ROUNDS, BatchError, Batches, Courier, Failure, Pace

BATCH: Final = 100  # findings in one request
BATCH_BYTES: Final = 6_000_000  # "6 MB" and "240 KB", each read as the smaller of its two meanings
FINDING_BYTES: Final = 240_000
FILTER_VALUES: Final = (
    20  # of one attribute: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html
)
PAGE: Final = 100
RESERVE: Final = 60.0  # seconds: for the answer to the last request, and for what the call does afterwards
_PAGES: Final = 50
_SHOWN: Final = 3  # ids of each code in a message
_ENVELOPE: Final = 100  # bytes around the findings of a request

SWITCHED_OFF: Final = frozenset({"InvalidAccessException", "InvalidAccess"})  # of a request, and of a single finding
_THROTTLED: Final = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "InternalException",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)


class UndeliveredError(Exception):
    """Security Hub has not got all. What was delivered is noted; ``failures`` names the rest by finding id."""

    def __init__(self, failures: Mapping[str, Failure]) -> None:
        self.failures = dict(failures)
        codes: dict[str, list[str]] = {}
        for name, failure in sorted(self.failures.items()):
            codes.setdefault(failure.code, []).append(name)
        parts = []
        for code, names in codes.items():
            shown = ", ".join(_short(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            detail = self.failures[names[0]].detail
            parts.append(f"{clean(code, 60)} ({len(names)}): {shown}" + (f" [{clean(detail, 160)}]" if detail else ""))
        super().__init__(f"Security Hub has not taken {len(self.failures)} findings: {'; '.join(parts)}")


class SwitchedOffError(Exception):
    """Security Hub is not enabled where this function runs."""


class Client(Protocol):
    """The methods of boto3's client that are used here."""

    def batch_import_findings(self, *, Findings: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html"""

    def batch_update_findings(
        self, *, FindingIdentifiers: Sequence[Mapping[str, str]], Workflow: Mapping[str, str], Note: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html"""

    def get_findings(
        self, *, Filters: Mapping[str, Any], MaxResults: int = ..., NextToken: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html"""


@dataclass(frozen=True, slots=True)
class Workflow:
    """What has been decided about a finding. ``by``: who wrote its ``note``; both empty if there is none. ``archived``: its record."""

    status: str
    by: str = ""
    note: str = ""
    archived: bool = False


@dataclass(frozen=True)
class SecurityHub:
    """This account's own product. What could not be delivered comes back by finding id; ``SwitchedOffError`` ends all."""

    client: Client
    account: Account
    clock: Callable[[], float]  # all times in seconds
    sleep: Callable[[float], None]
    remaining: Callable[[], float]  # how long the call that is running may still take
    reserve: float = RESERVE
    jitter: Callable[[], float] = random.random

    @cached_property
    def _courier(self) -> Courier:
        return Courier(self.remaining, self.reserve, self.sleep, self.jitter)

    @cached_property
    def _paces(self) -> Mapping[str, Pace]:
        """Requests a second, and at once. Other functions of the account share them."""
        limits = {"import": (10, 30), "update": (10, 30), "get": (3, 6)}
        return {name: Pace(rate, burst, self.clock) for name, (rate, burst) in limits.items()}

    def import_findings(self, documents: Iterable[Mapping[str, Any]], tries: int = ROUNDS) -> dict[str, Failure]:
        """BatchImportFindings of all; one finding that is too large or refused keeps no other back.

        ``tries``: of a finding that fails alone and not for good; throttling ends none sooner.
        """
        by_id = {str(document["Id"]): document for document in documents}
        # As botocore writes it, and the separator; ASCII, so that characters are bytes.
        sizes = {name: len(json.dumps(document)) + 2 for name, document in by_id.items()}
        too_large = {name: Failure("FindingSizeExceeded") for name, size in sizes.items() if size - 2 > FINDING_BYTES}

        def send(batch: Sequence[str]) -> Mapping[str, Failure]:
            answer = _call(lambda: self.client.batch_import_findings(Findings=[by_id[name] for name in batch]))
            failures = _failures(answer.get("FailedFindings", []), lambda one: one["Id"])
            # A count without names: nobody knows which, so all are sent again. That does no harm.
            unnamed = int(answer.get("FailedCount", 0)) - len(failures.keys() & set(batch))
            return dict.fromkeys(batch, Failure("FailedWithoutName")) if unnamed > 0 else failures

        batches = Batches(BATCH, BATCH_BYTES - _ENVELOPE, sizes)
        names = [name for name in by_id if name not in too_large]
        return too_large | self._courier.deliver(names, batches, self._paces["import"], send, tries)

    def update_workflow(self, ids: Iterable[str], status: str, note: str, by: str) -> dict[str, Failure]:
        """BatchUpdateFindings of all. A finding that Security Hub does not show yet is tried again."""

        def send(batch: Sequence[str]) -> Mapping[str, Failure]:
            answer = _call(
                lambda: self.client.batch_update_findings(
                    FindingIdentifiers=[{"Id": name, "ProductArn": self.account.product_arn} for name in batch],
                    Workflow={"Status": status},
                    Note={"Text": note, "UpdatedBy": by},
                )
            )
            return _failures(answer.get("UnprocessedFindings", []), lambda one: one["FindingIdentifier"]["Id"])

        return self._courier.deliver(ids, Batches(BATCH), self._paces["update"], send)

    def workflow(self, ids: Iterable[str]) -> tuple[dict[str, Workflow], dict[str, Failure]]:
        """GetFindings of all: what it shows, which may be minutes old, and what could not be asked. What is in neither is not
        known there, or not yet."""
        found: dict[str, Workflow] = {}

        def send(batch: Sequence[str]) -> Mapping[str, Failure]:
            filters = {
                "Id": [{"Value": name, "Comparison": "EQUALS"} for name in batch],
                "ProductArn": [{"Value": self.account.product_arn, "Comparison": "EQUALS"}],
            }
            more: dict[str, str] = {}
            for _ in range(_PAGES):
                answer = _call(partial(self.client.get_findings, Filters=filters, MaxResults=PAGE, **more))
                for one in answer["Findings"]:
                    status, note = one.get("Workflow", {}).get("Status", "NEW"), one.get("Note", {})
                    archived = one.get("RecordState") == "ARCHIVED"
                    found[one["Id"]] = Workflow(status, note.get("UpdatedBy", ""), note.get("Text", ""), archived)
                if not answer.get("NextToken"):
                    return {}
                more = {"NextToken": answer["NextToken"]}
            return dict.fromkeys(batch, Failure("TooManyPages"))

        failures = self._courier.deliver(ids, Batches(FILTER_VALUES), self._paces["get"], send)
        return found, failures


def _call(request: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """One request; ``BatchError`` or ``SwitchedOffError`` if it failed as a whole."""
    try:
        return request()
    except ClientError as error:
        given = error.response.get("Error", {})
        code, detail = str(given.get("Code", "Unknown")), str(given.get("Message", ""))
        if code in SWITCHED_OFF:
            raise _switched_off() from error
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        again = code in _THROTTLED or status == 429 or status >= 500
        failure = Failure(code, detail)
        raise BatchError(failure, again=again, fatal=not again and not failure.refused) from error
    except ParamValidationError as error:
        raise BatchError(Failure(type(error).__name__)) from error
    except (HTTPClientError, NoConnectionError) as error:
        raise BatchError(Failure(type(error).__name__), again=True) from error
    except BotoCoreError as error:  # no credentials, no region
        raise BatchError(Failure(type(error).__name__), fatal=True) from error


def _failures(items: Iterable[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], Any]) -> dict[str, Failure]:
    failures = {}
    for one in items:
        code = str(one.get("ErrorCode", "Unknown"))
        if code in SWITCHED_OFF:
            raise _switched_off()
        failures[str(name(one))] = Failure(code, str(one.get("ErrorMessage", "")))
    return failures


def _switched_off() -> SwitchedOffError:
    return SwitchedOffError(
        "Security Hub is not enabled in this account and region, or does not take findings of its own product: enable it, "
        "or set singletons.security_hub to none in pipelines.yaml"
    )


def _short(name: str) -> str:
    """Both ends of an id: the first for people, the last tells it from others."""
    text = clean(name, 1000)
    return text if len(text) <= 120 else f"{text[:60]}...{text[-44:]}"
