"""The printed permissions are those of the calls in the source, and botocore knows each call."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import botocore.session
import pytest
from account_stand_in import OWN, Account, Prove

from tools.prove_on_aws import needs

SOURCE = sorted((Path(__file__).resolve().parents[2] / "tools" / "prove_on_aws").glob("*.py"))
LISTED = needs.READS | needs.REPORTS | needs.STARTS


def calls() -> set[tuple[str, str]]:
    """(service, operation) of every ``aws.call`` and ``aws.pages``; both names have to be literal."""
    found = set()
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("call", "pages")
            ):
                continue
            service, operation = node.args[:2]
            if path.name == "aws.py" and isinstance(service, ast.Name):
                continue  # pages() itself
            assert isinstance(service, ast.Constant), f"{path.name}:{node.lineno}"
            assert isinstance(operation, ast.Constant), f"{path.name}:{node.lineno}"
            found.add((str(service.value), str(operation.value)))
    return found


def test_permissions_are_those_of_the_calls() -> None:
    assert calls() == set(LISTED)


def test_clients_are_made_in_one_place() -> None:
    for path in SOURCE:
        text = path.read_text(encoding="utf-8")
        assert ("boto3" in text) <= (path.name == "cli.py") or path.name in ("aws.py",), path.name
        assert len(re.findall(r"\.client\(", text)) == (1 if path.name == "aws.py" else 0), path.name


@pytest.mark.parametrize(("service", "operation"), sorted(LISTED))
def test_the_action_is_the_operation_of_that_service(service: str, operation: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    names = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_"): name for name in model.operation_names
    }
    assert operation in names
    # S3's listing of objects is the one action that is named otherwise; GetCallerIdentity needs none.
    renamed = {"ListObjectsV2": "ListBucket"}
    prefixes = {"accessanalyzer": "access-analyzer"}
    expected = (
        ()
        if service == "sts"
        else (f"{prefixes.get(service, service)}:{renamed.get(names[operation], names[operation])}",)
    )
    assert LISTED[service, operation] == expected


def test_only_run_may_start_and_only_these_pipelines(account: Account, prove: Prove) -> None:
    proof = prove(account, "--permissions")
    assert proof.code == 0
    assert account.calls == []
    statements = {one["Sid"]: one for one in json.loads(proof.out)["Statement"]}
    run = statements.pop("RunOnlyWithRun")
    assert run["Action"] == ["codepipeline:StartPipelineExecution", "codepipeline:StopPipelineExecution"]
    assert [arn.rsplit(":", 1)[-1] for arn in run["Resource"]] == ["acme-python-libraries", "acme-payments"]
    reading = re.compile(r"[a-z0-9-]+:(Get|List|Describe|BatchGet|Lookup|Test|Simulate|Validate)\w+|kms:Decrypt")
    for statement in statements.values():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert all(reading.fullmatch(action) for action in actions)


def test_settings_that_are_wrong_are_said(account: Account, prove: Prove, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(OWN.read_text(encoding="utf-8").replace("region:", "regoin:"), encoding="utf-8")
    proof = prove(account, settings=broken)
    assert proof.code == 2
    assert "regoin" in proof.err
    assert account.calls == []
