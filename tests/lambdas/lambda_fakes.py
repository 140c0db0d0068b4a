"""In-memory fakes of what the functions talk to, a sample policy, and a strict reader of botocore's service models."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from common.policy import Policy

EXECUTION = "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c"
OTHER_EXECUTION = "00000000-7a4d-4e0b-9c55-0d1e2f3a4b5c"
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
OTHER_COMMIT = "26a8f2d1c0a84f5d2b7e6a9081f2c3d4e5f60718"

_RULE = {"fail_on": "high", "report_only": False, "only_fixable": False, "ungraded": "block"}

# What synth writes: the file's whole format.
POLICY: dict[str, Any] = {
    "schema": 1,
    "security_hub": True,
    "pipelines": {
        "payments": {
            "name": "acme-payments",
            "kind": "delivery",
            "repository": "payments",
            "branch": "main",
            "registry": "acme/payments",
            "host": "payments.staging.example.com",
            "separation_of_duties": True,
            "gate": {scanner: dict(_RULE) for scanner in ("git-secrets", "snyk", "grype", "ecr", "zap")},
            "required": {
                "Publish": [
                    {"scanner": "git-secrets", "scope": "source"},
                    {"scanner": "grype", "scope": "image"},
                ],
                "Production": [
                    {"scanner": "git-secrets", "scope": "source"},
                    {"scanner": "grype", "scope": "image"},
                    {"scanner": "ecr", "scope": "image"},
                    {"scanner": "zap", "scope": "staging"},
                ],
            },
        },
        "payments-scan": {
            "name": "acme-payments-scan",
            "kind": "scan",
            "repository": "payments",
            "branch": None,
            "registry": None,
            "host": None,
            "separation_of_duties": False,
            "gate": {"snyk": {**_RULE, "report_only": True}},
            "required": {},
        },
    },
    "waivers": [
        {
            "scanner": "grype",
            "rule": "CVE-2019-17498",
            "location": None,
            "owner": "ann@example.com",
            "reason": "the affected code path is not built",
            "expires": "2030-01-31",
        }
    ],
    "hold_production": [],
}


def policy_document() -> dict[str, Any]:
    """A copy of the sample, free to be changed."""
    return copy.deepcopy(POLICY)


def policy_bytes() -> bytes:
    """The sample as a file."""
    return json.dumps(POLICY, sort_keys=True).encode()


def sample_policy() -> Policy:
    """The sample, parsed."""
    return Policy.parse(policy_bytes())


@dataclass(frozen=True)
class Context:
    """Of Lambda's context, what the functions read."""

    aws_request_id: str = "request-1"
    invoked_function_arn: str = (
        "arn:aws:lambda:eu-central-1:123456789012:function:acme-findings-importer:payments_grype"
    )
    function_name: str = "acme-findings-importer"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def model_errors(service: str, operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """What the service would refuse in these parameters: types and keys as botocore checks them, and beside that the
    patterns, enums and lengths that its model names and botocore does not check."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(dict(parameters), shape)
    return ([report.generate_report()] if report.has_errors() else []) + _walk(shape, parameters, operation)


def _walk(shape: Any, value: Any, where: str) -> list[str]:
    if shape.type_name == "structure":
        return [
            error
            for name, one in value.items()
            if name in shape.members
            for error in _walk(shape.members[name], one, f"{where}.{name}")
        ]
    errors = []
    if shape.type_name == "list":
        errors = [error for number, one in enumerate(value) for error in _walk(shape.member, one, f"{where}[{number}]")]
    rules = shape.metadata
    if shape.type_name in ("integer", "long", "double", "float"):
        return errors if rules.get("min", value) <= value <= rules.get("max", value) else [f"{where}: out of range"]
    if "max" in rules and len(value) > rules["max"]:
        errors.append(f"{where}: longer than {rules['max']}")
    if "min" in rules and len(value) < rules["min"]:
        errors.append(f"{where}: shorter than {rules['min']}")
    if "enum" in rules and value not in rules["enum"]:
        errors.append(f"{where}: none of {rules['enum']}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"].removeprefix("^").removesuffix("$"), value):
        errors.append(f"{where}: does not match {rules['pattern']}")
    return errors
