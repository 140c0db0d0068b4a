"""Every policy of an output, as the JSON that AWS gets, by what it is attached to.

``resolve`` reads ``cdk.tf.json`` alone: no Terraform, no AWS. Accounts, ARNs and names are those that an apply in account
123456789012 would give. The documents are rendered as the AWS provider renders ``aws_iam_policy_document``
(test_rendering.py compares with the real provider).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
PARTITION = "aws"
DNS_SUFFIX = "amazonaws.com"

Document = Mapping[str, Any]

_REFERENCE = re.compile(r"(?<!\$)\$\{([^{}]*)\}")
_DOCUMENT = re.compile(r"\$\{data\.aws_iam_policy_document\.([\w-]+)\.json\}")


class UnresolvedError(ValueError):
    """A reference or an attachment that cannot be followed; the message names the stack and the text."""


@dataclass(frozen=True)
class RolePolicies:
    """One IAM role: ``trust`` is its assume role policy, ``permissions`` its inline policies by name. ``stack`` and ``id``
    are where it stands in the output."""

    name: str
    arn: str
    stack: str
    id: str
    trust: Document
    permissions: Mapping[str, Document]


@dataclass(frozen=True)
class AccessEntry:
    """What an EKS cluster knows of an IAM role: Kubernetes groups, and access policies (policy ARN, scope type,
    namespaces)."""

    cluster: str
    principal: str
    groups: tuple[str, ...]
    policies: tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Policies:
    """All policies of an output.

    ``roles``, ``buckets`` by name; ``keys``, ``topics``, ``queues`` by ARN; ``functions`` by the function's ARN, with the
    policy that Lambda composes of the function's permissions. A bucket, topic or queue without a policy has None.
    ``aliases`` maps ``alias/<name>`` to the key's ARN.
    """

    region: str
    roles: Mapping[str, RolePolicies]
    buckets: Mapping[str, Document | None]
    keys: Mapping[str, Document | None]
    topics: Mapping[str, Document | None]
    queues: Mapping[str, Document | None]
    functions: Mapping[str, Document | None]
    aliases: Mapping[str, str]
    access_entries: tuple[AccessEntry, ...]
    account: str = ACCOUNT
    partition: str = PARTITION

    def arn(self, service: str, resource: str) -> str:
        """ARN of a regional resource of the account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def resolve(emitted: Any) -> Policies:
    """The policies of ``emitted`` (``stacks``: name -> parsed cdk.tf.json; ``settings.region``).

    Raises UnresolvedError.
    """
    return _Resolver(emitted.stacks, emitted.settings.region).policies()


def text_of(emitted: Any, stack: str, value: str) -> str:
    """A text of one stack of the output with all references followed. Raises UnresolvedError."""
    return _Resolver(emitted.stacks, emitted.settings.region).text(stack, value)


# (resource type, attribute) -> the field that names it, and how AWS makes the attribute of that.
_REGIONAL = {
    ("aws_codebuild_project", "arn"): ("name", "codebuild", "project/{}"),
    ("aws_codepipeline", "arn"): ("name", "codepipeline", "{}"),
    ("aws_lambda_function", "arn"): ("function_name", "lambda", "function:{}"),
    ("aws_cloudwatch_event_rule", "arn"): ("name", "events", "rule/{}"),
    ("aws_sns_topic", "arn"): ("name", "sns", "{}"),
    ("aws_sqs_queue", "arn"): ("name", "sqs", "{}"),
    ("aws_ecr_repository", "arn"): ("name", "ecr", "repository/{}"),
    ("aws_codecommit_repository", "arn"): ("repository_name", "codecommit", "{}"),
}
_NAMES = {
    ("aws_iam_role", "id"): "name",
    ("aws_iam_role", "name"): "name",
    ("aws_s3_bucket", "id"): "bucket",
    ("aws_s3_bucket", "bucket"): "bucket",
    ("aws_lambda_function", "function_name"): "function_name",
    ("aws_cloudwatch_event_rule", "name"): "name",
    ("aws_ecr_repository", "name"): "name",
    ("aws_sns_topic", "id"): "arn",
    ("aws_config_configuration_recorder", "name"): "name",
}


class _Resolver:
    def __init__(self, stacks: Mapping[str, Any], region: str) -> None:
        self._stacks, self._region = stacks, region

    # -- references

    def text(self, stack: str, value: str) -> str:
        """``value`` without references."""
        resolved = _REFERENCE.sub(lambda found: self._reference(stack, found[1]), value)
        if "${" in resolved.replace("$${", ""):
            raise UnresolvedError(f"{stack}: {value}")
        return resolved.replace("$${", "${").replace("%%{", "%{")

    def _reference(self, stack: str, expression: str) -> str:
        parts = expression.split(".")
        data = parts[0] == "data"
        kind, name, attribute = parts[1:] if data and len(parts) == 4 else parts if len(parts) == 3 else ("", "", "")
        section = self._stacks[stack].get("data" if data else "resource", {}).get(kind, {})
        if name not in section:
            raise UnresolvedError(f"{stack}: ${{{expression}}}")
        found = self._data(stack, kind, section[name], attribute) if data else None
        found = found or (None if data else self._attribute(stack, kind, name, section[name], attribute))
        if found is None:
            raise UnresolvedError(f"{stack}: ${{{expression}}}")
        return found

    def _data(self, stack: str, kind: str, content: Mapping[str, Any], attribute: str) -> str | None:
        match kind, attribute:
            case "aws_caller_identity", "account_id":
                return ACCOUNT
            case "aws_partition", "partition":
                return PARTITION
            case "aws_partition", "dns_suffix":
                return DNS_SUFFIX
            case "aws_kms_alias", "target_key_arn":
                return self._aliases().get(self.text(stack, content["name"]))
        return None

    def _attribute(self, stack: str, kind: str, name: str, content: Mapping[str, Any], attribute: str) -> str | None:
        def own(field: str) -> str:
            return self.text(stack, content[field])

        if (kind, attribute) in _NAMES:
            field = _NAMES[kind, attribute]
            return self._reference(stack, f"{kind}.{name}.arn") if field == "arn" else own(field)
        if (kind, attribute) in _REGIONAL:
            field, service, shape = _REGIONAL[kind, attribute]
            return f"arn:{PARTITION}:{service}:{self._region}:{ACCOUNT}:{shape.format(own(field))}"
        match kind, attribute:
            case "aws_iam_role", "arn":
                return f"arn:{PARTITION}:iam::{ACCOUNT}:role/{own('name')}"
            case "aws_s3_bucket", "arn":
                return f"arn:{PARTITION}:s3:::{own('bucket')}"
            case "aws_sqs_queue", ("url" | "id"):
                return f"https://sqs.{self._region}.{DNS_SUFFIX}/{ACCOUNT}/{own('name')}"
            case "aws_kms_key", "key_id":
                return self._key_id(stack, name)
            case "aws_kms_key", "arn":
                return f"arn:{PARTITION}:kms:{self._region}:{ACCOUNT}:key/{self._key_id(stack, name)}"
        return None

    def _key_id(self, stack: str, name: str) -> str:
        """AWS draws the id; here it only has to be one and the same everywhere."""
        number = sorted(self._of("aws_kms_key")).index((stack, name)) + 1
        return f"00000000-0000-4000-8000-{number:012d}"

    def _aliases(self) -> dict[str, str]:
        return {
            self.text(stack, alias["name"]): (
                f"arn:{PARTITION}:kms:{self._region}:{ACCOUNT}:key/{self.text(stack, alias['target_key_id'])}"
            )
            for (stack, _), alias in self._of("aws_kms_alias").items()
        }

    def _of(self, kind: str) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Every resource of a type, by (stack, name)."""
        return {
            (stack, name): resource
            for stack, content in self._stacks.items()
            for name, resource in content.get("resource", {}).get(kind, {}).items()
        }

    # -- documents

    def document(self, stack: str, value: str) -> Document:
        """The document that an attribute holds: a reference to a data source, or JSON."""
        reference = _DOCUMENT.fullmatch(value)
        if reference is None:
            try:
                written: Document = json.loads(self.text(stack, value))
            except ValueError as error:
                raise UnresolvedError(f"{stack}: no policy document: {value}") from error
            return written
        content = self._stacks[stack].get("data", {}).get("aws_iam_policy_document", {}).get(reference[1])
        if content is None:
            raise UnresolvedError(f"{stack}: {value}")
        unknown = set(content) - {"statement", "//"}
        if unknown:
            raise UnresolvedError(f"{stack}: {reference[1]} uses {sorted(unknown)}")
        return render(content, lambda text: self.text(stack, text))

    # -- attachments

    def policies(self) -> Policies:
        """All of them."""
        for kind in ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_role_policies_exclusive"):
            for (stack, name), one in self._of(kind).items():
                if one.get("policy_arn", "").endswith(":iam::aws:policy/service-role/AWS_ConfigRole"):
                    continue  # AWS's own, of reading; which role it is on says tests/contracts/test_permission_contract.py
                raise UnresolvedError(f"{stack}: {kind}.{name}: only inline policies are understood")
        return Policies(
            region=self._region,
            roles={role.name: role for role in self._roles()},
            buckets=self._attached("aws_s3_bucket", "id", "aws_s3_bucket_policy", "bucket"),
            keys=self._keys(),
            topics=self._attached("aws_sns_topic", "arn", "aws_sns_topic_policy", "arn"),
            queues=self._queues(),
            functions=self._functions(),
            aliases=self._aliases(),
            access_entries=tuple(self._access_entries()),
        )

    def _roles(self) -> Iterator[RolePolicies]:
        inline: dict[str, dict[str, Document]] = {}
        for (stack, _), policy in self._of("aws_iam_role_policy").items():
            of_role = inline.setdefault(self.text(stack, policy["role"]), {})
            of_role[policy.get("name", "")] = self.document(stack, policy["policy"])
        for (stack, id_), role in self._of("aws_iam_role").items():
            other = {"inline_policy", "managed_policy_arns"} & set(role)
            if other:
                raise UnresolvedError(f"{stack}: aws_iam_role.{id_} has {sorted(other)}")
            name = self.text(stack, role["name"])
            yield RolePolicies(
                name=name,
                arn=f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}",
                stack=stack,
                id=id_,
                trust=self.document(stack, role["assume_role_policy"]),
                permissions=inline.pop(name, {}),
            )
        if inline:
            raise UnresolvedError(f"policies of roles that the output does not make: {sorted(inline)}")

    def _attached(self, kind: str, attribute: str, attachment: str, field: str) -> dict[str, Document | None]:
        found: dict[str, Document | None] = {
            self._reference(stack, f"{kind}.{name}.{attribute}"): None for stack, name in self._of(kind)
        }
        for (stack, _), policy in self._of(attachment).items():
            found[self.text(stack, policy[field])] = self.document(stack, policy["policy"])
        return found

    def _queues(self) -> dict[str, Document | None]:
        arns = {
            self._reference(stack, f"aws_sqs_queue.{name}.url"): self._reference(stack, f"aws_sqs_queue.{name}.arn")
            for stack, name in self._of("aws_sqs_queue")
        }
        by_url = self._attached("aws_sqs_queue", "url", "aws_sqs_queue_policy", "queue_url")
        return {arns[url]: document for url, document in by_url.items()}

    def _keys(self) -> dict[str, Document | None]:
        return {
            self._reference(stack, f"aws_kms_key.{name}.arn"): self.document(stack, key["policy"])
            if "policy" in key
            else None
            for (stack, name), key in self._of("aws_kms_key").items()
        }

    def _functions(self) -> dict[str, Document | None]:
        """The policy that Lambda makes of ``AddPermission``'s arguments.

        https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html
        """
        found: dict[str, Any] = {
            self._reference(stack, f"aws_lambda_function.{name}.arn"): None
            for stack, name in self._of("aws_lambda_function")
        }
        for (stack, _), permission in self._of("aws_lambda_permission").items():
            name = self.text(stack, permission["function_name"])
            arn = f"arn:{PARTITION}:lambda:{self._region}:{ACCOUNT}:function:{name}"
            qualifier = permission.get("qualifier")
            principal = self.text(stack, permission["principal"])
            statement: dict[str, Any] = {
                "Sid": permission["statement_id"],
                "Effect": "Allow",
                "Principal": {"Service": principal} if principal.endswith(DNS_SUFFIX) else {"AWS": principal},
                "Action": permission["action"],
                "Resource": f"{arn}:{qualifier}" if qualifier else arn,
            }
            conditions: dict[str, Any] = {}
            if "source_account" in permission:
                account = self.text(stack, permission["source_account"])
                conditions["StringEquals"] = {"AWS:SourceAccount": account}
            if "source_arn" in permission:
                conditions["ArnLike"] = {"AWS:SourceArn": self.text(stack, permission["source_arn"])}
            if conditions:
                statement["Condition"] = conditions
            if arn not in found:
                raise UnresolvedError(f"{stack}: permission of a function that the output does not make: {name}")
            found[arn] = found[arn] or {"Version": "2012-10-17", "Id": "default", "Statement": []}
            found[arn]["Statement"].append(statement)
        return found

    def _access_entries(self) -> Iterator[AccessEntry]:
        associations: dict[tuple[str, str], list[tuple[str, str, tuple[str, ...]]]] = {}
        for (stack, _), association in self._of("aws_eks_access_policy_association").items():
            scope = association["access_scope"]
            scope = scope[0] if isinstance(scope, list) else scope
            at = (association["cluster_name"], self.text(stack, association["principal_arn"]))
            associations.setdefault(at, []).append(
                (self.text(stack, association["policy_arn"]), scope["type"], tuple(scope.get("namespaces") or ()))
            )
        for (stack, _), entry in self._of("aws_eks_access_entry").items():
            at = (entry["cluster_name"], self.text(stack, entry["principal_arn"]))
            yield AccessEntry(
                *at, tuple(entry.get("kubernetes_groups") or ()), policies=tuple(associations.pop(at, ()))
            )
        if associations:
            raise UnresolvedError(f"access policies without an access entry: {sorted(associations)}")


def render(content: Mapping[str, Any], text: Callable[[str], str] = str) -> Document:
    """A data source ``aws_iam_policy_document`` as the provider renders it; ``text`` resolves each string.

    A list of one becomes a string, longer ones are sorted in reverse (they are sets); ``&{...}`` is IAM's ``${...}``.
    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
    """
    statements = [_statement(statement, text) for statement in content.get("statement", ())]
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    if len(set(sids)) != len(sids):
        raise UnresolvedError(f"two statements with one Sid, which the provider refuses: {sids}")
    return {"Version": "2012-10-17", "Statement": statements}


_STATEMENT = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
    "principals": "Principal",
    "not_principals": "NotPrincipal",
}


def _statement(statement: Mapping[str, Any], text: Callable[[str], str]) -> dict[str, Any]:
    unknown = set(statement) - set(_STATEMENT) - {"sid", "effect", "condition"}
    if unknown:
        raise UnresolvedError(f"statement {statement.get('sid')}: {sorted(unknown)}")
    rendered: dict[str, Any] = {"Effect": statement.get("effect", "Allow")}
    if statement.get("sid"):
        rendered["Sid"] = statement["sid"]
    for field, name in _STATEMENT.items():
        values = statement.get(field)
        if not values:
            continue
        if "principals" in field:
            rendered[name] = _principals(values, text)
        else:
            rendered[name] = _one_or_many(values, text)
    if statement.get("condition"):
        blocks: dict[str, dict[str, list[str]]] = {}
        for condition in statement["condition"]:
            keys = blocks.setdefault(condition["test"], {})
            keys.setdefault(condition["variable"], []).extend(condition["values"])
        rendered["Condition"] = {
            test: {variable: _one_or_many(values, text, keep_order=True) for variable, values in keys.items()}
            for test, keys in blocks.items()
        }
    return rendered


def _principals(principals: list[Mapping[str, Any]], text: Callable[[str], str]) -> Any:
    by_type: dict[str, list[str]] = {}
    for principal in principals:
        by_type.setdefault(principal["type"], []).extend(principal["identifiers"])
    if by_type == {"*": ["*"]}:
        return "*"
    return {kind: _one_or_many(identifiers, text) for kind, identifiers in by_type.items()}


def _one_or_many(values: list[str], text: Callable[[str], str], *, keep_order: bool = False) -> Any:
    resolved = [text(value).replace("&{", "${") for value in values]
    if len(resolved) == 1:
        return resolved[0]
    return resolved if keep_order else sorted(set(resolved), reverse=True)
