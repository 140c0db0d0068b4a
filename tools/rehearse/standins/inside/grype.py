"""Grype: its vulnerability database cannot be had. Checks what it is called with, and replays a real report, made one of this target.

https://github.com/anchore/grype#configuration (GRYPE_DB_...), https://github.com/anchore/grype#supported-sources
"""

import json
import os
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import said  # type: ignore[import-not-found]  # it runs from its folder

ENVIRONMENT = {
    "PATH", "HOME", "TMPDIR", "LANG", "SYFT_CHECK_FOR_APP_UPDATE", "GRYPE_CHECK_FOR_APP_UPDATE", "GRYPE_DB_VALIDATE_AGE",
    "GRYPE_DB_MAX_ALLOWED_BUILT_AGE", "GRYPE_DB_REQUIRE_UPDATE_CHECK", "GRYPE_DB_AUTO_UPDATE",
}  # fmt: skip

arguments = sys.argv[1:]
said.only("grype", arguments, ENVIRONMENT)
if os.environ["GRYPE_DB_VALIDATE_AGE"] != "true" or os.environ["GRYPE_DB_MAX_ALLOWED_BUILT_AGE"] != "120h":
    said.refuse("grype", arguments, "an old database would be good enough for it")
if list(Path.cwd().iterdir()):
    said.refuse("grype", arguments, f"{Path.cwd()} is not empty: a .grype.yaml there could switch findings off")
database = Path(os.environ["HOME"], ".cache", "grype", "db")
if arguments == ["db", "update"]:
    if said.planned("grype", "database") == "fails":
        print("unable to update vulnerability database: unable to download db", file=sys.stderr)
        said.end("grype", arguments, 1)
    database.mkdir(parents=True)
    print("Vulnerability database updated to latest version!", file=sys.stderr)
    said.end("grype", arguments, 0)
if len(arguments) != 3 or arguments[1:] != ["--output", "json"]:
    said.refuse("grype", arguments, "right is `db update`, or one target with `--output json`")
if not database.is_dir() or os.environ["GRYPE_DB_AUTO_UPDATE"] != "false":
    said.refuse("grype", arguments, "no database was fetched before, or another one would be fetched now")
kind, _, place = arguments[0].partition(":")
if kind == "oci-archive":
    with tarfile.open(place) as archive:
        index = archive.extractfile("index.json")
        digest = json.load(index)["manifests"][0]["digest"] if index else ""
    scope = "image"
elif kind == "dir":
    if not any(path.is_file() for path in Path(place).rglob("*")):
        said.refuse("grype", arguments, f"{place} holds no file")
    digest, scope = "", "dependencies"
else:
    said.refuse("grype", arguments, f"{kind}: right is oci-archive: or dir:")
answer = said.planned("grype", scope)
if isinstance(answer, dict) and answer.get("code") and "report" not in answer:  # a scan that breaks
    print("1 error occurred: as planned", file=sys.stderr)
    said.end("grype", arguments, int(answer["code"]), scope=scope)
report = said.report("grype", arguments, answer)
if scope == "image":
    if report.get("source", {}).get("type") != "image":
        said.refuse("grype", arguments, "the plan's report is none of an image")
    report["source"]["target"] |= {"userInput": place, "manifestDigest": digest}
else:
    report["source"] = {"type": "directory", "target": place}
report.setdefault("descriptor", {})["timestamp"] = datetime.now(UTC).isoformat()
print(json.dumps(report))
said.end("grype", arguments, int(answer.get("code", 0)), scope=scope)
