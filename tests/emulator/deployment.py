"""The stack ``findings`` of a synthesis, put into the emulator as Terraform would: names, handlers, aliases, rules and retries
are those of the output."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-central-1"
_REFERENCE = re.compile(r"\$\{([^}]+)\}")
# The emulator creates functions with any role: it is told to ask for no permission.
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


@dataclass(frozen=True)
class Deployed:
    """Names of what was created. ``functions``: by the name of the Terraform resource."""

    bucket: str
    functions: Mapping[str, str]
    dead_letters_url: str


def deploy(folder: Path, client: Callable[[str], Any], environment: Mapping[str, str]) -> Deployed:
    """``folder``: of the stack. ``environment``: variables that each function gets beside its own, for addresses."""
    resources = _resources(folder)
    functions, sqs, events = client("lambda"), client("sqs"), client("events")
    bucket = resources["aws_lambda_function"]["importer"]["environment"]["variables"]["REPORTS_BUCKET"]
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    (queue,) = resources["aws_sqs_queue"].values()
    dead_letters_url = sqs.create_queue(QueueName=queue["name"])["QueueUrl"]
    for function in resources["aws_lambda_function"].values():
        functions.create_function(
            FunctionName=function["function_name"],
            Runtime=function["runtime"],
            Architectures=function["architectures"],
            Handler=function["handler"],
            Role=_ROLE,
            Code={"ZipFile": (folder / function["filename"]).read_bytes()},
            Timeout=function["timeout"],
            MemorySize=function["memory_size"],
            Environment={"Variables": {**function.get("environment", {}).get("variables", {}), **environment}},
        )
    for alias in resources["aws_lambda_alias"].values():
        functions.create_alias(
            FunctionName=alias["function_name"], Name=alias["name"], FunctionVersion=alias["function_version"]
        )
    for retries in resources["aws_lambda_function_event_invoke_config"].values():
        functions.put_function_event_invoke_config(
            FunctionName=retries["function_name"],
            MaximumRetryAttempts=retries["maximum_retry_attempts"],
            MaximumEventAgeInSeconds=retries["maximum_event_age_in_seconds"],
            DestinationConfig={
                "OnFailure": {"Destination": retries["destination_config"]["on_failure"]["destination"]}
            },
        )
    for rule in resources["aws_cloudwatch_event_rule"].values():
        events.put_rule(Name=rule["name"], EventPattern=rule["event_pattern"])
    for permission in resources["aws_lambda_permission"].values():
        functions.add_permission(
            FunctionName=permission["function_name"],
            StatementId=permission["statement_id"],
            Action=permission["action"],
            Principal=permission["principal"],
            SourceArn=permission["source_arn"],
            SourceAccount=permission["source_account"],
        )
    for target in resources["aws_cloudwatch_event_target"].values():
        answer = events.put_targets(Rule=target["rule"], Targets=[{"Id": target["target_id"], "Arn": target["arn"]}])
        assert answer["FailedEntryCount"] == 0, answer
    names = {name: function["function_name"] for name, function in resources["aws_lambda_function"].items()}
    return Deployed(bucket, names, dead_letters_url)


def _resources(folder: Path) -> dict[str, dict[str, Any]]:
    """The stack's resources with the references among them resolved."""
    text = (folder / "cdk.tf.json").read_text(encoding="utf-8")
    plain: dict[str, dict[str, Any]] = json.loads(text)["resource"]

    def value(reference: re.Match[str]) -> str:
        match reference[1].split("."):
            case ["data", "aws_caller_identity", _, "account_id"]:
                return ACCOUNT
            case ["data", "aws_partition", _, "partition"]:
                return "aws"
            case ["aws_lambda_function", name, "function_name"]:
                return str(plain["aws_lambda_function"][name]["function_name"])
            case ["aws_lambda_function", name, "arn"]:
                return (
                    f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{plain['aws_lambda_function'][name]['function_name']}"
                )
            case ["aws_cloudwatch_event_rule", name, "name"]:
                return str(plain["aws_cloudwatch_event_rule"][name]["name"])
            case ["aws_cloudwatch_event_rule", name, "arn"]:
                return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{plain['aws_cloudwatch_event_rule'][name]['name']}"
        return reference[0]  # of a role or a key: nothing of it is used here

    resolved: dict[str, dict[str, Any]] = json.loads(_REFERENCE.sub(value, text))["resource"]
    return resolved
