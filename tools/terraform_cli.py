"""The real Terraform with the real AWS provider, wherever the machine has them, for the tests and the tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROVIDER = "registry.terraform.io/hashicorp/aws"
# What the provider's `terraform init` is tried with; the range that the emitted stacks ask for by default.
_PROBE = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = ">= 5.100.0, < 7.0.0" }\n  }\n}\n'


class TerraformMissingError(RuntimeError):
    """Terraform or its AWS provider cannot be had here; the message says which."""


def mirror() -> Path | None:
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
    """The command, with an environment in which it asks nobody for updates and finds the provider.

    Nothing of the caller's own ``AWS_*`` and ``TF_*`` variables reaches it; ``with_environment`` adds what a caller wants.
    """

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

    def with_environment(self, **variables: str) -> Terraform:
        """The same command with more variables."""
        return Terraform({**self.environment, **variables})


def find(folder: Path) -> Terraform:
    """Terraform with the provider at hand, its configuration in ``folder``, tried with an ``init``.

    Raises TerraformMissingError.
    """
    if shutil.which("terraform") is None:
        raise TerraformMissingError("terraform is not installed")
    found = mirror()
    source = f'filesystem_mirror {{\n    path = "{found}"\n  }}' if found else "direct {}"
    config = folder / "terraform.rc"
    config.write_text(f"disable_checkpoint = true\nprovider_installation {{\n  {source}\n}}\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    environment |= {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    # A quarter less processor time for a quarter more memory: most of a short command is reading the provider's schema.
    environment.setdefault("GOGC", "400")
    command = Terraform(environment)
    probe = folder / "probe"
    probe.mkdir()
    (probe / "main.tf").write_text(_PROBE, encoding="utf-8")
    initialized = command.run(probe, "init", "-input=false", "-no-color")
    if initialized.returncode:
        raise TerraformMissingError(f"the AWS provider cannot be had: {initialized.stderr.strip()[-300:]}")
    return command
