"""What the delivery scripts share: the forms of the values they get, paths inside the repository, AWS error codes.

The image's build runs the repository's own code, so its exported variables can hold anything: each value is held
against its form before it is used, and none ever passes through a shell.
"""

from __future__ import annotations

import re
from pathlib import Path

from common import Failure, printable, source_dir

BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
COMMIT = r"[0-9a-f]{40}"
DIGEST = r"sha256:[0-9a-f]{64}"
EXECUTION = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PIPELINE = r"[a-z][a-z0-9-]{0,39}"
REPOSITORY = r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
# host[:port]/repository without tag or digest: an ECR host in any partition, or the loopback registry of the tests
REGISTRY = rf"[a-z0-9][a-z0-9.-]*(:[0-9]+)?/{REPOSITORY}"
# Any image with its digest: https://github.com/distribution/reference/blob/main/regexp.go, without a tag
IMAGE = rf"([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{{1,5}})?/)?{REPOSITORY}@{DIGEST}"
SECONDS = r"[1-9][0-9]{0,5}"  # CodeBuild's longest build has 129,600


def in_repository(path: str, what: str) -> Path:
    """The real path of something in the repository; a link that leads out of it is refused."""
    root = source_dir()
    found = (root / path).resolve()
    shown = f"{what} {printable(path, 200)!r}"
    if Path(path).is_absolute() or (found != root and root not in found.parents):
        raise Failure(f"{shown} lies outside the repository: give a path inside it, and no link that leads out")
    if not found.exists():
        raise Failure(f"{shown} is not in the repository")
    return found


def aws_error(failure: Failure) -> str:
    """The AWS error's code in a failed call's message; empty if the call never got an answer."""
    found = re.search(r"An error occurred \((\w+)\)", str(failure))
    return found.group(1) if found else ""
