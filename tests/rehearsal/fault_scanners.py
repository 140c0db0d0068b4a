"""The scanners that pipelines run: how each is called, and what it says of a clean commit and of one with findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_tools import Said

REPORTS = Path(__file__).resolve().parents[1] / "reports"
MADE, OLD = (
    "2026-03-01T11:45:00Z",
    "2026-02-28T11:45:00Z",
)  # the execution of the fakes began at 11:30 on the first of March
OTHER_DIGEST = f"sha256:{'0' * 64}"


def recorded(name: str) -> Any:
    """A report of tests/reports."""
    return json.loads((REPORTS / name).read_text(encoding="utf-8"))


def grype(kind: str, digest: str, made: str = MADE, matches: Sequence[Any] = ()) -> str:
    """A report of Grype."""
    target: Any = {"manifestDigest": digest} if kind == "image" else "/work"
    source = {"type": "image" if kind == "image" else "directory", "target": target}
    return json.dumps({"matches": matches, "source": source, "descriptor": {"name": "grype", "timestamp": made}})


def snyk(count: int = 3, **more: Any) -> str:
    """A report of Snyk on packages: how many it saw."""
    return json.dumps({"ok": True, "vulnerabilities": [], "dependencyCount": count, "uniqueCount": 0, **more})


def snyk_code(files: int = 4) -> str:
    """A report of Snyk Code: how many files it saw."""
    coverage = [{"files": files, "isSupported": True, "lang": "Python"}] if files else []
    run = {"tool": {"driver": {"name": "SnykCode", "rules": []}}, "results": [], "properties": {"coverage": coverage}}
    return json.dumps({"version": "2.1.0", "runs": [run]})


def zap(host: str = "localhost", made: str = MADE) -> str:
    """A report of ZAP without alerts."""
    site = {"@name": f"https://{host}", "@host": host, "alerts": []}
    return json.dumps({"@version": "2.17.0", "created": made, "site": [site] if host else []})


def ecr(digest: str, status: str = "COMPLETE", finished: bool = True) -> str:
    """ECR's answer without findings."""
    scan: dict[str, Any] = {"findings": [], "findingSeverityCounts": {}}
    if finished:
        scan["imageScanCompletedAt"] = MADE
    answer = {"imageId": {"imageDigest": digest}, "imageScanStatus": {"status": status}, "imageScanFindings": scan}
    return json.dumps(answer)


@dataclass(frozen=True)
class Scanner:
    """``tools``: stand-in -> kinds of calls that it answers. ``kinds``: scope -> the call whose output is that scope's report;
    of ECR it is one of the AWS CLI's. ``seconds``: the constant that bounds a call. ``reports``: names of report files that
    the script itself writes. ``listed``: by scope, how many findings its report of `blocking` lists, counted by eye.
    ``fail_on``: the gate's threshold."""

    name: str
    script: str
    arguments: tuple[str, ...]
    kinds: Mapping[str, str]
    tools: Mapping[str, tuple[str, ...]]
    seconds: str
    reports: tuple[str, ...]
    listed: Mapping[str, int]
    patches: Mapping[str, object] = field(default_factory=dict)
    fail_on: str = "high"

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.kinds)

    def tool(self, kind: str) -> str:
        """Which stand-in answers a kind of call; empty for the AWS CLI."""
        return next((tool for tool, kinds in self.tools.items() if kind in kinds), "")


SNYK_TIME = {"snyk_cli.SECONDS": 60}
SCANNERS: Mapping[str, Scanner] = {
    one.name: one
    for one in (
        Scanner(
            "git-secrets", "git_secrets", (), {"source": "source"}, {"git-secrets": ("source",)},
            "git_secrets.SECONDS", ("source.txt",), {"source": 2},
        ),
        Scanner(
            "snyk", "snyk", ("snyk",), {"dependencies": "dependencies"}, {"snyk": ("dependencies",)},
            "snyk_cli.SECONDS", ("raw.json",), {"dependencies": 4}, SNYK_TIME, "medium",  # its recorded reports have nothing graver
        ),
        Scanner(
            "snyk-container", "snyk", ("snyk-container",), {"image": "image"}, {"snyk": ("image",)},
            "snyk_cli.SECONDS", ("raw.json",), {"image": 13}, SNYK_TIME,
        ),
        Scanner(
            "snyk-code", "snyk", ("snyk-code",), {"code": "code"}, {"snyk": ("code",)},
            "snyk_cli.SECONDS", ("raw.json",), {"code": 20}, SNYK_TIME,
        ),
        Scanner(
            "grype", "grype", (), {"dependencies": "dependencies", "image": "image"},
            {"grype": ("database", "dependencies", "image"), "syft": ("sbom",)},
            "grype.SECONDS", ("dependencies.json", "image.json"), {"dependencies": 8, "image": 9},
        ),
        Scanner(
            "ecr", "ecr_scan", (), {"image": "ecr"}, {}, "ecr_scan.ANSWER_SECONDS", ("ecr.json",),
            {"image": 6}, {"ecr_scan.PAUSE_SECONDS": 0.2},
        ),
        Scanner(
            "zap", "zap", (), {"staging": "staging"}, {"zap-baseline.py": ("staging",)}, "zap.EXTRA_SECONDS", (),
            {"staging": 13}, {"zap.REACH_SECONDS": 5.0, "zap.PAUSE_SECONDS": 0.1},
        ),
    )
}  # fmt: skip


def clean(scanner: Scanner, digest: str) -> dict[str, Said]:
    """What each call is answered for a commit without findings."""
    image = {"docker": {}, "projectName": "docker-image|image"}
    answers = {
        "git-secrets": {"source": Said()},
        "snyk": {"dependencies": Said(snyk())},
        "snyk-container": {"image": Said(snyk(**image))},
        "snyk-code": {"code": Said(snyk_code())},
        "grype": {
            "database": Said(),
            "dependencies": Said(grype("dependencies", digest)),
            "image": Said(grype("image", digest)),
            "sbom": Said('{"bomFormat": "CycloneDX"}'),
        },
        "ecr": {"ecr": Said(ecr(digest))},
        "zap": {"staging": Said(zap())},
    }
    return answers[scanner.name]


def blocking(scanner: Scanner, digest: str) -> dict[str, Said]:
    """What each call is answered for a commit with findings: real reports, of this execution's image, time and site."""
    container = recorded("snyk/container_many.json") | {"uniqueCount": 1}  # so many are left of what Snyk had counted
    (site,) = (one for one in recorded("zap/many.json")["site"] if one["alerts"])
    alerts = site | {"@name": "https://localhost", "@host": "localhost", "@ssl": "true"}
    image = recorded("ecr/basic_many.json") | {"imageId": {"imageDigest": digest}}
    folder, packages = recorded("grype/directory_scan_many.json"), recorded("grype/many.json")
    answers = {
        "git-secrets": {"source": Said(does="look")},
        "snyk": {"dependencies": Said(json.dumps(recorded("snyk/projects_many.json")), 1)},
        "snyk-container": {"image": Said(json.dumps(container), 1)},
        "snyk-code": {"code": Said(json.dumps(recorded("snyk/code_sarif_many.json")), 1)},
        "grype": {  # 0: without --fail-on, which no build gives
            "dependencies": Said(grype("dependencies", digest, matches=folder["matches"])),
            "image": Said(grype("image", digest, matches=packages["matches"])),
        },
        "ecr": {"ecr": Said(json.dumps(image))},
        "zap": {"staging": Said(json.dumps({"@version": "2.17.0", "created": MADE, "site": [alerts]}), 2)},
    }
    return clean(scanner, digest) | answers[scanner.name]


def nothing_scanned(scanner: Scanner, digest: str) -> Said:
    """A report that says of itself that nothing was looked at, with exit code 0."""
    return {
        "snyk": Said(snyk(0)),
        "snyk-container": Said(snyk(0, docker={}, projectName="docker-image|image")),
        "snyk-code": Said(snyk_code(0)),
        "ecr": Said(ecr(digest, finished=False)),
        "zap": Said(zap("")),
    }[scanner.name]


def plant(folder: Path) -> None:
    """Two credentials, in two files."""
    for name, last in (("first", "A"), ("second", "B")):
        (folder / f"{name}.env").write_text(f"KEY={'AKIA' + 'Z7' * 7 + '7' + last}\n", encoding="utf-8")


def commit_files(folder: Path) -> None:
    """A commit that every scanner has something to look at in: a lock file, code, a Dockerfile."""
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "payments", "version": "1.0.0"}\n', encoding="utf-8")
    lock = {"name": "payments", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}
    (folder / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    (folder / "app.py").write_text("print('hello')\n", encoding="utf-8")
    (folder / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
