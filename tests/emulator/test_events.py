"""Each event rule hears a real event of what it is for, and none that only resembles it.

Events are those of tests/events (AWS's published examples), of this account, region and repository. The rules' patterns are
asked as they stand in EventBridge (``TestEventPattern``); what then happens is tried with events that are really sent.
"""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EVENTS = Path(__file__).parents[1] / "events"
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
ACCOUNT, REGION = "123456789012", "eu-central-1"
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"

RULES = {
    "acme-payments-events",
    "acme-python-libraries-events",
    "acme-branch-deleted",
    "acme-branch-pushed",
    "acme-ecr-image-scan",
    "acme-inspector-finding",
    "acme-release-ended",
    "acme-pipeline-ended",
    "acme-stage-failed",
    "acme-build-by-hand",
    "acme-released-image-scanned",
    "acme-released-image-finding",
}
SCHEDULE = "acme-notifier-schedule"  # it hears no event


def event(name: str, **changes: Any) -> dict[str, Any]:
    """A recorded event of this account and region, its ``detail`` changed."""
    recorded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    recorded |= {"account": ACCOUNT, "region": REGION}
    recorded["detail"] |= changes
    return recorded


def push(repository: str, branch: str, kind: str = "codecommit_push", **changes: Any) -> dict[str, Any]:
    """CodeCommit's event of a branch."""
    named = {"repositoryName": repository, "referenceName": branch, "referenceFullName": f"refs/heads/{branch}"}
    found = event(kind, **{**named, **changes})
    found["resources"] = [ARN.format("codecommit", repository)]
    return found


def tag(repository: str, name: str, kind: str = "codecommit_reference_created") -> dict[str, Any]:
    """CodeCommit's event of a tag, whose name may be a branch's."""
    return push(repository, name, kind, referenceType="tag", referenceFullName=f"refs/tags/{name}")


def foreign(found: dict[str, Any]) -> dict[str, Any]:
    """The same event in another account, which a shared event bus could bring."""
    text = json.dumps(found).replace(ACCOUNT, "999999999999")
    other: dict[str, Any] = json.loads(text)
    return other


def elsewhere(found: dict[str, Any]) -> dict[str, Any]:
    """The same event in another region."""
    text = json.dumps(found).replace(REGION, "eu-west-1")
    other: dict[str, Any] = json.loads(text)
    return other


def without(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The same event without one of its fields."""
    other = copy.deepcopy(found)
    del other["detail"][name]
    return other


CREATED, UPDATED, DELETED = (f"codecommit_reference_{what}" for what in ("created", "updated", "deleted"))


def image(name: str, repository: str) -> dict[str, Any]:
    """ECR's or Inspector's event of an image."""
    found = event(name)
    if name == "ecr_image_scan":
        found["detail"]["repository-name"] = repository
        found["resources"] = [ARN.format("ecr", f"repository/{repository}")]
        return found
    found["detail"]["resources"][0]["details"]["awsEcrContainerImage"]["repositoryName"] = repository
    return found


def run(pipeline: str, name: str = "pipeline_failed", **detail: Any) -> dict[str, Any]:
    """CodePipeline's event of a run, a stage or an action."""
    found = event(f"codepipeline_{name}", pipeline=pipeline, **detail)
    found["resources"] = [ARN.format("codepipeline", pipeline)]
    return found


def build(project: str, initiator: str, status: str = "SUCCEEDED") -> dict[str, Any]:
    """CodeBuild's event of a build. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html (initiator)"""
    found = event("codebuild_build_state")
    arn = ARN.format("codebuild", f"build/{project}:8745a7a9-c340-456a-9166-edf953571bEX")
    found["resources"] = [arn]
    found["detail"] |= {"project-name": project, "build-id": arn, "build-status": status}
    found["detail"]["additional-information"]["initiator"] = initiator
    return found


HEARD: dict[str, dict[str, dict[str, Any]]] = {
    "acme-payments-events": {
        "a push to main": push("payments", "main"),
        "a merge to main": push("payments", "main", UPDATED),
        "main made anew": push("payments", "main", CREATED),
    },
    "acme-python-libraries-events": {
        "a push to main": push("python-libraries", "main"),
        "a new feature branch": push("python-libraries", "feature/refunds", CREATED),
        "a push to a feature branch": push("python-libraries", "feature/a/b", UPDATED),
    },
    "acme-branch-pushed": {
        "a push to main": push("payments", "main"),
        "a push to any other branch, which may be merged": push("payments", "feature/refunds", CREATED),
    },
    "acme-branch-deleted": {
        "a branch of the delivery": push("payments", "main", DELETED),
        "a branch of the scanned": push("python-libraries", "feature/refunds", DELETED),
    },
    "acme-ecr-image-scan": {"of the delivered image": image("ecr_image_scan", "acme/payments")},
    "acme-inspector-finding": {"of the delivered image": image("inspector2_finding", "acme/payments")},
    "acme-pipeline-ended": {
        "the delivery has failed": run("acme-payments"),
        "the scan has failed": run("acme-python-libraries"),
        "it was stopped": run("acme-payments", "pipeline_stopped"),
        "it went through, to be counted": run("acme-payments", "pipeline_succeeded"),
        "it was canceled": run("acme-payments", state="CANCELED"),
    },
    "acme-release-ended": {
        state: run("acme-payments", state=state)
        for state in ("SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED")
    },
    "acme-stage-failed": {
        "of the delivery": run("acme-payments", "stage_failed"),
        "of the scan": run("acme-python-libraries", "stage_failed"),
    },
    "acme-build-by-hand": {
        "by a person": build("acme-payments-image", "ann"),
        "by somebody's pipeline": build("acme-payments-production-deploy", "codepipeline/acme-other"),
        "of a scan, and it failed": build("acme-python-libraries-snyk", "ann", "FAILED"),
        "it ran too long": build("acme-python-libraries-resolve", "ann", "TIMED_OUT"),
    },
    "acme-released-image-scanned": {"of the delivered image": image("ecr_image_scan", "acme/payments")},
    "acme-released-image-finding": {"of the delivered image": image("inspector2_finding", "acme/payments")},
}
NOT_HEARD: dict[str, dict[str, dict[str, Any]]] = {
    "acme-payments-events": {
        "another branch": push("payments", "develop"),
        "a branch that begins so": push("payments", "main2"),
        "a branch that ends so": push("payments", "release/main"),
        "other letters": push("payments", "Main"),
        "a tag of that name": tag("payments", "main"),
        "the branch's deletion": push("payments", "main", DELETED),
        "another repository": push("payments-api", "main"),
        "another account's": foreign(push("payments", "main")),
        "another region's": elsewhere(push("payments", "main")),
        "a comment": push("payments", "main", event="commentOnCommitCreated"),
        "not of CodeCommit": push("payments", "main") | {"source": "acme.tools"},
        "no branch named": without(push("payments", "main"), "referenceName"),
    },
    "acme-python-libraries-events": {
        "another branch": push("python-libraries", "develop"),
        "a branch that begins as main": push("python-libraries", "main2"),
        "the beginning without its slash": push("python-libraries", "feature"),
        "a branch that has it inside": push("python-libraries", "old/feature/refunds"),
        "other letters": push("python-libraries", "Feature/refunds"),
        "a tag of such a name": tag("python-libraries", "feature/refunds"),
        "the branch's deletion": push("python-libraries", "feature/refunds", DELETED),
        "another repository": push("payments", "main"),
        "another account's": foreign(push("python-libraries", "main")),
        "another region's": elsewhere(push("python-libraries", "main")),
    },
    "acme-branch-pushed": {
        "a tag": tag("payments", "v1"),
        "a deletion": push("payments", "main", DELETED),
        "a repository that is only scanned": push("python-libraries", "main"),
        "another account's": foreign(push("payments", "main")),
    },
    "acme-branch-deleted": {
        "a deleted tag": tag("payments", "v1", DELETED),
        "a push": push("payments", "main"),
        "a new branch": push("payments", "feature/refunds", CREATED),
        "another repository": push("ledger", "main", DELETED),
        "another account's": foreign(push("payments", "main", DELETED)),
    },
    "acme-ecr-image-scan": {
        "another image": image("ecr_image_scan", "payments"),
        "an image that begins so": image("ecr_image_scan", "acme/payments-api"),
        "a push of it": image("ecr_image_scan", "acme/payments") | {"detail-type": "ECR Image Action"},
    },
    "acme-inspector-finding": {
        "another image": image("inspector2_finding", "acme/payments-api"),
        "a machine": event("inspector2_finding", resources=[{"type": "AWS_EC2_INSTANCE", "details": {}}]),
    },
    "acme-pipeline-ended": {
        "one that begins": run("acme-payments", state="STARTED"),
        "one that is being stopped": run("acme-payments", "pipeline_stopped", state="STOPPING"),
        "one that a newer run overtook": run("acme-payments", state="SUPERSEDED"),
        "somebody else's pipeline": run("acme-payments-api"),
        "a stage of it, which has a rule of its own": run("acme-payments", "stage_failed"),
        "an action of it, which its stage says, too": run("acme-payments", "action_failed"),
    },
    "acme-stage-failed": {
        "a stage that went through": run("acme-payments", "stage_failed", state="SUCCEEDED"),
        "a stage that was stopped, which its pipeline says": run("acme-payments", "stage_failed", state="STOPPED"),
        "somebody else's pipeline": run("acme-payments-api", "stage_failed"),
        "the pipeline itself": run("acme-payments"),
        "an action": run("acme-payments", "action_failed"),
    },
    "acme-build-by-hand": {
        "by its pipeline": build("acme-payments-image", "codepipeline/acme-payments"),
        "by its pipeline, and it failed": build("acme-payments-image", "codepipeline/acme-payments", "FAILED"),
        "that has only begun": build("acme-payments-image", "ann", "IN_PROGRESS"),
        "somebody else's project": build("shop-image", "ann"),
        "a phase of it": build("acme-payments-image", "ann") | {"detail-type": "CodeBuild Build Phase Change"},
    },
    "acme-released-image-scanned": {
        "another image": image("ecr_image_scan", "acme/payments-api"),
        "a scan that failed, which the importer tells": {
            **image("ecr_image_scan", "acme/payments"),
            "detail": {**image("ecr_image_scan", "acme/payments")["detail"], "scan-status": "FAILED"},
        },
    },
    "acme-released-image-finding": {
        "another image": image("inspector2_finding", "acme/payments-api"),
        "one that is closed": {
            **image("inspector2_finding", "acme/payments"),
            "detail": {**image("inspector2_finding", "acme/payments")["detail"], "status": "CLOSED"},
        },
        "a machine": event("inspector2_finding", resources=[{"type": "AWS_EC2_INSTANCE", "details": {}}]),
    },
    "acme-release-ended": {
        "its beginning": run("acme-payments", state="STARTED"),
        "a retried stage": run("acme-payments", state="RESUMED"),
        "one that is about to stop": run("acme-payments", state="STOPPING"),
        "a stage of it": run("acme-payments", "stage_failed", state="SUCCEEDED"),
        "a scan, which releases nothing": run("acme-python-libraries", state="SUCCEEDED"),
        "somebody else's pipeline": run("acme-payments-api", state="SUCCEEDED"),
    },
}


def cases(of: dict[str, dict[str, dict[str, Any]]]) -> list[Any]:
    """(rule, event) of each."""
    return [
        pytest.param(rule, found, id=f"{rule}: {name}") for rule, events in of.items() for name, found in events.items()
    ]


def matches(applied: Any, rule: str, found: dict[str, Any]) -> bool:
    """EventBridge's own word about the rule's pattern, as it is there."""
    events = applied.client("events")
    described = events.describe_rule(Name=rule)
    assert described["State"] == "ENABLED"
    answer = events.test_event_pattern(EventPattern=described["EventPattern"], Event=json.dumps(found))
    result: bool = answer["Result"]
    return result


def test_no_other_rule_listens(applied: Any) -> None:
    assert {rule["Name"] for rule in applied.client("events").list_rules()["Rules"]} == {*RULES, SCHEDULE}
    assert set(HEARD) == set(NOT_HEARD) == RULES


@pytest.mark.parametrize(("rule", "found"), cases(HEARD))
def test_it_hears(applied: Any, rule: str, found: dict[str, Any]) -> None:
    assert matches(applied, rule, found)


@pytest.mark.parametrize(("rule", "found"), cases(NOT_HEARD))
def test_it_does_not_hear(applied: Any, rule: str, found: dict[str, Any]) -> None:
    assert not matches(applied, rule, found)


# --- what an event does -------------------------------------------------------------------------------------------


def test_every_hour_the_notifier_looks(applied: Any) -> None:
    described = applied.client("events").describe_rule(Name=SCHEDULE)
    assert (described["State"], described["ScheduleExpression"]) == ("ENABLED", "rate(1 hour)")
    assert not described.get("EventPattern")


def patient(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``look`` gives as soon as that is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)
    return found


def send(applied: Any, found: dict[str, Any]) -> None:
    """As the service would: EventBridge gives it an id and a time."""
    entry = {
        "Source": found["source"],
        "DetailType": found["detail-type"],
        "Resources": found["resources"],
        "Detail": json.dumps(found["detail"]),
    }
    assert applied.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def started(applied: Any, commit: str) -> list[dict[str, Any]]:
    """Runs of that commit that somebody started."""
    return [one for one in applied.stand_in.state()["started"] if commit in json.dumps(one)]


def test_a_push_starts_the_delivery_with_its_commit(applied: Any) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-trigger-source-overrides.html"""
    commit = uuid.uuid4().hex + "0" * 8
    send(applied, push("payments", "develop", commitId=commit))
    send(applied, push("payments", "main", commitId=commit))
    (run,) = patient(lambda: started(applied, commit))
    run.pop("clientRequestToken", None)  # what EventBridge sends there is not documented
    assert run == {
        "name": "acme-payments",
        "sourceRevisions": [{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": commit}],
    }
    time.sleep(0.5)
    assert len(started(applied, commit)) == 1


def test_a_push_starts_the_scan_with_its_branch_and_commit(applied: Any) -> None:
    commit = uuid.uuid4().hex + "0" * 8
    send(applied, push("python-libraries", "develop", commitId=commit))
    send(applied, push("python-libraries", "feature/refunds", CREATED, commitId=commit))
    (run,) = patient(lambda: started(applied, commit))
    assert run.pop("clientRequestToken")  # the event's id: the same event twice is one run
    assert run == {
        "name": "acme-python-libraries",
        "variables": [{"name": "BRANCH", "value": "feature/refunds"}, {"name": "COMMIT", "value": commit}],
        "sourceRevisions": [{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": commit}],
    }


@pytest.fixture
def listening(applied: Any) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """Function: what reached the topic of failures since this began (Subject, Message), as a queue of ours that is subscribed to
    it has it. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
    sns, sqs = applied.client("sns"), applied.client("sqs")
    topic = ARN.format("sns", "acme-notifications")
    name = f"listening-{uuid.uuid4().hex[:8]}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": ARN.format("sqs", name),
            }
        ],
    }
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=ARN.format("sqs", name), ReturnSubscriptionArn=True
    )["SubscriptionArn"]

    def heard() -> list[dict[str, str]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    yield heard
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def test_a_failed_run_is_told_once_in_words(applied: Any, listening: Callable[[], list[dict[str, str]]]) -> None:
    """Its stage's event comes and its pipeline's, each twice: the mail is one. Shown as it arrives. The stage's comes first, as the
    stand-in's run has no failed action that a pipeline's event would find."""
    execution = str(uuid.uuid4())
    send(applied, run("acme-python-libraries", "pipeline_succeeded", **{"execution-id": str(uuid.uuid4())}))
    send(applied, run("somebody-else", **{"execution-id": execution}))
    for _ in range(2):
        send(applied, run("acme-payments", "stage_failed", **{"execution-id": execution}))
    found = patient(listening)
    for _ in range(2):
        send(applied, run("acme-payments", "pipeline_failed", **{"execution-id": execution}))
    time.sleep(3)  # what else is on its way
    found += listening()
    [mail] = [one for one in found if execution in one["Message"]]
    assert found == [mail]
    print(f"Subject: {mail['Subject']}\n\n{mail['Message']}")
    assert mail["Subject"] == "acme: payments FAILED in Verify"
    first, *rest = mail["Message"].splitlines()
    assert first == "payments FAILED in Verify."
    text = "\n".join(rest)
    assert f"{COMMIT} on main of payments" in text
    console = "https://eu-central-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/acme-payments/executions"
    assert f"{console}/{execution}/visualization?region=eu-central-1" in text
    [told] = applied.client("s3").list_objects_v2(
        Bucket="acme-reports-123456789012-eu-central-1", Prefix=f"notified/payments/{execution}/failed"
    )["Contents"]
    assert told["Key"].endswith("/failed-1.json")


def test_a_success_that_lacks_what_makes_a_release_is_told(
    applied: Any, listening: Callable[[], list[dict[str, str]]]
) -> None:
    """Of every execution the stand-in says that the guard of production still runs."""
    send(applied, run("acme-payments", "pipeline_succeeded", **{"execution-id": str(uuid.uuid4())}))
    [mail] = patient(listening)
    assert mail["Subject"] == "acme: payments reached its end WITHOUT Production/guard and Production/deploy"


def test_a_build_by_hand_is_told(applied: Any, listening: Callable[[], list[dict[str, str]]]) -> None:
    send(applied, build("acme-payments-image", "codepipeline/acme-payments"))
    send(applied, build("acme-payments-grype", "ann"))
    [mail] = patient(listening)
    assert mail["Subject"] == "acme: build acme-payments-grype was started outside its pipeline by ann"


def test_every_hour_it_looks_who_has_confirmed(applied: Any, listening: Callable[[], list[dict[str, str]]]) -> None:
    """The schedule's own event; EventBridge fires it by the clock, so the function is called as it would be. The queue that
    listens is the one subscriber that needs no confirmation."""
    answer = applied.administrator.client("lambda").invoke(
        FunctionName="acme-notifier", Payload=json.dumps(event("scheduled_event")).encode()
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert json.loads(answer["Payload"].read())["said"].endswith("; 0 waivers end soon, 0 have ended")
    [mail] = patient(listening)
    print(f"Subject: {mail['Subject']}\n\n{mail['Message']}")
    assert mail["Subject"] == (
        "acme: 2 e-mail addresses have not confirmed their subscription, and 1 topic reaches nobody"
    )
    text = mail["Message"]
    assert "Topic:     acme-notifications: 1 confirmed, 1 not\n           platform@example.com\n" in text
    approval = "Topic:     acme-payments-approval: 0 confirmed, 1 not - NOBODY hears this topic\n"
    assert f"{approval}           release@example.com\n" in text


def test_every_target_retries_for_a_day_and_keeps_what_was_not_delivered(applied: Any) -> None:
    events = applied.client("events")
    notifier = dict.fromkeys((*RULES, SCHEDULE), "acme-notifier-dead-letters")
    others = ("acme-branch-deleted", "acme-branch-pushed", "acme-ecr-image-scan", "acme-inspector-finding")
    queues = {
        **notifier,
        **dict.fromkeys(others, "acme-findings-importer-dead-letters"),
        "acme-payments-events": "acme-payments-dead-letters",
        "acme-python-libraries-events": "acme-python-libraries-dead-letters",
        "acme-release-ended": "acme-release-recorder-dead-letters",
    }
    for rule in sorted({*RULES, SCHEDULE}):
        (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}, rule
        assert target.get("DeadLetterConfig") == {"Arn": ARN.format("sqs", queues[rule])}, rule
        # A pipeline is started with a role; everything else has a policy of its own and must have none.
        role = "arn:aws:iam::123456789012:role/acme-payments-events" if rule == "acme-payments-events" else None
        assert target.get("RoleArn") == role, rule
