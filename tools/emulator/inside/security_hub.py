"""Security Hub's switch and its custom insights, kept as given: ministack has neither, moto half of the switch.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_EnableSecurityHub.html and its neighbours. What an insight shows
(GetInsightResults) is not here: it would take Security Hub's findings, which are the stand-in's.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import unquote

from ministack.core.responses import get_account_id, get_region

Answer = tuple[int, dict[str, str], bytes]

_KEPT: dict[str, dict[str, Any]] = {}
_HUB: dict[str, Any] = {}
_SWITCH = {
    "POST": "EnableSecurityHub", "PATCH": "UpdateSecurityHubConfiguration", "GET": "DescribeHub", "DELETE": "DisableSecurityHub",
}  # fmt: skip
_ONE = re.compile(r"/insights/(arn:[^/]+:insight/.+)")


def operation(method: str, path: str) -> str:
    """The operation that is answered here, or ""."""
    if path == "/accounts":
        return _SWITCH.get(method, "")
    if (method, path) == ("POST", "/insights"):
        return "CreateInsight"
    if (method, path) == ("POST", "/insights/get"):
        return "GetInsights"
    if _ONE.fullmatch(unquote(path)):
        return {"PATCH": "UpdateInsight", "DELETE": "DeleteInsight"}.get(method, "")
    return ""


def answer(method: str, path: str, body: bytes) -> Answer:
    """One of these."""
    given: dict[str, Any] = json.loads(body or b"{}")
    asked = operation(method, path)
    if path == "/accounts":
        return _switch(asked, given)
    if asked == "CreateInsight":
        arn = f"arn:aws:securityhub:{get_region()}:{get_account_id()}:insight/{get_account_id()}/custom/{uuid.uuid4()}"
        _KEPT[arn] = {**given, "InsightArn": arn}
        return _said(200, {"InsightArn": arn})
    if asked == "GetInsights":
        wanted = given.get("InsightArns") or list(_KEPT)
        if not set(wanted) <= set(_KEPT):
            return _said(404, {"Message": "The insight does not exist.", "Code": "ResourceNotFoundException"})
        return _said(200, {"Insights": [_KEPT[arn] for arn in wanted]})
    arn = _ONE.fullmatch(unquote(path))[1]  # type: ignore[index]  # operation has looked
    if arn not in _KEPT:
        return _said(404, {"Message": "The insight does not exist.", "Code": "ResourceNotFoundException"})
    if asked == "DeleteInsight":
        del _KEPT[arn]
        return _said(200, {"InsightArn": arn})
    _KEPT[arn] |= given
    return _said(200, {})


def _switch(asked: str, given: dict[str, Any]) -> Answer:
    if asked == "EnableSecurityHub":
        if _HUB:
            return _said(409, {"Message": "Account is already subscribed", "Code": "ResourceConflictException"})
        arn = f"arn:aws:securityhub:{get_region()}:{get_account_id()}:hub/default"
        _HUB.update(HubArn=arn, SubscribedAt="2026-01-01T00:00:00.000Z", AutoEnableControls=True)
        _HUB["ControlFindingGenerator"] = given.get("ControlFindingGenerator", "SECURITY_CONTROL")
        return _said(200, {})
    if not _HUB:
        message = f"Account {get_account_id()} is not subscribed to AWS Security Hub"
        return _said(401, {"Message": message, "Code": "InvalidAccessException"})
    if asked == "DisableSecurityHub":
        _HUB.clear()
    _HUB.update(given if asked == "UpdateSecurityHubConfiguration" else {})
    return _said(200, dict(_HUB) if asked == "DescribeHub" else {})


def _said(status: int, content: dict[str, Any]) -> Answer:
    kind = {"x-amzn-errortype": content["Code"]} if "Code" in content else {}
    return status, {"Content-Type": "application/json", **kind}, json.dumps(content).encode()
