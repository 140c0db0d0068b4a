"""What an issue of Snyk's says beside its severity and place: scores, exploits, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from findings.model import Cvss
from findings.parsers.reading import inner, number, objects, word, words

Changes = Mapping[tuple[str, str], str]

_VECTOR: Final = re.compile(r"CVSS:(\d\.\d)/", re.ASCII)
_PROBABILITY: Final = re.compile(r"\d(\.\d{1,20})?", re.ASCII)
_UNKNOWN: Final = "Not Defined"


def scores(issue: Mapping[str, object]) -> tuple[Cvss, ...]:
    """`cvssSources` if there: beside it `cvssScore` may be of CVSS 4.0 and `CVSSv3` another score's vector."""
    found = [
        _cvss(one.get("baseScore"), one.get("vector"), one.get("assigner"), word(one.get("cvssVersion")))
        for one in objects(issue.get("cvssSources"))
    ]
    if not any(found):
        found = [
            _cvss(issue.get("cvssScore"), issue.get("CVSSv3"), "Snyk", ""),
            *(
                _cvss(one.get("cvssV3BaseScore"), one.get("cvssV3Vector"), one.get("assigner"), "")
                for one in objects(issue.get("cvssDetails"))
            ),
        ]
    return tuple(dict.fromkeys(one for one in found if one))


def _cvss(score: object, vector: object, source: object, version: str) -> Cvss | None:
    value, text = number(score), word(vector)
    match = _VECTOR.match(text)
    version = version or (match[1] if match else "")
    return Cvss(version, value, text, word(source)) if value is not None and 0 <= value <= 10 and version else None


def epss(issue: Mapping[str, object]) -> float | None:
    """The probability of an exploit within 30 days; Snyk writes it as text."""
    text = word(inner(issue, "epssDetails", "probability"))
    value = float(text) if _PROBABILITY.fullmatch(text) else None
    return value if value is not None and value <= 1 else None


def exploit(issue: Mapping[str, object]) -> str:
    """Snyk's word for how mature an exploit is, empty if none is known to Snyk."""
    levels = objects(inner(issue, "exploitDetails", "maturityLevels"))
    primary = [word(one.get("level")) for one in levels if one.get("type") == "primary"]
    return next((one for one in (*primary, word(issue.get("exploit"))) if one not in ("", _UNKNOWN)), "")


def fixed(issue: Mapping[str, object]) -> tuple[str, ...]:
    """Versions without the issue, first the one that is nearest to what is installed."""
    versions = issue.get("fixedIn")
    return words([issue.get("nearestFixedInVersion"), *(versions if isinstance(versions, list) else ())])


def says_fixable(issue: Mapping[str, object]) -> bool | None:
    """Whether Snyk itself says that an upgrade, a pin or a patch is there; None if it does not say.

    An empty `fixedIn` says that no version is without the issue. `isUpgradable: false` does not: it is about one path.
    """
    if any(issue.get(key) is True for key in ("isUpgradable", "isPinnable", "isPatchable")):
        return True
    return False if issue.get("fixedIn") == [] else None


def remedy(issue: Mapping[str, object], path: tuple[str, ...], package: str, changes: tuple[Changes, Changes]) -> str:
    """What to change, for this dependency path: the best upgrade, the pin (pip), or Snyk's patch. Empty if none is known."""
    rule = word(issue.get("id"))
    pins, upgrades = changes
    upgraded = issue.get("upgradePath")
    steps = [word(one) for one in upgraded] if isinstance(upgraded, list) else []  # false: this one stays as it is
    for now, then in zip(path, steps, strict=False):
        if then and then != now:
            return f"Upgrade {now} to {then}."
    if any(steps):  # the first of them is allowed already to bring in what is fixed
        return f"Resolve the dependencies anew, so that {steps[-1] or package} is installed."
    direct = path[1] if len(path) > 1 else package
    if to := upgrades.get((rule, direct.lower())):
        return f"Upgrade {direct} to {to}."
    if to := pins.get((rule, package.lower())):
        return f"Pin {package} to {to}."
    return "Apply Snyk's patch." if issue.get("isPatchable") is True else ""


def waiting(name: str, versions: tuple[str, ...]) -> str:
    """What is left to say where no upgrade of a direct dependency leads to a fixed version."""
    return f"{name or 'It'} is fixed in {' or '.join(versions)}." if versions else ""
