"""Run Anchore's Syft and Grype on this execution's image and the commit's dependencies, and put both before the gate.

Grype's own `--fail-on` is not used: the findings importer judges. Both tools read a configuration file from the current
folder, by which a commit could switch findings off, so they start in an empty one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import gate
import image
import resolution
import source
from common import BIN, Failure, Result, main, printable, run, scrub, setting, source_dir, upload

SECONDS = 1800


class Anchore:
    """Syft and Grype with one fresh vulnerability database."""

    def __init__(self, folder: Path) -> None:
        self.empty = folder / "empty"
        home = folder / "home"
        self.empty.mkdir()
        home.mkdir()
        self.env = {
            "PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
            "SYFT_CHECK_FOR_APP_UPDATE": "false", "GRYPE_CHECK_FOR_APP_UPDATE": "false",
            "GRYPE_DB_VALIDATE_AGE": "true", "GRYPE_DB_MAX_ALLOWED_BUILT_AGE": "120h",
            "GRYPE_DB_REQUIRE_UPDATE_CHECK": "true", "GRYPE_DB_AUTO_UPDATE": "true",
        }  # fmt: skip

    def run(self, tool: str, *arguments: str) -> Result:
        """One call of `syft` or `grype`; what it says on standard error is printed."""
        result = run([str(BIN / tool), *arguments], timeout=SECONDS, env=self.env, cwd=self.empty)
        if result.err.strip():
            print(scrub(result.err).strip())
        return result

    def update(self) -> None:
        """Fetch the vulnerability database; both scans then use that one."""
        result = self.run("grype", "db", "update")
        if result.code != 0:
            raise Failure(f"grype db update: {ended(result)}: without a fresh database a scan means nothing")
        self.env["GRYPE_DB_AUTO_UPDATE"] = "false"

    def scan(self, target: str, report: Path) -> int:
        """Grype's exit code; `report` is written only if Grype ended well with a whole report."""
        result = self.run("grype", target, "--output", "json")
        if result.code == 0 and is_report(result.out):
            report.write_text(result.out, encoding="utf-8")
            return 0
        print(f"error: grype {target}: {ended(result)}, no whole report", file=sys.stderr, flush=True)
        return result.code or 2  # 0 without a report is no success, and a time limit has no code

    def sbom(self, target: str, file: Path) -> None:
        """Write a CycloneDX SBOM of the image."""
        result = self.run("syft", "scan", target, "--output", f"cyclonedx-json={file}")
        if result.code != 0 or not file.is_file() or file.stat().st_size == 0:
            raise Failure(f"syft: {ended(result)}, no SBOM")


def ended(result: Result) -> str:
    """How a process ended."""
    return "ended at its time limit" if result.code is None else f"exit code {result.code}"


def is_report(text: str) -> bool:
    """Whether `text` is a whole Grype report, with or without findings."""
    try:
        report = json.loads(text)
    except ValueError:
        return False
    return isinstance(report, dict) and isinstance(report.get("matches"), list) and "source" in report


def dependencies(folder: Path) -> Path:
    """The commit's files together with what `resolve` found out about them."""
    work = folder / "source"
    source.copy(source_dir(), work)
    resolved = Path(setting("CODEBUILD_SRC_DIR_Resolved")).resolve()
    failed = [entry for entry in resolution.read(resolved) if entry["status"] != "resolved"]
    for entry in failed:
        name, reason = printable(entry["manifest"], 200), printable(entry["reason"], 300)
        print(f"error: {name}: could not be resolved: {reason}")
    if failed:
        raise Failure(f"{len(failed)} manifests could not be resolved: what they bring cannot be scanned")
    target = work / "resolved-by-pipeline"
    if target.exists():
        raise Failure(f"the repository has a folder {target.name}, which this build needs: rename it")
    source.copy(resolved, target)
    return work


def scan_image(anchore: Anchore, folder: Path, report: Path) -> int:
    """Fetch and scan the image; its SBOM goes beside the report."""
    archive, sbom = folder / "image.tar", folder / "sbom.cdx.json"
    image.fetch(archive)
    anchore.sbom(f"oci-archive:{archive}", sbom)
    upload(sbom, setting("REPORTS_BUCKET"), f"{gate.prefix('grype', 'image')}/sbom.cdx.json")
    return anchore.scan(f"oci-archive:{archive}", report)


def scan_dependencies(anchore: Anchore, folder: Path, report: Path) -> int:
    """Scan the commit's files and what they bring."""
    return anchore.scan(f"dir:{dependencies(folder)}", report)


def _script(arguments: list[str]) -> None:
    if arguments:
        raise Failure("usage: grype.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        anchore = Anchore(folder)
        unready: Failure | None = None
        try:
            anchore.update()
        except Failure as failure:
            unready = failure
        scans = {
            folder / "dependencies.json": lambda report: scan_dependencies(anchore, folder, report),
            folder / "image.json": lambda report: scan_image(anchore, folder, report),
        }
        gate.judge_each("grype", scans, unready)


if __name__ == "__main__":
    main(_script)
