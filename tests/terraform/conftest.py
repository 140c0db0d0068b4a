"""The real Terraform and the real AWS provider. Missing: a skip on a user's machine, a failure on CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROVIDER = "registry.terraform.io/hashicorp/aws"


def _mirror() -> Path | None:
    """A filesystem mirror that holds the AWS provider: named by TF_PROVIDER_MIRROR, or in a place where images have one."""
    named = os.environ.get("TF_PROVIDER_MIRROR")
    roots = [Path(named)] if named else [
        folder
        for parent in (Path("/opt"), Path("/usr/local/share"), Path("/usr/share"), Path.home() / ".terraform.d")
        if parent.is_dir()
        for folder in parent.iterdir()
    ]  # fmt: skip
    return next((root for root in roots if os.access(root, os.X_OK) and (root / _PROVIDER).is_dir()), None)


@dataclass(frozen=True)
class Terraform:
    """The command, with an environment in which it asks nobody for updates and finds the provider."""

    environment: Mapping[str, str]

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it in ``folder``; the caller looks at the exit code."""
        return subprocess.run(
            ["terraform", *arguments],
            cwd=folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def _missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what}: needed on CI")
    pytest.skip(what)


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform with the provider at hand."""
    if shutil.which("terraform") is None:
        _missing("terraform is not installed")
    folder = tmp_path_factory.mktemp("terraform")
    mirror = _mirror()
    source = f'filesystem_mirror {{\n    path = "{mirror}"\n  }}' if mirror else "direct {}"
    config = folder / "terraform.rc"
    config.write_text(f"disable_checkpoint = true\nprovider_installation {{\n  {source}\n}}\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    environment |= {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    command = Terraform(environment)
    probe = folder / "probe"
    probe.mkdir()
    (probe / "main.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = ">= 5.100.0, < 7.0.0" }\n  }\n}\n',
        encoding="utf-8",
    )
    initialized = command.run(probe, "init", "-input=false", "-no-color")
    if initialized.returncode:
        _missing(f"the AWS provider cannot be had: {initialized.stderr.strip()[-300:]}")
    return command
