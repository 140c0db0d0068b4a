"""What has come of an execution: looked up where a person would look, not where the rehearsal has put it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.emulator.process import Emulator
from tools.rehearse.answers import Approval
from tools.rehearse.described import Described
from tools.rehearse.history import Execution


@dataclass(frozen=True)
class Verdict:
    """One gate's. ``counts``: by severity, those that are not 0."""

    verdict: str
    counts: Mapping[str, int]
    key: str


@dataclass(frozen=True)
class Found:
    """A finding in Security Hub. ``state``: ACTIVE or ARCHIVED."""

    title: str
    severity: str
    state: str
    workflow: str


@dataclass(frozen=True)
class Outcome:
    """One step's end. ``at``: ``<stage>/<action>`` that failed, "" where none has. ``verdicts``: ``<scanner> <scope>`` -> verdict.
    ``images``: digests in ECR. ``runs``: namespace -> image that has been rolled out there, "" for none; one whose rollout has not
    ended well has " (not rolled out)" behind it. ``digest``: of this execution's image, as sealed. ``mail``: the approval's. ``told``: what
    people got of this run, each with its subject. ``errors``: what the failed action's build has said of errors, from its log.
    ``packages``: ``<name>-<version>`` of what `resolve` has really installed. ``record``: how the release's record says that it has
    ended, "" without one."""

    says: str
    pipeline: str
    commit: str
    findings: tuple[Found, ...]
    images: tuple[str, ...]
    runs: Mapping[str, str]
    status: str
    execution: str = ""
    at: str = ""
    why: str = ""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    digest: str = ""
    mail: str = ""
    told: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    seconds: float = 0.0
    tools: Mapping[str, frozenset[str]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    packages: frozenset[str] = frozenset()
    record: str = ""


def failed_at(execution: Execution) -> tuple[str, str]:
    """``<stage>/<action>`` and the message of the first action that failed, in the order of the run."""
    for run in execution.runs:
        if run.outcome and not run.outcome.succeeded:
            return f"{run.stage}/{run.action.name}", run.outcome.message
    return "", execution.why


def errors(folder: Path, at: str) -> tuple[str, ...]:
    """Lines of errors in the log of a failed build, each once. ``folder``: of its execution's files."""
    logs = sorted(folder.glob(f"{at.replace('/', '-')}-*/build/build.log")) if at else []
    lines = [line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return tuple(dict.fromkeys(line.removeprefix("error: ") for line in lines if line.startswith("error: ")))


def packages(folder: Path) -> frozenset[str]:
    """``<name>-<version>`` in the artifact of `resolve`. ``folder``: of its execution's files."""
    found = set()
    for file in folder.glob("*/build/artifact-Resolved.zip"):
        with zipfile.ZipFile(file) as archive:
            parts = [part for name in archive.namelist() for part in name.split("/")]
            found |= {part.removesuffix(".dist-info") for part in parts if part.endswith(".dist-info")}
    return frozenset(found)


def digest(execution: Execution) -> str:
    """As the sealer has let it through."""
    for run in execution.runs:
        if run.outcome and run.outcome.succeeded and "DIGEST" in run.outcome.variables:
            return run.outcome.variables["DIGEST"]
    return ""


def mail(asked: list[Approval], execution: str) -> str:
    """What approvers of an execution have got."""
    return "\n\n".join(f"Subject: {one.subject}\n\n{one.mail}" for one in asked if one.execution == execution)


def reports_bucket(described: Described) -> str:
    """As the builds know it. Raises LookupError if they do not agree."""
    projects = described.projects.values()
    named = {one.environment["REPORTS_BUCKET"].value for one in projects if "REPORTS_BUCKET" in one.environment}
    if len(named) != 1:
        raise LookupError(f"the projects name the report buckets {sorted(named)}, known is one")
    return named.pop()


def buckets(described: Described) -> set[str]:
    """The artifacts' and the reports'."""
    return {one.bucket for one in described.pipelines.values()} | {reports_bucket(described)}


def keys(emulator: Emulator, bucket: str, prefix: str = "") -> list[str]:
    """Every key that has a current version."""
    pages = emulator.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [one["Key"] for page in pages for one in page.get("Contents", ())]


def verdicts(emulator: Emulator, bucket: str, pipeline: str, execution: str) -> dict[str, Verdict]:
    """What the importer has recorded for the guard. ``pipeline``: its name in pipelines.yaml."""
    found = {}
    for key in keys(emulator, bucket, f"reports/{pipeline}/{execution}/"):
        if key.endswith("/verdict.json"):
            record = json.loads(emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
            counts = {name: count for name, count in record["counts"].items() if count}
            found[f"{record['scanner']} {record['scope']}"] = Verdict(record["verdict"], counts, key)
    return found


def record(emulator: Emulator, bucket: str, pipeline: str, execution: str, seconds: float) -> str:
    """How the release's record says that it has ended; "" without one. An event completes it: waits for that for some time."""
    key = f"releases/{pipeline}/{execution}/release.json"
    end = time.monotonic() + seconds
    while key in keys(emulator, bucket, key):
        found: dict[str, Any] = json.loads(emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        if found["ended"] or time.monotonic() > end:
            outcome: str = found["outcome"]
            return outcome
        time.sleep(0.2)
    return ""


def behind(link: str, emulator: Emulator) -> str:
    """What an approver finds behind the link of the mail; "" if that is the page of a release that waits for approval."""
    parts = urlsplit(link)
    place, _, bucket = parts.path.rpartition("/")
    key = parse_qs(parts.query).get("prefix", [""])[0]
    if place != "/s3/object" or not key:
        return f"the mail's link {link!r} leads to no object of S3"
    if key not in keys(emulator, bucket, key):
        return f"the mail's link leads to s3://{bucket}/{key}, which is not there"
    page = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return (
        "" if b"<h1>Waits for approval</h1>" in page else "the page behind the mail's link does not say that it waits"
    )


def findings(hub: Any, repository: str) -> tuple[Found, ...]:
    """Of one repository, in Security Hub."""
    return tuple(
        Found(
            one["Title"],
            one.get("FindingProviderFields", {}).get("Severity", one.get("Severity", {})).get("Label", ""),
            one["RecordState"],
            one.get("Workflow", {}).get("Status", ""),
        )
        for one in hub.findings.values()
        if one["ProductFields"]["devsecops/repository"] == repository
    )


def images(emulator: Emulator) -> tuple[tuple[str, str], ...]:
    """(repository, digest) of every image in ECR."""
    ecr = emulator.client("ecr")
    names = [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]]
    found = {(name, one["imageDigest"]) for name in names for one in ecr.list_images(repositoryName=name)["imageIds"]}
    return tuple(sorted(found))


def running(clusters: Path) -> dict[str, str]:
    """Namespace -> image, as the folders that stand for clusters have it (standins/inside/kubectl.py)."""
    found = {}
    for file in sorted(clusters.glob("*/*/deployment-*.json")):
        content, rolled = file.read_text(encoding="utf-8"), file.with_suffix(".rolled")
        image = json.loads(content)["spec"]["template"]["spec"]["containers"][0]["image"]
        good = rolled.is_file() and rolled.read_text(encoding="utf-8") == content
        found[file.parent.name] = image if good else f"{image} (not rolled out)"
    return found


def tools(calls: list[dict[str, Any]], execution: str) -> dict[str, frozenset[str]]:
    """Kind ("real", "stand-in") -> tools that this execution's builds have called."""
    found: dict[str, set[str]] = {}
    for call in calls:
        if call["execution"] == execution:
            found.setdefault(call["kind"], set()).add(call["tool"])
    return {kind: frozenset(names) for kind, names in found.items()}


def keep(emulator: Emulator, bucket: str, executions: Path, target: Path) -> None:
    """Copy all that is in the report bucket (reports, records), by key, and the builds' logs to a folder that outlives the emulator."""
    for key in keys(emulator, bucket):
        (target / key).parent.mkdir(parents=True, exist_ok=True)
        (target / key).write_bytes(emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    for log in sorted(executions.glob("*/*/build/build.log")):
        execution, action = log.parts[-4:-2]
        (target / "logs" / execution).mkdir(parents=True, exist_ok=True)
        (target / "logs" / execution / f"{action.rpartition('-')[0]}.log").write_bytes(log.read_bytes())


def leaks(secret: str, emulator: Emulator, described: Described, folder: Path, hub: Any, said: str) -> list[str]:
    """Where a secret stands: all buckets but the artifacts of a Source action (they are the commit), logs, Security Hub, what was
    printed, the builds' files. Zips are looked into."""
    needle, found = secret.encode(), []
    sources = {f"/{name[:10]}/" for one in described.pipelines.values() for name in one.stages[0].actions[0].outputs}
    for bucket in buckets(described):
        for key in keys(emulator, bucket):
            if not any(source in f"/{key}" for source in sources):
                content = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
                found += [f"s3://{bucket}/{key}" for part in _parts(content) if needle in part]
    logs = emulator.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            if any(secret in event["message"] for event in page["events"]):
                found.append(f"log group {group['logGroupName']}")
    if secret in json.dumps(hub.findings, default=str):
        found.append("Security Hub")
    if secret in said:
        found.append("what the rehearsal has printed")
    # input-Source.zip is what the Source action has made of the commit, too.
    for file in sorted(folder.rglob("*")):
        ours = file.is_file() and not file.is_symlink() and file.suffix in (".log", ".jsonl", ".json")
        if ours and needle in file.read_bytes():
            found.append(file.name)
    return found


def _parts(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
