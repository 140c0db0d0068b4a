"""What the builds really ask AWS for: each project's own buildspec with its own variables, an AWS CLI that writes it down.

Not run is what CodeBuild does itself with the project's role (logs, artifacts, VPC), nor what skopeo says to the registry
and S3 to the key: calls/*.yaml have AWS's page for that.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import EXECUTION, RoleCalls, declared
from policies import text_of
from recorded import Taken, complaints, occurred, taken

FOLDER = Path(__file__).parent
TOOLS = ("apt-get", "skopeo", "buildah", "git", "grype", "syft", "snyk", "kubectl")
ZAP = 'import json, pathlib\npathlib.Path("wrk/report.json").write_text(json.dumps({"site": [{"@host": %r}]}))\n'


def oci_archive(file: Path) -> tuple[str, str]:
    """An archive with one image in it; its sha256 and the manifest's digest."""
    manifest = json.dumps({"schemaVersion": 2, "layers": []}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    kind = "application/vnd.oci.image.manifest.v1+json"
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": kind, "digest": f"sha256:{digest}", "size": len(manifest)}],
    }
    content = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    with tarfile.open(file, "w") as archive:
        for name, data in {**content, f"blobs/sha256/{digest}": manifest}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return hashlib.sha256(file.read_bytes()).hexdigest(), f"sha256:{digest}"


def repository(folder: Path, git: str) -> str:
    """A repository with what the settings name; its commit."""
    files = {
        "ci/build.sh": "mkdir -p build/reports; echo '<testsuite/>' > build/reports/a.xml\n",
        "docker/Dockerfile": "FROM scratch\n",
        "Dockerfile": "FROM scratch\n",
        **dict.fromkeys(("deploy/staging/app.yaml", "deploy/production.yaml", "k8s/staging/app.yaml"), "kind: List\n"),
        "k8s/production/app.yaml": "kind: List\n",
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([git, *who, *arguments], cwd=folder, check=True)
    done = subprocess.run([git, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class World:
    """Tools, a repository, an image: what all builds of a test share."""

    def __init__(self, folder: Path) -> None:
        git = shutil.which("git")
        if git is None:
            if os.environ.get("CI"):
                pytest.fail("git: needed on CI")
            pytest.skip("git is not installed")
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        shutil.copy(FOLDER / "build_tools.sh", folder / "tools")
        (folder / "tools").chmod(0o755)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(folder / "tools")
        for name, line in {"python3": "", "aws": f" -I -S {FOLDER / 'fake_aws.py'}"}.items():
            (self.bin / name).write_text(f'#!/bin/bash\nexec {sys.executable}{line} "$@"\n')
            (self.bin / name).chmod(0o755)
        self.commit = repository(folder / "repository", git)
        self.sha256, self.digest = oci_archive(folder / "image.tar")
        self.environment = {"REAL_GIT": git, "HOME": str(folder), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def variables(self, emitted: Any, stack: str, build: str) -> dict[str, str]:
        """The project's own variables, and those that the pipeline's action adds, as CodePipeline resolves them."""
        resources = emitted.stacks[stack]["resource"]
        project = resources["aws_codebuild_project"][build]
        found = {one["name"]: one["value"] for one in project["environment"]["environment_variable"]}
        stage, _, action = build.partition("_")
        [pipeline] = resources["aws_codepipeline"].values()
        [configuration] = [
            one["configuration"]
            for at in pipeline["stage"]
            for one in at["action"]
            if (at["name"], one["name"]) == (stage, action)
        ]
        found |= {one["name"]: one["value"] for one in json.loads(configuration["EnvironmentVariables"])}
        resolved = {
            "#{codepipeline.PipelineExecutionId}": EXECUTION,
            "#{Commit.CommitId}": self.commit,
            "#{variables.COMMIT}": self.commit,
            "#{variables.BRANCH}": "main",
            "#{Image.SHA256}": self.sha256,
            "#{Image.DIGEST}": self.digest,
        }
        return {name: resolved.get(value, text_of(emitted, stack, value)) for name, value in found.items()}

    def run(self, emitted: Any, one: RoleCalls) -> tuple[int, str, list[Mapping[str, Any]]]:
        """One build: exit code, log, requests."""
        stack, build = one.role.stack, one.role.id.removesuffix("_role")
        here = self.folder / emitted.settings.project / one.role.name
        source, opt, recording = here / "source", here / "opt", here / "recording"
        shutil.copytree(self.folder / "repository", source, ignore=shutil.ignore_patterns(".git"))
        (here / "tmp").mkdir()
        recording.mkdir()
        (recording / "repository").symlink_to(self.folder / "repository")
        (recording / "image.tar").symlink_to(self.folder / "image.tar")
        (here / "resolved").mkdir()
        (here / "resolved" / "resolution.json").write_text('{"schema": 1, "manifests": []}')
        variables = self.variables(emitted, stack, build)
        self._store(emitted, variables, recording, here)
        project = emitted.stacks[stack]["resource"]["aws_codebuild_project"][build]
        spec = yaml.safe_load(project["source"]["buildspec"].replace("$${", "${").replace("%%{", "%{"))
        lines = ["set -e", f"cd {source}"]
        for phase in spec["phases"].values():
            lines += [
                one.replace("/tmp/", f"{here}/tmp/").replace("/opt/pipeline", str(opt)) for one in phase["commands"]
            ]
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            env={
                **self.environment,
                **variables,
                **{name: value.replace("/tmp/", f"{here}/tmp/") for name, value in spec["env"]["variables"].items()},
                "RECORDING": str(recording),
                "CODEBUILD_SRC_DIR": str(source),
                "CODEBUILD_SRC_DIR_Resolved": str(here / "resolved"),
                "CODEBUILD_RESOLVED_SOURCE_VERSION": self.commit,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        calls = recording / "calls.jsonl"
        asked = [json.loads(line) for line in calls.read_text().splitlines()] if calls.is_file() else []
        return done.returncode, done.stdout, asked

    def _store(self, emitted: Any, variables: dict[str, str], recording: Path, here: Path) -> None:
        """S3 as it is when the build begins: the scripts, made fit for this machine, the image, the last release."""
        bucket, _, key = variables["SCRIPTS_URI"].removeprefix("s3://").partition("/")
        objects = recording / "objects" / bucket
        scripts = objects / key
        scripts.parent.mkdir(parents=True)
        [asset] = [one for _, name, one in emitted.resources("aws_s3_object") if name == "scripts"]
        (here / "zap").mkdir()
        host = variables.get("ZAP_TARGET", "").partition("//")[2].partition("/")[0]
        for kind in ("baseline", "full-scan", "api-scan"):
            (here / "zap" / f"zap-{kind}.py").write_text(ZAP % host)
        with (
            zipfile.ZipFile(emitted.folder / "stacks" / "foundation" / asset["source"]) as given,
            zipfile.ZipFile(scripts, "w") as target,
        ):
            for name in given.namelist():
                text = given.read(name).decode()
                if name == "install.py":  # what it fetches is there
                    text = f"import pathlib\npathlib.Path(__file__).with_name('bin').symlink_to({str(self.bin)!r})\n"
                text = text.replace('Path("/zap")', f'Path("{here}/zap")').replace("    reach(target)\n", "    pass\n")
                target.writestr(name, text)
        variables["SCRIPTS_SHA256"] = hashlib.sha256(scripts.read_bytes()).hexdigest()
        image = objects / "images" / variables["PIPELINE"] / EXECUTION / "image.tar"
        image.parent.mkdir(parents=True)
        shutil.copy(self.folder / "image.tar", image)
        if "ENVIRONMENT" in variables:
            container = {"name": "a", "image": variables["IMAGE_NAME"]}
            deployment = {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "a"},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
            }
            (self.folder / "manifests.json").write_text(json.dumps(deployment))
            released = objects / "releases" / variables["PIPELINE"] / variables["ENVIRONMENT"] / "manifests.yaml"
            released.parent.mkdir(parents=True)
            released.write_text(json.dumps(deployment))


# All builds once, and those again whose calls hang on a setting that the first has otherwise.
@pytest.mark.parametrize(("stem", "kinds"), [("full", None), ("snyk", {"git-secrets"})])
def test_builds_ask_for_what_is_declared(stem: str, kinds: set[str] | None, emit_once: Any, tmp_path: Path) -> None:
    emitted = emit_once(FOLDER.parent / "settings" / f"{stem}.yaml")
    world = World(tmp_path)
    wrong: list[str] = []
    for one in declared(emitted):
        build = one.role.id.removesuffix("_role")
        if build not in emitted.stacks[one.role.stack]["resource"].get("aws_codebuild_project", {}):
            continue
        if kinds and one.kind not in kinds:
            continue
        if one.kind == "plan":
            continue  # no action of a pipeline; tests/buildspecs/test_plan_build.py runs it under its emitted policy
        if one.kind == "resolve" and getattr(emitted.settings.pipelines[one.role.stack], "buildspec", None):
            continue  # the user's own file, which installs what it likes; its role is like that of the others
        code, log, asked = world.run(emitted, one)
        assert code == 0, f"{one.role.name}: {log[-3000:]}"
        recorded: list[Taken] = [
            pair
            for line in asked
            for pair in taken(line["service"], line["operation"], line["parameters"], one.variables)
        ]
        wrong += complaints(one, recorded)
        missing = {call.origin for call in one.calls if call.seen} - occurred(one, recorded)
        wrong += [f"{one.role.name}: declared as seen, but never asked for: {call}" for call in sorted(missing)]
    assert not wrong, "\n".join(wrong)
