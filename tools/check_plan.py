"""One Terraform plan of all outputs in which every policy document is known.

A plan does not know what AWS has yet to name. The policies are composed from names, so nearly all that they lack is the KMS
key: an emulator on loopback has one under the project's alias. Two kinds of references are left, which only this copy for
the checkers gets as text (``_ARNS``). The stacks become modules of one configuration: one plan instead of one for each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tools.check_emitted import ROOT, Output
from tools.terraform_cli import TerraformMissingError, find

# Any will do: this emulator checks none.
_ANY_KEY = "emulator"
EMULATOR = ROOT / ".venv-emulator" / "bin" / "ministack"
_PLANNED_REFERENCE = re.compile(r"\$\{aws_(codebuild_project|kms_key)\.([\w-]+)\.arn\}")
# Attributes in which the provider takes a policy.
POLICY_ATTRIBUTES = ("policy", "assume_role_policy")
# Their `policy` is what AWS answers; ours stands in a resource of its own.
_OF_ANOTHER_RESOURCE = {"aws_s3_bucket", "aws_sns_topic", "aws_sqs_queue"}
# Rules of when images expire, no permissions.
_NO_IAM = {"aws_ecr_lifecycle_policy"}


@dataclass(frozen=True)
class Policy:
    """A policy as AWS would get it: ``where`` is ``<output>/<stack>/<resource address>``, ``attribute`` tells trust
    (``assume_role_policy``) from the rest."""

    where: str
    kind: str
    attribute: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """``file`` is ``terraform show -json``; ``unknown`` are the places of policies that it does not know; ``resources``
    is the number of planned resources."""

    file: Path
    policies: Sequence[Policy]
    unknown: Sequence[str]
    resources: int


def place(address: str) -> str:
    """``module.pipelines--payments.aws_sqs_queue.x`` -> ``pipelines/payments/aws_sqs_queue.x``."""
    module, _, rest = address.removeprefix("module.").partition(".")
    return f"{module.replace('--', '/')}/{rest}"


@contextmanager
def _emulator() -> Iterator[str]:
    """An emulator on a free loopback port; its address."""
    if not EMULATOR.is_file():
        raise SystemExit("the emulator is not installed: run `make check`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Its services' state stays in memory; it is the leader of its process group, which ends with it.
    process = subprocess.Popen(
        [str(EMULATOR)],
        env={**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _create_key(address: str, account: str, region: str, alias: str) -> str:
    """The key under ``alias``, made as the foundation's stack would have; its ARN."""
    # ministack takes an access key of twelve digits for the account.
    kms = boto3.client(
        "kms", endpoint_url=address, region_name=region, aws_access_key_id=account, aws_secret_access_key=_ANY_KEY
    )
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return str(key["Arn"])


def _module(stack: Mapping[str, Any], name: str, key: str, account: str, region: str) -> str:
    """A stack as a module: without backend and provider, which the root has; its files below ``name``."""

    def arn(reference: re.Match[str]) -> str:
        kind, resource = reference.groups()
        if kind == "kms_key":
            return key
        project = stack["resource"]["aws_codebuild_project"][resource]["name"]
        return f"arn:aws:codebuild:{region}:{account}:project/{project}"

    kept = {block: content for block, content in stack.items() if block not in ("//", "provider", "terraform")}
    documents = kept.get("data", {}).get("aws_iam_policy_document", {})
    known = json.loads(_PLANNED_REFERENCE.sub(arn, json.dumps(documents)))
    if documents:
        kept["data"] = {**kept["data"], "aws_iam_policy_document": known}
    required = {"aws": {"source": "hashicorp/aws"}}
    return json.dumps({**kept, "terraform": {"required_providers": required}}).replace('"assets/', f'"{name}/assets/')


def _configure(outputs: Sequence[Output], folder: Path, address: str) -> None:
    """Write the root configuration and its modules into ``folder``."""
    providers, modules = [], {}
    for output in outputs:
        first = next(iter(output.stacks.values()))
        emitted = first["provider"]["aws"][0]
        region = emitted["region"]
        alias = next(alias["name"] for _, _, alias in output.resources("aws_kms_alias"))
        key = _create_key(address, output.account, region, alias)
        providers.append({**emitted, "alias": output.name, "access_key": output.account, "secret_key": _ANY_KEY})
        for stack, content in output.stacks.items():
            name = f"{output.name}--{stack}"
            shutil.copytree(output.folder / "stacks" / stack, folder / name, ignore=shutil.ignore_patterns("*.tf.json"))
            text = _module(content, name, key, output.account, region)
            (folder / name / "main.tf.json").write_text(text, encoding="utf-8")
            modules[name] = {"source": f"./{name}", "providers": {"aws": f"aws.{output.name}"}}
    version = first["terraform"]["required_providers"]["aws"]
    root = {"terraform": {"required_providers": {"aws": version}}, "provider": {"aws": providers}, "module": modules}
    (folder / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")


def _children(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _children(child)


def _policies(plan: Mapping[str, Any]) -> tuple[list[Policy], list[str]]:
    known, unknown = [], []
    for change in plan["resource_changes"]:
        if change["type"] == "aws_iam_policy_document":
            # Terraform has put off reading it until it is applied.
            unknown.append(place(change["address"]))
        if change["mode"] == "data" or change["type"] in _OF_ANOTHER_RESOURCE:
            continue
        unknown += [
            f"{place(change['address'])} {attribute}"
            for attribute in POLICY_ATTRIBUTES
            if change["change"]["after_unknown"].get(attribute)
        ]
    for resource in _children(plan["planned_values"]["root_module"]):
        for attribute in POLICY_ATTRIBUTES:
            # A data source that is read only when it is applied has no values.
            text = resource.get("values", {}).get(attribute)
            if resource["mode"] == "managed" and text and resource["type"] not in _NO_IAM:
                known.append(Policy(place(resource["address"]), resource["type"], attribute, json.loads(text)))
    return known, unknown


@contextmanager
def planned(outputs: Sequence[Output]) -> Iterator[Plan]:
    """Plan all outputs; the file lives as long as the context. Exits with Terraform's own words if it refuses."""
    with tempfile.TemporaryDirectory() as scratch, _emulator() as address:
        try:
            terraform = find(Path(scratch)).with_environment(AWS_ENDPOINT_URL=address)
        except TerraformMissingError as error:
            raise SystemExit(f"the policies cannot be known without a plan: {error}") from None
        folder = Path(scratch, "stacks")
        folder.mkdir()
        _configure(outputs, folder, address)
        for arguments in (
            ["init", "-input=false", "-no-color", "-backend=false"],
            ["plan", "-input=false", "-no-color", "-refresh=false", "-out=plan"],
            ["show", "-json", "plan"],
        ):
            ran = terraform.run(folder, *arguments)
            if ran.returncode:
                raise SystemExit(f"terraform {arguments[0]}: {ran.stderr.strip()[-2000:]}")
        file = Path(scratch, "tfplan.json")
        file.write_text(ran.stdout, encoding="utf-8")
        plan = json.loads(ran.stdout)
        known, unknown = _policies(plan)
        managed = [change for change in plan["resource_changes"] if change["mode"] == "managed"]
        yield Plan(file, known, unknown, len(managed))
