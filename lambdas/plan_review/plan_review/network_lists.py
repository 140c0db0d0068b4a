"""Network access lists of a subnet: what they let in to which they did not, and what they no longer refuse.

Rules count in the order of their numbers, the first that fits decides, and what none fits is refused. A new list opens nothing: the one
that AWS gives to each VPC lets everything through. https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plan_review.exposure_rules import everywhere
from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.text import Text, listed, say
from plan_review.values import UNKNOWN, Value
from plan_review.world import World

_LISTS: Final = ("aws_network_acl", "aws_default_network_acl")
_RULE: Final = "aws_network_acl_rule"
_PROTOCOLS: Final = {"-1": "any", "all": "any", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


@dataclass(frozen=True, order=True)
class _Entry:
    number: int
    allows: bool
    network: str
    protocol: str
    low: int
    high: int

    def includes(self, other: _Entry) -> bool:
        """Whether all that the other is about, this one is about too."""
        return (
            self.protocol in ("any", other.protocol)
            and self.low <= other.low
            and other.high <= self.high
            and _inside(other.network, self.network)
        )

    @property
    def said(self) -> str:
        """For people."""
        ports = "everything" if self.protocol == "any" else f"{self.protocol} ports {self.low} to {self.high}"
        ports = f"{self.protocol} port {self.low}" if self.protocol != "any" and self.low == self.high else ports
        return f"{ports} from {self.network}"


def opened(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one change."""
    if change.type in _LISTS and change.stays:
        yield from _list(change)
    elif change.type in _LISTS and change.gone:
        if ("aws_vpc", change.before.get("vpc_id")) not in world.gone and change.before.get("subnet_ids"):
            text = say("is destroyed: its subnets get the VPC's own list, which refuses nothing unless it was changed")
            yield Finding(Kind.PROTECTION, change.stack, change.address, text)
    elif change.type == _RULE:
        yield from _rule(change, world)


def _list(change: Change) -> Iterator[Finding]:
    before, after = _entries(change.before.get("ingress")), _entries(change.after.get("ingress"))
    if before is None or after is None:
        if before:
            text = say("what it lets in is not known before apply")
            yield Finding(Kind.UNSEEN, change.stack, change.address, text)
        return
    new = [one for one in _open(after) if not any(old.includes(one) for old in _open(before))]
    if new:
        yield _told(change, new)
    lost = [
        one
        for one in before
        if not one.allows
        and any(other.allows and other.number > one.number and _meet(one, other) for other in after)
        and not _first(one, before)
        and not any(not other.allows and other.includes(one) for other in after)
    ]
    if lost:
        yield _refused(change, lost)
    gone = [one for one in _names(change.before) if one not in _names(change.after)]
    if gone and change.after.get("subnet_ids") is not UNKNOWN:
        text = say("no longer guards the subnets {}", gone)
        yield Finding(Kind.PROTECTION, change.stack, change.address, text)


def _rule(change: Change, world: World) -> Iterator[Finding]:
    """One rule of a list; of the others nothing is known."""
    before, after = (_incoming(side) for side in (change.before, change.after))
    owner = change.after.get("network_acl_id")
    if change.action is Action.CREATE and (owner is UNKNOWN or world.is_made(owner, _LISTS)):
        return
    if change.action is Action.CREATE or change.stays:
        new = [
            one
            for one in _open(after)
            if not any(old.includes(one) and old.number <= one.number for old in _open(before))
        ]
        if new:
            yield _told(change, new)
    if change.stays or (
        change.gone and not any((kind, change.before.get("network_acl_id")) in world.gone for kind in _LISTS)
    ):
        lost = [
            one
            for one in before
            if not one.allows and not any(not o.allows and o.includes(one) and o.number <= one.number for o in after)
        ]
        if lost and not _open(after):
            yield _refused(change, lost)


def _incoming(rule: Mapping[str, Any]) -> list[_Entry]:
    entry = None if rule.get("egress") is True else _entry(rule, "rule_number", "rule_action")
    return [entry] if entry else []


def _told(change: Change, entries: Sequence[_Entry]) -> Finding:
    return Finding(Kind.PUBLIC, change.stack, change.address, say("lets the whole internet in: {}", _said(entries)))


def _refused(change: Change, entries: Sequence[_Entry]) -> Finding:
    return Finding(Kind.PUBLIC, change.stack, change.address, say("no longer refuses {}", _said(entries)))


def _said(entries: Sequence[_Entry]) -> Text:
    return listed(one.said for one in sorted(entries))


def _open(entries: Sequence[_Entry]) -> list[_Entry]:
    """What lets the internet in, and is not refused before."""
    return [one for one in entries if one.allows and everywhere(one.network) and not _first(one, entries)]


def _first(one: _Entry, entries: Sequence[_Entry]) -> bool:
    """Whether another rule decides before this one."""
    return any(
        other.number < one.number and other.allows is not one.allows and other.includes(one) for other in entries
    )


def _meet(one: _Entry, other: _Entry) -> bool:
    return _inside(one.network, other.network) or _inside(other.network, one.network)


def _entries(value: Value) -> list[_Entry] | None:
    """None: not known."""
    if value is None:
        return []
    if not isinstance(value, list):
        return None
    if not all(isinstance(one, dict) for one in value):
        return None
    return [entry for one in value if (entry := _entry(one, "rule_no", "action"))]


def _entry(given: Mapping[str, Any], number: str, action: str) -> _Entry | None:
    network = given.get("cidr_block") or given.get("ipv6_cidr_block")
    kind = str(given.get("protocol", "-1")).lower()
    kind = _PROTOCOLS.get(kind, kind)
    if not isinstance(network, str) or not isinstance(given.get(number), int):
        return None
    ports = [given.get(name) for name in ("from_port", "to_port")]
    low, high = (one if isinstance(one, int) else default for one, default in zip(ports, (0, 65535), strict=True))
    if kind == "any" or kind.startswith("icmp"):
        low, high = 0, 65535
    return _Entry(given[number], str(given.get(action)).lower() == "allow", network, kind, low, high)


def _inside(network: str, other: str) -> bool:
    try:
        one, wide = ipaddress.ip_network(network, strict=False), ipaddress.ip_network(other, strict=False)
    except ValueError:
        return False
    return one.version == wide.version and one.subnet_of(wide)  # type: ignore[arg-type]  # of the same version


def _names(attributes: Mapping[str, Any]) -> list[str]:
    subnets = attributes.get("subnet_ids")
    return [one for one in subnets if isinstance(one, str)] if isinstance(subnets, list) else []
