"""What turns a commit into a run.

Two designs, because AWS documents two (docs/adr/0003-how-runs-start.md): a branch pattern needs the branch's name and the
commit in the run, which only StartPipelineExecution takes, so a small function calls it; a pipeline of one branch is a
target of the event rule itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_event_target import CloudwatchEventTargetInputTransformer

from modules.account import Account
from modules.encryption import Key
from modules.event_function import EventRule, listen
from modules.events import DeadLetters, Rule
from modules.function import Function
from modules.iam import Role, allow
from modules.notifications import Topic
from modules.source import BranchPattern, Repository


def start_by_function(
    scope: TerraformStack, *, account: Account, key: Key, alarms: Topic, repository: Repository,
    branches: Sequence[BranchPattern] | None, pipeline: str, package: bytes, scratch: Path,
) -> None:  # fmt: skip
    """Event -> starter function -> StartPipelineExecution with commit, branch and the event's id as idempotency token."""
    pipeline_name = account.names.pipeline(pipeline)
    purpose = f"{pipeline}-events"
    dead_letters = _dead_letters(scope, account, key, alarms, pipeline, purpose)
    function = Function(
        scope,
        "starter",
        account=account,
        key=key,
        scratch=scratch,
        purpose=f"{pipeline}-starter",
        description=f"Starts {pipeline_name} with the commit and branch of the event",
        package=package,
        environment={
            "PIPELINE_NAME": pipeline_name,
            "REPOSITORY_NAME": repository.name,
            "BRANCH_PATTERNS": json.dumps(
                None if branches is None else [b if isinstance(b, str) else dict(b) for b in branches]
            ),
        },
        statements=[
            allow("Start", ["codepipeline:StartPipelineExecution"], [account.arn("codepipeline", pipeline_name)])
        ],
        timeout_seconds=60,
        dead_letters=dead_letters,
    )
    rule = EventRule(
        purpose,
        f"A commit on a watched branch of {repository.name}",
        repository.commit_pattern(branches),
        address="commit_event",
    )
    listen(scope, function, [rule], account=account, dead_letters=dead_letters)


def start_by_event(
    scope: TerraformStack, *, account: Account, key: Key, alarms: Topic, repository: Repository, branch: str,
    pipeline: str, pipeline_arn: str,
) -> None:  # fmt: skip
    """Event -> pipeline, its source pinned to the event's commit.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-trigger-source-overrides.html
    """
    purpose = f"{pipeline}-events"
    dead_letters = _dead_letters(scope, account, key, alarms, pipeline, purpose)
    role = Role(
        scope,
        "commit_event",
        account=account,
        name=account.names.role(purpose),
        service="events",
        source_arn=account.arn("events", f"rule/{account.names.rule(purpose)}"),
        description=f"Lets the commit event start {account.names.pipeline(pipeline)}, nothing else",
        statements=[allow("Start", ["codepipeline:StartPipelineExecution"], [pipeline_arn])],
    )
    # Written as text: the transformer puts the bare value where <commit> stands.
    template = '{"sourceRevisions":[{"actionName":"Source","revisionType":"COMMIT_ID","revisionValue":"<commit>"}]}'
    Rule(
        scope,
        "commit_event",
        account=account,
        purpose=purpose,
        description=f"A commit on {branch} of {repository.name}",
        pattern=repository.commit_pattern([branch]),
        target_arn="${aws_codepipeline.pipeline.arn}",
        role_arn=role.arn,
        dead_letters=dead_letters,
        input_transformer=CloudwatchEventTargetInputTransformer(
            input_paths={"commit": "$.detail.commitId"}, input_template=template
        ),
    )


def _dead_letters(
    scope: TerraformStack, account: Account, key: Key, alarms: Topic, pipeline: str, purpose: str
) -> DeadLetters:
    return DeadLetters(
        scope,
        "event_dead_letters",
        account=account,
        key=key,
        purpose=f"{pipeline}-dead-letters",
        rules=[account.names.rule(purpose)],
        alarm_topic_arn=alarms.arn,
    )
