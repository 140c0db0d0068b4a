"""A judged finding as AWS Security Finding Format: the only module that knows it, with its two parts asff_*.py.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html says most limits,
https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html and its neighbours the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from common.clip import filled, link, one_line
from common.strict import MalformedError, shown
from findings.asff_resource import resource
from findings.asff_vulnerability import vulnerabilities
from findings.model import Acceptance, Finding, Judged, Kind, Severity, Subject

SCHEMA_VERSION: Final = "2018-10-08"
UPDATED_BY: Final = "findings-importer"
PREFIX: Final = "devsecops/"  # of ProductFields; "aws/" is reserved

ID_LIMIT: Final = 512
TITLE_LIMIT: Final = 256
DESCRIPTION_LIMIT: Final = 1024
ORIGINAL_LIMIT: Final = 64
TEXT_LIMIT: Final = 512  # of Remediation.Recommendation and Note
PRODUCT_LIMIT: Final = 128
FIELD_LIMIT: Final = 1024  # of a value in ProductFields; it may have 2,048
URL_LIMIT: Final = 1024  # the documents state none

# ASFF has no label for "not graded", and wants one: INFORMATIONAL shows it without raising an alarm that no scanner raised. The
# scanner's word stands in Original, and devsecops/graded is "false", so that these can be searched for. The gate never reads
# this label: it decides by its rule "ungraded".
LABELS: Final[Mapping[Severity, str]] = MappingProxyType(
    {severity: severity.name for severity in Severity if severity is not Severity.UNGRADED}
    | {Severity.UNGRADED: "INFORMATIONAL"}
)

# https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-type-taxonomy.html names the first part, and
# the second where it fits; a finding provider may define its own and may leave out what does not apply.
_CHECKS: Final = "Software and Configuration Checks"
TYPES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.VULNERABILITY: f"{_CHECKS}/Vulnerabilities",
        Kind.CODE: f"{_CHECKS}/Vulnerabilities/Code",
        Kind.WEB: f"{_CHECKS}/Vulnerabilities/Web",
        Kind.SECRET: "Sensitive Data Identifications/Passwords",
        Kind.LICENSE: f"{_CHECKS}/Licenses",
        Kind.CONFIGURATION: f"{_CHECKS}/Configuration",
    }
)
CVE_TYPE: Final = f"{_CHECKS}/Vulnerabilities/CVE"

_PARTITIONS: Final = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-us-iso", "aws-us-iso-b"})
_FUNCTION: Final = re.compile(r"arn:(aws[a-z-]{0,20}):lambda:([a-z0-9-]{1,16}):(\d{12}):function:.+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """Where this function runs, and where its findings go."""

    partition: str
    region: str
    id: str

    @classmethod
    def of_function(cls, arn: str) -> Account:
        """The account of a Lambda function's ARN, with or without an alias; ``MalformedError`` for anything else."""
        found = _FUNCTION.fullmatch(arn)
        if not found:
            raise MalformedError(f"a Lambda function's ARN is right, not {shown(arn)}")
        return cls(*found.groups())

    def arn(self, service: str, name: str) -> str:
        """The ARN of something in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{name}"

    @property
    def product_arn(self) -> str:
        """The account's own product: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-custom-providers.html"""
        return self.arn("securityhub", f"product/{self.id}/default")


def document(
    judged: Judged, subject: Subject, account: Account, *, created: datetime, updated: datetime, page: str = ""
) -> dict[str, object]:
    """The finding for BatchImportFindings, valid whatever its texts hold.

    ``created``: when it was first seen; ``updated``: now; both know their zone. ``page``: key of the page for people.
    Severity and types stand in FindingProviderFields alone: Security Hub copies them to the top level of a new finding, where
    they then belong to the analyst. Workflow and Note count for a new finding only; of an older one the service ignores them.
    """
    finding = judged.finding
    title = one_line(finding.title, TITLE_LIMIT) or one_line(finding.rule, TITLE_LIMIT) or "Finding without a title"
    first, last = stamp(created), stamp(updated)
    return {
        "SchemaVersion": SCHEMA_VERSION,
        "Id": judged.id,
        "ProductArn": account.product_arn,
        "ProductName": one_line(subject.scanner, PRODUCT_LIMIT),
        "GeneratorId": one_line(f"{subject.scanner}/{finding.rule}", ID_LIMIT),
        "AwsAccountId": account.id,
        "CreatedAt": first,
        "UpdatedAt": last,
        "FirstObservedAt": first,
        "LastObservedAt": last,
        "Title": title,
        "Description": one_line(finding.description, DESCRIPTION_LIMIT) or title,
        "FindingProviderFields": {"Severity": _severity(finding), "Types": [_type(finding)]},
        "ProductFields": _product_fields(judged, subject, page),
        "Resources": [{**resource(finding, subject, account.arn("codecommit", subject.repository)), **_where(account)}],
        "RecordState": "ACTIVE",
        **_recommendation(finding),
        **vulnerabilities(finding),
        **(_suppression(judged.acceptance, last) if judged.acceptance else {}),
    }


@lru_cache(maxsize=64)
def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as Security Hub's own findings have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def severity(document: Mapping[str, Any]) -> Severity:
    """Of a finding as ``document`` makes it; ungraded where it does not say."""
    label = document.get("FindingProviderFields", {}).get("Severity", {}).get("Label", "")
    graded = document.get("ProductFields", {}).get(f"{PREFIX}graded") != "false"
    return Severity(label.lower()) if graded and label in Severity.__members__ else Severity.UNGRADED


def note(acceptance: Acceptance) -> str:
    """Why a finding is suppressed, for ``Note.Text``."""
    until = f" until {acceptance.expires.isoformat()}" if acceptance.expires else ""
    owner = f" by {acceptance.owner}" if acceptance.owner else ""
    return one_line(f"Accepted{owner}{until}: {acceptance.reason}", TEXT_LIMIT)


def _severity(finding: Finding) -> dict[str, object]:
    return filled(Label=LABELS[finding.severity], Original=one_line(finding.original, ORIGINAL_LIMIT))


def _type(finding: Finding) -> str:
    return CVE_TYPE if finding.kind is Kind.VULNERABILITY and finding.cves else TYPES[finding.kind]


def _product_fields(judged: Judged, subject: Subject, page: str) -> dict[str, object]:
    finding = judged.finding
    return {
        **_scan_fields(subject, page),
        **_prefixed(
            rule=finding.rule,
            location=finding.location,
            exploit=finding.exploit,
            graded="false" if finding.severity is Severity.UNGRADED else "true",
            blocking="true" if judged.blocking else "false",
        ),
    }


@lru_cache(maxsize=16)  # the same for all findings of a scan
def _scan_fields(subject: Subject, page: str) -> dict[str, object]:
    return _prefixed(
        repository=subject.repository,
        branch=subject.branch,
        commit=subject.commit,
        digest=subject.digest,
        pipeline=subject.pipeline,
        execution=subject.execution,
        scanner=subject.scanner,
        scope=subject.scope,
        target=subject.target,
        page=page,
    )


def _prefixed(**fields: str) -> dict[str, object]:
    return {f"{PREFIX}{name}": line for name, text in fields.items() if (line := one_line(text, FIELD_LIMIT))}


def _where(account: Account) -> dict[str, object]:
    """Region and partition of the resource; the field knows the public partitions only."""
    return filled(Region=account.region, Partition=account.partition if account.partition in _PARTITIONS else None)


def _recommendation(finding: Finding) -> dict[str, object]:
    """``Remediation`` and ``SourceUrl``, as far as the report says something."""
    url = link(finding.url, URL_LIMIT)
    recommendation = filled(Text=one_line(finding.remediation, TEXT_LIMIT), Url=url)
    return filled(SourceUrl=url, Remediation={"Recommendation": recommendation} if recommendation else None)


def _suppression(acceptance: Acceptance, at: str) -> dict[str, object]:
    return {
        "Workflow": {"Status": "SUPPRESSED"},
        "Note": {"Text": note(acceptance), "UpdatedBy": UPDATED_BY, "UpdatedAt": at},
    }
