"""Each guardrail notices its own weakening of a real output, and leaves the real output alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modules.guardrails import check

Change = Callable[[dict[str, Any]], None]


def resources(stack: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return list(stack["resource"][kind].values())


def drop(kind: str, name: str) -> Change:
    return lambda stack: stack["resource"][kind].pop(name)


def change(kind: str, name: str, *path: str | int, to: object) -> Change:
    def apply(stack: dict[str, Any]) -> None:
        target: Any = stack["resource"][kind][name]
        for step in path[:-1]:
            target = target[step]
        if to is None:
            del target[path[-1]]
        else:
            target[path[-1]] = to

    return apply


def privileged(stack: dict[str, Any]) -> None:
    stack["resource"]["aws_codebuild_project"]["Verify_grype"]["environment"]["privileged_mode"] = True


def secret(stack: dict[str, Any]) -> None:
    variables = stack["resource"]["aws_codebuild_project"]["Verify_snyk"]["environment"]["environment_variable"]
    variables.append({"name": "SNYK_TOKEN", "value": "/acme/snyk/token", "type": "PARAMETER_STORE"})


def polling(stack: dict[str, Any]) -> None:
    pipeline = stack["resource"]["aws_codepipeline"]["pipeline"]
    pipeline["stage"][0]["action"][0]["configuration"]["PollForSourceChanges"] = "true"


def named_as_artifact(stack: dict[str, Any]) -> None:
    stack["resource"]["aws_codepipeline"]["pipeline"]["stage"][0]["action"][0]["namespace"] = "Source"


def named_twice(stack: dict[str, Any]) -> None:
    verify = next(s for s in stack["resource"]["aws_codepipeline"]["pipeline"]["stage"] if s["name"] == "Verify")
    verify["action"][0]["namespace"] = "Image"


WEAKER: dict[str, tuple[str, Change, str]] = {
    "bucket without policy": ("foundation", drop("aws_s3_bucket_policy", "reports_policy"), "aws_s3_bucket_policy"),
    "bucket without public access block": (
        "foundation", drop("aws_s3_bucket_public_access_block", "reports_public_access"), "public_access_block",
    ),
    "bucket without encryption": (
        "foundation", drop("aws_s3_bucket_server_side_encryption_configuration", "artifacts_encryption"), "encryption",
    ),
    "bucket without versions": ("foundation", drop("aws_s3_bucket_versioning", "artifacts_versioning"), "versioning"),
    "public policies allowed": (
        "foundation",
        change("aws_s3_bucket_public_access_block", "reports_public_access", "block_public_policy", to=False),
        "block_public_policy",
    ),
    "bucket emptied on destroy": ("foundation", change("aws_s3_bucket", "reports", "force_destroy", to=True), "force_destroy"),
    "topic unencrypted": (
        "foundation", change("aws_sns_topic", "notifications", "kms_master_key_id", to=None), "kms_master_key_id",
    ),
    "queue unencrypted": (
        "findings", change("aws_sqs_queue", "importer_dead_letters", "kms_master_key_id", to=None), "kms_master_key_id",
    ),
    "log unencrypted": ("findings", change("aws_cloudwatch_log_group", "guard_logs", "kms_key_id", to=None), "kms_key_id"),
    "registry unencrypted": (
        "payments", change("aws_ecr_repository", "registry", "encryption_configuration", to=None), "encryption",
    ),
    "privileged scanner": ("payments", privileged, "privileged mode"),
    "secret in the environment": ("payments", secret, "SNYK_TOKEN"),
    "artifacts unencrypted": (
        "payments", change("aws_codebuild_project", "Build_image", "encryption_key", to=None), "encryption_key",
    ),
    "inline trust": (
        "payments", change("aws_iam_role", "pipeline_role", "assume_role_policy", to="{}"), "trust is not a policy document",
    ),
    "parallel runs": ("payments", change("aws_codepipeline", "pipeline", "execution_mode", to="PARALLEL"), "PARALLEL"),
    "polling": ("payments", polling, "polling"),
    "namespace named as an artifact": ("payments", named_as_artifact, "namespace Source"),
    "two actions with one namespace": ("payments", named_twice, "namespace Image"),
    "pipeline target without role": (
        "payments", change("aws_cloudwatch_event_target", "commit_event_target", "role_arn", to=None), "needs role_arn",
    ),
    "function target with role": (
        "findings",
        change("aws_cloudwatch_event_target", "ecr_scan_event_target", "role_arn", to="arn:aws:iam::1:role/x"),
        "no role_arn",
    ),
}  # fmt: skip


def test_the_output_itself_breaks_none(emitted: Any) -> None:
    assert [problem for stack in emitted.stacks.values() for problem in check(stack)] == []


@pytest.mark.parametrize("weakening", WEAKER)
def test_a_weakening_is_noticed(full: Any, weakening: str) -> None:
    stack, apply, words = WEAKER[weakening]
    weaker: Any = copy.deepcopy(dict(full.stacks[stack]))
    apply(weaker)
    problems = check(weaker)
    assert any(words in problem for problem in problems), problems


def test_a_broken_rule_ends_the_synthesis_and_writes_nothing(
    full: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stacks import app

    def broken(stack: Mapping[str, Any]) -> list[str]:
        return ["aws_s3_bucket.x: wrong, right"]

    monkeypatch.setattr(app.guardrails, "check", broken)
    outdir = tmp_path / "out"
    with pytest.raises(app.SynthesisError, match="foundation: aws_s3_bucket"):
        app.synthesize(full.settings.model_copy(update={"outdir": outdir}))
    assert not outdir.exists()
