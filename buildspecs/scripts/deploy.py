"""Deploy one image digest to one namespace of an EKS cluster; if that fails, put the last released manifests back.

    deploy.py

The last released manifests stand in S3 and are fetched before anything is changed: `kubectl rollout undo` would forget
ConfigMaps, Services and custom resources. Objects that only the failed release had are left behind; nothing is deleted.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Failure, aws, main, printable, run, setting, upload
from delivery import BUCKET, DIGEST, PIPELINE, REGISTRY, SECONDS, in_repository

Manifests = list[dict[str, Any]]

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")  # the kinds that `kubectl rollout status` knows
# Kinds of Kubernetes itself that no namespace holds. Others are found by the server's dry run.
CLUSTER_KINDS = {
    "APIService",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "CSIDriver",
    "CSINode",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
}
CALL_SECONDS = 300
GRACE_SECONDS = 15  # `rollout status` ends by itself at its --timeout; after this much more it is killed


class Cluster:
    """kubectl, bound to one cluster and one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self.namespace = namespace

    def kubectl(self, *arguments: str, timeout: float = CALL_SECONDS) -> str:
        """Standard output of one call; Failure if it fails or does not end."""
        result = run(["kubectl", *arguments], timeout=timeout, env=self.env)
        if result.code is None:
            raise Failure(f"kubectl {arguments[0]}: did not end within {timeout:.0f} seconds and was killed")
        if result.code != 0:
            raise Failure(f"kubectl {arguments[0]} exited with {result.code}: {printable(result.err, 600)}")
        return result.out

    def apply(self, file: Path, *options: str) -> None:
        """Apply manifests to the namespace; kubectl itself refuses objects of another one."""
        said = self.kubectl("apply", "--namespace", self.namespace, *options, "--filename", str(file))
        print(said, end="", flush=True)

    def wait(self, manifests: Manifests, seconds: float) -> None:
        """Until every workload is rolled out; all of them together have that many seconds."""
        end = time.monotonic() + seconds
        for item in manifests:
            if item["kind"] in WORKLOADS and str(item["apiVersion"]).startswith("apps/"):
                name = f"{item['kind'].lower()}/{item['metadata']['name']}"
                left = max(1, round(end - time.monotonic()))
                wanted = ("--namespace", self.namespace, name, f"--timeout={left}s")
                print(self.kubectl("rollout", "status", *wanted, timeout=left + GRACE_SECONDS), end="", flush=True)


def decoded(text: str, what: str) -> Manifests:
    """The objects of a stream of JSON documents, lists flattened."""
    objects: Manifests = []
    try:
        while text := text.lstrip():
            value, end = json.JSONDecoder().raw_decode(text)
            objects += value["items"] if value["kind"] == "List" else [value]
            text = text[end:]
        named = all(re.fullmatch(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?", item["metadata"]["name"]) for item in objects)
        typed = all(isinstance(item["kind"], str) and isinstance(item["apiVersion"], str) for item in objects)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{what}: not Kubernetes objects, each with a plain metadata.name: {error}") from error
    if not (objects and named and typed):
        raise Failure(f"{what}: must hold at least one object, each with apiVersion, kind and a plain metadata.name")
    return objects


def rendered(cluster: Cluster, path: Path) -> Manifests:
    """The repository's manifests as kubectl reads them: a kustomization, a plain directory or a file.

    A local patch that changes nothing prints objects of every kind as JSON, without asking a server.
    """
    customized = path.is_dir() and any((path / name).is_file() for name in KUSTOMIZATIONS)
    read = ("--kustomize" if customized else "--filename", str(path))
    return decoded(
        cluster.kubectl("patch", "--local", "--type", "merge", "--patch", "{}", "--output", "json", *read), "manifests"
    )


def check(manifests: Manifests, namespace: str) -> None:
    """Only objects of this one namespace, and no Secret: its value would stand in the repository and in S3."""
    for item in manifests:
        name = f"{item['kind']} {item['metadata']['name']}"
        group = item["apiVersion"].rpartition("/")[0]
        if item["kind"] in CLUSTER_KINDS and ("." not in group or group.endswith(".k8s.io")):
            raise Failure(f"{name} belongs to the whole cluster: an administrator applies it, not this pipeline")
        if item["kind"] == "Secret" and not group:
            raise Failure(
                f"{name}: no Secret goes through this pipeline: make it in the cluster, out of a secret store"
            )
        found = item["metadata"].get("namespace")
        if found not in (None, namespace):
            raise Failure(f"{name} names the namespace {found!r}: it must be {namespace!r} or left out")


def containers(value: object) -> Iterator[dict[str, Any]]:
    """Every container and init container with an image, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("containers", "initContainers") and isinstance(inner, list):
                yield from (item for item in inner if isinstance(item, dict) and isinstance(item.get("image"), str))
            yield from containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from containers(inner)


def image_name(image: str) -> str:
    """The image without digest and tag; a colon before the last slash is a port."""
    return re.sub(r":[^:/]*$", "", image.split("@")[0])


def pin(manifests: Manifests, name: str, pinned: str) -> None:
    """Give the one container that has the image this exact digest."""
    found = list(containers(manifests))
    matching = [container for container in found if image_name(container["image"]) == name]
    if len(matching) != 1:
        images = printable(", ".join(sorted(container["image"] for container in found)) or "none", 600)
        raise Failure(
            f"exactly one container must have the image {name!r}, but {len(matching)} have it; images: {images}"
        )
    matching[0]["image"] = pinned
    if [container["image"] for container in found].count(pinned) != 1:
        raise Failure(f"{pinned} must stand in exactly one container, but another one has it already")


def last_release(bucket: str, key: str, file: Path) -> Manifests | None:
    """What was released last, or None before the first release.

    Listing, not fetching, tells whether it is there: without it S3 answers 403 to a missing key and to a missing
    permission alike.
    """
    query = ("--query", "Contents[].Key", "--output", "json")
    listed = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", key, *query)
    try:
        keys = json.loads(listed or "null") or []
    except ValueError as error:
        raise Failure(f"S3's list of releases cannot be read: {printable(listed, 300)}") from error
    if key not in keys:
        return None
    aws("s3", "cp", f"s3://{bucket}/{key}", str(file), "--only-show-errors")
    return decoded(file.read_text(encoding="utf-8"), f"last release s3://{bucket}/{key}")


def put_back(cluster: Cluster, previous: Manifests | None, file: Path, seconds: float) -> str:
    """Apply the last release again and wait for it; how that went."""
    if previous is None:
        return "this was the first release, there is nothing to put back: what was applied is still there"
    print("putting the last released manifests back", flush=True)
    try:
        cluster.apply(file)
        cluster.wait(previous, seconds)
    except Failure as failure:
        return f"PUTTING THE LAST RELEASE BACK FAILED AS WELL: {failure}"
    return "the last released manifests were put back and are rolled out"


def _script(arguments: list[str]) -> None:
    if arguments:
        raise Failure("usage: deploy.py")
    namespace, bucket = setting("NAMESPACE", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"), setting("ARTIFACTS_BUCKET", BUCKET)
    environment, name = setting("ENVIRONMENT", "staging|production"), setting("IMAGE_NAME", r"[a-z0-9][a-z0-9._:/-]*")
    key = f"releases/{setting('PIPELINE', PIPELINE)}/{environment}/manifests.yaml"
    pinned = f"{setting('REGISTRY', REGISTRY)}@{setting('IMAGE_DIGEST', DIGEST)}"
    seconds = float(setting("ROLLOUT_TIMEOUT", SECONDS))
    eks = setting("CLUSTER", r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig, new, old = (Path(folder, file) for file in ("kubeconfig", "new.yaml", "old.yaml"))
        cluster = Cluster(kubeconfig, namespace)
        manifests = rendered(cluster, in_repository(setting("MANIFESTS"), "MANIFESTS"))
        check(manifests, namespace)
        pin(manifests, name, pinned)
        new.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=1), encoding="utf-8")
        aws("eks", "update-kubeconfig", "--name", eks, "--kubeconfig", str(kubeconfig))
        previous = last_release(bucket, key, old)
        try:
            cluster.apply(new, "--dry-run=server")
        except Failure as failure:
            raise Failure(f"the cluster would not take the manifests, nothing was changed: {failure}") from failure
        try:
            cluster.apply(new)
            cluster.wait(manifests, seconds)
        except Failure as failure:
            raise Failure(f"{failure}; {put_back(cluster, previous, old, seconds)}") from failure
        try:
            upload(new, bucket, key)
        except Failure as failure:
            raise Failure(
                f"{pinned} is rolled out, but could not be recorded as the last release, so the next failure would put "
                f"an older one back; run this action again: {failure}"
            ) from failure
    print(f"{environment}: {pinned} is rolled out")


if __name__ == "__main__":
    main(_script)
