"""What CodePipeline does for each kind of action: source, build, function, approval. Each function runs one action to its end."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tools.emulator.process import Emulator
from tools.rehearse import approving, artifacts, builds, roles, variables
from tools.rehearse.answers import Approvals, Jobs
from tools.rehearse.artifacts import SourceError
from tools.rehearse.builds import BuildFacts, BuildRunner, Source
from tools.rehearse.described import Described, Variable
from tools.rehearse.history import SUCCEEDED, ActionRun, Artifact, Execution, Outcome, failed
from tools.rehearse.watch import Clock, Seen

# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: "If the Lambda function has sent no reply after 20 minutes, the
# action times out."
FUNCTION_SECONDS = 20 * 60
_BUILD_KEYS = {"ProjectName", "PrimarySource", "EnvironmentVariables"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass
class World:
    """What the actions act on. ``emulator``: as the account's root. ``repositories``: CodeCommit's name -> a git repository of
    this machine. ``folder``: for files of builds and artifacts."""

    described: Described
    emulator: Emulator
    builds: BuildRunner
    repositories: Mapping[str, Path]
    folder: Path
    tell: Callable[[Seen], None]
    clock: Clock = field(default_factory=Clock)
    jobs: Jobs = field(default_factory=Jobs)
    approvals: Approvals = field(default_factory=Approvals)
    numbers: defaultdict[str, Any] = field(default_factory=lambda: defaultdict(lambda: count(1)))  # of each project


def run(world: World, execution: Execution, action: ActionRun) -> Outcome:
    """Resolve the action's configuration and run it. Whatever goes wrong is a failed action, never a passed one."""
    kinds = {"CodeCommit": source, "CodeBuild": build, "Lambda": invoke, "Manual": approving.approve}
    missing = [name for name in action.action.inputs if name not in execution.artifacts]
    if missing:
        return failed(f"no action before this one has made its input artifact {missing[0]}")
    action.inputs = tuple(execution.artifacts[name] for name in action.action.inputs)
    try:
        action.resolved = variables.resolve(action.action.configuration, execution.namespaces())
        outcome = kinds[action.action.provider](world, execution, action)
        return _complete(action, outcome) if outcome.succeeded else outcome
    except (variables.VariableError, ClientError, roles.DeniedError, SourceError) as error:
        return failed(str(error))
    except Exception as error:  # an error of the rehearsal is no success
        return failed(f"{type(error).__name__}: {error}")


def _complete(action: ActionRun, outcome: Outcome) -> Outcome:
    made = {one.name for one in outcome.artifacts}
    missing = [name for name in action.action.outputs if name not in made]
    if missing:
        return failed(f"the action succeeded without its output artifact {missing[0]}", seen=outcome.variables)
    variables.output(outcome.variables)
    return outcome


def source(world: World, execution: Execution, action: ActionRun) -> Outcome:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html (zip, variables),
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-trigger-source-overrides.html (a start's COMMIT_ID),
    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html (what the role is asked for)"""
    given = action.resolved or {}
    if given.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
        return failed(f"the rehearsal has no OutputArtifactFormat {given['OutputArtifactFormat']}")
    name, branch = given["RepositoryName"], given["BranchName"]
    repository = world.repositories.get(name)
    if repository is None:
        return failed(f"no repository {name}")
    role = roles.of_pipeline(world.emulator, execution.pipeline)
    codecommit = roles.client(role, "codecommit")
    head = codecommit.get_branch(repositoryName=name, branchName=branch)["branch"]["commitId"]
    revision = execution.revisions.get(action.action.name, head)
    if not _COMMIT.fullmatch(revision):
        return failed(f"{revision!r} is no commit's id")
    codecommit.get_commit(repositoryName=name, commitId=revision)
    roles.call(role, "codecommit", "CodeCommit_20150413.UploadArchive", {"repositoryName": name})
    roles.call(role, "codecommit", "CodeCommit_20150413.GetUploadArchiveStatus", {"repositoryName": name})
    found = artifacts.commit(repository, revision)
    content = _place(world, execution, action) / "source.zip"
    artifacts.source_zip(repository, revision, content)
    made = tuple(artifacts.put(role, execution.pipeline, output, content) for output in action.action.outputs)
    for output in action.action.outputs:
        execution.sources[output] = (revision, found.message)
    output_variables = {
        "AuthorDate": found.author_date,
        "BranchName": branch,  # of the configuration, whatever branch the commit is on
        "CommitId": revision,
        "CommitMessage": found.message,
        "CommitterDate": found.committer_date,
        "RepositoryName": name,
    }
    return Outcome(SUCCEEDED, output_variables, made, external_id=revision, summary=found.message)


def build(world: World, execution: Execution, action: ActionRun) -> Outcome:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html. CodePipeline starts the build with the
    pipeline's role; CodeBuild fetches and keeps artifacts with the project's
    (https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html)."""
    given = action.resolved or {}
    unknown = set(given) - _BUILD_KEYS
    if unknown:
        return failed(f"the rehearsal has nothing for {', '.join(sorted(unknown))} of a CodeBuild action")
    project = world.described.projects[given["ProjectName"]]
    overrides = {
        one["name"]: Variable(one["value"], one.get("type", "PLAINTEXT"))
        for one in json.loads(given.get("EnvironmentVariables", "[]"))
    }
    names = action.action.inputs
    primary = given.get("PrimarySource", names[0] if len(names) == 1 else "")
    if primary not in names:
        return failed(f"PrimarySource {primary!r} is none of the input artifacts {', '.join(names)}")
    starter = roles.client(roles.of_pipeline(world.emulator, execution.pipeline), "codebuild")
    sent = [{"name": name, "value": one.value, "type": one.type} for name, one in overrides.items()]
    # The emulator's own account of this build is worth nothing: it runs none. It asks whether the role may start one.
    build_id = starter.start_build(projectName=project.name, environmentVariablesOverride=sent)["build"]["id"]
    starter.batch_get_builds(ids=[build_id])
    folder = _place(world, execution, action)
    role = roles.of_project(world.emulator, project)
    sources = {}
    for artifact in action.inputs:
        zipped = folder / f"input-{artifact.name}.zip"
        artifacts.get(role, artifact, zipped)
        sources[artifact.name] = Source(zipped, f"{artifact.bucket}/{artifact.key}")
    own = folder / "build"
    own.mkdir()
    facts = BuildFacts(
        pipeline=execution.pipeline.name,
        execution=execution.id,
        stage=action.stage,
        action=action.action.name,
        build_id=build_id,
        number=next(world.numbers[project.name]),
        commit=execution.sources[primary][0] if primary in execution.sources else "",
        folder=own,
    )
    result = world.builds.run(
        project, overrides=overrides, sources=sources, primary=primary, outputs=action.action.outputs, facts=facts
    )
    if result.status != builds.SUCCEEDED:
        # The words of CodePipeline's own message.
        message = f"Build terminated with state: {result.status}. Phase: {result.phase}"
        why = f"{message}. {result.message}" if result.message else message
        return failed(why, external_id=build_id, seen=dict(result.exported))
    missing = [name for name in action.action.outputs if name not in result.artifacts]
    if missing:
        return failed(f"the build made no artifact {missing[0]}", external_id=build_id, seen=dict(result.exported))
    made = tuple(
        artifacts.put(role, execution.pipeline, name, result.artifacts[name]) for name in action.action.outputs
    )
    return Outcome(SUCCEEDED, dict(result.exported), made, external_id=build_id)


def invoke(world: World, execution: Execution, action: ActionRun) -> Outcome:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html (event, who answers),
    https://docs.aws.amazon.com/lambda/latest/dg/services-codepipeline.html (asynchronously)"""
    if action.action.outputs:
        return failed("the rehearsal has no function that makes artifacts")
    role = roles.of_pipeline(world.emulator, execution.pipeline)
    job, awaited = world.jobs.open()
    event = _job(job, world, execution, action, role)
    function = (action.resolved or {})["FunctionName"]
    roles.client(role, "lambda").invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
    )
    awaited.answered.wait(world.clock.limit(FUNCTION_SECONDS))
    return world.jobs.close(awaited) or failed(f"{function} has not answered job {job}: timed out", external_id=job)


def _job(job: str, world: World, execution: Execution, action: ActionRun, role: Emulator) -> dict[str, Any]:
    environment, pipeline = role.environment, execution.pipeline
    data: dict[str, Any] = {
        "actionConfiguration": {"configuration": dict(action.resolved or {})},
        "inputArtifacts": [_location(one) for one in action.inputs],
        "outputArtifacts": [],
        "artifactCredentials": {
            "accessKeyId": environment["AWS_ACCESS_KEY_ID"],
            "secretAccessKey": environment["AWS_SECRET_ACCESS_KEY"],
            "sessionToken": environment["AWS_SESSION_TOKEN"],
        },
    }
    if pipeline.key:
        data["encryptionKey"] = {"id": pipeline.key, "type": "KMS"}
    return {"CodePipeline.job": {"id": job, "accountId": world.described.account, "data": data}}


def _location(artifact: Artifact) -> dict[str, Any]:
    place = {"bucketName": artifact.bucket, "objectKey": artifact.key}
    return {"name": artifact.name, "revision": None, "location": {"type": "S3", "s3Location": place}}


def _place(world: World, execution: Execution, action: ActionRun) -> Path:
    """A new folder of this action's run."""
    folder = world.folder / execution.id / f"{action.stage}-{action.action.name}-{action.id[:8]}"
    folder.mkdir(parents=True)
    return folder
