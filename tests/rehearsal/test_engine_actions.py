"""Each kind of action against the emulator, which asks the roles; builds are what a test says."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest

from tools.rehearse.builds import SUCCEEDED, BuildResult


def test_the_source_action_fetches_the_commit_that_the_start_named(engine: Any, pieces: Any, git: Any) -> None:
    pinned = git.commit("First\n\nof two", a_txt="one")
    git.commit("Second", a_txt="two")
    made = engine(Source=[pieces.source], Build=[pieces.build("image")])
    revision = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": pinned}
    ended = made.run(sourceRevisions=[revision])
    assert ended.status == "Succeeded"
    (asked,) = made.builds.asked
    with zipfile.ZipFile(asked["sources"]["Source"].zip) as archive:
        assert archive.read("a.txt") == b"one"
    detail = made.details(ended.id)["Source"]
    variables = detail["output"]["outputVariables"]
    assert set(variables) == {
        "AuthorDate",
        "BranchName",
        "CommitId",
        "CommitMessage",
        "CommitterDate",
        "RepositoryName",
    }
    assert (variables["CommitId"], variables["CommitMessage"]) == (pinned, "First\n\nof two")
    assert detail["output"]["executionResult"]["externalExecutionId"] == pinned
    answer = made.aws.get_pipeline_execution(pipelineName=pieces.name, pipelineExecutionId=ended.id)
    (artifact,) = answer["pipelineExecution"]["artifactRevisions"]
    assert (artifact["name"], artifact["revisionId"]) == ("Source", pinned)


def test_without_a_named_commit_it_is_the_branchs_head(engine: Any, pieces: Any, git: Any) -> None:
    git.commit("First")
    head = git.commit("Second")
    git("checkout", "--quiet", "-b", "other")
    git.commit("Third")
    made = engine(Source=[pieces.source], Build=[pieces.build("image")])
    made.run()
    assert made.builds.asked[0]["facts"].commit == head


@pytest.mark.parametrize("revision", ["0" * 40, "main", "abc"])
def test_a_commit_that_is_not_there_fails_the_source(engine: Any, pieces: Any, git: Any, revision: str) -> None:
    git.commit("First")
    made = engine(Source=[pieces.source], Build=[pieces.build("image")])
    given = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": revision}
    assert made.run(sourceRevisions=[given]).status == "Failed"
    assert made.builds.asked == []


def test_a_build_gets_its_artifacts_and_resolved_variables(engine: Any, pieces: Any, git: Any) -> None:
    commit = git.commit("First", a_txt="x")
    given = [{"name": "COMMIT", "value": "#{Source.CommitId}", "type": "PLAINTEXT"}]
    first = pieces.build("resolve", 1, ("Resolved",), EnvironmentVariables=json.dumps(given))
    second = pieces.replace(
        pieces.build("grype", 2, PrimarySource="Source", EnvironmentVariables="[]"), inputs=("Source", "Resolved")
    )
    made = engine(Source=[pieces.source], Build=[first, second])
    ended = made.run()
    assert ended.status == "Succeeded", ended.why
    resolve, grype = made.builds.asked
    assert resolve["overrides"]["COMMIT"].value == commit
    assert (resolve["outputs"], grype["outputs"]) == (("Resolved",), ())
    assert (set(grype["sources"]), grype["primary"]) == ({"Source", "Resolved"}, "Source")
    with zipfile.ZipFile(grype["sources"]["Resolved"].zip) as archive:
        assert archive.read("made.txt") == b"made"
    assert grype["sources"]["Source"].location.startswith(f"{pieces.bucket}/{pieces.prefix}/Source/")
    facts = resolve["facts"]
    assert (facts.pipeline, facts.execution, facts.stage, facts.action) == (pieces.name, ended.id, "Build", "resolve")
    assert facts.build_id.startswith("engine-build:")
    assert facts.number + 1 == grype["facts"].number


def test_the_approver_is_asked_with_what_the_builds_exported(engine: Any, pieces: Any, git: Any, account: Any) -> None:
    account.client("sqs").purge_queue(QueueUrl=account.mailbox)
    git.commit("First")
    question = pieces.approval(
        "approve", 2, CustomData="#{grype.SUMMARY}?", ExternalEntityLink="https://x/", NotificationArn=account.topic
    )
    made = engine(Source=[pieces.source], Staging=[pieces.build("grype"), question])
    execution = made.start()
    asked = made.codepipeline.world.approvals.wait(execution, pieces.seconds)
    assert asked
    message = json.loads(asked.mail)
    assert message["approval"] | {"token": "", "expires": "", "approvalReviewLink": ""} == {
        "pipelineName": pieces.name,
        "stageName": "Staging",
        "actionName": "approve",
        "token": "",
        "expires": "",
        "externalEntityLink": "https://x/",
        "approvalReviewLink": "",
        "customData": "nothing found?",
    }
    zoe = account.person("zoe", f"{pieces.arn}/Staging/approve").client("codepipeline")
    given = {"pipelineName": pieces.name, "stageName": "Staging", "actionName": "approve", "token": asked.token}
    zoe.put_approval_result(**given, result={"status": "Approved", "summary": "looks good"})
    assert made.codepipeline.wait(execution, pieces.seconds).status == "Succeeded"
    detail = made.details(execution)["approve"]
    assert detail["updatedBy"] == "arn:aws:iam::123456789012:user/zoe"
    assert detail["input"]["configuration"]["CustomData"] == "#{grype.SUMMARY}?"
    assert detail["input"]["resolvedConfiguration"]["CustomData"] == "nothing found?"
    assert detail["output"]["executionResult"]["externalExecutionSummary"] == "looks good"
    with pytest.raises(zoe.exceptions.ApprovalAlreadyCompletedException):
        zoe.put_approval_result(**given, result={"status": "Rejected", "summary": ""})
    with pytest.raises(zoe.exceptions.ClientError, match="AccessDenied"):
        zoe.put_approval_result(**{**given, "actionName": "other"}, result={"status": "Approved", "summary": ""})
    sqs = account.client("sqs")
    (received,) = sqs.receive_message(QueueUrl=account.mailbox, WaitTimeSeconds=5)["Messages"]
    mail = json.loads(received["Body"])
    assert mail["Subject"] == f"APPROVAL NEEDED: AWS CodePipeline {pieces.name} for action approve"
    assert json.loads(mail["Message"]) == message


def test_nobody_answers_in_seven_days(engine: Any, pieces: Any) -> None:
    made = engine(faster=7 * 24 * 3600 / 0.2, Staging=[pieces.approval("approve")])
    ended = made.run()
    assert (ended.status, ended.why) == ("Failed", "Staging: approve: nobody has answered within 7 days, 0:00:00")


def test_a_function_answers_its_job_with_variables(engine: Any, pieces: Any, account: Any) -> None:
    made = engine(Gate=[pieces.invoke("seal", "#{codepipeline.PipelineExecutionId} sealed")])
    ended = made.run()
    assert ended.status == "Succeeded", ended.why
    assert made.details(ended.id)["seal"]["output"]["outputVariables"] == {"SAID": f"{ended.id} sealed"}


def test_a_function_that_says_no_stops_the_pipeline(engine: Any, pieces: Any) -> None:
    made = engine(Gate=[pieces.invoke("guard", "fail")], Next=[pieces.approval("next")])
    ended = made.run()
    assert (ended.status, ended.why) == ("Failed", "Gate: guard: no")
    assert made.details(ended.id)["guard"]["output"]["executionResult"]["errorDetails"]["message"] == "no"


def test_a_function_that_does_not_answer_in_20_minutes_has_failed(engine: Any, pieces: Any) -> None:
    made = engine(faster=20 * 60 / 0.5, Gate=[pieces.invoke("guard", "silent")])
    ended = made.run()
    assert ended.status == "Failed"
    assert "timed out" in ended.why
    (call,) = ended.runs
    with pytest.raises(made.aws.exceptions.InvalidJobStateException):
        made.aws.put_job_success_result(jobId=call.outcome.external_id)


def test_a_failed_build_stops_and_its_summary_is_seen(engine: Any, pieces: Any, git: Any) -> None:
    git.commit("First")
    made = engine(Source=[pieces.source], Verify=[pieces.build("grype")], Publish=[pieces.approval("never")])
    made.builds.results["engine-build"] = pieces.broken
    ended = made.run()
    assert (ended.status, ended.stage) == ("Failed", "")
    assert ended.why == "Verify: grype: Build terminated with state: FAULT. Phase: BUILD. exit status 1"
    (seen,) = [one for one in made.watched.seen if (one.kind, one.action) == ("action ended", "grype")]
    assert (seen.status, seen.summary, seen.provider) == ("Failed", "2 high", "CodeBuild")
    assert made.details(ended.id)["grype"]["output"]["outputVariables"] == {}
    assert made.watched.kinds("stage begun") == [("Source", ""), ("Verify", "")]


@pytest.mark.parametrize(
    ("exported", "said"),
    [({"bad name": "x"}, "no name of an output variable"), ({"A": "x" * 122_880}, "122881 bytes")],
)
def test_what_codepipeline_does_not_take_as_variables_fails_the_build(
    engine: Any, pieces: Any, git: Any, exported: dict[str, str], said: str
) -> None:
    git.commit("First")
    made = engine(Source=[pieces.source], Build=[pieces.build("image")])
    made.builds.results["engine-build"] = lambda facts: pieces.passed(facts, exported)
    ended = made.run()
    assert ended.status == "Failed"
    assert said in ended.why


def test_a_build_without_its_artifact_has_failed(engine: Any, pieces: Any, git: Any) -> None:
    git.commit("First")
    made = engine(Source=[pieces.source], Build=[pieces.build("image", 1, ("Resolved",))])
    made.builds.results["engine-build"] = lambda facts: BuildResult(SUCCEEDED, "COMPLETED", {}, {}, facts.folder, 1.0)
    assert made.run().why == "Build: image: the build made no artifact Resolved"


def test_a_build_runner_that_breaks_is_no_success(engine: Any, pieces: Any, git: Any) -> None:
    def breaks(facts: Any) -> BuildResult:
        raise MemoryError("all gone")

    git.commit("First")
    made = engine(Source=[pieces.source], Build=[pieces.build("image")])
    made.builds.results["engine-build"] = breaks
    assert made.run().why == "Build: image: MemoryError: all gone"


def test_a_variable_that_a_build_did_not_export_fails_who_needs_it(engine: Any, pieces: Any, git: Any) -> None:
    git.commit("First")
    made = engine(
        Source=[pieces.source], Staging=[pieces.build("grype"), pieces.approval("a", 2, CustomData="#{grype.MORE}")]
    )
    ended = made.run()
    assert ended.why == "Staging: a: CustomData: #{grype.MORE} cannot be resolved"
    assert made.codepipeline.world.approvals.all() == []


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"BatchEnabled": "true"}, "BatchEnabled"),
        ({"EnvironmentVariables": "[{"}, "JSONDecodeError"),
        ({"PrimarySource": "Other"}, "'Other' is none of"),
    ],
)
def test_a_build_action_that_is_not_understood_has_failed(
    engine: Any, pieces: Any, git: Any, configuration: dict[str, str], said: str
) -> None:
    git.commit("First")
    made = engine(Source=[pieces.source], Build=[pieces.build("image", **configuration)])
    ended = made.run()
    assert said in ended.why
    assert made.builds.asked == []


def test_a_role_that_may_nothing_gets_nowhere(engine: Any, pieces: Any, git: Any) -> None:
    git.commit("First")
    made = engine(role="engine-powerless", Source=[pieces.source], Build=[pieces.build("image")])
    ended = made.run()
    assert ended.status == "Failed"
    assert "codecommit:GetBranch" in ended.why


def test_calls_are_made_under_the_roles_that_aws_would_use(engine: Any, pieces: Any, git: Any, account: Any) -> None:
    before = len(account.emulator.authorizations())
    git.commit("First")
    approve = pieces.approval("approve", 2, NotificationArn=account.topic)
    made = engine(
        Source=[pieces.source], Build=[pieces.build("image", 1, ("Resolved",)), pieces.invoke("seal", "x"), approve]
    )
    made.codepipeline.world.approvals.wait(made.start(), pieces.seconds)
    found = {(one["principal"].split("/")[1], one["action"]) for one in account.emulator.authorizations()[before:]}
    assert found == {
        ("engine-pipeline", "codecommit:GetBranch"),
        ("engine-pipeline", "codecommit:GetCommit"),
        ("engine-pipeline", "codecommit:UploadArchive"),
        ("engine-pipeline", "codecommit:GetUploadArchiveStatus"),
        ("engine-pipeline", "s3:PutObject"),
        ("engine-pipeline", "kms:GenerateDataKey"),
        ("engine-pipeline", "codebuild:StartBuild"),
        ("engine-pipeline", "codebuild:BatchGetBuilds"),
        ("engine-pipeline", "lambda:InvokeFunction"),
        ("engine-pipeline", "sns:Publish"),
        ("engine-build", "s3:GetObjectVersion"),
        ("engine-build", "kms:Decrypt"),
        ("engine-build", "s3:PutObject"),
        ("engine-build", "kms:GenerateDataKey"),
        ("engine-function", "codepipeline:PutJobSuccessResult"),
    }
