"""What must be there: the settings' own output, with every reference replaced by what it is on this account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.names import Names
from stacks.settings import Settings

_REFERENCE = re.compile(r"(?<!\$)\$\{(data\.)?([a-z_0-9]+)\.([\w-]+)\.([a-z_]+)\}")
# Resource type -> (service of its ARN, what stands before the name, attribute with the name).
_ARNS = {
    "aws_codebuild_project": ("codebuild", "project/", "name"),
    "aws_codepipeline": ("codepipeline", "", "name"),
    "aws_cloudwatch_event_rule": ("events", "rule/", "name"),
    "aws_iam_role": ("iam", "role/", "name"),
    "aws_lambda_function": ("lambda", "function:", "function_name"),
    "aws_sns_topic": ("sns", "", "name"),
    "aws_sqs_queue": ("sqs", "", "name"),
}
# stack -> resource type -> name -> attributes, as in cdk.tf.json.
Emitted = Mapping[str, Mapping[str, Mapping[str, Any]]]
DNS_SUFFIX = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


@dataclass(frozen=True)
class Deployed:
    """``stacks``: name -> resources by type and name, resolved as far as names go. ``key_arn``: the project's key."""

    settings: Settings
    account: str
    partition: str
    key_arn: str
    stacks: Emitted

    @property
    def region(self) -> str:
        """The settings' region."""
        return self.settings.region

    @property
    def names(self) -> Names:
        """Who makes physical names."""
        return Names(self.settings.project)

    def arn(self, service: str, resource: str) -> str:
        """ARN of something of this account; IAM's have no region."""
        return f"arn:{self.partition}:{service}:{'' if service == 'iam' else self.region}:{self.account}:{resource}"

    def object(self, purpose: str, key: str) -> str:
        """ARN of an object in one of the project's buckets."""
        return f"arn:{self.partition}:s3:::{self.names.bucket(purpose, self.account, self.region)}/{key}"

    def via(self, service: str) -> str:
        """Value of ``kms:ViaService``."""
        return f"{service}.{self.region}.{DNS_SUFFIX.get(self.partition, 'amazonaws.com')}"

    def resources(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(stack, name, resource) of every resource of one type."""
        for stack, kinds in self.stacks.items():
            for name, resource in kinds.get(kind, {}).items():
                yield stack, name, resource


def read_output(folder: Path) -> dict[str, dict[str, Any]]:
    """stack -> its resources as emitted, from a synthesis in ``folder``."""
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8")).get("resource", {})
        for path in sorted((folder / "stacks").glob("*/cdk.tf.json"))
    }


def resolve(settings: Settings, emitted: Emitted, account: str, partition: str, key_arn: str) -> Deployed:
    """The output as it is on ``account``. A reference that is no name and no ARN (an id) stays as it is."""
    fixed = {
        ("aws_caller_identity", "account_id"): account,
        ("aws_partition", "partition"): partition,
        ("aws_partition", "dns_suffix"): DNS_SUFFIX.get(partition, "amazonaws.com"),
        ("aws_kms_alias", "target_key_arn"): key_arn,
        ("aws_kms_key", "arn"): key_arn,
    }

    def of_stack(stack: Mapping[str, Any]) -> dict[str, Any]:
        def value(match: re.Match[str]) -> str:
            _, kind, name, attribute = match.groups()
            if (kind, attribute) in fixed:
                return fixed[kind, attribute]
            resource = stack.get(kind, {}).get(name, {})
            if attribute == "arn" and kind in _ARNS:
                service, before, key = _ARNS[kind]
                region = "" if service == "iam" else settings.region
                return f"arn:{partition}:{service}:{region}:{account}:{before}{resource[key]}"
            found = resource.get(attribute)
            return found if isinstance(found, str) and "${" not in found else match[0]

        def replaced(thing: object) -> object:
            if isinstance(thing, str):
                return _REFERENCE.sub(value, thing).replace("$${", "${").replace("%%{", "%{")
            if isinstance(thing, dict):
                return {key: replaced(one) for key, one in thing.items() if key != "//"}
            return [replaced(one) for one in thing] if isinstance(thing, list) else thing

        return {kind: replaced(group) for kind, group in stack.items()}

    return Deployed(settings, account, partition, key_arn, {name: of_stack(stack) for name, stack in emitted.items()})
