"""``python -m tools.plan_examples [NAME ...]``: tests/plans/*.json anew, by the real Terraform and the real AWS provider, offline.

A folder of tests/plans/configurations holds ``before.tf`` and ``after.tf``. What ``before`` would make becomes the state (what only
AWS would know gets an invented value), and ``after`` is planned upon it without asking anybody. ``arguments`` holds more arguments
of the plan, one a line.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.terraform_cli import Terraform, TerraformMissingError, find

ROOT = Path(__file__).resolve().parents[1]
PLANS = ROOT / "tests" / "plans"
CONFIGURATIONS = PLANS / "configurations"
# Enough for the provider to plan without credentials, and an address where nobody answers.
_PROVIDER = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  endpoints { sts = "http://127.0.0.1:9" }
}
"""
# What the review does not read is not kept: it is most of a plan, and differs from machine to machine.
_KEPT = (
    "format_version", "terraform_version", "resource_drift", "resource_changes", "output_changes", "relevant_attributes",
    "checks", "complete", "errored", "deferred_changes", "action_invocations",
)  # fmt: skip


def names() -> list[str]:
    """All examples."""
    return sorted(folder.name for folder in CONFIGURATIONS.iterdir() if folder.is_dir())


def make(name: str, terraform: Terraform, scratch: Path) -> dict[str, Any]:
    """One plan. Raises RuntimeError with Terraform's words."""
    source = CONFIGURATIONS / name
    folder = scratch / name
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("before.tf", "after.tf", "arguments"))
    if "aws_" in "".join(path.read_text(encoding="utf-8") for path in source.rglob("*.tf")):
        (folder / "provider.tf").write_text(_PROVIDER, encoding="utf-8")
    main = folder / "main.tf"
    if (source / "before.tf").is_file():
        shutil.copy(source / "before.tf", main)
        first = _planned(terraform, folder, [])
        (folder / "terraform.tfstate").write_text(json.dumps(_state(first)), encoding="utf-8")
    shutil.copy(source / "after.tf", main)
    more = source / "arguments"
    return kept(_planned(terraform, folder, more.read_text(encoding="utf-8").splitlines() if more.is_file() else []))


def _planned(terraform: Terraform, folder: Path, arguments: list[str]) -> dict[str, Any]:
    said = [
        terraform.run(folder, "init", "-input=false", "-no-color", "-upgrade"),
        terraform.run(folder, "plan", "-input=false", "-no-color", "-refresh=false", "-out=plan", *arguments),
        terraform.run(folder, "show", "-json", "plan"),
    ]
    # A plan that fails is written all the same, and shown.
    if said[0].returncode or said[2].returncode:
        raise RuntimeError("\n".join(ran.stderr[-2000:] for ran in said))
    shown: dict[str, Any] = json.loads(said[2].stdout)
    return shown


def kept(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a plan that is checked in."""
    small = {key: plan[key] for key in _KEPT if key in plan}
    module = plan.get("configuration", {}).get("root_module", {})
    if "aws_iam_policy_document" in json.dumps(module.get("resources", [])):
        small["configuration"] = {"root_module": module}
    else:
        small["planned_values"] = {}
    return small


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _state(plan: Mapping[str, Any]) -> dict[str, Any]:
    """State as if the plan had been applied. https://developer.hashicorp.com/terraform/language/state (version 4)"""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    changes = {change["address"]: change["change"] for change in plan.get("resource_changes", ())}
    for resource in _resources(plan["planned_values"].get("root_module", {})):
        if resource["mode"] != "managed":
            continue
        unknown = changes[resource["address"]]["after_unknown"]
        values = {**resource["values"]}
        values |= {
            key: _invented(resource, key) for key, mark in unknown.items() if mark is True and key in ("id", "arn")
        }
        if resource["type"] == "terraform_data":
            values = _dynamic(values)
        module = resource["address"].removesuffix(_tail(resource)).rstrip(".")
        group = groups.setdefault(
            (module, f"{resource['type']}.{resource['name']}"),
            {
                "mode": "managed",
                "type": resource["type"],
                "name": resource["name"],
                "provider": f'provider["{resource["provider_name"]}"]',
                "instances": [],
                **({"module": module} if module else {}),
            },
        )
        group["instances"].append(
            {
                "schema_version": resource["schema_version"],
                "attributes": values,
                "sensitive_attributes": [],
                **({"index_key": resource["index"]} if "index" in resource else {}),
            }
        )
    outputs = {
        name: {
            "value": output.get("value"),
            "type": output.get("type", _type(output.get("value"))),
            "sensitive": output["sensitive"],
        }
        for name, output in plan["planned_values"].get("outputs", {}).items()
    }
    return {
        "version": 4,
        "terraform_version": plan["terraform_version"],
        "serial": 1,
        "lineage": "example",
        "outputs": outputs,
        "resources": list(groups.values()),
    }


def _dynamic(values: Mapping[str, Any]) -> dict[str, Any]:
    """A terraform_data's attributes, which take any type and so carry it in the state."""
    both = {**values, "output": values.get("input")}
    given = {name: both.get(name) for name in ("input", "output", "triggers_replace") if both.get(name) is not None}
    return {"id": values["id"], **{name: {"value": value, "type": _type(value)} for name, value in given.items()}}


def _type(value: Any) -> Any:
    if isinstance(value, dict):
        return ["object", {name: _type(item) for name, item in value.items()}]
    if isinstance(value, list):
        return ["tuple", [_type(item) for item in value]]
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "string"


def _tail(resource: Mapping[str, Any]) -> str:
    index = f"[{json.dumps(resource['index'])}]" if "index" in resource else ""
    return f"{resource['type']}.{resource['name']}{index}"


def _invented(resource: Mapping[str, Any], key: str) -> str:
    name = resource["name"].replace("_", "-")
    if key == "arn":
        return f"arn:aws:{resource['type'].split('_')[1]}:eu-central-1:123456789012:{resource['type'].removeprefix('aws_')}/{name}"
    values = resource["values"]
    return str(values.get("bucket") or values.get("name") or values.get("identifier") or f"{name}-0123456789abcdef")


def text(plan: Mapping[str, Any]) -> str:
    """As it is checked in: small, and one line for each part of a plan and each change."""
    lines = []
    for key in sorted(plan):
        value = plan[key]
        if isinstance(value, list) and value:
            inner = ",\n".join(f"  {json.dumps(item, sort_keys=True)}" for item in value)
            lines.append(f" {json.dumps(key)}: [\n{inner}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(wanted: list[str]) -> int:
    """Write them. 1: one could not be made; 2: there is no Terraform."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            terraform = find(Path(scratch))
        except TerraformMissingError as error:
            print(error, file=sys.stderr)
            return 2
        for name in wanted or names():
            try:
                plan = make(name, terraform, Path(scratch))
            except RuntimeError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            (PLANS / f"{name}.json").write_text(text(plan), encoding="utf-8")
            print(f"{name}: {len(plan.get('resource_changes', ()))} objects")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
