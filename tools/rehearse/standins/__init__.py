"""What a build finds on its PATH in place of what cannot be had here, and the real tools of this machine.

Everything is in ``/rehearsal`` inside of a build: ``bin`` (commands), ``lib`` (what they run: the folder ``inside``), ``plan.json`` (what
the stand-ins answer), ``calls.jsonl`` (what was called), ``cluster`` (the Kubernetes clusters, as folders). Nothing of it is told by
environment variables, which CodeBuild would not give.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.emulator.process import BIN, ROOT, Emulator
from tools.rehearse.builds import BuildFacts
from tools.rehearse.sandbox import OURS, Bind
from tools.rehearse.standins import staging
from tools.rehearse.standins.codecommit import GitServer

INSIDE = Path(__file__).parent / "inside"
REPORTS = ROOT / "tests" / "reports"
# The machine's own: installed by a buildspec (apt-get, install.py), or part of CodeBuild's images.
REAL = ("git", "git-secrets", "buildah", "skopeo", "syft", "kubectl")
COMMANDS = ("apt-get", "aws", "buildah", "skopeo")
ZAP_SCRIPTS = ("zap-baseline.py", "zap-full-scan.py", "zap-api-scan.py")
# Who asks for an image of Docker Hub asks the registry on loopback:
# https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md (prefix, location, insecure; drop-in files)
CONTAINERS = Path("/etc/containers")
HUB = '[[registry]]\nprefix = "docker.io"\nlocation = "{registry}"\ninsecure = true\n'
_STANDARD, _ZAP = "aws/codebuild/", "zaproxy/zaproxy:"


class StandInError(RuntimeError):
    """A build's surroundings cannot be made; the message says what is missing."""


@dataclass
class StandIns:
    """``folder``: an empty one, of one scenario. ``registry``: host:port of the loopback registry behind ECR's name and Docker Hub's.
    ``git``: CodeCommit's git server, None where there is none."""

    folder: Path
    emulator: Emulator
    account: str
    registry: str
    git: GitServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for name in ("bin", "cluster"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "calls.jsonl").touch()
        self.plan({})
        self._python = Path(interpreter())
        self._pip = _pip_configuration()
        for name in COMMANDS:
            _script(self.folder / "bin" / name, self._run(name))
        # An interpreter that is chosen here, not by pyenv's shims, whatever PYENV_VERSION says.
        install = f'case "${{1-}}" in */install.py) {self._run("install")} ;; esac\n'
        _script(self.folder / "bin" / "python3", f'{install}exec {shlex.quote(str(self._python))} "$@"')
        path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", os.defpath)])
        boto3 = importlib.util.find_spec("boto3")
        facts = {
            "python": str(self._python),
            "aws": str(BIN / "aws"),
            "tools": {name: os.path.realpath(found) for name in REAL if (found := shutil.which(name, path=path))},
            "site_packages": str(Path(boto3.origin).parents[1]) if boto3 and boto3.origin else "",
            "registry": self.registry,
            "git": self.git.address if self.git else "",
            "ecr": f"{self.account}.dkr.ecr.{self.emulator.region}.amazonaws.com",
            "region": self.emulator.region,
        }
        (self.folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        self._tools: Mapping[str, str] = facts["tools"]  # type: ignore[assignment]
        if git := self._tools.get("git"):  # called often: only what speaks to CodeCommit is looked at
            clone = f'case " $* " in *" https://git-codecommit."*) {self._run("git")} ;; esac\n'
            _script(self.folder / "bin" / "git", f'{clone}exec {shlex.quote(git)} "$@"')
        (self.folder / "registries.conf").write_text(HUB.format(registry=self.registry), encoding="utf-8")

    def plan(self, plan: Mapping[str, Any]) -> None:
        """What the stand-ins answer from now on: inside/said.py says in which form. A report is a path below tests/reports or
        a whole document."""
        place = self.folder / "plan.json"
        place.write_text(json.dumps(plan), encoding="utf-8")

    def calls(self) -> list[dict[str, Any]]:
        """Every call of a tool, with the action that made it: {execution, stage, action, tool, kind, arguments, code, ...}."""
        with self._lock:
            return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text("utf-8").splitlines()]

    def collect(self, facts: BuildFacts, calls: Path) -> None:
        """Keep what one build has called."""
        where = {"execution": facts.execution, "stage": facts.stage, "action": facts.action}
        with self._lock, (self.folder / "calls.jsonl").open("a", encoding="utf-8") as log:
            for line in calls.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    call = json.loads(line)
                except ValueError:  # a build may write what it likes there
                    call = {"tool": "?", "kind": "unreadable", "arguments": [line], "code": None}
                log.write(json.dumps({**where, **call}) + "\n")

    def binds(self, build: Path, image: str) -> list[Bind]:
        """What a build sees beside the system's folders. ``build``: its own folder. Raises StandInError."""
        if not image.startswith(_STANDARD) and _ZAP not in image:
            raise StandInError(f"the rehearsal has nothing for the build image {image}")
        plan = build / "plan.json"
        shutil.copyfile(self.folder / "plan.json", plan)
        binds = [
            Bind(self.folder / "bin", f"{OURS}/bin"),
            Bind(self.folder / "facts.json", f"{OURS}/facts.json"),
            Bind(plan, f"{OURS}/plan.json"),
            Bind(build / "calls.jsonl", f"{OURS}/calls.jsonl", writable=True),
            Bind(self.folder / "cluster", f"{OURS}/cluster", writable=True),
            Bind(INSIDE, f"{OURS}/lib"),
            Bind(REPORTS, f"{OURS}/reports"),
            Bind(self.emulator.certificate, f"{OURS}/emulator.crt"),
        ]
        if self.git:
            binds.append(Bind(self.git.certificate, f"{OURS}/codecommit.crt"))
        if CONTAINERS.is_dir():
            binds.append(Bind(self.folder / "registries.conf", f"{CONTAINERS}/registries.conf.d/rehearsal.conf"))
        if _ZAP in image:
            binds += [Bind(INSIDE / "zap.py", f"/zap/{name}") for name in ZAP_SCRIPTS]
        if self._pip:
            (build / "pip.conf").write_text(self._pip, encoding="utf-8")
            binds.append(Bind(build / "pip.conf", f"{OURS}/pip.conf"))
        seen = {Path(sys.base_prefix), ROOT / ".venv-emulator", *map(Path, self._tools.values()), *_folders(self._pip)}
        boto3 = importlib.util.find_spec("boto3")
        if boto3 and boto3.origin:
            seen.add(Path(boto3.origin).parents[1])
        seen.add(ROOT / ".venv")
        # Scripts of a virtual environment name its interpreter where it was made: elsewhere, if the folder is a link.
        seen |= {path.resolve() for path in (ROOT / ".venv", ROOT / ".venv-emulator")}
        binds += [Bind(path, str(path)) for path in sorted(seen) if path.exists()]
        return binds

    def knows(self, role: Emulator) -> None:
        """A build has these credentials."""
        if self.git:
            self.git.knows(role)

    def environment(self, image: str) -> dict[str, str]:
        """Variables that CodeBuild would not give."""
        return {"PIP_CONFIG_FILE": f"{OURS}/pip.conf"} if self._pip else {}

    @contextmanager
    def network(self, build: Path, image: str, environment: Mapping[str, str]) -> Iterator[staging.Network]:
        """What a build can reach: as this machine, or with ZAP's image the emulator and the staging site."""
        if _ZAP not in image:
            yield staging.Network()
            return
        with staging.site(build, self.emulator.url, environment.get("ZAP_TARGET", ""), str(self._python)) as found:
            yield found

    def _run(self, name: str) -> str:
        python = BIN / "python" if name == "aws" else self._python  # the CLI's own, which need not be started twice
        return f'exec {shlex.quote(str(python))} -E -s -B {OURS}/lib/{name.replace("-", "_")}.py "$@"'


def interpreter() -> str:
    """The Python that builds find: the one of which this process's virtual environment was made."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _script(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


@functools.cache
def _pip_configuration() -> str:
    """How this machine reaches PyPI, as one file; "" if it is reached as pip does by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False
    )
    found: dict[str, str] = {}
    for line in sorted(done.stdout.splitlines(), reverse=True):  # "global." before ":env:.", which wins
        scope, _, rest = line.partition(".")
        name, _, value = rest.partition("=")
        if scope in ("global", ":env:") and value:
            try:
                found[name] = " ".join(str(ast.literal_eval(value)).split())
            except (ValueError, SyntaxError):
                continue
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(found.items())) if found else ""


def _folders(configuration: str) -> list[Path]:
    """Folders of this machine that pip's configuration names."""
    words = [word.removeprefix("file://") for word in configuration.split() if word.startswith(("/", "file:///"))]
    found = [Path(word) for word in words if Path(word).is_dir()]
    # An index's pages may name files beside it.
    return [path.parent if path.name == "simple" else path for path in found]
