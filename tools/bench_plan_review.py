"""Time of a review of 5,000 objects, as a command: ``python tools/bench_plan_review.py``. The aim is 2 seconds."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OBJECTS = 5_000
RUNS = 3


def plan() -> dict[str, Any]:
    """Roles with policies, functions, buckets and rules in equal parts; each changes, and each has a secret."""
    changes = []
    for number in range(OBJECTS):
        kind = ("aws_iam_role_policy", "aws_lambda_function", "aws_s3_bucket", "aws_security_group", "aws_db_instance")[
            number % 5
        ]
        statements = [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", f"s3:Put{n}"],
                "Resource": [f"arn:aws:s3:::bucket-{number}/{n}/*"],
            }
            for n in range(8)
        ]
        before: dict[str, Any] = {
            "id": f"id-{number}", "name": f"name-{number}", "role": f"role-{number}", "secret": f"hidden-{number}-value",
            "policy": json.dumps({"Version": "2012-10-17", "Statement": statements}), "tags": {f"key-{n}": "v" for n in range(20)},
            "ingress": [{"from_port": n, "to_port": n, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]} for n in range(10)],
        }  # fmt: skip
        after = {
            **before,
            "memory_size": number,
            "policy": json.dumps({"Version": "2012-10-17", "Statement": statements[::-1][:7]}),
        }
        if number % 50 == 0:
            after["policy"] = json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [*statements, {"Effect": "Allow", "Action": "*", "Resource": "*"}],
                }
            )
        mark = {"secret": True}
        changes.append(
            {
                "address": f"{kind}.object_{number}", "mode": "managed", "type": kind, "name": f"object_{number}",
                "change": {"actions": ["update"], "before": before, "after": after, "after_unknown": {}, "before_sensitive": mark, "after_sensitive": mark},
            }
        )  # fmt: skip
    return {"format_version": "1.2", "terraform_version": "1.11.4", "planned_values": {}, "resource_changes": changes}


def _processor() -> float:
    """Seconds of processor that ended children have used: what is left of a time on a machine that others use too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "plan.json")
        file.write_text(json.dumps(plan()), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "lambdas" / "plan_review")}
        print(
            f"{OBJECTS:,} objects, {file.stat().st_size / 1e6:.1f} MB; median, least and most of {RUNS} runs, in seconds"
        )
        for form in ("table", "markdown", "html"):
            command = [sys.executable, "-m", "plan_review", str(file), "--format", form]
            command += ["--limit", "10240"] if form == "markdown" else []
            seconds: list[float] = []
            processor: list[float] = []
            for _ in range(RUNS):
                began, used = time.perf_counter(), _processor()
                ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
                seconds.append(time.perf_counter() - began)
                processor.append(_processor() - used)
                if ran.returncode != 1:
                    raise SystemExit(f"exit code {ran.returncode}: the plan has risks")
            print(
                f"{form:<9}{statistics.median(seconds):6.2f}{min(seconds):6.2f}{max(seconds):6.2f}   processor{statistics.median(processor):6.2f}   {len(ran.stdout) / 1e3:,.0f} kB"
            )


if __name__ == "__main__":
    main()
