"""What the tests of prove_on_aws share: an account that is as it should be, and the tool on it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

sys.path.append(str(Path(__file__).parent))

from account_stand_in import OWN, Account, Proof, Prove

from tools.prove_on_aws.aws import Aws
from tools.prove_on_aws.cli import Tool, run


@pytest.fixture
def account(emit_once: Any) -> Account:
    """A scan and a delivery, deployed."""
    return Account(emit_once(OWN))


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Function: the tool's run on an account."""

    def call(account: Account, *arguments: str, settings: Path = OWN, sleep: Any = lambda _: None) -> Proof:
        out, err = io.StringIO(), io.StringIO()
        tool = Tool(
            connect=lambda _: Aws(account.client),
            emit=lambda _: account.emitted,
            out=Console(file=out, width=200),
            err=Console(file=err, width=10_000),
            sleep=sleep,
        )
        answer = tmp_path / "answer.json"
        code = run(["--pipelines", str(settings), "--json", str(answer), *arguments], tool)
        rows = json.loads(answer.read_text(encoding="utf-8"))["rows"] if answer.exists() else []
        return Proof(
            code, out.getvalue(), err.getvalue(), {row["what"]: (row["verdict"], row["evidence"]) for row in rows}
        )

    return call
