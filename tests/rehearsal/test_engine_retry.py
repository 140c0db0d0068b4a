"""A failed stage is tried again, an execution is stopped, and the pipeline's state says so: as AWS's pages have it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refused(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**given)
    return str(error.value.response["Error"]["Code"])


def states(engine: Any, pieces: Any) -> dict[str, str]:
    """Stage -> status of its latest execution, "" for none."""
    answer = engine.aws.get_pipeline_state(name=pieces.name)
    return {one["stageName"]: one.get("latestExecution", {}).get("status", "") for one in answer["stageStates"]}


@pytest.fixture
def once(engine: Any, pieces: Any, git: Any) -> Any:
    """Source, then two builds at once and a third: `bad` fails until it is mended."""
    git.commit("first", a_txt="1")
    made = engine(
        Source=[pieces.source],
        Build=[pieces.build("good"), pieces.build("bad"), pieces.build("after", order=2)],
        Last=[pieces.build("last")],
    )
    broken = [True]

    def result(facts: Any) -> Any:
        return pieces.broken(facts) if facts.action == "bad" and broken[0] else pieces.passed(facts)

    made.builds.results["engine-build"] = result
    made.mend = lambda: broken.clear() or broken.append(False)
    made.ran = lambda: [one["facts"].action for one in made.builds.asked]
    return made


@pytest.mark.parametrize(
    ("mode", "again"),
    [("FAILED_ACTIONS", ["bad", "after", "last"]), ("ALL_ACTIONS", ["bad", "good", "after", "last"])],
)
def test_a_retry_goes_on_from_the_stage_that_failed(once: Any, pieces: Any, mode: str, again: list[str]) -> None:
    execution = once.start()
    assert once.codepipeline.wait(execution, pieces.seconds).status == "Failed"
    assert sorted(once.ran()) == ["bad", "good"]
    assert states(once, pieces) == {"Source": "Succeeded", "Build": "Failed", "Last": ""}
    once.mend()
    place = {"pipelineName": pieces.name, "stageName": "Build", "pipelineExecutionId": execution, "retryMode": mode}
    assert once.aws.retry_stage_execution(**place)["pipelineExecutionId"] == execution
    ended = once.codepipeline.wait(execution, pieces.seconds)
    assert (ended.status, ended.attempt) == ("Succeeded", 2)
    ran = once.ran()[2:]
    assert (sorted(ran[:-2]), ran[-2:]) == (sorted(again[:-2]), again[-2:])
    assert states(once, pieces) == {"Source": "Succeeded", "Build": "Succeeded", "Last": "Succeeded"}
    # The history of both attempts stays; the latest comes first.
    details = once.aws.list_action_executions(pipelineName=pieces.name, filter={"pipelineExecutionId": execution})
    bad = [one["status"] for one in details["actionExecutionDetails"] if one["actionName"] == "bad"]
    assert bad == ["Succeeded", "Failed"]
    assert refused(once.aws.retry_stage_execution, **place) == "StageNotRetryableException"


def test_what_cannot_be_retried_is_refused(once: Any, pieces: Any) -> None:
    first, second = (once.start() for _ in range(2))
    for execution in (first, second):
        once.codepipeline.wait(execution, pieces.seconds)
    place = {
        "pipelineName": pieces.name,
        "stageName": "Build",
        "pipelineExecutionId": second,
        "retryMode": "ALL_ACTIONS",
    }
    call = once.aws.retry_stage_execution
    assert refused(call, **{**place, "stageName": "Nowhere"}) == "StageNotFoundException"
    assert refused(call, **{**place, "stageName": "Source"}) == "StageNotRetryableException"
    assert refused(call, **{**place, "pipelineName": "another"}) == "PipelineNotFoundException"
    if once.codepipeline.execution(pieces.name, first).status == "Failed":  # else superseded by the second
        assert refused(call, **{**place, "pipelineExecutionId": first}) == "NotLatestPipelineExecutionException"


def held(once: Any, pieces: Any) -> tuple[threading.Event, threading.Event]:
    """Builds that wait: (one has begun, let them end)."""
    begun, go = threading.Event(), threading.Event()

    def result(facts: Any) -> Any:
        begun.set()
        assert go.wait(pieces.seconds)
        return pieces.passed(facts)

    once.builds.results["engine-build"] = result
    return begun, go


def test_stopping_waits_for_what_runs_and_begins_nothing(once: Any, pieces: Any) -> None:
    begun, go = held(once, pieces)
    execution = once.start()
    assert begun.wait(pieces.seconds)
    place = {"pipelineName": pieces.name, "pipelineExecutionId": execution}
    once.aws.stop_pipeline_execution(**place, reason="not today")
    assert once.aws.get_pipeline_execution(**place)["pipelineExecution"]["status"] == "Stopping"
    assert states(once, pieces)["Build"] == "Stopping"
    assert refused(once.aws.stop_pipeline_execution, **place) == "DuplicatedStopRequestException"
    go.set()
    ended = once.codepipeline.wait(execution, pieces.seconds)
    assert ended.status == "Stopped"
    assert "not today" in ended.why
    assert sorted(once.ran()) == ["bad", "good"]
    assert refused(once.aws.stop_pipeline_execution, **place) == "PipelineExecutionNotStoppableException"


def test_abandoning_waits_for_nothing(once: Any, pieces: Any) -> None:
    begun, go = held(once, pieces)
    execution = once.start()
    assert begun.wait(pieces.seconds)
    once.aws.stop_pipeline_execution(pipelineName=pieces.name, pipelineExecutionId=execution, abandon=True)
    try:
        assert once.codepipeline.wait(execution, pieces.seconds).status == "Stopped"
        assert {once.details(execution)[name]["status"] for name in ("good", "bad")} == {"Abandoned"}
    finally:
        go.set()


def test_an_approvals_token_stands_in_the_state(engine: Any, pieces: Any) -> None:
    made = engine(Ask=[pieces.approval("ask")])
    execution = made.start()
    assert made.codepipeline.world.approvals.wait(execution, pieces.seconds)
    ((action,),) = [one["actionStates"] for one in made.aws.get_pipeline_state(name=pieces.name)["stageStates"]]
    made.aws.put_approval_result(
        pipelineName=pieces.name, stageName="Ask", actionName="ask", token=action["latestExecution"]["token"],
        result={"status": "Approved", "summary": "read"},
    )  # fmt: skip
    assert made.codepipeline.wait(execution, pieces.seconds).status == "Succeeded"
    ((action,),) = [one["actionStates"] for one in made.aws.get_pipeline_state(name=pieces.name)["stageStates"]]
    assert "token" not in action["latestExecution"]
