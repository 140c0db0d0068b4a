"""``python -m tools.plan_stacks [CASE ...]``: the folders of tests/plans that hold plans of this project's own stacks, anew.

What tests/plans/stacks/before.yaml describes is deployed to the emulator by the real Terraform; then each other file there is
synthesized over it, EDITS are made in what it emits, and every stack is planned. It takes some minutes.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stacks.app import synthesize
from stacks.settings import load
from tools.apply_local.checkout import Checkout, FailedError
from tools.apply_local.life import begun
from tools.emulator.process import ROOT, EmulatorError
from tools.plan_examples import PLANS, kept, text
from tools.terraform_cli import TerraformMissingError

SETTINGS = PLANS / "stacks"
BEFORE = SETTINGS / "before.yaml"
DOCUMENT = "data.aws_iam_policy_document."
# Of what stays as it is a review reads these (plan_review.reading): whole policies of identities, names of the rest.
OF_AN_IDENTITY = ("aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy")
NAMED = {
    "aws_cloudwatch_event_rule": "name", "aws_cloudwatch_log_group": "name", "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_codebuild_project": "name", "aws_codecommit_repository": "repository_name", "aws_ecr_repository": "name",
    "aws_iam_role": "name", "aws_lambda_function": "function_name", "aws_s3_bucket": "bucket", "aws_sns_topic": "name",
    "aws_sqs_queue": "name",
}  # fmt: skip
Emitted = dict[str, Any]


def cases() -> list[str]:
    """All that are planned."""
    return sorted(path.stem for path in SETTINGS.glob("*.yaml") if path != BEFORE)


def _governance(emitted: Emitted) -> None:
    """What watches the account, made deaf in ways that no setting offers."""
    resources = emitted["resource"]
    alarms = resources["aws_cloudwatch_metric_alarm"]
    audit = sorted(name for name, alarm in alarms.items() if alarm["namespace"] == "acme/audit")
    alarms[audit[0]]["threshold"] = 100
    alarms[audit[1]]["actions_enabled"] = False
    filters = resources["aws_cloudwatch_log_metric_filter"]
    filters[min(filters)]["pattern"] = "{ $.eventName = NothingIsCalledSo }"
    rules = resources["aws_config_config_rule"]
    del rules[min(rules)]
    resources["aws_cloudtrail"][min(resources["aws_cloudtrail"])]["is_multi_region_trail"] = False


def _foundation(emitted: Emitted) -> None:
    """Reports that may become public, and that end."""
    resources = emitted["resource"]
    resources["aws_s3_bucket_public_access_block"]["reports_public_access"]["block_public_policy"] = False
    lifecycle = resources["aws_s3_bucket_lifecycle_configuration"]["reports_lifecycle"]
    lifecycle["rule"].append(
        {"id": "everything", "status": "Enabled", "filter": [{"prefix": ""}], "expiration": [{"days": 1}]}
    )


def _payments(emitted: Emitted) -> None:
    """A gate less, a registry made anew, logs that end, a dead letter that nobody hears of, a role for the whole cluster."""
    resources = emitted["resource"]
    pipeline = resources["aws_codepipeline"]["pipeline"]
    for stage in pipeline["stage"]:
        stage["action"] = [action for action in stage["action"] if action["name"] not in ("git-secrets", "approval")]
    resources["aws_ecr_repository"]["registry"]["encryption_configuration"] = [{"encryption_type": "AES256"}]
    logs = resources["aws_cloudwatch_log_group"]
    logs["Build_git-secrets_logs"]["retention_in_days"] = 1
    del resources["aws_cloudwatch_metric_alarm"]  # the only one of this stack
    resources["aws_eks_access_policy_association"]["Staging_access_policy"]["access_scope"] = {"type": "cluster"}


EDITS: Mapping[str, Mapping[str, Callable[[Emitted], None]]] = {
    "made_weaker": {"foundation": _foundation, "governance": _governance, "payments": _payments},
}


def small(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a review reads of it. Of what stays as it is: pipelines and policies whole, of other things their names."""
    changes = [one for entry in plan["resource_changes"] if (one := _shortened(entry)) is not None]
    drift = [entry for entry in plan.get("resource_drift", ()) if entry["change"]["actions"] == ["delete"]]
    module = plan.get("configuration", {}).get("root_module", {})
    named = [
        {"address": one["address"], "expressions": found}
        for one in module.get("resources", ())
        if (
            found := {
                name: value for name, value in one.get("expressions", {}).items() if DOCUMENT in json.dumps(value)
            }
        )
    ]
    return {
        **plan,
        "resource_changes": changes,
        "resource_drift": drift,
        "configuration": {"root_module": {"resources": named}},
    }


def _shortened(entry: dict[str, Any]) -> dict[str, Any] | None:
    change, kind = entry["change"], entry["type"]
    if change["actions"] != ["no-op"] or kind == "aws_codepipeline":
        return entry
    read = ("role", "user", "group", "name", "policy") if kind in OF_AN_IDENTITY else (NAMED.get(kind, ""),)
    if read == ("",):
        return None
    sides = {side: {name: change[side][name] for name in read if name in change[side]} for side in ("before", "after")}
    return {
        **entry,
        "change": {"actions": ["no-op"], **sides, "after_unknown": {}, "before_sensitive": {}, "after_sensitive": {}},
    }


def plan(case: str, checkout: Checkout) -> dict[str, dict[str, Any]]:
    """The plan of each stack, by its name. Raises FailedError."""
    out = checkout.folder / "cdktf.out"
    names = [
        one.name
        for one in synthesize(load({"PIPELINES": str(SETTINGS / f"{case}.yaml"), "CDKTF_OUTDIR": str(out)}, ROOT))
    ]
    plans = {}
    for name in names:
        folder = checkout.stack(name)
        file = folder / "cdk.tf.json"
        emitted = json.loads(file.read_text(encoding="utf-8"))
        if edit := EDITS.get(case, {}).get(name):
            edit(emitted)
            file.write_text(json.dumps(emitted), encoding="utf-8")
        checkout.run(["terraform", "init", "-input=false", "-no-color"], cwd=folder)
        checkout.run(["terraform", "plan", "-input=false", "-no-color", "-out=example.tfplan"], cwd=folder)
        plans[name] = small(
            kept(json.loads(checkout.run(["terraform", "show", "-json", "example.tfplan"], cwd=folder)))
        )
    return plans


def main(wanted: list[str]) -> int:
    """Write them. 1: one could not be made; 2: what is needed is not there."""
    try:
        with tempfile.TemporaryDirectory() as scratch, begun(Path(scratch), BEFORE, print, cdktf=False) as life:
            for name in ("shop", "tools"):
                life.emulator.client("codecommit").create_repository(repositoryName=name)
            life.deploy_together()
            for case in wanted or cases():
                folder = PLANS / case
                plans = plan(case, life.checkout)
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                for name, one in plans.items():
                    (folder / f"{name}.json").write_text(text(one), encoding="utf-8")
                print(f"{case}: {', '.join(plans)}")
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    except (EmulatorError, TerraformMissingError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
