"""install.py: its downloads cannot be had offline. Puts this machine's tool, or its stand-in, where install.py would."""

import json
import re
import shlex
import sys
from pathlib import Path

import said  # type: ignore[import-not-found]  # it runs from its folder

HERE = Path("/opt/pipeline")
REAL = ("git-secrets", "syft", "kubectl")
# Called so often that its wrapper is a shell's: what stands on its command line is shown without other characters than these.
IN_SHELL = """{program} "$@"
code=$?
shown=$(printf %s "$*" | tr -c 'A-Za-z0-9._/=: -' '?')
printf '{{"tool": "{name}", "kind": "real", "arguments": ["%s"], "code": %s}}\\n' "$shown" "$code" >> /rehearsal/calls.jsonl
exit "$code"
"""
STAND_INS = ("grype", "snyk")

script, *names = sys.argv[1:]
if Path(script) != HERE / "install.py" or not Path(script).is_file():
    said.refuse("install.py", [script, *names], f"{script} is not this project's: /opt/pipeline/install.py")
if not names:
    said.refuse("install.py", [script], "it needs names of tools")
known = json.loads((HERE / "tools.json").read_text(encoding="utf-8"))["tools"]
(HERE / "bin").mkdir(exist_ok=True)
for name in names:
    tool = known.get(name)
    if tool is None or name not in (*REAL, *STAND_INS):
        said.refuse("install.py", names, f"{name} is none of tools.json, or nothing stands in for it")
    pinned = re.fullmatch(r"\d+\.\d+\.\d+", tool["version"]) and (
        re.fullmatch(r"[0-9a-f]{64}", tool.get("sha256", "")) or tool.get("checksums", "").startswith("https://")
    )
    if not pinned or not tool["url"].startswith("https://"):
        said.refuse("install.py", names, f"{name} has no version and checksum in tools.json, or no https address")
    if said.planned("install", name) == "fails":
        print(f"error: {tool['url'].format(version=tool['version'])}: <urlopen error timed out>", file=sys.stderr)
        said.end("install.py", names, 1)
    if name in REAL:
        said.program(name)
    target = HERE / "bin" / name
    body = f'exec {said.FACTS["python"]} -E -s -B /rehearsal/lib/{name.replace("-", "_")}.py "$@"'
    if name == "git-secrets":
        body = IN_SHELL.format(program=shlex.quote(said.program(name)), name=name)
    target.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    target.chmod(0o755)
    print(f"installed {name}: {'this machine has it' if name in REAL else 'a stand-in'}")
said.end("install.py", names, 0)
