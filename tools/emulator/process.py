"""Start and end the emulator, and speak to it.

It lives in .venv-emulator, which ``make`` sets up, and listens on one loopback port with TLS, under a certificate of its own.
All that it keeps is in the folder that it is given. Whatever speaks to it is pointed there by environment variables alone,
so that commands and Terraform run as they would against AWS.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-emulator" / "bin"
ACCOUNT = "123456789012"
ROOT_KEY, ROOT_SECRET = "EMULATED", "nothing"  # of the account's root; nobody else knows them
_SECONDS = 60  # for it to begin


class EmulatorError(RuntimeError):
    """The emulator is not installed, or does not begin; the message says what to do."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator. ``environment``: for commands that speak to it as the account's root, with the AWS CLI on its path
    and nothing of this process's own."""

    url: str
    region: str
    folder: Path
    environment: Mapping[str, str]

    @property
    def certificate(self) -> Path:
        """What a client must trust."""
        return self.folder / "server.crt"

    def known_as(self, access_key: str, secret: str, token: str = "") -> Emulator:
        """The same emulator for somebody else."""
        credentials = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
        given = {name: value for name, value in {**self.environment, **credentials}.items() if value}
        return Emulator(self.url, self.region, self.folder, given)

    def as_role(
        self, role: str, service: str, source_arn: str = "", *, source_account: str = ACCOUNT, session: str = "emulated"
    ) -> Emulator:
        """The same emulator for a service that has assumed a role, acting for a resource (``source_arn``, if it says so) of
        an account; only the account's root may ask. ``session`` stands in the log of ``authorizations``. Raises ClientError
        (AccessDenied) if the role's trust does not let it.
        """
        answer = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            RoleSessionName=session,
            ExternalId=f"{service}.amazonaws.com,{source_arn},{source_account}",  # inside/asking.py reads it
        )["Credentials"]
        return self.known_as(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def client(self, service: str) -> Any:
        """boto3's client of one service."""
        environment = self.environment
        given = {
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": environment.get("AWS_SESSION_TOKEN"),
        }
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            verify=str(self.certificate),
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
            **given,
        )

    def use_stand_in(self, url: str) -> None:
        """What answers from now on for executions of pipelines and for Security Hub (inside/routes.py)."""
        (self.folder / "stand-in").write_text(url, encoding="utf-8")

    def authorizations(self) -> list[dict[str, Any]]:
        """Every call that a role has made: {principal, action, resource, context, allowed}."""
        lines = (self.folder / "authorizations.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def log(self) -> str:
        """The end of what it says."""
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-3000:]


@contextmanager
def running(folder: Path, *, region: str) -> Iterator[Emulator]:
    """An empty emulator, which ends with this block or with this process. Raises EmulatorError."""
    if not (BIN / "ministack").is_file():
        raise EmulatorError("there is no .venv-emulator: `make apply-local` and `make test` make it")
    _certificate(folder)
    process: subprocess.Popen[bytes] | None = None
    try:
        for _ in range(3):  # somebody may take the port in between
            process, emulator = _start(folder, region)
            if _answers(process, emulator):
                yield emulator
                return
            _end(process)
        raise EmulatorError(f"the emulator does not begin: {(folder / 'log.txt').read_text(errors='replace')[-2000:]}")
    finally:
        if process:
            _end(process)


def _certificate(folder: Path) -> None:
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=emulator",
        "-keyout", "server.key", "-out", "server.crt", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-addext", "basicConstraints=critical,CA:FALSE",
    ]  # fmt: skip
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except FileNotFoundError as error:
        raise EmulatorError("openssl is needed: it makes the emulator's certificate") from error


def _start(folder: Path, region: str) -> tuple[subprocess.Popen[bytes], Emulator]:
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    (folder / "authorizations.jsonl").touch()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    common = {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        # Nothing that this machine knows of an AWS account is used.
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "python", "-B", Path(__file__).parent / "inside" / "server.py"],
            cwd=folder,
            env={
                **common,
                "AUTH": "true",
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(folder / "server.crt"),
                "MINISTACK_SSL_KEY": str(folder / "server.key"),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_ACCOUNT_ID": ACCOUNT,
                "MINISTACK_REGION": region,
                "S3_DATA_DIR": str(folder / "s3"),
                "STATE_DIR": str(folder / "state"),
                "DOCKER_HOST": "unix:///nonexistent",
                "SFTP_ENABLED": "0",
                "IOT_MTLS_ENABLED": "0",
                "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",  # AWS waits a minute, then two
            },
            stdin=subprocess.PIPE,  # it ends with it: with this process, at the latest
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    environment = {
        **common,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL": url,
        "AWS_CA_BUNDLE": str(folder / "server.crt"),
    }
    return process, Emulator(url, region, folder, environment)


def _answers(process: subprocess.Popen[bytes], emulator: Emulator) -> bool:
    trust = ssl.create_default_context(cafile=str(emulator.certificate))
    end = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=5, context=trust):  # noqa: S310
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, with the functions' processes in it; without its leader, those have ended by themselves."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
