"""Wait for ECR's own scan of the image, then ask the gate.

    ecr_scan.py

Basic scanning ends with COMPLETE and `findings`, enhanced scanning (Inspector) with COMPLETE or ACTIVE and
`enhancedFindings`. The status alone proves nothing: ACTIVE only says that Inspector watches the image, and COMPLETE
was seen with an empty list before the enhanced findings were there (https://github.com/aws/aws-sdk/issues/289). So an
answer counts only with `imageScanCompletedAt` or with enhanced findings; without either the wait ends as an error.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Failure, aws, main, printable, setting
from delivery import DIGEST, REPOSITORY, SECONDS, aws_error
from gate import judge

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
RUNNING = {"IN_PROGRESS", "PENDING"}
DONE = {"COMPLETE", "ACTIVE"}
FAILED = {
    "FAILED",
    "FINDINGS_UNAVAILABLE",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
    "LIMIT_EXCEEDED",
    "SCAN_ELIGIBILITY_EXPIRED",
    "UNSUPPORTED_IMAGE",
}
# Errors that pass: the scan is not there yet, ECR is busy, or no answer came at all.
PASSING = {"ScanNotFoundException", "ServerException", "InternalFailure", "ServiceUnavailable", ""}
PASSING |= {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
PAUSE_SECONDS = 10.0
ANSWER_SECONDS = 60


class Unusable(Failure):
    """An answer that no further waiting can mend."""


def describe(token: str) -> dict[str, Any]:
    """One page of ECR's answer; naming --max-results keeps the CLI from paging by itself."""
    digest = setting("IMAGE_DIGEST", DIGEST)
    answer = aws(
        *("ecr", "describe-image-scan-findings", "--repository-name", setting("REGISTRY_NAME", REPOSITORY)),
        *("--image-id", f"imageDigest={digest}", "--max-results", "1000", "--output", "json"),
        *(("--next-token", token) if token else ()),
        timeout=ANSWER_SECONDS,
    )
    try:
        page = json.loads(answer)
        right = page["imageId"]["imageDigest"] == digest and isinstance(page["imageScanStatus"]["status"], str)
    except (ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise Unusable(f"ECR's answer is not about a scan of {digest}: {printable(answer, 300)}")
    return dict(page)


def all_pages(page: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """The first page with the findings of all."""
    whole = page("")
    findings = whole.setdefault("imageScanFindings", {})
    token, seen = whole.pop("nextToken", None), set()
    while token:
        if token in seen:
            raise Unusable("ECR's pages do not end: one page token came twice")
        seen.add(token)
        more = page(token)
        for kind in ("findings", "enhancedFindings"):
            findings.setdefault(kind, []).extend(more.get("imageScanFindings", {}).get(kind, []))
        token = more.get("nextToken")
    return whole


class Scan:
    """One image's scan, and ECR's last answer about it."""

    def __init__(self, page: Callable[[str], dict[str, Any]]) -> None:
        self.page = page
        self.answer: dict[str, Any] | None = None

    def wait(self, seconds: float, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
        """Return when there is a result; Failure if there is none within that time or never will be."""
        end = clock() + seconds
        while True:
            try:
                state = self._look()
                if not state:
                    return
            except Unusable:
                raise
            except Failure as failure:
                if aws_error(failure) not in PASSING:
                    raise
                state = str(failure)
            if clock() + PAUSE_SECONDS > end:
                raise Failure(f"no finished scan within {seconds:.0f} seconds; ECR's last word: {state}")
            pause(PAUSE_SECONDS)

    def _look(self) -> str:
        """Why there is no result yet; empty when there is one."""
        self.answer = answer = all_pages(self.page)
        status, findings = answer["imageScanStatus"]["status"], answer["imageScanFindings"]
        state = f"{status} ({printable(str(answer['imageScanStatus'].get('description', 'no description')), 200)})"
        if status in DONE and (findings.get("imageScanCompletedAt") or findings.get("enhancedFindings")):
            return ""
        if status in FAILED:
            raise Unusable(f"ECR cannot scan this image: {state}")
        if status not in RUNNING | DONE:
            raise Unusable(f"ECR's scan status is not known here: {state}")
        return state


def _script(arguments: list[str]) -> None:
    if arguments:
        raise Failure("usage: ecr_scan.py")
    scan, failed = Scan(describe), ""
    try:
        scan.wait(float(setting("ECR_SCAN_TIMEOUT", SECONDS)), time.monotonic, time.sleep)
    except Failure as failure:
        failed = str(failure)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "ecr.json")
        if scan.answer is not None:
            report.write_text(json.dumps(scan.answer))
        try:
            judge("ecr", "image", report, 1 if failed else 0)
        except Failure as verdict:
            raise Failure(f"{failed}; {verdict}" if failed else str(verdict)) from verdict
    if failed:
        raise Failure(failed)  # whatever the gate said: no scan, no pass


if __name__ == "__main__":
    main(_script)
