"""Plans -> Review: what must be known, and what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from plan_review import (
    approvals,
    expiry,
    exposure,
    gate_code,
    gate_removal,
    gates,
    protection,
    sources,
    stateful,
    waivers,
    watching,
    world,
)
from plan_review.findings import Finding, Kind
from plan_review.iam import attachments, cluster_roles, policies
from plan_review.model import Plan
from plan_review.scrub import Scrubber
from plan_review.text import Text, say
from plan_review.words import StackWords, words

# They belong to other things: that they come and go makes and destroys nothing by itself.
_COMPANIONS = frozenset(protection.GUARDS | exposure.KEEPERS) | {
    "aws_s3_bucket_policy", "aws_sns_topic_policy", "aws_sqs_queue_policy", "aws_iam_role_policy", "aws_iam_user_policy",
    "aws_iam_group_policy", "aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_ecr_repository_policy",
    "aws_ecr_lifecycle_policy", "aws_lambda_permission", "aws_lambda_alias", "aws_kms_key_policy", "aws_s3_bucket_acl",
    "aws_s3_bucket_lifecycle_configuration", "aws_secretsmanager_secret_policy", "aws_efs_file_system_policy",
    "aws_backup_vault_policy", "aws_lambda_function_event_invoke_config", "aws_s3_object",
}  # fmt: skip


@dataclass(frozen=True)
class Review:
    """What is to be said of some plans; no value in it is a sensitive one. ``findings``: the most important first."""

    findings: Sequence[Finding]
    stacks: Sequence[StackWords]

    @property
    def risky(self) -> bool:
        """Whether there is anything that a person must have looked at."""
        return bool(self.findings)


def review(plans: Sequence[Plan]) -> Review:
    """Judge the plans together: what one creates another may point to."""
    scrubber = Scrubber(secret for plan in plans for secret in plan.secrets)
    found = [_scrubbed(finding, scrubber) for finding in _findings(plans)]
    once = list(dict.fromkeys(found))
    once.sort(key=lambda finding: finding.kind)  # stable: within a kind by plan and place in it
    return Review(findings=once, stacks=[_stack(words(plan), scrubber) for plan in plans])


def _findings(plans: Sequence[Plan]) -> Iterator[Finding]:
    around = world.look(plans, _COMPANIONS)
    known = gate_code.look(plans)
    beside = gate_removal.look(plans)
    rules = approvals.look(plans)
    everything = [change for plan in plans for change in plan.changes]
    again = world.made_again(everything)
    for plan in plans:
        yield from _whole(plan)
        yield from stateful.lost(list(plan.changes))
        yield from policies.widened(plan, around, everything, again)
        for change in plan.changes:
            yield from attachments.attached(change, around)
            yield from cluster_roles.bound(change)
            yield from exposure.exposed(change, around)
            yield from protection.weakened(change, around)
            yield from expiry.expiring(change, around)
            yield from watching.deafened(change, around)
            yield from sources.changed(change)
            yield from gates.pipelines(again.get((change.stack, change.address), change), beside.renamed)
            yield from gate_code.functions(again.get((change.stack, change.address), change), known)
            yield from gate_code.aliases(change, known)
            yield from approvals.weakened(change, rules)
            yield from gate_removal.gone(change, beside, known)
        yield from gate_code.builds([again.get((change.stack, change.address), change) for change in plan.changes])
        yield from waivers.compared(plan)


def _whole(plan: Plan) -> Iterator[Finding]:
    """A plan that leaves something out is not one in which there is nothing."""
    if plan.errored:
        text = say(
            "Terraform failed while it made this plan: what would come after is not in it, and it cannot be applied"
        )
        yield Finding(Kind.PLAN, plan.name, "", text)
    elif not plan.complete and not plan.deferred:
        text = say("The plan was made of a part of the configuration (-target or -exclude): the rest is not in it")
        yield Finding(Kind.PLAN, plan.name, "", text)
    if plan.deferred:
        reasons: list[Text] = [say("{} ({})", address, reason) for address, reason in plan.deferred[:8]]
        text = say("Terraform puts some changes off to a later plan: what they are is not known yet")
        yield Finding(Kind.PLAN, plan.name, "", text, tuple(reasons))


def _scrubbed(finding: Finding, scrubber: Scrubber) -> Finding:
    return replace(
        finding,
        address=scrubber.word(finding.address),
        stack=scrubber.word(finding.stack),
        text=scrubber.text(finding.text),
        details=tuple(map(scrubber.text, finding.details)),
    )


def _stack(stack: StackWords, scrubber: Scrubber) -> StackWords:
    return StackWords(
        name=scrubber.word(stack.name),
        unchanged=stack.unchanged,
        summary=stack.summary,
        notes=[scrubber.text(text) for text in stack.notes],
        lines=[scrubber.text(text) for text in stack.lines],
        full=[scrubber.text(text) for text in stack.full],
    )
