"""Where one build runs: mount and process namespaces of its own, so that parallel builds do not meet and nothing outlives one.

A build sees the system's folders (read-only for root; an ordinary user could not write there anyway), what it is told to see, and
private folders: /codebuild, /opt, /root, /run, /tmp, /var and /zap. All its commands run in one shell, as buildspec version 0.2 has it
(https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-cmd.html).
"""

from __future__ import annotations

import fcntl
import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "nix")
PRIVATE = ("codebuild", "opt", "root", "run", "tmp", "var", "var/tmp", "zap", "zap/wrk")
OURS = "/rehearsal"  # what the rehearsal itself brings along: commands of the build, stand-ins
PATH = f"{OURS}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NEEDED = ("bash", "ln", "mkdir", "mount", "pivot_root", "rmdir", "umount", "unshare")
_LOOK = 0.2  # seconds between two looks at a build's `stop`
_running: set[subprocess.Popen[bytes]] = set()


class SandboxError(RuntimeError):
    """No build can be run here; the message says why."""


class EndedError(Exception):
    """The shell is gone. ``code``: its exit code; None when it was killed for time or because it was stopped (``why``)."""

    def __init__(self, code: int | None, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


@dataclass(frozen=True)
class Bind:
    """Something of this machine that a build sees at ``inside``."""

    outside: Path
    inside: str
    writable: bool = False


@dataclass
class Sandbox:
    """``folder``: an empty one on this machine; ``files``: the private folders as seen from outside. ``network``: False for a
    loopback of its own with nothing else; ``prepare`` are commands that run inside before the build's shell does."""

    folder: Path
    shell: str
    environment: Mapping[str, str]
    cwd: str
    log: Path
    binds: Iterable[Bind] = ()
    network: bool = True
    prepare: tuple[str, ...] = ()
    _count: int = field(default=0, init=False)

    @property
    def files(self) -> Path:
        """Where the private folders are, for this machine."""
        return self.folder / "files"

    def __post_init__(self) -> None:
        missing = [name for name in _NEEDED if not shutil.which(name)]
        if missing:
            raise SandboxError(f"a build's sandbox needs {', '.join(missing)}, which is not installed")
        for name in PRIVATE:
            (self.files / name).mkdir(parents=True, exist_ok=True)
        for name in ("new", "commands"):
            (self.folder / name).mkdir()

    def __enter__(self) -> Sandbox:
        enter = self.folder / "enter.sh"
        commands_in, commands_out = _pipe()
        done_in, done_out = _pipe()
        enter.write_text("\n".join(self._script(commands_in, done_out)) + "\n", encoding="utf-8")
        namespaces = ["--mount", "--pid", "--fork", "--kill-child", *([] if self.network else ["--net"])]
        if os.geteuid() != 0:
            namespaces += ["--user", "--map-root-user"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_tool("unshare"), *namespaces, _tool("bash"), str(enter)],
                cwd="/",
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(commands_in, done_out),
                start_new_session=True,
            )
        _running.add(self._process)
        os.close(commands_in)
        os.close(done_out)
        self._commands, self._done = commands_out, done_in
        try:
            code = self.run(":", time.monotonic() + 30, lambda: False)
        except EndedError as ended:
            code = ended.code or 1
        if code:
            self.__exit__()
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
            raise SandboxError(
                f"no build can run here: namespaces are not to be had ({said or 'nothing was said'}); "
                "`unshare --mount` for root, `unshare --map-root-user --mount` for others must be permitted"
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End every process of the build."""
        _kill(self._process)
        self._process.wait()
        _running.discard(self._process)
        for end in (self._commands, self._done):
            with suppress(OSError):
                os.close(end)

    def run(self, command: str, end: float, stopped: Callable[[], bool]) -> int:
        """The exit code of one command of the buildspec. ``end``: of time.monotonic. Raises EndedError."""
        self._count += 1
        name = f"{self._count:03}.sh"
        (self.folder / "commands" / name).write_text(command + "\n", encoding="utf-8")
        with suppress(BrokenPipeError):
            os.write(self._commands, f"{OURS}/commands/{name}\n".encode())
        while True:
            ready, _, _ = select.select([self._done], [], [], _LOOK)
            if ready:
                answer = os.read(self._done, 100)
                if answer:
                    return int(answer)
                code = self._process.wait()
                raise EndedError(code, f"the command ended the build's shell, with exit code {code}")
            if stopped() or time.monotonic() > end:
                why = "stopped" if stopped() else "timed out"
                self.__exit__()
                raise EndedError(None, why)

    def environ(self, end: float) -> dict[str, str]:
        """The environment as the commands have left it. Raises EndedError."""
        if self.run(f"/usr/bin/env -0 > {OURS}/environment", end, lambda: False):
            return {}
        found = (self.folder / "environment").read_bytes().decode(errors="surrogateescape")
        return dict(one.split("=", 1) for one in found.split("\0") if "=" in one)

    def _script(self, commands: int, done: int) -> list[str]:
        """What makes the root of the build, then becomes its shell."""
        mount, new = _tool("mount"), shlex.quote(str(self.folder / "new"))
        lines = ["set -eu", f"exec 8<&{commands} 9>&{done} {commands}<&- {done}>&-"]
        lines += [f"{mount} -t tmpfs -o mode=755 root {new}", f"cd {new}"]
        for name in SYSTEM:
            top = Path("/", name)
            if top.is_symlink():
                lines.append(f"{_tool('ln')} -s {shlex.quote(str(top.readlink()))} {name}")
            elif top.is_dir():
                lines += self._bind(Bind(top, f"/{name}"))
        for name in ("dev", "sys"):
            lines += self._bind(Bind(Path("/", name), f"/{name}", writable=True))
        lines.append(f"{_tool('mkdir')} proc")
        lines.append(f"{mount} -t proc proc proc 2>/dev/null || {mount} --rbind /proc proc")
        for name in PRIVATE:
            if "/" not in name:
                lines += self._bind(Bind(self.files / name, f"/{name}", writable=True))
        containers = Path("/etc/containers")  # buildah keeps a lock there
        if containers.is_dir():
            shutil.copytree(containers, self.folder / "containers", symlinks=True, ignore=_unreadable)
            lines += self._bind(Bind(self.folder / "containers", str(containers), writable=True))
        names = Path(os.path.realpath("/etc/resolv.conf"))
        if names.is_file() and not names.is_relative_to("/etc"):
            lines += self._bind(Bind(names, str(names)))
        (self.folder / "environment").touch()
        lines += self._bind(Bind(self.folder / "commands", f"{OURS}/commands"))
        lines += self._bind(Bind(self.folder / "environment", f"{OURS}/environment", writable=True))
        seen = [f"/{name}/" for name in SYSTEM]
        for bind in self.binds:
            if str(bind.outside) != bind.inside or not any(bind.inside.startswith(folder) for folder in seen):
                lines += self._bind(bind)
                if str(bind.outside) == bind.inside:
                    seen.append(f"{bind.inside}/")
        lines += [f"{_tool('mkdir')} .old", f"{_tool('pivot_root')} . .old", "cd /"]
        lines += [f"{_tool('umount')} -l /.old", f"{_tool('rmdir')} /.old", *self.prepare]
        lines += [
            f"cd {shlex.quote(self.cwd)}",
            "unset OLDPWD",
            f"exec /usr/bin/env {self.shell} -c {shlex.quote(_AGENT)}",
        ]
        return lines

    def _bind(self, bind: Bind) -> list[str]:
        mount, mkdir = _tool("mount"), _tool("mkdir")
        outside, inside = shlex.quote(str(bind.outside)), shlex.quote(f".{bind.inside}")
        if bind.outside.is_dir():
            lines = [f"{mkdir} -p {inside}"]
        else:
            lines = [
                f"{mkdir} -p {shlex.quote('.' + str(Path(bind.inside).parent))}",
                f"[ -e {inside} ] || : > {inside}",
            ]
        lines.append(f"{mount} --rbind {outside} {inside}")
        if not bind.writable:
            # Flags of the machine's own mounts may keep an ordinary user from this; to write there needs more than that.
            mercy = "" if whole_root() else " 2>/dev/null || :"
            lines.append(f"{mount} -o remount,bind,ro {inside}{mercy}")
        return lines


# The commands' own processes do not see the two pipes.
_AGENT = 'while IFS= read -r REHEARSED <&8; do . "$REHEARSED" 8<&- 9>&-; echo "$?" >&9; done'


def end_all() -> None:
    """End every build that still runs: of a rehearsal that somebody stops, whose threads end without a word."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its child is killed with it, and is the first of its namespace


def _unreadable(folder: str, names: list[str]) -> list[str]:
    """What an ordinary user may not read of the machine's configuration, and the build's buildah makes anew."""
    return [name for name in names if not os.access(Path(folder, name), os.R_OK)]


def whole_root() -> bool:
    """Whether this process is the machine's root, not only that of a user's or a container's namespace."""
    mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return os.geteuid() == 0 and mapped[:2] == ["0", "0"] and int(mapped[2]) > 1 << 31


def _pipe() -> tuple[int, int]:
    """Both ends above the numbers that the build's shell gives them."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _tool(name: str) -> str:
    return shutil.which(name) or name
