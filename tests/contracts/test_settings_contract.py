"""What the settings ask for is what stages, actions, builds and deploy roles do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from emitted_reading import ACCOUNT, buckets, deliveries, of_kind, stages


def variables(action: Mapping[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in json.loads(action["configuration"]["EnvironmentVariables"])}


def environment(project: Mapping[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in project["environment"]["environment_variable"]}


def test_each_stage_runs_what_the_settings_ask_for_in_that_order(emitted: Any) -> None:
    """By stage: what runs together, one set after the other."""
    for stack, pipeline in emitted.settings.pipelines.items():
        wanted: dict[str, list[set[str]]] = {"Source": [{"Source"}], "Scan": [{"resolve"}, {"snyk"}]}
        if pipeline.kind == "delivery":
            resolves = {"resolve"} & set(stages(emitted, stack)["Build"])
            assert resolves or not {"grype", "snyk"} & set(pipeline.scanners), "those read resolved dependencies"
            wanted = {
                "Source": [{"Source"}],
                "Build": [{"image", "git-secrets"} | resolves, {"seal"}],
                "Verify": [set(pipeline.scanners)],
                "Publish": [{"guard"}, {"push"}, {"ecr"}],
                "Staging": [{"deploy"}, {"zap"}, {"record"}, {"approve"}],
                "Production": [{"guard"}, {"deploy"}],
            }
        found = {}
        for stage, actions in stages(emitted, stack).items():
            orders = sorted({action.get("run_order", 1) for action in actions.values()})
            found[stage] = [{n for n, action in actions.items() if action.get("run_order", 1) == o} for o in orders]
        assert found == wanted, stack


def test_each_action_runs_its_own_project_or_function(emitted: Any) -> None:
    functions = emitted.stacks["findings"]["resource"]["aws_lambda_function"]
    called = {"seal": "sealer", "guard": "guard", "record": "recorder"}
    for stack in emitted.settings.pipelines:
        for stage, actions in stages(emitted, stack).items():
            for name, action in actions.items():
                configuration = action["configuration"]
                if action["provider"] == "CodeBuild":
                    project = emitted.stacks[stack]["resource"]["aws_codebuild_project"][f"{stage}_{name}"]
                    assert configuration["ProjectName"] == project["name"], f"{stack} {stage}/{name}"
                elif action["provider"] == "Lambda":
                    assert configuration["FunctionName"] == functions[called[name]]["function_name"], f"{stack} {name}"


def test_the_source_is_the_settings_repository_and_branch(emitted: Any) -> None:
    for stack, pipeline in emitted.settings.pipelines.items():
        source = stages(emitted, stack)["Source"]["Source"]
        assert source.get("namespace") == "Commit", "what #{Commit.CommitId} names"
        configuration = source["configuration"]
        assert configuration["RepositoryName"] == pipeline.repository.name
        assert configuration["BranchName"] == (
            pipeline.branch if pipeline.kind == "delivery" else pipeline.default_branch
        )
        # A clone would give builds the repository's credentials.
        assert configuration["OutputArtifactFormat"] == "CODE_ZIP"
        [pipeline_] = emitted.stacks[stack]["resource"]["aws_codepipeline"].values()
        defaults = {variable["name"]: variable["default_value"] for variable in pipeline_.get("variable", [])}
        # What starts without an event carries no commit, and its builds stop.
        assert defaults == ({} if pipeline.kind == "delivery" else {"BRANCH": "none", "COMMIT": "none"})


def test_the_guard_is_asked_about_this_run_commit_and_image(emitted: Any) -> None:
    for stack, _ in deliveries(emitted):
        for stage in ("Publish", "Production"):
            parameters = json.loads(stages(emitted, stack)[stage]["guard"]["configuration"]["UserParameters"])
            assert parameters == {
                "schema": 1,
                "pipeline": stack,
                "gate": stage,
                "execution": "#{codepipeline.PipelineExecutionId}",
                "commit": "#{Commit.CommitId}",
                "digest": "#{Image.DIGEST}",
            }


def test_builds_are_told_which_run_and_which_image(emitted: Any) -> None:
    reads_digest = {"push", "ecr", "deploy", "grype", "snyk-container"}
    for stack in emitted.settings.pipelines:
        for stage, actions in stages(emitted, stack).items():
            for name, action in actions.items():
                if action["provider"] != "CodeBuild":
                    continue
                given = variables(action)
                assert given.get("EXECUTION") == "#{codepipeline.PipelineExecutionId}", f"{stack} {stage}/{name}"
                if name in reads_digest:
                    assert given.get("IMAGE_DIGEST") == "#{Image.DIGEST}", f"{stack} {stage}/{name}"
                if name in reads_digest - {"ecr", "deploy"}:
                    assert given.get("IMAGE_SHA256") == "#{Image.SHA256}", f"{stack} {stage}/{name}"
                by_event = emitted.settings.pipelines[stack].kind == "scan"
                assert given.get("COMMIT") == ("#{variables.COMMIT}" if by_event else "#{Commit.CommitId}")
                assert not by_event or given.get("BRANCH") == "#{variables.BRANCH}"
                inputs = ["Source", "Resolved"] if name in ("grype", "snyk") else ["Source"]
                assert action["input_artifacts"] == inputs, f"{stack} {stage}/{name}"
                if len(inputs) > 1:
                    assert action["configuration"]["PrimarySource"] == "Source"


def test_the_approver_is_asked_and_told_everything(emitted: Any) -> None:
    for stack, pipeline in deliveries(emitted):
        topic = emitted.stacks["foundation"]["resource"]["aws_sns_topic"][f"approval_{stack}"]["name"]
        configuration = stages(emitted, stack)["Staging"]["approve"]["configuration"]
        assert configuration.get("NotificationArn", "").endswith(f":{ACCOUNT}:{topic}")
        scanners = ["git-secrets", *pipeline.scanners, "ecr", "zap"]
        for told in ("Commit.CommitId", "Image.DIGEST", *(f"{scanner}.SUMMARY" for scanner in scanners)):
            assert f"#{{{told}}}" in configuration.get("CustomData", ""), f"{stack} {told}"
        link = configuration.get("ExternalEntityLink", "")
        assert re.match(
            r"https://[a-z0-9.-]+\.(aws\.amazon|amazonaws-us-gov)\.com/|https://console\.amazonaws\.cn/", link
        )
        reports = buckets(emitted)["reports"]["bucket"]
        assert f"/s3/object/{reports}?region={emitted.settings.region}&" in link
        assert link.endswith(f"&prefix=releases/{stack}/#{{codepipeline.PipelineExecutionId}}/index.html")


def test_what_the_approvers_link_shows_is_recorded_first(emitted: Any) -> None:
    for stack, _ in deliveries(emitted):
        staging = stages(emitted, stack)["Staging"]
        assert staging["record"]["run_order"] < staging["approve"]["run_order"]
        parameters = json.loads(staging["record"]["configuration"]["UserParameters"])
        assert parameters == {
            "schema": 1, "pipeline": stack, "execution": "#{codepipeline.PipelineExecutionId}",
        }  # fmt: skip


def test_builds_work_on_what_the_settings_name(emitted: Any) -> None:
    for stack, name, project in of_kind(emitted, "aws_codebuild_project"):
        stage, _, action = name.partition("_")
        scripts = emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]
        if stack in emitted.settings.reviews:
            review = emitted.settings.reviews[stack]
            assert environment(project) == {
                "SCRIPTS_SHA256": scripts["source_hash"],
                "SCRIPTS_URI": f"s3://{buckets(emitted)['artifacts']['bucket']}/{scripts['key']}",
                "REPORTS_BUCKET": buckets(emitted)["reports"]["bucket"],
                "PLANS_PREFIX": f"plans/{stack}",
                "SETTINGS": review.settings,
                "CHECKS": " ".join(review.checks) or "-",
            }
            continue
        pipeline, given = emitted.settings.pipelines[stack], environment(project)
        wanted = {"ACTION": f"{stage}/{action}", "PIPELINE": stack, "SCRIPTS_SHA256": scripts["source_hash"]}
        wanted["SCRIPTS_URI"] = f"s3://{buckets(emitted)['artifacts']['bucket']}/{scripts['key']}"
        if "FINDINGS_IMPORTER" in given:
            wanted["REPORTS_BUCKET"] = buckets(emitted)["reports"]["bucket"]
        if action in ("image", "push", "deploy", "grype", "snyk-container"):
            wanted["ARTIFACTS_BUCKET"] = buckets(emitted)["artifacts"]["bucket"]
        if action in ("push", "deploy"):
            assert given.get("REGISTRY", "").startswith(f"{ACCOUNT}.dkr.ecr.{emitted.settings.region}.")
            assert given.get("REGISTRY", "").endswith(f"/{pipeline.registry}")
        if action == "deploy":
            target = {"Staging": pipeline.staging, "Production": pipeline.production}[stage]
            wanted |= {"CLUSTER": target.cluster, "NAMESPACE": target.namespace, "MANIFESTS": target.manifests}
            wanted |= {"ENVIRONMENT": stage.lower(), "IMAGE_NAME": pipeline.image}
            inside = [{"vpc_id": target.vpc.id, "subnets": list(target.vpc.subnets),
                       "security_group_ids": list(target.vpc.security_groups)}] if target.vpc else []  # fmt: skip
            assert [project["vpc_config"] for _ in (1,) if "vpc_config" in project] == inside, f"{stack} {name}"
        if action == "git-secrets":
            wanted["SCAN_HISTORY"] = str(pipeline.secrets.history).lower()
        if action == "zap":  # its scripts would call docker otherwise
            wanted |= {
                "IS_CONTAINERIZED": "true",
                "ZAP_TARGET": str(pipeline.zap.target),
                "ZAP_SCAN": pipeline.zap.scan,
            }
        if action == "ecr":
            wanted["REGISTRY_NAME"] = pipeline.registry
        if action.startswith("snyk"):
            wanted["SNYK_TOKEN_PARAMETER"] = pipeline.snyk.token_parameter
            wanted["SNYK_ORG_PARAMETER"] = pipeline.snyk.organization_parameter
        assert {key: given.get(key) for key in wanted} == wanted, f"{stack} {name}"


def test_a_deploy_role_reaches_its_namespace_alone(emitted: Any) -> None:
    for stack, pipeline in deliveries(emitted):
        resources = emitted.stacks[stack]["resource"]
        associations = {
            one["principal_arn"]: one for one in resources.get("aws_eks_access_policy_association", {}).values()
        }
        entries = {one["principal_arn"]: one for one in resources["aws_eks_access_entry"].values()}
        targets = {"Staging": pipeline.staging, "Production": pipeline.production}
        assert set(entries) == {f"${{aws_iam_role.{stage}_deploy_role.arn}}" for stage in targets}
        for stage, target in targets.items():
            role = f"${{aws_iam_role.{stage}_deploy_role.arn}}"
            entry = entries[role]
            assert (entry["cluster_name"], entry["type"]) == (target.cluster, "STANDARD")
            if target.access == "group":
                assert entry.get("kubernetes_groups") == [
                    f"{emitted.settings.project}-{stack}-{stage.lower()}-deployers"
                ]
                assert role not in associations
                continue
            assert "kubernetes_groups" not in entry
            association = associations[role]
            assert association["cluster_name"] == target.cluster
            assert association["access_scope"] == {"type": "namespace", "namespaces": [target.namespace]}
            assert association["policy_arn"].endswith(":cluster-access-policy/AmazonEKSEditPolicy")


@pytest.mark.parametrize("singleton", ["security_hub", "ecr_scanning"])
def test_a_managed_singleton_is_there_and_does_its_work(emitted: Any, singleton: str) -> None:
    kinds = {"security_hub": "aws_securityhub_account", "ecr_scanning": "aws_ecr_registry_scanning_configuration"}
    found = list(emitted.resources(kinds[singleton]))
    assert len(found) == (getattr(emitted.settings.singletons, singleton) == "manage")
    if singleton == "ecr_scanning":
        for _, _, resource in found:
            [rule] = resource["rule"]
            assert rule["scan_frequency"] == "SCAN_ON_PUSH"
            assert rule["repository_filter"] == [{"filter": "*", "filter_type": "WILDCARD"}]
