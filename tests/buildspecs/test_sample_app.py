"""The sample application: it builds, it deploys, its vulnerable package has a fix. And the deployer's Role."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "sample_app"
DEPLOYER = ROOT / "docs" / "kubernetes" / "deployer.yaml"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip without a package index; in CI there must be one."""
    folder = tmp_path_factory.mktemp("probe")
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), "h11==0.16.0"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        message = "no package index can be reached: this test installs the sample application"
        if os.environ.get("CI"):
            pytest.fail(f"{message}: {done.stderr[-500:]}")
        pytest.skip(message)


@pytest.fixture(scope="module")
def built(index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample application after its own build."""
    folder = tmp_path_factory.mktemp("build") / "sample_app"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "build"))
    done = subprocess.run(["bash", "ci/build.sh"], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def h11(packages: Path) -> tuple[int, ...]:
    """The version of the package that nobody asks for by name, in a folder of packages."""
    (found,) = importlib.metadata.distributions(name="h11", path=[str(packages)])
    return tuple(int(part) for part in found.version.split("."))


def test_its_build_leaves_a_junit_report(built: Path) -> None:
    (report,) = built.glob("build/reports/*.xml")
    suite = next(ET.parse(report).getroot().iter("testsuite"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")


def test_a_failing_unit_test_fails_its_build_and_is_reported(built: Path) -> None:
    page = built / "app.py"
    page.write_text(page.read_text().replace("nosniff", "sniff"))
    done = subprocess.run(["bash", "ci/build.sh"], cwd=built, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    suite = next(ET.parse(built / "build" / "reports" / "unit.xml").getroot().iter("testsuite"))
    assert suite.get("failures") == "1"


def test_the_vulnerable_package_is_two_levels_down_and_the_fix_fixes_it(built: Path, tmp_path: Path) -> None:
    """CVE-2025-43859: affected up to 0.14.0, fixed in 0.16.0 (advisory GHSA-vqfr-h8mv-ghfj)."""
    for name in ("requirements.txt", "requirements-fixed.txt"):
        wanted = [line for line in (SAMPLE / name).read_text().splitlines() if line and not line.startswith("#")]
        assert not [line for line in wanted if line.startswith(("h11", "httpcore"))]
    assert h11(built / "build" / "packages") <= (0, 14, 0)

    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(tmp_path / "fixed")]
    fixed = [*install, "--requirement", str(SAMPLE / "requirements-fixed.txt")]
    subprocess.run(fixed, check=True, capture_output=True, timeout=300)
    assert h11(tmp_path / "fixed") >= (0, 16, 0)


@pytest.mark.parametrize(("environment", "replicas"), [("staging", 1), ("production", 3)])
def test_its_manifests_are_what_deploy_py_takes(
    load: Callable[[str], Any],
    need: Callable[[str], str],
    tmp_path: Path,
    environment: str,
    replicas: int,
) -> None:
    need("kubectl")
    deploy = load("deploy")
    namespace = f"payments-{environment}"
    cluster = deploy.Cluster(tmp_path / "no-kubeconfig", namespace)
    manifests = deploy.rendered(cluster, SAMPLE / "k8s" / environment)
    deploy.check(manifests, namespace)
    deploy.pin(manifests, "payments", "registry.example/payments@sha256:" + "a" * 64)
    (deployment,) = [item for item in manifests if item["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == replicas
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/payments@sha256:" + "a" * 64
    with pytest.raises(deploy.Failure, match="names the namespace"):
        deploy.check(manifests, "another")


def test_its_readme_names_what_is_there() -> None:
    block = (SAMPLE / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    settings = yaml.safe_load(block)
    assert (SAMPLE / settings["build"]["script"]).is_file()
    for environment in ("staging", "production"):
        overlay = SAMPLE / settings[environment]["manifests"] / "kustomization.yaml"
        assert yaml.safe_load(overlay.read_text())["namespace"] == settings[environment]["namespace"]
    container = yaml.safe_load((SAMPLE / "k8s/base/deployment.yaml").read_text())["spec"]["template"]["spec"]
    assert [item["image"] for item in container["containers"]] == [settings["image"]]
    assert settings["build"]["test_reports"].rsplit("/", 1)[0] in (SAMPLE / "ci/build.sh").read_text()


def rules() -> dict[tuple[str, str], set[str]]:
    """(group, resource) -> verbs of the deployer's Role."""
    role, binding = yaml.safe_load_all(DEPLOYER.read_text())
    assert (role["kind"], binding["kind"]) == ("Role", "RoleBinding")
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["kind"] for subject in binding["subjects"]] == ["Group"]
    assert binding["subjects"][0]["name"].endswith("-deployers")
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_deployer_may_apply_and_wait_and_nothing_else(load: Callable[[str], Any]) -> None:
    granted = rules()
    assert all({"get", "create", "patch"} <= verbs for verbs in granted.values())
    waited = {("apps", kind.lower() + "s") for kind in load("manifests").WORKLOADS}
    assert {key for key, verbs in granted.items() if verbs - {"get", "create", "patch"}} == waited
    assert all(granted[key] == {"get", "list", "watch", "create", "patch"} for key in waited)
    text = json.dumps(sorted([*key, *verbs] for key, verbs in granted.items()))
    for word in ("*", "secrets", "pods", "exec", "roles", "delete", "impersonate", "escalate", "bind"):
        assert f'"{word}"' not in text


def test_the_deployer_may_apply_the_sample_application(
    load: Callable[[str], Any], need: Callable[[str], str], tmp_path: Path
) -> None:
    need("kubectl")
    deploy = load("deploy")
    for item in deploy.rendered(deploy.Cluster(tmp_path / "none", "x"), SAMPLE / "k8s" / "staging"):
        assert (item["apiVersion"].rpartition("/")[0], item["kind"].lower() + "s") in rules()
