"""``policy.json``: what the importer and the guard know of the settings, as a file inside their packages.

Not in S3 and not in an environment variable: a change of a threshold or a waiver is a change of code, reviewed in a plan
and seen in CloudTrail. Its schema is read by ``lambdas/common/policy.py``; a test holds the two together.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from modules.names import Names
from modules.scanners import SCANNERS
from stacks.settings import DeliveryPipeline, Released, Settings

SCHEMA = 1
POLICY_FILE = "policy.json"  # its name in the packages


def scanners_of(pipeline: Released) -> list[str]:
    """Ids of the scanners that a pipeline runs."""
    if isinstance(pipeline, DeliveryPipeline):
        return ["git-secrets", *pipeline.scanners, "ecr", "zap"]
    return ["snyk"]


def required_scans(pipeline: DeliveryPipeline) -> dict[str, list[dict[str, str]]]:
    """The verdicts that the guard wants to see: before Publish all of Build and Verify, before Production also the rest."""
    before_publish = ["git-secrets", *pipeline.scanners]
    return {
        "Publish": _scans(pipeline, before_publish),
        "Production": _scans(pipeline, [*before_publish, "ecr", "zap"]),
    }


def _scans(pipeline: DeliveryPipeline, scanners: list[str]) -> list[dict[str, str]]:
    return [
        {"scanner": scanner, "scope": scope}
        for scanner in scanners
        for scope in SCANNERS[scanner].scopes
        if (scanner, scope) != ("git-secrets", "history") or pipeline.secrets.history
    ]


def policy_json(settings: Settings) -> bytes:
    """The policy of all pipelines, the same bytes for the same settings."""
    names = Names(settings.project)
    pipelines: dict[str, Any] = {}
    for name, pipeline in settings.pipelines.items():
        own: dict[str, Any] = {
            "branch": None,
            "registry": None,
            "host": None,
            "separation_of_duties": False,
            "required": {},
        }
        if isinstance(pipeline, DeliveryPipeline):
            own = {
                "branch": pipeline.branch,
                "registry": pipeline.registry,
                "host": urlsplit(pipeline.zap.target).hostname,
                "separation_of_duties": pipeline.approval.separation_of_duties,
                "required": required_scans(pipeline),
            }
        rules = {scanner: pipeline.gate.for_scanner(scanner) for scanner in scanners_of(pipeline)}
        pipelines[name] = {
            "name": names.pipeline(name),
            "kind": pipeline.kind,
            "repository": pipeline.repository.name,
            **own,
            "gate": {
                scanner: {
                    "fail_on": rule.fail_on,
                    "report_only": rule.report_only,
                    "only_fixable": rule.only_fixable,
                    "ungraded": rule.ungraded,
                }
                for scanner, rule in rules.items()
            },
        }
    waivers = [
        {
            "scanner": waiver.scanner,
            "rule": waiver.rule,
            "location": waiver.location,
            "owner": waiver.owner,
            "reason": waiver.reason,
            "expires": waiver.expires.isoformat(),
        }
        for waiver in settings.waivers
    ]
    document = {
        "schema": SCHEMA,
        "security_hub": settings.singletons.security_hub != "none",
        "hold_production": settings.compliance.hold_production,
        "pipelines": pipelines,
        "waivers": waivers,
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
