"""Amazon ECR: the answer of DescribeImageScanFindings, all pages in one, as buildspecs/scripts/ecr_scan.py stores it.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html

Basic scanning has `findings`, enhanced scanning (Amazon Inspector) `enhancedFindings`. A status alone proves nothing:
ACTIVE only says that Inspector watches the image, and COMPLETE was seen before the enhanced findings were there
(https://github.com/aws/aws-sdk/issues/289). So a scan counts as done with `imageScanCompletedAt` or enhanced findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from common.contract import DIGEST
from common.strict import clean, shown
from findings.model import Cvss, Finding, Kind, Package, ScanResult, Severity, UnreadableError
from findings.parsers import inspector
from findings.parsers.grading import ERROR_LIMIT, cves, grade, moment
from findings.parsers.reading import document, inner, listing, mapping, number, objects, required, word

# UNDEFINED: FindingSeverity of the API. UNTRIAGED is Inspector's word, which ECR passes on.
GRADES: Final[Mapping[str, Severity]] = MappingProxyType({**inspector.GRADES, "undefined": Severity.UNGRADED})
DONE: Final = ("COMPLETE", "ACTIVE")
FAILED: Final = "FAILED"
# There is no result: not yet, no longer, or ECR does not scan such an image.
WITHOUT_RESULT: Final = (
    "IN_PROGRESS",
    "PENDING",
    "UNSUPPORTED_IMAGE",
    "IMAGE_SIZE_EXCEEDED",
    "IMAGE_ARCHIVED",
    "LIMIT_EXCEEDED",
    "SCAN_ELIGIBILITY_EXPIRED",
    "FINDINGS_UNAVAILABLE",
)
# Attributes of a basic finding: package_name, package_version, CVSS2_SCORE, CVSS2_VECTOR, CVSS3_SCORE, CVSS3_VECTOR.
_SCORE: Final = re.compile(r"CVSS([2-9])_SCORE")
_VECTOR_VERSION: Final = re.compile(r"CVSS:(\d\.\d)/", re.ASCII)


def parse(report: bytes) -> ScanResult:
    """The scan of one image."""
    given = mapping(document(report), "the report")
    status = required(inner(given, "imageScanStatus", "status"), "imageScanStatus.status")
    digest = required(inner(given, "imageId", "imageDigest"), "imageId.imageDigest")
    if not DIGEST.fullmatch(digest):
        raise UnreadableError("imageId.imageDigest is no SHA-256 digest")
    scan = mapping(given.get("imageScanFindings", {}), "imageScanFindings")
    basic = listing(scan.get("findings", []), "imageScanFindings.findings")
    enhanced = listing(scan.get("enhancedFindings", []), "imageScanFindings.enhancedFindings")
    result = inspector.read(enhanced)
    errors = list(result.errors)
    findings = [*(_finding(mapping(one, "a finding"), errors) for one in basic), *result.findings]
    errors += _pages(scan, len(basic) + len(enhanced))
    if basic and enhanced:
        errors.append("findings of both basic and enhanced scanning: a registry has one of them")
    errors += [] if status in (*DONE, *WITHOUT_RESULT) else [_state(given, status)]
    nothing = ""
    if status in WITHOUT_RESULT:
        nothing = _state(given, status)
    elif status in DONE and not scan.get("imageScanCompletedAt") and not enhanced:
        nothing = f"ECR says {status}, but neither when a scan was completed nor what it found"
    return replace(
        result,
        findings=tuple(findings),
        errors=tuple(dict.fromkeys(errors)),
        nothing=nothing,
        digest=digest,
        made_at=moment(scan.get("imageScanCompletedAt")),
        # With both kinds none goes to Security Hub from here: those of Inspector would be there twice.
        delivered_by_aws=bool(enhanced) or (not basic and "enhancedFindings" in scan),
    )


def _state(given: Mapping[str, object], status: str) -> str:
    reason = word(inner(given, "imageScanStatus", "description"))
    known = "" if status in (*WITHOUT_RESULT, FAILED) else ", which is not known here"
    return clean(f"ECR's scan status is {shown(status)}{known}{': ' if reason else ''}{reason}", ERROR_LIMIT)


def _pages(scan: Mapping[str, object], listed: int) -> list[str]:
    """ECR counts the findings of all pages: fewer in the lists means that a page is missing."""
    if scan.get("findingSeverityCounts") is None:
        return []
    counted = 0
    for count in mapping(scan["findingSeverityCounts"], "findingSeverityCounts").values():
        if type(count) is not int or count < 0:
            raise UnreadableError("findingSeverityCounts has something else than counts")
        counted += count
    if counted <= listed:
        return []
    return [f"pages are missing: ECR counts {shown(counted)} findings, {listed} are listed"]


def _finding(given: Mapping[str, object], errors: list[str]) -> Finding:
    rule = required(given.get("name"), "a finding's name")
    severity, original = grade(given.get("severity"), GRADES, rule, errors)
    attributes = {word(one.get("key")): word(one.get("value")) for one in objects(given.get("attributes"))}
    name = attributes.get("package_name", "")
    version = attributes.get("package_version", "")
    url = word(given.get("uri"))
    return Finding(
        rule=rule,
        title=f"{rule} in {name}" if name else rule,
        severity=severity,
        kind=Kind.VULNERABILITY,
        original=original,
        description=word(given.get("description")),
        location=name,
        key=(name,),
        detail=(version,),
        cves=cves([rule]),
        cvss=tuple(_scores(attributes)),
        packages=(Package(name, version),) if name else (),
        url=url,
        references=(url,) if url else (),
    )


def _scores(attributes: Mapping[str, str]) -> Iterable[Cvss]:
    for key, value in attributes.items():
        if not (match := _SCORE.fullmatch(key)):
            continue
        try:
            score = number(float(value))
        except ValueError:
            continue
        vector = attributes.get(f"CVSS{match[1]}_VECTOR", "")
        exact = _VECTOR_VERSION.match(vector)
        if score is not None:
            yield Cvss(exact[1] if exact else f"{match[1]}.0", score, vector)
