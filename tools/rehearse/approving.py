"""A manual approval: the message, the wait, the answer.

https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html (rejected, or nobody in seven days: the action has failed)
https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html (what is published)
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from tools.rehearse import roles
from tools.rehearse.answers import Approval
from tools.rehearse.history import IN_PROGRESS, ActionRun, Execution, Outcome, failed
from tools.rehearse.watch import APPROVAL_ASKED, Seen

if TYPE_CHECKING:
    from tools.rehearse.actions import World

DAYS = 7
SUBJECT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html


def approve(world: World, execution: Execution, action: ActionRun) -> Outcome:
    """Publish the question under the pipeline's role, and wait for a person."""
    given = action.resolved or {}
    limit = timedelta(minutes=action.action.minutes) if action.action.minutes else timedelta(days=DAYS)
    approval = Approval(
        pipeline=execution.pipeline.name,
        execution=execution.id,
        stage=action.stage,
        action=action.action.name,
        custom=given.get("CustomData", ""),
        link=given.get("ExternalEntityLink", ""),
        expires=world.clock.now() + limit,
    )
    approval.subject = _subject(approval)
    message = _message(approval, world.described.region)
    approval.mail = json.dumps(message, indent=2, ensure_ascii=False)
    topic = given.get("NotificationArn")
    if topic:
        sns = roles.client(roles.of_pipeline(world.emulator, execution.pipeline), "sns")
        sns.publish(TopicArn=topic, Subject=approval.subject, Message=json.dumps(message))
    world.approvals.ask(approval)
    world.tell(
        Seen(
            APPROVAL_ASKED, world.clock.now(), approval.pipeline, approval.execution, IN_PROGRESS, approval.stage,
            approval.action, "Manual", action.action.run_order, message=f"{approval.subject}\n\n{approval.mail}",
        )
    )  # fmt: skip
    approval.answered.wait(world.clock.limit(limit.total_seconds()))
    return world.approvals.close(approval) or failed(f"nobody has answered within {limit}", external_id=approval.token)


def _subject(approval: Approval) -> str:
    # Published messages shorten long names so ("vrathore-slack-test2-san..."); no page says how.
    pipeline, action = (name if len(name) <= 27 else f"{name[:24]}..." for name in (approval.pipeline, approval.action))
    return f"APPROVAL NEEDED: AWS CodePipeline {pipeline} for action {action}"[:SUBJECT]


def _message(approval: Approval, region: str) -> dict[str, object]:
    console = (
        f"https://console.aws.amazon.com/codesuite/codepipeline/pipelines/{approval.pipeline}/view?region={region}"
    )
    expires = approval.expires.strftime("%Y-%m-%dT%H:%MZ") if approval.expires else None
    asked = {
        "pipelineName": approval.pipeline,
        "stageName": approval.stage,
        "actionName": approval.action,
        "token": approval.token,
        "expires": expires,
        "externalEntityLink": approval.link or None,
        "approvalReviewLink": f"{console}#/{approval.stage}/{approval.action}/approve/{approval.token}",
        "customData": approval.custom or None,
    }
    return {"region": region, "consoleLink": console, "approval": asked}
