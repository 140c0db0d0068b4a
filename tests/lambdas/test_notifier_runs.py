"""Ends of runs: what a person reads, how often, and what is counted."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from notify.text import Message
from notify.worst import worst

from common.strict import MalformedError
from lambda_fakes import COMMIT, EXECUTION, model_errors, policy_document
from notifier_world import FAILED_AT, NOTIFY, NOW, ZOE, World, action, finding

Recorded = Callable[[str], Any]
RUN_PAGE = (
    "https://eu-central-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/acme-payments/executions/"
    f"{EXECUTION}/visualization?region=eu-central-1"
)
COMMIT_PAGE = (
    "https://eu-central-1.console.aws.amazon.com/codesuite/codecommit/repositories/payments/commit/"
    f"{COMMIT}?region=eu-central-1"
)
REPORT_PAGE = (
    "https://eu-central-1.console.aws.amazon.com/s3/object/acme-reports?region=eu-central-1"
    f"&prefix=reports/payments/{EXECUTION}/grype-image/index.html"
)


def changed(recorded: Recorded, name: str, **detail: str) -> Any:
    """A recorded event with other details."""
    event = recorded(name)
    event["detail"] |= detail
    return event


def stopped_by_grype() -> World:
    """Verify/grype has found something; everybody who pushed is recorded."""
    world = World()
    world.codepipeline.actions = [
        action("Source", "Source", at=FAILED_AT - timedelta(minutes=9)),
        action("Verify", "grype", "Failed", message="Build terminated with state: FAILED"),
    ]
    world.judged(
        "grype",
        "image",
        "findings",
        "3 findings are at or above high",
        finding("CRITICAL", "CVE-2024-0001 in zlib", rule="CVE-2024-0001", blocking="false"),  # no fix is known
        finding("HIGH", "CVE-2024-0002 in curl", rule="CVE-2024-0002", location="usr/lib/libcurl.so"),
        finding("CRITICAL", "Remote code execution", rule="CVE-2024-0003", location="app/package.json"),
        finding("CRITICAL", "CVE-2024-0004 in glibc", rule="CVE-2024-0004", workflow="SUPPRESSED"),
        finding("HIGH", "CVE-2024-0005 in openssl", rule="CVE-2024-0005"),
        blocking=3,
        summary="grype image: 1 critical, 2 high",
    )
    world.pushed()
    return world


def test_a_failed_run_says_which_gate_and_the_worst_three(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.sends(recorded("codepipeline_stage_failed"))
    [mail] = world.mails
    assert mail["TopicArn"] == "arn:aws:sns:eu-central-1:123456789012:acme-payments-notifications"
    assert mail["Subject"] == "acme: payments FAILED in Verify (grype): grype image: 1 critical, 2 high"
    assert mail["Message"] == (
        "payments FAILED in Verify (grype). grype image: 1 critical, 2 high.\n"
        "\n"
        "grype:     grype image: findings: 3 findings are at or above high\n"
        "           CRITICAL CVE-2024-0003: Remote code execution [app/package.json]\n"
        "           HIGH CVE-2024-0002 in curl [usr/lib/libcurl.so]\n"
        "           HIGH CVE-2024-0005 in openssl\n"
        "Means:     production goes on as it is\n"
        "What now:  mend what blocks by a new commit, or accept it for a while: waivers in pipelines.yaml\n"
        "Pipeline:  acme-payments\n"
        f"Commit:    {COMMIT} on main of payments\n"
        f"           {COMMIT_PAGE}\n"
        '           its message begins: "Add refunds"\n'
        f"Pushed by: {ZOE} (recorded from CodeCommit's event)\n"
        f"Run:       {RUN_PAGE}\n"
        f"Report:    {REPORT_PAGE}\n"
    )
    assert model_errors("sns", "Publish", mail) == []


def test_pipeline_stage_and_again_give_one_mail(recorded: Recorded) -> None:
    names = ("codepipeline_stage_failed", "codepipeline_pipeline_failed")
    for order in itertools.product(names, repeat=3):
        world = stopped_by_grype()
        for name in order:
            world.sends(recorded(name))
        assert len(world.mails) == 1, order


def test_the_pipelines_event_alone_finds_the_stage(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.sends(recorded("codepipeline_pipeline_failed"))
    assert world.mails[0]["Subject"].startswith("acme: payments FAILED in Verify (grype)")


def test_a_retried_stage_that_fails_again_is_told_again(recorded: Recorded) -> None:
    world = stopped_by_grype()
    first = recorded("codepipeline_stage_failed")
    second = recorded("codepipeline_stage_failed")
    second["detail"]["pipeline-execution-attempt"] = 2.0
    for event in (first, second, second):
        world.sends(event)
    assert [", attempt 2" in mail["Subject"] for mail in world.mails] == [False, True]


def unnumbered(document: Any, **more: str) -> Any:
    """As in AWS's older examples: it does not say which attempt it is of."""
    detail = {name: value for name, value in document["detail"].items() if name != "pipeline-execution-attempt"}
    return document | {"detail": detail} | more


def test_a_retry_is_told_and_counted_though_no_event_says_which_attempt_it_is(recorded: Recorded) -> None:
    world = stopped_by_grype()
    names = ("codepipeline_stage_failed", "codepipeline_pipeline_failed", "codepipeline_stage_failed")
    for began, ended in ((FAILED_AT, "2026-03-01T11:59:30Z"), (NOW, "2026-03-01T12:00:30Z")):
        world.codepipeline.actions.append(action("Verify", "grype", "Failed", message="again", at=began))
        for name in names:
            world.sends(unnumbered(recorded(name), time=ended))
    assert len(world.mails) == 2
    world.sends(unnumbered(recorded("codepipeline_pipeline_succeeded"), time="2026-03-01T12:10:00Z"))
    assert world.counted("Pipeline") == {"payments": {"Runs": 3, "RunsSucceeded": 1, "RunsFailed": 2}}


def test_a_failure_without_attempt_and_action_is_told_once_for_each_event(recorded: Recorded) -> None:
    world = World()
    for id_ in ("01", "01", "02"):
        world.sends(unnumbered(recorded("codepipeline_pipeline_failed"), id=f"01234567-89ab-4cde-8f01-0000000000{id_}"))
    assert len(world.mails) == 2


def test_who_stops_a_run_twice_is_told_of_twice(recorded: Recorded) -> None:
    world = World()
    for time in ("2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z"):
        world.sends(unnumbered(recorded("codepipeline_pipeline_stopped"), time=time))
    assert len(world.mails) == 2


def test_a_verdict_of_an_earlier_attempt_is_not_this_failures(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.codepipeline.actions[1]["startTime"] = NOW + timedelta(seconds=1)
    world.sends(recorded("codepipeline_stage_failed"))
    assert "CRITICAL" not in world.mails[0]["Message"]
    assert "grype:     Build terminated with state: FAILED\n" in world.mails[0]["Message"]


def test_only_an_actions_latest_run_counts(recorded: Recorded) -> None:
    world = stopped_by_grype()
    # CodePipeline's own list has the latest first.
    world.codepipeline.actions.insert(0, action("Verify", "grype", "Succeeded", at=NOW))
    world.codepipeline.actions.append(action("Verify", "snyk", "Failed", message="no token", at=NOW))
    world.sends(recorded("codepipeline_stage_failed"))
    assert world.mails[0]["Subject"] == "acme: payments FAILED in Verify (snyk)"


def test_a_list_that_comes_late_is_waited_for(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.codepipeline.shown_after = 2
    world.sends(recorded("codepipeline_stage_failed"))
    assert "(grype)" in world.mails[0]["Subject"]
    assert world.clock.waited == 2


def test_a_failure_without_an_action_is_told_all_the_same(recorded: Recorded) -> None:
    world = World()
    world.sends(recorded("codepipeline_pipeline_failed"))
    [mail] = world.mails
    assert mail["Subject"] == "acme: payments FAILED in an unknown stage"
    assert "Why:       CodePipeline names no failed action" in mail["Message"]


def test_a_guard_that_refuses_says_why(recorded: Recorded) -> None:
    world = World()
    reason = "git-secrets source: no verdict is recorded; " * 30
    world.codepipeline.actions = [action("Publish", "guard", "Failed", category="Invoke", message=reason)]
    event = recorded("codepipeline_stage_failed")
    event["detail"]["stage"] = "Publish"
    world.sends(event)
    [line] = [one for one in world.mails[0]["Message"].splitlines() if one.startswith("guard:")]
    assert line.startswith("guard:     git-secrets source: no verdict is recorded; git-secrets")
    assert line.endswith("...")
    assert len(line) == 11 + 500


def test_a_refused_approval_says_who_and_what_they_said(recorded: Recorded) -> None:
    world = World()
    world.codepipeline.actions = [
        action(
            "Staging", "approve", "Failed", category="Approval", by=ZOE, summary="not on a Friday https://x.example/y"
        )
    ]
    event = recorded("codepipeline_stage_failed")
    event["detail"]["stage"] = "Staging"
    world.sends(event)
    said = f'approve:   not approved by {ZOE}, saying: "not on a Friday https[:]//x.example/y"\n'
    assert said in world.mails[0]["Message"]


@pytest.mark.parametrize(("actions", "more"), [(3, ""), (4, "1 more action"), (5, "2 more actions")])
def test_failed_actions_that_are_not_shown_are_counted(recorded: Recorded, actions: int, more: str) -> None:
    world = World()
    world.codepipeline.actions = [action("Verify", f"a{number}", "Failed") for number in range(actions)]
    world.sends(recorded("codepipeline_stage_failed"))
    said = [line.strip() for line in world.mails[0]["Message"].splitlines() if " more action" in line]
    assert said == ([f"{more} of this stage failed"] if more else [])


@pytest.mark.parametrize(
    ("blocking", "more"), [(1, []), (2, ["and 1 more that blocks"]), (3, ["and 2 more that block"])]
)
def test_findings_that_are_not_shown_are_counted(recorded: Recorded, blocking: int, more: list[str]) -> None:
    world = stopped_by_grype()
    world.judged("grype", "image", "findings", "said", finding("HIGH", "CVE-1"), blocking=blocking)
    world.sends(recorded("codepipeline_stage_failed"))
    lines = [line.strip() for line in world.mails[0]["Message"].splitlines()]
    assert [line for line in lines if "more that" in line] == more


@pytest.mark.parametrize(
    ("title", "rule", "shown"),
    [
        ("", "CVE-1", "HIGH CVE-1"),
        ("curl", "", "HIGH curl"),
        ("curl", "CVE-1", "HIGH CVE-1: curl"),
        ("", "", "HIGH a finding without a title"),
    ],
)
def test_a_finding_without_a_title_or_a_rule_is_still_named(title: str, rule: str, shown: str) -> None:
    found = finding("HIGH", title)
    found["ProductFields"]["devsecops/rule"] = rule
    assert worst(json.dumps({"schema": 1, "findings": [found]}).encode(), 1) == [shown]


@pytest.mark.parametrize("words", ["", "\n\n", "\r\n \t\n"])
def test_a_commit_without_words_has_no_empty_quotation(recorded: Recorded, words: str) -> None:
    world = stopped_by_grype()
    world.codepipeline.summary = words
    world.sends(recorded("codepipeline_stage_failed"))
    assert "its message begins" not in world.mails[0]["Message"]


def test_a_commits_message_begins_with_its_first_line_that_says_something(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.codepipeline.summary = "\r\n  Add refunds  \r\nand more"
    world.sends(recorded("codepipeline_stage_failed"))
    assert 'its message begins: "Add refunds"\n' in world.mails[0]["Message"]


@pytest.mark.parametrize(
    ("headline", "shown"),
    [("It ended.", "It ended."), ("It ended..", "It ended."), ("It was cut....", "It was cut...")],
)
def test_a_sentence_ends_once(headline: str, shown: str) -> None:
    """What a tool or a scanner says may end in a full stop, or have been cut."""
    assert Message.of("x", headline, []).body.splitlines()[0] == shown


@pytest.mark.parametrize(("left", "words"), [(1, "1 line is left out here"), (2, "2 lines are left out here")])
def test_lines_that_are_left_out_are_counted(left: int, words: str) -> None:
    line = "x" * 400
    body = Message.of("x", "y", [("", line)] * (19 + left) + [("", "end")] * 7).body
    assert f"           ({words})\n" in body


def test_a_builds_own_last_words_are_shown(recorded: Recorded) -> None:
    world = World()
    message = "Build terminated with state: FAILED. Phase: BUILD; error: gate: snyk dependencies: tool-error: quota"
    world.codepipeline.actions = [action("Verify", "snyk", "Failed", message=message)]
    world.sends(recorded("codepipeline_stage_failed"))
    assert "snyk:      gate: snyk dependencies: tool-error: quota\n" in world.mails[0]["Message"]


def test_a_tool_error_shows_no_findings(recorded: Recorded) -> None:
    world = World()
    world.codepipeline.actions = [action("Verify", "grype", "Failed")]
    world.judged("grype", "image", "tool-error", "the database is 9 days old", finding("HIGH", "CVE-1"), blocking=0)
    world.sends(recorded("codepipeline_stage_failed"))
    assert "grype:     grype image: tool-error: the database is 9 days old\nMeans:" in world.mails[0]["Message"]


def test_findings_that_cannot_be_read_are_no_lost_mail(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.bucket.put(f"reports/payments/{EXECUTION}/grype-image/findings.json", b"{")
    world.sends(recorded("codepipeline_stage_failed"))
    assert (
        "           (the findings cannot be shown here: not readable as JSON (JSONDecodeError))\n"
        in world.mails[0]["Message"]
    )


def test_of_many_pushes_no_one_is_named(recorded: Recorded) -> None:
    world = stopped_by_grype()
    for number in range(2, 13):
        world.pushed(ZOE.replace("zoe", f"other-{number}"), branch=f"b{number}", number=number)
    world.sends(recorded("codepipeline_stage_failed"))
    assert "Pushed by: not certain: 12 pushes of this commit are recorded\n" in world.mails[0]["Message"]


@pytest.mark.parametrize(
    ("verdict", "what_now"),
    [
        ("tool-error", "this says nothing of the code: mend the scan, then choose Retry stage on the run's page"),
        ("no-evidence", "this says nothing of the code: mend the scan, then choose Retry stage on the run's page"),
        ("findings", "mend what blocks by a new commit, or accept it for a while: waivers in pipelines.yaml"),
    ],
)
def test_what_to_do_depends_on_the_verdict(recorded: Recorded, verdict: str, what_now: str) -> None:
    world = World()
    world.codepipeline.actions = [action("Verify", "grype", "Failed")]
    world.judged("grype", "image", verdict, "because", *([finding("HIGH", "x")] if verdict == "findings" else []))
    world.sends(recorded("codepipeline_stage_failed"))
    assert f"\nWhat now:  {what_now}\n" in world.mails[0]["Message"]


RECORD_PAGE = (
    "https://eu-central-1.console.aws.amazon.com/s3/object/acme-reports?region=eu-central-1"
    f"&prefix=releases/payments/{EXECUTION}/index.html"
)


@pytest.mark.parametrize(
    ("stage", "failed", "means", "has_record"),
    [
        ("Staging", "deploy", "production goes on as it is", False),
        ("Production", "guard", "production goes on as it is", True),
        (
            "Production",
            "deploy",
            "production was being changed: the last release is put back if there is one; look whether it runs",
            True,
        ),
    ],
)
def test_it_says_whether_production_has_changed(
    recorded: Recorded, stage: str, failed: str, means: str, has_record: bool
) -> None:
    world = World()
    world.codepipeline.actions = [action(stage, failed, "Failed", message="no")]
    world.sends(changed(recorded, "codepipeline_stage_failed", stage=stage))
    assert f"\nMeans:     {means}\n" in world.mails[0]["Message"]
    assert (f"\nRecord:    {RECORD_PAGE}\n" in world.mails[0]["Message"]) is has_record


def test_a_run_of_more_actions_than_are_read_is_told_all_the_same(recorded: Recorded) -> None:
    """Somebody has retried it again and again."""
    world = World()
    world.codepipeline.actions = [action("Verify", "grype", "Failed", message="no")] * 25
    world.codepipeline.page = 1
    world.sends(recorded("codepipeline_stage_failed"))
    [mail] = world.mails
    assert mail["Subject"] == "acme: payments FAILED in Verify"
    assert "Why:       acme-payments: execution " in mail["Message"]
    assert " has more than 20 pages of actions; the run's page says more\n" in mail["Message"]
    assert world.clock.waited == 0


def test_of_a_scan_no_production_is_mentioned(recorded: Recorded) -> None:
    world = World()
    world.codepipeline.actions = [action("Scan", "snyk", "Failed", message="no")]
    world.sends(changed(recorded, "codepipeline_stage_failed", pipeline="acme-payments-scan", stage="Scan"))
    assert "roduction" not in world.mails[0]["Message"]


PROVEN = [("Staging", "approve"), ("Production", "guard"), ("Production", "deploy")]


def proven(world: World, *but: tuple[str, str]) -> None:
    """A release that went the whole way, without the runs of ``but``."""
    world.codepipeline.actions = [action(*place) for place in PROVEN if place not in but]


@pytest.mark.parametrize("lacking", PROVEN)
def test_a_success_without_approval_guard_or_deployment_is_told_whoever_asked(
    recorded: Recorded, lacking: tuple[str, str]
) -> None:
    """Somebody has changed the pipeline: its record says unproven, and nobody would look there."""
    world = World()
    proven(world, lacking)
    for _ in range(2):
        world.sends(recorded("codepipeline_pipeline_succeeded"))
    [mail] = world.mails
    place = "/".join(lacking)
    assert mail["Subject"] == f"acme: payments reached its end WITHOUT {place}"
    assert mail["Message"].splitlines()[:5] == [
        f"payments reached its end WITHOUT {place}.",
        "",
        "Means:     production may run what nobody has approved or checked: the pipeline is not as it was deployed",
        "What now:  terraform plan in its stack shows what was changed, terraform apply brings it back",
        "By whom:   CloudTrail's event UpdatePipeline says who changed it",
    ]
    assert mail["Message"].splitlines()[-1] == f"Record:    {RECORD_PAGE}"
    assert world.counted("Pipeline")["payments"]["RunsSucceeded"] == 1


def test_an_approval_that_failed_before_it_was_given_is_one(recorded: Recorded) -> None:
    world = World()
    proven(world)
    world.codepipeline.actions.append(action("Staging", "approve", "Failed", at=FAILED_AT - timedelta(minutes=5)))
    world.sends(recorded("codepipeline_pipeline_succeeded"))
    assert world.mails == []
    world.codepipeline.actions.append(action("Production", "guard", "Failed", at=FAILED_AT + timedelta(minutes=5)))
    world.sends(recorded("codepipeline_pipeline_succeeded"))
    assert [mail["Subject"] for mail in world.mails] == ["acme: payments reached its end WITHOUT Production/guard"]


def test_a_list_that_is_behind_a_success_is_waited_for(recorded: Recorded) -> None:
    world = World()
    proven(world)
    world.codepipeline.shown_after = 3
    world.sends(recorded("codepipeline_pipeline_succeeded"))
    assert (world.mails, world.clock.waited) == ([], 7.0)


def test_a_releases_success_leads_to_its_record(recorded: Recorded) -> None:
    notify = copy.deepcopy(NOTIFY)
    notify["pipelines"]["payments"]["successes"] = True
    world = World(notify)
    proven(world)
    world.sends(recorded("codepipeline_pipeline_succeeded"))
    assert world.mails[0]["Subject"] == "acme: payments went through"
    assert world.mails[0]["Message"].splitlines()[-1] == f"Record:    {RECORD_PAGE}"


def test_what_a_verdict_repeats_of_a_report_is_no_link(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.judged("grype", "image", "tool-error", "a number is right, not 'https://evil.example/x'", blocking=0)
    world.sends(recorded("codepipeline_stage_failed"))
    assert "not 'https[:]//evil.example/x'" in world.mails[0]["Message"]


@pytest.mark.parametrize("key", ["verdict.json", "findings.json"])
def test_a_file_that_is_far_too_large_is_no_lost_mail(
    recorded: Recorded, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from notify import failures

    monkeypatch.setattr(failures, "RECORD_LIMIT" if key == "verdict.json" else "FINDINGS_LIMIT", 10)
    world = stopped_by_grype()
    world.sends(recorded("codepipeline_stage_failed"))
    assert len(world.mails) == 1


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Löst\nalles\x1b[31m auf", "L?st alles?[31m auf"),
        ("click HTTPS://evil.example/a and mailto:x@y.z", "click HTTPS[:]//evil.example/a and mailto:x@y.z"),
        ("_https://evil.example WWW.evil.example", "_https[:]//evil.example WWW[.]evil.example"),
        (f"{'a' * 30}https://evil.example", f"{'a' * 30}https[:]//evil.example"),
        ("a" * 300, "a" * 97 + "..."),
        ("\r\nPipeline:  all is well", "Pipeline: all is well"),
    ],
)
def test_foreign_words_stay_one_harmless_line(recorded: Recorded, title: str, shown: str) -> None:
    world = stopped_by_grype()
    world.judged("grype", "image", "findings", "1", finding("CRITICAL", title), blocking=1)
    world.codepipeline.summary = title
    world.sends(recorded("codepipeline_stage_failed"))
    body = world.mails[0]["Message"]
    assert f"           CRITICAL {shown}\n" in body
    assert all(" " <= character <= "~" or character == "\n" for character in body)


def test_who_pushed_is_who_pushed_to_this_branch_last(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.pushed(pusher="arn:aws:iam::123456789012:user/ann", number=2)
    world.pushed(pusher="arn:aws:iam::123456789012:user/bob", branch="other", number=3)
    world.bucket.put(f"pushes/payments/{COMMIT}/01234567-89ab-4cde-8f01-00000000000f.json", b"no record")
    world.sends(recorded("codepipeline_stage_failed"))
    assert "Pushed by: arn:aws:iam::123456789012:user/ann (recorded" in world.mails[0]["Message"]


def test_where_no_push_is_recorded_the_trigger_is_said(recorded: Recorded) -> None:
    """A scan's pushes may not be looked for: its role does not read them where nobody's duties are separated."""
    world = stopped_by_grype()
    world.bucket.objects = {key: one for key, one in world.bucket.objects.items() if not key.startswith("pushes/")}
    world.sends(recorded("codepipeline_stage_failed"))
    started = "Started by: CloudWatchEvent arn:aws:events:eu-central-1:1:rule/x (CodePipeline's trigger)\n"
    assert started in world.mails[0]["Message"]


def test_nobody_looks_for_pushes_that_nobody_records(recorded: Recorded) -> None:
    policy = policy_document()
    policy["pipelines"]["payments"]["separation_of_duties"] = False
    world = World(policy=policy)
    world.pushed()  # of a time when they were
    world.sends(recorded("codepipeline_pipeline_failed"))
    assert "Pushed by:" not in world.mails[0]["Message"]


def test_a_scan_says_the_branch_of_its_execution(recorded: Recorded) -> None:
    world = World()
    event = recorded("codepipeline_pipeline_failed")
    event["detail"]["pipeline"] = "acme-payments-scan"
    world.sends(event)
    assert world.mails[0]["TopicArn"].endswith(":acme-notifications")
    assert f"Commit:    {COMMIT} on feature/refunds of payments\n" in world.mails[0]["Message"]


def test_a_stopped_run_says_the_comment_of_who_stopped_it(recorded: Recorded) -> None:
    world = World()
    for _ in range(2):
        world.sends(recorded("codepipeline_pipeline_stopped"))
    [mail] = world.mails
    assert mail["Subject"] == "acme: payments was STOPPED by somebody"
    assert mail["Message"].startswith(
        'payments was STOPPED by somebody.\n\nWhy:       "Stopping the pipeline for an update"\n'
    )


def test_a_canceled_run_is_told(recorded: Recorded) -> None:
    world = World()
    event = recorded("codepipeline_pipeline_stopped")
    event["detail"]["state"] = "CANCELED"
    world.sends(event)
    assert world.mails[0]["Subject"] == "acme: payments was CANCELED"


def test_a_success_is_told_to_who_asked(recorded: Recorded) -> None:
    world = World()
    proven(world)
    event = recorded("codepipeline_pipeline_succeeded")
    world.sends(event)
    assert world.mails == []
    event["detail"]["pipeline"] = "acme-payments-scan"
    world.sends(event)
    assert [mail["Subject"] for mail in world.mails] == ["acme: payments-scan went through"]


def test_each_end_is_counted_once(recorded: Recorded) -> None:
    world = stopped_by_grype()
    again = recorded("codepipeline_pipeline_succeeded")
    again["detail"]["pipeline-execution-attempt"] = 2.0
    stopped = recorded("codepipeline_pipeline_stopped")
    stopped["detail"]["execution-id"] = EXECUTION.replace("3", "4")
    failed = recorded("codepipeline_pipeline_failed")
    twice = failed | {"id": "fedcba98-89ab-4cde-8f01-23456789ab01"}
    for event in (recorded("codepipeline_stage_failed"), failed, failed, twice, again, again, stopped):
        world.sends(event)
    assert world.counted("Pipeline") == {"payments": {"Runs": 3, "RunsSucceeded": 1, "RunsFailed": 1}}


def test_a_mail_that_sns_refuses_is_sent_by_the_next_attempt(recorded: Recorded) -> None:
    world = stopped_by_grype()
    world.sns.faults = [ConnectionError("no answer")]
    with pytest.raises(ConnectionError):
        world.sends(recorded("codepipeline_stage_failed"))
    world.clock.now += timedelta(seconds=60)
    world.sends(recorded("codepipeline_pipeline_failed"))
    world.sends(recorded("codepipeline_stage_failed"))
    assert len(world.mails) == 1


def test_the_longest_names_fit_a_subject(recorded: Recorded) -> None:
    world = stopped_by_grype()
    names = ["grype", "snyk", "snyk-container"]
    world.codepipeline.actions = [action("Verify", name, "Failed") for name in [*names, "snyk-code"]]
    event = recorded("codepipeline_stage_failed")
    event["detail"]["pipeline-execution-attempt"] = 17.0
    world.sends(event)
    [mail] = world.mails
    assert len(mail["Subject"]) < 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    assert mail["Subject"].isascii()
    assert mail["Subject"].isprintable()
    assert "           1 more action of this stage failed\n" in mail["Message"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"pipeline": "acme-other"}, "pipeline"),
        ({"execution-id": "../../reports"}, "execution-id"),
        ({"state": "SUPERSEDED"}, "state"),
        ({"stage": "Ver\nify"}, "stage"),
    ],
)
def test_what_no_rule_should_send_is_an_error(recorded: Recorded, changed: dict[str, str], says: str) -> None:
    event = recorded("codepipeline_stage_failed")
    event["detail"] |= changed
    with pytest.raises(MalformedError, match=says):
        World().sends(event)


@pytest.mark.parametrize("missing", ["id", "source", "detail-type", "time", "detail"])
def test_an_event_without_its_envelope_is_an_error(recorded: Recorded, missing: str) -> None:
    event = recorded("codepipeline_stage_failed")
    del event[missing]
    with pytest.raises(MalformedError):
        World().sends(event)


def test_an_event_of_another_kind_is_an_error(recorded: Recorded) -> None:
    with pytest.raises(MalformedError, match="no event that this function knows"):
        World().sends(recorded("codepipeline_action_failed"))
