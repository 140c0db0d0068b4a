"""What roles may do, read from the emitted policies: who is trusted, every wildcard with its reason, who can reach what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

WILDCARDS = Path(__file__).with_name("wildcards.yaml")


def statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(document["statement"])


def identity_documents(emitted: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The policies of roles (not trust, key, bucket, topic or queue policies)."""
    for stack, name, document in emitted.documents():
        if name.endswith("_permissions"):
            yield stack, name, document


def generalized(resource: str, emitted: Any) -> str:
    """A resource's ARN from the service on, without what differs between pipelines: what is left shows how wide it is."""
    _, _, service, _, _, rest = re.sub(r"\$\{[^}]*\}", "", resource).split(":", 5)
    if service == "logs":
        if re.fullmatch(r"log-group:/aws/cloudtrail/[\w-]+:log-stream:_CloudTrail_[\w-]+\*", rest):
            return "logs trail's streams*"
        return "logs own group:*" if re.fullmatch(r"log-group:/aws/(codebuild|lambda)/[\w-]+:\*", rest) else rest
    if service == "s3":
        rest = rest.partition("/")[2]
        rest = re.sub(r"^.*/\*\.tfstate$", "<state>/*.tfstate", rest)
        for name in sorted((*emitted.settings.pipelines, *emitted.settings.reviews), key=len, reverse=True):
            prefix = f"{emitted.settings.project}-{name}"[:20]
            rest = rest.replace(f"/{name}/", "/<pipeline>/").replace(f"{prefix}/", "<prefix>/")
        rest = re.sub(r"^reports/<pipeline>/\*/[a-z-]+/", "reports/<pipeline>/*/<scan>/", rest)
    return f"{service} {rest}"


def wildcards(emitted: Any) -> set[tuple[str, str, str]]:
    """(sid, where, wildcard) of every ``*`` in what is allowed."""
    found = set()
    for _, _, document in emitted.documents():
        for statement in statements(document):
            if statement.get("effect") == "Deny":
                continue
            found |= {(statement["sid"], "action", action) for action in statement["actions"] if "*" in action}
            for resource in statement.get("resources", ()):
                if "*" in resource:
                    shown = "*" if resource == "*" else generalized(resource, emitted)
                    found.add((statement["sid"], "resource", shown))
    return found


def listed() -> dict[tuple[str, str, str], str]:
    entries = yaml.safe_load(WILDCARDS.read_text(encoding="utf-8"))
    return {(entry["sid"], entry["in"], entry["wildcard"]): entry["reason"] for entry in entries}


def test_every_wildcard_has_a_reason(emitted: Any) -> None:
    missing = wildcards(emitted) - set(listed())
    assert not missing, f"no reason in {WILDCARDS.name} for {sorted(missing)}"


def test_no_reason_is_left_without_its_wildcard(emit_once: Any) -> None:
    projects = (Path(__file__).resolve().parents[1] / "settings").glob("*.yaml")
    used = set().union(*(wildcards(emit_once(source)) for source in projects))
    assert not set(listed()) - used
    assert all(len(reason) > 20 for reason in listed().values())


def test_roles_trust_one_service_of_this_account(emitted: Any) -> None:
    for stack, name, role in emitted.resources("aws_iam_role"):
        reference = re.fullmatch(r"\$\{data\.aws_iam_policy_document\.([\w-]+)\.json\}", role["assume_role_policy"])
        assert reference, f"{stack} {name}"
        [statement] = statements(emitted.stacks[stack]["data"]["aws_iam_policy_document"][reference[1]])
        assert statement["actions"] == ["sts:AssumeRole"]
        [principal] = statement["principals"]
        assert principal["type"] == "Service"
        assert len(principal["identifiers"]) == 1
        if principal["identifiers"] == ["cloudtrail.amazonaws.com"]:
            # "The role policy doesn't support the use of aws:SourceArn and aws:SourceAccount."
            # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
            assert (stack, name) == ("governance", "trail_writer_role")
            assert "condition" not in statement
            continue
        conditions = {(c["test"], c["variable"]): c["values"] for c in statement["condition"]}
        account = "${data.aws_caller_identity.caller.account_id}"
        assert conditions[("StringEquals", "aws:SourceAccount")] == [account]
        # Where AWS documents the source ARN: CodeBuild (the project) and EventBridge (the rule).
        [service] = principal["identifiers"]
        source = conditions.get(("ArnEquals", "aws:SourceArn"))
        if service == "codebuild.amazonaws.com":
            assert source is not None
            assert source[0].endswith(f":project/{role['name']}")
        elif service == "events.amazonaws.com":
            rule = emitted.stacks[stack]["resource"]["aws_cloudwatch_event_rule"][name.removesuffix("_role")]["name"]
            assert source is not None
            assert source[0].endswith(f":rule/{rule}")
        else:
            assert source is None


def test_one_role_for_each_build_and_one_policy_for_each_role(emitted: Any) -> None:
    for stack, content in emitted.stacks.items():
        resources = content.get("resource", {})
        roles = [project["service_role"] for project in resources.get("aws_codebuild_project", {}).values()]
        assert len(set(roles)) == len(roles), stack
        attached = [policy["role"] for policy in resources.get("aws_iam_role_policy", {}).values()]
        assert sorted(attached) == sorted(f"${{aws_iam_role.{name}.id}}" for name in resources.get("aws_iam_role", {}))
        # What recording every type of resource takes, AWS alone knows: its own policy, of reading only.
        # https://docs.aws.amazon.com/config/latest/developerguide/iamrole-permissions.html
        managed = {name: one["policy_arn"] for name, one in resources.get("aws_iam_role_policy_attachment", {}).items()}
        reads = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWS_ConfigRole"
        assert managed in ({}, {"config_reads": reads} if stack == "governance" else {})


def allowed(emitted: Any, stack: str, build: str) -> list[tuple[str, str]]:
    """(action, resource) pairs that one build's role is allowed."""
    document = emitted.stacks[stack]["data"]["aws_iam_policy_document"][f"{build}_permissions"]
    return [(a, r) for s in statements(document) for a in s["actions"] for r in s["resources"]]


def deliveries(emitted: Any) -> list[str]:
    return [name for name, pipeline in emitted.settings.pipelines.items() if pipeline.kind == "delivery"]


def test_what_runs_foreign_code_reaches_no_gate_no_report_no_parameter(emitted: Any) -> None:
    builds = [(stack, "Build_image") for stack in deliveries(emitted)]
    builds += [(stack, "Build_resolve") for stack in deliveries(emitted)]
    builds += [(stack, "Scan_resolve") for stack in set(emitted.settings.pipelines) - set(deliveries(emitted))]
    for stack, build in builds:
        for action, resource in allowed(emitted, stack, build):
            service = action.split(":")[0]
            assert service in {"s3", "kms", "logs", "codebuild"}, f"{stack} {build}: {action}"
            assert "-reports-" not in resource, f"{stack} {build}: {action} {resource}"
            if action == "s3:PutObject":
                # Neither another action's artifact, nor the scripts, nor a release may be written by it.
                assert re.search(r"/images/[a-z0-9-]+/\*/image\.tar$|/Resolved/\*$", resource), resource


def plain(resource: str) -> str:
    """An object's pattern, without the bucket."""
    return resource.split("/", 1)[1]


# The one role that may write other things to the reports bucket than a build's own report; what it may; and the statement of
# the bucket that keeps everybody else out.
WRITERS = {
    ("findings", "importer_permissions"): (
        r"reports/\*/(verdict|findings)\.json|reports/\*/index\.html|(rescans|inventory|pushes)/\*",
        "OnlyTheImporterJudges",
    ),
    ("governance", "notifier_permissions"): (r"notified/\*", "OnlyTheNotifierTells"),
    ("findings", "recorder_permissions"): (r"releases/\*", "OnlyTheRecorderRecords"),
}


def test_what_is_believed_has_one_writer(emitted: Any) -> None:
    own: dict[tuple[str, str], set[str]] = {writer: set() for writer in WRITERS}
    for stack, name, document in identity_documents(emitted):
        if stack in emitted.settings.reviews:
            continue  # test_only_the_reviewer_writes_what_reviewers_read
        for statement in statements(document):
            if "s3:PutObject" in statement["actions"]:
                for resource in statement["resources"]:
                    if "-reports-" in resource and not re.search(r"/raw\.(json|txt)$|/sbom\.cdx\.json$", resource):
                        pattern, _ = WRITERS.get((stack, name), ("", ""))
                        assert re.fullmatch(pattern, plain(resource)), f"{stack} {name} {resource}"
                        own[stack, name].add(plain(resource))
    policy = emitted.stacks["foundation"]["data"]["aws_iam_policy_document"]["reports_policy_document"]
    for writer, (_, sid) in WRITERS.items():
        [deny] = [statement for statement in statements(policy) if statement["sid"] == sid]
        assert deny["effect"] == "Deny"
        assert {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"} == set(deny["actions"])
        [condition] = deny["condition"]
        [role] = condition["values"]
        made = writer[1].replace("_permissions", "_role")
        iam = emitted.stacks[writer[0]]["resource"]["aws_iam_role"].get(made)
        if iam is None:
            assert made == "recorder_role" and not deliveries(emitted), made  # noqa: PT018
            continue
        assert role.endswith(f":role/{iam['name']}")
        assert own[writer]
        assert own[writer] <= {plain(resource) for resource in deny["resources"]}


def test_only_the_reviewer_writes_what_reviewers_read(emitted: Any) -> None:
    foundation = emitted.stacks["foundation"]["data"]["aws_iam_policy_document"]["reports_policy_document"]
    denies = [one for one in statements(foundation) if one["sid"] == "OnlyReviewersReview"]
    assert len(denies) == bool(emitted.settings.reviews)
    for deny in denies:
        assert deny["effect"] == "Deny"
        assert {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"} == set(deny["actions"])
        assert [plain(resource) for resource in deny["resources"]] == ["reviews/*"]
        [condition] = deny["condition"]
        assert (condition["test"], condition["variable"]) == ("ArnNotEquals", "aws:PrincipalArn")
        roles = [emitted.stacks[name]["resource"]["aws_iam_role"]["reviewer_role"] for name in emitted.settings.reviews]
        assert [arn.partition(":role/")[2] for arn in condition["values"]] == [role["name"] for role in roles]
    for stack in emitted.settings.reviews:
        written = {build: [plain(r) for a, r in allowed(emitted, stack, build) if a == "s3:PutObject"]
                   for build in ("Review_plan", "reviewer", "pull_request")}  # fmt: skip
        assert written == {
            "Review_plan": [f"plans/{stack}/*"], "reviewer": [f"reviews/{stack}/*/index.html"], "pull_request": []
        }  # fmt: skip


def test_the_build_of_a_branch_reads_state_and_scripts_and_nothing_else(emitted: Any) -> None:
    """A hostile branch runs in it. docs/threat-model.md lists these."""
    for stack in emitted.settings.reviews:
        found = allowed(emitted, stack, "Review_plan")
        assert {action for action, _ in found} <= {
            *("codecommit:GitPull", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ListAliases"),
            *("logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        }
        backend = emitted.settings.backend
        assert [plain(r) for a, r in found if a == "s3:GetObject" and "-artifacts-" in r] == [
            emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]["key"]
        ]
        state = f"arn:${{data.aws_partition.current.partition}}:s3:::{backend.bucket}"
        others = [r for a, r in found if a in ("s3:GetObject", "s3:ListBucket") and "-artifacts-" not in r]
        assert sorted(others) == [state, f"{state}/{backend.prefix}/*.tfstate"]


def test_a_plan_may_look_up_what_the_stacks_look_up(emitted: Any) -> None:
    """Terraform reads data sources also without refresh. LOOKUPS has each type that is emitted, and no other."""
    from modules.review_build import LOOKUPS

    kinds = {kind for content in emitted.stacks.values() for kind in content.get("data", {})}
    assert kinds == set(LOOKUPS)
    for stack in emitted.settings.reviews:
        asked = {
            (a, "*" if r == "*" else "key") for a, r in allowed(emitted, stack, "Review_plan") if a.startswith("kms:")
        }
        wanted = {one for actions in LOOKUPS.values() for one in actions}
        assert asked - {("kms:Decrypt", "key"), ("kms:GenerateDataKey", "key")} == wanted


def test_a_build_writes_only_its_own_raw_report(emitted: Any) -> None:
    for stack, name, document in identity_documents(emitted):
        if stack not in emitted.settings.pipelines:
            continue
        for statement in statements(document):
            for resource in statement["resources"]:
                if "-reports-" in resource:
                    scanner = name.removesuffix("_permissions").split("_", 1)[1]
                    found = re.search(
                        r"/reports/([a-z0-9-]+)/\*/([a-z-]+)/(raw\.json|raw\.txt|sbom\.cdx\.json)$", resource
                    )
                    assert found, f"{stack} {name}: {resource}"
                    assert found[1] == stack
                    assert re.fullmatch(rf"{scanner}-(source|history|dependencies|code|image|staging)", found[2])


def test_policy_sids_are_unique_and_plain(emitted: Any) -> None:
    for stack, name, document in emitted.documents():
        sids = [statement["sid"] for statement in statements(document)]
        assert len(set(sids)) == len(sids), f"{stack} {name}: {sids}"
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids), f"{stack} {name}: {sids}"


def test_key_use_is_bound_to_a_service(emitted: Any) -> None:
    for stack, name, document in identity_documents(emitted):
        for statement in statements(document):
            # A plan looks the key up by its alias: that is no use of it, and no service is in between.
            looked_up = {"kms:ListAliases", "kms:DescribeKey"} if name == "Review_plan_permissions" else set()
            if any(action.startswith("kms:") for action in set(statement["actions"]) - looked_up):
                variables = {condition["variable"] for condition in statement.get("condition", ())}
                assert "kms:ViaService" in variables, f"{stack} {name} {statement['sid']}"
                assert "*" not in statement["resources"]


@pytest.mark.parametrize("action", ["iam:PassRole", "sts:AssumeRole"])
def test_no_role_hands_another_on(emitted: Any, action: str) -> None:
    for stack, name, document in identity_documents(emitted):
        assert all(action not in statement["actions"] for statement in statements(document)), f"{stack} {name}"
