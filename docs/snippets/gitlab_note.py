"""Write a file as one note of the merge request, edited in place. Python's standard library only.

https://docs.gitlab.com/api/notes/#merge-requests . Reads CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, and NOTE_TOKEN.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

MARK = "<!-- plan review -->"


def call(method: str, address: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """One request to GitLab's API; an error of its ends the job."""
    if not address.startswith("https://"):
        raise SystemExit("the token is sent over https only")
    request = urllib.request.Request(  # noqa: S310 - https, see above
        address,
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"PRIVATE-TOKEN": os.environ["NOTE_TOKEN"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def main(file: str) -> None:
    """Edit the bot's note if there is one, else write it."""
    api, project, request = (os.environ[name] for name in ("CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID"))
    notes = f"{api}/projects/{project}/merge_requests/{request}/notes"
    me = call("GET", f"{api}/user")["id"]
    text = f"{MARK}\n{Path(file).read_text(encoding='utf-8')}"
    page = 1
    while found := call("GET", f"{notes}?per_page=100&page={page}"):
        for note in found:
            # Anybody can write the mark: only the bot's own note is edited.
            if note["author"]["id"] == me and note["body"].startswith(MARK):
                call("PUT", f"{notes}/{note['id']}", {"body": text})
                return
        page += 1
    call("POST", notes, {"body": text})


if __name__ == "__main__":
    main(sys.argv[1])
