"""The base image of what is built here: one small layer, put into the registry on loopback, where builds find all of Docker Hub.

No registry of base images can be had offline, so it is made here and holds no system: nothing of a commit is run in it. Its digest
is always the same one, and a commit's Dockerfile names it by that.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.error
import urllib.request
from typing import Any

from tools.rehearse.standins import StandInError

NAME = "library/rehearsal-base"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\n",
    "etc/os-release": 'ID=rehearsal\nPRETTY_NAME="A base image of the rehearsal"\n',
}


def _layer() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, text in _FILES.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


def _named(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _described(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": _named(data), "size": len(data)}


LAYER = _layer()
_CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_named(LAYER)]},
    }
).encode()
_TEXT = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _described("config.v1+json", _CONFIG),
        "layers": [_described("layer.v1.tar", LAYER)],
    }
).encode()
DIGEST = _named(_TEXT)
# What a Dockerfile says of it; without a registry's name it is docker.io's, as build_image.py has it.
REFERENCE = f"rehearsal-base@{DIGEST}"


def put(registry: str) -> None:
    """Into the registry at host:port. Raises StandInError."""
    try:
        for blob in (LAYER, _CONFIG):
            with _ask("POST", f"http://{registry}/v2/{NAME}/blobs/uploads/") as answer:
                place = answer.headers["Location"]
            mark = "&" if "?" in place else "?"
            _ask("PUT", f"{place}{mark}digest={_named(blob)}", blob, "application/octet-stream").close()
        _ask("PUT", f"http://{registry}/v2/{NAME}/manifests/{DIGEST}", _TEXT, _MANIFEST).close()
    except (urllib.error.URLError, OSError) as error:
        raise StandInError(f"the registry does not take the base image: {error}") from error


def beneath(registry: str, repository: str, digest: str) -> bool:
    """Whether an image in the registry stands on the base image. Raises StandInError."""
    try:
        with _ask("GET", f"http://{registry}/v2/{repository}/manifests/{digest}", accept=_MANIFEST) as answer:
            manifest = json.load(answer)
        with _ask("GET", f"http://{registry}/v2/{repository}/blobs/{manifest['config']['digest']}") as answer:
            config = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise StandInError(f"the registry has no image {repository}@{digest}: {error}") from error
    # A layer may be compressed anew on its way; what it unpacks to keeps its name.
    return bool(config["rootfs"]["diff_ids"][:1] == [_named(LAYER)])


def _ask(method: str, url: str, data: bytes | None = None, kind: str = "", accept: str = "") -> Any:
    headers = {name: value for name, value in (("Content-Type", kind), ("Accept", accept)) if value}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - loopback
    return urllib.request.urlopen(request, timeout=30)  # noqa: S310
