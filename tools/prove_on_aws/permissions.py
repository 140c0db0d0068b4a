"""IAM: AWS's own simulator and validator over the policies as they are deployed.

SimulatePrincipalPolicy takes in the account's organization policies and permissions boundaries, which no offline evaluation knows.
"Simulation of resource-based policies isn't supported for IAM roles", so the buckets' refusals are simulated for a user.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tools.prove_on_aws.aws import Aws, Json
from tools.prove_on_aws.case import OTHER, RUN, Case
from tools.prove_on_aws.cases import by_role
from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.report import Check, WrongError

_FAILING = {"ERROR", "SECURITY_WARNING"}
_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
# How the validator names what a resource policy is attached to; it has no name for queues, topics, keys and functions.
_BUCKET = "AWS::S3::Bucket"
_TRUST = "AWS::IAM::AssumeRolePolicyDocument"


def checks(aws: Aws, deployed: Deployed) -> Iterator[Check]:
    """A row for each role, bucket and other resource with a policy."""
    for role, cases in by_role(deployed).items():
        yield Check(
            "permissions",
            f"role {role}: its calls allowed, near misses refused",
            _simulated(aws, deployed, role, cases),
        )
        yield Check("policies", f"role {role}: one policy, no finding", _role(aws, role))
    for purpose in ("artifacts", "reports"):
        name = deployed.names.bucket(purpose, deployed.account, deployed.region)
        yield Check(
            "permissions", f"bucket {name} refuses plain HTTP and foreign keys", _bucket(aws, deployed, purpose, name)
        )
    for what, get, kind in _resource_policies(aws, deployed):
        yield Check("policies", f"{what}: no finding", _validated(aws, get, kind))


def _simulated(aws: Aws, deployed: Deployed, role: str, cases: list[Case]) -> Callable[[], str]:
    def run() -> str:
        arn = deployed.arn("iam", f"role/{role}")
        for case in cases:
            results = list(
                aws.pages(
                    "iam",
                    "simulate_principal_policy",
                    "EvaluationResults",
                    PolicySourceArn=arn,
                    ActionNames=[case.action],
                    ResourceArns=[case.resource],
                    ContextEntries=_context({"aws:SecureTransport": "true", **case.context}),
                )
            )
            _compare(results, case.allowed, f"{case.action} on {case.resource}")
        allowed = sum(case.allowed for case in cases)
        return f"{allowed} calls allowed, {len(cases) - allowed} refused"

    return run


def _compare(results: list[Any], allowed: bool, what: str) -> None:
    if len(results) != 1:
        raise WrongError(f"{what}: {len(results)} results of one simulation")
    [result] = results
    if (result["EvalDecision"] == "allowed") is allowed:
        return
    why = result["EvalDecision"]
    if result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        why += ", by a policy of the organization"
    if result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") is False:
        why += ", by a permissions boundary"
    if result.get("MissingContextValues"):
        why += f", without {', '.join(result['MissingContextValues'])}"
    raise WrongError(f"{what}: {why}, must be {'allowed' if allowed else 'refused'}")


def _context(entries: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "ContextKeyName": name,
            "ContextKeyValues": [value],
            "ContextKeyType": "boolean" if value in ("true", "false") else "string",
        }
        for name, value in entries.items()
    ]


def _bucket(aws: Aws, deployed: Deployed, purpose: str, name: str) -> Callable[[], str]:
    key = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    # Who calls may do everything, so whatever is refused, the bucket's policy refuses.
    caller = deployed.arn("iam", f"user/{OTHER}")
    home = (
        f"images/{OTHER}/{RUN}/image.tar" if purpose == "artifacts" else f"reports/{OTHER}/{RUN}/grype-image/raw.json"
    )
    right = {"aws:SecureTransport": "true", "aws:PrincipalArn": caller}
    attempts = [
        ("a write through TLS", home, right, True),
        ("one through plain HTTP", home, {**right, "aws:SecureTransport": "false"}, False),
        ("one with another key", home, {**right, key: deployed.key_arn + "0"}, False),
    ]
    if purpose == "reports":
        attempts.append(
            ("a verdict that is not the importer's", home.replace("raw.json", "verdict.json"), right, False)
        )

    def run() -> str:
        policy = aws.call("s3", "get_bucket_policy", Bucket=name, ExpectedBucketOwner=deployed.account)["Policy"]
        for what, path, context, allowed in attempts:
            results = list(
                aws.pages(
                    "iam",
                    "simulate_custom_policy",
                    "EvaluationResults",
                    PolicyInputList=[_EVERYTHING],
                    ResourcePolicy=policy,
                    CallerArn=caller,
                    ActionNames=["s3:PutObject"],
                    ResourceArns=[deployed.object(purpose, path)],
                    ContextEntries=_context(context),
                )
            )
            _compare(results, allowed, what)
        return "; ".join(f"{what}: {'allowed' if allowed else 'refused'}" for what, _, _, allowed in attempts)

    return run


def _role(aws: Aws, role: str) -> Callable[[], str]:
    def run() -> str:
        found = aws.call("iam", "get_role", RoleName=role)["Role"]
        _validate(aws, found["AssumeRolePolicyDocument"], _TRUST, "its trust")
        names = list(aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=role))
        attached = list(aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role))
        if names != ["permissions"] or attached:
            others = [*names, *(one["PolicyArn"] for one in attached)]
            raise WrongError(f"its policies are {', '.join(others) or 'none'}; emitted is one, permissions")
        document = aws.call("iam", "get_role_policy", RoleName=role, PolicyName="permissions")["PolicyDocument"]
        notes = _validate(aws, document, None, "its policy")
        return f"trust and policy without error or security warning{notes}"

    return run


def _resource_policies(aws: Aws, deployed: Deployed) -> Iterator[tuple[str, Callable[[], Json], str]]:
    """(what, a call that gets its policy, the validator's name for it)."""

    def bucket(name: str) -> Json:
        return aws.call("s3", "get_bucket_policy", Bucket=name, ExpectedBucketOwner=deployed.account)["Policy"]

    def key(arn: str) -> Json:
        return aws.call("kms", "get_key_policy", KeyId=arn, PolicyName="default")["Policy"]

    def topic(name: str) -> Json:
        answer = aws.call("sns", "get_topic_attributes", TopicArn=deployed.arn("sns", name))
        return answer["Attributes"].get("Policy")

    def queue(name: str) -> Json:
        url = aws.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
        answer = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
        return answer.get("Attributes", {}).get("Policy")

    def function(name: str) -> Json:
        return aws.call("lambda", "get_policy", FunctionName=name)["Policy"]

    for purpose in ("access-logs", "artifacts", "reports"):
        name = deployed.names.bucket(purpose, deployed.account, deployed.region)
        yield f"bucket {name}", partial(bucket, name), _BUCKET
    yield f"key {deployed.names.key_alias}", partial(key, deployed.key_arn), ""
    for _, _, one in deployed.resources("aws_sns_topic"):
        yield f"topic {one['name']}", partial(topic, one["name"]), ""
    for _, _, one in deployed.resources("aws_sqs_queue"):
        yield f"queue {one['name']}", partial(queue, one["name"]), ""
    called = {permission["function_name"] for _, _, permission in deployed.resources("aws_lambda_permission")}
    for name in sorted(called):
        yield f"function {name}", partial(function, name), ""


def _validated(aws: Aws, get: Callable[[], Json], kind: str) -> Callable[[], str]:
    def run() -> str:
        document = get()
        if not document:
            raise WrongError("it has no policy: deploy again")
        return f"no error, no security warning{_validate(aws, document, kind, 'its policy')}"

    return run


def _validate(aws: Aws, document: Json, kind: str | None, what: str) -> str:
    """What to add to the evidence. ``kind``: None for an identity policy, "" for a resource without a name of its own."""
    text = document if isinstance(document, str) else json.dumps(document)
    typed = {"validatePolicyResourceType": kind} if kind else {}
    policy_type = "IDENTITY_POLICY" if kind is None else "RESOURCE_POLICY"
    findings = list(
        aws.pages("accessanalyzer", "validate_policy", "findings", policyDocument=text, policyType=policy_type, **typed)
    )
    failing = [one for one in findings if one["findingType"] in _FAILING]
    if failing:
        raise WrongError(
            f"{what}: " + "; ".join(f"{f['findingType']} {f['issueCode']}: {f['findingDetails']}" for f in failing)
        )
    codes = sorted({one["issueCode"] for one in findings})
    return f" (milder: {', '.join(codes)})" if codes else ""
