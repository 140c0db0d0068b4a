"""Both pipelines as CodePipeline and CodeBuild have them now, against the README's table, copied here by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

ARTIFACTS = "acme-artifacts-123456789012-eu-central-1"
REPORTS = "acme-reports-123456789012-eu-central-1"

# README, "What each stage does". stage -> actions by the order in which they run; what runs in parallel shares one line.
DELIVERY: Mapping[str, tuple[set[str], ...]] = {
    "Source": ({"Source"},),
    "Build": ({"image", "git-secrets", "resolve"}, {"seal"}),
    "Verify": ({"grype"},),
    "Publish": ({"guard"}, {"push"}, {"ecr"}),
    "Staging": ({"deploy"}, {"zap"}, {"record"}, {"approve"}),
    "Production": ({"guard"}, {"deploy"}),
}
SCAN: Mapping[str, tuple[set[str], ...]] = {"Source": ({"Source"},), "Scan": ({"resolve"}, {"snyk"})}
EXPECTED = {"acme-payments": DELIVERY, "acme-python-libraries": SCAN}
PIPELINES = list(EXPECTED)

# What is no build: (category, provider).
OTHERS = {
    "Source": ("Source", "CodeCommit"),
    "seal": ("Invoke", "Lambda"),
    "guard": ("Invoke", "Lambda"),
    "record": ("Invoke", "Lambda"),
    "approve": ("Approval", "Manual"),
}
# Builds that read the resolved dependencies beside the source; the others get the source alone.
RESOLVED = {"grype", "snyk"}


@pytest.fixture(scope="module")
def declared(applied: Any) -> dict[str, Any]:
    """The declaration of each pipeline."""
    codepipeline = applied.client("codepipeline")
    return {name: codepipeline.get_pipeline(name=name)["pipeline"] for name in PIPELINES}


@pytest.fixture(scope="module")
def projects(applied: Any) -> dict[str, Any]:
    """Every CodeBuild project."""
    codebuild = applied.client("codebuild")
    answer = codebuild.batch_get_projects(names=codebuild.list_projects()["projects"])
    return {project["name"]: project for project in answer["projects"]}


@pytest.fixture(scope="module")
def key(applied: Any) -> str:
    """ARN of the project's key."""
    arn: str = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    return arn


def actions(pipeline: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """By stage and name."""
    return {(stage["name"], action["name"]): action for stage in pipeline["stages"] for action in stage["actions"]}


def variables(action: Mapping[str, Any]) -> dict[str, str]:
    """What a build action adds to its project's environment."""
    given = json.loads(action["configuration"]["EnvironmentVariables"])
    assert {one["type"] for one in given} == {"PLAINTEXT"}
    return {one["name"]: one["value"] for one in given}


@pytest.mark.parametrize("name", PIPELINES)
def test_stages_and_actions_in_the_order_of_the_table(declared: dict[str, Any], name: str) -> None:
    found: dict[str, tuple[set[str], ...]] = {}
    for stage in declared[name]["stages"]:
        orders = sorted({action["runOrder"] for action in stage["actions"]})
        assert orders == list(range(1, len(orders) + 1))
        found[stage["name"]] = tuple(
            {action["name"] for action in stage["actions"] if action["runOrder"] == order} for order in orders
        )
    assert list(found.items()) == list(EXPECTED[name].items())


@pytest.mark.parametrize("name", PIPELINES)
def test_every_action_is_of_aws_and_of_its_kind(declared: dict[str, Any], name: str) -> None:
    for (_, action), found in actions(declared[name]).items():
        category, provider = OTHERS.get(action, ("Build", "CodeBuild"))
        assert found["actionTypeId"] == {
            "category": category,
            "owner": "AWS",
            "provider": provider,
            "version": "1",
        }, action
        assert "roleArn" not in found
        assert "region" not in found


@pytest.mark.parametrize("name", PIPELINES)
def test_artifacts_go_from_source_and_resolve_to_who_reads_them(declared: dict[str, Any], name: str) -> None:
    for (_, action), found in actions(declared[name]).items():
        inputs = [artifact["name"] for artifact in found["inputArtifacts"]]
        outputs = [artifact["name"] for artifact in found["outputArtifacts"]]
        if action in OTHERS:
            assert inputs == [], action
        else:
            assert inputs == ["Source", "Resolved"] if action in RESOLVED else ["Source"], action
            assert found["configuration"].get("PrimarySource") == ("Source" if action in RESOLVED else None), action
        assert outputs == {"Source": ["Source"], "resolve": ["Resolved"]}.get(action, []), action


def test_version_mode_and_variables(declared: dict[str, Any]) -> None:
    delivery, scan = (declared[name] for name in PIPELINES)
    assert (delivery["pipelineType"], delivery["executionMode"]) == ("V2", "SUPERSEDED")
    assert "variables" not in delivery
    assert (scan["pipelineType"], scan["executionMode"]) == ("V2", "QUEUED")
    assert scan["variables"] == [
        {"name": "BRANCH", "defaultValue": "none"},
        {"name": "COMMIT", "defaultValue": "none"},
    ]


@pytest.mark.parametrize("name", PIPELINES)
def test_artifacts_are_kept_under_the_projects_key(declared: dict[str, Any], key: str, name: str) -> None:
    assert declared[name]["artifactStore"] == {
        "type": "S3",
        "location": ARTIFACTS,
        "encryptionKey": {"id": key, "type": "KMS"},
    }
    assert "artifactStores" not in declared[name]
    assert declared[name]["roleArn"] == f"arn:aws:iam::123456789012:role/{name}"


@pytest.mark.parametrize(
    ("name", "repository"), [("acme-payments", "payments"), ("acme-python-libraries", "python-libraries")]
)
def test_the_source_is_the_events_commit_and_nobody_polls(declared: dict[str, Any], name: str, repository: str) -> None:
    source = actions(declared[name])["Source", "Source"]
    assert source["namespace"] == "Commit"
    assert source["configuration"] == {
        "RepositoryName": repository,
        "BranchName": "main",
        "PollForSourceChanges": "false",
        "OutputArtifactFormat": "CODE_ZIP",
    }


def test_what_of_an_earlier_action_each_delivering_build_gets(declared: dict[str, Any]) -> None:
    execution, commit = "#{codepipeline.PipelineExecutionId}", "#{Commit.CommitId}"
    for (stage, action), found in actions(declared["acme-payments"]).items():
        if action in OTHERS:
            continue
        wanted = {"EXECUTION": execution, "COMMIT": commit}
        if action in {"grype", "push", "ecr", "deploy"}:
            wanted["IMAGE_DIGEST"] = "#{Image.DIGEST}"
        if action in {"grype", "push"}:
            wanted["IMAGE_SHA256"] = "#{Image.SHA256}"
        assert variables(found) == wanted, (stage, action)
    for (_, action), found in actions(declared["acme-python-libraries"]).items():
        if action not in OTHERS:
            assert variables(found) == {
                "EXECUTION": execution,
                "COMMIT": "#{variables.COMMIT}",
                "BRANCH": "#{variables.BRANCH}",
            }


def test_only_the_sealer_reads_what_the_privileged_build_says(declared: dict[str, Any]) -> None:
    found = actions(declared["acme-payments"])
    assert (found["Build", "image"]["namespace"], found["Build", "seal"]["namespace"]) == ("Build", "Image")
    assert [name for name, action in found.items() if "#{Build." in json.dumps(action)] == [("Build", "seal")]
    assert found["Build", "seal"]["configuration"] == {
        "FunctionName": "acme-image-sealer",
        "UserParameters": "#{Build.IMAGE_SHA256} #{Build.IMAGE_DIGEST}",
    }


@pytest.mark.parametrize("gate", ["Publish", "Production"])
def test_the_guard_is_asked_by_codepipeline_itself(declared: dict[str, Any], gate: str) -> None:
    configuration = actions(declared["acme-payments"])[gate, "guard"]["configuration"]
    assert configuration["FunctionName"] == "acme-release-guard"
    assert json.loads(configuration["UserParameters"]) == {
        "schema": 1,
        "pipeline": "payments",
        "gate": gate,
        "execution": "#{codepipeline.PipelineExecutionId}",
        "commit": "#{Commit.CommitId}",
        "digest": "#{Image.DIGEST}",
    }


def test_the_approver_reads_commit_digest_and_every_scanner(declared: dict[str, Any]) -> None:
    found = actions(declared["acme-payments"])
    configuration = found["Staging", "approve"]["configuration"]
    assert configuration["NotificationArn"] == "arn:aws:sns:eu-central-1:123456789012:acme-payments-approval"
    assert configuration["CustomData"] == (
        "payments: release commit #{Commit.CommitId} as #{Image.DIGEST} to production? "
        "Scans: #{git-secrets.SUMMARY}; #{grype.SUMMARY}; #{ecr.SUMMARY}; #{zap.SUMMARY}"
    )
    assert configuration["ExternalEntityLink"] == (
        "https://eu-central-1.console.aws.amazon.com/s3/object/acme-reports-123456789012-eu-central-1?region=eu-central-1"
        "&prefix=releases/payments/#{codepipeline.PipelineExecutionId}/index.html"
    )
    record = found["Staging", "record"]["configuration"]
    assert record["FunctionName"] == "acme-release-recorder"
    assert json.loads(record["UserParameters"]) == {
        "schema": 1, "pipeline": "payments", "execution": "#{codepipeline.PipelineExecutionId}",
    }  # fmt: skip
    for scanner in ("git-secrets", "grype", "ecr", "zap"):
        assert [action["namespace"] for (_, name), action in found.items() if name == scanner] == [scanner]


def project_of(pipeline: str, stage: str, action: str) -> str:
    return f"{pipeline}-{stage.lower()}-deploy" if action == "deploy" else f"{pipeline}-{action}"


@pytest.mark.parametrize("name", PIPELINES)
def test_every_build_has_a_project_of_its_own(declared: dict[str, Any], projects: dict[str, Any], name: str) -> None:
    found = {
        action["configuration"]["ProjectName"]: (stage, given)
        for (stage, given), action in actions(declared[name]).items()
        if given not in OTHERS
    }
    assert found == {project_of(name, stage, action): (stage, action) for stage, action in found.values()}
    assert set(found) == {project for project in projects if project.startswith(f"{name}-")}
    for project, (stage, action) in found.items():
        static = {one["name"]: one["value"] for one in projects[project]["environment"]["environmentVariables"]}
        assert static["ACTION"] == f"{stage}/{action}"
        assert static["PIPELINE"] == name.removeprefix("acme-")
        assert static["SCRIPTS_URI"] == f"s3://{ARTIFACTS}/scripts/{static['SCRIPTS_SHA256']}.zip"
        # The gate is within reach of the scanners alone, each by an alias of its own.
        judged = action in {"git-secrets", "grype", "snyk", "ecr", "zap"}
        importer = f"acme-findings-importer:{name.removeprefix('acme-')}_{action}"
        assert static.get("FINDINGS_IMPORTER") == (importer if judged else None)
        assert static.get("REPORTS_BUCKET") == (REPORTS if judged else None)


def test_one_build_is_privileged(projects: dict[str, Any]) -> None:
    privileged = [name for name, project in projects.items() if project["environment"]["privilegedMode"]]
    assert privileged == ["acme-payments-image"]


def test_every_project_is_encrypted_logged_bounded_and_has_its_own_role(projects: dict[str, Any], key: str) -> None:
    assert len(projects) == 11
    for name, project in projects.items():
        assert project["encryptionKey"] == key, name
        assert project["serviceRole"] == f"arn:aws:iam::123456789012:role/{name}"
        logs = project["logsConfig"]["cloudWatchLogs"]
        assert logs == {"status": "ENABLED", "groupName": f"/aws/codebuild/{name}"}
        assert project["logsConfig"].get("s3Logs", {"status": "DISABLED"})["status"] == "DISABLED"
        assert project["source"]["type"] == project["artifacts"]["type"] == "CODEPIPELINE"
        assert not project["artifacts"].get("encryptionDisabled")
        assert 20 <= project["timeoutInMinutes"] <= 135, name
        assert project["queuedTimeoutInMinutes"] == 60, name
        assert {one["type"] for one in project["environment"]["environmentVariables"]} == {"PLAINTEXT"}
        assert "cache" not in project or project["cache"]["type"] == "NO_CACHE"


def test_no_build_reads_a_secret_into_its_environment(projects: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html: these would be in every phase."""
    for name, project in projects.items():
        buildspec = project["source"]["buildspec"]
        assert "phases:" in buildspec, name
        assert "parameter-store:" not in buildspec, name
        assert "secrets-manager:" not in buildspec, name
        assert "$${" not in buildspec, "Terraform's escape must not reach CodeBuild"


def test_the_images_test_reports_have_a_group(applied: Any) -> None:
    arn = "arn:aws:codebuild:eu-central-1:123456789012:report-group/acme-payments-image-tests"
    answer = applied.client("codebuild").batch_get_report_groups(reportGroupArns=[arn])
    assert [(group["name"], group["type"]) for group in answer["reportGroups"]] == [
        ("acme-payments-image-tests", "TEST")
    ]
