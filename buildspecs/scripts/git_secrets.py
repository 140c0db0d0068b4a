"""Look for credentials with git-secrets, and put what it finds before the gate.

The raw report is text. Its lines are `<path>:<line>: <kind>` (in the history `<commit>:<path>:<line>: <kind>`): where a
credential stands and what it looks like, never the credential. Lines that begin with `#` frame them; the last one,
`# end: <n> findings`, says that the report is whole.

git-secrets answers "nothing found" to many a failure (no repository, no patterns), so each run first proves itself: it
must find a key that is made up here, also beside AWS's example key and in a binary file, and nothing without one.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import gate
import source
from common import BIN, Failure, Result, main, printable, run, scrub, setting, source_dir

SECONDS = 1800
KINDS = (
    ("aws-access-key-id", re.compile(r"(A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA)[A-Z0-9]{16}")),
    ("aws-secret-access-key", re.compile(r"[A-Za-z0-9/+=]{40}")),
    ("aws-account-id", re.compile(r"[0-9]{4}-?[0-9]{4}-?[0-9]{4}")),
)


# bash says this when a finding of the history holds a NUL; it is no finding.
NUL_WARNING = re.compile(r"[^:]*git-secrets: line \d+: warning: command substitution: ignored null byte in input")


class GitSecrets:
    """git-secrets with its AWS patterns in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "home"
        home.mkdir()
        # AWS_* stays, CodeCommit's credential helper needs it. No configuration of the machine, none of the commit.
        self.env = {
            **os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}", "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0", "GIT_CEILING_DIRECTORIES": str(folder),
            "GIT_AUTHOR_NAME": "proof", "GIT_AUTHOR_EMAIL": "proof@example.com",
            "GIT_COMMITTER_NAME": "proof", "GIT_COMMITTER_EMAIL": "proof@example.com",
        }  # fmt: skip
        self.git(folder, "secrets", "--register-aws", "--global")
        # AWS's example keys come registered as allowed, for the whole line and its path: a real key beside one would
        # pass. `prove` finds out if this did not help.
        self.run(folder, "config", "--global", "--unset-all", "secrets.allowed")

    def run(self, cwd: Path, *arguments: str) -> Result:
        """One git command."""
        return run(["git", *arguments], timeout=SECONDS, env=self.env, cwd=cwd)

    def git(self, cwd: Path, *arguments: str) -> str:
        """One git command that must succeed. Its words are printed only redacted: they may quote a file."""
        result = self.run(cwd, *arguments)
        if result.code != 0:
            settings = arguments.count("-c")  # git's own come first, two words each
            raise Failure(
                f"git {arguments[2 * settings]} ended with {result.code}: {printable(scrub(redact(result.err)), 300)}"
            )
        return result.out

    def scan_files(self, root: Path) -> Result:
        """Scan a folder, from an empty repository: git-secrets obeys a `.gitallowed` of the one that it is in.

        Files in it that hold a NUL are rewritten, since git-secrets passes over them.
        """
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            if file.is_file() and not file.is_symlink():
                as_text(file)
        empty = self.folder / "empty"
        if not empty.exists():
            empty.mkdir()
            self.git(empty, "init", "--quiet")
        return self.run(empty, "secrets", "--scan", "-r", str(root))

    def scan_history(self, repository: Path) -> Result:
        """Scan all commits that HEAD reaches; binary files as text, whatever a `.gitattributes` says."""
        attributes = repository / ".git" / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("* diff\n", encoding="ascii")
        return self.run(repository, "secrets", "--scan-history")

    def prove(self) -> None:
        """Fail unless git-secrets finds a planted key, in files and in history, and nothing where there is none."""
        key, example = "AKIA" + "Z7" * 8, "AKIA" + "IOSFODNN7EXAMPLE"  # put together here: this repository holds no key
        planted = {
            "clean": b"nothing\n",
            "planted": f"key = {key}\n".encode(),
            "beside-an-example": f"key = {key} # {example}\n".encode(),
            "binary": f"\0key\0{key}\0\n".encode(),
        }
        for kind, content in planted.items():
            root = self.folder / kind
            root.mkdir()
            file, wanted = root / "file.txt", [0 if kind == "clean" else 1] * 3
            codes = []
            for scanned in (file, root):
                file.write_bytes(content)
                codes.append(self.scan_files(scanned).code)
            self.git(root, "init", "--quiet")
            for version in (content, b"nothing any more\n"):
                file.write_bytes(version)
                self.git(root, "add", "file.txt")
                self.git(root, "commit", "--quiet", "--message", "proof")
            codes.append(self.scan_history(root).code)
            if codes != wanted:
                raise Failure(
                    f"git-secrets does not work here: on a {kind} file, folder and history it ended with {codes}, "
                    f"right would be {wanted}; nothing was scanned"
                )


def as_text(file: Path) -> None:
    """Rewrite a file that holds a NUL, line by line: NULs as spaces, then without them, which is how UTF-16 reads."""
    data = file.read_bytes()
    if b"\0" not in data:
        return
    lines = [line.replace(b"\0", b" ") + b" " + line.replace(b"\0", b"") for line in data.split(b"\n")]
    file.unlink()  # it may be read-only
    file.write_bytes(b"\n".join(lines))


def redact(text: str) -> str:
    """`text` without anything that looks like a credential."""
    for _, pattern in KINDS[:2]:
        text = pattern.sub("[redacted]", text)
    return text


def findings(output: str, exists: Path | None) -> list[str]:
    """git-secrets' output lines as `<where>: <kind>`.

    A path may hold a colon itself: with `exists` given, the shortest reading that names a file there is taken.
    """
    lines = []
    # The last one is git-secrets' own, others may stand in a file; so may every line end but grep's.
    for line in output.rsplit("\n[ERROR] Matched", 1)[0].split("\n"):
        if not line.strip() or NUL_WARNING.fullmatch(line):
            continue
        where, content = "a line that cannot be read", line
        for match in re.finditer(r":(\d+):", line):
            path = line[: match.start()]
            if exists is None or Path(path).is_file():
                shown = path if exists is None else os.path.relpath(path, exists)
                # Only key ids: 40 characters in a row are a commit or an ordinary path just as well.
                shown = KINDS[0][1].sub("[redacted]", shown)
                where, content = f"{printable(shown, 300)}:{match[1]}", line[match.end() :]
                break
        kind = next((name for name, pattern in KINDS if pattern.search(content)), "other")
        lines.append(f"{where}: {kind}")
    return lines


def report(file: Path, scope: str, what: str, result: Result, exists: Path | None) -> int:
    """Write the redacted report and return git-secrets' exit code; without a trustworthy result there is no report."""
    found = findings(result.err, exists)
    if result.code not in (0, 1) or (result.code == 1) != bool(found):
        print(
            f"error: git-secrets {scope}: exit code {result.code}, {len(found)} findings", file=sys.stderr, flush=True
        )
        return result.code or 2
    head = [f"# git-secrets, scope {scope}, commit {setting('COMMIT')}, {what}, proved with a planted key"]
    file.write_text("\n".join([*head, *found, f"# end: {len(found)} findings"]) + "\n", encoding="utf-8")
    print("\n".join(found) or f"git-secrets {scope}: nothing found")
    return result.code


def scan_source(tool: GitSecrets, file: Path) -> int:
    """Scan the commit's files."""
    work = tool.folder / "source"
    source.copy(source_dir(), work)
    count = sum(1 for path in work.rglob("*") if path.is_file() and not path.is_symlink())
    if count == 0:
        raise Failure("the commit has no files: nothing was scanned")
    return report(file, "source", f"{count} files", tool.scan_files(work), work)


def scan_history(tool: GitSecrets, file: Path) -> int:
    """Clone the repository and scan every commit that this one builds on."""
    clone, commit = tool.folder / "clone", setting("COMMIT", r"[0-9a-f]{40}")
    helper = ("-c", "credential.helper=!aws codecommit credential-helper $@", "-c", "credential.UseHttpPath=true")
    # No checkout: a `.gitallowed` in the working tree would be obeyed.
    tool.git(
        tool.folder, "-c", "init.defaultBranch=main", *helper, "clone", "--quiet", "--no-checkout",
        setting("REPOSITORY_URL"), str(clone),
    )  # fmt: skip
    # git-secrets looks at all references: leave HEAD alone, so that other branches are judged in their own runs.
    tool.git(clone, "update-ref", "--no-deref", "HEAD", commit)
    for reference in tool.git(clone, "for-each-ref", "--format=%(refname)").split():
        tool.git(clone, "update-ref", "--no-deref", "-d", reference)
    count = tool.git(clone, "rev-list", "--count", "HEAD").strip()
    return report(file, "history", f"{count} commits", tool.scan_history(clone), None)


def _script(arguments: list[str]) -> None:
    if arguments:
        raise Failure("usage: git_secrets.py")
    history = setting("SCAN_HISTORY", "true|false") == "true"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        unready: Failure | None = None
        try:
            tool = GitSecrets(folder)
            tool.prove()
        except Failure as failure:
            unready = failure
        scans: dict[Path, Callable[[Path], int]] = {folder / "source.txt": lambda report: scan_source(tool, report)}
        if history:
            scans[folder / "history.txt"] = lambda report: scan_history(tool, report)
        gate.judge_each("git-secrets", scans, unready)


if __name__ == "__main__":
    main(_script)
