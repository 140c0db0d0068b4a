"""skopeo: the real one. ECR's name is a registry on loopback, and what ECR itself would ask of the role is asked of the emulator.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html (which permissions a push needs)
"""

import base64
import json
import os
import re
import subprocess
import sys
import tarfile
from typing import Any

import said  # type: ignore[import-not-found]  # it runs from its folder

LOGIN = ["login", "--username", "AWS", "--password-stdin"]
COPY = ["copy", "--preserve-digests", "--retry-times", "3"]


def ecr() -> Any:
    """ECR, as the build's role."""
    sys.path.append(said.FACTS["site_packages"])
    import boto3

    return boto3.client("ecr", region_name=said.FACTS["region"])


def denied(error: Exception) -> None:
    print(f"FATA[0000] writing blob: {error}", file=sys.stderr)
    said.record("skopeo", said.REAL, arguments, 1, refused=str(error))
    sys.exit(1)


def manifest(archive: str) -> tuple[str, str, list[str]]:
    """Digest and text of the archive's manifest, and its blobs."""
    with tarfile.open(archive) as files:

        def read(name: str) -> bytes:
            found = files.extractfile(name)
            return found.read() if found else b""

        digest = str(json.loads(read("index.json"))["manifests"][0]["digest"])
        text = read("blobs/" + digest.replace(":", "/")).decode()
    content = json.loads(text)
    return digest, text, [content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


arguments = sys.argv[1:]
host, registry = said.FACTS["ecr"], said.FACTS["registry"]
if not os.environ.get("REGISTRY_AUTH_FILE"):
    said.refuse("skopeo", arguments, "without REGISTRY_AUTH_FILE the login would stay")
if arguments[:-1] == LOGIN and arguments[-1] == host:
    password = sys.stdin.read().strip()
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html: base64 of user:password
    given = base64.b64decode(ecr().get_authorization_token()["authorizationData"][0]["authorizationToken"]).decode()
    if password != given.partition(":")[2]:
        said.refuse("skopeo", arguments, "the password is not ECR's")
    login = [*LOGIN, "--tls-verify=false", registry]
    done = subprocess.run([said.program("skopeo"), *login], input=password, text=True, check=False)
    said.record("skopeo", said.REAL, arguments, done.returncode, at=registry)
    sys.exit(done.returncode)
to = re.fullmatch(rf"docker://{re.escape(host)}/([a-z0-9._/-]+):([A-Za-z0-9._-]+)", arguments[-1])
if arguments[:-2] != COPY or not arguments[-2].startswith("oci-archive:") or not to:
    raise said.refuse(
        "skopeo", arguments, f"right is `{' '.join(LOGIN)} {host}`, or `{' '.join(COPY)}` of an archive to it"
    )
name, tag, archive = to[1], to[2], arguments[-2].partition(":")[2]
digest, text, blobs = manifest(archive)
client = ecr()
try:
    there = client.batch_check_layer_availability(repositoryName=name, layerDigests=blobs)["layers"]
    for blob in (one["layerDigest"] for one in there if one["layerAvailability"] != "AVAILABLE"):
        upload = client.initiate_layer_upload(repositoryName=name)["uploadId"]
        part = {"partFirstByte": 0, "partLastByte": 0, "layerPartBlob": b"0"}  # the bytes go to the loopback registry
        client.upload_layer_part(repositoryName=name, uploadId=upload, **part)
        client.complete_layer_upload(repositoryName=name, uploadId=upload, layerDigests=[blob])
except Exception as error:
    denied(error)
copy = [*COPY, "--dest-tls-verify=false", arguments[-2], f"docker://{registry}/{name}:{tag}"]
code = subprocess.run([said.program("skopeo"), *copy], check=False).returncode
if code == 0:
    try:
        kind = json.loads(text).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        client.put_image(
            repositoryName=name, imageManifest=text, imageManifestMediaType=kind, imageTag=tag, imageDigest=digest
        )
    except Exception as error:
        denied(error)
said.record("skopeo", said.REAL, arguments, code, at=registry)
sys.exit(code)
