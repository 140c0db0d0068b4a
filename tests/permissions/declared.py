"""The calls of every role, as calls/*.yaml declare them, filled in for the roles of one output.

A file of ``calls`` is one kind of role (``importer``, ``deploy``, ...); one that begins with ``_`` is what several kinds
share and name under ``also``. Under ``calls`` stands what the role does, under ``denied`` what it must not be able to do,
under ``trust`` who assumes it. An entry:

    do:    one action or several
    at:    one resource or several, with {variables}; a variable that is a list makes one call for each of its values
    with:  condition keys of the request
    key:   what S3, SNS or SQS then asks of the project's key in the caller's name (Decrypt, GenerateDataKey)
    by:    the line that calls, or AWS's page that says so; for ``denied`` the reason is in ``why``
    seen:  true where test_recorded_*.py runs what calls and compares; else the page is all there is
    when:  a condition of the settings (``flags`` below); without it always
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from policies import ACCOUNT, DNS_SUFFIX, PARTITION, Policies, RolePolicies, resolve

_LOG_GROUP = "aws_cloudwatch_log_group"
FOLDER = Path(__file__).with_name("calls")
EXECUTION = "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c"
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
OTHER_ACCOUNT = "999999999999"

# What differs from call to call: an example, and what else may stand there.
_VARYING = {
    "execution": (EXECUTION, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "commit": (COMMIT, r"[0-9a-f]{40}"),
    "random": ("a1B2c3D", r"[A-Za-z0-9]{7}"),
    "stream": ("2026/11/22/[$LATEST]0123456789abcdef", r".+"),
    "inventory": ("inventory/payments/main/grype-image.json.gz", r"inventory/.+"),
    "event": ("01234567-89ab-4cde-8f01-23456789abcd", r"[A-Za-z0-9-]{1,64}"),
    "occasion": ("2026-11-23", r"[A-Za-z0-9-]{1,64}"),  # an execution, a build, a day
    "cause": ("failed-1", r"[A-Za-z0-9_-]{1,100}"),
    "interface": ("eni-0123456789abcdef0", r"eni-[0-9a-f]+"),
    "pull": ("17", r"[0-9]+"),
    "build": ("8745a7a9-c340-456a-9166-edf953571bee", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "stack": ("payments", r"[a-z0-9-]+"),
}

# Scanner -> what it looks at and the name of its raw report: modules/scanners.py, copied by a person.
SCANS = {
    "git-secrets": (("source", "history"), "raw.txt"),
    "snyk": (("dependencies",), "raw.json"),
    "snyk-code": (("code",), "raw.json"),
    "snyk-container": (("image",), "raw.json"),
    "grype": (("dependencies", "image"), "raw.json"),
    "ecr": (("image",), "raw.json"),
    "zap": (("staging",), "raw.json"),
}
_FIXED_KINDS = {
    "importer_role": "importer",
    "guard_role": "guard",
    "recorder_role": "recorder",
    "sealer_role": "sealer",
    "starter_role": "starter",
    "notifier_role": "notifier",
    "commit_event_role": "commit-event",
    "reviewer_role": "reviewer",
    "pull_request_role": "pull-request-event",
    "trail_writer_role": "trail-writer",
    "config_recorder_role": "config-recorder",
}
# Functions with a queue of their own for what they could not handle.
_QUEUES = {"recorder": "release-recorder", "notifier": "notifier"}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html: with a bucket key the encryption context is the
# bucket's ARN. https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html: kms:ViaService.
_KEY_PAGES = {
    "s3": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    "sns": "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    "sqs": "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html",
}


@dataclass(frozen=True)
class Call:
    """One request: ``pattern`` matches the resource of any such call. ``entry`` names the entry it comes from, ``origin``
    the one action and template in it."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]]
    pattern: re.Pattern[str]
    entry: str
    origin: str
    seen: bool = False

    def __str__(self) -> str:
        shown = "".join(f" {key}={value}" for key, value in self.context.items())
        return f"{self.action} on {self.resource}{shown} [{self.entry}]"


@dataclass(frozen=True)
class RoleCalls:
    """What one role of an output does, must not do, and who assumes it."""

    role: RolePolicies
    kind: str
    calls: tuple[Call, ...]
    denied: tuple[Call, ...]
    trust: Mapping[str, Any]
    variables: Mapping[str, Any] = field(repr=False)

    def covers(self, action: str, resource: str) -> bool:
        """Whether such a call is declared."""
        return any(call.action == action and call.pattern.fullmatch(resource) for call in self.calls)


def undeclared(emitted: Any, role_name: str, action: str, resource: str) -> bool:
    """Whether no call of that role, action and resource is declared for this output; also for a role that it does not have.

    For those who log what roles really ask for (the emulator): whatever is logged must be declared here.
    """
    return not any(one.role.name == role_name and one.covers(action, resource) for one in declared(emitted))


_DECLARED: dict[int, tuple[Any, tuple[RoleCalls, ...]]] = {}


def declared(emitted: Any) -> tuple[RoleCalls, ...]:
    """The declarations of every role of an output."""
    if id(emitted) not in _DECLARED:
        policies = resolve(emitted)
        _DECLARED[id(emitted)] = (emitted, tuple(of_role(emitted, policies, one) for one in policies.roles.values()))
    return _DECLARED[id(emitted)][1]


@cache
def content(name: str) -> Mapping[str, Any]:
    """One file of calls/."""
    loaded: Mapping[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def kinds() -> set[str]:
    """Every kind of role that has a file."""
    return {path.stem for path in FOLDER.glob("*.yaml")} - {"services"} - shared()


def shared() -> set[str]:
    """Files that are no kind but part of some."""
    return {path.stem for path in FOLDER.glob("_*.yaml")}


def parts(kind: str) -> list[str]:
    """The file of a kind and all that it names, each once."""
    found = [kind]
    for name in found:
        found += [other for other in content(name).get("also", ()) if other not in found]
    return found


def kind_of(emitted: Any, role: RolePolicies) -> str:
    """Which file of calls/ is about a role, by where the role stands in the output."""
    if role.id in _FIXED_KINDS:
        return _FIXED_KINDS[role.id]
    if role.id == "pipeline_role":
        return f"pipeline-{emitted.settings.pipelines[role.stack].kind}"
    return role.id.removesuffix("_role").partition("_")[2]


def of_role(emitted: Any, policies: Policies, role: RolePolicies) -> RoleCalls:
    """The declarations for one role. KeyError or FileNotFoundError if something is not declared."""
    kind = kind_of(emitted, role)
    variables = variables_of(emitted, policies, role, kind)
    flags = {name for name, on in variables["flags"].items() if on}
    calls: list[Call] = []
    denied: list[Call] = []
    for name in parts(kind):
        for section, found in (("calls", calls), ("denied", denied)):
            for number, entry in enumerate(content(name).get(section, ())):
                if entry.get("when") is None or entry["when"] in flags:
                    found += expand(entry, variables, f"{name}.yaml {section}[{number}]")
    trust = next(content(name)["trust"] for name in parts(kind) if "trust" in content(name))
    return RoleCalls(role, kind, tuple(calls), tuple(denied), fill(trust, variables), variables)


def expand(entry: Mapping[str, Any], variables: Mapping[str, Any], name: str) -> Iterator[Call]:
    """The requests that an entry stands for, those to the key among them."""
    shown = f"{name}: {entry.get('by') or entry.get('why')}"
    for action, template in itertools.product(listed(entry["do"]), listed(entry["at"])):
        for chosen in _choices([template, *_texts(entry.get("with", {}))], variables):
            resource, context = fill(template, chosen), fill(entry.get("with", {}), chosen)
            pattern = _pattern(template, chosen)
            origin = f"{action} at {template}, {shown}"
            yield Call(action, resource, context, pattern, shown, origin, entry.get("seen", False))
            for operation in listed(entry.get("key", [])):
                service = action.split(":")[0]
                arn = resource.split("/")[0] if service == "s3" else resource
                yield Call(
                    f"kms:{operation}",
                    variables["key"],
                    {"kms:ViaService": f"{service}.{variables['region']}.{DNS_SUFFIX}", **_encryption(service, arn)},
                    re.compile(re.escape(variables["key"])),
                    f"{shown}; {_KEY_PAGES[service]}",
                    f"{operation} for {origin}",
                )


def _encryption(service: str, arn: str) -> dict[str, str]:
    return {f"kms:EncryptionContext:aws:{service}:{'topicArn' if service == 'sns' else 'arn'}": arn}


def listed(value: Any) -> list[Any]:
    """One or many as many."""
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else [str(value)]


def _choices(templates: list[str], variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The variables with one value for each list that a template names; none at all for an empty list."""
    used = sorted({name for template in templates for name in re.findall(r"\{(\w+)\}", template)})
    many = [name for name in used if isinstance(variables[name], list)]
    for values in itertools.product(*(variables[name] for name in many)):
        yield {**variables, **dict(zip(many, values, strict=True))}


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """``value`` with every {variable} replaced."""
    if isinstance(value, Mapping):
        return {key: fill(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, variables) for inner in value]
    return re.sub(r"\{(\w+)\}", lambda found: str(variables[found[1]]), value) if isinstance(value, str) else value


def _pattern(template: str, variables: Mapping[str, Any]) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", template)
    text = "".join(
        _VARYING[piece][1]
        if number % 2 and piece in _VARYING
        else re.escape(str(variables[piece]) if number % 2 else piece)
        for number, piece in enumerate(pieces)
    )
    return re.compile(text.replace(re.escape(EXECUTION), _VARYING["execution"][1]))


def variables_of(emitted: Any, policies: Policies, role: RolePolicies | None = None, kind: str = "") -> dict[str, Any]:
    """What {variables} of calls/*.yaml stand for, from the settings and the names that the output gives; without a role:
    those of services.yaml."""
    settings = emitted.settings
    project, region = settings.project, settings.region
    pipelines = settings.pipelines
    delivered = {name: one for name, one in pipelines.items() if one.kind == "delivery"}
    approvals = [f"arn:{PARTITION}:sns:{region}:{ACCOUNT}:{project}-{name}-approval" for name in delivered]
    pushed = [one for one in delivered.values() if one.approval.separation_of_duties]

    def bucket(purpose: str) -> str:
        return f"arn:{PARTITION}:s3:::{project}-{purpose}-{ACCOUNT}-{region}"

    def regional(service: str) -> str:
        return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT}"

    [scripts] = [one["key"] for _, name, one in emitted.resources("aws_s3_object") if name == "scripts"]
    [key] = [arn for name, arn in policies.aliases.items() if name == f"alias/{project}"]
    managed = {
        "trail": settings.singletons.cloudtrail == "manage",
        "config": settings.singletons.config == "manage",
    }
    found: dict[str, Any] = {name: example for name, (example, _) in _VARYING.items()}
    found |= {
        "project": project,
        "region": region,
        "account": ACCOUNT,
        "other_account": OTHER_ACCOUNT,
        "key": key,
        "other_key": f"{regional('kms')}:key/99999999-0000-4000-8000-000000000000",
        # Lists: empty where the account's own are used.
        "trail_key": [arn for name, arn in policies.aliases.items() if name == f"alias/{project}-trail"],
        "trail_arn": f"{regional('cloudtrail')}:trail/{project}-trail",
        "trail_files": [bucket("trail")] if managed["trail"] else [],
        "trail_log_group": f"{regional('logs')}:log-group:/aws/cloudtrail/{project}-trail",
        "config_history": [bucket("config")] if managed["config"] else [],
        "role": role.name if role else "",
        "role_arn": role.arn if role else "",
        "role_arns": [one.arn for one in policies.roles.values()],
        "artifacts": bucket("artifacts"),
        "reports": bucket("reports"),
        "access_logs": bucket("access-logs"),
        "scripts": scripts,
        "importer": f"{regional('lambda')}:function:{project}-findings-importer",
        "guard": f"{regional('lambda')}:function:{project}-release-guard",
        "recorder": f"{regional('lambda')}:function:{project}-release-recorder",
        "sealer": f"{regional('lambda')}:function:{project}-image-sealer",
        "notifications": f"{regional('sns')}:{project}-notifications",
        "topics": list(policies.topics),
        "queues": list(policies.queues),
        "functions": list(policies.functions),
        "approvals": approvals,
        "not_its_topics": approvals if kind == "notifier" else list(policies.topics),
        "log_groups": [
            f"{regional('logs')}:log-group:{one['name']}"
            for _, name, one in emitted.resources(_LOG_GROUP)
            if name != "trail_logs"
        ],
        "buckets": [f"arn:{PARTITION}:s3:::{name}" for name in policies.buckets],
        "pipeline_arns": [f"{regional('codepipeline')}:{project}-{name}" for name in pipelines],
        "delivery_arns": [f"{regional('codepipeline')}:{project}-{name}" for name in delivered],
        "registries": [f"{regional('ecr')}:repository/{one.registry}" for one in delivered.values()],
        "pushed": sorted({one.repository.name for one in pushed}),
        "judged": [
            f"reports/{name}/{EXECUTION}/{scanner}-{scope}"
            for name in pipelines
            for scanner, (scopes, _) in SCANS.items()
            for scope in scopes
        ],
        "raw": [
            f"reports/{name}/{EXECUTION}/{scanner}-{scope}/{file}"
            for name in pipelines
            for scanner, (scopes, file) in SCANS.items()
            for scope in scopes
        ],
        "delivered": [
            f"reports/{name}/{EXECUTION}/{scanner}-{scope}"
            for name in delivered
            for scanner, (scopes, _) in SCANS.items()
            for scope in scopes
        ],
        "released": [f"releases/{name}/{EXECUTION}" for name in delivered],
        "current": [f"releases/{name}/current.json" for name in delivered],
        "sboms": [
            f"reports/{name}/{EXECUTION}/grype-image/sbom.cdx.json"
            for name, one in delivered.items()
            if "grype" in one.scanners
        ],
        "rescanned": [f"rescans/{name}" for name in delivered],
        "rescan_files": ["raw.json", "findings.json", "index.html"],
        "dead_letters": f"{regional('sqs')}:{project}-{_QUEUES.get(kind, 'findings-importer')}-dead-letters",
        "told": ["_project", *pipelines],
        "heard": [
            f"{regional('sns')}:{project}-{name}notifications"
            for name in ("", *(f"{name}-" for name, one in pipelines.items() if one.notify.emails))
        ],
        **{
            service: regional(service)
            for service in (
                *("codebuild", "codecommit", "codepipeline", "ec2", "ecr", "eks", "events", "logs", "securityhub"),
                *("sns", "sqs", "ssm", "iam"),
            )
        },
        "flags": {
            "security_hub": settings.singletons.security_hub != "none",
            "delivered": bool(delivered),
            "not_delivered": not delivered,
            "pushed": bool(pushed),
            "not_pushed": not pushed,
            "grype": any("grype" in one.scanners for one in delivered.values()),
            "no_plan": True,
            "held": bool(settings.compliance.hold_production),
        },
    }
    if role is not None and role.stack in settings.reviews:
        found |= _of_review(emitted, role, kind, regional)
    if role is not None and role.stack in pipelines:
        found |= _of_pipeline(emitted, policies, role, kind, regional)
    return found


def _of_review(emitted: Any, role: RolePolicies, kind: str, regional: Any) -> dict[str, Any]:
    """Variables of one review: of its build, its function, its event."""
    settings, name = emitted.settings, role.stack
    review, backend, project = settings.reviews[name], settings.backend, settings.project
    return {
        "pipeline": name,
        "repository": f"{regional('codecommit')}:{review.repository.name}",
        "kept": f"{regional('secretsmanager')}:secret:any-AbCdEf",
        "project_arn": f"{regional('codebuild')}:project/{project}-{name}-plan",
        "plan": f"plans/{name}/{_VARYING['pull'][0]}/{COMMIT}/{_VARYING['build'][0]}",
        "state": f"arn:{PARTITION}:s3:::{backend.bucket}",
        "state_prefix": backend.prefix,
        "state_region": backend.region,
        "state_key": backend.kms_key or "",
        "dead_letters": f"{regional('sqs')}:{project}-{name}-dead-letters",
        "flags": {"state_key": bool(backend.kms_key), "no_plan": kind != "plan"},
    }


def _of_pipeline(emitted: Any, policies: Policies, role: RolePolicies, kind: str, regional: Any) -> dict[str, Any]:
    """Variables of one pipeline, and of one of its builds."""
    settings, name = emitted.settings, role.stack
    pipeline, project = settings.pipelines[name], settings.project
    delivery = pipeline.kind == "delivery"
    snyk = pipeline.snyk
    parameters = [
        f"{regional('ssm')}:parameter/{parameter.lstrip('/')}"
        for parameter in (snyk.token_parameter, snyk.organization_parameter)
    ]
    prefix = f"{project}-{name}"[:20]
    builds = [one for one in policies.roles.values() if one.stack == name and one.id[0].isupper()]
    found: dict[str, Any] = {
        "pipeline": name,
        "pipeline_arn": f"{regional('codepipeline')}:{project}-{name}",
        "prefix": prefix,
        "other_prefix": f"{project}-other-pipeline"[:20],
        "repository": f"{regional('codecommit')}:{pipeline.repository.name}",
        # CodeBuild's projects carry their role's name.
        "projects": [f"{regional('codebuild')}:project/{one.name}" for one in builds],
        "alias": f"{regional('lambda')}:function:{project}-findings-importer:{name}_{kind}",
        "other_aliases": [
            f"{regional('lambda')}:function:{project}-findings-importer:{pipeline}_{scanner}"
            for pipeline, scanner in [
                *((name, one) for one in SCANS if one != kind),
                *((other, kind) for other in (*settings.pipelines, "other") if other != name),
            ]
        ],
        "own_reports": [
            f"reports/{name}/{EXECUTION}/{kind}-{scope}/{SCANS[kind][1]}"
            for scope in (SCANS[kind][0] if kind in SCANS else ())
            if scope != "history" or (delivery and pipeline.secrets.history)
        ],
        "foreign_reports": [
            f"reports/{name}/{EXECUTION}/{scanner}-{scope}/{file}"
            for scanner, (scopes, file) in SCANS.items()
            if scanner != kind
            for scope in scopes
        ],
        "dead_letters": f"{regional('sqs')}:{project}-{name}-dead-letters",
        "parameters": parameters,
        "own_key": snyk.kms_key or "",
    }
    found["flags"] = {
        "delivery": delivery,
        "own_key": bool(snyk.kms_key),
        "history": delivery and pipeline.secrets.history,
        "no_history": not (delivery and pipeline.secrets.history),
        "no_plan": True,
    }
    if delivery:
        environment = pipeline.production if role.id.startswith("Production") else pipeline.staging
        in_vpc = role.id.partition("_")[0] in ("Staging", "Production") and environment.vpc is not None
        found |= {
            "registry": f"{regional('ecr')}:repository/{pipeline.registry}",
            "approval": f"{regional('sns')}:{project}-{name}-approval",
            "cluster": environment.cluster,
            "environment": "production" if environment is pipeline.production else "staging",
            "other_environment": "staging" if environment is pipeline.production else "production",
            "subnets": list(environment.vpc.subnets) if environment.vpc else [],
        }
        found["flags"] |= {"vpc": in_vpc, "no_vpc": not in_vpc}
    else:
        found["flags"] |= {"vpc": False, "no_vpc": True}
    return found
