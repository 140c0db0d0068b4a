"""The Snyk CLI: run with the token, and what it answers without the secrets that it may repeat."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from common import BIN, Failure, aws, printable, run, scrub, setting

SECONDS = 1800


class Cli:
    """The Snyk CLI with the token, and nothing else, in its environment."""

    def __init__(self, folder: Path) -> None:
        self.secrets = [_parameter("SNYK_TOKEN_PARAMETER"), _parameter("SNYK_ORG_PARAMETER")]
        tools, home = folder / "tools", folder / "home"
        for path in (tools, home):
            path.mkdir()
        for name in ("python", "python3"):
            (tools / name).symlink_to(sys.executable)
        self.env = {
            "PATH": str(tools), "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "CI": "true",
            "SNYK_DISABLE_ANALYTICS": "1", "SNYK_TOKEN": self.secrets[0], "SNYK_CFG_ORG": self.secrets[1],
        }  # fmt: skip

    def test(self, arguments: list[str], cwd: Path) -> tuple[int, object]:
        """Snyk's exit code, 2 for everything that is no result, and the JSON that it printed (None if it is none)."""
        result = run([str(BIN / "snyk"), *arguments, "--json"], timeout=SECONDS, env=self.env, cwd=cwd)
        said = scrub(result.err, self.secrets).strip()
        if said:
            print(said)
        code = 2 if result.code is None else result.code
        report: object = None
        try:
            # The token has no business in a report; the organisation's id has, but not in ours.
            report = _without_org(json.loads(scrub(result.out, self.secrets[:1])), self.secrets[1])
        except ValueError:
            print(f"snyk printed no JSON: {printable(scrub(result.out, self.secrets), 300)!r}")
            code = 2
        if code in (0, 1) and any("error" in part for part in parts(report)):
            code = 2  # the CLI ends with 1 on some failures too, "vulnerabilities found" in its documentation
        name = " ".join(part for part in arguments if not part.startswith("-"))
        option = next((part for part in arguments if part.startswith("--file=")), "")
        ended = "ended at its time limit" if result.code is None else f"exit code {result.code}"
        print(f"snyk {name} {option}: {ended}{'' if code == result.code else f', which counts as {code}'}")
        return code, report

    def monitor(self, arguments: list[str], cwd: Path) -> None:
        """Put a project on Snyk's console. That this fails is said, and is not the verdict."""
        where = ["--remote-repo-url=" + setting("REPOSITORY_URL"), "--target-reference=" + setting("BRANCH")]
        result = run([str(BIN / "snyk"), "monitor", *arguments, *where], timeout=SECONDS, env=self.env, cwd=cwd)
        text = scrub(result.out + result.err, self.secrets).strip()
        if result.code == 0:
            print(text)
        else:
            why = "it ended at its time limit" if result.code is None else f"exit code {result.code}"
            print(f"Snyk console not updated: {why}: {printable(text, 400)}")


def _parameter(variable: str) -> str:
    """The value of the SSM parameter whose name `variable` holds."""
    name = setting(variable)
    value = aws(
        "ssm", "get-parameter", "--with-decryption", "--name", name, "--query", "Parameter.Value", "--output", "text",
        timeout=60,
    ).strip()  # fmt: skip
    if not re.fullmatch(r"[\x21-\x7e]{2,}", value) or value == "None":
        raise Failure(f"Parameter Store's parameter {name} is empty or not one word; the README shows how to set it")
    return value


def parts(report: object) -> list[Mapping[str, object]]:
    """The objects of a report, which is one object or a list of them."""
    return [part for part in (report if isinstance(report, list) else [report]) if isinstance(part, dict)]


def _without_org(report: object, org: str) -> object:
    for part in parts(report):
        if isinstance(part, dict) and "org" in part:
            part["org"] = "[redacted]"
    # Elsewhere only an id can be told from an ordinary word: an organisation may be called "django".
    if re.fullmatch(r"[0-9a-f-]{36}", org):
        return json.loads(json.dumps(report).replace(org, "[redacted]"))
    return report


def merged(codes: list[int]) -> int:
    """One exit code for several calls of Snyk."""
    if any(code not in (0, 1, 3) for code in codes):
        return 2
    if all(code == 3 for code in codes):
        return 3
    return 1 if 1 in codes else 0
