"""policy.json: thresholds, waivers and pipelines, written at synth and zipped beside the code.

It is no parameter and no object in a bucket, so that a change of policy is a change of code: reviewed in a plan, seen
in CloudTrail. Its hash stands in every verdict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as members
from datetime import date
from types import MappingProxyType
from typing import Final

from common import strict
from common.contract import DAY, LINE, PIPELINE, READ_ONLY_SCANNERS, SCHEMA, SCOPES
from common.strict import MalformedError

SEVERITIES: Final = ("critical", "high", "medium", "low", "informational")
GATES: Final = ("Publish", "Production")  # stages that begin with the release guard
CONFIG_RULE: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
CONFIG_RULES: Final = 10  # one call takes 25, but what speaks against a release must fit into 5,000 characters
AWS_NAME: Final = re.compile(r"[A-Za-z0-9.@_-]{1,100}")
REPOSITORY: Final = re.compile(r"[\w.-]{1,100}", re.ASCII)
HOST: Final = re.compile(r"[a-z0-9.-]{1,253}")
REGISTRY: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{1,255}")


@dataclass(frozen=True)
class GateRule:
    """When one scanner's findings block."""

    fail_on: str
    report_only: bool
    only_fixable: bool
    ungraded: str

    @classmethod
    def parse(cls, document: object, where: str) -> GateRule:
        """One entry of ``gate``."""
        given = strict.fields(document, where, ("fail_on", "report_only", "only_fixable", "ungraded"))
        return cls(
            fail_on=strict.choice(given["fail_on"], f"{where}.fail_on", SEVERITIES),
            report_only=strict.boolean(given["report_only"], f"{where}.report_only"),
            only_fixable=strict.boolean(given["only_fixable"], f"{where}.only_fixable"),
            ungraded=strict.choice(given["ungraded"], f"{where}.ungraded", ("block", "report")),
        )


@dataclass(frozen=True)
class Waiver:
    """A finding that somebody answers for until a date."""

    scanner: str
    rule: str
    location: str | None
    owner: str
    reason: str
    expires: date

    @classmethod
    def parse(cls, document: object, where: str) -> Waiver:
        """One entry of ``waivers``."""
        given = strict.fields(document, where, ("scanner", "rule", "location", "owner", "reason", "expires"))
        right = "one line of text"
        expires = strict.text(given["expires"], f"{where}.expires", DAY, "YYYY-MM-DD")
        try:
            until = date.fromisoformat(expires)
        except ValueError as error:
            raise MalformedError(f"{where}.expires: a day that exists is right, not {strict.shown(expires)}") from error
        return cls(
            scanner=strict.choice(given["scanner"], f"{where}.scanner", {*SCOPES, *READ_ONLY_SCANNERS}),
            rule=strict.text(given["rule"], f"{where}.rule", LINE, right),
            location=None
            if given["location"] is None
            else strict.text(given["location"], f"{where}.location", LINE, f"{right} or null"),
            owner=strict.text(given["owner"], f"{where}.owner", LINE, right),
            reason=strict.text(given["reason"], f"{where}.reason", LINE, right),
            expires=until,
        )


@dataclass(frozen=True)
class Scan:
    """One report that a gate wants to see."""

    scanner: str
    scope: str

    def __str__(self) -> str:
        return f"{self.scanner} {self.scope}"

    @classmethod
    def parse(cls, document: object, where: str) -> Scan:
        """One entry of ``required``."""
        given = strict.fields(document, where, ("scanner", "scope"))
        scanner = strict.choice(given["scanner"], f"{where}.scanner", SCOPES)
        return cls(scanner, strict.choice(given["scope"], f"{where}.scope", SCOPES[scanner]))


@dataclass(frozen=True)
class PipelinePolicy:
    """What the functions must know of one pipeline.

    ``name``: in AWS. ``branch``: a delivery's one branch; None for a scan, each of whose executions carries its own.
    ``registry``: the ECR repository that a delivery pushes to, ``host``: of its staging site; None for a scan. ``separation_of_duties``: who pushed a commit
    may not approve it.
    """

    name: str
    kind: str
    repository: str
    branch: str | None
    registry: str | None
    host: str | None
    separation_of_duties: bool
    gate: Mapping[str, GateRule]
    required: Mapping[str, tuple[Scan, ...]]

    @classmethod
    def parse(cls, document: object, where: str) -> PipelinePolicy:
        """One entry of ``pipelines``."""
        names = tuple(member.name for member in members(cls))
        given = strict.fields(document, where, names)
        kind = strict.choice(given["kind"], f"{where}.kind", ("scan", "delivery"))
        gate = {
            strict.choice(scanner, f"{where}.gate", SCOPES): GateRule.parse(rule, f"{where}.gate.{scanner}")
            for scanner, rule in strict.entries(given["gate"], f"{where}.gate").items()
        }
        wanted = strict.fields(given["required"], f"{where}.required", GATES if kind == "delivery" else ())
        required = {
            stage: tuple(
                Scan.parse(scan, f"{where}.required.{stage}[{number}]")
                for number, scan in enumerate(strict.items(scans, f"{where}.required.{stage}"))
            )
            for stage, scans in wanted.items()
        }
        for stage, scans in required.items():
            if not scans:
                raise MalformedError(f"{where}.required.{stage}: a gate that requires nothing is none; name its scans")
            for scan in scans:
                if scan.scanner not in gate:
                    raise MalformedError(f"{where}.required.{stage}: {scan} has no rule under {where}.gate")
        branch = registry = host = None
        if kind == "delivery":
            branch = strict.text(given["branch"], f"{where}.branch", LINE, "the branch's name")
            registry = strict.text(given["registry"], f"{where}.registry", REGISTRY, "an ECR repository's name")
            host = strict.text(given["host"], f"{where}.host", HOST, "a host's name in lower case")
        elif (given["branch"], given["registry"], given["host"]) != (None, None, None):
            raise MalformedError(
                f"{where}: branch, registry and host are null for a scan pipeline, whose executions carry their branch"
            )
        return cls(
            name=strict.text(given["name"], f"{where}.name", AWS_NAME, "the pipeline's name in AWS"),
            kind=kind,
            repository=strict.text(given["repository"], f"{where}.repository", REPOSITORY, "a repository's name"),
            branch=branch,
            registry=registry,
            host=host,
            separation_of_duties=strict.boolean(given["separation_of_duties"], f"{where}.separation_of_duties"),
            gate=MappingProxyType(gate),
            required=MappingProxyType(required),
        )

    def makes(self, scanner: str, scope: str) -> bool:
        """Whether executions of this pipeline make such a scan."""
        scopes = {scan.scope for scans in self.required.values() for scan in scans if scan.scanner == scanner}
        return scanner in self.gate and scope in (scopes or SCOPES[scanner])


@dataclass(frozen=True)
class Policy:
    """The whole file, and the hash of its bytes. ``security_hub``: whether findings go there, beside S3. ``hold_production``:
    names of the rules of AWS Config that must be compliant before Production."""

    pipelines: Mapping[str, PipelinePolicy]
    waivers: tuple[Waiver, ...]
    security_hub: bool
    hold_production: tuple[str, ...]
    sha256: str

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """The policy in ``data``. Without one nothing can be judged: an error here is no answer to a build."""
        names = ("schema", "pipelines", "waivers", "security_hub", "hold_production")
        given = strict.fields(strict.loads(data, "policy.json"), "policy.json", names)
        strict.integer(given["schema"], "policy.json: schema", SCHEMA, SCHEMA)
        pipelines = {
            strict.text(name, "pipelines", PIPELINE, "a name"): PipelinePolicy.parse(document, f"pipelines.{name}")
            for name, document in strict.entries(given["pipelines"], "pipelines").items()
        }
        waivers = tuple(
            Waiver.parse(waiver, f"waivers[{number}]")
            for number, waiver in enumerate(strict.items(given["waivers"], "waivers"))
        )
        rules = strict.items(given["hold_production"], "policy.json: hold_production")
        if len(rules) > CONFIG_RULES:
            raise MalformedError(
                f"policy.json: hold_production: at most {CONFIG_RULES} rules are right, not {len(rules)}"
            )
        return cls(
            pipelines=MappingProxyType(pipelines),
            waivers=waivers,
            security_hub=strict.boolean(given["security_hub"], "policy.json: security_hub"),
            hold_production=tuple(
                strict.text(rule, f"policy.json: hold_production[{number}]", CONFIG_RULE, "the name of a Config rule")
                for number, rule in enumerate(rules)
            ),
            sha256=hashlib.sha256(data).hexdigest(),
        )
