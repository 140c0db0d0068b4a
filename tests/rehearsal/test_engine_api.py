"""What functions, rules and people ask over HTTP, through the emulator."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tools.rehearse import pushes

PUSHER = "arn:aws:iam::123456789012:user/ann"
EVENTS = Path(__file__).parents[1] / "events"
JOB = "11111111-abcd-1111-abcd-111111abcdef"


def code(client: Any, operation: str, **request: Any) -> str:
    """The error that a call ends with."""
    with pytest.raises(client.exceptions.ClientError) as error:
        getattr(client, operation)(**request)
    found: str = error.value.response["Error"]["Code"]
    return found


def test_what_is_not_there_is_an_error_of_its_name(engine: Any, pieces: Any) -> None:
    made = engine(One=[pieces.approval("one")])
    aws, ours = made.aws, {"pipelineName": pieces.name}
    assert code(aws, "start_pipeline_execution", name="nothing") == "PipelineNotFoundException"
    assert code(aws, "get_pipeline_execution", **ours, pipelineExecutionId=JOB) == "PipelineExecutionNotFoundException"
    assert code(aws, "list_action_executions", pipelineName="nothing") == "PipelineNotFoundException"
    assert code(aws, "put_job_success_result", jobId=JOB) == "JobNotFoundException"
    details = {"type": "JobFailed", "message": "no"}
    assert code(aws, "put_job_failure_result", jobId=JOB, failureDetails=details) == "JobNotFoundException"
    answer = {"stageName": "One", "actionName": "two", "token": JOB, "result": {"status": "Approved", "summary": ""}}
    assert code(aws, "put_approval_result", **ours, **answer) == "ActionNotFoundException"
    execution = made.start()
    made.codepipeline.world.approvals.wait(execution, pieces.seconds)
    assert (
        code(aws, "put_approval_result", **ours, **{**answer, "actionName": "one"}) == "InvalidApprovalTokenException"
    )


@pytest.mark.parametrize(
    "request_",
    [
        {"variables": [{"name": "BRANCH", "value": "main"}]},
        {"sourceRevisions": [{"actionName": "Other", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}]},
        {"sourceRevisions": [{"actionName": "Source", "revisionType": "S3_OBJECT_KEY", "revisionValue": "0" * 40}]},
    ],
)
def test_a_start_that_does_not_fit_the_pipeline_is_refused(engine: Any, pieces: Any, request_: dict[str, Any]) -> None:
    made = engine(Source=[pieces.source], One=[pieces.approval("one")])
    assert code(made.aws, "start_pipeline_execution", name=pieces.name, **request_) == "ValidationException"
    assert made.codepipeline.executions(pieces.name) == []


def test_variables_of_the_start_and_defaults_are_resolved(engine: Any, pieces: Any) -> None:
    made = engine(One=[pieces.approval("one", CustomData="")])
    world = made.codepipeline.world
    pipeline = pieces.replace(
        world.described.pipelines[pieces.name], mode="QUEUED", variables={"BRANCH": "none", "COMMIT": "none"}
    )
    world.described.pipelines[pieces.name] = pipeline
    execution = made.start(variables=[{"name": "BRANCH", "value": "feature/a"}], clientRequestToken="event-1")
    assert made.start(clientRequestToken="event-1") == execution
    answer = made.aws.get_pipeline_execution(pipelineName=pieces.name, pipelineExecutionId=execution)
    found = answer["pipelineExecution"]
    assert found["variables"] == [
        {"name": "BRANCH", "resolvedValue": "feature/a"},
        {"name": "COMMIT", "resolvedValue": "none"},
    ]
    assert (found["status"], found["executionMode"]) == ("InProgress", "QUEUED")
    assert found["trigger"] == {
        "triggerType": "StartPipelineExecution",
        "triggerDetail": "arn:aws:iam::123456789012:root",
    }


def test_actions_come_in_pages_the_latest_first(engine: Any, pieces: Any, answer: Any) -> None:
    made = engine(One=[pieces.approval("one")], Two=[pieces.approval("two")], Three=[pieces.approval("three")])
    execution = made.start()
    for action in ("one", "two", "three"):
        answer(made.codepipeline, execution, action)
    made.codepipeline.wait(execution, pieces.seconds)
    request: dict[str, Any] = {"pipelineName": pieces.name, "filter": {"pipelineExecutionId": execution}}
    first = made.aws.list_action_executions(**request, maxResults=2)
    second = made.aws.list_action_executions(**request, maxResults=2, nextToken=first["nextToken"])
    found = [one["actionName"] for page in (first, second) for one in page["actionExecutionDetails"]]
    assert found == ["three", "two", "one"]
    assert "nextToken" not in second


def test_an_answer_has_the_fields_of_awss_example(
    engine: Any, pieces: Any, git: Any, account: Any, answer: Any
) -> None:
    recorded = json.loads((EVENTS / "list_action_executions.json").read_text())["actionExecutionDetails"]
    git.commit("First")
    approve = pieces.approval("approve", CustomData="#{image.SUMMARY}")
    made = engine(
        Source=[pieces.source], Build=[pieces.build("image")], Gate=[pieces.invoke("seal", "x")], Staging=[approve]
    )
    execution = made.start()
    answer(made.codepipeline, execution, "approve")
    made.codepipeline.wait(execution, pieces.seconds)
    ours = {one["actionName"]: one for one in made.codepipeline.execution(pieces.name, execution).actions("x")}
    for name in ("Source", "image", "seal", "approve"):
        example = next(one for one in recorded if (one["actionName"], one["status"]) == (name, "Succeeded"))
        assert set(ours[name]) == set(example), name
        assert set(ours[name]["input"]) == set(example["input"]), name
        assert set(ours[name]["output"]) == set(example["output"]), name
        assert set(ours[name]["output"]["executionResult"]) == set(example["output"]["executionResult"]), name
        assert isinstance(ours[name]["startTime"], float)


def test_the_job_is_the_documented_event(engine: Any, pieces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.rehearse import actions

    events: list[Any] = []
    job = actions._job
    monkeypatch.setattr(actions, "_job", lambda *given: events.append(job(*given)) or events[-1])
    made = engine(Gate=[pieces.invoke("seal", "x")])
    assert made.run().status == "Succeeded"
    example = json.loads((EVENTS / "codepipeline_job.json").read_text())["CodePipeline.job"]
    (event,) = events
    found = event["CodePipeline.job"]
    assert set(found) == set(example)
    # A continuationToken belongs to a job that has been continued.
    assert set(found["data"]) == set(example["data"]) - {"continuationToken"}
    assert set(found["data"]["artifactCredentials"]) == set(example["data"]["artifactCredentials"])
    assert found["data"]["actionConfiguration"]["configuration"] == {
        "FunctionName": "engine-function",
        "UserParameters": "x",
    }


@pytest.fixture
def rule(account: Any, pieces: Any) -> Any:
    """A rule for commits on main of shop that starts the pipeline with a role."""
    events = account.client("events")
    pattern = {"source": ["aws.codecommit"], "resources": [pieces.repository], "detail": {"referenceName": ["main"]}}

    def make(role: str) -> Any:
        events.put_rule(Name="engine-rule", EventPattern=json.dumps(pattern))
        template = '{"sourceRevisions":[{"actionName":"Source","revisionType":"COMMIT_ID","revisionValue":"<commit>"}]}'
        events.put_targets(
            Rule="engine-rule",
            Targets=[
                {
                    "Id": "pipeline",
                    "Arn": pieces.arn,
                    "RoleArn": f"arn:aws:iam::123456789012:role/{role}",
                    "InputTransformer": {"InputPathsMap": {"commit": "$.detail.commitId"}, "InputTemplate": template},
                }
            ],
        )

    yield make
    events.remove_targets(Rule="engine-rule", Ids=["pipeline"])
    events.delete_rule(Name="engine-rule")


def started(made: Any, pieces: Any, seconds: float) -> list[Any]:
    wait = threading.Event()
    for _ in range(int(seconds * 20)):
        if found := made.codepipeline.executions(pieces.name):
            return list(found)
        wait.wait(0.05)
    return []


def test_a_rule_starts_the_pipeline_for_the_events_commit(
    engine: Any, pieces: Any, account: Any, git: Any, rule: Any
) -> None:
    commit = git.commit("First")
    git.commit("Second")
    made = engine(Source=[pieces.source], One=[pieces.build("image")])
    rule("engine-rule")
    pushes.pushed(account.emulator, "shop", "other", "0" * 40, "", PUSHER)
    pushes.pushed(account.emulator, "shop", "main", commit, "", PUSHER)
    (execution,) = started(made, pieces, 10)
    assert made.codepipeline.wait(execution.id, pieces.seconds).status == "Succeeded"
    assert made.builds.asked[0]["facts"].commit == commit
    assert execution.trigger == {
        "triggerType": "CloudWatchEvent",
        "triggerDetail": "arn:aws:events:eu-central-1:123456789012:rule/engine-rule",
    }
    assert len(made.codepipeline.executions(pieces.name)) == 1


@pytest.mark.parametrize("role", ["engine-powerless-rule", "engine-pipeline"])
def test_a_rule_whose_role_may_not_starts_nothing(
    engine: Any, pieces: Any, account: Any, git: Any, rule: Any, role: str
) -> None:
    made = engine(Source=[pieces.source], One=[pieces.build("image")])
    rule(role)
    pushes.pushed(account.emulator, "shop", "main", git.commit("First"), "", PUSHER)
    assert started(made, pieces, 1.5) == []


@pytest.mark.parametrize(("before", "event"), [("1" * 40, "referenceUpdated"), ("", "referenceCreated")])
def test_a_push_is_the_recorded_event(account: Any, pieces: Any, before: str, event: str) -> None:
    sqs, events = account.client("sqs"), account.client("events")
    sqs.purge_queue(QueueUrl=account.mailbox)
    events.put_rule(Name="engine-pushes", EventPattern=json.dumps({"source": ["aws.codecommit"]}))
    queue = "arn:aws:sqs:eu-central-1:123456789012:engine-mailbox"
    events.put_targets(Rule="engine-pushes", Targets=[{"Id": "mailbox", "Arn": queue}])
    try:
        pushes.pushed(account.emulator, "shop", "main", "2" * 40, before, PUSHER)
        (received,) = sqs.receive_message(QueueUrl=account.mailbox, WaitTimeSeconds=5)["Messages"]
    finally:
        events.remove_targets(Rule="engine-pushes", Ids=["mailbox"])
    found = json.loads(received["Body"])
    recorded = json.loads((EVENTS / "codecommit_push.json").read_text())
    assert set(found) == set(recorded)
    assert set(found["detail"]) == set(recorded["detail"]) - (set() if before else {"oldCommitId"})
    assert (found["detail"]["event"], found["resources"]) == (event, [pieces.repository])
    assert found["detail"]["referenceFullName"] == "refs/heads/main"


def test_security_hub_is_the_strict_one(engine: Any, pieces: Any, account: Any) -> None:
    made = engine(One=[pieces.approval("one")])
    hub = account.client("securityhub")
    finding = {"Id": "a", "SchemaVersion": "2018-10-08", "Title": "nothing else"}
    with pytest.raises(Exception, match="Missing required parameter"):
        hub.batch_import_findings(Findings=[finding])
    product = "arn:aws:securityhub:eu-central-1:123456789012:product/123456789012/default"
    full = {
        **finding, "ProductArn": product, "GeneratorId": "g", "AwsAccountId": "123456789012",
        "CreatedAt": "2026-03-01T12:00:00.000Z", "UpdatedAt": "2026-03-01T12:00:00.000Z", "Description": "d",
        "Resources": [{"Type": "Other", "Id": "shop"}], "FindingProviderFields": {
            "Severity": {"Label": "HIGH"}, "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
        },
    }  # fmt: skip
    assert hub.batch_import_findings(Findings=[full])["SuccessCount"] == 1
    assert set(made.api.hub.findings) == {"a"}
    assert ("securityhub", "batch_import_findings", "arn:aws:iam::123456789012:root") in made.api.calls


def test_a_failed_execution_is_an_event_that_rules_match(engine: Any, pieces: Any, account: Any, answer: Any) -> None:
    account.client("sqs").purge_queue(QueueUrl=account.mailbox)
    events, queue = account.client("events"), "arn:aws:sqs:eu-central-1:123456789012:engine-mailbox"
    pattern = {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Pipeline Execution State Change"],
        "detail": {"pipeline": [pieces.name], "state": ["FAILED"]},
    }
    events.put_rule(Name="engine-failed", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="engine-failed", Targets=[{"Id": "mailbox", "Arn": queue}])
    made = engine(One=[pieces.approval("one")])
    good, bad = made.start(), made.start()
    answer(made.codepipeline, good, "one")
    answer(made.codepipeline, bad, "one", "Rejected")
    made.codepipeline.wait(bad, pieces.seconds)
    (received,) = account.client("sqs").receive_message(QueueUrl=account.mailbox, WaitTimeSeconds=5)["Messages"]
    event = json.loads(received["Body"])
    assert (event["detail"]["execution-id"], event["resources"]) == (bad, [pieces.arn])
