"""Deploy, look, plan again, use, destroy: the steps, for the command and for the tests."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stacks.app import synthesize
from stacks.settings import Settings, load
from tools.apply_local import documented, existing, together, used
from tools.apply_local.checkout import Checkout, Progress
from tools.emulator import account, process
from tools.emulator.process import ACCOUNT, ROOT, Emulator, EmulatorError

KEPT = "life.json"
KEPT_AT = "APPLIED_AT"  # variable with the folder of an emulator that somebody has deployed to and keeps


@dataclass
class Life:
    """One project on one emulated account. ``before``: what the account held before the first deployment."""

    settings: Settings
    emulator: Emulator
    checkout: Checkout
    before: Mapping[str, list[str]]
    progress: Progress
    filled: dict[str, int] = field(default_factory=dict)

    def deploy(self) -> dict[str, list[str]]:
        """Deploy every stack; what exists by that. Raises FailedError."""
        self.checkout.deploy(self.progress)
        return existing.beside(existing.what_exists(self.emulator), self.before)

    def deploy_together(self) -> None:
        """Apply every stack, side by side. Raises FailedError."""
        together.apply(self.checkout, self.progress)

    def changes(self) -> list[str]:
        """What a second plan of any stack would change: must be nothing."""
        found = []
        for stack in self.checkout.order:
            changed = self.checkout.changes(stack)
            self.progress(f"{stack}: {'no changes' if not changed else ', '.join(changed)}")
            found += [f"{stack}: {change}" for change in changed]
        return found

    def use(self) -> dict[str, int]:
        """Fill buckets and registry."""
        self.filled = used.fill(self.emulator, self.settings)
        return self.filled

    def destroy(self) -> dict[str, list[str]]:
        """Run the documented commands; what is left. Raises FailedError."""
        for command in documented.destroying(ACCOUNT, self.settings.region):
            self.progress("\n".join(f"$ {line}" for line in command.splitlines()))
            self.checkout.run(["bash", "-euo", "pipefail", "-c", command], self.progress, seconds=900)
        return existing.beside(existing.what_exists(self.emulator), self.before)

    def to_json(self) -> str:
        """What ``attached`` needs."""
        return json.dumps(
            {
                "url": self.emulator.url,
                "environment": dict(self.emulator.environment),
                "checkout": str(self.checkout.folder),
                "order": self.checkout.order,
                "commands": dict(self.checkout.environment),
                "before": dict(self.before),
            }
        )


def attached(folder: Path, pipelines: Path, progress: Progress) -> Life:
    """A life that another process began and keeps (``make apply-local ARGS=--keep``). Raises EmulatorError."""
    settings = load({"PIPELINES": str(pipelines)}, ROOT)
    try:
        kept = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        emulator = Emulator(kept["url"], settings.region, folder, kept["environment"])
        checkout = Checkout(Path(kept["checkout"]), tuple(kept["order"]), kept["commands"])
        return Life(settings, emulator, checkout, kept["before"], progress)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EmulatorError(
            f"nobody keeps an emulator in {folder}: `python -m tools.apply_local --keep` says where"
        ) from error


@contextmanager
def begun(folder: Path, pipelines: Path, progress: Progress, *, cdktf: bool = True) -> Iterator[Life]:
    """An emulated account that holds what a user's would, and a checkout of this project, both below ``folder``.
    ``cdktf``: False for the Terraform alone, without node_modules and for ``deploy_together``.

    Raises EmulatorError, TerraformMissingError, FailedError, MistakesError.
    """
    written = folder / "order"
    settings = load({"PIPELINES": str(pipelines), "CDKTF_OUTDIR": str(written / "cdktf.out")}, ROOT)
    order = [stack.name for stack in synthesize(settings)]
    home = folder / "emulator"
    home.mkdir()
    with process.running(home, region=settings.region) as emulator:
        user = account.prepare(emulator, settings)
        if cdktf:
            checkout = Checkout.make(folder / "project", pipelines, user, order)
        else:
            checkout = Checkout.written(written, user, order)
        yield Life(settings, emulator, checkout, existing.what_exists(emulator), progress)


@contextmanager
def temporary(prefix: str) -> Iterator[str]:
    """A folder that is gone afterwards, also if what was killed in it writes its last file while it goes."""
    folder = tempfile.mkdtemp(prefix=prefix)
    try:
        yield folder
    finally:
        for _ in range(50):
            shutil.rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
            time.sleep(0.1)
        else:
            shutil.rmtree(folder)  # says what is in the way
