"""Each role's critical calls, and the near misses it must not make.

Written from what each part is for, not read from the emitted policies: AWS's own evaluation is asked about both. tests/permissions has the
whole list, evaluated offline; here stands what would hurt most, because the account's organization, boundaries and the real
evaluation have their say as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules.scanners import SCANNERS
from stacks.settings import DeliveryPipeline
from tools.prove_on_aws import review_cases
from tools.prove_on_aws.case import OTHER, RUN, Case
from tools.prove_on_aws.deployed import Deployed


def by_role(deployed: Deployed) -> dict[str, list[Case]]:
    """Role name -> its cases. Every emitted role has some; a test holds that."""
    found: dict[str, list[Case]] = {}
    for stack, name, role in deployed.resources("aws_iam_role"):
        own = list(_near_misses_of_all(deployed, role["name"]))
        if stack in deployed.settings.pipelines:
            own += _of_pipeline(deployed, stack, name.removesuffix("_role"))
        elif stack in deployed.settings.reviews:
            own += review_cases.of(deployed, stack, name.removesuffix("_role"))
        else:
            own += _of_function(deployed, name.removesuffix("_role"))
        found[role["name"]] = own
    return found


def _near_misses_of_all(deployed: Deployed, role: str) -> Iterator[Case]:
    approval = deployed.arn("codepipeline", f"{deployed.names.pipeline(OTHER)}/Staging/approve")
    yield Case("codepipeline:PutApprovalResult", approval, False)
    yield Case("iam:PassRole", deployed.arn("iam", f"role/{role}"), False)
    yield Case("kms:Decrypt", deployed.key_arn, False)  # not through a service of this account
    yield Case("ssm:GetParameter", deployed.arn("ssm", f"parameter/{OTHER}/token"), False)
    yield Case("s3:PutObject", deployed.object("artifacts", f"images/{OTHER}/{RUN}/image.tar"), False)
    yield Case("lambda:UpdateFunctionCode", _function(deployed, "findings-importer"), False)
    if role != deployed.names.role("findings-importer"):
        yield Case("s3:PutObject", deployed.object("reports", f"reports/{OTHER}/{RUN}/grype-image/verdict.json"), False)


def _function(deployed: Deployed, purpose: str, alias: str = "") -> str:
    return deployed.arn("lambda", f"function:{deployed.names.function(purpose)}{alias and ':'}{alias}")


def _pipeline(deployed: Deployed, name: str) -> str:
    return deployed.arn("codepipeline", deployed.names.pipeline(name))


def _current(deployed: Deployed, pipeline: str) -> str:
    return deployed.object("reports", f"releases/{pipeline}/current.json")


def _of_function(deployed: Deployed, name: str) -> list[Case]:
    settings = deployed.settings
    pipelines = list(settings.pipelines)
    deliveries = [n for n, p in settings.pipelines.items() if isinstance(p, DeliveryPipeline)]
    run = f"reports/{pipelines[0]}/{RUN}/snyk-dependencies"
    verdict = deployed.object("reports", f"{run}/verdict.json")
    s3 = {"kms:ViaService": deployed.via("s3")}
    if name == "importer":
        product = deployed.arn("securityhub", f"product/{deployed.account}/default")
        return [
            Case("s3:PutObject", verdict, True),
            Case("s3:PutObject", deployed.object("reports", f"{run}/raw.json"), False),
            Case("s3:GetObject", deployed.object("reports", f"{run}/raw.json"), True),
            # A verdict is replaced with If-Match, which takes the permission to read it.
            Case("s3:GetObject", verdict, True),
            Case("kms:GenerateDataKey", deployed.key_arn, True, s3),
            *(Case("codepipeline:GetPipelineExecution", _pipeline(deployed, one), True) for one in pipelines),
            Case("codepipeline:GetPipelineExecution", _pipeline(deployed, OTHER), False),
            Case("securityhub:BatchImportFindings", product, settings.singletons.security_hub != "none"),
        ]
    if name == "notifier":
        told = deployed.object("reports", f"notified/{pipelines[0]}/{RUN}/failed-1.json")
        topic = deployed.arn("sns", deployed.names.topic("notifications"))
        approvals = [deployed.arn("sns", deployed.names.topic(f"{one}-approval")) for one in deliveries]
        return [
            Case("s3:PutObject", told, True),
            Case("s3:PutObject", verdict, False),
            Case("s3:GetObject", verdict, True),
            *(Case("s3:GetObject", _current(deployed, one), True) for one in deliveries),
            *(Case("s3:PutObject", _current(deployed, one), False) for one in deliveries),
            Case("kms:GenerateDataKey", deployed.key_arn, True, {"kms:ViaService": deployed.via("sns")}),
            Case("sns:Publish", topic, True),
            *(Case("sns:Publish", one, False) for one in approvals),
            *(Case("sns:ListSubscriptionsByTopic", one, True) for one in (topic, *approvals)),
            *(Case("codepipeline:ListActionExecutions", _pipeline(deployed, one), True) for one in pipelines),
            Case("codepipeline:ListActionExecutions", _pipeline(deployed, OTHER), False),
        ]
    if name == "trail_writer":
        log = f"log-group:/aws/cloudtrail/{deployed.names.trail('trail')}:log-stream:"
        own = f"{log}{deployed.account}_CloudTrail_{deployed.region}"
        return [
            Case("logs:PutLogEvents", deployed.arn("logs", own), True),
            Case("logs:PutLogEvents", deployed.arn("logs", f"{log}other"), False),
        ]
    if name == "config_recorder":
        history = deployed.object("config", f"AWSLogs/{deployed.account}/Config/ConfigWritabilityCheckFile")
        acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
        return [
            Case("s3:PutObject", history, True, acl),
            Case("s3:PutObject", history, False),
            Case("kms:GenerateDataKey", deployed.key_arn, True, s3),
        ]
    job = Case("codepipeline:PutJobSuccessResult", "*", True)
    if name == "recorder":
        record = deployed.object("reports", f"releases/{deliveries[0]}/{RUN}/release.json")
        return [
            job,
            Case("s3:PutObject", record, True),
            Case("s3:GetObject", record, True),
            *(Case("s3:PutObject", _current(deployed, one), True) for one in deliveries),
            Case("s3:GetObject", verdict, True),
            Case("s3:PutObject", verdict, False),
            *(Case("codepipeline:GetPipelineExecution", _pipeline(deployed, one), True) for one in deliveries),
            Case("codepipeline:GetPipelineExecution", _pipeline(deployed, OTHER), False),
        ]
    if name == "guard":
        return [
            job,
            Case("s3:GetObject", verdict, True),
            Case("s3:PutObject", verdict, False),
            Case("kms:Decrypt", deployed.key_arn, True, s3),
            *(Case("codepipeline:ListActionExecutions", _pipeline(deployed, one), True) for one in deliveries),
            Case("codepipeline:ListActionExecutions", _pipeline(deployed, OTHER), False),
        ]
    return [job, Case("s3:GetObject", verdict, False)]


def _of_pipeline(deployed: Deployed, pipeline: str, part: str) -> list[Case]:
    if part in ("commit_event", "starter"):
        return [
            Case("codepipeline:StartPipelineExecution", _pipeline(deployed, pipeline), True),
            Case("codepipeline:StartPipelineExecution", _pipeline(deployed, OTHER), False),
        ]
    if part == "pipeline":
        return list(_of_codepipeline(deployed, pipeline))
    return list(_of_build(deployed, pipeline, part))


def _of_codepipeline(deployed: Deployed, pipeline: str) -> Iterator[Case]:
    settings = deployed.settings.pipelines[pipeline]
    prefix = deployed.names.artifact_prefix(pipeline)
    repository = settings.repository.arn or deployed.arn("codecommit", settings.repository.name)
    for _, project in _projects(deployed, pipeline):
        yield Case("codebuild:StartBuild", deployed.arn("codebuild", f"project/{project['name']}"), True)
    yield Case(
        "codebuild:StartBuild", deployed.arn("codebuild", f"project/{deployed.names.build(OTHER, 'image')}"), False
    )
    yield Case("codecommit:UploadArchive", repository, True)
    yield Case("codecommit:UploadArchive", f"{repository}-2", False)
    yield Case("s3:PutObject", deployed.object("artifacts", f"{prefix}/Source/abcdefg"), True)
    yield Case("s3:PutObject", deployed.object("artifacts", "scripts/0.zip"), False)
    yield Case("lambda:InvokeFunction", _function(deployed, "findings-importer"), False)
    if isinstance(settings, DeliveryPipeline):
        yield Case("lambda:InvokeFunction", _function(deployed, "release-guard"), True)
        yield Case("sns:Publish", deployed.arn("sns", deployed.names.topic(f"{pipeline}-approval")), True)
        yield Case("sns:Publish", deployed.arn("sns", deployed.names.topic(f"{OTHER}-approval")), False)


def _projects(deployed: Deployed, pipeline: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from deployed.stacks[pipeline].get("aws_codebuild_project", {}).items()


def _of_build(deployed: Deployed, pipeline: str, part: str) -> Iterator[Case]:
    settings = deployed.settings.pipelines[pipeline]
    project = dict(_projects(deployed, pipeline))[part]
    stage, action = part.split("_", 1)
    [environment] = _listed(project["environment"])
    variables = {v["name"]: v["value"] for v in environment["environment_variable"]}
    log = f"log-group:/aws/codebuild/{project['name']}:log-stream:{RUN}"
    yield Case("logs:PutLogEvents", deployed.arn("logs", log), True)
    yield Case("logs:PutLogEvents", deployed.arn("logs", log.replace(project["name"], OTHER)), False)
    bucket, _, scripts = variables["SCRIPTS_URI"].removeprefix("s3://").partition("/")
    yield Case("s3:GetObject", f"arn:{deployed.partition}:s3:::{bucket}/{scripts}", True)
    yield Case("s3:PutObject", f"arn:{deployed.partition}:s3:::{bucket}/{scripts}", False)
    yield Case("kms:Decrypt", deployed.key_arn, True, {"kms:ViaService": deployed.via("s3")})
    image = deployed.object("artifacts", f"images/{pipeline}/{RUN}/image.tar")
    yield Case("s3:PutObject", image, action == "image")
    yield Case("lambda:InvokeFunction", _function(deployed, "findings-importer"), False)
    alias = _function(deployed, "findings-importer", f"{pipeline}_{action}")
    yield Case("lambda:InvokeFunction", alias, "FINDINGS_IMPORTER" in variables)
    scanner = SCANNERS.get(action)
    if scanner:
        for key in scanner.report_keys(pipeline, RUN)[:1]:
            yield Case("s3:PutObject", deployed.object("reports", key), True)
            yield Case("s3:PutObject", deployed.object("reports", key.replace(f"/{pipeline}/", f"/{OTHER}/")), False)
        foreign = _function(deployed, "findings-importer", f"{OTHER}_{action}")
        yield Case("lambda:InvokeFunction", foreign, False)
    token = deployed.arn("ssm", f"parameter/{settings.snyk.token_parameter.lstrip('/')}")
    yield Case("ssm:GetParameter", token, bool(scanner and scanner.uses_snyk))
    if isinstance(settings, DeliveryPipeline):
        yield from _of_delivery(deployed, settings, pipeline, stage, action)


def _of_delivery(
    deployed: Deployed, settings: DeliveryPipeline, pipeline: str, stage: str, action: str
) -> Iterator[Case]:
    registry = deployed.arn("ecr", f"repository/{settings.registry}")
    yield Case("ecr:PutImage", registry, action == "push")
    if action == "push":
        yield Case("ecr:PutImage", f"{registry}-2", False)
    yield Case("ecr:DescribeImageScanFindings", registry, action == "ecr")
    targets = {"staging": settings.staging, "production": settings.production}
    for name, environment in targets.items():
        own = action == "deploy" and stage.lower() == name
        released = deployed.object("artifacts", f"releases/{pipeline}/{name}/manifests.yaml")
        yield Case("s3:PutObject", released, own)
        # Two environments may share a cluster: the namespace is then the access entry's to bind.
        if action != "deploy" or own or settings.staging.cluster != settings.production.cluster:
            yield Case("eks:DescribeCluster", deployed.arn("eks", f"cluster/{environment.cluster}"), own)


def _listed(thing: object) -> list[Any]:
    return thing if isinstance(thing, list) else [thing]
