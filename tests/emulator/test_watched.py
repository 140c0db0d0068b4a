"""What watches the account (watched.yaml: everything account-wide is managed), applied by the real Terraform; kept and ended by
the documented commands. An emulated account of its own: a trail and a recorder there is one of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outcomes import REFUSED, outcome
from tools.apply_local.checkout import FailedError
from tools.apply_local.documented import commands
from tools.apply_local.life import KEPT_AT, Life, begun
from tools.emulator.process import ACCOUNT, EmulatorError
from tools.terraform_cli import TerraformMissingError

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "watching.md"
REGION = "eu-central-1"
TRAIL, FILES = "watched-trail", f"watched-trail-{ACCOUNT}-{REGION}"
STACKS = ("foundation", "governance")  # the latter needs no other

pytestmark = pytest.mark.skipif(KEPT_AT in os.environ, reason=f"{KEPT_AT}: what somebody keeps is another account")


@dataclass(frozen=True)
class Watched:
    life: Life

    def client(self, service: str) -> Any:
        return self.life.emulator.client(service)

    @property
    def administrator(self) -> Any:
        keys = [self.life.checkout.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
        return self.life.emulator.known_as(*keys)

    def terraform(self, stack: str, *arguments: str) -> str:
        return self.life.checkout.run(["terraform", *arguments, "-no-color"], cwd=self.life.checkout.stack(stack))

    def documented(self, heading: str) -> None:
        for command in commands(PAGE, heading):
            text = command.replace("<region>", REGION).replace("<project>", "watched")
            text = text.replace("terraform destroy ", "terraform destroy -auto-approve -input=false ")
            self.life.checkout.run(["bash", "-euo", "pipefail", "-c", text])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    try:
        with begun(tmp_path_factory.mktemp("watched"), FOLDER / "watched.yaml", print) as life:
            one = Watched(life)
            life.checkout.run(["npx", "cdktf", "synth"])
            for stack in STACKS:
                one.terraform(stack, "init", "-input=false")
                one.terraform(stack, "apply", "-auto-approve", "-input=false", "-parallelism=30")
            yield one
    except (EmulatorError, TerraformMissingError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"needed on CI: {error}")
        pytest.skip(str(error))
    except FailedError as error:
        pytest.fail(str(error))


def test_a_second_plan_changes_nothing(watched: Watched) -> None:
    assert {stack: watched.life.checkout.changes(stack) for stack in STACKS} == {stack: [] for stack in STACKS}


def test_the_trail_hears_every_region_and_is_validated_encrypted_and_on(watched: Watched) -> None:
    cloudtrail = watched.client("cloudtrail")
    trail = cloudtrail.get_trail(Name=TRAIL)["Trail"]
    assert (trail["IsMultiRegionTrail"], trail["IncludeGlobalServiceEvents"], trail["LogFileValidationEnabled"]) == (
        True,
    ) * 3
    assert trail["S3BucketName"] == FILES
    key = watched.client("kms").describe_key(KeyId="alias/watched-trail")["KeyMetadata"]["Arn"]
    assert trail["KmsKeyId"] == key
    assert f":log-group:/aws/cloudtrail/{TRAIL}" in trail["CloudWatchLogsLogGroupArn"]
    assert cloudtrail.get_trail_status(Name=TRAIL)["IsLogging"] is True


def test_every_filter_has_its_alarm_on_the_trails_log_group(watched: Watched) -> None:
    logs, cloudwatch = watched.client("logs"), watched.client("cloudwatch")
    found = logs.describe_metric_filters(logGroupName=f"/aws/cloudtrail/{TRAIL}")["metricFilters"]
    assert len(found) == 15  # no delivery: nothing is pushed past a pull request
    alarms = {alarm["AlarmName"]: alarm for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    for one in found:
        [metric] = one["metricTransformations"]
        alarm = alarms[one["filterName"]]
        assert (alarm["Namespace"], alarm["MetricName"]) == (metric["metricNamespace"], metric["metricName"])
        assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:watched-notifications"]
    [policy] = [one["filterPattern"] for one in found if one["filterName"].endswith("key-policy-changed")]
    keys = {
        watched.client("kms").describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["Arn"] for name in ("watched", TRAIL)
    }
    assert set(re.findall(r"arn:aws:kms:[^\"]+", policy)) == keys
    assert all(len(one["filterPattern"]) <= 1024 for one in found)


def test_nobody_deletes_a_file_of_the_trail(watched: Watched) -> None:
    s3 = watched.client("s3")
    s3.put_object(Bucket=FILES, Key=f"AWSLogs/{ACCOUNT}/CloudTrail/x.json.gz", Body=b"x")
    administrator = watched.administrator.client("s3")
    assert (
        outcome(administrator, "delete_object", Bucket=FILES, Key=f"AWSLogs/{ACCOUNT}/CloudTrail/x.json.gz") == REFUSED
    )
    assert outcome(administrator, "delete_bucket_lifecycle", Bucket=FILES) == REFUSED


def test_the_recorder_runs_and_the_rules_are_awss(watched: Watched) -> None:
    config = watched.client("config")
    [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"] is True
    [recorder] = config.describe_configuration_recorders()["ConfigurationRecorders"]
    assert recorder["recordingGroup"]["allSupported"] is True
    rules = config.describe_config_rules()["ConfigRules"]
    assert len(rules) == 20
    assert all(rule["ConfigRuleName"].startswith("watched-") for rule in rules)
    scopes = [rule["Scope"] for rule in rules if rule.get("Scope")]
    assert scopes == [{"TagKey": "project", "TagValue": "watched"}] * 10


def test_a_change_of_compliance_reaches_the_notifier_and_others_do_not(watched: Watched) -> None:
    events = watched.client("events")
    pattern = events.describe_rule(Name="watched-compliance-changed")["EventPattern"]
    event = json.loads((FOLDER.parent / "events" / "config_compliance_change.json").read_text(encoding="utf-8"))

    def taken(**detail: str) -> bool:
        sent = event | {"detail": event["detail"] | {"configRuleName": "watched-s3-bucket-ssl-requests-only"} | detail}
        answer: bool = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(sent))["Result"]
        return answer

    assert taken()
    assert not taken(configRuleName="acme-s3-bucket-ssl-requests-only")
    assert not taken(messageType="ConfigurationItemChangeNotification")


def test_z_it_refuses_to_go_and_the_documented_commands_keep_the_trail_and_end_the_recorder(watched: Watched) -> None:
    """Last: afterwards governance is gone, and the trail goes on."""
    with pytest.raises(FailedError, match="prevent_destroy"):
        watched.terraform("governance", "destroy", "-auto-approve", "-input=false")
    watched.documented("Letting the account keep them")
    watched.documented("Ending the recorder")
    watched.terraform("governance", "destroy", "-auto-approve", "-input=false")
    assert watched.client("config").describe_configuration_recorders()["ConfigurationRecorders"] == []
    assert watched.client("cloudtrail").get_trail_status(Name=TRAIL)["IsLogging"] is True
    assert watched.client("kms").describe_key(KeyId=f"alias/{TRAIL}")["KeyMetadata"]["Enabled"] is True
    assert outcome(watched.administrator.client("s3"), "delete_object", Bucket=FILES, Key="x") == REFUSED
    assert watched.client("iam").get_role(RoleName=TRAIL)["Role"]["RoleName"] == TRAIL
    groups = watched.client("logs").describe_log_groups(logGroupNamePrefix="/aws/cloudtrail/")["logGroups"]
    assert [one["logGroupName"] for one in groups] == [f"/aws/cloudtrail/{TRAIL}"]
