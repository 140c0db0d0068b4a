"""resolution.json of the artifact `Resolved`: what became of each manifest.

    {"schema": 1, "manifests": [{"manifest", "status", "reason", "instead"}...]}

`status` is `resolved` or `failed`, `reason` one line, `instead` the file that stands for a manifest or empty. resolve.py
writes it; builds that scan believe no more of it than they can check, since foreign code ran beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

from common import Failure, printable, scrub

NAME = "resolution.json"
SCHEMA = 1
FIELDS = ("manifest", "status", "reason", "instead")


def record(manifest: str, reason: str = "", instead: str = "") -> dict[str, str]:
    """What became of one manifest: resolved, unless there is a reason why not."""
    return {
        "manifest": manifest,
        "status": "failed" if reason else "resolved",
        "reason": printable(scrub(reason), 300),
        "instead": instead,
    }


def write(artifact: Path, records: list[dict[str, str]]) -> None:
    """Leave the records in the folder that becomes the artifact."""
    content = json.dumps({"schema": SCHEMA, "manifests": records}, indent=1, sort_keys=True)
    (artifact / NAME).write_text(content + "\n", encoding="utf-8")


def read(artifact: Path) -> list[dict[str, str]]:
    """The records, their form checked."""
    try:
        content = json.loads((artifact / NAME).read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        return [{field: str(entry[field]) for field in FIELDS} for entry in content["manifests"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"the artifact Resolved has no usable {NAME} of schema {SCHEMA}: {error!r}") from error
