"""Run the repository's own build, keep its test reports, make the image once, as one OCI archive in S3.

    build_image.py FOLDER    leaves the files key, sha256 and digest in FOLDER, for the buildspec to export

Only here does the repository's code run with a build's permissions. What is exported is therefore a claim: whoever uses
the image computes the archive's key anew and checks both sums (image.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import image
from common import Failure, main, printable, setting, source_dir, upload
from delivery import BUCKET, COMMIT, EXECUTION, PIPELINE, in_repository


def show(argv: list[str], env: dict[str, str] | None = None) -> int:
    """Run something whose output belongs on the log as it comes; the build's own timeout bounds it."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, cwd=source_dir(), env=env, check=False)
    return done.returncode


def run_build_script(path: str) -> int:
    """The exit code of the repository's own build and unit tests."""
    script = in_repository(path, "BUILD_SCRIPT")
    if not script.is_file():
        raise Failure(f"BUILD_SCRIPT {path!r} is not a file")
    print(f"running {path}", flush=True)
    return show(["bash", str(script)], own_environment(os.environ))


def own_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before pyenv's shim ran this script, so that the repository's .python-version counts.

    The shim puts the interpreter that it chose first on PATH and hands its choice on in PYENV_*; the buildspec's
    PYENV_VERSION is there to keep the repository from choosing ours, not to choose the repository's.
    """
    root = given.get("PYENV_ROOT")
    kept = {name: value for name, value in given.items() if not name.lstrip("_").startswith("PYENV_")}
    if root:
        own = {f"{root}/bin", f"{root}/shims"}
        path = given["PATH"].split(os.pathsep)
        kept["PYENV_ROOT"] = root
        kept["PATH"] = os.pathsep.join(part for part in path if part in own or not part.startswith(f"{root}/"))
    return kept


def now() -> int:
    """The time as the repository's file system writes it into a new file."""
    with tempfile.NamedTemporaryFile(dir=source_dir()) as file:
        return Path(file.name).stat().st_mtime_ns


def keep_reports(pattern: str, since: int) -> int:
    """Copy this run's reports to test-reports/ under names of our own; how many.

    Older files do not count: a report that was checked in says nothing about this commit.
    """
    root = source_dir()
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise Failure(f"TEST_REPORTS {printable(pattern, 200)!r} must stay inside the repository")
    try:
        found = sorted(root.glob(pattern)) if pattern else []
    except (ValueError, NotImplementedError) as error:  # what pathlib says of a pattern that is none
        raise Failure(f"TEST_REPORTS {printable(pattern, 200)!r} is no glob: {error}") from error
    copies, count = Path(tempfile.mkdtemp(dir=root)), 0
    for report in found:
        if report.is_file() and report.stat().st_mtime_ns >= since:
            count += 1
            print(f"test report {count}: {printable(str(report.relative_to(root)), 200)}")
            shutil.copyfile(report, copies / f"{count:04}.xml")
    target = root / "test-reports"
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    copies.rename(target)
    return count


def build(archive: Path, folder: Path) -> None:
    """Build the Dockerfile into one OCI archive."""
    dockerfile = in_repository(setting("DOCKERFILE"), "DOCKERFILE")
    context = in_repository(setting("BUILD_CONTEXT"), "BUILD_CONTEXT")
    if not dockerfile.is_file() or not context.is_dir():
        raise Failure("DOCKERFILE must be a file and BUILD_CONTEXT a directory")
    registries = folder / "registries.conf"
    # So that `FROM python` means what it means to docker.
    registries.write_text('unqualified-search-registries = ["docker.io"]\n')
    env = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(registries)}
    # A store of its own: no layer and no base image that something else left there. vfs works in every container.
    buildah = ["buildah", "--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
    bud = ["bud", "--isolation", "chroot", "--format", "oci", "--no-cache", "--layers=false"]
    label = f"org.opencontainers.image.revision={setting('COMMIT', COMMIT)}"
    named = ["--label", label, "--iidfile", f"{folder}/id", "--file", str(dockerfile), str(context)]
    if show([*buildah, *bud, *named], env) != 0:
        raise Failure("buildah could not build the image: its own message stands above")
    identity = (folder / "id").read_text().strip()
    if show([*buildah, "push", "--format", "oci", identity, f"oci-archive:{archive}"], env) != 0:
        raise Failure("buildah could not write the OCI archive: its own message stands above")


def _script(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Failure("usage: build_image.py FOLDER")
    key = f"images/{setting('PIPELINE', PIPELINE)}/{setting('EXECUTION', EXECUTION)}/image.tar"
    bucket = setting("ARTIFACTS_BUCKET", BUCKET)
    script, pattern = os.environ.get("BUILD_SCRIPT", ""), os.environ.get("TEST_REPORTS", "")
    since = now()
    code = run_build_script(script) if script else 0
    count = keep_reports(pattern, since)
    if code != 0:
        raise Failure(f"BUILD_SCRIPT {script!r} ended with exit code {code}; test reports kept: {count}")
    if pattern and count == 0:
        raise Failure(f"TEST_REPORTS {pattern!r} matches no file that this build wrote: nothing proves that a test ran")
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        archive = Path(folder, "image.tar")
        build(archive, Path(folder))
        sha256, digest = image.describe(archive)
        upload(archive, bucket, key)
    results = Path(arguments[0])
    results.mkdir(parents=True, exist_ok=True)
    for name, value in (("key", key), ("sha256", sha256), ("digest", digest)):
        (results / name).write_text(value + "\n")
    print(f"built {digest}, archive sha256 {sha256}")


if __name__ == "__main__":
    main(_script)
