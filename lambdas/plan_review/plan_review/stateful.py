"""Destroyed and replaced things that hold something, with what forces it."""

from __future__ import annotations

from collections.abc import Iterator

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.showing import step
from plan_review.stateful_catalogue import lost_with
from plan_review.text import Text, say
from plan_review.values import at

# https://developer.hashicorp.com/terraform/internals/json-format#resource-change-representation (action_reason)
REASONS = {
    "replace_because_tainted": "it is marked as tainted",
    "replace_because_cannot_update": "it cannot be changed in place",
    "replace_by_request": "the plan was made with -replace",
    "replace_by_triggers": "something in its replace_triggered_by changes",
    "delete_because_no_resource_config": "it is not in the configuration any more",
    "delete_because_no_module": "its module is not in the configuration any more",
    "delete_because_wrong_repetition": "count or for_each was added to it or taken away",
    "delete_because_count_index": "its count is lower",
    "delete_because_each_key": "its key is not in for_each any more",
    "delete_because_no_move_target": "a moved block names a target that is not in the configuration",
}
# Objects whose content travels with the configuration: replaced, they are written anew from it.
_WRITTEN_ANEW = {
    "aws_s3_object", "aws_secretsmanager_secret_version", "aws_ssm_parameter",
    "aws_rds_cluster_instance", "aws_dms_replication_instance",
}  # fmt: skip


def lost(changes: list[Change]) -> Iterator[Finding]:
    """Every stateful object that is destroyed or replaced."""
    for change in changes:
        what = lost_with(change.type) if change.managed else None
        if what is None or change.action not in (Action.DELETE, Action.REPLACE):
            continue
        if change.forgets or (change.action is Action.REPLACE and change.type in _WRITTEN_ANEW):
            continue
        yield Finding(Kind.DESTROY, change.stack, change.address, _sentence(change, what), tuple(_details(change)))


def _sentence(change: Change, what: str) -> Text:
    if change.deposed is not None:
        return say(f"an old object, left over from an earlier replacement, is destroyed, and with it {what}")
    if change.action is Action.DELETE:
        return say(f"is destroyed, and with it {what}")
    order = "the new one first" if change.create_first else "the old one first"
    if change.forced_by:
        return say(f"is replaced ({order}), and with the old one goes {what}; forced by {{}}", change.forced_by)
    return say(f"is replaced ({order}), and with the old one goes {what}")


def _details(change: Change) -> Iterator[Text]:
    if change.reason:
        yield say("Why: " + REASONS[change.reason]) if change.reason in REASONS else say("Why: {}", change.reason)
    for path in change.forced_by[:4]:
        yield step(path, change.before, change.after)
    guards = [
        path for path in ("deletion_protection", "deletion_protection_enabled") if at(change.before, path) == [True]
    ]
    if guards:
        yield say("AWS refuses while {} is on: what applies this switches it off first", guards)
    if at(change.before, "skip_final_snapshot") == [True]:
        yield say("No final snapshot is made: {} is true", "skip_final_snapshot")
    if at(change.before, "force_destroy") == [True] or at(change.before, "force_delete") == [True]:
        yield say(
            "It is emptied without asking: {} is true",
            "force_destroy" if "force_destroy" in change.before else "force_delete",
        )
