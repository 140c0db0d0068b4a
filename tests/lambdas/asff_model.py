"""What Security Hub would refuse in a finding: botocore's model walked strictly, and the limits that only documents state.

The service answers a finding that breaks one of these with InvalidInput in ``FailedFindings``; botocore itself checks no more
than types and unknown keys. Nothing here knows our code. Sources:

- botocore's own model of BatchImportFindings: types, keys, required members, enums, patterns, and the sentences "Maximum length
  of N" and "Maximum number of N items" in its descriptions, which are those of
  https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
- https://docs.aws.amazon.com/securityhub/latest/userguide/asff-top-level-attributes.html (ProductFields and the prefix aws/)
- https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html (240 KB a finding)
- answers of the service that others have published: the pattern of Types (prowler-cloud/prowler#2519), 1,024 characters for a
  value in Other (cloud-custodian/cloud-custodian#3603), 128 for ImageName (aquasecurity/trivy#1896), 32,768 for any single
  field (mitre/heimdall2#3357), Severity or FindingProviderFields is there (aws-samples/aws-securityhub-config-integration#3)
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

FINDING_BYTES = 240_000  # "240 KB", read as the smaller of the two kilobytes
FIELD_LENGTH = 32_767
TYPE = re.compile(r"([^/]+)(/[^/]+){0,2}")
NAMESPACES = frozenset(
    {"Software and Configuration Checks", "TTPs", "Effects", "Unusual Behaviors", "Sensitive Data Identifications"}
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)", re.ASCII)
PRODUCT_ARN = re.compile(r"arn:aws[a-z-]*:securityhub:[a-z0-9-]{1,16}:(\d{12}):product/\1/default", re.ASCII)
# One part of a URL as RFC 3986 writes it: what is not in this list must be percent-encoded.
URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
DOCUMENTED = re.compile(r"Maximum (?:length |number )?of (\d+)|Length Constraints: (\d+)\.")

# Where the documents say less than the service does. "[]": every item, "{}": every value of a map, "{key}": its keys.
LONGEST: Mapping[str, int] = {
    "Resources[].Id": 512,  # as every other id; stated nowhere any more
    "Resources[].Details.Other{key}": 128,
    "Resources[].Details.Other{}": 1024,
    "Resources[].Details.Container.ImageName": 128,
    "ProductFields{key}": 128,
    "ProductFields{}": 2048,
    "UserDefinedFields{key}": 128,
    "UserDefinedFields{}": 1024,
    "SourceUrl": 2048,
    "Remediation.Recommendation.Url": 2048,
    "Vulnerabilities[].ReferenceUrls[]": 2048,
}
MOST: Mapping[str, int] = {"ProductFields": 50, "UserDefinedFields": 50, "Resources[].Details.Other": 50}
TIMES = frozenset({"CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt", "Note.UpdatedAt"})
URLS = frozenset({"SourceUrl", "Remediation.Recommendation.Url", "Vulnerabilities[].ReferenceUrls[]"})


def errors(document: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with one finding of BatchImportFindings; empty if the service would take it."""
    shape = _finding_shape()
    report = ParamValidator().validate(dict(document), shape)
    if report.has_errors():  # the walk below relies on types
        return [str(report.generate_report())]
    return [*_walk(shape, document, "", ""), *_rules(document)]


@cache
def _finding_shape() -> Any:
    model = botocore.session.get_session().get_service_model("securityhub")
    return model.operation_model("BatchImportFindings").input_shape.members["Findings"].member


@cache
def _documented(shape: Any) -> int | None:
    """The limit that the description of a member or list states."""
    found = DOCUMENTED.search(re.sub(r"<[^>]+>|\s+", " ", shape.documentation or "").replace("  ", " "))
    return int(found[1] or found[2]) if found else None


def _walk(shape: Any, value: Any, path: str, where: str) -> Iterator[str]:
    """``path`` names the field with all numbers left out, ``where`` with them."""
    if shape.type_name == "structure":
        for name, one in value.items():
            yield from _walk(shape.members[name], one, f"{path}.{name}".lstrip("."), f"{where}.{name}".lstrip("."))
        return
    if shape.type_name == "list":
        yield from _size(value, MOST.get(path) or _documented(shape), where, "items")
        if not value:
            yield f"{where}: an empty list says nothing"
        for number, one in enumerate(value):
            yield from _walk(shape.member, one, f"{path}[]", f"{where}[{number}]")
        return
    if shape.type_name == "map":
        yield from _size(value, MOST.get(path), where, "entries")
        for key, one in value.items():
            yield from _walk(shape.key, key, f"{path}{{key}}", f"{where}[{key!r}]")
            yield from _walk(shape.value, one, f"{path}{{}}", f"{where}[{key!r}]")
        return
    yield from _scalar(shape, value, path, where)


def _size(value: Any, limit: int | None, where: str, unit: str) -> Iterator[str]:
    if limit is not None and len(value) > limit:
        yield f"{where}: {len(value)} {unit}, more than {limit}"


def _scalar(shape: Any, value: Any, path: str, where: str) -> Iterator[str]:
    rules = shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        yield f"{where}: {value!r} is none of {rules['enum']}"
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: {value} is not JSON"
    if isinstance(value, (int, float)) and not rules.get("min", -math.inf) <= value <= rules.get("max", math.inf):
        yield f"{where}: {value} is out of range"
    if not isinstance(value, str):
        return
    # '.*\S.*' wants one character that is no space, by any language's idea of one; read by Java, as a whole and on one line.
    if "pattern" in rules and not re.search(rules["pattern"], value.replace("\ufeff", " ").replace("\u200b", " ")):
        yield f"{where}: does not match {rules['pattern']}"
    if "pattern" in rules and re.search("[\n\r\x85\u2028\u2029]", value):
        yield f"{where}: a line break is nothing that the pattern's dot matches"
    # In bytes, not characters: "longer than 1024 characters" is all that the service says, and bytes hold in any reading.
    length = len(value.encode("utf-8", "surrogatepass"))
    longest = LONGEST.get(path) or _documented(shape) or FIELD_LENGTH
    if length > longest:
        yield f"{where}: {length} bytes, longer than {longest}"
    if any("\ud800" <= c <= "\udfff" for c in value):
        yield f"{where}: a lone surrogate is not Unicode"
    if path in TIMES and not TIME.fullmatch(value):
        yield f"{where}: {value!r} is no time of ISO 8601 with seconds and a zone"
    if path in URLS and not URL.fullmatch(value):
        yield f"{where}: {value!r} is no URL"


def _rules(document: Mapping[str, Any]) -> Iterator[str]:
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...] = (_identity, _types, _details, _numbers)
    for check in checks:
        yield from check(document)
    size = len(json.dumps(document))  # as botocore writes it: every character beyond ASCII is six bytes
    if size > FINDING_BYTES:
        yield f"{size} bytes, more than {FINDING_BYTES}"


def _identity(document: Mapping[str, Any]) -> Iterator[str]:
    account = document["AwsAccountId"]
    if not re.fullmatch(r"\d{12}", account, re.ASCII):
        yield f"AwsAccountId: {account!r} is no account"
    if document["SchemaVersion"] != "2018-10-08":
        yield f"SchemaVersion: {document['SchemaVersion']!r} is not 2018-10-08"
    arn = PRODUCT_ARN.fullmatch(document["ProductArn"])
    if not arn or arn[1] != account:
        yield f"ProductArn: {document['ProductArn']!r} is not this account's own product"
    if not document["Resources"]:
        yield "Resources: fewer than 1 items"
    for name in document.get("ProductFields", {}):
        if name.startswith("aws/"):
            yield f"ProductFields[{name!r}]: aws/ is reserved for AWS"
    if "Severity" not in document and "Severity" not in document.get("FindingProviderFields", {}):
        yield "Severity or FindingProviderFields.Severity is obligatory"
    for where, severity in (
        ("Severity", document.get("Severity")),
        ("FindingProviderFields.Severity", document.get("FindingProviderFields", {}).get("Severity")),
    ):
        if severity is not None and "Label" not in severity and "Normalized" not in severity:
            yield f"{where}: Label is obligatory"
    if document["CreatedAt"] > document["UpdatedAt"]:
        yield "CreatedAt: later than UpdatedAt"


def _types(document: Mapping[str, Any]) -> Iterator[str]:
    types = [*document.get("Types", []), *document.get("FindingProviderFields", {}).get("Types", [])]
    if not types:
        yield "Types or FindingProviderFields.Types is obligatory"
    if len(types) > 50:
        yield f"Types: {len(types)} items, more than 50"
    for one in types:
        if not TYPE.fullmatch(one) or one.partition("/")[0] not in NAMESPACES:
            yield f"Types: {one!r} is no namespace/category/classifier"


def _details(document: Mapping[str, Any]) -> Iterator[str]:
    for number, resource in enumerate(document["Resources"]):
        details = resource.get("Details", {})
        for name in details:
            if name not in (resource["Type"], "Other"):
                yield f"Resources[{number}].Details.{name}: the type is {resource['Type']}"


def _numbers(document: Mapping[str, Any]) -> Iterator[str]:
    for number, one in enumerate(document.get("Vulnerabilities", [])):
        where = f"Vulnerabilities[{number}]"
        if not 0 <= one.get("EpssScore", 0) <= 1:
            yield f"{where}.EpssScore: {one['EpssScore']} is no probability"
        for score in one.get("Cvss", []):
            if not 0 <= score.get("BaseScore", 0) <= 10:
                yield f"{where}.Cvss: {score['BaseScore']} is no CVSS score"
