"""An account on which the output is deployed as it should be: botocore's real clients with AWS's answers put in.

botocore checks every parameter before the answer is taken from here, and every answer is checked against botocore's model, too: a wrong
name fails on either side. Permissions are evaluated by ministack's evaluator over the rendered policies, event patterns by the
few operators that are emitted. A test breaks one thing: ``account.answers["service", "operation"] = function of the parameters``.
"""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from modules.names import Names
from tools.prove_on_aws.deployed import Deployed, resolve

ROOT = Path(__file__).resolve().parents[2]
OWN = Path(__file__).with_name("pipelines.yaml")
SETTINGS = ROOT / "tests" / "settings"
BEGUN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
RUN = "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c"
DIGEST = f"sha256:{'7' * 64}"
Parameters = dict[str, Any]
# Plausible amounts; nothing compares them with AWS's.
USD = {
    "Build-Min:Linux:g1.small": "0.005",
    "Build-Min:Linux:g1.medium": "0.01",
    "Build-Min:Linux:g1.large": "0.02",
    "actionExecutionMinute": "0.002",
    "Lambda-GB-Second-ARM": "0.0000133334",
}


def load(name: str, path: Path) -> ModuleType:
    """A module by path: the other tests' folders are no packages."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def evaluator() -> ModuleType:
    """One file of the emulator, which imports the standard library alone."""
    found = sorted(ROOT.glob(".venv-emulator/lib/python3*/site-packages/ministack/core/iam_evaluator.py"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("needed on CI: .venv-emulator, which `make test` makes")
        pytest.skip("there is no .venv-emulator: `make test` makes it")
    return load("prove_iam_evaluator", found[0])


@cache
def _parsed(document: str) -> Any:
    return evaluator().parse_policy_document(document)


def error(code: str, message: str = "said so") -> Callable[[Parameters], Any]:
    """An answer that is AWS's refusal."""

    def refuse(_: Parameters) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}, "Operation")  # type: ignore[typeddict-item]

    return refuse


@dataclass
class Proof:
    """The tool's answer: exit code, what it printed, and the rows by what they are about."""

    code: int
    out: str
    err: str
    rows: dict[str, tuple[str, str]] = field(default_factory=dict)

    def row(self, beginning: str) -> tuple[str, str]:
        """(verdict, evidence) of the one row whose claim begins so."""
        [found] = [value for what, value in self.rows.items() if what.startswith(beginning)]
        return found

    def verdicts(self) -> dict[str, list[str]]:
        """verdict -> claims."""
        found: dict[str, list[str]] = {}
        for what, (verdict, _) in self.rows.items():
            found.setdefault(verdict, []).append(what)
        return found


Prove = Callable[..., Proof]


CLIENTS: dict[str, tuple[Any, list[Account]]] = {}


def _client(service: str) -> tuple[Any, list[Account]]:
    """A client and who answers it."""
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="secret")
    asked: list[Parameters] = []
    holder: list[Account] = []

    def remember(params: Parameters, **_: Any) -> None:
        asked.append(copy.deepcopy(params))

    def answer(model: Any, **_: Any) -> Any:
        parsed = holder[0].answer(service, model, {k: v for k, v in asked.pop().items() if v is not None})
        return AWSResponse("", 200, {}, None), {**parsed, "ResponseMetadata": {"HTTPStatusCode": 200}}

    client.meta.events.register_first("provide-client-params", remember)
    client.meta.events.register_first("before-call", answer)
    return client, holder


class Account:
    """``answers``: (service, operation) -> function of its parameters. ``calls``: what was asked, in order."""

    def __init__(self, emitted: Any) -> None:
        self.settings = emitted.settings
        self.id = self.settings.account or "123456789012"
        rendered = load("prove_policies", ROOT / "tests" / "permissions" / "policies.py")
        found = rendered.resolve(emitted)
        # The project's key; a managed trail has one of its own.
        self.key = self._home(found.aliases[Names(self.settings.project).key_alias])
        self.emitted = {name: stack["resource"] for name, stack in emitted.stacks.items()}
        self.deployed: Deployed = resolve(self.settings, self.emitted, self.id, "aws", self.key)
        self.roles = {
            name: (self._home(role.trust), [self._home(p) for p in role.permissions.values()])
            for name, role in found.roles.items()
        }
        self.documents = {
            self._home(name): self._home(document)
            for group in (found.buckets, found.topics, found.queues, found.functions, found.keys)
            for name, document in group.items()
        }
        self.objects: dict[str, Any] = {}
        self.frames: list[tuple[str, list[Any]]] = []
        self.calls: list[tuple[str, str, Parameters]] = []
        self.answers: dict[tuple[str, str], Callable[[Parameters], Any]] = {}

    def _home(self, thing: Any) -> Any:
        """What was rendered for the other tests' account, on this one."""
        return json.loads(json.dumps(thing).replace("123456789012", self.id))

    def client(self, service: str) -> Any:
        """botocore's own client, whose requests end here. One for all tests: making one takes longer than a test."""
        if service not in CLIENTS:
            CLIENTS[service] = _client(service)
        client, holder = CLIENTS[service]
        holder[:] = [self]
        return client

    def answer(self, service: str, model: Any, parameters: Parameters) -> Any:
        """The answer, checked against botocore's model."""
        operation = "".join(f"_{c.lower()}" if c.isupper() else c for c in model.name).lstrip("_")
        self.calls.append((service, operation, parameters))
        how = self.answers.get((service, operation)) or getattr(self, f"_{service}_{operation}")
        parsed = how(parameters)
        checked = {name: value for name, value in parsed.items() if name != "Body"}
        report = ParamValidator().validate(checked, model.output_shape)
        assert not report.has_errors(), f"{service} {operation}: {report.generate_report()}"
        return parsed

    def asked(self, service: str, operation: str) -> list[Parameters]:
        """The parameters of each such call."""
        return [parameters for s, o, parameters in self.calls if (s, o) == (service, operation)]

    # -- who and what

    def _sts_get_caller_identity(self, _: Parameters) -> Any:
        return {"Account": self.id, "Arn": f"arn:aws:iam::{self.id}:user/ann", "UserId": "AIDA"}

    def _kms_describe_key(self, _: Parameters) -> Any:
        return {"KeyMetadata": {"KeyId": self.key.rsplit("/")[-1], "Arn": self.key, "KeyState": "Enabled"}}

    def _kms_get_key_policy(self, asked: Parameters) -> Any:
        return {"Policy": json.dumps(self.documents[asked["KeyId"]])}

    def _kms_get_key_rotation_status(self, _: Parameters) -> Any:
        return {"KeyRotationEnabled": True, "RotationPeriodInDays": 365}

    def _securityhub_describe_hub(self, _: Parameters) -> Any:
        return {"SubscribedAt": "2026-01-31T00:00:00.000Z"}

    # -- events

    def _rule(self, name: str) -> tuple[Any, Any]:
        for stack, id_, rule in self.deployed.resources("aws_cloudwatch_event_rule"):
            if rule["name"] == name:
                return rule, self.deployed.stacks[stack]["aws_cloudwatch_event_target"][f"{id_}_target"]
        raise AssertionError(name)

    def _events_describe_rule(self, asked: Parameters) -> Any:
        rule, _ = self._rule(asked["Name"])
        names = {"event_pattern": "EventPattern", "schedule_expression": "ScheduleExpression"}
        return {"Name": rule["name"], "State": "ENABLED", **{to: rule[one] for one, to in names.items() if one in rule}}

    def _events_list_targets_by_rule(self, asked: Parameters) -> Any:
        _, emitted = self._rule(asked["Rule"])
        target = {"Id": emitted["target_id"], "Arn": emitted["arn"]}
        if emitted.get("role_arn"):
            target["RoleArn"] = emitted["role_arn"]
        if emitted.get("dead_letter_config"):
            target["DeadLetterConfig"] = {"Arn": emitted["dead_letter_config"]["arn"]}
        if emitted.get("input_transformer"):
            paths = emitted["input_transformer"]["input_paths"]
            target["InputTransformer"] = {
                "InputPathsMap": paths, "InputTemplate": emitted["input_transformer"]["input_template"]
            }  # fmt: skip
        return {"Targets": [target]}

    def _events_test_event_pattern(self, asked: Parameters) -> Any:
        event = json.loads(asked["Event"])
        assert {"id", "account", "source", "time", "region", "resources", "detail-type"} <= set(event)
        return {"Result": matches(json.loads(asked["EventPattern"]), event)}

    # -- audit

    def _logs_describe_metric_filters(self, asked: Parameters) -> Any:
        """Like AWS, by the name's beginning: one of the account's own is always there, too."""
        emitted = [one for _, _, one in self.deployed.resources("aws_cloudwatch_log_metric_filter")]
        found = [
            {
                "filterName": one["name"],
                "filterPattern": one["pattern"],
                "metricTransformations": [
                    {"metricNamespace": metric["namespace"], "metricName": metric["name"], "metricValue": "1"}
                ],
                "logGroupName": asked["logGroupName"],
            }
            for one in emitted
            for metric in [one["metric_transformation"]]
            if one["name"].startswith(asked["filterNamePrefix"]) and one["log_group_name"] == asked["logGroupName"]
        ]
        return {"metricFilters": [*found, *({**one, "filterName": f"{one['filterName']}-2"} for one in found)]}

    def _logs_test_metric_filter(self, asked: Parameters) -> Any:
        grammar = load("prove_filter_pattern", ROOT / "tests" / "modules" / "filter_pattern.py")
        records = [json.loads(message) for message in asked["logEventMessages"]]
        readings = [
            [grammar.matches(asked["filterPattern"], one, absent_is_unequal=absent) for one in records]
            for absent in (False, True)
        ]
        assert readings[0] == readings[1]
        matches = [
            {"eventNumber": number, "eventMessage": asked["logEventMessages"][number], "extractedValues": {}}
            for number, found in enumerate(readings[0])
            if found
        ]
        return {"matches": matches}

    # -- IAM

    def _iam_simulate_principal_policy(self, asked: Parameters) -> Any:
        _, permissions = self.roles[asked["PolicySourceArn"].rsplit("/", 1)[-1]]
        return self._simulated(asked, permissions, None)

    def _iam_simulate_custom_policy(self, asked: Parameters) -> Any:
        return self._simulated(
            asked, [json.loads(one) for one in asked["PolicyInputList"]], json.loads(asked["ResourcePolicy"])
        )

    def _simulated(self, asked: Parameters, documents: list[Any], resource_policy: Any) -> Any:
        iam = evaluator()
        [action], [resource] = asked["ActionNames"], asked["ResourceArns"]
        given = {entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in asked["ContextEntries"]}
        context = iam.EvalContext(
            principal_arn=given.get("aws:PrincipalArn", asked.get("PolicySourceArn")), principal_type="User",
            principal_account=self.id, action=action, resource_arn=resource, region=self.settings.region,
            secure_transport=given.get("aws:SecureTransport") == "true", service_context={name.lower(): value for name, value in given.items()},
        )  # fmt: skip
        parsed = [_parsed(json.dumps(document)) for document in documents]
        decision = iam.evaluate(context, parsed).decision
        if resource_policy:
            # Every principal stands in the statements that are asked about here, so who is meant needs no more.
            deny = [s for s in _parsed(json.dumps(resource_policy)) if s.effect == "Deny"]
            decision = "Deny" if iam.evaluate(context, [deny]).decision == "Deny" else decision
        words = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": words[decision]}
            ]
        }

    def _iam_get_role(self, asked: Parameters) -> Any:
        name = asked["RoleName"]
        trust = quote(json.dumps(self.roles[name][0]))
        return {
            "Role": {
                "Path": "/", "RoleName": name, "RoleId": "AROA2345678901234567", "Arn": f"arn:aws:iam::{self.id}:role/{name}",
                "CreateDate": BEGUN, "AssumeRolePolicyDocument": trust,
            }
        }  # fmt: skip

    def _iam_list_role_policies(self, _: Parameters) -> Any:
        return {"PolicyNames": ["permissions"]}

    def _iam_list_attached_role_policies(self, _: Parameters) -> Any:
        return {"AttachedPolicies": []}

    def _iam_get_role_policy(self, asked: Parameters) -> Any:
        [document] = self.roles[asked["RoleName"]][1]
        return {**asked, "PolicyDocument": quote(json.dumps(document))}

    def _accessanalyzer_validate_policy(self, asked: Parameters) -> Any:
        assert json.loads(asked["policyDocument"])["Statement"]
        return {"findings": []}

    def _s3_get_bucket_policy(self, asked: Parameters) -> Any:
        return {"Policy": json.dumps(self.documents[asked["Bucket"]])}

    def _sns_get_topic_attributes(self, asked: Parameters) -> Any:
        return {"Attributes": {"Policy": json.dumps(self.documents[asked["TopicArn"]])}}

    def _sqs_get_queue_url(self, asked: Parameters) -> Any:
        return {"QueueUrl": f"https://sqs.example/{self.id}/{asked['QueueName']}"}

    def _sqs_get_queue_attributes(self, asked: Parameters) -> Any:
        arn = self.deployed.arn("sqs", asked["QueueUrl"].rsplit("/", 1)[-1])
        return {"Attributes": {"Policy": json.dumps(self.documents[arn])}}

    def _lambda_get_policy(self, asked: Parameters) -> Any:
        return {"Policy": json.dumps(self.documents[self.deployed.arn("lambda", f"function:{asked['FunctionName']}")])}

    # -- what stands

    def _sns_list_subscriptions_by_topic(self, asked: Parameters) -> Any:
        return {
            "Subscriptions": [
                {"Endpoint": one["endpoint"], "SubscriptionArn": f"{one['topic_arn']}:{RUN}", "Protocol": "email"}
                for _, _, one in self.deployed.resources("aws_sns_topic_subscription")
                if one["topic_arn"] == asked["TopicArn"]
            ]
        }

    def _eks_describe_cluster(self, asked: Parameters) -> Any:
        return {"cluster": {"name": asked["name"], "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}}

    def _eks_describe_access_entry(self, asked: Parameters) -> Any:
        for _, _, one in self.deployed.resources("aws_eks_access_entry"):
            if (one["cluster_name"], one["principal_arn"]) == (asked["clusterName"], asked["principalArn"]):
                return {"accessEntry": {"kubernetesGroups": one.get("kubernetes_groups") or []}}
        return error("ResourceNotFoundException")(asked)

    def _eks_list_associated_access_policies(self, asked: Parameters) -> Any:
        return {
            "associatedAccessPolicies": [
                {"policyArn": one["policy_arn"], "accessScope": dict(one["access_scope"])}
                for _, _, one in self.deployed.resources("aws_eks_access_policy_association")
                if (one["cluster_name"], one["principal_arn"]) == (asked["clusterName"], asked["principalArn"])
            ]
        }

    def _ecr_describe_repositories(self, asked: Parameters) -> Any:
        [name] = asked["repositoryNames"]
        return {"repositories": [{"repositoryName": name, "imageScanningConfiguration": {"scanOnPush": True}}]}

    def _ecr_get_registry_scanning_configuration(self, _: Parameters) -> Any:
        return {"registryId": self.id, "scanningConfiguration": {"scanType": "BASIC", "rules": []}}

    def _codepipeline_get_pipeline(self, asked: Parameters) -> Any:
        [emitted] = [p for _, _, p in self.deployed.resources("aws_codepipeline") if p["name"] == asked["name"]]
        return {"pipeline": api_shape(emitted)}

    def _codepipeline_list_pipeline_executions(self, asked: Parameters) -> Any:
        names = self.deployed.names
        by = [
            ("CloudWatchEvent", self.deployed.arn("events", f"rule/{names.rule(f'{one}-events')}"))
            if pipeline.kind == "delivery"
            else ("StartPipelineExecution", f"arn:aws:sts::{self.id}:assumed-role/x/{names.function(f'{one}-starter')}")
            for one, pipeline in self.settings.pipelines.items()
            if names.pipeline(one) == asked["pipelineName"]
        ]
        return {
            "pipelineExecutionSummaries": [
                {
                    "pipelineExecutionId": RUN, "status": "Succeeded", "sourceRevisions": [{"actionName": "Source", "revisionId": COMMIT}],
                    "trigger": {"triggerType": kind, "triggerDetail": detail},
                }
                for kind, detail in by
            ]
        }  # fmt: skip

    # -- a run

    def _codebuild_batch_get_projects(self, asked: Parameters) -> Any:
        emitted = {one["name"]: one for _, _, one in self.deployed.resources("aws_codebuild_project")}
        return {
            "projects": [
                {
                    "name": name, "timeoutInMinutes": emitted[name]["build_timeout"], "queuedTimeoutInMinutes": emitted[name]["queued_timeout"],
                    "environment": {key: emitted[name]["environment"][at] for key, at in
                                    (("type", "type"), ("image", "image"), ("computeType", "compute_type"))},
                }
                for name in asked["names"]
            ]
        }  # fmt: skip

    def _pricing_get_products(self, asked: Parameters) -> Any:
        assert {"Type": "TERM_MATCH", "Field": "regionCode", "Value": self.settings.region} in asked["Filters"]
        free = product("Global-Build-Min:Linux:g1.small", "0.0000000000")
        return {"PriceList": [free, *(product(f"EUC1-{usage}", usd) for usage, usd in USD.items())]}

    def _codecommit_get_branch(self, asked: Parameters) -> Any:
        return {"branch": {"branchName": asked["branchName"], "commitId": COMMIT}}

    def _codepipeline_start_pipeline_execution(self, _: Parameters) -> Any:
        return {"pipelineExecutionId": RUN}

    def _codepipeline_stop_pipeline_execution(self, _: Parameters) -> Any:
        return {"pipelineExecutionId": RUN}

    def _codepipeline_get_pipeline_execution(self, asked: Parameters) -> Any:
        variables = [
            {"name": one["name"], "resolvedValue": one["value"]}
            for started in self.asked("codepipeline", "start_pipeline_execution")
            for one in started.get("variables", ())
        ]
        execution = {"pipelineExecutionId": RUN, "status": self.frames[0][0], "variables": variables}
        return {"pipelineExecution": {**execution, "pipelineName": asked["pipelineName"]}}

    def _codepipeline_list_action_executions(self, _: Parameters) -> Any:
        frame = self.frames[0]
        if len(self.frames) > 1:
            self.frames.pop(0)
        return {"actionExecutionDetails": frame[1]}

    def _ecr_describe_images(self, asked: Parameters) -> Any:
        return {"imageDetails": [{"imageDigest": asked["imageIds"][0]["imageDigest"]}]}

    def _s3_list_objects_v2(self, asked: Parameters) -> Any:
        return {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(asked["Prefix"])]}

    def _s3_get_object(self, asked: Parameters) -> Any:
        return {"Body": io.BytesIO(json.dumps(self.objects[asked["Key"]]).encode())}

    def _cloudtrail_lookup_events(self, asked: Parameters) -> Any:
        who = self.approver
        record = {
            "userIdentity": {"arn": who}, "eventName": "PutApprovalResult",
            "requestParameters": {"pipelineName": self.deployed.names.pipeline("payments"), "stageName": "Staging", "actionName": "approve"},
        }  # fmt: skip
        assert asked["StartTime"] < asked["EndTime"]
        return (
            {"Events": [{"EventName": "PutApprovalResult", "CloudTrailEvent": json.dumps(record)}]}
            if who
            else {"Events": []}
        )

    approver = "arn:aws:sts::123456789012:assumed-role/Approver/zoe"


def matches(pattern: Any, event: Any) -> bool:
    """The operators that are emitted: one of these values, a prefix, anything but some, and the same inside of lists."""
    if isinstance(event, list):
        return any(matches(pattern, one) for one in event)
    if isinstance(pattern, dict):
        return isinstance(event, dict) and all(
            name in event and matches(inner, event[name]) for name, inner in pattern.items()
        )
    return any(_fits(one, event) for one in pattern)


def _fits(one: Any, event: Any) -> bool:
    if not isinstance(one, dict):
        return bool(event == one)
    return event not in one["anything-but"] if "anything-but" in one else str(event).startswith(one["prefix"])


def product(usage: str, usd: str) -> str:
    """A product as the Price List has it; the free one has another price."""
    dimension = {"unit": "minutes", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage}},
            "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
        }
    )


def api_shape(emitted: Any) -> Any:
    """GetPipeline's form of an emitted pipeline.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipeline.html
    """
    [store] = emitted["artifact_store"]
    stages = [
        {
            "name": stage["name"],
            "actions": [
                {
                    "name": action["name"],
                    "actionTypeId": {key: action[key] for key in ("category", "owner", "provider", "version")},
                    "runOrder": action.get("run_order", 1),
                    "configuration": action["configuration"],
                    "inputArtifacts": [{"name": name} for name in action.get("input_artifacts") or ()],
                    "outputArtifacts": [{"name": name} for name in action.get("output_artifacts") or ()],
                    **({"namespace": action["namespace"]} if action.get("namespace") else {}),
                }
                for action in stage["action"]
            ],
        }
        for stage in emitted["stage"]
    ]
    variables = [{"name": one["name"], "defaultValue": one["default_value"]} for one in emitted.get("variable") or ()]
    return {
        "name": emitted["name"], "roleArn": emitted["role_arn"], "version": 3, "pipelineType": emitted["pipeline_type"],
        "executionMode": emitted["execution_mode"], "stages": stages, **({"variables": variables} if variables else {}),
        "artifactStore": {"type": "S3", "location": store["location"], "encryptionKey": dict(store["encryption_key"])},
    }  # fmt: skip


def attempt(
    stage: str, action: str, status: str = "Succeeded", *, minute: int = 0, minutes: int = 2, **more: Any
) -> Any:
    """One entry of ListActionExecutions. ``more``: category, updatedBy, resolved, variables, summary."""
    begun = BEGUN + timedelta(minutes=minute)
    category = more.get("category", "Build")
    found = {
        "pipelineExecutionId": RUN, "stageName": stage, "actionName": action, "status": status, "startTime": begun,
        "lastUpdateTime": begun + timedelta(minutes=minutes),
        "input": {"actionTypeId": {"category": category, "owner": "AWS", "provider": "x", "version": "1"},
                  "resolvedConfiguration": more.get("resolved", {})},
        "output": {"outputVariables": more.get("variables", {}),
                   "executionResult": {"externalExecutionSummary": more.get("summary", "")}},
    }  # fmt: skip
    return {**found, **({"updatedBy": more["updated_by"]} if "updated_by" in more else {})}
