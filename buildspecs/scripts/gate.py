"""The gate: hand a scanner's raw report to the findings importer and let its verdict decide.

    gate.py <scanner> <scope> <raw report file> <scanner's exit code>

Exit 0 only for the verdict `pass`. Everything that was not foreseen fails. Without a report, an empty object is uploaded,
to which the importer answers `no-evidence`: a retried action has the same key, where its first attempt's report stands.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from common import Failure, aws, main, printable, setting, upload

VERDICTS = ("pass", "findings", "tool-error", "no-evidence")
SEVERITIES = ("critical", "high", "medium", "low", "informational", "ungraded")
# A Lambda function runs for 15 minutes at most; the CLI may wait that long, and we a little longer than the CLI.
ANSWER_SECONDS = 930
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: TooManyRequestsException, "the request throughput limit was
# exceeded" or the account's concurrency: seconds until the next try.
THROTTLE_PAUSES = (2.0, 10.0, 30.0, 60.0)


def prefix(scanner: str, scope: str) -> str:
    """Where in the report bucket the files of one scanner and scope stand."""
    for what, value in (("scanner", scanner), ("scope", scope)):
        if not re.fullmatch(r"[a-z][a-z-]*", value):
            raise Failure(f"{what} {printable(value, 40)!r}: must be one lower-case id such as snyk-code")
    pipeline = setting("PIPELINE", r"[a-z][a-z0-9-]*")
    return f"reports/{pipeline}/{setting('EXECUTION', r'[A-Za-z0-9-]+')}/{scanner}-{scope}"


def judge(scanner: str, scope: str, report: Path, exit_code: int) -> None:
    """Upload `report`, ask the importer, print its answer; Failure unless the verdict is `pass`."""
    name = f"{scanner} {scope}"
    key = f"{prefix(scanner, scope)}/{'raw.txt' if scanner == 'git-secrets' else 'raw.json'}"
    if report.is_file() and report.stat().st_size > 0:
        upload(report, setting("REPORTS_BUCKET"), key)
    else:
        print(f"gate: {name}: there is no report; an empty one is uploaded")
        with tempfile.NamedTemporaryFile() as empty:
            upload(Path(empty.name), setting("REPORTS_BUCKET"), key)
    answer = _ask(
        {
            "schema": 1,
            "kind": "report",
            "pipeline": setting("PIPELINE"),
            "execution": setting("EXECUTION"),
            "action": setting("ACTION"),
            "scanner": scanner,
            "scope": scope,
            "key": key,
            "exit_code": exit_code,
        },
        name,
    )
    summary = printable(str(answer["summary"]), 80)
    if os.environ.get("SUMMARY_FILE"):
        with Path(os.environ["SUMMARY_FILE"]).open("a", encoding="ascii") as file:
            file.write(summary + "\n")
    page = f"s3://{setting('REPORTS_BUCKET')}/{printable(str(answer['page']), 300)}"
    print(f"gate: {name}: {answer['verdict']}: {summary}; {page}")
    if answer["verdict"] != "pass":
        raise Failure(f"gate: {name}: {answer['verdict']}: {printable(str(answer['reason']), 300)}; see {page}")


def judge_each(scanner: str, scans: Mapping[Path, Callable[[Path], int]], unready: Failure | None) -> None:
    """Run a scanner's scans and judge each one's report, which is named after the scope, whatever becomes of the others.

    A scan writes its report and returns the scanner's exit code. If the scanner is `unready` none is run, and all are judged.
    """
    failures = [str(unready)] if unready else []
    for report, scan in scans.items():
        code = 2
        try:
            if not unready:
                code = scan(report)
        except Failure as failure:
            failures.append(str(failure))
        try:
            judge(scanner, report.stem, report, code)
        except Failure as failure:
            failures.append(str(failure))
    if failures:
        raise Failure("; ".join(failures))


def _ask(request: dict[str, object], name: str) -> dict[str, object]:
    """The importer's answer, checked against the contract."""
    with tempfile.TemporaryDirectory() as folder:
        file, payload = Path(folder, "answer.json"), Path(folder, "call.json")
        payload.write_text(json.dumps(request), encoding="utf-8")
        call = _invoke(payload, file)
        status = _json(call, f"{name}: what `aws lambda invoke` printed")
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    if status.get("FunctionError") or status.get("StatusCode") != 200:
        raise Failure(f"gate: {name}: the findings importer failed; its log group says why: {printable(text, 300)}")
    answer = _json(text, f"{name}: the importer's answer")
    if type(answer.get("schema")) is not int or answer["schema"] != 1:
        raise Failure(f"gate: {name}: the importer answered in schema {answer.get('schema')!r}; this script knows 1")
    counts = answer.get("counts")
    right = (
        answer.get("verdict") in VERDICTS
        and all(isinstance(answer.get(field), str) for field in ("summary", "reason", "page"))
        and type(answer.get("blocking")) is int
        and isinstance(counts, dict)
        and all(type(counts.get(field)) is int for field in (*SEVERITIES, "waived"))
    )
    if not right:
        raise Failure(f"gate: {name}: the importer's answer is not of schema 1: {printable(text, 300)}")
    return answer


def _invoke(payload: Path, file: Path) -> str:
    """What `aws lambda invoke` prints. Tried again only where Lambda says that it has not run the function."""
    for pause in (*THROTTLE_PAUSES, None):
        try:
            return aws(
                "lambda", "invoke", "--function-name", setting("FINDINGS_IMPORTER"),
                # fileb: the bytes as they are, for version 2 of the CLI and for version 1, which ZAP's image carries.
                "--cli-read-timeout", "0", "--payload", f"fileb://{payload}", str(file),
                timeout=ANSWER_SECONDS, attempts=1,  # the CLI's own second attempt could run beside the first
            )  # fmt: skip
        except Failure as failure:
            if pause is None or "(TooManyRequestsException)" not in str(failure):
                raise
            print(f"gate: the findings importer is busy; again in {pause:g} seconds")
            time.sleep(pause)
    raise AssertionError("unreachable: the last round returns or raises")


def _json(text: str, what: str) -> dict[str, object]:
    """`text` as a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Failure(f"gate: {what} is not JSON: {printable(text, 200)!r}") from error
    if not isinstance(value, dict):
        raise Failure(f"gate: {what} is no JSON object")
    return value


def _script(arguments: list[str]) -> None:
    if len(arguments) != 4 or not re.fullmatch(r"\d{1,3}", arguments[3]):
        raise Failure("usage: gate.py <scanner> <scope> <raw report file> <exit code 0-255>")
    judge(arguments[0], arguments[1], Path(arguments[2]), int(arguments[3]))


if __name__ == "__main__":
    main(_script)
