"""Deploy one image digest to one namespace of an EKS cluster; if that fails, put the last released manifests back.

    deploy.py

The last released manifests stand in S3 and are fetched before anything is changed: `kubectl rollout undo` would forget
ConfigMaps, Services and custom resources. Objects that only the failed release had are left behind; nothing is deleted.

What is applied is the commit's and nothing else: no base from another place, no image beside the released one that
OTHER_IMAGES (a JSON list of references with digests) does not name.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import Failure, aws, main, printable, run, setting, source_dir
from delivery import BUCKET, DIGEST, IMAGE, PIPELINE, REGISTRY, SECONDS, in_repository

Manifests = list[dict[str, Any]]

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")  # the kinds that `kubectl rollout status` knows
# Mappings of texts whose keys are anybody's: `image` among them means nothing.
TEXTS = ("annotations", "data", "labels", "matchLabels", "nodeSelector", "selector")
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
# Fields of a kustomization that name files; of those in BASES an entry may also be a directory.
BASES = ("bases", "components", "generators", "resources", "transformers", "validators")
FILES = ("configurations", "crds", "openapi", "patches", "patchesjson6902", "patchesstrategicmerge", "replacements")
GENERATORS = ("configmapgenerator", "secretgenerator")
# What kustomize may take for an address: a scheme, `user@host:`, `git::`, `gh:`, a query, `//`, `.git` and GitHub's name.
REMOTE = re.compile(r"[:?]|//|\.git(/|$)|_git/|(^|/)github\.com(/|$)", re.IGNORECASE)
# A port where nobody listens: rendering needs no network, so whatever asks for it fails at once.
NOWHERE = "http://127.0.0.1:9"
# Every call's limit. The build has 20 minutes beside both rollouts; all calls at their limits take 13 of them.
CALL_SECONDS = 120  # kubectl: render, dry run, apply, put back
AWS_SECONDS = 60  # log in, list, fetch, record
GRACE_SECONDS = 15  # `rollout status` ends by itself at its --timeout; after this much more it is killed


def kubectl(arguments: Sequence[str], env: Mapping[str, str], timeout: float) -> str:
    """Standard output of one call; Failure if it fails or does not end."""
    result = run(["kubectl", *arguments], timeout=timeout, env=env)
    if result.code is None:
        raise Failure(f"kubectl {arguments[0]}: did not end within {timeout:.0f} seconds and was killed")
    if result.code != 0:
        raise Failure(f"kubectl {arguments[0]} exited with {result.code}: {printable(result.err, 600)}")
    return result.out


def without_network(home: Path) -> dict[str, str]:
    """An environment in which nothing remote can be fetched, and in which there are no credentials to fetch it with."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KUBECONFIG": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",  # a list of the protocols that git may use; there is none of this name
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{name: NOWHERE for proxy in proxies for name in (proxy, proxy.lower())},
        "NO_PROXY": "",
        "no_proxy": "",
    }


class Cluster:
    """kubectl, bound to one cluster and one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self.folder = kubeconfig.parent
        self.namespace = namespace

    def as_json(self, *read: str) -> str:
        """Manifests as JSON: a local patch that changes nothing prints objects of every kind and asks no server."""
        patch = ("patch", "--local", "--type", "merge", "--patch", "{}", "--output", "json")
        return kubectl((*patch, *read), without_network(self.folder), CALL_SECONDS)

    def kubectl(self, *arguments: str, timeout: float = CALL_SECONDS) -> str:
        """Standard output of one call to the cluster; Failure if it fails or does not end."""
        return kubectl(arguments, self.env, timeout)

    def apply(self, file: Path, *options: str) -> None:
        """Apply manifests to the namespace; kubectl itself refuses objects of another one."""
        said = self.kubectl("apply", "--namespace", self.namespace, *options, "--filename", str(file))
        print(said, end="", flush=True)

    def wait(self, manifests: Manifests, seconds: float) -> None:
        """Until every workload is rolled out; all of them together have that many seconds."""
        end = time.monotonic() + seconds
        for item in manifests:
            if rolled_out(item):
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
    """The repository's manifests as kubectl reads them: a kustomization, a plain directory or a file."""
    customized = path.is_dir() and any((path / name).is_file() for name in KUSTOMIZATIONS)
    read = ("--kustomize" if customized else "--filename", str(path))
    return decoded(cluster.as_json(*read), "manifests")


def kustomization(cluster: Cluster, file: Path) -> dict[str, Any]:
    """A kustomization's fields, their names in lower case: kustomize reads them in any.

    There is no YAML in Python's library. kubectl reads objects only, so the file's lines go into one.
    """
    shown = printable(str(file.relative_to(source_dir())), 200)
    wrapped = cluster.folder / "wrapped.yaml"
    head = "apiVersion: example.com/v1\nkind: Wrapped\nmetadata:\n  name: wrapped\nfields:\n"
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
        while re.fullmatch(r"\s*(#.*)?|---\s*(#.*)?", lines[0]) and len(lines) > 1:
            del lines[0]
        wrapped.write_text(head + "".join(f"  {line}\n" for line in lines), encoding="utf-8")
        (wrapper,) = decoded(cluster.as_json("--filename", str(wrapped)), shown)
        fields = wrapper["fields"]
        return {str(name).lower(): value for name, value in fields.items()}
    except (Failure, KeyError, ValueError, AttributeError) as failure:
        raise Failure(f"{shown}: cannot be read as one YAML document of a kustomization: {failure}") from failure


def entries(value: object) -> list[Any]:
    """A field's entries, whether it holds a list, one thing or nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


def named_files(fields: dict[str, Any]) -> Iterator[str]:
    """What a kustomization names beside its bases: patches, configurations, files of its generators."""
    for field in FILES:
        for entry in entries(fields.get(field)):
            path = entry.get("path") if isinstance(entry, dict) else entry
            if isinstance(path, str) and "\n" not in path:  # or else a patch that stands here itself
                yield path
    for field in GENERATORS:
        for generator in entries(fields.get(field)):
            if isinstance(generator, dict):
                for entry in entries(generator.get("files")):
                    yield str(entry).rpartition("=")[2]
                yield from (str(entry) for name in ("envs", "env") for entry in entries(generator.get(name)))


def only_the_commit(cluster: Cluster, path: Path, seen: set[Path]) -> None:
    """Refuse manifests that come from elsewhere: a remote base can change between staging and production.

    This check says it in a sentence; `without_network` holds for what it does not see (a plugin's own settings).
    """
    root = source_dir()

    def inside(found: Path) -> bool:
        real = Path(os.path.realpath(found))
        return real == root or root in real.parents

    if path in seen:
        return
    seen.add(path)
    for found in sorted(path.rglob("*")) if path.is_dir() else ():
        if found.is_symlink() and not inside(found):
            shown = printable(str(found.relative_to(root)), 200)
            raise Failure(f"{shown} is a link that leads out of the repository: put the file itself there")
    for file in (path / name for name in KUSTOMIZATIONS):
        if not (path.is_dir() and file.is_file()):
            continue
        shown = printable(str(file.relative_to(root)), 200)
        fields = kustomization(cluster, file)
        charts = sorted(name for name in fields if name.startswith("helm"))
        if charts:
            raise Failure(f"{shown}: {charts[0]}: charts are not part of the commit: put what they render into it")
        bases = [entry for field in BASES for entry in entries(fields.get(field)) if isinstance(entry, str)]
        bases = [entry for entry in bases if "\n" not in entry]  # a generator can stand here itself
        for entry in (*bases, *named_files(fields)):
            if REMOTE.search(entry):
                raise Failure(
                    f"{shown} names {printable(entry, 200)!r}, which is an address and not part of the commit: what it "
                    "holds can change between staging and production; copy it into the repository and name its path"
                )
        for entry in bases:
            base = Path(os.path.realpath(path / entry))
            if not inside(base):
                raise Failure(f"{shown} names {printable(entry, 200)!r}, which lies outside the repository")
            if not base.exists():
                raise Failure(f"{shown} names {printable(entry, 200)!r}, which is not in the repository")
            only_the_commit(cluster, base, seen)


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
    """Everything with an image, wherever it stands: containers of every sort, volumes, custom resources' own."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value
        for key, inner in value.items():
            if key == "image" and isinstance(inner, dict) and isinstance(inner.get("reference"), str):
                yield {"image": inner["reference"]}  # a volume that is an image
            if not (key in TEXTS and isinstance(inner, dict) and all(isinstance(text, str) for text in inner.values())):
                yield from containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from containers(inner)


def image_name(image: str) -> str:
    """The image without digest and tag; a colon before the last slash is a port."""
    return re.sub(r":[^:/]*$", "", image.split("@")[0])


def rolled_out(item: dict[str, Any]) -> bool:
    """Whether `rollout status` waits for this object's pods."""
    return item["kind"] in WORKLOADS and str(item["apiVersion"]).startswith("apps/")


def runs(item: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a rollout that succeeds proves that this container of the object has started."""
    spec = item.get("spec")
    if not (rolled_out(item) and isinstance(spec, dict) and spec.get("replicas") != 0):
        return False
    strategy = spec.get("updateStrategy")
    rolling = strategy.get("rollingUpdate") if isinstance(strategy, dict) else None
    if item["kind"] == "StatefulSet" and isinstance(rolling, dict) and rolling.get("partition"):
        return False  # the pods below the partition keep the old image
    return any(container is found for found in containers(spec.get("template")))


def pin(manifests: Manifests, name: str, pinned: str, others: Sequence[str] = ()) -> None:
    """Give the one container that has the image this exact digest; no other image may stand there but `others`."""
    found = [(item, box) for item in manifests for box in containers(item)]
    matching = [(item, box) for item, box in found if image_name(box["image"]) == name]
    if len(matching) != 1:
        images = printable(", ".join(sorted(box["image"] for _, box in found)) or "none", 600)
        raise Failure(
            f"exactly one container must have the image {name!r}, but {len(matching)} have it; images: {images}"
        )
    ((owner, container),) = matching
    if not runs(owner, container):
        raise Failure(
            f"{owner['kind']} {owner['metadata']['name']} holds the image {name!r}, but no rollout would prove that it "
            f"runs: it must be in one of {', '.join(WORKLOADS)}, with replicas and without a partition"
        )
    rest = [box["image"] for _, box in found if box is not container]
    if pinned in rest:
        raise Failure(f"{pinned} must stand in exactly one container, but another one has it already")
    refused = sorted({image for image in rest if image not in others})
    if refused:
        raise Failure(
            f"images that nobody scanned: {printable(', '.join(refused), 600)}; give each its digest in the manifests "
            "(name@sha256:...) and name it so under `other_images` in pipelines.yaml, or leave it out"
        )
    container["image"] = pinned


def other_images() -> list[str]:
    """OTHER_IMAGES: what may stand in the manifests beside the pipeline's own image. Nothing if it is absent."""
    given = os.environ.get("OTHER_IMAGES") or "[]"
    try:
        images = json.loads(given)
    except ValueError:
        images = None
    if not (isinstance(images, list) and all(isinstance(image, str) for image in images)):
        raise Failure(f"environment variable OTHER_IMAGES is {printable(given, 60)!r}; it must be a JSON list of texts")
    for image in images:
        if not re.fullmatch(IMAGE, image):
            raise Failure(
                f"environment variable OTHER_IMAGES: {printable(image, 300)!r} has no digest, and a tag can move; "
                "write name@sha256:<64 hexadecimal digits>"
            )
    return images


def last_release(bucket: str, key: str, file: Path) -> Manifests | None:
    """What was released last, or None before the first release.

    Listing, not fetching, tells whether it is there: without it S3 answers 403 to a missing key and to a missing
    permission alike.
    """
    query = ("--query", "Contents[].Key", "--output", "json")
    listed = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", key, *query, timeout=AWS_SECONDS)
    try:
        keys = json.loads(listed or "null") or []
    except ValueError as error:
        raise Failure(f"S3's list of releases cannot be read: {printable(listed, 300)}") from error
    if key not in keys:
        return None
    aws("s3", "cp", f"s3://{bucket}/{key}", str(file), "--only-show-errors", timeout=AWS_SECONDS)
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
    eks, others = setting("CLUSTER", r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}"), other_images()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig, new, old = (Path(folder, file) for file in ("kubeconfig", "new.yaml", "old.yaml"))
        cluster = Cluster(kubeconfig, namespace)
        path = in_repository(setting("MANIFESTS"), "MANIFESTS")
        only_the_commit(cluster, path, set())
        manifests = rendered(cluster, path)
        check(manifests, namespace)
        pin(manifests, name, pinned, others)
        new.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=1), encoding="utf-8")
        aws("eks", "update-kubeconfig", "--name", eks, "--kubeconfig", str(kubeconfig), timeout=AWS_SECONDS)
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
            aws("s3", "cp", str(new), f"s3://{bucket}/{key}", "--only-show-errors", timeout=AWS_SECONDS)
        except Failure as failure:
            raise Failure(
                f"{pinned} is rolled out, but could not be recorded as the last release, so the next failure would put "
                f"an older one back; run this action again: {failure}"
            ) from failure
    print(f"{environment}: {pinned} is rolled out")


if __name__ == "__main__":
    main(_script)
