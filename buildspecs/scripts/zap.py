"""Scan the staging site with one of ZAP's packaged scans, then ask the gate.

    zap.py

Runs inside ZAP's own image. ZAP counts every rule that found nothing as passed, also on a site that it never reached
(https://github.com/zaproxy/zaproxy/issues/8004): so the site must answer beforehand and stand in the report afterwards.
ZAP_MINUTES bounds the spider; the whole scan gets an hour more.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from common import OUTPUT_LIMIT, Failure, main, printable, setting
from gate import judge

ZAP = Path("/zap")
SCRIPTS = {"baseline": "zap-baseline.py", "full": "zap-full-scan.py", "api": "zap-api-scan.py"}
RESULTS = (0, 1, 2)  # clean, a rule set to FAIL, a rule set to WARN: all of them are reports for the gate to judge
TOOL_ERROR = 3
REACH_SECONDS = 120.0  # a load balancer may need a moment to find the new pods
PAUSE_SECONDS = 5.0
EXTRA_SECONDS = 3600


def checked_target() -> str:
    """The site's URL: https, a plain host name, no credentials."""
    target = setting("ZAP_TARGET", r"https://[\x21-\x7e]+")
    try:
        url = urlsplit(target)
        plain = re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", url.netloc) and url.port != 0
    except ValueError:
        plain = None
    if not plain:
        raise Failure(f"ZAP_TARGET {printable(target, 200)!r} must be https://host[:port][/path] without credentials")
    return target


def reach(target: str) -> None:
    """Wait until the site answers with anything but a server error; its certificate must be valid."""
    end = time.monotonic() + REACH_SECONDS
    while True:
        try:
            with urllib.request.urlopen(target, timeout=10):  # noqa: S310 - checked_target() lets only https through
                return
        except urllib.error.HTTPError as answer:
            if answer.code < 500:
                return
            state = f"HTTP {answer.code}"
        except (OSError, http.client.HTTPException) as error:
            state = printable(str(getattr(error, "reason", error)), 200)
        if time.monotonic() + PAUSE_SECONDS > end:
            raise Failure(f"{target} cannot be scanned: no usable answer within {REACH_SECONDS:.0f} seconds: {state}")
        time.sleep(PAUSE_SECONDS)


def scan(target: str, report: Path) -> int:
    """ZAP's exit code; 124 if it did not end. Its output goes to the log."""
    kind, minutes = setting("ZAP_SCAN", "|".join(SCRIPTS)), setting("ZAP_MINUTES", r"[1-9][0-9]{0,3}")
    # The API scan has no spider to bound; it needs to know what the definition at the target is.
    more = ["-f", setting("ZAP_API_FORMAT", "openapi|soap|graphql")] if kind == "api" else ["-m", minutes]
    # No credentials for a process that reads foreign pages. It runs in /zap, since ZAP would load Python hooks that it
    # finds below the working directory, which is the repository otherwise.
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env["IS_CONTAINERIZED"] = "true"  # or it would call docker
    command = ["python3", str(ZAP / SCRIPTS[kind]), "-t", target, "-J", report.name, *more]
    process = subprocess.Popen(command, cwd=ZAP, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(int(minutes) * 60 + EXTRA_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return 124


def gap(report: Path, target: str) -> str:
    """Why the report proves no scan of the target; empty if it does."""
    try:
        size = report.stat().st_size
        if size > OUTPUT_LIMIT:
            return f"ZAP's report has {size} bytes; at most {OUTPUT_LIMIT} are read"
        sites = json.loads(report.read_bytes())["site"]
        hosts = {str(site["@host"]).lower() for site in sites}
    except FileNotFoundError:
        return "ZAP wrote no report"
    except (ValueError, KeyError, TypeError) as error:
        return f"ZAP's report is not complete: {type(error).__name__}"
    host = urlsplit(target).hostname
    return "" if host in hosts else f"ZAP's report has no site {host}: nothing of it was scanned"


def _script(arguments: list[str]) -> None:
    if arguments:
        raise Failure("usage: zap.py")
    target, failed, code = checked_target(), "", TOOL_ERROR
    work = ZAP / "wrk"  # the only folder that ZAP's scripts write reports to
    work.mkdir(exist_ok=True)
    report = work / "report.json"
    report.unlink(missing_ok=True)
    try:
        reach(target)
        code = scan(target, report)
        failed = gap(report, target) if code in RESULTS else f"ZAP ended with exit code {code}"
    except Failure as failure:
        failed = str(failure)
    if failed and code in RESULTS:
        code = TOOL_ERROR
    try:
        judge("zap", "staging", report, code)
    except Failure as verdict:
        raise Failure(f"{failed}; {verdict}" if failed else str(verdict)) from verdict
    if failed:
        raise Failure(failed)  # whatever the gate said: no scan, no pass


if __name__ == "__main__":
    main(_script)
