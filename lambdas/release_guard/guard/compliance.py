"""Is what AWS Config's rules look at as it should be? The only module of this function that asks Config.

Only COMPLIANT lets a release on. INSUFFICIENT_DATA is what Config says of a rule that was never evaluated, whose evaluation
fails, or that found nothing to look at: none of that proves anything.
https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeComplianceByConfigRule.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.strict import MalformedError, clean

COMPLIANT: Final = "COMPLIANT"
PAGE_LIMIT: Final = 10  # of the 10 rules that may be named at most, each page holds some
SHOWN: Final = 200  # characters of an error of Config's


class Config(Protocol):
    """The one method of boto3's client that is used here."""

    def describe_compliance_by_config_rule(self, **request: object) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeComplianceByConfigRule.html"""


@dataclass(frozen=True)
class ConfigRules:
    """Rules of this account and region."""

    config: Config

    def states(self, names: Sequence[str]) -> Mapping[str, str]:
        """Name -> ComplianceType, as far as Config names one. ``MalformedError`` with a sentence if it does not answer; one
        rule that does not exist is enough for that (NoSuchConfigRuleException, which names it)."""
        request: dict[str, object] = {"ConfigRuleNames": list(names)}
        found: dict[str, str] = {}
        try:
            for _ in range(PAGE_LIMIT):
                page = self.config.describe_compliance_by_config_rule(**request)
                for rule in page["ComplianceByConfigRules"]:
                    found[rule["ConfigRuleName"]] = rule.get("Compliance", {}).get("ComplianceType", "")
                if not page.get("NextToken"):
                    return found
                request["NextToken"] = page["NextToken"]
        except (BotoCoreError, ClientError) as error:
            raise MalformedError(f"AWS Config was asked for {', '.join(names)}: {clean(str(error), SHOWN)}") from error
        raise MalformedError(f"AWS Config's answer has more than {PAGE_LIMIT} pages")


def objections(names: Sequence[str], states: Mapping[str, str]) -> Iterator[str]:
    """What speaks against a release, for each of the rules that hold it."""
    for name in names:
        state = states.get(name)
        if state is None:
            yield f"Config rule {name}: AWS Config says nothing of it (compliance: hold_production names it)"
        elif state == "NON_COMPLIANT":
            yield f"Config rule {name}: NON_COMPLIANT (put right what it found, have it evaluated, retry the stage)"
        elif state != COMPLIANT:
            shown = clean(state, SHOWN) or "no state"
            yield f"Config rule {name}: {shown} (never evaluated, or nothing to look at: compliance: hold_production)"
