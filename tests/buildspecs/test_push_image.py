"""push_image.py: the archive reaches the registry byte for byte. skopeo and the registry are real, AWS a stand-in."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
TAG = "0123456789ab-0f8fad5b"
OTHER = "sha256:" + "e" * 64
NOT_FOUND = "An error occurred (ImageNotFoundException) when calling the DescribeImages operation: not there"


@pytest.fixture(scope="module")
def registry(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a registry on loopback."""
    binary, folder = need("docker-registry"), tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [binary, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/v2/", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def archive(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An OCI archive as the build makes it, and its manifest's digest."""
    buildah, folder = need("buildah"), tmp_path_factory.mktemp("image")
    (folder / "hello").write_text("hello\n")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY hello /hello\n")
    store = [buildah, "--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
    bud = ["bud", "--isolation", "chroot", "--format", "oci", "--iidfile", f"{folder}/id", str(folder)]
    subprocess.run([*store, *bud], check=True, capture_output=True, timeout=60)
    push = ["push", "--digestfile", f"{folder}/digest", (folder / "id").read_text(), f"oci-archive:{folder}/image.tar"]
    subprocess.run([*store, *push], check=True, capture_output=True, timeout=60)
    return folder / "image.tar", (folder / "digest").read_text().strip()


@pytest.fixture
def push(scripts: Path, stand_ins: Any, tmp_path: Path) -> Callable[..., Any]:
    """Run push_image.py. Only the test's registries.conf allows plain HTTP, and only to loopback."""

    def run(file: Path, host: str, digest: str, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = tmp_path / ".config" / "containers" / "registries.conf"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "REGISTRY": f"{host}/acme/payments",
            "IMAGE_DIGEST": digest,
            "COMMIT": COMMIT,
            "EXECUTION": EXECUTION,
        }
        return subprocess.run(
            [sys.executable, str(scripts / "push_image.py"), str(file)],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def details(digest: str, *tags: str) -> str:
    return json.dumps({"imageDetails": [{"imageDigest": digest, "imageTags": list(tags)}]})


def expect_describe(stand_ins: Any, image: str, **answer: Any) -> None:
    command = ("aws", "ecr", "describe-images", "--repository-name", "acme/payments", "--image-ids", image)
    stand_ins.expect(*command, "--output", "json", **answer)


def expect_free_tag(stand_ins: Any) -> None:
    expect_describe(stand_ins, f"imageTag={TAG}", code=254, stderr=NOT_FOUND)
    stand_ins.expect("aws", "ecr", "get-login-password", stdout="pa55word\n")


def stored(host: str, tag: str) -> tuple[bytes, str] | None:
    """What the registry holds: the manifest's bytes and the digest it names."""
    request = urllib.request.Request(
        f"http://{host}/v2/acme/payments/manifests/{tag}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read(), answer.headers["Docker-Content-Digest"]
    except urllib.error.HTTPError:
        return None


def test_the_registry_gets_the_same_digest(
    push: Callable[..., Any],
    registry: str,
    archive: tuple[Path, str],
    need: Callable[[str], str],
    stand_ins: Any,
    tmp_path: Path,
) -> None:
    need("skopeo")
    file, digest = archive
    expect_free_tag(stand_ins)
    expect_describe(stand_ins, f"imageDigest={digest}", stdout=details(digest, TAG))

    done = push(file, registry, digest)

    assert done.returncode == 0, done.stderr
    answer = stored(registry, TAG)
    assert answer is not None
    assert answer[1] == digest
    assert "pa55word" not in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*auth*.json"))  # the login is gone with the run


def test_the_password_goes_through_a_pipe_to_the_registrys_host(push: Callable[..., Any], stand_ins: Any) -> None:
    expect_free_tag(stand_ins)
    login = ("login", "--username", "AWS", "--password-stdin", "registry.example:5000")
    stand_ins.expect("skopeo", *login, reads_stdin=True)
    copy = ("copy", "--preserve-digests", "--retry-times", "3", "oci-archive:/tmp/image.tar")
    stand_ins.expect("skopeo", *copy, f"docker://registry.example:5000/acme/payments:{TAG}")
    expect_describe(stand_ins, f"imageDigest={OTHER}", stdout=details(OTHER, "old", TAG))

    done = push(Path("/tmp/image.tar"), "registry.example:5000", OTHER)

    assert done.returncode == 0, done.stderr
    first, second = stand_ins.calls("skopeo")
    assert first.stdin == "pa55word\n"
    assert first.environment["REGISTRY_AUTH_FILE"] == second.environment["REGISTRY_AUTH_FILE"]
    assert not Path(first.environment["REGISTRY_AUTH_FILE"]).exists()
    assert all("tls-verify" not in argument for call in (first, second) for argument in call.arguments)


def test_a_retry_of_the_same_execution_does_not_push_again(push: Callable[..., Any], stand_ins: Any) -> None:
    stand_ins.install("skopeo")
    expect_describe(stand_ins, f"imageTag={TAG}", stdout=details(OTHER, TAG))
    expect_describe(stand_ins, f"imageDigest={OTHER}", stdout=details(OTHER, TAG))

    done = push(Path("/nowhere"), "registry.example", OTHER)

    assert done.returncode == 0, done.stderr
    assert "nothing to push" in done.stdout


def test_a_tag_with_another_image_is_never_overwritten(push: Callable[..., Any], stand_ins: Any) -> None:
    stand_ins.install("skopeo")
    expect_describe(stand_ins, f"imageTag={TAG}", stdout=details("sha256:" + "d" * 64, TAG))

    done = push(Path("/nowhere"), "registry.example", OTHER)

    assert done.returncode == 1
    assert f"holds sha256:{'d' * 64}, not {OTHER}" in done.stderr


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"stdout": details("sha256:" + "d" * 64, TAG)}, "but reports [('sha256:ddd"),
        ({"stdout": details(OTHER, "another-tag")}, "but reports"),
        ({"stdout": json.dumps({"imageDetails": []})}, "but reports nothing"),
        ({"code": 254, "stderr": NOT_FOUND}, "but reports nothing"),
        ({"stdout": "half a {"}, "cannot be read"),
        ({"stdout": '{"imageDetails": [{}]}'}, "cannot be read"),
        ({"code": 254, "stderr": "An error occurred (AccessDeniedException) when calling"}, "AccessDeniedException"),
    ],
)
def test_ecr_must_report_exactly_that_digest_afterwards(
    push: Callable[..., Any], stand_ins: Any, answer: dict[str, Any], message: str
) -> None:
    expect_free_tag(stand_ins)
    stand_ins.expect("skopeo", "login", *["*"] * 4)
    stand_ins.expect("skopeo", "copy", *["*"] * 5)
    expect_describe(stand_ins, f"imageDigest={OTHER}", **answer)

    done = push(Path("/tmp/image.tar"), "registry.example", OTHER)

    assert done.returncode == 1
    assert message in done.stderr


def test_an_error_about_the_tag_is_not_taken_for_a_free_tag(push: Callable[..., Any], stand_ins: Any) -> None:
    stand_ins.install("skopeo")
    words = "An error occurred (ThrottlingException) when calling the DescribeImages operation: Rate exceeded"
    expect_describe(stand_ins, f"imageTag={TAG}", code=254, stderr=words)

    done = push(Path("/nowhere"), "registry.example", OTHER)

    assert done.returncode == 1
    assert "ThrottlingException" in done.stderr


def test_a_refused_login_does_not_show_the_password(push: Callable[..., Any], stand_ins: Any) -> None:
    expect_free_tag(stand_ins)
    stand_ins.expect("skopeo", "login", *["*"] * 4, code=1, stderr="unauthorized: pa55word is wrong")

    done = push(Path("/tmp/image.tar"), "registry.example", OTHER)

    assert done.returncode == 1
    assert "unauthorized" in done.stderr
    assert "pa55word" not in done.stdout + done.stderr


def test_a_missing_archive_fails(
    push: Callable[..., Any], registry: str, need: Callable[[str], str], stand_ins: Any, tmp_path: Path
) -> None:
    need("skopeo")
    expect_free_tag(stand_ins)

    done = push(tmp_path / "missing.tar", registry, OTHER)

    assert done.returncode == 1
    assert "skopeo copy ended with exit code 1" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE_DIGEST", ""),
        ("IMAGE_DIGEST", "sha256:" + "E" * 64),
        ("IMAGE_DIGEST", OTHER + "\n"),
        ("IMAGE_DIGEST", f"{OTHER} $(touch pwned)"),
        ("COMMIT", "none"),
        ("EXECUTION", "x"),
        ("REGISTRY", "registry.example"),
        ("REGISTRY", "registry.example/acme:latest"),
        ("REGISTRY", "--help/acme"),
    ],
)
def test_a_malformed_value_stops_everything(push: Callable[..., Any], stand_ins: Any, name: str, value: str) -> None:
    stand_ins.install("skopeo")
    stand_ins.install("aws")
    done = push(Path("/nowhere"), "registry.example", OTHER, **{name: value})
    assert done.returncode == 1
    assert f"environment variable {name}" in done.stderr
