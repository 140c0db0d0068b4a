"""The delivery buildspecs run: their commands, scripts and files fit together. Their form: test_buildspec_files.py."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

BUILDSPECS = Path(__file__).resolve().parents[2] / "buildspecs"
NAMES = ["build-image", "push-image", "scan-ecr", "deploy", "scan-zap"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
DIGEST = "sha256:" + "a" * 64


def buildspec(name: str) -> dict[str, Any]:
    result: dict[str, Any] = yaml.safe_load((BUILDSPECS / f"{name}.yml").read_text())
    return result


def commands(name: str) -> list[str]:
    return [command for phase in buildspec(name)["phases"].values() for command in phase["commands"]]


@pytest.mark.parametrize("name", NAMES)
def test_no_command_hides_a_failure_or_weakens_a_check(name: str) -> None:
    text = "\n".join(commands(name))
    assert not re.search(r"\|\| *(true|:)|set \+e|curl|tls-verify|eval|;", text.replace("-d ';'", ""))
    for tools in re.findall(r"install\.py (.*)", text):
        assert set(tools.split()) <= set(json.loads((BUILDSPECS / "tools.json").read_text())["tools"])


def test_the_image_build_reports_its_tests_and_exports_its_claim() -> None:
    spec = buildspec("build-image")
    assert spec["reports"] == {
        "tests": {"files": ["**/*.xml"], "base-directory": "test-reports", "file-format": "JUNITXML"}
    }
    assert spec["env"]["exported-variables"] == ["IMAGE_KEY", "IMAGE_SHA256", "IMAGE_DIGEST"]


@pytest.fixture
def run(stand_ins: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a buildspec's commands in one bash as CodeBuild does, in a repository that wants to be imported."""
    place, scripts, repository = tmp_path / "pipeline", tmp_path / "scripts.zip", tmp_path / "repository"
    repository.mkdir()
    for module in ("zipfile", "json", "common"):
        (repository / f"{module}.py").write_text("raise SystemExit('the repository was imported')\n")
    with zipfile.ZipFile(scripts, "w") as archive:
        for file in [*(BUILDSPECS / "scripts").glob("*.py"), BUILDSPECS / "tools.json"]:
            text = file.read_text().replace('Path("/zap")', f'Path("{tmp_path}/zap")')
            archive.writestr(file.name, text.replace("REACH_SECONDS = 120.0", "REACH_SECONDS = 0.1"))

    def script(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        fetched = tmp_path / "fetched.zip"
        source = ("s3", "cp", "s3://artifacts/scripts/x.zip", str(fetched), "--only-show-errors")
        stand_ins.expect_first("aws", *source, brings={3: scripts})
        lines = []
        for command in commands(name):
            command = command.replace("/tmp/scripts.zip", str(fetched)).replace("/opt/pipeline", str(place))
            command = command.replace("/tmp/image", str(tmp_path / "image")).replace("python3 ", f"{sys.executable} ")
            lines.append(f"{command} || exit 1")  # CodeBuild goes no further after a command that fails
        exported = buildspec(name)["env"].get("exported-variables", [])
        lines += [f'printf "%s\\n" "exported {variable}=${variable}"' for variable in exported]
        environment = {
            "PATH": stand_ins.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "SUMMARY_FILE": str(tmp_path / "summary"),
            "SCRIPTS_URI": "s3://artifacts/scripts/x.zip",
            "SCRIPTS_SHA256": hashlib.sha256(scripts.read_bytes()).hexdigest(),
            "CODEBUILD_SRC_DIR": str(repository),
            "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT,
            "COMMIT": COMMIT,
            "EXECUTION": EXECUTION,
            "PIPELINE": "payments",
            "ACTION": "Some/action",
            "ARTIFACTS_BUCKET": "artifacts",
            "REPORTS_BUCKET": "reports",
            "FINDINGS_IMPORTER": "acme-findings-importer",
            "IMAGE_DIGEST": DIGEST,
        }
        return subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=repository,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return script


def test_build_and_push_hand_over_the_same_image(
    run: Callable[..., Any], need: Callable[[str], str], stand_ins: Any, tmp_path: Path
) -> None:
    need("buildah")
    repository = tmp_path / "repository"
    (repository / "Dockerfile").write_text("FROM scratch\nCOPY zipfile.py /file\n")
    stand_ins.expect("apt-get", "update", "--quiet")
    stand_ins.expect("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "buildah")
    key = f"s3://artifacts/images/payments/{EXECUTION}/image.tar"
    stand_ins.expect("aws", "s3", "cp", "*", key, "--only-show-errors", keeps={2: tmp_path / "stored.tar"})

    built = run("build-image", BUILD_SCRIPT="", DOCKERFILE="Dockerfile", BUILD_CONTEXT=".", TEST_REPORTS="")

    assert built.returncode == 0, built.stderr
    exported = dict(re.findall(r"^exported (\w+)=(.*)$", built.stdout, re.MULTILINE))
    assert exported["IMAGE_KEY"] == f"images/payments/{EXECUTION}/image.tar"
    digest = exported["IMAGE_DIGEST"]

    shutil.rmtree(tmp_path / "pipeline")
    stand_ins.expect("apt-get", "update", "--quiet")
    stand_ins.expect("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "skopeo")
    stand_ins.expect("aws", "s3", "cp", key, "*", "--only-show-errors", brings={3: tmp_path / "stored.tar"})
    there = json.dumps({"imageDetails": [{"imageDigest": digest, "imageTags": [f"{COMMIT[:12]}-{EXECUTION[:8]}"]}]})
    for _ in range(2):
        stand_ins.expect("aws", "ecr", "describe-images", *["*"] * 6, stdout=there)

    pushed = run(
        "push-image", REGISTRY="registry.example/acme", IMAGE_DIGEST=digest, IMAGE_SHA256=exported["IMAGE_SHA256"]
    )

    assert pushed.returncode == 0, pushed.stderr


def test_another_archive_than_the_built_one_is_not_pushed(
    run: Callable[..., Any], stand_ins: Any, tmp_path: Path
) -> None:
    (tmp_path / "other.tar").write_bytes(b"another image")
    for verb in (("update", "--quiet"), ("install", *["*"] * 4)):
        stand_ins.expect("apt-get", *verb)
    stand_ins.install("skopeo")
    key = f"s3://artifacts/images/payments/{EXECUTION}/image.tar"
    stand_ins.expect("aws", "s3", "cp", key, "*", "--only-show-errors", brings={3: tmp_path / "other.tar"})
    done = run("push-image", REGISTRY="registry.example/acme", IMAGE_SHA256="b" * 64)
    assert done.returncode == 1
    assert "sha256" in done.stderr


def test_the_ecr_gates_summary_is_exported(run: Callable[..., Any], stand_ins: Any) -> None:
    scan = {
        "imageId": {"imageDigest": DIGEST},
        "imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {"findings": [], "imageScanCompletedAt": "2026-11-22T10:00:00Z"},
    }
    stand_ins.expect("aws", "ecr", "describe-image-scan-findings", *["*"] * 8, stdout=json.dumps(scan))
    stand_ins.expect("aws", "s3", "cp", "*", "s3://reports/*/ecr-image/raw.json", "--only-show-errors")
    counts = dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0)
    says = {"schema": 1, "verdict": "pass", "counts": counts, "blocking": 0, "summary": "ecr image: clean"}
    stand_ins.answer_gate(json.dumps({**says, "reason": "", "page": "x"}))
    done = run("scan-ecr", REGISTRY_NAME="acme/payments", ECR_SCAN_TIMEOUT="60")
    assert done.returncode == 0, done.stderr
    assert "exported SUMMARY=ecr image: clean" in done.stdout


def test_zap_asks_the_gate_with_the_cli_of_its_image(run: Callable[..., Any], stand_ins: Any, tmp_path: Path) -> None:
    """ZAP's image brings AWS CLI 1 (its Dockerfile: pip install awscli), which knows no --cli-binary-format."""
    (tmp_path / "zap").mkdir()
    stand_ins.expect("aws", "s3", "cp", "*", "s3://reports/*/zap-staging/raw.json", "--only-show-errors")
    stand_ins.answer_gate("{}")
    done = run("scan-zap", ZAP_SCAN="baseline", ZAP_MINUTES="5", ZAP_TARGET="https://localhost:1/")
    assert done.returncode == 1
    assert "cannot be scanned" in done.stderr
    (call,) = [call for call in stand_ins.calls("aws") if call.arguments[:2] == ["lambda", "invoke"]]
    assert "--cli-binary-format" not in call.arguments


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_on_another_commit_or_with_other_scripts(
    run: Callable[..., Any], stand_ins: Any, name: str
) -> None:
    for tool in ("apt-get", "kubectl", "buildah", "skopeo"):
        stand_ins.install(tool)
    assert run(name, CODEBUILD_RESOLVED_SOURCE_VERSION="f" * 40).returncode == 1
    done = run(name, SCRIPTS_SHA256="0" * 64)
    assert done.returncode == 1
    assert "FAILED" in done.stdout + done.stderr or "did NOT match" in done.stderr
