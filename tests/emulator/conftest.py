"""An emulator of AWS that runs Lambda code (ministack: S3, SQS, EventBridge, Lambda), started for the tests of this folder.

It lives in .venv-emulator, which ``make test`` makes. Missing: a skip on a user's machine, a failure on CI. It listens on
loopback only, holds all of its data in pytest's temporary folder, and asks for no permission: what roles may do is not
tested here. Its functions run on its own interpreter, with its own boto3. Each process of pytest-xdist has its own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
LAMBDAS = ROOT / "lambdas"
BIN = ROOT / ".venv-emulator" / "bin"
SECONDS = 60  # for a process to begin

sys.path.append(str(FOLDER))  # for deployment.py

from deployment import ACCOUNT, REGION, Deployed, deploy  # noqa: E402

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,  # the emulator takes such a key's account
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": REGION,
    # Nothing that this machine knows of an AWS account is used.
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Emulator:
    """A running emulator. ``environment``: for a command that calls it, the AWS CLI on its path; nothing of this process's own."""

    url: str
    environment: Mapping[str, str]

    def client(self, service: str) -> Any:
        """boto3's client of one service."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="none",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
        )


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator, empty."""
    if not (BIN / "ministack").is_file():
        if os.environ.get("CI"):
            pytest.fail("needed on CI: .venv-emulator, which `make test` makes")
        pytest.skip("there is no .venv-emulator: `make test` makes it")
    for _ in range(3):
        folder = tmp_path_factory.mktemp("emulator")
        process, running = _start(folder)
        try:
            if _answers(process, running.url):
                yield running
                return
        finally:
            _end(process)
        # Somebody may have taken the port in between.
    pytest.fail(f"the emulator does not begin: {(folder / 'log.txt').read_text(errors='replace')[-2000:]}")


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], Emulator]:
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {"PATH": f"{BIN}:{os.defpath}", "HOME": str(home), "TMPDIR": str(temporary), **CREDENTIALS}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "python", FOLDER / "run_ministack.py"],
            cwd=folder,
            env={
                **environment,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_ACCOUNT_ID": ACCOUNT,
                "MINISTACK_REGION": REGION,
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
    return process, Emulator(url, {**environment, "AWS_ENDPOINT_URL": url})


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, with the functions' processes in it; without its leader, those have ended by themselves."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.stdin
    process.stdin.close()


@dataclass(frozen=True)
class StandIn:
    """aws_stand_in.py, running."""

    url: str

    def state(self) -> dict[str, Any]:
        """``findings`` of Security Hub by id, ``requests`` to it, and the answers to CodePipeline's ``jobs``."""
        with urllib.request.urlopen(f"{self.url}/stand-in", timeout=10) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """Security Hub and CodePipeline, which the emulator lacks."""
    roots = [ROOT / "tests" / "lambdas", LAMBDAS, *(path.parent for path in LAMBDAS.glob("*/handler.py"))]
    with subprocess.Popen(
        [sys.executable, "-B", FOLDER / "aws_stand_in.py", "acme-payments", "acme-ledger"],
        env={"PYTHONPATH": os.pathsep.join(map(str, roots)), "PATH": os.defpath, **CREDENTIALS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            readable, _, _ = select.select([process.stdout], [], [], SECONDS)
            port = process.stdout.readline().strip() if readable else ""
            assert port.isdigit(), "aws_stand_in.py has not begun"
            yield StandIn(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def deployed(emulator: Emulator, stand_in: StandIn, emit_once: Any, request: pytest.FixtureRequest) -> Deployed:
    """The functions of pipelines.yaml in this folder, with all that calls them."""
    emitted = emit_once(FOLDER / "pipelines.yaml")
    addresses = {"AWS_ENDPOINT_URL_CODEPIPELINE": stand_in.url, "AWS_ENDPOINT_URL_SECURITYHUB": stand_in.url}
    return deploy(emitted.folder / "stacks" / "findings", emulator.client, addresses)
