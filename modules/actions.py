"""Actions of a pipeline as plain data. ``pipeline.py`` renders them; ``stages.py`` says which stage has which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modules.account import Account
from modules.build_project import Vpc
from modules.encryption import Key
from modules.function import FunctionReference
from modules.iam import Statement
from modules.notifications import Topic
from modules.source import Repository
from modules.storage import Bucket

# Artifact names stay within ten characters: CodePipeline shortens longer ones in the object's key, and policies name them.
SOURCE = "Source"
RESOLVED = "Resolved"

# The source action's namespace: "Namespaces must be unique across the pipeline definition and cannot conflict with any
# artifact names." https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
COMMITTED = "Commit"
COMMIT = "#{Commit.CommitId}"
IMAGE_SHA256 = "#{Image.SHA256}"
IMAGE_DIGEST = "#{Image.DIGEST}"
EXECUTION = "#{codepipeline.PipelineExecutionId}"


@dataclass(frozen=True)
class Context:
    """What every action of one pipeline shares.

    ``pipeline`` is its name in pipelines.yaml; ``commit`` and ``branch`` are literal or ``#{...}``; ``buildspecs`` maps a
    file's name to its text; ``images`` are the build images of ``buildspecs/tools.json``; ``scripts_sha256`` names the zip
    with ``buildspecs/scripts/`` in the artifact bucket.
    """

    account: Account
    pipeline: str
    key: Key
    artifacts: Bucket
    reports: Bucket
    importer: FunctionReference
    guard: FunctionReference
    sealer: FunctionReference
    recorder: FunctionReference
    repository: Repository
    branch: str
    commit: str
    scripts_sha256: str
    buildspecs: Mapping[str, str]
    images: Mapping[str, str]

    @property
    def artifact_prefix(self) -> str:
        """Where CodePipeline keeps this pipeline's artifacts."""
        return self.account.names.artifact_prefix(self.pipeline)

    @property
    def scripts_key(self) -> str:
        """S3 key of the zip with the builds' scripts."""
        return f"scripts/{self.scripts_sha256}.zip"

    @property
    def image_keys(self) -> str:
        """S3 keys of the images built by this pipeline's executions."""
        return f"images/{self.pipeline}/*/image.tar"


@dataclass(frozen=True)
class SourceAction:
    """The commit, as one zip without ``.git``: what is built, scanned and deployed are the same bytes."""

    name: str
    tracked_branch: str


@dataclass(frozen=True)
class BuildAction:
    """A CodeBuild project and the action that runs it.

    ``environment`` may hold ``#{...}``: such values go into the action, all others into the project. ``reads`` and
    ``writes`` are object keys in the artifact bucket, ``reports`` in the report bucket; the artifacts in ``inputs`` and
    ``outputs`` are added. ``exports``: the buildspec exports variables, under a namespace of the action's name (or
    ``namespace``).
    """

    name: str
    description: str
    buildspec: str
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = (SOURCE,)
    outputs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    calls_gate: bool = False
    image: str = "standard"
    privileged: bool = False
    compute_type: str = "BUILD_GENERAL1_SMALL"
    timeout_minutes: int = 30
    vpc: Vpc | None = None
    test_reports: bool = False
    exports: bool = False
    namespace: str | None = None
    run_order: int = 1


@dataclass(frozen=True)
class SealAction:
    """CodePipeline hands what Build exported to the image sealer, which lets two plain hex values through as ``Image``.

    Nothing else may use ``#{Build...}``: that text comes from a build that runs the repository's code, and CodePipeline
    puts it into a JSON value without escaping it.
    """

    name: str
    run_order: int = 2


@dataclass(frozen=True)
class GuardAction:
    """CodePipeline itself asks the release guard: no build can answer in its place."""

    name: str
    gate: str
    run_order: int = 1


@dataclass(frozen=True)
class RecordAction:
    """CodePipeline has the release recorder write down what is known of this release: the approval's link leads there."""

    name: str
    run_order: int = 1


@dataclass(frozen=True)
class ApprovalAction:
    """A person decides. ``text`` goes into the e-mail, ``link`` beside it; both may hold ``#{...}``."""

    name: str
    topic: Topic
    text: str
    link: str
    run_order: int = 1


Action = SourceAction | BuildAction | SealAction | GuardAction | RecordAction | ApprovalAction


@dataclass(frozen=True)
class Stage:
    """A stage's name and its actions; equal ``run_order`` means in parallel."""

    name: str
    actions: tuple[Action, ...]
