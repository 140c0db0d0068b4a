"""Bytes from one socket to another and back."""

from __future__ import annotations

import contextlib
import socket
import threading


def pump(one: socket.socket, other: socket.socket) -> None:
    """In threads, until both sides have ended; then both are closed."""
    for sock in (one, other):
        sock.settimeout(None)
    there = threading.Thread(target=_copy, args=(one, other), daemon=True)
    there.start()
    threading.Thread(target=_back, args=(one, other, there), daemon=True).start()


def _back(one: socket.socket, other: socket.socket, there: threading.Thread) -> None:
    with one, other:
        _copy(other, one)
        with contextlib.suppress(OSError):  # whoever answers has the last word: no reader waits for more
            one.shutdown(socket.SHUT_RDWR)
        there.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
