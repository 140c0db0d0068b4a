"""Apply all stacks at once, as far as they let: for who wants them soon, not the way to deploy (``Checkout.deploy``).

Most of a deployment's time the AWS provider waits: 50 seconds and more look after what S3 says of a lifecycle, 25 after what SQS says
of a queue and again of its policy. Stacks share names and not state, and but for the first one's key none looks up what another has
made (their only data source on another stack's is ``aws_kms_alias``), so they wait side by side.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tools.apply_local.checkout import DONE, Checkout, FailedError, Progress
from tools.children import child

# Nothing names them: whoever waits for a stack need not wait for these.
_LEAVES = ("aws_s3_bucket_lifecycle_configuration",)
# Prepared at once, then at a word. What there is now is asked here: the others may still be waiting.
SHOWN = "shown.json"
_APPLY = f"""
terraform init -input=false -no-color
read -r
terraform apply -input=false -auto-approve -no-color </dev/null
terraform show -json >{SHOWN}.partial
mv {SHOWN}.partial {SHOWN}
"""
_LOOK = 0.5  # seconds between two looks at the time limit


@dataclass
class _Stack:
    """One that is being applied. ``needed``: addresses of its resources that those after it wait for."""

    name: str
    process: subprocess.Popen[bytes]
    needed: set[str]
    begun: bool = False
    partial: bytes = b""
    said: list[str] = field(default_factory=list)

    def go(self) -> None:
        """Let it apply."""
        if not self.begun and self.process.stdin:
            self.begun = True
            with contextlib.suppress(BrokenPipeError):  # it has failed, and that is told when it ends
                self.process.stdin.write(b"\n")
                self.process.stdin.flush()


def apply(checkout: Checkout, progress: Progress, seconds: float = 600) -> None:
    """``terraform apply`` of every stack of a checkout whose output is written; beside each stands then what `terraform show` says
    of it (SHOWN). Raises FailedError."""
    began = time.monotonic()
    first, *others = checkout.order
    with _started(checkout, [first, *others]) as stacks, selectors.DefaultSelector() as selector:
        for stack in stacks.values():
            if stack.process.stdout:
                selector.register(stack.process.stdout, selectors.EVENT_READ, stack)
        stacks[first].go()
        while selector.get_map():
            for key, _ in selector.select(_LOOK):
                one: _Stack = key.data
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                for line in _lines(one, data):
                    done = re.search(DONE, line)
                    if done:
                        progress(f"{time.monotonic() - began:5.0f} s  {one.name:<18}{done['address']}")
                        one.needed.discard(done["address"])
            if time.monotonic() - began > seconds:
                raise FailedError(f"terraform apply had not ended after {seconds:.0f} s:\n{_said(stacks)}")
            if not stacks[first].needed or stacks[first].process.poll() == 0:
                for name in others:
                    stacks[name].go()
            elif stacks[first].process.poll() is not None:  # the others would wait for it
                break
        else:
            for stack in stacks.values():  # a process ends a moment after its output does
                with contextlib.suppress(subprocess.TimeoutExpired):
                    stack.process.wait(max(0.0, began + seconds - time.monotonic()))
                if stack.process.returncode is None:
                    raise FailedError(
                        f"terraform apply in {stack.name} says no more and does not end:\n{_said(stacks)}"
                    )
        failed = [name for name, stack in stacks.items() if stack.process.poll() not in (0, None)]
        if failed:
            raise FailedError(
                f"terraform apply failed in {', '.join(failed)}:\n{_said({one: stacks[one] for one in failed})}"
            )


@contextmanager
def _started(checkout: Checkout, names: list[str]) -> Iterator[Mapping[str, _Stack]]:
    """Their processes, which end with this block."""
    stacks: dict[str, _Stack] = {}
    with ExitStack() as processes:
        for name in names:
            content = json.loads((checkout.stack(name) / "cdk.tf.json").read_text(encoding="utf-8"))
            process = processes.enter_context(
                child(
                    ["bash", "-euo", "pipefail", "-c", _APPLY],
                    cwd=checkout.stack(name),
                    env=dict(checkout.environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            )
            stacks[name] = _Stack(name, process, needed(content))
        yield stacks


def needed(content: Mapping[str, Any]) -> set[str]:
    """Addresses of a stack's resources without which none of the others can be applied. ``content``: of its cdk.tf.json."""
    found = content.get("resource", {}).items()
    return {f"{kind}.{name}" for kind, named in found for name in named if kind not in _LEAVES}


def _lines(stack: _Stack, data: bytes) -> Iterator[str]:
    *lines, stack.partial = (stack.partial + data).split(b"\n")
    if not data and stack.partial:
        lines.append(stack.partial)
    for line in lines:
        text = line.decode(errors="replace")
        stack.said.append(text)
        yield text


def _said(stacks: Mapping[str, _Stack]) -> str:
    return "\n".join(f"{name}: {line}" for name, stack in stacks.items() for line in stack.said[-60:])
