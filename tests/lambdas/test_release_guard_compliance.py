"""Production is held while a named rule of AWS Config is anything but COMPLIANT, or cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from common.strict import MalformedError
from guard.compliance import PAGE_LIMIT, ConfigRules
from guard.service import RefusedError
from guard_world import World, verdict_file
from lambda_fakes import model_errors

RULES = ["acme-s3-bucket-ssl-requests-only", "acme-lambda-function-public-access-prohibited"]


@pytest.fixture
def world() -> World:
    one = World()
    one.policy["hold_production"] = list(RULES)
    one.compliance = dict.fromkeys(RULES, "COMPLIANT")
    return one


def refusal(world: World) -> str:
    with pytest.raises(RefusedError) as refused:
        world.guard().clear(world.parameters)
    return str(refused.value)


def test_with_every_rule_compliant_a_release_goes_on(world: World) -> None:
    world.guard().clear(world.parameters)
    assert world.asked.count("config") == 1


def test_without_named_rules_config_is_not_asked(world: World) -> None:
    world.policy["hold_production"] = []
    world.compliance = {}
    world.guard().clear(world.parameters)
    assert "config" not in world.asked


def test_publish_is_not_held(world: World) -> None:
    world.call["gate"] = "Publish"
    world.compliance = {}
    world.guard().clear(world.parameters)
    assert "config" not in world.asked


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("NON_COMPLIANT", "NON_COMPLIANT (put right what it found, have it evaluated, retry the stage)"),
        ("INSUFFICIENT_DATA", "INSUFFICIENT_DATA (never evaluated, or nothing to look at"),
        ("NOT_APPLICABLE", "NOT_APPLICABLE (never evaluated"),
        ("compliant", "compliant (never evaluated"),
        ("", "no state (never evaluated"),
    ],
)
def test_anything_else_holds_production(world: World, state: str, words: str) -> None:
    world.compliance[RULES[1]] = state
    message = refusal(world)
    assert message.startswith(f"Production refused: Config rule {RULES[1]}: {words}")
    assert RULES[0] not in message


def test_a_rule_that_config_says_nothing_of_holds_production(world: World) -> None:
    del world.compliance[RULES[0]]
    assert f"Config rule {RULES[0]}: AWS Config says nothing of it" in refusal(world)


def test_an_answer_about_other_rules_is_none(world: World) -> None:
    world.describe_compliance_by_config_rule = lambda **_: {  # type: ignore[method-assign]
        "ComplianceByConfigRules": [{"ConfigRuleName": "other", "Compliance": {"ComplianceType": "COMPLIANT"}}]
    }
    assert refusal(world).count("AWS Config says nothing of it") == 2


def test_what_else_is_missing_is_named_beside_it(world: World) -> None:
    del world.files[verdict_file("grype", "image")]
    world.compliance[RULES[0]] = "NON_COMPLIANT"
    message = refusal(world)
    assert "grype image: no verdict is recorded" in message
    assert f"Config rule {RULES[0]}: NON_COMPLIANT" in message


@pytest.mark.parametrize(
    "error",
    [
        ClientError(
            {"Error": {"Code": "NoSuchConfigRuleException", "Message": f"The ConfigRule '{RULES[0]}' is invalid"}},
            "DescribeComplianceByConfigRule",
        ),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeComplianceByConfigRule"),
        ConnectTimeoutError(endpoint_url="https://config.eu-central-1.amazonaws.com"),
    ],
)
def test_a_config_that_does_not_answer_holds_production_and_says_so(world: World, error: Exception) -> None:
    def unanswered(**_: Any) -> Mapping[str, Any]:
        raise error

    world.describe_compliance_by_config_rule = unanswered  # type: ignore[method-assign]
    message = refusal(world)
    assert message.startswith(f"Production refused: AWS Config was asked for {', '.join(RULES)}: ")
    assert len(message) < 500


def test_ten_rules_with_long_names_stay_within_codepipelines_limit(world: World) -> None:
    world.policy["hold_production"] = [f"{'r' * 120}-{number}" for number in range(10)]
    world.compliance = dict.fromkeys(world.policy["hold_production"], "NON_COMPLIANT")
    message = refusal(world)
    assert len(message) <= 3000
    assert all(name in message for name in world.policy["hold_production"])


# --- against botocore's model ---------------------------------------------------------------------------------------------


def answer(*rules: tuple[str, str], token: str = "") -> dict[str, Any]:
    """The response syntax of https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeComplianceByConfigRule.html"""
    found: dict[str, Any] = {
        "ComplianceByConfigRules": [
            {
                "ConfigRuleName": name,
                "Compliance": {
                    "ComplianceType": state,
                    "ComplianceContributorCount": {"CappedCount": 3, "CapExceeded": False},
                },
            }
            for name, state in rules
        ]
    }
    return found | ({"NextToken": token} if token else {})


def test_all_pages_are_read() -> None:
    client = boto3.client("config", region_name="eu-central-1")
    assert not model_errors("config", "DescribeComplianceByConfigRule", {"ConfigRuleNames": RULES})
    with Stubber(client) as stub:
        operation = "describe_compliance_by_config_rule"
        stub.add_response(operation, answer((RULES[0], "COMPLIANT"), token="more"), {"ConfigRuleNames": RULES})
        stub.add_response(
            operation, answer((RULES[1], "NON_COMPLIANT")), {"ConfigRuleNames": RULES, "NextToken": "more"}
        )
        assert ConfigRules(client).states(RULES) == {RULES[0]: "COMPLIANT", RULES[1]: "NON_COMPLIANT"}


def test_a_listing_that_does_not_end_is_no_answer() -> None:
    client = boto3.client("config", region_name="eu-central-1")
    with Stubber(client) as stub:
        for _ in range(PAGE_LIMIT):
            stub.add_response("describe_compliance_by_config_rule", answer((RULES[0], "COMPLIANT"), token="more"))
        with pytest.raises(MalformedError, match=f"more than {PAGE_LIMIT} pages"):
            ConfigRules(client).states(RULES)
