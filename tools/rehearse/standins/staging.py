"""The staging site that a ZAP build scans: on a loopback network of the build's own, since its address is a name and port 443.

Of this machine's network only the emulator can be reached from there, through a socket file. The build's own checks (name, TLS,
an answer) are made for real; SSL_CERT_FILE and /etc/hosts are what AWS would not have.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tools.rehearse.sandbox import OURS, Bind
from tools.rehearse.standins.inside.relay import pump

_NAME = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True)
class Network:
    """``shared``: the build has this machine's. ``prepare``: commands that run inside before the build's shell."""

    shared: bool = True
    binds: tuple[Bind, ...] = ()
    prepare: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def site(build: Path, emulator: str, target: str, python: str) -> Iterator[Network]:
    """``build``: its folder; ``emulator``: its URL; ``target``: the site's. A target that is no https address has no site."""
    there = urlsplit(target)
    name = there.hostname or ""
    if there.scheme != "https" or not _NAME.fullmatch(name):
        name = "nowhere.invalid"
    port = urlsplit(emulator).port
    facts = {"emulator": port, "name": name, "port": there.port or 443}
    (build / "site.json").write_text(json.dumps(facts), encoding="utf-8")
    (build / "hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {name}\n", encoding="utf-8")
    _certificate(build, name)
    folder = os.open(build, os.O_RDONLY | os.O_DIRECTORY)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"/proc/self/fd/{folder}/emulator.sock")  # a socket's path is at most 108 characters long
    listening.listen(64)
    threading.Thread(target=_serve, args=(listening, port), daemon=True).start()
    files = {"site.json": "site.json", "site.crt": "site.crt", "site.key": "site.key", "emulator.sock": "emulator.sock"}
    binds = [Bind(build / file, f"{OURS}/{inside}", writable=True) for file, inside in files.items()]
    try:
        yield Network(
            shared=False,
            binds=(*binds, Bind(build / "hosts", "/etc/hosts")),
            prepare=(f"{python} -E -s -B {OURS}/lib/network.py 8<&- 9>&-",),
            environment={"SSL_CERT_FILE": f"{OURS}/site.crt"},
        )
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        os.close(folder)


def _serve(listening: socket.socket, port: int | None) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        try:
            pump(near, socket.create_connection(("127.0.0.1", port or 0), timeout=10))
        except OSError:
            near.close()


def _certificate(folder: Path, name: str) -> None:
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name[:60]}",
        "-keyout", "site.key", "-out", "site.crt", "-addext", f"subjectAltName=DNS:{name}",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
