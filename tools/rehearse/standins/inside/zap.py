"""One of ZAP's packaged scans: ZAP cannot be had. Checks what it is called with, and replays a real report, made one of this site.

https://www.zaproxy.org/docs/docker/baseline-scan/, .../full-scan/, .../api-scan/ (options; exit codes 0, 1 FAIL, 2 WARN, 3 other)
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, "/rehearsal/lib")  # it runs as /zap/zap-....py
import said  # type: ignore[import-not-found]  # it runs from its folder

tool = Path(sys.argv[0]).name
arguments = sys.argv[1:]
api = tool == "zap-api-scan.py"
if len(arguments) != 6 or arguments[0::2] != ["-t", "-J", "-f" if api else "-m"]:
    said.refuse(tool, arguments, f"right is -t URL -J FILE {'-f FORMAT' if api else '-m MINUTES'}")
target, file, last = arguments[1::2]
url = urlsplit(target)
if url.scheme != "https" or not url.hostname or "/" in file or not (api or last.isdigit()):
    said.refuse(tool, arguments, "the target must be https, the report a plain name below /zap/wrk, minutes a number")
if os.environ.get("IS_CONTAINERIZED") != "true":
    said.refuse(tool, arguments, "without IS_CONTAINERIZED=true it would call docker")
if any(name.startswith("AWS_") for name in os.environ):
    said.refuse(tool, arguments, "it has the build's credentials")
if Path.cwd() != Path("/zap"):
    said.refuse(tool, arguments, f"it runs in {Path.cwd()}, where a commit could put hooks")
answer = said.planned("zap")
if isinstance(answer, dict) and "report" not in answer:  # a scan that breaks
    print("ERROR Unable to start ZAP", file=sys.stderr)
    said.end(tool, arguments, int(answer["code"]))
report = said.report(tool, arguments, answer)
# One site of the recorded report, the one with TLS, under the target's name.
sites = [site for site in report["site"] if site["@ssl"] == "true"][:1]
for site in sites:
    text = json.dumps(site).replace(f"http://{site['@host']}", f"https://{site['@host']}")
    text = text.replace(site["@host"], str(url.hostname))
    site.update(json.loads(text))
    site |= {"@port": str(url.port or 443), "@ssl": "true"}
report["site"] = sites
Path("/zap/wrk", file).write_text(json.dumps(report), encoding="utf-8")
code = int(answer.get("code", 2 if any(site["alerts"] for site in sites) else 0))
print(f"FAIL-NEW: 0\tWARN-NEW: {sum(len(site['alerts']) for site in sites)}")
said.end(tool, arguments, code)
