"""ZAP's JSON report (`traditional-json`, with or without "-plus"): one finding for each alert of each site.

The format is a template of ZAP's: https://github.com/zaproxy/zap-extensions, addOns/reports/src/main/zapHomeFiles/
reports/traditional-json/report.json. An alert groups its instances (the URLs where it was seen): ZAP's own summaries count
alerts, so do we, and every URL stands in the finding's description.

What ZAP sent and what the site answered is not taken over (attack, evidence, otherinfo, the values in URLs): it can hold
a session, a password or a page's content. The parameters' names are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from common.strict import clean, shown
from findings.model import Finding, Kind, ScanResult, Severity, UnreadableError
from findings.parsers.grading import ERROR_LIMIT, moment
from findings.parsers.reading import document, listing, mapping, objects, required, word

# org.parosproxy.paros.core.scanner.Alert: RISK_INFO 0 to RISK_HIGH 3. riskdesc is the same for people and can be translated.
RISKS: Final[Mapping[str, tuple[Severity, str]]] = MappingProxyType(
    {
        "0": (Severity.INFORMATIONAL, "Informational"),
        "1": (Severity.LOW, "Low"),
        "2": (Severity.MEDIUM, "Medium"),
        "3": (Severity.HIGH, "High"),
    }
)
_FALSE_POSITIVE: Final = "0"  # CONFIDENCE_FALSE_POSITIVE of the same class: somebody marked the alert
_NONE: Final = ("", "0", "-1")  # cweid: no weakness is named

_TAG: Final = re.compile(r"<[^<>]*>")
_LONG_ENTITY: Final = re.compile(r"&#[0-9]{8,};?")  # no character has such a number, and int() refuses 4,301 digits
_LINK: Final = re.compile(r"https?://\S+")
_PLAIN_URL: Final = re.compile(r"[^?#@;]*")
_CREDENTIALS: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")
_PATH_VALUE: Final = re.compile(r";([\w.-]+)=[^/;]*")
_NAME: Final = re.compile(r"[\w.\[\]-]{1,64}")


def parse(report: bytes) -> ScanResult:
    """All sites of a report."""
    given = mapping(document(report), "the report")
    if "@version" not in given:
        raise UnreadableError("@version is missing: not a report of ZAP")
    sites = given.get("site")
    found = (
        [sites] if isinstance(sites, dict) else listing(sites, "site")
    )  # one site alone may stand there without a list
    findings: list[Finding] = []
    errors: list[str] = []
    hosts: list[str] = []
    for one in found:
        site = mapping(one, "a site")
        host = word(site.get("@host")).lower()
        hosts.append(host)
        name = _url(word(site.get("@name"))) or host
        for alert in listing(site.get("alerts"), "a site's alerts"):
            findings.append(_finding(mapping(alert, "an alert"), name, errors))
    return ScanResult(
        findings=tuple(findings),
        errors=tuple(dict.fromkeys(errors)),
        nothing="" if found else "the report has no site: ZAP reached none",
        hosts=tuple(dict.fromkeys(filter(None, hosts))),
        # "@generated" is local time without a zone. "created", of newer versions, is ISO 8601.
        made_at=moment(given.get("created")) or moment(given.get("@generated")),
    )


def _finding(alert: Mapping[str, object], site: str, errors: list[str]) -> Finding:
    rule = word(alert.get("alertRef")) or required(alert.get("pluginid"), "an alert's pluginid")
    severity, original = _risk(alert.get("riskcode"), rule, errors)
    links = tuple(dict.fromkeys(_LINK.findall(_plain(word(alert.get("reference"))))))
    cwe = word(alert.get("cweid"))
    instances = _instances(alert)
    return Finding(
        rule=rule,
        title=_plain(word(alert.get("name")) or word(alert.get("alert"))) or rule,
        severity=severity,
        kind=Kind.WEB,
        original=original,
        description="\n".join(filter(None, (_plain(word(alert.get("desc"))), *_times(alert), *instances))),
        location=site,
        key=(site,),
        detail=tuple(sorted(instances)),
        cwes=() if cwe in _NONE or not cwe.isascii() or not cwe.isdigit() else (f"CWE-{cwe}",),
        remediation=_plain(word(alert.get("solution"))),
        url=links[0] if links else "",
        references=links,
        suppressed="marked as a false positive in ZAP" if word(alert.get("confidence")) == _FALSE_POSITIVE else "",
    )


def _risk(code: object, rule: str, errors: list[str]) -> tuple[Severity, str]:
    if isinstance(code, bool) or not isinstance(code, (str, int, type(None))):
        raise UnreadableError("an alert's riskcode is no text")
    text = word(code) if isinstance(code, str) else shown(code)
    if text not in RISKS:
        errors.append(clean(f"riskcode {shown(code)} of {rule} is not known", ERROR_LIMIT))
        return Severity.UNGRADED, text if code is not None else ""
    return RISKS[text]


def _instances(alert: Mapping[str, object]) -> list[str]:
    """Where the alert was seen, one line each: method, URL, and the parameter's name."""
    lines: dict[str, None] = {}
    for one in objects(alert.get("instances")):
        name = " ".join(word(one.get("param")).split())[:100]
        where = f"{word(one.get('method'))} {_url(word(one.get('uri')))}{f' ({name})' if name else ''}".strip()
        lines[where] = None
    return list(lines)


def _times(alert: Mapping[str, object]) -> Iterable[str]:
    """That ZAP saw the alert more often than it says where, if so."""
    listed = len(objects(alert.get("instances")))
    count = word(alert.get("count"))
    if count.isascii() and count.isdigit() and len(count) < 10 and int(count) > listed:
        yield f"ZAP saw this {count} times and lists {listed}."


def _url(url: str) -> str:
    """``url`` without credentials, fragment and the values of its parameters."""
    if _PLAIN_URL.fullmatch(url):  # nearly all of them
        return url
    address, question, query = _CREDENTIALS.sub(r"\1", url).partition("#")[0].partition("?")
    names = [
        name
        for part in query.split("&")
        for name, equals, _ in [part.partition("=")]
        if equals and _NAME.fullmatch(name)
    ]
    return (
        _PATH_VALUE.sub(r";\1=", address) + (question and "?") + "&".join(f"{name}=" for name in dict.fromkeys(names))
    )


def _plain(text: str) -> str:
    """HTML as text: tags away, entities as characters. By hand: html.parser takes a <script> in a sentence for a script."""
    lines = html.unescape(_LONG_ENTITY.sub("?", _TAG.sub("\n", text))).split("\n")
    return "\n".join(line for part in lines if (line := " ".join(part.split())))
