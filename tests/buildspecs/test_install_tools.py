"""install.py: nothing is installed that has not the right checksum. The server is real, on the loopback address."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TOOL = b"#!/bin/sh\necho tool\n"
Install = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def files() -> dict[str, bytes]:
    """What the server has; a redirect is `-> URL`."""
    return {}


@pytest.fixture
def server(files: dict[str, bytes]) -> Iterator[str]:
    """The URL of a server of `files`, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            if data.startswith(b"-> "):
                self.send_response(302)
                self.send_header("Location", data[3:].decode())
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data) + (9 if self.path.endswith("/short") else 0)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def install(scripts: Path, tmp_path: Path, server: str) -> Install:
    """Run install.py with a tools.json that has one tool."""
    folder = tmp_path / "pipeline"
    folder.mkdir()
    for name in ("install.py", "common.py"):
        shutil.copy(scripts / name, folder)

    def run(name: str = "tool", **tool: str) -> subprocess.CompletedProcess[str]:
        entry = {"version": "1.2.3", "url": server + "/v{version}/tool", **tool}
        (folder / "tools.json").write_text(json.dumps({"images": {}, "tools": {"tool": entry}}))
        return subprocess.run(
            [sys.executable, str(folder / "install.py"), name], capture_output=True, text=True, check=False, timeout=60
        )

    return run


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def installed(tmp_path: Path) -> list[str]:
    """What stands in bin/ afterwards."""
    return sorted(path.name for path in (tmp_path / "pipeline" / "bin").glob("*"))


def test_a_pinned_checksum_installs(install: Install, files: dict[str, bytes], tmp_path: Path) -> None:
    files["/v1.2.3/tool"] = TOOL
    done = install(sha256=sha256(TOOL))
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([tmp_path / "pipeline/bin/tool"], capture_output=True, check=True).stdout == b"tool\n"


@pytest.mark.parametrize("text", ["{} *tool\n{} other\n", "{}  tool\n", "{}\n", "{}"])
def test_the_publishers_checksum_file_installs(
    install: Install, files: dict[str, bytes], server: str, tmp_path: Path, text: str
) -> None:
    files["/v1.2.3/tool"] = TOOL
    files["/v1.2.3/sums"] = text.format(sha256(TOOL), "0" * 64).encode()
    assert install(checksums=server + "/v{version}/sums").returncode == 0
    assert installed(tmp_path) == ["tool"]


BAD_SUMS = {
    "of another file": f"{sha256(TOOL)}  tool-arm64\n",
    "another": "0" * 64 + "  tool\n",
    "two that differ": f"{sha256(TOOL)}  tool\n{'0' * 64}  tool\n",
    "empty": "",
    "a web page": "<html>rate limit</html>",
    "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709  tool\n",
    "two bare ones": f"{sha256(TOOL)}\n{sha256(TOOL)}\n",
}


@pytest.mark.parametrize("name", BAD_SUMS)
def test_a_checksum_file_without_the_right_line_installs_nothing(
    install: Install, files: dict[str, bytes], server: str, tmp_path: Path, name: str
) -> None:
    files["/v1.2.3/tool"] = TOOL
    files["/v1.2.3/sums"] = BAD_SUMS[name].encode()
    done = install(checksums=server + "/v{version}/sums")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert installed(tmp_path) == []


def test_another_file_than_pinned_installs_nothing(install: Install, files: dict[str, bytes], tmp_path: Path) -> None:
    files["/v1.2.3/tool"] = TOOL + b" "
    done = install(sha256=sha256(TOOL))
    assert "tools.json says" in done.stderr
    assert (done.returncode, installed(tmp_path)) == (1, [])


def test_a_missing_download_or_checksum_file_fails(install: Install, files: dict[str, bytes], server: str) -> None:
    assert "HTTP Error 404" in install(sha256=sha256(TOOL)).stderr
    files["/v1.2.3/tool"] = TOOL
    assert "HTTP Error 404" in install(checksums=server + "/sums").stderr


def test_a_download_that_was_cut_off_fails(install: Install, files: dict[str, bytes], server: str) -> None:
    files["/short"] = TOOL
    done = install(url=server + "/short", sha256=sha256(TOOL))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_an_unknown_tool_is_named_with_the_known_ones(install: Install) -> None:
    assert install("kubctl").stderr == "error: kubctl: not in tools.json; it has tool\n"


def test_https_is_never_left(load: Callable[[str], Any]) -> None:
    module = load("install")
    handler, request = module._KeepHttps(), module.urllib.request.Request("https://a.example/x")
    assert handler.redirect_request(request, None, 302, "", {}, "https://b.example/x").full_url == "https://b.example/x"
    with pytest.raises(module.Failure, match="which is not https"):
        handler.redirect_request(request, None, 302, "", {}, "http://b.example/x")


def archive(kind: bytes, name: str = "tool") -> bytes:
    """A .tar.gz with a README and one entry."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for entry, data in (("README.md", b"read me"), (name, TOOL)):
            info = tarfile.TarInfo(entry)
            info.size = len(data)
            if entry == name:
                info.type = kind
                info.linkname = "/bin/sh" if kind == tarfile.SYMTYPE else ""
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def test_one_file_is_taken_out_of_an_archive(install: Install, files: dict[str, bytes], tmp_path: Path) -> None:
    files["/v1.2.3/tool"] = archive(tarfile.REGTYPE)
    assert install(sha256=sha256(files["/v1.2.3/tool"]), member="tool").returncode == 0
    assert (tmp_path / "pipeline/bin/tool").read_bytes() == TOOL
    assert not list(tmp_path.rglob("README.md"))


@pytest.mark.parametrize(
    "data",
    [archive(tarfile.SYMTYPE), archive(tarfile.REGTYPE, "../tool"), TOOL, archive(tarfile.REGTYPE)[:60]],
    ids=[
        "link",
        "elsewhere",
        "no archive",
        "cut off",
    ],  # the bytes hold the time: two processes would name them differently
)
def test_an_archive_without_the_plain_file_installs_nothing(
    install: Install, files: dict[str, bytes], tmp_path: Path, data: bytes
) -> None:
    files["/v1.2.3/tool"] = data
    done = install(sha256=sha256(data), member="tool")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert installed(tmp_path) == []


def test_tools_json_pins_every_tool_and_says_how_it_was_verified(scripts: Path) -> None:
    content = json.loads((scripts.parent / "tools.json").read_text())
    assert set(content) == {"images", "tools"}
    assert set(content["images"]) == {"standard", "zap"}
    for name, tool in content["tools"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", tool["version"]), name
        assert set(tool) <= {"version", "url", "sha256", "checksums", "member", "verified"}, name
        assert ("sha256" in tool) != ("checksums" in tool), f"{name}: exactly one of sha256 and checksums"
        assert re.fullmatch(r"[0-9a-f]{64}", tool.get("sha256", "0" * 64)), name
        for url in (tool["url"], tool.get("checksums", tool["url"])):
            assert url.startswith("https://"), name
            assert "{version}" in url, f"{name}: the version stands in one place"
            assert tool["version"] not in url, name
        assert re.match(r"20\d\d-\d\d-\d\d: " if "sha256" in tool else "at run time, ", tool["verified"]), name


def test_no_version_stands_beside_tools_json(scripts: Path) -> None:
    versions = [tool["version"] for tool in json.loads((scripts.parent / "tools.json").read_text())["tools"].values()]
    for file in [*scripts.parent.glob("*.yml"), *scripts.glob("*.py"), *scripts.glob("*.sh")]:
        code = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
        assert not [version for version in versions if version in code], file.name
