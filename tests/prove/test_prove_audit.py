"""prove_on_aws and the audit's metric filters: CloudWatch Logs is asked about each, with this project's own names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from account_stand_in import SETTINGS, Account, Prove

from tools.prove_on_aws import audit

FULL = SETTINGS / "full.yaml"


@pytest.fixture
def watched(emit_once: Any) -> Account:
    """With a trail of its own, deployers, and two deliveries."""
    return Account(emit_once(FULL))


def claims(account: Account) -> set[str]:
    return {one["name"] for _, _, one in account.deployed.resources("aws_cloudwatch_log_metric_filter")}


def test_every_filter_is_looked_up_and_tried(watched: Account, prove: Prove) -> None:
    proof = prove(watched, settings=FULL)
    names = claims(watched)
    assert len(names) >= 16
    for name in names:
        assert proof.row(f"filter {name} is deployed")[0] == "proved"
        verdict, evidence = proof.row(f"filter {name} finds")
        assert verdict == "proved", evidence
        assert evidence.startswith("finds "), evidence
    assert "on /aws/cloudtrail/acme-trail, counted as KeyLost" in proof.row("filter acme-audit-key-lost is")[1]
    asked = watched.asked("logs", "test_metric_filter")
    assert {one["filterPattern"] for one in asked} == {
        one["pattern"] for _, _, one in watched.deployed.resources("aws_cloudwatch_log_metric_filter")
    }
    assert max(len(one["logEventMessages"]) for one in asked) <= 50


def test_who_deploys_is_tried_too(watched: Account, prove: Prove) -> None:
    prove(watched, settings=FULL)
    text = json.dumps(watched.asked("logs", "test_metric_filter"))
    assert "arn:aws:sts::012345678901:assumed-role/deployer/x" in text
    assert "terraform-provider-aws" not in "".join(
        message for one in watched.asked("logs", "test_metric_filter") for message in one["logEventMessages"]
    )


def test_without_a_log_group_nothing_is_asked(account: Account, prove: Prove) -> None:
    prove(account)
    assert account.asked("logs", "test_metric_filter") == []


def test_a_filter_that_aws_reads_otherwise_is_said(watched: Account, prove: Prove) -> None:
    right = watched._logs_test_metric_filter

    def deaf(asked: Any) -> Any:
        return {"matches": []} if "root" in asked["filterPattern"].lower() else right(asked)

    watched.answers["logs", "test_metric_filter"] = deaf
    proof = prove(watched, settings=FULL)
    assert proof.row("filter acme-audit-root-used finds") == ("wrong", "not found: ConsoleLogin")
    assert proof.row("filter acme-audit-key-lost finds")[0] == "proved"
    assert proof.code == 1


def test_a_near_miss_that_aws_finds_is_named(watched: Account, prove: Prove) -> None:
    right = watched._logs_test_metric_filter

    def eager(asked: Any) -> Any:
        """As if != were true of whatever is there."""
        answer = right(asked)
        for number, message in enumerate(asked["logEventMessages"]):
            if json.loads(message)["eventName"] == "CancelKeyDeletion" and "kms" in asked["filterPattern"]:
                answer["matches"].append({"eventNumber": number, "eventMessage": message, "extractedValues": {}})
        return answer

    watched.answers["logs", "test_metric_filter"] = eager
    verdict, evidence = prove(watched, settings=FULL).row("filter acme-audit-key-lost finds")
    assert (verdict, evidence) == ("wrong", 'found: ScheduleKeyDeletion with {"eventName": "CancelKeyDeletion"}')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one.update(filterPattern="{ $.x = 1 }"), "its pattern is { $.x = 1 }: deploy governance again"),
        (lambda one: one["metricTransformations"][0].update(metricName="Other"), "it counts [('acme/audit', 'Other')]"),
        (lambda one: one.update(filterName="another"), "it is not on /aws/cloudtrail/acme-trail"),
    ],
)
def test_a_filter_that_is_not_deployed_so_is_said(watched: Account, prove: Prove, change: Any, says: str) -> None:
    right = watched._logs_describe_metric_filters

    def other(asked: Any) -> Any:
        answer = right(asked)
        for one in answer["metricFilters"]:
            if one["filterName"] == "acme-audit-key-lost":
                change(one)
        return answer

    watched.answers["logs", "describe_metric_filters"] = other
    verdict, evidence = prove(watched, settings=FULL).row("filter acme-audit-key-lost is deployed")
    assert verdict == "wrong"
    assert says in evidence


def test_a_key_that_only_aws_knows_is_no_difference(watched: Account, prove: Prove) -> None:
    """The trail's own key: its ARN stands in no settings."""
    right = watched._logs_describe_metric_filters

    def known(asked: Any) -> Any:
        answer = right(asked)
        for one in answer["metricFilters"]:
            other = "arn:aws:kms:eu-central-1:012345678901:key/00000000-1111-2222-3333-444444444444"
            one["filterPattern"] = one["filterPattern"].replace(watched.key, other, 1)
        return answer

    watched.answers["logs", "describe_metric_filters"] = known
    assert prove(watched, settings=FULL).row("filter acme-audit-key-policy-changed is deployed")[0] == "proved"


# Names that the published records' own happen to begin with, and branches and repositories that they happen to have.
UNLUCKY = """
project: {project}
region: eu-central-1
notify: [platform@example.com]
audit: {{log_group: my-trail-logs}}
pipelines:
  {pipeline}:
    kind: delivery
    repository: {repository}
    branch: {branch}
    image: payments
    scanners: [grype]
    zap: {{target: "https://payments.staging.example.com/"}}
    staging: {{cluster: staging, namespace: payments, manifests: deploy/staging}}
    production: {{cluster: production, namespace: payments, manifests: deploy/production}}
    approval: {{emails: [release@example.com]}}
"""


@pytest.mark.parametrize(
    ("project", "repository", "branch"),
    [
        ("my", "MyDemoRepo", "master"),
        ("other", "payments", "x"),
        ("stratus", "shop", "bugfix-quarterly"),
        ("cli", "main", "feature/main"),
        ("acme", "acme", "payments"),
    ],
)
def test_whatever_the_project_is_called_its_near_misses_miss(
    emit_once: Any, prove: Prove, tmp_path: Path, project: str, repository: str, branch: str
) -> None:
    source = tmp_path / "pipelines.yaml"
    source.write_text(UNLUCKY.format(project=project, pipeline="shop", repository=repository, branch=branch), "utf-8")
    account = Account(emit_once(source))
    proof = prove(account, settings=source)
    rows = {what: row for what, row in proof.rows.items() if what.startswith("filter ")}
    assert len(rows) == 2 * len(claims(account)) > 20
    assert [row for row in rows.values() if row[0] != "proved"] == []
    assert "terraform-provider-aws" in json.dumps(account.asked("logs", "test_metric_filter"))


def test_every_filter_of_the_examples_has_its_records(watched: Account) -> None:
    purposes = dict(audit._purposes(watched.deployed))
    for _, name, _ in watched.deployed.resources("aws_cloudwatch_log_metric_filter"):
        found, missed = audit.examples(watched.deployed, purposes, name.removeprefix("audit_"))
        assert found, name
        assert len(missed) > 30, name
