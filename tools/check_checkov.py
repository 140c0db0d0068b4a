"""checkov over the emitted JSON and over a plan in which the policies are known, honestly.

checkov passes silently in five ways, all of which are failures here: with the framework ``terraform`` it reads no JSON; a
``required_version`` makes it give up on the file and count that as "0 failed"; a policy that a plan does not know goes
unread; of two policies with one name it reads one; and a resource of a type that it has no check for is no finding. Each of the two readings finds what the other does not.
"""

from __future__ import annotations

import copy
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.check_emitted import CHECKERS, Output
from tools.check_plan import Plan
from tools.check_result import Finding, Report

_PROBE = "known-bad"
# (check, address) that must be found in the known-bad example.
_PROBE_JSON = {("CKV_AWS_316", "resource.probe"), ("CKV_AWS_356", "data.probe"), ("CKV2_AWS_6", "aws_s3_bucket.probe")}
_PROBE_PLAN = {"CKV_AWS_63", "CKV_AWS_290", "CKV_AWS_355"}
# Types that checkov 3.3.30 has no check for, in either reading. Some are names and wiring; the others are read by our
# own rules, parliament and the tests of tests/contracts and tests/permissions.
NEVER_CHECKED = {
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_metric_filter",
    "aws_codebuild_report_group",
    "aws_config_config_rule",
    "aws_config_delivery_channel",
    "aws_ecr_lifecycle_policy",
    "aws_ecr_registry_scanning_configuration",
    "aws_eks_access_entry",
    "aws_eks_access_policy_association",
    "aws_kms_alias",
    "aws_lambda_alias",
    "aws_lambda_function_event_invoke_config",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_object",
    "aws_securityhub_account",
    "aws_securityhub_insight",
    "aws_sns_topic_subscription",
}


def _run(*arguments: str) -> list[dict[str, Any]]:
    command = [str(CHECKERS / "checkov"), *arguments, "--skip-download", "-o", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        answers = json.loads(ran.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"checkov said no JSON (exit {ran.returncode}): {ran.stderr[-500:]}") from None
    return answers if isinstance(answers, list) else [answers]


def _results(answers: Iterable[dict[str, Any]]) -> Iterable[tuple[bool, dict[str, Any]]]:
    """(failed, result) of every check. Exits if a file could not be read."""
    for answer in answers:
        if answer["summary"]["parsing_errors"]:
            raise SystemExit(f"checkov could not read {answer['results'].get('parsing_errors')}")
        for outcome in ("failed_checks", "passed_checks"):
            for result in answer["results"][outcome]:
                yield outcome == "failed_checks", result


def _readable(stack: dict[str, Any]) -> str:
    """A stack without the blocks that checkov cannot read."""
    return json.dumps(
        {block: content for block, content in stack.items() if block not in ("//", "terraform")}, indent=1
    )


def _bad_stack(output: Output) -> dict[str, Any]:
    project = copy.deepcopy(next(project for _, _, project in output.resources("aws_codebuild_project")))
    project["environment"]["privileged_mode"] = True
    anything = {"statement": [{"actions": ["s3:*"], "resources": ["*"]}]}
    return {
        "resource": {"aws_codebuild_project": {"probe": project}, "aws_s3_bucket": {"probe": {"bucket": "probe"}}},
        "data": {"aws_iam_policy_document": {"probe": anything}},
    }


def on_json(outputs: Sequence[Output]) -> Report:
    """The JSON as it is emitted, all outputs in one run."""
    expected: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:

        def write(folder: str, stack: dict[str, Any]) -> None:
            path = Path(scratch, folder, "cdk.tf.json")
            path.parent.mkdir(parents=True)
            path.write_text(_readable(stack), encoding="utf-8")

        write(f"{_PROBE}/{_PROBE}", _bad_stack(outputs[0]))
        for output in outputs:
            for name, stack in output.stacks.items():
                write(f"{output.name}/{name}", dict(stack))
                expected |= {f"{output.name}/{name}/{address}" for address in _addresses(stack)}
        results = list(_results(_run("-d", scratch, "--framework", "terraform_json")))
    found: list[Finding] = []
    seen: set[str] = set()
    probed = set()
    for failed, result in results:
        output_name, stack_name = Path(result["file_path"]).parts[-3:-1]
        if output_name == _PROBE:
            probed |= {(result["check_id"], result["resource"])} if failed else set()
            continue
        seen.add(f"{output_name}/{stack_name}/{result['resource']}")
        if failed:
            found.append(Finding(result["check_id"], f"{stack_name}/{result['resource']}", result["check_name"]))
    problems = [f"the known-bad {address} was not noticed: {check}" for check, address in sorted(_PROBE_JSON - probed)]
    # checkov names a resource now by its type, now by the word "resource".
    unread = {address for address in expected if not {address, _other_name(address)} & seen}
    problems += [f"{address} was not looked at" for address in sorted(unread) if "/data." in address]
    looked_at = (
        f"{len(expected)} resources and policy documents of {len(outputs)} outputs, {len(expected - unread)} by a check"
    )
    return Report(looked_at, found, problems)


def _addresses(stack: Mapping[str, Any]) -> set[str]:
    resources = {f"{kind}.{name}" for kind, group in stack.get("resource", {}).items() for name in group}
    return resources | {f"data.{name}" for name in stack.get("data", {}).get("aws_iam_policy_document", {})}


def _other_name(address: str) -> str:
    where, _, resource = address.rpartition("/")
    return f"{where}/resource.{resource.partition('.')[2]}"


def _split(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The plan of each stack, as if it had been planned alone, by ``<output>/<stack>``.

    checkov keeps what it thinks of a policy by the file and the resource's name, without the module: of two stacks' policies
    with the same name it would read the first only, and give its answer for both.
    """
    calls = plan["configuration"]["root_module"]["module_calls"]
    stacks = {}
    for module in plan["planned_values"]["root_module"]["child_modules"]:
        prefix = f"{module['address']}."
        planned = [
            {**resource, "address": resource["address"].removeprefix(prefix)} for resource in module["resources"]
        ]
        changes = [
            {**change, "address": change["address"].removeprefix(prefix)}
            for change in plan["resource_changes"]
            if change["address"].startswith(prefix) and change["mode"] == "managed"
        ]
        name = module["address"].removeprefix("module.")
        stacks[name.replace("--", "/")] = {
            "format_version": plan["format_version"],
            "terraform_version": plan["terraform_version"],
            "planned_values": {"root_module": {"resources": planned}},
            "resource_changes": changes,
            "configuration": {"root_module": calls[name]["module"]},
        }
    return stacks


def _bad_plan(stack: dict[str, Any]) -> dict[str, Any]:
    """The stack again, and its first role's policy allows everything; its name stays (see ``_split``)."""
    stack = copy.deepcopy(stack)
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    planned = next(r for r in stack["planned_values"]["root_module"]["resources"] if r["type"] == "aws_iam_role_policy")
    change = next(change for change in stack["resource_changes"] if change["address"] == planned["address"])
    planned["values"]["policy"] = change["change"]["after"]["policy"] = json.dumps(anything)
    stack["planned_values"]["root_module"]["resources"] = [planned]
    stack["resource_changes"] = [change]
    return stack


def on_plan(plan: Plan) -> Report:
    """The plan of all outputs, in which checkov reads the policies as AWS would get them."""
    stacks = _split(json.loads(plan.file.read_text(encoding="utf-8")))
    example = next(stack for stack in stacks.values() if "aws_iam_role_policy" in json.dumps(stack["planned_values"]))
    with tempfile.TemporaryDirectory() as scratch:
        # Read in the order of their names: the known-bad example comes after the stack that it is made of.
        for name, stack in {**stacks, f"{_PROBE}/zzz": _bad_plan(example)}.items():
            file = Path(scratch, name, "tfplan.json")
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(stack), encoding="utf-8")
        answers = _run("-d", scratch, "--framework", "terraform_plan")
    found: list[Finding] = []
    seen: set[str] = set()
    probed = set()
    for failed, result in _results(answers):
        output_name, stack_name = Path(result["file_path"]).parts[-3:-1]
        if output_name == _PROBE:
            probed |= {result["check_id"]} if failed else set()
            continue
        seen.add(f"{output_name}/{stack_name}/{result['resource']}")
        if failed:
            found.append(Finding(result["check_id"], f"{stack_name}/{result['resource']}", result["check_name"]))
    problems = [f"a role that may do everything was not noticed: {check}" for check in sorted(_PROBE_PLAN - probed)]
    problems += [f"{where}: Terraform does not know it, so nothing reads it" for where in plan.unknown]
    everything = {
        f"{name}/{change['address']}": change["type"] for name in stacks for change in stacks[name]["resource_changes"]
    }
    unread = everything.keys() - seen
    problems += [f"{where} was not looked at" for where in sorted(unread) if everything[where] not in NEVER_CHECKED]
    read = {everything[where] for where in everything.keys() & seen}
    problems += [f"{kind} is looked at: it need not stand in NEVER_CHECKED" for kind in sorted(NEVER_CHECKED & read)]
    looked_at = f"{len(everything)} resources of one plan, {len(everything) - len(unread)} by a check, "
    return Report(looked_at + f"{len(plan.policies)} policies, {len(plan.unknown)} unknown", found, problems)


def check(outputs: Sequence[Output], plan: Plan) -> Report:
    """Both readings."""
    with ThreadPoolExecutor() as pool:
        readings = [pool.submit(on_json, outputs), pool.submit(on_plan, plan)]
        of_json, of_plan = (reading.result() for reading in readings)
    return Report(
        f"JSON: {of_json.looked_at}; plan: {of_plan.looked_at}",
        [*of_json.findings, *of_plan.findings],
        [*of_json.problems, *of_plan.problems],
    )
