"""deploy.py: what is applied, what is refused before anything changes, and the way back.

kubectl reads and renders the manifests for real; its calls to a cluster, and AWS, are strict stand-ins.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

DIGEST = "sha256:" + "a" * 64
REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/payments"
PINNED = f"{REGISTRY}@{DIGEST}"
BUSYBOX = "docker.io/library/busybox@sha256:" + "b" * 64
KEY = "releases/payments/staging/manifests.yaml"
DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      initContainers:
        - name: wait
          image: {BUSYBOX}
      containers:
        - name: web
          image: payments:dev
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports: [{port: 80}]
"""
OLD = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "old-web"}, "spec": {}}],
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "k8s").mkdir(parents=True)
    (folder / "k8s" / "deployment.yaml").write_text(DEPLOYMENT)
    (folder / "k8s" / "service.yml").write_text(SERVICE)
    return folder


@pytest.fixture
def deploy(
    repository: Path, scripts: Path, stand_ins: Any, need: Callable[[str], str], tmp_path: Path
) -> Callable[..., Any]:
    """Run deploy.py; only `kubectl patch --local`, which asks no server, is the real one."""
    stand_ins.pass_on("kubectl", "patch", "--local", real=need("kubectl"))
    stand_ins.install("aws")

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "CODEBUILD_SRC_DIR": str(repository),
            "PIPELINE": "payments",
            "CLUSTER": "staging-cluster",
            "NAMESPACE": "shop",
            "MANIFESTS": "k8s",
            "IMAGE_NAME": "payments",
            "REGISTRY": REGISTRY,
            "IMAGE_DIGEST": DIGEST,
            "ENVIRONMENT": "staging",
            "ROLLOUT_TIMEOUT": "60",
            "ARTIFACTS_BUCKET": "artifacts",
            "OTHER_IMAGES": json.dumps([BUSYBOX]),
        }
        return subprocess.run(
            [sys.executable, str(scripts / "deploy.py")],
            cwd=repository,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def expect_login(stand_ins: Any) -> None:
    stand_ins.expect("aws", "eks", "update-kubeconfig", "--name", "staging-cluster", "--kubeconfig", "*")


def expect_last_release(stand_ins: Any, release: object = None) -> None:
    listing = ("aws", "s3api", "list-objects-v2", "--bucket", "artifacts", "--prefix", KEY)
    keys = "null" if release is None else json.dumps([KEY])
    stand_ins.expect(*listing, "--query", "Contents[].Key", "--output", "json", stdout=keys)
    if release is not None:
        fetch = ("aws", "s3", "cp", f"s3://artifacts/{KEY}", "*", "--only-show-errors")
        stand_ins.expect(*fetch, writes={3: json.dumps(release)})


def expect_apply(stand_ins: Any, file: str, *options: str, **result: Any) -> None:
    stand_ins.expect("kubectl", "apply", "--namespace", "shop", *options, "--filename", f"*/{file}.yaml", **result)


def expect_rollout(stand_ins: Any, workload: str, **result: Any) -> None:
    stand_ins.expect("kubectl", "rollout", "status", "--namespace", "shop", workload, "--timeout=*s", **result)


def expect_record(stand_ins: Any, **result: Any) -> None:
    target = ("s3://artifacts/" + KEY, "--only-show-errors")
    stand_ins.expect("aws", "s3", "cp", "*/new.yaml", *target, **result)


def applied(stand_ins: Any, position: int = 0) -> list[dict[str, Any]]:
    """The objects of that apply."""
    calls = [call for call in stand_ins.calls("kubectl") if call.arguments[0] == "apply"]
    (content,) = calls[position].files.values()
    return json.loads(content)["items"]  # type: ignore[no-any-return]


def images(objects: list[dict[str, Any]]) -> list[str]:
    found = []
    for item in objects:
        pod = item.get("spec", {}).get("template", {}).get("spec", {})
        found += [c["image"] for kind in ("initContainers", "containers") for c in pod.get(kind, [])]
    return found


def test_the_digest_is_applied_waited_for_and_recorded(deploy: Callable[..., Any], stand_ins: Any) -> None:
    expect_login(stand_ins)
    expect_last_release(stand_ins, OLD)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new", stdout="deployment.apps/web configured\n")
    expect_rollout(stand_ins, "deployment/web")
    expect_record(stand_ins)

    done = deploy()

    assert done.returncode == 0, done.stderr
    objects = applied(stand_ins, 1)
    assert [item["kind"] for item in objects] == ["Deployment", "Service"]
    assert images(objects) == [BUSYBOX, PINNED]
    order = [call.arguments[:2] for call in stand_ins.calls()]
    assert order.index(["s3", "cp"]) < order.index(["apply", "--namespace"])  # the way back first
    record = next(call for call in stand_ins.calls("aws") if call.arguments[3] == f"s3://artifacts/{KEY}")
    (recorded,) = record.files.values()
    assert images(json.loads(recorded)["items"]) == [BUSYBOX, PINNED]
    rollout = next(call for call in stand_ins.calls("kubectl") if call.arguments[0] == "rollout")
    login = next(call for call in stand_ins.calls("aws") if call.arguments[0] == "eks")
    assert rollout.environment["KUBECONFIG"] == login.arguments[-1]
    assert 1 <= int(rollout.arguments[-1].removeprefix("--timeout=").removesuffix("s")) <= 60


@pytest.mark.parametrize("layout", ["kustomize", "file", "overlay"])
def test_kustomizations_and_single_files_are_rendered(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, layout: str
) -> None:
    manifests, workload = "k8s", "web"
    if layout == "file":
        manifests = "k8s/deployment.yaml"
    else:
        (repository / "k8s" / "kustomization.yaml").write_text("resources: [deployment.yaml, service.yml]\n")
    if layout == "overlay":
        overlay = repository / "overlays" / "staging"
        overlay.mkdir(parents=True)
        (overlay / "Kustomization").write_text("resources: [../../k8s]\nnamespace: shop\nnamePrefix: staging-\n")
        manifests, workload = "overlays/staging", "staging-web"
    expect_login(stand_ins)
    expect_last_release(stand_ins)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new")
    expect_rollout(stand_ins, f"deployment/{workload}")
    expect_record(stand_ins)

    done = deploy(MANIFESTS=manifests)

    assert done.returncode == 0, done.stderr
    assert images(applied(stand_ins)) == [BUSYBOX, PINNED]


def test_every_kind_of_workload_is_waited_for(deploy: Callable[..., Any], repository: Path, stand_ins: Any) -> None:
    extra = "---\napiVersion: apps/v1\nkind: {}\nmetadata:\n  name: {}\n"
    more = extra.format("StatefulSet", "db") + extra.format("DaemonSet", "agent") + extra.format("ReplicaSet", "rs")
    (repository / "k8s" / "deployment.yaml").write_text(DEPLOYMENT + more)
    expect_login(stand_ins)
    expect_last_release(stand_ins)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new")
    for workload in ("deployment/web", "statefulset/db", "daemonset/agent"):
        expect_rollout(stand_ins, workload)
    expect_record(stand_ins)
    assert deploy().returncode == 0


@pytest.mark.parametrize(
    ("name", "count", "shown"),
    [("payment", 0, f"images: {BUSYBOX}, payments:dev"), ("payments", 2, "images: payments:1, payments:dev")],
)
def test_the_image_must_match_exactly_one_container(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, name: str, count: int, shown: str
) -> None:
    if count == 2:  # init containers count
        (repository / "k8s" / "deployment.yaml").write_text(DEPLOYMENT.replace(BUSYBOX, "payments:1"))
    done = deploy(IMAGE_NAME=name)
    assert done.returncode == 1
    assert f"exactly one container must have the image {name!r}, but {count} have it; {shown}" in done.stderr


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("registry.example:5000/team/payments:dev", "registry.example:5000/team/payments"),
        ("registry.example:5000/team/payments", "registry.example:5000/team/payments"),
        (f"payments@{DIGEST}", "payments"),
        (f"payments:dev@{DIGEST}", "payments"),
        ("team/payments", "team/payments"),
    ],
)
def test_the_name_is_what_stands_before_tag_and_digest(load: Callable[[str], Any], image: str, name: str) -> None:
    assert load("pinning").image_name(image) == name


@pytest.mark.parametrize("image", ["xpayments", "payments.x", "team/payments", "payments/x"])
def test_a_name_is_matched_as_a_whole(deploy: Callable[..., Any], repository: Path, stand_ins: Any, image: str) -> None:
    (repository / "k8s" / "deployment.yaml").write_text(DEPLOYMENT.replace("payments:dev", image))
    done = deploy()
    assert done.returncode == 1
    assert "but 0 have it" in done.stderr


def test_a_digest_that_another_container_has_already_is_refused(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any
) -> None:
    (repository / "k8s" / "deployment.yaml").write_text(DEPLOYMENT.replace(BUSYBOX, PINNED))
    done = deploy()
    assert done.returncode == 1
    assert "must stand in exactly one container" in done.stderr


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}", "Namespace shop belongs to the whole cluster"),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}",
            "ClusterRole all belongs to the whole cluster",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: other}", "c names the namespace 'other'"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}", "Secret s: no Secret goes through this pipeline"),
        (
            "apiVersion: v1\nkind: List\nitems:\n"
            "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c, namespace: other}",
            "names the namespace 'other'",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: c}", "a plain metadata.name"),
    ],
)
def test_objects_that_do_not_belong_here_fail_before_the_cluster_is_asked(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, manifest: str, message: str
) -> None:
    (repository / "k8s" / "extra.yaml").write_text(manifest + "\n")
    done = deploy()
    assert done.returncode == 1
    assert message in done.stderr
    assert stand_ins.calls() == []


@pytest.mark.parametrize(
    ("manifests", "message"),
    [
        ("missing", "is not in the repository"),
        ("../elsewhere", "lies outside the repository"),
        ("link", "lies outside the repository"),
        ("empty", "recognized file extensions"),
        ("broken.yaml", "kubectl patch exited with 1"),
        ("$(touch pwned)", "is not in the repository"),
        ("--server=https://evil.example", "is not in the repository"),
    ],
)
def test_manifests_that_cannot_be_read_fail(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path, manifests: str, message: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repository / "link").symlink_to(tmp_path / "elsewhere")
    (repository / "empty").mkdir()
    (repository / "broken.yaml").write_text("kind: [\n")
    done = deploy(MANIFESTS=manifests)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert stand_ins.calls() == []
    assert not (repository / "pwned").exists()


def test_hostile_file_names_are_only_names(deploy: Callable[..., Any], repository: Path, stand_ins: Any) -> None:
    (repository / "k8s" / "service.yml").rename(repository / "k8s" / "--kubeconfig=$(touch pwned);.yml")
    expect_login(stand_ins)
    expect_last_release(stand_ins)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new")
    expect_rollout(stand_ins, "deployment/web")
    expect_record(stand_ins)
    assert deploy().returncode == 0
    assert len(applied(stand_ins)) == 2
    assert not (repository / "pwned").exists()


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        ({"code": 254, "stderr": "An error occurred (AccessDenied) when calling ListObjectsV2"}, "AccessDenied"),
        ({"stdout": "<html>"}, "cannot be read"),
    ],
)
def test_nothing_is_applied_without_knowing_the_way_back(
    deploy: Callable[..., Any], stand_ins: Any, listing: dict[str, Any], message: str
) -> None:
    expect_login(stand_ins)
    stand_ins.expect("aws", "s3api", "list-objects-v2", *["*"] * 8, **listing)
    done = deploy()
    assert done.returncode == 1
    assert message in done.stderr
    assert stand_ins.calls("kubectl") == []


@pytest.mark.parametrize("content", [None, "", "{", '{"kind": "List", "items": []}', "[]"])
def test_a_last_release_that_cannot_be_read_stops_the_deploy(
    deploy: Callable[..., Any], stand_ins: Any, content: str | None
) -> None:
    expect_login(stand_ins)
    stand_ins.expect("aws", "s3api", "list-objects-v2", *["*"] * 8, stdout=json.dumps([KEY]))
    fails = {"code": 1, "stderr": "An error occurred (403) when calling the GetObject operation: Forbidden"}
    result: dict[str, Any] = fails if content is None else {"writes": {3: content}}
    stand_ins.expect("aws", "s3", "cp", f"s3://artifacts/{KEY}", "*", "--only-show-errors", **result)
    done = deploy()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert stand_ins.calls("kubectl") == []


def test_a_longer_key_is_not_taken_for_the_last_release(deploy: Callable[..., Any], stand_ins: Any) -> None:
    expect_login(stand_ins)
    stand_ins.expect("aws", "s3api", "list-objects-v2", *["*"] * 8, stdout=json.dumps([KEY + ".bak"]))
    expect_apply(stand_ins, "new", "--dry-run=server", code=1, stderr="stop here")
    assert "stop here" in deploy().stderr


def test_what_the_cluster_would_refuse_changes_nothing(deploy: Callable[..., Any], stand_ins: Any) -> None:
    expect_login(stand_ins)
    expect_last_release(stand_ins, OLD)
    words = 'clusterfoos.example.com is forbidden: cannot get resource "clusterfoos" at the cluster scope'
    expect_apply(stand_ins, "new", "--dry-run=server", code=1, stderr=words)
    done = deploy()
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert "forbidden" in done.stderr


def fails_after(stand_ins: Any, release: object, *, apply: int = 0) -> None:
    """Up to a rollout (or an apply) that fails."""
    expect_login(stand_ins)
    expect_last_release(stand_ins, release)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new", code=apply, stderr="error: connection refused" if apply else "")
    if not apply:
        expect_rollout(stand_ins, "deployment/web", code=1, stderr="error: timed out waiting for the condition")


@pytest.mark.parametrize("apply", [0, 1])
def test_a_failed_release_puts_the_last_one_back_and_still_fails(
    deploy: Callable[..., Any], stand_ins: Any, apply: int
) -> None:
    fails_after(stand_ins, OLD, apply=apply)
    expect_apply(stand_ins, "old")
    expect_rollout(stand_ins, "deployment/old-web")

    done = deploy()

    assert done.returncode == 1
    cause = "connection refused" if apply else "timed out waiting for the condition"
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.index(cause) < line.index("the last released manifests were put back and are rolled out")
    assert applied(stand_ins, -1) == OLD["items"]


@pytest.mark.parametrize("step", ["apply", "rollout"])
def test_both_causes_are_named_when_the_way_back_fails_too(
    deploy: Callable[..., Any], stand_ins: Any, step: str
) -> None:
    fails_after(stand_ins, OLD)
    expect_apply(stand_ins, "old", **({"code": 1, "stderr": "quota exceeded"} if step == "apply" else {}))
    if step == "rollout":
        expect_rollout(stand_ins, "deployment/old-web", code=1, stderr="quota exceeded")

    done = deploy()

    assert done.returncode == 1
    first, second = done.stderr.index("timed out"), done.stderr.index("PUTTING THE LAST RELEASE BACK FAILED AS WELL")
    assert first < second < done.stderr.index("quota exceeded")


def test_the_first_release_has_nothing_to_go_back_to(deploy: Callable[..., Any], stand_ins: Any) -> None:
    fails_after(stand_ins, None)
    done = deploy()
    assert done.returncode == 1
    assert "timed out" in done.stderr
    assert "this was the first release, there is nothing to put back" in done.stderr


def test_a_release_that_cannot_be_recorded_fails_but_stays(deploy: Callable[..., Any], stand_ins: Any) -> None:
    expect_login(stand_ins)
    expect_last_release(stand_ins, OLD)
    expect_apply(stand_ins, "new", "--dry-run=server")
    expect_apply(stand_ins, "new")
    expect_rollout(stand_ins, "deployment/web")
    expect_record(stand_ins, code=1, stderr="An error occurred (SlowDown)")
    done = deploy()
    assert done.returncode == 1
    assert "is rolled out, but could not be recorded" in done.stderr


def test_a_hanging_kubectl_is_ended_and_counts_as_a_failed_rollout(
    load: Callable[[str], Any], stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", stand_ins.path)
    expect_rollout(stand_ins, "deployment/web", seconds=30)
    kubectl = load("kubectl")
    monkeypatch.setattr(kubectl, "GRACE_SECONDS", 0)
    cluster = kubectl.Cluster(tmp_path / "kubeconfig", "shop")
    started = time.monotonic()
    with pytest.raises(kubectl.Failure, match="kubectl rollout: did not end within 1 seconds and was killed"):
        cluster.wait([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}], 1)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE_DIGEST", DIGEST + "\nx"),
        ("IMAGE_DIGEST", "latest"),
        ("IMAGE_DIGEST", f'{DIGEST}"; touch pwned; "'),
        ("REGISTRY", "evil.example"),
        ("NAMESPACE", "--all-namespaces"),
        ("CLUSTER", "a b"),
        ("ENVIRONMENT", "../production"),
        ("IMAGE_NAME", ""),
        ("ROLLOUT_TIMEOUT", "-1"),
        ("PIPELINE", "../x"),
    ],
)
def test_a_malformed_value_touches_nothing(deploy: Callable[..., Any], stand_ins: Any, name: str, value: str) -> None:
    done = deploy(**{name: value})
    assert done.returncode == 1
    assert f"environment variable {name}" in done.stderr
    assert stand_ins.calls() == []


EVIL = "docker.io/evil/miner:latest"
DIGESTED = "docker.io/evil/miner@sha256:" + "c" * 64
JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec:
  schedule: "0 0 * * *"
  suspend: true
  jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: IMAGE}]}}}}
"""
POD = "metadata: {name: more}\nspec: {containers: [], SORT: [{name: more, image: IMAGE}]}\n"


@pytest.mark.parametrize(
    "manifest",
    [
        JOB,
        *(
            "apiVersion: v1\nkind: Pod\n" + POD.replace("SORT", sort)
            for sort in ("initContainers", "ephemeralContainers")
        ),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: more}\nspec: {containers: [{name: more, image: IMAGE}]}\n",
        "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: m}\ntemplate: {spec: {containers: [{name: m, image: IMAGE}]}}\n",
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: m}\n"
        "spec: {template: {spec: {containers: [{name: m, image: IMAGE}]}}}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: m}\nspec: {volumes: [{name: m, image: {reference: IMAGE}}]}\n",
        "apiVersion: example.com/v1\nkind: Machine\nmetadata: {name: m}\nspec: {image: IMAGE}\n",
    ],
)
def test_no_other_image_stands_beside_the_scanned_one(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, manifest: str
) -> None:
    (repository / "k8s" / "more.yaml").write_text(manifest.replace("IMAGE", EVIL))
    done = deploy()
    assert done.returncode == 1
    assert f"images that nobody scanned: {EVIL}; give each its digest" in done.stderr
    assert stand_ins.calls() == []

    (repository / "k8s" / "more.yaml").write_text(manifest.replace("IMAGE", DIGESTED))
    assert f"images that nobody scanned: {DIGESTED};" in deploy().stderr  # a digest alone does not do
    assert stand_ins.calls() == []


def test_without_the_variable_no_other_image_is_allowed(deploy: Callable[..., Any], stand_ins: Any) -> None:
    assert f"images that nobody scanned: {BUSYBOX};" in deploy(OTHER_IMAGES="").stderr
    assert f"images that nobody scanned: {BUSYBOX};" in deploy(OTHER_IMAGES="[]").stderr
    assert stand_ins.calls() == []


def test_an_other_image_that_is_named_is_applied_as_it_is(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any
) -> None:
    (repository / "k8s" / "more.yaml").write_text(JOB.replace("IMAGE", DIGESTED))
    labels = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {image: x}}\ndata: {image: y}\n"
    (repository / "k8s" / "texts.yaml").write_text(labels)  # keys of that name that run nothing
    expect_login(stand_ins)
    expect_last_release(stand_ins)
    expect_apply(stand_ins, "new", "--dry-run=server", code=1, stderr="stop here")
    assert "stop here" in deploy(OTHER_IMAGES=json.dumps([BUSYBOX, DIGESTED])).stderr
    (job,) = [item for item in applied(stand_ins) if item["kind"] == "CronJob"]
    assert job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] == DIGESTED


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("busybox", "must be a JSON list of texts"),
        ('{"a": "b"}', "must be a JSON list of texts"),
        ("[1]", "must be a JSON list of texts"),
        ('["busybox:1.36"]', "'busybox:1.36' has no digest, and a tag can move; write name@sha256:"),
        (json.dumps(["busybox@" + DIGEST + "\n"]), "has no digest"),
        (json.dumps([BUSYBOX, "busybox@" + DIGEST[:-1]]), "has no digest"),
    ],
)
def test_other_images_are_digests_or_nothing_happens(
    deploy: Callable[..., Any], stand_ins: Any, value: str, message: str
) -> None:
    done = deploy(OTHER_IMAGES=value)
    assert done.returncode == 1
    assert "environment variable OTHER_IMAGES" in done.stderr
    assert message in done.stderr
    assert stand_ins.calls() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Deployment", "kind: ReplicaSet"),
        ("apps/v1", "example.com/v1"),
        ("spec:\n  template:", "spec:\n  replicas: 0\n  template:"),
        (
            "kind: Deployment\nmetadata:\n  name: web\nspec:\n",
            "kind: StatefulSet\nmetadata:\n  name: web\nspec:\n  updateStrategy: {rollingUpdate: {partition: 3}}\n",
        ),
    ],
)
def test_the_image_must_run_for_the_rollout_to_succeed(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, old: str, new: str
) -> None:
    assert old in DEPLOYMENT
    (repository / "k8s" / "deployment.yaml").write_text(DEPLOYMENT.replace(old, new, 1))
    done = deploy()
    assert done.returncode == 1
    assert "web holds the image 'payments', but no rollout would prove that it runs" in done.stderr
    assert stand_ins.calls() == []


def test_a_suspended_job_is_no_release(deploy: Callable[..., Any], repository: Path, stand_ins: Any) -> None:
    (repository / "k8s" / "deployment.yaml").write_text(JOB.replace("IMAGE", "payments:dev"))
    done = deploy()
    assert done.returncode == 1
    assert "CronJob job holds the image 'payments', but no rollout would prove that it runs" in done.stderr


class Remote:
    """A server that counts who asks. 0.0.0.0: for 127.0.0.1 Go uses no proxy, whatever the environment says."""

    def __init__(self) -> None:
        remote = self
        self.requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                remote.requests.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://0.0.0.0:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def remote() -> Iterator[Remote]:
    there = Remote()
    yield there
    there.server.shutdown()
    there.server.server_close()


@pytest.mark.parametrize(
    "fields",
    [
        "resources: [ENTRY]",
        "Resources: [ENTRY]",
        "bases: [ENTRY]",
        "components: [ENTRY]",
        "generators: [ENTRY]",
        "transformers: [ENTRY]",
        "validators: [ENTRY]",
        "configurations: [ENTRY]",
        "crds: [ENTRY]",
        "openapi: {path: ENTRY}",
        "patches: [{path: ENTRY}]",
        "patchesStrategicMerge: [ENTRY]",
        "patchesJson6902: [{path: ENTRY, target: {kind: Service, name: web, version: v1}}]",
        "replacements: [{path: ENTRY}]",
        "configMapGenerator: [{name: c, files: [key=ENTRY]}]",
        "configMapGenerator: [{name: c, envs: [ENTRY]}]",
        "secretGenerator: [{name: c, env: ENTRY}]",
        "x: &a [ENTRY]\nresources: *a",
    ],
)
def test_an_address_in_any_field_is_refused_before_anything_is_fetched(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, remote: Remote, fields: str
) -> None:
    base = repository / "k8s" / "base"
    base.mkdir()
    (base / "kustomization.yml").write_text(f"# base\n---\n{fields}\n".replace("ENTRY", f"{remote.url}/x.yaml"))
    (repository / "k8s" / "kustomization.yaml").write_text("resources: [deployment.yaml, base]\n")
    done = deploy()
    assert done.returncode == 1
    assert "k8s/base/kustomization.yml names 'http://0.0.0.0:" in done.stderr
    assert "which is an address and not part of the commit" in done.stderr
    assert (remote.requests, stand_ins.calls()) == ([], [])


@pytest.mark.parametrize(
    "entry",
    [
        "https://github.com/org/repo//base?ref=main",
        "HTTPS://example.com/base.yaml",
        "git::https://example.com/repo",
        "git@github.com:org/repo",
        "user@example.com:org/repo",
        "ssh://git@example.com/org/repo",
        "file:///etc",
        "github.com/org/repo",
        "GitHub.com/org/repo/base",
        "gh:org/repo",
        "example.com/org/repo.git",
        "example.com/org/_git/repo",
        "org/repo//base",
        "base?ref=main",
    ],
)
def test_every_form_of_a_remote_base_is_an_address(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, entry: str
) -> None:
    (repository / "k8s" / entry).mkdir(parents=True)  # a folder of that name does not help: kustomize goes remote
    (repository / "k8s" / "kustomization.yaml").write_text(f"resources: [deployment.yaml, '{entry}']\n")
    done = deploy()
    assert done.returncode == 1
    assert f"k8s/kustomization.yaml names {entry!r}, which is an address" in done.stderr
    assert stand_ins.calls() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("helmCharts: [{name: x, repo: 'https://example.com'}]", "charts are not part of the commit"),
        ("resources: [../../elsewhere]", "'../../elsewhere', which lies outside the repository"),
        ("resources: [missing]", "'missing', which is not in the repository"),
        ("resources: [deployment.yaml]\n---\nresources: [x]", "cannot be read as one YAML document"),
        ("resources: [", "cannot be read as one YAML document"),
        ("", "cannot be read as one YAML document"),
    ],
)
def test_a_kustomization_that_leaves_the_commit_or_cannot_be_read_is_refused(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repository / "k8s" / "kustomization.yaml").write_text(content + "\n")
    done = deploy()
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert stand_ins.calls() == []


@pytest.mark.parametrize("customized", [False, True])
def test_a_link_that_leads_out_of_the_repository_is_refused(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any, tmp_path: Path, customized: bool
) -> None:
    (tmp_path / "more.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: outside}\n")
    (repository / "k8s" / "more.yaml").symlink_to(tmp_path / "more.yaml")
    if customized:
        (repository / "k8s" / "kustomization.yaml").write_text("resources: [deployment.yaml, more.yaml]\n")
    done = deploy()
    assert done.returncode == 1
    assert "k8s/more.yaml is a link that leads out of the repository" in done.stderr
    assert stand_ins.calls() == []


def test_what_a_kustomization_holds_itself_is_no_address(
    deploy: Callable[..., Any], repository: Path, stand_ins: Any
) -> None:
    """Patches in place, literals and annotations may speak of https:// as they like."""
    (repository / "k8s" / "kustomization.yaml").write_text("""
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [deployment.yaml]
commonAnnotations: {docs: "https://example.com/?a=b"}
configMapGenerator: [{name: c, literals: ["URL=https://example.com"]}]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, annotations: {see: "https://example.com"}}
""")
    expect_login(stand_ins)
    expect_last_release(stand_ins)
    expect_apply(stand_ins, "new", "--dry-run=server", code=1, stderr="stop here")
    assert "stop here" in deploy().stderr


@pytest.mark.parametrize(
    "fields",
    [
        "resources: [URL/x.yaml]",
        "resources: [URL/repo.git]",
        "generators:\n  - |-\n    apiVersion: builtin\n    kind: ConfigMapGenerator\n"
        "    metadata: {name: c}\n    files: [URL/x]\n",
    ],
)
def test_rendering_reaches_no_network_whatever_the_check_did_not_see(
    load: Callable[[str], Any],
    need: Callable[[str], str],
    repository: Path,
    remote: Remote,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fields: str,
) -> None:
    need("kubectl")
    need("git")
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    (repository / "k8s" / "kustomization.yaml").write_text(fields.replace("URL", remote.url))
    rendering = load("rendering")

    with pytest.raises(rendering.Failure, match="kubectl patch exited with 1"):
        rendering.rendered(tmp_path, repository / "k8s")
    assert remote.requests == []

    monkeypatch.setattr(rendering, "without_network", lambda home: dict(os.environ))
    with pytest.raises(rendering.Failure):
        rendering.rendered(tmp_path, repository / "k8s")
    assert remote.requests != []  # so it was the environment that held it back


def test_git_may_use_no_protocol_while_rendering(
    load: Callable[[str], Any], need: Callable[[str], str], tmp_path: Path
) -> None:
    """Not even its own for a path; ssh asks no proxy, and is held back the same way."""
    need("git")
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "there")], check=True)
    asked = ["git", "ls-remote", f"file://{tmp_path}/there"]
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 0
    environment = load("rendering").without_network(tmp_path)
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 128
    assert "transport 'file' not allowed" in done.stderr


def test_rendering_has_no_credentials(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "SNYK_TOKEN"):
        monkeypatch.setenv(name, "x")
    environment = load("rendering").without_network(Path("/home"))
    assert not [name for name in environment if name.startswith(("AWS_", "SNYK_", "CODEBUILD_"))]
    assert environment["HOME"] == "/home"


def test_all_calls_at_their_limits_end_before_the_build_does(load: Callable[[str], Any]) -> None:
    """The build has two rollouts and 20 minutes; 5 of those are for what comes before deploy.py."""
    deploy, kubectl = load("deploy"), load("kubectl")
    source = Path(deploy.__file__).read_text()
    calls = 4 * kubectl.CALL_SECONDS + 4 * deploy.AWS_SECONDS + 2 * kubectl.GRACE_SECONDS
    assert calls <= 15 * 60
    # No call of AWS has a limit of its own, and render, dry run, apply and put back are all there is of kubectl's.
    assert source.count("aws(") == source.count("timeout=AWS_SECONDS") == 4
    assert source.count("cluster.apply(") == 3
    for module in ("kubectl", "manifests", "pinning", "rendering"):
        text = Path(load(module).__file__).read_text()
        assert "aws(" not in text
        assert text.count("CALL_SECONDS") == {"kubectl": 2, "rendering": 1}.get(module, 0)
    longest = load("delivery").SECONDS
    assert re.fullmatch(longest, str(2100 * 60))  # the longest wait that pipelines.yaml takes
