"""Archives: the same bytes whatever the machine, the user, the clock or the checkout did to the files."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.packaging import (
    PackagingError,
    collect,
    function_package,
    scripts_package,
    sha256_base64,
    sha256_hex,
    zip_bytes,
)

ROOT = Path(__file__).parents[2]


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode())


def unpack(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


# --- the format ------------------------------------------------------------------------------------------------------


def by_hand(name: bytes, content: bytes) -> bytes:
    """A zip with one stored file, byte by byte from PKWARE's APPNOTE 4.3.7, 4.3.12 and 4.3.16."""
    dos_date = (1980 - 1980) << 9 | 1 << 5 | 1
    common = struct.pack("<HHHHIIIHH", 0, 0, 0, dos_date, zlib.crc32(content), len(content), len(content), len(name), 0)
    local = struct.pack("<IH", 0x04034B50, 20) + common + name + content
    unix_made = 3 << 8 | 20
    attributes = 0o100644 << 16
    central = struct.pack("<IHH", 0x02014B50, unix_made, 20) + common + struct.pack("<HHHII", 0, 0, 0, attributes, 0)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central) + len(name), len(local), 0)
    return local + central + name + end


def test_every_byte_is_known() -> None:
    assert zip_bytes({"handler.py": b"print('hello')\n"}) == by_hand(b"handler.py", b"print('hello')\n")


@settings(deadline=None, database=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.py", fullmatch=True), st.binary()), st.randoms())
def test_order_does_not_matter_and_nothing_is_lost(files: dict[str, bytes], shuffle: random.Random) -> None:
    names = list(files)
    shuffle.shuffle(names)
    assert zip_bytes({name: files[name] for name in names}) == zip_bytes(files)
    assert unpack(zip_bytes(files)) == files


@pytest.mark.parametrize("name", ["", ".", "..", "/a", "a//b", "a/", "./a", "../a", "a/../b", "a\\b", "é.py", "a\n"])
def test_names_that_unpack_differently_are_refused(name: str) -> None:
    with pytest.raises(PackagingError, match="relative path"):
        zip_bytes({name: b""})


def test_hashes() -> None:
    # The digest of the empty string, FIPS 180's example data "abc".
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_base64(b"abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


# --- collecting ------------------------------------------------------------------------------------------------------


def test_what_is_taken_and_what_is_left(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.py": "a",
            "data/rules.json": "{}",
            "data/deep/b.py": "b",
            "README.md": "notes",
            "a.py~": "backup",
            "a.pyc": "compiled",
            "__pycache__/a.cpython-311.py": "cache",
            ".hidden.py": "hidden",
            ".git/x.py": "hidden",
        },
    )
    assert collect(tmp_path, ".") == {"a.py": b"a", "data/rules.json": b"{}", "data/deep/b.py": b"b"}
    assert collect(tmp_path, "data/deep") == {"data/deep/b.py": b"b"}
    assert collect(tmp_path) == {}


def test_line_ends_are_one_kind(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "one\r\ntwo\r\n"})
    assert collect(tmp_path, ".") == {"a.py": b"one\ntwo\n"}


@pytest.mark.parametrize("target", ["a.py", "data", "nowhere"])
def test_symbolic_links_are_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"a.py": "a", "data/b.py": "b"})
    (tmp_path / "link.py").symlink_to(tmp_path / target)
    with pytest.raises(PackagingError, match=r"link\.py: symbolic links"):
        collect(tmp_path, ".")


def test_a_linked_package_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"real/a.py": "a"})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PackagingError, match="link: missing, or not a plain directory"):
        collect(tmp_path, "link")


def test_a_missing_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="absent"):
        collect(tmp_path, "absent")


# --- packages --------------------------------------------------------------------------------------------------------

FUNCTION = {
    "one/handler.py": "from one.service import x\n",
    "one/one/__init__.py": "",
    "one/one/service.py": "import common.contract\nx = 1\n",
    "two/handler.py": "import json\nimport commonplace\nfrom .common import x\n",
    "common/__init__.py": "",
    "common/contract.py": "y = 2\n",
}


def test_a_function_gets_the_shared_package_if_it_imports_it(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    assert sorted(unpack(function_package(tmp_path, "one", {"policy.json": b"{}"}))) == [
        "common/__init__.py",
        "common/contract.py",
        "handler.py",
        "one/__init__.py",
        "one/service.py",
        "policy.json",
    ]
    assert sorted(unpack(function_package(tmp_path, "two"))) == ["handler.py"]


def test_extra_files_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    assert unpack(function_package(tmp_path, "two", {"policy.json": b"\r\n"}))["policy.json"] == b"\r\n"


def test_nothing_is_hidden_by_another_file(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    with pytest.raises(PackagingError, match=r"handler\.py: would be in the package twice"):
        function_package(tmp_path, "one", {"handler.py": b""})
    write(tmp_path, {"one/common/__init__.py": ""})
    with pytest.raises(PackagingError, match=r"common/__init__\.py: would be in the package twice"):
        function_package(tmp_path, "one")


def test_a_function_needs_a_handler(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION)
    with pytest.raises(PackagingError, match=r"needs handler\.py"):
        function_package(tmp_path, "common")


def test_scripts_and_tools_stand_at_the_top(tmp_path: Path) -> None:
    write(tmp_path, {"scripts/gate.py": "g\r\n", "scripts/x.sh": "x\r\n", "scripts/n.md": "", "tools.json": "{}\r\n"})
    assert unpack(scripts_package(tmp_path)) == {"gate.py": b"g\n", "tools.json": b"{}\n", "x.sh": b"x\n"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"scripts/gate.py": ""}, "tools.json: missing"),
        ({"scripts/readme.md": "", "tools.json": "{}"}, "no script"),
        ({"tools.json": "{}"}, "scripts: missing"),
        ({"scripts/tools.json": "{}", "tools.json": "{}"}, r"tools\.json: would be in the package twice"),
    ],
)
def test_incomplete_scripts_are_refused(tmp_path: Path, files: dict[str, str], words: str) -> None:
    write(tmp_path, files)
    with pytest.raises(PackagingError, match=words):
        scripts_package(tmp_path)


# --- two machines ----------------------------------------------------------------------------------------------------

# Interpreter and repository may be readable for their owner alone: everything is imported before the user changes.
PACK = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from modules.packaging import function_package, sha256_hex
os.umask(int(sys.argv[3], 8))
if len(sys.argv) > 4: os.setuid(int(sys.argv[4]))
print(sha256_hex(function_package(Path(sys.argv[2]), "release_guard", {"policy.json": b"{}"})))
"""


def copy_of_lambdas(target: Path, *, reverse: bool, line_end: bytes, mode: int, time: float) -> Path:
    """The functions as another checkout would have them."""
    sources = sorted((ROOT / "lambdas").rglob("*.py"), reverse=reverse)
    for source in sources:
        path = target / source.relative_to(ROOT / "lambdas")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes().replace(b"\n", line_end))
        path.chmod(mode)
        os.utime(path, (time, time))
    return target


def pack(lambdas: Path, umask: str, *more: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-B", "-c", PACK, str(ROOT), str(lambdas), umask, *more],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_two_machines_make_the_same_bytes(tmp_path: Path) -> None:
    here = copy_of_lambdas(tmp_path / "a", reverse=False, line_end=b"\n", mode=0o644, time=1.0)
    there = copy_of_lambdas(tmp_path / "b", reverse=True, line_end=b"\r\n", mode=0o777, time=2e9)
    write(there, {"release_guard/__pycache__/handler.cpython-311.pyc": "x", "release_guard/.DS_Store": "x"})
    first = pack(here, "022", TZ="UTC", LC_ALL="C")
    assert pack(there, "077", TZ="Pacific/Kiritimati", PYTHONHASHSEED="7", LC_ALL="C.UTF-8") == first
    own = function_package(ROOT / "lambdas", "release_guard", {"policy.json": b"{}"})
    assert hashlib.sha256(own).hexdigest() == first


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become another user")
def test_two_users_make_the_same_bytes() -> None:
    nobody = "65534"
    with tempfile.TemporaryDirectory() as directory:  # pytest's own is closed to other users
        Path(directory).chmod(0o755)
        lambdas = copy_of_lambdas(Path(directory) / "a", reverse=False, line_end=b"\n", mode=0o644, time=1.0)
        assert pack(lambdas, "022", nobody) == pack(lambdas, "022")
