"""What the tests of permissions share: the policies of an output, and the helpers beside them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER))  # for policies.py and what stands beside it

from policies import Policies, resolve  # noqa: E402


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


# The same Terraform as for the tests of what it validates.
terraform = _load("terraform_fixture", FOLDER.parent / "terraform" / "conftest.py").terraform

_RESOLVED: dict[int, Policies] = {}


@pytest.fixture
def policies(emitted: Any) -> Policies:
    """The policies of each settings file's output, resolved once."""
    if id(emitted) not in _RESOLVED:
        _RESOLVED[id(emitted)] = resolve(emitted)
    return _RESOLVED[id(emitted)]
