"""Whom AWS asks, and what about: the emulator asks nobody where one service acts for another or for a caller.

More of what gaps.py begins: each gap is named with what it stands for.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import boto3
from gaps import Gap, admits, may_assume, replace
from ministack.core import iam_actions, iam_evaluator
from ministack.core.lambda_runtime import execution_credentials
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, iam, kms, lambda_svc, s3, sns, sqs, sts

_SSE = "s3:x-amz-server-side-encryption"
_SSE_KEY = f"{_SSE}-aws-kms-key-id"
_IF_MATCH = "s3:if-match"
EVENTS = "events.amazonaws.com"


def _services_assume() -> None:
    """A service is not there to call AssumeRole: the account's root does it, and says in ExternalId for whom it stands:
    ``<service>,<source ARN>,<source account>``, as Emulator.as_role does. The role's own trust decides."""

    def trusts(trust: Any, caller: str, context: Any = None) -> bool:
        stands_for = context.service_context.get("sts:externalid") if context else None
        if not caller.endswith(":root") or not stands_for:
            return bool(asked(trust, caller, context))
        return may_assume(trust, *stands_for.split(","))

    asked = replace(iam_evaluator, "evaluate_trust_policy", trusts)


def _key_named_by_a_write() -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys"""

    def context(action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        found = dict(given(action, query, path, headers))
        key = (headers or {}).get("x-amz-server-side-encryption-aws-kms-key-id")
        if action == "s3:PutObject" and key:
            found[_SSE_KEY] = key
        if action == "s3:PutObject" and (headers or {}).get("if-match"):
            found[_IF_MATCH] = headers["if-match"]
        return found

    given = replace(iam_actions, "s3_service_context", context)


def _objects_seen_by_who_may_read() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: If-Match takes the permission to read, too.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: that an object is not there is said to who may list."""

    def enforced(
        access_key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> Any:
        denied = enforce(access_key, action, service, region, resource_arn, service_context)
        if denied is not None:
            return denied
        if action == "s3:PutObject" and _IF_MATCH in (service_context or {}):
            return enforce(access_key, "s3:GetObject", service, region, resource_arn)
        bucket, _, name = resource_arn.rpartition(":")[2].partition("/")
        if action == "s3:GetObject" and bucket in s3._buckets and name not in s3._buckets[bucket]["objects"]:
            return enforce(access_key, "s3:ListBucket", service, region, f"arn:aws:s3:::{bucket}")
        return None

    enforce = replace(iam_evaluator, "enforce", enforced)


def _streams_asked_about() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html: policies name a group's streams."""

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, params: Any, *rest: Any) -> str:
        found = str(extract(service, method, path, headers, body, params, *rest))
        if service == "logs" and ":log-group:" in found:
            stream = json.loads(body or b"{}").get("logStreamName")
            return f"{found}:log-stream:{stream}" if stream else found
        return found

    extract = replace(iam_actions, "extract_resource_arn", resource)


def _keys_asked_about_by_alias() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html: an alias in a policy is the alias, not its key.
    What is done to a key by its alias is asked of the key."""

    def resource(service: str, *rest: Any) -> str:
        found = str(extract(service, *rest))
        return _own(found.rpartition(":")[2]) or found if service == "kms" and ":alias/" in found else found

    extract = replace(iam_actions, "extract_resource_arn", resource)


def _keys_used_for_a_caller() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html (permissions; with a bucket key the encryption
    context is the bucket), https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html,
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """

    def enforced(
        access_key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> Any:
        denied = enforce(access_key, action, service, region, resource_arn, service_context)
        if denied is not None or action not in _USES:
            return denied
        key, encryption = _key_of(action, resource_arn, service_context or {})
        if not key:
            return None
        context = {"kms:viaservice": f"{service}.{region}.amazonaws.com", **encryption}
        for use in _USES[action]:
            # By its name in the module: what is asked here is recorded there like every other call.
            denied = iam_evaluator.enforce(access_key, use, "kms", region, key, context)
            if denied is not None:
                return denied
        return None

    enforce = replace(iam_evaluator, "enforce", enforced)


_USES = {
    "s3:PutObject": ("kms:GenerateDataKey",),
    "s3:GetObject": ("kms:Decrypt",),
    "s3:GetObjectVersion": ("kms:Decrypt",),
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}


def _key_of(action: str, resource: str, context: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """ARN of the key that protects what is read or written, "" for none of this account's, and the encryption context."""
    service = action.partition(":")[0]
    if service == "s3":
        bucket, _, name = resource.rpartition(":")[2].partition("/")
        if bucket not in s3._buckets:
            return "", {}
        headers = s3._bucket_default_sse_headers(bucket)
        if action == "s3:PutObject":
            if context.get(_SSE):
                headers = {"x-amz-server-side-encryption-aws-kms-key-id": context.get(_SSE_KEY, "")}
        else:
            headers = s3._stored_sse_headers(s3._buckets[bucket]["objects"].get(name) or {})
        return _own(headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")), {
            "kms:encryptioncontext:aws:s3:arn": f"arn:aws:s3:::{bucket}"
        }
    if service == "sns":
        topic = sns._topic_by_arn_any_scope(resource)
        key = (topic or {}).get("attributes", {}).get("KmsMasterKeyId", "")
        return _own(key), {"kms:encryptioncontext:aws:sns:topicarn": resource}
    queue = sqs._queue_by_arn(resource)
    key = (queue or {}).get("attributes", {}).get("KmsMasterKeyId", "")
    return _own(key), {"kms:encryptioncontext:aws:sqs:arn": resource}


def _own(key: str) -> str:
    record = kms._resolve_key(key) if key else None
    return str(record["Arn"]) if record else ""


def _rules_targets() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html: a function, a topic and a queue are asked by
    their policy; to a topic no condition key is sent. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html:
    a pipeline is started with the target's role."""

    def invoke(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        arn = str(target["Arn"])
        service = arn.split(":")[2]
        source = {"aws:sourcearn": str(rule["Arn"])}
        policies = {
            "lambda": (lambda_svc.function_policy_for_arn, "lambda:InvokeFunction", source),
            "sqs": (sqs.queue_policy_for_arn, "sqs:SendMessage", source),
            "sns": (sns.topic_policy_for_arn, "sns:Publish", {}),
        }
        if service == "codepipeline":
            _start_pipeline(target, rule, view or eventbridge._pattern_event_view(event))
            return
        if service in policies:
            policy_of, action, context = policies[service]
            policy = policy_of(arn)
            if policy is None or not admits(policy[0], EVENTS, action, arn, context):
                print(f"{rule['Name']}: {arn} does not admit EventBridge", flush=True)
                return
            key, encryption = _key_of(action, arn, {}) if service != "lambda" else ("", {})
            if key and not _key_admits(key, service, encryption):
                print(f"{rule['Name']}: the key of {arn} does not admit EventBridge", flush=True)
                return
        invoked(target, event, rule, view)

    invoked = replace(eventbridge, "_invoke_target", invoke)


def _key_admits(key: str, service: str, encryption: Mapping[str, str]) -> bool:
    policy, _ = kms.key_policy_for_arn(key)
    context = {"kms:viaservice": f"{service}.{get_region()}.amazonaws.com", **encryption}
    return all(admits(policy, EVENTS, action, key, context) for action in ("kms:GenerateDataKey", "kms:Decrypt"))


def _start_pipeline(target: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> None:
    role = iam._roles.get(str(target.get("RoleArn", "")).rpartition("/")[2])
    if role is None or not may_assume(role["AssumeRolePolicyDocument"], EVENTS, str(rule["Arn"])):
        print(f"{rule['Name']}: EventBridge may not assume {target.get('RoleArn')}", flush=True)
        return
    text = json.dumps(view.event_with_detail())
    if target.get("InputTransformer"):
        text = eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)
    given = json.loads(text)
    session = {"SecretAccessKey": uuid.uuid4().hex, "SessionToken": uuid.uuid4().hex}
    access_key = f"ASIA{uuid.uuid4().hex[:16].upper()}"
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{role['RoleName']}/AWSEvents"
    sts.register_session(access_key, {**session, "Arn": arn, "UserId": "AWSEvents"})
    client = boto3.client(
        "codepipeline",
        endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        verify=os.environ["MINISTACK_SSL_CERT"],
        region_name=get_region(),
        aws_access_key_id=access_key,
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    revisions = {"sourceRevisions": given["sourceRevisions"]} if "sourceRevisions" in given else {}
    name = str(target["Arn"]).rpartition(":")[2]
    start = threading.Thread(target=lambda: client.start_pipeline_execution(name=name, **revisions), daemon=True)
    start.start()


def _principal_of_a_session() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn: of an
    assumed role it is the role's."""

    def resolved(key: str, context: Any) -> Any:
        principal = str(context.principal_arn)
        if key.lower() == "aws:principalarn" and ":assumed-role/" in principal:
            role = iam._roles.get(principal.split("/")[1])
            return role["Arn"] if role else principal
        return resolve(key, context)

    resolve = replace(iam_evaluator, "_resolve_condition_key", resolved)


def _functions_roles() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html: "the role's trust policy must specify the Lambda
    service principal"; Lambda tries when a function is made."""

    def create(given: Mapping[str, Any]) -> Any:
        role = iam._roles.get(str(given.get("Role", "")).rpartition("/")[2])
        if role is None or not may_assume(role["AssumeRolePolicyDocument"], "lambda.amazonaws.com"):
            message = "The role defined for the function cannot be assumed by Lambda."
            return lambda_svc.error_response_json("InvalidParameterValueException", message, 400)
        return created(given)

    created = replace(lambda_svc, "_create_function", create)


def _failed_events() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (permissions of the execution role)"""

    def route(target: str, function: str, event: Any, result: Any) -> None:
        config = lambda_svc._functions[function]["config"]
        access_key = execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        service = target.split(":")[2]
        action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}[service]
        if iam_evaluator.enforce(access_key, action, service, get_region(), target) is None:
            routed(target, function, event, result)
        else:
            print(f"{function}: its role may not {action} on {target}", flush=True)

    routed = replace(lambda_svc, "_route_async_failure", route)


GAPS = (
    Gap("sts", "a service assumes a role for a resource of an account, if the role's trust lets it", _services_assume),
    Gap("all", "aws:PrincipalArn of an assumed role is the ARN of the role", _principal_of_a_session),
    Gap("s3", "a write names its key, which a bucket's policy can look at", _key_named_by_a_write),
    Gap(
        "s3",
        "what an object is, a conditional write learns with the permission to read; that it is not there, who may list",
        _objects_seen_by_who_may_read,
    ),
    Gap(
        "s3, sns, sqs",
        "what is encrypted with a key of the account is read and written with the caller's permission on that key",
        _keys_used_for_a_caller,
    ),
    Gap("logs", "what is asked about is the stream of a log group", _streams_asked_about),
    Gap("kms", "what is asked about is the key behind an alias", _keys_asked_about_by_alias),
    Gap("lambda", "a function is only made with a role that exists and that Lambda may assume", _functions_roles),
    Gap("lambda", "an event that failed is put into the dead-letter queue with the function's role", _failed_events),
    Gap(
        "events",
        "a rule's target is asked by its policy, a topic's and a queue's key by its own, and a pipeline is started with the target's role",
        _rules_targets,
    ),
)
