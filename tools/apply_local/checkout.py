"""A copy of this project in which a user's own commands run: ``cdktf deploy``, ``terraform plan``, ``cdktf destroy``.

A copy, since state files and ``cdktf.out`` stand beside ``main.py``. Its commands meet the emulator through environment
variables; the Terraform is what a user would deploy to AWS, unchanged.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import terraform_cli
from tools.children import child, kill
from tools.emulator.process import ROOT, Emulator

_COPIED = ("stacks", "modules", "lambdas", "buildspecs", "main.py", "cdktf.json", "package.json", "package-lock.json")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
DONE = re.compile(
    r"(?P<address>[a-z]\w*\.[\w-]+): (?P<what>Creation|Destruction|Modifications) complete after (?P<time>\w+)"
)

Progress = Callable[[str], None]


class FailedError(RuntimeError):
    """A command of the user's has failed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Checkout:
    """``folder`` holds the copy, ``order`` the stacks in the order of their deployment."""

    folder: Path
    order: tuple[str, ...]
    environment: Mapping[str, str]

    @classmethod
    def make(cls, folder: Path, pipelines: Path, emulator: Emulator, order: Sequence[str]) -> Checkout:
        """Copy the project to ``folder``; its commands read ``pipelines`` where it is.

        Raises terraform_cli.TerraformMissingError, and FailedError without node_modules.
        """
        if not (ROOT / "node_modules" / ".bin" / "cdktf").exists():
            raise FailedError("node_modules is missing: npm ci")
        folder.mkdir()
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
            else:
                shutil.copy(source, folder / name)
        (folder / ".venv").symlink_to(Path(sys.prefix))
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
        return cls(folder, tuple(order), _environment(folder, emulator) | {"PIPELINES": str(pipelines), "CI": "1"})

    @classmethod
    def written(cls, folder: Path, emulator: Emulator, order: Sequence[str]) -> Checkout:
        """Of ``folder``, in which ``cdktf.out`` stands and nothing else is needed: for Terraform's own commands alone.

        Raises terraform_cli.TerraformMissingError.
        """
        return cls(folder, tuple(order), _environment(folder, emulator))

    def stack(self, name: str) -> Path:
        """Where one stack's Terraform stands."""
        return self.folder / "cdktf.out" / "stacks" / name

    def deploy(self, progress: Progress) -> None:
        """``cdktf deploy`` of all stacks. Raises FailedError."""
        # --skip-provider-lock: the lock would ask the registry for every other platform's checksums.
        self.run(
            ["npx", "cdktf", "deploy", *self.order, "--auto-approve", "--skip-provider-lock"], progress, seconds=1200
        )

    def changes(self, stack: str) -> list[str]:
        """Addresses that a plan would change now, each with its actions; outputs count. Raises FailedError.

        Not what Terraform lists as drift: a bucket's encryption, made after the bucket, is now an attribute of the bucket.
        """
        folder = self.stack(stack)
        plan = ["terraform", "plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=now.tfplan"]
        said = self.run(plan, cwd=folder, accepted=(0, 2))
        if "No changes." in said:
            return []
        shown = json.loads(self.run(["terraform", "show", "-json", "now.tfplan"], cwd=folder))
        found = [
            f"{change['address']}: {', '.join(change['change']['actions'])}"
            for change in shown.get("resource_changes", ())
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]
        found += [f"output {name}" for name in shown.get("output_changes", {})]
        # Terraform says that something changes: it is never called clean for want of a name.
        return found or ["something that its plan does not name"]

    def run(
        self,
        command: Sequence[str],
        progress: Progress | None = None,
        *,
        cwd: Path | None = None,
        seconds: float = 600,
        accepted: Sequence[int] = (0,),
    ) -> str:
        """Run one command as the user would, with progress by resource; returns what it printed. Raises FailedError on
        another exit code than those ``accepted``."""
        began = time.monotonic()
        said: list[str] = []
        with child(
            command,
            cwd=cwd or self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            # A command that says nothing any more must end, too.
            limit = threading.Timer(seconds, kill, [process])
            limit.daemon = True  # whoever stops this just now waits for no thread
            try:
                limit.start()
                for coloured in process.stdout or ():
                    line = _COLOURS.sub("", coloured)
                    said.append(line)
                    done = DONE.search(line)
                    if progress and done:
                        progress(f"{time.monotonic() - began:5.0f} s  {_stack_of(line)}{done['address']}")
                process.wait()
            finally:
                limit.cancel()
        if process.returncode not in accepted:
            late = time.monotonic() - began >= seconds
            why = f"had not ended after {seconds:.0f} s" if late else f"ended with {process.returncode}"
            raise FailedError(f"{' '.join(command[:4])} {why}:\n" + "".join(said)[-6000:])
        return "".join(said)


def _environment(folder: Path, emulator: Emulator) -> dict[str, str]:
    """Emulator and Terraform as commands in ``folder`` find them; Terraform's configuration is made beside it."""
    scratch = folder.parent / "terraform"
    scratch.mkdir()
    terraform = terraform_cli.find(scratch)
    named = {
        name: value for name, value in terraform.environment.items() if name.startswith(("TF_", "CHECKPOINT", "GOGC"))
    }
    path = f"{emulator.environment['PATH']}{os.pathsep}{os.defpath}"
    return {**emulator.environment, **named, "PATH": path}


def _stack_of(line: str) -> str:
    """cdktf begins its lines with the stack's name, unless the line before was of the same."""
    name = line[: len(line) - len(line.lstrip())] or line.split(" ", 1)[0]
    return f"{name.strip():<18}" if name.strip() else " " * 18
