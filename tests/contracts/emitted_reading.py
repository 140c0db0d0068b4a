"""What several contracts read in the output.

No rule of theirs repeats the output: each says what must hold of every resource of a kind, or of what the settings ask for.
`make mutate-output` shows what the rules, all together, would not notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ACCOUNT = "${data.aws_caller_identity.caller.account_id}"


def key_of(stack: str) -> str:
    """The project's key, as the stack that makes it and as all others refer to it."""
    return "${aws_kms_key.key.arn}" if stack == "foundation" else "${data.aws_kms_alias.key.target_key_arn}"


def of_kind(emitted: Any, kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = list(emitted.resources(kind))
    assert found, f"no {kind} at all: nothing would be tested"
    return found


def document(emitted: Any, stack: str, reference: str) -> list[Mapping[str, Any]]:
    """The statements behind ``${data.aws_iam_policy_document.X.json}``."""
    name = re.fullmatch(r"\$\{data\.aws_iam_policy_document\.([\w-]+)\.json\}", reference)
    assert name, reference
    return list(emitted.stacks[stack]["data"]["aws_iam_policy_document"][name[1]]["statement"])


def buckets(emitted: Any) -> Mapping[str, Mapping[str, Any]]:
    return {name: bucket for _, name, bucket in of_kind(emitted, "aws_s3_bucket")}


def notifications(emitted: Any) -> str:
    name = emitted.stacks["foundation"]["resource"]["aws_sns_topic"]["notifications"]["name"]
    return f"arn:${{data.aws_partition.current.partition}}:sns:{emitted.settings.region}:{ACCOUNT}:{name}"


def deliveries(emitted: Any) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in emitted.settings.pipelines.items() if one.kind == "delivery"]


def stages(emitted: Any, stack: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Actions by stage and name."""
    pipeline = emitted.stacks[stack]["resource"]["aws_codepipeline"]["pipeline"]
    return {stage["name"]: {action["name"]: action for action in stage["action"]} for stage in pipeline["stage"]}
