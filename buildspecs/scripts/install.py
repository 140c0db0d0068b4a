"""Install tools of tools.json into bin/ beside this script: `install.py snyk kubectl ...`.

A download is used only if its sha256 is the one in tools.json or, where none could be verified beforehand, the one in
the publisher's own checksum file.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from typing import IO

from common import BIN, HERE, Failure, main

SECONDS = 120  # without a byte from the server
LIMIT = 500_000_000  # bytes of one download


class _KeepHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something weaker."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise Failure(f"{req.full_url}: redirected to {newurl}, which is not https")
        # Types: `headers` is urllib's own object, only handed on.
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def download(url: str) -> bytes:
    """The bytes at `url`; Failure on any HTTP error, time-out or short answer."""
    try:
        with urllib.request.build_opener(_KeepHttps).open(url, timeout=SECONDS) as response:
            data: bytes = response.read(LIMIT + 1)
            length = response.headers.get("Content-Length")
    except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors
        raise Failure(f"{url}: {error}") from error
    if len(data) > LIMIT or (length is not None and int(length) != len(data)):
        raise Failure(f"{url}: {len(data)} bytes received, {length} announced, at most {LIMIT} taken")
    return data


def listed_sha256(text: str, file: str, url: str) -> str:
    """The checksum of `file` in a checksum file: lines `<sha256>  <name>`, or nothing but one checksum."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    sums = {row[0] for row in rows if len(row) == 2 and row[1].lstrip("*") == file}
    if not sums and len(rows) == 1 and len(rows[0]) == 1:
        sums = {rows[0][0]}
    if len(sums) != 1 or not re.fullmatch(r"[0-9a-f]{64}", next(iter(sums))):
        raise Failure(f"{url}: has not exactly one sha256 of {file}")
    return next(iter(sums))


def install(name: str) -> None:
    """Download, verify and place one tool."""
    tools = json.loads((HERE / "tools.json").read_text(encoding="utf-8"))["tools"]
    if name not in tools:
        raise Failure(f"{name}: not in tools.json; it has {', '.join(sorted(tools))}")
    tool = tools[name]
    version = tool["version"]
    url = tool["url"].format(version=version)
    if tool.get("sha256"):
        expected, authority = tool["sha256"], "tools.json"
    else:
        checksums = tool["checksums"].format(version=version)
        authority = checksums
        expected = listed_sha256(download(checksums).decode("utf-8", "replace"), url.rsplit("/", 1)[-1], checksums)
    data = download(url)
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise Failure(f"{url}: its sha256 is {found}; {authority} says {expected}. It is not installed")
    BIN.mkdir(exist_ok=True)
    partial = BIN / f".{name}.partial"
    partial.write_bytes(_member(data, tool["member"], url) if "member" in tool else data)
    partial.chmod(0o755)
    shutil.move(partial, BIN / name)
    print(f"installed {name} {version}: sha256 {found} as in {authority}")


def _member(data: bytes, name: str, url: str) -> bytes:
    """One plain file out of a .tar.gz or .zip, read, never extracted: its path in the archive means nothing here."""
    try:
        if url.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as zipped:
                return zipped.read(name)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            content = archive.extractfile(name)
            if content is None:
                raise Failure(f"{url}: {name} in it is no plain file")
            return content.read()
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise Failure(f"{url}: no readable {name} in it: {error}") from error


def _script(arguments: list[str]) -> None:
    if not arguments:
        raise Failure("usage: install.py TOOL...")
    for name in arguments:
        install(name)


if __name__ == "__main__":
    main(_script)
