"""The commands of a page of docs/, taken from the page: what a reader runs is what is run."""

from __future__ import annotations

import re
from pathlib import Path

from tools.emulator.process import ROOT

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path, heading: str) -> list[str]:
    """Each console block below ``## heading``, without prompts. Raises ValueError if there is none."""
    text = page.read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    blocks = _BLOCK.findall(re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0])
    if not found or not blocks:
        raise ValueError(f"{page.name} has no commands below {heading!r}")
    return ["\n".join(line.removeprefix("$ ").removeprefix("> ") for line in block.splitlines()) for block in blocks]


def destroying(account: str, region: str) -> list[str]:
    """The commands of docs/operations.md, "Destroying", answered as a person would who has no protected repository."""
    answered = []
    for command in commands(ROOT / "docs" / "operations.md", "Destroying"):
        if "<name>" in command:
            continue
        text = command.replace("<account>", account).replace("<region>", region)
        text = re.sub(r"npx cdktf destroy( [a-z][\w-]*)+", r"\g<0> --auto-approve --skip-provider-lock", text)
        answered.append(text.replace("terraform destroy ", "terraform destroy -auto-approve -input=false "))
    return answered
