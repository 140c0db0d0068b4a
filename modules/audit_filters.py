"""What in CloudTrail's records somebody must hear of: plain data, no resources.

Each pattern is tried on a published record that must match and on a near miss (tests/events/cloudtrail).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modules.audit_pattern import (
    DONE,
    PATTERN,
    Filter,
    FilterTooLongError,
    either,
    equals,
    named,
    outside,
    pattern,
    service,
)


@dataclass(frozen=True)
class Delivered:
    """A delivered branch of one pipeline."""

    pipeline: str
    repository: str
    branch: str


def filters(
    project: str,
    *,
    deployers: Sequence[str],
    keys: Sequence[str],
    log_group: str,
    delivered: Sequence[Delivered],
) -> list[Filter]:
    """All filters of a project. ``keys``: ARNs of its keys; ``log_group``: where the trail writes; ``delivered``: branches that
    change by merged pull requests alone. Raises FilterTooLongError."""
    changed = outside(deployers)
    own = f"{project}-*"
    found = [*_of_the_project(own, changed, keys, log_group), *_of_the_account(changed), *map(_pushed, delivered)]
    for one in found:
        if one.length() > PATTERN:
            hint = "name fewer or shorter ones under audit: deployers" if deployers else "shorten the project's name"
            if one.purpose.startswith("pushed-"):
                hint = "shorten the branch's name, or set audit: {direct_pushes: allow}"
            raise FilterTooLongError(
                f"the filter for {one.purpose} has {one.length()} characters, at most {PATTERN} are allowed: {hint}"
            )
    return found


def _of_the_project(own: str, changed: str, keys: Sequence[str], log_group: str) -> list[Filter]:
    """Changes of what this project has deployed."""
    return [
        Filter(
            "pipeline-changed",
            pattern(
                service("codepipeline"),
                named("UpdatePipeline", "DeletePipeline"),
                either(equals("requestParameters.pipeline.name", own), equals("requestParameters.name", own)),
                DONE,
                changed,
            ),
            "A pipeline was changed or deleted outside Terraform",
            "A gate, a guard or an approval may be gone, and the next release may not be checked.",
        ),
        Filter(
            "build-changed",
            pattern(
                service("codebuild"),
                named("UpdateProject", "UpdateProjectVisibility", "DeleteProject"),
                either(
                    equals("requestParameters.name", own),
                    equals("requestParameters.projectArn", f"*:project/{own}"),
                    equals("responseElements.project.name", own),
                ),
                DONE,
                changed,
            ),
            "A build project was changed or deleted outside Terraform",
            "What a build runs may not be what was reviewed.",
        ),
        Filter(
            "role-changed",
            pattern(
                service("iam"),
                named(
                    "PutRolePolicy",
                    "DeleteRolePolicy",
                    "AttachRolePolicy",
                    "DetachRolePolicy",
                    "UpdateAssumeRolePolicy",
                    "PutRolePermissionsBoundary",
                    "DeleteRolePermissionsBoundary",
                    "DeleteRole",
                ),
                equals("requestParameters.roleName", own),
                DONE,
                changed,
            ),
            "A role's permissions or its trust were changed outside Terraform",
            "A build or a function may do more than its task, or somebody else may act in its role.",
        ),
        Filter(
            "function-changed",
            pattern(
                service("lambda"),
                # CloudTrail adds a version to these names: UpdateFunctionCode20150331v2.
                named(
                    "UpdateFunction*",
                    "PutFunction*",
                    "DeleteFunction*",
                    "AddPermission*",
                    "RemovePermission*",
                    "UpdateAlias*",
                    "DeleteAlias*",
                ),
                equals("requestParameters.functionName", own, f"*:function:{own}"),
                DONE,
                changed,
            ),
            "The importer, the guard or another function was changed outside Terraform",
            "Verdicts and releases can no longer be believed until it is known what was changed.",
        ),
        Filter(
            "key-policy-changed",
            pattern(service("kms"), named("PutKeyPolicy"), equals("resources[0].ARN", *keys), DONE, changed),
            "The policy of this project's key was changed outside Terraform",
            "Somebody may read or write what nobody else should.",
        ),
        Filter(
            "bucket-changed",
            pattern(
                service("s3"),
                named("PutBucket*", "DeleteBucket*"),
                equals("requestParameters.bucketName", own),
                DONE,
                changed,
            ),
            "A bucket's policy or settings were changed outside Terraform",
            "Verdicts, release records or the trail's files may have become writable, or are deleted sooner.",
        ),
        Filter(
            "rule-changed",
            pattern(
                service("events"),
                named("DisableRule", "DeleteRule", "PutRule", "RemoveTargets", "PutTargets"),
                either(equals("requestParameters.name", own), equals("requestParameters.rule", own)),
                DONE,
                changed,
            ),
            "An event rule was changed, disabled or deleted outside Terraform",
            "Runs may no longer start, pushes no longer be recorded, or failures no longer be told.",
        ),
        Filter(
            "topic-changed",
            pattern(
                service("sns"),
                named(
                    "DeleteTopic", "SetTopicAttributes", "RemovePermission", "Unsubscribe", "SetSubscriptionAttributes"
                ),
                # A subscription's ARN is its topic's with an id behind it.
                either(
                    equals("requestParameters.topicArn", f"*:{own}"),
                    equals("requestParameters.subscriptionArn", f"*:{own}"),
                ),
                DONE,
                changed,
            ),
            "A topic of this project, or somebody's subscription to one, was changed or deleted outside Terraform",
            "Failures, alarms or approvals may no longer reach anybody: tell the others yourself.",
        ),
        Filter(
            "watch-weakened",
            pattern(
                either(
                    f"({service('logs')} && {named('DeleteLogGroup', 'DeleteMetricFilter', 'PutMetricFilter')} &&"
                    f" {equals('requestParameters.logGroupName', log_group)})",
                    f"({service('monitoring')} && {named('DeleteAlarms', 'DisableAlarmActions')} &&"
                    f" {either(equals('requestParameters.alarmNames[0]', own), equals('requestParameters.alarmNames[1]', own))})",
                    f"({service('monitoring')} && {named('PutMetricAlarm')} &&"
                    f" {equals('requestParameters.alarmName', own)})",
                ),
                DONE,
                changed,
            ),
            "An alarm, or what it listens to, was changed or deleted outside Terraform",
            "Somebody may be about to do what you would otherwise hear of.",
        ),
    ]


def _of_the_account(changed: str) -> list[Filter]:
    """Whoever does it, but for the call with which Terraform makes a recorder. The patterns of root and sign-in are those of AWS's own controls:
    https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html (CloudWatch.1, CloudWatch.3)"""
    return [
        Filter(
            "key-lost",
            pattern(service("kms"), named("ScheduleKeyDeletion", "DisableKey"), DONE),
            "A KMS key was disabled, or its deletion was ordered",
            "What it encrypts cannot be read any more: artifacts, reports, queues, topics. A deletion can be cancelled until its"
            " last day, a disabled key enabled again.",
        ),
        Filter(
            "security-service-off",
            pattern(
                either(
                    f"({service('securityhub')} && {named('DisableSecurityHub')})",
                    f"({service('config')} &&"
                    f" {named('StopConfigurationRecorder', 'DeleteConfigurationRecorder', 'DeleteDeliveryChannel')})",
                    # What it records, and in which role.
                    f"({service('config')} && {named('PutConfigurationRecorder')} && {changed})",
                ),
                DONE,
            ),
            "Security Hub or AWS Config was switched off, or what Config records was changed outside Terraform",
            "Findings are no longer taken, or changes no longer recorded. Every gate that needs Security Hub stops.",
        ),
        Filter(
            "trail-changed",
            pattern(
                service("cloudtrail"),
                named("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"),
                DONE,
            ),
            "A CloudTrail trail was stopped, deleted or changed",
            "From then on nobody may hear of anything: look at once.",
        ),
        Filter(
            "root-used",
            '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }',
            "The account's root user was used",
            "Nothing here needs it. If it was not you: change its password, delete its access keys, call AWS.",
        ),
        Filter(
            "console-without-mfa",
            '{ $.eventName = "ConsoleLogin" && $.additionalEventData.MFAUsed != "Yes" && $.userIdentity.type = "IAMUser"'
            ' && $.responseElements.ConsoleLogin = "Success" }',
            "An IAM user signed in to the console without MFA",
            "A password alone was enough. Give that user an MFA device, or take the password away.",
        ),
        Filter(
            "approval-overridden",
            pattern(
                service("codecommit"),
                either(
                    f"({named('OverridePullRequestApprovalRules')} &&"
                    f" {equals('requestParameters.overrideStatus', 'OVERRIDE')})",
                    named(
                        "UpdatePullRequestApprovalRuleContent", "DeletePullRequestApprovalRule",
                        "UpdateApprovalRuleTemplateContent", "DeleteApprovalRuleTemplate",
                        "DisassociateApprovalRuleTemplateFromRepository",
                        "BatchDisassociateApprovalRuleTemplateFromRepositories",
                    ),
                ),
                DONE,
            ),
            "The approval rules of a pull request were set aside, or an approval rule was changed",
            "A change can be merged that not everybody has approved who should have.",
        ),
    ]  # fmt: skip


def _pushed(one: Delivered) -> Filter:
    """Commits that reach a delivered branch other than by a merged pull request (MergePullRequestBy...).

    A push names its references in a list, of which a pattern sees single places: more than two at once count as this branch.
    https://docs.aws.amazon.com/codecommit/latest/userguide/integ-cloudtrail.html#integ-cloudtrail-gitpush
    https://docs.aws.amazon.com/codecommit/latest/APIReference/API_Operations.html
    """
    ref = f"refs/heads/{one.branch}"
    first, second, third = (f"requestParameters.references[{place}].ref" for place in range(3))
    pushed = (
        f"({named('GitPush')} && {equals('additionalEventData.repositoryName', one.repository)} &&"
        f" {either(equals(first, ref), equals(second, ref), equals(third, 'refs/*'))})"
    )
    written = (
        f"({equals('requestParameters.repositoryName', one.repository)} &&"
        f" {either(_called(one.branch), _merged(one.branch))})"
    )
    return Filter(
        f"pushed-{one.pipeline}",
        pattern(service("codecommit"), either(pushed, written), DONE),
        f"Commits reached {one.branch} of {one.repository} without a pull request",
        "They will be built and may be released although nobody has reviewed them.",
    )


def _called(branch: str) -> str:
    names = named("CreateCommit", "PutFile", "DeleteFile", "CreateBranch", "DeleteBranch")
    return f"({names} && {equals('requestParameters.branchName', branch)})"


def _merged(branch: str) -> str:
    target = either(
        equals("requestParameters.targetBranch", branch), equals("requestParameters.destinationCommitSpecifier", branch)
    )
    return f"({named('MergeBranchesBy*')} && {target})"
