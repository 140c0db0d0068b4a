"""What the build scripts share: settings from the environment, bounded processes, the AWS CLI, text fit for a log.

Standard library only, Python >= 3.9: it runs with the build image's own interpreter. Nothing here prints an environment
variable or a process's arguments, since either may be somebody's secret.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = HERE / "bin"  # where install.py puts the tools

# Credentials in a URL: pip and npm repeat their index in error messages.
URL_CREDENTIALS = re.compile(r"(\w://)[^/\s@]+@")
# A report is read whole, and as Python objects it is several times as large. The findings importer reads half of this.
OUTPUT_LIMIT = 128 * 1024 * 1024


class Failure(Exception):
    """A build that cannot go on; the message says what is wrong and what would be right."""


@dataclass(frozen=True)
class Result:
    """What a process left behind. `code` is None when it was ended at its time limit."""

    code: int | None
    out: str
    err: str


def setting(name: str, pattern: str = r".+") -> str:
    """The environment variable `name`, which must match `pattern` as a whole."""
    value = os.environ.get(name, "")
    if not re.fullmatch(pattern, value):
        raise Failure(f"environment variable {name} is {printable(value, 60)!r}; it must match {pattern}")
    return value


def source_dir() -> Path:
    """The commit's files: the build's primary source."""
    return Path(setting("CODEBUILD_SRC_DIR")).resolve()


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets and without credentials in URLs."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    return URL_CREDENTIALS.sub(r"\1[redacted]@", text)


def printable(text: str, limit: int) -> str:
    """One line of printable ASCII, at most `limit` characters."""
    line = " ".join(re.sub(r"[^\x20-\x7e]+", " ", text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def run(argv: list[str], *, timeout: float, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Result:
    """Run `argv` to its end or to `timeout` seconds; then its whole process group is killed.

    Output goes to anonymous memory instead of pipes: Node.js cuts off a report that it writes to a pipe when it exits,
    a grandchild that keeps a pipe open would keep us waiting, and on a disk a secret could be left behind. More than
    OUTPUT_LIMIT is a Failure.
    """
    with os.fdopen(os.memfd_create("out"), "w+b") as out, os.fdopen(os.memfd_create("err"), "w+b") as err:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd, start_new_session=True
            )
        except OSError as error:
            raise Failure(f"{argv[0]} cannot be run: {error.strerror}") from error
        code: int | None
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        texts = []
        for file in (out, err):
            size = os.fstat(file.fileno()).st_size
            if size > OUTPUT_LIMIT:
                raise Failure(f"{argv[0]} printed {size} bytes; at most {OUTPUT_LIMIT} are read")
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Result(code, texts[0], texts[1])


def aws(*arguments: str, timeout: float = 300, attempts: int = 3) -> str:
    """Standard output of one AWS CLI call; Failure with the CLI's own words (never its arguments) if it fails."""
    service = " ".join(arguments[:2])
    result = run(["aws", *arguments], timeout=timeout, env={**os.environ, "AWS_MAX_ATTEMPTS": str(attempts)})
    if result.code is None:
        raise Failure(f"aws {service}: no answer within {timeout:g} seconds")
    if result.code != 0:
        raise Failure(f"aws {service} exited with {result.code}: {printable(scrub(result.err), 400)}")
    return result.out


def upload(file: Path, bucket: str, key: str) -> None:
    """Put `file` at s3://bucket/key."""
    aws("s3", "cp", str(file), f"s3://{bucket}/{key}", "--only-show-errors", timeout=900)


def main(body: Callable[[list[str]], int | None]) -> None:
    """Run a script's body with the command line's arguments; a Failure becomes a line on standard error and exit 1."""
    try:
        sys.exit(body(sys.argv[1:]) or 0)
    except Failure as failure:
        sys.stdout.flush()
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # disk full, permission denied: say which file, no traceback
        sys.stdout.flush()
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
