"""Where commits, commands and secrets of a pipeline come from, and who must agree to a merge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.model import Change
from plan_review.pipeline_steps import Step, steps
from plan_review.text import Text, say
from plan_review.values import Value, at, plain

# Types of a build's variable that are looked up when it runs. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
_LOOKED_UP: Final = ("PARAMETER_STORE", "SECRETS_MANAGER")
# What a source action says of where it takes commits or files from, and whether by itself.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/integrations-action-type.html#integrations-source
_FROM: Final = (
    "RepositoryName", "BranchName", "Owner", "Repo", "Branch", "FullRepositoryId", "ConnectionArn", "S3Bucket", "S3ObjectKey",
    "ImageTag", "PollForSourceChanges", "DetectChanges", "AllowOverrideForS3ObjectKey",
)  # fmt: skip


def changed(change: Change) -> Iterator[Finding]:
    """Findings about one change."""
    if not change.managed or not change.stays:
        return
    if change.type == "aws_codebuild_project":
        yield from _build(change)
    elif change.type == "aws_codepipeline":
        for text in _sources(steps(change.before), steps(change.after)):
            yield Finding(Kind.GATE, change.stack, change.address, text)
    elif change.type == "aws_codecommit_approval_rule_template":
        for text in _approvals(_statements(change.before), _statements(change.after)):
            yield Finding(Kind.GATE, change.stack, change.address, text)


def _build(change: Change) -> Iterator[Finding]:
    for name in ("type", "location"):
        old, new = (at(side, f"source.*.{name}") for side in (change.before, change.after))
        if old and new and plain(new) and old != new:
            kinds = [str(one) for one in at(change.after, "source.*.type") if isinstance(one, str)]
            yield Finding(Kind.GATE, change.stack, change.address, say("what is built comes from elsewhere: {}", kinds))
            break
    version, now = change.before.get("source_version"), change.after.get("source_version")
    if (version or None) != (now or None) and plain(now):
        yield Finding(Kind.GATE, change.stack, change.address, say("another version of the source is built"))
    before, after = _variables(change.before), _variables(change.after)
    bare = sorted(
        name for name, kind in before.items() if kind in _LOOKED_UP and after.get(name, kind) in (None, "", "PLAINTEXT")
    )
    if bare:
        text = say("what was looked up when it runs stands in the project, for all who may read it: {}", bare)
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)


def _variables(attributes: Mapping[str, Any]) -> dict[str, Value]:
    """Name -> type."""
    found = at(attributes, "environment.*.environment_variable.*")
    return {str(one.get("name")): one.get("type") for one in found if isinstance(one, dict)}


def _sources(before: list[Step] | None, after: list[Step] | None) -> Iterator[Text]:
    if before is None or after is None:
        return  # gates.pipelines tells it
    there = {step.name: step for step in after if step.category == "Source"}
    for step in before:
        now = there.get(step.name)
        if step.category != "Source" or now is None:
            continue
        if step.provider != now.provider:
            yield say("{} takes what is delivered from another provider: {}", f"{step.stage}/{step.name}", now.provider)
            continue
        names = [name for name in _FROM if _other(step.configuration.get(name), now.configuration.get(name))]
        if names:
            yield say(
                "{} takes what is delivered from elsewhere, or by itself: {} changes",
                f"{step.stage}/{step.name}",
                names,
            )
    old, new = ({step.name for step in side if step.category == "Source"} for side in (before, after))
    if old and new and old - new and new - old:
        yield say("what is delivered comes from other actions: {} instead of {}", sorted(new - old), sorted(old - new))


def _other(old: Value, new: Value) -> bool:
    return old != new and plain([old, new])


def _approvals(before: list[Mapping[str, Any]], after: list[Mapping[str, Any]]) -> Iterator[Text]:
    """Fewer who must approve, or more who may. https://docs.aws.amazon.com/codecommit/latest/userguide/approval-rules.html"""
    if not before:
        return
    if not after:
        yield say("how many must approve is not known, or nobody must")
        return
    least = [min((_number(one) for one in side), default=0) for side in (before, after)]
    if least[1] < least[0]:
        yield say("fewer people must approve: {} instead of {}", str(least[1]), str(least[0]))
    pools = [[one.get("ApprovalPoolMembers") for one in side] for side in (before, after)]
    old, new = ({str(member) for pool in side for member in pool or ()} for side in pools)
    if all(pools[0]) and (not all(pools[1]) or new - old):
        yield say("others may approve")


def _number(statement: Mapping[str, Any]) -> float:
    number = statement.get("NumberOfApprovalsNeeded")
    return number if isinstance(number, (int, float)) else 0


def _statements(attributes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    text = attributes.get("content")
    try:
        found = json.loads(text)["Statements"] if isinstance(text, str) else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
