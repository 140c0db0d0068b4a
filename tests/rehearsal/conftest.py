"""A small account on the emulator, one pipeline in it described by hand, and builds that do what a test says."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tools.emulator import process
from tools.emulator.process import Emulator, EmulatorError
from tools.rehearse import api, fakes
from tools.rehearse.builds import FAULT, SUCCEEDED, BuildFacts, BuildResult, Source
from tools.rehearse.codepipeline import CodePipeline
from tools.rehearse.described import Action, Described, Pipeline, Project, Rule, Stage, Target, Variable
from tools.rehearse.watch import Clock, Seen

REGION = "eu-central-1"
ACCOUNT = "123456789012"
BUCKET = "engine-artifacts"
NAME = "engine-pipeline-of-shop"  # more than 20 characters
PREFIX = "engine-pipeline-of-s"
ARN = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{NAME}"
REPOSITORY = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:shop"
SECONDS = 30  # for what takes less than one

# Answers its job as its UserParameters say: "silent" not at all, "fail" with a failure, anything else with that as a variable
# (SAID, or DIGEST for a digest).
FUNCTION = """
import boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    said = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    client = boto3.client("codepipeline")
    if said == "fail":
        client.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "no"})
    elif said != "silent":
        client.put_job_success_result(jobId=job["id"], outputVariables={"DIGEST" if said.startswith("sha256:") else "SAID": said})
"""


@dataclass
class Builds:
    """A BuildRunner: each project's result, and what it was called with."""

    results: dict[str, Callable[[BuildFacts], BuildResult]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def run(
        self,
        project: Project,
        *,
        overrides: Mapping[str, Variable],
        sources: Mapping[str, Source],
        primary: str,
        outputs: tuple[str, ...],
        facts: BuildFacts,
    ) -> BuildResult:
        self.asked.append(
            {"overrides": overrides, "sources": sources, "primary": primary, "outputs": outputs, "facts": facts}
        )
        return self.results.get(project.name, passed)(facts)


def passed(facts: BuildFacts, exported: Mapping[str, str] | None = None) -> BuildResult:
    """A build that exports SUMMARY and makes the artifact Resolved."""
    made = facts.folder / "made.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("made.txt", "made")
    return BuildResult(
        SUCCEEDED, "COMPLETED", exported or {"SUMMARY": "nothing found"}, {"Resolved": made}, facts.folder, 1.0
    )


def broken(facts: BuildFacts) -> BuildResult:
    """A build that fails after it has exported something."""
    return BuildResult(FAULT, "BUILD", {"SUMMARY": "2 high"}, {}, facts.folder, 1.0, "exit status 1")


@dataclass
class Watched:
    """A Watcher that remembers."""

    seen: list[Seen] = field(default_factory=list)

    def saw(self, seen: Seen) -> None:
        self.seen.append(seen)

    def kinds(self, kind: str) -> list[tuple[str, str]]:
        return [(one.stage, one.action) for one in self.seen if one.kind == kind]


def approval(name: str, order: int = 1, **configuration: str) -> Action:
    return Action(name, "Approval", "Manual", order, "", configuration, (), ())


def build(name: str, order: int = 1, outputs: tuple[str, ...] = (), **configuration: str) -> Action:
    given = {"ProjectName": "engine-build", **configuration}
    return Action(name, "Build", "CodeBuild", order, name, given, ("Source",), outputs)


def invoke(name: str, parameters: str) -> Action:
    given = {"FunctionName": "engine-function", "UserParameters": parameters}
    return Action(name, "Invoke", "Lambda", 1, name, given, (), ())


SOURCE = Action(
    "Source",
    "Source",
    "CodeCommit",
    1,
    "Source",
    {"RepositoryName": "shop", "BranchName": "main", "OutputArtifactFormat": "CODE_ZIP"},
    (),
    ("Source",),
)


@dataclass(frozen=True)
class Account:
    """What the emulator holds: a bucket with versions and a key, a role each for the pipeline, the project, the function and the
    rule, which may do what they must and nothing else; a project, a function, a topic, and a queue that gets what the topic gets."""

    emulator: Emulator
    key: str
    project: Project
    topic: str
    mailbox: str

    def client(self, service: str) -> Any:
        return self.emulator.client(service)

    def person(self, name: str, *resources: str) -> Emulator:
        """A user who may answer these approvals."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        statements = [allow(resources, "codepipeline:PutApprovalResult")]
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return self.emulator.known_as(made["AccessKeyId"], made["SecretAccessKey"])


def allow(resources: Any, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def trust(service: str) -> str:
    return policy({"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The emulator with that account; about 3 s."""
    try:
        with process.running(tmp_path_factory.mktemp("emulator"), region=REGION) as emulator:
            yield _furnish(emulator)
    except EmulatorError as error:
        if os.environ.get("CI"):
            pytest.fail(f"needed on CI: {error}")
        pytest.skip(str(error))


def _furnish(emulator: Emulator) -> Account:
    key = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    emulator.client("codecommit").create_repository(repositoryName="shop")
    topic = emulator.client("sns").create_topic(Name="engine-approvals")["TopicArn"]
    mailbox = emulator.client("sqs").create_queue(QueueName="engine-mailbox")["QueueUrl"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:engine-mailbox"
    everybody = policy({**allow([queue], "sqs:SendMessage"), "Principal": "*"})
    emulator.client("sqs").set_queue_attributes(QueueUrl=mailbox, Attributes={"Policy": everybody})
    emulator.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    artifacts = [f"arn:aws:s3:::{BUCKET}/{PREFIX}/*"]
    keys = allow([key], "kms:GenerateDataKey", "kms:Decrypt")
    project_arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/engine-build"
    roles = {
        "pipeline": (
            "codepipeline",
            keys,
            allow(artifacts, "s3:PutObject", "s3:GetObjectVersion"),
            allow(
                [REPOSITORY],
                *(f"codecommit:{one}" for one in ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")),
            ),
            allow([project_arn], "codebuild:StartBuild", "codebuild:BatchGetBuilds"),
            allow([f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:engine-function"], "lambda:InvokeFunction"),
            allow([topic], "sns:Publish"),
        ),
        "build": ("codebuild", keys, allow(artifacts, "s3:PutObject", "s3:GetObjectVersion")),
        "function": ("lambda", allow(["*"], "codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult")),
        "rule": ("events", allow([ARN], "codepipeline:StartPipelineExecution")),
        "powerless": ("codepipeline",),
        "powerless-rule": ("events",),
    }
    iam = emulator.client("iam")
    for name, (service, *statements) in roles.items():
        iam.create_role(RoleName=f"engine-{name}", AssumeRolePolicyDocument=trust(str(service)))
        if statements:
            iam.put_role_policy(RoleName=f"engine-{name}", PolicyName="own", PolicyDocument=policy(*statements))
    emulator.client("codebuild").create_project(
        name="engine-build",
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "image", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=f"arn:aws:iam::{ACCOUNT}:role/engine-build",
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("function.py", FUNCTION)
    emulator.client("lambda").create_function(
        FunctionName="engine-function",
        Runtime="python3.13",
        Handler="function.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/engine-function",
        Code={"ZipFile": code.getvalue()},
        Timeout=30,
        Environment={
            "Variables": {"AWS_ENDPOINT_URL": emulator.url, "AWS_CA_BUNDLE": str(emulator.certificate)},
        },
    )
    project = Project(
        "engine-build", project_arn, "engine-build", "", {}, "image", "small", False, 60, 480, key, None, "logs"
    )
    return Account(emulator, key, project, topic, mailbox)


@dataclass
class Git:
    """A repository in a folder."""

    folder: Path

    def __call__(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), "-c", "user.name=ann", "-c", "user.email=ann@example.com", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """Write the files ("a_txt" is a.txt) and commit: the commit's id."""
        for name, content in files.items():
            (self.folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message", message)
        return self("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """An empty repository with the branch main."""
    folder = tmp_path / "shop"
    folder.mkdir()
    made = Git(folder)
    made("init", "--quiet", "--initial-branch", "main")
    return made


@dataclass
class Engine:
    """CodePipeline with one pipeline, reachable through the emulator."""

    codepipeline: CodePipeline
    api: api.Api
    builds: Builds
    watched: Watched
    aws: Any

    def start(self, **request: Any) -> str:
        """StartPipelineExecution as the account's root."""
        execution: str = self.aws.start_pipeline_execution(name=NAME, **request)["pipelineExecutionId"]
        return execution

    def run(self, **request: Any) -> Any:
        """Start and wait for the end."""
        return self.codepipeline.wait(self.start(**request), SECONDS)

    def details(self, execution: str) -> dict[str, Any]:
        """ListActionExecutions by action, as boto3 reads it."""
        answer = self.aws.list_action_executions(pipelineName=NAME, filter={"pipelineExecutionId": execution})
        return {one["actionName"]: one for one in answer["actionExecutionDetails"]}


@pytest.fixture
def engine(account: Account, git: Git, tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Stages (name -> actions) to CodePipeline running them; ``faster`` shortens AWS's own time limits."""
    ends: list[Any] = []

    def make(*, faster: float = 1.0, mode: str = "SUPERSEDED", role: str = "engine-pipeline", **stages: Any) -> Engine:
        declared = tuple(Stage(name, tuple(actions)) for name, actions in stages.items())
        pipeline = Pipeline(NAME, ARN, role, mode, {}, declared, BUCKET, account.key)
        rule = Rule(
            "engine-rule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/engine-rule", {}, (Target(ARN, "engine-rule"),)
        )
        described = Described(
            REGION, ACCOUNT, {NAME: pipeline}, {account.project.name: account.project}, {rule.name: rule},
            {"engine-function": ""},
        )  # fmt: skip
        builds, watched = Builds(), Watched()
        codepipeline = CodePipeline(
            described, account.emulator, builds, repositories={"shop": git.folder}, folder=tmp_path / "files",
            clock=Clock(faster), watcher=watched,
        )  # fmt: skip
        served = api.Api(codepipeline, fakes.security_hub(REGION))
        context = api.serving(served)
        account.emulator.use_stand_in(context.__enter__())
        ends.append(context)
        return Engine(codepipeline, served, builds, watched, account.client("codepipeline"))

    yield make
    for context in ends:
        context.__exit__(None, None, None)


@pytest.fixture
def approvals_only(tmp_path: Path) -> Callable[..., CodePipeline]:
    """Stages of approvals alone, which call nothing: what waits for what, without an emulator."""

    def make(mode: str, watcher: Any = None, **stages: Any) -> CodePipeline:
        declared = tuple(Stage(name, tuple(actions)) for name, actions in stages.items())
        pipeline = Pipeline(NAME, ARN, "role", mode, {}, declared, BUCKET, "")
        described = Described(REGION, ACCOUNT, {NAME: pipeline}, {}, {}, {})
        nobody: Any = None
        return CodePipeline(described, nobody, Builds(), repositories={}, folder=tmp_path, watcher=watcher)

    return make


@pytest.fixture
def answer() -> Callable[..., None]:
    """Answer the open approval of an execution, as soon as there is one (of that action)."""

    def do(codepipeline: CodePipeline, execution: str, action: str, status: str = "Approved") -> None:
        end = threading.Event()
        for _ in range(SECONDS * 50):
            for one in codepipeline.world.approvals.all():
                if (one.execution, one.action) == (execution, action) and not one.closed and not one.outcome:
                    place = (one.pipeline, one.stage, one.action)
                    codepipeline.world.approvals.answer(
                        place, one.token, status, "", "arn:aws:iam::123456789012:user/zoe"
                    )
                    return
            end.wait(0.02)
        raise AssertionError(f"{execution} does not ask {action}")

    return do


@pytest.fixture
def pieces() -> Any:
    """What the tests build pipelines of."""
    from types import SimpleNamespace

    return SimpleNamespace(
        approval=approval, build=build, invoke=invoke, source=SOURCE, passed=passed, broken=broken, replace=replace,
        name=NAME, prefix=PREFIX, bucket=BUCKET, arn=ARN, repository=REPOSITORY, seconds=SECONDS, watched=Watched,
        policy=policy, allow=allow,
    )  # fmt: skip
