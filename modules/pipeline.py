"""A sequence of stages -> one aws_codepipeline.

The only place that knows order, names, artifact wiring and the pipeline's role.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.codepipeline import (
    Codepipeline,
    CodepipelineArtifactStore,
    CodepipelineArtifactStoreEncryptionKey,
    CodepipelineStage,
    CodepipelineStageAction,
    CodepipelineVariable,
)

from modules.actions import (
    COMMITTED,
    EXECUTION,
    IMAGE_DIGEST,
    SOURCE,
    Action,
    ApprovalAction,
    BuildAction,
    Context,
    GuardAction,
    RecordAction,
    SealAction,
    SourceAction,
    Stage,
)
from modules.build_project import BuildProject, literal
from modules.findings_importer import gate_alias
from modules.function import FunctionReference
from modules.iam import Role, Statement, allow
from modules.storage import allow_objects

# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
CONFIGURATION_LIMIT = 1_000


class PipelineError(ValueError):
    """The stages cannot make a pipeline; the message names the action and what would be right."""


class Pipeline:
    """One V2 pipeline with its projects and its role.

    ``execution_mode``: SUPERSEDED, QUEUED (never PARALLEL: there a CodeCommit source takes the branch's head, whatever
    commit started the run). ``variables`` maps a pipeline variable to its default.
    """

    def __init__(
        self,
        scope: TerraformStack,
        context: Context,
        stages: Sequence[Stage],
        *,
        execution_mode: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._scope = scope
        self._context = context
        self.projects: dict[str, BuildProject] = {}
        account = context.account
        name = account.names.pipeline(context.pipeline)
        self.name = name
        self.arn = account.arn("codepipeline", name)
        rendered = [self._stage(stage) for stage in stages]
        role = Role(
            scope,
            "pipeline",
            account=account,
            name=account.names.role(context.pipeline),
            service="codepipeline",
            description=f"Runs the pipeline {name}",
            statements=self._permissions(stages),
        )
        self.role_arn = role.arn
        Codepipeline(
            scope,
            "pipeline",
            name=name,
            role_arn=role.arn,
            pipeline_type="V2",
            execution_mode=execution_mode,
            variable=[
                CodepipelineVariable(name=variable, default_value=default)
                for variable, default in (variables or {}).items()
            ]
            or None,
            artifact_store=[
                CodepipelineArtifactStore(
                    location=context.artifacts.name,
                    type="S3",
                    encryption_key=CodepipelineArtifactStoreEncryptionKey(id=context.key.arn, type="KMS"),
                )
            ],
            stage=rendered,
            depends_on=[role.policy],
        )

    def _stage(self, stage: Stage) -> CodepipelineStage:
        return CodepipelineStage(name=stage.name, action=[self._action(stage, action) for action in stage.actions])

    def _action(self, stage: Stage, action: Action) -> CodepipelineStageAction:
        match action:
            case SourceAction():
                return CodepipelineStageAction(
                    name=action.name,
                    category="Source",
                    owner="AWS",
                    provider="CodeCommit",
                    version="1",
                    namespace=COMMITTED,
                    output_artifacts=[SOURCE],
                    configuration={
                        "RepositoryName": self._context.repository.name,
                        "BranchName": action.tracked_branch,
                        # An event starts the run. Polling beside it would start each twice.
                        "PollForSourceChanges": "false",
                        "OutputArtifactFormat": "CODE_ZIP",
                    },
                )
            case BuildAction():
                return self._build(stage, action)
            case SealAction():
                # Bare text, no JSON: whatever Build exported, it is one string here.
                claim = "#{Build.IMAGE_SHA256} #{Build.IMAGE_DIGEST}"
                return _invoke(action, self._context.sealer, claim, namespace="Image")
            case GuardAction():
                parameters = {
                    "schema": 1,
                    "pipeline": self._context.pipeline,
                    "gate": action.gate,
                    "execution": EXECUTION,
                    "commit": self._context.commit,
                    "digest": IMAGE_DIGEST,
                }
                return _invoke(action, self._context.guard, json.dumps(parameters, separators=(",", ":")))
            case RecordAction():
                parameters = {"schema": 1, "pipeline": self._context.pipeline, "execution": EXECUTION}
                return _invoke(action, self._context.recorder, json.dumps(parameters, separators=(",", ":")))
            case ApprovalAction():
                return CodepipelineStageAction(
                    name=action.name,
                    category="Approval",
                    owner="AWS",
                    provider="Manual",
                    version="1",
                    run_order=action.run_order,
                    configuration=_checked(
                        action.name,
                        {
                            "NotificationArn": action.topic.arn,
                            "CustomData": literal(action.text),
                            "ExternalEntityLink": action.link,
                        },
                    ),
                )

    def _build(self, stage: Stage, action: BuildAction) -> CodepipelineStageAction:
        context = self._context
        environment = {
            "PIPELINE": context.pipeline,
            "ACTION": f"{stage.name}/{action.name}",
            "SCRIPTS_URI": f"s3://{context.artifacts.name}/{context.scripts_key}",
            "SCRIPTS_SHA256": context.scripts_sha256,
            "EXECUTION": EXECUTION,
            "COMMIT": context.commit,
            "BRANCH": context.branch,
            **action.environment,
        }
        gate = context.importer.alias(gate_alias(context.pipeline, action.name))
        if action.calls_gate:
            environment |= {"REPORTS_BUCKET": context.reports.name, "FINDINGS_IMPORTER": gate.name}
        dynamic = {name: value for name, value in environment.items() if "#{" in value}
        static = {name: value for name, value in environment.items() if "#{" not in value}
        artifact = context.artifacts.objects
        statements = [
            *allow_objects(
                context.key,
                read=artifact(context.scripts_key, *action.reads),
                read_versions=artifact(*(f"{context.artifact_prefix}/{name}/*" for name in action.inputs)),
                write=[
                    *artifact(*action.writes),
                    *artifact(*(f"{context.artifact_prefix}/{name}/*" for name in action.outputs)),
                    *context.reports.objects(*action.reports),
                ],
            ),
            # https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html (S3BucketIdentity)
            allow("ArtifactBucket", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [context.artifacts.arn]),
            *((gate.allow_invoke("Gate"),) if action.calls_gate else ()),
            *action.statements,
        ]
        project = BuildProject(
            self._scope,
            f"{stage.name}_{action.name}",
            account=context.account,
            key=context.key,
            name=context.account.names.build(context.pipeline, _project_purpose(stage, action)),
            description=action.description,
            buildspec=context.buildspecs[action.buildspec],
            image=context.images.get(action.image, action.image),
            environment=static,
            statements=statements,
            privileged=action.privileged,
            compute_type=action.compute_type,
            timeout_minutes=action.timeout_minutes,
            vpc=action.vpc,
            test_reports=action.test_reports,
        )
        self.projects[f"{stage.name}/{action.name}"] = project
        variables = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in sorted(dynamic.items())]
        configuration = {
            "ProjectName": project.name,
            "EnvironmentVariables": json.dumps(variables, separators=(",", ":")),
        }
        if len(action.inputs) > 1:
            configuration["PrimarySource"] = action.inputs[0]
        return CodepipelineStageAction(
            name=action.name,
            category="Build",
            owner="AWS",
            provider="CodeBuild",
            version="1",
            run_order=action.run_order,
            namespace=(action.namespace or action.name) if action.exports else None,
            input_artifacts=list(action.inputs),
            output_artifacts=list(action.outputs) or None,
            configuration=_checked(action.name, configuration),
        )

    def _permissions(self, stages: Sequence[Stage]) -> list[Statement]:
        """What CodePipeline does with its role: nothing on its own, only to its artifacts and to what its actions name.

        https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
        """
        context = self._context
        actions = [action for stage in stages for action in stage.actions]
        artifacts = context.artifacts.objects(f"{context.artifact_prefix}/*")
        statements = [
            *allow_objects(context.key, read_versions=artifacts, write=artifacts),
            # S3 asks for it as soon as a PutObject names an ACL, also where the bucket's owner owns everything.
            allow("ArtifactOwner", ["s3:PutObjectAcl"], artifacts),
            allow(
                "ArtifactBucket",
                ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
                [context.artifacts.arn],
            ),
            context.repository.allow_source_action(),
            allow(
                "Builds",
                ["codebuild:StartBuild", "codebuild:BatchGetBuilds", "codebuild:StopBuild"],
                [project.arn for project in self.projects.values()],
            ),
        ]
        if any(isinstance(action, GuardAction) for action in actions):
            statements.append(context.guard.allow_invoke("Guard"))
        if any(isinstance(action, SealAction) for action in actions):
            statements.append(context.sealer.allow_invoke("Seal"))
        if any(isinstance(action, RecordAction) for action in actions):
            statements.append(context.recorder.allow_invoke("Record"))
        for action in actions:
            if isinstance(action, ApprovalAction):
                statements += action.topic.allow_publish()
        return statements


def _invoke(
    action: SealAction | GuardAction | RecordAction,
    function: FunctionReference,
    parameters: str,
    namespace: str | None = None,
) -> CodepipelineStageAction:
    return CodepipelineStageAction(
        name=action.name,
        category="Invoke",
        owner="AWS",
        provider="Lambda",
        version="1",
        run_order=action.run_order,
        namespace=namespace,
        configuration=_checked(action.name, {"FunctionName": function.name, "UserParameters": parameters}),
    )


def _project_purpose(stage: Stage, action: BuildAction) -> str:
    # "deploy" stands in two stages; every other action's name is unique in its pipeline.
    return f"{stage.name.lower()}-{action.name}" if action.name == "deploy" else action.name


def _checked(name: str, configuration: dict[str, str]) -> dict[str, str]:
    for key, value in configuration.items():
        if len(value) > CONFIGURATION_LIMIT:
            raise PipelineError(
                f"action {name!r}: {key} has {len(value)} characters, CodePipeline takes {CONFIGURATION_LIMIT}: {value}"
            )
    return configuration
