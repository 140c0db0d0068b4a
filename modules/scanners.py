"""The catalogue of scanners: plain data.

A new scanner is an entry here, ``buildspecs/scan-<id>.yml``, a parser in the findings importer and sample reports with a
test; a completeness test names whatever is missing. One lower-case id stands in all of them, in ``pipelines.yaml``, in
report keys and in verdicts: renaming one orphans findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scanner:
    """One scanner that a pipeline runs.

    ``scopes``: what it looks at; each (scanner, scope) has its own report, verdict and findings. ``stage``: where it runs.
    ``reads_image``: gets the OCI archive. ``reads_resolved``: gets the resolved dependencies. ``uses_snyk``: gets Snyk's
    parameters. ``report``: name of the raw report.
    """

    id: str
    title: str
    stage: str
    scopes: tuple[str, ...]
    reads_image: bool = False
    reads_resolved: bool = False
    uses_snyk: bool = False
    report: str = "raw.json"

    @property
    def buildspec(self) -> str:
        """Its file in ``buildspecs/``."""
        return f"scan-{self.id}.yml"

    def report_keys(self, pipeline: str, execution: str = "*") -> list[str]:
        """S3 keys of the raw reports; the only keys that the scanner's build may write."""
        return [f"reports/{pipeline}/{execution}/{self.id}-{scope}/{self.report}" for scope in self.scopes]


SCANNERS: Mapping[str, Scanner] = {
    scanner.id: scanner
    for scanner in (
        Scanner("git-secrets", "git-secrets", "Build", ("source", "history"), report="raw.txt"),
        Scanner("snyk", "Snyk Open Source", "Verify", ("dependencies",), reads_resolved=True, uses_snyk=True),
        Scanner("snyk-code", "Snyk Code", "Verify", ("code",), uses_snyk=True),
        Scanner("snyk-container", "Snyk Container", "Verify", ("image",), reads_image=True, uses_snyk=True),
        Scanner("grype", "Anchore Grype", "Verify", ("dependencies", "image"), reads_image=True, reads_resolved=True),
        Scanner("ecr", "Amazon ECR image scan", "Publish", ("image",)),
        Scanner("zap", "OWASP ZAP", "Staging", ("staging",)),
    )
}

# Scanners whose reports the importer reads although no stage of ours runs them: they can carry waivers and thresholds.
READ_ONLY_SCANNERS = ("semgrep", "inspector", "gitleaks", "sarif")
SCANNER_IDS = (*SCANNERS, *READ_ONLY_SCANNERS)

# What a delivery pipeline may run in Verify, and which of them look into the image.
VERIFY_SCANNERS = tuple(scanner.id for scanner in SCANNERS.values() if scanner.stage == "Verify")
IMAGE_SCANNERS = tuple(scanner.id for scanner in SCANNERS.values() if scanner.stage == "Verify" and scanner.reads_image)
