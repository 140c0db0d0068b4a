"""The image's OCI archive: describe a fresh one, fetch the one that this execution built.

    image.py describe FILE   print IMAGE_SHA256=... and IMAGE_DIGEST=..., for the build that makes the image
    image.py fetch FILE      download this execution's archive and prove that it is the one that was described

Build runs the repository's own code, so an archive may be made to look different to different readers. Therefore only
the plainest form is taken: one manifest, each file once, nothing beside `oci-layout`, `index.json` and blobs, each
blob's content has the digest that is its name, no key stands twice in `index.json`, and zeros follow the last file.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from pathlib import Path
from typing import IO

from common import Failure, aws, main, setting

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
INDEX_LIMIT = 1_000_000
BLOCK = 1 << 20


def describe(file: Path) -> tuple[str, str]:
    """sha256 of the archive file and the digest of the one manifest in it."""
    if not file.is_file() or file.stat().st_size == 0:
        raise Failure(f"{file}: there is no image archive, or it is empty")
    with file.open("rb") as stream:
        sha256 = _sha256(stream)
    try:
        return sha256, _manifest_digest(file)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Failure(f"{file}: not a readable OCI archive: {error}") from error


def _manifest_digest(file: Path) -> str:
    sizes: dict[str, int] = {}
    index = b""
    with tarfile.open(file, "r:") as archive:
        for member in archive:
            name = member.name[2:] if member.name.startswith("./") else member.name
            if member.isdir() and name in (".", "blobs", "blobs/sha256"):
                continue
            blob = BLOB.fullmatch(name)
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or name in sizes or not (blob or name in ("oci-layout", "index.json")):
                raise Failure(f"{file}: unexpected entry {name!r}: only plain files of one OCI image, each once")
            sizes[name] = member.size
            if name == "index.json":
                index = content.read(INDEX_LIMIT)
            elif blob and _sha256(content) != blob.group(1):
                raise Failure(f"{file}: the content of {name} is not what its name says")
        end = archive.offset
    if not _zeros_from(file, end):  # tarfile stops at the first block of zeros, other readers go on
        raise Failure(f"{file}: something follows the end of the archive; right is nothing but zeros")
    if "oci-layout" not in sizes or not index:
        raise Failure(f"{file}: no oci-layout or no index.json in it: not an OCI archive")
    if len(index) != sizes["index.json"]:
        raise Failure(f"{file}: index.json is longer than {INDEX_LIMIT} bytes")
    listed = json.loads(index, object_pairs_hook=_once)
    manifests = listed.get("manifests") if isinstance(listed, dict) else None
    if not isinstance(manifests, list) or len(manifests) != 1 or not isinstance(manifests[0], dict):
        raise Failure(f"{file}: must hold exactly one image, of one platform")
    manifest = manifests[0]
    if manifest.get("mediaType") != MANIFEST_TYPE:
        raise Failure(f"{file}: holds {manifest.get('mediaType')!r}; right is one image: {MANIFEST_TYPE}")
    digest = str(manifest.get("digest"))
    if sizes.get(digest.replace("sha256:", "blobs/sha256/", 1)) != manifest.get("size"):
        raise Failure(f"{file}: the manifest {digest} is not in it, or has another size")
    return digest


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, each key once. Case does not count: Go's reader takes `Manifests` for `manifests`."""
    if len({key.casefold() for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in index.json")
    return dict(pairs)


def _zeros_from(file: Path, offset: int) -> bool:
    """Whether `file` holds nothing but zeros from `offset` on."""
    with file.open("rb") as stream:
        stream.seek(offset)
        while block := stream.read(BLOCK):
            if block.strip(b"\0"):
                return False
    return True


def fetch(file: Path) -> None:
    """Download the archive that Build described, or fail."""
    sha256 = setting("IMAGE_SHA256", r"[0-9a-f]{64}")
    digest = setting("IMAGE_DIGEST", r"sha256:[0-9a-f]{64}")
    pipeline = setting("PIPELINE", r"[a-z][a-z0-9-]*")
    key = f"images/{pipeline}/{setting('EXECUTION', r'[A-Za-z0-9-]+')}/image.tar"
    aws("s3", "cp", f"s3://{setting('ARTIFACTS_BUCKET')}/{key}", str(file), "--only-show-errors", timeout=1800)
    if not file.is_file() or file.stat().st_size == 0:
        raise Failure(f"{key}: nothing was downloaded, or an empty file")
    with file.open("rb") as stream:
        found = _sha256(stream)
    if found != sha256:  # before anything reads its inside
        raise Failure(f"{key}: its sha256 is {found}; Build described {sha256}: it was changed or cut off since")
    _, inside = describe(file)
    if inside != digest:
        raise Failure(f"{key}: holds the manifest {inside}; Build described {digest}")
    print(f"image {digest}, archive sha256 {sha256}, {file.stat().st_size} bytes")


def _sha256(stream: IO[bytes]) -> str:
    state = hashlib.sha256()
    while block := stream.read(BLOCK):
        state.update(block)
    return state.hexdigest()


def _script(arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] not in ("describe", "fetch"):
        raise Failure("usage: image.py describe FILE | image.py fetch FILE")
    file = Path(arguments[1])
    if arguments[0] == "fetch":
        fetch(file)
    else:
        sha256, digest = describe(file)
        print(f"IMAGE_SHA256={sha256}\nIMAGE_DIGEST={digest}")


if __name__ == "__main__":
    main(_script)
