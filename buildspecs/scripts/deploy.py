"""Deploy one image digest to one namespace of an EKS cluster; if that fails, put the last released manifests back.

    deploy.py

The last released manifests stand in S3 and are fetched before anything is changed: `kubectl rollout undo` would forget
ConfigMaps, Services and custom resources. Objects that only the failed release had are left behind; nothing is deleted.

What is applied is the commit's and nothing else: no base from another place, no image beside the released one that
OTHER_IMAGES (a JSON list of references with digests) does not name.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from common import Failure, aws, main, printable, setting
from delivery import BUCKET, DIGEST, PIPELINE, REGISTRY, SECONDS, in_repository
from kubectl import Cluster
from manifests import Manifests, check, decoded
from pinning import other_images, pin
from rendering import only_the_commit, rendered

AWS_SECONDS = 60  # log in, list, fetch, record; why so few: kubectl.py


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
        only_the_commit(Path(folder), path, set())
        manifests = rendered(Path(folder), path)
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
