"""CodeCommit's git over HTTPS: a git server of this machine under CodeCommit's name, reached as an HTTPS proxy on loopback.

git, its credential helper (the AWS CLI's) and `git http-backend` are real. Who clones is asked for a signature and for the permission:
https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-https-unixes.html (the credential helper),
https://docs.aws.amazon.com/codecommit/latest/userguide/auth-and-access-control-permissions-reference.html (codecommit:GitPull)
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tools.emulator.process import Emulator
from tools.rehearse import roles

# What a clone asks for; a push is none of a build's business.
_PATH = re.compile(r"/v1/repos/([\w.-]{1,100})(/info/refs|/git-upload-pack)")
_FETCH = "service=git-upload-pack"
_LIFE = timedelta(minutes=15)  # of a signature: longer than any build takes from asking for it to using it


@dataclass
class GitServer:
    """``repositories``: CodeCommit's name -> a git repository. ``certificate``: what a client must trust. ``log``: what was asked, as
    (repository, "cloned" or why not)."""

    name: str
    repositories: Mapping[str, Path]
    certificate: Path
    address: str = ""
    log: list[tuple[str, str]] = field(default_factory=list)
    _known: dict[str, Emulator] = field(default_factory=dict)

    def knows(self, role: Emulator) -> None:
        """From now on these credentials are some that AWS has handed out."""
        self._known[role.environment["AWS_ACCESS_KEY_ID"]] = role

    def refusal(self, authorization: str, repository: str) -> str:
        """Why this is nobody who may read that repository; "" if it is."""
        try:
            user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        except ValueError:
            return "no Basic authorization"
        access_key, _, token = user.partition("%")
        role = self._known.get(access_key)
        if role is None or not hmac.compare_digest(token, role.environment.get("AWS_SESSION_TOKEN", "")):
            return "credentials that nobody has been given"
        stamp, _, signature = password.partition("Z")
        try:
            age = datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return "no time in the signature"
        if abs(age) > _LIFE or not hmac.compare_digest(signature, self._signature(role, stamp, repository)):
            return "a signature that is not right"
        if repository not in self.repositories:
            return "no such repository"
        try:
            roles.call(role, "codecommit", "CodeCommit_20150413.GitPull", {"repositoryName": repository})
        except roles.DeniedError as error:
            return str(error)
        return ""

    def _signature(self, role: Emulator, stamp: str, repository: str) -> str:
        """As the credential helper makes it: Signature Version 4 of the method GIT, without a body and its hash."""
        environment = role.environment
        credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        signer, request = SigV4Auth(credentials, "codecommit", role.region), AWSRequest()
        request.context["timestamp"] = stamp
        path = f"/v1/repos/{repository}"
        whole = signer.string_to_sign(request, f"GIT\n{path}\n\nhost:{self.name}\n\nhost\n")
        return str(signer.signature(whole, request))


@contextmanager
def serving(folder: Path, region: str, repositories: Mapping[str, Path]) -> Iterator[GitServer]:
    """Until this block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"git-codecommit.{region}.amazonaws.com"
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", "codecommit.key", "-out", "codecommit.crt", "-addext", f"subjectAltName=DNS:{name}",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(folder / "codecommit.crt", folder / "codecommit.key")
    git = GitServer(name, repositories, folder / "codecommit.crt")

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{name}:443":
                self.send_error(403, "nothing else can be reached from here")
                return
            self.send_response(200)
            self.end_headers()
            with trust.wrap_socket(self.connection, server_side=True) as inside:
                _handler(git)(inside, self.client_address, self.server)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A build that is ended while it clones is no error here."""
            if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        git.address = f"127.0.0.1:{server.server_port}"
        try:
            yield git
        finally:
            server.shutdown()


def _handler(git: GitServer) -> Callable[[Any, Any, Any], Any]:
    class Backend(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding"):  # of requests larger than http.postBuffer; a clone's is none
                self._answer(411, {}, b"")
                return
            path, _, query = self.path.partition("?")
            found = _PATH.fullmatch(path)
            if not found or (found[2] == "/info/refs" and query != _FETCH):
                self._answer(404, {}, b"")
                return
            authorization = self.headers.get("Authorization", "")
            if not authorization:
                self._answer(401, {"WWW-Authenticate": 'Basic realm="CodeCommit"'}, b"")
                return
            refused = git.refusal(authorization, found[1])
            if refused or found[2] == "/info/refs":  # the pack itself comes in one more question, or in two
                git.log.append((found[1], refused or "cloned"))
            if refused:
                self._answer(403, {"Content-Type": "text/plain"}, refused.encode())
            else:
                self._answer(*_backend(git.repositories[found[1]], found[2], query, self, body))

        do_GET = do_POST = _serve

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Backend


def _backend(
    repository: Path, path: str, query: str, request: BaseHTTPRequestHandler, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """`git http-backend`: https://git-scm.com/docs/git-http-backend"""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PROJECT_ROOT": str(repository.parent), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": f"/{repository.name}{path}",
        "QUERY_STRING": query, "REQUEST_METHOD": request.command, "REMOTE_USER": "build", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }  # fmt: skip
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False, timeout=120
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return (status, headers, content) if done.returncode == 0 else (500, {}, done.stderr)
