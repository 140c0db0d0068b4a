"""The gates' policy: thresholds and waivers, before and after, from the output that shows them.

Its form is that of stacks/policy.py and lambdas/common/policy.py; a test there holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Output, Plan
from plan_review.text import Text, joined, say
from plan_review.values import UNKNOWN, Hidden, Value

SEVERITIES: Final = ("informational", "low", "medium", "high", "critical")
Document = Mapping[str, Any]


def compared(plan: Plan) -> Iterator[Finding]:
    """Findings about each output of one plan that holds a policy."""
    for output in plan.outputs:
        before = _policy(output.before)
        if before is None or output.action is Action.NOOP:
            continue
        address = f"output.{output.name}"
        if output.after is UNKNOWN or isinstance(output.after, Hidden):
            yield Finding(Kind.UNSEEN, plan.name, address, say("thresholds and waivers are not known before apply"))
            continue
        after = _policy(output.after)
        if after is None:
            yield Finding(
                Kind.UNSEEN,
                plan.name,
                address,
                say("thresholds and waivers are no longer shown: how they change cannot be seen"),
            )
            continue
        for text in _thresholds(before, after):
            yield Finding(Kind.GATE, plan.name, address, text)
        for text in _waivers(before, after):
            yield Finding(Kind.WAIVER, plan.name, address, text)


def policies(output: Output) -> bool:
    """Whether it holds a policy."""
    return _policy(output.before) is not None or _policy(output.after) is not None


def _policy(value: Value) -> Document | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, dict) or not {"pipelines", "waivers"} <= value.keys():
        return None
    return value if isinstance(value["pipelines"], dict) and isinstance(value["waivers"], list) else None


def _thresholds(before: Document, after: Document) -> Iterator[Text]:
    if before.get("security_hub") is True and after.get("security_hub") is False:
        yield say("findings no longer go to Security Hub")
    held = [
        rule for rule in _listed(before.get("hold_production")) if rule not in _listed(after.get("hold_production"))
    ]
    if held:
        yield say("production is no longer held by {}", list(map(_word, held)))
    for name, old in before["pipelines"].items():
        new = after["pipelines"].get(name)
        if not isinstance(new, dict) or not isinstance(old, dict):
            continue  # the pipeline goes
        if old.get("separation_of_duties") is True and new.get("separation_of_duties") is not True:
            yield say("{}: who pushed a commit may approve it", name)
        for stage, scans in _map(old.get("required")).items():
            kept = [_scan(scan) for scan in _map(new.get("required")).get(stage) or ()]
            missing = [_scan(scan) for scan in scans if _scan(scan) not in kept]
            if missing:
                yield say("{}: {} no longer asks for {}", name, stage, missing)
        for scanner, rule in _map(old.get("gate")).items():
            now = _map(new.get("gate")).get(scanner)
            if now is None:
                yield say("{}: {} no longer judges", name, scanner)
            else:
                yield from _rule(name, scanner, _map(rule), _map(now))


def _rule(name: str, scanner: str, old: Document, new: Document) -> Iterator[Text]:
    def changed(key: str) -> Text:
        return say("{}: {} {} {} → {}", name, scanner, key, _word(old.get(key)), _word(new.get(key)))

    if _rank(new.get("fail_on")) > _rank(old.get("fail_on")):
        yield changed("fail_on")
    for key in ("report_only", "only_fixable"):
        if new.get(key) is not False and old.get(key) is False:
            yield changed(key)
    if old.get("ungraded") == "block" and new.get("ungraded") != "block":
        yield changed("ungraded")


def _rank(severity: Value) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _waivers(before: Document, after: Document) -> Iterator[Text]:
    old = [one for one in before["waivers"] if isinstance(one, dict)]
    for waiver in after["waivers"]:
        if not isinstance(waiver, dict) or waiver in old:
            continue
        same = [
            one for one in old if (one.get("scanner"), one.get("rule")) == (waiver.get("scanner"), waiver.get("rule"))
        ]
        wider = [one for one in same if one.get("location") in (None, waiver.get("location"))]
        until = _word(waiver.get("expires"))
        if any(str(one.get("expires")) >= until for one in wider):
            continue  # shorter, narrower, or other words
        what = say("waiver of {} {}", _word(waiver.get("scanner")), _word(waiver.get("rule")))
        if waiver.get("location") is not None:
            what = joined([what, say("{}", _word(waiver["location"]))], " at ")
        if wider:
            last = max(_word(one.get("expires")) for one in wider)
            how = say("is prolonged from {} until {}", last, until)
        elif same:
            how = say("now holds everywhere or elsewhere, until {}", until)
        else:
            how = say("is added, until {}", until)
        owner = say("owner {}, reason {}", _word(waiver.get("owner")), _word(waiver.get("reason")))
        yield joined([joined([what, how], " "), owner], "; ")


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _scan(scan: Value) -> str:
    return f"{scan.get('scanner')} {scan.get('scope')}" if isinstance(scan, dict) else str(scan)


def _map(value: Value) -> Document:
    return value if isinstance(value, dict) else {}


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
