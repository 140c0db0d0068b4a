"""Push the verified OCI archive to ECR, byte for byte, and see that ECR has exactly that digest.

    push_image.py FILE    FILE is the archive that image.py fetched and verified

Tags are immutable and name commit and execution: a retry finds its own image and skips the push; a tag that holds
another image is an error, nothing is ever overwritten.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from common import Failure, aws, main, printable, run, scrub, setting
from delivery import COMMIT, DIGEST, EXECUTION, REGISTRY, aws_error

LOGIN_SECONDS = 120
COPY_SECONDS = 3600


def described(repository: str, image: str) -> list[tuple[str, list[str]]]:
    """Digest and tags of what ECR has under `imageTag=...` or `imageDigest=...`."""
    try:
        answer = aws(
            "ecr", "describe-images", "--repository-name", repository, "--image-ids", image, "--output", "json"
        )
    except Failure as failure:
        if aws_error(failure) == "ImageNotFoundException":
            return []
        raise
    try:
        details = json.loads(answer)["imageDetails"]
        return [(str(detail["imageDigest"]), [str(tag) for tag in detail.get("imageTags", [])]) for detail in details]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"ECR's answer about {image} cannot be read: {printable(answer, 300)}") from error


def push(archive: Path, registry: str, tag: str) -> None:
    """Copy the archive with its digest. The password goes through a pipe; the login lives as long as this call."""
    host = registry.split("/")[0]
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "REGISTRY_AUTH_FILE": str(Path(folder, "auth.json"))}
        password = aws("ecr", "get-login-password")
        login = ["skopeo", "login", "--username", "AWS", "--password-stdin", host]
        try:
            answer = subprocess.run(
                login, input=password, env=env, capture_output=True, text=True, timeout=LOGIN_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(f"skopeo could not log in to {host}: {type(error).__name__}") from error
        if answer.returncode != 0:
            words = printable(scrub(answer.stderr, [password.strip()]), 400)
            raise Failure(f"skopeo could not log in to {host}: {words}")
        copy = ["skopeo", "copy", "--preserve-digests", "--retry-times", "3"]
        copied = run([*copy, f"oci-archive:{archive}", f"docker://{registry}:{tag}"], timeout=COPY_SECONDS, env=env)
    if copied.code != 0:
        state = "did not end in time" if copied.code is None else f"ended with exit code {copied.code}"
        raise Failure(f"skopeo copy {state}: {printable(scrub(copied.err), 400)}")


def _script(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Failure("usage: push_image.py FILE")
    registry, digest = setting("REGISTRY", REGISTRY), setting("IMAGE_DIGEST", DIGEST)
    tag = f"{setting('COMMIT', COMMIT)[:12]}-{setting('EXECUTION', EXECUTION)[:8]}"
    repository = registry.split("/", 1)[1]
    there = [found for found, _ in described(repository, f"imageTag={tag}")]
    if not there:
        push(Path(arguments[0]), registry, tag)
    elif there == [digest]:
        print(f"{registry}:{tag} is there already with {digest}: a retry, nothing to push")
    else:
        raise Failure(f"{registry}:{tag} holds {there[0]}, not {digest}: tags are immutable, nothing is overwritten")
    stored = described(repository, f"imageDigest={digest}")
    if len(stored) != 1 or stored[0][0] != digest or tag not in stored[0][1]:
        raise Failure(f"ECR must report exactly {digest} with tag {tag}, but reports {stored or 'nothing'}")
    print(f"{registry}:{tag} is {digest}")


if __name__ == "__main__":
    main(_script)
