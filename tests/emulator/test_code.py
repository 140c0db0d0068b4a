"""The deployed functions: their code is that of the sources which the other tests judge, and what stands around it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import urllib.request
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LAMBDAS = ROOT / "lambdas"
REPORTS = "acme-reports-123456789012-eu-central-1"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:{}-dead-letters"
# Function -> its folder below lambdas/.
FUNCTIONS = {
    "acme-findings-importer": "findings_importer",
    "acme-release-guard": "release_guard",
    "acme-release-recorder": "release_recorder",
    "acme-image-sealer": "image_sealer",
    "acme-python-libraries-starter": "pipeline_starter",
    "acme-notifier": "notifier",
}
# Those that know of the settings what policy.json says.
JUDGES = ("acme-findings-importer", "acme-release-guard", "acme-release-recorder", "acme-notifier")
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "acme-findings-importer": {"REPORTS_BUCKET": REPORTS},
    "acme-release-guard": {"REPORTS_BUCKET": REPORTS},
    "acme-release-recorder": {"REPORTS_BUCKET": REPORTS},
    "acme-image-sealer": {},
    "acme-notifier": {"REPORTS_BUCKET": REPORTS},
    "acme-python-libraries-starter": {
        "PIPELINE_NAME": "acme-python-libraries",
        "REPOSITORY_NAME": "python-libraries",
        "BRANCH_PATTERNS": '["main", {"prefix": "feature/"}]',
    },
}
# The scanners of each pipeline, each with an alias by which its build alone may call.
ALIASES = {
    "payments_git-secrets", "payments_grype", "payments_ecr", "payments_zap", "python-libraries_snyk",
}  # fmt: skip


@pytest.fixture(scope="module")
def deployed(applied: Any) -> dict[str, Any]:
    """GetFunction of each."""
    client = applied.client("lambda")
    return {name: client.get_function(FunctionName=name) for name in FUNCTIONS}


def code(applied: Any, function: Any) -> bytes:
    """The package as Lambda keeps it. Its link names the emulator's port, not that it speaks TLS there."""
    location = urlsplit(function["Code"]["Location"])
    trust = ssl.create_default_context(cafile=str(applied.emulator.certificate))
    with urllib.request.urlopen(f"{applied.emulator.url}{location.path}?{location.query}", context=trust) as answer:
        content: bytes = answer.read()
        return content


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_code_is_that_of_the_tested_sources(applied: Any, deployed: dict[str, Any], name: str) -> None:
    package = code(applied, deployed[name])
    digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert deployed[name]["Configuration"]["CodeSha256"] == digest
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        found = {entry: archive.read(entry) for entry in archive.namelist()}
    policy = found.pop("policy.json", None)
    assert (policy is not None) == (name in JUDGES)
    # Who hears: tests/stacks/test_audience.py
    assert (found.pop("notify.json", None) is not None) == (name == "acme-notifier")
    own = LAMBDAS / FUNCTIONS[name]
    sources = {str(path.relative_to(own)): path.read_bytes() for path in own.rglob("*.py")}
    shared = {entry for entry in found if entry.startswith("common/")}
    assert found == {**sources, **{entry: (LAMBDAS / entry).read_bytes() for entry in shared}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_package_is_byte_for_byte_the_emitted_one(
    applied: Any, deployed: dict[str, Any], emit_once: Any, name: str
) -> None:
    """What another machine synthesizes of the same commit."""
    emitted = emit_once(ROOT / "pipelines.yaml")
    [(stack, filename)] = [
        (stack, resource["filename"])
        for stack, _, resource in emitted.resources("aws_lambda_function")
        if resource["function_name"] == name
    ]
    assert code(applied, deployed[name]) == (emitted.folder / "stacks" / stack / filename).read_bytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_how_each_function_runs(applied: Any, deployed: dict[str, Any], name: str) -> None:
    configuration = deployed[name]["Configuration"]
    assert (configuration["Runtime"], configuration["Architectures"]) == ("python3.13", ["arm64"])
    assert (configuration["Handler"], configuration["PackageType"]) == ("handler.handler", "Zip")
    assert configuration["Role"] == f"arn:aws:iam::123456789012:role/{name}"
    assert configuration.get("Environment", {}).get("Variables", {}) == ENVIRONMENTS[name]
    assert configuration["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{name}"
    assert configuration["LoggingConfig"]["LogFormat"] == "JSON"
    assert configuration.get("Layers", []) == []
    assert configuration.get("VpcConfig", {}).get("SubnetIds", []) == []
    # A gate's build waits for as long as the importer may take: the most that Lambda gives.
    seconds = {"findings-importer": 900, "release-guard": 120, "release-recorder": 180, "notifier": 45}
    assert configuration["Timeout"] == seconds.get(name[5:], 60)


def test_each_scanner_has_an_alias_and_nobody_else(applied: Any) -> None:
    client = applied.client("lambda")
    for name in FUNCTIONS:
        aliases = {one["Name"]: one["FunctionVersion"] for one in client.list_aliases(FunctionName=name)["Aliases"]}
        wanted = ALIASES if name == "acme-findings-importer" else set()
        assert aliases == dict.fromkeys(wanted, "$LATEST")
        versions = client.list_versions_by_function(FunctionName=name)["Versions"]
        assert [one["Version"] for one in versions] == ["$LATEST"]


def test_what_could_not_be_handled_is_kept(applied: Any) -> None:
    client = applied.client("lambda")
    queues = {
        "acme-findings-importer": "acme-findings-importer",
        "acme-release-recorder": "acme-release-recorder",
        "acme-notifier": "acme-notifier",
        "acme-python-libraries-starter": "acme-python-libraries",
    }
    for name, queue in queues.items():
        config = client.get_function_event_invoke_config(FunctionName=name)
        assert config["MaximumRetryAttempts"] == 2
        assert config["MaximumEventAgeInSeconds"] == 6 * 3600
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == QUEUE.format(queue)


def test_only_the_projects_rules_may_call(applied: Any) -> None:
    """The guard and the sealer are called with the pipeline's role: their policies let nobody in."""
    client = applied.client("lambda")
    rules = {
        "acme-findings-importer": {"branch-deleted", "branch-pushed", "ecr-image-scan", "inspector-finding"},
        "acme-python-libraries-starter": {"python-libraries-events"},
        "acme-release-recorder": {"release-ended"},
        "acme-notifier": {
            *("pipeline-ended", "stage-failed", "build-by-hand", "released-image-scanned", "released-image-finding"),
            "notifier-schedule",
        },
    }
    for name in FUNCTIONS:
        try:
            statements = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
        except client.exceptions.ResourceNotFoundException:  # AWS's word for none
            statements = []
        found = set()
        for statement in statements:
            assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:InvokeFunction")
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert list(statement["Condition"]) == ["ArnLike"]
            found.add(statement["Condition"]["ArnLike"]["AWS:SourceArn"])
        assert found == {f"arn:aws:events:eu-central-1:123456789012:rule/acme-{rule}" for rule in rules.get(name, ())}


def test_every_log_is_encrypted_and_kept_for_a_year(applied: Any) -> None:
    key = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    logs = applied.client("logs")
    beginnings = ("/aws/lambda/acme-", "/aws/codebuild/acme-")
    groups = [one for name in beginnings for one in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]]
    assert len(groups) == 17
    assert {(one.get("kmsKeyId"), one.get("retentionInDays")) for one in groups} == {(key, 365)}
