"""Stand-ins for what a build calls: scanners that check their arguments and environment and say what a fault plans; and
``aws``, which hands each call to the test's own process.
"""

from __future__ import annotations

import socketserver
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

TOKEN, ORGANIZATION = "5e5a3e00-7ea5-4c0d-b0ba-5e5a3e007ea5", "acme"
KEY = "AKIA" + "[A-Z0-9]{16}"
WRONG = 99  # the exit code of a stand-in that was called in another way than the real tool understands

# `$@` in the environment that it gets; then what a fault plans for this kind of call.
_FRAME = """#!/bin/sh
wrong() {{ echo "stand-in {tool}: $1" >&2; echo "{tool}: $1" >> {folder}/wrong; exit {code}; }}
{checks}
. {folder}/$kind.sh
wrong "ended without an answer"
"""
_NO_AWS = (
    '[ -z "$AWS_MAX_ATTEMPTS$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI$CODEBUILD_SRC_DIR" ] || wrong "sees the build"'
)
_ANCHORE = (
    _NO_AWS
    + """
[ "$GRYPE_DB_VALIDATE_AGE" = true ] || wrong "no check of the database's age"
case "$*" in
  "db update") kind=database ;;
  dir:/*" --output json") kind=dependencies ;;
  oci-archive:/*" --output json") kind=image ;;
  "scan oci-archive:/"*" --output cyclonedx-json="*) kind=sbom; sbom=${4#cyclonedx-json=} ;;
  *) wrong "arguments $*" ;;
esac"""
)
_SNYK = (
    _NO_AWS
    + f"""
[ "$SNYK_TOKEN" = {TOKEN} ] || wrong "no token"
[ "$SNYK_CFG_ORG" = {ORGANIZATION} ] || wrong "no organization"
case "$*" in
  "test --all-projects --fail-fast --exclude=requirements.txt --detection-depth="*" --json") kind=dependencies ;;
  "monitor --all-projects --fail-fast "*) exit 0 ;;
  "code test --json") kind=code ;;
  "container test oci-archive:image.tar --file=/"*"/Dockerfile --json") kind=image; [ -f image.tar ] || wrong "no archive" ;;
  *) wrong "arguments $*" ;;
esac"""
)
# It proves itself on planted keys first: those it must find. `git` runs it.
_GIT_SECRETS = f"""
found() {{ [ -z "$1" ] && exit 0; printf '%s\\n\\n[ERROR] Matched one or more prohibited patterns\\n' "$1" >&2; exit 1; }}
look() {{ found "$(/bin/grep -rnE '{KEY}' "$root")"; }}
[ -f {{folder}}/mute.sh ] && . {{folder}}/mute.sh
root=$3
case "$*" in
  "--register-aws --global") exit 0 ;;
  "--scan -r "*/source) kind=source ;;
  "--scan -r "*) look ;;
  "--scan-history") found "$(git log -p --text | /bin/grep -anE '{KEY}')" ;;
  *) wrong "arguments $*" ;;
esac"""
_ZAP = """
[ -z "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" ] || wrong "sees credentials"
[ "$IS_CONTAINERIZED" = true ] || wrong "would call docker"
case "$*" in
  "-t https://localhost:"*"/ -J report.json -m 1") kind=staging; report=$AT/wrk/report.json ;;
  *) wrong "arguments $*" ;;
esac"""
CHECKS: Mapping[str, str] = {
    "grype": _ANCHORE,
    "syft": _ANCHORE,
    "snyk": _SNYK,
    "git-secrets": _GIT_SECRETS,
    "zap-baseline.py": _ZAP,
}
_AWS = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port} || exit 255
printf '%s\\0' "$#" "$AWS_MAX_ATTEMPTS" "$@" >&3
read -r code size out err <&3 || exit 255
[ "$size" = 0 ] || /usr/bin/truncate -s "$size" /dev/stdout
/bin/cat "$out"; /bin/cat "$err" >&2; exit "$code"
"""
# ZAP's packaged scans are called as `python3 /zap/zap-baseline.py`, and write beside themselves.
_PYTHON = "import os, sys\nos.environ['AT'] = os.path.dirname(__file__)\nos.execv('/bin/sh', ['sh', {shell!r}, *sys.argv[1:]])\n"


@dataclass(frozen=True)
class Said:
    """What a tool says and ends with: to standard error as git-secrets, into a file as ZAP and Syft, else to standard output.
    ``seconds``: it hangs so long first. ``size``: of a report of zeros, made without writing one. ``does``: a function of the
    stand-in's own, in place of all that."""

    out: str = ""
    code: int = 0
    err: str = ""
    seconds: int = 0
    size: int = 0
    does: str = ""

    def shell(self, tool: str, text: Path) -> str:
        """The lines of shell that do it; ``text`` holds ``out``."""
        where = {"git-secrets": "/dev/stderr", "zap-baseline.py": "$report", "syft": "$sbom"}.get(tool, "/dev/stdout")
        if self.does:
            return f"{self.does}\n"
        lines = [f"exec /bin/sleep {self.seconds}"] if self.seconds else []
        if self.err:
            lines.append(f"printf '%s\\n' {quote(self.err)} >&2")
        if self.size:
            lines.append(f'/usr/bin/truncate -s {self.size} "{where}"')
        elif self.out:
            lines.append(f"/bin/cat {text} {'>&2' if where == '/dev/stderr' else f'> {where}' if '$' in where else ''}")
        return "\n".join([*lines, f"exit {self.code}\n"])


def install(folder: Path, name: str, place: Path) -> None:
    """Put the stand-in of a scanner at ``place``; what it is to say stands in ``folder``."""
    text = _FRAME.format(
        tool=name, folder=folder, code=WRONG, checks=CHECKS[name].replace("{folder}", str(folder)).strip()
    )
    if name.endswith(".py"):
        shell = folder / f"{name}.sh-stand-in"
        shell.write_text(text, encoding="utf-8")
        text = _PYTHON.format(shell=str(shell))
    place.write_text(text, encoding="utf-8")
    place.chmod(0o755)


def plan(folder: Path, tool: str, kind: str, said: Said) -> None:
    """Let the stand-in answer this kind of call so."""
    out = folder / f"{kind}.out"
    out.write_text(said.out, encoding="utf-8")
    (folder / f"{kind}.sh").write_text(said.shell(tool, out), encoding="utf-8")


def commands(folder: Path, names: Sequence[str]) -> Path:
    """A folder for PATH that holds these commands of the machine and Python, and nothing else."""
    path = folder / "path"
    path.mkdir()
    for name in names:
        found = next((one for one in (Path("/usr/bin", name), Path("/bin", name)) if one.exists()), None)
        if found is None:
            raise FileNotFoundError(f"{name} is not installed in /usr/bin or /bin")
        (path / name).symlink_to(found)
    (path / "python3").symlink_to(Path(sys.executable).resolve())
    return path


Answer = Callable[[list[str], str], Said]


@contextmanager
def cli(file: Path, answer: Answer) -> Iterator[None]:
    """``aws`` at ``file``: each call becomes ``answer(arguments, AWS_MAX_ATTEMPTS)`` in a thread of this process."""

    class Call(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words = self._words()
            said = answer(words[1:], words[0])
            with tempfile.TemporaryDirectory(dir=file.parent.parent) as name:
                out, err = Path(name, "out"), Path(name, "err")
                out.write_text(said.out, encoding="utf-8")
                err.write_text(said.err + "\n" if said.err else "", encoding="utf-8")
                try:
                    self.wfile.write(f"{said.code} {said.size} {out} {err}\n".encode())
                    self.rfile.read()  # until the command is gone
                except OSError:
                    pass  # it was ended while it waited

        def _words(self) -> list[str]:
            def word() -> str:
                data = b""
                while not data.endswith(b"\0"):
                    one = self.rfile.read(1)
                    if not one:
                        raise EOFError
                    data += one
                return data[:-1].decode()

            return [word() for _ in range(int(word()) + 1)]

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Call) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        file.write_text(_AWS.format(port=server.server_address[1]), encoding="utf-8")
        file.chmod(0o755)
        try:
            yield
        finally:
            server.shutdown()
            thread.join(10)
