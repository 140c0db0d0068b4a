"""Who waits for whom: stages, run orders, the two modes of a pipeline."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tools.rehearse.answers import RefusedError
from tools.rehearse.described import NotRehearsedError


def until(condition: Any, seconds: float = 10) -> None:
    wait = threading.Event()
    for _ in range(int(seconds * 100)):
        if condition():
            return
        wait.wait(0.01)
    raise AssertionError("it has not come to that")


def inside(codepipeline: Any, execution: str) -> str:
    return next(one for one in codepipeline.executions("engine-pipeline-of-shop") if one.id == execution).stage


def asked(codepipeline: Any, execution: str) -> set[str]:
    """Actions of an execution that have asked so far."""
    return {one.action for one in codepipeline.world.approvals.all() if one.execution == execution}


@pytest.mark.parametrize("mode", ["SUPERSEDED", "QUEUED"])
def test_a_stage_holds_one_execution_and_the_next_is_in_the_stage_before(
    approvals_only: Any, pieces: Any, answer: Any, mode: str
) -> None:
    codepipeline = approvals_only(mode, One=[pieces.approval("one")], Two=[pieces.approval("two")])
    first = codepipeline.start(pieces.name)
    answer(codepipeline, first, "one")
    until(lambda: inside(codepipeline, first) == "Two")
    second = codepipeline.start(pieces.name)
    until(lambda: inside(codepipeline, second) == "One")
    answer(codepipeline, second, "one")
    until(lambda: [one.action.name for one in codepipeline.execution(pieces.name, second).runs if one.ended] == ["one"])
    assert asked(codepipeline, second) == {"one"}
    answer(codepipeline, first, "two")
    assert codepipeline.wait(first, 10).status == "Succeeded"
    answer(codepipeline, second, "two")
    assert codepipeline.wait(second, 10).status == "Succeeded"


def test_superseded_a_newer_execution_takes_the_place_of_one_that_waits(
    approvals_only: Any, pieces: Any, answer: Any
) -> None:
    watched = pieces.watched()
    codepipeline = approvals_only("SUPERSEDED", watched, One=[pieces.approval("one")])
    first, second, third = (codepipeline.start(pieces.name) for _ in range(3))
    assert codepipeline.wait(second, 10).status == "Superseded"
    answer(codepipeline, first, "one")
    assert codepipeline.wait(first, 10).status == "Succeeded"
    answer(codepipeline, third, "one")
    assert codepipeline.wait(third, 10).status == "Succeeded"
    assert codepipeline.execution(pieces.name, second).runs == []
    ends = {one.execution: one.status for one in watched.seen if one.kind == "execution ended"}
    assert ends == {first: "Succeeded", second: "Superseded", third: "Succeeded"}


def test_superseded_one_that_runs_is_left_alone(approvals_only: Any, pieces: Any, answer: Any) -> None:
    codepipeline = approvals_only("SUPERSEDED", One=[pieces.approval("one")], Two=[pieces.approval("two")])
    first = codepipeline.start(pieces.name)
    answer(codepipeline, first, "one")
    second = codepipeline.start(pieces.name)
    answer(codepipeline, second, "one")
    until(lambda: "two" in asked(codepipeline, first))
    third = codepipeline.start(pieces.name)
    answer(codepipeline, third, "one")  # now it stands in front of Two, where the second waits
    assert codepipeline.wait(second, 10).status == "Superseded"
    answer(codepipeline, first, "two")
    assert codepipeline.wait(first, 10).status == "Succeeded"
    answer(codepipeline, third, "two")
    assert codepipeline.wait(third, 10).status == "Succeeded"


def test_queued_nobody_overtakes(approvals_only: Any, pieces: Any, answer: Any) -> None:
    codepipeline = approvals_only("QUEUED", One=[pieces.approval("one")])
    started = [codepipeline.start(pieces.name) for _ in range(4)]
    for number, execution in enumerate(started):
        answer(codepipeline, execution, "one")
        assert codepipeline.wait(execution, 10).status == "Succeeded"
        assert not any(asked(codepipeline, later) for later in started[number + 2 :])


def test_queued_takes_50_at_once(approvals_only: Any, pieces: Any, answer: Any) -> None:
    codepipeline = approvals_only("QUEUED", One=[pieces.approval("one")])
    first, *_ = [codepipeline.start(pieces.name) for _ in range(50)]
    with pytest.raises(RefusedError) as refused:
        codepipeline.start(pieces.name)
    assert refused.value.code == "ConcurrentPipelineExecutionsLimitExceededException"
    answer(codepipeline, first, "one")
    codepipeline.wait(first, 10)
    codepipeline.start(pieces.name)


def test_a_failure_ends_the_execution_and_releases_the_stage(approvals_only: Any, pieces: Any, answer: Any) -> None:
    codepipeline = approvals_only("SUPERSEDED", One=[pieces.approval("one")], Two=[pieces.approval("two")])
    first, second = codepipeline.start(pieces.name), codepipeline.start(pieces.name)
    answer(codepipeline, first, "one", "Rejected")
    ended = codepipeline.wait(first, 10)
    assert (ended.status, ended.stage) == ("Failed", "")
    assert ended.why.startswith("One: one: Rejected by arn:aws:iam::123456789012:user/zoe")
    answer(codepipeline, second, "one")
    answer(codepipeline, second, "two")
    assert codepipeline.wait(second, 10).status == "Succeeded"


def test_one_run_order_runs_at_once_and_the_next_after_all_of_it(approvals_only: Any, pieces: Any, answer: Any) -> None:
    actions = [pieces.approval("later", 2), pieces.approval("left"), pieces.approval("right")]
    codepipeline = approvals_only("SUPERSEDED", One=actions)
    execution = codepipeline.start(pieces.name)
    until(lambda: asked(codepipeline, execution) == {"left", "right"})
    answer(codepipeline, execution, "left")
    until(lambda: any(one.ended for one in codepipeline.execution(pieces.name, execution).runs))
    assert "later" not in asked(codepipeline, execution)
    answer(codepipeline, execution, "right")
    answer(codepipeline, execution, "later")
    assert codepipeline.wait(execution, 10).status == "Succeeded"


def test_a_failed_action_lets_its_neighbours_end_and_nothing_after_them_begin(
    approvals_only: Any, pieces: Any, answer: Any
) -> None:
    actions = [pieces.approval("left"), pieces.approval("right"), pieces.approval("later", 2)]
    codepipeline = approvals_only("SUPERSEDED", One=actions, Two=[pieces.approval("two")])
    execution = codepipeline.start(pieces.name)
    answer(codepipeline, execution, "left", "Rejected")
    answer(codepipeline, execution, "right")
    ended = codepipeline.wait(execution, 10)
    assert ended.status == "Failed"
    assert {one.action.name: one.outcome.status for one in ended.runs} == {"left": "Failed", "right": "Succeeded"}


def test_the_same_request_twice_is_one_execution(approvals_only: Any, pieces: Any) -> None:
    codepipeline = approvals_only("QUEUED", One=[pieces.approval("one")])
    first = codepipeline.start(pieces.name, token="a")
    assert codepipeline.start(pieces.name, token="a") == first
    assert codepipeline.start(pieces.name, token="b") != first
    assert codepipeline.start(pieces.name) != codepipeline.start(pieces.name)


def test_a_watcher_that_breaks_does_not_let_anything_pass(approvals_only: Any, pieces: Any, answer: Any) -> None:
    class Breaks:
        def saw(self, seen: Any) -> None:
            if seen.kind == "action ended":
                raise OSError("no terminal")

    codepipeline = approvals_only("QUEUED", Breaks(), One=[pieces.approval("one")])
    execution = codepipeline.start(pieces.name)
    answer(codepipeline, execution, "one")
    ended = codepipeline.wait(execution, 10)
    assert (ended.status, ended.why) == ("Failed", "One: one: OSError: no terminal")


def test_a_mistaken_declaration_does_not_begin(approvals_only: Any, pieces: Any) -> None:
    with pytest.raises(NotRehearsedError, match="not produced before"):
        approvals_only("QUEUED", One=[pieces.approval("one", CustomData="#{Nobody.X}")])


def test_waiting_has_an_end(approvals_only: Any, pieces: Any) -> None:
    codepipeline = approvals_only("QUEUED", One=[pieces.approval("one")])
    with pytest.raises(TimeoutError, match="is in One"):
        codepipeline.wait(codepipeline.start(pieces.name), 0.3)
