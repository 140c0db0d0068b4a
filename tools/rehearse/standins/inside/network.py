"""The network of a ZAP build: brings its loopback up, relays to the emulator, and is the staging site. Returns when all of it answers."""

import contextlib
import fcntl
import json
import os
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path

from relay import pump  # type: ignore[import-not-found]  # it runs from its folder

OURS = Path("/rehearsal")
FACTS = json.loads((OURS / "site.json").read_text(encoding="utf-8"))
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nConnection: close\r\n\r\nstaging\n"
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # netdevice(7): SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _GET_FLAGS, name))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def emulator(listening: socket.socket) -> None:
    while True:
        near, _ = listening.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(OURS / "emulator.sock"))
        pump(near, far)


def staging(listening: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OURS / "site.crt", OURS / "site.key")
    while True:
        near, _ = listening.accept()
        with contextlib.suppress(OSError), context.wrap_socket(near, server_side=True) as asked:
            asked.recv(1 << 16)
            asked.sendall(PAGE)


loopback_up()
servers = [
    (emulator, socket.create_server(("127.0.0.1", FACTS["emulator"]))),
    (staging, socket.create_server(("127.0.0.1", FACTS["port"]))),
]
if os.fork():
    sys.exit(0)
for name in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), name)
threads = [threading.Thread(target=serve, args=(listening,)) for serve, listening in servers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
