"""A small account on the emulator for builds by the rehearsal's CodeBuild, a registry, and how tests ask for a build."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.emulator import process
from tools.emulator.process import Emulator, EmulatorError
from tools.rehearse.builds import BuildFacts, BuildResult, Source
from tools.rehearse.codebuild import CodeBuild
from tools.rehearse.described import Project, Variable
from tools.rehearse.people import Repository
from tools.rehearse.standins import StandIns, base, codecommit, registry
from tools.rehearse.watch import Clock

ROOT = Path(__file__).parents[2]
REGION, ACCOUNT = "eu-central-1", "123456789012"
BUCKET, ROLE, GROUP = "builds-artifacts", "builds-role", "/aws/codebuild/acme-build"
COMMIT = "c0ffee" + "0" * 34
EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
ARN = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/acme-build"

PASS = {
    "schema": 1, "verdict": "pass", "blocking": 0, "summary": "0 findings", "reason": "", "page": "page.html",
    "counts": dict.fromkeys(("critical", "high", "medium", "low", "informational", "ungraded", "waived"), 0),
}  # fmt: skip
# Says no where the scanner found something, as git-secrets says it with 1.
IMPORTER = f"""
def handler(event, context):
    said = {PASS!r}
    return said if event["exit_code"] == 0 else dict(said, verdict="findings", reason="found something")
"""


@dataclass
class World:
    """The emulator with what builds use, and CodeBuild."""

    emulator: Emulator
    registry: str
    folder: Path
    scripts_sha256: str
    scripts_uri: str
    git: codecommit.GitServer
    repository: Repository
    count: list[int] = field(default_factory=lambda: [0])

    def stand_ins(self, **plan: Any) -> StandIns:
        self.count[0] += 1
        found = StandIns(self.folder / f"scenario-{self.count[0]}", self.emulator, ACCOUNT, self.registry, self.git)
        found.plan({name.replace("_", "-"): one for name, one in plan.items()})
        return found

    def run(
        self,
        buildspec: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        stand_ins: StandIns | None = None,
        more: Mapping[str, Mapping[str, str | bytes]] | None = None,
        outputs: tuple[str, ...] = (),
        overrides: Mapping[str, Variable] | None = None,
        image: str = "aws/codebuild/standard:8.0",
        minutes: int = 5,
        faster: float = 1,
        role: str = ROLE,
        commit: str = COMMIT,
        stop: threading.Event | None = None,
        **variables: str,
    ) -> BuildResult:
        self.count[0] += 1
        place = self.folder / f"build-{self.count[0]}"
        place.mkdir()
        inputs = {"Source": files or {"app.py": "print('hello')\n"}, **(more or {})}
        sources = {}
        for name, content in inputs.items():
            zipped(place / f"{name}.zip", content)
            sources[name] = Source(place / f"{name}.zip", f"{BUCKET}/pipe/{name}")
        values = {
            "SCRIPTS_URI": self.scripts_uri, "SCRIPTS_SHA256": self.scripts_sha256, "COMMIT": commit, "PIPELINE": "shop",
            "EXECUTION": EXECUTION, "ARTIFACTS_BUCKET": BUCKET, "REPORTS_BUCKET": BUCKET, "FINDINGS_IMPORTER": "importer",
            "ACTION": "Build/x", "SCAN_HISTORY": "false", **variables,
        }  # fmt: skip
        project = Project(
            "acme-build", ARN, role, buildspec, {name: Variable(value) for name, value in values.items()}, image,
            "BUILD_GENERAL1_SMALL", False, minutes, 60, "arn:aws:kms:x", None, GROUP,
        )  # fmt: skip
        own = place / "own"
        own.mkdir()
        build_id = f"acme-build:00000000-0000-0000-0000-{self.count[0]:012}"
        facts = BuildFacts(
            "shop", EXECUTION, "Build", "x", build_id, self.count[0], commit, own, stop or threading.Event()
        )
        codebuild = CodeBuild(self.emulator, ACCOUNT, stand_ins or self.stand_ins(), Clock(faster))
        return codebuild.run(
            project, overrides=overrides or {}, sources=sources, primary="Source", outputs=outputs, facts=facts
        )

    def buildspec(self, name: str) -> str:
        return (ROOT / "buildspecs" / name).read_text()

    def object(self, key: str) -> bytes:
        return self.emulator.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()  # type: ignore[no-any-return]


def zipped(target: Path, content: Mapping[str, str | bytes]) -> None:
    """``name -> target`` is a link."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in content.items():
            link, _, leads = name.partition(" -> ")
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777 if leads else stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, leads or text)


@contextmanager
def running(folder: Path) -> Iterator[World]:
    """On CI the emulator must be there; elsewhere a test without it skips."""
    (folder / "emulator").mkdir()
    repository = Repository.make(folder / "repositories" / "shop")
    try:
        with (
            process.running(folder / "emulator", region=REGION) as emulator,
            registry.running(folder / "registry") as address,
            codecommit.serving(folder / "codecommit", REGION, {"shop": repository.folder}) as git,
            nothing_else() as url,
        ):
            emulator.use_stand_in(url)
            base.put(address)
            yield prepared(emulator, address, folder, git, repository)
    except EmulatorError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextmanager
def nothing_else() -> Iterator[str]:
    """URL of what answers a call that the emulator has permitted, in place of the rehearsal's whole API."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def prepared(
    emulator: Emulator, address: str, folder: Path, git: codecommit.GitServer, repository: Repository
) -> World:
    iam, s3 = emulator.client("iam"), emulator.client("s3")
    trust = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"aws:SourceArn": ARN}}  # type: ignore[assignment]
    for name, also in (
        (
            ROLE,
            [
                "s3:GetObject",
                "s3:PutObject",
                "lambda:InvokeFunction",
                "ssm:GetParameter*",
                "ecr:*",
                "codecommit:GitPull",
            ],
        ),
        ("mute", []),
        ("blind", ["s3:GetObject", "s3:PutObject", "lambda:InvokeFunction"]),
    ):
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        logs = (
            []
            if name == "mute"
            else ["logs:CreateLogStream", "logs:PutLogEvents", "eks:DescribeCluster", "s3:ListBucket"]
        )
        allowed = {"Effect": "Allow", "Action": [*also, *logs, "sts:GetCallerIdentity"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    ssm = emulator.client("ssm")
    ssm.put_parameter(Name="/acme/snyk/token", Value="token-of-snyk", Type="SecureString")
    ssm.put_parameter(Name="/acme/snyk/organization", Value="organization-of-snyk", Type="SecureString")
    emulator.client("eks").create_cluster(
        name="staging", roleArn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", resourcesVpcConfig={}
    )
    emulator.client("logs").create_log_group(logGroupName=GROUP)
    emulator.client("ssm").put_parameter(Name="/acme/word", Value="from-store", Type="SecureString")
    emulator.client("ecr").create_repository(repositoryName="acme/shop")
    iam.create_role(
        RoleName="importer",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", IMPORTER)
    emulator.client("lambda").create_function(
        FunctionName="importer", Runtime="python3.12", Handler="handler.handler", Code={"ZipFile": code.getvalue()},
        Role=f"arn:aws:iam::{ACCOUNT}:role/importer",
    )  # fmt: skip
    scripts = io.BytesIO()
    with zipfile.ZipFile(scripts, "w") as archive:
        for file in (*(ROOT / "buildspecs" / "scripts").glob("*.py"), ROOT / "buildspecs" / "tools.json"):
            archive.write(file, file.name)
    s3.put_object(Bucket=BUCKET, Key="scripts/x.zip", Body=scripts.getvalue())
    digest = hashlib.sha256(scripts.getvalue()).hexdigest()
    return World(emulator, address, folder, digest, f"s3://{BUCKET}/scripts/x.zip", git, repository)


def spec(*commands: str, phase: str = "build", env: str = "", rest: str = "") -> str:
    lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return f"version: 0.2\n{env}\nphases:\n  {phase}:\n    commands:\n{lines}{rest}"


def lines(result: BuildResult) -> list[str]:
    return result.log.read_text().splitlines()


def calls(stand_ins: StandIns, tool: str) -> list[dict[str, Any]]:
    return [call for call in stand_ins.calls() if call["tool"] == tool]


def report(world: World, scanner: str) -> bytes:
    kind = "txt" if scanner.startswith("git-secrets") else "json"
    return world.object(f"reports/shop/{EXECUTION}/{scanner}/raw.{kind}")
