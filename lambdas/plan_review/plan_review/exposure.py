"""Things that become public: by an attribute (exposure_rules), by a rule of a firewall, or because what kept them private goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plan_review import network_lists
from plan_review.exposure_rules import EXPOSURE, everywhere
from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.text import Text, joined, listed, say
from plan_review.values import UNKNOWN, Value
from plan_review.world import World

# What keeps something private, and goes.
_KEEPERS = {
    "aws_s3_bucket_public_access_block": "no longer keeps the bucket from being public",
    "aws_s3_account_public_access_block": "no longer keeps the account's buckets from being public",
    "aws_ebs_snapshot_block_public_access": "no longer keeps snapshots from being shared with everybody",
    "aws_ec2_image_block_public_access": "no longer keeps images from being shared with everybody",
    "aws_emr_block_public_access_configuration": "no longer keeps clusters from being public",
}
KEEPERS = frozenset(_KEEPERS)
Open = tuple[str, str, int, int]  # a range of addresses, a protocol, and ports


def exposed(change: Change, world: World) -> Iterator[Finding]:
    """Findings about one change."""
    if change.type in _KEEPERS and change.gone and not world.goes_along(change):
        yield Finding(Kind.PUBLIC, change.stack, change.address, say(_KEEPERS[change.type] + ": it is destroyed"))
    yield from EXPOSURE.findings(change)
    yield from _firewall(change)
    yield from network_lists.opened(change, world)


def _firewall(change: Change) -> Iterator[Finding]:
    if not change.managed or change.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        return
    before, after = set(_open(change.type, change.before)), set(_open(change.type, change.after))
    new = sorted(one for one in after if not any(_within(one, other) for other in before))
    if new:
        sentence = joined([say("lets the whole internet in: "), _ports(new)], "")
        yield Finding(Kind.PUBLIC, change.stack, change.address, sentence)
    if _not_known(change):
        yield Finding(
            Kind.UNSEEN, change.stack, change.address, say("the addresses that it lets in are not known before apply")
        )


def _ports(opened: list[Open]) -> Text:
    return listed(f"{_range(protocol, low, high)} from {network}" for network, protocol, low, high in opened)


def _range(protocol: str, low: int, high: int) -> str:
    if (low, high) == (0, 65535):
        return "everything" if protocol == "any" else f"all ports of {protocol}"
    return f"{protocol} port {low}" if low == high else f"{protocol} ports {low} to {high}"


def _within(one: Open, other: Open) -> bool:
    return one[0] == other[0] and other[1] in ("any", one[1]) and other[2] <= one[2] and one[3] <= other[3]


def _open(kind: str, rule: Mapping[str, Value]) -> Iterator[Open]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html : protocol -1 is all, then ports do not count."""
    if kind in ("aws_security_group", "aws_default_security_group"):
        ingress = rule.get("ingress")
        for one in ingress if isinstance(ingress, list) else ():
            if isinstance(one, dict):
                yield from _ranges(one, ("cidr_blocks", "ipv6_cidr_blocks"), "protocol")
    elif kind == "aws_security_group_rule" and rule.get("type") == "ingress":
        yield from _ranges(rule, ("cidr_blocks", "ipv6_cidr_blocks"), "protocol")
    elif kind == "aws_vpc_security_group_ingress_rule":
        yield from _ranges(rule, ("cidr_ipv4", "cidr_ipv6"), "ip_protocol")
    elif kind == "azurerm_network_security_rule" and (rule.get("direction"), rule.get("access")) == (
        "Inbound",
        "Allow",
    ):
        several = rule.get("source_address_prefixes")
        for source in (rule.get("source_address_prefix"), *(several if isinstance(several, list) else ())):
            if everywhere(source):
                yield str(source), str(rule.get("protocol", "any")).lower(), 0, 65535


def _ranges(rule: Mapping[str, Value], names: tuple[str, ...], protocol: str) -> Iterator[Open]:
    for name in names:
        value = rule.get(name)
        for network in value if isinstance(value, list) else [value]:
            if everywhere(network):
                kind = str(rule.get(protocol, "-1")).lower()
                whole = kind in ("-1", "all")
                low, high = (
                    (0, 65535) if whole else (_port(rule.get("from_port"), 0), _port(rule.get("to_port"), 65535))
                )
                yield str(network), "any" if whole else kind, low, high


def _port(value: Value, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default


def _not_known(change: Change) -> bool:
    """A rule that was known, and now is not."""
    if change.type in ("aws_security_group", "aws_default_security_group"):
        return (
            change.stays and change.after.get("ingress") is UNKNOWN and change.before.get("ingress") not in (None, [])
        )
    if change.type in ("aws_security_group_rule", "aws_vpc_security_group_ingress_rule"):
        names = ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6")
        return change.stays and any(change.after.get(name) is UNKNOWN and change.before.get(name) for name in names)
    return False
