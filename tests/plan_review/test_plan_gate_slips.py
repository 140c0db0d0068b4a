"""Gates that were once weakened without a word, and what a forged or damaged plan does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plan_builder import change, document, policy, reviewed

from plan_review import cli, render
from plan_review.findings import Kind

SOURCE = ("Source", [("src", "Source", "CodeCommit", {})])
SCANS = {"ProjectName": "scan"}
TARGET = {"ApplicationName": "app", "DeploymentGroupName": "production"}
APPROVAL = ("approval", "Approval", "Manual", {})
DEPLOY = ("deploy", "Deploy", "CodeDeploy", TARGET)


def pipeline(*production: Any, scan: Any = SCANS) -> dict[str, Any]:
    stages = [
        SOURCE,
        ("Scan", [("scan", "Build", "CodeBuild", scan)]),
        ("Production", production or (APPROVAL, DEPLOY)),
    ]
    return {
        "name": "p",
        "stage": [
            {
                "name": name,
                "action": [
                    {"name": a, "category": c, "provider": p, "run_order": number, "configuration": conf}
                    for number, (a, c, p, conf) in enumerate(actions, 1)
                ],
            }
            for name, actions in stages
        ],
    }


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


def test_a_deployment_under_another_name_still_waits_for_the_approval() -> None:
    renamed = ("ship", *DEPLOY[1:])
    assert kinds(change("aws_codepipeline", pipeline(), pipeline(renamed, APPROVAL))) == [Kind.GATE]
    assert kinds(change("aws_codepipeline", pipeline(), pipeline(APPROVAL, renamed))) == []


def test_a_pipeline_that_is_made_again_at_another_address_is_compared() -> None:
    gone = change("aws_codepipeline", pipeline(), None)
    assert kinds(gone, change("aws_codepipeline", None, pipeline(DEPLOY), name="y")) == [Kind.GATE]
    assert kinds(gone, change("aws_codepipeline", None, pipeline(), name="y")) == []


@pytest.mark.parametrize(
    "scan", [SCANS | {"EnvironmentVariables": '[{"name":"REPORT_ONLY"}]'}, {}], ids=["told-more", "none"]
)
def test_a_gate_that_is_told_more_or_does_not_say_what_it_runs(scan: Any) -> None:
    assert kinds(change("aws_codepipeline", pipeline(), pipeline(scan=scan))) == [Kind.GATE]


def test_a_gates_project_that_is_not_known_before_apply() -> None:
    unknown = {"stage": [{}, {"action": [{"configuration": {"ProjectName": True}}]}, {}]}
    assert kinds(change("aws_codepipeline", pipeline(), pipeline(scan={}), after_unknown=unknown)) == [Kind.GATE]


def build(**variables: str) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    return {"name": "acme-scan", "environment": [{"environment_variable": listed}]}


def test_a_build_that_judges_gets_a_switch_that_it_did_not_have() -> None:
    assert kinds(change("aws_codebuild_project", build(A="1"), build(A="1", REPORT_ONLY="true"))) == [Kind.GATE]
    assert kinds(change("aws_codebuild_project", build(A="1"), build(A="1", LANGUAGE="de"))) == []


def test_a_hash_that_stays_explains_no_new_package_where_no_policy_changes() -> None:
    guard = change(
        "aws_lambda_function", {"function_name": "guard", "source_code_hash": "1"}, {"function_name": "guard", "source_code_hash": "2"}
    )  # fmt: skip

    def output(before: Any, after: Any) -> dict[str, Any]:
        return {
            "actions": ["no-op" if before == after else "update"],
            "before": before,
            "after": after,
            "after_unknown": False,
        }

    old, new = ({"pipelines": {}, "waivers": [], "security_hub": side} for side in (False, True))
    code = output({"guard": "x"}, {"guard": "x"})
    assert kinds(guard, output_changes={"gate_code": code, "policy": output(old, old)}) == [Kind.GATE]
    assert kinds(guard, output_changes={"gate_code": code, "policy": output(old, new)}) == []


HUSHED = "hushed-VALUE-0123456789"


def test_a_secret_that_a_cut_goes_through_is_still_taken_out() -> None:
    marks = {"before_sensitive": {"other": True}, "after_sensitive": {"other": True}}
    long = "n" * 120 + HUSHED + "e" * 60
    named = reviewed(change("acme_x", {"name": "a", "other": HUSHED}, {"name": long, "other": HUSHED}, **marks))
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Resource": f"arn:aws:s3:::{long}"}
    statement["Condition"] = {"StringEquals": {f"aws:RequestTag/{HUSHED}": "x"}}
    allowed = reviewed(
        change("acme_x", {"policy": policy(), "other": HUSHED}, {"policy": policy(statement), "other": HUSHED}, **marks)
    )
    for review in (named, allowed):
        for text in (render.markdown(review), render.table(review), render.html(review)):
            assert HUSHED[:9].lower() not in text.lower()


DAMAGED = {
    "stage-name": change("aws_codepipeline", {"stage": [{"name": ["x"], "action": [], "before_entry": [1]}]}, {"stage": [{"name": ["x"], "action": []}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_what_no_plan_looks_like_is_unreadable_and_not_risky(name: str, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(document(DAMAGED[name])))
    assert cli.main([str(file)]) == cli.UNREADABLE
    assert "cannot be judged" in capsys.readouterr().err


def test_a_firewall_rule_whose_prefixes_are_not_known() -> None:
    rule = {"direction": "Inbound", "access": "Allow"}
    unknown = {"source_address_prefixes": True}
    assert kinds(change("azurerm_network_security_rule", None, rule, after_unknown=unknown)) == []


def test_a_link_that_leaves_no_room_is_said(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(document(change("aws_db_instance", {"id": "1"}, None))))
    link = "https://example.com/" + "a" * 300
    assert cli.main([str(file), "--format", "markdown", "--limit", "600", "--link", link]) == cli.UNREADABLE
    assert "too few" in capsys.readouterr().err


def test_a_build_that_judges_in_another_image() -> None:
    before, after, other = ({"name": name, "environment": [{"image": image}]} for name, image in (("acme-scan", "a"), ("acme-scan", "b"), ("acme-build", "a")))  # fmt: skip
    assert kinds(change("aws_codebuild_project", before, after)) == [Kind.GATE]
    assert kinds(change("aws_codebuild_project", other, {**other, "environment": [{"image": "b"}]})) == []


def test_rules_of_config_that_no_longer_hold_production() -> None:
    def held(*rules: str) -> str:
        return json.dumps({"pipelines": {}, "waivers": [], "hold_production": list(rules)})

    def output(before: str, after: str) -> dict[str, Any]:
        return {"policy": {"actions": ["update"], "before": before, "after": after, "after_unknown": False}}

    assert kinds(output_changes=output(held("a", "b"), held("a"))) == [Kind.GATE]
    assert kinds(output_changes=output(held("a"), held("b", "a"))) == []


def test_blocks_where_other_resources_have_names() -> None:
    """``rule`` is a name in one resource and a list of blocks in another; members may be anything."""
    blocks = change("acme_x", None, {"rule": [{"a": 1}], "bucket": "b", "policy": policy()})
    target = change("aws_cloudwatch_event_target", {"rule": ["r"]}, None)
    assert kinds(blocks, target, change("google_project_iam_binding", {"members": [{}]}, {"members": [{}]})) == [
        Kind.PROTECTION
    ]
