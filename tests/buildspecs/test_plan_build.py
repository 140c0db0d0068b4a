"""The plan build, whole: the buildspec's literal commands in bash, on a copy of this project with a changed pipelines.yaml.

`make synth`, Terraform, the AWS provider and the S3 backend are real; AWS is the emulator, which asks the emitted policy of
the build's role about every call. Terraform is installed from a folder as it is from its publisher: zip and checksum file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.emulator.process import ACCOUNT, Emulator, EmulatorError, running
from tools.terraform_cli import TerraformMissingError, find

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ("main.py", "Makefile", "cdktf.json", "stacks", "modules", "lambdas", "buildspecs")
REGION = "eu-central-1"
ROLE = "acme-infrastructure-plan"
SOURCE, DESTINATION = "1" * 40, "2" * 40
BUILD = "8745a7a9-c340-456a-9166-edf953571bee"
FOLDER = f"plans/infrastructure/17/{SOURCE}/{BUILD}"
SETTINGS = """
project: acme
region: eu-central-1
terraform: ">= 1.11.0"
backend: {type: s3, bucket: acme-state}
notify: [a@example.com]
pipelines:
  infrastructure: {kind: review, repository: infrastructure}
"""
LIBS = "  libs: {kind: scan, repository: libs, branches: [main]}\n"
MORE = "  more: {kind: scan, repository: more, branches: [main]}\n"
SETTINGS += LIBS


def missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment in which Terraform finds its provider."""
    try:
        return find(tmp_path_factory.mktemp("terraform")).environment
    except TerraformMissingError as error:
        missing(str(error))
        raise


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with the project's key and three buckets."""
    try:
        with running(tmp_path_factory.mktemp("emulator"), region=REGION) as one:
            key = one.client("kms").create_key()["KeyMetadata"]["KeyId"]
            one.client("kms").create_alias(AliasName="alias/acme", TargetKeyId=key)
            for bucket in ("acme-state", f"acme-artifacts-{ACCOUNT}-{REGION}", f"acme-reports-{ACCOUNT}-{REGION}"):
                one.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield one
    except EmulatorError as error:
        missing(str(error))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Terraform as its publisher offers it."""
    folder = tmp_path_factory.mktemp("publisher")
    file = folder / "terraform_1.11.4_linux_amd64.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(str(shutil.which("terraform")), "terraform")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
    return folder


def scripts(published: Path, target: Path) -> str:
    """What the foundation puts into the artifact bucket, Terraform's address changed; returns its SHA-256."""
    tools = json.loads((ROOT / "buildspecs" / "tools.json").read_text())
    one = tools["tools"]["terraform"]
    assert one["url"].endswith("terraform_{version}_linux_amd64.zip")
    one |= {
        "url": f"file://{published}/terraform_1.11.4_linux_amd64.zip",
        "checksums": f"file://{published}/SHA256SUMS",
    }
    with zipfile.ZipFile(target, "w") as archive:
        for script in (ROOT / "buildspecs" / "scripts").glob("*.py"):
            archive.write(script, script.name)
        archive.writestr("tools.json", json.dumps(tools))
    return hashlib.sha256(target.read_bytes()).hexdigest()


def checkout(folder: Path, settings: str) -> Path:
    """A commit of the repository that holds this project. Its dependencies are those of this process."""
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy2(source, folder / name)
    (folder / "pipelines.yaml").write_text(settings)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "requirements.lock").write_text("")
    os.utime(folder / "requirements.lock", (0, 0))  # older than .venv/.synth: make installs nothing
    with (folder / "Makefile").open("a") as makefile:
        makefile.write("\nfine:\n\t@echo all is well\nbroken:\n\t@echo E501 line too long >&2; exit 3\n")
    return folder


def grant(emulator: Emulator, settings: Path, outdir: Path) -> dict[str, Any]:
    """Make the build's role with the policy that is emitted for it; returns the policy."""
    from stacks.app import synthesize
    from stacks.settings import load

    synthesize(load({"PIPELINES": str(settings), "CDKTF_OUTDIR": str(outdir)}, ROOT))
    emitted = (outdir / "stacks" / "infrastructure" / "cdk.tf.json").read_text()
    [key] = [one for one in emulator.client("kms").list_aliases()["Aliases"] if one["AliasName"] == "alias/acme"]
    for reference, value in {
        "${data.aws_partition.current.partition}": "aws",
        "${data.aws_partition.current.dns_suffix}": "amazonaws.com",
        "${data.aws_caller_identity.caller.account_id}": ACCOUNT,
        "${data.aws_kms_alias.key.target_key_arn}": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['TargetKeyId']}",
    }.items():
        emitted = emitted.replace(reference, value)
    assert "role" in emitted
    statements = json.loads(emitted)["data"]["aws_iam_policy_document"]["Review_plan_permissions"]["statement"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": one["sid"],
                "Effect": "Allow",
                "Action": one["actions"],
                "Resource": one["resources"],
                "Condition": {each["test"]: {each["variable"]: each["values"]} for each in one.get("condition", ())},
            }
            for one in statements
        ],
    }
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
    iam = emulator.client("iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))
    iam.put_role_policy(RoleName=ROLE, PolicyName="permissions", PolicyDocument=json.dumps(policy))
    return policy


@dataclass
class World:
    """An account with the role, and two commits. ``run`` is a build."""

    emulator: Emulator
    terraform: Mapping[str, str]
    folder: Path
    policy: dict[str, Any]
    digest: str

    def run(self, branch: Path, destination: Path, checks: str = "-") -> subprocess.CompletedProcess[str]:
        """The buildspec's commands, one after the other until one fails, as CodeBuild runs them."""
        role = self.emulator.as_role(ROLE, "codebuild")
        content = yaml.safe_load((ROOT / "buildspecs" / "plan-review.yml").read_text())
        commands = [command for phase in content["phases"].values() for command in phase["commands"]]
        text = "\n".join(["set -e", "cd " + str(branch), *commands])
        work = self.folder / "build"
        shutil.rmtree(work, ignore_errors=True)
        (work / "tmp").mkdir(parents=True)
        return subprocess.run(
            ["bash", "-c", text.replace("/opt/pipeline", str(work / "pipeline")).replace("/tmp/scripts", f"{work}/scripts")],
            env={
                "LANG": "C.UTF-8",
                **{name: self.terraform[name] for name in ("TF_CLI_CONFIG_FILE",)},
                **role.environment,
                "PATH": f"{role.environment['PATH']}:{Path(sys.executable).parent}",
                "TMPDIR": str(work / "tmp"),
                # The emulator's address is a number: no bucket can stand before it.
                "TF_CLI_ARGS_init": "-backend-config=use_path_style=true",
                "TF_LOG": "",
                "CODEBUILD_SRC_DIR": str(branch),
                "CODEBUILD_SRC_DIR_destination": str(destination),
                "CODEBUILD_RESOLVED_SOURCE_VERSION": SOURCE,
                "CODEBUILD_BUILD_ID": f"{ROLE}:{BUILD}",
                "COMMIT": SOURCE,
                "DESTINATION_COMMIT": DESTINATION,
                "PULL_REQUEST": "17",
                "REPORTS_BUCKET": f"acme-reports-{ACCOUNT}-{REGION}",
                "PLANS_PREFIX": "plans/infrastructure",
                "SETTINGS": "pipelines.yaml",
                "CHECKS": checks,
                "SCRIPTS_URI": f"s3://acme-artifacts-{ACCOUNT}-{REGION}/scripts/{self.digest}.zip",
                "SCRIPTS_SHA256": self.digest,
            },
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def left(self) -> dict[str, Any]:
        """What the build has left, by file name."""
        s3, bucket = self.emulator.client("s3"), f"acme-reports-{ACCOUNT}-{REGION}"
        found = s3.list_objects_v2(Bucket=bucket, Prefix="").get("Contents", [])
        assert all(one["Key"].startswith(f"{FOLDER}/") for one in found)
        files = {
            one["Key"].rpartition("/")[2]: json.load(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"])
            for one in found
        }
        for one in found:
            s3.delete_object(Bucket=bucket, Key=one["Key"])
        return files


@pytest.fixture(scope="module")
def world(
    emulator: Emulator, terraform: Mapping[str, str], published: Path, tmp_path_factory: pytest.TempPathFactory
) -> World:
    folder = tmp_path_factory.mktemp("world")
    (folder / "pipelines.yaml").write_text(SETTINGS)
    archive = folder / "scripts.zip"
    digest = scripts(published, archive)
    # The policy names the scripts as they are, not as they are here.
    real = grant(emulator, folder / "pipelines.yaml", folder / "granted")
    text = json.dumps(real)
    [[resource]] = [one["Resource"] for one in real["Statement"] if one["Sid"] == "ReadScripts"]
    policy = json.loads(text.replace(resource.rpartition("/")[2], f"{digest}.zip"))
    emulator.client("iam").put_role_policy(RoleName=ROLE, PolicyName="permissions", PolicyDocument=json.dumps(policy))
    emulator.client("s3").upload_file(str(archive), f"acme-artifacts-{ACCOUNT}-{REGION}", f"scripts/{digest}.zip")
    state = {
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "5f6f7d9e-0000-4000-8000-000000000000",
        "outputs": {"from_the_state": {"value": "x", "type": "string"}}, "resources": [],
    }  # fmt: skip
    body = json.dumps(state).encode()
    emulator.client("s3").put_object(Bucket="acme-state", Key="acme/governance.tfstate", Body=body)
    return World(emulator, terraform, folder, policy, digest)


def status(result: Mapping[str, Any], key: str = "stacks") -> dict[str, str]:
    return {one["name"]: one["status"] for one in result[key]}


def test_a_branch_that_adds_a_pipeline_and_takes_one_away(world: World, tmp_path: Path) -> None:
    """Only what it changes is planned, against the state, under the emitted policy; nothing else is asked of AWS."""
    before = len(world.emulator.authorizations())
    done = world.run(
        checkout(tmp_path / "branch", SETTINGS.replace(LIBS, MORE)),
        checkout(tmp_path / "destination", SETTINGS),
        "fine broken",
    )
    files = world.left()
    result = files.pop("result.json")
    assert result["error"] == "", done.stderr
    planned = {"foundation", "findings", "governance", "more"}
    others = {"libs": "removed", "infrastructure": "unchanged"}
    assert status(result) == {**dict.fromkeys(planned, "planned"), **others}, result["stacks"]
    assert (result["schema"], result["commit"], result["compared"]) == (1, SOURCE, True)
    assert status(result, "checks") == {"fine": "passed", "broken": "failed"}
    assert "E501 line too long" in result["checks"][1]["reason"]
    assert done.returncode == 1, "a check failed"
    assert "error: failed: broken" in done.stderr

    assert set(files) == {f"{name}.json" for name in planned}
    assert files["governance.json"]["output_changes"]["from_the_state"]["actions"] == ["delete"]
    made = {one["address"] for one in files["more.json"]["resource_changes"] if one["change"]["actions"] == ["create"]}
    assert "aws_codepipeline.pipeline" in made

    asked = world.emulator.authorizations()[before:]
    refused = [one for one in asked if not one["allowed"]]
    assert not refused
    # Each permission but those of CodeBuild itself (its log, its clone) was needed. Uploads of plain bytes need no Decrypt.
    used = {one["action"] for one in asked}
    granted = {action for one in world.policy["Statement"] for action in one["Action"]}
    assert granted - used <= {
        "logs:CreateLogStream", "logs:PutLogEvents", "codecommit:GitPull", "kms:Decrypt", "kms:GenerateDataKey"
    }  # fmt: skip
    assert used <= granted | {"sts:GetCallerIdentity"}


def test_a_branch_that_changes_nothing(world: World, tmp_path: Path) -> None:
    same = checkout(tmp_path / "branch", SETTINGS)
    done = world.run(same, same)
    files = world.left()
    assert (done.returncode, set(files)) == (0, {"result.json"}), done.stderr
    assert set(status(files["result.json"]).values()) == {"unchanged"}
    assert files["result.json"]["compared"] is True


def test_a_branch_that_cannot_be_synthesized_says_why(world: World, tmp_path: Path) -> None:
    broken = SETTINGS.replace("branches: [main]", "branchs: [main]")
    done = world.run(checkout(tmp_path / "branch", broken), checkout(tmp_path / "destination", SETTINGS))
    files = world.left()
    assert set(files) == {"result.json"}
    assert "unknown key, did you mean branches?" in files["result.json"]["error"]
    assert files["result.json"]["stacks"] == []
    assert done.returncode == 1


def test_a_plan_that_fails_says_why_and_the_others_are_made(world: World, tmp_path: Path) -> None:
    """Without its predecessor's key a stack cannot be planned. That the destination cannot be synthesized is another thing:
    it is told, and every stack counts as changed."""
    other = SETTINGS.replace("project: acme\n", "project: other\n").replace("acme-state}", "acme-state, prefix: acme}")
    broken = checkout(tmp_path / "destination", SETTINGS + "  x: {kind: scan}\n")
    done = world.run(checkout(tmp_path / "branch", other), broken)
    result = world.left()["result.json"]
    assert (result["error"], result["compared"]) == ("", False), done.stderr
    found = status(result)
    assert found.pop("foundation") == "planned"
    assert set(found.values()) == {"failed"}
    assert all("terraform plan: " in one["reason"] for one in result["stacks"] if one["status"] == "failed")
    assert any("alias/other" in one["reason"] for one in result["stacks"])
    assert done.returncode == 1


def test_a_stack_that_takes_terraforms_lock_or_state_away_is_no_plans_business(world: World, tmp_path: Path) -> None:
    """The role's own fence: whatever the branch's code tries, the emitted policy says no."""
    role = world.emulator.as_role(ROLE, "codebuild", session="hostile")
    state, reports = "s3://acme-state", f"s3://acme-reports-{ACCOUNT}-{REGION}"
    (tmp_path / "x").write_text("x")
    for command in (
        ["s3", "cp", "x", f"{state}/acme/governance.tfstate"],
        ["s3", "rm", f"{state}/acme/governance.tfstate"],
        ["s3", "cp", "x", f"{reports}/reviews/infrastructure/17/{SOURCE}/{BUILD}/index.html"],
        ["s3", "cp", f"{reports}/{FOLDER}/result.json", "y"],
        ["s3", "ls", f"{reports}/plans/"],
        ["ssm", "get-parameter", "--name", "/acme/snyk/token", "--with-decryption"],
    ):
        done = subprocess.run(
            ["aws", *command],
            env=dict(role.environment),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0, command
        assert "AccessDenied" in done.stderr or "403" in done.stderr, f"{command}: {done.stderr}"


def test_the_stack_of_a_review_is_applied_and_planned_again_without_a_change(
    emulator: Emulator, terraform: Mapping[str, str], tmp_path: Path
) -> None:
    from stacks.app import synthesize
    from stacks.settings import load

    key = emulator.client("kms").create_key()["KeyMetadata"]["KeyId"]
    emulator.client("kms").create_alias(AliasName="alias/second", TargetKeyId=key)
    (tmp_path / "p.yaml").write_text(SETTINGS.replace("project: acme", "project: second"))
    synthesize(load({"PIPELINES": str(tmp_path / "p.yaml"), "CDKTF_OUTDIR": str(tmp_path / "out")}, ROOT))
    for arguments in (
        ["init", "-input=false", "-backend-config=use_path_style=true"],
        ["apply", "-input=false", "-auto-approve"],
        ["plan", "-input=false", "-detailed-exitcode"],
    ):
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path / "out" / "stacks" / "infrastructure",
            env={**terraform, **emulator.environment},
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout[-1500:]} {done.stderr[-3000:]}"
    [project] = emulator.client("codebuild").batch_get_projects(names=["second-infrastructure-plan"])["projects"]
    assert project["source"]["type"] == "CODECOMMIT"
    [target] = emulator.client("events").list_targets_by_rule(Rule="second-infrastructure-pull-requests")["Targets"]
    assert target["Arn"].endswith(":project/second-infrastructure-plan")
    assert target["RoleArn"].endswith(":role/second-infrastructure-pull-requests")
