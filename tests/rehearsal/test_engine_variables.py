"""``#{...}``: what is put in its place, and what CodePipeline does not take."""

from __future__ import annotations

from typing import Any

import pytest

from tools.rehearse.described import Action, Pipeline, Stage
from tools.rehearse.variables import VariableError, conflicts, mistakes, output, resolve

KNOWN = {
    "codepipeline": {"PipelineExecutionId": "1234"},
    "Source": {"CommitId": "abcd", "CommitMessage": 'say "no"'},
    "git-secrets": {"SUMMARY": "nothing found", "EMPTY": ""},
}


def test_references_are_replaced_wherever_they_stand() -> None:
    given = {"A": "#{Source.CommitId}/#{codepipeline.PipelineExecutionId}", "B": "#{git-secrets.SUMMARY}", "C": "plain"}
    assert resolve(given, KNOWN) == {"A": "abcd/1234", "B": "nothing found", "C": "plain"}


def test_a_value_is_not_resolved_again() -> None:
    assert resolve({"A": "#{X.Y}"}, {"X": {"Y": "#{Source.CommitId}"}, **KNOWN}) == {"A": "#{Source.CommitId}"}


def test_a_value_stands_in_json_as_it_is() -> None:
    assert resolve({"A": '{"m": "#{Source.CommitMessage}"}'}, KNOWN) == {"A": '{"m": "say "no""}'}


def test_an_empty_value_is_a_value() -> None:
    assert resolve({"A": "<#{git-secrets.EMPTY}>"}, KNOWN) == {"A": "<>"}


@pytest.mark.parametrize(
    "reference", ["#{Nobody.KEY}", "#{Source.Nothing}", "#{source.CommitId}", "#{Source.commitid}"]
)
def test_what_nobody_has_produced_cannot_be_resolved(reference: str) -> None:
    with pytest.raises(VariableError, match="cannot be resolved"):
        resolve({"A": f"x {reference}"}, KNOWN)


def test_a_field_has_1000_characters_as_written() -> None:
    long = {"Source": {"CommitId": "y" * 5000}}
    written = "#{Source.CommitId}"
    text = written + "x" * (1000 - len(written))
    assert len(resolve({"A": text}, long)["A"]) == 5000 + 1000 - len(written)
    with pytest.raises(VariableError, match="1001 characters"):
        resolve({"A": text + "x"}, long)


def test_all_of_a_resolved_configuration_has_100_kilobytes() -> None:
    known = {"Source": {"A": "x" * 51_200, "B": "x" * 51_201}}
    assert resolve({"A": "#{Source.A}", "B": "#{Source.A}"}, known)
    with pytest.raises(VariableError, match="102401 bytes"):
        resolve({"A": "#{Source.A}", "B": "#{Source.B}"}, known)


def test_output_variables_have_names_and_a_size() -> None:
    assert output({"A": "x" * 122_879}) == {"A": "x" * 122_879}
    with pytest.raises(VariableError, match="122881 bytes"):
        output({"A": "x" * 122_880})
    with pytest.raises(VariableError, match="no name"):
        output({"A.B": "x"})


def action(name: str, order: int = 1, namespace: str = "", text: str = "", outputs: tuple[str, ...] = ()) -> Action:
    return Action(name, "Build", "CodeBuild", order, namespace, {"T": text}, (), outputs)


def pipeline(*stages: list[Any]) -> Pipeline:
    declared = tuple(Stage(f"S{number}", tuple(actions)) for number, actions in enumerate(stages, 1))
    return Pipeline("p", "arn", "role", "QUEUED", {"BRANCH": "x"}, declared, "bucket", "")


def test_references_to_what_has_run_before_are_no_mistakes() -> None:
    used = "#{A.X} #{codepipeline.PipelineExecutionId} #{variables.BRANCH}"
    assert list(mistakes(pipeline([action("a", 1, "A"), action("b", 2, text=used)], [action("c", text=used)]))) == []


@pytest.mark.parametrize(
    "stages",
    [
        [[action("a", 1, "A"), action("b", 1, text="#{A.X}")]],
        [[action("a", 1, "A", text="#{A.X}")]],
        [[action("a", 2, "A"), action("b", 1, text="#{A.X}")]],
        [[action("b", text="#{A.X}")], [action("a", 1, "A")]],
        [[action("b", text="#{Nobody.X}")]],
    ],
)
def test_a_reference_to_what_may_not_have_run_is_a_mistake(stages: list[Any]) -> None:
    assert len(list(mistakes(pipeline(*stages)))) == 1


@pytest.mark.parametrize("namespace", ["A", "codepipeline", "variables"])
def test_a_namespace_is_of_one_action_alone(namespace: str) -> None:
    found = list(mistakes(pipeline([action("a", 1, "A")], [action("b", 1, namespace)])))
    assert found == [f"S2/b: the namespace {namespace} is used twice"]


def test_a_namespace_named_as_an_artifact_is_a_conflict() -> None:
    assert conflicts(pipeline([action("a", 1, "A", outputs=("A",)), action("b", 1, "B", outputs=("C",))])) == ["A"]
