"""Rules about pipelines that no public checker has, over the emitted JSON of every settings file and of the user's own.

Sources: CodePipeline user guide, "Valid action providers", "Number of input and output artifacts for each action type"
(reference-action-artifacts), the action references of CodeCommit, CodeBuild, Lambda and approvals-action-add, and limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

# (category, owner, provider) -> (input artifacts, output artifacts, required keys, optional keys)
ACTIONS = {
    ("Source", "AWS", "CodeCommit"): (
        (0, 0), (1, 1), {"RepositoryName", "BranchName"}, {"PollForSourceChanges", "OutputArtifactFormat"},
    ),
    ("Build", "AWS", "CodeBuild"): (
        (1, 5), (0, 5), {"ProjectName"}, {"PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"},
    ),
    ("Invoke", "AWS", "Lambda"): ((0, 5), (0, 5), {"FunctionName"}, {"UserParameters"}),
    ("Approval", "AWS", "Manual"): ((0, 0), (0, 0), set(), {"NotificationArn", "CustomData", "ExternalEntityLink"}),
}  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9.@_-]{1,100}")
# Not deprecated in the CodeBuild user guide and the CDK's LinuxBuildImage constants, each family's current one.
CURRENT_IMAGES = {"aws/codebuild/standard:8.0", "aws/codebuild/amazonlinux-x86_64-standard:6.0"}
# The most that CodePipeline may put in for a variable that our own builds and Source export.
LONGEST = {"CommitId": 40, "DIGEST": 71, "SHA256": 64, "SUMMARY": 80, "PipelineExecutionId": 36}
BUILT_IN = {"codepipeline": {"PipelineExecutionId"}, "Commit": {"CommitId"}}


def pipelines(emitted: Any) -> list[tuple[str, Mapping[str, Any]]]:
    return [(stack, resource) for stack, _, resource in emitted.resources("aws_codepipeline")]


def actions(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for stage in pipeline["stage"]:
        for action in stage["action"]:
            yield f"{stage['name']}/{action['name']}", action


def projects_of(emitted: Any, stack: str) -> dict[str, Mapping[str, Any]]:
    found = emitted.stacks[stack].get("resource", {}).get("aws_codebuild_project", {})
    return {project["name"]: project for project in found.values()}


def inline(project: Mapping[str, Any]) -> str:
    return str(project["source"]["buildspec"]).replace("$${", "${").replace("%%{", "%{")


def test_there_is_one_pipeline_for_each_that_the_settings_name(emitted: Any) -> None:
    assert [stack for stack, _ in pipelines(emitted)] == list(emitted.settings.pipelines)


def test_action_providers_and_configuration_keys_exist(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        for name, action in actions(pipeline):
            kind = (action["category"], action["owner"], action["provider"])
            assert kind in ACTIONS, f"{stack} {name}: no such provider {kind}"
            assert action["version"] == "1"
            _, _, required, optional = ACTIONS[kind]
            keys = set(action.get("configuration", {}))
            assert required <= keys <= required | optional, f"{stack} {name}: {keys}"


def test_artifact_counts_and_wiring(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        made: set[str] = set()
        for stage in pipeline["stage"]:
            for order in sorted({action.get("run_order", 1) for action in stage["action"]}):
                outputs: list[str] = []
                for action in (action for action in stage["action"] if action.get("run_order", 1) == order):
                    kind = (action["category"], action["owner"], action["provider"])
                    given, written = action.get("input_artifacts", []), action.get("output_artifacts", [])
                    fewest_in, most_in = ACTIONS[kind][0]
                    fewest_out, most_out = ACTIONS[kind][1]
                    assert fewest_in <= len(given) <= most_in, f"{stack} {action['name']}"
                    assert fewest_out <= len(written) <= most_out, f"{stack} {action['name']}"
                    assert set(given) <= made, f"{stack} {action['name']}: {set(given) - made} is made later or never"
                    outputs += written
                    primary = action.get("configuration", {}).get("PrimarySource")
                    assert (primary in given) if len(given) > 1 else primary is None
                assert len(set(outputs)) == len(outputs)
                assert not made & set(outputs)
                assert all(len(output) <= 10 for output in outputs), (
                    "CodePipeline shortens the name in the object's key"
                )
                made |= set(outputs)


def test_structure(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        names = [stage["name"] for stage in pipeline["stage"]]
        kind = emitted.settings.pipelines[stack].kind
        expected = {
            "scan": ["Source", "Scan"],
            "delivery": ["Source", "Build", "Verify", "Publish", "Staging", "Production"],
        }
        assert names == expected[kind]
        assert pipeline["pipeline_type"] == "V2"
        assert pipeline["execution_mode"] == {"scan": "QUEUED", "delivery": "SUPERSEDED"}[kind]
        assert "trigger" not in pipeline, "trigger filters work with connections, not with CodeCommit"
        for stage in pipeline["stage"]:
            in_stage = [action["name"] for action in stage["action"]]
            assert len(set(in_stage)) == len(in_stage)
            assert all(NAME.fullmatch(name) for name in [stage["name"], *in_stage])
            sources = [action["category"] == "Source" for action in stage["action"]]
            assert all(sources) if stage["name"] == "Source" else not any(sources)


def test_the_source_does_not_poll_beside_its_event_rule(emitted: Any) -> None:
    for _, pipeline in pipelines(emitted):
        for name, action in actions(pipeline):
            if action["provider"] == "CodeCommit":
                assert action["configuration"]["PollForSourceChanges"] == "false", name


def test_configuration_values_fit_even_with_variables_put_in(emitted: Any) -> None:
    def longest(match: re.Match[str]) -> str:
        return "x" * LONGEST.get(match[1].split(".")[1], 1000)

    for stack, pipeline in pipelines(emitted):
        for name, action in actions(pipeline):
            for key, value in action.get("configuration", {}).items():
                assert len(value) <= 1000, f"{stack} {name} {key}: {len(value)}"
                if action["category"] == "Approval":
                    resolved = re.sub(r"#\{([^}]+)\}", longest, value)
                    assert len(resolved) <= 1000, f"{stack} {name} {key}: {len(resolved)} with the variables put in"


def test_every_variable_is_exported_by_an_earlier_action(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        builds = projects_of(emitted, stack)
        declared = {variable["name"] for variable in pipeline.get("variable", [])}
        known = {name: set(values) for name, values in BUILT_IN.items()} | {"variables": declared}
        for stage in pipeline["stage"]:
            for order in sorted({action.get("run_order", 1) for action in stage["action"]}):
                now = [action for action in stage["action"] if action.get("run_order", 1) == order]
                for action in now:
                    text = json.dumps(action.get("configuration", {}))
                    for namespace, variable in re.findall(r"#\{([^.}]+)\.([^}]+)\}", text):
                        assert variable in known.get(namespace, ()), (
                            f"{stack} {action['name']}: #{namespace}.{variable}"
                        )
                for action in now:
                    if action["provider"] == "Lambda" and "namespace" in action:
                        known[action["namespace"]] = {"SHA256", "DIGEST"}  # lambdas/image_sealer
                    if action["provider"] == "CodeBuild" and "namespace" in action:
                        spec = yaml.safe_load(inline(builds[action["configuration"]["ProjectName"]]))
                        known[action["namespace"]] = set(spec["env"]["exported-variables"])


def test_each_build_runs_its_file_and_only_image_is_privileged(emitted: Any) -> None:
    texts = {path.read_text(encoding="utf-8") for path in (ROOT / "buildspecs").glob("*.yml")}
    texts |= set(emitted.settings.buildspecs.values())
    for stack, name, project in emitted.resources("aws_codebuild_project"):
        assert inline(project) in texts, f"{stack} {name}: its inline buildspec is no file"
        assert len(inline(project)) <= 20_000
        privileged = project["environment"]["privileged_mode"]
        assert privileged == (name == "Build_image"), f"{stack} {name}"


def test_build_images_are_current(emitted: Any) -> None:
    tools = json.loads((ROOT / "buildspecs" / "tools.json").read_text(encoding="utf-8"))
    for stack, name, project in emitted.resources("aws_codebuild_project"):
        image = project["environment"]["image"]
        if name == "Staging_zap":
            assert image == tools["images"]["zap"]
            assert not image.endswith((":stable", ":latest", ":weekly", ":nightly"))
            assert project["environment"]["image_pull_credentials_type"] == "SERVICE_ROLE"
        else:
            assert image in CURRENT_IMAGES, f"{stack} {name}: {image}"
            assert project["environment"]["image_pull_credentials_type"] == "CODEBUILD"


SECRET = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}|-----BEGIN|gh[pousr]_[A-Za-z0-9]{20}|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
SECRET_NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY)", re.I)


def test_no_plaintext_secret_in_a_builds_environment(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        for name, action in actions(pipeline):
            for variable in json.loads(action.get("configuration", {}).get("EnvironmentVariables", "[]")):
                assert variable["type"] == "PLAINTEXT"
                assert not SECRET.search(variable["value"]), f"{stack} {name} {variable['name']}"
    for stack, name, project in emitted.resources("aws_codebuild_project"):
        for variable in project["environment"]["environment_variable"]:
            assert variable["type"] == "PLAINTEXT", "a secret there is open to every command of the build"
            assert not SECRET.search(variable["value"]), f"{stack} {name} {variable['name']}"
            if SECRET_NAME.search(variable["name"]):
                assert variable["name"] == "SNYK_TOKEN_PARAMETER", f"{stack} {name} {variable['name']}"
        spec = yaml.safe_load(inline(project))
        assert not {"parameter-store", "secrets-manager"} & set(spec.get("env", {})), f"{stack} {name}"


def test_every_build_gets_the_event_s_commit_and_checks_it(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        builds = projects_of(emitted, stack)
        commit = {"scan": "#{variables.COMMIT}", "delivery": "#{Commit.CommitId}"}[
            emitted.settings.pipelines[stack].kind
        ]
        for name, action in actions(pipeline):
            if action["provider"] == "CodeBuild":
                given = {v["name"]: v["value"] for v in json.loads(action["configuration"]["EnvironmentVariables"])}
                assert given["COMMIT"] == commit, f"{stack} {name}"
                if inline(builds[action["configuration"]["ProjectName"]]) in emitted.settings.buildspecs.values():
                    continue  # the user's own resolve buildspec; the build after it checks
                assert "source.py check" in inline(builds[action["configuration"]["ProjectName"]]), f"{stack} {name}"


def test_event_targets(emitted: Any) -> None:
    for stack, name, target in emitted.resources("aws_cloudwatch_event_target"):
        if "aws_codepipeline" in target["arn"]:
            assert target.get("role_arn"), f"{stack} {name}: a pipeline as target needs a role"
            transformer = target["input_transformer"]
            template = transformer["input_template"].replace("<commit>", "0" * 40)
            assert json.loads(template) == {
                "sourceRevisions": [{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}]
            }
            assert transformer["input_paths"] == {"commit": "$.detail.commitId"}
        elif "aws_codebuild_project" in target["arn"]:
            assert target.get("role_arn"), f"{stack} {name}: a build project as target needs a role"
        else:
            assert ":sns:" in target["arn"] or "aws_lambda_function" in target["arn"], f"{stack} {name}"
            assert "role_arn" not in target, f"{stack} {name}: takes a resource policy, not a role"


def test_commit_events_are_of_the_repository_and_its_branches_only(emitted: Any) -> None:
    for stack in emitted.settings.pipelines:
        rules = emitted.stacks[stack]["resource"]["aws_cloudwatch_event_rule"]
        assert list(rules) == ["commit_event"], "one rule starts a pipeline"
        pattern = json.loads(rules["commit_event"]["event_pattern"])
        assert pattern["source"] == ["aws.codecommit"]
        assert pattern["detail-type"] == ["CodeCommit Repository State Change"]
        assert pattern["detail"]["event"] == ["referenceCreated", "referenceUpdated"]
        assert pattern["detail"]["referenceType"] == ["branch"]
        [resource] = pattern["resources"]
        assert resource.endswith(f":{emitted.settings.pipelines[stack].repository.name}")


def test_the_gate_is_called_from_outside_the_build_that_runs_the_repository(emitted: Any) -> None:
    for stack, pipeline in pipelines(emitted):
        if emitted.settings.pipelines[stack].kind == "scan":
            continue
        invoked = [name for name, action in actions(pipeline) if action["provider"] == "Lambda"]
        assert invoked == ["Build/seal", "Publish/guard", "Staging/record", "Production/guard"]
        for stage in pipeline["stage"]:
            if stage["name"] in ("Publish", "Production"):
                orders = {action["name"]: action.get("run_order", 1) for action in stage["action"]}
                assert all(orders["guard"] < order for name, order in orders.items() if name != "guard")


@pytest.mark.parametrize("settings", ["full", "minimal", "snyk"])
def test_the_tests_settings_exist(settings: str) -> None:
    assert (ROOT / "tests" / "settings" / f"{settings}.yaml").is_file()


def test_what_build_exports_is_used_by_the_sealer_alone_and_outside_of_json(emitted: Any) -> None:
    """CodePipeline puts values into JSON texts unescaped, and Build runs the repository's code."""
    for stack, pipeline in pipelines(emitted):
        for name, action in actions(pipeline):
            configuration = action.get("configuration", {})
            if name == "Build/seal":
                assert configuration["UserParameters"] == "#{Build.IMAGE_SHA256} #{Build.IMAGE_DIGEST}"
            else:
                assert "#{Build." not in json.dumps(configuration), f"{stack} {name}"


def test_a_scanner_calls_the_importer_by_its_own_alias_and_may_call_no_other(emitted: Any) -> None:
    aliases = {f"{alias['function_name']}:{alias['name']}" for _, _, alias in emitted.resources("aws_lambda_alias")}
    function = emitted.stacks["findings"]["resource"]["aws_lambda_function"]["importer"]["function_name"]
    used = set()
    for stack, name, project in emitted.resources("aws_codebuild_project"):
        environment = {v["name"]: v["value"] for v in project["environment"]["environment_variable"]}
        document = emitted.stacks[stack]["data"]["aws_iam_policy_document"][f"{name}_permissions"]
        may = [r for s in document["statement"] if "lambda:InvokeFunction" in s["actions"] for r in s["resources"]]
        called = environment.get("FINDINGS_IMPORTER")
        if called is None:
            assert may == [], f"{stack} {name}"
            continue
        assert called == f"{function}:{stack}_{name.split('_', 1)[1]}"
        [resource] = may
        assert resource.endswith(f":function:{called}")
        used.add(called)
    expected = {alias.replace("${aws_lambda_function.importer.function_name}", function) for alias in aliases}
    assert used == expected, "an alias that nobody calls, or a call of one that is not made"


def test_deploy_roles_of_two_environments_share_no_kubernetes_group(emitted: Any) -> None:
    entries = [entry for _, _, entry in emitted.resources("aws_eks_access_entry")]
    groups = [(entry["cluster_name"], group) for entry in entries for group in entry.get("kubernetes_groups", ())]
    assert len(set(groups)) == len(groups)


def test_only_a_buildspec_of_the_user_s_own_may_replace_manifests(emitted: Any) -> None:
    for stack, name, project in emitted.resources("aws_codebuild_project"):
        environment = {v["name"]: v["value"] for v in project["environment"]["environment_variable"]}
        own = stack in emitted.settings.buildspecs and name == "Scan_snyk"
        assert environment.get("OWN_BUILDSPEC", "false") == ("true" if own else "false"), f"{stack} {name}"
