"""A container registry on loopback: what stands behind ECR's name."""

from __future__ import annotations

import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.children import child
from tools.rehearse.standins import StandInError

_SECONDS = 15


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """host:port of an empty registry, which ends with this block. Raises StandInError."""
    binary = shutil.which("docker-registry") or shutil.which("registry")
    if not binary:
        raise StandInError("docker-registry is not installed (Debian and Ubuntu: `apt-get install docker-registry`)")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "log.txt").open("wb") as log:
        serving = child([binary, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        with serving as process:
            end = time.monotonic() + _SECONDS
            while not _answers(address):
                if process.poll() is not None or time.monotonic() > end:
                    raise StandInError(f"the registry does not begin: {(folder / 'log.txt').read_text()[-500:]}")
                time.sleep(0.05)
            yield address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
