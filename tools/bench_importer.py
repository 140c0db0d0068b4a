"""Time and memory of the findings importer on synthetic Grype reports of 1,000 and 10,000 findings, and its import time.

Everything is measured in fresh processes, in one run and in turn, so that the machine's speed cancels out of the ratio; seconds
are those of the processor, since all of it is computing. A report has the fields of Grype's own and 2 KB a finding (those in
tests/reports have 0.9 to 2.6); every finding of it is another one, with texts of its own. Exits 1 above a target.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMPORTER = ROOT / "lambdas" / "findings_importer"
SIZES = (1_000, 10_000)
ROUNDS = 3
SECONDS, MEGABYTES, RATIO, IMPORT_MILLISECONDS = 2.0, 150.0, 1.5, 60.0  # for the larger size; ratio of time per finding

# What the function does with a report, step by step, without AWS. Prints seconds per step and memory in MiB.
CHILD = """
import json, resource, sys, time
from datetime import UTC, datetime
from common.policy import GateRule
from findings import asff, collector, findings_file, gate, page, parsers
from findings.model import Subject

collector.collect_rarely()  # as the function does where it is put together

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

baseline, now, steps = peak(), datetime(2026, 1, 2, tzinfo=UTC), {}
subject = Subject("grype", "image", "p", "e", "r", "main", "0" * 40, "sha256:" + "0" * 64)
account = asff.Account("aws", "eu-central-1", "123456789012")
raw = open(sys.argv[1], "rb").read()
clock = time.process_time()

def step(name, result):
    global clock
    steps[name], clock = time.process_time() - clock, time.process_time()
    return result

read = step("parse, redact", parsers.read("grype", raw))
rule = GateRule(fail_on="high", report_only=False, only_fixable=False, ungraded="block")
judgement = step("identify, judge", gate.judge(subject, read, 1, gate.Terms(rule, (), now.date())))
del raw
documents = (asff.document(one, subject, account, created=now, updated=now) for one in judgement.findings)
step("ASFF, findings.json", findings_file.encode({}, documents))  # one by one, as the function does
html = step("page", page.render(judgement, "0" * 64, now))
print(json.dumps({"findings": len(judgement.findings), "steps": steps, "baseline": baseline, "peak": peak(), "page": len(html) / 2**20}))
"""
# boto3 is what Lambda's runtime brings; what is left is this function's own.
IMPORT = """
import time, boto3, botocore.config, botocore.exceptions
started = time.process_time()
import handler
print((time.process_time() - started) * 1000)
"""


def match(number: int) -> dict[str, Any]:
    """One finding of a report, as Grype writes it."""
    name, version, cve = (
        f"libexample{number % 700}",
        f"{number % 9}.{number % 31}-{number % 7}+deb12u1",
        f"CVE-2024-{number:05}",
    )
    description = (
        f"In {name} before {version}, a crafted request number {number} lets a remote attacker read memory. " * 2
    )
    related = {
        "id": cve,
        "dataSource": f"https://nvd.nist.gov/vuln/detail/{cve}",
        "namespace": "nvd:cpe",
        "severity": ("Critical", "High", "Medium", "Low", "Negligible", "Unknown")[number % 6],
        "urls": [f"https://example.com/advisories/{number}/{kind}" for kind in ("patch", "list", "vendor")],
        "description": description,
        "cvss": [
            {
                "source": "nvd@nist.gov",
                "type": "Primary",
                "version": "3.1",
                "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                "metrics": {"baseScore": 9.8, "exploitabilityScore": 3.9, "impactScore": 5.9},
                "vendorMetadata": {},
            }
        ],
        "epss": [{"cve": cve, "epss": 0.00043, "percentile": 0.09, "date": "2026-01-01"}],
    }
    fix = {"versions": [f"{version}.1"] if number % 2 else [], "state": "fixed" if number % 2 else "not-fixed"}
    # A distribution's own record says little; NVD's stands beside it.
    own = {
        "namespace": "debian:distro:debian:12",
        "urls": [],
        "cvss": [],
        "description": "",
        "fix": fix,
        "advisories": [],
    }
    return {
        "vulnerability": {**related, **own},
        "relatedVulnerabilities": [related],
        "matchDetails": [
            {
                "type": "exact-indirect-match",
                "matcher": "dpkg-matcher",
                "searchedBy": {
                    "distro": {"type": "debian", "version": "12"},
                    "package": {"name": name, "version": version},
                },
                "found": {"versionConstraint": f"< {version}.1 (deb)", "vulnerabilityID": cve},
            }
        ],
        "artifact": {
            "id": f"{number:016x}",
            "name": name,
            "version": version,
            "type": "deb",
            "locations": [
                {"path": "/var/lib/dpkg/status", "layerID": f"sha256:{number:064x}"},
            ],
            "language": "",
            "licenses": [],
            "cpes": [f"cpe:2.3:a:{name}:{name}:{version}:*:*:*:*:*:*:*"],
            "purl": f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12",
            "upstreams": [{"name": f"{name}-source"}],
        },
    }


def report(findings: int) -> bytes:
    """A whole report."""
    database = {"status": {"schemaVersion": "v6.1.2", "built": "2026-01-01T00:00:00Z", "valid": True}}
    descriptor = {"name": "grype", "version": "0.104.0", "db": database, "timestamp": "2026-01-02T00:00:00Z"}
    source = {"type": "image", "target": {"userInput": "image.tar", "manifestDigest": f"sha256:{'0' * 64}"}}
    return json.dumps(
        {"matches": [match(number) for number in range(findings)], "source": source, "descriptor": descriptor}
    ).encode()


def run(*arguments: str) -> Any:
    """What a fresh process with the function's import roots prints, as JSON."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": os.pathsep.join((str(IMPORTER), str(IMPORTER.parent))),
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False, timeout=300)
    if done.returncode:
        sys.exit(f"exit {done.returncode}: {done.stderr.decode()[-1000:]}")
    return json.loads(done.stdout)


def main() -> int:
    """Print one line per size and step; the exit code. With arguments: write a report of so many findings to that file."""
    if len(sys.argv) == 3:
        Path(sys.argv[2]).write_bytes(report(int(sys.argv[1])))
        print("null")
        return 0
    runs: dict[int, list[Any]] = {size: [] for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            # Not here: a child's peak memory begins with that of its parent.
            run(__file__, str(size), str(Path(folder, str(size))))
        for _ in range(ROUNDS):
            for size in SIZES:
                runs[size].append(run("-c", CHILD, str(Path(folder, str(size)))))
        megabytes = {size: Path(folder, str(size)).stat().st_size / 2**20 for size in SIZES}
    best: dict[int, float] = {}
    for size, results in runs.items():
        fastest = min(results, key=lambda result: sum(result["steps"].values()))
        best[size] = sum(fastest["steps"].values())
        median = statistics.median(sum(result["steps"].values()) for result in results)
        print(
            f"{size:>6} findings ({megabytes[size]:.1f} MiB)  {best[size]:.2f} s  (median {median:.2f})  "
            f"{size / best[size]:,.0f} findings/s  peak {fastest['peak']:.0f} MiB ({fastest['baseline']:.0f} before the report)"
        )
        print("       " + "  ".join(f"{name} {seconds:.2f}" for name, seconds in fastest["steps"].items()))
    ratio = (best[SIZES[1]] / SIZES[1]) / (best[SIZES[0]] / SIZES[0])
    with tempfile.TemporaryDirectory() as empty:  # as in the function's package, which holds no compiled modules
        cold = min(float(run("-B", "-X", f"pycache_prefix={empty}", "-c", IMPORT)) for _ in range(2))
    imported = min(float(run("-c", IMPORT)) for _ in range(ROUNDS + 2))
    peak = max(result["peak"] for result in runs[SIZES[1]])
    print(f"time per finding, {SIZES[1]:,} to {SIZES[0]:,}: {ratio:.2f}")
    print(f"import of handler.py beside boto3: {imported:.0f} ms, {cold:.0f} ms where nothing is compiled yet")
    targets = (
        ("seconds", best[SIZES[1]], SECONDS),
        ("MiB", peak, MEGABYTES),
        ("times the time per finding", ratio, RATIO),
        ("ms of import", imported, IMPORT_MILLISECONDS),
    )
    missed = [f"{value:.2f} {name}, more than {limit:g}" for name, value, limit in targets if value > limit]
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
