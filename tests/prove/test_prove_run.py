"""prove_on_aws --run: what an execution shows, what it may cost, and every way in which it does not end well."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from account_stand_in import COMMIT, DIGEST, RUN, Account, Prove, attempt, error, product

from tools.prove_on_aws import cli, cost
from tools.prove_on_aws.aws import Aws

PUSHER = "arn:aws:iam::123456789012:user/developers/ann"
SUMMARY = {"SUMMARY": "0 findings"}
ASKED = f"payments: release commit {COMMIT} as {DIGEST} to production? Scans: 0 findings"
BUILT = [
    attempt("Source", "Source", category="Source", variables={"CommitId": COMMIT}),
    attempt("Build", "image", minute=2),
    attempt("Build", "git-secrets", minute=2, variables=SUMMARY),
    attempt("Build", "resolve", minute=2),
    attempt("Build", "seal", minute=4, category="Invoke", variables={"SHA256": "8" * 64, "DIGEST": DIGEST}),
    attempt("Verify", "grype", minute=6, variables=SUMMARY),
    attempt("Publish", "guard", minute=8, category="Invoke"),
    attempt("Publish", "push", minute=9),
    attempt("Publish", "ecr", minute=11, variables=SUMMARY),
    attempt("Staging", "deploy", minute=13),
    attempt("Staging", "zap", minute=15, variables=SUMMARY),
]
WAITING = attempt("Staging", "approve", "InProgress", minute=17, category="Approval", resolved={"CustomData": ASKED})
APPROVED = attempt(
    "Staging", "approve", minute=17, category="Approval", resolved={"CustomData": ASKED},
    updated_by="arn:aws:sts::123456789012:assumed-role/Approver/zoe",
)  # fmt: skip
RELEASED = [
    APPROVED, attempt("Production", "guard", minute=20, category="Invoke"), attempt("Production", "deploy", minute=21)
]  # fmt: skip


@pytest.fixture
def ran(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account on which a run of payments goes through, with what the importer leaves in the bucket. What is tried without
    --run has its own tests."""
    for part in (cli.events, cli.permissions, cli.standing):
        monkeypatch.setattr(part, "checks", lambda *_: iter(()))
    account.frames = [("InProgress", BUILT[:2]), ("InProgress", [*BUILT, WAITING])]
    for scan in ("git-secrets-source", "grype-dependencies", "grype-image", "ecr-image", "zap-staging"):
        account.objects[f"reports/payments/{RUN}/{scan}/verdict.json"] = {"verdict": "pass"}
        account.objects[f"reports/payments/{RUN}/{scan}/raw.json"] = {}
    account.objects[f"pushes/payments/{COMMIT}/x.json"] = {"pusher": PUSHER}
    return account


def released(account: Account) -> Account:
    account.frames = [("Succeeded", [*BUILT, *RELEASED])]
    return account


LIMIT = ("--run", "payments", "--limit-usd", "20")
LATER = ("--run", "payments", "--execution", RUN)


def test_a_run_is_started_at_the_head_and_watched_to_the_approval(ran: Account, prove: Prove) -> None:
    proof = prove(ran, *LIMIT)
    [started] = ran.asked("codepipeline", "start_pipeline_execution")
    assert started["sourceRevisions"] == [
        {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": COMMIT}
    ]
    assert "variables" not in started
    assert not ran.asked("codepipeline", "stop_pipeline_execution")
    verdict, evidence = proof.row(f"payments {RUN}")
    assert verdict == "proved"
    assert f"--run payments --execution {RUN}" in evidence
    assert proof.row("updatedBy") == ("could not be tried", "the run has not got past Staging/approve")
    assert proof.row("the approval's text")[0] == "proved"
    assert proof.code == 2


def test_the_execution_is_read_after_the_approval_and_nothing_is_started(ran: Account, prove: Prove) -> None:
    proof = prove(released(ran), *LATER)
    assert proof.code == 0, proof.verdicts()
    assert not ran.asked("codepipeline", "start_pipeline_execution")
    assert not ran.asked("pricing", "get_products")
    assert proof.row("updatedBy")[1] == "arn:aws:sts::123456789012:assumed-role/Approver/zoe, as CloudTrail says"
    assert PUSHER in proof.row("CodeCommit's event")[1]


def test_a_scan_carries_branch_and_commit(ran: Account, prove: Prove) -> None:
    ran.frames = [
        (
            "Succeeded",
            [BUILT[0], attempt("Scan", "resolve", minute=2), attempt("Scan", "snyk", minute=4, variables=SUMMARY)],
        )
    ]
    ran.objects[f"reports/python-libraries/{RUN}/snyk-dependencies/verdict.json"] = {"verdict": "findings"}
    proof = prove(ran, "--run", "python-libraries", "--branch", "feature/refunds", "--limit-usd", "20")
    [started] = ran.asked("codepipeline", "start_pipeline_execution")
    assert started["variables"] == [{"name": "BRANCH", "value": "feature/refunds"}, {"name": "COMMIT", "value": COMMIT}]
    assert proof.row("the run's variables") == ("proved", f"BRANCH=feature/refunds, COMMIT={COMMIT}")
    assert proof.code == 0, proof.verdicts()


def _edit(account: Account, stage: str, action: str, change: Any) -> Account:
    attempts = json.loads(json.dumps(account.frames[0][1], default=str))
    originals = account.frames[0][1]
    for new, old in zip(attempts, originals, strict=True):
        new["startTime"], new["lastUpdateTime"] = old["startTime"], old["lastUpdateTime"]
        if (new["stageName"], new["actionName"]) == (stage, action):
            change(new)
    account.frames = [(account.frames[0][0], attempts)]
    return account


WRONG = [
    ("Source", "Source", lambda a: a["output"]["outputVariables"].pop("CommitId"), "Source took", "no CommitId"),
    ("Build", "seal", lambda a: a["output"]["outputVariables"].update(DIGEST="#{Build.IMAGE_DIGEST}"), "the sealed digest arrived", "DIGEST=#{Build"),
    ("Staging", "approve", lambda a: a["input"].update(resolvedConfiguration={}), "the approval's text", "no CustomData"),
    ("Staging", "approve", lambda a: a["input"].update(resolvedConfiguration={"CustomData": "#{Commit.CommitId}"}), "the approval's text", "refuses"),
    ("Staging", "approve", lambda a: a.pop("updatedBy"), "updatedBy", "None"),
    ("Staging", "approve", lambda a: a.update(updatedBy="codepipeline.amazonaws.com"), "updatedBy", "cannot tell"),
    ("Staging", "approve", lambda a: a.update(updatedBy=PUSHER), "updatedBy", "not safe"),
    ("Publish", "ecr", lambda a: a["output"].update(outputVariables={}), "Publish/ecr", "no SUMMARY"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "action", "change", "row", "says"), WRONG)
def test_a_guess_about_aws_that_is_wrong_is_found(
    ran: Account, prove: Prove, stage: str, action: str, change: Any, row: str, says: str
) -> None:
    proof = prove(_edit(released(ran), stage, action, change), *LATER)
    verdict, evidence = proof.row(row)
    assert verdict == "wrong"
    assert says in evidence
    assert proof.code == 1


def test_an_answer_of_another_shape_is_untried_and_costs_no_other_row(ran: Account, prove: Prove) -> None:
    ran.answers["ecr", "describe_images"] = lambda _: {"imageDetails": []}
    proof = prove(released(ran), *LATER)
    assert proof.row("ECR holds") == (
        "could not be tried",
        "AWS's answer is not understood: IndexError: list index out of range",
    )
    assert proof.row("updatedBy")[0] == "proved"


def test_a_scan_that_did_not_work_is_wrong_and_one_with_findings_is_not(ran: Account, prove: Prove) -> None:
    ran.objects[f"reports/payments/{RUN}/ecr-image/verdict.json"] = {"verdict": "no-evidence"}
    ran.objects[f"reports/payments/{RUN}/zap-staging/verdict.json"] = {"verdict": "findings"}
    proof = prove(released(ran), *LATER)
    assert proof.row("Publish/ecr")[0] == "wrong"
    assert proof.row("Staging/zap")[0] == "proved"


def test_a_gate_without_a_verdict_is_wrong(ran: Account, prove: Prove) -> None:
    del ran.objects[f"reports/payments/{RUN}/ecr-image/verdict.json"]
    assert prove(released(ran), *LATER).row("Publish/ecr")[0] == "wrong"


def test_a_push_without_a_record_is_untried(ran: Account, prove: Prove) -> None:
    ran.objects.pop(f"pushes/payments/{COMMIT}/x.json")
    assert prove(released(ran), *LATER).row("CodeCommit's event")[0] == "could not be tried"


def test_a_push_without_a_person_is_wrong(ran: Account, prove: Prove) -> None:
    ran.objects[f"pushes/payments/{COMMIT}/x.json"] = {"pusher": "codecommit.amazonaws.com"}
    assert prove(released(ran), *LATER).row("CodeCommit's event")[0] == "wrong"


def test_cloudtrail_that_is_late_is_untried(ran: Account, prove: Prove) -> None:
    ran.approver = ""
    assert prove(released(ran), *LATER).row("updatedBy")[0] == "could not be tried"


def test_a_failed_run_says_which_action_and_why(ran: Account, prove: Prove) -> None:
    failed = attempt("Verify", "grype", "Failed", minute=6, summary="Build terminated with state: FAILED")
    ran.frames = [("Failed", [*BUILT[:5], failed])]
    proof = prove(ran, *LIMIT)
    assert proof.code == 1
    assert "Verify/grype: Build terminated with state: FAILED" in proof.row(f"payments {RUN}")[1]
    assert proof.row("ECR holds")[0] == "could not be tried"


def test_an_overtaken_run_is_untried(ran: Account, prove: Prove) -> None:
    ran.frames = [("Superseded", BUILT[:5])]
    proof = prove(ran, *LIMIT)
    assert proof.code == 2
    assert "a newer run overtook it" in proof.row(f"payments {RUN}")[1]


def test_ctrl_c_says_that_the_run_goes_on_and_how_to_stop_it(ran: Account, prove: Prove) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    proof = prove(ran, *LIMIT, sleep=interrupt)
    assert "The execution goes on" in proof.err
    command = f"aws codepipeline stop-pipeline-execution --region eu-central-1 --pipeline-name acme-payments --pipeline-execution-id {RUN}"
    assert command in proof.err
    assert not ran.asked("codepipeline", "stop_pipeline_execution")
    assert proof.code == 2


def test_credentials_that_end_while_watching_leave_the_run_going(ran: Account, prove: Prove) -> None:
    ran.answers["codepipeline", "list_action_executions"] = error("ExpiredTokenException")
    proof = prove(ran, *LIMIT)
    assert "The execution goes on" in proof.err
    assert proof.code == 2


def test_above_the_limit_nothing_is_started(ran: Account, prove: Prove) -> None:
    proof = prove(ran, "--run", "payments")
    assert proof.code == 2
    assert "limit 1.00: nothing was started" in proof.row("one execution of payments")[1]
    assert "Verify/grype: 120 min BUILD_GENERAL1_SMALL, 180 action min" in proof.err
    assert not ran.asked("codepipeline", "start_pipeline_execution")


def test_the_bound_is_the_sum_of_the_longest(ran: Account) -> None:
    """By hand, of the scan: one small build of 30 and one of 120 minutes, 60 each in the queue, an hour for the source, one call of
    the importer of 15 minutes with 2 GB."""
    costs = list(cost.actions(Aws(ran.client), ran.deployed, "python-libraries").values())
    usd = {
        "BUILD_GENERAL1_SMALL": Decimal("0.01"),
        cost.ACTION_MINUTE: Decimal("0.001"),
        cost.GB_SECOND: Decimal("0.0001"),
    }
    assert cost.bound(costs, usd) == Decimal("1.50") + Decimal("0.330") + Decimal("0.18")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: {"PriceList": []},
        lambda _: {"PriceList": [product("EUC1-Build-Min:ARM:g1.small", "0.01")]},
        lambda _: {"PriceList": [product("EUC1-Build-Min:Linux:g1.small", "0.0000000000")]},
        lambda _: {"PriceList": [product("EUC1-Build-Min:Linux:g1.small", "free")]},
        error("AccessDeniedException", "no pricing:GetProducts"),
    ],
)
def test_without_a_price_nothing_is_started(ran: Account, prove: Prove, answer: Any) -> None:
    ran.answers["pricing", "get_products"] = answer
    proof = prove(ran, *LIMIT)
    assert proof.code == 2
    assert "no price for BUILD_GENERAL1_MEDIUM in eu-central-1" in proof.row("one execution of payments")[1]
    assert not ran.asked("codepipeline", "start_pipeline_execution")


def test_prices_that_the_user_gives_are_not_asked_for(ran: Account, prove: Prove) -> None:
    given = [f"--price={name}=0.001" for name in cost.PRICE_LIST]
    prove(ran, *LIMIT, *given)
    assert not ran.asked("pricing", "get_products")
    assert ran.asked("codepipeline", "start_pipeline_execution")


@pytest.mark.parametrize(
    "price",
    ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_SMALL=0", "BUILD_GENERAL1_SMALL=-1", "x=1", "BUILD_GENERAL1_SMALL=nan"],
)
def test_a_price_that_is_none_is_refused(ran: Account, prove: Prove, price: str) -> None:
    assert prove(ran, *LIMIT, "--price", price).code == 2
    assert ran.calls == []


def test_a_run_that_others_retry_is_stopped_before_the_limit(ran: Account, prove: Prove) -> None:
    """Each retry of the longest action costs up to 0.6 USD and more; ten of them pass any bound of one run."""
    again = [attempt("Verify", "grype", "Failed", minute=6 + 120 * n, minutes=120) for n in range(10)]
    ran.frames = [("InProgress", [*BUILT[:5], *again, attempt("Verify", "grype", "InProgress", minute=1300)])]
    proof = prove(ran, "--run", "payments", "--limit-usd", "8")
    [stopped] = ran.asked("codepipeline", "stop_pipeline_execution")
    assert stopped["pipelineExecutionId"] == RUN
    assert stopped["abandon"] is False
    assert "no further action is started" in proof.err
    assert proof.code == 2


@pytest.mark.parametrize("pipeline", ["payment", ""])
def test_an_unknown_pipeline_is_refused(ran: Account, prove: Prove, pipeline: str) -> None:
    proof = prove(ran, "--run", pipeline, "--execution", RUN)
    assert proof.code == 2
    assert ran.calls == []


def test_a_project_that_is_not_deployed_starts_nothing(ran: Account, prove: Prove) -> None:
    ran.answers["codebuild", "batch_get_projects"] = lambda asked: {"projects": [], "projectsNotFound": asked["names"]}
    proof = prove(ran, *LIMIT)
    assert "not deployed: acme-payments-image" in proof.row("one execution of payments")[1]
    assert not ran.asked("codepipeline", "start_pipeline_execution")


def test_a_branch_that_is_not_there_starts_nothing(ran: Account, prove: Prove) -> None:
    ran.answers["codecommit", "get_branch"] = error("BranchDoesNotExistException")
    assert prove(ran, *LIMIT).code == 2
    assert not ran.asked("codepipeline", "start_pipeline_execution")


def test_the_meter_counts_what_ended_as_it_was_and_what_runs_at_its_longest() -> None:
    usd = {"BUILD_GENERAL1_SMALL": Decimal("0.01"), cost.ACTION_MINUTE: Decimal("0.001"), cost.GB_SECOND: Decimal(0)}
    grype = cost.ActionCost("Verify/grype", "BUILD_GENERAL1_SMALL", 120, 180, Decimal(0))
    meter = cost.Meter({("Verify", "grype"): grype}, usd)
    ended = attempt("Verify", "grype", "Failed", minutes=10)
    running = attempt("Verify", "grype", "InProgress", minute=10)
    now = running["startTime"] + timedelta(minutes=4, seconds=1)
    assert meter.read([ended], now) == (Decimal("0.110"), Decimal("0.110"))
    assert meter.read([ended, running, WAITING], now) == (Decimal("0.165"), Decimal("0.110") + Decimal("1.380"))
