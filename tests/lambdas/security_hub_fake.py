"""A boto3 client of Security Hub in memory, as strict, slow and forgetful as the real one.

Sources: https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html (what an update changes, and
that one whose UpdatedAt is not later is ignored; we count such a one as a success, which no page states),
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_WorkflowUpdate.html (what becomes of the workflow),
https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings.html (90 and 30 days),
https://docs.aws.amazon.com/securityhub/1.0/APIReference/Welcome.html (throttling),
https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html (sizes).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

import asff_model

ACCOUNT = "123456789012"
REGION = "eu-central-1"
PRODUCT = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"
_ANALYSTS = ("Note", "Workflow", "UserDefinedFields", "VerificationState")  # out of reach of BatchImportFindings
_LIMITS = {"BatchImportFindings": (10, 30), "BatchUpdateFindings": (10, 30), "GetFindings": (3, 6)}
_STATUS = {
    "ThrottlingException": 400,
    "LimitExceededException": 429,
    "InternalException": 500,
    "InvalidAccessException": 401,
    "AccessDeniedException": 403,
}


def document(name: str, **more: Any) -> dict[str, Any]:
    """A small valid finding in ASFF."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": name,
        "ProductArn": PRODUCT,
        "GeneratorId": "grype/CVE-2026-1",
        "AwsAccountId": ACCOUNT,
        "CreatedAt": "2026-03-01T12:00:00.000Z",
        "UpdatedAt": "2026-03-01T12:00:00.000Z",
        "Title": "a finding",
        "Description": "a finding",
        "FindingProviderFields": {
            "Severity": {"Label": "HIGH"},
            "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
        },
        "Resources": [{"Type": "Other", "Id": "payments"}],
        "RecordState": "ACTIVE",
        **more,
    }


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    at: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    slept: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.at += timedelta(seconds=seconds)

    def remaining(self, seconds: float = 900) -> Callable[[], float]:
        """What is left of a call that begins now and may take so long."""
        end = self.monotonic() + seconds
        return lambda: end - self.monotonic()


@dataclass
class FakeSecurityHub:
    """The three operations that are used, and what a test does to the service.

    ``enabled``: False for an account without Security Hub. ``lag``: how long GetFindings and BatchUpdateFindings do not show or
    find what was written, and an update takes. ``faults``: codes of errors that the next requests of an operation get, an
    exception instance, or None for none. ``bad``: finding id -> codes that it gets, one a request, instead of being imported or
    updated; "*" at the end repeats for ever. ``findings``: by id, what the service knows; an analyst uses ``analyst``.
    ``requests``: (operation, number of findings) of all that were not throttled.
    """

    clock: Clock = field(default_factory=Clock)
    enabled: bool = True
    lag: timedelta = timedelta(0)
    page: int = 100
    faults: dict[str, list[str | Exception | None]] = field(default_factory=dict)
    bad: dict[str, list[str]] = field(default_factory=dict)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    _shown: dict[str, list[tuple[datetime, dict[str, Any]]]] = field(default_factory=dict)
    _due: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    _tokens: dict[str, tuple[float, float]] = field(default_factory=dict)

    def batch_import_findings(self, *, Findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self._begin("BatchImportFindings", {"Findings": list(Findings)}, len(Findings))
        if len(Findings) > 100 or len(json.dumps({"Findings": Findings})) > 6_000_000:
            raise _error("InvalidInputException", "BatchImportFindings", "too many findings, or too large")
        failed = []
        for finding in Findings:
            problems = asff_model.errors(finding)
            if finding["AwsAccountId"] != ACCOUNT:
                problems.append("AwsAccountId: of another account")
            code = self._bad(finding["Id"]) or ("InvalidInput" if problems else "")
            if code:
                failed.append(
                    {"Id": finding["Id"], "ErrorCode": code, "ErrorMessage": "; ".join(problems) or "no reason given"}
                )
            else:
                self._import(copy.deepcopy(dict(finding)))
        return {"SuccessCount": len(Findings) - len(failed), "FailedCount": len(failed), "FailedFindings": failed}

    def batch_update_findings(
        self,
        *,
        FindingIdentifiers: Sequence[Mapping[str, str]],
        Workflow: Mapping[str, str],
        Note: Mapping[str, str],
    ) -> dict[str, Any]:
        parameters = {"FindingIdentifiers": list(FindingIdentifiers), "Workflow": Workflow, "Note": Note}
        self._begin("BatchUpdateFindings", parameters, len(FindingIdentifiers))
        if not 0 < len(FindingIdentifiers) <= 100 or len(Note["Text"].encode()) > 512:
            raise _error("InvalidInputException", "BatchUpdateFindings", "too many findings, or too long a note")
        done, undone = [], []
        for one in FindingIdentifiers:
            known = self._visible(one["Id"])
            code = self._bad(one["Id"]) or (
                "" if known and known["ProductArn"] == one["ProductArn"] else "FindingNotFound"
            )
            if [dict(other) for other in FindingIdentifiers].count(dict(one)) > 1:
                code = "DuplicatedFindingIdentifier"
            if code:
                undone.append({"FindingIdentifier": dict(one), "ErrorCode": code, "ErrorMessage": code})
                continue
            done.append(dict(one))
            note = {**Note, "UpdatedAt": self.clock.now().isoformat()}
            self._due.append((self.clock.now() + self.lag, one["Id"], {"Workflow": dict(Workflow), "Note": note}))
        self._settle()
        return {"ProcessedFindings": done, "UnprocessedFindings": undone}

    def get_findings(
        self, *, Filters: Mapping[str, Any], MaxResults: int = 100, NextToken: str | None = None
    ) -> dict[str, Any]:
        parameters = {"Filters": Filters, "MaxResults": MaxResults, **({"NextToken": NextToken} if NextToken else {})}
        self._begin("GetFindings", parameters, 0)
        values = {name: [one["Value"] for one in filters] for name, filters in Filters.items()}
        equal = all(one["Comparison"] == "EQUALS" for filters in Filters.values() for one in filters)
        if set(values) != {"Id", "ProductArn"} or not equal or any(not 0 < len(one) <= 20 for one in values.values()):
            raise _error("InvalidInputException", "GetFindings", "filters that this service does not know")
        seen = [found for name in sorted(self.findings) if name in values["Id"] if (found := self._visible(name))]
        seen = [one for one in seen if one["ProductArn"] in values["ProductArn"]]
        first, size = int(NextToken or 0), min(MaxResults, self.page)
        more = {"NextToken": str(first + size)} if len(seen) > first + size else {}
        return {"Findings": copy.deepcopy(seen[first : first + size]), **more}

    def analyst(self, name: str, status: str, note: str = "") -> None:
        """Somebody decides about a finding in the console."""
        self._settle()
        self.findings[name]["Workflow"] = {"Status": status}
        if note:
            self.findings[name]["Note"] = {
                "Text": note,
                "UpdatedBy": "ann@example.com",
                "UpdatedAt": self.clock.now().isoformat(),
            }
        self._show(name)

    def settle(self) -> None:
        """Lets the lag pass."""
        self.clock.sleep(self.lag.total_seconds())
        self._settle()

    def _begin(self, operation: str, parameters: Mapping[str, Any], number: int) -> None:
        report = ParamValidator().validate(dict(parameters), _shape(operation))
        if report.has_errors():  # botocore sends nothing then
            raise ParamValidationError(report=report.generate_report())
        self._settle()
        self._forget()
        rate, burst = _LIMITS[operation]
        tokens, at = self._tokens.get(operation, (burst, self.clock.monotonic()))
        tokens = min(burst, tokens + (self.clock.monotonic() - at) * rate)
        self._tokens[operation] = (max(0.0, tokens - 1), self.clock.monotonic())
        if tokens < 1 - 1e-6:
            raise _error("ThrottlingException", operation, "Rate exceeded")
        self.requests.append((operation, number))
        fault = self.faults[operation].pop(0) if self.faults.get(operation) else None
        if isinstance(fault, Exception):
            raise fault
        if fault:
            raise _error(fault, operation, "as planned")
        if not self.enabled:
            message = f"Account {ACCOUNT} is not subscribed to AWS Security Hub"
            raise _error("InvalidAccessException", operation, message)

    def _bad(self, name: str) -> str:
        codes = self.bad.get(name, [])
        if not codes:
            return ""
        if codes[0].endswith("*"):
            return codes[0].removesuffix("*")
        return codes.pop(0)

    def _import(self, finding: dict[str, Any]) -> None:
        name = finding["Id"]
        known = self.findings.get(name)
        finding.setdefault("RecordState", "ACTIVE")
        if known is None:
            finding.setdefault("Workflow", {"Status": "NEW"})
        elif _time(finding["UpdatedAt"]) <= _time(known["UpdatedAt"]):
            return
        else:
            for key in _ANALYSTS:
                finding.pop(key, None)
            finding |= {key: known[key] for key in _ANALYSTS if key in known}
            back = (known["RecordState"], finding["RecordState"]) == ("ARCHIVED", "ACTIVE")
            if back and finding["Workflow"]["Status"] in ("NOTIFIED", "RESOLVED"):
                finding["Workflow"] = {"Status": "NEW"}
        finding["ProcessedAt"] = self.clock.now().isoformat()
        self.findings[name] = finding
        self._show(name)

    def _show(self, name: str) -> None:
        at = self.clock.now() + self.lag
        self._shown.setdefault(name, []).append((at, copy.deepcopy(self.findings[name])))

    def _visible(self, name: str) -> dict[str, Any] | None:
        seen = [finding for at, finding in self._shown.get(name, []) if at <= self.clock.now()]
        return seen[-1] if seen and name in self.findings else None

    def _settle(self) -> None:
        for due in sorted((one for one in self._due if one[0] <= self.clock.now()), key=lambda one: one[0]):
            self._due.remove(due)
            if due[1] in self.findings:
                self.findings[due[1]] |= copy.deepcopy(due[2])
                self._show(due[1])

    def _forget(self) -> None:
        for name, finding in list(self.findings.items()):
            days = 90 if finding["RecordState"] == "ACTIVE" else 30
            last = max(_time(finding["UpdatedAt"]), _time(finding["ProcessedAt"]))
            if self.clock.now() - last >= timedelta(days=days):
                del self.findings[name], self._shown[name]


@cache
def _shape(operation: str) -> Any:
    return botocore.session.get_session().get_service_model("securityhub").operation_model(operation).input_shape


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _error(code: str, operation: str, message: str) -> ClientError:
    status = {"HTTPStatusCode": _STATUS.get(code, 400)}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": status}, operation)
