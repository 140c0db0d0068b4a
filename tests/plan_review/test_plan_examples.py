"""Plans of the real Terraform with the real AWS provider (tools/plan_examples.py), by class of risk: what is named ``caught_...``
is told, what is named ``near_...`` is not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from plan_review import render
from plan_review.findings import Kind
from plan_review.reading import read
from plan_review.review import Review, review
from tools import plan_examples
from tools.terraform_cli import TerraformMissingError, find

PLANS = Path(__file__).parents[1] / "plans"


def example(name: str) -> Review:
    return review([read(name, (PLANS / f"{name}.json").read_bytes())])


def names(addresses: Any, beginning: str) -> set[str]:
    """``aws_x.caught_one[0]`` -> ``aws_x.caught_one``."""
    return {address.split("[")[0] for address in addresses if address.split(".")[-1].startswith(beginning)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stateful", Kind.DESTROY),
        ("iam", Kind.IAM),
        ("public", Kind.PUBLIC),
        ("protection", Kind.PROTECTION),
        ("gates", Kind.GATE),
    ],
)
def test_what_is_risky_is_told_and_what_is_nearly_so_is_not(name: str, kind: Kind) -> None:
    document = json.loads((PLANS / f"{name}.json").read_bytes())
    addresses = [
        change["address"] for change in document["resource_changes"] if change["change"]["actions"] != ["no-op"]
    ]
    told = [finding.address for finding in example(name).findings if finding.kind is kind]
    assert names(told, "caught_") == names(addresses, "caught_")
    assert names([finding.address for finding in example(name).findings], "near_") == set()
    assert names(addresses, "near_"), "there is a near miss in the plan"


def texts(found: Review, kind: Kind) -> list[str]:
    return [render.render_table.line(finding.text) for finding in found.findings if finding.kind is kind]


def test_thresholds_and_waivers_in_words() -> None:
    found = example("policy")
    assert texts(found, Kind.GATE) == [
        "payments: who pushed a commit may approve it",
        "payments: Publish no longer asks for git-secrets source",
        "payments: grype fail_on high → critical",
        "payments: zap report_only false → true",
        "payments: git-secrets only_fixable false → true",
        "payments: git-secrets ungraded block → report",
    ]
    assert texts(found, Kind.WAIVER) == [
        "waiver of grype CVE-2026-1 is prolonged from 2027-01-31 until 2027-06-30; owner ana@example.com, reason not reachable",
        "waiver of grype CVE-2026-4 now holds everywhere or elsewhere, until 2027-01-31; owner ana@example.com, reason not reachable",
        "waiver of grype CVE-2026-5 is added, until 2027-01-31; owner ana@example.com, reason not reachable",
    ]


def test_every_shape_of_change_in_words() -> None:
    text = render.table(example("shapes"), width=120)
    assert example("shapes").risky is False
    for expected in (
        "renames terraform_data.old_name to terraform_data.new_name",
        "takes over what exists: terraform_data.taken_over",
        "leaves where it is, and no longer manages: terraform_data.forgotten",
        "replaces terraform_data.replaced, forced by triggers_replace",
        "replaces terraform_data.new_first, forced by triggers_replace",
        'destroys 3 terraform_data: counted[2], destroyed, keyed["a"]',
        'module.child.terraform_data.several["a"]',
        "adds the output added",
        "changes the output changed",
        "removes the output dropped",
        "Checks that fail: check.told",
        "<= data.terraform_remote_state.late",
        '+ terraform_data.keyed["d"]',
    ):
        assert expected in text, expected
    assert "terraform_data.kept" not in text


@pytest.mark.parametrize(
    ("name", "words"), [("errored", "Terraform failed while it made this plan"), ("targeted", "-target")]
)
def test_a_plan_that_is_not_whole_is_never_called_harmless(name: str, words: str) -> None:
    (finding,) = example(name).findings
    assert finding.kind is Kind.PLAN
    assert words in render.render_table.line(finding.text)


def test_no_secret_of_the_example_is_in_any_format() -> None:
    found = example("sensitive")
    assert "SECRET-" in (PLANS / "sensitive.json").read_text(encoding="utf-8")
    for text in (render.markdown(found), render.html(found), render.table(found)):
        assert "SECRET" not in text
    assert not found.risky


def test_a_pipeline_that_is_added_raises_nothing() -> None:
    """All stacks of this project, deployed to the emulator, planned with one more delivery in pipelines.yaml."""
    files = sorted((PLANS / "pipeline_added").glob("*.json"))
    assert [file.stem for file in files] == ["findings", "foundation", "governance", "payments", "shop"]
    found = review([read(file.stem, file.read_bytes()) for file in files])
    assert [render.render_table.line(finding.text) for finding in found.findings] == []
    assert "Unchanged: payments" in render.table(found)


def test_the_same_project_made_weaker_is_told() -> None:
    """The same, with a higher threshold, a waiver, and edits of the emitted Terraform."""
    found = review([read(file.stem, file.read_bytes()) for file in sorted((PLANS / "made_weaker").glob("*.json"))])
    told = {(finding.kind.name, finding.stack, finding.address) for finding in found.findings}
    assert {
        ("DESTROY", "payments", "aws_ecr_repository.registry"),
        ("PUBLIC", "foundation", "aws_s3_bucket_public_access_block.reports_public_access"),
        ("PROTECTION", "payments", "aws_cloudwatch_metric_alarm.event_dead_letters_alarm"),
        ("PROTECTION", "payments", "aws_cloudwatch_log_group.Build_git-secrets_logs"),
        ("GATE", "payments", "aws_codepipeline.pipeline"),
        ("GATE", "findings", "output.policy"),
        ("WAIVER", "findings", "output.policy"),
    } <= told
    assert [finding.kind for finding in found.findings] == sorted(finding.kind for finding in found.findings)


def test_no_path_of_a_machine_is_in_an_example() -> None:
    for file in PLANS.rglob("*.json"):
        text = file.read_text(encoding="utf-8")
        # Builds work in /tmp of their own container: the commands in a pipeline's plan name it.
        places = "home|work|root|Users" + ("|tmp" if file.parent == PLANS else "")
        found = re.search(f"/({places})/", text)
        assert not found, f"{file.name} holds {found and found[0]}"
        assert str(Path(__file__).resolve().parents[2]) not in text, f"{file.name} holds this checkout's path"


def test_every_example_has_its_configuration() -> None:
    assert sorted(file.stem for file in PLANS.glob("*.json")) == plan_examples.names()


@pytest.mark.parametrize("name", ["shapes", "iam"])
def test_terraform_still_plans_the_example_so(
    name: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The review of what Terraform plans here and now is the review of what is checked in."""
    try:
        terraform = find(tmp_path_factory.mktemp("terraform"))
    except TerraformMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error}: needed on CI")
        pytest.skip(str(error))
    fresh = plan_examples.make(name, terraform, tmp_path)
    assert render.markdown(review([read(name, json.dumps(fresh).encode())])) == render.markdown(example(name))
