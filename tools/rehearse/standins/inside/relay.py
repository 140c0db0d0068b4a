"""Bytes from one socket to another and back."""

from __future__ import annotations

import contextlib
import socket
import threading


def pump(one: socket.socket, other: socket.socket) -> None:
    """In threads, until both sides have ended."""
    for sock in (one, other):
        sock.settimeout(None)
    for source, target in ((one, other), (other, one)):
        threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
