"""What watches the account, for the governance stack: CloudTrail with its alarms, AWS Config with its rules."""

from __future__ import annotations

from cdktf import ITerraformDependable

from modules.audit_alarms import make_alarms
from modules.audit_filters import Delivered, filters
from modules.audit_pattern import caller
from modules.audit_trail import AuditTrail
from modules.compliance import Recorder, make_rules
from modules.encryption import Key
from modules.event_function import EventRule
from modules.notifications import Topic
from modules.storage import Bucket
from stacks.base import BaseStack
from stacks.setting_checks import image_builds
from stacks.settings import DeliveryPipeline, Settings


def make_audit(stack: BaseStack, settings: Settings, key: Key, topic: Topic) -> None:
    """The trail, if it is this project's, and the alarms on whichever log group there is."""
    log_group, keys = settings.audit.log_group, [key.arn]
    after: list[ITerraformDependable] = []
    if settings.singletons.cloudtrail == "manage":
        trail = AuditTrail(stack, account=stack.account, access_logs=Bucket.named(stack.account, "access-logs", key))
        log_group, after = trail.log_group, [trail.logs]
        keys.append(trail.key.arn)
    if log_group is None:
        return
    delivered = [
        Delivered(name, pipeline.repository.name, pipeline.branch)
        for name, pipeline in settings.pipelines.items()
        if isinstance(pipeline, DeliveryPipeline) and settings.audit.direct_pushes == "alarm"
    ]
    found = filters(
        settings.project,
        deployers=[caller(arn) for arn in settings.audit.deployers],
        keys=keys,
        log_group=log_group,
        delivered=delivered,
    )
    make_alarms(stack, account=stack.account, log_group=log_group, filters=found, topic_arn=topic.arn, after=after)


def make_compliance(stack: BaseStack, settings: Settings, key: Key) -> None:
    """The recorder, if it is this project's, and the rules, if the settings want them."""
    account = stack.account
    after: list[ITerraformDependable] = []
    if settings.singletons.config == "manage":
        access_logs = Bucket.named(account, "access-logs", key)
        after = [Recorder(stack, account=account, key=key, access_logs=access_logs).started]
    if settings.compliance.rules == "make":
        privileged = image_builds(account.names, settings.pipelines)
        make_rules(stack, account=account, privileged=privileged, after=after)


def compliance_events(settings: Settings) -> list[EventRule]:
    """What the notifier hears of AWS Config: this project's rules, and those that hold production."""
    own = [{"prefix": f"{settings.project}-"}] if settings.compliance.rules == "make" else []
    named = [name for name in settings.compliance.hold_production if not (own and name.startswith(own[0]["prefix"]))]
    if not own and not named:
        return []
    return [
        EventRule(
            "compliance-changed",
            "What a rule of AWS Config looks at has become compliant, or is it no more",
            # https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
            {
                "source": ["aws.config"],
                "detail-type": ["Config Rules Compliance Change"],
                "detail": {"messageType": ["ComplianceChangeNotification"], "configRuleName": [*own, *named]},
            },
        )
    ]
