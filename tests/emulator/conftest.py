"""All stacks of pipelines.yaml, deployed once by ``cdktf deploy`` to the emulator of tools/emulator, for the tests of this folder.

The Terraform is as emitted, the provider the real one; the emulator asks every role's policies about every call. CodePipeline's
executions and Security Hub are answered by aws_stand_in.py. Missing tools: a skip on a user's machine, a failure on CI.
All tests of this folder run in one process of pytest-xdist (tests/conftest.py), the one that destroys last.

While writing tests: ``make apply-local ARGS=--keep`` in another shell, then APPLIED_AT as it says: nothing is deployed again.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.apply_local.checkout import FailedError
from tools.apply_local.life import KEPT_AT, Life, attached, begun
from tools.emulator.process import ACCOUNT, Emulator, EmulatorError
from tools.terraform_cli import TerraformMissingError

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
LAMBDAS = ROOT / "lambdas"
PIPELINES = ROOT / "pipelines.yaml"
sys.path.append(str(FOLDER))  # for outcomes.py
REGION = "eu-central-1"
# What a person writes who knows the account; with the service's name in it.
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}"
PROBE = "probe"  # session in which a test tries what a role would not; every other session does only what it is for
SECONDS = 60  # for a process to begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    last = [item for item in items if item.path == FOLDER / "test_destroy.py"]
    items[:] = [item for item in items if item not in last] + last


@dataclass(frozen=True)
class StandIn:
    """aws_stand_in.py, running."""

    url: str

    def state(self) -> dict[str, Any]:
        """``findings`` of Security Hub by id, ``requests`` to it, what was ``started``, and the answers to CodePipeline's
        ``jobs``."""
        with urllib.request.urlopen(f"{self.url}/stand-in", timeout=10) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """Security Hub and CodePipeline's executions, which the emulator lacks."""
    roots = [ROOT / "tests" / "lambdas", LAMBDAS, *(path.parent for path in LAMBDAS.glob("*/handler.py"))]
    with subprocess.Popen(
        [
            *(sys.executable, "-B", FOLDER / "aws_stand_in.py"),
            "acme-payments=get_pipeline_execution_delivery",
            "acme-python-libraries=get_pipeline_execution_scan",
        ],
        env={"PYTHONPATH": os.pathsep.join(map(str, roots)), "PATH": os.defpath},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            readable, _, _ = select.select([process.stdout], [], [], SECONDS)
            port = process.stdout.readline().strip() if readable else ""
            assert port.isdigit(), "aws_stand_in.py has not begun"
            yield StandIn(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True)
class Applied:
    """What is deployed. ``made``: kind -> names of what exists by that, as a person finds it (tools/apply_local/existing.py)."""

    life: Life
    made: dict[str, list[str]]
    stand_in: StandIn

    @property
    def emulator(self) -> Emulator:
        """As the account's root."""
        return self.life.emulator

    @property
    def administrator(self) -> Emulator:
        """As the user who deploys: may everything that no resource's policy denies."""
        keys = [self.life.checkout.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
        return self.emulator.known_as(*keys)

    def build(self, name: str, session: str = PROBE) -> Emulator:
        """As a build of one project (``payments-grype``): CodeBuild acting for it."""
        source = f"{ARN.format('codebuild')}:project/acme-{name}"
        return self.emulator.as_role(f"acme-{name}", "codebuild", source, session=session)

    def pipeline(self, name: str, session: str = PROBE) -> Emulator:
        """As CodePipeline running one pipeline (``payments``)."""
        return self.emulator.as_role(f"acme-{name}", "codepipeline", session=session)

    def function(self, name: str) -> Emulator:
        """As one function (``release-guard``)."""
        return self.emulator.as_role(f"acme-{name}", "lambda", session=PROBE)

    def client(self, service: str) -> Any:
        """boto3's client as the account's root, whom no policy stops."""
        return self.life.emulator.client(service)

    def outputs(self, stack: str) -> dict[str, Any]:
        """One stack's resources as Terraform's state has them: address -> attributes."""
        folder = self.life.checkout.stack(stack)
        shown = json.loads(self.life.checkout.run(["terraform", "show", "-json"], cwd=folder))
        return {one["address"]: one["values"] for one in shown["values"]["root_module"]["resources"]}


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory, stand_in: StandIn) -> Iterator[Applied]:
    """Everything of pipelines.yaml, deployed."""
    if folder := os.environ.get(KEPT_AT):
        life = attached(Path(folder), PIPELINES, print)
        life.emulator.use_stand_in(stand_in.url)
        yield Applied(life, {}, stand_in)
        return
    own = tmp_path_factory.mktemp("applied")
    try:
        with begun(own, PIPELINES, print) as life:
            life.emulator.use_stand_in(stand_in.url)
            yield Applied(life, life.deploy(), stand_in)
    except (EmulatorError, TerraformMissingError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"needed on CI: {error}")
        pytest.skip(str(error))
    except FailedError as error:
        pytest.fail(str(error))
