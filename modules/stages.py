"""The stages of both pipelines. Each is a frozen dataclass that says its actions and the permissions they need."""

from __future__ import annotations

import json
from dataclasses import dataclass

from modules.actions import (
    IMAGE_DIGEST,
    IMAGE_SHA256,
    RESOLVED,
    SOURCE,
    BuildAction,
    Context,
    GuardAction,
    RecordAction,
    SealAction,
    SourceAction,
    Stage,
)
from modules.approval import approval
from modules.build_project import Vpc
from modules.cluster_access import ClusterNamespace
from modules.iam import Statement
from modules.image_registry import ImageRegistry
from modules.notifications import Topic
from modules.release_record import record_link
from modules.scanners import SCANNERS, Scanner
from modules.snyk import SnykParameters

# Sealed, that is, plain hex; whether they are true of the archive is checked by every build that reads it.
_IMAGE = {"IMAGE_SHA256": IMAGE_SHA256, "IMAGE_DIGEST": IMAGE_DIGEST}


@dataclass(frozen=True)
class Source:
    """The commit of the event. ``tracked_branch`` is what CodePipeline takes where no event names a commit."""

    tracked_branch: str

    def render(self, context: Context) -> Stage:
        """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html"""
        return Stage("Source", (SourceAction("Source", self.tracked_branch),))


@dataclass(frozen=True)
class Scan:
    """Second stage of the scan pipeline: resolve where no token is, then Snyk."""

    snyk: SnykParameters
    own_buildspec: str | None = None

    def render(self, context: Context) -> Stage:
        """``own_buildspec`` names an entry of ``context.buildspecs`` that replaces ``resolve.yml``."""
        return Stage(
            "Scan",
            (
                resolve(self.own_buildspec or "resolve.yml"),
                scan(
                    context,
                    SCANNERS["snyk"],
                    snyk=self.snyk,
                    # Only the user's own file may say that another manifest stands for one that needs a tool.
                    environment={"OWN_BUILDSPEC": "true" if self.own_buildspec else "false"},
                    run_order=2,
                ),
            ),
        )


@dataclass(frozen=True)
class Build:
    """Image, secrets scan and resolution of the dependencies, in parallel. Only ``image`` is privileged; it runs the
    repository's own code and can neither call the gate nor write a report."""

    script: str | None
    dockerfile: str
    context_folder: str
    test_reports: str | None
    compute_type: str
    timeout_minutes: int
    secrets_in_history: bool

    def render(self, context: Context) -> Stage:
        """Namespace ``Build`` goes to the sealer only; ``Image`` carries SHA256 and DIGEST to the later stages."""
        history = {"SCAN_HISTORY": "true" if self.secrets_in_history else "false"}
        return Stage(
            "Build",
            (
                BuildAction(
                    name="image",
                    description="Builds and tests the repository, once, and writes the image as one OCI archive",
                    buildspec="build-image.yml",
                    environment={
                        "ARTIFACTS_BUCKET": context.artifacts.name,
                        "BUILD_SCRIPT": self.script or "",
                        "DOCKERFILE": self.dockerfile,
                        "BUILD_CONTEXT": self.context_folder,
                        "TEST_REPORTS": self.test_reports or "",
                    },
                    writes=(context.image_keys,),
                    privileged=True,
                    compute_type=self.compute_type,
                    timeout_minutes=self.timeout_minutes,
                    test_reports=True,
                    exports=True,
                    namespace="Build",
                ),
                scan(
                    context,
                    SCANNERS["git-secrets"],
                    environment=history | {"REPOSITORY_URL": context.repository.clone_url},
                    statements=(context.repository.allow_clone(),) if self.secrets_in_history else (),
                    scopes=("source", "history") if self.secrets_in_history else ("source",),
                ),
                resolve("resolve.yml"),
                SealAction("seal", run_order=2),
            ),
        )


@dataclass(frozen=True)
class Verify:
    """Dependencies, code and image, by the chosen scanners, in parallel and unprivileged."""

    scanners: tuple[str, ...]
    snyk: SnykParameters
    dockerfile: str

    def render(self, context: Context) -> Stage:
        """``scanners``: ids whose stage in the catalogue is Verify."""
        return Stage(
            "Verify",
            tuple(
                scan(
                    context,
                    SCANNERS[name],
                    snyk=self.snyk,
                    environment={"DOCKERFILE": self.dockerfile} if name == "snyk-container" else {},
                )
                for name in self.scanners
            ),
        )


@dataclass(frozen=True)
class Publish:
    """The guard, then exactly the archive that was verified goes to ECR, then ECR's own scan."""

    registry: ImageRegistry
    ecr_scan_minutes: int

    def render(self, context: Context) -> Stage:
        """Nothing is pushed before the guard has found every verdict."""
        return Stage(
            "Publish",
            (
                GuardAction("guard", gate="Publish", run_order=1),
                BuildAction(
                    name="push",
                    description="Copies the verified OCI archive to ECR with its digest",
                    buildspec="push-image.yml",
                    environment={
                        "ARTIFACTS_BUCKET": context.artifacts.name,
                        "REGISTRY": self.registry.url,
                        **_IMAGE,
                    },
                    reads=(context.image_keys,),
                    statements=tuple(self.registry.allow_push()),
                    run_order=2,
                ),
                scan(
                    context,
                    SCANNERS["ecr"],
                    environment={
                        "REGISTRY_NAME": self.registry.name,
                        "ECR_SCAN_TIMEOUT": str(self.ecr_scan_minutes * 60),
                        "IMAGE_DIGEST": IMAGE_DIGEST,
                    },
                    statements=tuple(self.registry.allow_read_scan()),
                    timeout_minutes=self.ecr_scan_minutes + 20,
                    run_order=3,
                ),
            ),
        )


@dataclass(frozen=True)
class Target:
    """Where one environment runs and how it gets there."""

    cluster: ClusterNamespace
    manifests: str
    image_name: str
    registry: ImageRegistry
    other_images: tuple[str, ...]
    rollout_minutes: int
    vpc: Vpc | None


@dataclass(frozen=True)
class Zap:
    """OWASP ZAP against the staging URL. ``kind``: baseline, full or api."""

    kind: str
    target: str
    api_format: str | None
    minutes: int


@dataclass(frozen=True)
class Staging:
    """Deploy, probe, record and approval in one stage: its lock keeps the next run out until somebody has decided about
    this. Without a record nobody is asked."""

    target: Target
    zap: Zap
    approvers: Topic
    scanners: tuple[str, ...]

    def render(self, context: Context) -> Stage:
        """``scanners``: ids whose summaries the approver reads, beside those of this stage."""
        return Stage(
            "Staging",
            (
                deploy(context, self.target, "staging", run_order=1),
                scan(
                    context,
                    SCANNERS["zap"],
                    environment={
                        "ZAP_SCAN": self.zap.kind,
                        "ZAP_TARGET": self.zap.target,
                        "ZAP_API_FORMAT": self.zap.api_format or "",
                        "ZAP_MINUTES": str(self.zap.minutes),
                        # ZAP's packaged scans start docker unless they know that they are in a container already.
                        "IS_CONTAINERIZED": "true",
                    },
                    image="zap",
                    compute_type="BUILD_GENERAL1_MEDIUM",
                    # ZAP_MINUTES bounds the spider; the scan after it takes as long as the application is large.
                    timeout_minutes=self.zap.minutes + 75,
                    vpc=self.target.vpc,
                    run_order=2,
                ),
                RecordAction("record", run_order=3),
                approval(
                    "approve",
                    pipeline=context.pipeline,
                    topic=self.approvers,
                    link=record_link(context.account, context.reports, context.pipeline),
                    scanners=(*self.scanners, "zap"),
                    run_order=4,
                ),
            ),
        )


@dataclass(frozen=True)
class Production:
    """The guard, then the digest that was approved."""

    target: Target

    def render(self, context: Context) -> Stage:
        """The same buildspec as staging, with another environment."""
        return Stage(
            "Production",
            (
                GuardAction("guard", gate="Production", run_order=1),
                deploy(context, self.target, "production", run_order=2),
            ),
        )


def resolve(buildspec: str) -> BuildAction:
    """Install and resolve the dependencies, which runs their code: no token, no gate, no report within reach."""
    return BuildAction(
        name="resolve",
        description="Resolves dependencies to metadata; runs foreign code, so it holds no secret",
        buildspec=buildspec,
        outputs=(RESOLVED,),
    )


def scan(
    context: Context,
    scanner: Scanner,
    *,
    environment: dict[str, str] | None = None,
    statements: tuple[Statement, ...] = (),
    snyk: SnykParameters | None = None,
    scopes: tuple[str, ...] | None = None,
    image: str = "standard",
    compute_type: str = "BUILD_GENERAL1_SMALL",
    timeout_minutes: int = 120,
    vpc: Vpc | None = None,
    run_order: int = 1,
) -> BuildAction:
    """The action of one scanner of the catalogue, with what its entry says it needs."""
    keys = scanner.report_keys(context.pipeline)
    if scopes is not None:
        keys = [key for key, scope in zip(keys, scanner.scopes, strict=True) if scope in scopes]
    if scanner.id == "grype":
        keys.append(f"reports/{context.pipeline}/*/grype-image/sbom.cdx.json")
    variables = dict(environment or {})
    if scanner.reads_image:
        variables |= _IMAGE | {"ARTIFACTS_BUCKET": context.artifacts.name}
    if scanner.uses_snyk and snyk is not None:
        variables |= snyk.environment()
        if scanner.id == "snyk":  # names the project on Snyk's console
            variables |= {"REPOSITORY": context.repository.name, "REPOSITORY_URL": context.repository.clone_url}
        statements = (*statements, *snyk.allow_read(context.account))
    return BuildAction(
        name=scanner.id,
        description=f"{scanner.title}: scans, hands its report to the importer and obeys the verdict",
        buildspec=scanner.buildspec,
        environment=variables,
        inputs=(SOURCE, RESOLVED) if scanner.reads_resolved else (SOURCE,),
        reads=(context.image_keys,) if scanner.reads_image else (),
        reports=tuple(keys),
        statements=statements,
        calls_gate=True,
        image=image,
        compute_type=compute_type,
        timeout_minutes=timeout_minutes,
        vpc=vpc,
        exports=True,
        run_order=run_order,
    )


def deploy(context: Context, target: Target, environment: str, *, run_order: int) -> BuildAction:
    """Roll one digest out to one namespace, and put the last released manifests back if that fails."""
    released = f"releases/{context.pipeline}/{environment}/manifests.yaml"
    return BuildAction(
        name="deploy",
        description=f"Deploys the approved digest to {environment} and waits for the rollout",
        buildspec="deploy.yml",
        environment={
            "ARTIFACTS_BUCKET": context.artifacts.name,
            "CLUSTER": target.cluster.cluster,
            "NAMESPACE": target.cluster.namespace,
            "MANIFESTS": target.manifests,
            "IMAGE_NAME": target.image_name,
            "REGISTRY": target.registry.url,
            "ENVIRONMENT": environment,
            "ROLLOUT_TIMEOUT": str(target.rollout_minutes * 60),
            "OTHER_IMAGES": json.dumps(target.other_images),
            "IMAGE_DIGEST": IMAGE_DIGEST,
        },
        reads=(released,),
        writes=(released,),
        statements=(
            target.cluster.allow_connect(),
            context.artifacts.allow_list(f"releases/{context.pipeline}/{environment}/"),
        ),
        # A failed rollout is waited for once more while the last release is put back.
        timeout_minutes=2 * target.rollout_minutes + 20,
        vpc=target.vpc,
        run_order=run_order,
    )
