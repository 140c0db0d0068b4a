"""One process of a build that has imported the AWS CLI, and forks itself for each call: with the caller's arguments, environment,
folder and open files, and with its end. A call that is killed takes its fork along. The build's sandbox ends it.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable

PLACE = "/run/rehearsal-aws"  # a folder of the build's own
# What awscli/__init__.py adds to the environment when it is imported.
KEPT = "AWS_DATA_PATH"
_HEAD = struct.Struct("!II")  # bytes of arguments, and of the environment, each ended by NUL


def ask(arguments: list[str]) -> None:
    """Let the process that stayed behind make this call, and end with its exit code. Returns if there is none."""
    with socket.socket(socket.AF_UNIX) as call:
        try:
            call.connect(PLACE)
        except OSError:
            return
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        words = b"".join(os.fsencode(word) + b"\0" for word in arguments)
        environment = b"".join(name + b"=" + value + b"\0" for name, value in os.environb.items())
        head = _HEAD.pack(len(words), len(environment))
        socket.send_fds(call, [head], [0, 1, 2, folder])
        call.sendall(words + environment)
        code = call.recv(4)
    os._exit(struct.unpack("!i", code)[0] if len(code) == 4 else 255)


def stay_behind(call: Callable[[list[str]], None]) -> None:
    """Import the CLI and leave a process behind that will make further calls with ``call``. This one goes on as if nothing were."""
    gc.disable()  # of what is imported nothing is garbage
    for name in ("awscli.clidriver", "awscli.handlers"):  # of the second each call would import most
        importlib.import_module(name)
    gc.freeze()
    try:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(PLACE)
    except OSError:  # another call was first
        return
    listening.listen(16)
    if os.fork():
        listening.close()
        return
    try:
        _serve(listening, call)
    finally:
        os._exit(1)


def _serve(listening: socket.socket, call: Callable[[list[str]], None]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # whoever reads what the first call says must see its end
        os.dup2(nothing, number)
    os.closerange(3, listening.fileno())
    os.closerange(listening.fileno() + 1, 1024)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(connection, call)
        connection.close()


def _answer(connection: socket.socket, call: Callable[[list[str]], None]) -> None:
    """In a process of its own."""
    code = 255
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, files, _, _ = socket.recv_fds(connection, _HEAD.size, 4)
        sizes = _HEAD.unpack(head)
        words, environment = (_read(connection, size).split(b"\0")[:-1] for size in sizes)
        for number in (0, 1, 2):
            os.dup2(files[number], number)
        os.fchdir(files[3])
        for one in files:
            os.close(one)
        kept = os.environ[KEPT]
        os.environb.clear()
        for pair in environment:
            name, _, value = pair.partition(b"=")
            os.environb[name] = value
        os.environ[KEPT] = kept
        _end_with(connection)
        try:
            call([os.fsdecode(word) for word in words])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        connection.sendall(struct.pack("!i", code))
    finally:
        os._exit(code)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _end_with(connection: socket.socket) -> None:
    """End when the caller does, who says nothing more."""
    import threading

    def watch() -> None:
        connection.recv(1)
        os._exit(255)

    threading.Thread(target=watch, daemon=True).start()
