"""The pipeline starter: one event, one execution of that commit; everything else is an error that Lambda keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from common.strict import MalformedError
from lambda_fakes import COMMIT, EXECUTION, Context, model_errors
from starter.service import BRANCH, EVENTS, TOKEN, Branches, Starter

Recorded = Callable[[str], Any]
PATTERNS = '["main", {"prefix": "feature/"}]'
EXPECTED = {
    "name": "acme-payments-scan",
    "variables": [{"name": "BRANCH", "value": "feature/refunds"}, {"name": "COMMIT", "value": COMMIT}],
    "sourceRevisions": [{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": COMMIT}],
    "clientRequestToken": "01234567-89ab-4cde-8f01-23456789abcd",
}


class Pipelines:
    """CodePipeline: a token that was seen before starts nothing new."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}

    def start_pipeline_execution(self, **parameters: Any) -> dict[str, str]:
        assert model_errors("codepipeline", "StartPipelineExecution", parameters) == []
        self.executions.setdefault(parameters["clientRequestToken"], parameters)
        return {"pipelineExecutionId": EXECUTION}


def starter(codepipeline: Any, patterns: str = PATTERNS) -> Starter:
    return Starter(codepipeline, "acme-payments-scan", "payments", Branches.parse(patterns))


@pytest.mark.parametrize("name", ["codecommit_reference_created", "codecommit_reference_updated"])
def test_a_commit_starts_its_own_scan(recorded: Recorded, name: str) -> None:
    pipelines = Pipelines()
    commit, execution = starter(pipelines).start(recorded(name))
    assert list(pipelines.executions.values()) == [EXPECTED]
    assert (commit.branch, commit.commit, execution) == ("feature/refunds", COMMIT, EXECUTION)


def test_an_event_delivered_twice_is_one_execution(recorded: Recorded) -> None:
    pipelines = Pipelines()
    for _ in range(2):
        starter(pipelines).start(recorded("codecommit_reference_updated"))
    assert len(pipelines.executions) == 1


def test_two_events_of_one_commit_are_two_executions(recorded: Recorded) -> None:
    pipelines = Pipelines()
    for event_id, branch in (("event-1", "main"), ("event-2", "feature/x")):
        event = recorded("codecommit_reference_created") | {"id": event_id}
        event["detail"]["referenceName"] = branch
        starter(pipelines).start(event)
    assert [one["variables"][0]["value"] for one in pipelines.executions.values()] == ["main", "feature/x"]


def test_real_boto3_takes_the_parameters(recorded: Recorded) -> None:
    client = boto3.client("codepipeline")
    with Stubber(client) as stub:
        stub.add_response("start_pipeline_execution", {"pipelineExecutionId": EXECUTION}, EXPECTED)
        assert starter(client).start(recorded("codecommit_reference_created"))[1] == EXECUTION
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["ConcurrentPipelineExecutionsLimitExceededException", "ThrottlingException"])
def test_what_codepipeline_refuses_raises(recorded: Recorded, code: str) -> None:
    client = boto3.client("codepipeline")
    with Stubber(client) as stub:
        stub.add_client_error("start_pipeline_execution", code)
        with pytest.raises(ClientError, match=code):
            starter(client).start(recorded("codecommit_reference_created"))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("source", "aws.codepipeline"),
        ("detail-type", "CodeCommit Pull Request State Change"),
        ("id", "not a token"),
        ("id", "x" * 129),
        ("id", None),
        ("detail", None),
        ("detail.event", "referenceDeleted"),
        ("detail.event", "unreferencedMergeCommitCreated"),
        ("detail.referenceType", "tag"),
        ("detail.repositoryName", "orders"),
        ("detail.repositoryName", None),
        ("detail.referenceName", "develop"),
        ("detail.referenceName", "main2"),
        ("detail.referenceName", "my/feature/x"),
        ("detail.referenceName", None),
        ("detail.commitId", COMMIT[:-1]),
        ("detail.commitId", COMMIT.upper()),
        ("detail.commitId", f"{COMMIT}\n"),
        ("detail.commitId", None),
    ],
)
def test_an_event_that_the_rule_should_not_send_raises(recorded: Recorded, where: str, value: object) -> None:
    event = recorded("codecommit_reference_updated")
    outer, _, inner = where.partition(".")
    if inner:
        event[outer][inner] = value
    else:
        event[outer] = value
    pipelines = Pipelines()
    with pytest.raises(MalformedError, match=where):
        starter(pipelines).start(event)
    assert pipelines.executions == {}


def test_a_deletion_raises(recorded: Recorded) -> None:
    with pytest.raises(MalformedError, match=r"detail\.event"):
        starter(Pipelines()).start(recorded("codecommit_reference_deleted"))


@pytest.mark.parametrize(
    "branch",
    [
        'x","type":"PLAINTEXT"},{"name":"COMMIT","value":"none',
        "x#{codepipeline.PipelineExecutionId}",
        "$(id)",
        "`id`",
        "a b",
        "a\nb",
        "-x",
        "",
        "x" * 257,
        *(f"a{character}b" for character in "\"\\'`${}()<>[]|&;:!*?~^% \t\x00\u2028"),
    ],
)
def test_a_branch_cannot_write_into_the_builds_environment(recorded: Recorded, branch: str) -> None:
    event = recorded("codecommit_reference_created")
    event["detail"]["referenceName"] = branch
    with pytest.raises(MalformedError, match=r"detail\.referenceName"):
        starter(Pipelines(), "null").start(event)


@settings(deadline=None, database=None)
@given(branch=st.from_regex(BRANCH, fullmatch=True))
def test_every_branch_that_is_taken_is_a_valid_value_and_stays_one_json_string(branch: str) -> None:
    event = {
        "id": "event-1",
        "source": "aws.codecommit",
        "detail-type": "CodeCommit Repository State Change",
        "detail": {
            "event": "referenceCreated",
            "referenceType": "branch",
            "repositoryName": "payments",
            "referenceName": branch,
            "commitId": COMMIT,
        },
    }
    starter(Pipelines(), "null").start(event)
    assert json.loads(f'[{{"name":"BRANCH","value":"{branch}"}}]') == [{"name": "BRANCH", "value": branch}]
    assert "#{" not in branch


@settings(deadline=None, database=None)
@given(event=st.recursive(st.none() | st.integers() | st.text(), lambda one: st.dictionaries(st.text(), one)))
def test_anything_else_is_one_clear_error(event: object) -> None:
    with pytest.raises(MalformedError):
        starter(Pipelines()).start(event)


@pytest.mark.parametrize(
    ("patterns", "matching", "other"),
    [
        ('["main"]', ["main"], ["main/x", "xmain", "Main"]),
        ('[{"prefix": "release-"}]', ["release-1", "release-"], ["release", "x/release-1"]),
        ('["main", {"prefix": "feature/"}]', ["main", "feature/a/b"], ["feature"]),
        ("null", ["main", "anything"], []),
    ],
)
def test_patterns(patterns: str, matching: list[str], other: list[str]) -> None:
    branches = Branches.parse(patterns)
    assert [one for one in (*matching, *other) if branches.match(one)] == matching


@pytest.mark.parametrize(
    "text", ["", "[]", '["main"', '"main"', "[1]", "[null]", '[""]', '[{"prefix": ""}]', '[{"suffix": "x"}]', "{}"]
)
def test_wrong_patterns_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Branches.parse(text)


def test_the_patterns_are_the_models_own() -> None:
    model = botocore.session.get_session().get_service_model("codepipeline")
    token = model.shape_for("ClientRequestToken").metadata
    assert (token["pattern"], token["max"]) == ("^[a-zA-Z0-9-]+$", 128)
    assert TOKEN.pattern == r"[a-zA-Z0-9-]{1,128}"
    branch = botocore.session.get_session().get_service_model("codecommit").shape_for("BranchName").metadata
    assert branch["max"] == 256
    assert model.shape_for("PipelineVariableValue").metadata["max"] >= branch["max"]
    assert EVENTS == ("referenceCreated", "referenceUpdated")


# --- the handler -----------------------------------------------------------------------------------------------------


def test_from_event_to_execution(
    load_handler: Callable[[str], ModuleType],
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = load_handler("pipeline_starter")
    monkeypatch.setenv("PIPELINE_NAME", "acme-payments-scan")
    monkeypatch.setenv("REPOSITORY_NAME", "payments")
    monkeypatch.setenv("BRANCH_PATTERNS", PATTERNS)
    built = module.starter()
    assert built is module.starter()
    with Stubber(built.codepipeline) as stub:
        stub.add_response("start_pipeline_execution", {"pipelineExecutionId": EXECUTION}, EXPECTED)
        assert module.handler(recorded("codecommit_reference_created"), Context()) == {"execution": EXECUTION}
    logged = json.loads(capsys.readouterr().out)
    assert logged.pop("milliseconds") >= 0
    assert logged == {
        "function": "pipeline-starter",
        "request": "request-1",
        "event": EXPECTED["clientRequestToken"],
        "branch": "feature/refunds",
        "commit": COMMIT,
        "execution": EXECUTION,
    }


@pytest.mark.parametrize("name", ["PIPELINE_NAME", "REPOSITORY_NAME", "BRANCH_PATTERNS"])
def test_a_missing_variable_fails_the_call(
    load_handler: Callable[[str], ModuleType], recorded: Recorded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for one in ("PIPELINE_NAME", "REPOSITORY_NAME", "BRANCH_PATTERNS"):
        monkeypatch.setenv(one, "null")
    monkeypatch.delenv(name)
    with pytest.raises(KeyError, match=name):
        load_handler("pipeline_starter").handler(recorded("codecommit_reference_created"), Context())
