"""policy.json: read whole and strictly, since a rule that is misread is a gate that is open."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from common.policy import (
    AWS_NAME,
    HOST,
    REGISTRY,
    REPOSITORY,
    SEVERITIES,
    GateRule,
    PipelinePolicy,
    Policy,
    Scan,
    Waiver,
)
from common.strict import MalformedError
from lambda_fakes import policy_bytes, policy_document

Document = dict[str, Any]


def parse(document: Document) -> Policy:
    return Policy.parse(json.dumps(document).encode())


def test_the_whole_format_is_read() -> None:
    policy = Policy.parse(policy_bytes())
    payments = policy.pipelines["payments"]
    assert (payments.name, payments.kind, payments.repository, payments.branch) == (
        "acme-payments",
        "delivery",
        "payments",
        "main",
    )
    assert payments.gate["grype"] == GateRule("high", report_only=False, only_fixable=False, ungraded="block")
    assert payments.required["Publish"] == (Scan("git-secrets", "source"), Scan("grype", "image"))
    assert (payments.registry, payments.separation_of_duties) == ("acme/payments", True)
    assert policy.security_hub is True
    assert policy.hold_production == ()
    held = parse(policy_document() | {"hold_production": ["acme-s3-bucket-ssl-requests-only", "securityhub-x_1.a"]})
    assert held.hold_production == ("acme-s3-bucket-ssl-requests-only", "securityhub-x_1.a")
    assert policy.pipelines["payments-scan"].branch is None
    assert policy.pipelines["payments-scan"].registry is None
    assert policy.pipelines["payments-scan"].gate["snyk"].report_only is True
    assert policy.waivers == (
        Waiver(
            "grype",
            "CVE-2019-17498",
            None,
            "ann@example.com",
            "the affected code path is not built",
            date(2030, 1, 31),
        ),
    )
    assert policy.sha256 == hashlib.sha256(policy_bytes()).hexdigest()


def test_a_waiver_may_be_for_a_scanner_that_is_read_at_a_desk_only() -> None:
    document = policy_document()
    document["waivers"][0]["scanner"] = "semgrep"
    assert parse(document).waivers[0].scanner == "semgrep"


def test_the_hash_is_of_the_bytes() -> None:
    assert Policy.parse(policy_bytes() + b"\n").sha256 != Policy.parse(policy_bytes()).sha256


def payments(change: Callable[[Document], None]) -> Document:
    document = policy_document()
    change(document["pipelines"]["payments"])
    return document


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (policy_document() | {"schema": 2}, "schema"),
        (policy_document() | {"extra": 1}, "extra"),
        (policy_document() | {"pipelines": []}, "pipelines"),
        (policy_document() | {"pipelines": {"Bad Name": {}}}, "pipelines"),
        (policy_document() | {"waivers": {}}, "waivers"),
        (policy_document() | {"waivers": [{}]}, r"waivers\[0\]"),
        (payments(lambda one: one.pop("branch")), "branch"),
        (payments(lambda one: one.update(branch=None)), "payments.branch"),
        (payments(lambda one: one.update(kind="other")), "kind"),
        (payments(lambda one: one.update(kind="scan", required={})), "null for a scan pipeline"),
        (payments(lambda one: one.update(kind="scan", required={}, branch=None)), "null for a scan pipeline"),
        (payments(lambda one: one.update(kind="scan", required={}, branch=None, registry=None)), "null for a scan"),
        (payments(lambda one: one.update(host=None)), "payments.host"),
        (payments(lambda one: one.update(host="https://x/")), "payments.host"),
        (payments(lambda one: one.update(registry=None)), "payments.registry"),
        (payments(lambda one: one.update(registry="UPPER")), "payments.registry"),
        (payments(lambda one: one.pop("separation_of_duties")), "separation_of_duties"),
        (payments(lambda one: one.update(separation_of_duties="false")), "separation_of_duties"),
        (policy_document() | {"security_hub": None}, "security_hub"),
        (payments(lambda one: one.update(name="acme payments")), "name"),
        (payments(lambda one: one["gate"]["grype"].update(fail_on="High")), "gate.grype.fail_on"),
        (payments(lambda one: one["gate"]["grype"].update(report_only="false")), "gate.grype.report_only"),
        (payments(lambda one: one["gate"]["grype"].update(ungraded="ignore")), "gate.grype.ungraded"),
        (payments(lambda one: one["gate"].update(nessus={})), "nessus"),
        (payments(lambda one: one["gate"].pop("grype")), "grype image has no rule"),
        (payments(lambda one: one["required"].pop("Publish")), "Publish is missing"),
        (payments(lambda one: one["required"].update(Publish=[])), "requires nothing"),
        (payments(lambda one: one["required"].update(Publish=["grype"])), r"required.Publish\[0\]"),
        (payments(lambda one: one["required"]["Publish"][1].update(scope="staging")), r"Publish\[1\].scope"),
    ],
)
def test_what_is_not_the_format_is_refused_with_its_place(document: Document, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        parse(document)


@pytest.mark.parametrize("expires", ["2030-02-30", "30-01-2030", "2030-1-1", "", None, 20300101, "2030-01-31T00:00"])
def test_a_waiver_ends_on_a_day_that_exists(expires: object) -> None:
    document = policy_document()
    document["waivers"][0]["expires"] = expires
    with pytest.raises(MalformedError, match=r"waivers\[0\].expires"):
        parse(document)


def test_two_rules_under_one_key_are_refused() -> None:
    twice = policy_bytes().replace(b'"fail_on": "high"', b'"fail_on": "high", "fail_on": "low"', 1)
    with pytest.raises(MalformedError, match="twice"):
        Policy.parse(twice)


# --- what is said to whoever has it wrong, and the edges of what is right ----------------------------------------------

SCANNERS = "ecr, git-secrets, grype, snyk, snyk-code, snyk-container, zap"
ALL_SCANNERS = "ecr, git-secrets, gitleaks, grype, inspector, sarif, semgrep, snyk, snyk-code, snyk-container, zap"


def waived(**change: object) -> Document:
    document = policy_document()
    document["waivers"][0].update(change)
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (policy_document() | {"schema": 0}, "policy.json: schema: a whole number from 1 to 1 is right, not 0"),
        (
            policy_document() | {"extra": 1},
            "policy.json: unknown key 'extra'; right are schema, pipelines, waivers, security_hub, hold_production",
        ),
        (policy_document() | {"pipelines": []}, "pipelines: an object is right, not a list"),
        (policy_document() | {"pipelines": {"Bad": {}}}, "pipelines: a name is right, not 'Bad'"),
        (policy_document() | {"waivers": {}}, "waivers: a list is right, not an object"),
        (policy_document() | {"waivers": [1]}, "waivers[0]: an object is right, not 1"),
        (policy_document() | {"security_hub": 1}, "policy.json: security_hub: true or false is right, not 1"),
        (policy_document() | {"hold_production": "a"}, "policy.json: hold_production: a list is right, not 'a'"),
        (
            policy_document() | {"hold_production": ["a", "a b"]},
            "policy.json: hold_production[1]: the name of a Config rule is right, not 'a b'",
        ),
        (
            policy_document() | {"hold_production": [f"rule-{n}" for n in range(11)]},
            "policy.json: hold_production: at most 10 rules are right, not 11",
        ),
        (
            payments(lambda one: one.update(kind="other")),
            "pipelines.payments.kind: one of delivery, scan is right, not 'other'",
        ),
        (
            payments(lambda one: one.update(note=1)),
            "pipelines.payments: unknown key 'note'; right are name, kind, repository, branch, registry, "
            "host, separation_of_duties, gate, required",
        ),
        (
            payments(lambda one: one.update(name="a b")),
            "pipelines.payments.name: the pipeline's name in AWS is right, not 'a b'",
        ),
        (
            payments(lambda one: one.update(repository="a b")),
            "pipelines.payments.repository: a repository's name is right, not 'a b'",
        ),
        (payments(lambda one: one.update(branch="")), "pipelines.payments.branch: the branch's name is right, not ''"),
        (
            payments(lambda one: one.update(registry="UPPER")),
            "pipelines.payments.registry: an ECR repository's name is right, not 'UPPER'",
        ),
        (
            payments(lambda one: one.update(host="UPPER")),
            "pipelines.payments.host: a host's name in lower case is right, not 'UPPER'",
        ),
        (
            payments(lambda one: one.update(kind="scan", required={}, branch=None, registry=None)),
            "pipelines.payments: branch, registry and host are null for a scan pipeline, whose executions carry their branch",
        ),
        (
            payments(lambda one: one.update(separation_of_duties=1)),
            "pipelines.payments.separation_of_duties: true or false is right, not 1",
        ),
        (payments(lambda one: one.update(gate=[])), "pipelines.payments.gate: an object is right, not a list"),
        (
            payments(lambda one: one["gate"].update(nessus={})),
            f"pipelines.payments.gate: one of {SCANNERS} is right, not 'nessus'",
        ),
        (payments(lambda one: one["gate"].update(zap=1)), "pipelines.payments.gate.zap: an object is right, not 1"),
        (
            payments(lambda one: one["gate"]["zap"].update(note=1)),
            "pipelines.payments.gate.zap: unknown key 'note'; right are fail_on, report_only, only_fixable, ungraded",
        ),
        (
            payments(lambda one: one["gate"]["zap"].update(fail_on="ungraded")),
            "pipelines.payments.gate.zap.fail_on: one of critical, high, informational, low, medium is right, not 'ungraded'",
        ),
        (
            payments(lambda one: one["gate"]["zap"].update(report_only=1)),
            "pipelines.payments.gate.zap.report_only: true or false is right, not 1",
        ),
        (
            payments(lambda one: one["gate"]["zap"].update(only_fixable=1)),
            "pipelines.payments.gate.zap.only_fixable: true or false is right, not 1",
        ),
        (
            payments(lambda one: one["gate"]["zap"].update(ungraded="ignore")),
            "pipelines.payments.gate.zap.ungraded: one of block, report is right, not 'ignore'",
        ),
        (payments(lambda one: one.update(required=[])), "pipelines.payments.required: an object is right, not a list"),
        (
            payments(lambda one: one["required"].update(Publish={})),
            "pipelines.payments.required.Publish: a list is right, not an object",
        ),
        (
            payments(lambda one: one["required"].update(Publish=[])),
            "pipelines.payments.required.Publish: a gate that requires nothing is none; name its scans",
        ),
        (
            payments(lambda one: one["required"].update(Publish=["grype"])),
            "pipelines.payments.required.Publish[0]: an object is right, not 'grype'",
        ),
        (
            payments(lambda one: one["required"]["Publish"][1].update(note=1)),
            "pipelines.payments.required.Publish[1]: unknown key 'note'; right are scanner, scope",
        ),
        (
            payments(lambda one: one["required"]["Publish"][1].update(scanner="semgrep")),
            f"pipelines.payments.required.Publish[1].scanner: one of {SCANNERS} is right, not 'semgrep'",
        ),
        (
            payments(lambda one: one["required"]["Publish"][1].update(scope="staging")),
            "pipelines.payments.required.Publish[1].scope: one of dependencies, image is right, not 'staging'",
        ),
        (
            payments(lambda one: one["gate"].pop("zap")),
            "pipelines.payments.required.Production: zap staging has no rule under pipelines.payments.gate",
        ),
        (
            payments(lambda one: one.update(kind="scan", required={}, branch=None)),
            "pipelines.payments: branch, registry and host are null for a scan pipeline, whose executions carry their branch",
        ),
        (
            payments(lambda one: one.update(kind="scan", required={}, registry=None)),
            "pipelines.payments: branch, registry and host are null for a scan pipeline, whose executions carry their branch",
        ),
        (
            payments(lambda one: one.update(kind="scan")),
            "pipelines.payments.required: unknown key 'Publish'; right are ",
        ),
        (
            waived(note=1),
            "waivers[0]: unknown key 'note'; right are scanner, rule, location, owner, reason, expires",
        ),
        (waived(scanner="nessus"), f"waivers[0].scanner: one of {ALL_SCANNERS} is right, not 'nessus'"),
        (waived(rule=""), "waivers[0].rule: one line of text is right, not ''"),
        (waived(location=""), "waivers[0].location: one line of text or null is right, not ''"),
        (waived(owner=""), "waivers[0].owner: one line of text is right, not ''"),
        (waived(reason=""), "waivers[0].reason: one line of text is right, not ''"),
        (waived(expires="soon"), "waivers[0].expires: YYYY-MM-DD is right, not 'soon'"),
        (waived(expires="2030-02-30"), "waivers[0].expires: a day that exists is right, not '2030-02-30'"),
    ],
)
def test_a_refusal_says_what_would_be_right(document: Document, message: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse(document)
    assert str(refused.value) == message


def test_what_is_no_json_is_no_policy() -> None:
    with pytest.raises(MalformedError, match=r"^policy\.json: not readable as JSON"):
        Policy.parse(b"{")


def test_every_word_that_is_right_is_read() -> None:
    for severity in ("critical", "high", "medium", "low", "informational"):
        for ungraded in ("block", "report"):
            for yes in (True, False):
                rule = {"fail_on": severity, "report_only": yes, "only_fixable": not yes, "ungraded": ungraded}
                assert GateRule.parse(rule, "x") == GateRule(severity, yes, not yes, ungraded)
    assert SEVERITIES == (
        "critical",
        "high",
        "medium",
        "low",
        "informational",
    )  # in their order: the gate compares places
    document = waived(location="usr/lib/*")
    assert parse(document).waivers[0].location == "usr/lib/*"
    assert str(Scan("grype", "image")) == "grype image"


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (AWS_NAME, ["a", "Az09.@_-", "a" * 100], ["", "a" * 101, "a b", "a/b"]),
        (REPOSITORY, ["a", "Az09._-", "a" * 100], ["", "a" * 101, "a b", "a/b", "\u00e9"]),
        (HOST, ["a", "0-a.b", "a" * 253], ["", "a" * 254, "A", "a_b", "a/b", "a:443"]),
        (REGISTRY, ["ab", "0a._/-9", "a" * 256], ["a", "", "a" * 257, "-a", "aB", "a b"]),
    ],
)
def test_names_have_edges(pattern: re.Pattern[str], right: list[str], wrong: list[str]) -> None:
    assert [one for one in right if not pattern.fullmatch(one)] == []
    assert [one for one in wrong if pattern.fullmatch(one)] == []


def test_a_policy_cannot_be_changed_after_it_was_read() -> None:
    policy = Policy.parse(policy_bytes())
    for mapping in (policy.pipelines, policy.pipelines["payments"].gate, policy.pipelines["payments"].required):
        with pytest.raises(TypeError):
            mapping["grype"] = None  # type: ignore[index]
    for value in (GateRule, Waiver, Scan, PipelinePolicy, Policy):
        assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("pipeline", "scanner", "scope", "made"),
    [
        ("payments", "grype", "image", True),
        ("payments", "grype", "dependencies", False),  # Grype is required, but not for that
        ("payments", "snyk", "dependencies", True),  # in the gate, and in no list of what is required
        ("payments", "snyk-code", "code", False),
        ("payments-scan", "snyk", "dependencies", True),
        ("payments-scan", "snyk", "image", False),
        ("payments-scan", "grype", "image", False),
    ],
)
def test_a_pipeline_says_which_scans_it_makes(pipeline: str, scanner: str, scope: str, made: bool) -> None:
    assert Policy.parse(policy_bytes()).pipelines[pipeline].makes(scanner, scope) is made
