"""detect-secrets on every tracked file, without a baseline: what looks like a secret and is none stands in
secrets_exceptions.yaml by file, kind and the form of its line.

Nothing is verified over the network. Comments that allow a line, and the rule that passes over UUIDs (Snyk's tokens are
UUIDs), are switched off. What is found is not printed: only where.
"""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.check_emitted import CHECKERS, ROOT
from tools.check_result import Finding, Report

# What the scanner would pass over without a word, or ask the network about.
_SWITCHED_OFF = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_potential_uuid",
)
# detect-secrets reads for private keys only in files of up to 8 KB.
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY")
_LONG = 9_000
_ALPHABET = string.ascii_uppercase + string.digits
# Lock files hold nothing but names, versions and hashes, by the hundred.
_LOCKS = (
    "package-lock.json",
    "requirements.lock",
    "requirements-check.lock",
    "requirements-dev.lock",
    "requirements-emulator.lock",
)


def _planted() -> dict[str, str]:
    """Kind of secret -> a line that holds one. Put together here, so that no secret stands in any file."""
    key = "AKIA" + _ALPHABET[3:19]
    return {
        "AWS Access Key": f'key = "{key}"',
        "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEow" + _ALPHABET * 2,
        "GitHub Token": 'token = "ghp_' + (_ALPHABET * 2)[:36] + '"',
        "Secret Keyword": 'password = "' + "Tr0ub4dor" + '&3xyz"',
        "Basic Auth Credentials": "https://someone:" + "hunter22" + "@internal.test/",
    }


def _private_keys(folder: Path, names: Iterable[str]) -> list[Finding]:
    """Every line that opens a private key, in files of any size."""
    return [
        Finding("Private Key", name, line[:2000], number, shown=False)
        for name in names
        for number, line in enumerate((folder / name).read_text("utf-8", "replace").splitlines(), 1)
        if _PRIVATE_KEY.search(line)
    ]


def _scan(folder: Path, *names: str) -> dict[str, list[dict[str, Any]]]:
    """File -> what was found in it; ``names`` are relative to ``folder``, outside of which it would read nothing."""
    disabled = [argument for name in _SWITCHED_OFF for argument in ("--disable-filter", name)]
    # --all-files: else a file that git does not know is passed over. A longer line than the limit would be, too.
    command = [str(CHECKERS / "detect-secrets"), "scan", "--all-files", "--no-verify", *disabled, *names]
    environment = {**os.environ, "CHECKOV_MAX_LINE_LENGTH": "100000000", "PYTHONUTF8": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    try:
        results: dict[str, list[dict[str, Any]]] = json.loads(ran.stdout)["results"]
    except json.JSONDecodeError:
        raise SystemExit(f"detect-secrets said no JSON (exit {ran.returncode}): {ran.stderr[-500:]}") from None
    return results


def _unnoticed() -> list[str]:
    """Kinds of planted secrets that the same command does not find."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, line in enumerate(_planted().values()):
            Path(scratch, f"{number}.txt").write_text(f"{line}\n", encoding="utf-8")
        found = _scan(Path(scratch), *(f"{number}.txt" for number in range(len(_planted()))))
        Path(scratch, "long.txt").write_text("x" * _LONG + "\n" + _planted()["Private Key"], encoding="utf-8")
        in_long = _private_keys(Path(scratch), ["long.txt"])
    kinds = {name: {secret["type"] for secret in secrets} for name, secrets in found.items()}
    missed = [kind for number, kind in enumerate(_planted()) if kind not in kinds.get(f"{number}.txt", ())]
    return missed if in_long else [*missed, "Private Key in a long file"]


def check() -> Report:
    """One scan of all tracked files and one of a folder with planted secrets."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    files = [name for name in tracked.stdout.split("\0") if name and name not in _LOCKS and (ROOT / name).is_file()]
    findings = _private_keys(ROOT, files)
    for name, secrets in _scan(ROOT, *files).items():
        lines = (ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines()
        findings += [
            # Only the beginning of a very long line: a report of one line would match anything.
            Finding(secret["type"], name, lines[secret["line_number"] - 1][:2000], secret["line_number"], shown=False)
            for secret in secrets
        ]
    problems = [f"a planted secret was not noticed: {kind}" for kind in _unnoticed()]
    return Report(f"{len(files)} tracked files", findings, problems)
