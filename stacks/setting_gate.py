"""What blocks a release and what may pass for a while."""

from datetime import date
from typing import Literal

from pydantic import Field

from stacks import setting_values as values
from stacks.setting_base import Model, over

Severity = Literal["critical", "high", "medium", "low", "informational"]
ScannerId = Literal["git-secrets", "snyk", "snyk-code", "snyk-container", "grype", "ecr", "zap"]
Verifier = Literal["snyk", "snyk-code", "snyk-container", "grype"]
READS_IMAGE = {"snyk-container", "grype"}


class GateRule(Model):
    """What blocks, for one scanner."""

    fail_on: Severity = Field("high", description="least severity that blocks")
    report_only: bool = Field(False, description="true: findings never block; a tool error still does")
    only_fixable: bool = Field(
        False, description="true: vulnerabilities without a fix do not block; secrets and code do"
    )
    ungraded: Literal["block", "report"] = Field("block", description="what a finding without severity does")


class Gate(GateRule):
    """What blocks. A pipeline's own keys override the project's, one by one; a scanner's override both."""

    scanners: dict[ScannerId, GateRule] = Field(
        default_factory=dict, description="other rules for single scanners, by scanner id"
    )

    def for_scanner(self, scanner: str) -> GateRule:
        """The rule that holds for one scanner."""
        chosen = {key: getattr(self, key) for key in GateRule.model_fields}
        own = next((rule for name, rule in self.scanners.items() if name == scanner), None)
        if own:
            chosen |= {key: getattr(own, key) for key in own.model_fields_set}
        return GateRule.model_construct(**chosen)

    def over(self, base: "Gate") -> "Gate":
        """This gate with every key that it does not set taken from ``base``."""
        merged = dict(base.scanners)
        for name, rule in self.scanners.items():
            merged[name] = over(rule, merged[name]) if name in merged else rule
        return over(self, base).model_copy(update={"scanners": merged})


class Waiver(Model):
    """A finding that does not block until a day, somebody answering for it."""

    scanner: ScannerId = Field(description="which scanner reports it")
    rule: values.Line = Field(description="the scanner's id of the problem, such as CVE-2026-1234")
    location: values.Glob | None = Field(
        None, description="only where the path or package matches; everywhere if absent"
    )
    owner: values.Email = Field(description="e-mail address of who answers for it")
    reason: values.Reason = Field(description="why it may pass")
    expires: values.Day = Field(description="last day that it holds, such as 2027-01-31")

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires < today
