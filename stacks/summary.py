"""What a person sees after a synthesis: what was written, and the literal commands to run next."""

from __future__ import annotations

import os.path
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stacks.app import ROOT, Written, left_over
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
    outdir = os.path.relpath(settings.outdir)
    console.print(f"{os.path.relpath(settings.source)} -> {outdir}/stacks/", markup=False)
    console.print(table)
    console.print()
    console.print("Next:", markup=False)
    for command in next_commands(settings, written, Path.cwd()):
        console.print(f"  {command}", markup=False)
    for name in left_over(settings, list(written)):
        folder = f"{outdir}/stacks/{name}"
        print(
            f"warning: {folder} is left from an earlier synthesis; what it made, if it was deployed, is still in AWS. "
            f"Destroy it with (cd {shlex.quote(folder)} && terraform init && terraform destroy), then delete the folder.",
            file=sys.stderr,
        )


def next_commands(settings: Settings, written: Sequence[Written], here: Path) -> list[str]:
    """Commands that work as they stand, in this order, in the folder ``here``.

    ``cdktf`` runs the app again, in the project's folder: it must choose the same settings and the same output, beside
    which local state stands.
    """
    at_home = here.resolve() == ROOT
    chosen = settings.pipelines_variable or ""
    if chosen and not at_home:
        chosen = str(here / chosen)
    variable = f"PIPELINES={shlex.quote(chosen)} " if chosen else ""
    outdir = here / settings.outdir
    output = "" if outdir.resolve() == ROOT / "cdktf.out" else f"--output {shlex.quote(str(outdir))} "
    names = " ".join(stack.name for stack in written)
    first = written[0].name
    folder = shlex.quote(f"{os.path.relpath(outdir, here)}/stacks/{first}")
    at_root = ["npm ci", f"{variable}npx cdktf diff {output}{first}", f"{variable}npx cdktf deploy {output}{names}"]
    return [
        f"(cd {folder} && terraform init && terraform plan)",
        *(at_root if at_home else [f"(cd {shlex.quote(str(ROOT))} && {command})" for command in at_root]),
    ]
