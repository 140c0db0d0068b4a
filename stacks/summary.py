"""What a person sees after a synthesis: what was written, and the literal commands to run next."""

from __future__ import annotations

import os.path
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stacks.app import Written, left_over
from stacks.settings import Settings


def show(settings: Settings, written: Sequence[Written]) -> None:
    """Print the table and the commands to standard output, warnings to standard error."""
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("deploy", "right"), ("stack", "left"), ("resources", "right"), ("data", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_column("after")
    for number, stack in enumerate(written, start=1):
        table.add_row(str(number), stack.name, str(stack.resources), str(stack.data), ", ".join(stack.after) or "-")
    outdir = Path(os.path.relpath(settings.outdir))
    console.print(f"{settings.source} -> {outdir}/stacks/", markup=False)
    console.print(table)
    console.print()
    console.print("Next:", markup=False)
    for command in next_commands(settings, written, outdir):
        console.print(f"  {command}", markup=False)
    for name in left_over(settings, list(written)):
        print(
            f"warning: {outdir}/stacks/{name} is left from an earlier synthesis; what it made is still in AWS. "
            f"Destroy it (cd {outdir}/stacks/{name} && terraform destroy), then delete the folder.",
            file=sys.stderr,
        )


def next_commands(settings: Settings, written: Sequence[Written], outdir: Path) -> list[str]:
    """Commands that work as they stand, from the folder they are printed in. PIPELINES is carried along: ``cdktf`` runs
    the app again."""
    chosen = f"PIPELINES={shlex.quote(settings.pipelines_variable)} " if settings.pipelines_variable else ""
    names = " ".join(stack.name for stack in written)
    first = written[0].name
    return [
        f"cd {shlex.quote(str(outdir))}/stacks/{first} && terraform init && terraform plan",
        "npm ci",
        f"{chosen}npx cdktf diff {first}",
        f"{chosen}npx cdktf deploy {names}",
    ]
