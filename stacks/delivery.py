"""Commit-to-production pipeline of one repository."""

from __future__ import annotations

from constructs import Construct

from modules.actions import COMMIT
from modules.build_project import Vpc
from modules.cluster_access import ClusterNamespace, grant_cluster_access
from modules.encryption import Key
from modules.image_registry import ImageRegistry, make_image_registry
from modules.notifications import Topic
from modules.pipeline import Pipeline
from modules.pipeline_starter import start_by_event
from modules.snyk import SnykParameters
from modules.stages import Build, Production, Publish, Source, Staging, Target, Verify, Zap
from stacks.base import BaseStack, Sources
from stacks.settings import DeliveryPipeline, Environment, Settings


class DeliveryStack(BaseStack):
    """SUPERSEDED: a newer commit overtakes one that waits between stages; Staging's lock holds it while somebody decides."""

    def __init__(self, scope: Construct, name: str, settings: Settings, sources: Sources) -> None:
        super().__init__(scope, name, settings)
        pipeline = settings.pipelines[name]
        assert isinstance(pipeline, DeliveryPipeline)  # noqa: S101 - for the type checker; app.py chose by type
        account = self.account
        key = Key.lookup(self, account)
        registry = ImageRegistry(pipeline.registry, account)
        make_image_registry(self, "registry", registry, key)
        context = self.context(name, pipeline, key, sources, branch=pipeline.branch, commit=COMMIT)
        snyk = pipeline.snyk
        staging = self._target(pipeline.staging, pipeline, registry)
        production = self._target(pipeline.production, pipeline, registry)
        rendered = Pipeline(
            self,
            context,
            [
                Source(pipeline.branch).render(context),
                Build(
                    script=pipeline.build.script,
                    dockerfile=pipeline.build.dockerfile,
                    context_folder=pipeline.build.context,
                    test_reports=pipeline.build.test_reports,
                    compute_type=pipeline.build.compute,
                    timeout_minutes=pipeline.build.timeout,
                    secrets_in_history=pipeline.secrets.history,
                ).render(context),
                Verify(
                    scanners=tuple(pipeline.scanners),
                    snyk=SnykParameters(snyk.token_parameter, snyk.organization_parameter, snyk.kms_key),
                    dockerfile=pipeline.build.dockerfile,
                ).render(context),
                Publish(registry=registry, ecr_scan_minutes=pipeline.ecr_scan_timeout).render(context),
                Staging(
                    target=staging,
                    zap=Zap(pipeline.zap.scan, pipeline.zap.target, pipeline.zap.api_format, pipeline.zap.minutes),
                    approvers=Topic.named(account, f"{name}-approval", key),
                    scanners=("git-secrets", *pipeline.scanners, "ecr"),
                ).render(context),
                Production(target=production).render(context),
            ],
            execution_mode="SUPERSEDED",
        )
        for environment, target in (("Staging", staging), ("Production", production)):
            grant_cluster_access(
                self,
                f"{environment}_access",
                target.cluster,
                rendered.projects[f"{environment}/deploy"].role_arn,
                self.names.deployers(name, environment.lower()),
            )
        start_by_event(
            self,
            account=account,
            key=key,
            alarms=Topic.named(account, "notifications", key),
            repository=context.repository,
            branch=pipeline.branch,
            pipeline=name,
            pipeline_arn=rendered.arn,
        )

    def _target(self, environment: Environment, pipeline: DeliveryPipeline, registry: ImageRegistry) -> Target:
        vpc = environment.vpc
        return Target(
            cluster=ClusterNamespace(
                environment.cluster, environment.namespace, self.account, environment.access == "edit-policy"
            ),
            manifests=environment.manifests,
            image_name=pipeline.image,
            registry=registry,
            other_images=tuple(pipeline.other_images),
            rollout_minutes=environment.rollout_timeout,
            vpc=Vpc(vpc.id, tuple(vpc.subnets), tuple(vpc.security_groups)) if vpc else None,
        )
