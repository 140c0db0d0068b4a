"""policies.py renders documents as the real provider does, and refuses what it cannot follow."""

from __future__ import annotations

import copy
import json
import shutil
import types
from pathlib import Path
from typing import Any

import pytest
from policies import Policies, UnresolvedError, render, resolve

# The provider wants credentials to begin with; nothing here calls AWS.
_PROVIDER = {
    "region": "eu-central-1",
    "access_key": "none",
    "secret_key": "none",
    "skip_credentials_validation": True,
    "skip_requesting_account_id": True,
    "skip_metadata_api_check": "true",
}

# What the output does not use (yet), so that what is rendered for it tomorrow is right too.
_OTHERS: dict[str, Any] = {
    "anybody": {"statement": [{"actions": ["s3:*"], "principals": [{"type": "*", "identifiers": ["*"]}]}]},
    "variables": {"statement": [{"sid": "A", "actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/&{aws:username}"]}]},
    "several": {
        "statement": [
            {
                "effect": "Deny",
                "not_actions": ["b:B", "a:A", "c:C"],
                "not_resources": ["arn:aws:s3:::x"],
                "not_principals": [
                    {"type": "AWS", "identifiers": ["111111111111"]},
                    {"type": "Service", "identifiers": ["b.amazonaws.com", "a.amazonaws.com"]},
                ],
                "condition": [
                    {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["b", "a", "c"]},
                    {"test": "StringEquals", "variable": "aws:PrincipalAccount", "values": ["1"]},
                    {"test": "Null", "variable": "aws:SourceArn", "values": ["true"]},
                ],
            }
        ]
    },
}  # fmt: skip


def _walk(value: Any, text: Any) -> Any:
    if isinstance(value, dict):
        return {key: _walk(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, text) for inner in value]
    return text(value) if isinstance(value, str) else value


def test_documents_are_rendered_as_the_provider_renders_them(terraform: Any, full: Any, tmp_path: Path) -> None:
    ours = {name: render(content) for name, content in _OTHERS.items()}
    sources = {name: content["statement"] for name, content in _OTHERS.items()}
    replaced = {
        "${data.aws_partition.current.partition}": "aws",
        "${data.aws_partition.current.dns_suffix}": "amazonaws.com",
        "${data.aws_caller_identity.caller.account_id}": "123456789012",
    }

    def text(value: str) -> str:
        for reference, literal in replaced.items():
            value = value.replace(reference, literal)
        # Every other reference stands for some ARN: which one is another test's business.
        return value.replace("${", "arn:aws:kms:eu-central-1:123456789012:").replace("}", "")

    for stack, name, document in full.documents():
        statements = _walk(document["statement"], text)
        ours[f"{stack}_{name}"] = render({"statement": statements})
        sources[f"{stack}_{name}"] = statements
    names = sorted(sources)
    (tmp_path / "main.tf.json").write_text(
        json.dumps(
            {
                "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}}},
                "provider": {"aws": _PROVIDER},
                "data": {"aws_iam_policy_document": {name: {"statement": sources[name]} for name in names}},
                "output": {name: {"value": f"${{data.aws_iam_policy_document.{name}.json}}"} for name in names},
            }
        ),
        encoding="utf-8",
    )  # fmt: skip
    # The fixture has made one folder ready to see that the provider is there; a second init would take seconds.
    ready = Path(terraform.environment["TF_CLI_CONFIG_FILE"]).parent / "probe"
    shutil.copytree(ready / ".terraform", tmp_path / ".terraform", symlinks=True)
    shutil.copy(ready / ".terraform.lock.hcl", tmp_path)
    done = terraform.run(tmp_path, "apply", "-input=false", "-auto-approve", "-no-color")
    assert done.returncode == 0, done.stderr
    state = json.loads((tmp_path / "terraform.tfstate").read_text(encoding="utf-8"))
    for name in names:
        assert json.loads(state["outputs"][name]["value"]) == ours[name], name


def test_references_are_followed(policies: Policies, emitted: Any) -> None:
    project, region = emitted.settings.project, policies.region
    key = policies.aliases[f"alias/{project}"]
    singletons = emitted.settings.singletons
    own_trail, own_config = singletons.cloudtrail == "manage", singletons.config == "manage"
    assert set(policies.aliases) == {f"alias/{project}", *([f"alias/{project}-trail"] if own_trail else [])}
    assert set(policies.aliases.values()) == set(policies.keys)
    assert key.startswith(f"arn:aws:kms:{region}:123456789012:key/")
    importer = policies.roles[f"{project}-findings-importer"]
    assert importer.arn == f"arn:aws:iam::123456789012:role/{project}-findings-importer"
    assert key in json.dumps(importer.permissions), "through the alias, from another stack"
    assert set(policies.buckets) == {
        f"{project}-{purpose}-123456789012-{region}"
        for purpose in (
            *("access-logs", "artifacts", "reports"),
            *(["trail"] if own_trail else []),
            *(["config"] if own_config else []),
        )
    }
    everything = [policies.buckets, policies.keys, policies.topics, policies.queues]
    assert all(document for documents in everything for document in documents.values())
    everything += [policies.functions, {role.name: [role.trust, role.permissions] for role in policies.roles.values()}]
    assert "${" not in json.dumps(everything)
    assert all(len(role.permissions) == 1 for role in policies.roles.values())


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("${data.aws_caller_identity.caller.account_id}", "${data.aws_caller_identity.other.account_id}"),
        ("${data.aws_kms_alias.key.target_key_arn}", "${data.aws_kms_alias.key.arn}"),
        ("${aws_codebuild_project.Build_image.arn}", "${aws_codebuild_project.Build_image.id}"),
        ("${data.aws_partition.current.partition}", '${lower("AWS")}'),
    ],
)
def test_what_cannot_be_followed_is_an_error(full: Any, at: str, value: str) -> None:
    text = json.dumps(full.stacks)
    changed = text.replace(json.dumps(at)[1:-1], json.dumps(value)[1:-1])
    assert changed != text
    with pytest.raises(UnresolvedError):
        resolve(types.SimpleNamespace(stacks=json.loads(changed), settings=full.settings))


def test_a_managed_policy_is_not_overlooked(full: Any) -> None:
    stacks = copy.deepcopy(dict(full.stacks))
    stacks["findings"]["resource"]["aws_iam_role_policy_attachment"] = {
        "admin": {
            "role": "${aws_iam_role.guard_role.name}",
            "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
        }
    }
    with pytest.raises(UnresolvedError, match="inline"):
        resolve(types.SimpleNamespace(stacks=stacks, settings=full.settings))
