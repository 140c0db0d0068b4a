"""policy.json: read whole and strictly, since a rule that is misread is a gate that is open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from common.policy import GateRule, Policy, Scan, Waiver
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
