"""What one execution can cost at most, from the deployed timeouts and from prices that somebody else says.

Counted: build minutes, CodePipeline's action minutes, the time of the functions that actions call. Not counted, because nothing bounds
them: requests, storage, logs, data transfer, NAT, Inspector's scan of the pushed image, what Security Hub takes in, the importer's calls
by events of that scan, and what the deployed application itself does. The execution can be retried by others; ``Meter`` sees that.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from modules.scanners import SCANNERS
from tools.prove_on_aws.aws import AbsentError, Aws, Json, UntriedError
from tools.prove_on_aws.deployed import Deployed

ACTION_MINUTE = "pipeline-action-minute"
GB_SECOND = "lambda-gb-second"
# Price name -> (service code, end of its usage type in the Price List). Each usage type stands in public bills and tests of others, such as
# EUC1-Build-Min:Linux:g1.small; no page of AWS lists them, so a price that is not found under it is asked of the user.
PRICE_LIST = {
    "BUILD_GENERAL1_SMALL": ("CodeBuild", "Build-Min:Linux:g1.small"),
    "BUILD_GENERAL1_MEDIUM": ("CodeBuild", "Build-Min:Linux:g1.medium"),
    "BUILD_GENERAL1_LARGE": ("CodeBuild", "Build-Min:Linux:g1.large"),
    ACTION_MINUTE: ("AWSCodePipeline", "actionExecutionMinute"),
    GB_SECOND: ("AWSLambda", "Lambda-GB-Second-ARM"),
}
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: a function that never answers; "all other actions".
_INVOKE_MINUTES = 20
_OTHER_MINUTES = 60


class OverLimitError(UntriedError):
    """Nothing was started: the bound is above the limit, or unknown. The message has the figures."""


@dataclass(frozen=True)
class ActionCost:
    """One action at most: minutes of its machine (``compute``: a price's name, or none), of the action, GB seconds."""

    action: str
    compute: str | None
    build_minutes: int
    action_minutes: int
    gb_seconds: Decimal

    def usd(self, prices: Mapping[str, Decimal], minutes: int | None = None) -> Decimal:
        """The bound; with ``minutes`` what that long has cost, rounded up: the functions in full."""
        build, action = (self.build_minutes, self.action_minutes) if minutes is None else (minutes, minutes)
        machine = prices[self.compute] * build if self.compute else Decimal(0)
        return machine + prices[ACTION_MINUTE] * action + prices[GB_SECOND] * self.gb_seconds


def actions(aws: Aws, deployed: Deployed, pipeline: str) -> dict[tuple[str, str], ActionCost]:
    """(stage, action) -> its bound, with timeouts and machines as they are deployed. An approval costs nothing."""
    [emitted] = deployed.stacks[pipeline]["aws_codepipeline"].values()
    declared = [(stage["name"], action) for stage in emitted["stage"] for action in stage["action"]]
    names = [action["configuration"]["ProjectName"] for _, action in declared if action["provider"] == "CodeBuild"]
    answer = aws.call("codebuild", "batch_get_projects", names=names)
    if answer.get("projectsNotFound"):
        raise AbsentError(f"not deployed: {', '.join(answer['projectsNotFound'])}")
    projects = {project["name"]: project for project in answer["projects"]}
    found = {}
    for stage, action in declared:
        name = f"{stage}/{action['name']}"
        match action["provider"]:
            case "Manual":
                continue
            case "CodeBuild":
                project = projects[action["configuration"]["ProjectName"]]
                if project["environment"]["type"] != "LINUX_CONTAINER":
                    raise OverLimitError(f"{name}: no price is known for a {project['environment']['type']}")
                minutes = project["timeoutInMinutes"]
                waiting = project["queuedTimeoutInMinutes"]
                scanner = SCANNERS.get(action["name"])
                calls = len(scanner.scopes) if scanner else 0
                cost = ActionCost(
                    name,
                    project["environment"]["computeType"],
                    minutes,
                    minutes + waiting,
                    _time(deployed, "importer", calls),
                )
            case "Lambda":
                purpose = "sealer" if action["name"] == "seal" else "guard"
                cost = ActionCost(name, None, 0, _INVOKE_MINUTES, _time(deployed, purpose, 1))
            case _:
                cost = ActionCost(name, None, 0, _OTHER_MINUTES, Decimal(0))
        found[stage, action["name"]] = cost
    return found


def _time(deployed: Deployed, function: str, calls: int) -> Decimal:
    emitted = (
        deployed.stacks["findings"]["aws_lambda_function"][function] if calls else {"timeout": 0, "memory_size": 0}
    )
    return Decimal(emitted["timeout"] * emitted["memory_size"] * calls) / 1024


def prices(aws: Aws, region: str, needed: set[str], given: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Price name -> USD, as the user gave it or as the Price List Query API says now; ``OverLimitError`` without one.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    found = {name: given[name] for name in needed & set(given)}
    for name in sorted(needed - set(given)):
        try:
            found[name] = _looked_up(aws, region, name)
        except UntriedError as error:
            raise OverLimitError(
                f"no price for {name} in {region} ({error}); look it up and pass --price {name}=<USD>. Nothing was started"
            ) from None
    return found


def _looked_up(aws: Aws, region: str, name: str) -> Decimal:
    if name not in PRICE_LIST:
        raise UntriedError("the Price List's name for it is not known")
    service, usage = PRICE_LIST[name]
    filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}]
    own = re.compile(rf"(?:[A-Z0-9]+-)?{re.escape(usage)}")
    usd = []
    for text in aws.pages("pricing", "get_products", "PriceList", ServiceCode=service, Filters=filters):
        product = json.loads(text)
        if own.fullmatch(product.get("product", {}).get("attributes", {}).get("usagetype", "")):
            usd += _on_demand(product)
    if not usd:
        raise UntriedError("the Price List has none")
    return max(usd)  # the first tier; later ones and the free ones are cheaper


def _on_demand(product: Json) -> list[Decimal]:
    dimensions = [
        dimension
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for dimension in term.get("priceDimensions", {}).values()
    ]
    amounts = [amount(dimension.get("pricePerUnit", {}).get("USD", "0")) for dimension in dimensions]
    return [one for one in amounts if one]


def amount(text: str) -> Decimal | None:
    """A price in USD above zero, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None


def bound(costs: Sequence[ActionCost], usd: Mapping[str, Decimal]) -> Decimal:
    """All actions at their longest, each once."""
    return sum((cost.usd(usd) for cost in costs), Decimal(0))


def needed(costs: Sequence[ActionCost]) -> set[str]:
    """Names of the prices that the bound takes."""
    return {cost.compute for cost in costs if cost.compute} | {ACTION_MINUTE, GB_SECOND}


def table(costs: Sequence[ActionCost], usd: Mapping[str, Decimal]) -> list[str]:
    """One line for each action, and one for the prices: what a refusal shows."""
    lines = [
        f"  {cost.action}: {cost.build_minutes} min {cost.compute or 'no machine'}, {cost.action_minutes} action min,"
        f" {cost.gb_seconds.normalize():f} GB s: at most {cost.usd(usd):.4f} USD"
        for cost in costs
    ]
    return [
        *lines,
        "  at " + ", ".join(f"{name} {price.normalize():f}" for name, price in sorted(usd.items())) + " USD each",
    ]


@dataclass(frozen=True)
class Meter:
    """What an execution has cost, and may still cost with what runs now."""

    costs: Mapping[tuple[str, str], ActionCost]
    usd: Mapping[str, Decimal]

    def read(self, attempts: Sequence[Json], now: datetime) -> tuple[Decimal, Decimal]:
        """(spent, spent and what the running actions may come to). ``attempts``: ListActionExecutions, retries included."""
        spent = possible = Decimal(0)
        for attempt in attempts:
            cost = self.costs.get((attempt["stageName"], attempt["actionName"]))
            if cost is None:  # an approval
                continue
            running = attempt.get("status") == "InProgress"
            begun, last = attempt.get("startTime", now), attempt.get("lastUpdateTime", now)
            minutes = max(1, math.ceil(((now if running else last) - begun).total_seconds() / 60))
            so_far = cost.usd(self.usd, minutes)
            spent += so_far
            possible += max(so_far, cost.usd(self.usd)) if running else so_far
        return spent, possible
