"""Amazon ECR's own account of an image's scan, for a scan that ended outside of any build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Ecr(Protocol):
    """The method of boto3's client that is used here."""

    def describe_image_scan_findings(
        self, *, repositoryName: str, imageId: Mapping[str, str], nextToken: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html"""


@dataclass(frozen=True)
class ImageScans:
    """Scans of this account's images."""

    ecr: Ecr

    def report(self, registry: str, digest: str) -> bytes:
        """All pages as one document, in the form in which buildspecs/scripts/ecr_scan.py stores them."""
        image = {"imageDigest": digest}
        whole: dict[str, Any] = dict(self.ecr.describe_image_scan_findings(repositoryName=registry, imageId=image))
        whole.pop("ResponseMetadata", None)
        found = whole["imageScanFindings"] = dict(whole.get("imageScanFindings", {}))
        token = whole.pop("nextToken", None)
        while token:
            page = self.ecr.describe_image_scan_findings(repositoryName=registry, imageId=image, nextToken=token)
            for kind in ("findings", "enhancedFindings"):
                found[kind] = [*found.get(kind, []), *page.get("imageScanFindings", {}).get(kind, [])]
            token = page.get("nextToken")
        return json.dumps(whole, default=_as_text).encode()


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in ECR's answer")
