"""What somebody who means harm would hide in a plan of hundreds of lines, each beside the harmless change that looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plan_builder import allow, change, policy, reviewed

from plan_review.findings import Kind

OTHERS = {"AWS": "arn:aws:iam::999999999999:root"}
OURS = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
OWN = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890", "aws:SourceAccount": "123456789012"}}


def kinds(*changes: dict[str, Any], **more: Any) -> list[Kind]:
    return [finding.kind for finding in reviewed(*changes, **more).findings]


def trust(principal: Any = "*", **more: Any) -> dict[str, Any]:
    return {"name": "r", "assume_role_policy": policy(allow("sts:AssumeRole", None, Principal=principal, **more))}


def key(*statements: Any) -> dict[str, Any]:
    return {"key_id": "k", "policy": policy(allow("kms:*", "*", Principal={"AWS": "123456789012"}), *statements)}


USES = allow(["kms:Decrypt"], "*", Principal=OTHERS)
NOBODY = {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*", "Principal": "*"}


def build(**more: Any) -> dict[str, Any]:
    return {
        "name": "acme-image",
        "service_role": "arn:aws:iam::123456789012:role/build",
        "source": [{"type": "CODEPIPELINE", "location": None, "buildspec": "a"}],
    } | more


def variable(kind: str | None, value: str = "/acme/token") -> dict[str, Any]:
    return {"environment": [{"environment_variable": [{"name": "TOKEN", "type": kind, "value": value}]}]}


def source(**configuration: str) -> dict[str, Any]:
    values = {
        "RepositoryName": "payments",
        "BranchName": "main",
        "PollForSourceChanges": "false",
        "OutputArtifactFormat": "CODE_ZIP",
    }
    return pipeline(
        {
            "name": "Source",
            "category": "Source",
            "provider": "CodeCommit",
            "run_order": 1,
            "configuration": values | configuration,
        }
    )


def pipeline(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "p",
        "role_arn": "arn:aws:iam::123456789012:role/p",
        "stage": [{"name": "Source", "action": list(actions)}],
    } | more


GITHUB = {
    "name": "Source",
    "category": "Source",
    "provider": "CodeStarSourceConnection",
    "run_order": 1,
    "configuration": {},
}


def template(number: int, *pool: str) -> dict[str, Any]:
    statement: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": number}
    statement |= {"ApprovalPoolMembers": list(pool)} if pool else {}
    return {"name": "t", "content": json.dumps({"Version": "2018-11-08", "Statements": [statement]})}


def registry(**more: Any) -> dict[str, Any]:
    return {
        "name": "r",
        "image_tag_mutability": "IMMUTABLE",
        "image_scanning_configuration": [{"scan_on_push": True}],
    } | more


def web_acl(action: str) -> dict[str, Any]:
    """Two rules; the provider writes a block that is not there as an empty list."""
    actions = ("allow", "block", "captcha", "challenge", "count")
    blocks = {one: [{"custom_request_handling": []}] if one == action else [] for one in actions}
    other = {
        "name": "other",
        "action": [{one: [{}] if one == "count" else [] for one in actions}],
        "override_action": [],
    }
    return {"name": "x", "rule": [other, {"name": "r", "action": [blocks], "override_action": []}]}


def managed(override: str = "none", **parts: str) -> dict[str, Any]:
    """AWS's own rules, of which some are answered in another way."""
    overrides = [
        {"name": name, "action_to_use": [{action: [{"custom_request_handling": []}]}]} for name, action in parts.items()
    ]
    group = {"name": "AWSManagedRulesCommonRuleSet", "vendor_name": "AWS", "rule_action_override": overrides}
    blocks = {one: [{}] if one == override else [] for one in ("none", "count")}
    rule = {
        "name": "m",
        "action": [],
        "override_action": [blocks],
        "statement": [{"managed_rule_group_statement": [group]}],
    }
    return {"name": "x", "rule": [rule]}


def role_binding(role: str, *users: str, namespace: str | None = None, **metadata: Any) -> dict[str, Any]:
    """Who has the role."""
    return {
        "metadata": [{"name": "x", "namespace": namespace} | metadata],
        "role_ref": [{"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}],
        "subject": [{"kind": "User", "name": user, "namespace": "", "api_group": ""} for user in users],
    }


# kind of risk, type, before, after that is told, after that is not
DANGEROUS: dict[str, tuple[Kind, str, Any, Any, Any]] = {
    "trust in another account": (Kind.IAM, "aws_iam_role", trust({"AWS": "123456789012"}), trust({"AWS": ["123456789012", "999999999999"]}), trust({"AWS": "arn:aws:iam::123456789012:root"})),
    "no longer of the organization": (Kind.PUBLIC, "aws_iam_role", trust(Condition=OURS), trust(), trust(Condition=OWN)),
    "a key for another account": (Kind.IAM, "aws_kms_key", key(), key(USES), key(NOBODY)),
    "a key's policy apart": (Kind.IAM, "aws_kms_key_policy", key(), key(USES), key(NOBODY)),
    "a key's denial gone": (Kind.IAM, "aws_kms_key", key(NOBODY), key(), key(NOBODY, NOBODY)),
    "skip_destroy": (Kind.PROTECTION, "aws_cloudwatch_log_group", {"skip_destroy": True}, {"skip_destroy": False}, {"skip_destroy": True, "tags": {}}),
    "deletion protection": (Kind.PROTECTION, "aws_dynamodb_table", {"deletion_protection_enabled": True}, {"deletion_protection_enabled": False}, {"deletion_protection_enabled": True, "x": 1}),
    "a token in clear text": (Kind.PROTECTION, "aws_codebuild_project", build(**variable("PARAMETER_STORE")), build(**variable("PLAINTEXT")), build(**variable("SECRETS_MANAGER"))),
    "a token in clear text by default": (Kind.PROTECTION, "aws_codebuild_project", build(**variable("SECRETS_MANAGER")), build(**variable(None)), build(**variable("SECRETS_MANAGER", "other"))),
    "a build of another source": (Kind.GATE, "aws_codebuild_project", build(), build(source=[{"type": "GITHUB", "location": "https://example.com/x.git", "buildspec": "a"}]), build(source=[{"type": "CODEPIPELINE", "location": None, "buildspec": "b"}])),
    "a build of another repository": (Kind.GATE, "aws_codebuild_project", build(source=[{"type": "GITHUB", "location": "https://example.com/a.git"}]), build(source=[{"type": "GITHUB", "location": "https://example.com/b.git"}]), build(source=[{"type": "GITHUB", "location": "https://example.com/a.git", "git_clone_depth": 1}])),
    "a build as another role": (Kind.IAM, "aws_codebuild_project", build(), build(service_role="arn:aws:iam::123456789012:role/administrator"), build(description="x")),
    "a pipeline as another role": (Kind.IAM, "aws_codepipeline", pipeline(), pipeline(role_arn="arn:aws:iam::123456789012:role/administrator"), pipeline(tags={})),
    "a function as another role": (Kind.IAM, "aws_lambda_function", {"role": "arn:aws:iam::1:role/a"}, {"role": "arn:aws:iam::1:role/b"}, {"role": "arn:aws:iam::1:role/a", "timeout": 3}),
    "another repository is delivered": (Kind.GATE, "aws_codepipeline", source(), source(RepositoryName="fork"), source(OutputArtifactFormat="CODEBUILD_CLONE_REF")),
    "another branch is delivered": (Kind.GATE, "aws_codepipeline", source(), source(BranchName="feature/x"), source()),
    "whatever comes is delivered": (Kind.GATE, "aws_codepipeline", source(), source(PollForSourceChanges="true"), source()),
    "another provider is delivered": (Kind.GATE, "aws_codepipeline", source(), pipeline(GITHUB), source()),
    "another action delivers": (Kind.GATE, "aws_codepipeline", source(), pipeline(GITHUB | {"name": "GitHub"}), source()),
    "artifacts elsewhere": (Kind.PROTECTION, "aws_codepipeline", pipeline(artifact_store=[{"location": "a"}]), pipeline(artifact_store=[{"location": "b"}]), pipeline(artifact_store=[{"location": "a", "type": "S3"}])),
    "images are no longer scanned": (Kind.PROTECTION, "aws_ecr_repository", registry(), registry(image_scanning_configuration=[{"scan_on_push": False}]), registry(force_delete=False)),
    "images are no longer scanned at all": (Kind.PROTECTION, "aws_ecr_repository", registry(), registry(image_scanning_configuration=[]), registry(tags={})),
    "tags move": (Kind.PROTECTION, "aws_ecr_repository", registry(), registry(image_tag_mutability="IMMUTABLE_WITH_EXCLUSION"), registry(x=1)),
    "basic scans": (Kind.PROTECTION, "aws_ecr_registry_scanning_configuration", {"scan_type": "ENHANCED"}, {"scan_type": "BASIC"}, {"scan_type": "ENHANCED", "rule": []}),
    "fewer who approve": (Kind.GATE, "aws_codecommit_approval_rule_template", template(2), template(1), template(3)),
    "nobody approves": (Kind.GATE, "aws_codecommit_approval_rule_template", template(1), {"name": "t", "content": "{}"}, template(1) | {"description": "x"}),
    "others approve": (Kind.GATE, "aws_codecommit_approval_rule_template", template(1, "a"), template(1, "a", "eve"), template(1, "a") | {"x": 1}),
    "anybody approves": (Kind.GATE, "aws_codecommit_approval_rule_template", template(1, "a"), template(1), template(2, "a")),
    "no dead letters": (Kind.PROTECTION, "aws_sqs_queue", {"redrive_policy": '{"maxReceiveCount":3}'}, {"redrive_policy": ""}, {"redrive_policy": '{"maxReceiveCount":5}'}),
    "no dead letters of events": (Kind.PROTECTION, "aws_cloudwatch_event_target", {"dead_letter_config": [{"arn": "q"}]}, {"dead_letter_config": []}, {"dead_letter_config": [{"arn": "r"}]}),
    "a build of another version": (Kind.GATE, "aws_codebuild_project", build(source_version="main"), build(source_version="eve"), build(source_version="main", tags={})),
    "a source from whoever answers": (Kind.PROTECTION, "aws_codebuild_project", build(source=[{"type": "GITHUB", "insecure_ssl": False}]), build(source=[{"type": "GITHUB", "insecure_ssl": True}]), build(source=[{"type": "GITHUB", "insecure_ssl": None}])),
    "a subscription that hears less": (Kind.PROTECTION, "aws_sns_topic_subscription", {"endpoint": "a"}, {"endpoint": "a", "filter_policy": '{"a":["b"]}'}, {"endpoint": "a", "filter_policy": ""}),
    "copies in another account": (Kind.PUBLIC, "aws_s3_bucket_replication_configuration", {"bucket": "b", "rule": [{"destination": [{"bucket": "c", "account": ""}]}]}, {"bucket": "b", "rule": [{"destination": [{"bucket": "c", "account": "999999999999"}]}]}, {"bucket": "b", "rule": [{"destination": [{"bucket": "d", "account": ""}]}]}),
    "a listener without TLS": (Kind.PROTECTION, "aws_lb_listener", {"protocol": "HTTPS", "port": 443}, {"protocol": "HTTP", "port": 80}, {"protocol": "HTTPS", "port": 8443}),
    "a listener of a network's balancer without TLS": (Kind.PROTECTION, "aws_lb_listener", {"protocol": "TLS"}, {"protocol": "TCP"}, {"protocol": "TLS", "alpn_policy": "None"}),
    "an old listener without TLS": (Kind.PROTECTION, "aws_elb", {"listener": [{"lb_protocol": "https"}]}, {"listener": [{"lb_protocol": "http"}]}, {"listener": [{"lb_protocol": "ssl"}]}),
    "a web ACL that counts": (Kind.PROTECTION, "aws_wafv2_web_acl", web_acl("block"), web_acl("count"), web_acl("challenge")),
    "a web ACL that lets through": (Kind.PROTECTION, "aws_wafv2_web_acl", web_acl("captcha"), web_acl("allow"), web_acl("block")),
    "a group of rules that counts": (Kind.PROTECTION, "aws_wafv2_rule_group", web_acl("block"), web_acl("count"), web_acl("block") | {"tags": {}}),
    "managed rules that count": (Kind.PROTECTION, "aws_wafv2_web_acl", managed(), managed("count"), managed() | {"tags": {}}),
    "a managed rule that counts": (Kind.PROTECTION, "aws_wafv2_web_acl", managed(), managed(SizeRestrictions_BODY="count"), managed(SizeRestrictions_BODY="block")),
    "another managed rule that lets through": (Kind.PROTECTION, "aws_wafv2_web_acl", managed(A="count"), managed(A="count", B="allow"), managed(A="block")),
    "somebody may do everything in a cluster": (Kind.IAM, "kubernetes_cluster_role_binding_v1", None, role_binding("cluster-admin", "eve"), role_binding("view", "eve")),
    "somebody may read every secret in a cluster": (Kind.IAM, "kubernetes_cluster_role_binding", None, role_binding("edit", "eve"), role_binding("system:service-account-issuer-discovery", "eve")),
    "others have a cluster's role": (Kind.IAM, "kubernetes_cluster_role_binding_v1", role_binding("own", "a", "b"), role_binding("own", "a", "eve"), role_binding("own", "b")),
    "another role of a cluster": (Kind.IAM, "kubernetes_cluster_role_binding_v1", role_binding("cluster-admin", "a"), role_binding("cluster-admin", "a", "b"), role_binding("cluster-admin", "a", labels={})),
    "a wide role instead of a narrow one": (Kind.IAM, "kubernetes_cluster_role_binding_v1", role_binding("view", "a"), role_binding("cluster-admin", "a"), role_binding("other", "a")),
    "everything in a namespace": (Kind.IAM, "kubernetes_role_binding_v1", None, role_binding("cluster-admin", "a", namespace="shop"), role_binding("edit", "a", namespace="shop")),
    "the cluster's own namespace": (Kind.IAM, "kubernetes_role_binding", None, role_binding("edit", "a", namespace="kube-system"), role_binding("view", "a", namespace="kube-system")),
    "Config delivers elsewhere": (Kind.PROTECTION, "aws_config_delivery_channel", {"s3_bucket_name": "a"}, {"s3_bucket_name": "b"}, {"s3_bucket_name": "a", "x": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", DANGEROUS)
def test_it_is_told_and_what_looks_like_it_is_not(case: str) -> None:
    risk, kind, before, told, near = DANGEROUS[case]
    assert kinds(change(kind, before, told)) == [risk]
    assert kinds(change(kind, before, near)) == []


def test_a_new_role_in_place_of_the_old_one_is_told_by_what_it_may_do() -> None:
    other = change("aws_codebuild_project", build(), build(service_role="arn:aws:iam::123456789012:role/new"))
    assert kinds(other) == [Kind.IAM]
    assert kinds(other, change("aws_iam_role", None, {"name": "new"})) == []
    assert kinds(other, change("aws_sqs_queue", None, {"name": "new"})) == [Kind.IAM]


def test_a_role_that_is_made_again_at_another_address_with_another_trust() -> None:
    gone = change("aws_iam_role", trust({"AWS": "123456789012"}), None, name="old")
    assert kinds(gone, change("aws_iam_role", None, trust({"AWS": "999999999999"}), name="new")) == [Kind.IAM]
    assert kinds(gone, change("aws_iam_role", None, trust({"AWS": "123456789012"}), name="new")) == []


@pytest.mark.parametrize("kind", ["aws_iam_access_key", "aws_iam_user_login_profile"])
def test_a_key_of_a_user_that_is_there(kind: str) -> None:
    made = change(kind, None, {"user": "administrator"})
    assert kinds(made) == [Kind.IAM]
    assert kinds(made, change("aws_iam_user", None, {"name": "administrator"})) == []


EDIT = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
DEPLOYER = "arn:aws:iam::123456789012:role/deployer"


def access(*namespaces: str, policy_arn: str = EDIT, **more: Any) -> dict[str, Any]:
    scope = (
        {"type": "namespace", "namespaces": list(namespaces)} if namespaces else {"type": "cluster", "namespaces": None}
    )
    return {"cluster_name": "c", "principal_arn": DEPLOYER, "policy_arn": policy_arn, "access_scope": [scope]} | more


NEW_ROLE = change("aws_iam_role", None, {"name": "deployer"})
KIND = "aws_eks_access_policy_association"


def test_a_new_pipelines_role_gets_what_every_pipeline_has() -> None:
    assert kinds(change(KIND, None, access("shop")), NEW_ROLE) == []
    unknown = {name: value for name, value in access("shop").items() if name != "principal_arn"}
    assert kinds(change(KIND, None, unknown, after_unknown={"principal_arn": True})) == []
    assert kinds(change(KIND, None, access("shop"))) == [Kind.IAM], "of a role that is there"


@pytest.mark.parametrize(
    "wide",
    [access(), access("kube-system"), access("shop", "*"), access("shop", policy_arn=EDIT.replace("Edit", "Admin")),
     access("shop", policy_arn=EDIT.replace("Edit", "ClusterAdmin")), access(policy_arn=EDIT.replace("Edit", "View"))],
    ids=["cluster", "kube-system", "wildcard", "admin", "cluster-admin", "view-of-all"],
)  # fmt: skip
def test_a_new_role_gets_more_than_a_namespace(wide: dict[str, Any]) -> None:
    assert kinds(change(KIND, None, wide), NEW_ROLE) == [Kind.IAM]


def test_access_that_widens() -> None:
    for wider in (
        access(),
        access("shop", "other"),
        access("shop", policy_arn=EDIT.replace("Edit", "Admin")),
        access("other"),
    ):
        for action in ("update", "replace"):
            assert kinds(change(KIND, access("shop"), wider, action=action)) == [Kind.IAM]
    for narrower in (access("shop"), access("shop", tags={})):
        assert kinds(change(KIND, access("shop", "other"), narrower, action="replace")) == []
    assert kinds(change(KIND, access(), access("shop"), action="replace")) == []
    replaced = {name: value for name, value in access("shop").items() if name != "principal_arn"}
    assert kinds(change(KIND, access("shop"), replaced, action="replace", after_unknown={"principal_arn": True})) == []
    other = access("shop", principal_arn="arn:aws:iam::123456789012:role/eve")
    assert kinds(change(KIND, access("shop"), other, action="replace")) == [Kind.IAM]


def test_groups_of_a_cluster() -> None:
    def entry(*groups: str) -> dict[str, Any]:
        return {"cluster_name": "c", "principal_arn": DEPLOYER, "kubernetes_groups": list(groups), "type": "STANDARD"}

    kind = "aws_eks_access_entry"
    assert kinds(change(kind, None, entry("deployers"))) == [Kind.IAM]
    assert kinds(change(kind, None, entry("deployers")), NEW_ROLE) == kinds(change(kind, None, entry())) == []
    assert kinds(change(kind, entry("a"), entry("a", "b"))) == [Kind.IAM]
    assert kinds(change(kind, entry("a", "b"), entry("b"))) == []


def test_a_holder_of_a_cluster_role_who_is_not_known() -> None:
    kind, known = "kubernetes_cluster_role_binding_v1", role_binding("cluster-admin", "a")
    unknown = {"after_unknown": {"subject": [{"name": True}]}}
    after = known | {"subject": [{"kind": "User"}]}
    assert kinds(change(kind, known, after, **unknown)) == [Kind.UNSEEN]
    assert kinds(change(kind, None, after, **unknown)) == [Kind.IAM]
    assert kinds(change(kind, None, after | {"role_ref": [{"name": "own"}]}, **unknown)) == []
