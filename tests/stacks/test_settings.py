"""What the settings mean, what is refused and in which words."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stacks import setting_errors
from stacks.setting_errors import _model, _models  # how a place in the file and its model find each other
from stacks.setting_models import SettingsFile
from stacks.setting_versions import excludes_below
from stacks.settings import (
    DeliveryPipeline,
    HttpBackend,
    LocalBackend,
    S3Backend,
    ScanPipeline,
    Settings,
    SettingsError,
    load,
    schema,
)
from stacks.yaml_source import parse

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "settings"
TODAY = date(2026, 11, 22)

SCAN = """\
project: acme
region: eu-central-1
notify: [ops@example.com]
pipelines:
  libs:
    kind: scan
    repository: libs
    branches: [main]
"""
DELIVERY = """\
project: acme
region: eu-central-1
notify: [ops@example.com]
pipelines:
  pay:
    kind: delivery
    repository: pay
    image: pay
    scanners: [grype]
    zap: {target: https://staging.example.com}
    staging: {cluster: a, namespace: pay, manifests: k8s}
    production: {cluster: b, namespace: pay, manifests: k8s}
    approval: {emails: [boss@example.com]}
"""


def read(text: str, folder: Path, today: date = TODAY) -> Settings:
    file = folder / "p.yaml"
    file.write_text(text, encoding="utf-8")
    return load({"PIPELINES": str(file)}, ROOT, today=today)


def refused(text: str, folder: Path) -> list[str]:
    """The messages, without the folder that the test happens to use."""
    with pytest.raises(SettingsError) as caught:
        read(text, folder)
    return [message.replace(f"{folder}/", "") for message in caught.value.messages]


def scan(name: str) -> str:
    return f"  {name}:\n    kind: scan\n    repository: libs\n    branches: [main]\n"


# --- what is read -----------------------------------------------------------------------------------------------------


NO_ALARM = "audit.log_group: no alarm tells of a pipeline, role or function that is changed behind your back"


@pytest.mark.parametrize(("name", "warned"), [("full", 0), ("minimal", 0), ("existing", 0), ("snyk", 1)])
def test_sample_files_are_accepted(name: str, warned: int) -> None:
    warnings = load({"PIPELINES": str(DATA / f"{name}.yaml")}, ROOT, today=TODAY).warnings
    assert [NO_ALARM in warning for warning in warnings] == [True] * warned


def test_without_a_log_group_what_releases_is_warned_of_and_nothing_else(tmp_path: Path) -> None:
    for more, warned in (
        ("", True),
        ("audit: {direct_pushes: allow}\n", True),
        ("audit: {log_group: trail-logs}\n", False),
        ("singletons: {cloudtrail: manage}\n", False),
    ):
        warnings = read(DELIVERY + more, tmp_path).warnings
        assert [NO_ALARM in warning for warning in warnings] == [True] * warned, more
    assert read(SCAN, tmp_path).warnings == []


def test_a_managed_trail_has_its_own_log_group(tmp_path: Path) -> None:
    both = "singletons: {cloudtrail: manage}\naudit: {log_group: trail-logs}\n"
    assert (
        "audit.log_group: the trail of singletons: {cloudtrail: manage} has its own log group"
        in refused(DELIVERY + both, tmp_path)[0]
    )


@pytest.mark.parametrize(
    ("arn", "region"),
    [
        ("arn:aws:iam::123456789012:role/ci/deployer", "eu-central-1"),
        ("arn:aws-us-gov:iam::123456789012:user/ana", "us-gov-west-1"),
        (
            "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_*",
            "us-east-1",
        ),
    ],
)
def test_who_may_deploy_is_a_role_or_a_user(arn: str, region: str, tmp_path: Path) -> None:
    text = SCAN.replace("eu-central-1", region)
    assert read(f"{text}audit: {{deployers: ['{arn}']}}\n", tmp_path).audit.deployers == [arn]


def test_who_may_deploy_is_of_the_region_s_partition(tmp_path: Path) -> None:
    """A principal of another partition never calls here: everybody who deploys would ring."""
    arns = "arn:aws:iam::123456789012:role/ci, arn:aws-cn:iam::123456789012:role/ci"
    assert refused(f"{SCAN}audit: {{deployers: ['{arns.replace(', ', chr(39) + ', ' + chr(39))}']}}\n", tmp_path) == [
        "p.yaml:9: audit.deployers[1]: this principal is said to be in the partition aws-cn; eu-central-1 is in aws, so begin"
        " with arn:aws:"
    ]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::123456789012:assumed-role/deployer/ana",
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:role/*deployer",
        "arn:aws:iam::*:role/deployer",
        "*",
        'arn:aws:iam::123456789012:role/x"||$.a',
    ],
)
def test_who_may_deploy_is_nobody_else(arn: str, tmp_path: Path) -> None:
    assert "audit.deployers[0]" in refused(f"{SCAN}audit: {{deployers: ['{arn}']}}\n", tmp_path)[0]


def test_config_rules_are_made_where_the_recorder_is_unless_said_otherwise(tmp_path: Path) -> None:
    for more, made in (
        ("", "none"),
        ("singletons: {config: manage}\n", "make"),
        ("compliance: {rules: make}\n", "make"),
        ("singletons: {config: manage}\ncompliance: {rules: none}\n", "none"),
    ):
        assert read(SCAN + more, tmp_path).compliance.rules == made, more


def test_at_most_ten_rules_hold_production(tmp_path: Path) -> None:
    names = ", ".join(f"rule-{number}" for number in range(11))
    assert "compliance.hold_production" in refused(f"{SCAN}compliance: {{hold_production: [{names}]}}\n", tmp_path)[0]


# The project's own names and nothing else, whether the rules are made because of `rules` or of `config`.
@pytest.mark.parametrize("made", ["compliance: {rules: make, ", "singletons: {config: manage}\ncompliance: {"])
def test_a_rule_that_nobody_makes_does_not_hold_production_for_ever(made: str, tmp_path: Path) -> None:
    line = 14 + made.count("\n")
    own = f"{DELIVERY}{made}hold_production: [acme-s3-bucket-ssl-requests-only, %s]}}\n"
    (near,) = refused(own % "acme-s3-bucket-ssl-request-only", tmp_path)
    assert near == (
        f"p.yaml:{line}: compliance.hold_production[1]: 'acme-s3-bucket-ssl-request-only' is none of the rules that this project"
        " makes, and production would be held for ever; did you mean acme-s3-bucket-ssl-requests-only?"
    )
    (far,) = refused(own % "acme-tags", tmp_path)
    assert "held for ever; a rule of your own has another name than acme-..." in far
    assert len(far) < 600
    for name in ("acme-codebuild-project-environment-privileged-check", "acmes-tags", "tags", "Acme-tags"):
        assert read(own % name, tmp_path).compliance.hold_production[1] == name


def test_a_rule_left_out_for_its_many_exemptions_holds_nothing(tmp_path: Path) -> None:
    """31 deliveries: the exemptions of their builds are longer than Config takes (docs/watching.md)."""
    one = DELIVERY[DELIVERY.index("  pay:") :]
    many = "".join(one.replace("  pay:", f"  p{n:02}-with-a-long-name-of-its-own:", 1) for n in range(31))
    name = "acme-codebuild-project-environment-privileged-check"
    text = f"{DELIVERY}{many}compliance: {{rules: make, hold_production: [{name}]}}\n"
    assert "is none of the rules that this project makes" in refused(text, tmp_path)[0]


def test_where_no_rules_are_made_any_may_hold_production(tmp_path: Path) -> None:
    held = "hold_production: [acme-tags]"
    for more in (f"compliance: {{{held}}}\n", f"singletons: {{config: manage}}\ncompliance: {{rules: none, {held}}}\n"):
        assert read(DELIVERY + more, tmp_path).compliance.hold_production == ["acme-tags"]


@pytest.mark.parametrize(
    ("first", "second", "twice"),
    [
        ("[main]", "[main]", True),
        ("[dev, main]", '["*"]', True),
        ('["*"]', "[feature/]", True),
        ("[feature/x]", "[feature/]", True),
        ("[release-*]", "[release-2*]", True),
        ("[main]", "[dev, mainline]", False),
        ("[feature]", "[feature/]", False),
        ("[release-1*]", "[release-2*]", False),
    ],
)
def test_two_scans_of_one_branch_are_told_of(first: str, second: str, twice: bool, tmp_path: Path) -> None:
    """Allowed, since each may judge by a gate of its own; but every finding stands twice."""
    text = SCAN.replace("[main]", first) + scan("more").replace("[main]", second)
    said = [
        "p.yaml:9: pipelines.more: scans with snyk what libs (line 5) scans, too, as their branches overlap: each finding"
        " stands twice; leave those branches to one of both"
    ]
    assert [one.replace(f"{tmp_path}/", "") for one in read(text, tmp_path).warnings] == (said if twice else [])
    assert read(text.replace("repository: libs", "repository: other", 1), tmp_path).warnings == []


def test_scans_that_resolve_different_parts_of_a_repository_are_two(tmp_path: Path) -> None:
    (tmp_path / "part.yml").write_text("version: 0.2\n")
    text = SCAN + scan("more").replace("branches", "buildspec: part.yml\n    branches")
    assert read(text, tmp_path).warnings == []
    both = text.replace("repository: libs\n    branches", "repository: libs\n    buildspec: part.yml\n    branches", 1)
    assert len(read(both, tmp_path).warnings) == 1


def test_a_scan_beside_a_delivery_is_told_of_if_both_use_snyk(tmp_path: Path) -> None:
    """Two deliveries of one repository make two images, and nothing is said of them."""
    watched = "audit: {log_group: trail}\n"
    delivery = DELIVERY.replace("[grype]", "[grype, snyk]") + scan("libs").replace(
        "repository: libs", "repository: pay"
    )
    (message,) = read(delivery + watched, tmp_path).warnings
    assert "pipelines.libs: scans with snyk what pay (line 5) scans, too" in message
    for other in (delivery.replace(", snyk]", "]"), delivery.replace("[main]", "[dev]")):
        assert read(other + watched, tmp_path).warnings == []
    twins = DELIVERY.replace("[grype]", "[grype, snyk]")
    twins += twins[twins.index("  pay:") :].replace("  pay:", "  two:")
    assert read(twins + watched, tmp_path).warnings == []


def test_checked_in_file_is_the_default_and_works() -> None:
    settings = load({}, ROOT, today=TODAY)
    assert settings.source == ROOT / "pipelines.yaml"
    assert settings.pipelines_variable is None
    assert {name: pipeline.kind for name, pipeline in settings.pipelines.items()} == {
        "python-libraries": "scan",
        "payments": "delivery",
    }
    assert [NO_ALARM in warning for warning in settings.warnings] == [True]


def test_full_file_uses_every_key() -> None:
    """A key that no sample shows is one that no test of the stacks ever sees. One of them is only for a trail that is there
    already: existing.yaml."""
    used: dict[type[BaseModel], set[str]] = {}

    def walk(value: object, path: tuple[str | int, ...], data: object) -> None:
        model = _model(path, data, SettingsFile) if isinstance(value, dict) else None
        if model and isinstance(value, dict):
            used.setdefault(model, set()).update(value)
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, inner in steps:
            walk(inner, (*path, step), data)

    def reachable(model: type[BaseModel]) -> set[type[BaseModel]]:
        below = {inner for field in model.model_fields.values() for inner in _models(field.annotation)}
        return {model}.union(*(reachable(inner) for inner in below))

    for name in ("full", "existing"):
        data = parse((DATA / f"{name}.yaml").read_text()).data
        walk(data, (), data)
    one_backend_a_file = {LocalBackend, HttpBackend}
    for model in reachable(SettingsFile) - one_backend_a_file:
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert keys - used.get(model, set()) == set(), model


def test_full_file_means_what_it_says() -> None:
    settings = load({"PIPELINES": str(DATA / "full.yaml")}, ROOT, today=TODAY)
    assert settings.account == "012345678901"
    assert settings.tags == {"team": "platform", "cost-center": "1.10"}
    assert isinstance(settings.backend, S3Backend)
    assert (settings.backend.region, settings.backend.prefix, settings.backend.lockfile) == (
        "eu-west-1",
        "pipelines/acme",
        True,
    )
    libraries, everything = settings.pipelines["python-libraries"], settings.pipelines["everything"]
    assert isinstance(libraries, ScanPipeline)
    assert isinstance(everything, ScanPipeline)
    assert libraries.repository.name == "python-libraries"
    assert libraries.repository.arn == "arn:aws:codecommit:eu-central-1:012345678901:python-libraries"
    assert libraries.branch_patterns() == ["main", {"prefix": "feature/"}, {"prefix": "release-"}]
    assert libraries.default_branch == "develop"
    assert settings.buildspecs == {"python-libraries": (DATA / "own-resolve.yml").read_text()}
    assert libraries.snyk.token_parameter == "/acme/python/snyk-token"
    assert libraries.snyk.organization_parameter == "/acme/shared/snyk-organization"
    assert everything.branch_patterns() is None
    assert (everything.repository.name, everything.repository.create, everything.repository.arn) == (
        "monorepo",
        True,
        None,
    )
    payments = settings.pipelines["payments"]
    assert isinstance(payments, DeliveryPipeline)
    assert payments.registry == "shop/payments"
    assert payments.other_images == [f"public.ecr.aws/docker/library/busybox@sha256:{'0123456789abcdef' * 4}"]
    assert settings.waivers[0].expires == date(2999, 12, 31)


def test_gate_merges_key_by_key() -> None:
    settings = load({"PIPELINES": str(DATA / "full.yaml")}, ROOT, today=TODAY)
    gate = settings.pipelines["payments"].gate
    zap, ecr, grype = gate.for_scanner("zap"), gate.for_scanner("ecr"), gate.for_scanner("grype")
    assert (zap.fail_on, zap.ungraded) == ("high", "report")  # its own fail_on, the project's ungraded for zap
    assert (ecr.fail_on, ecr.only_fixable) == ("critical", True)
    assert (grype.fail_on, grype.only_fixable, grype.ungraded) == ("critical", False, "block")
    assert settings.pipelines["python-libraries"].gate.for_scanner("snyk").report_only
    assert settings.gate.for_scanner("zap").fail_on == "medium"
    assert not settings.pipelines["everything"].gate.report_only


def test_defaults_that_follow_from_other_settings(tmp_path: Path) -> None:
    settings = read(DELIVERY.replace("region:", "backend: {type: s3, bucket: state}\nregion:"), tmp_path)
    assert isinstance(settings.backend, S3Backend)
    assert (settings.backend.region, settings.backend.prefix) == ("eu-central-1", "acme")
    assert settings.snyk.token_parameter == "/acme/snyk/token"
    pay = settings.pipelines["pay"]
    assert isinstance(pay, DeliveryPipeline)
    assert pay.registry == "acme/pay"
    assert pay.snyk.organization_parameter == "/acme/snyk/organization"
    assert pay.other_images == []  # nothing beside the pipeline's own image
    assert (pay.build.dockerfile, pay.build.timeout, pay.ecr_scan_timeout) == ("Dockerfile", 30, 15)
    assert settings.account is None


def test_parameter_names_with_and_without_leading_slash() -> None:
    snyk = load({"PIPELINES": str(DATA / "snyk.yaml")}, ROOT, today=TODAY).snyk
    assert snyk.token_parameter == "snyk-token"  # no hierarchy: this is the whole name
    assert snyk.organization_parameter == "/shop/snyk/organization"  # a hierarchy is fully qualified, or SSM refuses


def test_default_branch_is_the_first_exact_one(tmp_path: Path) -> None:
    def default(branches: str) -> str:
        pipeline = read(SCAN.replace("[main]", branches), tmp_path).pipelines["libs"]
        assert isinstance(pipeline, ScanPipeline)
        return pipeline.default_branch

    assert default("[feature/, trunk, main]") == "trunk"
    assert default("[release-*]") == "main"
    assert default('["*"]') == "main"


def test_account_comes_from_a_repository_arn(tmp_path: Path) -> None:
    arn = "arn:aws:codecommit:eu-central-1:123456789012:libs"
    assert read(SCAN.replace("repository: libs", f"repository: {arn}"), tmp_path).account == "123456789012"


def test_environment_variables(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SCAN)
    settings = load(
        {"PIPELINES": str(tmp_path / "mine.yaml"), "CDKTF_OUTDIR": "/elsewhere/out", "SYNTH_PLAIN": "1"}, ROOT
    )
    assert settings.outdir == Path("/elsewhere/out")
    assert settings.pipelines_variable == str(tmp_path / "mine.yaml")
    plain = load({"PIPELINES": "", "SYNTH_PLAIN": "0"}, ROOT)
    assert (plain.outdir, plain.source) == (ROOT / "cdktf.out", ROOT / "pipelines.yaml")
    with pytest.raises(SettingsError, match=r"^SYNTH_PLAIN: 'yes' is neither 1"):
        load({"SYNTH_PLAIN": "yes"}, ROOT)


def test_path_is_relative_to_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.yaml").write_text(SCAN.replace("acme", "other"))
    monkeypatch.chdir(tmp_path)
    assert load({"PIPELINES": "here.yaml"}, ROOT).project == "other"


def test_settings_cannot_be_changed() -> None:
    settings = load({}, ROOT)
    with pytest.raises(Exception, match="frozen"):
        settings.project = "x"


# --- what is refused --------------------------------------------------------------------------------------------------

UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = "repository: arn:aws:codecommit"
BAD = [
    # (what to replace in SCAN or DELIVERY, by what, line, key, words of the message)
    ("unknown key", SCAN, "region: eu-central-1", "regoin: eu-central-1", 2, "regoin", "unknown key, did you mean region?"),
    ("unknown key below", DELIVERY, "image: pay", "image: pay\n    gate: {fail_no: low}", 9, "pipelines.pay.gate.fail_no", "unknown key, did you mean fail_on?"),
    ("nothing near", SCAN, "region:", "zzz: 1\nregion:", 2, "zzz", "known here: project, region, account"),
    ("hyphen", DELIVERY, "cluster: a,", "cluster: a, rollout-timeout: 5,", 11, "pipelines.pay.staging.rollout-timeout", "did you mean rollout_timeout?"),
    ("key of the other kind", SCAN, "    branches", "    image: x\n    branches", 8, "pipelines.libs.image", "not a key of kind scan but of delivery; known here: "),
    ("key of another backend", SCAN, "notify:", "backend: {type: local, bucket: x}\nnotify:", 3, "backend.bucket", "not a key of type local but of s3; known here: type, path"),
    ("beginning of a key", SCAN, "notify:", "snyk: {token: x}\nnotify:", 3, "snyk.token", "unknown key, did you mean token_parameter?"),
    ("missing key", SCAN, "region: eu-central-1\n", "", 1, "region", "missing key; needed: AWS region"),
    ("missing key below", SCAN, "    repository: libs\n", "", 5, "pipelines.libs.repository", "missing key; needed: name or ARN of a CodeCommit"),
    ("missing mapping", DELIVERY, "    staging: {cluster: a, namespace: pay, manifests: k8s}\n", "", 5, "pipelines.pay.staging", "missing key; needed: where each commit is deployed first, with cluster, namespace, manifests"),
    ("mapping that may be left out", DELIVERY, "cluster: a,", "cluster: a, vpc: vpc-01234567,", 11, "pipelines.pay.staging.vpc", "a single value stands here; keys and values are needed: id, subnets, security_groups; each 'key: value' on its own line below"),
    ("mapping without a needed key", DELIVERY, "image: pay", "image: pay\n    build: fast", 9, "pipelines.pay.build", "keys and values are needed, each 'key: value' on its own line below"),
    ("nothing for a mapping", DELIVERY, "approval: {emails: [boss@example.com]}", "approval:", 13, "pipelines.pay.approval", "no value; write one (who approves, with emails)"),
    ("missing kind", SCAN, "    kind: scan\n", "", 5, "pipelines.libs.kind", "missing key; needed: scan, delivery or review"),
    ("kind without value", SCAN, "kind: scan", "kind:", 6, "pipelines.libs.kind", "no value; write one of scan, delivery, review"),
    ("kind is true", SCAN, "kind: scan", "kind: true", 6, "pipelines.libs.kind", "true is none of scan, delivery, review"),
    ("unknown kind", SCAN, "kind: scan", "kind: scna", 6, "pipelines.libs.kind", "unknown value 'scna', did you mean scan?"),
    ("duplicate key", SCAN, "notify:", "region: eu-west-1\nnotify:", 3, "region", "duplicate key, first on line 2; keep one"),
    ("duplicate pipeline", SCAN, "pipelines:\n", "pipelines:\n" + scan("libs"), 9, "pipelines.libs", "duplicate key, first on line 5"),
    ("account as number", SCAN, "notify:", "account: 123456789012\nnotify:", 3, "account", 'read as a number; write it in quotes: "123456789012"'),
    ("account with zeros", SCAN, "notify:", "account: 012345678901\nnotify:", 3, "account", 'write it in quotes: "012345678901"'),
    ("account in octal", SCAN, "notify:", "account: 0o14\nnotify:", 3, "account", "0o14 without quotes is read as a number"),
    ("account with underscores", SCAN, "notify:", "account: 1234_5678_9012\nnotify:", 3, "account", "is not an account id: 12 digits in quotes"),
    ("account too short", SCAN, "notify:", 'account: "12345"\nnotify:', 3, "account", "'12345' is not an account id: 12 digits"),
    ("account in other digits", SCAN, "notify:", 'account: "١٢٣٤٥٦٧٨٩٠١٢"\nnotify:', 3, "account", "is not an account id"),
    ("project too long", SCAN, "acme", "a" * 21, 1, "project", "has 21 characters, at most 20 are allowed"),
    ("project too short", SCAN, "acme", "a", 1, "project", "is one letter; two are needed"),
    ("project upper case", SCAN, "acme", "Acme", 1, "project", "'Acme' is not a project name: 2 to 20 lower-case"),
    ("project two hyphens", SCAN, "acme", "ac--me", 1, "project", "'ac--me' is not a project name"),
    ("project last hyphen", SCAN, "acme", "acme-", 1, "project", "'acme-' is not a project name"),
    ("project S3 reserves", SCAN, "acme", "sthree", 1, "project", "begins like sthree-, which S3 reserves"),
    ("project SSM reserves", SCAN, "acme", "aws-tools", 1, "project", "Parameter Store refuses names that begin with aws or ssm"),
    ("project is a number", SCAN, "acme", "42", 1, "project", '42 without quotes is read as a number; write it in quotes: "42"'),
    ("project is true", SCAN, "acme", "true", 1, "project", 'true without quotes is read as true or false; write it in quotes: "true"'),
    ("project is a list", SCAN, "acme", "[acme]", 1, "project", "a list stands here; one text is needed"),
    ("project is nothing", SCAN, "acme", "", 1, "project", "no value; write one (short name"),
    ("project is empty", SCAN, "acme", '""', 1, "project", "an empty text; it should be a project name"),
    ("pipeline name too long", SCAN, "libs:", "l" * 41 + ":", 5, "pipelines." + "l" * 41, "has 41 characters, at most 40"),
    ("pipeline name dot", SCAN, "  libs:", "  li.bs:", 5, "pipelines.li.bs", "'li.bs' is not a pipeline name"),
    ("pipeline name reserved", SCAN, "  libs:", "  findings:", 5, "pipelines.findings", "is the name of another stack"),
    ("pipeline name a number", SCAN, "  libs:", "  42:", 5, "pipelines.42", 'the key 42 is read as a number; write "42" in quotes'),
    ("names collide after trimming", SCAN, "pipelines:\n", "pipelines:\n" + scan("customer-portal-one") + scan("customer-portal-two"), 9, "pipelines.customer-portal-two", "collides with customer-portal-one (line 5): CodePipeline stores artifacts under the first 20 characters of acme-customer-portal-two, acme-customer-portal"),
    ("names collide with an action", SCAN, "pipelines:\n", "pipelines:\n" + scan("libs-snyk"), 5, "pipelines.libs-snyk", "collides with the names of libs's action snyk (line 9)"),
    ("name collides with the project's", SCAN, "  libs:", "  release-guard:", 5, "pipelines.release-guard", "collides with the project's own acme-release-guard"),
    ("region unlike one", SCAN, "eu-central-1", "frankfurt", 2, "region", "'frankfurt' is not of the form of AWS regions: eu-central-1"),
    ("region misspelt", SCAN, "eu-central-1", "eu-cnetral-1", 2, "region", "is not of the form of AWS regions"),
    ("region is a zone", SCAN, "eu-central-1", "eu-central-1a", 2, "region", "is an availability zone; write its region, eu-central-1"),
    ("tag key of AWS", SCAN, "notify:", "tags: {'AWS:x': y}\nnotify:", 3, "tags.AWS:x", "begins with aws:, which AWS reserves"),
    ("tag character", SCAN, "notify:", "tags: {team: a;b}\nnotify:", 3, "tags.team", "'a;b' contains ';'"),
    ("tag interpolation", SCAN, "notify:", "tags: {team: '${x}'}\nnotify:", 3, "tags.team", "contains '$'"),
    ("tag value too long", SCAN, "notify:", f"tags: {{team: {'x' * 257}}}\nnotify:", 3, "tags.team", "has 257 characters, at most 256"),
    ("tag key too long", SCAN, "notify:", f"tags: {{{'x' * 129}: y}}\nnotify:", 3, "tags." + "x" * 57 + "...", "has 129 characters, at most 128"),
    ("tag keys by case", SCAN, "notify:", "tags: {team: a, Team: b}\nnotify:", 3, "tags", "differ only in case, which is one key for IAM"),
    ("tag value a float", SCAN, "notify:", "tags: {v: 1.10}\nnotify:", 3, "tags.v", 'write it in quotes: "1.10"'),
    ("tag key of ours", SCAN, "notify:", "tags: {project: other}\nnotify:", 3, "tags.project", "is set on every resource, with the project's name; choose another key"),
    ("tag key of ours in another case", SCAN, "notify:", "tags: {Stack: a}\nnotify:", 3, "tags.Stack", "is stack to IAM, which ignores case; stack is set on every resource, with the stack's name; choose another key"),
    ("tag without value", SCAN, "notify:", "tags:\n  team:\nnotify:", 4, "tags.team", 'no value; write one, "" for an empty one, or delete the line'),
    ("49 tags", SCAN, "notify:", f"tags: {{{', '.join(f't{n}: x' for n in range(49))}}}\nnotify:", 3, "tags", "49 tags; at most 48"),
    ("no e-mail", SCAN, "ops@example.com", "ops", 3, "notify[0]", "'ops' is not an e-mail address such as team@example.com"),
    ("e-mail without domain", SCAN, "ops@example.com", "ops@localhost", 3, "notify[0]", "is not an e-mail address"),
    ("e-mail with spaces", SCAN, "ops@example.com", "Ops <ops@example.com>", 3, "notify[0]", "is not an e-mail address"),
    ("e-mail two dots", SCAN, "ops@example.com", "a..b@example.com", 3, "notify[0]", "is not an e-mail address"),
    ("e-mail twice", SCAN, "ops@example.com", "ops@example.com, ops@example.com", 3, "notify", "'ops@example.com' stands here twice"),
    ("empty list", SCAN, "[ops@example.com]", "[]", 3, "notify", "empty; at least one is needed: e-mail addresses"),
    ("no list", SCAN, "[ops@example.com]", "ops@example.com", 3, "notify", "a list is needed, such as [ops@example.com]"),
    ("no branches", SCAN, "[main]", "[]", 8, "pipelines.libs.branches", "empty; at least one is needed"),
    ("branch star inside", SCAN, "[main]", '["fea*ture"]', 8, "pipelines.libs.branches[0]", "a * can only be last"),
    ("branch git refuses", SCAN, "[main]", "[a..b]", 8, "pipelines.libs.branches[0]", "is not a branch name that git accepts"),
    ("branch is a commit", SCAN, "[main]", f"[{'a' * 40}]", 8, "pipelines.libs.branches[0]", "looks like a commit id"),
    ("branch with git's prefix", SCAN, "[main]", "[dev, refs/heads/main]", 8, "pipelines.libs.branches[1]", "'refs/heads/main' has git's prefix, which no branch here is called with; write main"),
    ("beginning with git's prefix", SCAN, "[main]", "[refs/heads/release-*]", 8, "pipelines.libs.branches[0]", "write release-*"),
    ("all branches with git's prefix", SCAN, "[main]", "[refs/heads/*]", 8, "pipelines.libs.branches[0]", "write *"),
    ("folder of all branches", SCAN, "[main]", "[refs/heads/]", 8, "pipelines.libs.branches[0]", "write *"),
    ("tags", SCAN, "[main]", "[refs/tags/v1]", 8, "pipelines.libs.branches[0]", "'refs/tags/v1' is no branch; write a branch's name, such as main"),
    ("delivered branch with git's prefix", DELIVERY, "image: pay", "image: pay\n    branch: refs/heads/main", 9, "pipelines.pay.branch", "write main"),
    ("source's branch with git's prefix", SCAN, "[main]", "[main]\n    default_branch: refs/heads/dev", 9, "pipelines.libs.default_branch", "write dev"),
    ("branch interpolates", SCAN, "[main]", "['${x}']", 8, "pipelines.libs.branches[0]", "is not a branch (main)"),
    ("no pipelines", SCAN, SCAN[SCAN.index("pipelines") :], "pipelines: {}\n", 4, "pipelines", "empty; at least one is needed"),
    ("pipelines a list", SCAN, SCAN[SCAN.index("pipelines") :], "pipelines: [a]\n", 4, "pipelines", "a list stands here; keys and values are needed"),
    ("pipeline without keys", SCAN, SCAN[SCAN.index("  libs") :], "  libs:\n", 5, "pipelines.libs", "no value; write its keys below, first kind: scan, delivery or review"),
    ("rule without keys", SCAN, "notify:", "gate: {scanners: {grype: }}\nnotify:", 3, "gate.scanners.grype", "no value; write its keys below, known here: fail_on, report_only, only_fixable, ungraded"),
    ("repository name", SCAN, "repository: libs", "repository: li/bs", 7, "pipelines.libs.repository", "'li/bs' is not a CodeCommit repository: its name"),
    ("repository .git", SCAN, "repository: libs", "repository: libs.git", 7, "pipelines.libs.repository", "ends in .git, which CodeCommit refuses"),
    ("repository too long", SCAN, "repository: libs", f"repository: {'r' * 101}", 7, "pipelines.libs.repository", "is not a CodeCommit repository"),
    ("ARN of another service", SCAN, "repository: libs", "repository: arn:aws:s3:::libs", 7, "pipelines.libs.repository", "or its ARN (arn:aws:codecommit:<region>:<12-digit account>:<name>)"),
    ("ARN short account", SCAN, "repository: libs", f"{ARN}:eu-central-1:1:libs", 7, "pipelines.libs.repository", "is not a CodeCommit repository"),
    ("ARN in another region", SCAN, "repository: libs", f"{ARN}:eu-west-1:123456789012:libs", 7, "pipelines.libs.repository", "this repository is in eu-west-1, what uses it in eu-central-1"),
    ("ARN in another partition", SCAN, "repository: libs", "repository: arn:aws-cn:codecommit:eu-central-1:123456789012:libs", 7, "pipelines.libs.repository", "begin with arn:aws:"),
    ("ARN in another account", SCAN.replace("notify:", 'account: "111111111111"\nnotify:'), "repository: libs", f"{ARN}:eu-central-1:123456789012:libs", 8, "pipelines.libs.repository", "in the account 123456789012, account: says 111111111111"),
    ("ARN to create", SCAN, "repository: libs", "repository: {name: 'arn:aws:codecommit:eu-central-1:123456789012:libs', create: true}", 7, "pipelines.libs.repository", "give its name, not an ARN"),
    ("create differs", SCAN, "pipelines:\n", "pipelines:\n" + scan("a").replace("repository: libs", "repository: {name: libs, create: true}"), 11, "pipelines.libs.repository", "pipelines.a.repository (line 7) names libs with create: true, and this without; write it the same way in both"),
    ("create differs the other way", SCAN, SCAN[SCAN.index("    repository") :], "    repository: libs\n    branches: [main]\n" + scan("z").replace("repository: libs", "repository: {name: libs, create: true}"), 11, "pipelines.z.repository", "pipelines.libs.repository (line 7) names libs without create: true, and this with it; write it the same way in both"),
    ("key ARN", SCAN, "notify:", "snyk: {kms_key: alias/mine}\nnotify:", 3, "snyk.kms_key", "'alias/mine' is not the ARN of a KMS key"),
    ("key in another region", SCAN, "notify:", f"snyk: {{kms_key: 'arn:aws:kms:us-east-1:123456789012:key/{UUID}'}}\nnotify:", 3, "snyk.kms_key", "this key is in us-east-1"),
    ("parameter name", SCAN, "notify:", "snyk: {token_parameter: my token}\nnotify:", 3, "snyk.token_parameter", "'my token' is not a parameter name"),
    ("parameter prefix", SCAN, "notify:", "snyk: {token_parameter: /AWS/x}\nnotify:", 3, "snyk.token_parameter", "begins with aws or ssm"),
    ("parameter depth", SCAN, "notify:", f"snyk: {{token_parameter: {'/x' * 16}}}\nnotify:", 3, "snyk.token_parameter", "has more than 15 levels"),
    ("unknown severity", SCAN, "notify:", "gate: {fail_on: hihg}\nnotify:", 3, "gate.fail_on", "unknown value 'hihg', did you mean high?"),
    ("severity a number", SCAN, "notify:", "gate: {fail_on: 7}\nnotify:", 3, "gate.fail_on", "7 is none of critical, high, medium, low, informational"),
    ("severity nothing", SCAN, "notify:", "gate: {fail_on: }\nnotify:", 3, "gate.fail_on", "no value; write one of critical, high, medium, low, informational or delete the line"),
    ("unknown scanner", DELIVERY, "[grype]", "[gripe]", 9, "pipelines.pay.scanners[0]", "unknown value 'gripe', did you mean grype?"),
    ("unknown scanner in gate", SCAN, "notify:", "gate: {scanners: {zop: {fail_on: low}}}\nnotify:", 3, "gate.scanners.zop", "unknown value 'zop', did you mean zap?"),
    ("scanner twice", DELIVERY, "[grype]", "[grype, grype]", 9, "pipelines.pay.scanners", "'grype' stands here twice"),
    ("no image scanner", DELIVERY, "[grype]", "[snyk, snyk-code]", 9, "pipelines.pay.scanners", "none of these reads the image; add grype or snyk-container"),
    ("no scanner", DELIVERY, "[grype]", "[]", 9, "pipelines.pay.scanners", "empty; at least one is needed"),
    ("yes", SCAN, "notify:", "gate: {report_only: yes}\nnotify:", 3, "gate.report_only", "yes is not a truth value; write true or false, without quotes"),
    ("on", DELIVERY, "image: pay", "image: pay\n    secrets: {history: on}", 9, "pipelines.pay.secrets.history", "on is not a truth value"),
    ("truth in quotes", SCAN, "notify:", "gate: {report_only: 'true'}\nnotify:", 3, "gate.report_only", "write true or false, without quotes"),
    ("truth by number", SCAN, "notify:", "gate: {report_only: 1}\nnotify:", 3, "gate.report_only", "1 is not a truth value"),
    ("waiver without owner", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: y, expires: 2027-01-01}\nnotify:", 4, "waivers[0].owner", "missing key; needed: e-mail address of who answers"),
    ("waiver without reason", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, owner: a@example.com, expires: 2027-01-01}\nnotify:", 4, "waivers[0].reason", "missing key; needed: why it may pass"),
    ("waiver blank reason", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: ' ', owner: a@example.com, expires: 2027-01-01}\nnotify:", 4, "waivers[0].reason", "an empty text; say why it may pass"),
    ("waiver without date", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: y, owner: a@example.com}\nnotify:", 4, "waivers[0].expires", "missing key; needed: last day"),
    ("waiver forever", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: y, owner: a@example.com, expires: never}\nnotify:", 4, "waivers[0].expires", "'never' is not a date; write year-month-day"),
    ("waiver no such day", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: y, owner: a@example.com, expires: 2027-02-30}\nnotify:", 4, "waivers[0].expires", "is no day of the calendar"),
    ("waiver date a number", SCAN, "notify:", "waivers:\n  - {scanner: snyk, rule: X, reason: y, owner: a@example.com, expires: 20270101}\nnotify:", 4, "waivers[0].expires", "'20270101' is not a date"),
    ("waiver of nobody's scanner", SCAN, "notify:", "waivers:\n  - {scanner: trivy, rule: X, reason: y, owner: a@example.com, expires: 2027-01-01}\nnotify:", 4, "waivers[0].scanner", "unknown value 'trivy', known here: git-secrets, snyk"),
    ("manage not yet", SCAN, "notify:", "singletons: {inspector: manage}\nnotify:", 3, "singletons.inspector", "'manage' is not available yet; write existing"),
    ("lockfile unknown", SCAN, "notify:", "backend: {type: s3, bucket: state, lockfile: true}\nnotify:", 3, "backend.lockfile", 'write terraform: ">= 1.11.0"'),
    ("backend unknown", SCAN, "notify:", "backend: {type: gcs}\nnotify:", 3, "backend.type", "unknown value 'gcs', known here: local, s3, http"),
    ("backend without type", SCAN, "notify:", "backend: {bucket: x}\nnotify:", 3, "backend.type", "missing key; needed: local, s3 or http"),
    ("backend key", SCAN, "notify:", "backend: {type: s3, buckt: state}\nnotify:", 3, "backend.buckt", "unknown key, did you mean bucket?"),
    ("backend bucket", SCAN, "notify:", "backend: {type: s3, bucket: My_State}\nnotify:", 3, "backend.bucket", "'My_State' is not a bucket name"),
    ("backend path", SCAN, "notify:", "backend: {type: local, path: /var/state}\nnotify:", 3, "backend.path", "is not a relative path"),
    ("http backend", SCAN, "notify:", "backend: {type: http, address: http://x.example.com}\nnotify:", 3, "backend.address", "is not an https URL"),
    ("version", SCAN, "notify:", 'terraform: "^1.11"\nnotify:', 3, "terraform", "'^1.11' is not a version constraint such as >= 1.11.0"),
    ("version a number", SCAN, "notify:", "terraform: 1.11\nnotify:", 3, "terraform", 'write it in quotes: "1.11"'),
    ("provider version", SCAN, "notify:", 'aws_provider: "= 6.0.0, > 5"\nnotify:', 3, "aws_provider", "an exact version cannot be combined"),
    ("minutes in quotes", DELIVERY, "image: pay", "image: pay\n    build: {timeout: '30'}", 9, "pipelines.pay.build.timeout", "'30' is a text; write the number without quotes: 30"),
    ("minutes in hex", DELIVERY, "image: pay", "image: pay\n    build: {timeout: 0x1E}", 9, "pipelines.pay.build.timeout", "0x1E is not a plain whole number"),
    ("minutes with zero", DELIVERY, "image: pay", "image: pay\n    build: {timeout: 030}", 9, "pipelines.pay.build.timeout", "030 is not a plain whole number"),
    ("minutes underscored", DELIVERY, "image: pay", "image: pay\n    build: {timeout: 1_000}", 9, "pipelines.pay.build.timeout", "1_000 is not a plain whole number"),
    ("minutes true", DELIVERY, "image: pay", "image: pay\n    build: {timeout: true}", 9, "pipelines.pay.build.timeout", "true is not a plain whole number"),
    ("minutes too few", DELIVERY, "image: pay", "image: pay\n    build: {timeout: 4}", 9, "pipelines.pay.build.timeout", "4 is out of range, at least 5 is allowed"),
    ("minutes too many", DELIVERY, "image: pay", "image: pay\n    build: {timeout: 2161}", 9, "pipelines.pay.build.timeout", "2161 is out of range, at most 2160 is allowed"),
    ("minutes enormous", DELIVERY, "image: pay", f"image: pay\n    build: {{timeout: {'9' * 5000}}}", 9, "pipelines.pay.build.timeout", "is not a plain whole number"),
    ("path leaves", DELIVERY, "image: pay", "image: pay\n    build: {script: ../x.sh}", 9, "pipelines.pay.build.script", "leaves the folder with '..'"),
    ("path absolute", DELIVERY, "image: pay", "image: pay\n    build: {script: /x.sh}", 9, "pipelines.pay.build.script", "is not a relative path"),
    ("path for a shell", DELIVERY, "image: pay", "image: pay\n    build: {script: 'x;id'}", 9, "pipelines.pay.build.script", "is not a relative path"),
    ("path is an option", DELIVERY, "image: pay", "image: pay\n    build: {script: -rf}", 9, "pipelines.pay.build.script", "begins with '-'; write ./ before it"),
    ("image with tag", DELIVERY, "image: pay", "image: 'pay:latest'", 8, "pipelines.pay.image", "without tag and digest"),
    ("other image with a tag", DELIVERY, "image: pay", "image: pay\n    other_images: ['busybox:1.36']", 9, "pipelines.pay.other_images[0]", "'busybox:1.36' is not an image with its digest: a tag can move; write name@sha256:..."),
    ("other image with tag and digest", DELIVERY, "image: pay", f"image: pay\n    other_images: ['busybox:1.36@sha256:{'a' * 64}']", 9, "pipelines.pay.other_images[0]", "with 64 hexadecimal digits and no tag"),
    ("other image with half a digest", DELIVERY, "image: pay", f"image: pay\n    other_images: ['busybox@sha256:{'a' * 63}']", 9, "pipelines.pay.other_images[0]", "is not an image with its digest"),
    ("other image twice", DELIVERY, "image: pay", f"image: pay\n    other_images: ['b@sha256:{'a' * 64}', 'b@sha256:{'a' * 64}']", 9, "pipelines.pay.other_images", "stands here twice; keep one"),
    ("registry", DELIVERY, "image: pay", "image: pay\n    registry: Acme/Pay", 9, "pipelines.pay.registry", "is not an ECR repository name"),
    ("zap without https", DELIVERY, "https://staging", "http://staging", 10, "pipelines.pay.zap.target", "is not an https URL"),
    ("zap with password", DELIVERY, "https://staging", "https://u:p@staging", 10, "pipelines.pay.zap.target", "without user, password"),
    ("zap api without format", DELIVERY, "zap: {", "zap: {scan: api, ", 10, "pipelines.pay.zap", "scan: api and api_format (openapi, soap or graphql) go together"),
    ("zap format without api", DELIVERY, "zap: {", "zap: {api_format: soap, ", 10, "pipelines.pay.zap", "go together"),
    ("cluster", DELIVERY, "cluster: a", "cluster: _a", 11, "pipelines.pay.staging.cluster", "is not an EKS cluster's name"),
    ("namespace", DELIVERY, "namespace: pay, manifests: k8s}\n    prod", "namespace: Pay, manifests: k8s}\n    prod", 11, "pipelines.pay.staging.namespace", "is not a namespace"),
    ("production is staging", DELIVERY, "cluster: b", "cluster: a", 12, "pipelines.pay.production", "this is staging's namespace pay of the cluster a"),
    ("vpc id", DELIVERY, "cluster: a", "vpc: {id: x, subnets: [subnet-01234567], security_groups: [sg-01234567]}, cluster: a", 11, "pipelines.pay.staging.vpc.id", "is not a VPC's id"),
    ("no subnets", DELIVERY, "cluster: a", "vpc: {id: vpc-01234567, subnets: [], security_groups: [sg-01234567]}, cluster: a", 11, "pipelines.pay.staging.vpc.subnets", "empty; at least one"),
    ("many groups", DELIVERY, "cluster: a", f"vpc: {{id: vpc-01234567, subnets: [subnet-01234567], security_groups: [{', '.join(f'sg-0123456{n}' for n in range(6))}]}}, cluster: a", 11, "pipelines.pay.staging.vpc.security_groups", "6 entries, at most 5 are allowed"),
    ("buildspec absent", SCAN, "    branches", "    buildspec: none.yml\n    branches", 8, "pipelines.libs.buildspec", "'none.yml': no such file; its path begins at the folder of this settings file: write the file there, or delete the line"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "line", "key", "words"), [c[1:] for c in BAD], ids=[c[0] for c in BAD])
def test_refused(text: str, old: str, new: str, line: int, key: str, words: str, tmp_path: Path) -> None:
    assert old in text
    messages = refused(text.replace(old, new, 1), tmp_path)
    found = [m for m in messages if m.startswith(f"p.yaml:{line}: {key}: ") and words in m]
    assert found, messages
    assert all("\n" not in m and len(m) < 600 for m in messages)


def test_one_mistake_gives_one_message(tmp_path: Path) -> None:
    twice = {"zap without https"}
    for name, text, old, new, *_ in BAD:
        messages = refused(text.replace(old, new, 1), tmp_path)
        assert len(messages) == 1 or name in twice, (name, messages)


def test_all_mistakes_are_told_in_the_file_s_order(tmp_path: Path) -> None:
    """Which is not the order of the models: here the region stands before the project, the kind after the branches."""
    text = """\
region: mars
notify: [ops]
project: Acme
pipelines:
  libs:
    branches: []
    repository: li/bs
    kind: scan
"""
    assert [m.split(": ")[:2] for m in refused(text, tmp_path)] == [
        ["p.yaml:1", "region"],
        ["p.yaml:2", "notify[0]"],
        ["p.yaml:3", "project"],
        ["p.yaml:6", "pipelines.libs.branches"],
        ["p.yaml:7", "pipelines.libs.repository"],
    ]


def test_mistakes_beyond_reading_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for the nearest right name is the slow part: it must not be done for what nobody will see."""
    asked: list[str] = []
    monkeypatch.setattr(setting_errors, "get_close_matches", lambda word, *_: asked.append(word))
    messages = refused(SCAN + "".join(f"k{n}: 1\n" for n in range(20_000)), tmp_path)
    assert len(messages) == 51
    assert messages[-1] == "p.yaml: more mistakes than are shown here; mend these first"
    assert 50 <= len(asked) <= 500


def test_a_project_s_name_that_cannot_be_is_told_alone(tmp_path: Path) -> None:
    """Names made from it would be too long or alike for that reason only."""
    text = SCAN.replace("acme", "abcdefghij-abcdefghij-abc").replace("pipelines:\n", f"pipelines:\n{scan('pay')}")
    (message,) = refused(text.replace("eu-central-1", "us-isob-southeast-1"), tmp_path)
    assert "has 25 characters, at most 20 are allowed" in message


def test_a_key_that_is_both_misspelt_and_missing_is_told_once(tmp_path: Path) -> None:
    text = SCAN.replace("notify:", "notfy:").replace("    repository: libs\n", "    repostory: libs\n")
    assert refused(text.replace("region: eu-central-1\n", ""), tmp_path) == [
        "p.yaml:1: region: missing key; needed: AWS region, such as eu-central-1",
        "p.yaml:2: notfy: unknown key, did you mean notify?",
        "p.yaml:6: pipelines.libs.repostory: unknown key, did you mean repository?",
    ]


def test_buckets_that_would_be_too_long(tmp_path: Path) -> None:
    text = SCAN.replace("acme", "abcdefghij-abcdefghi").replace("eu-central-1", "ap-northwestwest-12")
    assert any("is not of the form" in message for message in refused(text, tmp_path))
    text = SCAN.replace("acme", "abcdefghij-abcdefghi").replace("eu-central-1", "us-isob-southeast-1")
    (message,) = refused(text, tmp_path)
    assert message.startswith("p.yaml:1: project: the bucket abcdefghij-abcdefghi-access-logs-000000000000-us-isob")
    assert message.endswith("has 65 characters, at most 63 are allowed; shorten the project's name by 2")


def test_registry_used_twice(tmp_path: Path) -> None:
    second = DELIVERY[DELIVERY.index("  pay:") :].replace("  pay:", "  shop:", 1)
    (message,) = refused(
        DELIVERY + second.replace("    image: pay", "    image: pay\n    registry: acme/pay"), tmp_path
    )
    assert (
        message
        == "p.yaml:18: pipelines.shop.registry: acme/pay is already that of pay (line 5); each pipeline needs its own"
    )


# --- the user's own buildspec -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"phases: {}\n", "this is no buildspec of version 0.2"),
        (b"version: 0.1\n", "this is no buildspec of version 0.2"),
        (b"- version: 0.2\n", "this is no buildspec of version 0.2"),
        (b"", "this is no buildspec of version 0.2"),
        (b"version: 0.2\nphases: [\n", "line 3: not YAML"),
        (b"version: 0.2 # \xff\n", "line 1: not UTF-8"),
        (b"version: 0.2\n#" + b"x" * 20_000, "at most 20,000 fit"),
        (b"x" * 80_001, "at most 80,000 are read"),
    ],
)
def test_own_buildspec_that_cannot_be_used(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_bytes(content)
    (message,) = refused(SCAN.replace("    branches", "    buildspec: own.yml\n    branches"), tmp_path)
    assert message.startswith("p.yaml:8: pipelines.libs.buildspec: 'own.yml': ")
    assert words in message


@pytest.mark.parametrize("version", ["0.2", '"0.2"'])
def test_own_buildspec_may_use_all_of_yaml(version: str, tmp_path: Path) -> None:
    content = f"version: {version}\nenv: &e {{shell: bash}}\nagain: *e\n"
    (tmp_path / "own.yml").write_text(content)
    settings = read(SCAN.replace("    branches", "    buildspec: own.yml\n    branches"), tmp_path)
    assert settings.buildspecs == {"libs": content}


# --- warnings ---------------------------------------------------------------------------------------------------------

WAIVER = "waivers:\n  - {scanner: snyk, rule: CVE-1, reason: y, owner: a@example.com, expires: 2026-11-22}\n"


def test_expired_waiver_is_a_warning(tmp_path: Path) -> None:
    assert read(SCAN + WAIVER, tmp_path, date(2026, 11, 22)).warnings == []  # its last day still counts
    (warning,) = read(SCAN + WAIVER, tmp_path, date(2026, 11, 23)).warnings
    assert f"{tmp_path}/p.yaml:10: waivers[0].expires: the waiver of CVE-1 ended on 2026-11-22" in warning


@pytest.mark.parametrize(
    ("backend", "terraform", "lock"),
    [
        ("{type: s3, bucket: state}", "", False),
        ("{type: s3, bucket: state}", ">= 1.9", False),
        ("{type: s3, bucket: state}", "~> 1.11", True),
        ("{type: s3, bucket: state, lockfile: false}", ">= 1.11.0", False),
        ("{type: s3, bucket: state, lockfile: true}", ">= 1.10", True),
        ("{type: http, address: https://state.example.com}", "", True),
        ("{type: http, address: https://state.example.com, lock: false}", "", False),
        ("{type: local}", "", None),
    ],
)
def test_state_without_lock_is_a_warning(backend: str, terraform: str, lock: bool | None, tmp_path: Path) -> None:
    version = f'terraform: "{terraform}"\n' if terraform else ""
    settings = read(f"{SCAN}{version}backend: {backend}\n", tmp_path)
    assert [("state has no lock" in w) for w in settings.warnings] == ([True] if lock is False else [])
    if isinstance(settings.backend, S3Backend):
        assert settings.backend.lockfile is lock
    if isinstance(settings.backend, HttpBackend):
        assert settings.backend.lock is lock


# --- Terraform's version constraints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "excludes"),
    [
        (">= 1.11.0", True), (">= 1.10", True), (">= 1.9.9", False), ("> 1.9", False), ("> 1.10", True),
        ("~> 1.10", True), ("~> 1.9", False), ("~> 1", False), ("~> 2", True), ("~> 1.11.2", True),
        ("= 1.12.1", True), ("1.12.1", True), ("1.9.0", False), ("< 2.0.0", False), ("!= 1.9.0", False), ("!= 1.11.0", False),
        (">= 1.5, >= 1.11", True), ("<2,>=1.11", True), (">= 1.10.0-beta1", False), (">= 1.10.1-rc1", True),
    ],
)  # fmt: skip
def test_whether_a_constraint_excludes_terraform_before_1_10(constraint: str, excludes: bool) -> None:
    assert excludes_below(constraint, (1, 10, 0)) is excludes


@given(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 20)), st.sampled_from(["=", ">=", ">", "~>"]))
def test_excluding_means_that_no_older_version_fits(version: tuple[int, int, int], operator: str) -> None:
    """Against each operator's definition, on every version near the border."""

    def fits(other: tuple[int, int, int]) -> bool:
        allowed = {"=": other == version, ">=": other >= version, ">": other > version}
        return allowed.get(operator, version <= other < (version[0], version[1] + 1, 0))

    older = [(1, 9, patch) for patch in range(60)] + [(1, minor, 5) for minor in range(9)] + [(0, 5, 5)]
    text = f"{operator} {'.'.join(map(str, version))}"
    if excludes_below(text, (1, 10, 0)):
        assert not any(fits(other) for other in older)
    elif operator in (">=", ">"):
        assert any(fits(other) for other in older)


# --- the schema -------------------------------------------------------------------------------------------------------


def test_schema_in_the_repository_is_current() -> None:
    assert (ROOT / "pipelines.schema.json").read_text() == schema(), (
        "run: python -m stacks.settings > pipelines.schema.json"
    )


def test_module_prints_the_schema() -> None:
    done = subprocess.run([sys.executable, "-m", "stacks.settings"], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode() == schema()
    assert done.stderr == b""


@pytest.mark.parametrize("file", [ROOT / "pipelines.yaml", *sorted(DATA.glob("*.yaml"))], ids=lambda p: p.stem)
def test_what_is_accepted_also_fits_the_schema(file: Path) -> None:
    checker = jsonschema.Draft202012Validator(json.loads(schema()))
    checker.check_schema(json.loads(schema()))
    assert [error.message for error in checker.iter_errors(parse(file.read_text()).data)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("project: acme", "project: Acme"),
        ("region: eu-central-1", "region: mars"),
        ("kind: scan", "kind: scna"),
        ("branches: [main]", "branches: []"),
        ("notify:", "zzz: x\nnotify:"),
        ("notify:", "gate: {fail_on: hihg}\nnotify:"),
        ("repository: libs", "repository: {name: libs, creat: true}"),
        ("    repository: libs\n", ""),
    ],
)
def test_schema_refuses_what_editors_should_mark(old: str, new: str) -> None:
    checker = jsonschema.Draft202012Validator(json.loads(schema()))
    assert not list(checker.iter_errors(parse(SCAN).data))
    assert list(checker.iter_errors(parse(SCAN.replace(old, new)).data))


# --- speed ------------------------------------------------------------------------------------------------------------


def test_the_door_does_not_import_the_bindings() -> None:
    """Bad settings are told in a fraction of a second; the bindings alone take longer."""
    code = (
        "import sys; import stacks.settings; print(sorted(m for m in sys.modules if m.startswith(('cdktf', 'jsii'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
