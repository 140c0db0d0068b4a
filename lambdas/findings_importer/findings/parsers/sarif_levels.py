"""How bad a SARIF result is: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, 3.27.9 and 3.27.10."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from common.strict import clean, shown
from findings.model import Severity
from findings.parsers.grading import ERROR_LIMIT, grade
from findings.parsers.reading import inner, number, objects, word
from findings.parsers.sarif_rules import Rule, Rules

# SARIF's levels are no grades of security: an error is "a serious problem", a warning "a problem", a note "a minor problem
# or an opportunity to improve the code", and with none "the concept of severity does not apply". This is our reading of
# them, for tools that say no more; it is also Snyk Code's.
GRADES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "error": Severity.HIGH,
        "warning": Severity.MEDIUM,
        "note": Severity.LOW,
        "none": Severity.INFORMATIONAL,
    }
)
# What GitHub makes of `security-severity`: "over 9.0 is critical, 7.0 to 8.9 is high, 4.0 to 6.9 is medium and 0.1 to 3.9 is
# low", and 0.0 is none: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
# Its changelog of 2021-07-19 counts 9.0 itself as critical.
_BANDS: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))
_SCORE: Final = re.compile(r"\d{1,2}(\.\d{1,10})?", re.ASCII)
_NO_SCORE: Final = ("", "null", "undefined", "none")  # JavaScript's text for a score that is missing: Snyk writes it

# Kinds of results that are no problem (3.27.9): the rule was kept, or does not apply to what was scanned.
_FINE: Final = ("pass", "notApplicable")
_KINDS: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "informational": Severity.INFORMATIONAL,  # "does not indicate the presence of a problem"
        "open": Severity.UNGRADED,  # "insufficient information to decide whether a problem exists"
        "review": Severity.UNGRADED,  # "requires review by a human user to decide if it represents a problem"
    }
)


def severity(
    result: Mapping[str, object], rule: Rule, overrides: Mapping[tuple[int, int], str], errors: list[str]
) -> tuple[Severity, str] | None:
    """The severity and the report's word for it; None if the result says that there is no problem."""
    kind = "fail" if result.get("kind") is None else word(result["kind"])
    level = result.get("level")
    if kind != "fail":
        if level in (None, "none"):
            if kind in _FINE:
                return None
            if kind in _KINDS:
                return _KINDS[kind], kind
        # 3.27.10: "if present, it SHALL have the value none". So either word may be wrong: the level decides.
        errors.append(clean(f"kind {shown(kind)} with level {shown(level)} of {rule.id} is not known", ERROR_LIMIT))
        if level is None:
            return Severity.UNGRADED, kind
    for given in (result, rule.given):
        score = inner(given, "properties", "security-severity")
        if (found := _score(score, rule.id, errors)) is not None:
            return found, f"security-severity {score}"
    if level is None and rule.dangling:
        errors.append(clean(f"rule {shown(rule.id)} is described where the report has nothing: cut off", ERROR_LIMIT))
    return grade(_level(result, rule, overrides), GRADES, rule.id, errors)


def overrides(rules: Rules, invocation: object) -> dict[tuple[int, int], str]:
    """Levels that an invocation's configuration set in place of the rules' own (3.20.5)."""
    found: dict[tuple[int, int], str] = {}
    for one in objects(inner(invocation, "ruleConfigurationOverrides")):
        place = rules.place(one.get("descriptor"))
        level = word(inner(one, "configuration", "level"))
        if place and level:
            found.setdefault(place, level)
    return found


def _level(result: Mapping[str, object], rule: Rule, changed: Mapping[tuple[int, int], str]) -> object:
    """In SARIF's order: the result's, the invocation's for this rule, the rule's default, "warning"."""
    if result.get("level") is not None:
        return result["level"]
    if rule.place is not None and rule.place in changed:
        return changed[rule.place]
    default = inner(rule.given, "defaultConfiguration", "level")
    return "warning" if default is None else default


def _score(value: object, rule: str, errors: list[str]) -> Severity | None:
    """The band of a score; None without one. GitHub passes over what it cannot read, which may hide something critical."""
    if value is None or (isinstance(value, str) and word(value).lower() in _NO_SCORE):
        return None
    text = word(value)
    score = float(text) if _SCORE.fullmatch(text) else number(value)
    if score is None or not 0 <= score <= 10:
        errors.append(clean(f"security-severity {shown(value)} of {rule} is not known", ERROR_LIMIT))
        return None
    return next((grade_ for bound, grade_ in _BANDS if score >= bound), None) if score else None
