"""What the stand-ins answer in a scenario: real reports of tests/reports, adjusted only where a comment says so.

The form is that of standins/inside/said.py. Digest, target and time are put in by the stand-ins, since importer and guard compare them.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from tools.rehearse.standins import REPORTS

Plan = dict[str, Any]

TOKEN, ORGANIZATION = "snyk-token-of-the-rehearsal", "org-of-the-rehearsal"
H11 = "CVE-2025-43859"


def _read(name: str) -> Any:
    return json.loads((REPORTS / name).read_text(encoding="utf-8"))


def _without_matches() -> Any:
    """Grype on a folder in which it finds nothing."""
    return _read("grype/directory_scan_many.json") | {"matches": []}


def _h11() -> Any:
    """Grype on a folder with h11 0.14.0: a real match of a package of Python in what names package and vulnerability.

    https://github.com/python-hyper/h11/security/advisories/GHSA-vqfr-h8mv-ghfj
    """
    report = _read("grype/many.json")
    match = copy.deepcopy(next(one for one in report["matches"] if one["artifact"]["type"] == "python"))
    match["vulnerability"] |= {
        "id": H11,
        "dataSource": f"https://nvd.nist.gov/vuln/detail/{H11}",
        "severity": "Critical",
        "description": "h11 accepts some malformed chunked-encoding bodies",
        "fix": {"versions": ["0.16.0"], "state": "fixed"},
    }
    # The only place of a resolved package: what `resolve` has kept of it.
    place = "/resolved-by-pipeline/python/requirements.txt/h11-0.14.0.dist-info/METADATA"
    match["artifact"] |= {
        "name": "h11",
        "version": "0.14.0",
        "purl": "pkg:pypi/h11@0.14.0",
        "cpes": ["cpe:2.3:a:python:h11:0.14.0:*:*:*:*:*:*:*"],
        "locations": [{"path": place}],
    }
    match["relatedVulnerabilities"] = []
    return report | {"matches": [match]}


def _ecr() -> Any:
    """ECR's finished basic scan that found nothing: the recorded one without its finding."""
    page = _read("ecr/basic_one.json")
    page["imageScanFindings"] |= {"findings": [], "findingSeverityCounts": {}}
    return page


def _zap(alerts: bool) -> Any:
    """ZAP's recorded report of two sites, with the one that has alerts or with the one that has none; as if served with TLS,
    which every target of ours is."""
    report = _read("zap/many.json")
    sites = [one | {"@ssl": "true"} for one in report["site"] if bool(one["alerts"]) == alerts]
    return report | {"site": sites}


def clean() -> Plan:
    """No scanner finds anything that blocks."""
    return {
        "grype": {
            "image": {"report": "grype/none.json", "code": 0},
            "dependencies": {"report": _without_matches(), "code": 0},
        },
        "ecr": {"report": _ecr()},
        "zap": {"report": _zap(alerts=False), "code": 0},
        "snyk": {"token": TOKEN, "test": {"report": "snyk/project_none.json", "code": 0}, "monitor": {"code": 0}},
    }


def vulnerable_dependency() -> Plan:
    """Grype finds h11, two levels down. Without --fail-on it exits 0 all the same."""
    plan = clean()
    plan["grype"]["dependencies"] = {"report": _h11(), "code": 0}
    return plan


def zap_high() -> Plan:
    """ZAP finds five kinds of High alerts: every alert is WARN for the packaged scans, so they exit 2."""
    return clean() | {"zap": {"report": _zap(alerts=True), "code": 2}}


def production_breaks(namespace: str) -> Plan:
    """What is new to the namespace never becomes ready there."""
    return clean() | {"kubectl": {"breaks": [namespace]}}


def forged() -> bytes:
    """What a build that lies puts over its report."""
    return json.dumps(_without_matches()).encode()
