"""The plan reviewer: one comment on a pull request, whatever comes twice, late, broken or hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

import commenting.service as service
from commenting.builds import Builds as OurBuilds
from commenting.comments import LIMIT, Comments
from commenting.service import Reviewer
from commenting.store import Store
from common.strict import MalformedError
from plan_review.reading import UnreadableError
from review_world import (
    BUILD,
    FIRST,
    MAIN,
    ME,
    ROLE,
    SECOND,
    STARTED,
    Builds,
    Pulls,
    Strict,
    build,
    key,
    refused,
    result,
)
from s3_fake import MemoryS3, s3_error

PROJECT = "acme-infrastructure-plan"
OTHER = "00000000-c340-456a-9166-edf953571bee"


@dataclass
class World:
    """Everything that the function talks to. ``review`` is what the package says of the plans it is given."""

    pulls: Pulls = field(default_factory=Pulls)
    builds: Builds = field(default_factory=Builds)
    s3: MemoryS3 = field(default_factory=MemoryS3)
    line: dict[str, object] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)

    def handle(self, id_: str = BUILD, **detail: str) -> str:
        event = json.loads(json.dumps(self.event))
        event["detail"]["build-id"] = f"arn:aws:codebuild:eu-central-1:123456789012:build/{PROJECT}:{id_}"
        event["detail"] |= detail
        reviewer = Reviewer(
            "infrastructure",
            OurBuilds(Strict("codebuild", self.builds), PROJECT),
            Comments(Strict("codecommit", self.pulls), "infrastructure", "infrastructure", ROLE),
            Store(self.s3, "reports", "https://eu-central-1.console.aws.amazon.com", "eu-central-1"),
        )
        return reviewer.handle(event, self.line)

    def ended(
        self, commit: str = FIRST, status: str = "SUCCEEDED", id_: str = BUILD, minutes: int = 0, **told: Any
    ) -> None:
        """A build has ended and left its result and a plan of payments."""
        self.builds.known[f"{PROJECT}:{id_}"] = build(commit, status, id_, minutes)
        self.s3.objects[key("result.json", commit, id_)] = result(commit, **told)
        self.s3.objects[key("payments.json", commit, id_)] = b'{"of": "%s"}' % commit.encode()

    @property
    def comment(self) -> str:
        [text] = self.pulls.living()
        return text


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, recorded: Callable[[str], Any]) -> World:
    """The package that judges is a stand-in here: test_plan_review_*.py are about it."""

    def read(name: str, data: bytes) -> Any:
        document = json.loads(data)
        if "broken" in document:
            raise UnreadableError("this is no plan of Terraform")
        return SimpleNamespace(name=name, of=document["of"])

    def markdown(judged: Any, limit: int, link: str) -> str:
        return f"PLANS {' '.join(f'{one.name}@{one.of[:4]}' for one in judged.plans)} LINK {link} ".ljust(limit, "x")

    monkeypatch.setattr(service.reading, "read", read)
    monkeypatch.setattr(service.judging, "review", lambda plans: SimpleNamespace(plans=plans, risky=True))
    monkeypatch.setattr(service.render, "markdown", markdown)
    monkeypatch.setattr(service.render, "html", lambda judged: "<p>ä</p>")
    return World(event=recorded("codebuild_build_ended"))


def test_a_build_becomes_one_comment_with_a_link_to_the_whole(world: World) -> None:
    world.ended()
    assert world.handle() == "posted"
    [told] = world.pulls.comments
    assert told["authorArn"] == ME
    assert world.comment.splitlines()[0] == (
        f"**Plan review** `infrastructure`: commit {FIRST}, build of 2026-11-23T03:00:00Z"
    )
    page = key("index.html", top="reviews")
    assert world.s3.objects[page] == "<p>ä</p>".encode()
    console = "https://eu-central-1.console.aws.amazon.com/s3/object/reports?region=eu-central-1&prefix="
    assert f"PLANS payments@1111 LINK {console}{page.replace('/', '%2F')}" in world.comment
    assert "Unchanged by this branch: `foundation`." in world.comment
    assert "_Read from what this branch's own build wrote." in world.comment
    assert "failed" not in world.comment
    assert len(world.comment) == LIMIT == 10_240
    assert world.line["plans"] == 1
    assert world.line["risky"] is True


def test_the_next_push_edits_it_in_place(world: World) -> None:
    world.ended()
    world.handle()
    world.pulls.source = SECOND
    world.ended(SECOND, id_=OTHER, minutes=9)
    assert world.handle(OTHER) == "edited"
    assert SECOND in world.comment
    assert FIRST not in world.comment
    assert len(world.pulls.comments) == 1


def test_an_event_that_comes_twice_changes_nothing(world: World) -> None:
    world.ended()
    assert [world.handle(), world.handle()] == ["posted", "same"]
    assert len(world.pulls.comments) == 1


def test_an_earlier_push_that_ends_later_is_not_told(world: World) -> None:
    world.pulls.source = SECOND
    world.ended(SECOND, id_=OTHER, minutes=9)
    world.ended()
    assert world.handle(OTHER) == "posted"
    told = world.comment
    assert world.handle() == "superseded"
    assert world.comment == told


def test_of_two_builds_of_one_commit_the_later_one_counts(world: World) -> None:
    """A retry of a failed build, and an event that is delivered after the next one's."""
    world.ended(status="FAILED", stacks=[{"name": "payments", "status": "failed", "reason": "no"}])
    world.ended(id_=OTHER, minutes=9)
    assert world.handle(OTHER) == "posted"
    told = world.comment
    assert world.handle() == "older"
    assert world.comment == told
    world.pulls.comments.clear()
    world.pulls.tokens.clear()
    assert [world.handle(), world.handle(OTHER)] == ["posted", "edited"]
    assert world.comment == told


def test_a_closed_pull_request_is_left_alone(world: World) -> None:
    world.pulls.status = "CLOSED"
    world.ended()
    assert world.handle() == "closed"
    assert not world.pulls.comments


def test_a_pull_request_without_a_difference_takes_no_comment(world: World) -> None:
    world.pulls.source = world.pulls.destination = FIRST
    world.ended()
    assert world.handle() == "empty"


def test_others_comments_and_answers_are_no_ours(world: World) -> None:
    """Also one of a person who repeats our first line, and ours of another kind."""
    head = f"**Plan review** `infrastructure`: commit {FIRST}, build of 2026-11-23T03:00:00Z"
    world.pulls.page = 2
    for author in ("arn:aws:iam::123456789012:user/ana", f"{ROLE[:-1]}er/acme-infrastructure-review"):
        world.pulls.write(author, f"{head}\nnothing risky")
    world.pulls.write(ME, "**Plan review** `another`: something")
    before = [dict(one) for one in world.pulls.comments]
    world.ended()
    assert world.handle() == "posted"
    assert world.pulls.comments[:3] == before
    world.pulls.source = SECOND
    world.ended(SECOND, id_=OTHER)
    assert world.handle(OTHER) == "edited"
    assert world.pulls.comments[:3] == before
    assert len(world.pulls.comments) == 4, "found again on the second page"


def test_a_deleted_comment_is_written_anew_once(world: World) -> None:
    world.ended()
    world.handle()
    world.pulls.delete("c1")
    assert [world.handle(), world.handle()] == ["posted", "same"]
    assert len(world.pulls.living()) == 1


def test_deleted_while_it_is_edited(world: World) -> None:
    world.ended()
    world.handle()
    world.pulls.source = SECOND
    world.ended(SECOND, id_=OTHER)
    edit = world.pulls.update_comment

    def gone(*, commentId: str, content: str) -> Any:
        world.pulls.delete(commentId)
        return edit(commentId=commentId, content=content)

    world.pulls.update_comment = gone  # type: ignore[method-assign]
    assert world.handle(OTHER) == "posted"
    assert SECOND in world.comment


def test_two_calls_at_once_make_one_comment(world: World) -> None:
    """Both see no comment; the slower one's token is refused, and it edits instead."""
    world.ended()
    world.ended(id_=OTHER, minutes=9)
    world.pulls.before.append(lambda: world.handle())
    assert world.handle(OTHER) == "edited"
    assert len(world.pulls.comments) == 1
    assert "03:09:00Z" in world.comment


def test_a_comment_of_another_session_of_the_role_is_left_and_one_written_anew(world: World) -> None:
    """Lambda names the session after the function, as far as anybody has seen; no page says so."""
    world.pulls.caller = f"{ROLE}earlier"
    world.ended()
    world.handle()
    world.pulls.caller = ME
    world.pulls.source = SECOND
    world.ended(SECOND, id_=OTHER)
    assert [world.handle(OTHER), world.handle(OTHER)] == ["posted", "same"]
    assert [one["authorArn"] for one in world.pulls.comments] == [f"{ROLE}earlier", ME]
    assert SECOND in world.pulls.comments[1]["content"]


@pytest.mark.parametrize("code", ["IdempotencyParameterMismatchException", "CommentDoesNotExistException"])
def test_what_does_not_pass_is_raised_for_lambda_to_try_again(world: World, code: str) -> None:
    world.ended()

    def post(**_: str) -> Any:
        raise refused(code, "PostCommentForPullRequest")

    world.pulls.post_comment_for_pull_request = post  # type: ignore[method-assign]
    with pytest.raises(ClientError, match=code):
        world.handle()


# What went wrong is told, and never as harmless.

FAILED = "**Not reviewed in full: the build failed.**"


def test_a_failed_synthesis(world: World) -> None:
    reason = "make synth: pipelines.yaml:14: pipelines.payments.gate.fail_no: unknown key, did you mean fail_on?"
    world.ended(status="FAILED", error=reason, stacks=[], checks=[])
    del world.s3.objects[key("payments.json")]
    assert world.handle() == "posted"
    assert FAILED in world.comment
    assert f"```\n{reason}\n```" in world.comment
    assert "BUILD: FAILED, COMMAND_EXECUTION_ERROR" in world.comment
    assert "[The build's log](https://console.aws.amazon.com/cloudwatch/" in world.comment
    assert "no stack changes" not in world.comment
    assert key("index.html", top="reviews") not in world.s3.objects


def test_one_stack_failed_and_the_others_are_reviewed(world: World) -> None:
    stacks = [
        {"name": "payments", "status": "planned", "reason": ""},
        {"name": "governance", "status": "failed", "reason": "Error: no such thing"},
    ]
    checks = [{"name": "check", "status": "failed", "reason": "E501 line too long"}]
    world.ended(status="FAILED", stacks=stacks, checks=checks)
    world.handle()
    assert f"{FAILED} What could be planned follows." in world.comment
    assert "`governance` has no plan:\n\n```\nError: no such thing\n```" in world.comment.replace(":\n```", ":\n\n```")
    assert "`make check` fails:" in world.comment
    assert "PLANS payments@1111" in world.comment


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"])
def test_a_build_that_left_nothing(world: World, status: str) -> None:
    world.builds.known[f"{PROJECT}:{BUILD}"] = build(status=status)
    assert world.handle() == "posted"
    assert FAILED in world.comment
    assert f"CodeBuild: {status}" in world.comment
    assert "It left no result." in world.comment


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "not readable as JSON"),
        (b"[]", "an object is right"),
        (result(SECOND), "of another commit"),
        (result(schema=2), "schema"),
        (result(more=1), "unknown key"),
        (result(stacks=[]), "names no stack"),
        (result(stacks=[{"name": "../../x", "status": "planned", "reason": ""}]), "a name of lower-case letters"),
        (result(stacks=[{"name": "payments", "status": "harmless", "reason": ""}]), "one of failed, planned"),
        (result(stacks=[{"name": "p", "status": "planned", "reason": "r" * 4001}]), "a text is right"),
        (result(stacks=[{"name": f"p{i}", "status": "unchanged", "reason": ""} for i in range(101)]), "at most 100"),
        (result(stacks=[{"name": "p", "status": "unchanged", "reason": ""}] * 2), "twice"),
        (b"{" + b" " * 1_000_001, "more than 1,000,000 bytes"),
        (result(checks=[{"name": "check", "status": "failed", "reason": ""}]), "as if all were well"),
        (None, "It left no result."),
    ],
)  # fmt: skip
def test_a_build_that_ended_well_and_whose_result_is_none(world: World, wrong: bytes | None, said: str) -> None:
    world.ended()
    if wrong is None:
        del world.s3.objects[key("result.json")]
    else:
        world.s3.objects[key("result.json")] = wrong
    world.handle()
    assert FAILED in world.comment
    assert said in world.comment
    assert "no stack changes" not in world.comment


def test_a_build_that_failed_and_says_that_all_is_well(world: World) -> None:
    world.ended(status="FAILED")
    world.handle()
    assert FAILED in world.comment
    assert "and CodeBuild that it is not" in world.comment


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (None, "left no plan"),
        (b'{"broken": 1}', "this is no plan of Terraform"),
        (b" " * (32 * 1024 * 1024 + 1), "more than 33,554,432 bytes"),
    ],
    ids=["missing", "unreadable", "too large"],
)
def test_a_plan_that_cannot_be_read(world: World, plan: bytes | None, said: str) -> None:
    world.ended()
    if plan is None:
        del world.s3.objects[key("payments.json")]
    else:
        world.s3.objects[key("payments.json")] = plan
    world.handle()
    assert FAILED in world.comment
    assert "`payments` has no plan:" in world.comment
    assert said in world.comment


def test_a_forged_plan_that_nothing_can_judge_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception would leave what was said of an earlier commit as the last word."""

    def judge(plans: Any) -> Any:
        raise TypeError("unhashable type")

    world.ended()
    monkeypatch.setattr(service.judging, "review", judge)
    assert world.handle() == "posted"
    assert FAILED in world.comment
    assert "was not judged (TypeError)" in world.comment


def test_all_plans_together_are_bounded(world: World) -> None:
    names = ["one", "two", "three"]
    world.ended(stacks=[{"name": name, "status": "planned", "reason": ""} for name in names])
    for name in names:
        world.s3.objects[key(f"{name}.json")] = b'{"of": "1111"}'.ljust(30 * 1024 * 1024)
    world.handle()
    assert "`three` has no plan:" in world.comment
    assert "PLANS one@1111 two@1111" in world.comment


def test_no_stack_changes(world: World) -> None:
    world.ended(stacks=[{"name": "payments", "status": "unchanged", "reason": ""}])
    world.handle()
    assert "The build says that no stack changes" in world.comment
    assert FAILED not in world.comment


def test_what_a_reviewer_must_know_beside_the_plans(world: World) -> None:
    world.pulls.merge_base = SECOND
    world.ended(compared=False, stacks=[{"name": "payments", "status": "planned", "reason": ""},
                                        {"name": "shop", "status": "removed", "reason": ""}])  # fmt: skip
    world.handle()
    assert "**No longer made: `shop`.**" in world.comment
    assert "lacks commits of its destination" in world.comment
    assert "The destination could not be synthesized" in world.comment


@pytest.mark.parametrize("merge_base", [MAIN, None])
def test_a_branch_that_is_up_to_date_is_not_said_to_lack_anything(world: World, merge_base: str | None) -> None:
    world.pulls.merge_base = merge_base
    world.ended()
    world.handle()
    assert "lacks commits" not in world.comment
    assert "could not be synthesized" not in world.comment
    assert "No longer made" not in world.comment


def test_what_a_build_says_stays_a_quotation(world: World) -> None:
    """No fence of its own, no escape sequence, no direction mark ends it; of much its end stays, where errors are."""
    reason = "x" * 3900 + "```\n# Approved\n\x1b[31m\u202e[link](https://example.com)"
    names = [f"p{i}" for i in range(9)]
    stacks = [{"name": name, "status": "failed", "reason": reason} for name in names]
    world.ended(status="FAILED", stacks=stacks)
    world.handle()
    assert len(world.comment) <= LIMIT
    fences = [line for line in world.comment.splitlines() if "```" in line]
    assert set(fences) == {"```"}
    assert len(fences) % 2 == 0
    assert "'''\n# Approved\n[link]" in world.comment
    assert "more; the log has them." in world.comment
    assert "[The build's log](" in world.comment


def test_a_name_in_a_forged_result_is_no_markdown_of_ours(world: World) -> None:
    world.ended()
    world.s3.objects[key("result.json")] = result(**{"**Approved** [read this](https://example.com) @all": 1})
    world.handle()
    lines = world.comment.splitlines()
    [number] = [number for number, line in enumerate(lines) if "**Approved**" in line]
    assert "```" in (lines[number - 1], lines[number + 1])
    assert world.comment[: world.comment.index("**Approved**")].count("```") == 1


def test_a_reviews_characters_outside_the_bmp_count_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.render, "markdown", lambda judged, limit, link: "\U0001f9e8" * limit)
    world.ended()
    assert world.handle() == "posted"
    assert len(world.comment.encode("utf-16-le")) // 2 <= LIMIT


# Events and answers that must not be.


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"project-name": "another"}, "detail.project-name"),
        ({"build-id": f"arn:aws:codebuild:eu-central-1:123456789012:build/another:{BUILD}"}, "detail.build-id"),
        ({"build-id": f"arn:aws:codebuild:eu-central-1:123456789012:build/{PROJECT}:x"}, "a build's id"),
        ({"build-id": ""}, "detail.build-id"),
    ],
)
def test_events_of_others_are_refused(world: World, detail: dict[str, str], said: str) -> None:
    world.ended()
    with pytest.raises(MalformedError, match=said):
        world.handle(**detail)
    assert not world.pulls.comments


@pytest.mark.parametrize("event", [None, [], {}, {"source": "aws.codebuild"}, {"source": "aws.codebuild", "detail": 1}])
def test_what_is_no_event_is_refused(world: World, event: Any) -> None:
    with pytest.raises(MalformedError):
        OurBuilds(Strict("codebuild", world.builds), PROJECT).of_event(event)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"buildStatus": "IN_PROGRESS"}, "buildStatus"),
        ({"sourceVersion": "refs/heads/x"}, "sourceVersion"),
        ({"sourceVersion": None}, "sourceVersion"),
        ({"projectName": "another"}, "projectName"),
        ({"startTime": None}, "startTime"),
        ({"environment": {"environmentVariables": []}}, "PULL_REQUEST"),
        ({"environment": {"environmentVariables": [{"name": "PULL_REQUEST", "value": "17 x"}]}}, "PULL_REQUEST"),
    ],
)
def test_a_build_of_which_too_little_is_known(world: World, change: dict[str, Any], said: str) -> None:
    world.ended()
    world.builds.known[f"{PROJECT}:{BUILD}"] |= change
    with pytest.raises(MalformedError, match=said):
        world.handle()
    assert not world.pulls.comments


def test_a_build_that_nobody_knows_any_more(world: World) -> None:
    with pytest.raises(MalformedError, match="knows no build"):
        world.handle()


def test_a_pull_request_of_another_repository(world: World) -> None:
    world.pulls.repository = "another"
    world.ended()
    with pytest.raises(MalformedError, match="none of infrastructure"):
        world.handle()


def test_a_log_link_that_would_leave_its_brackets_is_left_out(world: World) -> None:
    world.ended(status="FAILED")
    world.builds.known[f"{PROJECT}:{BUILD}"]["logs"]["deepLink"] = "https://x/) [approved](https://example.com"
    world.handle()
    assert "approved" not in world.comment


def test_an_error_of_s3_is_no_missing_result(world: World) -> None:
    world.ended()
    world.s3.faults["result.json"] = ["AccessDenied"]
    with pytest.raises(ClientError, match="AccessDenied"):
        world.handle()
    assert not world.pulls.comments
    assert s3_error("AccessDenied", "GetObject").operation_name == "GetObject"


def test_times_are_utc(world: World) -> None:
    world.ended()
    local = STARTED.astimezone(timezone(timedelta(hours=5)))
    world.builds.known[f"{PROJECT}:{BUILD}"]["startTime"] = local
    world.handle()
    assert "build of 2026-11-23T03:00:00Z" in world.comment
