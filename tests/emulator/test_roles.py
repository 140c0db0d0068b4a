"""Every role as a session: its own calls are answered, what only resembles them is refused; and all that ran was declared.

tests/permissions proves the same policies call by call, without an emulator; here they meet the services.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcomes import DONE, REFUSED, outcome

sys.path.append(str(Path(__file__).parents[1] / "permissions"))

from declared import undeclared
from policies import resolve

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
ARTIFACTS, REPORTS = (f"acme-{name}-123456789012-eu-central-1" for name in ("artifacts", "reports"))
RUN = "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c"
DELIVERING = (
    *("payments-image", "payments-git-secrets", "payments-resolve", "payments-grype", "payments-push"),
    *("payments-ecr", "payments-staging-deploy", "payments-zap", "payments-production-deploy"),
)
SCANNING = ("python-libraries-resolve", "python-libraries-snyk")
BUILDS = (*DELIVERING, *SCANNING)
FUNCTIONS = (
    "findings-importer", "release-guard", "release-recorder", "image-sealer", "python-libraries-starter", "notifier",
)  # fmt: skip
PIPELINES = ("payments", "python-libraries")
# Builds whose scanner asks the importer, and the alias that each asks.
GATES = {
    "payments-git-secrets": "payments_git-secrets",
    "payments-grype": "payments_grype",
    "payments-ecr": "payments_ecr",
    "payments-zap": "payments_zap",
    "python-libraries-snyk": "python-libraries_snyk",
}
TOKEN, ORGANIZATION = "/acme/snyk/token", "/acme/snyk/organization"
OTHER_PARAMETERS = ("/acme/other", "/acme/snyk/token2")


@pytest.fixture(scope="module", autouse=True)
def things(applied: Any) -> Iterator[str]:
    """What builds look for: artifacts, an image, Snyk's parameters. The key of the builds' scripts."""
    s3, ssm = applied.client("s3"), applied.client("ssm")
    for folder in ("acme-payments", "acme-python-librarie"):
        for name in ("Source", "Resolved"):
            s3.put_object(Bucket=ARTIFACTS, Key=f"{folder}/{name}/a1B2c3D", Body=b"1")
    s3.put_object(Bucket=ARTIFACTS, Key=f"images/payments/{RUN}/image.tar", Body=b"1")
    for environment in ("staging", "production"):
        s3.put_object(Bucket=ARTIFACTS, Key=f"releases/payments/{environment}/manifests.yaml", Body=b"1")
    parameters = [TOKEN, ORGANIZATION, *OTHER_PARAMETERS]
    for name in parameters:
        ssm.put_parameter(Name=name, Value="not a secret", Type="SecureString", Overwrite=True)
    (scripts,) = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="scripts/")["Contents"]
    yield scripts["Key"]
    ssm.delete_parameters(Names=parameters)


# --- who may become a role ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", BUILDS)
def test_codebuild_takes_a_builds_role_for_that_project_alone(applied: Any, build: str) -> None:
    own = ARN.format("codebuild", f"project/acme-{build}")
    assert assumed(applied, f"acme-{build}", "codebuild", own) == DONE
    assert assumed(applied, f"acme-{build}", "codebuild", f"{own}2") == REFUSED
    assert assumed(applied, f"acme-{build}", "codebuild", ARN.format("codebuild", "project/other")) == REFUSED
    assert assumed(applied, f"acme-{build}", "codebuild", "") == REFUSED
    assert assumed(applied, f"acme-{build}", "codebuild", own, source_account="999999999999") == REFUSED
    assert assumed(applied, f"acme-{build}", "lambda", own) == REFUSED


@pytest.mark.parametrize(
    ("role", "service"),
    [*((name, "lambda") for name in FUNCTIONS), *((name, "codepipeline") for name in PIPELINES)],
)
def test_a_service_takes_a_role_for_this_account_alone(applied: Any, role: str, service: str) -> None:
    assert assumed(applied, f"acme-{role}", service) == DONE
    assert assumed(applied, f"acme-{role}", service, source_account="999999999999") == REFUSED
    for other in {"codebuild", "codepipeline", "lambda", "events", "ec2"} - {service}:
        assert assumed(applied, f"acme-{role}", other) == REFUSED


def test_eventbridge_takes_the_starting_role_for_one_rule_alone(applied: Any) -> None:
    role = "acme-payments-events"
    assert assumed(applied, role, "events", ARN.format("events", "rule/acme-payments-events")) == DONE
    assert assumed(applied, role, "events", ARN.format("events", "rule/acme-python-libraries-events")) == REFUSED
    assert assumed(applied, role, "events", "") == REFUSED


def test_nobody_of_the_account_becomes_a_role(applied: Any) -> None:
    """Not even a user who may everything: no trust names one."""
    sts = applied.administrator.client("sts")
    roles = [
        one["RoleName"] for one in applied.client("iam").list_roles()["Roles"] if one["RoleName"].startswith("acme")
    ]
    assert len(roles) == 20
    for role in roles:
        arn = f"arn:aws:iam::123456789012:role/{role}"
        assert outcome(sts, "assume_role", RoleArn=arn, RoleSessionName="probe") == REFUSED, role
        said = f"lambda.amazonaws.com,,{123456789012}"
        assert outcome(sts, "assume_role", RoleArn=arn, RoleSessionName="probe", ExternalId=said) == REFUSED, role


def assumed(applied: Any, role: str, service: str, source: str = "", **more: str) -> str:
    try:
        applied.emulator.as_role(role, service, source, session="probe", **more)
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return REFUSED if code == "AccessDenied" else code
    return DONE


# --- what every build has -----------------------------------------------------------------------------------------


def folder(build: str) -> str:
    return "acme-payments" if build in DELIVERING else "acme-python-librarie"


@pytest.mark.parametrize("build", BUILDS)
def test_every_build_reads_its_scripts_and_source_and_writes_its_log(applied: Any, things: str, build: str) -> None:
    session = applied.build(build)
    s3, logs = session.client("s3"), session.client("logs")
    source = f"{folder(build)}/Source/a1B2c3D"
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=things) == DONE
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=source) == DONE
    assert outcome(s3, "get_bucket_location", Bucket=ARTIFACTS) == DONE
    assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=source, Body=b"2") == REFUSED
    assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=things, Body=b"2") == REFUSED
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key="scripts/0000.zip") == REFUSED
    other = "acme-python-librarie" if build in DELIVERING else "acme-payments"
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=f"{other}/Source/a1B2c3D") == REFUSED
    for bucket in (ARTIFACTS, REPORTS):
        assert outcome(s3, "list_objects_v2", Bucket=bucket) == REFUSED
        assert outcome(s3, "delete_object", Bucket=bucket, Key=source) == REFUSED
    own, foreign = f"/aws/codebuild/acme-{build}", "/aws/lambda/acme-release-guard"
    stream = f"probe-{id(session)}"
    assert outcome(logs, "create_log_stream", logGroupName=own, logStreamName=stream) == DONE
    assert outcome(logs, "create_log_stream", logGroupName=foreign, logStreamName=stream) == REFUSED
    assert outcome(logs, "create_log_group", logGroupName=f"{own}2") == REFUSED


@pytest.mark.parametrize("build", BUILDS)
def test_every_build_asks_its_own_gate_and_nothing_else(applied: Any, build: str) -> None:
    client = applied.build(build).client("lambda")
    for alias in GATES.values():
        name = f"acme-findings-importer:{alias}"
        expected = DONE if GATES.get(build) == alias else REFUSED
        assert outcome(client, "invoke", FunctionName=name, Payload=b"{}") == expected, alias
    for name in FUNCTIONS:
        assert outcome(client, "invoke", FunctionName=f"acme-{name}", Payload=b"{}") == REFUSED, name
    own = GATES.get(build, "payments_grype")
    unqualified = {"FunctionName": "acme-findings-importer", "Qualifier": own, "Payload": b"{}"}
    assert outcome(client, "get_function", FunctionName="acme-findings-importer") == REFUSED
    # The emulator asks about the function there, AWS about the alias: either way no build calls the function itself.
    assert outcome(client, "invoke", **{**unqualified, "Qualifier": "$LATEST"}) == REFUSED


@pytest.mark.parametrize("build", BUILDS)
def test_only_snyks_build_reads_snyks_parameters(applied: Any, build: str) -> None:
    client = applied.build(build).client("ssm")
    for name in (TOKEN, ORGANIZATION):
        expected = DONE if build == "python-libraries-snyk" else REFUSED
        assert outcome(client, "get_parameter", Name=name, WithDecryption=True) == expected
    for name in OTHER_PARAMETERS:
        assert outcome(client, "get_parameter", Name=name, WithDecryption=True) == REFUSED
    assert outcome(client, "put_parameter", Name=TOKEN, Value="x", Type="String", Overwrite=True) == REFUSED
    assert outcome(client, "get_parameters_by_path", Path="/acme") == REFUSED


@pytest.mark.parametrize("build", BUILDS)
def test_only_the_push_pushes_and_only_its_image(applied: Any, build: str) -> None:
    client = applied.build(build).client("ecr")
    expected = DONE if build == "payments-push" else REFUSED
    assert outcome(client, "get_authorization_token") == expected
    assert outcome(client, "initiate_layer_upload", repositoryName="acme/payments") == expected
    assert outcome(client, "describe_images", repositoryName="acme/payments") == expected
    assert outcome(client, "initiate_layer_upload", repositoryName="acme/other") == REFUSED
    images = {"repositoryName": "acme/payments", "imageIds": [{"imageTag": "x"}]}
    assert outcome(client, "batch_delete_image", **images) == REFUSED
    assert outcome(client, "delete_repository", repositoryName="acme/payments", force=True) == REFUSED


@pytest.mark.parametrize("build", BUILDS)
def test_no_build_starts_answers_or_changes_anything(applied: Any, build: str) -> None:
    session = applied.build(build)
    codepipeline, codebuild, iam = (session.client(name) for name in ("codepipeline", "codebuild", "iam"))
    assert outcome(codepipeline, "start_pipeline_execution", name="acme-payments") == REFUSED
    assert outcome(codepipeline, "put_job_success_result", jobId=RUN) == REFUSED
    assert outcome(codebuild, "start_build", projectName="acme-payments-image") == REFUSED
    assert outcome(iam, "put_role_policy", RoleName=f"acme-{build}", PolicyName="x", PolicyDocument="{}") == REFUSED
    assert outcome(session.client("events"), "disable_rule", Name="acme-payments-events") == REFUSED
    assert outcome(session.client("codecommit"), "get_repository", repositoryName="payments") == REFUSED
    other = "arn:aws:iam::123456789012:role/acme-findings-importer"
    assert outcome(session.client("sts"), "assume_role", RoleArn=other, RoleSessionName="probe") == REFUSED


# --- what some have -----------------------------------------------------------------------------------------------


def test_the_image_is_written_once_and_read_where_it_is_needed(applied: Any) -> None:
    key = f"images/payments/{RUN}/image.tar"
    for build in BUILDS:
        s3 = applied.build(build).client("s3")
        writes = DONE if build == "payments-image" else REFUSED
        reads = DONE if build in {"payments-grype", "payments-push"} else REFUSED
        assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=key, Body=b"1") == writes, build
        assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=key) == reads, build


def test_resolved_dependencies_are_written_by_the_one_build_and_read_by_scanners(applied: Any) -> None:
    for build in BUILDS:
        s3 = applied.build(build).client("s3")
        key = f"{folder(build)}/Resolved/a1B2c3D"
        writes = DONE if build.endswith("-resolve") else REFUSED
        reads = DONE if build in {"payments-grype", "python-libraries-snyk"} else REFUSED
        assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=key, Body=b"1") == writes, build
        assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=key) == reads, build


def test_each_scanner_writes_its_own_raw_report(applied: Any) -> None:
    reports = {
        "payments-git-secrets": ["reports/payments/{}/git-secrets-source/raw.txt"],
        "payments-grype": [
            "reports/payments/{}/grype-dependencies/raw.json",
            "reports/payments/{}/grype-image/raw.json",
            "reports/payments/{}/grype-image/sbom.cdx.json",
        ],
        "payments-ecr": ["reports/payments/{}/ecr-image/raw.json"],
        "payments-zap": ["reports/payments/{}/zap-staging/raw.json"],
        "python-libraries-snyk": ["reports/python-libraries/{}/snyk-dependencies/raw.json"],
    }
    for build in BUILDS:
        s3 = applied.build(build).client("s3")
        for owner, keys in reports.items():
            for key in keys:
                expected = DONE if owner == build else REFUSED
                put = {"Bucket": REPORTS, "Key": key.format(RUN), "Body": b"{}"}
                assert outcome(s3, "put_object", **put) == expected, (build, key)


@pytest.mark.parametrize(("environment", "other"), [("staging", "production"), ("production", "staging")])
def test_a_deployment_knows_its_cluster_and_its_release(applied: Any, environment: str, other: str) -> None:
    session = applied.build(f"payments-{environment}-deploy")
    eks, s3 = session.client("eks"), session.client("s3")
    assert outcome(eks, "describe_cluster", name=environment) == DONE
    assert outcome(eks, "describe_cluster", name=other) == REFUSED
    assert outcome(eks, "list_clusters") == REFUSED
    entry = {"clusterName": environment, "principalArn": "arn:aws:iam::123456789012:role/acme-payments-image"}
    assert outcome(eks, "create_access_entry", **entry) == REFUSED
    own, foreign = (f"releases/payments/{name}/manifests.yaml" for name in (environment, other))
    assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=own, Body=b"1") == DONE
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=own) == DONE
    assert outcome(s3, "list_objects_v2", Bucket=ARTIFACTS, Prefix=own) == DONE
    assert outcome(s3, "put_object", Bucket=ARTIFACTS, Key=foreign, Body=b"1") == REFUSED
    assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key=foreign) == REFUSED
    assert outcome(s3, "list_objects_v2", Bucket=ARTIFACTS, Prefix=foreign) == REFUSED


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_cluster_knows_the_deploying_role_as_one_group(applied: Any, environment: str) -> None:
    """What the group may do, and in which namespace, says docs/kubernetes/deployer.yaml: no policy of EKS's own is bound."""
    eks = applied.client("eks")
    role = f"arn:aws:iam::123456789012:role/acme-payments-{environment}-deploy"
    entries = [one for one in eks.list_access_entries(clusterName=environment)["accessEntries"] if "/acme-" in one]
    assert entries == [role]
    entry = eks.describe_access_entry(clusterName=environment, principalArn=role)["accessEntry"]
    assert (entry["type"], entry["kubernetesGroups"]) == ("STANDARD", [f"acme-payments-{environment}-deployers"])
    associated = eks.list_associated_access_policies(clusterName=environment, principalArn=role)
    assert associated["associatedAccessPolicies"] == []


def test_a_pipeline_starts_its_own_builds_and_asks_its_own_functions(applied: Any) -> None:
    delivery, scan = (applied.pipeline(name) for name in PIPELINES)
    for build in BUILDS:
        owner, other = (delivery, scan) if build in DELIVERING else (scan, delivery)
        ids = [f"acme-{build}:{RUN}"]
        assert outcome(owner.client("codebuild"), "batch_get_builds", ids=ids) == DONE, build
        assert outcome(other.client("codebuild"), "start_build", projectName=f"acme-{build}") == REFUSED, build
    asked = {"release-guard": DONE, "release-recorder": DONE, "image-sealer": DONE, "findings-importer": REFUSED}
    for function, expected in asked.items():
        call = {"FunctionName": f"acme-{function}", "Payload": b"{}"}
        assert outcome(delivery.client("lambda"), "invoke", **call) == expected
        assert outcome(scan.client("lambda"), "invoke", **call) == REFUSED
    for name, session in zip(PIPELINES, (delivery, scan), strict=True):
        assert outcome(session.client("codepipeline"), "start_pipeline_execution", name=f"acme-{name}") == REFUSED
        assert outcome(session.client("iam"), "list_roles") == REFUSED


def test_each_function_has_its_own_and_no_more(applied: Any) -> None:
    verdict = f"reports/payments/{RUN}/grype-image/verdict.json"
    applied.function("findings-importer").client("s3").put_object(Bucket=REPORTS, Key=verdict, Body=b"{}")
    reads = {"findings-importer": DONE, "release-guard": DONE, "release-recorder": DONE, "notifier": DONE}
    starts = {"python-libraries-starter": DONE}
    answers = {"release-guard": DONE, "release-recorder": DONE, "image-sealer": DONE}
    for function in FUNCTIONS:
        session = applied.function(function)
        s3, codepipeline = session.client("s3"), session.client("codepipeline")
        assert outcome(s3, "get_object", Bucket=REPORTS, Key=verdict) == reads.get(function, REFUSED), function
        assert outcome(s3, "get_object", Bucket=ARTIFACTS, Key="acme-payments/Source/a1B2c3D") == REFUSED
        run = {"name": "acme-python-libraries"}
        assert outcome(codepipeline, "start_pipeline_execution", **run) == starts.get(function, REFUSED), function
        assert outcome(codepipeline, "start_pipeline_execution", name="acme-payments") == REFUSED
        answered = outcome(codepipeline, "put_job_success_result", jobId=RUN)
        assert answered == answers.get(function, REFUSED), function
        assert outcome(session.client("ssm"), "get_parameter", Name=TOKEN) == REFUSED
        assert outcome(session.client("lambda"), "invoke", FunctionName="acme-release-guard") == REFUSED


# --- what really ran ----------------------------------------------------------------------------------------------


def test_whatever_ran_was_allowed_and_is_declared(applied: Any, emit_once: Any) -> None:
    """The functions, the gate's AWS CLI and EventBridge in the other tests of this folder; what a test only tried is left out.

    Declared: tests/permissions/calls.
    """
    emitted = emit_once(ROOT / "pipelines.yaml")
    key = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    [stands_for_key] = resolve(emitted).keys
    lines = [line for line in applied.emulator.authorizations() if ":assumed-role/acme-" in line["principal"]]
    ran = [line for line in lines if not line["principal"].endswith("/probe")]
    roles = {line["principal"].split("/")[1] for line in ran}
    assert {"acme-findings-importer", "acme-payments-grype"} <= roles, (
        "run the whole folder: test_functions.py comes first"
    )
    assert [line for line in ran if not line["allowed"]] == []
    calls = {
        (line["principal"].split("/")[1], line["action"], line["resource"].replace(key, stands_for_key)) for line in ran
    }
    assert sorted(call for call in calls if undeclared(emitted, *call)) == []
