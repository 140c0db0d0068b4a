"""The AWS CLI for test_recorded_builds.py: writes down what a command asks AWS for, and answers from a folder.

Run as ``aws`` on PATH. ``RECORDING`` is a folder: calls.jsonl gets one line for each request ({"service", "operation",
"parameters"}), objects/<bucket>/<key> is S3. A command that nobody has looked up is an error, on purpose.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

FOLDER = Path(os.environ["RECORDING"])
PASSED = {
    "schema": 1,
    "verdict": "pass",
    "summary": "nothing found",
    "reason": "",
    "page": "page",
    "blocking": 0,
    "counts": dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0),
}


def asks(service: str, operation: str, **parameters: str) -> None:
    with (FOLDER / "calls.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"service": service, "operation": operation, "parameters": parameters}) + "\n")


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def stored(bucket: str, key: str) -> Path:
    return FOLDER / "objects" / bucket / key


def copy(source: str, target: str) -> None:
    """``aws s3 cp``: https://docs.aws.amazon.com/cli/latest/reference/s3/cp.html (HeadObject, then GetObject; PutObject)."""
    for name, operation in ((source, "GetObject"), (target, "PutObject")):
        if name.startswith("s3://"):
            bucket, _, key = name.removeprefix("s3://").partition("/")
            asks("s3", operation, Bucket=bucket, Key=key)
            if operation == "GetObject":
                shutil.copyfile(stored(bucket, key), target)
            else:
                stored(bucket, key).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, stored(bucket, key))


match sys.argv[1:3]:
    case ["s3", "cp"]:
        copy(sys.argv[3], sys.argv[4])
    case ["s3api", "list-objects-v2"]:
        asks("s3", "ListObjectsV2", Bucket=option("--bucket"), Prefix=option("--prefix"))
        there = stored(option("--bucket"), option("--prefix")).is_file()
        print(json.dumps([option("--prefix")] if there else None))
    case ["lambda", "invoke"]:
        asks("lambda", "Invoke", FunctionName=option("--function-name"))
        Path(sys.argv[-1]).write_text(json.dumps(PASSED), encoding="utf-8")
        print('{"StatusCode": 200}')
    case ["ssm", "get-parameter"]:
        asks("ssm", "GetParameter", Name=option("--name"))
        print("a-value")
    case ["ecr", "get-login-password"]:
        asks("ecr", "GetAuthorizationToken")
        print("a-password")
    case ["ecr", "describe-images"]:
        asks("ecr", "DescribeImages", repositoryName=option("--repository-name"))
        kind, _, value = option("--image-ids").partition("=")
        if kind == "imageTag":
            (FOLDER / "tag").write_text(value, encoding="utf-8")
            sys.exit("An error occurred (ImageNotFoundException) when calling the DescribeImages operation: as planned")
        tags = [(FOLDER / "tag").read_text(encoding="utf-8")]
        print(json.dumps({"imageDetails": [{"imageDigest": value, "imageTags": tags}]}))
    case ["ecr", "describe-image-scan-findings"]:
        asks("ecr", "DescribeImageScanFindings", repositoryName=option("--repository-name"))
        digest = option("--image-id").partition("=")[2]
        found = {"imageScanCompletedAt": "2026-11-22T10:00:00Z", "findings": []}
        print(
            json.dumps(
                {
                    "imageId": {"imageDigest": digest},
                    "imageScanStatus": {"status": "COMPLETE"},
                    "imageScanFindings": found,
                }
            )
        )
    case ["eks", "update-kubeconfig"]:
        # https://docs.aws.amazon.com/cli/latest/reference/eks/update-kubeconfig.html
        asks("eks", "DescribeCluster", name=option("--name"))
        Path(option("--kubeconfig")).write_text("", encoding="utf-8")
    case _:
        sys.exit(f"fake_aws.py does not know: aws {' '.join(sys.argv[1:])}")
