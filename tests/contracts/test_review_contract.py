"""A review: which events begin it, what of them gets in, and that it is no pipeline."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

ROOT = Path(__file__).resolve().parents[2]


def rule(full: Any, name: str) -> Any:
    return json.loads(full.stacks["infrastructure"]["resource"]["aws_cloudwatch_event_rule"][name]["event_pattern"])


def event(name: str) -> Any:
    return json.loads((ROOT / "tests" / "events" / f"{name}.json").read_bytes())


def matches(pattern: Any, given: Any) -> bool:
    """EventBridge's rule for exact values and prefixes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    if isinstance(pattern, list):
        values = given if isinstance(given, list) else [given]
        return any(
            value == one or (isinstance(one, dict) and str(value).startswith(one["prefix"]))
            for one in pattern
            for value in values
        )
    return all(key in given and matches(value, given[key]) for key, value in pattern.items())


@pytest.fixture
def pull_request(full: Any) -> Any:
    """The rule, with the event's account and region."""
    pattern = rule(full, "pull_request")
    assert [one.rsplit(":", 1)[1] for one in pattern["resources"]] == ["infrastructure"]
    return pattern | {"resources": ["arn:aws:codecommit:us-east-2:123456789012:infrastructure"]}


@pytest.mark.parametrize("name", ["codecommit_pull_request_created", "codecommit_pull_request_updated"])
def test_a_pull_request_that_is_made_or_gets_a_commit_is_reviewed(pull_request: Any, name: str) -> None:
    assert matches(pull_request, event(name))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("event", "pullRequestStatusChanged"),
        ("event", "pullRequestMergeStatusUpdated"),
        ("event", "pullRequestApprovalStateChanged"),
        ("pullRequestStatus", "Closed"),
        ("destinationReference", "refs/heads/develop"),
        ("destinationReference", "refs/heads/main2"),
        ("destinationReference", "main"),
        ("destinationReference", "refs/tags/main"),
    ],
)
def test_near_misses_of_a_pull_request(pull_request: Any, key: str, value: str) -> None:
    given = event("codecommit_pull_request_created")
    given["detail"][key] = value
    assert not matches(pull_request, given)


@pytest.mark.parametrize(
    "change",
    [
        {"source": "aws.codebuild"},
        {"detail-type": "CodeCommit Comment on Pull Request"},
        {"resources": ["arn:aws:codecommit:us-east-2:123456789012:infrastructure2"]},
    ],
)
def test_events_of_others_are_no_pull_requests(pull_request: Any, change: dict[str, Any]) -> None:
    assert not matches(pull_request, event("codecommit_pull_request_created") | change)


def test_a_beginning_of_a_branch_is_one(pull_request: Any) -> None:
    given = event("codecommit_pull_request_created")
    given["detail"]["destinationReference"] = "refs/heads/release-7"
    assert matches(pull_request, given)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT"])
def test_every_end_of_a_build_is_told(full: Any, status: str) -> None:
    given = event("codebuild_build_ended")
    given["detail"]["build-status"] = status
    assert matches(rule(full, "plan_ended"), given)


@pytest.mark.parametrize(
    "change",
    [
        {"build-status": "IN_PROGRESS"},
        {"project-name": "acme-infrastructure-plan2"},
        {"project-name": "acme-payments-plan"},
    ],
)
def test_near_misses_of_a_builds_end(full: Any, change: dict[str, str]) -> None:
    given = event("codebuild_build_ended")
    assert not matches(rule(full, "plan_ended"), given | {"detail-type": "CodeBuild Build Phase Change"})
    given["detail"] |= change
    assert not matches(rule(full, "plan_ended"), given)


def test_the_builds_input_is_startbuilds_and_takes_nothing_that_a_person_chose(full: Any) -> None:
    """Filled in as EventBridge does. Names of branches, title and description would be foreign text in JSON."""
    target = full.stacks["infrastructure"]["resource"]["aws_cloudwatch_event_target"]["pull_request_target"]
    paths, text = target["input_transformer"]["input_paths"], target["input_transformer"]["input_template"]
    given = copy.deepcopy(event("codecommit_pull_request_updated"))
    for name, path in paths.items():
        value = given["detail"][path.removeprefix("$.detail.")]
        assert re.fullmatch("[0-9a-f]{40}|[0-9]+", value), path
        text = text.replace(f"<{name}>", value)
    request = json.loads(text)
    assert request == {
        "sourceVersion": given["detail"]["sourceCommit"],
        "secondarySourcesVersionOverride": [
            {"sourceIdentifier": "destination", "sourceVersion": given["detail"]["destinationCommit"]}
        ],
        "environmentVariablesOverride": [
            {"name": "COMMIT", "value": given["detail"]["sourceCommit"], "type": "PLAINTEXT"},
            {"name": "DESTINATION_COMMIT", "value": given["detail"]["destinationCommit"], "type": "PLAINTEXT"},
            {"name": "PULL_REQUEST", "value": "1", "type": "PLAINTEXT"},
        ],
    }
    shape = botocore.session.get_session().get_service_model("codebuild").operation_model("StartBuild").input_shape
    assert not ParamValidator().validate({"projectName": "x", **request}, shape).has_errors()


def test_a_review_is_no_pipeline(full: Any) -> None:
    """Nothing that speaks of CodePipeline's runs names it: no gate, no verdict, no message of a failed run."""
    assert "infrastructure" not in full.settings.pipelines
    assert "aws_codepipeline" not in full.stacks["infrastructure"]["resource"]
    assert "infrastructure" not in json.dumps(full.stacks["findings"])
    rules = full.stacks["governance"]["resource"]["aws_cloudwatch_event_rule"].values()
    patterns = [json.loads(one["event_pattern"]) for one in rules if "event_pattern" in one]
    named = [one["detail"]["pipeline"] for one in patterns if one["source"] == ["aws.codepipeline"]]
    assert named
    assert not any("acme-infrastructure" in one for one in named)


def test_no_branch_chooses_what_runs_first(full: Any) -> None:
    """The buildspec is inline, and both sources are the one repository."""
    project = full.stacks["infrastructure"]["resource"]["aws_codebuild_project"]["Review_plan"]
    assert project["source"]["buildspec"].startswith("# A pull request of the repository that holds this project")
    assert project["source"]["location"] == project["secondary_sources"][0]["location"]
    assert project["source"]["location"].endswith("/v1/repos/infrastructure")
