"""Arguments in, table and exit code out."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError
from rich.console import Console

from stacks.settings import MistakesError, Settings, load
from tools.prove_on_aws import audit, cost, events, history, needs, permissions, standing
from tools.prove_on_aws.aws import AbsentError, Aws, CredentialsError, UntriedError, connect
from tools.prove_on_aws.deployed import Deployed, Emitted, read_output, resolve
from tools.prove_on_aws.execution import Watcher
from tools.prove_on_aws.report import Row, Verdict, as_json, exit_code, show

ROOT = Path(__file__).resolve().parents[2]
_EPILOG = """exit code: 0 all proved, 1 something is not as it must be, 2 something could not be tried (also: no credentials, another
account, above the limit). Without --run everything is only read. --run starts a real execution: it builds, scans, pushes an image and
deploys to staging, exactly as a push would; it never answers the approval."""


@dataclass
class Tool:
    """Everything from outside that the tool uses, so that tests can stand in for it."""

    connect: Callable[[Settings], Aws]
    emit: Callable[[Settings], Emitted]
    out: Console
    err: Console
    sleep: Callable[[float], None] = field(default=time.sleep)


def main(arguments: Sequence[str]) -> int:
    """The command line's exit code."""
    return run(
        arguments,
        Tool(_connect, _emit, Console(soft_wrap=False, highlight=False), Console(stderr=True, highlight=False)),
    )


def _connect(settings: Settings) -> Aws:
    pricing = "cn-northwest-1" if settings.region.startswith("cn-") else "us-east-1"
    try:
        return connect(boto3.Session(), settings.region, pricing)
    except BotoCoreError as error:  # a profile that is not there
        raise CredentialsError(str(error)) from None


def _emit(settings: Settings) -> Emitted:
    """Synthesized anew: what stands in cdktf.out may be older than the settings."""
    from modules import bindings

    missing = bindings.node_missing(os.environ)
    if missing:
        raise MistakesError([missing])
    bindings.start(os.environ).result()
    from stacks.app import synthesized

    with synthesized(settings) as folder:
        return read_output(folder)


def run(arguments: Sequence[str], tool: Tool) -> int:
    """The exit code; see the epilog."""
    options = _parser().parse_args(arguments)
    environ = {**os.environ, **({"PIPELINES": options.pipelines} if options.pipelines else {})}
    try:
        settings = load(environ, ROOT)
        if options.permissions:
            tool.out.print(needs.policy(settings), markup=False, soft_wrap=True, end="")
            return 0
        given = _prices(options.price)
        if options.run and options.run not in settings.pipelines:
            raise MistakesError([f"--run {options.run}: the settings have {', '.join(settings.pipelines)}"])
        if options.execution and not options.run:
            raise MistakesError(["--execution needs --run, the pipeline that it is one of"])
        aws = tool.connect(settings)
        deployed = _arrive(aws, settings, tool)
    except MistakesError as error:
        tool.err.print("\n".join(error.messages), markup=False)
        return 2
    except UntriedError as error:
        tool.err.print(str(error), markup=False)
        return 2
    try:
        rows = [check.row() for part in (events, audit, permissions, standing) for check in part.checks(aws, deployed)]
        if options.run:
            rows += _run(aws, deployed, options, given, tool)
    except KeyboardInterrupt:
        begun = "; an execution that was started goes on, CodePipeline's console shows it" if options.run else ""
        tool.err.print(f"interrupted{begun}", markup=False)
        return 2
    show(rows, tool.out)
    if options.json:
        header: dict[str, object] = {
            "account": deployed.account,
            "region": deployed.region,
            "project": settings.project,
        }
        options.json.write_text(as_json(rows, header), encoding="utf-8")
    return exit_code(rows)


def _arrive(aws: Aws, settings: Settings, tool: Tool) -> Deployed:
    """Whose account this is, before anything else is asked of it."""
    try:
        caller = aws.call("sts", "get_caller_identity")
    except AbsentError as error:
        raise UntriedError(str(error)) from None
    account, partition = caller["Account"], caller["Arn"].split(":")[1]
    if settings.account and settings.account != account:
        raise UntriedError(
            f"these credentials are of account {account}, the settings say {settings.account}: nothing was asked"
        )
    tool.err.print(f"account {account}, region {settings.region}, as {caller['Arn']}", markup=False)
    alias = f"alias/{settings.project}"
    try:
        key = aws.call("kms", "describe_key", KeyId=alias)["KeyMetadata"]["Arn"]
    except AbsentError:
        raise UntriedError(f"{alias} is not in {account} {settings.region}: deploy foundation first (README)") from None
    return resolve(settings, tool.emit(settings), account, partition, key)


def _run(aws: Aws, deployed: Deployed, options: argparse.Namespace, given: dict[str, Decimal], tool: Tool) -> list[Row]:
    pipeline = options.run
    watcher = Watcher(aws, deployed, lambda line: tool.err.print(line, markup=False), tool.sleep)
    try:
        if options.execution:
            watched = watcher.watch(pipeline, options.execution, None)
        else:
            costs = cost.actions(aws, deployed, pipeline)
            each = list(costs.values())
            usd = cost.prices(aws, deployed.region, cost.needed(each), given)
            most = cost.bound(each, usd)
            lines = cost.table(each, usd)
            if most > options.limit_usd:
                figures = "\n".join(lines)
                raise cost.OverLimitError(
                    f"at most {most:.4f} USD, limit {options.limit_usd}: nothing was started. Raise --limit-usd if you accept it:\n{figures}"
                )
            tool.err.print(
                f"{pipeline}: at most {most:.4f} USD, limit {options.limit_usd}\n" + "\n".join(lines), markup=False
            )
            execution, commit = watcher.start(pipeline, options.branch)
            tool.err.print(f"started {execution} at {commit}", markup=False)
            watched = watcher.watch(pipeline, execution, commit, cost.Meter(costs, usd), options.limit_usd)
    except (UntriedError, AbsentError) as error:
        if isinstance(error, cost.OverLimitError):
            tool.err.print(str(error), markup=False)
        return [Row("run", f"one execution of {pipeline}", Verdict.UNTRIED, str(error).partition("\n")[0])]
    return [check.row() for check in history.checks(aws, deployed, watched)]


def _prices(given: list[str]) -> dict[str, Decimal]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        price = cost.amount(value)
        if name not in cost.PRICE_LIST or price is None:
            raise MistakesError([f"--price {text}: NAME=USD above zero; names: {', '.join(cost.PRICE_LIST)}"])
        found[name] = price
    return found


def _amount(text: str) -> Decimal:
    price = cost.amount(text)
    if price is None:
        raise argparse.ArgumentTypeError("an amount above zero, such as 1.00")
    return price


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.prove_on_aws", description=__doc__, epilog=_EPILOG)
    parser.description = "Proves on the deployed account what no emulator and no document shows."
    parser.add_argument("--pipelines", metavar="FILE", help="settings file; pipelines.yaml, or what PIPELINES names")
    parser.add_argument("--run", metavar="PIPELINE", help="start one execution of it and read what it shows")
    parser.add_argument("--execution", metavar="ID", help="with --run: read this execution, start none")
    parser.add_argument("--branch", help="with --run of a scan pipeline: whose head is scanned; its default branch")
    parser.add_argument(
        "--limit-usd", metavar="USD", type=_amount, default=Decimal("1.00"), help="most that --run may cost; 1.00"
    )
    parser.add_argument("--price", metavar="NAME=USD", action="append", default=[],
                        help=f"a price, instead of asking the Price List: {', '.join(cost.PRICE_LIST)}")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the table there as JSON, too")
    parser.add_argument("--permissions", action="store_true", help="print the IAM policy that this needs, ask nothing")
    return parser
