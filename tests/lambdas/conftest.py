"""Import roots of the functions, and fixtures that all their tests use.

In Lambda each function's directory is the top of its zip, with ``common`` beside it; here all of them stand on sys.path
together, but only while these tests are collected or run: the build scripts have a module ``common`` of their own. Only
``handler`` is there more than once, so tests get it by ``load_handler``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAMBDAS = ROOT / "lambdas"
FUNCTIONS = sorted(path.parent for path in LAMBDAS.glob("*/handler.py"))

ROOTS = [str(path) for path in (Path(__file__).parent, LAMBDAS, *FUNCTIONS)]
PARKED: dict[str, ModuleType] = {}

sys.path[:0] = ROOTS  # for the imports at the top of the test modules


def _park() -> None:
    """Takes the functions' modules out of the process, to be put back as they are: one enum imported twice is two."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{LAMBDAS}{os.sep}"):
            PARKED[name] = sys.modules.pop(name)
    sys.path[:] = [path for path in sys.path if path not in ROOTS]


def pytest_collection_finish() -> None:
    """All test modules are imported: from here on every test gets the functions' modules by the fixture below."""
    _park()


@pytest.fixture(autouse=True)
def functions_modules() -> Iterator[None]:
    """The functions' modules, for the time of one test."""
    sys.path[:0] = ROOTS
    sys.modules.update(PARKED)
    yield
    _park()


@pytest.fixture
def load_handler() -> Callable[[str], ModuleType]:
    """A function's handler module, fresh: its composition root has built nothing yet."""

    def load(function: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"{function}_handler", LAMBDAS / function / "handler.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """An event from tests/events."""

    def read(name: str) -> Any:
        return json.loads((ROOT / "tests" / "events" / f"{name}.json").read_bytes())

    return read


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can be built, and nothing that this machine knows of an AWS account is used."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
