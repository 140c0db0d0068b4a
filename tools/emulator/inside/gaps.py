"""What the two emulators lack or do otherwise than AWS, each filled here, named with what it stands for.

What nobody emulates, so that it could not be filled, is a list of its own: ../unknown.yaml.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import moto.codecommit.models
import moto.codepipeline.models
from ministack import app
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import codebuild, eventbridge, iam, lambda_svc, sns
from moto.codecommit.responses import CodeCommitResponse
from moto.codepipeline.exceptions import InvalidStructureException


@dataclass(frozen=True)
class Gap:
    """``stands_for``: what AWS does there. ``fill`` replaces the emulator's inside."""

    service: str
    stands_for: str
    fill: Callable[[], None]


def replace(owner: Any, name: str, new: Any) -> Any:
    """Put ``new`` in the place of ``owner``'s ``name``; returns what was there. A version of the emulator that has no such
    name fails here (AttributeError), not in a test that no longer tests anything."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    return old


def _loopback_port_only() -> None:
    # With TLS ministack also takes 443, which is not ours to take.
    replace(app, "_port_is_bindable", lambda *_: False)


def _service_events() -> None:
    put = functools.partial(eventbridge._put_events, allow_aws_source=True)
    replace(eventbridge, "_put_events", put)


def _asynchronous_targets() -> None:
    def call(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            raise LookupError(f"a rule's target does not exist: {name}")
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    replace(eventbridge, "_dispatch_to_lambda", call)


def _seconds(moment: Any = None, *_: Any) -> float:
    return moment.timestamp() if moment else time.time()


def _timestamps() -> None:
    # JSON 1.1 has seconds since 1970: the provider refuses the text that moto sends.
    for models in (moto.codecommit.models, moto.codepipeline.models):
        replace(models, "iso_8601_datetime_with_milliseconds", _seconds)


def _repository_tags() -> None:
    tags: dict[str, dict[str, str]] = {}
    create = CodeCommitResponse.create_repository

    def create_repository(self: CodeCommitResponse) -> str:
        answer = create(self)
        tags[json.loads(answer)["repositoryMetadata"]["Arn"]] = self._get_param("tags") or {}
        return answer

    def list_tags_for_resource(self: CodeCommitResponse) -> str:
        return json.dumps({"tags": tags.get(self._get_param("resourceArn"), {})})

    def list_branches(self: CodeCommitResponse) -> str:
        return json.dumps({"branches": []})

    replace(CodeCommitResponse, "create_repository", create_repository)
    # moto has none of these two.
    CodeCommitResponse.list_tags_for_resource = list_tags_for_resource
    CodeCommitResponse.list_branches = list_branches


def _pipeline_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/security_iam_troubleshoot.html: the role must exist and trust it."""
    backend = moto.codepipeline.models.CodePipelineBackend

    class Trusted:
        assume_role_policy_document = json.dumps(
            {"Statement": [{"Principal": {"Service": "codepipeline.amazonaws.com"}}]}
        )

    class Roles:
        """ministack's roles, where moto looks for its own."""

        def get_role_by_arn(self, arn: str) -> type[Trusted]:
            role = iam._roles.get(arn.rpartition("/")[2])
            if role is None or not may_assume(role["AssumeRolePolicyDocument"], "codepipeline.amazonaws.com"):
                raise InvalidStructureException(f"CodePipeline is not authorized to perform AssumeRole on role {arn}")
            return Trusted

    replace(backend, "iam_backend", property(lambda self: Roles()))


def may_assume(trust: str | Mapping[str, Any], service: str, source_arn: str = "", source_account: str = "") -> bool:
    """Whether the service, acting for a resource of an account (by default: this one), may assume a role with this trust."""
    context = {"aws:sourceaccount": source_account or get_account_id(), "aws:sourcearn": source_arn or None}
    document = json.loads(trust) if isinstance(trust, str) else dict(trust)
    # A trust document names no resource; the evaluator wants one.
    statements = [{**statement, "Resource": "*"} for statement in document["Statement"]]
    return admits({"Statement": statements}, service, "sts:AssumeRole", "*", context)


def admits(policy: Any, service: str, action: str, resource: str, context: Mapping[str, str | None]) -> bool:
    """Whether a resource's policy lets a service do that. ``context``: the condition keys that the service sends."""
    asked = EvalContext(
        principal_arn=service, principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), service_context={name: value for name, value in context.items() if value},
    )  # fmt: skip
    return bool(evaluate_resource_policy(policy, asked, service=service).decision == "Allow")


def _pending_addresses() -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html: an e-mail address gets nothing until its owner confirms."""

    def subscribed(given: Any) -> Any:
        answer = subscribe(given)
        for topic in sns._topics.values():
            for one in topic["subscriptions"]:
                if one["protocol"] == "email" and one["confirmed"]:
                    one["confirmed"] = False
                    one["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
            sns._refresh_subscription_counts(topic)
        return answer

    def listed(given: Any) -> Any:
        """https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html: who waits has a word in place of an ARN."""
        status, headers, body = by_topic(given)
        for topic in sns._topics.values():
            for one in topic["subscriptions"]:
                if not one["confirmed"]:
                    old = f"<SubscriptionArn>{one['arn']}<".encode()
                    body = body.replace(old, b"<SubscriptionArn>PendingConfirmation<")
        return status, headers, body

    subscribe = replace(sns, "_subscribe", subscribed)
    by_topic = replace(sns, "_list_subscriptions_by_topic", listed)


def _report_groups() -> None:
    groups: dict[str, dict[str, Any]] = {}
    served = codebuild._handle_request_sync

    def create(given: Mapping[str, Any]) -> Any:
        arn = f"arn:aws:codebuild:{get_region()}:{get_account_id()}:report-group/{given['name']}"
        if arn in groups:
            return _error("ResourceAlreadyExistsException", f"{given['name']} exists")
        groups[arn] = {"tags": [], **given, "arn": arn, "created": time.time(), "lastModified": time.time(), "status": "ACTIVE"}  # fmt: skip
        return {"reportGroup": groups[arn]}

    def get(given: Mapping[str, Any]) -> Any:
        arns = given["reportGroupArns"]
        return {
            "reportGroups": [groups[arn] for arn in arns if arn in groups],
            "reportGroupsNotFound": [arn for arn in arns if arn not in groups],
        }

    def delete(given: Mapping[str, Any]) -> Any:
        groups.pop(given["arn"], None)
        return {}

    operations = {"CreateReportGroup": create, "BatchGetReportGroups": get, "DeleteReportGroup": delete}

    def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any) -> Any:
        operation = operations.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if operation is None:
            return served(method, path, headers, body, params)
        answer = operation(json.loads(body))
        if isinstance(answer, tuple):
            return answer
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    replace(codebuild, "_handle_request_sync", handle)


def _project_attributes() -> None:
    # ministack keeps some of a project's attributes and forgets the rest.
    kept: dict[str, dict[str, Any]] = {}
    create, update, shape = codebuild._create_project, codebuild._update_project, codebuild._project_shape

    def keeping(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(given: Mapping[str, Any]) -> Any:
            kept.setdefault(given["name"], {"queuedTimeoutInMinutes": 480}).update(given)
            return write(given)

        return written

    def shaped(project: Mapping[str, Any]) -> dict[str, Any]:
        return {**kept[project["name"]], **shape(project)}

    replace(codebuild, "_create_project", keeping(create))
    replace(codebuild, "_update_project", keeping(update))
    replace(codebuild, "_project_shape", shaped)


def _project_by_arn() -> None:
    def delete_by_name(given: Mapping[str, Any]) -> Any:
        name = str(given["name"]).rpartition("/")[2]
        return delete({**given, "name": name})

    delete = replace(codebuild, "_delete_project", delete_by_name)


def _error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    content = {"__type": code, "message": message}
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


GAPS = (
    Gap("all", "the emulator listens on the one port that it was given", _loopback_port_only),
    Gap("events", "events of aws.codecommit, aws.ecr and others: the services send them, here the tests do", _service_events),
    Gap(
        "events",
        "a rule calls a function asynchronously: Lambda tries again, then uses the dead-letter queue",
        _asynchronous_targets,
    ),
    Gap("codecommit, codepipeline", "times in answers are seconds since 1970", _timestamps),
    Gap("codecommit", "a repository's tags and its (no) branches can be listed", _repository_tags),
    Gap("codepipeline", "a pipeline is only made with a role that exists and that CodePipeline may assume", _pipeline_role),
    Gap("sns", "an e-mail address is pending until a person confirms, which nobody does here", _pending_addresses),
    Gap("codebuild", "report groups", _report_groups),
    Gap("codebuild", "DeleteProject takes a project's ARN, too", _project_by_arn),
    Gap("codebuild", "a project's logs, timeouts, network and every other attribute stay as given", _project_attributes),
)  # fmt: skip
