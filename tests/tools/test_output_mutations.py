"""Mutants of the output are what they claim to be, and a mutant that no test notices is counted as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.mutate_output import Judged, table, verdict
from tools.output_mutations import REMOVED, Mutant, apply, at, mutants

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(emit_once: Any) -> dict[str, Mutant]:
    stacks = emit_once(ROOT / "tests" / "settings" / "full.yaml").stacks
    return {mutant.name: mutant for stack, content in stacks.items() for mutant in mutants(stack, content)}


def test_a_copy_is_changed_in_one_place() -> None:
    content = {"a": [{"b": 1}, {"b": 2}], "c": {"d": "e"}}
    assert apply(content, ("a", 1, "b"), 3) == {"a": [{"b": 1}, {"b": 3}], "c": {"d": "e"}}
    assert apply(content, ("a", 0), REMOVED) == {"a": [{"b": 2}], "c": {"d": "e"}}
    assert apply(content, ("c", "d"), REMOVED) == {"a": [{"b": 1}, {"b": 2}], "c": {}}
    assert apply(content, ("c", "new"), True) == {"a": [{"b": 1}, {"b": 2}], "c": {"d": "e", "new": True}}
    assert content == {"a": [{"b": 1}, {"b": 2}], "c": {"d": "e"}}


def test_every_mutant_changes_its_place_and_nothing_else(full: Any, found: dict[str, Mutant]) -> None:
    assert len(found) > 3000
    for mutant in found.values():
        content = full.stacks[mutant.stack]
        changed = apply(content, mutant.path, mutant.value)
        assert changed != content, mutant.name
        parent, last = mutant.path[:-1], mutant.path[-1]
        before, after = at(content, parent), at(changed, parent)
        if mutant.value is REMOVED and isinstance(last, int):
            assert after == [*before[:last], *before[last + 1 :]], mutant.name
        else:
            assert {k: v for k, v in steps(after).items() if k != last} == {
                k: v for k, v in steps(before).items() if k != last
            }
            assert (last not in steps(after)) if mutant.value is REMOVED else (after[last] == mutant.value), mutant.name
        assert apply(changed, parent, before) == content, mutant.name


def steps(content: Any) -> dict[Any, Any]:
    return dict(enumerate(content)) if isinstance(content, list) else dict(content)


# One for each property that the task of this test names, read from the output by a person.
KNOWN = [
    "foundation: aws_kms_key.key.enable_key_rotation -> false",
    "foundation: aws_s3_bucket_public_access_block.reports_public_access.block_public_policy -> false",
    "foundation: aws_s3_bucket_server_side_encryption_configuration.artifacts_encryption -> removed",
    "foundation: reports_policy_document.statement.[OnlyTheImporterJudges] -> removed",
    "foundation: reports_policy_document.statement.[OnlyTheImporterJudges].effect -> Allow",
    "foundation: artifacts_policy_document.statement.[OnlyTheKey].condition.[s3:x-amz-server-side-encryption-aws-kms-key-id"
    " StringNotEquals] -> removed",
    "payments: Build_image_trust.statement.[AssumedByService].condition.[aws:SourceAccount StringEquals] -> removed",
    "payments: aws_codebuild_project.Verify_grype.environment.privileged_mode -> true",
    "payments: Publish_push_permissions.statement.[Push] -> removed",
    "payments: Publish_push_permissions.statement.[Push].actions.[ecr:PutImage] -> ecr:*",
    "payments: aws_codepipeline.pipeline.stage.[Publish].action.[guard] -> removed",
    "payments: aws_codepipeline.pipeline.stage.[Publish].action.[guard].run_order -> 4",
    "payments: aws_codepipeline.pipeline.stage.[Verify].action.[grype] -> removed",
    "payments: aws_codepipeline.pipeline.stage.[Staging].action.[approve] -> removed",
    "payments: aws_codepipeline.pipeline.stage.[Source].action.[Source].configuration.PollForSourceChanges -> true",
    "payments: aws_ecr_repository.registry.image_tag_mutability -> MUTABLE",
    "payments: aws_codebuild_project.Verify_grype.source.buildspec.build[- python3 /opt/pipeline/grype.py] -> || true",
    "payments: provider.aws.0.allowed_account_ids -> removed",
    "findings: aws_lambda_permission.importer_from_ecr_scan_event.source_arn -> removed",
    "findings: aws_cloudwatch_event_rule.branch_deleted.event_pattern.resources -> removed",
    "governance: terraform.backend.s3.use_lockfile -> removed",
]


@pytest.mark.parametrize("name", KNOWN)
def test_known_places_are_weakened(found: dict[str, Mutant], name: str) -> None:
    assert name in found


def test_each_refusal_is_removed_and_turned_and_each_condition_removed(full: Any, found: dict[str, Mutant]) -> None:
    refusals = conditions = 0
    for stack, name, document in full.documents():
        for statement in document["statement"]:
            place = f"{stack}: {name}.statement.[{statement['sid']}]"
            assert f"{place} -> removed" in found
            if statement.get("effect") == "Deny":
                refusals += 1
                assert f"{place}.effect -> Allow" in found
            for condition in statement.get("condition", ()):
                conditions += 1
                assert f"{place}.condition.[{condition['variable']} {condition['test']}] -> removed" in found
    assert refusals > 10
    assert conditions > 50


def judged(*noticed: bool) -> list[Judged]:
    return [
        Judged(Mutant("kind", "stack", f"m{number}", (), None), "tests/x.py::test_y" if one else "", one)
        for number, one in enumerate(noticed)
    ]


def test_a_survivor_without_a_reason_fails_however_good_the_score() -> None:
    code, said = verdict(judged(*[True] * 99, False), {}, complete=True)
    assert code == 1
    assert said[0] == "not noticed: m99"
    assert said[-1].endswith("1 not, 1 of them without a reason: 99.0 %")
    assert verdict(judged(*[True] * 99, False), {"m99": "why"}, complete=True)[0] == 0


def test_reasons_do_not_lift_the_score() -> None:
    code, said = verdict(judged(*[True] * 9, False), {"m9": "why"}, complete=True)
    assert (code, said[-1][-6:]) == (1, "90.0 %")


def test_a_reason_whose_mutant_is_noticed_is_told_when_all_were_judged() -> None:
    assert verdict(judged(True), {"m0": "why"}, complete=False)[0] == 0
    code, said = verdict(judged(True), {"m0": "why"}, complete=True)
    assert code == 1
    assert "m0" in said[0]


def test_the_table_names_who_noticed() -> None:
    [line] = table(judged(True, False))
    assert line.split() == ["kind", "1", "of", "2", "test_y", "1"]


def test_the_runner_tells_what_is_noticed_from_what_is_not(tmp_path: Path) -> None:
    """The inventory of tests/stacks speaks of the key's rotation, and not of where the alias points."""
    rotation = "aws_kms_key.key.enable_key_rotation -> false"
    alias = "aws_kms_alias.key_alias.target_key_id"
    report = tmp_path / "report"
    command = [sys.executable, "-m", "tools.mutate_output", rotation, alias, "--jobs=1", f"--report={report}"]
    done = subprocess.run(
        [*command, "--tests", "tests/stacks/test_inventory.py"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "EMITTED"))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    results = {line["name"]: line for line in map(json.loads, report.read_text(encoding="utf-8").splitlines())}
    assert results[f"foundation: {rotation}"]["by"].startswith("tests/stacks/test_inventory.py::test_values")
    [survivor] = [line for name, line in results.items() if alias in name]
    assert survivor["by"] == ""
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"not noticed: {survivor['name']}" in done.stdout
