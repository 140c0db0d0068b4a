"""Plans of the real Terraform with the real AWS provider (tools/plan_examples.py), by class of risk: what is named ``caught_...``
is told, what is named ``near_...`` is not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plan_review import cli, render
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


def stacks(case: str) -> dict[str, Any]:
    """Plans of this project's own stacks (tools/plan_stacks.py), by stack."""
    return {file.stem: json.loads(file.read_bytes()) for file in sorted((PLANS / case).glob("*.json"))}


def together(plans: dict[str, Any]) -> Review:
    return review([read(name, json.dumps(plan).encode()) for name, plan in plans.items()])


ADDED = {"delivery_added": "shop", "scan_added": "tools"}


@pytest.mark.parametrize("case", ADDED)
def test_a_pipeline_that_is_added_raises_nothing(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All stacks, with everything account-wide managed, deployed to the emulator and planned with one pipeline more."""
    found = together(stacks(case))
    assert [render.render_table.line(finding.text) for finding in found.findings] == []
    assert "Unchanged: libraries, payments" in render.table(found)
    assert cli.main([str(file) for file in sorted((PLANS / case).glob("*.json"))]) == cli.NOTHING
    assert "nothing risky found" in capsys.readouterr().out


@pytest.mark.parametrize("case", ADDED)
def test_what_is_planned_is_one_pipeline_more(case: str) -> None:
    before, after = (yaml.safe_load((PLANS / "stacks" / f"{name}.yaml").read_text()) for name in ("before", case))
    added = after["pipelines"].pop(ADDED[case])
    assert after == before
    assert sorted(stacks(case)) == sorted(
        ["findings", "foundation", "governance", "libraries", "payments", ADDED[case]]
    )
    assert {one["kind"] for one in before["pipelines"].values()} == {"delivery", "scan"}
    if added["kind"] == "delivery":
        assert {added[stage]["access"] for stage in ("staging", "production")} == {"edit-policy"}
    types = {change["type"] for plan in stacks(case).values() for change in plan["resource_changes"]}
    assert {
        "aws_codepipeline",
        "aws_iam_role_policy",
        "aws_cloudwatch_metric_alarm",
        "aws_cloudwatch_dashboard",
    } <= types


def attribute(plans: dict[str, Any], stack: str, address: str) -> dict[str, Any]:
    """What an object is to be."""
    [found] = [one for one in plans[stack]["resource_changes"] if one["address"] == address]
    after: dict[str, Any] = found["change"]["after"]
    return after


def _cluster(plans: dict[str, Any]) -> None:
    attribute(plans, "shop", "aws_eks_access_policy_association.Production_access_policy")["access_scope"] = [
        {"type": "cluster", "namespaces": None}
    ]


def _kube_system(plans: dict[str, Any]) -> None:
    association = attribute(plans, "shop", "aws_eks_access_policy_association.Staging_access_policy")
    association["access_scope"][0]["namespaces"].append("kube-system")


def _exempted(plans: dict[str, Any]) -> None:
    rule = attribute(plans, "governance", "aws_config_config_rule.rule_codebuild-project-environment-privileged-check")
    rule["input_parameters"] = rule["input_parameters"].replace("acme-shop-image", "acme-shop-image,acme-payments-push")


def _unheard(plans: dict[str, Any]) -> None:
    rule = attribute(plans, "governance", "aws_cloudwatch_event_rule.stage_failed")
    rule["event_pattern"] = rule["event_pattern"].replace('"acme-payments",', "")


def _expired(plans: dict[str, Any]) -> None:
    lifecycle = attribute(plans, "foundation", "aws_s3_bucket_lifecycle_configuration.artifacts_lifecycle")
    [rule] = [one for one in lifecycle["rule"] if one["id"] == "expire-acme-payments"]
    rule["expiration"][0]["days"] = 1


def _other_pipelines(plans: dict[str, Any]) -> None:
    policy = attribute(plans, "findings", "aws_iam_role_policy.importer_policy")
    policy["policy"] = policy["policy"].replace(
        "eu-central-1:123456789012:acme-shop", "eu-central-1:123456789012:acme-*"
    )


HIDDEN = {
    "the whole cluster": (_cluster, Kind.IAM), "another namespace": (_kube_system, Kind.IAM),
    "another exemption": (_exempted, Kind.PROTECTION), "a pipeline less is heard of": (_unheard, Kind.PROTECTION),
    "another's artifacts end": (_expired, Kind.PROTECTION), "all pipelines may be asked about": (_other_pipelines, Kind.IAM),
}  # fmt: skip


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_hides_beside_a_new_pipeline_is_told(hidden: str) -> None:
    hide, kind = HIDDEN[hidden]
    plans = stacks("delivery_added")
    hide(plans)
    assert [finding.kind for finding in together(plans).findings] == [kind]


def test_the_same_project_made_weaker_is_told() -> None:
    """The same, with a higher threshold, a waiver, a second deployer and more, and with edits of the emitted Terraform."""
    found = together(stacks("made_weaker"))
    told = {(finding.kind.name, finding.stack, finding.address) for finding in found.findings}
    assert {
        ("DESTROY", "payments", "aws_ecr_repository.registry"),
        ("IAM", "payments", "aws_eks_access_policy_association.Staging_access_policy"),
        ("IAM", "payments", "aws_eks_access_policy_association.Production_access_policy"),
        ("PUBLIC", "foundation", "aws_s3_bucket_public_access_block.reports_public_access"),
        ("PROTECTION", "foundation", "aws_s3_bucket_lifecycle_configuration.reports_lifecycle"),
        ("PROTECTION", "governance", "aws_cloudtrail.trail"),
        ("PROTECTION", "governance", "aws_cloudwatch_log_metric_filter.audit_role-changed"),
        ("PROTECTION", "governance", "aws_cloudwatch_metric_alarm.audit_approval-overridden_alarm"),
        ("PROTECTION", "governance", "aws_cloudwatch_metric_alarm.audit_bucket-changed_alarm"),
        ("PROTECTION", "governance", "aws_config_config_rule.rule_cloud-trail-log-file-validation-enabled"),
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
