"""kubectl: each call bounded, and bound to one cluster and one namespace."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import Failure, printable, run
from manifests import Manifests, rolled_out

# Every call's limit. The build has 20 minutes beside both rollouts; with AWS's in deploy.py, all calls at their limits take
# 13 of them.
CALL_SECONDS = 120  # kubectl: render, dry run, apply, put back
GRACE_SECONDS = 15  # `rollout status` ends by itself at its --timeout; after this much more it is killed


def call(arguments: Sequence[str], env: Mapping[str, str], timeout: float) -> str:
    """Standard output of one call; Failure if it fails or does not end."""
    result = run(["kubectl", *arguments], timeout=timeout, env=env)
    if result.code is None:
        raise Failure(f"kubectl {arguments[0]}: did not end within {timeout:.0f} seconds and was killed")
    if result.code != 0:
        raise Failure(f"kubectl {arguments[0]} exited with {result.code}: {printable(result.err, 600)}")
    return result.out


class Cluster:
    """kubectl, bound to one cluster and one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self.namespace = namespace

    def call(self, *arguments: str, timeout: float = CALL_SECONDS) -> str:
        """Standard output of one call to the cluster; Failure if it fails or does not end."""
        return call(arguments, self.env, timeout)

    def apply(self, file: Path, *options: str) -> None:
        """Apply manifests to the namespace; kubectl itself refuses objects of another one."""
        said = self.call("apply", "--namespace", self.namespace, *options, "--filename", str(file))
        print(said, end="", flush=True)

    def wait(self, manifests: Manifests, seconds: float) -> None:
        """Until every workload is rolled out; all of them together have that many seconds."""
        end = time.monotonic() + seconds
        for item in manifests:
            if rolled_out(item):
                name = f"{item['kind'].lower()}/{item['metadata']['name']}"
                left = max(1, round(end - time.monotonic()))
                wanted = ("--namespace", self.namespace, name, f"--timeout={left}s")
                print(self.call("rollout", "status", *wanted, timeout=left + GRACE_SECONDS), end="", flush=True)
