"""What is emitted holds nothing of the machine it was made on, no stack needs what nobody makes, and the code is the packaged."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from emitted_reading import buckets, of_kind

ROOT = Path(__file__).resolve().parents[2]
# Patched until the middle of 2029 at least: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIMES = {"python3.13", "python3.14"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_no_absolute_path_no_time_no_user(emitted: Any) -> None:
    home = f"{Path.home()}/"
    for name, content in files(emitted.folder).items():
        for trace in (str(ROOT), str(emitted.folder), home, "/tmp/", "/home/"):
            # Builds download to /tmp of their own container: buildspecs name it, paths of this machine do not occur.
            if trace == "/tmp/" and name.endswith(("cdk.tf.json", ".zip")):
                continue
            assert trace.encode() not in content, f"{name} holds {trace}"
        assert not re.search(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", content) or name.endswith(".zip"), (
            f"{name} holds a time"
        )


def test_no_stack_reads_another_ones_state(emitted: Any) -> None:
    for stack, content in emitted.stacks.items():
        assert "terraform_remote_state" not in content.get("data", {}), stack
        # Two outputs of one stack are for people who read a plan; no stack reads them.
        assert set(content.get("output", {})) == ({"policy", "gate_code"} if stack == "findings" else set()), stack


def test_what_stacks_share_by_name_is_made_by_an_earlier_one(emitted: Any) -> None:
    resources = {stack: content.get("resource", {}) for stack, content in emitted.stacks.items()}
    made = {
        "function": {f["function_name"] for r in resources.values() for f in r.get("aws_lambda_function", {}).values()},
        "topic": {t["name"] for r in resources.values() for t in r.get("aws_sns_topic", {}).values()},
        "bucket": {b["bucket"] for r in resources.values() for b in r.get("aws_s3_bucket", {}).values()},
    }
    for stack, content in emitted.stacks.items():
        text = json.dumps(content)
        for kind, pattern in {
            "function": r":function:([a-z0-9-]+)(?!-?\*)(?=[^a-z0-9*-])",
            "topic": r":sns:[\w-]+:\$\{[^}]*\}:([\w-]+)",
        }.items():
            for name in re.findall(pattern, text):
                assert name in made[kind], f"{stack} names the {kind} {name}, which no stack makes"
        for alias in content.get("data", {}).get("aws_kms_alias", {}).values():
            assert alias["name"] == resources["foundation"]["aws_kms_alias"]["key_alias"]["name"]
        for bucket in re.findall(r'"(?:ARTIFACTS|REPORTS)_BUCKET", "value": "([^"]+)"', text):
            assert bucket in made["bucket"]


def test_scripts_are_uploaded_under_the_hash_that_builds_check(emitted: Any) -> None:
    scripts = emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]
    for _, name, project in emitted.resources("aws_codebuild_project"):
        environment = {v["name"]: v["value"] for v in project["environment"]["environment_variable"]}
        assert environment["SCRIPTS_URI"].endswith(f"/{scripts['key']}"), name
        assert scripts["key"] == f"scripts/{environment['SCRIPTS_SHA256']}.zip"


def test_functions_run_the_packaged_code(emitted: Any) -> None:
    for stack, name, function in of_kind(emitted, "aws_lambda_function"):
        package = (emitted.folder / "stacks" / stack / function["filename"]).read_bytes()
        assert function.get("source_code_hash") == base64.b64encode(hashlib.sha256(package).digest()).decode(), name
        assert (function["handler"], function["runtime"] in RUNTIMES) == ("handler.handler", True), name
    functions = emitted.stacks["findings"]["resource"]["aws_lambda_function"]
    for name in {"importer", "guard", "recorder"} & set(functions):
        variables_ = functions[name]["environment"]["variables"]
        assert variables_ == {"REPORTS_BUCKET": buckets(emitted)["reports"]["bucket"]}


def test_scripts_are_the_ones_that_are_packaged(emitted: Any) -> None:
    scripts = emitted.stacks["foundation"]["resource"]["aws_s3_object"]["scripts"]
    content = (emitted.folder / "stacks" / "foundation" / scripts["source"]).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert (scripts["key"], scripts["source_hash"]) == (f"scripts/{digest}.zip", digest)
    assert scripts["bucket"] == "${aws_s3_bucket.artifacts.id}"


def test_physical_names_are_unique(emitted: Any) -> None:
    for kind, attribute in {
        "aws_iam_role": "name", "aws_codebuild_project": "name", "aws_lambda_function": "function_name",
        "aws_sns_topic": "name", "aws_sqs_queue": "name", "aws_cloudwatch_log_group": "name", "aws_ecr_repository": "name",
        "aws_cloudwatch_event_rule": "name", "aws_cloudwatch_metric_alarm": "alarm_name", "aws_s3_bucket": "bucket",
        "aws_codepipeline": "name",
    }.items():  # fmt: skip
        names = [resource[attribute].lower() for _, _, resource in emitted.resources(kind)]
        assert len(set(names)) == len(names), f"{kind}: {sorted(n for n in names if names.count(n) > 1)}"


def test_the_state_is_held_as_the_settings_say(emitted: Any) -> None:
    settings = emitted.settings
    for stack, content in emitted.stacks.items():
        terraform = content["terraform"]
        assert set(terraform["backend"]) == {settings.backend.type}, stack
        if settings.backend.type == "s3":
            held = terraform["backend"]["s3"]
            assert held.get("encrypt") is True, stack
            assert held.get("kms_key_id") == settings.backend.kms_key, stack
            assert held.get("use_lockfile", False) is settings.backend.lockfile, stack
        assert terraform.get("required_version") == settings.terraform
        aws = terraform["required_providers"]["aws"]
        assert aws == {"source": "aws", "version": settings.aws_provider}
        [provider] = content["provider"]["aws"]
        assert provider.get("allowed_account_ids") == ([settings.account] if settings.account else None), stack
        [tags] = provider.get("default_tags", [{"tags": {}}])
        assert tags["tags"] == {"project": settings.project, "stack": stack, **settings.tags}


def test_the_provider_is_a_range_and_the_account_is_held(full: Any) -> None:
    for stack in full.stacks.values():
        assert stack["terraform"]["required_providers"]["aws"]["version"] == ">= 5.100.0, < 7.0.0"
        assert stack["terraform"]["required_version"] == ">= 1.11.0, < 2.0.0"
        [provider] = stack["provider"]["aws"]
        assert provider["allowed_account_ids"] == ["012345678901"]
        assert provider["default_tags"][0]["tags"]["team"] == "platform"


def test_where_a_text_sends_its_reader_there_is_what_it_says(full: Any) -> None:
    """A page, and the heading on it that is named or that is about what the text stands on."""
    sent = set()
    for _, _, alarm in of_kind(full, "aws_cloudwatch_metric_alarm"):
        sent |= set(re.findall(r"\((docs/[\w-]+\.md), ([^)]+)\)", alarm.get("alarm_description", "")))
    assert {heading for _, heading in sent} == {"Audit alarms"}
    [(_, _, dashboard)] = of_kind(full, "aws_cloudwatch_dashboard")
    sent |= {(page, "The dashboard") for page in re.findall(r"docs/[\w-]+\.md", dashboard["dashboard_body"])}
    assert len(sent) == 2, "each of both sends its reader somewhere"
    for page, heading in sorted(sent):
        assert f"\n## {heading}\n" in (ROOT / page).read_text(encoding="utf-8"), f"{page} has no heading {heading}"
