"""Runs one function's deployed package and prints every request that it makes: a process of its own, not a test.

    record_functions.py <<< '{"kind": "importer", "package": "<folder>", "environment": {...}, ...}'

One line of JSON for each request: {"service", "operation", "parameters"}. What answers are the fakes of tests/lambdas; the
names of operations and their parameters are held to botocore's models.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

given = json.load(sys.stdin)
TESTS = Path(__file__).resolve().parents[1]
os.environ.update(given["environment"], AWS_DEFAULT_REGION=given["region"], AWS_REGION=given["region"])
# The fakes import the guard's modules, whichever function runs; what is in the package comes from there.
OURS = TESTS.parent / "lambdas"
sys.path[:0] = [given["package"], str(TESTS / "lambdas"), str(OURS / "release_guard"), str(OURS / "release_recorder")]

import boto3  # noqa: E402
import botocore.session  # noqa: E402
from botocore import xform_name  # noqa: E402
from botocore.validate import ParamValidator  # noqa: E402

import guard_world  # noqa: E402
import handler  # noqa: E402
import recorder_world  # noqa: E402
import s3_fake  # noqa: E402
import security_hub_fake  # noqa: E402
from lambda_fakes import COMMIT, EXECUTION  # noqa: E402

OUT = sys.stdout
ECR_REPORT = json.loads((TESTS / "reports" / "ecr" / "basic_many.json").read_bytes())
DIGEST = ECR_REPORT["imageId"]["imageDigest"]


class Answers:
    """What stands behind the clients."""

    def __init__(self) -> None:
        self.s3 = s3_fake.MemoryS3()
        self.codepipeline: Any = Executions(digests={EXECUTION: DIGEST})
        clock = security_hub_fake.Clock()
        self.securityhub = security_hub_fake.FakeSecurityHub(clock)
        self.ecr = Ecr()
        self.sns: Any = None
        self.config = Config()
        self.codebuild: Any = None
        self.codecommit: Any = None


class Executions(s3_fake.MemoryCodePipeline):
    """CodePipeline for the importer and the guard; it hears the answers to jobs and starts what it is asked to."""

    def list_action_executions(self, **request: Any) -> Mapping[str, Any]:
        if given["kind"] == "recorder":
            return {"actionExecutionDetails": recorder_world.ALL}
        if given["kind"] != "guard":
            return super().list_action_executions(**request)
        return {"actionExecutionDetails": guard_world.history()}

    def get_pipeline_execution(self, **request: Any) -> Mapping[str, Any]:
        if given["kind"] != "recorder":
            return super().get_pipeline_execution(**request)
        return recorder_world.World().get_pipeline_execution(**{**request, "pipelineName": "acme-payments"})

    def put_job_success_result(self, **_: Any) -> None:
        pass

    def put_job_failure_result(self, **_: Any) -> None:
        pass

    def start_pipeline_execution(self, **_: Any) -> Mapping[str, Any]:
        return {"pipelineExecutionId": EXECUTION}


class Ecr:
    """ECR, with a report of tests/reports for every image."""

    def describe_image_scan_findings(self, **_: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = ECR_REPORT
        return answer


class Config:
    """AWS Config, whose rules are all compliant."""

    def describe_compliance_by_config_rule(self, **request: Any) -> Mapping[str, Any]:
        named = [
            {"ConfigRuleName": name, "Compliance": {"ComplianceType": "COMPLIANT"}}
            for name in request["ConfigRuleNames"]
        ]
        return {"ComplianceByConfigRules": named}


class Recorder:
    """A client that writes down what it is asked before the fake answers."""

    def __init__(self, service: str, fake: Any) -> None:
        self.service, self.fake = service, fake
        self.model = botocore.session.get_session().get_service_model(service)
        self.operations = {xform_name(name): name for name in self.model.operation_names}

    def __getattr__(self, method: str) -> Any:
        operation = self.operations[method]

        def ask(**parameters: Any) -> Any:
            shape = self.model.operation_model(operation).input_shape
            problems = ParamValidator().validate(parameters, shape)
            if problems.has_errors():
                raise ValueError(problems.generate_report())
            shown = {key: value for key, value in parameters.items() if isinstance(value, str)}
            line = {"service": self.service, "operation": operation, "parameters": shown}
            OUT.write(json.dumps(line) + "\n")
            return getattr(self.fake, method)(**parameters)

        return ask


class Context:
    """Lambda's."""

    aws_request_id = "request-1"

    def __init__(self, alias: str = "") -> None:
        self.invoked_function_arn = given["arn"] + (f":{alias}" if alias else "")
        self.function_name = given["arn"].rpartition(":")[2]

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def event(name: str, **detail: Any) -> dict[str, Any]:
    """An event of tests/events with other details."""
    read: dict[str, Any] = json.loads((TESTS / "events" / f"{name}.json").read_bytes())
    read.get("detail", {}).update(detail)
    return read


def importer() -> Iterator[tuple[Any, Context]]:
    """Every gate's call; again, after a finding was accepted; then what AWS tells without being asked."""
    yield from gates()
    policy = Path(given["package"], "policy.json")
    document = json.loads(policy.read_bytes())
    accepted = {"scanner": "grype", "rule": "CVE-1999-1338", "location": None, "owner": "ann@example.com"}
    document["waivers"] = [{**accepted, "reason": "not built", "expires": "2999-12-31"}]
    policy.write_text(json.dumps(document), encoding="utf-8")
    handler.root.cache_clear()
    yield from gates()
    for registry in given["registries"]:
        yield event("ecr_image_scan", **{"repository-name": registry, "image-digest": DIGEST}), Context()
    yield event("inspector2_finding"), Context()
    for repository, branch in given["pushed"]:
        yield event("codecommit_push", repositoryName=repository, referenceName=branch), Context()
    for repository, branch in given["repositories"]:
        yield event("codecommit_reference_deleted", repositoryName=repository, referenceName=branch), Context()


def gates() -> Iterator[tuple[Any, Context]]:
    """Every scanner of every pipeline."""
    reports = {
        "git-secrets": "git-secrets/source_none.txt",
        "grype": "grype/many.json",
        "snyk": "snyk/projects_many.json",
        "snyk-code": "snyk/code_sarif_many.json",
        "snyk-container": "snyk/container_many.json",
        "ecr": "ecr/basic_many.json",
        "zap": "zap/many.json",
    }
    for pipeline, scanner, scope, key in given["gates"]:
        content = (TESTS / "reports" / reports[scanner]).read_bytes()
        answers.s3.objects[key] = content
        call = {
            "schema": 1,
            "kind": "report",
            "pipeline": pipeline,
            "execution": EXECUTION,
            "action": f"Any/{scanner}",
            "scanner": scanner,
            "scope": scope,
            "key": key,
            "exit_code": 0,
        }
        yield call, Context(f"{pipeline}_{scanner}")


def job(parameters: str) -> dict[str, Any]:
    """CodePipeline's call of a function."""
    read = event("codepipeline_job")
    read["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = parameters
    return read


def guard() -> Iterator[tuple[Any, Context]]:
    """A release that lacks everything, then one before Publish with everything in its place."""
    policy = json.loads(Path(given["package"], "policy.json").read_bytes())
    for name, pipeline in policy["pipelines"].items():
        if pipeline["kind"] != "delivery":
            continue
        folder = f"pushes/{pipeline['repository']}/{COMMIT}/"
        answers.s3.objects[f"{folder}{guard_world.EVENT}.json"] = json.dumps(guard_world.push()).encode()
        call = {"schema": 1, "pipeline": name, "execution": EXECUTION, "commit": COMMIT, "digest": guard_world.DIGEST}
        yield job(json.dumps({**call, "gate": "Production"})), Context()
        for one in pipeline["required"]["Publish"]:
            verdict = guard_world.verdict(one["scanner"], one["scope"]) | {
                "pipeline": name,
                "repository": pipeline["repository"],
                "branch": pipeline["branch"],
            }
            key = f"reports/{name}/{EXECUTION}/{one['scanner']}-{one['scope']}/verdict.json"
            answers.s3.objects[key] = json.dumps(verdict).encode()
        yield job(json.dumps({**call, "gate": "Publish"})), Context()


def recorder() -> Iterator[tuple[Any, Context]]:
    """A job of each pipeline, then the end of its execution; and a job that is none."""
    policy = json.loads(Path(given["package"], "policy.json").read_bytes())
    for name, pipeline in policy["pipelines"].items():
        if pipeline["kind"] != "delivery":
            continue
        if pipeline["separation_of_duties"]:
            push = {**guard_world.push(), "repository": pipeline["repository"], "branch": pipeline["branch"]}
            folder = f"pushes/{pipeline['repository']}/{COMMIT}/"
            answers.s3.objects[f"{folder}{guard_world.EVENT}.json"] = json.dumps(push).encode()
        scan = pipeline["required"]["Publish"][0]
        verdict = guard_world.verdict(scan["scanner"], scan["scope"]) | {"pipeline": name}
        verdict["counts"]["waived"] = 1
        key = f"reports/{name}/{EXECUTION}/{scan['scanner']}-{scan['scope']}/verdict.json"
        answers.s3.objects[key] = json.dumps(verdict).encode()
        yield job(json.dumps({"schema": 1, "pipeline": name, "execution": EXECUTION})), Context()
        yield recorder_world.event(pipeline=pipeline["name"]), Context()
    yield job("{}"), Context()


def sealer() -> Iterator[tuple[Any, Context]]:
    """What Build exported, right and wrong."""
    yield job(f"{'e' * 64} {DIGEST}"), Context()
    yield job("$(anything)"), Context()


def starter() -> Iterator[tuple[Any, Context]]:
    """A push to a watched branch."""
    [(repository, branch)] = given["repositories"]
    yield event("codecommit_push", repositoryName=repository, referenceName=branch), Context()


def notifier() -> Iterator[tuple[Any, Context]]:
    """A run of each pipeline that a scanner has stopped, told by stage and pipeline; a success; a released image; the hour."""
    import notifier_world

    world = notifier_world.World()
    answers.s3, answers.codepipeline, answers.sns = world.bucket, world.codepipeline, world.sns
    policy = json.loads(Path(given["package"], "policy.json").read_bytes())
    for number, (pipeline, scanner, scope, _) in enumerate(given["gates"]):
        execution = f"{EXECUTION[:-12]}{number:012}"
        of = policy["pipelines"][pipeline]
        world.codepipeline.actions = [notifier_world.action("Verify", scanner, "Failed", execution=execution)]
        world.judged(scanner, scope, "findings", "1", notifier_world.finding("HIGH", "x"))
        for file in ("verdict.json", "findings.json"):
            body, _, at = world.bucket.objects.pop(f"reports/payments/{EXECUTION}/{scanner}-{scope}/{file}")
            text = (
                body.decode()
                .replace('"pipeline": "payments"', f'"pipeline": "{pipeline}"')
                .replace(EXECUTION, execution)
            )
            world.bucket.put(f"reports/{pipeline}/{execution}/{scanner}-{scope}/{file}", text.encode(), at)
        push = guard_world.push() | {"repository": of["repository"]}
        world.bucket.put(f"pushes/{of['repository']}/{COMMIT}/{guard_world.EVENT}.json", json.dumps(push).encode())
        named = {"pipeline": of["name"], "execution-id": execution}
        for name in ("codepipeline_stage_failed", "codepipeline_pipeline_failed"):
            yield event(name, **named), Context()
        whole = (("Staging", "approve"), ("Production", "guard"), ("Production", "deploy"))
        world.codepipeline.actions = [notifier_world.action(*place, execution=execution) for place in whole]
        yield event("codepipeline_pipeline_succeeded", **named), Context()
    for registry in given["registries"]:
        image = {"repository-name": registry, "image-digest": notifier_world.DIGEST}
        pipeline = next(name for name, one in policy["pipelines"].items() if one["registry"] == registry)
        world.stands(notifier_world.DIGEST)
        body, _, at = world.bucket.objects.pop("releases/payments/current.json")
        stands = body.decode().replace('"pipeline": "payments"', f'"pipeline": "{pipeline}"')
        world.bucket.put(f"releases/{pipeline}/current.json", stands.encode(), at)
        yield event("ecr_image_scan", **image), Context()
    yield event("scheduled_event"), Context()


def reviewer() -> Iterator[tuple[Any, Context]]:
    """A build that left a plan, then the next push's, which left nothing."""
    import review_world as world

    project = os.environ["PROJECT_NAME"]
    answers.codebuild, answers.codecommit = world.Builds(), world.Pulls(caller=f"{os.environ['AUTHOR']}x")
    for commit, build in ((world.FIRST, world.BUILD), (world.SECOND, world.BUILD.replace("8", "9"))):
        answers.codecommit.source = commit
        answers.codebuild.known[f"{project}:{build}"] = world.build(commit) | {"projectName": project}
        if commit == world.FIRST:
            left = f"plans/{os.environ['REVIEW']}/17/{commit}/{build}"
            answers.s3.objects[f"{left}/result.json"] = world.result(commit)
            plan = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [], "complete": True}
            answers.s3.objects[f"{left}/payments.json"] = json.dumps(plan).encode()
        arn = f"arn:aws:codebuild:{given['region']}:123456789012:build/{project}:{build}"
        yield event("codebuild_build_ended", **{"project-name": project, "build-id": arn}), Context()


answers = Answers()
boto3.client = lambda service, **_: Recorder(service, getattr(answers, service))
said = io.StringIO()
with contextlib.redirect_stdout(said):
    kinds = {
        "importer": importer, "guard": guard, "recorder": recorder, "sealer": sealer, "starter": starter, "notifier": notifier,
        "reviewer": reviewer,
    }  # fmt: skip
    for request, context in kinds[given["kind"]]():
        handler.handler(request, context)
sys.stderr.write(said.getvalue())
