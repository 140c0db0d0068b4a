"""The release guard: a release goes on only if everything is in its place, and every refusal says what is not."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.contract import Record
from common.executions import PAGE_LIMIT, Attempt, PipelineExecutions
from common.jobs import MESSAGE_LIMIT
from common.pushes import Push
from common.report_store import KEY_LIMIT, RECORD_LIMIT, ReportStore
from common.strict import MalformedError
from guard.call import GuardCall
from guard.duties import person
from guard.service import Clearance, Guard, RefusedError
from guard_world import (
    ANN,
    DIGEST,
    EVENT,
    OTHER_DIGEST,
    QUESTION,
    TODAY,
    ZOE,
    World,
    push,
    push_file,
    ran,
    verdict,
    verdict_file,
)
from lambda_fakes import COMMIT, EXECUTION, OTHER_COMMIT, OTHER_EXECUTION, Context, model_errors, policy_bytes

Recorded = Callable[[str], Any]
JOB = "11111111-abcd-1111-abcd-111111abcdef"
GRYPE, SECRETS = verdict_file("grype", "image"), verdict_file("git-secrets", "source")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def world() -> World:
    return World()


def refusal(world: World) -> str:
    with pytest.raises(RefusedError) as refused:
        world.guard().clear(world.parameters)
    return str(refused.value)


def cleared(world: World) -> bool:
    try:
        world.guard().clear(world.parameters)
    except (RefusedError, MalformedError, KeyError):
        return False
    return True


# --- the whole ---------------------------------------------------------------------------------------------------------


def test_with_everything_in_its_place_a_release_goes_on(world: World) -> None:
    clearance = world.guard().clear(world.parameters)
    assert clearance.call == GuardCall("payments", "Production", EXECUTION, COMMIT, DIGEST)
    assert str(clearance) == f"Production cleared: 4 verdicts for {DIGEST} of {COMMIT}"


def test_before_publish_there_is_no_approval_to_ask_for(world: World) -> None:
    world.call["gate"] = "Publish"
    world.history = [one for one in world.history if one["stageName"] in ("Build", "Source")]
    del world.files[push_file()], world.files[verdict_file("ecr", "image")], world.files[verdict_file("zap", "staging")]
    assert str(world.guard().clear(world.parameters)).startswith("Publish cleared: 2 verdicts")
    assert world.asked == [SECRETS, GRYPE]


def test_each_gate_has_its_own_list(world: World) -> None:
    world.files = {push_file(): push()}
    hint = "no verdict is recorded: see why its build did not end with one, then start a new run"
    names = ("git-secrets source", "grype image", "ecr image", "zap staging")
    assert refusal(world) == f"Production refused: {'; '.join(f'{name}: {hint}' for name in names)}."
    world.call["gate"] = "Publish"
    assert refusal(world) == f"Publish refused: {'; '.join(f'{name}: {hint}' for name in names[:2])}."


def test_everything_that_is_missing_is_named_within_codepipelines_limit(world: World) -> None:
    scans = [("git-secrets", "source"), ("git-secrets", "history"), ("grype", "dependencies"), ("grype", "image")]
    scans += [("ecr", "image"), ("zap", "staging"), ("snyk", "dependencies")]
    payments = world.policy["pipelines"]["payments"]
    payments["required"]["Production"] = [{"scanner": scanner, "scope": scope} for scanner, scope in scans]
    payments["branch"] = "b" * 1000
    for scanner, scope in scans:
        long = {"verdict": "findings", "reason": "r" * 1000, "blocking": 1, "branch": "b" * 1000}
        world.files[verdict_file(scanner, scope)] = verdict(scanner, scope) | long
    world.run("Build", "seal")["status"] = "x" * 1000
    world.run("Source", "Source")["output"]["outputVariables"]["CommitId"] = "c" * 1000
    world.approve["input"]["resolvedConfiguration"]["CustomData"] = "?" * 1000
    message = refusal(world)
    assert len(message) <= 5000
    names = [f"{scanner} {scope}: findings (" for scanner, scope in scans]
    for words in [*names, "Build/seal", "Source/Source", "what was approved", "nobody is recorded"]:
        assert words in message
    assert message.count("fix or waive them, then start a new run") == len(scans)  # the advice outlives a long reason
    assert re.fullmatch(r"[ -~]+", message)


# --- what CodePipeline asks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right, not 2"),
        ({"pipeline": "orders"}, "policy.json has no gate Production for the pipeline orders"),
        ({"pipeline": "payments-scan"}, "policy.json has no gate Production for the pipeline payments-scan"),
        ({"pipeline": ""}, "pipeline: a pipeline's name in pipelines.yaml is right, not ''"),
        ({"gate": "Staging"}, "gate: one of Production, Publish is right, not 'Staging'"),
        ({"execution": "#{x}"}, "execution: a pipeline execution's id is right, not '#{x}'"),
        ({"commit": "main"}, "commit: a commit of 40 hexadecimal digits is right, not 'main'"),
        ({"digest": ""}, "digest: an image digest (sha256:...) is right, not ''"),
        ({"digest": COMMIT}, f"digest: an image digest (sha256:...) is right, not '{COMMIT}'"),
        (
            {"force": True},
            "UserParameters: unknown key 'force'; right are schema, pipeline, gate, execution, commit, digest",
        ),
    ],
)
def test_other_parameters_are_an_error(world: World, change: dict[str, object], words: str) -> None:
    world.call |= change
    with pytest.raises(MalformedError) as error:
        world.guard().clear(world.parameters)
    assert str(error.value) == words


@pytest.mark.parametrize("text", ["", "{", "[]", World().parameters[:-1], None, World().call])
def test_parameters_are_a_json_object_in_a_string(text: object) -> None:
    with pytest.raises(MalformedError, match=r"^UserParameters: ") as error:
        GuardCall.parse(text)
    if not isinstance(text, str):
        assert str(error.value) == "UserParameters: missing from the action's configuration"


# --- verdicts ----------------------------------------------------------------------------------------------------------


def test_the_world_writes_records_as_the_importer_does() -> None:
    for document in (verdict("grype", "image"), verdict("snyk", "dependencies")):
        record = Record.parse(json.dumps(document).encode())
        assert json.loads(record.as_bytes()) == document
    assert json.loads(Push.parse(json.dumps(push()).encode()).as_bytes()) == push()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"verdict": "findings", "reason": "3 at or above high", "blocking": 3},
            "findings (3 at or above high): fix or waive them, then start a new run",
        ),
        (
            {"verdict": "tool-error", "reason": "exit code 2"},
            "tool-error (exit code 2): see the log of its build, then start a new run",
        ),
        (
            {"verdict": "no-evidence", "reason": "empty"},
            "no-evidence (empty): see the log of its build, then start a new run",
        ),
        ({"execution": OTHER_EXECUTION}, f"record of another execution ({OTHER_EXECUTION}): start a new run"),
        ({"pipeline": "orders"}, "record of another pipeline (orders): start a new run"),
        ({"scanner": "snyk-container"}, "record of another scan (snyk-container image): start a new run"),
        ({"scope": "dependencies"}, "record of another scan (grype dependencies): start a new run"),
        ({"repository": "orders"}, "record of another repository (orders): start a new run"),
        ({"branch": "develop"}, "record of another branch (develop): start a new run"),
        ({"commit": OTHER_COMMIT}, f"record of another commit ({OTHER_COMMIT}): start a new run"),
        ({"digest": OTHER_DIGEST}, f"record of another image ({OTHER_DIGEST}): start a new run"),
        ({"digest": ""}, "record of another image (none named): start a new run"),
        ({"report_sha256": ""}, "pass without a report: start a new run"),
        (
            {"waived_until": "2026-11-22"},
            "its waiver ended on 2026-11-22: fix the finding or renew the waiver, then start a new run",
        ),
    ],
)
def test_only_a_pass_of_this_very_scan_counts(world: World, change: dict[str, Any], words: str) -> None:
    world.files[GRYPE] |= change
    assert refusal(world) == f"Production refused: grype image: {words}."


@pytest.mark.parametrize("until", ["2026-11-23", "2026-11-24", "2027-01-01"])
def test_a_waiver_holds_through_its_last_day(world: World, until: str) -> None:
    world.files[GRYPE]["waived_until"] = until
    assert cleared(world)


def test_todays_date_decides_about_a_waiver(world: World) -> None:
    world.files[GRYPE]["waived_until"] = "2026-11-24"
    world.today = TODAY + timedelta(days=2)
    assert "its waiver ended on 2026-11-24" in refusal(world)


@pytest.mark.parametrize("scan", [("ecr", "image"), ("zap", "staging"), ("grype", "image")])
def test_a_verdict_on_the_image_holds_for_its_digest_alone(world: World, scan: tuple[str, str]) -> None:
    world.files[verdict_file(*scan)]["digest"] = OTHER_DIGEST
    assert f"{scan[0]} {scan[1]}: record of another image" in refusal(world)


def test_a_verdict_on_the_source_needs_no_digest(world: World) -> None:
    assert world.files[SECRETS]["digest"] == ""
    assert cleared(world)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"pass", b'{"verdict": "pass"}', json.dumps(verdict("grype", "image"))[:-1].encode()]
)
def test_a_record_that_cannot_be_read_is_a_no(world: World, data: bytes) -> None:
    world.files[GRYPE] = data
    message = refusal(world)
    assert message.startswith("Production refused: grype image: unreadable record (verdict.json: ")
    assert message.endswith("): start a new run.")


# --- what CodePipeline says that was built -----------------------------------------------------------------------------


def test_the_commit_is_the_one_that_source_fetched(world: World) -> None:
    world.run("Source", "Source")["output"]["outputVariables"]["CommitId"] = OTHER_COMMIT
    words = f"Source/Source names another commit ({OTHER_COMMIT}) than {COMMIT}: start a new run"
    assert refusal(world) == f"Production refused: {words}."


def test_the_digest_is_the_one_that_was_sealed(world: World) -> None:
    world.run("Build", "seal")["output"]["outputVariables"]["DIGEST"] = OTHER_DIGEST
    assert f"Build/seal names another image ({OTHER_DIGEST}) than {DIGEST}: start a new run" in refusal(world)
    world.run("Build", "seal")["output"]["outputVariables"] = {}
    assert f"Build/seal names another image (none) than {DIGEST}: start a new run" in refusal(world)


ACTIONS = [("Source", "Source"), ("Build", "seal"), ("Staging", "approve")]


@pytest.mark.parametrize(("stage", "action"), ACTIONS)
def test_an_action_must_have_run(world: World, stage: str, action: str) -> None:
    world.history.remove(world.run(stage, action))
    assert refusal(world) == f"Production refused: {stage}/{action} has not run in this execution: start a new run."


@pytest.mark.parametrize(("stage", "action"), ACTIONS)
@pytest.mark.parametrize("status", ["InProgress", "Abandoned", "Failed", None])
def test_an_action_must_have_succeeded(world: World, stage: str, action: str, status: str | None) -> None:
    world.run(stage, action)["status"] = status
    words = f"{stage}/{action} has ended as {status!r}, not Succeeded: start a new run"
    assert refusal(world) == f"Production refused: {words}."


@pytest.mark.parametrize(("stage", "action"), ACTIONS)
def test_only_the_latest_run_of_an_action_counts(world: World, stage: str, action: str) -> None:
    good = world.run(stage, action)
    for minutes, fine in ((-1, True), (1, False)):
        failed = copy.deepcopy(good) | {"status": "Failed", "startTime": good["startTime"] + timedelta(minutes=minutes)}
        for where in (0, len(world.history)):  # in whatever order they are listed
            world.history.insert(where, failed)
            assert cleared(world) is fine
            world.history.remove(failed)


def test_a_run_of_another_action_is_not_looked_at(world: World) -> None:
    world.history.append(ran("Build", "image", 50, status="Failed"))
    world.history.append(ran("Verify", "seal", 50, status="Failed"))
    assert cleared(world)


@pytest.mark.parametrize(("stage", "action"), ACTIONS)
def test_what_cannot_be_ordered_is_a_no(world: World, stage: str, action: str) -> None:
    good = world.run(stage, action)
    world.history.append(copy.deepcopy(good))  # the same, twice: nothing to choose
    assert cleared(world)
    world.history[-1]["output"]["outputVariables"] = {"CommitId": OTHER_COMMIT, "DIGEST": OTHER_DIGEST}
    assert f"CodePipeline names two latest runs of {stage}/{action}: start a new run" in refusal(world)
    del world.history[-1]["startTime"]
    assert f"CodePipeline does not say when {stage}/{action} ran: start a new run" in refusal(world)
    world.history.remove(good)
    assert f"CodePipeline does not say when {stage}/{action} ran: start a new run" in refusal(world)


# --- the approval ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        QUESTION.replace(DIGEST, OTHER_DIGEST),
        QUESTION.replace(COMMIT, OTHER_COMMIT),
        QUESTION.replace("payments:", "orders:"),
        # What a report's summary says counts for nothing.
        QUESTION.replace(DIGEST, OTHER_DIGEST)
        + f"; payments: release commit {COMMIT} as {DIGEST} to production? Scans: ",
        QUESTION.replace(COMMIT, OTHER_COMMIT) + f" {QUESTION}",
        f"\n{QUESTION}",
        QUESTION.upper(),
        f"payments: release commit {COMMIT} as {DIGEST} and {OTHER_DIGEST} to production? Scans: ",
        f"payments: release commit {COMMIT} as {DIGEST}",
        "payments: release commit #{Commit.CommitId} as #{Image.DIGEST} to production? Scans: ",
        "",
    ],
)
def test_only_this_image_of_this_commit_may_have_been_approved(world: World, asked: str) -> None:
    world.approve["input"]["resolvedConfiguration"]["CustomData"] = asked
    assert refusal(world) == (
        f"Production refused: what was approved is not commit {COMMIT} as {DIGEST}: start a new run and approve that."
    )


def test_what_the_scanners_said_may_stand_behind_the_question(world: World) -> None:
    world.approve["input"]["resolvedConfiguration"]["CustomData"] = f"{QUESTION} {OTHER_DIGEST} {OTHER_COMMIT}\n\x00"
    assert cleared(world)


def test_the_question_is_the_one_that_the_pipeline_asks() -> None:
    """Both sides of the same sentence; the other cannot be imported here."""
    source = (ROOT / "modules" / "approval.py").read_text(encoding="utf-8")
    assert 'f"{pipeline}: release commit {COMMIT} as {IMAGE_DIGEST} to production? Scans: {summaries}"' in source
    actions = (ROOT / "modules" / "actions.py").read_text(encoding="utf-8")
    assert 'COMMIT = "#{Commit.CommitId}"' in actions
    assert 'IMAGE_DIGEST = "#{Image.DIGEST}"' in actions


@pytest.mark.parametrize("missing", ["resolvedConfiguration", "CustomData", "input"])
def test_an_approval_of_nobody_knows_what_is_none(world: World, missing: str) -> None:
    inputs = world.approve["input"]
    if missing == "CustomData":
        inputs["resolvedConfiguration"] = {"NotificationArn": QUESTION}
    else:  # the configuration that is not resolved says nothing
        del inputs["resolvedConfiguration"]
        inputs["configuration"] = {"CustomData": QUESTION}
    if missing == "input":
        del world.approve["input"]
        assert "Staging/approve is no approval but None" in refusal(world)
    else:
        assert refusal(world) == "Production refused: CodePipeline does not say what was approved: start a new run."


@pytest.mark.parametrize("category", ["Invoke", "Build", "approval", None])
def test_an_action_of_another_kind_approves_nothing(world: World, category: str | None) -> None:
    world.approve["input"]["actionTypeId"]["category"] = category
    words = f"Staging/approve is no approval but {category!r}: deploy the pipeline again"
    assert refusal(world) == f"Production refused: {words}."


def test_of_source_and_seal_each_one_that_is_missing_is_named(world: World) -> None:
    world.history = [one for one in world.history if one["stageName"] not in ("Source", "Build")]
    message = refusal(world)
    assert "Source/Source" in message
    assert "Build/seal" in message


# --- separation of duties ----------------------------------------------------------------------------------------------

SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_{}_0123456789abcdef/{}"


@pytest.mark.parametrize(
    ("pusher", "approver"),
    [
        (ANN, ANN),
        (ANN, "arn:aws:iam::123456789012:user/ann"),  # whatever the path
        (ANN, "arn:aws:iam::123456789012:user/Ann"),  # IAM's names are not told apart by case
        (ZOE, ZOE),
        (ANN, "arn:aws:sts::123456789012:assumed-role/Approver/ann"),  # the console, after "Switch role"
        (SSO.format("Developer", "ann@example.com"), SSO.format("Approver", "ann@example.com")),
        ("arn:aws:sts::210987654321:assumed-role/Dev/ann", "arn:aws:sts::123456789012:federated-user/ann"),
        ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root"),
        ("arn:aws-us-gov:iam::123456789012:user/ann", "arn:aws-us-gov:sts::123456789012:assumed-role/Approver/ann"),
    ],
)
def test_who_pushed_may_not_approve(world: World, pusher: str, approver: str) -> None:
    world.files[push_file()]["pusher"] = pusher
    world.approve["updatedBy"] = approver
    world.approve["output"]["executionResult"] = {"externalExecutionSummary": f"Approved by {approver}"}
    words = "approved by who pushed the commit, so let somebody else approve a new run"
    assert refusal(world) == f"Production refused: {words}: {approver} approved, {pusher} pushed."


@pytest.mark.parametrize(
    ("pusher", "approver"),
    [
        (ANN, "arn:aws:iam::123456789012:user/developers/anne"),
        (ANN, "arn:aws:iam::123456789012:user/ann/bob"),
        (SSO.format("Developer", "ann@example.com"), SSO.format("Developer", "zoe@example.com")),
        ("arn:aws:iam::123456789012:user/root", "arn:aws:iam::123456789012:root"),
        ("arn:aws:iam::210987654321:root", "arn:aws:iam::123456789012:root"),
        ("arn:aws:sts::123456789012:assumed-role/zoe/ann", ZOE),  # the role's name is nobody's
    ],
)
def test_somebody_else_may(world: World, pusher: str, approver: str) -> None:
    world.files[push_file()]["pusher"] = pusher
    world.approve["updatedBy"] = approver
    world.approve["output"]["executionResult"] = {"externalExecutionSummary": f"Approved by {approver}"}
    assert cleared(world)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "zoe",
        "arn:aws:iam::123456789012:role/zoe",
        "arn:aws:iam::123456789012:user/",
        "arn:aws:iam::123456789012:user/a/b/",
        "arn:aws:iam::12345678901:user/zoe",
        "arn:aws:sts::123456789012:assumed-role/zoe",
        "arn:aws:sts::123456789012:assumed-role/a/b/zoe",
        "arn:aws:iam::123456789012:assumed-role/a/zoe",
        "arn:aws:sts::123456789012:assumed-role/Approver/zoé",
        "arn:aws:iam::123456789012:root/zoe",
        "arn:aws:codepipeline:eu-central-1:123456789012:acme-payments",
        f"{ZOE}\n",
        f" {ZOE}",
        f"{ZOE} and ann",
        "codepipeline.amazonaws.com",
    ],
)
def test_whoever_is_no_person_cannot_be_told_apart(world: World, arn: str) -> None:
    with pytest.raises(MalformedError):
        person(arn)
    world.approve["updatedBy"] = arn
    assert "who approved cannot be told (" in refusal(world)
    world.approve["updatedBy"] = ZOE
    world.files[push_file()]["pusher"] = arn
    assert "who pushed cannot be told (" in refusal(world)


def test_an_approval_by_nobody_is_none(world: World) -> None:
    """Also where the approver's own words name somebody."""
    del world.approve["updatedBy"]
    assert refusal(world) == (
        "Production refused: who approved cannot be told (CodePipeline names nobody): let somebody else approve a new run,"
        " or set separation_of_duties: false."
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"Approved by {ANN}", f"CodePipeline names {ZOE}, the approval's text another"),
        ("Approved by arn:", "'arn:' is no user, session or root of an account"),
        (
            f"Approved by {ZOE} ann",
            "'arn:aws:sts::123456789012:assumed-role/Approver/zoe ann' is no user, session or root of an account",
        ),
    ],
)
def test_words_that_contradict_codepipeline_are_a_no(world: World, words: str, why: str) -> None:
    world.approve["output"]["executionResult"]["externalExecutionSummary"] = words
    assert f"who approved cannot be told ({why}): let somebody else approve" in refusal(world)


@pytest.mark.parametrize(
    "words",
    [
        None,
        "",
        "fine with me",
        f"as asked by {ANN}",
        f"Approved by {ZOE}",
        f"Approved by {ZOE}\n",
        "Approved by me",
        f"bob: Approved by {ANN}",
    ],
)
def test_other_words_are_the_approvers_own(world: World, words: str | None) -> None:
    world.approve["output"]["executionResult"] = {} if words is None else {"externalExecutionSummary": words}
    assert cleared(world)


def test_two_pushes_of_the_approver_are_one_reason(world: World) -> None:
    for letter in "ab":
        other = EVENT.replace("0", letter)
        world.files[push_file(other)] = push() | {"id": other, "pusher": ZOE}
    assert refusal(world).count("approved by who pushed") == 1


@pytest.mark.parametrize("branch", ["feature/refunds", "main"])
def test_every_pusher_of_the_commit_counts_on_any_branch(world: World, branch: str) -> None:
    other = EVENT.replace("0", "a")
    world.files[push_file(other)] = push() | {"id": other, "pusher": ZOE, "branch": branch}
    assert f"{ZOE} approved, {ZOE} pushed" in refusal(world)
    world.files[push_file(other)]["pusher"] = ZOE.replace("zoe", "bob")
    assert cleared(world)


def test_pushes_of_other_commits_do_not_count(world: World) -> None:
    world.files[f"pushes/payments/{OTHER_COMMIT}/{EVENT}.json"] = push() | {"commit": OTHER_COMMIT, "pusher": ZOE}
    world.files[f"pushes/payments-api/{COMMIT}/{EVENT}.json"] = push() | {"repository": "payments-api", "pusher": ZOE}
    assert cleared(world)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_without_a_push_to_the_branch_it_says_why_and_what_to_do(world: World, elsewhere: bool) -> None:
    world.files[push_file()]["branch"] = "feature/refunds"
    if not elsewhere:
        del world.files[push_file()]
    assert refusal(world) == (
        f"Production refused: nobody is recorded as having pushed {COMMIT} to main, because the run was started by hand"
        " for a commit of elsewhere, or because CodeCommit's event was lost: push a new commit, or set"
        " separation_of_duties: false."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"commit": OTHER_COMMIT}, f"{push_file()} is a record of another push)"),
        ({"repository": "orders"}, f"{push_file()} is a record of another push)"),
        ({"id": EVENT.replace("0", "a")}, f"{push_file()} is a record of another push)"),
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right, not 2"),
        ({"pusher": "arn:aws:iam::123456789012:role/ann"}, "'arn:aws:iam::123456789012:role/ann' is no user,"),
    ],
)
def test_a_record_of_a_push_that_cannot_be_used_is_a_no(world: World, change: dict[str, object], words: str) -> None:
    other = EVENT.replace("0", "b")
    world.files[push_file(other)] = push() | {"id": other}  # a good one beside it is not enough
    world.files[push_file()] |= change
    message = refusal(world)
    assert f"who pushed cannot be told ({words}" in message
    assert message.endswith("): push a new commit, or set separation_of_duties: false.")


def test_a_record_of_a_push_that_vanishes_is_a_no(world: World) -> None:
    world.files[push_file()] = None
    assert f"who pushed cannot be told ({push_file()} is gone)" in refusal(world)


def test_without_separation_of_duties_nobody_asks_who(world: World) -> None:
    world.policy["pipelines"]["payments"]["separation_of_duties"] = False
    del world.files[push_file()], world.approve["updatedBy"]
    assert cleared(world)
    assert not [key for key in world.asked if key.startswith("pushes/")]
    world.history.remove(world.approve)
    assert not cleared(world)  # it must be approved all the same


def test_without_an_approval_the_missing_push_is_named_too(world: World) -> None:
    world.history.remove(world.approve)
    del world.files[push_file()]
    message = refusal(world)
    assert "Staging/approve has not run" in message
    assert "nobody is recorded" in message
    assert "who approved" not in message


# --- an oracle ---------------------------------------------------------------------------------------------------------
# The rules once more, over the raw data: no class, no pattern and no helper of the code under test.

STRINGS = [
    *("", "main", "develop", "payments", "orders", "Succeeded", "Failed", "Approval", "Invoke", "pass", "findings"),
    *(COMMIT, OTHER_COMMIT, DIGEST, OTHER_DIGEST, EXECUTION, OTHER_EXECUTION, EVENT, ANN, ZOE, QUESTION),
    *("Source", "Build", "Staging", "seal", "approve", "updated", "image", "staging", "grype", "ecr", "fine with me"),
    *("2026-11-22", "2026-11-23", "2026-11-24", f"Approved by {ZOE}", f"Approved by {ANN}", "2026-11-22T10:23:43Z"),
    *("arn:aws:iam::123456789012:user/zoe", "arn:aws:sts::123456789012:assumed-role/Approver/ann"),
    *(QUESTION.replace(DIGEST, OTHER_DIGEST), QUESTION.replace(COMMIT, OTHER_COMMIT)),
]
PEOPLE = {
    ANN: "ann",
    ZOE: "zoe",
    "arn:aws:iam::123456789012:user/zoe": "zoe",
    "arn:aws:sts::123456789012:assumed-role/Approver/ann": "ann",
}
FREE = {"summary", "reason", "page", "counts", "exit_code", "policy_sha256", "report_sha256"}  # left as they are here


def expected(world: World) -> bool:
    good, call = World(), world.call
    if call != {**good.call, "gate": call["gate"]} or call["gate"] not in ("Publish", "Production"):
        return False
    wanted = [("git-secrets", "source"), ("grype", "image")]
    wanted += [("ecr", "image"), ("zap", "staging")] if call["gate"] == "Production" else []
    if not all(_passed(world.files.get(verdict_file(*scan)), *scan) for scan in wanted):
        return False
    if any(set(one) < {"pipelineExecutionId", "stageName", "actionName"} for one in world.history):
        return False
    if any(
        one.get(name) is None for one in world.history for name in ("pipelineExecutionId", "stageName", "actionName")
    ):
        return False
    if any(one["pipelineExecutionId"] != EXECUTION for one in world.history):
        return False
    source, seal, approve = (_last(world.history, *which) for which in ACTIONS)
    if source is None or source.get("output", {}).get("outputVariables", {}).get("CommitId") != COMMIT:
        return False
    if seal is None or seal.get("output", {}).get("outputVariables", {}).get("DIGEST") != DIGEST:
        return False
    return call["gate"] == "Publish" or (approve is not None and _decided(approve, world.files))


def _passed(found: Any, scanner: str, scope: str) -> bool:
    if not isinstance(found, dict):
        return False
    good = verdict(scanner, scope)
    ends = found.get("waived_until")
    if ends not in ("", "2026-11-23", "2026-11-24"):
        return False
    if scanner == "git-secrets" and found.get("digest") in (OTHER_DIGEST, DIGEST):
        found = found | {"digest": ""}
    return found | {"waived_until": ""} == good and all(type(found[name]) is type(good[name]) for name in good)


def _last(history: list[dict[str, Any]], stage: str, action: str) -> dict[str, Any] | None:
    runs = [one for one in history if one["stageName"] == stage and one["actionName"] == action]
    if not runs or any(one.get("startTime") is None for one in runs):
        return None
    runs.sort(key=lambda one: one["startTime"])
    rivals = [one for one in runs if one["startTime"] == runs[-1]["startTime"]]
    same = all(_seen(one) == _seen(rivals[0]) for one in rivals)
    return runs[-1] if same and runs[-1].get("status") == "Succeeded" else None


def _seen(one: dict[str, Any]) -> object:
    given, output = one.get("input", {}), one.get("output", {})
    return [
        *(one.get("status"), one.get("updatedBy"), given.get("actionTypeId", {}).get("category")),
        *(given.get("resolvedConfiguration", {}), output.get("outputVariables", {})),
        output.get("executionResult", {}).get("externalExecutionSummary"),
    ]


def _decided(approve: dict[str, Any], files: Mapping[str, Any]) -> bool:
    given = approve.get("input", {})
    if given.get("actionTypeId", {}).get("category") != "Approval":
        return False
    if given.get("resolvedConfiguration", {}).get("CustomData") != QUESTION:
        return False
    who = PEOPLE.get(approve.get("updatedBy"))
    said = approve.get("output", {}).get("executionResult", {}).get("externalExecutionSummary") or ""
    if who is None or (said.startswith("Approved by ") and PEOPLE[said.split()[-1]] != who):
        return False
    records = {key: one for key, one in files.items() if key.startswith(f"pushes/payments/{COMMIT}/")}
    for key, one in records.items():
        if not isinstance(one, dict) or set(one) != set(push()) or key != push_file(str(one["id"])):
            return False
        same = {"schema": 1, "repository": "payments", "commit": COMMIT, "event": "updated"}
        if any(one[name] != value or type(one[name]) is not type(value) for name, value in same.items()):
            return False
        if one["time"] != push()["time"] or not isinstance(one["branch"], str) or not one["branch"]:
            return False
        if PEOPLE.get(str(one["pusher"]), who) == who:
            return False
    return any(one["branch"] == "main" for one in records.values())


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """The good one after a few changes, each at a random place: a value, a time, a key, a record, a run more or less."""
    world = World()
    if draw(st.booleans()):
        world.call["gate"] = "Publish"
    other = EVENT.replace("0", "c")
    for _ in range(draw(st.integers(0, 4))):
        match draw(st.sampled_from(["call", "verdict", "run", "input", "output", "push", "file", "again", "gone"])):
            case "call":
                world.call[draw(st.sampled_from(sorted(world.call)))] = draw(st.sampled_from(STRINGS))
            case "verdict":
                _spoil(draw, world.files.get(draw(st.sampled_from([GRYPE, SECRETS, verdict_file("zap", "staging")]))))
            case "push":
                world.files[push_file(other)] = push() | {"id": other, "pusher": draw(st.sampled_from(sorted(PEOPLE)))}
                _spoil(draw, world.files.get(draw(st.sampled_from([push_file(), push_file(other)]))))
            case "file":
                world.files[draw(st.sampled_from(sorted(world.files)))] = draw(st.sampled_from([None, b"", b"{}"]))
            case "again" if world.history:
                one = copy.deepcopy(draw(st.sampled_from(world.history)))
                one["startTime"] = datetime(2026, 11, 22, 12, draw(st.sampled_from([0, 5, 10, 20, 30, 40])), tzinfo=UTC)
                one["status"] = draw(st.sampled_from(["Succeeded", "Failed"]))
                world.history.insert(draw(st.integers(0, len(world.history))), one)
            case "gone" if world.history:
                world.history.pop(draw(st.integers(0, len(world.history) - 1)))
            case place if world.history:
                one = draw(st.sampled_from(world.history))
                for inner in draw(st.sampled_from(PLACES.get(place, [[]]))):
                    one = one.get(inner, {})
                _spoil(draw, {"": None} if one is None else one)
    return world


PLACES = {
    "input": [["input"], ["input", "actionTypeId"], ["input", "resolvedConfiguration"]],
    "output": [["output"], ["output", "outputVariables"], ["output", "executionResult"]],
}


def _spoil(draw: st.DrawFn, document: Any) -> None:
    """Another word for a word, or a key less."""
    names = [name for name in document if name not in FREE] if isinstance(document, dict) else []
    if names:
        name = draw(st.sampled_from(sorted(names)))
        if isinstance(document[name], str) and draw(st.integers(0, 5)):
            document[name] = draw(st.sampled_from(STRINGS))
        else:
            del document[name]


@settings(deadline=None, database=None, max_examples=600)
@given(worlds())
def test_it_goes_on_exactly_if_the_oracle_says_so(world: World) -> None:
    assert cleared(world) is expected(world)


# --- S3 ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def s3() -> Iterator[tuple[Any, Stubber]]:
    client = _checked(boto3.client("s3"))
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


def _checked(client: Any) -> Any:
    """A client whose every request is held against the service's model, patterns and lengths included."""

    def check(params: Mapping[str, Any], model: Any, **_: object) -> None:
        assert model_errors(client.meta.service_model.service_name, model.name, params) == []

    client.meta.events.register("provide-client-params.*.*", check)
    return client


def _body(content: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


def test_records_come_from_the_reports_bucket(s3: tuple[Any, Stubber]) -> None:
    client, stub = s3
    body = b"x" * (RECORD_LIMIT + 1)
    stub.add_response("get_object", _body(body), {"Bucket": "reports", "Key": GRYPE})
    stub.add_client_error("get_object", "NoSuchKey", "no", 404)
    for code in ("AccessDenied", "NoSuchBucket", "SlowDown"):
        stub.add_client_error("get_object", code)
    store = ReportStore(client, "reports")
    assert store.read(GRYPE) == body[:-1]
    assert store.read(GRYPE) is None
    for code in ("AccessDenied", "NoSuchBucket", "SlowDown"):
        with pytest.raises(ClientError, match=code):
            store.read(GRYPE)


def test_all_pages_of_a_listing_are_read(s3: tuple[Any, Stubber]) -> None:
    client, stub = s3
    request = {"Bucket": "reports", "Prefix": "pushes/p/c/"}
    stub.add_response(
        "list_objects_v2",
        {"Contents": [{"Key": "a"}, {"Key": "b"}], "IsTruncated": True, "NextContinuationToken": "1"},
        request,
    )
    stub.add_response(
        "list_objects_v2", {"IsTruncated": True, "NextContinuationToken": "2"}, request | {"ContinuationToken": "1"}
    )
    stub.add_response(
        "list_objects_v2", {"Contents": [{"Key": "c"}], "IsTruncated": False}, request | {"ContinuationToken": "2"}
    )
    stub.add_response("list_objects_v2", {"IsTruncated": False, "KeyCount": 0}, request)
    store = ReportStore(client, "reports")
    assert store.keys("pushes/p/c/") == ["a", "b", "c"]
    assert store.keys("pushes/p/c/") == []


class Pages:
    """A listing of ``count`` keys, so many on each page."""

    def __init__(self, count: int, size: int) -> None:
        self.left, self.size = count, size

    def list_objects_v2(self, **request: Any) -> Mapping[str, Any]:
        now = min(self.size, self.left)
        self.left -= now
        truncated = self.left > 0 or not self.size
        return {
            "Contents": [{"Key": "k"}] * now,
            "IsTruncated": truncated,
            **({"NextContinuationToken": "t"} if truncated else {}),
        }

    def get_object(self, **request: Any) -> Mapping[str, Any]:
        raise AssertionError("not listed")


def test_more_pushes_than_can_be_read_in_time_are_an_error_and_no_part_of_them() -> None:
    assert len(ReportStore(Pages(KEY_LIMIT, KEY_LIMIT), "reports").keys("pushes/")) == KEY_LIMIT
    assert len(ReportStore(Pages(KEY_LIMIT, 1), "reports").keys("pushes/")) == KEY_LIMIT
    with pytest.raises(
        MalformedError, match=r"^pushes/: more than 500 objects, which is more than can be read in time$"
    ):
        ReportStore(Pages(KEY_LIMIT + 1, KEY_LIMIT), "reports").keys("pushes/")
    for pages in (Pages(KEY_LIMIT + 1, 1), Pages(1, 0)):
        with pytest.raises(MalformedError, match=r"^pushes/: S3's listing does not end"):
            ReportStore(pages, "reports").keys("pushes/")


# --- CodePipeline's history --------------------------------------------------------------------------------------------


def parsed(recorded: Recorded) -> dict[str, Any]:
    """The recorded answer, as botocore makes it of what is on the wire."""
    model = botocore.session.get_session().get_service_model("codepipeline").operation_model("ListActionExecutions")
    body = json.dumps(recorded("list_action_executions")).encode()
    answer: dict[str, Any] = create_parser("json").parse(
        {"body": body, "headers": {}, "status_code": 200}, model.output_shape
    )
    del answer["ResponseMetadata"]
    return answer


def test_an_action_is_read_from_codepipelines_answer(recorded: Recorded) -> None:
    client = _checked(boto3.client("codepipeline"))
    request = {"pipelineName": "acme-payments", "filter": {"pipelineExecutionId": EXECUTION}}
    with Stubber(client) as stub:
        stub.add_response("list_action_executions", parsed(recorded), request)
        attempts = PipelineExecutions(client).attempts("acme-payments", EXECUTION)
    assert [(one.stage, one.action, one.status, one.category) for one in attempts] == [
        ("Production", "guard", "InProgress", "Invoke"),
        ("Staging", "approve", "Succeeded", "Approval"),
        ("Build", "seal", "Succeeded", "Invoke"),
        ("Build", "seal", "Failed", "Invoke"),
        ("Build", "image", "Succeeded", "Build"),
        ("Source", "Source", "Succeeded", "Source"),
    ]
    assert attempts[1].started == datetime(2020, 8, 28, 0, 53, 20, 250000, tzinfo=UTC)
    assert attempts[1].updated_by == ZOE
    assert attempts[1].summary == f"Approved by {ZOE}"
    assert attempts[1].configuration["CustomData"].startswith(f"payments: release commit {COMMIT} as {DIGEST} to ")
    assert attempts[2].variables["DIGEST"] == DIGEST
    assert attempts[5].variables["CommitId"] == COMMIT


def test_an_action_may_lack_everything_but_its_name() -> None:
    bare = {"pipelineExecutionId": EXECUTION, "stageName": "Build", "actionName": "seal"}
    source = SimpleNamespace(list_action_executions=lambda **_: {"actionExecutionDetails": [bare]})
    assert PipelineExecutions(source).attempts("acme-payments", EXECUTION) == (
        Attempt("Build", "seal", None, None, None, {}, {}, None, None),
    )


def test_all_pages_of_the_history_are_read() -> None:
    client = _checked(boto3.client("codepipeline"))
    request = {"pipelineName": "acme-payments", "filter": {"pipelineExecutionId": EXECUTION}}
    names = [(ran("Build", "seal", 1), None), (ran("Build", "image", 2), "1"), (ran("Source", "Source", 3), "2")]
    with Stubber(client) as stub:
        for number, (detail, token) in enumerate(names):
            answer = {"actionExecutionDetails": [detail]} | ({"nextToken": str(number + 1)} if number < 2 else {})
            stub.add_response("list_action_executions", answer, request | ({"nextToken": token} if token else {}))
        attempts = PipelineExecutions(client).attempts("acme-payments", EXECUTION)
        stub.assert_no_pending_responses()
    assert [one.action for one in attempts] == ["seal", "image", "Source"]


def test_a_history_without_end_is_an_error() -> None:
    asked: list[object] = []

    def page(**request: object) -> Mapping[str, object]:
        asked.append(request.get("nextToken"))
        return {"actionExecutionDetails": [], **({} if len(asked) == fine else {"nextToken": "t"})}

    fine = PAGE_LIMIT
    assert PipelineExecutions(SimpleNamespace(list_action_executions=page)).attempts("p", EXECUTION) == ()
    asked, fine = [], 0
    with pytest.raises(MalformedError, match=f"^p: execution {EXECUTION} has more than {PAGE_LIMIT} pages of actions$"):
        PipelineExecutions(SimpleNamespace(list_action_executions=page)).attempts("p", EXECUTION)
    assert len(asked) == PAGE_LIMIT


def test_the_history_of_another_execution_is_an_error(world: World) -> None:
    world.history.append(ran("Verify", "grype", 20) | {"pipelineExecutionId": OTHER_EXECUTION})
    with pytest.raises(MalformedError, match=f"was asked about {EXECUTION} and answers {OTHER_EXECUTION}"):
        world.guard().clear(world.parameters)


# --- the handler -------------------------------------------------------------------------------------------------------


class Jobs:
    """CodePipeline's jobs."""

    def __init__(self) -> None:
        self.results: list[tuple[str, dict[str, Any]]] = []

    def put_job_success_result(self, **parameters: Any) -> None:
        assert model_errors("codepipeline", "PutJobSuccessResult", parameters) == []
        self.results.append(("success", parameters))

    def put_job_failure_result(self, **parameters: Any) -> None:
        assert model_errors("codepipeline", "PutJobFailureResult", parameters) == []
        self.results.append(("failure", parameters))


class Watched(dict[str, Any]):
    """A document that notes every value that is taken out of it."""

    def __init__(self, document: Mapping[str, Any], seen: list[str]) -> None:
        super().__init__(document)
        self.seen = seen

    def _noted(self, key: str, value: Any) -> Any:
        self.seen.append(key)
        return Watched(value, self.seen) if isinstance(value, dict) else value

    def __getitem__(self, key: str) -> Any:
        return self._noted(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._noted(key, super().get(key, default))

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the event is gone through")

    def items(self) -> Any:
        raise AssertionError("the event is gone through")

    def values(self) -> Any:
        raise AssertionError("the event is gone through")

    def __repr__(self) -> str:
        raise AssertionError("the event is shown")


@pytest.fixture
def module(
    load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: World
) -> ModuleType:
    loaded = load_handler("release_guard")
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    monkeypatch.setattr(loaded, "POLICY", tmp_path / "policy.json")
    monkeypatch.setenv("REPORTS_BUCKET", "reports")
    jobs = Jobs()
    monkeypatch.setattr(loaded, "jobs", lambda: jobs)
    monkeypatch.setattr(loaded, "guard", world.guard)
    return loaded


def job_event(recorded: Recorded, parameters: object) -> dict[str, Any]:
    event: dict[str, Any] = recorded("codepipeline_job")
    event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = parameters
    return event


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert "credential" not in line
    return found


def test_the_job_succeeds(
    module: ModuleType, recorded: Recorded, capsys: pytest.CaptureFixture[str], world: World
) -> None:
    assert module.handler(job_event(recorded, world.parameters), Context()) is None
    assert module.jobs().results == [("success", {"jobId": JOB})]
    line = logged(capsys)
    assert (line["function"], line["result"], line["job"]) == ("release-guard", "JobSucceeded", JOB)
    assert line["message"] == f"Production cleared: 4 verdicts for {DIGEST} of {COMMIT}"


def test_the_job_fails_with_the_sentence(
    module: ModuleType, recorded: Recorded, capsys: pytest.CaptureFixture[str], world: World
) -> None:
    world.files.clear()
    world.call["gate"] = "Publish"
    assert module.handler(recorded("codepipeline_job"), Context()) is None
    message = refusal(world)
    assert message.startswith("Publish refused: ")
    assert module.jobs().results == [
        ("failure", {"jobId": JOB, "failureDetails": {"type": "JobFailed", "message": message}})
    ]
    line = logged(capsys)
    assert (line["result"], line["job"], line["message"]) == ("JobFailed", JOB, message)


@pytest.mark.parametrize("good", [True, False])
def test_of_the_event_only_id_and_parameters_are_read(
    module: ModuleType, recorded: Recorded, capsys: pytest.CaptureFixture[str], world: World, good: bool
) -> None:
    seen: list[str] = []
    module.handler(Watched(job_event(recorded, world.parameters if good else "{"), seen), Context())
    assert module.jobs().results[0][0] == ("success" if good else "failure")
    assert set(seen) == {"CodePipeline.job", "id", "data", "actionConfiguration", "configuration", "UserParameters"}
    assert set(logged(capsys)) == {"function", "request", "job", "message", "result", "milliseconds"}


@pytest.mark.parametrize("message", ["", "x" * 6000, "ü" * 6000, "line\nline"])
def test_an_exception_fails_the_job_within_the_apis_limits(
    module: ModuleType, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    def broken() -> Guard:
        raise RuntimeError(message)

    monkeypatch.setattr(module, "guard", broken)
    module.handler(recorded("codepipeline_job"), Context())
    ((kind, result),) = module.jobs().results
    assert kind == "failure"
    assert result["failureDetails"]["message"].startswith("The release guard could not look: RuntimeError: ")


def test_a_missing_policy_fails_the_job(
    module: ModuleType, recorded: Recorded, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = load_handler("release_guard")  # with its own composition root, and no policy.json beside it
    assert fresh.POLICY == ROOT / "lambdas" / "release_guard" / "policy.json"
    monkeypatch.setattr(fresh, "jobs", module.jobs)
    fresh.handler(recorded("codepipeline_job"), Context())
    ((kind, result),) = module.jobs().results
    assert kind == "failure"
    assert "FileNotFoundError" in result["failureDetails"]["message"]


def test_a_failure_that_cannot_be_reported_raises(
    module: ModuleType, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("codepipeline")
    monkeypatch.setattr(module, "jobs", lambda: client)
    with Stubber(client) as stub:
        stub.add_client_error("put_job_failure_result", "InvalidJobStateException", "already done", 400)
        with pytest.raises(ClientError, match="InvalidJobStateException"):
            module.handler(job_event(recorded, "{"), Context())
    line = logged(capsys)
    assert "InvalidJobStateException" in line["error"]
    assert "result" not in line


@pytest.mark.parametrize("error", [ClientError({"Error": {"Code": "X"}}, "P"), ConnectTimeoutError(endpoint_url="e")])
def test_a_success_that_cannot_be_reported_raises_and_is_never_followed_by_a_failure(
    module: ModuleType,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    world: World,
    error: Exception,
) -> None:
    asked = []

    def unheard(**parameters: Any) -> None:
        asked.append(parameters)
        raise error

    monkeypatch.setattr(module.jobs(), "put_job_success_result", unheard)
    with pytest.raises(type(error)):
        module.handler(job_event(recorded, world.parameters), Context())
    assert asked == [{"jobId": JOB}]
    assert module.jobs().results == []
    line = logged(capsys)
    assert line["error"].startswith(type(error).__name__)
    assert "result" not in line


@pytest.mark.parametrize("event", [{}, {"CodePipeline.job": {}}])
def test_an_event_without_a_job_raises(module: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        module.handler(event, Context())
    assert module.jobs().results == []


@pytest.mark.parametrize(
    "cut", [["data"], ["data", "actionConfiguration"], ["data", "actionConfiguration", "configuration"]]
)
def test_a_job_without_configuration_fails(module: ModuleType, recorded: Recorded, cut: list[str]) -> None:
    event = recorded("codepipeline_job")
    inner = event["CodePipeline.job"]
    for name in cut[:-1]:
        inner = inner[name]
    del inner[cut[-1]]
    module.handler(event, Context())
    assert [kind for kind, _ in module.jobs().results] == ["failure"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(STRINGS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(World().call)) | st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, database=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parameters=JSON
    | JSON.map(json.dumps)
    | st.text()
    | JSON.map(lambda one: json.dumps(World().call | {"digest": one}))
)
def test_any_other_parameters_end_in_one_failure(
    module: ModuleType, recorded: Recorded, world: World, parameters: object
) -> None:
    if isinstance(parameters, str) and parameters == world.parameters:
        return
    module.jobs().results.clear()
    module.handler(job_event(recorded, parameters), Context())
    assert [kind for kind, _ in module.jobs().results] == ["failure"]


def test_the_whole_way_by_real_clients(
    load_handler: Callable[[str], ModuleType],
    module: ModuleType,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    world: World,
) -> None:
    """From the event to PutJobSuccessResult: every request, in order, as AWS's models and this test have it."""
    fresh = load_handler("release_guard")
    monkeypatch.setattr(fresh, "POLICY", module.POLICY)
    clients = {name: _checked(boto3.client(name)) for name in ("s3", "codepipeline", "config")}
    configs = []

    def client(name: str, config: Any) -> Any:
        configs.append(config)
        return clients[name]

    monkeypatch.setattr(fresh.boto3, "client", client)
    keys = [SECRETS, GRYPE, verdict_file("ecr", "image"), verdict_file("zap", "staging"), push_file()]
    with ExitStack() as stack:
        s3, codepipeline = (stack.enter_context(Stubber(clients[name])) for name in ("s3", "codepipeline"))
        codepipeline.add_response(
            "list_action_executions",
            parsed(recorded),
            {"pipelineName": "acme-payments", "filter": {"pipelineExecutionId": EXECUTION}},
        )
        for key in keys:
            if key == push_file():
                s3.add_response(
                    "list_objects_v2",
                    {"Contents": [{"Key": key}], "IsTruncated": False},
                    {"Bucket": "reports", "Prefix": f"pushes/payments/{COMMIT}/"},
                )
            s3.add_response("get_object", _body(world.read(key) or b""), {"Bucket": "reports", "Key": key})
        codepipeline.add_response("put_job_success_result", {}, {"jobId": JOB})
        fresh.handler(job_event(recorded, world.parameters), Context())
        s3.assert_no_pending_responses()
        codepipeline.assert_no_pending_responses()
    for config in configs:  # all attempts at one call together leave time to report the failure
        assert (config.connect_timeout + config.read_timeout) * config.retries["total_max_attempts"] <= 60
    assert len(configs) == 4


def test_today_is_utcs(
    load_handler: Callable[[str], ModuleType], module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        @staticmethod
        def now(zone: timezone) -> datetime:
            return datetime(2026, 11, 22, 23, 30, tzinfo=timezone(timedelta(hours=-2))).astimezone(zone)

    fresh = load_handler("release_guard")
    monkeypatch.setattr(fresh, "POLICY", module.POLICY)
    monkeypatch.setattr(fresh, "datetime", Clock)
    assert fresh.guard().today() == date(2026, 11, 23)


def test_the_limit_is_the_models() -> None:
    model = botocore.session.get_session().get_service_model("codepipeline")
    assert model.shape_for("Message").metadata["max"] == MESSAGE_LIMIT


@pytest.mark.parametrize("value", [GuardCall, Attempt, PipelineExecutions, ReportStore, Clearance, Guard])
def test_what_was_decided_cannot_be_changed(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
