"""Zip archives that are the same bytes on every machine. Pure Python, no cdktf.

Their hash stands in Terraform's plan and in a bucket key: a timestamp, a umask or another zlib in it would show a
change where there is none, to each person who runs synth.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

LAMBDA_KINDS = frozenset({".py", ".json"})
SCRIPT_KINDS = frozenset({".py", ".json", ".sh"})
SHARED = "common"
ENTRY = "handler.py"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_MODE = stat.S_IFREG | 0o644
_UNIX = 3  # create_system: without it, zipfile writes the platform it runs on
_ZIP_VERSION = 20  # of the format: 2.0


class PackagingError(Exception):
    """A package that cannot be made; the message names the path."""


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """An archive of ``files`` (path in the archive -> content) that depends on nothing else.

    Stored, not deflated: zlib's output differs between its versions and forks, and the packages are small.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            _check_name(name)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = _UNIX
            entry.create_version = entry.extract_version = _ZIP_VERSION
            entry.external_attr = _MODE << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def collect(root: Path, *packages: str, kinds: frozenset[str] = LAMBDA_KINDS) -> dict[str, bytes]:
    """Files of the given kinds below ``root/<package>``, by their path from ``root``; "." is ``root`` itself.

    All kinds are text: Windows line ends become Unix ones, since git may have changed them at checkout. Caches, hidden
    files and other kinds (notes, editors' backups) are left out; a symbolic link is refused, because what it points to
    differs from machine to machine.
    """
    files: dict[str, bytes] = {}
    for package in packages:
        for path in _walk(root / package):
            if path.suffix in kinds:
                files[path.relative_to(root).as_posix()] = path.read_bytes().replace(b"\r\n", b"\n")
    return files


def function_package(lambdas_dir: Path, name: str, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Archive of one Lambda function: its directory's content at the top, and the shared package if it imports that.

    ``extra`` are files that exist only at synth, such as policy.json.
    """
    files = collect(lambdas_dir / name, ".")
    if ENTRY not in files:
        raise PackagingError(f"{lambdas_dir / name}: a function needs {ENTRY}")
    if any(_imports(content, path, SHARED) for path, content in files.items() if path.endswith(".py")):
        files = _join(files, collect(lambdas_dir, SHARED))
    return zip_bytes(_join(files, extra or {}))


def scripts_package(buildspecs_dir: Path) -> bytes:
    """Archive of what builds install: the content of ``scripts/`` and tools.json, all at the top."""
    tools = buildspecs_dir / "tools.json"
    if tools.is_symlink() or not tools.is_file():
        raise PackagingError(f"{tools}: missing, or not a plain file")
    scripts = collect(buildspecs_dir / "scripts", ".", kinds=SCRIPT_KINDS)
    if not scripts:
        raise PackagingError(f"{buildspecs_dir / 'scripts'}: there is no script in it")
    return zip_bytes(_join(scripts, {tools.name: tools.read_bytes().replace(b"\r\n", b"\n")}))


def code_sha256(package: bytes, *apart: str) -> str:
    """SHA-256 of a package as it would be without the files ``apart``, which change for reasons of their own."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return sha256_hex(zip_bytes({name: archive.read(name) for name in archive.namelist() if name not in apart}))


def sha256_hex(data: bytes) -> str:
    """SHA-256 as ``sha256sum`` prints it."""
    return hashlib.sha256(data).hexdigest()


def sha256_base64(data: bytes) -> str:
    """SHA-256 as Lambda's ``source_code_hash`` wants it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _walk(directory: Path) -> Iterator[Path]:
    """Plain files below ``directory``."""
    if directory.is_symlink() or not directory.is_dir():
        raise PackagingError(f"{directory}: missing, or not a plain directory")
    for path in directory.iterdir():
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_symlink():
            raise PackagingError(f"{path}: symbolic links are not packaged, put the file itself there")
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _imports(content: bytes, path: str, package: str) -> bool:
    """Whether the Python source imports ``package`` or a part of it."""
    for node in ast.walk(ast.parse(content, path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        if any(name.partition(".")[0] == package for name in names):
            return True
    return False


def _join(files: Mapping[str, bytes], more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Both together; a path in both would hide one of them."""
    twice = sorted(files.keys() & more.keys())
    if twice:
        raise PackagingError(f"{twice[0]}: would be in the package twice")
    return {**files, **more}


def _check_name(name: str) -> None:
    """Relative, plain ASCII, without ``..``: other names unpack differently from system to system."""
    parts = PurePosixPath(name).parts
    plain = name.isascii() and name.isprintable() and "\\" not in name
    if not plain or not parts or ".." in parts or "/".join(parts) != name:
        raise PackagingError(f"{name!a}: a relative path in plain ASCII is right")
