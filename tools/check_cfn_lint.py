"""cfn-lint on the pipelines, which it knows as CloudFormation: the shape of stages, actions and artifacts.

No checker reads a pipeline's shape in Terraform. The rendering says the same in CloudFormation's words and refuses what it
has no word for, so that nothing goes unread.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.check_emitted import CHECKERS, Output
from tools.check_result import Finding, Report

# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codepipeline-pipeline.html
_PIPELINE = {
    "name": "Name",
    "role_arn": "RoleArn",
    "pipeline_type": "PipelineType",
    "execution_mode": "ExecutionMode",
    "variable": "Variables",
    "artifact_store": "ArtifactStore",
    "stage": "Stages",
}
_STORE = {"location": "Location", "type": "Type", "encryption_key": "EncryptionKey"}
_STAGE = {"name": "Name", "action": "Actions"}
_ACTION = {
    "name": "Name",
    "namespace": "Namespace",
    "configuration": "Configuration",
    "input_artifacts": "InputArtifacts",
    "output_artifacts": "OutputArtifacts",
    "run_order": "RunOrder",
    "role_arn": "RoleArn",
    "region": "Region",
    "timeout_in_minutes": "TimeoutInMinutes",
}
_TYPE = {"category": "Category", "owner": "Owner", "provider": "Provider", "version": "Version"}
# What Terraform alone knows.
_TERRAFORM = {"//", "depends_on", "lifecycle", "provider"}
_REFERENCE = re.compile(r"(?<!\$)\$\{[^}]*\}")


def _renamed(block: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    unknown = block.keys() - words.keys() - _TERRAFORM
    if unknown:
        raise SystemExit(
            f"cfn-lint: no word of CloudFormation for {sorted(unknown)}: add it to tools/check_cfn_lint.py"
        )
    return {words[key]: value for key, value in block.items() if key in words}


def _known(value: Any) -> Any:
    """References as text of the right form: an ARN where one is expected, and one word elsewhere."""
    if isinstance(value, str):
        return (
            "arn:aws:iam::123456789012:role/reference"
            if _REFERENCE.fullmatch(value)
            else _REFERENCE.sub("reference", value)
        )
    if isinstance(value, list):
        return [_known(item) for item in value]
    return {key: _known(item) for key, item in value.items()} if isinstance(value, dict) else value


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    kind = {key: value for key, value in action.items() if key in _TYPE}
    rendered = _renamed({key: value for key, value in action.items() if key not in _TYPE}, _ACTION)
    for artifacts in ("InputArtifacts", "OutputArtifacts"):
        if artifacts in rendered:
            rendered[artifacts] = [{"Name": name} for name in rendered[artifacts]]
    return {**rendered, "ActionTypeId": _renamed(kind, _TYPE)}


def rendered(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """An ``aws_codepipeline`` as ``AWS::CodePipeline::Pipeline``."""
    properties = _renamed(pipeline, _PIPELINE)
    [store] = properties["ArtifactStore"]
    properties["ArtifactStore"] = _renamed(store, _STORE)
    key = properties["ArtifactStore"].get("EncryptionKey")
    if key:
        properties["ArtifactStore"]["EncryptionKey"] = _renamed(key, {"id": "Id", "type": "Type"})
    if "Variables" in properties:
        words = {"name": "Name", "default_value": "DefaultValue", "description": "Description"}
        properties["Variables"] = [_renamed(variable, words) for variable in properties["Variables"]]
    properties["Stages"] = [
        {**_renamed(stage, _STAGE), "Actions": [_action(action) for action in stage["action"]]}
        for stage in properties["Stages"]
    ]
    return {"Type": "AWS::CodePipeline::Pipeline", "Properties": _known(properties)}


def _undefined_artifact(pipeline: dict[str, Any]) -> None:
    pipeline["stage"][1]["action"][0]["input_artifacts"] = ["Sauce"]


def _approval_with_inputs(pipeline: dict[str, Any]) -> None:
    approval = next(a for stage in pipeline["stage"] for a in stage["action"] if a["category"] == "Approval")
    approval["input_artifacts"] = ["Source"]


def _duplicate_stage(pipeline: dict[str, Any]) -> None:
    pipeline["stage"][2]["name"] = pipeline["stage"][1]["name"]


def _no_such_category(pipeline: dict[str, Any]) -> None:
    pipeline["stage"][1]["action"][0]["category"] = "Bild"


def _source_later(pipeline: dict[str, Any]) -> None:
    pipeline["stage"][1]["action"].append(copy.deepcopy(pipeline["stage"][0]["action"][0]))


# How a pipeline is broken -> the rule of cfn-lint that says so.
_PROBES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_undefined_artifact, "E3701"),
    (_approval_with_inputs, "E3702"),
    (_duplicate_stage, "E3002"),
    (_no_such_category, "E3030"),
    (_source_later, "E3700"),
]


def _lint(templates: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(template, rule, message) of every finding; a template is one pipeline."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, resource in templates.items():
            Path(scratch, f"{name}.json").write_text(
                json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Pipeline": resource}}, indent=1),
                encoding="utf-8",
            )
        files = [f"{name}.json" for name in sorted(templates)]
        command = [str(CHECKERS / "cfn-lint"), "--format", "json", "--regions", "eu-central-1", "--", *files]
        ran = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False, timeout=300)
    try:
        answers = json.loads(ran.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"cfn-lint said no JSON (exit {ran.returncode}): {ran.stderr[-500:]}") from None
    return [(Path(answer["Filename"]).stem, answer["Rule"]["Id"], answer["Message"]) for answer in answers]


def check(outputs: Sequence[Output]) -> Report:
    """All pipelines, and a delivery pipeline broken in each of the ways that this checker is for."""
    pipelines = {
        f"{output.name}--{stack}": pipeline
        for output in outputs
        for stack, _, pipeline in output.resources("aws_codepipeline")
    }
    example = next(p for p in pipelines.values() if "Approval" in json.dumps(p["stage"]))
    templates = {name: rendered(pipeline) for name, pipeline in pipelines.items()}
    for breaking, _ in _PROBES:
        broken = copy.deepcopy(dict(example))
        breaking(broken)
        templates[breaking.__name__] = rendered(broken)
    answers = _lint(templates)
    said = {(name, rule) for name, rule, _ in answers}
    problems = [
        f"the known-bad pipeline with {breaking.__name__.strip('_').replace('_', ' ')} was not noticed: {rule}"
        for breaking, rule in _PROBES
        if (breaking.__name__, rule) not in said
    ]
    findings = [Finding(rule, name.partition("--")[2], text) for name, rule, text in answers if name in pipelines]
    actions = sum(len(stage["action"]) for pipeline in pipelines.values() for stage in pipeline["stage"])
    return Report(f"{len(pipelines)} pipelines with {actions} actions", findings, problems)
