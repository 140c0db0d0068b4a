"""image.py: only the archive that Build described, and only in the plainest form. buildah's own archive is taken."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
URI = f"s3://acme-artifacts/images/payments/{EXECUTION}/image.tar"
OCI = "application/vnd.oci.image.manifest.v1+json"
Entries = list[tuple[str, bytes]]
Fetch = Callable[..., subprocess.CompletedProcess[str]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entries(media_type: str = OCI, manifests: int = 1, size: int = 0) -> Entries:
    """A small image: config, one layer, manifest, index."""
    config, layer = b'{"architecture": "amd64"}', b"layer"
    manifest = json.dumps({"config": sha256(config), "layers": [sha256(layer)]}).encode()
    listed = {"mediaType": media_type, "digest": f"sha256:{sha256(manifest)}", "size": size or len(manifest)}
    blobs = [(f"blobs/sha256/{sha256(data)}", data) for data in (config, layer, manifest)]
    index = json.dumps({"schemaVersion": 2, "manifests": [listed] * manifests}).encode()
    return [*blobs, ("index.json", index), ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')]


def digest(content: Entries) -> str:
    return str(json.loads(dict(content)["index.json"])["manifests"][0]["digest"])


def write(file: Path, content: Entries, link: str = "") -> Path:
    """Write a tar file; `link` names an entry that becomes a symbolic link."""
    with tarfile.open(file, "w") as archive:
        for name, data in content:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == link:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(info, io.BytesIO(data))
    return file


@pytest.fixture
def script(scripts: Path, stand_ins: Any) -> Fetch:
    """Run image.py with the variables of a build that reads the image."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIPELINE": "payments",
            "EXECUTION": EXECUTION,
            "ARTIFACTS_BUCKET": "acme-artifacts",
        }
        return subprocess.run(
            [sys.executable, str(scripts / "image.py"), *arguments],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def fetch(script: Fetch, stand_ins: Any, stored: Path, target: Path, described: Path, wanted: str) -> Any:
    """Fetch `stored` where Build described `described`."""
    stand_ins.expect("aws", "s3", "cp", URI, str(target), "--only-show-errors", brings={3: stored})
    return script("fetch", str(target), IMAGE_SHA256=sha256(described.read_bytes()), IMAGE_DIGEST=wanted)


def test_describe_and_fetch_agree(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    content = entries()
    file = write(tmp_path / "image.tar", content)
    described = script("describe", str(file))
    assert described.stdout == f"IMAGE_SHA256={sha256(file.read_bytes())}\nIMAGE_DIGEST={digest(content)}\n"
    done = fetch(script, stand_ins, file, tmp_path / "fetched.tar", file, digest(content))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "fetched.tar").read_bytes() == file.read_bytes()


def test_buildahs_archive_is_taken_and_skopeo_reads_the_same_digest(
    script: Fetch, need: Callable[[str], str], tmp_path: Path
) -> None:
    buildah, skopeo = need("buildah"), need("skopeo")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /hello\n")
    store = ["--root", str(tmp_path / "store"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    bud = [buildah, *store, "bud", "--isolation", "chroot", "--format", "oci", "--tag", "t", str(tmp_path)]
    subprocess.run(bud, check=True, capture_output=True, timeout=120)
    file = tmp_path / "image.tar"
    subprocess.run([buildah, *store, "push", "t", f"oci-archive:{file}"], check=True, capture_output=True, timeout=120)
    inspected = subprocess.run(
        [skopeo, "inspect", "--format", "{{.Digest}}", f"oci-archive:{file}"],
        check=True,
        capture_output=True,
        text=True,
    )
    done = script("describe", str(file))
    assert done.stdout.splitlines()[1] == f"IMAGE_DIGEST={inspected.stdout.strip()}"


def test_another_archive_under_the_same_key_is_refused(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    mine, other = (
        write(tmp_path / "mine", entries()),
        write(tmp_path / "other", [*entries(), ("blobs", b"")][:-1][::-1]),
    )
    done = fetch(script, stand_ins, other, tmp_path / "f", mine, digest(entries()))
    assert done.returncode == 1
    assert "it was changed or cut off since" in done.stderr


def test_another_manifest_in_the_described_archive_is_refused(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "mine", entries())
    done = fetch(script, stand_ins, file, tmp_path / "f", file, "sha256:" + "0" * 64)
    assert done.returncode == 1
    assert f"holds the manifest {digest(entries())}; Build described sha256:000" in done.stderr


def test_a_download_that_was_cut_off_is_refused(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "mine", entries())
    short = tmp_path / "short"
    short.write_bytes(file.read_bytes()[:700])
    assert fetch(script, stand_ins, short, tmp_path / "f", file, digest(entries())).returncode == 1


def test_an_empty_download_is_refused(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    done = fetch(script, stand_ins, empty, tmp_path / "f", empty, digest(entries()))
    assert "nothing was downloaded, or an empty file" in done.stderr


def test_a_download_that_never_came_is_refused(script: Fetch, stand_ins: Any, tmp_path: Path) -> None:
    stand_ins.expect("aws", "s3", "cp", URI, str(tmp_path / "f"), "--only-show-errors")
    done = script("fetch", str(tmp_path / "f"), IMAGE_SHA256="0" * 64, IMAGE_DIGEST="sha256:" + "0" * 64)
    assert done.returncode == 1


def _flip(content: Entries) -> Entries:
    return [(name, b"other" if data == b"layer" else data) for name, data in content]


REFUSED = {
    "path that leads out": ([*entries(), ("../../etc/cron.d/x", b"x")], "unexpected entry"),
    "absolute path": ([*entries(), ("/etc/passwd", b"x")], "unexpected entry"),
    "a file beside": ([*entries(), ("manifest.json", b"[]")], "unexpected entry"),
    "index twice": ([*entries(), ("index.json", b"{}")], "unexpected entry 'index.json'"),
    "a blob that is not what its name says": (_flip(entries()), "is not what its name says"),
    "two images": (entries(manifests=2), "exactly one image"),
    "no image": (entries(manifests=0), "exactly one image"),
    "an index of platforms": (entries("application/vnd.oci.image.index.v1+json"), "right is one image"),
    "a docker manifest": (entries("application/vnd.docker.distribution.manifest.v2+json"), "right is one image"),
    "another size": (entries(size=7), "has another size"),
    "manifest not there": ([pair for pair in entries() if b"layers" not in pair[1]], "is not in it"),
    "no layout": ([pair for pair in entries() if pair[0] != "oci-layout"], "not an OCI archive"),
    "no index": ([pair for pair in entries() if pair[0] != "index.json"], "not an OCI archive"),
    "index no JSON": ([*entries()[:3], ("oci-layout", b"{}"), ("index.json", b"{")], "not a readable OCI archive"),
    "index a list": ([*entries()[:3], ("oci-layout", b"{}"), ("index.json", b"[1]")], "exactly one image"),
    "nothing": ([], "not an OCI archive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_archive_that_readers_could_read_differently_is_refused(script: Fetch, tmp_path: Path, name: str) -> None:
    content, why = REFUSED[name]
    done = script("describe", str(write(tmp_path / "image.tar", content)))
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr


SECOND: Entries = [("index.json", b"{}"), ("oci-layout", b"{}")]
AFTER: dict[str, Callable[[Path], bytes]] = {
    "a second archive": lambda file: write(file, SECOND).read_bytes(),
    "one byte at the very end": lambda file: bytes(3 << 20) + b"x",
    "a header that is none, and another archive": lambda file: b"x" * 512 + write(file, SECOND).read_bytes(),
}


@pytest.mark.parametrize("name", AFTER)
def test_an_archive_behind_the_archive_is_refused(script: Fetch, tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "image.tar", entries())
    assert script("describe", str(file)).returncode == 0
    file.write_bytes(file.read_bytes() + AFTER[name](tmp_path / "second.tar"))
    done = script("describe", str(file))
    assert done.returncode == 1
    assert "something follows the end of the archive; right is nothing but zeros" in done.stderr


def test_padding_at_the_end_is_no_matter(script: Fetch, tmp_path: Path) -> None:
    file = write(tmp_path / "image.tar", entries())
    file.write_bytes(file.read_bytes() + bytes(3 << 20))
    assert script("describe", str(file)).stdout.endswith(f"IMAGE_DIGEST={digest(entries())}\n")


def test_an_archive_that_ends_without_zeros_hides_nothing(script: Fetch, tmp_path: Path) -> None:
    """Where a header is damaged, Python's reader takes that for the end."""
    file = write(tmp_path / "image.tar", [*entries(), ("hidden", b"x")])
    data = file.read_bytes()
    at = data.index(b"hidden\0")
    file.write_bytes(data[:at] + b"Hidden" + data[at + 6 :])  # the checksum is wrong now
    assert "something follows the end of the archive" in script("describe", str(file)).stderr


@pytest.mark.parametrize("key", ["manifests", "Manifests", "mediaType"])
def test_an_index_that_readers_could_read_differently_is_refused(script: Fetch, tmp_path: Path, key: str) -> None:
    content = dict(entries())
    content["index.json"] = content["index.json"][:-1] + f', "{key}": [], "MEDIATYPE": ""}}'.encode()
    done = script("describe", str(write(tmp_path / "image.tar", list(content.items()))))
    assert done.returncode == 1
    assert "a key stands twice in index.json" in done.stderr


def test_an_index_of_which_only_the_beginning_was_read_is_refused(script: Fetch, tmp_path: Path) -> None:
    content = dict(entries())
    content["index.json"] += b" " * 1_000_000 + b"{}"
    done = script("describe", str(write(tmp_path / "image.tar", list(content.items()))))
    assert "index.json is longer than 1000000 bytes" in done.stderr


def test_a_link_in_the_archive_is_refused(script: Fetch, tmp_path: Path) -> None:
    assert "unexpected entry" in script("describe", str(write(tmp_path / "i.tar", entries(), "index.json"))).stderr


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08 no tar at all" * 100])
def test_what_is_no_archive_is_refused(script: Fetch, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    done = script("describe", str(tmp_path / "image.tar"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["IMAGE_SHA256", "IMAGE_DIGEST", "EXECUTION", "ARTIFACTS_BUCKET"])
def test_fetch_needs_whole_variables(script: Fetch, stand_ins: Any, tmp_path: Path, variable: str) -> None:
    variables = {"IMAGE_SHA256": "0" * 64, "IMAGE_DIGEST": "sha256:" + "0" * 64}
    done = script("fetch", str(tmp_path / "f"), **{**variables, variable: ""})
    assert f"environment variable {variable}" in done.stderr
