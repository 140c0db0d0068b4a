"""What the findings stack lets the importer and the guard do and hear, for each way in which the settings can ask for it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "tests" / "settings"


def allowed(emitted: Any, function: str) -> dict[str, list[str]]:
    """Action -> the ends of the resources on which a function's role has it."""
    found: dict[str, list[str]] = {}
    document = emitted.stacks["findings"]["data"]["aws_iam_policy_document"][f"{function}_permissions"]
    for statement in document["statement"]:
        for action in statement["actions"]:
            found.setdefault(action, []).extend(statement["resources"])
    return found


def rules(emitted: Any) -> dict[str, Any]:
    found = emitted.stacks["findings"]["resource"]["aws_cloudwatch_event_rule"]
    return {name: json.loads(rule["event_pattern"]) for name, rule in found.items()}


def packaged_policy(emitted: Any) -> Any:
    """policy.json as it is in the importer's package."""
    folder = emitted.folder / "stacks" / "findings"
    package = emitted.stacks["findings"]["resource"]["aws_lambda_function"]["importer"]["filename"]
    with zipfile.ZipFile(io.BytesIO((folder / package).read_bytes())) as archive:
        return json.loads(archive.read("policy.json"))


@pytest.fixture
def changed(emit_once: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The checked-in settings with a text replaced."""

    def emit(old: str, new: str) -> Any:
        text = (ROOT / "pipelines.yaml").read_text()
        assert old in text
        file = tmp_path_factory.mktemp("changed") / "pipelines.yaml"
        file.write_text(text.replace(old, new))
        return emit_once(file)

    return emit


def test_pushes_are_recorded_where_the_approver_must_be_another(emit_once: Any) -> None:
    emitted = emit_once(ROOT / "pipelines.yaml")
    assert packaged_policy(emitted)["pipelines"]["payments"]["separation_of_duties"] is True
    pushed = rules(emitted)["branch_pushed"]
    assert pushed["detail"] == {"event": ["referenceCreated", "referenceUpdated"], "referenceType": ["branch"]}
    (repository,) = pushed["resources"]  # the delivered one, not the one that is only scanned
    assert repository.endswith(":payments")
    for function, action in (("importer", "s3:PutObject"), ("guard", "s3:GetObject")):
        assert any(one.endswith("/pushes/*") for one in allowed(emitted, function)[action])


def test_no_push_is_recorded_where_nobody_asks(full: Any) -> None:
    assert "branch_pushed" not in rules(full)
    assert not any("/pushes/" in one for one in allowed(full, "importer")["s3:PutObject"])


def test_every_repositorys_deleted_branches_are_heard_of(emit_once: Any) -> None:
    deleted = rules(emit_once(ROOT / "pipelines.yaml"))["branch_deleted"]
    assert deleted["detail"] == {"event": ["referenceDeleted"], "referenceType": ["branch"]}
    assert [one.rsplit(":", 1)[1] for one in deleted["resources"]] == ["payments", "python-libraries"]


def test_the_importer_may_import_read_and_update_findings_as_this_accounts_product(emit_once: Any) -> None:
    emitted = emit_once(ROOT / "pipelines.yaml")
    assert packaged_policy(emitted)["security_hub"] is True
    actions = allowed(emitted, "importer")
    hub = {action for action in actions if action.startswith("securityhub:")}
    assert hub == {"securityhub:BatchImportFindings", "securityhub:BatchUpdateFindings", "securityhub:GetFindings"}
    (product,) = actions["securityhub:BatchImportFindings"]
    assert re.search(r":product/[^/*]+/default$", product)
    assert all(one.endswith(":hub/default") for one in actions["securityhub:GetFindings"])


def test_without_security_hub_no_permission_on_it_is_left(changed: Any) -> None:
    emitted = changed("notify: [", "singletons: {security_hub: none}\nnotify: [")
    assert packaged_policy(emitted)["security_hub"] is False
    assert not [action for action in allowed(emitted, "importer") if action.startswith("securityhub:")]
    assert "aws_securityhub_account" not in emitted.stacks["governance"]["resource"]


def test_the_guard_answers_jobs_and_looks_into_delivery_pipelines_alone(emit_once: Any) -> None:
    actions = allowed(emit_once(ROOT / "pipelines.yaml"), "guard")
    assert {"codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"} <= actions.keys()
    assert [one.rsplit(":", 1)[1] for one in actions["codepipeline:ListActionExecutions"]] == ["acme-payments"]
    assert "s3:PutObject" not in actions
    reads = {one.split("/", 1)[1] for one in actions["s3:GetObject"]}
    assert reads == {"reports/*/verdict.json", "pushes/*"}


def matches(pattern: Any, event: Any) -> bool:
    """EventBridge's rule for patterns of exact values: each key is there, its value (or one of its values) is listed.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    if isinstance(pattern, list):
        return bool(set(pattern) & set(event if isinstance(event, list) else [event]))
    if isinstance(event, list):
        return any(matches(pattern, one) for one in event)
    return all(key in event and matches(value, event[key]) for key, value in pattern.items())


def event(name: str) -> Any:
    return json.loads((ROOT / "tests" / "events" / f"{name}.json").read_bytes())


def by_name(pattern: Any) -> Any:
    """The pattern with ARNs cut down to the repository's name."""
    return pattern | {"resources": [one.rsplit(":", 1)[1] for one in pattern["resources"]]}


def test_each_rule_matches_its_recorded_event_and_no_near_miss(emit_once: Any) -> None:
    found = rules(emit_once(ROOT / "pipelines.yaml"))
    (registry,) = found["ecr_scan_event"]["detail"]["repository-name"]

    scanned = event("ecr_image_scan")
    assert not matches(found["ecr_scan_event"], scanned)  # of another repository
    scanned["detail"]["repository-name"] = registry
    assert matches(found["ecr_scan_event"], scanned)
    assert not matches(found["ecr_scan_event"], scanned | {"detail-type": "ECR Image Action"})

    finding = event("inspector2_finding")
    assert not matches(found["inspector_event"], finding)
    finding["detail"]["resources"][0]["details"]["awsEcrContainerImage"]["repositoryName"] = registry
    assert matches(found["inspector_event"], finding)
    assert not matches(found["inspector_event"], finding | {"source": "aws.ecr"})

    pushed, deleted = event("codecommit_push"), event("codecommit_reference_deleted")
    for one in (pushed, deleted):
        one["resources"] = ["payments"]
    rule = {name: by_name(found[name]) for name in ("branch_pushed", "branch_deleted")}
    assert matches(rule["branch_pushed"], pushed)
    assert not matches(rule["branch_pushed"], deleted)
    assert not matches(rule["branch_pushed"], pushed | {"resources": ["python-libraries"]})
    assert matches(rule["branch_deleted"], deleted)
    assert not matches(rule["branch_deleted"], pushed)
    for one in (pushed, deleted):
        one["detail"]["referenceType"] = "tag"
        assert not any(matches(pattern, one) for pattern in rule.values())


def test_what_the_importer_could_not_handle_waits_in_a_queue_with_an_alarm(emit_once: Any) -> None:
    resource = emit_once(ROOT / "pipelines.yaml").stacks["findings"]["resource"]
    queue = resource["aws_sqs_queue"]["importer_dead_letters"]["name"]
    retries = resource["aws_lambda_function_event_invoke_config"]["importer_retries"]
    assert retries["destination_config"]["on_failure"]["destination"].endswith(f":{queue}")
    assert retries["maximum_retry_attempts"] == 2
    targets = [one for one in resource["aws_cloudwatch_event_target"].values() if ".importer." in one["arn"]]
    assert len(targets) == 4
    assert all(target["dead_letter_config"]["arn"].endswith(f":{queue}") for target in targets)
    alarm = resource["aws_cloudwatch_metric_alarm"]["importer_dead_letters_alarm"]
    assert (alarm["namespace"], alarm["metric_name"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert alarm["dimensions"] == {"QueueName": queue}
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["alarm_actions"]
