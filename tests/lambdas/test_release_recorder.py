"""The release recorder: what an auditor reads is what CodePipeline and the importer say, whoever asks, and however often."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import boto3
import pytest

from common import console
from common.strict import MalformedError
from guard_world import push, push_file, verdict, verdict_file
from lambda_fakes import Context
from recorder import service, store
from recorder.metrics import fields
from recorder.service import NotRecordedError, Recorded
from recorder_world import (
    ALL,
    ANN,
    APPROVED,
    ASKING,
    BEFORE,
    COMMIT,
    CURRENT,
    DEPLOYED,
    DIGEST,
    EXECUTION,
    FINDINGS,
    FOLDER,
    GUARDED,
    PAGE,
    QUESTION,
    RECORD,
    RECORDED,
    REGION,
    REJECTED,
    SBOM,
    SHA256,
    ZOE,
    World,
    at,
    event,
    finding,
    findings_file,
    run,
)
from s3_fake import s3_error

Recorded_ = Callable[[str], Any]


@pytest.fixture
def world() -> World:
    return World()


def asked(world: World) -> World:
    """Up to the action that records."""
    world.history, world.status = copy.deepcopy([*BEFORE, ASKING]), ["InProgress"]
    return world


# --- the record ----------------------------------------------------------------------------------------------------------


def test_before_the_approval_there_is_a_record_for_its_link(world: World) -> None:
    said = asked(world).ask()
    assert said == f"recorded as asked: {RECORD}"
    assert sorted(key for key in world.s3.objects if key.startswith("releases/")) == [PAGE, RECORD, CURRENT]
    record = world.record
    assert record["schema"] == 1
    assert (record["outcome"], record["reason"], record["ended"], record["seconds"]) == ("asked", "", "", None)
    assert record["approval"] == dict.fromkeys(("status", "by", "question", "answer", "asked", "answered"), "")
    assert record["gates"] == [
        {"gate": "Publish", "status": "Succeeded", "message": "", "ended": "2026-11-22T12:11:00Z"},
        {"gate": "Production", "status": "", "message": "", "ended": ""},
    ]
    assert "Waits for approval" in world.page


def test_the_end_completes_it(world: World) -> None:
    assert world.recorder().complete(event()) == Recorded(f"acme-payments {EXECUTION}: released", "payments", 2730)
    record = world.record
    assert (record["outcome"], record["reason"]) == ("released", "")
    assert (record["pipeline"], record["name"], record["execution"]) == ("payments", "acme-payments", EXECUTION)
    assert (record["repository"], record["branch"], record["commit"]) == ("payments", "main", COMMIT)
    assert record["message"] == "Refund in the customer's currency"
    assert record["trigger"] == "CloudWatchEvent arn:aws:events:eu-central-1:1:rule/x"
    assert (record["registry"], record["digest"], record["archive_sha256"]) == ("acme/payments", DIGEST, SHA256)
    assert record["sbom"] == {
        "key": SBOM, "bytes": 26, "sha256": hashlib.sha256(b'{"bomFormat": "CycloneDX"}').hexdigest(),
    }  # fmt: skip
    assert record["pushes"] == [
        {
            "pusher": ANN,
            "branch": "main",
            "time": "2026-11-22T11:59:30Z",
            "event": "01234567-89ab-4cde-8f01-23456789abcd",
        }
    ]
    assert record["approval"] == {
        "status": "approved",
        "by": ZOE,
        "question": QUESTION,
        "answer": "Looks fine",
        "asked": "2026-11-22T12:26:00Z",
        "answered": "2026-11-22T12:40:00Z",
    }
    assert [gate["status"] for gate in record["gates"]] == ["Succeeded", "Succeeded"]
    assert (record["started"], record["ended"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:45:00Z")
    assert record["seconds"] == 45 * 60 + 30  # since the push
    stages = [(one["name"], one["started"][11:16], one["ended"][11:16]) for one in record["stages"]]
    assert stages == [
        ("Source", "12:00", "12:01"),
        ("Build", "12:01", "12:07"),
        ("Verify", "12:07", "12:10"),
        ("Publish", "12:10", "12:14"),
        ("Staging", "12:14", "12:40"),
        ("Production", "12:40", "12:45"),
    ]
    assert record["stages"][1]["runs"][1] == {
        "action": "image",
        "provider": "CodeBuild",
        "status": "Succeeded",
        "started": "2026-11-22T12:01:00Z",
        "ended": "2026-11-22T12:06:00Z",
        "message": "",
        "external": "acme-image:1",
    }


def test_every_verdict_is_there_with_its_report_and_policy(world: World) -> None:
    world.recorder().complete(event())
    scans = {f"{one['scanner']} {one['scope']}": one for one in world.record["evidence"]}
    assert list(scans) == ["git-secrets source", "grype image", "ecr image", "zap staging"]
    key = verdict_file("grype", "image")
    folder = key.rpartition("/")[0]
    assert scans["grype image"] == {
        "scanner": "grype",
        "scope": "image",
        "gates": ["Publish", "Production"],
        "state": "recorded",
        "verdict": "pass",
        "summary": "grype image: nothing found",
        "reason": "no finding at or above high",
        "counts": verdict("grype", "image")["counts"],
        "blocking": 0,
        "report": {"key": f"{folder}/raw.json", "sha256": SHA256},
        "page": f"{folder}/index.html",
        "record": {"key": key, "sha256": hashlib.sha256(world.s3.objects[key]).hexdigest()},
        "policy_sha256": SHA256[::-1],
        "waived_until": "",
    }
    assert scans["ecr image"]["gates"] == ["Production"]
    assert scans["git-secrets source"]["report"]["key"].endswith("/git-secrets-source/raw.txt")


def test_what_is_missing_or_foreign_is_said(world: World) -> None:
    del world.s3.objects[verdict_file("ecr", "image")]
    world.s3.objects[verdict_file("zap", "staging")] = b"{}"
    world.put(verdict_file("git-secrets", "source"), verdict("grype", "image"))
    del world.s3.objects[SBOM]
    world.recorder().complete(event())
    scans = {one["scanner"]: (one["state"], one["verdict"], one["reason"]) for one in world.record["evidence"]}
    assert scans["ecr"] == ("missing", "", "no verdict is recorded")
    assert scans["zap"] == ("unreadable", "", "verdict.json: the key schema is missing")
    assert scans["git-secrets"][:2] == ("unreadable", "")
    assert verdict_file("grype", "image") in scans["git-secrets"][2]
    assert world.record["sbom"] is None
    assert '<span class="bad">missing</span>' in world.page
    assert '<span class="bad">none</span>' in world.page


def test_waived_findings_stand_there_with_who_answers_for_them(world: World) -> None:
    counts = verdict("grype", "image")["counts"] | {"waived": 2}
    world.put(
        verdict_file("grype", "image"), verdict("grype", "image") | {"counts": counts, "waived_until": "2030-01-31"}
    )
    note = "Accepted by ann@example.com until 2030-01-31: the affected code path is not built"
    world.s3.objects[FINDINGS] = findings_file(
        finding("CVE-2020-2", "zlib", note),
        finding("CVE-2020-3", 'says "SUPPRESSED"', None),
        finding("CVE-2019-1", "libssh2", note),
    )
    world.recorder().complete(event())
    assert world.record["waived"] == [
        {"scanner": "grype", "scope": "image", "rule": "CVE-2019-1", "title": "libssh2", "note": note},
        {"scanner": "grype", "scope": "image", "rule": "CVE-2020-2", "title": "zlib", "note": note},
    ]
    assert world.record["evidence"][1]["waived_until"] == "2030-01-31"
    assert note in world.page


def test_findings_are_read_only_where_some_are_waived(world: World) -> None:
    world.s3.objects[FINDINGS] = b"not read"
    world.recorder().complete(event())
    assert world.record["waived"] == []


# --- how it ends ---------------------------------------------------------------------------------------------------------

FAILED_GUARD = {**GUARDED, "status": "Failed", "output": {"executionResult": {"errorDetails": {"message": "Refused"}}}}
UNANSWERED = {key: value for key, value in REJECTED.items() if key != "updatedBy"}


@pytest.mark.parametrize(
    ("status", "after", "outcome", "reason"),
    [
        ("InProgress", [ASKING], "asked", ""),
        ("InProgress", [RECORDED, run("Staging", "approve", 26, None, provider="Manual")], "asked", ""),
        ("InProgress", [RECORDED, APPROVED], "approved", ""),
        ("Stopping", [RECORDED, APPROVED], "approved", ""),
        ("Succeeded", [RECORDED, APPROVED, GUARDED, DEPLOYED], "released", ""),
        ("Failed", [RECORDED, REJECTED], "rejected", f"Staging/approve: {ZOE} said no"),
        ("Failed", [RECORDED, UNANSWERED], "failed", "Staging/approve: nobody has answered in time"),
        ("Failed", [RECORDED, APPROVED, FAILED_GUARD], "failed", "Production/guard: Refused"),
        ("Failed", [{**ASKING, "status": "Failed"}], "failed", "Staging/record: failed"),
        ("Stopped", [RECORDED], "stopped", ""),
        ("Superseded", [RECORDED, APPROVED], "superseded", ""),
        ("Cancelled", [RECORDED], "cancelled", ""),
        (
            "Succeeded",
            [RECORDED, GUARDED, DEPLOYED],
            "unproven",
            "CodePipeline calls it a success, and Staging/approve has not succeeded in it",
        ),
        (
            "Succeeded",
            [RECORDED, APPROVED, FAILED_GUARD, DEPLOYED],
            "unproven",
            "CodePipeline calls it a success, and Production/guard has not succeeded in it",
        ),
    ],
)  # fmt: skip
def test_how_a_release_stands(world: World, status: str, after: list[Any], outcome: str, reason: str) -> None:
    world.history, world.status = [*BEFORE, *copy.deepcopy(after)], [status]
    world.ask()
    assert (world.record["outcome"], world.record["reason"]) == (outcome, reason)
    assert bool(world.record["ended"]) == (outcome not in ("asked", "approved"))
    assert (world.record["seconds"] is not None) == (outcome == "released")


def test_a_status_that_nobody_knows_is_an_error(world: World) -> None:
    world.status = ["Done"]
    with pytest.raises(MalformedError, match="the status Done of an execution is not known"):
        world.ask()


def test_a_stage_that_was_retried_counts_by_its_latest_run_and_keeps_all(world: World) -> None:
    broken = {**run("Production", "deploy", 41, 42), "status": "Failed"}
    world.history.insert(0, broken)
    world.history[-1] = run("Production", "deploy", 43, 45)
    world.recorder().complete(event())
    assert world.record["outcome"] == "released"
    runs = [(one["action"], one["status"]) for one in world.record["stages"][-1]["runs"]]
    assert runs == [("guard", "Succeeded"), ("deploy", "Failed"), ("deploy", "Succeeded")]


def test_without_a_recorded_push_it_counts_from_the_beginning(world: World) -> None:
    world.policy["pipelines"]["payments"]["separation_of_duties"] = False
    world.recorder().complete(event())
    assert (world.record["pushes"], world.record["seconds"]) == ([], 45 * 60)


def test_a_push_to_another_branch_does_not_count(world: World) -> None:
    world.put(push_file(), push() | {"time": "2026-11-01T00:00:00Z", "branch": "feature/refunds"})
    world.recorder().complete(event())
    assert world.record["pushes"][0]["branch"] == "feature/refunds"
    assert world.record["seconds"] == 45 * 60


@pytest.mark.parametrize(
    "damage",
    [{"branch": "main", "time": "yesterday"}, {"commit": "a" * 40}, {"id": "00000000-89ab-4cde-8f01-23456789abcd"}],
    ids=["time", "commit", "id"],
)
def test_a_push_that_is_not_what_its_key_says_is_an_error(world: World, damage: dict[str, str]) -> None:
    world.put(push_file(), push() | damage)
    with pytest.raises(MalformedError):
        world.ask()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda world: setattr(world, "commit", "main"), "has no source revision that is a commit"),
        (lambda world: setattr(world, "commit", "a" * 40), "name different commits"),
        (lambda world: world.history.remove(world.history[3]), "has no sealed image"),
        (lambda world: world.history[3].update(status="Failed"), "has no sealed image"),
        (lambda world: world.history[3]["output"]["outputVariables"].update(DIGEST="latest"), "has no sealed image"),
        (lambda world: world.history[0].pop("startTime"), "does not say when Source/Source ran"),
    ],
)
def test_without_commit_or_image_there_is_no_record(world: World, spoil: Callable[[World], None], words: str) -> None:
    spoil(world)
    with pytest.raises(MalformedError, match=words):
        world.ask()
    assert RECORD not in world.s3.objects


# --- once, and in order --------------------------------------------------------------------------------------------------


def test_the_same_event_twice_changes_nothing_and_counts_once(world: World) -> None:
    first = world.recorder().complete(event())
    body, page = world.s3.objects[RECORD], world.s3.objects[PAGE]
    second = world.recorder().complete(event(minute=59))
    assert (first.seconds, second.seconds) == (2730, None)
    assert (world.s3.objects[RECORD], world.s3.objects[PAGE]) == (body, page)
    assert world.s3.log.count(RECORD) == 1


def test_what_is_newer_is_not_replaced_by_what_is_older(world: World) -> None:
    """Another call writes while this one looks: it reads again."""
    newer = World()
    newer.recorder().complete(event())

    class Slow(World):
        def list_action_executions(self, **request: Any) -> Any:
            answer = super().list_action_executions(**request)
            if self.history is not ALL and RECORD not in self.s3.objects:
                self.s3.put_object(Bucket="reports", Key=RECORD, Body=newer.s3.objects[RECORD], ContentType="x")
                self.history, self.status = ALL, ["Succeeded"]
            return answer

    slow = Slow()
    asked(slow).ask()
    assert slow.record["outcome"] == "released"
    assert "Released" in slow.page
    assert slow.s3.log.count(RECORD) == 1


def test_a_page_is_never_older_than_its_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(world)
    pages: list[bytes] = []
    write = store.Store.write_page

    def late(self: store.Store, key: str, body: bytes) -> None:
        if not pages:  # while the first page is on its way, the execution ends and is recorded
            world.history, world.status = ALL, ["Succeeded"]
            pages.append(body)
            world.recorder().complete(event())
        write(self, key, body)

    monkeypatch.setattr(store.Store, "write_page", late)
    world.ask()
    assert world.record["outcome"] == "released"
    assert "<h1>Released</h1>" in world.page


def test_a_record_that_others_always_write_is_an_error(world: World) -> None:
    world.s3.faults["release.json"] = []
    put = world.s3.put_object

    def busy(**given: Any) -> Any:
        if given["Key"] == RECORD:
            raise s3_error("PreconditionFailed", "PutObject")
        return put(**given)

    world.s3.put_object = busy  # type: ignore[method-assign, assignment]
    with pytest.raises(NotRecordedError, match="is written by others all the time"):
        world.ask()


def test_an_end_that_the_api_does_not_know_yet_is_waited_for(world: World) -> None:
    world.status = ["InProgress", "InProgress", "Succeeded"]
    assert world.recorder().complete(event()).said.endswith(": released")
    assert world.slept == [1, 2]


def test_an_end_that_the_api_never_knows_is_tried_again_later(world: World) -> None:
    world.status = ["InProgress"]
    with pytest.raises(NotRecordedError, match="CodePipeline still calls it running"):
        world.recorder().complete(event())
    assert world.slept == [1, 2, 4, 8]
    assert RECORD not in world.s3.objects


def test_a_stage_that_was_retried_since_the_event_is_no_end(world: World) -> None:
    world.history, world.status = (
        [*BEFORE, RECORDED, run("Staging", "approve", 47, None, provider="Manual")],
        ["InProgress"],
    )
    assert world.recorder().complete(event("FAILED", 46)).said.endswith(": asked")
    assert world.slept == []


def test_a_run_that_never_was_a_release_has_no_record(world: World) -> None:
    world.history, world.status = copy.deepcopy(BEFORE[:5]), ["Failed"]
    assert world.recorder().complete(event("FAILED")).said == f"acme-payments {EXECUTION}: no release was asked for"
    assert not [key for key in world.s3.objects if key.startswith("releases/")]


def test_what_reached_production_unrecorded_is_recorded(world: World) -> None:
    """Somebody has changed the pipeline by hand."""
    world.history = [*BEFORE, DEPLOYED]
    world.recorder().complete(event())
    assert world.record["outcome"] == "unproven"


# --- who may ask, and how --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema: a whole number from 1 to 1 is right, not 2"),
        ({"pipeline": "orders"}, "policy.json has no delivery pipeline orders"),
        ({"pipeline": "payments-scan"}, "policy.json has no delivery pipeline payments-scan"),
        ({"pipeline": "../x"}, "pipeline: a pipeline's name in pipelines.yaml is right, not '../x'"),
        ({"execution": "x"}, "execution: a pipeline execution's id is right, not 'x'"),
        ({"outcome": "released"}, "UserParameters: unknown key 'outcome'; right are schema, pipeline, execution"),
    ],
)
def test_other_parameters_are_an_error(world: World, change: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedError) as error:
        world.ask(**change)
    assert str(error.value) == words


@pytest.mark.parametrize(
    "change",
    [
        {"source": "aws.codebuild"},
        {"detail-type": "CodePipeline Stage Execution State Change"},
        {"time": "soon"},
        {"time": "2026-11-22T12:00:00"},
        {"detail": {"pipeline": "acme-payments-scan", "execution-id": EXECUTION, "state": "FAILED"}},
        {"detail": {"pipeline": "acme-payments", "execution-id": "../..", "state": "FAILED"}},
        {"detail": None},
    ],
    ids=["source", "kind", "time", "zone", "scan", "execution", "detail"],
)
def test_another_event_is_an_error(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        world.recorder().complete(event() | change)


def test_an_answer_about_another_execution_is_none(world: World) -> None:
    world.get_pipeline_execution = lambda **_: {"pipelineExecution": {"pipelineExecutionId": "x"}}  # type: ignore[method-assign]
    with pytest.raises(MalformedError, match="was asked about"):
        world.ask()


def test_an_sbom_of_any_size_does_not_fill_the_function(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "HASHED", 10)
    world.recorder().complete(event())
    assert world.record["sbom"] == {"key": SBOM, "bytes": 26, "sha256": ""}
    assert "too large to be hashed" in world.page


# --- the page ------------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Every tag must be closed, every link lead to the console."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag not in ("meta", "br"):
            self.open.append(tag)
        assert not [name for name in given if name.startswith("on") or name in ("src", "style")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_leads_to_the_console(world: World) -> None:
    world.recorder().complete(event())
    reader = Reader()
    reader.feed(world.page)
    assert reader.open == []
    assert not {"script", "img", "iframe", "link"} & set(reader.tags)
    assert all(link.startswith("https://eu-central-1.console.aws.amazon.com/") for link in reader.links)
    for key in (RECORD, SBOM, verdict_file("grype", "image"), f"{FINDINGS.rpartition('/')[0]}/index.html"):
        assert console.s3_object(REGION, "reports", key) in reader.links
    assert re.findall(r"<html lang=\"en\">|<main>|<h1>[^<]+</h1>", world.page) == [
        '<html lang="en">', "<h1>Released</h1>", "<main>",
    ]  # fmt: skip
    assert reader.tags.count("caption") == reader.tags.count("table")


def test_who_comes_by_the_approvals_link_reads_that_it_is_being_asked(world: World) -> None:
    """The page is written before the approval's action begins, and the approval's mail links to it."""
    asked(world).ask()
    assert "<h1>Waits for approval</h1>" in world.page
    assert "Nobody" not in world.page
    said = "The approval is being asked for. No answer was recorded yet when this page was written."
    assert f'<h2>Approval</h2>\n<p class="empty">{said}</p>' in world.page


@pytest.mark.parametrize(
    ("status", "after"), [("Failed", [{**ASKING, "status": "Failed"}]), ("Stopped", [RECORDED]), ("Superseded", [RECORDED])]
)  # fmt: skip
def test_of_an_ended_release_no_answer_is_awaited(world: World, status: str, after: list[Any]) -> None:
    world.history, world.status = copy.deepcopy([*BEFORE, *after]), [status]
    world.ask()
    assert '<h2>Approval</h2>\n<p class="empty">Nobody was asked to approve it.</p>' in world.page


def test_an_approval_that_was_abandoned_no_longer_waits(world: World) -> None:
    """Who stops an execution may have its actions abandoned: their status, in CodePipeline's list."""
    abandoned = {**run("Staging", "approve", 26, 30, provider="Manual"), "status": "Abandoned"}
    world.history, world.status = copy.deepcopy([*BEFORE, RECORDED, abandoned]), ["Stopped"]
    world.ask()
    assert (world.record["outcome"], world.record["approval"]["status"]) == ("stopped", "unanswered")
    assert '<span class="bad">unanswered</span>' in world.page
    assert ">waiting<" not in world.page


class Tables(HTMLParser):
    """For each table its heads, and for each row below them the label of each cell and how many columns it spans."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.heads: list[list[str]] = []
        self.rows: list[list[list[tuple[str | None, int]]]] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("thead", "tbody"):
            self.inside = tag
            (self.heads if tag == "thead" else self.rows).append([])
        elif tag == "tr" and self.inside == "tbody":
            self.rows[-1].append([])
        elif tag in ("th", "td") and self.inside == "tbody":
            self.rows[-1][-1].append((given.get("data-label"), int(given.get("colspan") or 1)))
        elif tag == "th" and self.inside == "thead":
            self.heads[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.inside == "thead" and self.heads[-1]:
            self.heads[-1][-1] += data


def test_where_the_page_is_narrow_each_cell_says_what_its_columns_head_says_elsewhere(world: World) -> None:
    counts = verdict("grype", "image")["counts"] | {"waived": 1}
    world.put(verdict_file("grype", "image"), verdict("grype", "image") | {"counts": counts})
    world.s3.objects[FINDINGS] = findings_file(finding("CVE-2020-2", "zlib", "by ann"))
    world.recorder().complete(event())
    tables = Tables(world.page)
    assert [heads[-1] for heads in tables.heads] == [
        "Answered", "Evidence, each with its SHA-256", "Who answers for it, until when, and why", "When", "When", "Detail",
    ]  # fmt: skip
    for heads, rows in zip(tables.heads, tables.rows, strict=True):
        assert rows
        for row in rows:
            column = 0
            for label, columns in row:
                own = {("Stage and action", 2): "Stage", ("Stage and action", 1): "Action"}
                assert label == own.get((heads[column], columns), heads[column])
                column += columns
            assert column == len(heads)
    narrow = world.page.partition("@media(max-width:52rem){.list")[2].partition("</style>")[0]
    assert "content:attr(data-label)" in narrow
    assert "display:block" in narrow


EVIL = "<script>alert(1)</script>\"'&\u202e\x1b[31m"


def test_foreign_text_is_only_text(world: World) -> None:
    world.message = EVIL
    approve = next(one for one in world.history if one["actionName"] == "approve")
    approve["output"]["executionResult"]["externalExecutionSummary"] = EVIL
    approve["input"]["resolvedConfiguration"]["CustomData"] = EVIL
    approve["updatedBy"] = f"{ZOE}{EVIL}"
    counts = verdict("grype", "image")["counts"] | {"waived": 1}
    world.put(verdict_file("grype", "image"), verdict("grype", "image") | {"counts": counts})
    world.s3.objects[FINDINGS] = findings_file(finding(EVIL, EVIL, EVIL))
    world.put(push_file(), push() | {"pusher": "arn:" + '<b>"', "branch": "<i>"})
    world.recorder().complete(event())
    for text in (world.page, json.dumps(world.record, ensure_ascii=False)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    Reader().feed(world.page)
    for tag in ("<script", "<b>", "<i>"):
        assert tag not in world.page
    assert world.page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


@pytest.mark.parametrize("seconds", [0, 59, 61, 3600, 90061])
def test_how_long_it_took_reads_well(world: World, seconds: int) -> None:
    from recorder.page import _lasted

    assert _lasted(seconds) == {0: "0 s", 59: "59 s", 61: "1 min 1 s", 3600: "1 h", 90061: "1 d 1 h"}[seconds]


# --- the function --------------------------------------------------------------------------------------------------------


def test_the_metric_is_of_releases_alone() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert fields("acme-release-recorder", Recorded("x", "payments", None), now) == {}
    assert fields("acme-release-recorder", Recorded("x", "payments", 2730), now) == {
        "_aws": {
            "Timestamp": 1795305600000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "acme-release-recorder",
                    "Dimensions": [["Pipeline"]],
                    "Metrics": [{"Name": "CommitToProduction", "Unit": "Seconds"}],
                }
            ],
        },
        "Pipeline": "payments",
        "CommitToProduction": 2730,
    }


class Jobs:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def put_job_success_result(self, *, jobId: str) -> None:
        self.said.append(("success", jobId))

    def put_job_failure_result(self, *, jobId: str, failureDetails: dict[str, str]) -> None:
        self.said.append((failureDetails["type"], failureDetails["message"]))


@pytest.fixture
def handler(load_handler: Callable[[str], ModuleType], world: World, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_handler("release_recorder")
    module.answers = Jobs()  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "jobs", lambda: module.answers)
    monkeypatch.setattr(module, "recorder", world.recorder)
    return module


def job(recorded: Recorded_, parameters: object) -> Any:
    given = recorded("codepipeline_job")
    given["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = parameters
    return given


PARAMETERS = json.dumps({"schema": 1, "pipeline": "payments", "execution": EXECUTION})


def test_a_job_is_answered(handler: Any, world: World, recorded: Recorded_, capsys: pytest.CaptureFixture[str]) -> None:
    asked(world)
    handler.handler(job(recorded, PARAMETERS), Context())
    assert handler.answers.said == [("success", "11111111-abcd-1111-abcd-111111abcdef")]
    line = json.loads(capsys.readouterr().out)
    assert (line["function"], line["result"], line["message"]) == (
        "release-recorder", "JobSucceeded", f"recorded as asked: {RECORD}",
    )  # fmt: skip


def test_what_is_not_recorded_stops_the_run(
    handler: Any, world: World, recorded: Recorded_, capsys: pytest.CaptureFixture[str]
) -> None:
    world.s3.faults["release.json"] = ["AccessDenied"]
    world.s3.faults["index.html"] = ["SlowDown"]
    handler.handler(job(recorded, PARAMETERS), Context())
    handler.handler(job(recorded, PARAMETERS), Context())
    handler.handler(job(recorded, "{}"), Context())
    texts = [text for kind, text in handler.answers.said if kind == "JobFailed"]
    assert len(texts) == 3
    assert all(text.startswith("The release is not recorded: ") for text in texts)
    assert "AccessDenied" in texts[0]
    assert "SlowDown" in texts[1]
    assert "the key schema is missing" in texts[2]
    out = capsys.readouterr().out
    for secret in ("AWS_SESSION_TOKEN", "secretAccessKey", "sessionToken"):
        assert secret not in out


def test_an_event_is_recorded_and_measured(
    handler: Any, recorded: Recorded_, capsys: pytest.CaptureFixture[str]
) -> None:
    context = Context(function_name="acme-release-recorder")
    handler.handler(event(), context)
    handler.handler(event(), context)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["CommitToProduction"], first["Pipeline"]) == (2730, "payments")
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "acme-release-recorder"
    assert "_aws" not in second
    assert handler.answers.said == []


def test_an_event_that_cannot_be_recorded_raises(handler: Any, world: World) -> None:
    """So that Lambda tries again, and keeps it for people in the end."""
    world.s3.faults["release.json"] = ["InternalError"]
    with pytest.raises(Exception, match="InternalError"):
        handler.handler(event(), Context())


def test_the_composition_root_builds(load_handler: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from lambda_fakes import policy_bytes

    module = load_handler("release_recorder")
    monkeypatch.setenv("REPORTS_BUCKET", "reports")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(module, "POLICY", tmp_path / "policy.json")
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    assert module.recorder().store.bucket == "reports"
    assert module.recorder() is module.recorder()
    assert isinstance(module.jobs(), type(boto3.client("codepipeline"))) or module.jobs()


def test_the_pauses_leave_time_to_write() -> None:
    assert sum(service.PAUSES) < 60 < 180  # the function's timeout: modules/release_record.py


def test_keys_are_where_the_link_leads() -> None:
    assert f"releases/payments/{EXECUTION}" == FOLDER
    assert at(5).minute == 5
