"""What is wrong between settings that are each right: names that collide, accounts and regions that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from modules.compliance_rules import rules
from modules.names import ARTIFACT_PREFIX, BUCKET, Names
from stacks import setting_aws as aws
from stacks.setting_models import SettingsFile
from stacks.setting_pipelines import DeliveryPipeline, ReviewPipeline, ScanPipeline
from stacks.setting_project import HttpBackend, LocalBackend, S3Backend
from stacks.setting_text import show
from stacks.setting_values import PROJECT
from stacks.setting_versions import excludes_below
from stacks.yaml_source import Document, Problem

# What the names of a pipeline's roles end in beside the pipeline's own name: its builds, its starter, its approval; of a
# review: its build, its function, its event rule.
# "payments" with the build "snyk" and a pipeline "payments-snyk" would be one role. Names: modules/names.py.
ENDINGS = (
    "resolve", "snyk", "snyk-code", "snyk-container", "grype", "git-secrets", "image", "push", "ecr", "zap",
    "staging-deploy", "production-deploy", "starter", "approval", "events",
    "plan", "review", "pull-requests",
)  # fmt: skip
# What the project calls its own roles, functions, queues and topics; tests/stacks/test_names_apart.py derives them anew.
PROJECT_WIDE = (
    "findings-importer", "release-guard", "release-recorder", "image-sealer", "notifier", "notifications", "trail", "config",
)  # fmt: skip
# An alarm that begins so and goes on with a pipeline's name tells of pushes past a pull request.
PUSHED = "audit-pushed"


def colliding_names(document: Document) -> Iterator[Problem]:
    """Physical names that two pipelines would share. Read from the data, so that other mistakes do not hide them."""
    data = document.data if isinstance(document.data, dict) else {}
    project, pipelines = data.get("project"), data.get("pipelines")
    # Names made from a project's name that cannot be are too long or alike for that reason only.
    if not (isinstance(project, str) and PROJECT.fits(project) and isinstance(pipelines, dict)):
        return
    names, region = Names(project), data.get("region")
    if isinstance(region, str) and len(bucket := names.bucket("access-logs", "0" * 12, region)) > BUCKET:
        yield at(
            document,
            ("project",),
            f"the bucket {bucket} has {len(bucket)} characters, at most {BUCKET} are"
            f" allowed; shorten the project's name by {len(bucket) - BUCKET}",
        )
    if project.startswith(("aws", "ssm")) and not isinstance(data.get("snyk"), dict):
        yield at(
            document,
            ("project",),
            f"Parameter Store refuses names that begin with aws or ssm, such as"
            f" /{project}/snyk/token; choose another project name, or set the names under snyk:",
        )
    prefixes: dict[str, str] = {}
    for name, pipeline in pipelines.items():
        path = ("pipelines", name)
        # A review is none of CodePipeline's and has no artifacts.
        first = name
        if not (isinstance(pipeline, dict) and pipeline.get("kind") == "review"):
            first = prefixes.setdefault(names.artifact_prefix(name), name)
        if first != name:
            yield at(
                document,
                path,
                f"collides with {first} (line {document.line(('pipelines', first))}): CodePipeline"
                f" stores artifacts under the first {ARTIFACT_PREFIX} characters of {names.pipeline(name)},"
                f" {names.artifact_prefix(name)}; let the names differ earlier",
            )
        for ending in ENDINGS:
            other = name.removesuffix(f"-{ending}")
            if other != name and other in pipelines:
                yield at(
                    document,
                    path,
                    f"collides with the names of {other}'s action {ending}"
                    f" (line {document.line(('pipelines', other))}): both are {names.pipeline(name)};"
                    " choose another name",
                )
        if name in PROJECT_WIDE or f"{name}-".startswith(f"{PUSHED}-"):
            yield at(document, path, f"collides with the project's own {names.pipeline(name)}; choose another name")


def at(document: Document, path: tuple[str | int, ...], message: str) -> Problem:
    """A problem at the line of ``path``."""
    return Problem(document.line(path), path, message)


def contradictions(found: SettingsFile, document: Document) -> Iterator[Problem]:
    """What is right by itself but not together."""
    backend = found.backend
    if isinstance(backend, S3Backend) and backend.lockfile and not knows_lockfile(found):
        yield at(
            document,
            ("backend", "lockfile"),
            "Terraform before 1.10 does not know it, and such a version is not"
            ' excluded; write terraform: ">= 1.11.0" (in 1.10 it is experimental)',
        )
    if found.singletons.cloudtrail == "manage" and found.audit.log_group:
        yield at(
            document,
            ("audit", "log_group"),
            "the trail of singletons: {cloudtrail: manage} has its own log group; leave one of the two away",
        )
    yield from _held(found, document)
    yield from _accounts(found, document)
    yield from _reviews(found, document)
    for index, deployer in enumerate(found.audit.deployers):
        wrong = _partition(aws.arn(deployer), found.region)
        if wrong:
            yield at(document, ("audit", "deployers", index), f"this principal is {wrong}")
    for path, key, region in _keys(found):
        wrong = _elsewhere(aws.arn(key), region)
        if wrong:
            yield at(document, path, f"this key is {wrong}")
    created: dict[str, str] = {}
    registries: dict[str, str] = {}
    for name, pipeline in found.pipelines.items():
        path = ("pipelines", name)
        first = created.setdefault(pipeline.repository.name, name)
        if found.pipelines[first].repository.create != pipeline.repository.create:
            line = document.line(("pipelines", first, "repository"))
            differ = (
                "without create: true, and this with it"
                if pipeline.repository.create
                else "with create: true, and this without"
            )
            yield at(
                document,
                (*path, "repository"),
                f"pipelines.{first}.repository (line {line}) names {pipeline.repository.name} {differ}; write it the same way in both",
            )
        if isinstance(pipeline, DeliveryPipeline):
            registry = pipeline.registry or Names(found.project).registry(name)
            first = registries.setdefault(registry, name)
            if first != name:
                yield at(
                    document,
                    (*path, "registry"),
                    f"{registry} is already that of {first} (line"
                    f" {document.line(('pipelines', first))}); each pipeline needs its own",
                )
            here, there = pipeline.staging, pipeline.production
            if (here.cluster, here.namespace) == (there.cluster, there.namespace):
                yield at(
                    document,
                    (*path, "production"),
                    f"this is staging's namespace {there.namespace} of the cluster"
                    f" {there.cluster}; production needs one of its own, or every commit is deployed to it"
                    " unapproved",
                )


def makes_rules(found: SettingsFile) -> bool:
    """Whether this project makes rules of AWS Config."""
    return (found.compliance.rules or ("make" if found.singletons.config == "manage" else "none")) == "make"


def image_builds(names: Names, pipelines: Mapping[str, object]) -> list[str]:
    """The builds that make images, which they are privileged for (modules/guardrails.py: no other is)."""
    return [names.build(name, "image") for name, one in pipelines.items() if isinstance(one, DeliveryPipeline)]


def _held(found: SettingsFile, document: Document) -> Iterator[Problem]:
    """A rule that should be this project's and that nobody makes is never COMPLIANT: the guard would refuse for ever."""
    if not makes_rules(found):
        return
    names, own = Names(found.project), f"{found.project}-"
    made = [names.config_rule(rule.name) for rule in rules(image_builds(names, found.pipelines))]
    for index, name in enumerate(found.compliance.hold_production):
        if not name.startswith(own) or name in made:
            continue
        # What all of them begin with makes no two alike.
        near = get_close_matches(name.removeprefix(own), [one.removeprefix(own) for one in made], 1, 0.7)
        hint = f"did you mean {own}{near[0]}?" if near else f"a rule of your own has another name than {own}..."
        yield at(
            document,
            ("compliance", "hold_production", index),
            f"{show(name)} is none of the rules that this project makes, and production would be held for ever; {hint}",
        )


def _accounts(found: SettingsFile, document: Document) -> Iterator[Problem]:
    """Every ARN of a repository must be in the project's region and in one account."""
    account, said = found.account, "account:"
    for name, pipeline in found.pipelines.items():
        if not pipeline.repository.arn:
            continue
        parts, path = aws.arn(pipeline.repository.arn), ("pipelines", name, "repository")
        wrong = _elsewhere(parts, found.region)
        if wrong:
            yield at(document, path, f"this repository is {wrong}")
        if account and parts.account != account:
            yield at(
                document,
                path,
                f"this repository is in the account {parts.account}, {said} says {account};"
                " one project builds in one account",
            )
        account, said = account or parts.account, said if account else f"pipelines.{name}.repository"


def _reviews(found: SettingsFile, document: Document) -> Iterator[Problem]:
    """A review plans what the other pipelines are, against their state."""
    reviews = [name for name, pipeline in found.pipelines.items() if isinstance(pipeline, ReviewPipeline)]
    for name in reviews:
        path = ("pipelines", name, "kind")
        if len(reviews) == len(found.pipelines):
            yield at(document, path, "there is nothing to review; write a pipeline of kind scan or delivery, too")
        match found.backend:
            case LocalBackend():
                yield at(
                    document,
                    path,
                    "the build that plans cannot reach a state that is a file on somebody's machine; write backend:"
                    " {type: s3, bucket: ...}",
                )
            case HttpBackend():
                yield at(
                    document,
                    path,
                    "the state behind HTTP takes a password, and in the build that plans any branch's code could read"
                    " it; write backend: {type: s3, bucket: ...}, or plan in your own CI (docs/plan-review.md)",
                )


def scanned_twice(found: SettingsFile, document: Document) -> Iterator[Problem]:
    """Scans that look with Snyk at what another pipeline resolves in the same way. Each has an inventory of its own
    (docs/findings.md, Names). Nothing is said of two deliveries: one repository may make several images."""
    seen: list[tuple[str, ScanPipeline | DeliveryPipeline]] = []
    for name, one in found.pipelines.items():
        if isinstance(one, ReviewPipeline) or (isinstance(one, DeliveryPipeline) and "snyk" not in one.scanners):
            continue
        for other, earlier in seen:
            scan, beside = (name, other) if isinstance(one, ScanPipeline) else (other, name)
            both = isinstance(one, ScanPipeline) or isinstance(earlier, ScanPipeline)
            if both and one.repository.name == earlier.repository.name and _same_commits(one, earlier):
                yield at(
                    document,
                    ("pipelines", scan),
                    f"scans with snyk what {beside} (line {document.line(('pipelines', beside))}) scans, too, as their"
                    " branches overlap: each finding stands twice; leave those branches to one of both",
                )
        seen.append((name, one))


def _same_commits(one: ScanPipeline | DeliveryPipeline, other: ScanPipeline | DeliveryPipeline) -> bool:
    """Whether a push could be resolved alike by both."""
    first, second = (
        (p.branch_patterns(), p.buildspec) if isinstance(p, ScanPipeline) else ([p.branch], None) for p in (one, other)
    )
    if first[1] != second[1]:
        return False
    return first[0] is None or second[0] is None or any(_overlap(a, b) for a in first[0] for b in second[0])


def _overlap(one: str | dict[str, str], other: str | dict[str, str]) -> bool:
    """Whether a branch's name fits both patterns."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one["prefix"].startswith(other["prefix"]) or other["prefix"].startswith(one["prefix"])
    if isinstance(one, dict):
        return isinstance(other, str) and other.startswith(one["prefix"])
    return one.startswith(other["prefix"]) if isinstance(other, dict) else one == other


def _elsewhere(arn: aws.Arn, region: str) -> str | None:
    """What is wrong if something is not in ``region``, where its user is."""
    if arn.region != region:
        return f"in {arn.region}, what uses it in {region}; name one there"
    return _partition(arn, region)


def _partition(arn: aws.Arn, region: str) -> str | None:
    """What is wrong if something is not in the region's partition."""
    right = aws.partition(region)
    if arn.partition == right:
        return None
    return f"said to be in the partition {arn.partition}; {region} is in {right}, so begin with arn:{right}:"


def _keys(found: SettingsFile) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Where a key is named, its ARN, and the region that it must be in."""
    if isinstance(found.backend, S3Backend) and found.backend.kms_key:
        yield ("backend", "kms_key"), found.backend.kms_key, found.backend.region or found.region
    snyks = {("snyk",): found.snyk} | {
        ("pipelines", name, "snyk"): p.snyk for name, p in found.pipelines.items() if not isinstance(p, ReviewPipeline)
    }
    for path, snyk in snyks.items():
        if snyk.kms_key:
            yield (*path, "kms_key"), snyk.kms_key, found.region


def knows_lockfile(found: SettingsFile) -> bool:
    """https://developer.hashicorp.com/terraform/language/backend/s3 : use_lockfile came with Terraform 1.10."""
    return bool(found.terraform) and excludes_below(found.terraform or "", (1, 10, 0))
